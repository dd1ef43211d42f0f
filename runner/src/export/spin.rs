//! `spin.toml`, the manifest of a Spin application whose components run by the executor `wagi`.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;

use super::files::{Deployed, DeployedRoute};
use super::format::Form;
use super::{ExportError, Need, Written};

/// The form of Spin.
#[derive(Debug)]
pub struct Spin;

#[derive(Serialize)]
struct Manifest<'a> {
    spin_manifest_version: u8,
    application: Application,
    trigger: Triggers<'a>,
    component: IndexMap<String, Component<'a>>,
}

#[derive(Serialize)]
struct Application {
    name: &'static str,
}

#[derive(Serialize)]
struct Triggers<'a> {
    http: Vec<Trigger<'a>>,
}

#[derive(Serialize)]
struct Trigger<'a> {
    route: &'a str,
    component: String,
    executor: Executor<'a>,
}

#[derive(Serialize)]
struct Executor<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<&'a str>,
}

#[derive(Serialize)]
struct Component<'a> {
    source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<Mount<'a>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    environment: &'a IndexMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Mount<'a> {
    source: String,
    destination: &'a str,
}

impl<'a> Component<'a> {
    fn of(deployed: &'a Deployed<'a>, route: &DeployedRoute<'a>) -> Self {
        let volumes = route.volumes.iter();
        Self {
            source: deployed.relative(&route.module),
            files: volumes
                .map(|(name, folder)| Mount {
                    source: deployed.relative(folder),
                    destination: name,
                })
                .collect(),
            environment: &deployed.environment,
        }
    }
}

impl Form for Spin {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::Entrypoint => Some("the executor has no setting for it"),
            Need::TextModule => Some("a component's source is a compiled module"),
            Need::EnvironmentFile => {
                Some("variables stand in the manifest, and it names no file of them")
            }
            Need::ModuleRoutes => Some("all routes stand in the manifest"),
            _ => None,
        }
    }

    fn configures(&self, need: Need) -> bool {
        need != Need::Tls
    }

    fn file_name(&self) -> &'static str {
        "spin.toml"
    }

    fn text(&self, deployed: &Deployed<'_>, _: SocketAddr) -> Result<String, ExportError> {
        // The router chooses the longest match, whatever the order. A component's name is in
        // kebab case, and each route has its own component, for its folders are the component's.
        let name = |index| format!("route{index}");
        let routes = || deployed.routes.iter().enumerate();
        let manifest = Manifest {
            spin_manifest_version: 2,
            application: Application {
                name: "wagi-conformance",
            },
            trigger: Triggers {
                http: routes()
                    .map(|(index, route)| Trigger {
                        route: &route.route.route,
                        component: name(index),
                        executor: Executor {
                            r#type: "wagi",
                            argv: route.route.argv.as_deref(),
                        },
                    })
                    .collect(),
            },
            component: routes()
                .map(|(index, route)| (name(index), Component::of(deployed, route)))
                .collect(),
        };
        toml::to_string(&manifest).map_err(|error| ExportError(error.to_string()))
    }

    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String> {
        let mut words = ["spin", "up", "--direct-mounts", "--from"]
            .map(str::to_owned)
            .to_vec();
        words.push(written.config.display().to_string());
        words.extend(["--listen".to_owned(), listen.to_string()]);
        if let Some((certificate, key)) = &written.tls {
            words.extend(["--tls-cert".to_owned(), certificate.display().to_string()]);
            words.extend(["--tls-key".to_owned(), key.display().to_string()]);
        }
        words
    }

    fn premise(&self) -> &'static str {
        "`spin` is Spin's command line."
    }
}
