//! What GitHub Actions shows beside the log: annotations for what makes the run fail.

use std::io::{self, Write};

use super::Report;
use super::text::{count, first_difference, one_line, shorten};
use crate::run::event::{CaseRecord, Event, Summary};
use crate::run::standing::Standing;
use crate::suite::Suite;

/// GitHub shows ten errors of a step: the last says how many more there are.
const MOST: usize = 10;
/// A message is cut after so many characters.
const LONGEST_MESSAGE: usize = 1000;

/// Annotations, as the workflow commands of GitHub Actions.
pub struct Github<'a, W> {
    suite: &'a Suite,
    out: W,
    summary: Summary,
}

impl<'a, W: Write> Github<'a, W> {
    /// Annotations on cases of `suite`, written to `out` when the run ends.
    pub fn new(suite: &'a Suite, out: W) -> Self {
        Self {
            suite,
            out,
            summary: Summary::default(),
        }
    }

    /// The title and the message of a case that makes the run fail.
    fn annotation(&self, record: &CaseRecord) -> (String, String) {
        let title = format!(
            "{}: {} ({})",
            record.standing().as_str(),
            record.id,
            record.level
        );
        let mut cases = self.suite.cases.iter();
        let case = cases.find(|case| case.id == record.id);
        let what = match (record.standing(), &record.expected) {
            (Standing::UnexpectedPass, Some(entry)) => {
                Some(format!("It was expected to fail: {}", entry.why()))
            }
            _ => first_difference(record).or(record.reason.clone()),
        };
        let description = case.map(|case| case.description.clone());
        let lines: Vec<String> = description.into_iter().chain(what).collect();
        (title, lines.join("\n"))
    }

    fn finish(&mut self) -> io::Result<()> {
        let shortfalls = self.summary.shortfalls.iter();
        let shortfalls = shortfalls.map(|text| ("shortfall".to_owned(), one_line(text)));
        let records = self.summary.records.iter();
        let unexpected = records.filter(|record| self.summary.is_unexpected(record));
        let all: Vec<(String, String)> = shortfalls
            .chain(unexpected.map(|record| self.annotation(record)))
            .collect();
        let shown = if all.len() > MOST { MOST - 1 } else { MOST };
        for (title, message) in all.iter().take(shown) {
            writeln!(self.out, "{}", command(title, message))?;
        }
        if let more @ 1.. = all.len().saturating_sub(shown) {
            let title = format!("{} not as expected", count(more, "more case"));
            writeln!(
                self.out,
                "{}",
                command(&title, "The log and the summary have them all.")
            )?;
        }
        self.out.flush()
    }
}

impl<W: Write> Report for Github<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        match event {
            Event::RunFinished { .. } => self.finish(),
            _ => Ok(()),
        }
    }
}

/// The workflow command that makes an error.
fn command(title: &str, message: &str) -> String {
    let message = shorten(message, LONGEST_MESSAGE);
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::error title={title}::{}", data(&message))
}

/// `text` as the data of a workflow command: what would end it is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn printed(events: &[Event]) -> String {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Github::new(&suite, &mut out);
        for event in events {
            report.event(event).expect("written");
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_unexpected_outcome_is_annotated() {
        let text = printed(&sample::events());
        let expected = include_str!("sample/github.txt");
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(
            command("a: b, c%", "one\r\ntwo: three, 100%"),
            "::error title=a%3A b%2C c%25::one%0D%0Atwo: three, 100%25"
        );
    }

    #[test]
    fn no_more_are_written_than_are_shown() {
        let failed = Event::CaseFinished(Box::new(sample::record(
            "response/status",
            &["response.status"],
            crate::run::event::Verdict::Failed,
        )));
        let finished = Event::RunFinished {
            duration: std::time::Duration::ZERO,
        };
        let run = |failures: usize| {
            let mut events = vec![failed.clone(); failures];
            events.push(finished.clone());
            printed(&events)
        };
        assert_eq!(run(0), "");
        assert_eq!(run(10).lines().count(), 10);
        let many = run(25);
        assert_eq!(many.lines().count(), 10);
        assert!(
            many.ends_with("::error title=16 more cases not as expected::The log and the summary have them all.\n"),
            "{many}"
        );
    }
}
