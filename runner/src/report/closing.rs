//! What a run amounts to, in a line.

use super::style::Ink;
use super::text::count;
use crate::run::event::{CaseRecord, Summary, Verdict};
use crate::spec::Level;

/// The verdict over the target, and how it stands out.
///
/// Only must cases decide; how many should cases failed is said behind it.
pub(super) fn closing(summary: &Summary) -> (Ink, String) {
    let number = |level: Option<Level>, verdict: Verdict| {
        let counts = |case: &&CaseRecord| {
            level.is_none_or(|level| case.level == level) && case.verdict == verdict
        };
        summary.records.iter().filter(counts).count()
    };
    let must = |verdict| number(Some(Level::Must), verdict);
    let skipped = number(None, Verdict::Skipped);
    if skipped == summary.records.len() {
        return (
            Ink::Doubtful,
            "nothing was run: no case is selected".to_owned(),
        );
    }
    let passed = must(Verdict::Passed);
    let failed = must(Verdict::Failed);
    let undone = must(Verdict::Error) + must(Verdict::Blocked);
    let (ink, verdict) = if failed > 0 {
        let rest = match undone {
            0 => String::new(),
            _ => format!(", and {undone} could not be judged"),
        };
        (
            Ink::Bad,
            format!(
                "does not conform: {} failed{rest}",
                count(failed, "must case")
            ),
        )
    } else if undone > 0 {
        (
            Ink::Bad,
            format!(
                "no verdict: {} could not be judged",
                count(undone, "must case")
            ),
        )
    } else if passed == 0 {
        (Ink::Doubtful, "no verdict: no must case was run".to_owned())
    } else if skipped > 0 {
        let verdict = format!(
            "conforms as far as it was tested: {} passed",
            count(passed, "must case")
        );
        (Ink::Good, verdict)
    } else {
        (
            Ink::Good,
            format!("conforms: every must case passed ({passed})"),
        )
    };
    let remark = match number(Some(Level::Should), Verdict::Failed) {
        0 => String::new(),
        failed => format!("; {} failed", count(failed, "should case")),
    };
    (ink, format!("{verdict}{remark}"))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn text(cases: &[(Level, Verdict)]) -> String {
        let records = cases
            .iter()
            .map(|(level, verdict)| CaseRecord {
                level: *level,
                verdict: *verdict,
                ..sample::record("routing/a", &["routing.a"], Verdict::Passed)
            })
            .collect();
        closing(&Summary {
            records,
            ..Summary::default()
        })
        .1
    }

    #[test]
    fn only_must_cases_decide() {
        use Level::{Must, Observe, Should};
        use Verdict::{Blocked, Error, Failed, Observed, Passed, Skipped, Unsupported};
        assert_eq!(text(&[]), "nothing was run: no case is selected");
        assert_eq!(
            text(&[(Must, Skipped)]),
            "nothing was run: no case is selected"
        );
        assert_eq!(
            text(&[(Must, Passed)]),
            "conforms: every must case passed (1)"
        );
        assert_eq!(
            text(&[(Must, Passed), (Should, Failed), (Must, Unsupported)]),
            "conforms: every must case passed (1); 1 should case failed"
        );
        assert_eq!(
            text(&[(Must, Passed), (Must, Skipped)]),
            "conforms as far as it was tested: 1 must case passed"
        );
        assert_eq!(
            text(&[(Observe, Observed)]),
            "no verdict: no must case was run"
        );
        assert_eq!(
            text(&[(Must, Blocked), (Must, Error), (Must, Passed)]),
            "no verdict: 2 must cases could not be judged"
        );
        assert_eq!(
            text(&[(Must, Failed), (Must, Error)]),
            "does not conform: 1 must case failed, and 1 could not be judged"
        );
    }
}
