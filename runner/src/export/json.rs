//! The neutral form: JSON that a script turns into the configuration of any other server.
//! `targets/node-wagi` reads it as it is.

use std::net::SocketAddr;

use indexmap::IndexMap;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

use super::files::{Deployed, DeployedRoute};
use super::format::Form;
use super::{ExportError, Need, Written, pretty_json};

/// Where the schema stands, as a path from the suite's root.
pub const SCHEMA_PATH: &str = "spec/deployment.schema.json";

/// The neutral form.
#[derive(Debug)]
pub struct Json;

/// A deployment: what a server is configured with, beside the address and the certificate.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Variables for every guest.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// The routes. Where several match, the first serves: more specific ones come first.
    pub routes: Vec<ConfiguredRoute>,
}

/// One route: which module serves which paths, and how it is started.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredRoute {
    /// The path, exact or ending in `/...`.
    pub route: String,
    /// The file of the compiled module: a path from this file's folder, or an absolute one.
    pub module: String,
    /// The export that is run instead of `_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// The template for the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<String>,
    /// Folders of the host by the name under which the guest sees them: paths as for `module`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub volumes: IndexMap<String, String>,
}

impl ConfiguredRoute {
    fn of(deployed: &Deployed<'_>, route: &DeployedRoute<'_>) -> Self {
        let volumes = route.volumes.iter();
        Self {
            route: route.route.route.clone(),
            module: deployed.relative(&route.module),
            entrypoint: route.route.entrypoint.clone(),
            argv: route.route.argv.clone(),
            volumes: volumes
                .map(|(name, folder)| ((*name).to_owned(), deployed.relative(folder)))
                .collect(),
        }
    }
}

/// The schema of a deployment in the neutral form, as the text of [`SCHEMA_PATH`].
pub fn schema() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Configuration>();
    schema.insert("title".to_owned(), "WAGI deployment".into());
    pretty_json(&schema).unwrap_or_default()
}

impl Form for Json {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::TextModule => Some("its modules are compiled, so that every engine reads them"),
            Need::EnvironmentFile => Some("it holds the variables themselves"),
            _ => None,
        }
    }

    fn configures(&self, need: Need) -> bool {
        need != Need::Tls
    }

    fn file_name(&self) -> &'static str {
        "wagi.json"
    }

    fn text(&self, deployed: &Deployed<'_>, _: SocketAddr) -> Result<String, ExportError> {
        let variables = deployed.environment.iter();
        let routes = deployed.routes.iter();
        pretty_json(&Configuration {
            environment: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            routes: routes
                .map(|route| ConfiguredRoute::of(deployed, route))
                .collect(),
        })
    }

    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String> {
        let mut words = vec!["node".to_owned(), "targets/node-wagi/server.js".to_owned()];
        words.extend(["--config".to_owned(), written.config.display().to_string()]);
        words.extend(["--listen".to_owned(), listen.to_string()]);
        if let Some((certificate, key)) = &written.tls {
            words.extend(["--tls-cert".to_owned(), certificate.display().to_string()]);
            words.extend(["--tls-key".to_owned(), key.display().to_string()]);
        }
        words
    }

    fn premise(&self) -> &'static str {
        "Translate `wagi.json` to the configuration of your server, and start it in place of \
         `targets/node-wagi`, which reads the file as it is. `spec/deployment.schema.json` is its schema."
    }
}
