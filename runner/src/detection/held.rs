//! What of earlier results still holds, so that a run need only try what is new.

use std::collections::{HashMap, HashSet};

use super::{Detection, Extent, Tally, Tried};
use crate::id::CaseId;
use crate::suite::Suite;

/// Earlier results, as far as they still hold.
#[derive(Debug, Default)]
pub struct Held {
    /// The mutants that are as they were, by their names.
    mutants: HashMap<String, Tried>,
    /// The files of cases that are as they were, by their identifiers: no mutant needs to meet
    /// these cases again.
    files: HashMap<String, Tally>,
}

/// What a run showed of one mutant.
#[derive(Debug)]
pub struct Fresh {
    /// The result of the cases that it met.
    pub tried: Tried,
    /// The cases that failed.
    pub failed: HashSet<CaseId>,
    /// Why a case that cites the mutant's rule was not tried, if one was not.
    pub blocked: Option<String>,
}

impl Held {
    /// What of `earlier` holds in `suite`, if the mutants that are there now have the names and
    /// rules `now`, without those whose names `again` holds: they are to be tried again.
    pub fn of(
        earlier: Detection,
        suite: &Suite,
        now: &HashMap<&str, &str>,
        again: &HashSet<&str>,
    ) -> Self {
        if earlier.extent != Extent::Full {
            return Self::default();
        }
        let holds = |mutant: &Tried| {
            now.get(mutant.name.as_str()) == Some(&mutant.rule.as_str())
                && !again.contains(mutant.name.as_str())
        };
        let mutants: HashMap<String, Tried> = earlier
            .mutants
            .into_iter()
            .filter(holds)
            .map(|mutant| (mutant.name.clone(), mutant))
            .collect();
        let known: HashMap<String, Tally> = earlier
            .cases
            .into_iter()
            .map(|tally| (tally.case.clone(), tally))
            .collect();
        // A case may detect other mutants than the one that is named; which, only a run tells.
        let is_as_it_was = |tally: &Tally| {
            known.get(&tally.case).is_some_and(|then| {
                let mut detected = then.detects.values().flatten();
                then.digest == tally.digest && detected.all(|name| mutants.contains_key(name))
            })
        };
        let present = Tally::all(suite, &HashMap::new());
        let outdated = present.iter().filter(|tally| !is_as_it_was(tally));
        let outdated = with_dependents(suite, outdated.map(|tally| tally.case.as_str()).collect());
        let files = present
            .iter()
            .filter(|tally| !outdated.contains(tally.case.as_str()))
            .filter_map(|tally| known.get(&tally.case).cloned())
            .map(|tally| (tally.case.clone(), tally))
            .collect();
        Self { mutants, files }
    }

    /// The cases that the mutant of this name has to meet.
    pub fn cases(&self, suite: &Suite, name: &str) -> HashSet<CaseId> {
        let is_known = self.mutants.contains_key(name);
        let cases = suite
            .cases
            .iter()
            .filter(|case| !is_known || !self.files.contains_key(case.id.file()));
        cases.map(|case| case.id.clone()).collect()
    }

    /// What holds, and what a run over the other cases and mutants showed: `fresh` has a
    /// [completed](Self::completed) result for every mutant, in the order of the chapters.
    pub fn with(self, suite: &Suite, fresh: Vec<Fresh>, extent: Extent) -> Detection {
        let mut detecting: HashMap<CaseId, String> = HashMap::new();
        // That a case notices what fails everywhere says little of it.
        let mut telling: Vec<&Fresh> = fresh.iter().collect();
        telling.sort_by_key(|fresh| fresh.tried.rows());
        for case in &suite.cases {
            let earlier = self.files.get(case.id.file());
            let earlier = earlier.and_then(|tally| tally.detects.get(case.id.row()).cloned());
            let mutant = earlier.flatten().or_else(|| {
                let killed = telling.iter().find(|fresh| fresh.failed.contains(&case.id));
                killed.map(|fresh| fresh.tried.name.clone())
            });
            if let Some(mutant) = mutant {
                detecting.insert(case.id.clone(), mutant);
            }
        }
        Detection {
            extent,
            cases: Tally::all(suite, &detecting),
            mutants: fresh.into_iter().map(|fresh| fresh.tried).collect(),
        }
    }

    /// The result of a mutant, with the cases that it did not meet again.
    pub fn completed(&self, suite: &Suite, mut fresh: Fresh) -> Fresh {
        let tried = &mut fresh.tried;
        if let Some(earlier) = self.mutants.get(&tried.name) {
            let kills = earlier.kills.iter();
            let holding = kills.filter(|kill| self.files.contains_key(&kill.case));
            tried.kills.extend(holding.cloned());
            let order: HashMap<&str, usize> = suite
                .cases
                .iter()
                .enumerate()
                .map(|(place, case)| (case.id.file(), place))
                .collect();
            tried
                .kills
                .sort_by_key(|kill| order.get(kill.case.as_str()).copied());
        }
        // Only who survives needs an excuse.
        if !tried.is_killed() {
            tried.notes.extend(fresh.blocked.take());
        }
        fresh
    }
}

