//! A target file: how one server is started, what it claims, and what it cannot be asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

use super::words::Template;
use crate::export::{Format, Need};
use crate::problem::near_miss;
use crate::spec::Profile;
use crate::suite::files::Files;

/// Where the schema stands, as a path from the suite's root.
pub const SCHEMA_PATH: &str = "spec/target.schema.json";

/// The folder of the targets that the suite knows.
const FOLDER: &str = "targets";

/// A target file as it is written. `spec/targets.md` explains each member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetFile {
    /// Where the schema of this file is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the server is, in a sentence.
    pub description: String,
    /// The form in which its deployments are written.
    pub deployments: Format,
    /// The words that start it; those that the form names unless given. `{address}`, `{host}`,
    /// `{port}`, `{config}`, `{deployment}` (the deployment's folder) and `{folder}` (this file's)
    /// stand for their values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Template>>,
    /// Words that are added to the command for what the form leaves to the command line.
    #[serde(default)]
    pub options: Options,
    /// Variables of the server's own process, beside those of the runner's.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, Template>,
    /// When it is ready.
    #[serde(default)]
    pub ready: Ready,
    /// How it is stopped.
    #[serde(default)]
    pub stop: Stop,
    /// The optional profiles that it claims: one whose cases cannot run counts as failed. Without
    /// this, all are tried and none is claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<BTreeSet<Profile>>,
    /// What it cannot be asked for, beyond what its form cannot express, and why.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub lacks: IndexMap<Need, String>,
    /// The file of expectations, from this file's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectations: Option<String>,
}

/// Words for what the form leaves to the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Options {
    /// For each configured variable: `{name}` and `{value}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variable: Vec<Template>,
    /// For an environment file: `{file}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_file: Vec<Template>,
    /// For TLS: `{certificate}` and `{key}`, PEM files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<Template>,
}

/// When a server is ready: it answers a request for a path, whatever it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ready {
    /// The path that is asked for.
    pub path: String,
    /// Seconds that it may take to become ready.
    pub seconds: Seconds,
}

/// How a server is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    /// The signal that asks it to end.
    pub signal: Signal,
    /// Seconds that it may take to end; then it is killed.
    pub seconds: Seconds,
}

/// A number of seconds, at most 600.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(#[schemars(range(min = 0.1, max = 600.0))] f64);

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Signal {
    /// What `kill` sends.
    #[default]
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// What Ctrl-C sends.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// What some servers take as a request to end gracefully.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// Ends it at once.
    #[serde(rename = "SIGKILL")]
    Kill,
}

/// A target file that was found, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The target's name: that of the file, without its ending.
    pub name: String,
    /// What the file says.
    pub file: TargetFile,
    /// The folder that holds it; `None` if it is one that the program carries.
    pub folder: Option<PathBuf>,
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            seconds: Seconds(30.0),
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            signal: Signal::default(),
            seconds: Seconds(5.0),
        }
    }
}

impl Seconds {
    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match (0.1..=600.0).contains(&seconds) {
            true => Ok(Self(seconds)),
            false => Err(format!("{seconds} seconds: it may be 0.1 to 600")),
        }
    }
}

impl From<Seconds> for f64 {
    fn from(Seconds(seconds): Seconds) -> Self {
        seconds
    }
}

impl TargetFile {
    /// A server that is started by `command`, with wagi's options, for deployments in the form
    /// `deployments`.
    pub fn of_command(command: Vec<Template>, deployments: Format) -> Self {
        Self {
            schema: None,
            description: "A server that the command line names.".to_owned(),
            deployments,
            command: Some(command),
            options: Options::of_wagi(),
            environment: IndexMap::new(),
            ready: Ready::default(),
            stop: Stop::default(),
            profiles: None,
            lacks: IndexMap::new(),
            expectations: None,
        }
    }

    /// Reads a target file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    fn parse(path: &str, content: &[u8]) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(content);
        let file: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let line = error.inner().line();
            let message = error.inner().to_string();
            // The line stands in front.
            let message = message.split(" at line ").next().unwrap_or_default();
            match error.path().to_string().as_str() {
                "." => format!("{path}:{line}: {message}"),
                place => format!("{path}:{line}: at `{place}`: {message}"),
            }
        })?;
        reader
            .end()
            .map_err(|error| format!("{path}:{}: {error}", error.line()))?;
        if file.command.as_ref().is_some_and(Vec::is_empty) {
            return Err(format!("{path}: `command` has no words: name the program"));
        }
        if !file.ready.path.starts_with('/') {
            return Err(format!(
                "{path}: `ready.path` is `{}`: a path begins with `/`",
                file.ready.path
            ));
        }
        Ok(file)
    }
}

