//! `run`: the suite against a server.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::arguments::{Format, RunArguments};
use super::{
    EXIT_CONFORMS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_TARGET, EXIT_USAGE, Failure,
};
use crate::id::CaseId;
use crate::report::{Report, Style, json::Json, pretty::Pretty, terse::Terse};
use crate::run::event::{Conclusion, Event, Summary};
use crate::run::target::Target;
use crate::run::{Options, execute};
use crate::suite::Suite;
use crate::wire::Limits;

/// How long a run that is over may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn run(suite: Suite, arguments: RunArguments) -> Result<u8, Failure> {
    let selected = arguments.selection.of(&suite).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::usage(format!("failed to start the runtime: {error}")))?;
    let code = runtime.block_on(run_selected(Arc::new(suite), selected, arguments));
    // Connections that a server keeps open must not keep this process.
    runtime.shutdown_background();
    code
}

async fn run_selected(
    suite: Arc<Suite>,
    selected: HashSet<CaseId>,
    arguments: RunArguments,
) -> Result<u8, Failure> {
    let mut reports = Reports::new(&suite, &arguments)?;
    let (mut target, _servers) = target(&suite, &selected, &arguments).await?;
    target.unclaimed = arguments.unclaimed.iter().copied().collect::<BTreeSet<_>>();
    let options = Options {
        jobs: arguments.jobs,
        limits: Limits {
            answer: arguments.timeout,
            ..Limits::default()
        },
        fail_fast: arguments.fail_fast,
        strict: arguments.strict,
        shuffle: arguments.shuffle,
    };

    let (stop, stopped) = watch::channel(false);
    let (sender, mut events) = mpsc::unbounded_channel();
    let run = tokio::spawn(execute(
        suite.clone(),
        selected,
        Arc::new(target),
        options,
        sender,
        stopped,
    ));
    let mut summary = Summary::default();
    let mut interrupted = false;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => {
                    summary.add(&event);
                    reports.event(&event);
                }
                None => break,
            },
            Ok(()) = tokio::signal::ctrl_c() => {
                if interrupted {
                    break;
                }
                interrupted = true;
                // The receiver is gone only when the run is over anyway.
                let _ = stop.send(true);
            }
        }
    }
    // What the run holds, a folder for the bundled servers too, is gone when it has ended.
    let _ = tokio::time::timeout(PATIENCE, run).await;
    match reports.failure {
        Some(failure) => Err(failure),
        None if interrupted => Ok(EXIT_INTERRUPTED),
        None => Ok(match summary.conclusion() {
            Conclusion::Conforms => EXIT_CONFORMS,
            Conclusion::DoesNotConform => EXIT_FAILED,
            Conclusion::TargetGone => EXIT_TARGET,
            Conclusion::NothingRun => EXIT_NOTHING,
        }),
    }
}

/// The target, and what keeps its servers running.
#[cfg(feature = "reference-server")]
async fn target(
    suite: &Suite,
    selected: &HashSet<CaseId>,
    arguments: &RunArguments,
) -> Result<(Target, Vec<crate::run::bundled::Running>), Failure> {
    use crate::run::bundled::Bundled;
    use crate::run::execute::deployments;
    use wagi_reference_server::config::LogTarget;

    if !arguments.urls.is_empty() {
        let target = Target::at(suite, &arguments.urls).map_err(Failure::usage)?;
        return Ok((target, Vec::new()));
    }
    let wanted = deployments(suite, selected);
    let started = async {
        Bundled::new(LogTarget::Nowhere)?
            .target(suite, &wanted)
            .await
    };
    let bundled = started.await.map_err(|message| Failure {
        code: EXIT_TARGET,
        message,
    })?;
    Ok((bundled.target, bundled.running))
}

/// The target; this build has no server of its own.
#[cfg(not(feature = "reference-server"))]
#[expect(clippy::unused_async, reason = "the same call with a bundled server")]
async fn target(
    suite: &Suite,
    _selected: &HashSet<CaseId>,
    arguments: &RunArguments,
) -> Result<(Target, ()), Failure> {
    if arguments.urls.is_empty() {
        return Err(Failure::usage(
            "this build has no server of its own: say with --url which server to test",
        ));
    }
    let target = Target::at(suite, &arguments.urls).map_err(Failure::usage)?;
    Ok((target, ()))
}

/// All reports of a run. One that fails does not keep the others from being written.
struct Reports<'a> {
    reports: Vec<(String, Box<dyn Report + 'a>)>,
    failure: Option<Failure>,
}

impl<'a> Reports<'a> {
    fn new(suite: &'a Suite, arguments: &RunArguments) -> Result<Self, Failure> {
        let stdout = io::stdout();
        let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = Style {
            colour,
            progress: io::stderr().is_terminal(),
        };
        let on_stdout: Box<dyn Report + 'a> = match arguments.format {
            Format::Pretty => Box::new(Pretty::new(suite, stdout, style)),
            Format::Terse => Box::new(Terse::new(suite, stdout)),
            Format::Json => Box::new(Json::new(suite, stdout)),
        };
        let mut reports = vec![("standard output".to_owned(), on_stdout)];
        for path in &arguments.reports {
            let file = File::create(path).map_err(|error| {
                Failure::usage(format!(
                    "failed to create the report {}: {error}",
                    path.display()
                ))
            })?;
            reports.push((path.display().to_string(), Box::new(Json::new(suite, file))));
        }
        Ok(Self {
            reports,
            failure: None,
        })
    }

    fn event(&mut self, event: &Event) {
        let failure = &mut self.failure;
        self.reports
            .retain_mut(|(place, report)| match report.event(event) {
                Ok(()) => true,
                Err(error) => {
                    if error.kind() != io::ErrorKind::BrokenPipe {
                        let message = format!("failed to write the report to {place}: {error}");
                        *failure = Some(Failure {
                            code: EXIT_USAGE,
                            message,
                        });
                    }
                    false
                }
            });
    }
}
