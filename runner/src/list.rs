//! `list`: the cases, the rules and the guests, one on a line.

mod guests;

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::case::Case;
use crate::coverage;
use crate::id::CaseId;
use crate::report::text::count;
use crate::suite::Suite;

pub use guests::{guests, guests_json};

/// The selected cases in the order of the suite: identifier, level, description.
pub fn cases(suite: &Suite, selected: &HashSet<CaseId>) -> String {
    let rows = chosen(suite, selected).map(|case| {
        let level = suite.level(case).to_string();
        [case.id.to_string(), level, case.description.clone()]
    });
    columns(rows.collect())
}

/// The selected cases as a JSON array of objects.
pub fn cases_json(suite: &Suite, selected: &HashSet<CaseId>) -> String {
    let cases = chosen(suite, selected).map(|case| {
        json!({
            "id": case.id,
            "area": case.area(),
            "level": suite.level(case),
            "rules": case.rules,
            "profiles": suite.profiles(case),
            "prerequisites": case.prerequisites,
            "deployment": case.deployment,
            "description": case.description,
        })
    });
    document(cases.collect())
}

/// Every rule in the order of the text: identifier, level, profile, how many cases test it.
pub fn rules(suite: &Suite) -> String {
    let coverage = coverage::of(suite);
    let rows = suite.specification.rules.values().map(|rule| {
        let cases = match coverage.get(&rule.id) {
            Some(cases) => count(cases.len(), "case"),
            None if rule.waiver.is_some() => "waived".to_owned(),
            None => count(0, "case"),
        };
        [
            rule.id.to_string(),
            rule.level.to_string(),
            rule.profile.to_string(),
            cases,
        ]
    });
    columns(rows.collect())
}

/// Every rule as a JSON array of objects.
pub fn rules_json(suite: &Suite) -> String {
    let coverage = coverage::of(suite);
    let rules = suite.specification.rules.values().map(|rule| {
        json!({
            "id": rule.id,
            "area": rule.id.area(),
            "level": rule.level,
            "profile": rule.profile,
            "source": rule.source,
            "statement": rule.statement,
            "behaviours": rule.behaviours,
            "cases": coverage.get(&rule.id).cloned().unwrap_or_default(),
            "waiver": rule.waiver,
            "file": rule.file,
            "line": rule.line,
        })
    });
    document(rules.collect())
}

fn chosen<'a>(suite: &'a Suite, selected: &HashSet<CaseId>) -> impl Iterator<Item = &'a Case> {
    suite
        .cases
        .iter()
        .filter(|case| selected.contains(&case.id))
}

/// Rows as lines, each column as wide as its longest text.
fn columns<const N: usize>(rows: Vec<[String; N]>) -> String {
    let mut widths = [0; N];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = widths
            .iter()
            .zip(row)
            .map(|(width, text)| format!("{text:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

fn document(items: Vec<Value>) -> String {
    format!("{:#}\n", Value::Array(items))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn some(suite: &Suite, part: &str) -> HashSet<CaseId> {
        let ids = suite.cases.iter().map(|case| case.id.clone());
        ids.filter(|id| id.as_str().contains(part)).collect()
    }

    #[test]
    fn cases_stand_one_on_a_line() {
        let suite = sample::suite();
        assert_eq!(
            cases(&suite, &some(&suite, "s/s")),
            "tls/served  must  TLS is spoken.\n"
        );
        assert_eq!(
            cases(&suite, &some(&suite, "slashes")),
            "http/slashes  observe  Slashes are joined or not.\n"
        );
        assert_eq!(cases(&suite, &HashSet::new()), "");
    }

    #[test]
    fn rules_say_how_they_are_covered() {
        assert_eq!(
            rules(&sample::suite()),
            "\
routing.first    must     core  3 cases
response.status  must     core  7 cases
response.body    should   core  1 case
response.extra   may      core  2 cases
http.slashes     observe  core  1 case
http.waived      must     core  waived
tls.served       must     tls   1 case
"
        );
    }

    #[test]
    fn both_come_as_json() {
        let suite = sample::suite();
        let parse = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
        let cases = parse(cases_json(&suite, &some(&suite, "tls")));
        assert_eq!(cases[0]["id"], "tls/served");
        assert_eq!(cases[0]["profiles"], json!(["tls"]));
        let rules = parse(rules_json(&suite));
        assert_eq!(rules[5]["waiver"], "thoughts are free.");
        assert_eq!(rules[6]["cases"], json!(["tls/served"]));
    }
}
