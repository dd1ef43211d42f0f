//! Writes the expectations anew, from what a run has shown.

use std::collections::HashMap;
use std::sync::Arc;

use super::pattern::Pattern;
use super::{Document, Entry, Expectations, Outcome, UNFILLED, can_fail};
use crate::id::CaseId;
use crate::report::text::{count, first_difference, one_line, shorten};
use crate::run::event::{CaseRecord, Verdict};
use crate::suite::Suite;

/// What was seen is quoted in at most so many characters.
const LONGEST_HINT: usize = 160;

/// Expectations as a run makes them.
#[derive(Clone, Debug)]
pub struct Accepted {
    document: Document,
    /// Cases that failed and were not expected to.
    added: usize,
    /// Cases that were expected to fail and passed.
    removed: usize,
}

/// The expectations `old` after a run over cases of `suite` with these `records`.
///
/// What still holds is kept with its reason, and so is that of which the run says nothing. A case
/// that passed is no longer expected to fail. A case that failed is expected to from now on; its
/// reason is left to be written.
pub fn accept(suite: &Suite, old: &Expectations, records: &[CaseRecord]) -> Accepted {
    let records: HashMap<&CaseId, &CaseRecord> =
        records.iter().map(|record| (&record.id, record)).collect();
    let has = |id: &CaseId, verdict| records.get(id).is_some_and(|case| case.verdict == verdict);
    let ids = || suite.cases.iter().map(|case| &case.id);

    let mut entries: Vec<(&CaseId, Entry)> = Vec::new();
    let mut removed = 0;
    for entry in &old.entries {
        let about: Vec<&CaseId> = ids()
            .filter(|id| old.of(id).is_some_and(|of| Arc::ptr_eq(of, entry)))
            .collect();
        let holds = |id: &&CaseId| entry.outcome == Outcome::Flickers || !has(id, Verdict::Passed);
        let kept: Vec<&CaseId> = about.iter().copied().filter(holds).collect();
        removed += about.len() - kept.len();
        if kept.len() == about.len() {
            let first = about.first().map(|first| (*first, (**entry).clone()));
            entries.extend(first);
            continue;
        }
        entries.extend(named(suite, &kept).into_iter().map(|(first, cases)| {
            let entry = Entry {
                cases,
                ..(**entry).clone()
            };
            (first, entry)
        }));
    }

    let new: Vec<&CaseId> = ids()
        .filter(|id| has(id, Verdict::Failed) && old.of(id).is_none())
        .collect();
    entries.extend(named(suite, &new).into_iter().map(|(first, cases)| {
        let entry = Entry {
            cases,
            outcome: Outcome::Fails,
            reason: unfilled(records.get(first).copied()),
            link: None,
        };
        (first, entry)
    }));

    let places: HashMap<&CaseId, usize> = ids().zip(0..).collect();
    entries.sort_by_key(|(first, _)| places.get(first).copied());
    Accepted {
        document: Document {
            schema: old.schema.clone(),
            expectations: entries.into_iter().map(|(_, entry)| entry).collect(),
        },
        added: new.len(),
        removed,
    }
}

/// Patterns that name exactly the cases `ids`, which are in the order of the suite, each with the
/// first case it names: one for a table if all its rows are among them.
fn named<'a>(suite: &Suite, ids: &[&'a CaseId]) -> Vec<(&'a CaseId, Pattern)> {
    let of_one_file = ids.chunk_by(|left, right| left.file() == right.file());
    let patterns = of_one_file.flat_map(|of_file| {
        let rows = suite.cases.iter().filter(|case| {
            of_file
                .first()
                .is_some_and(|first| case.id.file() == first.file())
                && can_fail(suite.level(case))
        });
        match of_file {
            [first, _, ..] if of_file.len() == rows.count() => {
                vec![(*first, Pattern::rows(first.file()))]
            }
            few => few.iter().map(|id| (*id, Pattern::exact(id))).collect(),
        }
    });
    patterns.collect()
}

