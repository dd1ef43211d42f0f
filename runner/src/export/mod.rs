//! Deployments on the disk: what a server reads to serve the suite's guests.
//!
//! [`mod@format`] says in which forms they are written and what each lacks; every form has a module of
//! its own, which makes the text of the configuration. [`layout`] and [`volume`] write what all forms
//! share, and [`folder`] all deployments with a README. [`bundle`] is the suite itself, for another runner.

pub mod apache_cgi;
pub mod bundle;
pub mod folder;
pub mod format;
pub mod json;
pub mod layout;
pub mod mod_wasm;
pub mod need;
#[cfg(test)]
mod sample;
pub mod spin;
pub mod volume;
pub mod wagi;
pub mod wagi_net;
pub mod wcgi;

use std::fs;
use std::io;
use std::path::Path;

pub use format::{Format, Written};
pub use need::Need;

/// Why an export failed: what was being done, with which file, and what went wrong.
#[derive(Debug)]
pub struct ExportError(pub String);

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExportError {}

fn make_folder(path: &Path) -> Result<(), ExportError> {
    fs::create_dir_all(path).map_err(|error| failed("make the folder", path, &error))
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), ExportError> {
    fs::write(path, content).map_err(|error| failed("write", path, &error))
}

/// Writes a file that its server can run.
fn write_program(path: &Path, text: String) -> Result<(), ExportError> {
    write(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .map_err(|error| failed("make a program of", path, &error))?;
    }
    Ok(())
}

fn failed(action: &str, path: &Path, error: &io::Error) -> ExportError {
    ExportError(format!("failed to {action} {}: {error}", path.display()))
}

/// `value` as JSON for people, with a line end.
fn pretty_json(value: &impl serde::Serialize) -> Result<String, ExportError> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|error| ExportError(error.to_string()))?;
    text.push('\n');
    Ok(text)
}
