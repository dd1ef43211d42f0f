//! What a run amounts to, in a line.

use super::style::Ink;
use super::text::count;
use crate::run::event::{CaseRecord, Conclusion, Summary, Verdict};
use crate::spec::Level;

/// The verdict over the target, and how it stands out. It agrees with [`Summary::conclusion`].
pub(super) fn closing(summary: &Summary) -> (Ink, String) {
    let (binding, name) = if summary.strict {
        ("must or should case", "must and should case")
    } else {
        ("must case", "must case")
    };
    let number = |verdicts: &[Verdict]| {
        let counts =
            |case: &&CaseRecord| summary.binds(case.level) && verdicts.contains(&case.verdict);
        summary.records.iter().filter(counts).count()
    };
    let all = |verdict: Verdict| {
        let with = summary
            .records
            .iter()
            .filter(|case| case.verdict == verdict);
        with.count()
    };
    let (passed, failed) = (number(&[Verdict::Passed]), number(&[Verdict::Failed]));
    let undone = number(&[Verdict::Error, Verdict::Blocked]);
    let (ink, verdict) = match summary.conclusion() {
        Conclusion::NothingRun => {
            let why = match all(Verdict::Unsupported) {
                0 => "no case is selected",
                _ => "the target supports none of the selected cases",
            };
            (Ink::Doubtful, format!("nothing was run: {why}"))
        }
        Conclusion::DoesNotConform | Conclusion::TargetGone if failed > 0 => {
            let rest = match undone {
                0 => String::new(),
                _ => format!(", and {undone} could not be judged"),
            };
            let verdict = format!("does not conform: {} failed{rest}", count(failed, binding));
            (Ink::Bad, verdict)
        }
        Conclusion::DoesNotConform | Conclusion::TargetGone => {
            let undone = undone.max(all(Verdict::Error));
            let verdict = format!("no verdict: {} could not be judged", count(undone, "case"));
            (Ink::Bad, verdict)
        }
        Conclusion::Conforms if passed == 0 => {
            (Ink::Doubtful, format!("no verdict: no {binding} was run"))
        }
        Conclusion::Conforms if all(Verdict::Skipped) > 0 => {
            let verdict = format!(
                "conforms as far as it was tested: {} passed",
                count(passed, binding)
            );
            (Ink::Good, verdict)
        }
        Conclusion::Conforms => match number(&[Verdict::Unsupported]) {
            0 => (
                Ink::Good,
                format!("conforms: every {name} passed ({passed})"),
            ),
            unsupported => {
                let verdict = format!(
                    "conforms in what it supports: {} passed, {unsupported} are unsupported",
                    count(passed, binding)
                );
                (Ink::Good, verdict)
            }
        },
    };
    let failed_should = |case: &&CaseRecord| {
        case.level == Level::Should && case.verdict == Verdict::Failed && !summary.strict
    };
    let remark = match summary.records.iter().filter(failed_should).count() {
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
            "conforms in what it supports: 1 must case passed, 1 are unsupported; 1 should case \
             failed"
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
            "no verdict: 2 cases could not be judged"
        );
        assert_eq!(
            text(&[(Must, Failed), (Must, Error)]),
            "does not conform: 1 must case failed, and 1 could not be judged"
        );
    }
}
