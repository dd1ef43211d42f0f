//! `explain`: what a rule says, or what a case does, without a network or a browser.

use std::fmt::Write as _;

use crate::case::Case;
use crate::case::request::Request;
use crate::coverage;
use crate::detection::{Detection, Published, Tried};
use crate::id::{CaseId, RuleId};
use crate::problem::near_miss;
use crate::report::text::wrap;
use crate::spec::{AREAS, Rule};
use crate::suite::guest::Guest;
use crate::suite::{Suite, deployment, file_of};

/// Explains the rule, the case, the table of cases or the area that is called `name`.
///
/// # Errors
/// There is none: what it might be, for the person who wrote it.
pub fn explain(suite: &Suite, name: &str) -> Result<String, String> {
    let rules = &suite.specification.rules;
    if let Some(found) = rules.values().find(|rule| rule.id.as_str() == name) {
        return Ok(rule(suite, found));
    }
    if let Some(found) = suite.cases.iter().find(|case| case.id.as_str() == name) {
        return Ok(case(suite, found));
    }
    let rows: Vec<&Case> = suite
        .cases
        .iter()
        .filter(|case| case.id.file() == name)
        .collect();
    if let Some(first) = rows.first() {
        return Ok(table(name, first, &rows));
    }
    if AREAS.contains(&name) {
        return Ok(area(suite, name));
    }
    let known = rules
        .keys()
        .map(RuleId::as_str)
        .chain(suite.cases.iter().map(|case| case.id.as_str()))
        .chain(AREAS);
    Err(format!(
        "there is no rule, case or area `{name}`{}: `wagi-conformance list rules` and \
         `wagi-conformance list cases` name them all",
        near_miss(name, known)
    ))
}

fn rule(suite: &Suite, rule: &Rule) -> String {
    let facts = facts(&[
        ("level", &rule.level.to_string()),
        ("profile", &rule.profile.to_string()),
        ("source", &rule.source),
        ("stands in", &format!("{}:{}", rule.file, rule.line)),
    ]);
    let tested = match (coverage::of(suite).get(&rule.id), &rule.waiver) {
        (Some(ids), _) => listed("tested by", ids),
        // The text ends with the reason.
        (None, Some(_)) => "tested by no case, for the reason given above\n".to_owned(),
        (None, None) => "tested by no case\n".to_owned(),
    };
    let detection = detection(suite);
    let mutants = detection.iter().flat_map(|detection| &detection.mutants);
    let mistakes = mistakes(
        "mistakes that break it",
        mutants.filter(|mutant| mutant.rule == rule.id.as_str()),
    );
    format!(
        "{}\n\n{facts}\n{}\n\n{tested}{mistakes}",
        rule.id, rule.text
    )
}

fn case(suite: &Suite, case: &Case) -> String {
    let mut text = format!("{}\n\n{}\n\n", case.id, wrap(&case.description, ""));
    text.push_str(&facts(&[
        ("level", &suite.level(case).to_string()),
        ("deployment", &deployment::name_of(case)),
        ("stands in", &file_of(case)),
    ]));
    text.push_str("\nrules\n");
    for rule in case
        .rules
        .iter()
        .filter_map(|id| suite.specification.rules.get(id))
    {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "  {} ({}, {}; {})",
            rule.id, rule.level, rule.profile, rule.source
        );
        let _ = writeln!(text, "{}", wrap(&rule.statement, "    "));
    }
    if !case.prerequisites.is_empty() {
        text.push('\n');
        text.push_str(&listed(
            "must pass first",
            &case.prerequisites.iter().collect::<Vec<_>>(),
        ));
    }
    if !case.routes.is_empty() {
        text.push_str("\nroutes\n");
        for route in &case.routes {
            let _ = writeln!(text, "  {}", json_line(route));
            if let Some(Guest::Text(source)) = suite.guests.get(&route.guest) {
                let _ = writeln!(text, "{}", wrap(&purpose(source), "    "));
            }
        }
    }
    if case.server != Default::default() {
        let _ = writeln!(text, "\nserver\n  {}", json_line(&case.server));
    }
    if case.start != Default::default() {
        let _ = writeln!(text, "\nstart\n  {}", json_line(&case.start));
    }
    for (index, request) in case.requests.iter().enumerate() {
        let _ = writeln!(text, "\nrequest {}\n{}", index + 1, json(request));
    }
    let detection = detection(suite);
    let detected = detection
        .as_ref()
        .and_then(|detection| detection.detected_by(&case.id));
    text.push_str(&mistakes("a mistake that it catches", detected.into_iter()));
    text.push_str(&to_run(case.id.as_str()));
    text
}

/// The published results of a run over mutants; whether they can be read is for `check` to say.
fn detection(suite: &Suite) -> Option<Detection> {
    let published = Published::read(&suite.files).ok().flatten();
    published.map(|published| published.detection)
}

