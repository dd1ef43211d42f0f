//! The suite against the bundled reference server, as tests: one for each case, so that filters,
//! `--list` and other test runners work.
//!
//! The cases run once, as `wagi-conformance run` would run them; each test waits for its record.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::sync::{mpsc, watch};
use wagi_conformance::id::CaseId;
use wagi_conformance::report::pretty;
use wagi_conformance::run::bundled::Bundled;
use wagi_conformance::run::event::{CaseRecord, Event, Verdict};
use wagi_conformance::run::execute::deployments;
use wagi_conformance::run::select::Selection;
use wagi_conformance::run::{Options, execute};
use wagi_conformance::suite::Suite;
use wagi_conformance::suite::files::Folders;
use wagi_conformance::wire::Limits;
use wagi_reference_server::config::LogTarget;

/// What is known so far.
#[derive(Default)]
struct Progress {
    records: HashMap<CaseId, CaseRecord>,
    /// Why no more records will come, once that is so.
    over: Option<String>,
}

#[derive(Default)]
struct Records {
    progress: Mutex<Progress>,
    changed: Condvar,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let suite = match Suite::load(&Folders::default()) {
        Ok(suite) => Arc::new(suite),
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::FAILURE;
        }
    };
    let records = Arc::new(Records::default());
    let mut running = None;
    if !arguments.list {
        let selection = Selection {
            filters: arguments.filter.iter().cloned().collect(),
            exact: arguments.exact,
            ..Selection::default()
        };
        let (suite, records) = (suite.clone(), records.clone());
        running = Some(std::thread::spawn(move || {
            let result = selection
                .of(&suite)
                .and_then(|selected| run(&suite, selected, &records));
            records.change(|progress| {
                progress.over = Some(
                    result
                        .err()
                        .unwrap_or_else(|| "the case was not run".to_owned()),
                );
            });
        }));
    }
    let trials = suite.cases.iter().map(|case| {
        let level = suite.level(case).as_str();
        let (id, suite, records) = (case.id.clone(), suite.clone(), records.clone());
        let absent = suite.absence(case).is_some();
        Trial::test(case.id.to_string(), move || records.verdict(&suite, &id))
            .with_kind(level)
            .with_ignored_flag(absent)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Some(running) = running {
        // The servers' folder is removed when the run has ended; a panic there has failed the tests.
        let _ = running.join();
    }
    conclusion.exit_code()
}

/// Runs the selected cases and enters their records.
fn run(suite: &Arc<Suite>, selected: HashSet<CaseId>, records: &Records) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let bundled = Bundled::new(LogTarget::Nowhere)?;
        let bundled = bundled
            .target(suite, &deployments(suite, &selected))
            .await?;
        let _servers = bundled.running;
        let options = Options {
            jobs: 8,
            limits: Limits::default(),
            fail_fast: false,
            strict: false,
            shuffle: None,
            expectations: Arc::default(),
        };
        let (sender, mut events) = mpsc::unbounded_channel();
        let (_stop, stopped) = watch::channel(false);
        let target = Arc::new(bundled.target);
        tokio::spawn(execute(
            suite.clone(),
            selected,
            target,
            options,
            sender,
            stopped,
        ));
        while let Some(event) = events.recv().await {
            if let Event::CaseFinished(record) = event {
                records.change(|progress| {
                    progress.records.insert(record.id.clone(), *record);
                });
            }
        }
        Ok(())
    })
}

impl Records {
    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for the record of a case and says whether it passed.
    fn verdict(&self, suite: &Suite, id: &CaseId) -> Result<(), Failed> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = self
            .changed
            .wait_while(progress, |progress| {
                !progress.records.contains_key(id) && progress.over.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        match (progress.records.get(id), &progress.over) {
            (Some(record), _) if matches!(record.verdict, Verdict::Passed | Verdict::Observed) => {
                Ok(())
            }
            (Some(record), _) => Err(pretty::failure(suite, record).into()),
            (None, over) => Err(over.as_deref().unwrap_or("no record").into()),
        }
    }
}
