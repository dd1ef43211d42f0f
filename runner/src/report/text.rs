//! Small things that reports do with text.

use std::borrow::Cow;
use std::time::Duration;

use crate::judge::{Finding, Mismatch, Side};
use crate::run::event::CaseRecord;

/// Prose is broken into lines of at most so many characters.
pub(crate) const WIDTH: usize = 100;

/// `text`, cut after `limit` characters; what is left out is counted.
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let (start, rest) = text.split_at(end);
            Cow::Owned(format!(
                "{start}… ({} more)",
                count(rest.chars().count(), "character")
            ))
        }
    }
}

/// `text` in one line: every run of white space is a space.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` broken between words into lines of at most [`WIDTH`] characters, each after `indent`.
/// A longer word has a line of its own.
pub(crate) fn wrap(text: &str, indent: &str) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length <= WIDTH {
            wrapped.push(' ');
            column += 1 + length;
        } else {
            if column > 0 {
                wrapped.push('\n');
            }
            wrapped.push_str(indent);
            column = indent.chars().count() + length;
        }
        wrapped.push_str(word);
    }
    wrapped
}

/// What is said about a difference is cut after so many characters.
const LONGEST_DETAIL: usize = 200;

/// The first thing in the answers to a case that is not as demanded, in a line.
pub(crate) fn first_difference(record: &CaseRecord) -> Option<String> {
    let mut findings = record.exchanges.iter().map(|exchange| &exchange.finding);
    let Mismatch {
        place,
        expected,
        got,
    } = findings.find_map(|finding| match finding {
        Finding::NotAllowed { mismatches, .. } => mismatches.first(),
        _ => None,
    })?;
    let text = |side: &Side| match side {
        Side::Octets(_) => format!("\"{}\"", shorten(&side.text(), LONGEST_DETAIL)),
        Side::Words(words) => one_line(&shorten(words, LONGEST_DETAIL)),
    };
    Some(format!(
        "{place}: expected {}, got {}",
        text(expected),
        text(got)
    ))
}

/// `number` things: `1 case`, `2 cases`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A duration in the unit that suits it.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "< 1 ms".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// A duration in milliseconds, to three decimal places.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        assert_eq!(shorten("äbc", 3), "äbc");
        assert_eq!(shorten("äbcd", 3), "äbc… (1 character more)");
    }

    #[test]
    fn prose_is_broken_between_words() {
        let long = "x".repeat(120);
        assert_eq!(
            wrap(&format!("a b\n{long} c"), "  "),
            format!("  a b\n  {long}\n  c")
        );
        assert_eq!(wrap("", "  "), "");
        let lines = wrap(&"word ".repeat(50), "    ");
        assert!(
            lines
                .lines()
                .all(|line| line.starts_with("    word") && line.len() <= WIDTH)
        );
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let text = |micros| duration(Duration::from_micros(micros));
        assert_eq!(
            [text(999), text(12_345), text(1_260_000)],
            ["< 1 ms", "12 ms", "1.3 s"]
        );
        assert_eq!(milliseconds(Duration::from_nanos(1_234_567)), 1.235);
    }
}
