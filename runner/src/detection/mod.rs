//! What the suite detects: the results of a run over all mutants, what they must show, and the
//! page that publishes them.
//!
//! Running mutants takes minutes and a build of its own, so the results are a file of the
//! specification's folder, from which everything else here is derived: a build without mutants
//! can check and print them.

mod figures;
mod gates;
mod held;
mod page;
mod text;

use std::collections::HashMap;

use indexmap::IndexMap;
use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::CaseId;
use crate::null_score::NullScore;
use crate::problem::Problem;
use crate::spec::Level;
use crate::suite::files::{self, Files};
use crate::suite::{Suite, file_of};

pub use gates::{mutant_problems, problems};
pub use held::{Fresh, Held};
pub use page::page;
pub use text::{line, text};

/// Where the results stand, as a path from the suite's root.
pub const PATH: &str = "spec/detection.json";

/// Where the results of `null-score` stand.
const NULL_SCORE_PATH: &str = "spec/null-score.json";

/// Where the results of a generic mutation tool stand.
const GENERIC_PATH: &str = "spec/cargo-mutants.json";

/// Where the page stands.
pub const PAGE_PATH: &str = "spec/detection.md";

/// The results of a run over mutants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Which cases each mutant met.
    pub extent: Extent,
    /// The mutants in the order of the chapters.
    pub mutants: Vec<Tried>,
    /// The files of cases in the order of the suite.
    pub cases: Vec<Tally>,
}

/// Everything that is published about what the suite detects.
#[derive(Clone, Debug)]
pub struct Published {
    /// The results of a run over mutants.
    pub detection: Detection,
    /// What servers that are none pass.
    pub null_score: Option<NullScore>,
    /// What a generic mutation tool found.
    pub generic: Option<Generic>,
}

/// The result of generic mutation of the reference server, with the suite as the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generic {
    /// The tool and its version.
    pub tool: String,
    /// The command that was run.
    pub command: String,
    /// How many mutants were caught by a failure.
    pub caught: usize,
    /// How many were caught since the suite did not end.
    pub timed_out: usize,
    /// How many could not be built.
    pub unviable: usize,
    /// Those that were missed.
    pub missed: Vec<Missed>,
}

/// A generic mutant that no case detects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// The mutant, as the tool names it.
    pub mutant: String,
    /// Why no case can, or need, detect it.
    pub reason: String,
}

/// Which cases a mutant meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// All.
    Full,
    /// Those that cite its rule, up to the first that fails; only if none does, all.
    Fast,
}

/// A mutant that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The mutant's name.
    pub name: String,
    /// The rule that it breaks.
    pub rule: String,
    /// The real-world mistake that it imitates, in a sentence.
    pub imitates: String,
    /// The cases that failed, in the order of the suite.
    pub kills: Vec<Kill>,
    /// What else is to be known of it: that it did not start, that it took too long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The failed cases of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The file's identifier: that of the case, or of the table.
    pub case: String,
    /// How many of its cases failed.
    pub rows: usize,
    /// Their level.
    pub level: Level,
    /// Whether they cite the rule that the mutant breaks.
    pub cites: bool,
}

/// What one file of cases detects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// The file's identifier: that of the case, or of the table.
    pub case: String,
    /// Of the file's content and its cases' levels when they ran, so that a change shows.
    pub digest: String,
    /// What each case detects: a mutant that it kills, and of several the one that the fewest cases
    /// kill. The name is that of the table's row; of a file that is no table, its identifier.
    pub detects: IndexMap<String, Option<String>>,
}

impl Tried {
    /// The failed cases that cite the rule which the mutant breaks.
    pub fn own(&self) -> impl Iterator<Item = &Kill> {
        self.kills.iter().filter(|kill| kill.cites)
    }

    /// The failed must cases of other rules. One fault should light one lamp: these are others.
    pub fn collateral(&self) -> impl Iterator<Item = &Kill> {
        let kills = self.kills.iter();
        kills.filter(|kill| !kill.cites && kill.level == Level::Must)
    }