/// What the mutants imitate, under a heading, with an empty line before; nothing if there are none.
fn mistakes<'a>(heading: &str, mutants: impl Iterator<Item = &'a Tried>) -> String {
    let mistakes: String = mutants
        .map(|mutant| format!("{}\n", wrap(&mutant.imitates, "  ")))
        .collect();
    match mistakes.is_empty() {
        true => mistakes,
        false => format!("\n{heading}\n{mistakes}"),
    }
}

fn table(name: &str, first: &Case, rows: &[&Case]) -> String {
    let ids: Vec<&CaseId> = rows.iter().map(|case| &case.id).collect();
    format!(
        "{name}\n\na table of cases: each can be explained by its own name\n\n{}\n{}{}",
        facts(&[("stands in", &file_of(first))]),
        listed("cases", &ids),
        to_run(name),
    )
}

fn area(suite: &Suite, name: &str) -> String {
    let rules: Vec<String> = suite
        .specification
        .area(name)
        .map(|rule| {
            let head = format!("  {} ({})", rule.id, rule.level);
            format!("{head}\n{}\n", wrap(&rule.statement, "    "))
        })
        .collect();
    let cases = suite
        .cases
        .iter()
        .filter(|case| case.area() == name)
        .count();
    format!(
        "{name}\n\n{}\nrules\n{}\nto run its cases ({cases}): wagi-conformance run --area {name}\n",
        facts(&[("stands in", &format!("spec/{name}.md"))]),
        rules.concat(),
    )
}

fn facts(facts: &[(&str, &str)]) -> String {
    let width = facts
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    facts
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

fn listed(heading: &str, ids: &[&CaseId]) -> String {
    let ids: String = ids.iter().map(|id| format!("  {id}\n")).collect();
    format!("{heading}\n{ids}")
}

fn to_run(id: &str) -> String {
    format!("\nto run it: wagi-conformance run --exact {id}\n")
}

fn json_line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn json(request: &Request) -> String {
    let text = serde_json::to_string_pretty(request).unwrap_or_default();
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first sentence of a guest's header comment.
fn purpose(source: &[u8]) -> String {
    let text = String::from_utf8_lossy(source);
    let comment: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix(";;"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let comment = comment.join(" ");
    let end = comment.find(". ").map_or(comment.len(), |end| end + 1);
    comment.get(..end).unwrap_or(&comment).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_rule_is_explained() {
        assert_eq!(
            explain(&sample::suite(), "response.body").expect("a rule"),
            "\
response.body

level      should
profile    core
source     RFC 3875 section 6.3.3
stands in  spec/response.md:7

A server SHOULD send the body.

For example `x`.

*Why:* the sources
agree.

tested by
  response/body
"
        );
    }

    #[test]
    fn a_case_is_explained() {
        assert_eq!(
            explain(&sample::suite(), "response/body").expect("a case"),
            r#"response/body

The body is sent as it is.

level       should
deployment  main
stands in   cases/response/body.json

rules
  response.body (should, core; RFC 3875 section 6.3.3)
    A server SHOULD send the body.

must pass first
  routing/first

routes
  {"route":"/copy/...","guest":"copy"}

request 1
  {
    "method": "GET",
    "target": "/copy/a?{{nonce}}",
    "version": "1.1",
    "host": true,
    "framing": "none",
    "client": "exact",
    "expect": {
      "status": 200,
      "body": "{{nonce}}"
    }
  }

request 2
  {
    "method": "GET",
    "target": "/copy/b",
    "version": "1.1",
    "host": true,
    "framing": "none",
    "client": "exact",
    "copies": 5,
    "expect": [
      {
        "status": 200,
        "body": ""
      },
      "closed"
    ]
  }

to run it: wagi-conformance run --exact response/body
"#
        );
    }

    #[test]
    fn a_table_and_an_area_are_explained() {
        assert_eq!(
            explain(&sample::suite(), "response/later").expect("a table"),
            "\
response/later

a table of cases: each can be explained by its own name

stands in  cases/response/later.json

cases
  response/later/one
  response/later/two

to run it: wagi-conformance run --exact response/later
"
        );
        assert_eq!(
            explain(&sample::suite(), "tls").expect("an area"),
            "\
tls

stands in  spec/tls.md

rules
  tls.served (must)
    A server MUST speak TLS.

to run its cases (1): wagi-conformance run --area tls
"
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert_eq!(
            explain(&sample::suite(), "response.stauts").expect_err("unknown"),
            "there is no rule, case or area `response.stauts` (did you mean `response.status`?): \
             `wagi-conformance list rules` and `wagi-conformance list cases` name them all"
        );
    }

    #[test]
    fn a_guest_says_what_it_does() {
        assert_eq!(
            purpose(b";; Does a\n;; thing. And more.\n;;\n;; Else.\n(module)"),
            "Does a thing."
        );
        assert_eq!(purpose(b"(module)"), "");
    }
}
