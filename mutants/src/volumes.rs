//! Mutants for the chapter `volumes`.

use crate::Mutant;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    Vec::new()
}
