//! A case: one behaviour of a server, as a request and the answers that a rule allows.
//!
//! The types here are the case format: they are read from `cases/`, written to an exported bundle,
//! and the schema is generated from them. `spec/cases.md` explains them in words.

pub mod bytes;
pub mod expect;
pub mod load;
pub(crate) mod locate;
pub mod matcher;
pub mod placeholder;
pub mod request;
pub mod schema;
pub mod table;
pub mod text_or;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{CaseId, RuleId};
use bytes::{Base64, Bytes, Repeat};
use matcher::True;
use request::Request;
use text_or::TextOr;

/// One case: what is deployed, what is sent, what must be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Where the schema of this file is, for editors.
    #[serde(rename = "$schema", default, skip_serializing)]
    pub schema: Option<String>,
    /// The identifier: the file's path below `cases/` without `.json` (and the row's name).
    pub id: CaseId,
    /// One sentence that says what a conforming server does.
    pub description: String,
    /// The rules it tests. The first is the one it is about and gives the case its level.
    pub rules: Vec<RuleId>,
    /// Cases (or tables: all their rows) that must pass, or else this case is blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prerequisites: Vec<CaseId>,
    /// The deployment it shares with other cases; `main` unless given.
    #[serde(default = "main_deployment")]
    pub deployment: String,
    /// The routes it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What else the server must be configured with.
    #[serde(default, skip_serializing_if = "ServerSettings::is_default")]
    pub server: ServerSettings,
    /// Whether the server must start with this configuration. Unless it must, the case gets a
    /// deployment of its own and runs only where the runner starts the server.
    #[serde(default, skip_serializing_if = "Start::is_default")]
    pub start: Start,
    /// The requests, in the order in which they are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
}

/// The name of the deployment that nearly every case shares.
pub const MAIN_DEPLOYMENT: &str = "main";

fn main_deployment() -> String {
    MAIN_DEPLOYMENT.to_owned()
}

/// One route: which guest serves which paths, and how it is started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The path, exact or ending in `/...`.
    pub route: String,
    /// The guest: a file of `guest-modules/` without its ending.
    pub guest: String,
    /// Profile `text-modules`: the module is deployed as WebAssembly text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
    /// Profile `entrypoints`: the export that is run instead of `_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Profile `argument-templates`: the template for the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<String>,
    /// Profile `volumes`: folders by the name under which the guest sees them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub volumes: IndexMap<String, Volume>,
}

/// A folder's content, entries by name; or the word `missing`: the host has no such folder. Beside
/// each folder stands a file `outside.txt`, which no guest may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a volume is an object of files by name, or \"missing\""
)]
pub enum Volume {
    /// The entries.
    Content(IndexMap<String, VolumeEntry>),
    /// There is no folder.
    Missing(Missing),
}

/// The word `missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// There is no folder.
    Missing,
}

/// A file with this content, or one of the object forms.
pub type VolumeEntry = TextOr<VolumeEntryForm>;

/// The object forms of [`VolumeEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeEntryForm {
    /// A file with these octets.
    Base64(Base64),
    /// A file with these octets.
    Repeat(Repeat),
    /// A file with these octets.
    Concat(Vec<Bytes>),
    /// A symbolic link to this path.
    Symlink(String),
    /// An empty folder.
    Directory(True),
}

/// What a server must be configured with beside its routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServerSettings {
    /// Profile `configured-environment`: variables for every guest.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// Profile `configured-environment`: lines of an environment file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_file: Vec<String>,
    /// Profile `tls`: the server speaks HTTP through TLS only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

/// Whether the server must start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// It starts, and answers the requests.
    #[default]
    Served,
    /// It refuses to start. There are no requests.
    Refused,
    /// It refuses to start, or answers the requests as demanded.
    MayRefuse,
}

impl ServerSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Start {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Case {
    /// The area: the folder that holds the case.
    pub fn area(&self) -> &str {
        self.id.area()
    }
}
