//! The command line of the WAGI conformance suite; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    wagi_conformance::cli::main()
}