impl Options {
    /// The options of wagi, which other servers of its kind share.
    pub fn of_wagi() -> Self {
        let words = |words: &[&str]| {
            let templates = words.iter().map(|word| (*word).to_owned().try_into());
            templates.filter_map(Result::ok).collect()
        };
        Self {
            variable: words(&["--env", "{name}={value}"]),
            environment_file: words(&["--env-file", "{file}"]),
            tls: words(&["--tls-cert", "{certificate}", "--tls-key", "{key}"]),
        }
    }
}

/// The target that `word` names: a file, or one that the suite knows. A target of the folder
/// `targets/` below the present one goes before the one of that name that the program carries.
///
/// # Errors
/// There is none, or what is wrong with its file.
pub fn find(files: &Files, word: &str) -> Result<Found, String> {
    let in_folder = Path::new(FOLDER).join(format!("{word}.json"));
    let path = match word.ends_with(".json") {
        true => PathBuf::from(word),
        false => in_folder,
    };
    let shown = path.display().to_string();
    if path.exists() || word.ends_with(".json") {
        let content =
            fs::read(&path).map_err(|error| format!("failed to read {shown}: {error}"))?;
        let folder = path.canonicalize().ok();
        let folder = folder.and_then(|path| path.parent().map(Path::to_owned));
        return Ok(Found {
            name: stem(&shown).to_owned(),
            file: TargetFile::parse(&shown, &content)?,
            folder,
        });
    }
    let known: Vec<(&str, &[u8])> = known(files).collect();
    match known.iter().find(|(name, _)| *name == word) {
        Some((name, content)) => Ok(Found {
            name: (*name).to_owned(),
            file: TargetFile::parse(&format!("{FOLDER}/{name}.json"), content)?,
            folder: None,
        }),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            Err(format!(
                "there is no target `{word}`{}: give a file that ends in .json, or one of {}",
                near_miss(word, names.iter().copied()),
                names.join(", ")
            ))
        }
    }
}

/// The targets that the program carries: name and content.
fn known(files: &Files) -> impl Iterator<Item = (&str, &[u8])> {
    let all = files.below(FOLDER, "json");
    // Deeper files are not targets but belong to one.
    all.filter(|(path, _)| path.matches('/').count() == 1)
        .map(|(path, content)| (stem(path), content))
}

fn stem(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.strip_suffix(".json").unwrap_or(name)
}

/// What is wrong with the targets that the program carries.
pub fn problems(files: &Files) -> Vec<crate::problem::Problem> {
    let found = known(files).filter_map(|(name, content)| {
        let path = format!("{FOLDER}/{name}.json");
        let message = TargetFile::parse(&path, content).err()?;
        Some(crate::problem::Problem::in_file(&path, message))
    });
    found.collect()
}

/// The schema of a target file, as the text of [`SCHEMA_PATH`].
pub fn schema() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<TargetFile>();
    schema.insert("title".to_owned(), "WAGI conformance target".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::Folders;

    fn parsed(text: &str) -> Result<TargetFile, String> {
        TargetFile::parse("t.json", text.as_bytes())
    }

    #[test]
    fn a_short_file_has_defaults() {
        let file = parsed(
            r#"{ "description": "A server.", "deployments": "wagi", "command": ["serve", "{config}"], "profiles": ["tls"] }"#,
        )
        .expect("a target");
        assert_eq!(file.ready.path, "/");
        assert_eq!(file.stop.signal, Signal::Terminate);
        assert_eq!(file.profiles, Some(BTreeSet::from([Profile::Tls])));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let with = |member: &str| {
            let text = format!(
                r#"{{ "description": "A server.", "deployments": "wagi", "profiles": [], {member} }}"#
            );
            parsed(&text).expect_err("a mistake")
        };
        for (member, message) in [
            (r#""comand": []"#, "unknown field `comand`"),
            (r#""command": []"#, "`command` has no words"),
            (r#""command": ["{confg}"]"#, "did you mean `config`?"),
            (r#""ready": { "seconds": 0 }"#, "it may be 0.1 to 600"),
            (r#""ready": { "path": "x" }"#, "a path begins with `/`"),
            (r#""stop": { "signal": "SIGHUP" }"#, "SIGTERM"),
        ] {
            let error = with(member);
            assert!(error.starts_with("t.json"), "{error}");
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn targets_are_found_by_name() {
        let files = Files::load(&Folders::default()).expect("embedded files");
        assert_eq!(problems(&files), []);
        let found = find(&files, "reference-server").expect("a target");
        assert_eq!(found.name, "reference-server");
        let error = find(&files, "node-wag").expect_err("no target");
        assert!(error.contains("did you mean `node-wagi`?"), "{error}");
        let error = find(&files, "none.json").expect_err("no file");
        assert!(error.starts_with("failed to read none.json"), "{error}");
    }
}