/// A reason that someone must write, with what was seen as a hint.
fn unfilled(record: Option<&CaseRecord>) -> String {
    let seen = record.and_then(|record| first_difference(record).or(record.reason.clone()));
    match seen {
        Some(seen) => format!("{UNFILLED}: {}", shorten(&one_line(&seen), LONGEST_HINT)),
        None => UNFILLED.to_owned(),
    }
}

impl Accepted {
    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// What has changed, and what is left to do.
    pub fn news(&self) -> String {
        let entries = &self.document.expectations;
        let open = entries.iter().filter(|entry| !entry.is_filled()).count();
        let open = match open {
            0 => String::new(),
            _ => format!(
                "; {} to be written, where it says {UNFILLED}",
                count(open, "reason")
            ),
        };
        format!(
            "{}; new are {} that failed, gone are {} that passed{open}",
            count(entries.len(), "expectation"),
            count(self.added, "case"),
            count(self.removed, "case"),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Unfilled, read};
    use super::*;
    use crate::report::sample;

    /// The sample's cases with these verdicts; those not named are skipped.
    fn accepted(old: Value, verdicts: &[(&str, Verdict)]) -> (Value, String) {
        let suite = sample::suite();
        let text = json!({ "$schema": "x", "expectations": old }).to_string();
        let old = read("e.json", text.as_bytes(), &suite, Unfilled::Taken).expect("expectations");
        let records: Vec<CaseRecord> = verdicts
            .iter()
            .map(|(id, verdict)| sample::record(id, &["routing.first"], *verdict))
            .collect();
        let accepted = accept(&suite, &old, &records);
        let document: Value = serde_json::from_str(&accepted.text()).expect("JSON");
        assert_eq!(document["$schema"], "x");
        (document["expectations"].clone(), accepted.news())
    }

    fn fails(cases: &str, reason: &str) -> Value {
        json!({ "cases": cases, "outcome": "fails", "reason": reason })
    }

    #[test]
    fn new_failures_are_added_and_a_table_is_one() {
        use Verdict::{Blocked, Failed, Passed};
        let (entries, news) = accepted(
            json!([]),
            &[
                ("response/later/two", Failed),
                ("response/later/one", Failed),
                ("routing/first", Failed),
                ("response/extra", Passed),
                ("response/body", Blocked),
            ],
        );
        let todo = |cases| fails(cases, "TODO");
        assert_eq!(
            entries,
            json!([todo("routing/first"), todo("response/later/*")])
        );
        assert_eq!(
            news,
            "2 expectations; new are 3 cases that failed, gone are 0 cases that passed; 2 reasons to \
             be written, where it says TODO"
        );
        let (entries, _) = accepted(json!([]), &[("response/later/two", Failed)]);
        assert_eq!(entries, json!([todo("response/later/two")]));
    }

    #[test]
    fn what_holds_is_kept_and_what_passes_is_gone() {
        use Verdict::{Failed, Passed, Unsupported};
        let old = json!([
            fails("response/later/*", "late"),
            { "cases": "response/extra", "outcome": "flickers", "reason": "odd", "link": "https://x/1" },
            fails("response/status", "mended"),
            fails("tls/served", "no TLS"),
        ]);
        let (entries, news) = accepted(
            old.clone(),
            &[
                ("response/later/one", Failed),
                ("response/later/two", Passed),
                ("response/extra", Passed),
                ("response/status", Passed),
                ("tls/served", Unsupported),
            ],
        );
        assert_eq!(
            entries,
            json!([old[1], fails("response/later/one", "late"), old[3]])
        );
        assert_eq!(
            news,
            "3 expectations; new are 0 cases that failed, gone are 2 cases that passed"
        );
        // A run that says nothing changes nothing but the order.
        let (entries, _) = accepted(old.clone(), &[]);
        assert_eq!(entries, json!([old[2], old[1], old[0], old[3]]));
    }
}
