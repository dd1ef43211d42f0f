//! Lists the specification, the cases, the guests and the targets, so that the binary carries them.
//!
//! A macro that reads a folder would not be run again when a file is added; cargo runs this again
//! when anything below the folders changes.

#[path = "src/suite/belongs.rs"]
mod belongs;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDERS: [&str; 3] = ["spec", "cases", "guest-modules"];
const TARGETS: &str = "targets";

/// Guests that are larger are not carried along, even if they lie there: `--guest-modules` finds them.
const LARGEST: u64 = 4 << 20;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut paths = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root.join(folder), folder, &mut paths)?;
    }
    // Of the servers that stand beside their target files, the program carries nothing.
    println!("cargo::rerun-if-changed={TARGETS}");
    let mut targets = Vec::new();
    collect(&root.join(TARGETS), TARGETS, &mut targets)?;
    paths.extend(targets.into_iter().filter(|path| path.ends_with(".json")));
    paths.sort();
    let mut table = String::from("&[\n");
    for path in paths {
        let line = writeln!(
            table,
            "    ({path:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\"))),",
        );
        line.map_err(io::Error::other)?;
    }
    table.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("embedded.rs"), table)
}

fn collect(folder: &Path, name: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.metadata()?.len() > LARGEST {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if belongs::may_hold_any(&path) {
                collect(&entry.path(), &path, paths)?;
            }
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
