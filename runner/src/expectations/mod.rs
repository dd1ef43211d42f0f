//! Which cases a target is expected to fail, and why: a file that its maintainer keeps, so that a
//! known failure does not hide a new one. `spec/expectations.md` describes it.
//!
//! [`read()`] makes it of the file's text, [`accept`] writes it anew from a run. What an expectation
//! does to a verdict stands in [`crate::run::standing`].

pub mod accept;
pub mod pattern;
mod read;
pub mod schema;

use std::collections::HashMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::CaseId;
use crate::run::event::Verdict;
use crate::spec::Level;
use crate::suite::Suite;
use pattern::Pattern;
pub use read::{Unfilled, read};

/// What a reason begins with that nobody has written yet.
pub const UNFILLED: &str = "TODO";

/// An expectations file, as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The schema of this file, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The expectations. No two of them name the same case.
    pub expectations: Vec<Entry>,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The cases it is about: an identifier, or a pattern, in which each `*` stands for any
    /// characters.
    pub cases: Pattern,
    /// What is expected of each of them.
    pub outcome: Outcome,
    /// Why, for those who read the report.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Where more is said about it, for example an issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(url)]
    pub link: Option<String>,
}

/// What is expected of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It fails. If it passes, the expectation is wrong.
    Fails,
    /// It fails in one run and passes in another: both are accepted.
    Flickers,
}

impl Entry {
    /// Whether someone has written the reason.
    pub fn is_filled(&self) -> bool {
        let reason = self.reason.trim();
        !reason.is_empty() && !reason.starts_with(UNFILLED)
    }

    /// The reason; before it, whether the case flickers.
    pub fn reason_in_words(&self) -> String {
        match self.outcome {
            Outcome::Fails => self.reason.clone(),
            Outcome::Flickers => format!("flickers: {}", self.reason),
        }
    }

    /// The same, and the link.
    pub fn why(&self) -> String {
        let link = self.link.as_ref();
        let link = link.map_or_else(String::new, |link| format!(" ({link})"));
        self.reason_in_words() + &link
    }
}

/// The expectations for a target, each case of the suite with the one entry that is about it.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    schema: Option<String>,
    entries: Vec<Arc<Entry>>,
    by_case: HashMap<CaseId, Arc<Entry>>,
}

impl Expectations {
    /// The entry that is about this case.
    pub fn of(&self, id: &CaseId) -> Option<&Arc<Entry>> {
        self.by_case.get(id)
    }

    /// A sentence about the entries of whose cases this run says nothing, since the target
    /// supports none of them; none if there are no such entries.
    pub fn idle(&self, verdicts: &HashMap<CaseId, Verdict>) -> Option<String> {
        let idle = self.entries.iter().filter(|entry| {
            let of_entry = self.by_case.iter().filter(|(_, of)| Arc::ptr_eq(of, entry));
            let mut verdicts = of_entry.map(|(id, _)| verdicts.get(id));
            verdicts.all(|verdict| verdict == Some(&Verdict::Unsupported))
        });
        let names: Vec<String> = idle.map(|entry| format!("`{}`", entry.cases)).collect();
        let text = format!(
            "the target supports none of the cases of these expectations, so that nothing is known of them: {}",
            names.join(", ")
        );
        (!names.is_empty()).then_some(text)
    }
}

/// Whether a case of this level can fail, so that something can be expected of it.
fn can_fail(level: Level) -> bool {
    level != Level::Observe
}

/// The cases of `suite` that `pattern` names and that can fail, in the order of the suite.
fn matched<'a>(suite: &'a Suite, pattern: &Pattern) -> Vec<&'a CaseId> {
    let cases = suite.cases.iter();
    cases
        .filter(|case| pattern.matches(case.id.as_str()) && can_fail(suite.level(case)))
        .map(|case| &case.id)
        .collect()
}
