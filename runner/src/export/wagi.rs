//! `modules.toml`, which wagi 0.8 reads, and the reference server too.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde::Serialize;

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
use super::{ExportError, Format, Need, Written};
use crate::suite::Suite;
use crate::suite::deployment::Deployment;

/// The form of wagi.
#[derive(Debug)]
pub struct Wagi;

#[derive(Serialize)]
struct ModulesToml<'a> {
    module: Vec<Module<'a>>,
}

#[derive(Serialize)]
struct Module<'a> {
    route: &'a str,
    module: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'a str, String>,
}

impl<'a> From<&'a PlacedRoute<'a>> for Module<'a> {
    fn from(placed: &'a PlacedRoute<'a>) -> Self {
        let volumes = placed.volumes.iter();
        Self {
            route: &placed.route.route,
            module: url::Url::from_file_path(&placed.module)
                .map_or_else(|()| placed.module.display().to_string(), String::from),
            entrypoint: placed.route.entrypoint.as_deref(),
            argv: placed.route.argv.as_deref(),
            volumes: volumes
                .map(|(name, folder)| (*name, folder.display().to_string()))
                .collect(),
        }
    }
}

impl Form for Wagi {
    fn lacks(&self, _: Need) -> Option<&'static str> {
        None
    }

    fn configures(&self, need: Need) -> bool {
        !matches!(need, Need::Environment | Need::EnvironmentFile | Need::Tls)
    }

    fn file_name(&self) -> &'static str {
        "modules.toml"
    }

    fn text(&self, layout: &Layout<'_>, _: SocketAddr) -> Result<String, ExportError> {
        // The first route that matches serves a request, and the most specific come first here.
        let module = layout.routes.iter().map(Module::from).collect();
        toml::to_string(&ModulesToml { module }).map_err(|error| ExportError(error.to_string()))
    }

    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String> {
        let address = listen.to_string();
        let mut words: Vec<String> = ["wagi", "--listen", &address, "--hostname", &address]
            .map(str::to_owned)
            .into();
        words.extend(written.arguments());
        words
    }

    fn premise(&self) -> &'static str {
        "`wagi` is the server under test; the reference server takes the same options."
    }
}

/// Writes one deployment to `folder`, which is made if need be. Paths in it are absolute.
///
/// # Errors
/// A file that cannot be written, or a guest that cannot be compiled.
pub fn write_deployment(
    suite: &Suite,
    deployment: &Deployment,
    folder: &Path,
) -> Result<Written, ExportError> {
    // `modules.toml` does not hold the address.
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Format::Wagi.write(suite, deployment, folder, nowhere)
}

impl Written {
    /// The arguments that start a server of wagi's command line with this deployment, `--listen`
    /// left out.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--config".to_owned(), self.config.display().to_string()];
        for (name, value) in &self.environment {
            arguments.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        if let Some(path) = &self.environment_file {
            arguments.extend(["--env-file".to_owned(), path.display().to_string()]);
        }
        if let Some((certificate, key)) = &self.tls {
            arguments.extend(["--tls-cert".to_owned(), certificate.display().to_string()]);
            arguments.extend(["--tls-key".to_owned(), key.display().to_string()]);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::Wagi);
        let expected = r#"[[module]]
route = "/exact"
module = "file:///srv/sample/modules/say-query.wasm"

[[module]]
route = "/text"
module = "file:///srv/sample/modules/hello.wat"

[[module]]
route = "/entry"
module = "file:///srv/sample/modules/entrypoints.wasm"
entrypoint = "other"

[[module]]
route = "/argv"
module = "file:///srv/sample/modules/observe.wasm"
argv = 'ruby ${SCRIPT_NAME} "${ARGS}"'

[[module]]
route = "/files/..."
module = "file:///srv/sample/modules/files.wasm"

[module.volumes]
"/first" = "/srv/sample/volumes/4-0/volume"
"/second place" = "/srv/sample/volumes/4-1/volume"

[[module]]
route = "/..."
module = "file:///srv/sample/modules/observe.wasm"
"#;
        assert_eq!(text, expected);
    }
}
