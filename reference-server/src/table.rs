//! The table of routes, with the modules compiled and checked (chapters `loading`,
//! `entrypoints`, `module-routes`).

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use crate::config::{Deployment, Limits, ModuleConfig, ModuleSource, Place, Volume};
use crate::engine::{Engine, Job, Program};
use crate::pipeline::Invocation;
use crate::routing::Route;
use crate::semantics::Semantics;

/// The function by which a module declares sub-routes.
const ROUTES: &str = "_routes";

/// A route and all that is needed to serve it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) route: Route,
    pub(crate) program: Program,
    pub(crate) entrypoint: String,
    pub(crate) argv: Option<String>,
    pub(crate) volumes: Vec<Volume>,
    /// The place of the configured module that this belongs to.
    pub(crate) module: usize,
}

/// A module that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Where the module is configured, if in a file.
    pub place: Option<Place>,
    /// The route for which it is configured.
    pub route: String,
    /// The module.
    pub module: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl LoadError {
    fn new(config: &ModuleConfig, problem: String) -> Self {
        Self {
            place: config.place.clone(),
            route: config.route.text().to_owned(),
            module: config.module.to_string(),
            problem,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let Self {
            route,
            module,
            problem,
            ..
        } = self;
        write!(f, "route {route:?}, module {module}: {problem}")
    }
}

impl std::error::Error for LoadError {}

/// Compiles the modules of a deployment, asks them for sub-routes and checks their entrypoints.
/// Gives the routes in the order in which they are tried.
pub(crate) async fn load(
    engine: &Engine,
    deployment: &Deployment,
    steps: &dyn Semantics,
    limits: &Limits,
) -> Result<Vec<Entry>, LoadError> {
    let programs = compile_all(engine, deployment).await;
    let mut entries = Vec::new();
    for (module, config) in deployment.modules.iter().enumerate() {
        let error = |problem| LoadError::new(config, problem);
        let program = match programs.get(&config.module) {
            Some(Ok(program)) => program,
            Some(Err(problem)) => return Err(error(problem.clone())),
            None => return Err(error("the module was not compiled".to_owned())),
        };
        let wanted = steps.entrypoint(config.entrypoint.as_deref());
        let parent = Entry {
            route: config.route.clone(),
            program: program.clone(),
            entrypoint: find_entrypoint(steps, program, &wanted).map_err(error)?,
            argv: config.argv.clone(),
            volumes: steps.volumes(&config.volumes),
            module,
        };
        if program.exports(ROUTES) {
            let output = run_routes(engine, steps, program, limits)
                .await
                .map_err(error)?;
            entries.extend(sub_entries(steps, &parent, &output).map_err(error)?);
        }
        // After its sub-routes: rule `module-routes.beats-parent`.
        entries.push(parent);
    }
    Ok(entries)
}

/// The function to call where `wanted` is asked for. The error says what there is instead.
fn find_entrypoint(
    steps: &dyn Semantics,
    program: &Program,
    wanted: &str,
) -> Result<String, String> {
    let exported = program.entrypoints();
    steps.find_entrypoint(wanted, &exported).ok_or_else(|| {
        let found = match exported.as_slice() {
            [] => "it exports no function that could be one".to_owned(),
            [..] => format!("it exports {}", quoted(&exported)),
        };
        format!(
            "the entrypoint {wanted:?} is not an exported function without parameters and \
             results; {found}"
        )
    })
}

/// A list of names for a message.
fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

/// The entries for the table that `_routes` printed. Rules `module-routes.missing-target`,
/// `module-routes.script-name`, `module-routes.x-matched-route`.
fn sub_entries(steps: &dyn Semantics, parent: &Entry, output: &[u8]) -> Result<Vec<Entry>, String> {
    let printed = steps
        .parse_sub_routes(output)
        .map_err(|problem| format!("{ROUTES} {problem}"))?;
    let order = steps.order_sub_routes((0..printed.len()).collect());
    order
        .into_iter()
        .filter_map(|place| printed.get(place))
        .map(|sub| {
            let text = steps.join_sub_route(&parent.route, &sub.path);
            let route = text
                .parse()
                .map_err(|cause| format!("{ROUTES} printed the path {:?}: {cause}", sub.path))?;
            let entrypoint =
                find_entrypoint(steps, &parent.program, &sub.entrypoint).map_err(|problem| {
                    format!("{ROUTES} printed the path {:?}: {problem}", sub.path)
                })?;
            Ok(Entry {
                route,
                entrypoint,
                ..parent.clone()
            })
        })
        .collect()
}

/// What a module's `_routes` prints. It gets no environment, no arguments and no volumes. Rule
/// `module-routes.refused.trap`.
async fn run_routes(
    engine: &Engine,
    steps: &dyn Semantics,
    program: &Program,
    limits: &Limits,
) -> Result<bytes::Bytes, String> {
    let run = engine
        .run(Job {
            program: program.clone(),
            entrypoint: ROUTES.to_owned(),
            invocation: Invocation::default(),
            volumes: Vec::new(),
            time: limits.guest_time,
            output: 1 << 20,
        })
        .await;
    match steps.judge_routes(&run.outcome) {
        Ok(()) => Ok(run.stdout),
        Err(failure) => Err(format!("{ROUTES} failed: {}", failure.reason)),
    }
}

/// The result for each module.
type Programs = HashMap<ModuleSource, Result<Program, String>>;

/// Reads and compiles each distinct module once, on all processors.
async fn compile_all(engine: &Engine, deployment: &Deployment) -> Programs {
    let mut sources: Vec<ModuleSource> = Vec::new();
    for config in &deployment.modules {
        if !sources.contains(&config.module) {
            sources.push(config.module.clone());
        }
    }
    let engine = engine.clone();
    let compiling = tokio::task::spawn_blocking(move || {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let programs = Mutex::new(Programs::new());
        let queue = Mutex::new(sources);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let source = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(source) = source else { break };
                        let program = compile(&engine, &source);
                        let mut programs = programs.lock().unwrap_or_else(PoisonError::into_inner);
                        programs.insert(source, program);
                    }
                });
            }
        });
        programs
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    });
    compiling.await.unwrap_or_default()
}

/// Reads and compiles one module.
fn compile(engine: &Engine, source: &ModuleSource) -> Result<Program, String> {
    match source {
        ModuleSource::Memory { code, .. } => engine.compile(code),
        ModuleSource::File(path) => engine.compile(&read(path)?),
    }
}

/// Reads a module from a file, from the text format if its name says so. Rules
/// `loading.binary`, `loading.text-module`.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let code = std::fs::read(path).map_err(|cause| format!("cannot be read: {cause}"))?;
    if path.extension().is_some_and(|extension| extension == "wat") {
        return match wat::parse_bytes(&code) {
            Ok(binary) => Ok(binary.into_owned()),
            Err(cause) => Err(format!("not a valid WebAssembly text: {cause}")),
        };
    }
    if code.starts_with(b"\0asm") {
        return Ok(code);
    }
    Err(
        "not a valid WebAssembly module: one begins with the bytes 00 61 73 6d; if it is in the text \
         format, its name must end in .wat"
            .to_owned(),
    )
}
