//! From an expectations file's text to the expectations, or to what is wrong with it and where.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::{Document, Entry, Expectations, matched};
use crate::case::locate;
use crate::id::CaseId;
use crate::problem::{Problem, near_miss};
use crate::suite::{Suite, files};

/// What to make of entries whose reason nobody has written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// They are problems.
    Refused,
    /// They are taken: the file is being written.
    Taken,
}

/// Reads the expectations `content` of the file `path`, for the cases of `suite`.
///
/// # Errors
/// Every problem found: what is no expectations file, an entry that names no case that can fail, two
/// entries that name the same case, a reason that is not there, a link that is none.
pub fn read(
    path: &str,
    content: &[u8],
    suite: &Suite,
    unfilled: Unfilled,
) -> Result<Expectations, Vec<Problem>> {
    let text = files::text(path, content).map_err(|problem| vec![problem])?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| vec![Problem::at_line(path, error.line(), error.to_string())])?;
    let document: Document = serde_path_to_error::deserialize(&value).map_err(|error| {
        let place = error.path().to_string();
        let message = format!("at `{place}`: {}", error.inner());
        vec![Problem::at_line(path, locate::line(text, &place), message)]
    })?;

    let mut problems = Vec::new();
    let mut by_case: HashMap<CaseId, Arc<Entry>> = HashMap::new();
    let mut entries = Vec::new();
    for (index, entry) in document.expectations.into_iter().enumerate() {
        let entry = Arc::new(entry);
        let mut problem = |member: &str, message: String| {
            let line = locate::line(text, &format!("expectations[{index}].{member}"));
            problems.push(Problem::at_line(path, line, message));
        };
        let ids = matched(suite, &entry.cases);
        if ids.is_empty() {
            problem("cases", no_case(suite, entry.cases.as_str()));
        }
        let mut other = None;
        for id in ids {
            if let Some(before) = by_case.insert(id.clone(), entry.clone()) {
                other = other.or(Some((id, before)));
            }
        }
        if let Some((id, before)) = other {
            problem(
                "cases",
                format!(
                    "`{}` and `{}` both name the case `{id}`: a case has one expectation",
                    before.cases, entry.cases
                ),
            );
        }
        if unfilled == Unfilled::Refused && !entry.is_filled() {
            problem(
                "reason",
                format!(
                    "`{}` has no reason yet: say in place of \"{}\" why the target fails here",
                    entry.cases, entry.reason
                ),
            );
        }
        if let Some(link) = &entry.link
            && !Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            problem(
                "link",
                format!("`{link}` is no link: it may be an http or https URL"),
            );
        }
        entries.push(entry);
    }
    if problems.is_empty() {
        Ok(Expectations {
            schema: document.schema,
            entries,
            by_case,
        })
    } else {
        Err(problems)
    }
}

