//! `spin.toml`, the manifest of a Spin application whose components run by the executor `wagi`.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
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
    fn of(layout: &'a Layout<'a>, route: &PlacedRoute<'a>) -> Self {
        let volumes = route.volumes.iter();
        Self {
            source: layout.relative(&route.module),
            files: volumes
                .map(|(name, folder)| Mount {
                    source: folder.display().to_string(),
                    destination: name,
                })
                .collect(),
            environment: &layout.environment,
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

    fn text(&self, layout: &Layout<'_>, _: SocketAddr) -> Result<String, ExportError> {
        // The router chooses the longest match, whatever the order. A component's name is in kebab
        // case, and each route has its own component, since volumes are the component's. Volumes are
        // absolute: mounted directly, a relative path begins where Spin was started.
        let name = |index| format!("route{index}");
        let routes = || layout.routes.iter().enumerate();
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
                .map(|(index, route)| (name(index), Component::of(layout, route)))
                .collect(),
        };
        toml::to_string(&manifest).map_err(|error| ExportError(error.to_string()))
    }

    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String> {
        let mut words = ["spin", "up", "--direct-mounts", "-f"]
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

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::Spin);
        let expected = r#"spin_manifest_version = 2

[application]
name = "wagi-conformance"

[[trigger.http]]
route = "/exact"
component = "route0"

[trigger.http.executor]
type = "wagi"

[[trigger.http]]
route = "/argv"
component = "route1"

[trigger.http.executor]
type = "wagi"
argv = 'ruby ${SCRIPT_NAME} "${ARGS}"'

[[trigger.http]]
route = "/files/..."
component = "route2"

[trigger.http.executor]
type = "wagi"

[[trigger.http]]
route = "/..."
component = "route3"

[trigger.http.executor]
type = "wagi"

[component.route0]
source = "modules/say-query.wasm"

[component.route0.environment]
PLAIN = "value"
QUOTED = 'a "b" \ ${HOME} $x'

[component.route1]
source = "modules/observe.wasm"

[component.route1.environment]
PLAIN = "value"
QUOTED = 'a "b" \ ${HOME} $x'

[component.route2]
source = "modules/files.wasm"

[[component.route2.files]]
source = "/srv/sample/volumes/4-0/volume"
destination = "/first"

[[component.route2.files]]
source = "/srv/sample/volumes/4-1/volume"
destination = "/second place"

[component.route2.environment]
PLAIN = "value"
QUOTED = 'a "b" \ ${HOME} $x'

[component.route3]
source = "modules/observe.wasm"

[component.route3.environment]
PLAIN = "value"
QUOTED = 'a "b" \ ${HOME} $x'
"#;
        assert_eq!(text, expected);
    }
}
