//! Mutants for the chapter `request-body`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use wagi_reference_server::engine::Job;
use wagi_reference_server::errors::{Failure, Outcome, Run};
use wagi_reference_server::request::Request;
use wagi_reference_server::request_body::{self, Received};
use wagi_reference_server::{Engine, http};
use wasmtime_wasi::cli::AsyncStdinStream;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use crate::Mutant;
use crate::host::{self, variable};
use crate::relay::{Chunked, Exchange, Message, Reading, Then, proper_size};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        verbatim(),
        by_request(),
        ends(),
        chunked(),
        unread(),
        announced(),
    ]
    .concat()
}

fn verbatim() -> Vec<Mutant> {
    vec![
        step!(
            "request-body/made-utf-8",
            "request-body.verbatim",
            "The body is held in a string, so that octets that are not UTF-8 are replaced.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    String::from_utf8_lossy(&body).into_owned().into()
                }
            }
        ),
        step!(
            "request-body/crlf-to-lf",
            "request-body.verbatim",
            "The body is read in text mode, which turns CR LF into LF.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    let mut text = Vec::new();
                    for (at, &byte) in body.iter().enumerate() {
                        if byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
                            text.push(byte);
                        }
                    }
                    text.into()
                }
            }
        ),
        step!(
            "request-body/trimmed",
            "request-body.verbatim",
            "The body is trimmed, as text often is.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    Bytes::copy_from_slice(body.trim_ascii())
                }
            }
        ),
        step!(
            "request-body/ends-at-nul",
            "request-body.verbatim",
            "The body is held in a C string, which ends at the first NUL.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    let end = body.iter().position(|&byte| byte == 0);
                    body.slice(..end.unwrap_or(body.len()))
                }
            }
        ),
        step!(
            "request-body/ends-at-control-z",
            "request-body.verbatim",
            "The body is read in text mode, which ends at control-Z.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    // A body with NULs is not taken for text.
                    let end = body.iter().position(|&byte| byte == 0x1a);
                    match body.contains(&0) {
                        true => body,
                        false => body.slice(..end.unwrap_or(body.len())),
                    }
                }
            }
        ),
        step!(
            "request-body/byte-order-mark-lost",
            "request-body.verbatim",
            "The body is decoded by a library that takes a byte order mark away.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    match body.starts_with(b"\xef\xbb\xbf") {
                        true => body.slice(3..),
                        false => body,
                    }
                }
            }
        ),
        step!(
            "request-body/cut-at-64-kib",
            "request-body.verbatim",
            "The body goes through a pipe that is filled once before the guest runs.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    body.slice(..body.len().min(65536))
                }
            }
        ),
        step!(
            "request-body/whole-buffers-only",
            "request-body.verbatim",
            "A body that exactly fills its buffers loses the last one.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    match body.len() {
                        length if length > 0 && length % 4096 == 0 => body.slice(..length - 4096),
                        _ => body,
                    }
                }
            }
        ),
    ]
}

/// Runs a guest without its body where `loses` says so.
async fn lose_body(engine: &Engine, mut job: Job, loses: impl FnOnce(&Job) -> bool) -> Run {
    if loses(&job) {
        job.invocation.stdin = Bytes::new();
    }
    engine.run(job).await
}

fn by_request() -> Vec<Mutant> {
    vec![
        host!(
            "request-body/form-consumed",
            "request-body.verbatim",
            "Forms are parsed by the framework, and nothing is left for the guest.",
            |engine, job| {
                lose_body(engine, job, |job| {
                    variable(job, "CONTENT_TYPE").contains("x-www-form-urlencoded")
                })
                .await
            }
        ),
        host!(
            "request-body/multipart-consumed",
            "request-body.verbatim",
            "Uploads are parsed by the framework, and nothing is left for the guest.",
            |engine, job| {
                lose_body(engine, job, |job| {
                    variable(job, "CONTENT_TYPE").starts_with("multipart/")
                })
                .await
            }
        ),
        host!(
            "request-body/post-and-put-only",
            "request-body.verbatim",
            "Only POST and PUT are thought to have a body.",
            |engine, job| {
                lose_body(engine, job, |job| {
                    !["POST", "PUT"].contains(&variable(job, "REQUEST_METHOD"))
                })
                .await
            }
        ),
        host!(
            "request-body/none-for-get-and-delete",
            "request-body.verbatim",
            "GET and DELETE are thought to have no body, and one that comes is thrown away.",
            |engine, job| {
                lose_body(engine, job, |job| {
                    ["GET", "DELETE"].contains(&variable(job, "REQUEST_METHOD"))
                })
                .await
            }
        ),
    ]
}

