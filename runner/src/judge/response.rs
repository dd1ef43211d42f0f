//! An expected response held against a received one.

use super::value::{self, Subject};
use super::{Mismatch, Side, visible::visible};
use crate::case::expect::{ExpectedResponse, FieldMatcher};
use crate::case::placeholder::Placeholders;
use crate::wire::Response;

/// Fields that any HTTP server, or a proxy in front of it, may add of its own accord, in lower
/// case. `spec/cases.md` lists them too; a test compares.
const SERVER_FIELDS: [&str; 31] = [
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "pragma",
    "proxy-connection",
    "referrer-policy",
    "retry-after",
    "server",
    "server-timing",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-content-type-options",
    "x-frame-options",
    "x-powered-by",
    "x-request-id",
    "x-xss-protection",
];

/// The name that stands for every field not named.
const EVERY_OTHER: &str = "*";

/// How `response` differs from `expected`; empty if it does not.
pub fn mismatches(
    expected: &ExpectedResponse,
    response: &Response,
    may_continue: bool,
    values: &Placeholders,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    if !expected.status.matches(response.status) {
        found.push(Mismatch {
            place: "status".to_owned(),
            expected: Side::Words(expected.status.to_string()),
            got: Side::Words(format!("{} {}", response.status, visible(&response.reason))),
        });
    }
    for (name, matcher) in expected
        .fields
        .iter()
        .filter(|(name, _)| *name != EVERY_OTHER)
    {
        found.extend(field(name, matcher, response, values));
    }
    found.extend(unnamed_fields(expected, response, values));
    found.extend(value::mismatches(
        &expected.body,
        Subject::present(&response.body),
        "body",
        values,
    ));
    found.extend(unasked_interim(&response.interim, may_continue));
    if !response.excess.is_empty() {
        found.push(Mismatch {
            place: "after the response".to_owned(),
            expected: Side::Words("nothing".to_owned()),
            got: Side::Octets(response.excess.clone()),
        });
    }
    found
}

/// Interim responses that nobody asked for: only `100`, and only where the client waits for it, is
/// in order.
pub fn unasked_interim(interim: &[u16], may_continue: bool) -> Option<Mismatch> {
    let unasked: Vec<String> = interim
        .iter()
        .filter(|status| !(may_continue && **status == 100))
        .map(ToString::to_string)
        .collect();
    (!unasked.is_empty()).then(|| Mismatch {
        place: "interim responses".to_owned(),
        expected: Side::Words("none that was not asked for".to_owned()),
        got: Side::Words(unasked.join(", ")),
    })
}

fn occurrences<'a>(name: &str, response: &'a Response) -> Vec<&'a [u8]> {
    response
        .fields
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.as_slice())
        .collect()
}

fn field(
    name: &str,
    matcher: &FieldMatcher,
    response: &Response,
    values: &Placeholders,
) -> Vec<Mismatch> {
    let found = occurrences(name, response);
    let place = format!("field {name}");
    let list = |items: &[&[u8]]| -> String {
        let texts: Vec<String> = items
            .iter()
            .map(|item| format!("\"{}\"", visible(item)))
            .collect();
        if texts.is_empty() {
            "none".to_owned()
        } else {
            texts.join(", ")
        }
    };
    let differs = |expected: String| {
        vec![Mismatch {
            place: place.clone(),
            expected: Side::Words(expected),
            got: Side::Words(format!("{} times: {}", found.len(), list(&found))),
        }]
    };
    match matcher {
        FieldMatcher::Count(count) if found.len() == *count => Vec::new(),
        FieldMatcher::Count(count) => differs(format!("{count} times")),
        FieldMatcher::Values(expected) => {
            let all = expected.len() == found.len()
                && expected.iter().zip(&found).all(|(matcher, octets)| {
                    value::matches(matcher, Subject::present(octets), values)
                });
            if all {
                return Vec::new();
            }
            let texts: Vec<String> = expected
                .iter()
                .map(|one| value::words(one, values))
                .collect();
            differs(format!("{} times: {}", texts.len(), texts.join(", ")))
        }
        FieldMatcher::Joined(matcher) => {
            let joined = (!found.is_empty()).then(|| found.join(b", ".as_slice()));
            value::mismatches(
                matcher,
                Subject::optional(joined.as_deref()),
                &place,
                values,
            )
        }
        FieldMatcher::One(matcher) => match found.as_slice() {
            [] => value::mismatches(matcher, Subject::optional(None), &place, values),
            [only] => value::mismatches(matcher, Subject::present(only), &place, values),
            _ if matches!(
                matcher,
                crate::case::matcher::Matcher::Form(crate::case::matcher::MatcherForm::Any(_))
            ) =>
            {
                Vec::new()
            }
            _ => differs(format!("once: {}", value::words(matcher, values))),
        },
    }
}

