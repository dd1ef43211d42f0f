//! `serve`: the suite's deployments on the reference server, to try by hand.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "mutants")]
use std::sync::Arc;

use wagi_reference_server::config::LogTarget;

use super::arguments::ServeArguments;
use super::{EXIT_CONFORMS, EXIT_TARGET, Failure, print};
use crate::case::Start;
#[cfg(feature = "mutants")]
use crate::mutation;
use crate::problem::near_miss;
use crate::run::bundled::Bundled;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::Endpoint;

pub fn serve(suite: Suite, arguments: ServeArguments) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::usage(format!("failed to start the runtime: {error}")))?;
    let code = runtime.block_on(serve_until_interrupted(&suite, &arguments));
    runtime.shutdown_background();
    code
}

async fn serve_until_interrupted(suite: &Suite, arguments: &ServeArguments) -> Result<u8, Failure> {
    let known: Vec<&str> = suite
        .deployments
        .iter()
        .filter(|deployment| deployment.start == Start::Served)
        .map(|deployment| deployment.name.as_str())
        .collect();
    for name in &arguments.deployments {
        if !known.contains(&name.as_str()) {
            return Err(Failure::usage(format!(
                "there is no deployment `{name}`{}: the deployments are {}",
                near_miss(name, known.iter().copied()),
                known.join(", ")
            )));
        }
    }
    let wanted: Vec<&Deployment> = suite
        .deployments
        .iter()
        .filter(|deployment| {
            let all = arguments.deployments.is_empty();
            deployment.start == Start::Served
                && (all || arguments.deployments.contains(&deployment.name))
        })
        .collect();
    #[cfg(feature = "mutants")]
    if let Some(mutant) = &arguments.mutant {
        return serve_mutant(suite, mutant, &wanted).await;
    }
    let bundled = Bundled::new(LogTarget::Stderr).map_err(unserved)?;
    let mut running = Vec::new();
    let mut address: SocketAddr = arguments.listen;
    for deployment in wanted {
        let server = bundled
            .serve(suite, deployment, address)
            .await
            .map_err(|error| unserved(format!("deployment `{}`: {error}", deployment.name)))?;
        tell(&deployment.name, &server.endpoint)?;
        running.push(server);
        if address.port() != 0 {
            let next = address.port().checked_add(1);
            address.set_port(
                next.ok_or_else(|| Failure::usage("there are no ports left after 65535"))?,
            );
        }
    }
    until_told_to_end().await
}

/// The deployments `wanted` on a faulty variant of the reference server.
#[cfg(feature = "mutants")]
async fn serve_mutant(suite: &Suite, mutant: &str, wanted: &[&Deployment]) -> Result<u8, Failure> {
    let names = wanted.iter().map(|deployment| deployment.name.clone());
    let names = names.collect();
    let mutant = mutation::named(mutant).map_err(Failure::usage)?;
    let served = mutation::serve(Arc::new(suite.clone()), mutant, &names)
        .await
        .map_err(unserved)?;
    for (deployment, endpoint) in &served.endpoints {
        tell(deployment, endpoint)?;
    }
    until_told_to_end().await
}

fn unserved(message: String) -> Failure {
    Failure {
        code: EXIT_TARGET,
        message,
    }
}

fn tell(deployment: &str, endpoint: &Endpoint) -> Result<u8, Failure> {
    print(&format!("{deployment} {}\n", endpoint.origin()))
}

async fn until_told_to_end() -> Result<u8, Failure> {
    told_to_end()
        .await
        .map_err(|error| unserved(format!("failed to wait for an interrupt: {error}")))?;
    Ok(EXIT_CONFORMS)
}

/// Waits until the user interrupts or the system asks this process to end.
async fn told_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
