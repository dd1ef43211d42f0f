//! Mutants for the chapter `entrypoints`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use wagi_reference_server::Conforming;
use wagi_reference_server::errors::{Outcome, Run};

use crate::Mutant;
use crate::host::not_started;

/// What a server remembers of the entrypoints that it has met.
#[derive(Default)]
struct Met {
    /// The one that was configured last.
    last: Option<String>,
    /// The first one other than `_start`, for each module, by what that exports.
    first: HashMap<Vec<String>, String>,
}

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    vec![
        step!(
            "entrypoints/ignored",
            "entrypoints.configured",
            "The key is unknown and ignored: `_start` is called.",
            Mutex<Option<String>>,
            {
                fn entrypoint(&self, configured: Option<&str>) -> String {
                    let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = configured.map(str::to_owned);
                    Conforming.entrypoint(configured)
                }

                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = Conforming.find_entrypoint(wanted, exported)?;
                    let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let start = exported.iter().find(|name| *name == "_start");
                    last.and(start.cloned()).or(Some(found))
                }
            }
        ),
        step!(
            "entrypoints/of-another-route",
            "entrypoints.configured",
            "The entrypoint is kept with the compiled module, which several routes share.",
            Mutex<Met>,
            {
                fn entrypoint(&self, configured: Option<&str>) -> String {
                    let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    met.last = Some(Conforming.entrypoint(configured));
                    Conforming.entrypoint(configured)
                }

                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = Conforming.find_entrypoint(wanted, exported)?;
                    let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    match met.last.take() {
                        Some(last) if last != "_start" => {
                            let first = met.first.entry(exported.to_vec()).or_insert(last);
                            Some(first.clone())
                        }
                        Some(_) => Some(met.first.get(exported).cloned().unwrap_or(found)),
                        None => Some(found),
                    }
                }
            }
        ),
        host!(
            "entrypoints/start-called-first",
            "entrypoints.configured",
            "`_start` is called to set the guest up, and then the configured function.",
            |engine, job| {
                match job.entrypoint.as_str() {
                    "other" | "third-entry" if job.program.exports("_start") => {
                        job.entrypoint = "_start".to_owned();
                        engine.run(job).await
                    }
                    _ => engine.run(job).await,
                }
            }
        ),
        host!(
            "entrypoints/hyphens-in-names",
            "entrypoints.configured",
            "The name must be one that a programming language allows.",
            |engine, job| {
                match job.entrypoint.contains('-') {
                    true => not_started("the entrypoint has no valid name"),
                    false => engine.run(job).await,
                }
            }
        ),
        host!(
            "entrypoints/prefix-only",
            "entrypoints.configured",
            "The configured function serves the route's own path and `_start` what is below it.",
            |engine, job| {
                let below = !crate::host::variable(&job, "PATH_INFO").is_empty();
                if below && job.entrypoint == "other" {
                    job.entrypoint = "_start".to_owned();
                }
                engine.run(job).await
            }
        ),
        host!(
            "entrypoints/get-only",
            "entrypoints.configured",
            "The configured function serves GET, and other methods are left to `_start`.",
            |engine, job| {
                let get = crate::host::variable(&job, "REQUEST_METHOD") == "GET";
                if !get && job.entrypoint == "other" {
                    job.entrypoint = "_start".to_owned();
                }
                engine.run(job).await
            }
        ),
        host!(
            "entrypoints/start-configured-not-run",
            "entrypoints.configured",
            "A configured `_start` is called twice, by the runtime and by the server.",
            |engine, job| {
                let route = crate::host::variable(&job, "X_MATCHED_ROUTE") == "/entry/start";
                let run = engine.run(job).await;
                match route {
                    true => Run {
                        stdout: Bytes::from([&run.stdout[..], &run.stdout[..]].concat()),
                        ..run
                    },
                    false => run,
                }
            }
        ),
        host!(
            "entrypoints/start-required",
            "entrypoints.without-start",
            "A module must be a WASI command, so one without `_start` is not run.",
            |engine, job| {
                match job.program.exports("_start") {
                    true => engine.run(job).await,
                    false => Run {
                        outcome: Outcome::Trapped("no function `_start`".to_owned()),
                        ..not_started("")
                    },
                }
            }
        ),
        step!(
            "entrypoints/missing-is-start",
            "entrypoints.missing",
            "Where the configured function is not found, `_start` is called.",
            Mutex<Option<String>>,
            {
                fn entrypoint(&self, configured: Option<&str>) -> String {
                    let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = configured.map(str::to_owned);
                    Conforming.entrypoint(configured)
                }

                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let start = exported.iter().find(|name| *name == "_start");
                    Conforming
                        .find_entrypoint(wanted, exported)
                        .or_else(|| last.and(start.cloned()))
                }
            }
        ),
        step!(
            "entrypoints/case-ignored",
            "entrypoints.missing",
            "The names of functions are compared without regard to case.",
            {
                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = exported
                        .iter()
                        .find(|name| name.eq_ignore_ascii_case(wanted));
                    Conforming
                        .find_entrypoint(wanted, exported)
                        .or(found.cloned())
                }
            }
        ),
        step!(
            "entrypoints/part-of-a-name",
            "entrypoints.missing",
            "The function is searched for by the beginning of its name.",
            {
                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = exported.iter().find(|name| name.starts_with(wanted));
                    Conforming
                        .find_entrypoint(wanted, exported)
                        .or(found.cloned())
                }
            }
        ),
    ]
}
