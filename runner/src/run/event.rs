//! What happens in a run, as one stream of events: executor and reports meet only here.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::standing::Standing;
use crate::expectations::Entry;
use crate::id::{CaseId, RuleId};
use crate::judge::Finding;
use crate::spec::Level;

/// One event of a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first event.
    RunStarted {
        /// What is tested: an URL, or the bundled server.
        target: String,
        /// How many cases were selected.
        selected: usize,
        /// Whether should counts as must.
        strict: bool,
    },
    /// A selected case begins.
    CaseStarted(CaseId),
    /// A case has its verdict. Each case of the suite has exactly one such event, those not
    /// selected too.
    CaseFinished(Box<CaseRecord>),
    /// Something that concerns the run as a whole, in a sentence: the target is gone, and after
    /// which cases.
    Notice(String),
    /// Something that the run owes beside its cases, in a sentence: the target claims a profile of
    /// which no case can run, a server ended, the run was interrupted.
    Shortfall(String),
    /// The last event.
    RunFinished {
        /// From start to end.
        duration: Duration,
    },
}

/// A case and its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRecord {
    /// The case.
    pub id: CaseId,
    /// Its level: that of its first rule.
    pub level: Level,
    /// Its rules.
    pub rules: Vec<RuleId>,
    /// The verdict.
    pub verdict: Verdict,
    /// The expectation that accounts for it: its own; if it has none and is blocked, that of the case
    /// that blocks it.
    pub expected: Option<Arc<Entry>>,
    /// Why, where the exchanges do not say it: what blocks it, what it would need, what went wrong.
    pub reason: Option<String>,
    /// For observed cases: the behaviours, one for each observing request.
    pub behaviours: Vec<String>,
    /// What was sent and received, in the order of the requests.
    pub exchanges: Vec<ExchangeRecord>,
    /// From the first octet sent to the last received.
    pub duration: Duration,
}

/// One request of a case and what its answer showed.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeRecord {
    /// The request's place in the case, from 0.
    pub request: usize,
    /// Which of its copies this is, from 0.
    pub copy: usize,
    /// A command for `sh` that sends the same request.
    pub command: String,
    /// What was received, in a line.
    pub received: String,
    /// What it showed.
    pub finding: Finding,
    /// From the first octet sent to the last received.
    pub duration: Duration,
}

/// What is known of a case after a run. `spec/cases.md` defines each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every answer is allowed.
    Passed,
    /// Some answer is not allowed.
    Failed,
    /// A prerequisite did not pass.
    Blocked,
    /// The target does not offer what the case needs.
    Unsupported,
    /// Nothing is demanded: it is recorded what was seen.
    Observed,
    /// It was not selected.
    Skipped,
    /// It could not be carried out.
    Error,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::Failed,
        Self::Blocked,
        Self::Unsupported,
        Self::Observed,
        Self::Skipped,
        Self::Error,
    ];

    /// The name as reports have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Unsupported => "unsupported",
            Self::Observed => "observed",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

/// The records of a run, and what they amount to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What was tested.
    pub target: String,
    /// Whether should counts as must.
    pub strict: bool,
    /// The records, in the order in which the cases finished.
    pub records: Vec<CaseRecord>,
    /// The notices.
    pub notices: Vec<String>,
    /// What the run owes beside its cases.
    pub shortfalls: Vec<String>,
    /// How long the run took.
    pub duration: Duration,
}

impl Summary {
    /// Takes up one event.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted { target, strict, .. } => {
                self.target.clone_from(target);
                self.strict = *strict;
            }
            Event::CaseFinished(record) => self.records.push((**record).clone()),
            Event::Notice(notice) => self.notices.push(notice.clone()),
            Event::Shortfall(shortfall) => self.shortfalls.push(shortfall.clone()),
            Event::RunFinished { duration } => self.duration = *duration,
            Event::CaseStarted(_) => {}
        }
    }

    /// Whether a case of this level must pass for the target to conform.
    pub fn binds(&self, level: Level) -> bool {
        level == Level::Must || (self.strict && level == Level::Should)
    }

    /// Whether this case makes the run fail.
    pub fn is_unexpected(&self, record: &CaseRecord) -> bool {
        record.is_unexpected(self.binds(record.level))
    }

    /// What the run amounts to.
    pub fn conclusion(&self) -> Conclusion {
        let standings = || self.records.iter().map(CaseRecord::standing);
        let unexpected = |standing: Standing| {
            let mut records = self.records.iter();
            records.any(|case| case.standing() == standing && self.is_unexpected(case))
        };
        let is_accounted_for = |case: &CaseRecord| {
            let short = matches!(case.verdict, Verdict::Failed | Verdict::Blocked);
            short && self.binds(case.level)
        };
        if unexpected(Standing::Error) {
            Conclusion::TargetGone
        } else if unexpected(Standing::Failed) || unexpected(Standing::Blocked) {
            Conclusion::DoesNotConform
        } else if unexpected(Standing::UnexpectedPass) || !self.shortfalls.is_empty() {
            Conclusion::NotAsExpected
        } else if standings()
            .all(|standing| matches!(standing, Standing::Skipped | Standing::Unsupported))
        {
            Conclusion::NothingRun
        } else if self.records.iter().any(is_accounted_for) {
            Conclusion::AsExpected
        } else {
            Conclusion::Conforms
        }
    }

    /// How many cases have each standing.
    pub fn counts(&self) -> IndexMap<Standing, usize> {
        let count = |standing| {
            let records = self.records.iter();
            records.filter(|case| case.standing() == standing).count()
        };
        Standing::ALL
            .into_iter()
            .map(|standing| (standing, count(standing)))
            .collect()
    }
}

/// What a run amounts to: this decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Every case that binds and ran has passed.
    Conforms,
    /// Every case that binds and ran has passed, or failed as expected.
    AsExpected,
    /// Some case that binds failed or is blocked, and nobody expected it.
    DoesNotConform,
    /// Nothing failed unexpectedly, but an expectation or a claim is wrong: some case that is expected
    /// to fail passed, or the target falls short beside its cases.
    NotAsExpected,
    /// Some case could not be carried out: the target could not be reached, or is gone.
    TargetGone,
    /// No case was run.
    NothingRun,
}
