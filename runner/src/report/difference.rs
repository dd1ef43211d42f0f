//! What is not as demanded, laid out so that the eye finds it.

use similar::{ChangeTag, TextDiff};

use super::style::{Ink, Style};
use super::text::{count, shorten};
use crate::judge::visible::visible;
use crate::judge::{Mismatch, Side};

/// A description is cut after so many characters.
const LONGEST_WORDS: usize = 400;
/// A single value longer than this, in octets, is shown around the first difference only.
const LONGEST_VALUE: usize = 240;
/// How many octets are shown before and after that difference.
const AROUND: usize = 60;
/// Texts of more lines are not compared line by line.
const MOST_LINES: usize = 400;
/// No comparison line by line prints more lines.
const MOST_PRINTED: usize = 40;

/// The lines that show `mismatch`, the place first, without indentation.
pub(super) fn lines(mismatch: &Mismatch, style: Style) -> Vec<String> {
    let (mut lines, note) = match (&mismatch.expected, &mismatch.got) {
        (Side::Octets(expected), Side::Octets(got)) => match (split(expected), split(got)) {
            (Some(old), Some(new)) if old.len().max(new.len()) > 1 => {
                (line_by_line(&old, &new, style), " (- expected, + got)")
            }
            _ => (values(expected, got, style), ""),
        },
        (expected, got) => (pair(&side(expected), &side(got), style), ""),
    };
    lines.insert(
        0,
        format!("{}{note}", style.paint(Ink::Bold, &mismatch.place)),
    );
    lines
}

fn pair(expected: &str, got: &str, style: Style) -> Vec<String> {
    vec![
        format!("  expected  {}", style.paint(Ink::Good, expected)),
        format!("  got       {}", style.paint(Ink::Bad, got)),
    ]
}

fn side(side: &Side) -> String {
    match side {
        // Quoted, so that spaces at its ends, or its being empty, show.
        Side::Octets(octets) => format!("\"{}\"", shorten(&visible(octets), LONGEST_WORDS)),
        Side::Words(words) => shorten(words, LONGEST_WORDS).into_owned(),
    }
}

/// Two values, one below the other, with a mark where they begin to differ.
fn values(expected: &[u8], got: &[u8], style: Style) -> Vec<String> {
    let same = expected
        .iter()
        .zip(got)
        .take_while(|(left, right)| left == right)
        .count();
    let same = boundary(expected, same).min(boundary(got, same));
    let is_long = expected.len().max(got.len()) > LONGEST_VALUE;
    let start = if is_long {
        boundary(expected, same.saturating_sub(AROUND))
    } else {
        0
    };
    let before = if start > 0 { "…\"" } else { "\"" };
    let show = |octets: &[u8]| {
        let end = if is_long {
            boundary(octets, same.saturating_add(AROUND))
        } else {
            octets.len()
        };
        let shown = octets.get(start..end).unwrap_or_default();
        let after = if end < octets.len() { "\"…" } else { "\"" };
        format!("{before}{}{after}", visible(shown))
    };
    let mut lines = pair(&show(expected), &show(got), style);
    let common = visible(expected.get(start..same).unwrap_or_default());
    if same > 0 || is_long {
        let column = before.chars().count() + common.chars().count();
        let note = if is_long {
            format!(
                " the first difference, after {}; expected {}, got {}",
                count(same, "octet"),
                count(expected.len(), "octet"),
                count(got.len(), "octet")
            )
        } else {
            " the first difference".to_owned()
        };
        lines.push(format!(
            "{:12}{:column$}{}",
            "",
            "",
            style.paint(Ink::Dim, &format!("^{note}"))
        ));
    }
    lines
}

/// The nearest place at or before `at`, and within `octets`, that does not part a character.
fn boundary(octets: &[u8], at: usize) -> usize {
    let at = at.min(octets.len());
    let continues = |at: &usize| octets.get(*at).is_some_and(|octet| octet & 0xC0 == 0x80);
    // A character has at most three octets that continue it: beyond, it is not text.
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|at| !continues(at))
        .unwrap_or(at)
}

