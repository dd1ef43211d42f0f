//! The report for people: progress while the cases run; then a summary by area, each failure, and
//! the verdict.

use std::io::{self, Write};

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::closing::closing;
use super::groups::{GROUPS, grouped};
use super::style::{Ink, Style};
use super::text::{count, duration, shorten, wrap};
use super::{Report, difference, table};
use crate::case::Case;
use crate::judge::Finding;
use crate::run::event::{CaseRecord, Event, ExchangeRecord, Summary, Verdict};
use crate::run::standing::Standing;
use crate::spec::Level;
use crate::suite::Suite;

/// Of the requests of one case whose answers are not allowed, so many are shown.
const MOST_REQUESTS: usize = 3;
/// Of the rows of one table that fail, so many are shown in full.
const MOST_ROWS: usize = 2;
/// Of the rows of one table that pass beside one that fails, so many are named.
const MOST_NAMES: usize = 12;
/// An answer is described in at most so many characters.
const LONGEST_ANSWER: usize = 400;

/// The report for people.
pub struct Pretty<'a, W> {
    suite: &'a Suite,
    out: W,
    style: Style,
    progress: Option<Progress>,
    summary: Summary,
}

impl<'a, W: Write> Pretty<'a, W> {
    /// A report on cases of `suite`, written to `out`; the progress goes to standard error.
    pub fn new(suite: &'a Suite, out: W, style: Style) -> Self {
        Self {
            suite,
            out,
            style,
            progress: None,
            summary: Summary::default(),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        let (summary, style) = (&self.summary, self.style);
        if summary
            .records
            .iter()
            .any(|case| case.verdict != Verdict::Skipped)
        {
            writeln!(self.out, "\n{}", table::by_area(summary, style))?;
        }
        let failed = Failure {
            suite: self.suite,
            style,
        };
        for (shown, alike) in failures(self.suite, summary) {
            for failure in &shown {
                writeln!(self.out, "\n{}", failed.text(failure))?;
            }
            if !alike.is_empty() {
                let rows: Vec<&str> = alike.iter().map(|record| record.id.row()).collect();
                let text = format!(
                    "  … and {} of this table: {}",
                    count(rows.len(), "more row"),
                    rows.join(", ")
                );
                writeln!(self.out, "\n{}", wrap(&text, "  "))?;
            }
            if let Some(text) = shown.first().and_then(|row| passed_rows(summary, row)) {
                writeln!(self.out, "\n{}", wrap(&text, "  "))?;
            }
        }
        for (standing, meaning) in GROUPS {
            let lines = self.grouped(standing);
            if !lines.is_empty() {
                let heading = style.paint(Ink::Bold, meaning);
                writeln!(self.out, "\n{heading}\n{}", lines.join("\n"))?;
            }
        }
        let counts = self.summary.counts();
        let observed = counts.get(&Standing::Observed).copied().unwrap_or_default();
        if observed > 0 {
            let text = format!(
                "{} recorded, where no rule binds; to see them: --level observe --format terse",
                count(observed, "behaviour")
            );
            writeln!(self.out, "\n{text}")?;
        }
        for shortfall in &self.summary.shortfalls {
            let shortfall = wrap(&format!("failed: {shortfall}"), "");
            writeln!(self.out, "\n{}", style.paint(Ink::Bad, &shortfall))?;
        }
        for notice in &self.summary.notices {
            let notice = wrap(&format!("note: {notice}"), "");
            writeln!(self.out, "\n{}", style.paint(Ink::Doubtful, &notice))?;
        }
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(standing, number)| standing.counted(number))
            .collect();
        if !counts.is_empty() {
            let time = duration(self.summary.duration);
            writeln!(self.out, "\n{} in {time}", counts.join(", "))?;
        }
        let (ink, verdict) = closing(&self.summary);
        writeln!(self.out, "{}", style.paint(ink, &verdict))?;
        self.out.flush()
    }

    /// The cases of a standing by the reason for it, a line for each.
    fn grouped(&self, standing: Standing) -> Vec<String> {
        grouped(&self.summary, standing)
            .into_iter()
            .map(|((reason, link), ids)| {
                let link = link.map_or_else(String::new, |link| format!(" ({link})"));
                let cases = match ids.as_slice() {
                    [only] => only.to_string(),
                    [first, second] => format!("2 cases ({first}, {second})"),
                    [first, ..] => format!("{} ({first}, …)", count(ids.len(), "case")),
                    [] => String::new(),
                };
                format!("  {reason}{link}: {cases}")
            })
            .collect()
    }
}

