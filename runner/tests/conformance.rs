//! The suite against the bundled reference server, as tests: one for each case, so that filters,
//! `--list` and other test runners work.

use std::collections::{BTreeSet, HashSet};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use wagi_conformance::case::Case;
use wagi_conformance::id::CaseId;
use wagi_conformance::report::pretty;
use wagi_conformance::run::bundled::{Bundled, Running};
use wagi_conformance::run::event::{CaseRecord, Event, Verdict};
use wagi_conformance::run::target::Target;
use wagi_conformance::run::{Options, execute};
use wagi_conformance::suite::Suite;
use wagi_conformance::suite::deployment::name_of;
use wagi_conformance::suite::files::Folders;
use wagi_conformance::wire::Limits;
use wagi_reference_server::config::LogTarget;

struct Bench {
    suite: Arc<Suite>,
    target: Arc<Target>,
    runtime: Runtime,
    _running: Vec<Running>,
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
    let bench = if arguments.list {
        None
    } else {
        match Bench::start(suite.clone(), &arguments) {
            Ok(bench) => Some(Arc::new(bench)),
            Err(message) => {
                eprintln!("error: {message}");
                return ExitCode::FAILURE;
            }
        }
    };
    let trials = suite.cases.iter().map(|case| {
        let (id, bench) = (case.id.clone(), bench.clone());
        Trial::test(case.id.to_string(), move || match bench {
            Some(bench) => bench.run(&id),
            None => Err("listing runs nothing".into()),
        })
        .with_kind(suite.level(case).as_str())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

impl Bench {
    /// Starts the servers that the tests named on the command line may need.
    fn start(suite: Arc<Suite>, arguments: &Arguments) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let wanted = |case: &&Case| match &arguments.filter {
            Some(filter) => case.id.as_str().contains(filter.as_str()),
            None => true,
        };
        let prerequisites = |case: &Case| {
            let asked = case.prerequisites.clone();
            let all = suite.cases.iter();
            all.filter(move |other| asked.iter().any(|id| other.id.is_or_belongs_to(id)))
        };
        let mut deployments = BTreeSet::new();
        let mut open: Vec<&Case> = suite.cases.iter().filter(wanted).collect();
        let mut seen = HashSet::new();
        while let Some(case) = open.pop() {
            if seen.insert(&case.id) {
                deployments.insert(name_of(case));
                open.extend(prerequisites(case));
            }
        }
        let target = Bundled::new(LogTarget::Nowhere)
            .and_then(|bundled| runtime.block_on(bundled.target(&suite, &deployments)))?;
        Ok(Self {
            target: Arc::new(target.target),
            suite: suite.clone(),
            runtime,
            _running: target.running,
        })
    }

    /// Runs one case, after its prerequisites.
    fn run(&self, id: &CaseId) -> Result<(), Failed> {
        let options = Options {
            jobs: 2,
            limits: Limits::default(),
            fail_fast: false,
            shuffle: None,
        };
        let (sender, mut events) = mpsc::unbounded_channel();
        let (_stop, stopped) = watch::channel(false);
        let selected = HashSet::from([id.clone()]);
        let record = self.runtime.block_on(async {
            tokio::spawn(execute(
                self.suite.clone(),
                selected,
                self.target.clone(),
                options,
                sender,
                stopped,
            ));
            let mut found: Option<CaseRecord> = None;
            while let Some(event) = events.recv().await {
                if let Event::CaseFinished(record) = event
                    && record.id == *id
                {
                    found = Some(*record);
                }
            }
            found
        });
        match record {
            Some(record) if matches!(record.verdict, Verdict::Passed | Verdict::Observed) => Ok(()),
            Some(record) => Err(pretty::failure(&self.suite, &record).into()),
            None => Err("the case has no record".into()),
        }
    }
}
