//! What every form shares: where the modules, folders and certificate of a deployment stand, and
//! how they get there.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{ExportError, Format, Need, make_folder, volume, write};
use crate::case::Route;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::suite::guest::Guest;

/// Where everything stands that a configuration names.
#[derive(Clone, Debug)]
pub struct Layout<'a> {
    /// The deployment's own folder, an absolute path.
    pub folder: PathBuf,
    /// The routes that the form can express, in the order of the deployment: the most specific first.
    pub routes: Vec<PlacedRoute<'a>>,
    /// Configured variables.
    pub environment: IndexMap<&'a str, &'a str>,
    /// The environment file, if there is one.
    pub environment_file: Option<PathBuf>,
    /// Certificate and key (PEM, PKCS #8), if it is served through TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A route, and where its module and its volumes stand.
#[derive(Clone, Debug)]
pub struct PlacedRoute<'a> {
    /// The route.
    pub route: &'a Route,
    /// The module, an absolute path.
    pub module: PathBuf,
    /// The host's folders by the names under which the guest sees them: absolute paths.
    pub volumes: IndexMap<&'a str, PathBuf>,
}

impl<'a> Layout<'a> {
    /// The layout of `deployment` in `folder`, which is an absolute path. What `format` cannot
    /// express is left out.
    pub fn of(deployment: &'a Deployment, folder: &Path, format: Format) -> Self {
        let asks = Need::of_settings(&deployment.server);
        let has = |need| asks.contains(&need) && format.lacks(need).is_none();
        let routes = deployment.routes.iter().enumerate();
        let variables = deployment.server.environment.iter();
        Self {
            folder: folder.to_owned(),
            routes: routes
                .filter(|(_, route)| format.takes(route))
                .map(|(index, route)| PlacedRoute::of(index, route, folder))
                .collect(),
            environment: variables
                .filter(|_| has(Need::Environment))
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            environment_file: has(Need::EnvironmentFile).then(|| folder.join("environment")),
            tls: has(Need::Tls).then(|| (folder.join("cert.pem"), folder.join("key.pem"))),
        }
    }

    /// Writes modules, volumes, environment file and certificate of `deployment`, whose layout this
    /// is. Volumes are made anew.
    ///
    /// # Errors
    /// A file that cannot be written, or a guest that cannot be compiled.
    pub fn write(&self, suite: &Suite, deployment: &Deployment) -> Result<(), ExportError> {
        make_folder(&self.folder.join("modules"))?;
        for PlacedRoute {
            route,
            module,
            volumes,
        } in &self.routes
        {
            let guest = suite
                .guests
                .get(&route.guest)
                .ok_or_else(|| ExportError(format!("there is no guest `{}`", route.guest)))?;
            write(module, octets(&route.guest, guest, route.text)?)?;
            for (volume, folder) in route.volumes.values().zip(volumes.values()) {
                volume::make(folder, volume)?;
            }
        }
        if let Some(path) = &self.environment_file {
            write(path, deployment.server.environment_file.join("\n") + "\n")?;
        }
        if let Some((certificate, key)) = &self.tls {
            write_certificate(certificate, key)?;
        }
        Ok(())
    }

    /// `path` from the deployment's folder, with `/` between its parts.
    pub fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.folder).unwrap_or(path);
        let parts = path.components().map(|part| part.as_os_str().display());
        parts
            .map(|part| part.to_string())
            .collect::<Vec<_>>()
            .join("/")
    }
}

impl<'a> PlacedRoute<'a> {
    fn of(index: usize, route: &'a Route, folder: &Path) -> Self {
        let ending = if route.text { "wat" } else { "wasm" };
        let volumes = route.volumes.keys().enumerate();
        let home = |number| folder.join("volumes").join(format!("{index}-{number}"));
        Self {
            route,
            module: folder
                .join("modules")
                .join(format!("{}.{ending}", route.guest.replace('/', "-"))),
            volumes: volumes
                .map(|(number, name)| (name.as_str(), home(number).join("volume")))
                .collect(),
        }
    }
}

/// A guest's module, as text if `as_text`.
fn octets(name: &str, guest: &Guest, as_text: bool) -> Result<Vec<u8>, ExportError> {
    match guest {
        Guest::Text(text) if as_text => Ok(text.clone()),
        Guest::Binary(_) if as_text => Err(ExportError(format!(
            "guest `{name}` is no WebAssembly text, so it cannot be deployed as text"
        ))),
        guest => guest
            .compile()
            .map_err(|error| ExportError(format!("failed to compile the guest `{name}`: {error}"))),
    }
}

/// A fresh self-signed certificate for `localhost` and `127.0.0.1`, and its key in PKCS #8.
fn write_certificate(certificate: &Path, key: &Path) -> Result<(), ExportError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let certified = rcgen::generate_simple_self_signed(names)
        .map_err(|error| ExportError(format!("failed to make a certificate: {error}")))?;
    write(certificate, certified.cert.pem())?;
    write(key, certified.signing_key.serialize_pem())
}
