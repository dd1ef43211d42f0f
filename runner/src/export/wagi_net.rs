//! `appsettings.json`, which an ASP.NET Core application with WAGI.NET reads.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
use super::{ExportError, Need, Written, pretty_json};

/// The form of WAGI.NET.
#[derive(Debug)]
pub struct WagiNet;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AppSettings<'a> {
    wagi: Modules<'a>,
    kestrel: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Modules<'a> {
    module_path: String,
    modules: IndexMap<String, Module<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Module<'a> {
    route: &'a str,
    file_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<&'a str>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    volumes: IndexMap<&'a str, String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    environment: &'a IndexMap<&'a str, &'a str>,
}

impl<'a> Module<'a> {
    fn of(layout: &'a Layout<'a>, route: &'a PlacedRoute<'a>) -> Self {
        let file = route.module.file_name().unwrap_or_default();
        let volumes = route.volumes.iter();
        Self {
            route: &route.route.route,
            file_name: file.display().to_string(),
            entrypoint: route.route.entrypoint.as_deref(),
            argv: route.route.argv.as_deref(),
            volumes: volumes
                .map(|(name, folder)| (*name, folder.display().to_string()))
                .collect(),
            environment: &layout.environment,
        }
    }
}

impl Form for WagiNet {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::EnvironmentFile => {
                Some("variables stand in the configuration, and it names no file of them")
            }
            _ => None,
        }
    }

    fn configures(&self, _: Need) -> bool {
        true
    }

    fn file_name(&self) -> &'static str {
        "appsettings.json"
    }

    fn text(&self, layout: &Layout<'_>, listen: SocketAddr) -> Result<String, ExportError> {
        // The router chooses the most specific route, whatever the order. The names are free, but a
        // colon would part them.
        let modules = layout.routes.iter().enumerate();
        let settings = AppSettings {
            wagi: Modules {
                module_path: layout.folder.join("modules").display().to_string(),
                modules: modules
                    .map(|(index, route)| (format!("route{index}"), Module::of(layout, route)))
                    .collect(),
            },
            kestrel: json!({ "Endpoints": { "Suite": endpoint(layout, listen) } }),
        };
        pretty_json(&settings)
    }

    fn command(&self, written: &Written, _: SocketAddr) -> Vec<String> {
        let folder = written.config.parent().unwrap_or(&written.config);
        let folder = folder.display().to_string();
        [
            "dotnet",
            "YOUR-SERVER.dll",
            "--environment",
            "Production",
            "--contentRoot",
            &folder,
        ]
        .map(str::to_owned)
        .into()
    }

    fn premise(&self) -> &'static str {
        "`YOUR-SERVER.dll` is an ASP.NET Core application that calls `AddWagi` and `MapWagiModules` and \
         passes its command line to the host builder, as the template `wagi` of WAGI.NET makes it. The \
         address to listen at stands in the configuration."
    }
}

fn endpoint(layout: &Layout<'_>, listen: SocketAddr) -> Value {
    match &layout.tls {
        None => json!({ "Url": format!("http://{listen}") }),
        Some((certificate, key)) => json!({
            "Url": format!("https://{listen}"),
            "Certificate": {
                "Path": certificate.display().to_string(),
                "KeyPath": key.display().to_string(),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::WagiNet);
        let expected = r#"{
  "Wagi": {
    "ModulePath": "/srv/sample/modules",
    "Modules": {
      "route0": {
        "Route": "/exact",
        "FileName": "say-query.wasm",
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      },
      "route1": {
        "Route": "/text",
        "FileName": "hello.wat",
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      },
      "route2": {
        "Route": "/entry",
        "FileName": "entrypoints.wasm",
        "Entrypoint": "other",
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      },
      "route3": {
        "Route": "/argv",
        "FileName": "observe.wasm",
        "Argv": "ruby ${SCRIPT_NAME} \"${ARGS}\"",
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      },
      "route4": {
        "Route": "/files/...",
        "FileName": "files.wasm",
        "Volumes": {
          "/first": "/srv/sample/volumes/4-0/volume",
          "/second place": "/srv/sample/volumes/4-1/volume"
        },
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      },
      "route5": {
        "Route": "/...",
        "FileName": "observe.wasm",
        "Environment": {
          "PLAIN": "value",
          "QUOTED": "a \"b\" \\ ${HOME} $x"
        }
      }
    }
  },
  "Kestrel": {
    "Endpoints": {
      "Suite": {
        "Url": "https://127.0.0.1:3000",
        "Certificate": {
          "Path": "/srv/sample/cert.pem",
          "KeyPath": "/srv/sample/key.pem"
        }
      }
    }
  }
}
"#;
        assert_eq!(text, expected);
    }
}
