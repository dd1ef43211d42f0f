//! The reference server as a program.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use wagi_reference_server::config::command_line::CommandLine;
use wagi_reference_server::{Conforming, Engine, Server};

#[tokio::main]
async fn main() -> ExitCode {
    // A wrong command line ends here, with exit code 2.
    let command_line = CommandLine::parse();
    match serve(command_line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to end.
async fn serve(command_line: CommandLine) -> Result<(), Box<dyn Error>> {
    let (engine_limits, config) = command_line.load()?;
    let engine = Engine::new(&engine_limits)?;
    let told_to_end = told_to_end()?;
    let server = Server::bind(&engine, config, Arc::new(Conforming)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()?;
    server.run(told_to_end).await;
    Ok(())
}

/// Ready when the process gets SIGTERM or Ctrl-C. Signals count from the call on.
#[cfg(unix)]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ready when the process gets Ctrl-C.
#[cfg(not(unix))]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
