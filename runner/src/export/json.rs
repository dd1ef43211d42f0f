//! The neutral form: JSON that a script turns into the configuration of any other server.
//! `targets/node-wagi` reads it as it is.

use std::net::SocketAddr;

use indexmap::IndexMap;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
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
    #[schemars(with = "String")]
    pub entrypoint: Option<String>,
    /// The template for the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub argv: Option<String>,
    /// Folders of the host by the name under which the guest sees them: paths as for `module`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub volumes: IndexMap<String, String>,
}

impl ConfiguredRoute {
    fn of(layout: &Layout<'_>, route: &PlacedRoute<'_>) -> Self {
        let volumes = route.volumes.iter();
        Self {
            route: route.route.route.clone(),
            module: layout.relative(&route.module),
            entrypoint: route.route.entrypoint.clone(),
            argv: route.route.argv.clone(),
            volumes: volumes
                .map(|(name, folder)| ((*name).to_owned(), layout.relative(folder)))
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

    fn text(&self, layout: &Layout<'_>, _: SocketAddr) -> Result<String, ExportError> {
        let variables = layout.environment.iter();
        let routes = layout.routes.iter();
        pretty_json(&Configuration {
            environment: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            routes: routes
                .map(|route| ConfiguredRoute::of(layout, route))
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

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::Json);
        let expected = r#"{
  "environment": {
    "PLAIN": "value",
    "QUOTED": "a \"b\" \\ ${HOME} $x"
  },
  "routes": [
    {
      "route": "/exact",
      "module": "modules/say-query.wasm"
    },
    {
      "route": "/entry",
      "module": "modules/entrypoints.wasm",
      "entrypoint": "other"
    },
    {
      "route": "/argv",
      "module": "modules/observe.wasm",
      "argv": "ruby ${SCRIPT_NAME} \"${ARGS}\""
    },
    {
      "route": "/files/...",
      "module": "modules/files.wasm",
      "volumes": {
        "/first": "volumes/4-0/volume",
        "/second place": "volumes/4-1/volume"
      }
    },
    {
      "route": "/...",
      "module": "modules/observe.wasm"
    }
  ]
}
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = sample::text(Format::Json);
        let read: super::Configuration = serde_json::from_str(&text).expect("a configuration");
        assert_eq!(super::pretty_json(&read).expect("JSON"), text);
    }
}
