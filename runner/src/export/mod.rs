//! Deployments on disk: what a server reads to serve the suite's guests.

pub mod bundle;
pub mod wagi;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::case::bytes::{Bytes, BytesForm};
use crate::case::placeholder::Placeholders;
use crate::case::{Volume, VolumeEntry, VolumeEntryForm};

/// Why an export failed: what was being done, with which file, and what went wrong.
#[derive(Debug)]
pub struct ExportError(pub String);

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExportError {}

/// The file beside each volume's folder that no guest may reach, and its content.
const OUTSIDE: (&str, &str) = ("outside.txt", "outside the volume\n");

fn make_folder(path: &Path) -> Result<(), ExportError> {
    fs::create_dir_all(path).map_err(|error| failed("make the folder", path, &error))
}

/// Writes a guest's module, `NAME.ending`, below `folder`. A name with `/` in it stands in a
/// sub-folder, which is made.
fn write_module(folder: &Path, file: &str, module: &[u8]) -> Result<PathBuf, ExportError> {
    let path = folder.join(file);
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    write(&path, module)?;
    Ok(path)
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), ExportError> {
    fs::write(path, content).map_err(|error| failed("write", path, &error))
}

fn failed(action: &str, path: &Path, error: &io::Error) -> ExportError {
    ExportError(format!("failed to {action} {}: {error}", path.display()))
}

/// Makes the folder of a volume anew, below `home`, which holds only this volume and the file
/// that stands outside of it. Returns the volume's folder.
fn make_volume(home: &Path, volume: &Volume) -> Result<PathBuf, ExportError> {
    if home.exists() {
        fs::remove_dir_all(home).map_err(|error| failed("clear the folder", home, &error))?;
    }
    let folder = home.join("volume");
    make_folder(home)?;
    write(&home.join(OUTSIDE.0), OUTSIDE.1)?;
    let Volume::Content(entries) = volume else {
        return Ok(folder);
    };
    make_folder(&folder)?;
    for (name, entry) in entries {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        match entry {
            VolumeEntry::Form(VolumeEntryForm::Directory(_)) => make_folder(&path)?,
            VolumeEntry::Form(VolumeEntryForm::Symlink(target)) => link(target, &path)?,
            VolumeEntry::Text(text) => write(&path, text)?,
            VolumeEntry::Form(VolumeEntryForm::Base64(octets)) => {
                write_octets(&path, BytesForm::Base64(octets.clone()))?;
            }
            VolumeEntry::Form(VolumeEntryForm::Repeat(repeat)) => {
                write_octets(&path, BytesForm::Repeat(repeat.clone()))?;
            }
            VolumeEntry::Form(VolumeEntryForm::Concat(parts)) => {
                write_octets(&path, BytesForm::Concat(parts.clone()))?;
            }
        }
    }
    Ok(folder)
}

fn write_octets(path: &Path, form: BytesForm) -> Result<(), ExportError> {
    // A volume is made before any run: it has no placeholders to expand.
    let octets = Bytes::Form(form)
        .resolve(&Placeholders::default())
        .map_err(|error| ExportError(format!("failed to write {}: {error}", path.display())))?;
    write(path, octets)
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> Result<(), ExportError> {
    std::os::unix::fs::symlink(target, path)
        .map_err(|error| failed("make the symbolic link", path, &error))
}

#[cfg(not(unix))]
fn link(target: &str, path: &Path) -> Result<(), ExportError> {
    std::os::windows::fs::symlink_file(target, path)
        .map_err(|error| failed("make the symbolic link", path, &error))
}
