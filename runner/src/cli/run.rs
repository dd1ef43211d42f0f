//! `run`: the suite against a server.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::arguments::RunArguments;
use super::expectations::Expected;
use super::interrupt::told_to_end;
use super::reports::Reports;
use super::{EXIT_CONFORMS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_TARGET, Failure};
use crate::id::CaseId;
use crate::launch;
use crate::launch::file::{self, Found, TargetFile};
use crate::launch::words::Template;
use crate::run::event::{Conclusion, Summary};
use crate::run::execute::deployments;
use crate::run::target::Target;
use crate::run::{Options, execute};
use crate::suite::Suite;
use crate::wire::Limits;

/// How long a run that is over may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn run(suite: Suite, arguments: RunArguments) -> Result<u8, Failure> {
    let mut selected = arguments.selection.of(&suite).map_err(Failure::usage)?;
    if let Some(partition) = arguments.partition {
        selected = partition.of(&suite, &selected).map_err(Failure::usage)?;
    }
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
    let plan = Plan::new(&suite, &arguments)?;
    let expectations = arguments.expectations.clone().or(plan.expectations());
    let expected = Expected::read(&suite, expectations, arguments.accept)?;
    let mut reports = Reports::new(&suite, &arguments)?;
    let started = tokio::select! {
        started = plan.start(&suite, &selected) => Some(started?),
        Ok(()) = told_to_end() => None,
    };
    let Some((mut target, _running)) = started else {
        plan.stop(&Summary::default()).await;
        // Nothing is left to tell if standard error is closed.
        let _ = writeln!(io::stderr(), "interrupted before any case ran");
        return Ok(EXIT_INTERRUPTED);
    };
    if !arguments.claimed.is_empty() {
        target.claim(arguments.claimed.iter().copied());
    }
    for profile in &arguments.unclaimed {
        target.claimed.remove(profile);
        target.unclaimed.insert(*profile);
    }
    let options = Options {
        jobs: arguments.jobs,
        limits: Limits {
            answer: arguments.timeout,
            ..Limits::default()
        },
        fail_fast: arguments.fail_fast,
        strict: arguments.strict,
        shuffle: arguments.shuffle,
        expectations: expected.expectations.clone(),
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
            Ok(()) = told_to_end() => {
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
    plan.stop(&summary).await;
    let accepted = expected.accept(&suite, &summary, interrupted)?;
    match reports.failure {
        Some(failure) => Err(failure),
        None if accepted && summary.shortfalls.is_empty() => Ok(EXIT_CONFORMS),
        None if interrupted => Ok(EXIT_INTERRUPTED),
        None => Ok(match summary.conclusion() {
            Conclusion::Conforms | Conclusion::AsExpected => EXIT_CONFORMS,
            Conclusion::DoesNotConform | Conclusion::NotAsExpected => EXIT_FAILED,
            Conclusion::TargetGone => EXIT_TARGET,
            Conclusion::NothingRun => EXIT_NOTHING,
        }),
    }
}

/// What is tested, before it is started.
enum Plan {
    /// Servers of someone else.
    Foreign(Box<Target>),
    /// Servers that a command starts; whether their logs stay in any case.
    Launched {
        servers: Arc<launch::Servers>,
        logs_stay: bool,
    },
    /// The reference server in this process.
    Bundled,
}

impl Plan {
    fn new(suite: &Suite, arguments: &RunArguments) -> Result<Self, Failure> {
        if !arguments.urls.is_empty() {
            let target = Target::at(suite, &arguments.urls).map_err(Failure::usage)?;
            return Ok(Self::Foreign(Box::new(target)));
        }
        let Some(found) = launched(suite, arguments)? else {
            return Ok(Self::Bundled);
        };
        let servers = launch::Servers::new(found, arguments.logs.as_deref());
        Ok(Self::Launched {
            servers: Arc::new(servers.map_err(Failure::usage)?),
            logs_stay: arguments.logs.is_some(),
        })
    }

    /// The target, with its servers started if they have to be, and what keeps them running.
    async fn start(
        &self,
        suite: &Suite,
        selected: &HashSet<CaseId>,
    ) -> Result<(Target, Running), Failure> {
        match self {
            Self::Foreign(target) => Ok(((**target).clone(), Running::default())),
            Self::Launched { servers, .. } => {
                let wanted = deployments(suite, selected);
                Ok((servers.target(suite, &wanted).await, Running::default()))
            }
            Self::Bundled => bundled(suite, selected).await,
        }
    }

    /// The file of expectations that the target names.
    fn expectations(&self) -> Option<PathBuf> {
        match self {
            Self::Launched { servers, .. } => servers.expectations(),
            Self::Foreign(_) | Self::Bundled => None,
        }
    }

    /// Stops what a command has started.
    async fn stop(&self, summary: &Summary) {
        if let Self::Launched { servers, logs_stay } = self {
            let mut records = summary.records.iter();
            let trouble = records.any(|record| record.is_unexpected(true));
            servers.stop(*logs_stay || trouble).await;
        }
    }
}

/// Servers of this process, which run until this is dropped.
#[cfg(feature = "reference-server")]
type Running = Vec<crate::run::bundled::Running>;
/// Nothing: this build has no server of its own.
#[cfg(not(feature = "reference-server"))]
type Running = ();

/// The target that is to be started by a command, if any is asked for.
fn launched(suite: &Suite, arguments: &RunArguments) -> Result<Option<Found>, Failure> {
    if let Some(word) = &arguments.target {
        let found = file::find(&suite.files, word).map_err(Failure::usage)?;
        return Ok(Some(found));
    }
    let Some(command) = &arguments.command else {
        return Ok(None);
    };
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        Failure::usage(format!(
            "the command `{command}` has a quote without its partner, or no words"
        ))
    })?;
    let words: Result<Vec<Template>, String> = words.into_iter().map(Template::try_from).collect();
    let words = words.map_err(|error| Failure::usage(format!("--command: {error}")))?;
    Ok(Some(Found {
        name: command.clone(),
        file: TargetFile::of_command(words, arguments.deployments),
        folder: None,
    }))
}

/// The bundled reference server.
#[cfg(feature = "reference-server")]
async fn bundled(suite: &Suite, selected: &HashSet<CaseId>) -> Result<(Target, Running), Failure> {
    use crate::run::bundled::Bundled;
    use wagi_reference_server::config::LogTarget;

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

/// This build has no server of its own.
#[cfg(not(feature = "reference-server"))]
#[expect(clippy::unused_async, reason = "the same call with a bundled server")]
async fn bundled(_: &Suite, _: &HashSet<CaseId>) -> Result<(Target, Running), Failure> {
    Err(Failure::usage(
        "this build has no server of its own: say with --url, --target or --command which server to test",
    ))
}
