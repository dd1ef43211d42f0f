//! The forms in which deployments are written: one for each server's own configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::files::Deployed;
use super::json::Json;
use super::mod_wasm::ModWasm;
use super::spin::Spin;
use super::wagi::Wagi;
use super::wagi_net::WagiNet;
use super::wcgi::Wcgi;
use super::{ExportError, Need, write};
use crate::case::{Case, Route};
use crate::suite::Suite;
use crate::suite::deployment::{Deployment, name_of};

/// A form in which deployments are written: one server's own configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// wagi and the reference server: modules.toml
    Wagi,
    /// WAGI.NET, the extension of ASP.NET Core: appsettings.json
    WagiNet,
    /// Spin and its executor `wagi`: spin.toml
    Spin,
    /// Apache httpd with mod_wasm: httpd.conf
    ModWasm,
    /// Wasmer's WCGI runner: wasmer.toml
    Wcgi,
    /// Any other server: JSON to translate from by a script, read as it is by targets/node-wagi
    Json,
}

/// A deployment that was written, and what its server must be started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The deployment's name.
    pub name: String,
    /// The configuration that the server reads.
    pub config: PathBuf,
    /// Configured variables that the server must be given otherwise: on its command line.
    pub environment: Vec<(String, String)>,
    /// The environment file that the server must be given otherwise.
    pub environment_file: Option<PathBuf>,
    /// Certificate and key (PEM, PKCS #8) that the server must be given otherwise.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// What sets one form apart.
pub(super) trait Form {
    /// Why the form cannot express `need`; `None` if it can.
    fn lacks(&self, need: Need) -> Option<&'static str>;

    /// Whether what `need` asks for stands in the configuration; if it does not, and the form does
    /// not lack it, the server takes it on its command line.
    fn configures(&self, need: Need) -> bool;

    /// The name of the configuration's file.
    fn file_name(&self) -> &'static str;

    /// The configuration's text, for a server that will listen at `listen`.
    ///
    /// # Errors
    /// Something in the deployment that the form has no way to write.
    fn text(&self, deployed: &Deployed<'_>, listen: SocketAddr) -> Result<String, ExportError>;

    /// The words that start the server with a deployment.
    fn command(&self, written: &Written, listen: SocketAddr) -> Vec<String>;

    /// What the commands take for granted.
    fn premise(&self) -> &'static str;
}

impl Format {
    pub(super) fn form(self) -> &'static dyn Form {
        match self {
            Self::Wagi => &Wagi,
            Self::WagiNet => &WagiNet,
            Self::Spin => &Spin,
            Self::ModWasm => &ModWasm,
            Self::Wcgi => &Wcgi,
            Self::Json => &Json,
        }
    }

    /// Why this form cannot express `need`; `None` if it can.
    pub fn lacks(self, need: Need) -> Option<&'static str> {
        self.form().lacks(need)
    }

    /// Why `case` cannot be deployed in this form, for the verdict `unsupported`; `None` if it can.
    pub fn unsupported(self, suite: &Suite, case: &Case) -> Option<String> {
        let needs = Need::of_case(suite, case);
        let (need, why) = needs
            .into_iter()
            .find_map(|need| self.lacks(need).map(|why| (need, why)))?;
        Some(format!("it needs {need}: {why}"))
    }

    /// Whether some case of `deployment` can be deployed in this form.
    pub fn serves(self, suite: &Suite, deployment: &Deployment) -> bool {
        let mut cases = suite
            .cases
            .iter()
            .filter(|case| name_of(case) == deployment.name);
        cases.any(|case| self.unsupported(suite, case).is_none())
    }

    /// Whether `route` can be written in this form.
    pub fn takes(self, route: &Route) -> bool {
        let mut needs = Need::of_route(route).into_iter();
        needs.all(|need| self.lacks(need).is_none())
    }

    /// Writes one deployment to `folder`, which is made if need be, for a server that will listen at
    /// `listen`, since some configurations hold the address. Routes and settings that this form
    /// cannot express are left out.
    ///
    /// # Errors
    /// A file that cannot be written, a guest that cannot be compiled, or a text that the form
    /// cannot hold.
    pub fn write(
        self,
        suite: &Suite,
        deployment: &Deployment,
        folder: &Path,
        listen: SocketAddr,
    ) -> Result<Written, ExportError> {
        let form = self.form();
        let deployed = Deployed::make(suite, deployment, folder, self)?;
        let config = deployed.folder.join(form.file_name());
        let text = form.text(&deployed, listen).map_err(|error| {
            ExportError(format!("failed to write {}: {error}", config.display()))
        })?;
        write(&config, text)?;
        let left = |need| !form.configures(need);
        let environment = deployed
            .environment
            .iter()
            .filter(|_| left(Need::Environment));
        Ok(Written {
            name: deployment.name.clone(),
            config,
            environment: environment
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            environment_file: deployed
                .environment_file
                .filter(|_| left(Need::EnvironmentFile)),
            tls: deployed.tls.filter(|_| left(Need::Tls)),
        })
    }
}