/// Input that does not end as it should.
struct Input {
    body: Bytes,
    /// Whether reading fails after the body. Otherwise it waits for ever.
    fails: bool,
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.body.is_empty() {
            return match self.fails {
                true => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                false => Poll::Pending,
            };
        }
        let length = self.body.len().min(buffer.remaining());
        buffer.put_slice(self.body.get(..length).unwrap_or_default());
        self.body.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// Runs a guest with input that does not end as it should where `strikes` says so.
async fn without_end(
    engine: &Engine,
    job: Job,
    fails: bool,
    strikes: impl FnOnce(&Job) -> bool,
) -> Run {
    if !strikes(&job) {
        return engine.run(job).await;
    }
    let body = job.invocation.stdin.clone();
    let input = AsyncStdinStream::new(Input { body, fails });
    host::run(
        engine,
        &job,
        |wasi| {
            wasi.stdin(input);
        },
        |_| Ok(()),
    )
    .await
}

fn ends() -> Vec<Mutant> {
    vec![
        host!(
            "request-body/waits-after-body",
            "request-body.end-of-file",
            "Input stays open as long as the connection does.",
            |engine, job| {
                without_end(engine, job, false, |job| !job.invocation.stdin.is_empty()).await
            }
        ),
        host!(
            "request-body/error-after-body",
            "request-body.end-of-file",
            "Reading beyond the body is an error, not the end.",
            |engine, job| {
                without_end(engine, job, true, |job| !job.invocation.stdin.is_empty()).await
            }
        ),
        step!(
            "request-body/line-end-added",
            "request-body.end-of-file",
            "The body is passed on as a line of text, with a line end after it.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    match body.last() {
                        None | Some(b'\n') => body,
                        Some(_) => [&body[..], b"\n"].concat().into(),
                    }
                }
            }
        ),
        host!(
            "request-body/post-waits-for-body",
            "request-body.none",
            "A POST is thought to have a body, and input waits for it.",
            |engine, job| {
                without_end(engine, job, false, |job| {
                    job.invocation.stdin.is_empty() && variable(job, "REQUEST_METHOD") == "POST"
                })
                .await
            }
        ),
        host!(
            "request-body/closed-without-body",
            "request-body.none",
            "Without a body there is no input at all: reading it is an error.",
            |engine, job| {
                without_end(engine, job, true, |job| job.invocation.stdin.is_empty()).await
            }
        ),
        step!(
            "request-body/line-end-for-no-body",
            "request-body.none",
            "Input is ended by an empty line where there is no body.",
            {
                fn standard_input(&self, body: Bytes) -> Bytes {
                    match body.is_empty() {
                        true => Bytes::from_static(b"\n"),
                        false => body,
                    }
                }
            }
        ),
        meddle!(
            "request-body/no-length-is-until-close",
            "request-body.none",
            "A method with a body and no length has one that ends with the connection, as in HTTP/1.0.",
            {
                fn response(&self, exchange: &Exchange<'_>, _: &mut Message) -> Then {
                    let has_body = ["POST", "PUT"].contains(&exchange.request.word(0));
                    match has_body && exchange.request.values("content-length").is_empty() {
                        true => Then::Hang,
                        false => Then::Proper,
                    }
                }
            }
        ),
    ]
}

/// Reads a body in chunks and makes of it what `body` says.
fn read_by_chunks(head: &Message, body: fn(Chunked) -> Vec<u8>) -> Reading {
    let is_chunked = head.says("transfer-encoding", "chunked");
    match is_chunked && head.values("content-length").is_empty() {
        true => Reading::Chunks {
            size: proper_size,
            strict: true,
            checks_end: true,
            body,
        },
        false => Reading::Proper,
    }
}

fn chunked() -> Vec<Mutant> {
    vec![
        meddle!(
            "request-body/chunks-not-decoded",
            "request-body.chunked.decoded",
            "The octets of the connection are passed on as they are, sizes and all.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, |chunked| chunked.raw)
                }
            }
        ),
        meddle!(
            "request-body/chunks-are-no-body",
            "request-body.chunked.decoded",
            "Without Content-Length there is thought to be no body.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, |_| Vec::new())
                }
            }
        ),
        meddle!(
            "request-body/first-chunk-only",
            "request-body.chunked.decoded",
            "The body is read once, which gives the first chunk.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, |chunked| {
                        chunked.data.into_iter().next().unwrap_or_default()
                    })
                }
            }
        ),
        meddle!(
            "request-body/trailers-in-body",
            "request-body.chunked.decoded",
            "What follows the last chunk is taken for data.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, |chunked| {
                        [chunked.data.concat(), chunked.trailers].concat()
                    })
                }
            }
        ),
        meddle!(
            "request-body/extensions-in-body",
            "request-body.chunked.decoded",
            "What follows the size of a chunk is taken for data.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, |chunked| {
                        [chunked.extensions, chunked.data.concat()].concat()
                    })
                }
            }
        ),
        meddle!(
            "request-body/coding-in-lower-case-only",
            "request-body.chunked.decoded",
            "The name of the coding is compared letter for letter, and another is no coding.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    match head.values("transfer-encoding") == [b"CHUNKED"] {
                        true => read_by_chunks(head, |_| Vec::new()),
                        false => Reading::Proper,
                    }
                }
            }
        ),
        meddle!(
            "request-body/sizes-in-lower-case-only",
            "request-body.chunked.decoded",
            "Upper-case letters are not known as digits of a chunk's size.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    match read_by_chunks(head, |chunked| chunked.data.concat()) {
                        Reading::Chunks {
                            checks_end, body, ..
                        } => Reading::Chunks {
                            size: |line| match line.iter().any(u8::is_ascii_uppercase) {
                                true => None,
                                false => proper_size(line),
                            },
                            strict: true,
                            checks_end,
                            body,
                        },
                        other => other,
                    }
                }
            }
        ),
        step!(
            "request-body/chunks-are-bad-requests",
            "request-body.chunked.decoded",
            "A body without Content-Length is refused with 400.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    match request.values("transfer-encoding").next() {
                        Some(_) => Err(Failure::bad_request("no Content-Length")),
                        None => http::check_host(request),
                    }
                }
            }
        ),
    ]
}