    /// How many cases failed.
    pub fn rows(&self) -> usize {
        self.kills.iter().map(|kill| kill.rows).sum()
    }

    /// Whether a case that cites its rule has killed it.
    pub fn is_killed(&self) -> bool {
        self.own().next().is_some()
    }
}

impl Tally {
    /// The tallies of all files, if each of the cases `detecting` kills the mutant named there.
    pub fn all(suite: &Suite, detecting: &HashMap<CaseId, String>) -> Vec<Self> {
        let mut tallies: IndexMap<&str, (Context, Self)> = IndexMap::new();
        for case in &suite.cases {
            let (digest, tally) = tallies.entry(case.id.file()).or_insert_with(|| {
                let mut digest = Context::new(&SHA256);
                digest.update(suite.files.get(&file_of(case)).unwrap_or_default());
                let tally = Self {
                    case: case.id.file().to_owned(),
                    digest: String::new(),
                    detects: IndexMap::new(),
                };
                (digest, tally)
            });
            digest.update(suite.level(case).to_string().as_bytes());
            let mutant = detecting.get(&case.id).cloned();
            tally.detects.insert(case.id.row().to_owned(), mutant);
        }
        let finish = |(digest, tally): (Context, Self)| Self {
            digest: short(digest),
            ..tally
        };
        tallies.into_values().map(finish).collect()
    }

    /// The cases that kill no mutant.
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        let cases = self.detects.iter();
        cases
            .filter(|(_, mutant)| mutant.is_none())
            .map(|(name, _)| name.as_str())
    }

    /// Whether it is a table of cases.
    pub fn is_table(&self) -> bool {
        !self.detects.contains_key(&self.case)
    }
}

/// Enough of a digest to tell versions of a file apart.
fn short(digest: Context) -> String {
    let digest = digest.finish();
    let octets = digest.as_ref().iter().take(8);
    octets.map(|octet| format!("{octet:02x}")).collect()
}

impl Published {
    /// Reads what is published, if there are results at all.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub fn read(files: &Files) -> Result<Option<Self>, Problem> {
        let Some(detection) = read(files, PATH)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            detection,
            null_score: read(files, NULL_SCORE_PATH)?,
            generic: read(files, GENERIC_PATH)?,
        }))
    }
}

/// The JSON document at `path`, if there is one.
fn read<T: DeserializeOwned>(files: &Files, path: &str) -> Result<Option<T>, Problem> {
    let Some(content) = files.get(path) else {
        return Ok(None);
    };
    let text = files::text(path, content)?;
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| Problem::at_line(path, error.line(), format!("{error}: write it anew")))
}

impl Detection {
    /// A mutant that a case kills, if there is one: of several the one that the fewest cases kill.
    pub fn detected_by(&self, id: &CaseId) -> Option<&Tried> {
        let tally = self.cases.iter().find(|tally| tally.case == id.file())?;
        let name = tally.detects.get(id.row())?.as_ref()?;
        self.mutants.iter().find(|mutant| mutant.name == *name)
    }

    /// The results as JSON, with a line for each mutant and each file of cases, so that a change
    /// of one shows as a change of one line.
    ///
    /// # Errors
    /// There are none but those of the library.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        fn lines<T: Serialize>(items: &[T]) -> Result<String, serde_json::Error> {
            let lines: Result<Vec<_>, _> = items.iter().map(serde_json::to_string).collect();
            Ok(lines?.join(",\n    "))
        }
        Ok(format!(
            "{{\n  \"extent\": {},\n  \"mutants\": [\n    {}\n  ],\n  \"cases\": [\n    {}\n  ]\n}}\n",
            serde_json::to_string(&self.extent)?,
            lines(&self.mutants)?,
            lines(&self.cases)?,
        ))
    }
}

/// How the results are written.
const COMMAND: &str = "cargo run --features mutants -- mutants --update --format json > detection.json && mv detection.json spec/";
