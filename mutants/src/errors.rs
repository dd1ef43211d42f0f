//! Mutants for the chapter `errors`.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use wagi_reference_server::errors::{self, Failure, Outcome, Run};

use crate::Mutant;
use crate::host::{not_started, variable};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [traps(), after_traps(), exits(), hidden()].concat()
}

/// What the step `judge` says of a trap, with another status.
fn trap_with(status: u16, outcome: &Outcome) -> Result<(), Failure> {
    errors::judge(outcome).map_err(|failure| match outcome {
        Outcome::Trapped(_) => Failure { status, ..failure },
        _ => failure,
    })
}

fn traps() -> Vec<Mutant> {
    vec![
        step!(
            "errors/trap-is-success",
            "errors.trap.status",
            "An error of the guest is printed as a page of status 200.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    trap_with(200, outcome)
                }
            }
        ),
        step!(
            "errors/trap-is-bad-request",
            "errors.trap.status",
            "An error while a request is handled is laid at the client's door.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    trap_with(400, outcome)
                }
            }
        ),
        host!(
            "errors/panic-on-trap",
            "errors.trap.status",
            "The result of the guest's call is unwrapped, and the task of the connection dies.",
            |engine, job| {
                let run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) {
                    // A panic without its message.
                    std::panic::resume_unwind(Box::new(()));
                }
                run
            }
        ),
        host!(
            "errors/partial-output-sent",
            "errors.trap.after-output",
            "What a guest wrote before it trapped is sent as if it were all.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) && !run.stdout.is_empty() {
                    run.outcome = Outcome::Returned;
                }
                run
            }
        ),
        host!(
            "errors/long-partial-output-sent",
            "errors.trap.after-output",
            "Long output is sent as it comes, and ended in good order when the guest traps.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) && run.stdout.len() > 65536 {
                    run.outcome = Outcome::Returned;
                }
                run
            }
        ),
        step!(
            "errors/trap-is-bad-gateway",
            "errors.trap.after-output",
            "A guest is taken for a server behind a gateway, and its trap for a bad answer: 502.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    trap_with(502, outcome)
                }
            }
        ),
    ]
}

fn after_traps() -> Vec<Mutant> {
    vec![
        host!(
            "errors/lock-poisoned-by-trap",
            "errors.trap.service-continues",
            "A lock is held while a guest runs, and is poisoned by the first that traps.",
            AtomicBool,
            |poisoned, engine, job| {
                if poisoned.load(Ordering::Relaxed) {
                    return not_started("poisoned");
                }
                let run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) {
                    poisoned.store(true, Ordering::Relaxed);
                }
                run
            }
        ),
        host!(
            "errors/route-disabled-by-trap",
            "errors.trap.service-continues",
            "A route whose guest trapped is taken out of service.",
            Mutex<HashSet<String>>,
            |disabled, engine, job| {
                let route = variable(&job, "SCRIPT_NAME").to_owned();
                let is_disabled = disabled
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(&route);
                if is_disabled {
                    return not_started("disabled");
                }
                let run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) {
                    let mut disabled = disabled.lock().unwrap_or_else(PoisonError::into_inner);
                    disabled.insert(route);
                }
                run
            }
        ),
        host!(
            "errors/trap-leaks-a-place",
            "errors.trap.service-continues",
            "A guest that traps does not give back its place among those that can run.",
            AtomicUsize,
            |leaked, engine, job| {
                if leaked.load(Ordering::Relaxed) >= 16 {
                    return not_started("too many guests run already");
                }
                let run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) {
                    leaked.fetch_add(1, Ordering::Relaxed);
                }
                run
            }
        ),
    ]
}

fn exits() -> Vec<Mutant> {
    vec![
        step!(
            "errors/exit-zero-is-a-trap",
            "errors.exit.zero",
            "The library reports every proc_exit as an error, and it is taken for one.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    match outcome {
                        Outcome::Exited(0) => Err(Failure::bad_output("exited")),
                        other => errors::judge(other),
                    }
                }
            }
        ),
        host!(
            "errors/exit-loses-output",
            "errors.exit.zero",
            "Buffered output is written when the entrypoint returns, which it never does.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.outcome == Outcome::Exited(0) {
                    run.stdout = Bytes::new();
                }
                run
            }
        ),
        step!(
            "errors/exit-code-ignored",
            "errors.exit.nonzero",
            "A guest that exits has succeeded, whatever the code.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    match outcome {
                        Outcome::Exited(_) => Ok(()),
                        other => errors::judge(other),
                    }
                }
            }
        ),
        host!(
            "errors/exit-code-ignored-with-output",
            "errors.exit.nonzero",
            "A guest that has written a whole head has succeeded, whatever code it exits with.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Exited(_)) && !run.stdout.is_empty() {
                    run.outcome = Outcome::Returned;
                }
                run
            }
        ),
        step!(
            "errors/exit-is-bad-gateway",
            "errors.exit.nonzero",
            "A guest that exits with an error is answered for as a broken server behind a gateway.",
            {
                fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
                    errors::judge(outcome).map_err(|failure| match outcome {
                        Outcome::Exited(_) => Failure {
                            status: 502,
                            ..failure
                        },
                        _ => failure,
                    })
                }
            }
        ),
    ]
}

