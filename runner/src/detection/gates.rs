//! What the results must show.

use std::collections::{HashMap, HashSet};

use super::{Detection, Extent, PATH, Tally, Tried};
use crate::case::Case;
use crate::id::CaseId;
use crate::problem::Problem;
use crate::spec::Level;
use crate::suite::{Suite, file_of};

/// Whether every must and should rule has a mutant, one of those that break `broken`, or a reason
/// why it has none.
fn rule_problems<'a>(suite: &Suite, broken: impl IntoIterator<Item = &'a str>) -> Vec<Problem> {
    let broken: HashSet<&str> = broken.into_iter().collect();
    let rules = suite.specification.rules.values();
    rules
        .filter_map(|rule| {
            let binds = binds(rule.level);
            let message = match (&rule.mutant_waiver, broken.contains(rule.id.as_str())) {
                (Some(_), true) => "says why it has no mutant although one breaks it",
                (Some(_), false) if !binds => "says why it has no mutant, but needs none",
                // What no client can see, no case can detect.
                (None, false) if binds && rule.waiver.is_none() => {
                    "has neither a mutant nor a waiver (a paragraph `*No mutant:* reason`)"
                }
                _ => return None,
            };
            let message = format!("rule `{}` {message}", rule.id);
            Some(Problem::at_line(&rule.file, rule.line, message))
        })
        .collect()
}

/// Whether every mutant was killed by a case that cites its rule.
pub fn mutant_problems(mutants: &[Tried]) -> Vec<Problem> {
    let survivors = mutants.iter().filter(|mutant| !mutant.is_killed());
    survivors
        .map(|mutant| {
            let others = if mutant.kills.is_empty() {
                "no case fails"
            } else {
                "no case fails that cites it"
            };
            let message = format!(
                "mutant `{}` breaks rule `{}`, but {others}",
                mutant.name, mutant.rule
            );
            Problem::in_file("mutants", message)
        })
        .collect()
}

/// Everything that is wrong with the results of a run over all mutants.
pub fn problems(suite: &Suite, detection: &Detection) -> Vec<Problem> {
    let broken = detection.mutants.iter().map(|mutant| mutant.rule.as_str());
    let mut problems = rule_problems(suite, broken);
    problems.extend(mutant_problems(&detection.mutants));
    if detection.extent == Extent::Full {
        problems.extend(case_problems(suite, &detection.cases));
    }
    problems
}

/// Whether every case that has to kill a mutant does.
fn case_problems(suite: &Suite, tallies: &[Tally]) -> Vec<Problem> {
    let (cases, killing) = killing(suite, tallies);
    let idle = cases.iter().filter(|case| !killing.contains(&case.id));
    idle.map(|case| {
        Problem::in_file(
            &file_of(case),
            format!("case `{}` kills no mutant", case.id),
        )
    })
    .collect()
}

/// The cases that have to kill a mutant: must and should cases, but for those about a rule that says
/// why it has none; and those of them that do.
pub(super) fn killing<'a>(
    suite: &'a Suite,
    tallies: &[Tally],
) -> (Vec<&'a Case>, HashSet<&'a CaseId>) {
    let idle: HashSet<(&str, &str)> = tallies
        .iter()
        .flat_map(|tally| tally.idle().map(|name| (tally.case.as_str(), name)))
        .collect();
    let breakable = |case: &&Case| {
        let rule = case.rules.first();
        let rule = rule.and_then(|id| suite.specification.rules.get(id));
        rule.is_some_and(|rule| binds(rule.level) && rule.mutant_waiver.is_none())
    };
    let cases: Vec<&Case> = suite.cases.iter().filter(breakable).collect();
    let killing = cases.iter().map(|case| &case.id);
    let killing = killing.filter(|id| !idle.contains(&(id.file(), id.row())));
    let killing = killing.collect();
    (cases, killing)
}

/// Whether a server that breaks rules of this level does not conform, or only for a good reason.
pub(super) fn binds(level: Level) -> bool {
    matches!(level, Level::Must | Level::Should)
}

impl Detection {
    /// What about the results is no longer so: cases that came, went or changed, and what the gates
    /// say.
    pub fn stale(&self, suite: &Suite) -> Vec<Problem> {
        let mut problems = problems(suite, self);
        if self.extent != Extent::Full {
            problems.push(Problem::in_file(
                PATH,
                "is of a run that did not meet all cases",
            ));
        }
        let version = |tally: &Tally| (tally.case.clone(), tally.digest.clone());
        let now = Tally::all(suite, &HashMap::new());
        let now: Vec<_> = now.iter().map(version).collect();
        let then: Vec<_> = self.cases.iter().map(version).collect();
        if let Some((file, _)) = differing(&then, &now) {
            problems.push(stale(&format!("case `{file}` came, went or changed")));
        }
        problems
    }

    /// What about the results does not agree with the mutants that there are: name, rule and
    /// sentence of each.
    pub fn disagrees(&self, now: &[(&str, &str, &str)]) -> Option<Problem> {
        let then: Vec<_> = self
            .mutants
            .iter()
            .map(|mutant| {
                let Tried {
                    name,
                    rule,
                    imitates,
                    ..
                } = mutant;
                (name.as_str(), rule.as_str(), imitates.as_str())
            })
            .collect();
        let (name, ..) = differing(&then, now)?;
        Some(stale(&format!("mutant `{name}` came, went or changed")))
    }
}

fn stale(what: &str) -> Problem {
    Problem::in_file(
        PATH,
        format!("is stale, as {what}: write it anew, `{}`", super::COMMAND),
    )
}

