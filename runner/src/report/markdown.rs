//! The report for pull requests: a summary in GitHub's Markdown, written when the run ends.

use std::io::{self, Write};

use super::closing::closing;
use super::groups::{GROUPS, grouped};
use super::text::{count, duration, first_difference, one_line, shorten};
use super::{Report, Style, pretty, table};
use crate::id::CaseId;
use crate::run::event::{CaseRecord, Event, Summary};
use crate::run::standing::Standing;
use crate::suite::Suite;

/// So many failures are shown in full: a summary of GitHub's holds a mebibyte.
const MOST_FAILURES: usize = 50;
/// What is said about one is cut after so many characters.
const LONGEST_FAILURE: usize = 6000;
/// The same for what is in a line.
const LONGEST_LINE: usize = 300;
/// Of the cases with the same reason, so many are named.
const MOST_NAMES: usize = 20;

/// The report in Markdown.
pub struct Markdown<'a, W> {
    suite: &'a Suite,
    out: W,
    summary: Summary,
}

impl<'a, W: Write> Markdown<'a, W> {
    /// A report on cases of `suite`, written to `out` when the run ends.
    pub fn new(suite: &'a Suite, out: W) -> Self {
        Self {
            suite,
            out,
            summary: Summary::default(),
        }
    }
}

impl<W: Write> Report for Markdown<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        if let Event::RunFinished { .. } = event {
            self.out
                .write_all(text(self.suite, &self.summary).as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// The summary of a run that has ended.
fn text(suite: &Suite, summary: &Summary) -> String {
    let (_, verdict) = closing(summary);
    let mut parts = vec![
        format!("## WAGI conformance: {}", inline(&summary.target)),
        format!("**{}**", inline(&verdict)),
    ];
    for shortfall in &summary.shortfalls {
        parts.push(format!("❌ {}", inline(shortfall)));
    }
    for notice in &summary.notices {
        parts.push(format!("⚠️ {}", inline(notice)));
    }
    let is_selected = |case: &CaseRecord| case.standing() != Standing::Skipped;
    if summary.records.iter().any(is_selected) {
        parts.push(fenced(&table::by_area(summary, Style::default())));
    }
    let failed = pretty::failures(suite, summary);
    let failed: Vec<&CaseRecord> = failed
        .into_iter()
        .flat_map(|(shown, alike)| shown.into_iter().chain(alike))
        .collect();
    if !failed.is_empty() {
        parts.push("### Failed".to_owned());
    }
    for record in failed.iter().take(MOST_FAILURES) {
        let what = first_difference(record).or(record.reason.clone());
        let what = what.unwrap_or_default();
        let text = pretty::failure(suite, record);
        parts.push(format!(
            "<details><summary><code>{}</code> ({}): {}</summary>\n\n{}\n\n</details>",
            record.id,
            record.level,
            html(&shorten(&one_line(&what), LONGEST_LINE)),
            fenced(&shorten(&text, LONGEST_FAILURE)),
        ));
    }
    if let Some(rest @ [_, ..]) = failed.get(MOST_FAILURES..) {
        let ids: Vec<&CaseId> = rest.iter().map(|record| &record.id).collect();
        parts.push(format!(
            "… and {}: {}",
            count(ids.len(), "more case"),
            names(&ids)
        ));
    }
    for (standing, meaning) in GROUPS {
        let groups = grouped(summary, standing);
        if groups.is_empty() {
            continue;
        }
        parts.push(format!("### {}", inline(&capitalised(meaning))));
        let lines = groups.iter().map(|((reason, link), ids)| {
            let link = link.map_or_else(String::new, |link| {
                let url = link.replace('<', "%3C").replace('>', "%3E");
                format!(" ([more](<{}>))", one_line(&url))
            });
            format!(
                "- {}{link}: {}",
                inline(&shorten(reason, LONGEST_LINE)),
                names(ids)
            )
        });
        parts.push(lines.collect::<Vec<_>>().join("\n"));
    }
    let counts = summary
        .counts()
        .into_iter()
        .filter(|(_, number)| *number > 0);
    let counts: Vec<String> = counts
        .map(|(standing, number)| standing.counted(number))
        .collect();
    if !counts.is_empty() {
        parts.push(format!(
            "{} in {}",
            counts.join(", "),
            duration(summary.duration)
        ));
    }
    parts.join("\n\n") + "\n"
}

fn names(ids: &[&CaseId]) -> String {
    let shown = ids.iter().take(MOST_NAMES).map(|id| format!("`{id}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// `text` as a block of code, whatever it holds.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// `text` in a line of prose, without any markup but code between backticks.
fn inline(text: &str) -> String {
    let text = one_line(text);
    if !text.matches('`').count().is_multiple_of(2) {
        return plain(&text);
    }
    let parts = text
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            1 if !part.trim().is_empty() => format!("`{part}`"),
            1 => format!("\\`{part}\\`"),
            _ => plain(part),
        });
    parts.collect()
}

/// `text` with every character that could be markup escaped.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '#' | '$'
        ) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

/// `text` within an HTML element.
fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_outcome_is_told() {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Markdown::new(&suite, &mut out);
        for event in sample::events() {
            report.event(&event).expect("written");
        }
        let text = String::from_utf8(out).expect("text");
        let expected = include_str!("sample/summary.md");
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(inline("a `b_c` *d*\n<e>"), "a `b_c` \\*d\\* \\<e\\>");
        assert_eq!(inline("a `b|c"), "a \\`b\\|c");
        assert_eq!(inline("``"), "\\`\\`");
        assert_eq!(html("<a & b>"), "&lt;a &amp; b&gt;");
        assert_eq!(fenced("a ```` b"), "`````text\na ```` b\n`````");
        assert_eq!(fenced("a"), "```text\na\n```");
    }

    #[test]
    fn a_summary_has_a_limit() {
        let suite = sample::suite();
        let failed = |_| CaseRecord {
            reason: Some("x".repeat(100_000)),
            ..sample::record(
                "response/status",
                &["response.status"],
                crate::run::event::Verdict::Failed,
            )
        };
        let summary = Summary {
            records: (0..3000).map(failed).collect(),
            ..Summary::default()
        };
        let text = text(&suite, &summary);
        assert!(text.len() < 1 << 20, "{}", text.len());
        assert!(text.contains("… and 2950 more cases: `response/status`, "));
    }
}
