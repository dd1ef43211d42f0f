//! A matcher held against a value.

use serde_json::Value;
use url::Url;

use super::observed::{self, Observed};
use super::{Mismatch, Side, visible::visible};
use crate::case::bytes::BytesForm;
use crate::case::matcher::{Matcher, MatcherForm, compile_pattern};
use crate::case::placeholder::Placeholders;

/// A value that may be missing, and of which perhaps only the beginning is known.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The octets; `None` if it is not there.
    pub octets: Option<&'a [u8]>,
    /// The whole length, and the FNV-1a hash of the whole, where `octets` is only its beginning.
    pub whole: Option<(u64, u64)>,
}

impl<'a> Subject<'a> {
    /// A value that is there.
    pub fn present(octets: &'a [u8]) -> Self {
        Self {
            octets: Some(octets),
            whole: None,
        }
    }

    /// A value that is there or not.
    pub fn optional(octets: Option<&'a [u8]>) -> Self {
        Self {
            octets,
            whole: None,
        }
    }

    fn text(&self) -> String {
        match (self.octets, self.whole) {
            (None, _) => "absent".to_owned(),
            (Some(octets), None) => visible(octets),
            (Some(octets), Some((length, hash))) => {
                let start = octets.get(..64).unwrap_or(octets);
                format!(
                    "{length} octets with the hash {hash:016x}, beginning {}",
                    visible(start)
                )
            }
        }
    }

    fn side(&self) -> Side {
        match (self.octets, self.whole) {
            (Some(octets), None) => Side::Octets(octets.to_vec()),
            _ => Side::Words(self.text()),
        }
    }
}

/// How `subject`, which is at `place`, differs from what `matcher` asks for; empty if it matches.
pub fn mismatches(
    matcher: &Matcher,
    subject: Subject,
    place: &str,
    values: &Placeholders,
) -> Vec<Mismatch> {
    match matcher {
        Matcher::Form(MatcherForm::Report(report)) => match subject.octets.map(Observed::parse) {
            Some(Ok(observed)) => observed::mismatches(report, &observed, values),
            Some(Err(why)) => vec![Mismatch {
                place: place.to_owned(),
                expected: Side::Words(format!("the report of the guest `observe` ({why})")),
                got: subject.side(),
            }],
            None => vec![not_as(place, "the report of the guest `observe`", subject)],
        },
        Matcher::Form(MatcherForm::AllOf(all)) => all
            .iter()
            .flat_map(|matcher| mismatches(matcher, subject, place, values))
            .collect(),
        _ if matches(matcher, subject, values) => Vec::new(),
        _ => {
            let expected = match exact(matcher, values) {
                Some(octets) => Side::Octets(octets),
                None => Side::Words(words(matcher, values)),
            };
            vec![Mismatch {
                place: place.to_owned(),
                expected,
                got: subject.side(),
            }]
        }
    }
}

fn not_as(place: &str, expected: &str, subject: Subject) -> Mismatch {
    Mismatch {
        place: place.to_owned(),
        expected: Side::Words(expected.to_owned()),
        got: subject.side(),
    }
}

/// Whether `subject` is what `matcher` asks for.
///
/// The files were checked when they were read, so what cannot be resolved here does not match.
pub fn matches(matcher: &Matcher, subject: Subject, values: &Placeholders) -> bool {
    if let Some(expected) = exact(matcher, values) {
        return equals(&expected, subject);
    }
    let Matcher::Form(form) = matcher else {
        return false;
    };
    let octets = subject.octets;
    match form {
        MatcherForm::Base64(_) | MatcherForm::Repeat(_) | MatcherForm::Concat(_) => false,
        MatcherForm::OneOf(choices) => choices
            .iter()
            .any(|choice| matches(choice, subject, values)),
        MatcherForm::AllOf(all) => all.iter().all(|matcher| matches(matcher, subject, values)),
        MatcherForm::Not(matcher) => octets.is_some() && !matches(matcher, subject, values),
        MatcherForm::Contains(part) => match (octets, part.resolve(values)) {
            (Some(octets), Ok(part)) => !part.is_empty() && contains(octets, &part),
            _ => false,
        },
        MatcherForm::Pattern(pattern) => octets.is_some_and(|octets| {
            compile_pattern(pattern, values).is_ok_and(|pattern| pattern.is_match(octets))
        }),
        MatcherForm::Url(expected) => match (octets, values.expand(expected)) {
            (Some(octets), Ok(expected)) => same_url(octets, &expected),
            _ => false,
        },
        MatcherForm::Length(length) => match (octets, subject.whole) {
            (Some(_), Some((whole, _))) => usize::try_from(whole) == Ok(*length),
            (Some(octets), None) => octets.len() == *length,
            (None, _) => false,
        },
        MatcherForm::Json(expected) => octets
            .and_then(|octets| serde_json::from_slice::<Value>(octets).ok())
            .is_some_and(|got| json_subset(expected, &got, values)),
        MatcherForm::Report(report) => octets
            .and_then(|octets| Observed::parse(octets).ok())
            .is_some_and(|observed| observed::mismatches(report, &observed, values).is_empty()),
        MatcherForm::Any(_) => octets.is_some(),
        MatcherForm::Absent(_) => octets.is_none(),
        MatcherForm::AbsentOrEmpty(_) => octets.is_none_or(<[u8]>::is_empty),
    }
}

