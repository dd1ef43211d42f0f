//! A deployment in the form that wagi 0.8 reads, which the reference server reads too:
//! `modules.toml`, modules, folders for volumes, an environment file, a certificate.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ExportError, make_folder, make_volume, write, write_module};
use crate::case::Start;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::suite::guest::Guest;

/// A deployment that was written, and what its server must be started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The deployment's name.
    pub name: String,
    /// The table of routes: `--config`.
    pub config: PathBuf,
    /// Configured variables: `--env NAME=VALUE` each.
    pub environment: Vec<(String, String)>,
    /// The environment file, if there is one: `--env-file`.
    pub environment_file: Option<PathBuf>,
    /// Certificate and key, if it is served through TLS: `--tls-cert`, `--tls-key`.
    pub tls: Option<(PathBuf, PathBuf)>,
}

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

/// Writes every deployment that a server must start with to a folder of its own below `folder`,
/// and a README with the commands that start it.
///
/// # Errors
/// A file that cannot be written, or a guest that cannot be compiled.
pub fn export(suite: &Suite, folder: &Path) -> Result<Vec<Written>, ExportError> {
    let deployments = suite
        .deployments
        .iter()
        .filter(|deployment| deployment.start == Start::Served);
    let written = deployments
        .map(|deployment| write_deployment(suite, deployment, &folder.join(&deployment.name)))
        .collect::<Result<Vec<_>, _>>()?;
    write(&folder.join("README.md"), readme(&written))?;
    Ok(written)
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
    let modules = folder.join("modules");
    make_folder(&modules)?;
    let folder = folder
        .canonicalize()
        .map_err(|error| super::failed("find", folder, &error))?;
    let modules = folder.join("modules");

    let mut table = ModulesToml { module: Vec::new() };
    for (index, route) in deployment.routes.iter().enumerate() {
        let guest = suite
            .guests
            .get(&route.guest)
            .ok_or_else(|| ExportError(format!("there is no guest `{}`", route.guest)))?;
        let path = write_guest(&modules, &route.guest, guest, route.text)?;
        let mut volumes = BTreeMap::new();
        for (number, (name, volume)) in route.volumes.iter().enumerate() {
            let home = folder.join("volumes").join(format!("{index}-{number}"));
            let host = make_volume(&home, volume)?;
            volumes.insert(name.as_str(), host.display().to_string());
        }
        table.module.push(Module {
            route: &route.route,
            module: url::Url::from_file_path(&path)
                .map_or_else(|()| path.display().to_string(), String::from),
            entrypoint: route.entrypoint.as_deref(),
            argv: route.argv.as_deref(),
            volumes,
        });
    }
    let config = folder.join("modules.toml");
    let text = toml::to_string(&table)
        .map_err(|error| ExportError(format!("failed to write {}: {error}", config.display())))?;
    write(&config, text)?;

    let environment_file = match deployment.server.environment_file.as_slice() {
        [] => None,
        lines => {
            let path = folder.join("environment");
            write(&path, lines.join("\n") + "\n")?;
            Some(path)
        }
    };
    let environment = deployment
        .server
        .environment
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    Ok(Written {
        name: deployment.name.clone(),
        config,
        environment: environment.collect(),
        environment_file,
        tls: match deployment.server.tls {
            true => Some(write_certificate(&folder)?),
            false => None,
        },
    })
}

/// Writes a guest's module, as text if `as_text`, and returns its path.
fn write_guest(
    modules: &Path,
    name: &str,
    guest: &Guest,
    as_text: bool,
) -> Result<PathBuf, ExportError> {
    match guest {
        Guest::Text(text) if as_text => write_module(modules, &format!("{name}.wat"), text),
        Guest::Binary(_) if as_text => Err(ExportError(format!(
            "guest `{name}` is no WebAssembly text, so it cannot be deployed as text"
        ))),
        guest => {
            let module = guest.compile().map_err(|error| {
                ExportError(format!("failed to compile the guest `{name}`: {error}"))
            })?;
            write_module(modules, &format!("{name}.wasm"), &module)
        }
    }
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

fn readme(written: &[Written]) -> String {
    let mut text = String::from(
        "# The deployments of the WAGI conformance suite\n\n\
         Each folder is the configuration of one server. Most cases need `main` only.\n\
         `wagi` is the server under test; the reference server takes the same options.\n",
    );
    let mut urls = Vec::new();
    for (index, deployment) in written.iter().enumerate() {
        let port = 3000 + index;
        let scheme = if deployment.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let arguments: Vec<String> = deployment
            .arguments()
            .iter()
            .map(|word| quoted(word))
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## `{}`\n\n```sh\nwagi --listen 127.0.0.1:{port} --hostname 127.0.0.1:{port} {}\n```\n",
            deployment.name,
            arguments.join(" "),
        );
        urls.push(format!(
            "--url {}={scheme}://127.0.0.1:{port}",
            deployment.name
        ));
    }
    let _ = write!(
        text,
        "\n## Run the suite\n\n```sh\nwagi-conformance run {}\n```\n\n\
         Cases of a deployment whose URL is left out count as unsupported.\n",
        urls.join(" "),
    );
    text
}

/// A word for `sh`.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
