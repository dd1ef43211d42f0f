//! What a run amounts to, in a line.

use super::style::Ink;
use super::text::count;
use crate::run::event::{CaseRecord, Conclusion, Summary};
use crate::run::standing::Standing;
use crate::spec::Level;

/// The verdict over the target, and how it stands out. It agrees with [`Summary::conclusion`].
pub(super) fn closing(summary: &Summary) -> (Ink, String) {
    let (binding, name) = if summary.strict {
        ("must or should case", "must and should case")
    } else {
        ("must case", "must case")
    };
    let counted = |counts: &dyn Fn(&CaseRecord) -> bool| {
        let records = summary.records.iter();
        records.filter(|case| counts(case)).count()
    };
    let all = |standing: Standing| counted(&|case| case.standing() == standing);
    let number = |standing: Standing| {
        counted(&|case| summary.binds(case.level) && case.standing() == standing)
    };
    let (passed, failed) = (number(Standing::Passed), number(Standing::Failed));
    let undone = counted(&|case| {
        let undone = matches!(case.standing(), Standing::Error | Standing::Blocked);
        summary.binds(case.level) && undone && summary.is_unexpected(case)
    });
    let (ink, verdict) = match summary.conclusion() {
        Conclusion::NothingRun => {
            let why = match all(Standing::Unsupported) {
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
            let undone = undone.max(all(Standing::Error));
            let verdict = format!("no verdict: {} could not be judged", count(undone, "case"));
            (Ink::Bad, verdict)
        }
        Conclusion::NotAsExpected => (Ink::Bad, "not as expected".to_owned()),
        Conclusion::AsExpected => {
            let verdict = format!("as expected: {} passed", count(passed, binding));
            (Ink::Doubtful, verdict)
        }
        Conclusion::Conforms if passed == 0 => {
            (Ink::Doubtful, format!("no verdict: no {binding} was run"))
        }
        Conclusion::Conforms if all(Standing::Skipped) > 0 => {
            let verdict = format!(
                "conforms as far as it was tested: {} passed",
                count(passed, binding)
            );
            (Ink::Good, verdict)
        }
        Conclusion::Conforms => match number(Standing::Unsupported) {
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
    let other_failed = counted(&|case| {
        case.level == Level::Should && !summary.strict && case.standing() == Standing::Failed
    });
    let remarks = [
        (other_failed, "should case", "failed"),
        (all(Standing::ExpectedFailure), "case", "failed as expected"),
        (all(Standing::UnexpectedPass), "case", "passed unexpectedly"),
        (summary.shortfalls.len(), "shortfall", "told above"),
    ];
    let remarks = remarks
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, thing, what)| format!("; {} {what}", count(number, thing)));
    (ink, format!("{verdict}{}", remarks.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::expectations::Outcome;
    use crate::run::event::Verdict;

    fn closing_of(records: Vec<CaseRecord>) -> String {
        let summary = Summary {
            records,
            ..Summary::default()
        };
        closing(&summary).1
    }

    fn with(level: Level, verdict: Verdict) -> CaseRecord {
        CaseRecord {
            level,
            ..sample::record("routing/a", &["routing.a"], verdict)
        }
    }

    fn text(cases: &[(Level, Verdict)]) -> String {
        let records = cases.iter().map(|(level, verdict)| with(*level, *verdict));
        closing_of(records.collect())
    }

    #[test]
    fn what_was_expected_does_not_count() {
        use Level::{May, Must, Should};
        use Verdict::{Blocked, Failed, Passed};
        let expected = |level, verdict| CaseRecord {
            expected: sample::expected("*", Outcome::Fails, "known", None),
            ..with(level, verdict)
        };
        assert_eq!(
            closing_of(vec![
                with(Must, Passed),
                expected(Must, Failed),
                expected(Must, Blocked),
            ]),
            "as expected: 1 must case passed; 1 case failed as expected"
        );
        assert_eq!(
            closing_of(vec![with(Must, Passed), expected(Should, Failed)]),
            "conforms: every must case passed (1); 1 case failed as expected"
        );
        assert_eq!(
            closing_of(vec![with(Must, Passed), expected(May, Passed)]),
            "not as expected; 1 case passed unexpectedly"
        );
        assert_eq!(
            closing_of(vec![with(Must, Failed), expected(Must, Failed)]),
            "does not conform: 1 must case failed; 1 case failed as expected"
        );
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