impl<W: Write> Report for Pretty<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        match event {
            Event::RunStarted {
                target, selected, ..
            } => {
                let cases = count(*selected, "case");
                writeln!(self.out, "testing {target}: {cases}")?;
                self.out.flush()?;
                self.progress = self.style.progress.then(|| Progress::new(*selected));
            }
            Event::RunFinished { .. } => {
                if let Some(progress) = self.progress.take() {
                    progress.bar.finish_and_clear();
                }
                self.finish()?;
            }
            event => {
                if let Some(progress) = &mut self.progress {
                    progress.event(event);
                }
            }
        }
        Ok(())
    }
}

/// What there is to say about `record`, a case of `suite` that did not pass: case, rule, what differs, and a
/// command that sends the same request.
pub fn failure(suite: &Suite, record: &CaseRecord) -> String {
    let style = Style::default();
    Failure { suite, style }.text(record)
}

/// Tells of cases that did not pass.
struct Failure<'a> {
    suite: &'a Suite,
    style: Style,
}

impl Failure<'_> {
    fn text(&self, record: &CaseRecord) -> String {
        let style = self.style;
        let case = self.suite.cases.iter().find(|case| case.id == record.id);
        let verdict = record.verdict.as_str().to_uppercase();
        let mut lines = vec![format!(
            "{} {} ({})",
            style.paint(Ink::Bad, &verdict),
            style.paint(Ink::Bold, record.id.as_str()),
            record.level
        )];
        if let Some(case) = case {
            lines.push(wrap(&case.description, "  "));
        }
        lines.extend(self.rules(record));
        if let Some(reason) = &record.reason {
            lines.push(String::new());
            lines.push(wrap(reason, "  "));
        }
        let mut requests: IndexMap<usize, Vec<&ExchangeRecord>> = IndexMap::new();
        for exchange in record
            .exchanges
            .iter()
            .filter(|exchange| is_refused(exchange))
        {
            requests.entry(exchange.request).or_default().push(exchange);
        }
        for copies in requests.values().take(MOST_REQUESTS) {
            lines.push(String::new());
            lines.extend(
                copies
                    .first()
                    .into_iter()
                    .flat_map(|first| self.exchange(case, first)),
            );
            if let more @ 1.. = copies.len().saturating_sub(1) {
                lines.push(format!(
                    "  … nor are the answers to {more} more of its copies allowed"
                ));
            }
        }
        if let more @ 1.. = requests.len().saturating_sub(MOST_REQUESTS) {
            lines.push(String::new());
            lines.push(format!(
                "  … and {} with answers not allowed",
                count(more, "more request")
            ));
        }
        if let Some(rule) = record.rules.first() {
            lines.push(String::new());
            lines.push(format!(
                "  more about the rule: wagi-conformance explain {rule}"
            ));
        }
        lines.join("\n")
    }

    /// The rule that the case is about, in full, and the names of the others.
    fn rules(&self, record: &CaseRecord) -> Vec<String> {
        let mut lines = Vec::new();
        let mut ids = record.rules.iter();
        let rules = &self.suite.specification.rules;
        if let Some(rule) = ids.next().and_then(|id| rules.get(id)) {
            lines.push(String::new());
            let id = self.style.paint(Ink::Bold, rule.id.as_str());
            lines.push(format!("  rule {id} ({}; {})", rule.level, rule.source));
            lines.push(wrap(&rule.statement, "    "));
        }
        lines.extend(ids.map(|id| format!("  also tests {id}")));
        lines
    }

    fn exchange(&self, case: Option<&Case>, exchange: &ExchangeRecord) -> Vec<String> {
        let requests = case.map_or(1, |case| case.requests.len());
        let copies = case
            .and_then(|case| case.requests.get(exchange.request))
            .map_or(1, |request| request.copies);
        let mut head = "  answer to the request".to_owned();
        if requests > 1 {
            head = format!("  answer to request {} of {requests}", exchange.request + 1);
        }
        if copies > 1 {
            head.push_str(&format!(", copy {} of {copies}", exchange.copy + 1));
        }
        let received = shorten(&exchange.received, LONGEST_ANSWER);
        let mut lines = vec![format!("{head}: {received}")];
        if let Finding::NotAllowed {
            choices,
            mismatches,
        } = &exchange.finding
        {
            if *choices > 1 {
                lines.push(format!(
                    "  none of the {choices} allowed answers; the nearest differs in"
                ));
            }
            for mismatch in mismatches {
                let shown = difference::lines(mismatch, self.style);
                lines.extend(shown.into_iter().map(|line| format!("    {line}")));
            }
        }
        if !exchange.command.is_empty() {
            // As it is: breaking or indenting further lines would change what the shell reads.
            lines.push(format!("  send it again: {}", exchange.command));
        }
        lines
    }
}

