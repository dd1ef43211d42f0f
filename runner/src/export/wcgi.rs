//! `wasmer.toml`, the manifest of a Wasmer package whose command runs by the WCGI runner.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
use super::{ExportError, Need, Written};

/// The form of WCGI.
#[derive(Debug)]
pub struct Wcgi;

#[derive(Serialize)]
struct Manifest<'a> {
    package: Package,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    fs: IndexMap<&'a str, String>,
    module: Vec<Module>,
    command: Vec<Command>,
}

#[derive(Serialize)]
struct Package {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    entrypoint: &'static str,
}

#[derive(Serialize)]
struct Module {
    name: &'static str,
    source: String,
    abi: &'static str,
}

#[derive(Serialize)]
struct Command {
    name: &'static str,
    module: &'static str,
    runner: &'static str,
    annotations: Annotations,
}

#[derive(Serialize)]
struct Annotations {
    #[serde(skip_serializing_if = "Option::is_none")]
    wasi: Option<Wasi>,
    wcgi: Dialect,
}

#[derive(Serialize)]
struct Wasi {
    atom: &'static str,
    env: Vec<String>,
}

#[derive(Serialize)]
struct Dialect {
    dialect: &'static str,
}

/// The name of the package's module and of its command.
const NAME: &str = "guest";

fn module(layout: &Layout<'_>, route: &PlacedRoute<'_>) -> Module {
    Module {
        name: NAME,
        source: layout.relative(&route.module),
        abi: "wasi",
    }
}

fn command(layout: &Layout<'_>) -> Command {
    let variables = layout.environment.iter();
    let env: Vec<String> = variables
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Command {
        name: NAME,
        module: NAME,
        runner: "https://webc.org/runner/wcgi",
        annotations: Annotations {
            wasi: (!env.is_empty()).then_some(Wasi { atom: NAME, env }),
            wcgi: Dialect {
                dialect: "rfc-3875",
            },
        },
    }
}

impl Form for Wcgi {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::Routing => Some("one module serves every path"),
            Need::Entrypoint => Some("the runner has no setting for it"),
            Need::ArgumentTemplate => Some("arguments are the same for every request"),
            Need::TextModule => Some("a package holds compiled modules"),
            Need::EnvironmentFile => {
                Some("variables stand in the manifest, and it names no file of them")
            }
            Need::Tls => Some("the runner speaks HTTP only"),
            Need::ModuleRoutes => Some("one module serves every path"),
            Need::Volumes | Need::Environment => None,
        }
    }

    fn configures(&self, _: Need) -> bool {
        true
    }

    fn file_name(&self) -> &'static str {
        "wasmer.toml"
    }

    fn text(&self, layout: &Layout<'_>, _: SocketAddr) -> Result<String, ExportError> {
        let route = layout.routes.first();
        let manifest = Manifest {
            package: Package {
                name: "wagi-conformance/deployment",
                version: "0.1.0",
                description: "A deployment of the WAGI conformance suite",
                entrypoint: NAME,
            },
            fs: route
                .iter()
                .flat_map(|route| &route.volumes)
                .map(|(name, folder)| (*name, layout.relative(folder)))
                .collect(),
            module: route.iter().map(|route| module(layout, route)).collect(),
            command: route.iter().map(|_| command(layout)).collect(),
        };
        toml::to_string(&manifest).map_err(|error| ExportError(error.to_string()))
    }

    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String> {
        let folder = written.config.parent().unwrap_or(&written.config);
        let folder = folder.display().to_string();
        let address = listen.to_string();
        ["wasmer", "run", &folder, "--addr", &address]
            .map(str::to_owned)
            .into()
    }

    fn premise(&self) -> &'static str {
        "`wasmer` is Wasmer's command line."
    }
}

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::Wcgi);
        let expected = r#"[package]
name = "wagi-conformance/deployment"
version = "0.1.0"
description = "A deployment of the WAGI conformance suite"
entrypoint = "guest"

[[module]]
name = "guest"
source = "modules/observe.wasm"
abi = "wasi"

[[command]]
name = "guest"
module = "guest"
runner = "https://webc.org/runner/wcgi"

[command.annotations.wasi]
atom = "guest"
env = ["PLAIN=value", 'QUOTED=a "b" \ ${HOME} $x']

[command.annotations.wcgi]
dialect = "rfc-3875"
"#;
        assert_eq!(text, expected);
    }
}
