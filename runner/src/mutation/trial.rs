//! One mutant against the suite.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use wagi_conformance_mutants::Mutant;

use super::PASS_TIME;
use super::bench::{Bench, Faulty};
use crate::case::Case;
use crate::detection::{Extent, Fresh, Kill, Tried};
use crate::id::CaseId;
use crate::run::event::{CaseRecord, Event, Verdict};
use crate::run::execute::deployments;
use crate::run::{self, execute};
use crate::suite::Suite;
use crate::suite::deployment::name_of;
use crate::wire::Limits;

/// Cases that run at the same time against one mutant.
const CASES_AT_ONCE: usize = 8;

/// An answer may take so long: a guest's time, and some for a busy machine.
const ANSWER_TIME: Duration = Duration::from_secs(6);

/// What a trial showed.
#[derive(Debug, Default)]
pub struct Trial {
    /// The cases that the mutant failed.
    pub failed: HashSet<CaseId>,
    /// Why a case that cites its rule was not tried, if one was not.
    pub blocked: Option<String>,
    /// What else is to be known of it: that it did not start, that it took too long.
    pub notes: Vec<String>,
}

/// The cases that cite `rule`.
pub fn citing(suite: &Suite, rule: &str) -> HashSet<CaseId> {
    let cites = |case: &&Case| case.rules.iter().any(|cited| cited.as_str() == rule);
    let cases = suite.cases.iter().filter(cites);
    cases.map(|case| case.id.clone()).collect()
}

/// Runs `cases` against the server without a fault.
///
/// # Errors
/// A case that fails even there.
pub async fn control(bench: &Arc<Bench>, cases: HashSet<CaseId>) -> Result<(), String> {
    let wanted = deployments(&bench.suite, &cases);
    let server = Faulty::start(bench, None, &wanted).await?;
    if let Some(refusal) = server.refusals.first() {
        return Err(unusable(refusal));
    }
    let mut cases = cases;
    let mut cut = false;
    // Once more for those that fail: the machine may have been busy.
    for _ in 0..2 {
        let pass = pass(bench, &server, cases.clone(), |_| false).await;
        cut = pass.cut;
        cases.retain(|id| {
            let verdict = pass.verdicts.get(id);
            // Unsupported are only those whose guest is absent.
            let held = [Verdict::Passed, Verdict::Observed, Verdict::Unsupported];
            !verdict.is_some_and(|verdict| held.contains(verdict))
        });
        if cases.is_empty() {
            return Ok(());
        }
    }
    match bench
        .suite
        .cases
        .iter()
        .find(|case| cases.contains(&case.id))
    {
        None => Ok(()),
        Some(_) if cut => Err(format!(
            "the reference server itself needs longer than {PASS_TIME:?}"
        )),
        Some(case) => Err(format!(
            "case `{}` does not pass against the reference server itself, so that no mutant can \
             be judged: see `wagi-conformance run {}`",
            case.id, case.id
        )),
    }
}

fn unusable(refusal: &str) -> String {
    format!("the reference server itself does not start: {refusal}")
}

/// Runs `cases`, or what `extent` wants first, against `mutant`.
///
/// # Errors
/// Servers can no longer be started at all, so that no further result would mean anything.
pub async fn run(
    bench: Arc<Bench>,
    mutant: Mutant,
    cases: HashSet<CaseId>,
    extent: Extent,
) -> Result<Trial, String> {
    let bench = &bench;
    let suite = &bench.suite;
    let own = citing(suite, mutant.rule);
    let start = async |cases: &HashSet<CaseId>| {
        let wanted = deployments(suite, cases);
        let server = Faulty::start(bench, Some(mutant.fault.clone()), &wanted).await?;
        if !server.refusals.is_empty() {
            // A mutant may refuse to start; but then it is the only one that does.
            let sound = Faulty::start(bench, None, &wanted).await?;
            sound
                .refusals
                .first()
                .map_or(Ok(()), |refusal| Err(unusable(refusal)))?;
        }
        Ok::<_, String>(server)
    };
    let mut trial = Trial::default();
    if cases.is_empty() {
        return Ok(trial);
    }
    if extent == Extent::Fast {
        let server = start(&own).await?;
        let pass = pass(bench, &server, own.clone(), |_| true).await;
        trial.note(&server, &pass);
        trial.failed.extend(pass.failed);
        if !trial.failed.is_empty() {
            return Ok(trial);
        }
        trial.notes.clear();
    }
    let server = start(&cases).await?;
    let own: HashSet<CaseId> = own.intersection(&cases).cloned().collect();
    let first = pass(bench, &server, cases, |_| false).await;
    trial.note(&server, &first);
    if first.failed.is_disjoint(&own) && !own.is_empty() && !first.cut {
        // What a request leaves behind may have struck another case that ran at the same time.
        let alone = pass(bench, &server, own.clone(), |_| false).await;
        trial.failed.extend(alone.failed);
    }
    let blocked = first.blocked.iter().find(|(id, _)| own.contains(id));
    trial.blocked = blocked.map(|(id, reason)| format!("case `{id}` is blocked: {reason}"));
    // A case of another rule may have failed because the machine was busy: it fails only if it
    // does so again. A mutant that fails now and then may well do so at cases of its own rule.
    let doubtful: HashSet<CaseId> = first.failed.difference(&own).cloned().collect();
    trial.failed.extend(first.failed);
    if !doubtful.is_empty() && !first.cut {
        let second = pass(bench, &server, doubtful.clone(), |_| false).await;
        trial.failed.retain(|id| {
            !(doubtful.contains(id) && second.verdicts.get(id) == Some(&Verdict::Passed))
        });
    }
    Ok(trial)
}