/// `files`, and those of cases that wait for one of theirs, directly or not: whether they are
/// blocked may have changed.
fn with_dependents<'a>(suite: &'a Suite, mut files: HashSet<&'a str>) -> HashSet<&'a str> {
    loop {
        let before = files.len();
        for case in &suite.cases {
            let mut awaited = case.prerequisites.iter();
            if awaited.any(|id| files.contains(id.file())) {
                files.insert(case.id.file());
            }
        }
        if files.len() == before {
            return files;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Kill;
    use crate::spec::Level;
    use crate::suite::files::Folders;

    const NOW: [(&str, &str); 2] = [("a/one", "a.rule"), ("a/two", "a.rule")];

    fn suite() -> Suite {
        Suite::load(&Folders::default()).expect("the suite")
    }

    /// A mutant that failed these cases when it met them.
    fn fresh(suite: &Suite, name: &str, failed: &[&CaseId]) -> Fresh {
        let kills = suite.cases.iter().filter(|case| failed.contains(&&case.id));
        Fresh {
            tried: Tried {
                name: name.to_owned(),
                rule: "a.rule".to_owned(),
                imitates: String::new(),
                kills: kills
                    .map(|case| Kill {
                        case: case.id.file().to_owned(),
                        rows: 1,
                        level: Level::Must,
                        cites: true,
                    })
                    .collect(),
                notes: Vec::new(),
            },
            failed: failed.iter().map(|id| (*id).clone()).collect(),
            blocked: None,
        }
    }

    /// Cases in files of their own that neither wait for others nor are waited for.
    fn alone(suite: &Suite) -> Vec<&CaseId> {
        let waited_for: HashSet<&str> = suite
            .cases
            .iter()
            .flat_map(|case| &case.prerequisites)
            .map(CaseId::file)
            .collect();
        let cases = suite.cases.iter();
        let alone = cases.filter(|case| {
            let id = case.id.as_str();
            case.id.file() == id && case.prerequisites.is_empty() && !waited_for.contains(id)
        });
        alone.map(|case| &case.id).collect()
    }

    fn earlier(suite: &Suite, cases: &[&CaseId]) -> Detection {
        let results = vec![
            fresh(suite, "a/one", &[cases[0], cases[1]]),
            fresh(suite, "a/two", &[cases[1]]),
        ];
        Held::default().with(suite, results, Extent::Full)
    }

    fn detects(detection: &Detection, id: &CaseId) -> Option<String> {
        let mut tallies = detection.cases.iter();
        let tally = tallies.find(|tally| tally.case == id.as_str());
        tally.expect("a tally").detects[id.row()].clone()
    }

    fn held(earlier: Detection, suite: &Suite, now: &[(&str, &str)]) -> Held {
        Held::of(
            earlier,
            suite,
            &now.iter().copied().collect(),
            &HashSet::new(),
        )
    }

    #[test]
    fn a_case_names_the_mutant_that_the_fewest_cases_kill() {
        let suite = suite();
        let cases = alone(&suite);
        let detection = earlier(&suite, &cases);
        assert_eq!(detects(&detection, cases[0]).as_deref(), Some("a/one"));
        assert_eq!(detects(&detection, cases[1]).as_deref(), Some("a/two"));
        assert_eq!(detects(&detection, cases[2]), None);
    }

    #[test]
    fn what_nothing_changed_is_not_tried_again() {
        let suite = suite();
        let cases = alone(&suite);
        let results = earlier(&suite, &cases);
        let held = held(results.clone(), &suite, &NOW);
        let results_again = NOW.map(|(name, _)| {
            assert!(held.cases(&suite, name).is_empty());
            held.completed(&suite, fresh(&suite, name, &[]))
        });
        assert_eq!(
            held.with(&suite, Vec::from(results_again), Extent::Full),
            results
        );
        let all = Held::default().cases(&suite, "a/one");
        assert_eq!(all.len(), suite.cases.len());
    }

    #[test]
    fn a_changed_case_meets_every_mutant_again() {
        let suite = suite();
        let cases = alone(&suite);
        let mut results = earlier(&suite, &cases);
        let changed = results
            .cases
            .iter_mut()
            .find(|tally| tally.case == cases[1].as_str());
        changed.expect("a tally").digest = "0".to_owned();
        let held = held(results, &suite, &NOW);
        for (name, _) in NOW {
            assert_eq!(
                held.cases(&suite, name),
                HashSet::from([cases[1].clone()]),
                "{name}"
            );
        }
        let again = NOW.map(|(name, _)| held.completed(&suite, fresh(&suite, name, &[])));
        let now = held.with(&suite, Vec::from(again), Extent::Full);
        assert_eq!(detects(&now, cases[0]).as_deref(), Some("a/one"));
        assert_eq!(detects(&now, cases[1]), None);
        assert_eq!(now.mutants[0].rows(), 1);
        assert_eq!(now.mutants[1].rows(), 0);
    }

    #[test]
    fn a_new_mutant_meets_every_case_and_a_lost_one_leaves_its_cases_open() {
        let suite = suite();
        let cases = alone(&suite);
        let results = earlier(&suite, &cases);
        let held = held(results, &suite, &[("a/one", "a.rule"), ("a/new", "a.rule")]);
        assert_eq!(held.cases(&suite, "a/new").len(), suite.cases.len());
        let open = held.cases(&suite, "a/one");
        assert_eq!(open, HashSet::from([cases[1].clone()]));
    }

    #[test]
    fn what_waits_for_a_changed_case_is_tried_again() {
        let suite = suite();
        let mut waiting = suite.cases.iter();
        let waiting = waiting
            .find(|case| !case.prerequisites.is_empty())
            .expect("a case");
        let awaited = waiting.prerequisites.iter().map(CaseId::file).collect();
        assert!(with_dependents(&suite, awaited).contains(waiting.id.file()));
    }
}