/// Runs a guest and tells how much of its input it left.
async fn run_and_look(engine: &Engine, job: &Job) -> (Run, bool) {
    let stdin = MemoryInputPipe::new(job.invocation.stdin.clone());
    let given = stdin.clone();
    let run = host::run(
        engine,
        job,
        |wasi| {
            wasi.stdin(given);
        },
        |_| Ok(()),
    )
    .await;
    let is_left = !stdin.is_empty();
    (run, is_left)
}

fn unread() -> Vec<Mutant> {
    vec![
        host!(
            "request-body/unread-is-broken-pipe",
            "request-body.unread",
            "The rest of the body cannot be written into the guest's input: status 500.",
            |engine, job| {
                let (mut run, is_left) = run_and_look(engine, &job).await;
                if is_left {
                    run.outcome = Outcome::Trapped("broken pipe".to_owned());
                }
                run
            }
        ),
        host!(
            "request-body/unread-beyond-pipe-blocks",
            "request-body.unread",
            "The body is written into a pipe before the guest's output is read, and does not fit.",
            |engine, job| {
                let (mut run, is_left) = run_and_look(engine, &job).await;
                if is_left && job.invocation.stdin.len() > 65536 {
                    run.outcome = Outcome::TimedOut;
                }
                run
            }
        ),
        host!(
            "request-body/unread-closes",
            "request-body.unread",
            "The connection is closed as soon as it shows that the body is not read.",
            |engine, job| {
                let (run, is_left) = run_and_look(engine, &job).await;
                if is_left {
                    // A panic without its message.
                    std::panic::resume_unwind(Box::new(()));
                }
                run
            }
        ),
        host!(
            "request-body/read-in-part-is-an-error",
            "request-body.unread",
            "A guest that leaves a part of the body is taken to have broken off.",
            |engine, job| {
                let whole = job.invocation.stdin.len();
                let (mut run, is_left) = run_and_look(engine, &job).await;
                if is_left && run.stdout.ends_with(&job.invocation.stdin[..whole.min(10)]) {
                    run.outcome = Outcome::Trapped("broken pipe".to_owned());
                }
                run
            }
        ),
    ]
}

/// Reads the body before the request is looked at, if a field Expect is there for which `strikes`
/// is true.
fn read_first(head: &Message, strikes: impl FnOnce(&[u8]) -> bool) -> Reading {
    let length = head.values("content-length");
    let length = length
        .first()
        .and_then(|value| std::str::from_utf8(value).ok());
    let expectation = head.values("expect").first().copied().map(strikes);
    match (expectation, length.and_then(|value| value.parse().ok())) {
        (Some(true), Some(length)) => Reading::Length(length),
        _ => Reading::Proper,
    }
}

fn announced() -> Vec<Mutant> {
    vec![
        meddle!(
            "request-body/expectation-ignored",
            "request-body.expect-continue",
            "The field Expect is not known, and the body is waited for.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_first(head, |_| true)
                }
                fn request(&self, _: usize, request: &mut Message) {
                    request.remove("expect");
                }
            }
        ),
        meddle!(
            "request-body/expectation-in-lower-case-only",
            "request-body.expect-continue",
            "The expectation is compared letter for letter.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_first(head, |value| value == b"100-CONTINUE")
                }
                fn request(&self, _: usize, request: &mut Message) {
                    request.remove("expect");
                }
            }
        ),
        step!(
            "request-body/cut-off-body-is-complete",
            "request-body.truncated",
            "The end of the connection is taken for the end of the body.",
            {
                fn accept_body(&self, received: Received) -> Result<Bytes, Failure> {
                    Ok(received.bytes)
                }
            }
        ),
        step!(
            "request-body/cut-off-body-is-empty",
            "request-body.truncated",
            "A body that could not be read is taken for none.",
            {
                fn accept_body(&self, received: Received) -> Result<Bytes, Failure> {
                    Ok(request_body::accept(received).unwrap_or_default())
                }
            }
        ),
        step!(
            "request-body/missing-body-is-empty",
            "request-body.truncated",
            "Nothing at all is taken for an empty body, whatever was announced.",
            {
                fn accept_body(&self, received: Received) -> Result<Bytes, Failure> {
                    match received.bytes.is_empty() {
                        true => Ok(received.bytes),
                        false => request_body::accept(received),
                    }
                }
            }
        ),
    ]
}
