//! The report of the guest `observe`, and what a case says of it.

use std::collections::HashSet;

use serde::Deserialize;

use super::value::{self, Subject};
use super::{Mismatch, Side};
use crate::case::matcher::Report;
use crate::case::placeholder::Placeholders;

/// What the guest was given: its report, read back into octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    args: Vec<Vec<u8>>,
    /// Names and values in the order received; an entry without `=` has no value.
    env: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    stdin: Vec<u8>,
    /// Length and hash of the whole, where `stdin` is only the beginning.
    whole: Option<(u64, u64)>,
    ended: bool,
}

#[derive(Deserialize)]
struct ReportJson {
    args: Vec<String>,
    env: Vec<Vec<String>>,
    stdin: StdinJson,
}

#[derive(Deserialize)]
struct StdinJson {
    length: u64,
    text: String,
    fnv1a64: String,
    eof: bool,
}

impl Observed {
    /// Reads a report.
    ///
    /// # Errors
    /// Why `body` is none.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let json: ReportJson = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not one: {error}"))?;
        let entry = |entry: &Vec<String>| match entry.as_slice() {
            [name] => Ok((octets(name)?, None)),
            [name, value] => Ok((octets(name)?, Some(octets(value)?))),
            other => Err(format!("an entry of `env` has {} parts", other.len())),
        };
        let hash = u64::from_str_radix(&json.stdin.fnv1a64, 16)
            .map_err(|error| format!("`fnv1a64` is no hash: {error}"))?;
        let stdin = octets(&json.stdin.text)?;
        let is_whole = u64::try_from(stdin.len()) == Ok(json.stdin.length);
        Ok(Self {
            args: json
                .args
                .iter()
                .map(|text| octets(text))
                .collect::<Result<_, _>>()?,
            env: json.env.iter().map(entry).collect::<Result<_, String>>()?,
            stdin,
            whole: (!is_whole).then_some((json.stdin.length, hash)),
            ended: json.stdin.eof,
        })
    }
}

/// The octets of a string in which each character stands for one.
fn octets(text: &str) -> Result<Vec<u8>, String> {
    text.chars()
        .map(|c| u8::try_from(c).map_err(|_| format!("`{c}` stands for no octet")))
        .collect()
}

/// How what was observed differs from what `report` asks for; empty if it does not.
pub fn mismatches(report: &Report, observed: &Observed, values: &Placeholders) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (name, matcher) in &report.env {
        let name = values.expand(name).unwrap_or_else(|_| name.clone());
        let occurrences: Vec<&[u8]> = observed
            .env
            .iter()
            .filter(|(known, _)| known == name.as_bytes())
            .map(|(_, value)| value.as_deref().unwrap_or_default())
            .collect();
        let place = format!("variable {name}");
        if occurrences.is_empty() {
            found.extend(value::mismatches(
                matcher,
                Subject::optional(None),
                &place,
                values,
            ));
        }
        for octets in occurrences {
            found.extend(value::mismatches(
                matcher,
                Subject::present(octets),
                &place,
                values,
            ));
        }
    }
    if let Some(matcher) = &report.env_none {
        for (name, value) in &observed.env {
            let mut entry = name.clone();
            if let Some(value) = value {
                entry.push(b'=');
                entry.extend(value);
            }
            if value::matches(matcher, Subject::present(&entry), values) {
                found.push(Mismatch {
                    place: "environment".to_owned(),
                    expected: Side::Words(format!("no entry is {}", value::words(matcher, values))),
                    got: Side::Octets(entry),
                });
            }
        }
    }
    if report.env_unique.is_some() {
        let mut names = HashSet::new();
        for (name, _) in observed.env.iter().filter(|(name, _)| !names.insert(name)) {
            found.push(Mismatch {
                place: "environment".to_owned(),
                expected: Side::Words("each name occurs once".to_owned()),
                got: Side::Words(format!("{} occurs again", super::visible(name))),
            });
        }
    }
    if let Some(expected) = &report.args {
        found.extend(arguments(expected, &observed.args, values));
    }
    if let Some(matcher) = &report.stdin {
        let subject = Subject {
            octets: Some(&observed.stdin),
            whole: observed.whole,
        };
        found.extend(value::mismatches(
            matcher,
            subject,
            "standard input",
            values,
        ));
    }
    if let Some(ended) = report.stdin_ended
        && ended != observed.ended
    {
        let words = |ended| {
            if ended {
                "it ended"
            } else {
                "reading it failed"
            }
        };
        found.push(Mismatch {
            place: "end of standard input".to_owned(),
            expected: Side::Words(words(ended).to_owned()),
            got: Side::Words(words(observed.ended).to_owned()),
        });
    }
    found
}

fn arguments(
    expected: &[crate::case::matcher::Matcher],
    got: &[Vec<u8>],
    values: &Placeholders,
) -> Vec<Mismatch> {
    if expected.len() != got.len() {
        let expected: Vec<String> = expected
            .iter()
            .map(|one| value::words(one, values))
            .collect();
        let list: Vec<String> = got
            .iter()
            .map(|one| format!("\"{}\"", super::visible(one)))
            .collect();
        return vec![Mismatch {
            place: "arguments".to_owned(),
            expected: Side::Words(format!("{}: {}", expected.len(), expected.join(", "))),
            got: Side::Words(format!("{}: {}", list.len(), list.join(", "))),
        }];
    }
    let pairs = expected.iter().zip(got).enumerate();
    pairs
        .flat_map(|(index, (matcher, octets))| {
            value::mismatches(
                matcher,
                Subject::present(octets),
                &format!("argument {index}"),
                values,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"args":["/x","a"],"env":[["A","1"],["B","\u00ff"],["A","2"],["C"]],
        "stdin":{"length":2,"text":"hi","fnv1a64":"08ba5f07b55ec3da","eof":true}}"#;

    fn places(report: &str) -> Vec<String> {
        let report: Report = serde_json::from_str(report).expect("a report");
        let observed = Observed::parse(BODY).expect("a report");
        mismatches(&report, &observed, &Placeholders::default())
            .into_iter()
            .map(|mismatch| mismatch.place)
            .collect()
    }

    #[test]
    fn what_agrees_has_no_mismatch() {
        let report = r#"{"env": {"B": {"base64": "/w=="}, "D": {"absent": true}, "C": ""},
            "env-none": "A=3", "args": [{"any": true}, "a"], "stdin": "hi", "stdin-ended": true}"#;
        assert_eq!(places(report), [""; 0]);
    }

    #[test]
    fn each_difference_is_placed() {
        assert_eq!(places(r#"{"env": {"A": "1"}}"#), ["variable A"]);
        assert_eq!(places(r#"{"env": {"D": ""}}"#), ["variable D"]);
        assert_eq!(
            places(r#"{"env-none": {"pattern": "A=."}}"#),
            ["environment", "environment"]
        );
        assert_eq!(places(r#"{"env-unique": true}"#), ["environment"]);
        assert_eq!(places(r#"{"args": ["/x"]}"#), ["arguments"]);
        assert_eq!(places(r#"{"args": ["/x", "b"]}"#), ["argument 1"]);
        assert_eq!(places(r#"{"stdin": "h"}"#), ["standard input"]);
        assert_eq!(
            places(r#"{"stdin-ended": false}"#),
            ["end of standard input"]
        );
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for body in [b"".as_slice(), b"{}", br#"{"args":["\u0100"],"env":[],"stdin":{"length":0,"text":"","fnv1a64":"0","eof":true}}"#] {
            assert!(Observed::parse(body).is_err());
        }
    }
}
