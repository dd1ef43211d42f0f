//! Whether the suite is whole: what `check` looks at beyond what keeps cases from being run.

use crate::case::schema;
use crate::coverage;
use crate::detection::{self, Published};
use crate::expectations;
use crate::export::json;
use crate::launch::file;
use crate::problem::Problem;
use crate::suite::{Suite, file_of};

/// What the whole suite owes beyond running: every rule has a case or a waiver, every guest is
/// used, every compiled guest is the listed one, every case names the schema, and the generated pages of `spec/` are not stale.
pub fn problems(suite: &Suite) -> Vec<Problem> {
    let mut problems = Vec::new();
    let coverage = coverage::of(suite);
    for rule in suite.specification.rules.values() {
        let covered = coverage.contains_key(&rule.id);
        let message = match (&rule.waiver, covered) {
            (None, false) => "has neither a case nor a waiver (a paragraph `*No case:* reason`)",
            (Some(_), true) => "has a waiver although a case tests it",
            _ => continue,
        };
        let message = format!("rule `{}` {message}", rule.id);
        problems.push(Problem::at_line(&rule.file, rule.line, message));
    }
    for (name, _) in suite.guests.iter() {
        let used = suite
            .cases
            .iter()
            .flat_map(|case| &case.routes)
            .any(|route| route.guest == name);
        if !used && name != "hello" {
            problems.push(Problem::in_file(
                &format!("guest-modules/{name}"),
                "no case deploys this guest",
            ));
        }
    }
    problems.extend(suite.guests.problems());
    for case in &suite.cases {
        let expected = "../../spec/case.schema.json";
        if case.schema.as_deref() != Some(expected) {
            let message = format!("must name its schema: \"$schema\": \"{expected}\"");
            problems.push(Problem::in_file(&file_of(case), message));
        }
    }
    let generated = [
        (schema::PATH, schema::text(), "schema"),
        (json::SCHEMA_PATH, json::schema(), "schema deployment"),
        (file::SCHEMA_PATH, file::schema(), "schema target"),
        (
            expectations::schema::PATH,
            expectations::schema::text(),
            "schema expectations",
        ),
        (coverage::PATH, coverage::page(suite), "coverage"),
    ];
    for (path, text, command) in generated {
        if suite.files.get(path) != Some(text.as_bytes()) {
            let message = format!("is stale: write it anew, `wagi-conformance {command} > {path}`");
            problems.push(Problem::in_file(path, message));
        }
    }
    problems.extend(file::problems(&suite.files));
    match Published::read(&suite.files) {
        Ok(Some(published)) => problems.extend(detection_problems(suite, &published)),
        // Where nothing was measured, nothing can be stale.
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
    problems.sort();
    problems.dedup();
    problems
}

/// Whether the published results are those of the present cases and mutants, show what they must,
/// and stand on their page. Whether the verdicts are still the same, only a new run can tell.
fn detection_problems(suite: &Suite, published: &Published) -> Vec<Problem> {
    let mut problems = published.detection.stale(suite);
    #[cfg(feature = "mutants")]
    problems.extend(published.detection.disagrees(&crate::mutation::list()));
    let page = detection::page(suite, published);
    if suite.files.get(detection::PAGE_PATH) != Some(page.as_bytes()) {
        problems.push(Problem::in_file(
            detection::PAGE_PATH,
            format!(
                "is stale: write it anew, `wagi-conformance detection > {}`",
                detection::PAGE_PATH
            ),
        ));
    }
    problems
}