/// The octets that `matcher` asks for, if it says exactly which.
fn exact(matcher: &Matcher, values: &Placeholders) -> Option<Vec<u8>> {
    match matcher {
        Matcher::Text(text) => values.expand(text).ok().map(String::into_bytes),
        Matcher::Form(form) => form
            .exact()
            .and_then(|exact: BytesForm| exact.resolve(values).ok()),
    }
}

fn equals(expected: &[u8], subject: Subject) -> bool {
    match (subject.octets, subject.whole) {
        (None, _) => false,
        (Some(octets), None) => octets == expected,
        (Some(octets), Some((length, hash))) => {
            expected.starts_with(octets)
                && u64::try_from(expected.len()) == Ok(length)
                && fnv1a(expected) == hash
        }
    }
}

/// FNV-1a with 64 bits, which the guest `observe` computes over its input.
pub fn fnv1a(octets: &[u8]) -> u64 {
    octets.iter().fold(0xCBF2_9CE4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

fn same_url(octets: &[u8], expected: &str) -> bool {
    let got = std::str::from_utf8(octets)
        .ok()
        .and_then(|text| Url::parse(text).ok());
    got.is_some_and(|got| Url::parse(expected).is_ok_and(|expected| got == expected))
}

fn json_subset(expected: &Value, got: &Value, values: &Placeholders) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => expected.iter().all(|(name, expected)| {
            got.get(name)
                .is_some_and(|got| json_subset(expected, got, values))
        }),
        (Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len()
                && expected
                    .iter()
                    .zip(got)
                    .all(|(expected, got)| json_subset(expected, got, values))
        }
        (Value::String(expected), Value::String(got)) => values
            .expand(expected)
            .is_ok_and(|expected| expected == *got),
        (expected, got) => expected == got,
    }
}

