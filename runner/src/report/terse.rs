//! The report for logs and for grep: a line for each case.

use std::collections::HashMap;
use std::io::{self, Write};

use super::Report;
use super::text::{duration, first_difference, one_line, shorten};
use crate::id::CaseId;
use crate::judge::Finding;
use crate::run::event::{CaseRecord, Event, Summary};
use crate::run::standing::Standing;
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
            .map(|(standing, number)| standing.counted(number))
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
            Event::Shortfall(shortfall) => {
                writeln!(self.out, "failed: {}", one_line(shortfall))?;
                self.out.flush()
            }
            Event::RunFinished { .. } => self.finish(),
            Event::RunStarted { .. } | Event::CaseStarted(_) => Ok(()),
        }
    }
}

fn lines(record: &CaseRecord) -> String {
    let standing = record.standing();
    let head = format!("{:16}  {}", standing.as_str(), record.id);
    let time = duration(record.duration);
    let reason = record.reason.as_deref().map(one_line);
    let reason = reason.map_or_else(String::new, |reason| format!("  {reason}"));
    let expected = record.expected.as_ref().map(|entry| one_line(&entry.why()));
    let expected = expected.unwrap_or_default();
    match standing {
        Standing::Skipped => String::new(),
        Standing::Blocked | Standing::Unsupported => format!("{head}{reason}\n"),
        Standing::Observed => format!("{head}  {time}  {}\n", observed(record)),
        Standing::ExpectedFailure | Standing::UnexpectedPass => {
            format!("{head}  {time}  {expected}\n")
        }
        Standing::Passed | Standing::Failed | Standing::Error => {
            let detail = first_difference(record);
            let detail = detail.map_or_else(String::new, |detail| format!("    {detail}\n"));
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

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::run::event::Verdict;

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
