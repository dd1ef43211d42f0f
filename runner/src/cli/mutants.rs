//! `mutants`: the suite against servers that break one rule each.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::sync::Arc;

use wagi_conformance_mutants::Mutant;

use super::arguments::{ListFormat, MutantsArguments};
use super::{EXIT_CONFORMS, EXIT_FAILED, EXIT_TARGET, Failure, listed, print};
use crate::detection::{self, Extent, Held, Published};
use crate::mutation::{self, Options};
use crate::suite::Suite;

pub fn mutants(suite: Suite, arguments: &MutantsArguments) -> Result<u8, Failure> {
    let select = |filters: &[String]| mutation::select(&suite, filters).map_err(Failure::usage);
    let named = select(&arguments.filters)?;
    if arguments.list {
        let names = named.iter().map(|mutant| format!("{}\n", mutant.name));
        return print(&names.collect::<String>());
    }
    let is_whole = arguments.update || arguments.filters.is_empty();
    let again = match arguments.filters.is_empty() {
        true => HashSet::new(),
        false => named.iter().map(|mutant| mutant.name).collect(),
    };
    let mutants = if is_whole { select(&[])? } else { named };
    let held = if arguments.update {
        held(&suite, &mutants, &again)?
    } else {
        Held::default()
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::usage(format!("failed to start the runtime: {error}")))?;
    let suite = Arc::new(suite);
    let options = Options {
        extent: if arguments.fast {
            Extent::Fast
        } else {
            Extent::Full
        },
        jobs: arguments.jobs,
    };
    let (mut done, all) = (0, mutants.len());
    let tell = |mutant: &detection::Tried| {
        done += 1;
        // Nothing is left to tell if standard error is closed.
        let _ = writeln!(io::stderr(), "[{done}/{all}] {}", detection::line(mutant));
    };
    let result = runtime.block_on(mutation::run(suite.clone(), mutants, options, held, tell));
    // Servers that hang must not keep this process.
    runtime.shutdown_background();
    let mut detection = result.map_err(|message| Failure {
        code: EXIT_TARGET,
        message,
    })?;
    if !is_whole {
        // What a case kills can be told only of all mutants.
        detection.cases.clear();
    }
    print(&match arguments.format {
        ListFormat::Text => detection::text(&detection),
        ListFormat::Json => detection
            .json()
            .map_err(|error| Failure::usage(format!("failed to write JSON: {error}")))?,
    })?;
    let problems = if is_whole {
        detection::problems(&suite, &detection)
    } else {
        detection::mutant_problems(&detection.mutants)
    };
    if problems.is_empty() {
        return Ok(EXIT_CONFORMS);
    }
    // Nothing is left to tell if standard error is closed.
    let _ = writeln!(io::stderr(), "error: {}", listed(&problems));
    Ok(EXIT_FAILED)
}

/// What of the published results still holds. The mutants whose names `again` holds are tried again.
fn held(suite: &Suite, mutants: &[Mutant], again: &HashSet<&str>) -> Result<Held, Failure> {
    let published =
        Published::read(&suite.files).map_err(|problem| Failure::usage(problem.to_string()))?;
    let now = mutants.iter().map(|mutant| (mutant.name, mutant.rule));
    Ok(published.map_or_else(Held::default, |published| {
        Held::of(published.detection, suite, &now.collect(), again)
    }))
}
