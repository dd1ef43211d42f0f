//! The suite without Rust: cases, rules and deployments as JSON, guests as WebAssembly.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::{ExportError, make_folder, write};
use crate::case::Case;
use crate::spec::{Level, Profile};
use crate::suite::Suite;
use crate::suite::deployment::{Deployment, name_of};

/// The version of the bundle's form. It grows when a reader would have to change.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct CaseInBundle<'a> {
    level: Level,
    profiles: Vec<Profile>,
    /// The deployment it runs in, derived from `deployment` and `start`.
    runs_in: String,
    #[serde(flatten)]
    case: &'a Case,
}

/// Writes the bundle to `folder`: `cases.json`, `deployments.json`, `rules.json` and `guests/`.
///
/// # Errors
/// A file that cannot be written, or a guest that cannot be compiled.
pub fn export(suite: &Suite, folder: &Path) -> Result<(), ExportError> {
    let guests = folder.join("guests");
    make_folder(&guests)?;
    let cases: Vec<CaseInBundle> = suite
        .cases
        .iter()
        .map(|case| CaseInBundle {
            level: suite.level(case),
            profiles: suite.profiles(case),
            runs_in: name_of(case),
            case,
        })
        .collect();
    let deployments: &[Deployment] = &suite.deployments;
    let rules: Vec<Value> = suite
        .specification
        .rules
        .values()
        .map(|rule| {
            json!({
                "id": rule.id,
                "level": rule.level,
                "profile": rule.profile,
                "source": rule.source,
                "statement": rule.statement,
                "behaviours": rule.behaviours,
                "waiver": rule.waiver,
            })
        })
        .collect();
    write_json(folder, "cases", &cases)?;
    write_json(folder, "deployments", &deployments)?;
    write_json(folder, "rules", &rules)?;
    for (name, guest) in suite.guests.iter() {
        let module = guest.compile().map_err(|error| {
            ExportError(format!("failed to compile the guest `{name}`: {error}"))
        })?;
        let path = guests.join(format!("{name}.wasm"));
        // A name with `/` in it stands in a sub-folder.
        path.parent().map_or(Ok(()), make_folder)?;
        write(&path, module)?;
    }
    Ok(())
}

/// Writes `{"format_version": …, NAME: …}` to `NAME.json`.
fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), ExportError> {
    let path = folder.join(format!("{name}.json"));
    let json = json!({ "format_version": FORMAT_VERSION, name: value });
    let mut text = serde_json::to_string_pretty(&json)
        .map_err(|error| ExportError(format!("failed to write {}: {error}", path.display())))?;
    text.push('\n');
    write(&path, text)
}
