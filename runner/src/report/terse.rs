//! The report for logs and for grep: a line for each case.

use std::collections::HashMap;
use std::io::{self, Write};

use super::Report;
use super::text::{duration, one_line, shorten};
use crate::id::CaseId;
use crate::judge::{Finding, Mismatch, Side};
use crate::run::event::{CaseRecord, Event, Summary, Verdict};
use crate::suite::Suite;

/// What is said about a case is cut after so many characters.
const LONGEST_DETAIL: usize = 200;

/// The report for logs and for grep.
///
/// The lines come in the order of the suite, each as soon as those before it are written, so that
/// two runs can be compared line by line. Cases that were not selected are only counted.
pub struct Terse<'a, W> {
    suite: &'a Suite,
    out: W,
    /// How many cases of the suite are done with.
    written: usize,
    /// What to write for cases that finished before their turn.
    waiting: HashMap<CaseId, String>,
    summary: Summary,
}

impl<'a, W: Write> Terse<'a, W> {
    /// A report on cases of `suite`, written to `out`.
    pub fn new(suite: &'a Suite, out: W) -> Self {
        let waiting = HashMap::new();
        Self {
            suite,
            out,
            written: 0,
            waiting,
            summary: Summary::default(),
        }
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        while let Some(case) = self.suite.cases.get(self.written) {
            let Some(lines) = self.waiting.remove(&case.id) else {
                break;
            };
            self.out.write_all(lines.as_bytes())?;
            self.written += 1;
        }
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        // A run that ends early leaves gaps: what finished after them is written all the same.
        for case in self.suite.cases.iter().skip(self.written) {
            if let Some(lines) = self.waiting.remove(&case.id) {
                self.out.write_all(lines.as_bytes())?;
            }
        }
        let counts = self.summary.counts().into_iter();
        let counts: Vec<String> = counts
            .map(|(verdict, number)| format!("{number} {}", verdict.as_str()))
            .collect();
        let time = duration(self.summary.duration);
        writeln!(self.out, "{} in {time}", counts.join(", "))?;
        self.out.flush()
    }
}

impl<W: Write> Report for Terse<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        match event {
            Event::CaseFinished(record) => {
                self.waiting.insert(record.id.clone(), lines(record));
                self.write_waiting()
            }
            Event::Notice(notice) => {
                writeln!(self.out, "note: {}", one_line(notice))?;
                self.out.flush()
            }
            Event::RunFinished { .. } => self.finish(),
            Event::RunStarted { .. } | Event::CaseStarted(_) => Ok(()),
        }
    }
}

fn lines(record: &CaseRecord) -> String {
    let head = format!("{:11}  {}", record.verdict.as_str(), record.id);
    let time = duration(record.duration);
    let reason = record.reason.as_deref().map(one_line);
    let reason = reason.map_or_else(String::new, |reason| format!("  {reason}"));
    match record.verdict {
        Verdict::Skipped => String::new(),
        Verdict::Blocked | Verdict::Unsupported => format!("{head}{reason}\n"),
        Verdict::Observed => format!("{head}  {time}  {}\n", observed(record)),
        Verdict::Passed | Verdict::Failed | Verdict::Error => {
            let first = record
                .exchanges
                .iter()
                .find_map(|exchange| match &exchange.finding {
                    Finding::NotAllowed { mismatches, .. } => mismatches.first(),
                    _ => None,
                });
            let detail = first.map_or_else(String::new, |mismatch| {
                format!("    {}\n", detail(mismatch))
            });
            format!("{head}  {time}{reason}\n{detail}")
        }
    }
}

/// The behaviours, and for those that have no name what was seen.
fn observed(record: &CaseRecord) -> String {
    let behaviours = record.behaviours.join(", ");
    let other = record
        .exchanges
        .iter()
        .find_map(|exchange| match &exchange.finding {
            Finding::ShowsOther(seen) => Some(one_line(&shorten(seen, LONGEST_DETAIL))),
            _ => None,
        });
    other.map_or(behaviours.clone(), |seen| format!("{behaviours}: {seen}"))
}

fn detail(
    Mismatch {
        place,
        expected,
        got,
    }: &Mismatch,
) -> String {
    let text = |side: &Side| match side {
        Side::Octets(_) => format!("\"{}\"", shorten(&side.text(), LONGEST_DETAIL)),
        Side::Words(words) => one_line(&shorten(words, LONGEST_DETAIL)),
    };
    format!("{place}: expected {}, got {}", text(expected), text(got))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn printed(events: &[Event]) -> String {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Terse::new(&suite, &mut out);
        for event in events {
            report.event(event).expect("written");
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_outcome_has_its_line() {
        let text = printed(&sample::events());
        let expected = include_str!("sample/terse.txt");
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn the_order_in_which_cases_finish_does_not_show() {
        let mut events = sample::events();
        let is_record = |event: &Event| matches!(event, Event::CaseFinished(_));
        let first = events.iter().position(is_record).expect("a record");
        let end = events.iter().rposition(is_record).expect("a record");
        if let Some(records) = events.get_mut(first..=end) {
            records.reverse();
        }
        assert_eq!(printed(&events), include_str!("sample/terse.txt"));
    }

    #[test]
    fn a_run_that_ends_early_loses_no_line() {
        let mut events = sample::events();
        events.retain(|event| {
            !matches!(event, Event::CaseFinished(record) if record.verdict == Verdict::Passed)
        });
        let text = printed(&events);
        let whole = include_str!("sample/terse.txt");
        for line in whole.lines().filter(|line| line.starts_with("failed ")) {
            assert!(text.contains(line), "{text}");
        }
    }
}
