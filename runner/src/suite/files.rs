//! The suite's files: those embedded in the binary, or those of folders that take their place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::belongs::may_hold_any;
use crate::problem::Problem;

/// The files embedded when the binary was built: path from the suite's root, content.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Files by their path from the suite's root, with `/` between the parts.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Cow<'static, [u8]>>);

/// Folders that take the place of embedded ones.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Folders {
    /// Read the cases from this folder instead of the built-in ones
    #[arg(long, value_name = "DIR", global = true)]
    pub cases: Option<PathBuf>,
    /// Read the guests from this folder instead of the built-in ones
    #[arg(long, value_name = "DIR", global = true)]
    pub guest_modules: Option<PathBuf>,
    /// Read the specification from this folder instead of the built-in one
    #[arg(long, value_name = "DIR", global = true)]
    pub spec: Option<PathBuf>,
}

impl Files {
    /// The embedded files, with those of `folders` in place of theirs.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn load(folders: &Folders) -> Result<Self, Problem> {
        let embedded = EMBEDDED
            .iter()
            .map(|(path, content)| ((*path).to_owned(), Cow::Borrowed(*content)));
        let mut files = Self(embedded.collect());
        let replaced = [
            ("cases", &folders.cases),
            ("guest-modules", &folders.guest_modules),
            ("spec", &folders.spec),
        ];
        for (name, folder) in replaced {
            if let Some(folder) = folder {
                files.0.retain(|path, _| !is_below(path, name));
                files.read(folder, name)?;
            }
        }
        Ok(files)
    }

    /// The files below the folder `name` whose names end in `.extension`: path, content.
    pub fn below<'a>(
        &'a self,
        name: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let wanted = move |path: &str| {
            is_below(path, name)
                && path
                    .rsplit_once('.')
                    .is_some_and(|(_, end)| end == extension)
        };
        self.0
            .iter()
            .filter(move |(path, _)| wanted(path))
            .map(|(path, content)| (path.as_str(), content.as_ref()))
    }

    /// The content of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(AsRef::as_ref)
    }

    fn read(&mut self, folder: &Path, name: &str) -> Result<(), Problem> {
        let failed = |error: std::io::Error| {
            Problem::in_file(
                &folder.display().to_string(),
                format!("failed to read the folder given as --{name}: {error}"),
            )
        };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            // `metadata` follows symbolic links: a linked folder is a folder.
            if fs::metadata(entry.path()).map_err(failed)?.is_dir() {
                if may_hold_any(&path) {
                    self.read(&entry.path(), &path)?;
                }
            } else {
                let content = fs::read(entry.path()).map_err(failed)?;
                self.0.insert(path, Cow::Owned(content));
            }
        }
        Ok(())
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// `content` as text.
///
/// # Errors
/// The line of the first octets that are not UTF-8.
pub fn text<'a>(path: &str, content: &'a [u8]) -> Result<&'a str, Problem> {
    std::str::from_utf8(content).map_err(|error| {
        let before = content.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
        Problem::at_line(path, line, "not UTF-8 text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_the_place_of_the_embedded_one() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("area")).expect("a folder");
        fs::write(folder.path().join("area/one.json"), "{}").expect("a file");
        let folders = Folders {
            cases: Some(folder.path().to_owned()),
            ..Folders::default()
        };
        let files = Files::load(&folders).expect("files");
        let cases: Vec<_> = files.below("cases", "json").collect();
        assert_eq!(cases, [("cases/area/one.json", b"{}".as_slice())]);
        assert!(files.below("guest-modules", "wat").count() > 0);
    }

    #[test]
    fn text_that_is_none_is_located() {
        let error = text("f", b"a\nb\xFF").expect_err("not text");
        assert_eq!(error.to_string(), "f:2: not UTF-8 text");
    }
}
