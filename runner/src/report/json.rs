//! The report for programs: one JSON document, written when the run ends. `spec/cases.md`
//! describes it.

use std::collections::HashMap;
use std::io::{self, Write};

use indexmap::IndexMap;
use serde::Serialize;

use super::Report;
use super::text::{milliseconds, shorten};
use crate::expectations::Entry;
use crate::id::{CaseId, RuleId};
use crate::judge::{Finding, Mismatch, OTHER};
use crate::run::event::{CaseRecord, Event, ExchangeRecord, Summary, Verdict};
use crate::run::standing::Standing;
use crate::spec::Level;
use crate::suite::Suite;

/// The version of the document. It changes when a program that reads the one before may go wrong;
/// new members alone do not change it.
pub const FORMAT_VERSION: u32 = 1;

/// What was expected or received is cut after so many characters.
const LONGEST_TEXT: usize = 4096;

/// The report for programs.
pub struct Json<'a, W> {
    suite: &'a Suite,
    out: W,
    summary: Summary,
}

impl<'a, W: Write> Json<'a, W> {
    /// A report on cases of `suite`, written to `out` when the run ends.
    pub fn new(suite: &'a Suite, out: W) -> Self {
        Self {
            suite,
            out,
            summary: Summary::default(),
        }
    }
}

impl<W: Write> Report for Json<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        if let Event::RunFinished { .. } = event {
            let document = Document::new(self.suite, &self.summary);
            serde_json::to_writer_pretty(&mut self.out, &document)?;
            writeln!(self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    tool: Tool,
    target: &'a str,
    summary: IndexMap<Standing, usize>,
    notices: &'a [String],
    shortfalls: &'a [String],
    duration_ms: f64,
    cases: Vec<CaseEntry<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct CaseEntry<'a> {
    id: &'a CaseId,
    area: &'a str,
    level: Level,
    rules: &'a [RuleId],
    verdict: Verdict,
    standing: Standing,
    expected: Option<&'a Entry>,
    reason: Option<&'a str>,
    observed: &'a [String],
    duration_ms: f64,
    exchanges: Vec<ExchangeEntry<'a>>,
}

#[derive(Serialize)]
struct ExchangeEntry<'a> {
    request: usize,
    copy: usize,
    allowed: bool,
    shows: Option<&'a str>,
    received: String,
    mismatches: Vec<MismatchEntry<'a>>,
    command: &'a str,
    duration_ms: f64,
}

#[derive(Serialize)]
struct MismatchEntry<'a> {
    place: &'a str,
    expected: String,
    got: String,
}

impl<'a> Document<'a> {
    fn new(suite: &Suite, summary: &'a Summary) -> Self {
        let ids = suite.cases.iter().map(|case| &case.id).enumerate();
        let places: HashMap<&CaseId, usize> = ids.map(|(place, id)| (id, place)).collect();
        let mut records: Vec<&CaseRecord> = summary.records.iter().collect();
        records.sort_by_key(|record| places.get(&record.id).copied().unwrap_or(usize::MAX));
        Self {
            format_version: FORMAT_VERSION,
            tool: Tool {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            },
            target: &summary.target,
            summary: summary.counts(),
            notices: &summary.notices,
            shortfalls: &summary.shortfalls,
            duration_ms: milliseconds(summary.duration),
            cases: records.into_iter().map(CaseEntry::new).collect(),
        }
    }
}

impl<'a> CaseEntry<'a> {
    fn new(record: &'a CaseRecord) -> Self {
        Self {
            id: &record.id,
            area: record.id.area(),
            level: record.level,
            rules: &record.rules,
            verdict: record.verdict,
            standing: record.standing(),
            expected: record.expected.as_deref(),
            reason: record.reason.as_deref(),
            observed: &record.behaviours,
            duration_ms: milliseconds(record.duration),
            exchanges: record.exchanges.iter().map(ExchangeEntry::new).collect(),
        }
    }
}

impl<'a> ExchangeEntry<'a> {
    fn new(record: &'a ExchangeRecord) -> Self {
        let (shows, mismatches) = match &record.finding {
            Finding::Allowed => (None, [].as_slice()),
            Finding::NotAllowed { mismatches, .. } => (None, mismatches.as_slice()),
            Finding::Shows(name) => (Some(name.as_str()), [].as_slice()),
            Finding::ShowsOther(_) => (Some(OTHER), [].as_slice()),
        };
        Self {
            request: record.request + 1,
            copy: record.copy,
            allowed: !matches!(record.finding, Finding::NotAllowed { .. }),
            shows,
            received: shorten(&record.received, LONGEST_TEXT).into_owned(),
            mismatches: mismatches.iter().map(MismatchEntry::new).collect(),
            command: &record.command,
            duration_ms: milliseconds(record.duration),
        }
    }
}

impl<'a> MismatchEntry<'a> {
    fn new(mismatch: &'a Mismatch) -> Self {
        Self {
            place: &mismatch.place,
            expected: shorten(&mismatch.expected.text(), LONGEST_TEXT).into_owned(),
            got: shorten(&mismatch.got.text(), LONGEST_TEXT).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;

    fn printed() -> String {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Json::new(&suite, &mut out);
        for event in sample::events() {
            report.event(&event).expect("written");
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_outcome_has_its_record() {
        let text = printed();
        let expected = include_str!("sample/report.json");
        assert_eq!(
            text.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
            expected,
            "\n{text}"
        );
    }

    #[test]
    fn the_document_agrees_with_itself() {
        let document: Value = serde_json::from_str(&printed()).expect("JSON");
        let cases = document["cases"].as_array().expect("cases");
        assert_eq!(cases.len(), sample::suite().cases.len());
        let names: Vec<Value> = Standing::ALL.map(|standing| json!(standing)).into();
        let counts = document["summary"].as_object().expect("counts");
        assert!(counts.keys().eq(names.iter().filter_map(Value::as_str)));
        for (name, count) in counts {
            let with = cases.iter().filter(|case| case["standing"] == **name);
            let number = with.count();
            assert!(number > 0, "the sample has no case that is {name}");
            assert_eq!(*count, number, "{name}");
        }
    }

    #[test]
    fn its_members_are_documented() {
        fn members(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| members(item, found)),
                Value::Object(object) => {
                    for (name, value) in object {
                        found.push(name.clone());
                        members(value, found);
                    }
                }
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(&printed()).expect("JSON");
        let mut names = Vec::new();
        members(&document, &mut names);
        let page = include_str!("../../../spec/cases.md");
        let (_, section) = page.split_once("## The JSON report").expect("the section");
        for name in names {
            assert!(
                section.contains(&format!("`{name}`")),
                "{name} is not documented"
            );
        }
    }
}