/// One pass over cases.
struct Pass {
    verdicts: HashMap<CaseId, Verdict>,
    /// The cases that were blocked, and why.
    blocked: Vec<(CaseId, String)>,
    failed: HashSet<CaseId>,
    /// It was ended before its time was over: cases are missing.
    cut: bool,
}

/// Runs `cases` until all are done, `enough` says so of one that failed, or the time is over.
async fn pass(
    bench: &Bench,
    server: &Faulty,
    cases: HashSet<CaseId>,
    enough: impl Fn(&CaseRecord) -> bool,
) -> Pass {
    let options = run::Options {
        jobs: CASES_AT_ONCE,
        limits: Limits {
            answer: ANSWER_TIME,
            ..Limits::default()
        },
        fail_fast: false,
        strict: false,
        shuffle: None,
        expectations: Arc::default(),
    };
    let (stop, stopped) = watch::channel(false);
    let (sender, mut events) = mpsc::unbounded_channel();
    tokio::spawn(execute(
        bench.suite.clone(),
        cases,
        server.target.clone(),
        options,
        sender,
        stopped,
    ));
    let end = Instant::now() + PASS_TIME;
    let mut records = Vec::new();
    let mut cut = false;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::CaseFinished(record)) => {
                    if has_failed(&record) && enough(&record) {
                        // The run is over when nobody listens.
                        let _ = stop.send(true);
                    }
                    records.push(*record);
                }
                Some(_) => {}
                None => break,
            },
            () = sleep_until(end), if !cut => {
                cut = true;
                let _ = stop.send(true);
            }
        }
    }
    let unserved = unserved(&bench.suite, &records);
    let failed = records
        .iter()
        .filter(|record| has_failed(record) || unserved.contains(&record.id));
    let blocked = records
        .iter()
        .filter(|record| record.verdict == Verdict::Blocked);
    Pass {
        blocked: blocked
            .map(|record| (record.id.clone(), record.reason.clone().unwrap_or_default()))
            .collect(),
        failed: failed.map(|record| record.id.clone()).collect(),
        verdicts: records
            .iter()
            .map(|record| (record.id.clone(), record.verdict))
            .collect(),
        cut,
    }
}

/// Whether the case itself met the fault: an error of a case that was tried is one, an error that
/// only says that the server has gone before is none.
fn has_failed(record: &CaseRecord) -> bool {
    match record.verdict {
        Verdict::Failed => true,
        Verdict::Error => !record.exchanges.is_empty(),
        _ => false,
    }
}

/// The cases that could not be tried because their deployment never served at all.
fn unserved(suite: &Suite, records: &[CaseRecord]) -> HashSet<CaseId> {
    let by_id = suite.by_id();
    let mut deployments: HashMap<String, Vec<&CaseRecord>> = HashMap::new();
    for record in records {
        if let Some(case) = by_id.get(&record.id) {
            deployments.entry(name_of(case)).or_default().push(record);
        }
    }
    let never_served = deployments.into_values().filter(|records| {
        records.iter().all(|record| {
            record.exchanges.is_empty()
                && !matches!(record.verdict, Verdict::Passed | Verdict::Failed)
        })
    });
    never_served
        .flatten()
        .filter(|record| record.verdict == Verdict::Error)
        .map(|record| record.id.clone())
        .collect()
}

impl Trial {
    /// A trial that showed nothing: why.
    pub fn spoilt(why: String) -> Self {
        Self {
            notes: vec![why],
            ..Self::default()
        }
    }

    fn note(&mut self, server: &Faulty, pass: &Pass) {
        self.notes.extend(server.refusals.iter().cloned());
        if pass.cut {
            self.notes
                .push(format!("not all cases were run in {PASS_TIME:?}"));
        }
    }

    /// The result, with the rows of tables collapsed.
    pub fn result(self, suite: &Suite, mutant: &Mutant) -> Fresh {
        let mut kills: Vec<Kill> = Vec::new();
        for case in suite
            .cases
            .iter()
            .filter(|case| self.failed.contains(&case.id))
        {
            let cites = case.rules.iter().any(|rule| rule.as_str() == mutant.rule);
            let level = suite.level(case);
            match kills
                .iter_mut()
                .find(|kill| kill.case == case.id.file() && kill.cites == cites)
            {
                Some(kill) => kill.rows += 1,
                None => kills.push(Kill {
                    case: case.id.file().to_owned(),
                    rows: 1,
                    level,
                    cites,
                }),
            }
        }
        let tried = Tried {
            name: mutant.name.to_owned(),
            rule: mutant.rule.to_owned(),
            imitates: mutant.imitates.to_owned(),
            kills,
            notes: self.notes,
        };
        Fresh {
            tried,
            failed: self.failed,
            blocked: self.blocked,
        }
    }
}
