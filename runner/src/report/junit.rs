//! The report for CI systems: JUnit's XML, written when the run ends.
//!
//! It agrees with the exit code: what makes the run fail is a failure or an error, what does not is
//! a success or skipped.

use std::io::{self, Write};

use indexmap::IndexMap;
use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::text::{first_difference, one_line};
use super::{Report, pretty};
use crate::run::event::{CaseRecord, Event, Summary};
use crate::run::standing::Standing;
use crate::suite::Suite;

/// The report in JUnit's XML.
pub struct Junit<'a, W> {
    suite: &'a Suite,
    out: W,
    summary: Summary,
}

impl<'a, W: Write> Junit<'a, W> {
    /// A report on cases of `suite`, written to `out` when the run ends.
    pub fn new(suite: &'a Suite, out: W) -> Self {
        Self {
            suite,
            out,
            summary: Summary::default(),
        }
    }
}

impl<W: Write> Report for Junit<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.summary.add(event);
        if let Event::RunFinished { .. } = event {
            let document = document(self.suite, &self.summary);
            document
                .serialize(&mut self.out)
                .map_err(io::Error::other)?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// A test suite for each area with a test case for each case; what the target owes beside its cases
/// is a test suite of its own.
fn document(suite: &Suite, summary: &Summary) -> Document {
    let mut areas: IndexMap<&str, TestSuite> = IndexMap::new();
    for case in &suite.cases {
        let mut records = summary.records.iter();
        let record = records.find(|record| record.id == case.id);
        let Some((record, status)) = record.and_then(|it| Some((it, status(suite, summary, it)?)))
        else {
            continue;
        };
        let area = record.id.area();
        let of_area = areas.entry(area).or_insert_with(|| TestSuite::new(area));
        of_area.add_test_case(test_case(record, status));
    }
    if !summary.shortfalls.is_empty() {
        let mut shortfalls = TestSuite::new("shortfalls");
        for (number, shortfall) in (1..).zip(&summary.shortfalls) {
            let status = non_success(NonSuccessKind::Failure, "shortfall", shortfall);
            shortfalls.add_test_case(TestCase::new(format!("shortfall {number}"), status));
        }
        areas.insert("shortfalls", shortfalls);
    }
    let mut document = Document::new(env!("CARGO_PKG_NAME"));
    document.set_time(summary.duration);
    for (_, mut of_area) in areas {
        of_area.set_time(of_area.test_cases.iter().filter_map(|case| case.time).sum());
        of_area.add_property(("target", visible(&summary.target).as_str()));
        document.add_test_suite(of_area);
    }
    document
}

fn test_case(record: &CaseRecord, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(record.id.as_str(), status);
    case.set_classname(record.id.area());
    case.set_time(record.duration);
    case.add_property(("level", record.level.as_str().as_str()));
    case.add_property(("standing", record.standing().as_str()));
    for rule in &record.rules {
        case.add_property(("rule", rule.as_str()));
    }
    for behaviour in &record.behaviours {
        case.add_property(("observed", behaviour.as_str()));
    }
    case
}

/// The status of a case; none if it was not selected: where the cases are divided among machines,
/// each is in one report.
fn status(suite: &Suite, summary: &Summary, record: &CaseRecord) -> Option<TestCaseStatus> {
    let standing = record.standing();
    let why = record.expected.as_ref().map(|entry| entry.why());
    let reason = record.reason.clone();
    let message = match standing {
        Standing::Passed | Standing::Observed => return Some(TestCaseStatus::success()),
        Standing::Skipped => reason?,
        Standing::ExpectedFailure => why.unwrap_or_default(),
        Standing::UnexpectedPass => format!("expected to fail: {}", why.unwrap_or_default()),
        Standing::Failed => first_difference(record).or(reason).unwrap_or_default(),
        Standing::Blocked | Standing::Unsupported | Standing::Error => reason.unwrap_or_default(),
    };
    let kind = match standing {
        Standing::Blocked | Standing::Error => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let mut status = if summary.is_unexpected(record) {
        non_success(kind, standing.as_str(), &message)
    } else {
        let message = match standing {
            Standing::Failed => format!("a {} case does not bind: {message}", record.level),
            _ => message,
        };
        let mut status = TestCaseStatus::skipped();
        status.set_type(standing.as_str());
        status.set_message(visible(&one_line(&message)));
        status
    };
    if matches!(standing, Standing::Failed | Standing::ExpectedFailure) {
        status.set_description(visible(&pretty::failure(suite, record)));
    }
    Some(status)
}

fn non_success(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty);
    status.set_message(visible(&one_line(message)));
    status
}

/// `text` with the characters that XML 1.0 cannot hold as escapes.
fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                safe.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use roxmltree::{Document as Xml, Node};

    use super::super::sample;
    use super::*;

    fn printed(events: &[Event]) -> String {
        let suite = sample::suite();
        let mut out = Vec::new();
        let mut report = Junit::new(&suite, &mut out);
        for event in events {
            report.event(event).expect("written");
        }
        String::from_utf8(out).expect("text")
    }

    fn elements<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
        node.descendants()
            .filter(move |node| node.has_tag_name(name))
    }

    #[test]
    fn every_outcome_has_its_test_case() {
        let text = printed(&sample::events());
        let expected = include_str!("sample/junit.xml");
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn it_agrees_with_the_standings() {
        let text = printed(&sample::events());
        let xml = Xml::parse(&text).expect("XML");
        let status = |case: Node| {
            let mut found = case.children().filter(Node::is_element);
            let found = found.find(|node| !node.has_tag_name("properties"));
            found.map_or_else(
                || "success".to_owned(),
                |node| node.tag_name().name().to_owned(),
            )
        };
        let statuses: HashMap<&str, String> = elements(xml.root(), "testcase")
            .map(|case| (case.attribute("name").expect("a name"), status(case)))
            .collect();
        for (id, status) in [
            ("routing/first", "success"),
            ("response/status", "failure"),
            // A should case does not bind.
            ("response/body", "skipped"),
            ("response/later/one", "error"),
            ("response/known", "skipped"),
            ("response/known-later", "skipped"),
            ("response/mended", "failure"),
            ("response/odd", "success"),
            ("response/lost", "error"),
            ("http/slashes", "success"),
            ("tls/served", "skipped"),
            ("shortfall 1", "failure"),
        ] {
            assert_eq!(statuses.get(id).map(String::as_str), Some(status), "{id}");
        }
        assert!(!statuses.contains_key("routing/unselected"));
        // The sums are those of the elements.
        let suites = xml.root_element();
        for (attribute, name) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
        ] {
            let counted = elements(suites, name).count().to_string();
            assert_eq!(suites.attribute(attribute), Some(counted.as_str()));
        }
    }

    #[test]
    fn any_text_is_fit_for_xml() {
        let odd: String = (0..=0x2FF)
            .chain([0xFFFE, 0xFFFF, 0x1F600])
            .filter_map(char::from_u32)
            .collect();
        let odd = format!("a]]>b&amp;<c a=\"\u{1b}[31mred{odd}");
        let mut events = sample::events();
        for event in &mut events {
            match event {
                Event::CaseFinished(record) => {
                    record.reason = record.reason.as_ref().map(|_| odd.clone());
                    for exchange in &mut record.exchanges {
                        exchange.received.clone_from(&odd);
                    }
                }
                Event::Shortfall(shortfall) => shortfall.clone_from(&odd),
                Event::RunStarted { target, .. } => target.clone_from(&odd),
                _ => {}
            }
        }
        let text = printed(&events);
        let xml = Xml::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let failure = elements(xml.root(), "failure").next().expect("a failure");
        let shown = failure.text().expect("its text");
        assert!(
            shown.contains("a]]>b&amp;<c a=\"\\u{1b}[31mred\\u{0}\\u{1}"),
            "{shown}"
        );
        let whole = xml
            .descendants()
            .filter_map(|node| node.attribute("message"));
        let whole = whole
            .max_by_key(|message| message.len())
            .expect("a message");
        assert!(whole.ends_with("\\u{fffe}\\u{ffff}\u{1F600}"), "{whole}");
    }
}