/// The fields that the expectation does not name.
fn unnamed_fields(
    expected: &ExpectedResponse,
    response: &Response,
    values: &Placeholders,
) -> Vec<Mismatch> {
    let is_named = |name: &[u8]| {
        expected
            .fields
            .keys()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
    };
    let unnamed = response.fields.iter().filter(|(name, _)| !is_named(name));
    match expected.fields.get(EVERY_OTHER) {
        Some(FieldMatcher::One(matcher)) => unnamed
            .flat_map(|(name, octets)| {
                let place = format!("field {}", visible(name));
                value::mismatches(matcher, Subject::present(octets), &place, values)
            })
            .collect(),
        _ => unnamed
            .filter(|(name, _)| {
                let name = name.to_ascii_lowercase();
                !SERVER_FIELDS.iter().any(|known| known.as_bytes() == name)
            })
            .map(|(name, octets)| Mismatch {
                place: format!("field {}", visible(name)),
                expected: Side::Words("absent: the case names no such field".to_owned()),
                got: Side::Octets(octets.clone()),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(expected: serde_json::Value, response: &Response) -> Vec<String> {
        let expected: ExpectedResponse = serde_json::from_value(expected).expect("a response");
        mismatches(&expected, response, false, &Placeholders::default())
            .into_iter()
            .map(|mismatch| mismatch.place)
            .collect()
    }

    fn response(fields: &[(&str, &str)]) -> Response {
        Response {
            status: 200,
            fields: fields
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
            body: b"b".to_vec(),
            ..Response::default()
        }
    }

    #[test]
    fn an_expectation_is_total() {
        let plain = json!({ "status": 200, "body": "b" });
        let none: [&str; 0] = [];
        assert_eq!(
            places(plain.clone(), &response(&[("Date", "x"), ("SERVER", "y")])),
            none
        );
        assert_eq!(
            places(plain.clone(), &response(&[("Set-Cookie", "x")])),
            ["field Set-Cookie"]
        );
        let mut odd = response(&[]);
        odd.interim = vec![103];
        odd.excess = b"x".to_vec();
        odd.status = 201;
        odd.body = b"bb".to_vec();
        assert_eq!(
            places(plain, &odd),
            ["status", "body", "interim responses", "after the response"]
        );
    }

    #[test]
    fn occurrences_are_counted() {
        let two = response(&[("Set-Cookie", "a"), ("set-cookie", "b")]);
        let none: [&str; 0] = [];
        let with = |field: serde_json::Value| json!({ "status": 200, "fields": { "set-cookie": field }, "body": "b" });
        for good in [
            json!(["a", "b"]),
            json!({"count": 2}),
            json!({"joined": "a, b"}),
            json!({"any": true}),
        ] {
            assert_eq!(places(with(good), &two), none);
        }
        for bad in [
            json!("a"),
            json!(["a"]),
            json!(["b", "a"]),
            json!({"count": 1}),
            json!({"absent": true}),
        ] {
            assert_eq!(places(with(bad), &two), ["field set-cookie"]);
        }
    }

    #[test]
    fn the_star_stands_for_fields_not_named() {
        let expected = json!({ "status": 200, "fields": { "*": { "any": true }, "x": { "absent": true } }, "body": "b" });
        assert_eq!(places(expected.clone(), &response(&[("y", "1")])), [""; 0]);
        assert_eq!(places(expected, &response(&[("x", "1")])), ["field x"]);
    }

    #[test]
    fn the_document_lists_the_same_fields() {
        let document = include_str!("../../../spec/cases.md");
        let (_, list) = document
            .split_once("<!-- fields any server may add -->")
            .expect("the list");
        let (list, _) = list.split_once("<!-- end -->").expect("its end");
        let names: Vec<String> = list
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_ascii_lowercase)
            .collect();
        assert_eq!(names, SERVER_FIELDS);
    }
}
