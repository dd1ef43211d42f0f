//! Whether the parts of the suite fit together, so that cases can be run: identifiers that lead
//! somewhere, levels that fit, no circles.

use std::collections::BTreeSet;

use super::file_of;
use super::guest::Guests;
use crate::case::request::Demand;
use crate::case::{Case, Start};
use crate::id::{CaseId, RuleId};
use crate::problem::{Problem, near_miss};
use crate::spec::{AREAS, Level, Specification};

/// The behaviour recorded when a server refuses to start and the case only observes.
pub const REFUSED: &str = "refused";

/// What keeps the cases from being run: identifiers that lead nowhere, levels that do not fit,
/// prerequisites in a circle.
pub fn problems(specification: &Specification, cases: &[Case], guests: &Guests) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ids: BTreeSet<&str> = cases
        .iter()
        .flat_map(|case| [case.id.as_str(), case.id.file()])
        .collect();
    for case in cases {
        let mut problem = |message: String| {
            let message = format!("case `{}`: {message}", case.id);
            problems.push(Problem::in_file(&file_of(case), message));
        };
        if !AREAS.contains(&case.area()) {
            let near = near_miss(case.area(), AREAS);
            problem(format!("there is no area `{}`{near}", case.area()));
        }
        for rule in &case.rules {
            if !specification.rules.contains_key(rule) {
                let near = near_miss(
                    rule.as_str(),
                    specification.rules.keys().map(RuleId::as_str),
                );
                problem(format!("there is no rule `{rule}`{near}"));
            }
        }
        for id in &case.prerequisites {
            if !ids.contains(id.as_str()) {
                problem(format!(
                    "there is no case `{id}`{}",
                    near_miss(id.as_str(), ids.iter().copied())
                ));
            }
            if case.id.is_or_belongs_to(id) {
                problem("names itself as a prerequisite".to_owned());
            }
        }
        for route in &case.routes {
            if guests.get(&route.guest).is_none() && guests.absence(&route.guest).is_none() {
                let known = guests.iter().map(|(name, _)| name).chain(guests.absent());
                let near = near_miss(&route.guest, known);
                problem(format!("there is no guest `{}`{near}", route.guest));
            }
        }
        for message in level_problems(specification, case) {
            problem(message);
        }
    }
    if problems.is_empty() {
        problems.extend(circle(cases));
    }
    problems
}

fn level_problems(specification: &Specification, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    let mut rules = case
        .rules
        .iter()
        .filter_map(|id| specification.rules.get(id));
    let Some(first) = rules.next() else {
        return found;
    };
    let observations = case
        .requests
        .iter()
        .filter_map(|request| match &request.demand {
            Demand::Observe(behaviours) => Some(behaviours),
            Demand::Expect(_) => None,
        });
    let mut observes = false;
    for behaviours in observations {
        observes = true;
        for behaviour in behaviours
            .keys()
            .filter(|name| !first.behaviours.contains_key(*name))
        {
            let near = near_miss(behaviour, first.behaviours.keys().map(String::as_str));
            found.push(format!(
                "rule `{}` names no behaviour `{behaviour}`{near}",
                first.id
            ));
        }
    }
    if observes && case.start == Start::MayRefuse && !first.behaviours.contains_key(REFUSED) {
        found.push(format!(
            "the server may refuse to start, but rule `{}` names no behaviour `{REFUSED}`",
            first.id
        ));
    }
    if observes != (first.level == Level::Observe) {
        found.push(format!(
            "its first rule, `{}`, is of level {}: a case observes if, and only if, its rule does",
            first.id, first.level
        ));
    }
    found
}

/// The first case found that depends on itself through others.
fn circle(cases: &[Case]) -> Option<Problem> {
    let mut done: BTreeSet<&CaseId> = BTreeSet::new();
    loop {
        let waiting: Vec<&Case> = cases
            .iter()
            .filter(|case| !done.contains(&case.id))
            .collect();
        let ready: Vec<&CaseId> = waiting
            .iter()
            .filter(|case| {
                !waiting.iter().any(|other| {
                    case.prerequisites
                        .iter()
                        .any(|id| other.id.is_or_belongs_to(id))
                })
            })
            .map(|case| &case.id)
            .collect();
        if ready.is_empty() {
            return waiting.first().map(|case| {
                let message = format!(
                    "case `{}`: its prerequisites lead back to it or to another circle",
                    case.id
                );
                Problem::in_file(&file_of(case), message)
            });
        }
        done.extend(ready);
    }
}
