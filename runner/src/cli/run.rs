//! `run`: the suite against a server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::arguments::RunArguments;
use super::expectations::Expected;
use super::reports::Reports;
use super::{EXIT_CONFORMS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_TARGET, Failure};
use crate::id::CaseId;
use crate::run::event::{Conclusion, Summary};
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
    let expected = Expected::read(&suite, arguments.expectations.clone(), arguments.accept)?;
    let mut reports = Reports::new(&suite, &arguments)?;
    let (mut target, _servers) = target(&suite, &arguments).await?;
    if arguments.claimed.is_empty() {
        target.unclaimed = arguments.unclaimed.iter().copied().collect();
    } else {
        target.claim(arguments.claimed.iter().copied());
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

/// The target, and what keeps its servers running.
#[cfg(feature = "reference-server")]
async fn target(
    suite: &Suite,
    arguments: &RunArguments,
) -> Result<(Target, Vec<crate::run::bundled::Running>), Failure> {
    use crate::run::bundled::Bundled;
    use wagi_reference_server::config::LogTarget;

    if !arguments.urls.is_empty() {
        let target = Target::at(suite, &arguments.urls).map_err(Failure::usage)?;
        return Ok((target, Vec::new()));
    }
    let names = suite
        .deployments
        .iter()
        .map(|deployment| deployment.name.clone());
    let started = async {
        Bundled::new(LogTarget::Nowhere)?
            .target(suite, &names.collect())
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
async fn target(suite: &Suite, arguments: &RunArguments) -> Result<(Target, ()), Failure> {
    if arguments.urls.is_empty() {
        return Err(Failure::usage(
            "this build has no server of its own: say with --url which server to test",
        ));
    }
    let target = Target::at(suite, &arguments.urls).map_err(Failure::usage)?;
    Ok((target, ()))
}