/// The usual body for a failure, and something after it.
fn telling(failure: &Failure, more: &str) -> Bytes {
    let mut body = errors::failure_body(failure, None).to_vec();
    body.extend_from_slice(more.as_bytes());
    body.into()
}

fn hidden() -> Vec<Mutant> {
    vec![
        host!(
            "errors/stderr-beside-stdout",
            "errors.stderr.hidden",
            "Standard error goes where standard output goes.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.outcome == Outcome::Returned {
                    run.stdout = [run.stdout, run.stderr.clone()].concat().into();
                }
                run
            }
        ),
        host!(
            "errors/stderr-in-a-field",
            "errors.stderr.hidden",
            "What a guest wrote to standard error is sent in a field, to help its author.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.outcome == Outcome::Returned && !run.stderr.is_empty() {
                    let line = run.stderr.split(|&byte| byte == b'\n').next();
                    let line = line.and_then(|line| line.get(..line.len().min(100)));
                    let field = [b"X-Stderr: ", line.unwrap_or_default(), b"\n"].concat();
                    run.stdout = [&field, &run.stdout[..]].concat().into();
                }
                run
            }
        ),
        step!(
            "errors/stderr-on-error-page",
            "errors.stderr.hidden",
            "The error page shows what the guest wrote to standard error.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    let stderr = run.map(|run| String::from_utf8_lossy(&run.stderr));
                    telling(failure, &stderr.unwrap_or_default())
                }
            }
        ),
        step!(
            "errors/module-path-on-error-page",
            "errors.details.host-paths",
            "The error page says which file the failing guest was loaded from.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    match run {
                        Some(_) => telling(failure, "in /usr/share/wagi/modules/guest.wasm\n"),
                        None => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/document-path-when-not-found",
            "errors.details.host-paths",
            "The page for an unknown path says which file was looked for.",
            {
                fn failure_body(&self, failure: &Failure, _: Option<&Run>) -> Bytes {
                    match failure.status {
                        404 => telling(failure, "no such file: /var/www/wagi/index\n"),
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/trace-on-error-page",
            "errors.details.traces",
            "The error page shows the whole chain of causes, with the guest's call stack.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    match run.map(|run| &run.outcome) {
                        Some(Outcome::Trapped(cause)) => telling(failure, cause),
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/frames-on-error-page",
            "errors.details.traces",
            "The error page shows the frames of the guest's call stack.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    match run.map(|run| &run.outcome) {
                        Some(Outcome::Trapped(cause)) => {
                            let frames = cause.lines().filter(|line| line.contains("0x"));
                            telling(failure, &frames.collect::<Vec<_>>().join("\n"))
                        }
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/exit-told-with-trace",
            "errors.details.traces",
            "An exit is an error of the engine like any other, with a call stack that is shown.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    match run.map(|run| &run.outcome) {
                        Some(Outcome::Exited(code)) => telling(
                            failure,
                            &format!("exit {code}\n  0: 0x1f3 - <unknown>!_start\n"),
                        ),
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/own-trace-on-error-page",
            "errors.details.traces",
            "Output that cannot be parsed is an exception of the server's own, shown with its call stack.",
            {
                fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
                    match run.map(|run| &run.outcome) {
                        Some(Outcome::Returned) => telling(
                            failure,
                            "Traceback (most recent call last):\n  in parse_head\n",
                        ),
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
        step!(
            "errors/status-alone",
            "errors.explained",
            "An error is its status, and the body stays empty.",
            {
                fn failure_body(&self, _: &Failure, _: Option<&Run>) -> Bytes {
                    Bytes::new()
                }
            }
        ),
        step!(
            "errors/not-found-without-body",
            "errors.explained",
            "The router of the HTTP library answers for unknown paths, without a body.",
            {
                fn failure_body(&self, failure: &Failure, _: Option<&Run>) -> Bytes {
                    match failure.status {
                        404 => Bytes::new(),
                        _ => telling(failure, ""),
                    }
                }
            }
        ),
    ]
}
