//! `appsettings.json`, which an ASP.NET Core application with WAGI.NET reads.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::files::{Deployed, DeployedRoute};
use super::format::Form;
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
    fn of(deployed: &'a Deployed<'a>, route: &'a DeployedRoute<'a>) -> Self {
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
            environment: &deployed.environment,
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

    fn text(&self, deployed: &Deployed<'_>, listen: SocketAddr) -> Result<String, ExportError> {
        // The router chooses the most specific route, whatever the order. The names are free, but a
        // colon would part them.
        let modules = deployed.routes.iter().enumerate();
        let settings = AppSettings {
            wagi: Modules {
                module_path: deployed.folder.join("modules").display().to_string(),
                modules: modules
                    .map(|(index, route)| (format!("route{index}"), Module::of(deployed, route)))
                    .collect(),
            },
            kestrel: json!({ "Endpoints": { "Suite": endpoint(deployed, listen) } }),
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

fn endpoint(deployed: &Deployed<'_>, listen: SocketAddr) -> Value {
    match &deployed.tls {
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
