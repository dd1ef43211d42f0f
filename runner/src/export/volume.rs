//! The folders of volumes, with what stands beside them.

use std::fs;
use std::path::Path;

use super::{ExportError, failed, make_folder, write};
use crate::case::bytes::{Bytes, BytesForm};
use crate::case::placeholder::Placeholders;
use crate::case::{Volume, VolumeEntry, VolumeEntryForm};

/// The file beside each volume's folder that no guest may reach, and its content.
const OUTSIDE: (&str, &str) = ("outside.txt", "outside the volume\n");

/// Makes the folder of a volume anew. The folder that holds it is its own: beside the volume there
/// is only the file that no guest may reach.
///
/// # Errors
/// What cannot be written.
pub fn make(folder: &Path, volume: &Volume) -> Result<(), ExportError> {
    let home = folder.parent().unwrap_or(folder);
    if home.exists() {
        fs::remove_dir_all(home).map_err(|error| failed("clear the folder", home, &error))?;
    }
    make_folder(home)?;
    write(&home.join(OUTSIDE.0), OUTSIDE.1)?;
    let Volume::Content(entries) = volume else {
        return Ok(());
    };
    make_folder(folder)?;
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
    Ok(())
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