/// The first item that only one of two lists has in its place.
fn differing<T: Clone + PartialEq>(left: &[T], right: &[T]) -> Option<T> {
    let place = (0..left.len().max(right.len())).find(|&place| left.get(place) != right.get(place));
    let place = place?;
    // Of a list that lost an item the other one tells; of one that gained one, so does it.
    let (now, then) = (right.get(place), left.get(place));
    match (now, then) {
        (Some(now), Some(then)) if left.contains(now) => Some(then.clone()),
        (Some(now), _) => Some(now.clone()),
        (None, then) => then.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kill;
    use super::*;
    use crate::suite::files::Folders;

    const RULE: &str = "routing.exact.own-path";

    fn mutant(name: &str, kills: &[(&str, bool)]) -> Tried {
        Tried {
            name: name.to_owned(),
            rule: RULE.to_owned(),
            imitates: "A mistake.".to_owned(),
            kills: kills
                .iter()
                .map(|(case, cites)| Kill {
                    case: (*case).to_owned(),
                    rows: 1,
                    level: Level::Must,
                    cites: *cites,
                })
                .collect(),
            notes: Vec::new(),
        }
    }

    fn suite() -> Suite {
        Suite::load(&Folders::default()).expect("the suite")
    }

    fn detection(suite: &Suite) -> Detection {
        let all = suite.cases.iter();
        let detecting = all.map(|case| (case.id.clone(), "routing/one".to_owned()));
        Detection {
            extent: Extent::Full,
            mutants: vec![mutant("routing/one", &[("routing/hello", true)])],
            cases: Tally::all(suite, &detecting.collect()),
        }
    }

    fn messages(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_mutant_is_killed_only_by_a_case_that_cites_its_rule() {
        let mutants = [
            mutant("routing/one", &[("routing/a", false), ("routing/b", true)]),
            mutant("routing/two", &[("routing/a", false)]),
            mutant("routing/three", &[]),
        ];
        assert_eq!(
            messages(&mutant_problems(&mutants)),
            [
                format!(
                    "mutants: mutant `routing/two` breaks rule `{RULE}`, but no case fails that cites it"
                ),
                format!("mutants: mutant `routing/three` breaks rule `{RULE}`, but no case fails"),
            ]
        );
    }

    #[test]
    fn every_rule_that_binds_needs_a_mutant_or_a_reason() {
        let mut suite = suite();
        let rules = &mut suite.specification.rules;
        rules.retain(|_, rule| rule.level == Level::Must && rule.waiver.is_none());
        rules.truncate(3);
        let ids: Vec<String> = rules.keys().map(ToString::to_string).collect();
        for (rule, waiver) in rules.values_mut().zip([Some("A reason."), None, None]) {
            rule.mutant_waiver = waiver.map(str::to_owned);
        }
        let broken = |ids: &[String]| {
            let problems = rule_problems(&suite, ids.iter().map(String::as_str));
            messages(&problems)
                .iter()
                .map(|message| {
                    message
                        .split(": rule ")
                        .nth(1)
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(broken(&ids[1..]), [""; 0]);
        assert_eq!(
            broken(&ids[..2]),
            [
                format!(
                    "`{}` says why it has no mutant although one breaks it",
                    ids[0]
                ),
                format!(
                    "`{}` has neither a mutant nor a waiver (a paragraph `*No mutant:* reason`)",
                    ids[2]
                ),
            ]
        );
    }

    #[test]
    fn every_case_that_binds_kills_a_mutant() {
        let suite = suite();
        let of_level = |level| {
            let mut cases = suite.cases.iter();
            cases
                .find(|case| suite.level(case) == level)
                .expect("a case")
        };
        let killing = of_level(Level::Must);
        let detecting = HashMap::from([(killing.id.clone(), "routing/one".to_owned())]);
        let problems = case_problems(&suite, &Tally::all(&suite, &detecting));
        let problems = messages(&problems);
        let idle = |id: &CaseId| {
            let end = format!(": case `{id}` kills no mutant");
            problems.iter().any(|problem| problem.ends_with(&end))
        };
        assert!(!idle(&killing.id));
        assert!(idle(&of_level(Level::Should).id));
        assert!(!idle(&of_level(Level::Observe).id));
    }

    #[test]
    fn results_of_other_cases_or_mutants_are_stale() {
        let suite = suite();
        let results = detection(&suite);
        let json = results.json().expect("JSON");
        assert_eq!(
            serde_json::from_str::<Detection>(&json).expect("JSON"),
            results
        );
        let stale = |results: &Detection| {
            let problems = messages(&results.stale(&suite));
            problems
                .into_iter()
                .find(|problem| problem.contains("is stale"))
        };
        assert_eq!(stale(&results), None);
        let mut older = results.clone();
        let gone = older.cases.remove(1).case;
        let message = stale(&older).expect("a problem");
        assert!(message.contains(&format!("`{gone}` came")), "{message}");
        let mut other = results.clone();
        other.cases[1].digest = "0".to_owned();
        assert_eq!(stale(&other), Some(message));

        let now = [("routing/one", RULE, "A mistake.")];
        assert_eq!(results.disagrees(&now), None);
        let more = [("routing/none", RULE, "A mistake."), now[0]];
        let problem = results.disagrees(&more).expect("a problem").to_string();
        assert!(problem.contains("mutant `routing/none` came"), "{problem}");
        let problem = results.disagrees(&[]).expect("a problem").to_string();
        assert!(problem.contains("mutant `routing/one` came"), "{problem}");
    }
}
