//! What a case amounts to once its verdict is held against what was expected of it. Summary, reports
//! and exit code all follow from this.

use serde::{Deserialize, Serialize};

use super::event::{CaseRecord, Verdict};
use crate::expectations::Outcome;
use crate::report::text::count;

/// How a case stands. `spec/expectations.md` defines each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It passed, and nothing else was expected.
    Passed,
    /// It failed, which nobody expected.
    Failed,
    /// It failed, as expected.
    ExpectedFailure,
    /// It passed, though it was expected to fail.
    UnexpectedPass,
    /// A prerequisite did not pass.
    Blocked,
    /// The target does not offer what it needs.
    Unsupported,
    /// Nothing is demanded: it is recorded what was seen.
    Observed,
    /// It was not selected.
    Skipped,
    /// It could not be carried out.
    Error,
}

impl Standing {
    /// Each of them, in the order in which reports list them.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Failed,
        Self::ExpectedFailure,
        Self::UnexpectedPass,
        Self::Blocked,
        Self::Unsupported,
        Self::Observed,
        Self::Skipped,
        Self::Error,
    ];

    /// How a case with this verdict stands, of which this was expected.
    pub fn of(verdict: Verdict, expected: Option<Outcome>) -> Self {
        match (verdict, expected) {
            (Verdict::Passed, Some(Outcome::Fails)) => Self::UnexpectedPass,
            (Verdict::Passed, Some(Outcome::Flickers) | None) => Self::Passed,
            (Verdict::Failed, Some(_)) => Self::ExpectedFailure,
            (Verdict::Failed, None) => Self::Failed,
            (Verdict::Blocked, _) => Self::Blocked,
            (Verdict::Unsupported, _) => Self::Unsupported,
            (Verdict::Observed, _) => Self::Observed,
            (Verdict::Skipped, _) => Self::Skipped,
            (Verdict::Error, _) => Self::Error,
        }
    }

    /// The name as reports for people have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::ExpectedFailure => "expected failure",
            Self::UnexpectedPass => "unexpected pass",
            Self::Blocked => "blocked",
            Self::Unsupported => "unsupported",
            Self::Observed => "observed",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }

    /// So many cases of this standing, in words.
    pub fn counted(self, number: usize) -> String {
        match self {
            Self::ExpectedFailure => count(number, "expected failure"),
            Self::UnexpectedPass if number != 1 => format!("{number} unexpected passes"),
            _ => format!("{number} {}", self.as_str()),
        }
    }
}

impl CaseRecord {
    /// How the case stands.
    pub fn standing(&self) -> Standing {
        let expected = self.expected.as_ref().map(|entry| entry.outcome);
        Standing::of(self.verdict, expected)
    }

    /// Whether the case counts against the target, if its level binds. What is expected does not;
    /// nor does a case that is blocked by an expected failure. An expectation that is wrong does at
    /// any level.
    pub fn is_unexpected(&self, binds: bool) -> bool {
        match self.standing() {
            Standing::UnexpectedPass | Standing::Error => true,
            Standing::Failed => binds,
            Standing::Blocked => binds && self.expected.is_none(),
            Standing::Passed
            | Standing::ExpectedFailure
            | Standing::Unsupported
            | Standing::Observed
            | Standing::Skipped => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Conclusion, Summary};
    use super::*;
    use crate::report::sample;
    use crate::spec::Level;

    #[test]
    fn a_verdict_is_held_against_what_was_expected() {
        use Outcome::{Fails, Flickers};
        let of = |verdict| [None, Some(Fails), Some(Flickers)].map(|it| Standing::of(verdict, it));
        assert_eq!(
            of(Verdict::Passed),
            [Standing::Passed, Standing::UnexpectedPass, Standing::Passed]
        );
        assert_eq!(
            of(Verdict::Failed),
            [
                Standing::Failed,
                Standing::ExpectedFailure,
                Standing::ExpectedFailure
            ]
        );
        // Nothing can be said of a case that did not run, whatever was expected.
        for (verdict, standing) in [
            (Verdict::Blocked, Standing::Blocked),
            (Verdict::Unsupported, Standing::Unsupported),
            (Verdict::Observed, Standing::Observed),
            (Verdict::Skipped, Standing::Skipped),
            (Verdict::Error, Standing::Error),
        ] {
            assert_eq!(of(verdict), [standing; 3]);
        }
    }

    fn conclusion(strict: bool, cases: &[(Level, Verdict, Option<Outcome>)]) -> Conclusion {
        let records = cases.iter().map(|(level, verdict, outcome)| CaseRecord {
            level: *level,
            expected: outcome.and_then(|outcome| sample::expected("*", outcome, "known", None)),
            ..sample::record("routing/a", &["routing.a"], *verdict)
        });
        let summary = Summary {
            strict,
            records: records.collect(),
            ..Summary::default()
        };
        summary.conclusion()
    }

    #[test]
    fn only_what_is_unexpected_fails_a_run() {
        use Conclusion::{AsExpected, Conforms, DoesNotConform, NotAsExpected, TargetGone};
        use Level::{May, Must, Should};
        use Outcome::{Fails, Flickers};
        use Verdict::{Blocked, Error, Failed, Passed};
        for (case, lax, strict) in [
            ((Must, Failed, None), DoesNotConform, DoesNotConform),
            ((Should, Failed, None), Conforms, DoesNotConform),
            ((May, Failed, None), Conforms, Conforms),
            ((Must, Failed, Some(Fails)), AsExpected, AsExpected),
            ((Must, Failed, Some(Flickers)), AsExpected, AsExpected),
            ((Should, Failed, Some(Fails)), Conforms, AsExpected),
            ((Must, Blocked, None), DoesNotConform, DoesNotConform),
            ((Must, Blocked, Some(Fails)), AsExpected, AsExpected),
            ((Should, Blocked, None), Conforms, DoesNotConform),
            // An expectation that is wrong counts at any level.
            ((Must, Passed, Some(Fails)), NotAsExpected, NotAsExpected),
            ((May, Passed, Some(Fails)), NotAsExpected, NotAsExpected),
            ((Must, Passed, Some(Flickers)), Conforms, Conforms),
            // No expectation excuses a target that is gone.
            ((May, Error, Some(Fails)), TargetGone, TargetGone),
        ] {
            let cases = [case, (Must, Passed, None)];
            assert_eq!(conclusion(false, &cases), lax, "{case:?}");
            assert_eq!(conclusion(true, &cases), strict, "{case:?}, strict");
        }
    }

    #[test]
    fn a_shortfall_fails_a_run() {
        let summary = Summary {
            records: vec![sample::record("routing/a", &["routing.a"], Verdict::Passed)],
            shortfalls: vec!["it claims too much".to_owned()],
            ..Summary::default()
        };
        assert_eq!(summary.conclusion(), Conclusion::NotAsExpected);
    }
}
