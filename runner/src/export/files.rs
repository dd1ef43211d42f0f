//! What every form shares: the modules, folders and certificate of a deployment, on the disk.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{ExportError, Format, Need, failed, make_folder, volume, write};
use crate::case::Route;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::suite::guest::Guest;

/// A deployment whose modules and folders are on the disk, before its configuration is written.
#[derive(Clone, Debug)]
pub struct Deployed<'a> {
    /// The deployment's own folder, an absolute path.
    pub folder: PathBuf,
    /// The routes, in the order of the deployment: the most specific first.
    pub routes: Vec<DeployedRoute<'a>>,
    /// Configured variables.
    pub environment: IndexMap<&'a str, &'a str>,
    /// The environment file, if there is one.
    pub environment_file: Option<PathBuf>,
    /// Certificate and key (PEM, PKCS #8), if it is served through TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A route whose module and volumes are on the disk.
#[derive(Clone, Debug)]
pub struct DeployedRoute<'a> {
    /// The route.
    pub route: &'a Route,
    /// The module, an absolute path.
    pub module: PathBuf,
    /// The host's folders by the names under which the guest sees them: absolute paths.
    pub volumes: IndexMap<&'a str, PathBuf>,
}

impl<'a> Deployed<'a> {
    /// Writes modules, volumes, environment file and certificate below `folder`, which is made if
    /// need be. What `format` cannot express is left out.
    ///
    /// # Errors
    /// A file that cannot be written, or a guest that cannot be compiled.
    pub fn make(
        suite: &Suite,
        deployment: &'a Deployment,
        folder: &Path,
        format: Format,
    ) -> Result<Self, ExportError> {
        make_folder(&folder.join("modules"))?;
        let folder = folder
            .canonicalize()
            .map_err(|error| failed("find", folder, &error))?;
        let modules = folder.join("modules");
        let mut routes = Vec::new();
        for (index, route) in deployment.routes.iter().enumerate() {
            if !format.takes(route) {
                continue;
            }
            let guest = suite
                .guests
                .get(&route.guest)
                .ok_or_else(|| ExportError(format!("there is no guest `{}`", route.guest)))?;
            let module = write_guest(&modules, &route.guest, guest, route.text)?;
            let mut volumes = IndexMap::new();
            for (number, (name, volume)) in route.volumes.iter().enumerate() {
                let home = folder.join("volumes").join(format!("{index}-{number}"));
                volumes.insert(name.as_str(), volume::make(&home, volume)?);
            }
            routes.push(DeployedRoute {
                route,
                module,
                volumes,
            });
        }
        let asks = Need::of_settings(&deployment.server);
        let has = |need| asks.contains(&need) && format.lacks(need).is_none();
        let variables = deployment.server.environment.iter();
        let environment_file = match has(Need::EnvironmentFile) {
            true => Some(write_variables(
                &folder,
                &deployment.server.environment_file,
            )?),
            false => None,
        };
        let tls = match has(Need::Tls) {
            true => Some(write_certificate(&folder)?),
            false => None,
        };
        Ok(Self {
            folder,
            routes,
            environment: variables
                .filter(|_| has(Need::Environment))
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            environment_file,
            tls,
        })
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

/// Writes a guest's module, as text if `as_text`, and returns its path.
fn write_guest(
    modules: &Path,
    name: &str,
    guest: &Guest,
    as_text: bool,
) -> Result<PathBuf, ExportError> {
    match guest {
        Guest::Text(text) if as_text => {
            let path = modules.join(format!("{name}.wat"));
            write(&path, text)?;
            Ok(path)
        }
        Guest::Binary(_) if as_text => Err(ExportError(format!(
            "guest `{name}` is no WebAssembly text, so it cannot be deployed as text"
        ))),
        guest => {
            let module = guest.compile().map_err(|error| {
                ExportError(format!("failed to compile the guest `{name}`: {error}"))
            })?;
            let path = modules.join(format!("{name}.wasm"));
            write(&path, module)?;
            Ok(path)
        }
    }
}

/// An environment file of these lines.
fn write_variables(folder: &Path, lines: &[String]) -> Result<PathBuf, ExportError> {
    let path = folder.join("environment");
    write(&path, lines.join("\n") + "\n")?;
    Ok(path)
}

/// A fresh self-signed certificate for `localhost` and `127.0.0.1`, and its key in PKCS #8.
fn write_certificate(folder: &Path) -> Result<(PathBuf, PathBuf), ExportError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let certified = rcgen::generate_simple_self_signed(names)
        .map_err(|error| ExportError(format!("failed to make a certificate: {error}")))?;
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    write(&certificate, certified.cert.pem())?;
    write(&key, certified.signing_key.serialize_pem())?;
    Ok((certificate, key))
}