/// A matcher in words, with placeholders expanded where the case's text is quoted.
pub fn words(matcher: &Matcher, values: &Placeholders) -> String {
    if let Some(octets) = exact(matcher, values) {
        let start = octets.get(..200).unwrap_or(&octets);
        return if start.len() < octets.len() {
            format!("{} octets beginning \"{}\"", octets.len(), visible(start))
        } else {
            format!("\"{}\"", visible(start))
        };
    }
    let list = |matchers: &[Matcher], word: &str| -> String {
        let texts: Vec<String> = matchers
            .iter()
            .map(|matcher| words(matcher, values))
            .collect();
        texts.join(word)
    };
    let expanded = |text: &str| values.expand(text).unwrap_or_else(|_| text.to_owned());
    let Matcher::Form(form) = matcher else {
        return String::new();
    };
    match form {
        MatcherForm::Base64(_) | MatcherForm::Repeat(_) | MatcherForm::Concat(_) => String::new(),
        MatcherForm::OneOf(choices) => list(choices, " or "),
        MatcherForm::AllOf(all) => list(all, " and "),
        MatcherForm::Not(matcher) => format!("anything but {}", words(matcher, values)),
        MatcherForm::Contains(part) => {
            let part = part.resolve(values).unwrap_or_default();
            format!("something that contains \"{}\"", visible(&part))
        }
        MatcherForm::Pattern(pattern) => {
            format!("something that matches /{}/", expanded(pattern))
        }
        MatcherForm::Url(url) => format!("a URL equal to {}", expanded(url)),
        MatcherForm::Length(length) => format!("{length} octets"),
        MatcherForm::Json(value) => format!("JSON that has {}", expanded(&value.to_string())),
        MatcherForm::Report(_) => "a report of the guest `observe`".to_owned(),
        MatcherForm::Any(_) => "any value".to_owned(),
        MatcherForm::Absent(_) => "absent".to_owned(),
        MatcherForm::AbsentOrEmpty(_) => "absent or empty".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::placeholder::NAMES;

    fn is(matcher: &str, octets: Option<&[u8]>) -> bool {
        let matcher: Matcher = serde_json::from_str(matcher).expect("a matcher");
        let values = Placeholders::new(NAMES.map(|name| format!("<{name}.>")));
        matches(&matcher, Subject::optional(octets), &values)
    }

    #[test]
    fn each_matcher_takes_what_it_says_and_nothing_else() {
        type Octets = &'static [&'static [u8]];
        let table: [(&str, Octets, Octets); 11] = [
            (r#""a""#, &[b"a"], &[b"", b"ab", b"A"]),
            (r#""{{nonce}}""#, &[b"<nonce.>"], &[b"{{nonce}}"]),
            (r#"{"base64": "/w=="}"#, &[b"\xFF"], &[b"\xFE"]),
            (r#"{"one-of": ["a", "b"]}"#, &[b"a", b"b"], &[b"c"]),
            (r#"{"not": "a"}"#, &[b"", b"b"], &[b"a"]),
            (r#"{"contains": "b"}"#, &[b"abc"], &[b"", b"ac"]),
            (
                r#"{"pattern": "a|b."}"#,
                &[b"a", b"b\xFF"],
                &[b"aa", b"ba\n", b"xa"],
            ),
            (
                r#"{"pattern": "{{nonce}}"}"#,
                &[b"<nonce.>"],
                &[b"<nonceX>"],
            ),
            (r#"{"length": 2}"#, &[b"ab"], &[b"a"]),
            (
                r#"{"url": "http://H:80/a?b"}"#,
                &[b"http://h/a?b"],
                &[b"https://h/a?b", b"/a?b"],
            ),
            (
                r#"{"json": {"a": [1, "{{nonce}}"]}}"#,
                &[br#"{"b": 2, "a": [1, "<nonce.>"]}"#],
                &[br#"{"a": [1]}"#, b"{", br#"{"a": [1, "x"]}"#],
            ),
        ];
        for (matcher, accepted, refused) in table {
            for octets in accepted {
                assert!(
                    is(matcher, Some(octets)),
                    "{matcher} takes {}",
                    visible(octets)
                );
            }
            for octets in refused {
                assert!(
                    !is(matcher, Some(octets)),
                    "{matcher} refuses {}",
                    visible(octets)
                );
            }
            assert!(!is(matcher, None), "{matcher} refuses what is not there");
        }
    }

    #[test]
    fn presence_is_told_from_emptiness() {
        for (matcher, absent, empty, full) in [
            (r#"{"any": true}"#, false, true, true),
            (r#"{"absent": true}"#, true, false, false),
            (r#"{"absent-or-empty": true}"#, true, true, false),
        ] {
            assert_eq!(is(matcher, None), absent, "{matcher}");
            assert_eq!(is(matcher, Some(b"")), empty, "{matcher}");
            assert_eq!(is(matcher, Some(b"x")), full, "{matcher}");
        }
    }

    #[test]
    fn a_long_value_is_compared_by_length_and_hash() {
        let matcher: Matcher =
            serde_json::from_str(r#"{"repeat": {"pattern": "ab", "length": 100}}"#)
                .expect("a matcher");
        let whole: Vec<u8> = b"ab".repeat(50);
        let values = Placeholders::default();
        let subject = |length, hash| Subject {
            octets: whole.get(..10),
            whole: Some((length, hash)),
        };
        assert!(matches(&matcher, subject(100, fnv1a(&whole)), &values));
        assert!(!matches(&matcher, subject(101, fnv1a(&whole)), &values));
        assert!(!matches(&matcher, subject(100, 0), &values));
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
    }
}
