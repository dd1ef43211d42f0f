//! Which cases test which rule, and the page that says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::id::{CaseId, RuleId};
use crate::spec::{AREAS, Level, Rule};
use crate::suite::Suite;

/// Where the page stands, as a path from the suite's root.
pub const PATH: &str = "spec/coverage.md";

/// The page, as the text of [`PATH`]: totals by area, then the rules with their cases.
pub fn page(suite: &Suite) -> String {
    let mut page = String::from(
        "# Which cases test which rule\n\n\
         Written by `wagi-conformance coverage`. A number behind a case is how many rows its table has. A case\n\
         counts for the level of its first rule.\n\n\
         | area | rules | must | should | may | observe | cases |\n|---|---|---|---|---|---|---|\n",
    );
    // Writing to a String cannot fail.
    for area in AREAS {
        let _ = writeln!(
            page,
            "| [{area}](#{area}) | {} |",
            totals(suite, Some(area)).join(" | ")
        );
    }
    let _ = writeln!(page, "| **all** | {} |", totals(suite, None).join(" | "));
    let coverage = of(suite);
    for area in AREAS {
        let _ = write!(
            page,
            "\n## {area}\n\n| rule | level | cases |\n|---|---|---|\n"
        );
        for rule in suite.specification.area(area) {
            let cases = match coverage.get(&rule.id) {
                Some(cases) => files(cases),
                None => waiver(rule),
            };
            let _ = writeln!(page, "| `{}` | {} | {cases} |", rule.id, rule.level);
        }
    }
    page
}

/// The cases of each rule that has any.
pub fn of(suite: &Suite) -> BTreeMap<&RuleId, Vec<&CaseId>> {
    let mut coverage: BTreeMap<&RuleId, Vec<&CaseId>> = BTreeMap::new();
    for case in &suite.cases {
        for rule in &case.rules {
            coverage.entry(rule).or_default().push(&case.id);
        }
    }
    coverage
}

/// The number of rules, of cases by level, and of cases.
fn totals(suite: &Suite, area: Option<&str>) -> Vec<String> {
    let within = |found: &str| area.is_none_or(|area| area == found);
    let rules = suite
        .specification
        .rules
        .keys()
        .filter(|id| within(id.area()));
    let cases = || suite.cases.iter().filter(|case| within(case.area()));
    let of = |level: Level| cases().filter(|case| suite.level(case) == level).count();
    let levels = [Level::Must, Level::Should, Level::May, Level::Observe].map(of);
    [rules.count()]
        .into_iter()
        .chain(levels)
        .chain([cases().count()])
        .map(|number| number.to_string())
        .collect()
}

/// The files of `cases`, each once, with the number of its rows.
fn files(cases: &[&CaseId]) -> String {
    let mut files: IndexMap<&str, (usize, bool)> = IndexMap::new();
    for case in cases {
        let (rows, is_table) = files.entry(case.file()).or_default();
        *rows += 1;
        *is_table |= case.file() != case.as_str();
    }
    let links: Vec<String> = files
        .into_iter()
        .map(|(file, (rows, is_table))| {
            let rows = if is_table {
                format!(" ({rows})")
            } else {
                String::new()
            };
            format!("[{file}](../cases/{file}.json){rows}")
        })
        .collect();
    links.join(", ")
}

fn waiver(rule: &Rule) -> String {
    let reason = rule
        .waiver
        .as_deref()
        .unwrap_or("neither a case nor a reason");
    format!("no case: {reason}")
}