/// The cases that failed, by file, the most binding first, else in the order of the suite: those
/// to be shown in full, and the further rows of the same table, which mostly fail alike.
pub(super) fn failures<'a>(
    suite: &Suite,
    summary: &'a Summary,
) -> Vec<(Vec<&'a CaseRecord>, Vec<&'a CaseRecord>)> {
    let place = |record: &CaseRecord| suite.cases.iter().position(|case| case.id == record.id);
    let records = summary.records.iter();
    let mut failures: Vec<_> = records
        .filter(|case| case.standing() == Standing::Failed)
        .collect();
    failures.sort_by_cached_key(|case| (case.level, place(case)));
    let mut files: IndexMap<(Level, &str), Vec<&CaseRecord>> = IndexMap::new();
    for failure in failures {
        let file = files.entry((failure.level, failure.id.file())).or_default();
        file.push(failure);
    }
    files
        .into_values()
        .map(|mut shown| {
            let alike = shown.split_off(shown.len().min(MOST_ROWS));
            (shown, alike)
        })
        .collect()
}

/// Which rows of the table of `failed` passed: what they have in common, the failed ones lack. None if
/// it is no row of a table.
fn passed_rows(summary: &Summary, failed: &CaseRecord) -> Option<String> {
    if failed.id.file() == failed.id.as_str() {
        return None;
    }
    let of_table = |record: &&CaseRecord| record.id.file() == failed.id.file();
    let passed: Vec<&str> = summary
        .records
        .iter()
        .filter(of_table)
        .filter(|record| record.verdict == Verdict::Passed)
        .map(|record| record.id.row())
        .collect();
    Some(match passed.as_slice() {
        [] => "  no row of this table passed".to_owned(),
        few if few.len() <= MOST_NAMES => {
            format!("  rows of this table that passed: {}", few.join(", "))
        }
        many => format!("  {} rows of this table passed", many.len()),
    })
}

fn is_refused(exchange: &ExchangeRecord) -> bool {
    matches!(exchange.finding, Finding::NotAllowed { .. })
}

/// The line of progress.
struct Progress {
    bar: ProgressBar,
    failed: usize,
}

impl Progress {
    fn new(cases: usize) -> Self {
        let length = u64::try_from(cases).ok();
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} cases{msg}") {
            bar.set_style(style);
        }
        Self { bar, failed: 0 }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::CaseFinished(record) if record.verdict != Verdict::Skipped => {
                // Prerequisites that were not selected run too.
                if self
                    .bar
                    .length()
                    .is_some_and(|length| self.bar.position() >= length)
                {
                    self.bar.inc_length(1);
                }
                if matches!(
                    record.standing(),
                    Standing::Failed | Standing::UnexpectedPass | Standing::Error
                ) {
                    self.failed += 1;
                    self.bar.set_message(format!(", {} failed", self.failed));
                }
                self.bar.inc(1);
            }
            Event::Notice(notice) => self.bar.println(format!("note: {notice}")),
            Event::Shortfall(shortfall) => self.bar.println(format!("failed: {shortfall}")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn printed(style: Style) -> String {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Pretty::new(&suite, &mut out, style);
        for event in sample::events() {
            report.event(&event).expect("written");
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_outcome_is_told() {
        let text = printed(Style::default());
        let expected = include_str!("sample/pretty.txt");
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn colours_change_nothing_else() {
        let coloured = printed(Style {
            colour: true,
            progress: false,
        });
        let pattern = regex::Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
        assert!(pattern.is_match(&coloured));
        assert_eq!(
            pattern.replace_all(&coloured, ""),
            printed(Style::default())
        );
    }

    #[test]
    fn rows_that_passed_are_named_beside_those_that_failed() {
        let record =
            |row: &str, verdict| sample::record(&format!("http/table/{row}"), &[], verdict);
        let failed = record("go", Verdict::Failed);
        let mut summary = Summary::default();
        summary.records.push(failed.clone());
        let passed = |summary: &Summary| passed_rows(summary, &failed).unwrap_or_default();
        assert_eq!(passed(&summary), "  no row of this table passed");
        summary.records.push(record("c", Verdict::Passed));
        summary.records.push(record("d", Verdict::Passed));
        summary.records.push(record("zig", Verdict::Blocked));
        assert_eq!(passed(&summary), "  rows of this table that passed: c, d");
        for number in 0..MOST_NAMES {
            summary
                .records
                .push(record(&number.to_string(), Verdict::Passed));
        }
        assert_eq!(passed(&summary), "  14 rows of this table passed");
        let alone = sample::record("http/slashes", &[], Verdict::Failed);
        assert_eq!(passed_rows(&summary, &alone), None);
    }

    #[test]
    fn nothing_selected_is_no_success() {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Pretty::new(&suite, &mut out, Style::default());
        let target = "http://localhost".to_owned();
        let started = Event::RunStarted {
            target,
            selected: 0,
            strict: false,
        };
        let finished = Event::RunFinished {
            duration: std::time::Duration::ZERO,
        };
        for event in [started, finished] {
            report.event(&event).expect("written");
        }
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "testing http://localhost: 0 cases\nnothing was run: no case is selected\n"
        );
    }
}
