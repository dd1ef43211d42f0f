//! A CGI program (RFC 3875) that runs a WebAssembly guest with wasmi and its WASI.
//!
//! It is the interpreter of small files, one for each route, which Apache runs as CGI programs:
//!
//! ```toml
//! #!/usr/bin/env run-guest
//! module = "/srv/guests/hello.wasm"
//! entrypoint = "other"
//!
//! [volumes]
//! "/data" = "/srv/data"
//! ```
//!
//! Only `module` is required. The guest gets the environment, the arguments, standard input and
//! standard output that Apache gave to this program. If it fails, this program writes the reason to
//! standard error, which is Apache's log, and ends with the code 1; whatever the guest has written
//! by then is what Apache has got.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Deserialize;
use wasmi::{Engine, Linker, Module, Store};
use wasmi_wasi::{Dir, WasiCtx, WasiCtxBuilder, ambient_authority};

/// What Apache passes on of its own environment: it tells about the host, not about the request.
const OF_THE_HOST: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// The file of a route.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    module: PathBuf,
    #[serde(default = "default_entrypoint")]
    entrypoint: String,
    /// Folders of the host by the name under which the guest sees them.
    #[serde(default)]
    volumes: BTreeMap<String, PathBuf>,
}

fn default_entrypoint() -> String {
    "_start".to_owned()
}

fn main() {
    let code = answer().unwrap_or_else(|error| {
        eprintln!("run-guest: {error:#}");
        1
    });
    std::process::exit(code)
}

/// Runs the guest of the route's file that this program was started with. Returns the guest's exit
/// code.
fn answer() -> anyhow::Result<i32> {
    let mut arguments = std::env::args_os().skip(1);
    let file = arguments
        .next()
        .context("usage: run-guest FILE [ARGUMENT...]")?;
    let route = read_route(Path::new(&file))?;
    let context = context(&route, arguments, std::env::vars_os())?;
    run(&route, context).with_context(|| format!("the guest {} failed", route.module.display()))
}

fn read_route(file: &Path) -> anyhow::Result<Route> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read {}", file.display()))?;
    toml::from_str(&text).with_context(|| format!("failed to understand {}", file.display()))
}

/// What the guest is given.
///
/// The WASI of wasmi takes text in UTF-8 only. If an argument is none, there are none at all
/// (RFC 3875 section 4.4); a request field that is none is left out (section 4.1.18); any other
/// variable that is none is an error.
fn context(
    route: &Route,
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> anyhow::Result<WasiCtx> {
    let mut context = WasiCtxBuilder::new();
    context.inherit_stdio();

    let name = route.module.file_name().unwrap_or_default();
    context.arg(&name.to_string_lossy())?;
    let arguments: anyhow::Result<Vec<String>> = arguments.map(utf8).collect();
    context.args(&arguments.unwrap_or_default())?;
    for (name, value) in environment {
        let name = utf8(name)?;
        if OF_THE_HOST.contains(&name.as_str()) {
            continue;
        }
        match utf8(value) {
            Ok(value) => context.env(&name, &value)?,
            Err(_) if name.starts_with("HTTP_") => continue,
            Err(error) => return Err(error.context(format!("failed to pass on {name}"))),
        };
    }
    for (name, folder) in &route.volumes {
        let opened = Dir::open_ambient_dir(folder, ambient_authority())
            .with_context(|| format!("failed to open the folder {}", folder.display()))?;
        context.preopened_dir(opened, name)?;
    }
    Ok(context.build())
}

fn utf8(text: OsString) -> anyhow::Result<String> {
    text.into_string()
        .map_err(|text| anyhow!("{} is not in UTF-8", text.display()))
}

/// Runs the guest to its end. Returns its exit code, or why it ended otherwise.
fn run(route: &Route, context: WasiCtx) -> anyhow::Result<i32> {
    let octets = std::fs::read(&route.module)?;
    let engine = Engine::default();
    let module = Module::new(&engine, &octets)?;
    let mut linker = Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context| context)?;
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let entrypoint = instance.get_typed_func::<(), ()>(&store, &route.entrypoint)?;
    match entrypoint.call(&mut store, ()) {
        Ok(()) => Ok(0),
        Err(error) => error.i32_exit_status().ok_or(error.into()),
    }
}