/// Why `pattern` names no case that can fail.
fn no_case(suite: &Suite, pattern: &str) -> String {
    if suite.cases.iter().any(|case| case.id.file() == pattern) {
        let is_case = suite.cases.iter().any(|case| case.id.as_str() == pattern);
        return match is_case {
            true => format!("the case `{pattern}` only observes, so it never fails"),
            false => format!("`{pattern}` is a table of cases: `{pattern}/*` names all its rows"),
        };
    }
    let tables = suite
        .cases
        .iter()
        .filter(|case| case.id.file() != case.id.as_str());
    let mut tables: Vec<String> = tables.map(|case| format!("{}/*", case.id.file())).collect();
    tables.dedup();
    let mut known: Vec<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
    if pattern.contains('*') {
        known = tables.iter().map(String::as_str).collect();
    }
    format!(
        "no case that can fail is named `{pattern}`{}",
        near_miss(pattern, known)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn outcome(text: &str, unfilled: Unfilled) -> Result<Expectations, String> {
        read("e.json", text.as_bytes(), &sample::suite(), unfilled).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }

    fn entries(entries: &[[&str; 3]]) -> String {
        let lines = entries.iter().map(|[cases, outcome, reason]| {
            format!(r#"{{ "cases": "{cases}", "outcome": "{outcome}", "reason": "{reason}" }}"#)
        });
        let lines: Vec<String> = lines.collect();
        format!("{{ \"expectations\": [\n{}\n] }}", lines.join(",\n"))
    }

    fn problem(list: &[[&str; 3]]) -> String {
        outcome(&entries(list), Unfilled::Refused).expect_err("a problem")
    }

    #[test]
    fn each_case_has_its_entry() {
        let text = entries(&[
            ["response/later/*", "fails", "late"],
            ["tls/served", "flickers", "odd"],
        ]);
        let expectations = outcome(&text, Unfilled::Refused).expect("expectations");
        let of = |id: &str| {
            let id = CaseId::try_from(id.to_owned()).expect("an identifier");
            expectations.of(&id).map(|entry| entry.reason.clone())
        };
        assert_eq!(of("response/later/two"), Some("late".to_owned()));
        assert_eq!(of("tls/served"), Some("odd".to_owned()));
        assert_eq!(of("response/status"), None);
    }

    #[test]
    fn an_entry_that_names_no_case_is_told_with_the_near_miss() {
        assert_eq!(
            problem(&[["response/statos", "fails", "x"]]),
            "e.json:2: no case that can fail is named `response/statos` (did you mean \
             `response/status`?)"
        );
        assert_eq!(
            problem(&[["response/late/*", "fails", "x"]]),
            "e.json:2: no case that can fail is named `response/late/*` (did you mean \
             `response/later/*`?)"
        );
        assert_eq!(
            problem(&[["response/later", "fails", "x"]]),
            "e.json:2: `response/later` is a table of cases: `response/later/*` names all its rows"
        );
        assert_eq!(
            problem(&[["http/slashes", "fails", "x"]]),
            "e.json:2: the case `http/slashes` only observes, so it never fails"
        );
    }

    #[test]
    fn a_case_has_one_expectation() {
        assert_eq!(
            problem(&[["tls/*", "fails", "x"], ["tls/served", "flickers", "y"]]),
            "e.json:3: `tls/*` and `tls/served` both name the case `tls/served`: a case has one \
             expectation"
        );
    }

    #[test]
    fn reasons_must_be_written() {
        for reason in ["", " ", "TODO", "TODO: status: expected 200"] {
            let list = [["tls/served", "fails", reason]];
            let expected = format!(
                "e.json:2: `tls/served` has no reason yet: say in place of \"{reason}\" why the target \
                 fails here"
            );
            assert_eq!(problem(&list), expected);
            assert!(outcome(&entries(&list), Unfilled::Taken).is_ok());
        }
    }

    #[test]
    fn what_is_no_expectations_file_is_told_with_its_line() {
        let refused = |text: &str| outcome(text, Unfilled::Taken).expect_err("a problem");
        let entry = |members: &str| {
            format!("{{\n\"expectations\": [\n{{ \"cases\": \"tls/served\",\n{members} }}\n]\n}}")
        };
        assert!(refused("[").starts_with("e.json:1: EOF"));
        for (members, line, part) in [
            (
                r#""outcome": "fail", "reason": "x""#,
                4,
                "`fails` or `flickers`",
            ),
            (r#""outcome": "fails""#, 3, "missing field `reason`"),
            (
                r#""outcome": "fails", "reason": "x", "links": """#,
                4,
                "`links`",
            ),
            (
                r#""outcome": "fails", "reason": "x", "link": "issue 5""#,
                4,
                "`issue 5` is no link: it may be an http or https URL",
            ),
        ] {
            let problem = refused(&entry(members));
            assert!(
                problem.starts_with(&format!("e.json:{line}: ")),
                "{problem}"
            );
            assert!(problem.contains(part), "{problem}");
        }
    }
}