/// The lines of `octets` with everything visible; `None` if they are not worth comparing line by
/// line: none, too many, or too long to be read.
fn split(octets: &[u8]) -> Option<Vec<String>> {
    let lines: Vec<&[u8]> = octets
        .split_inclusive(|octet| *octet == b'\n')
        .take(MOST_LINES + 1)
        .collect();
    let readable = lines.iter().all(|line| line.len() <= LONGEST_VALUE);
    (readable && !lines.is_empty() && lines.len() <= MOST_LINES)
        .then(|| lines.into_iter().map(visible).collect())
}

/// What is expected and missing, with `-`, and what is there instead, with `+`, among the lines
/// around.
fn line_by_line(expected: &[String], got: &[String], style: Style) -> Vec<String> {
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let got: Vec<&str> = got.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&expected, &got);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            lines.push(style.paint(Ink::Dim, "  …"));
        }
        for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let (sign, ink) = match change.tag() {
                ChangeTag::Delete => ("-", Ink::Good),
                ChangeTag::Insert => ("+", Ink::Bad),
                ChangeTag::Equal => (" ", Ink::Plain),
            };
            let mut line = style.paint(ink, &format!("  {sign} "));
            for (differs, part) in change.iter_strings_lossy() {
                line.push_str(&style.paint(if differs { Ink::Emphasis } else { ink }, &part));
            }
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(MOST_PRINTED);
    if more > 0 {
        lines.truncate(MOST_PRINTED);
        lines.push(style.paint(Ink::Dim, &format!("  … ({} more)", count(more, "line"))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: Side, got: Side) -> String {
        let mismatch = Mismatch {
            place: "body".to_owned(),
            expected,
            got,
        };
        lines(&mismatch, Style::default()).join("\n")
    }

    fn octets(text: &str) -> Side {
        Side::Octets(text.as_bytes().to_vec())
    }

    #[test]
    fn values_are_marked_where_they_begin_to_differ() {
        assert_eq!(
            shown(octets("/a b\r\n"), octets("/a%20b\r\n")),
            "body\n  expected  \"/a b\\r\\n\"\n  got       \"/a%20b\\r\\n\"\n               ^ the first difference"
        );
        assert_eq!(
            shown(octets("x"), octets("")),
            "body\n  expected  \"x\"\n  got       \"\""
        );
        // é and è share their first octet, but no half of a character is shown.
        let marked = shown(octets("é"), octets("è"));
        assert_eq!(marked, "body\n  expected  \"é\"\n  got       \"è\"");
    }

    #[test]
    fn long_values_are_shown_around_the_difference() {
        let zeros = "0".repeat(500);
        let text = shown(octets(&format!("{zeros}1{zeros}")), octets(&zeros));
        let around = "0".repeat(60);
        assert_eq!(
            text,
            format!(
                "body\n  expected  …\"{around}1{}\"…\n  got       …\"{around}\"\n{:12}{:62}^ the first \
                 difference, after 500 octets; expected 1001 octets, got 500 octets",
                "0".repeat(59),
                "",
                ""
            )
        );
    }

    #[test]
    fn texts_are_compared_line_by_line() {
        assert_eq!(
            shown(octets("a\nb\nc\n"), octets("a\nB\r\nc\n")),
            "body (- expected, + got)\n    a\\n\n  - b\\n\n  + B\\r\\n\n    c\\n"
        );
        let many: String = (0..300).map(|number| format!("{number}\n")).collect();
        let lines = shown(octets(&many), octets("x\n"));
        assert!(lines.ends_with("\n  … (261 lines more)"), "{lines}");
    }

    #[test]
    fn descriptions_stand_as_they_are_and_are_cut() {
        let words = Side::Words("a 5xx status".to_owned());
        assert_eq!(
            shown(words, octets("")),
            "body\n  expected  a 5xx status\n  got       \"\""
        );
        let long = shown(Side::Words("x".repeat(500)), octets(&"y".repeat(500)));
        assert_eq!(long.matches("… (100 characters more)").count(), 2);
    }
}
