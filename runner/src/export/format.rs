//! The forms in which deployments are written: one for each server's own configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apache_cgi::ApacheCgi;
use super::json::Json;
use super::layout::Layout;
use super::mod_wasm::ModWasm;
use super::spin::Spin;
use super::wagi::Wagi;
use super::wagi_net::WagiNet;
use super::wcgi::Wcgi;
use super::{ExportError, Need, failed, make_folder, write, write_program};
use crate::case::{Case, Route};
use crate::suite::Suite;
use crate::suite::deployment::{Deployment, name_of};

/// A form in which deployments are written: one server's own configuration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
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
    /// Apache httpd with its own CGI module, as targets/apache-cgi starts it: httpd.conf
    ApacheCgi,
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
    fn text(&self, layout: &Layout<'_>, listen: SocketAddr) -> Result<String, ExportError>;

    /// Folders that the configuration takes for granted, below the deployment's.
    fn folders(&self) -> &'static [&'static str] {
        &[]
    }

    /// Programs that the server runs, by their paths from the deployment's folder.
    ///
    /// # Errors
    /// As for [`Form::text`].
    fn programs(&self, _: &Layout<'_>) -> Result<Vec<(String, String)>, ExportError> {
        Ok(Vec::new())
    }

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
            Self::ApacheCgi => &ApacheCgi,
            Self::Wcgi => &Wcgi,
            Self::Json => &Json,
        }
    }

    /// The words that usually start the form's server with a deployment, to listen at `listen`.
    pub fn command(self, written: &Written, listen: SocketAddr) -> Vec<String> {
        self.form().command(written, listen)
    }

    /// Why this form cannot express `need`; `None` if it can.
    pub fn lacks(self, need: Need) -> Option<&'static str> {
        self.form().lacks(need)
    }

    /// Why `case` cannot be deployed in this form, for the verdict `unsupported`; `None` if it can.
    pub fn unsupported(self, suite: &Suite, case: &Case) -> Option<String> {
        let mut needs = Need::of_case(suite, case).into_iter();
        if let Some((need, why)) = needs.find_map(|need| self.lacks(need).map(|why| (need, why))) {
            return Some(format!("it needs {need}: {why}"));
        }
        let name = name_of(case);
        let mut deployments = suite.deployments.iter();
        let deployment = deployments.find(|deployment| deployment.name == name)?;
        (!self.expresses_some(deployment))
            .then(|| format!("nothing of its deployment `{name}` can be written in this form"))
    }

    /// Whether a server can be configured with something of `deployment`.
    fn expresses_some(self, deployment: &Deployment) -> bool {
        let hidden = deployment.server.tls && self.lacks(Need::Tls).is_some();
        let routes = &deployment.routes;
        !hidden && (routes.is_empty() || routes.iter().any(|route| self.takes(route)))
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
        make_folder(folder)?;
        let folder = folder
            .canonicalize()
            .map_err(|error| failed("find", folder, &error))?;
        let layout = Layout::of(deployment, &folder, self);
        layout.write(suite, deployment)?;
        let config = layout.folder.join(form.file_name());
        let text = form.text(&layout, listen).map_err(|error| {
            ExportError(format!("failed to write {}: {error}", config.display()))
        })?;
        write(&config, text)?;
        for name in form.folders() {
            make_folder(&layout.folder.join(name))?;
        }
        for (path, text) in form.programs(&layout)? {
            write_program(&layout.folder.join(path), text)?;
        }
        let left = |need| !form.configures(need);
        let environment = layout
            .environment
            .iter()
            .filter(|_| left(Need::Environment));
        Ok(Written {
            name: deployment.name.clone(),
            config,
            environment: environment
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            environment_file: layout
                .environment_file
                .filter(|_| left(Need::EnvironmentFile)),
            tls: layout.tls.filter(|_| left(Need::Tls)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn a_case_that_is_not_unsupported_has_all_it_asks_for() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        for format in Format::value_variants() {
            for case in &suite.cases {
                let is_absent = suite.absence(case).is_some();
                if is_absent || format.unsupported(&suite, case).is_some() {
                    continue;
                }
                let deployment = suite
                    .deployments
                    .iter()
                    .find(|deployment| deployment.name == name_of(case))
                    .expect("its deployment");
                let layout = Layout::of(deployment, Path::new("/srv"), *format);
                let placed: BTreeSet<&str> = layout
                    .routes
                    .iter()
                    .map(|placed| placed.route.route.as_str())
                    .collect();
                let id = &case.id;
                for route in &case.routes {
                    assert!(placed.contains(route.route.as_str()), "{format:?}: {id}");
                }
                for variable in case.server.environment.keys() {
                    assert!(
                        layout.environment.contains_key(variable.as_str()),
                        "{format:?}: {id}"
                    );
                }
                assert_eq!(
                    layout.tls.is_some(),
                    deployment.server.tls,
                    "{format:?}: {id}"
                );
                assert!(
                    layout.environment_file.is_some() || case.server.environment_file.is_empty(),
                    "{format:?}: {id}"
                );
            }
        }
    }

    #[test]
    fn every_deployment_can_be_written_in_every_form() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let folder = tempfile::tempdir().expect("a folder");
        let listen = SocketAddr::from(([127, 0, 0, 1], 3000));
        for format in Format::value_variants() {
            for deployment in &suite.deployments {
                let home = folder.path().join(deployment.name.replace('/', "-"));
                let written = format
                    .write(&suite, deployment, &home, listen)
                    .unwrap_or_else(|error| panic!("{format:?}: {}: {error}", deployment.name));
                assert!(written.config.is_file(), "{format:?}: {}", deployment.name);
            }
        }
    }

    #[test]
    fn what_a_form_does_not_configure_is_left_to_the_command_line() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let folder = tempfile::tempdir().expect("a folder");
        let listen = SocketAddr::from(([127, 0, 0, 1], 3000));
        let deployment = super::super::sample::deployment();
        let left = |format: Format| {
            let home = folder.path().join(format!("{format:?}"));
            let written = format
                .write(&suite, &deployment, &home, listen)
                .unwrap_or_else(|error| panic!("{format:?}: {error}"));
            (
                written.environment.len(),
                written.environment_file.is_some(),
                written.tls.is_some(),
            )
        };
        assert_eq!(left(Format::Wagi), (2, true, true));
        assert_eq!(left(Format::WagiNet), (0, false, false));
        assert_eq!(left(Format::Spin), (0, false, true));
        assert_eq!(left(Format::ModWasm), (0, false, false));
        assert_eq!(left(Format::Wcgi), (0, false, false));
        assert_eq!(left(Format::Json), (0, false, true));
    }
}
