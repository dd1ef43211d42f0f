//! Mutants for the chapter `loading`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use wagi_reference_server::config::{ModuleConfig, ModuleSource, ServerConfig};
use wagi_reference_server::errors::Outcome;
use wasmtime::{Engine, Linker, Module};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};

use crate::{Fault, Mutant};

/// A mutant that starts with another configuration than it was given.
fn start(
    name: &'static str,
    rule: &'static str,
    imitates: &'static str,
    change: fn(ServerConfig) -> ServerConfig,
) -> Mutant {
    Mutant {
        name,
        rule,
        imitates,
        fault: Fault::Start(Arc::new(change)),
    }
}

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    vec![
        start(
            "loading/binary-modules-not-run",
            "loading.binary",
            "Only the text format is known; binary modules are left out with a warning.",
            |mut config| {
                config.deployment.modules.retain(is_text);
                config
            },
        ),
        start(
            "loading/modules-kept-in-a-map",
            "loading.binary",
            "Modules are kept in a map by their files, so that a module has one route only.",
            |mut config| {
                let mut seen = HashSet::new();
                let modules = &mut config.deployment.modules;
                modules.retain(|module| seen.insert(module.module.clone()));
                config
            },
        ),
        start(
            "loading/text-modules-not-run",
            "loading.text-module",
            "Only the binary format is known; text modules are left out with a warning.",
            |mut config| {
                config.deployment.modules.retain(|module| !is_text(module));
                config
            },
        ),
        step!(
            "loading/first-export-called",
            "loading.entrypoint.default",
            "The first exported function of a module is called.",
            {
                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let is_there = exported.iter().any(|name| name == wanted);
                    let other = exported
                        .iter()
                        .find(|name| !["_start", "_routes"].contains(&name.as_str()));
                    let called = match other {
                        Some(other) if wanted == "_start" => other.as_str(),
                        _ => wanted,
                    };
                    is_there.then(|| called.to_owned())
                }
            }
        ),
        host!(
            "loading/entrypoint-called-twice",
            "loading.entrypoint.default",
            "The module is run once to make its instance and once more to answer.",
            |engine, job| {
                let again = job.clone();
                let first = engine.run(job).await;
                if first.outcome != Outcome::Returned || again.entrypoint != "_start" {
                    return first;
                }
                let mut second = engine.run(again).await;
                second.stdout = [first.stdout, second.stdout].concat().into();
                second
            }
        ),
        step!(
            "loading/any-entrypoint-will-do",
            "loading.entrypoint.missing",
            "A module without _start is run by whatever function it exports.",
            {
                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = exported.iter().find(|name| *name == wanted);
                    let other = exported.first().filter(|_| wanted == "_start");
                    found.or(other).cloned()
                }
            }
        ),
        start(
            "loading/invalid-modules-left-out",
            "loading.invalid-module",
            "A file that is no module is reported and left out, and the others are served.",
            |mut config| {
                let engine = Engine::default();
                let modules = &mut config.deployment.modules;
                modules.retain(|module| match code(module) {
                    Some(code) => Module::validate(&engine, &code).is_ok(),
                    None => true,
                });
                config
            },
        ),
        start(
            "loading/ill-typed-modules-left-out",
            "loading.invalid-module",
            "Only the first octets of a file are checked before the server starts.",
            |mut config| {
                let engine = Engine::default();
                let modules = &mut config.deployment.modules;
                modules.retain(|module| match code(module) {
                    Some(code) if code.starts_with(b"\0asm") => {
                        Module::validate(&engine, &code).is_ok()
                    }
                    _ => true,
                });
                config
            },
        ),
        start(
            "loading/unlinkable-modules-left-out",
            "loading.unknown-import",
            "Imports are looked up when a request comes, long after the server has started.",
            |mut config| {
                let engine = Engine::default();
                let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
                if add_to_linker_async(&mut linker, |wasi| wasi).is_err() {
                    return config;
                }
                let modules = &mut config.deployment.modules;
                // Compiling takes long; what cannot be linked is in small deployments.
                if modules.len() <= 4 {
                    modules.retain(|module| {
                        let compiled = code(module).map(|code| Module::new(&engine, code));
                        match compiled {
                            Some(Ok(module)) => linker.instantiate_pre(&module).is_ok(),
                            _ => true,
                        }
                    });
                }
                config
            },
        ),
    ]
}

fn is_text(module: &ModuleConfig) -> bool {
    let ending = |path: &Path| path.extension().is_some_and(|ending| ending == "wat");
    matches!(&module.module, ModuleSource::File(path) if ending(path))
}

/// The code of a binary module.
fn code(module: &ModuleConfig) -> Option<Vec<u8>> {
    match &module.module {
        ModuleSource::Memory { code, .. } => Some(code.to_vec()),
        ModuleSource::File(_) if is_text(module) => None,
        ModuleSource::File(path) => std::fs::read(path).ok(),
    }
}
