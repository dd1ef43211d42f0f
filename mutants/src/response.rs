//! Mutants for the chapter `response`.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wagi_reference_server::errors::{Failure, Outcome};
use wagi_reference_server::request::{Field, Request};
use wagi_reference_server::response::{self, HeadEnd};
use wagi_reference_server::{Conforming, Semantics};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::Mutant;
use crate::host;
use crate::relay::{Exchange, Message, Then, smuggle};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        heads(),
        writes(),
        bodies(),
        fields(),
        repetitions(),
        invalid_fields(),
        content_types(),
        statuses(),
        locations(),
        invalid_output(),
        framing(),
        head_requests(),
    ]
    .concat()
}

/// The first place of `wanted` in `octets`.
fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// The end of a head at the first `blank`, whose line end is `line_end` octets long.
fn ends_at(output: &[u8], blank: &[u8], line_end: usize) -> Option<HeadEnd> {
    let at = find(output, blank)?;
    Some(HeadEnd {
        head: at + line_end,
        body: at + blank.len(),
    })
}

/// `body` changed by `change`, framed as it should be.
fn frame(
    method: &str,
    status: u16,
    body: &Bytes,
    change: impl FnOnce(&[u8]) -> Vec<u8>,
) -> (Option<u64>, Bytes) {
    response::frame(method, status, change(body).into())
}

fn heads() -> Vec<Mutant> {
    vec![
        step!(
            "response/only-crlf-ends-head",
            "response.head.lf-ends-block",
            "The end of the head is looked for as HTTP has it, with CR LF only.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    ends_at(output, b"\r\n\r\n", 2)
                }
            }
        ),
        step!(
            "response/only-lf-ends-head",
            "response.head.crlf-ends-block",
            "The end of the head is looked for as two LF in a row, and nothing else.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    ends_at(output, b"\n\n", 1)
                }
            }
        ),
        step!(
            "response/cr-left-in-lines",
            "response.head.crlf-ends-block",
            "The head is split at LF and the CRs stay in the values, which makes these invalid.",
            {
                fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
                    head.split(|&byte| byte == b'\n')
                        .filter(|line| !line.is_empty())
                        .collect()
                }
            }
        ),
        step!(
            "response/pure-line-ends-only",
            "response.head.mixed-line-ends",
            "The head ends at LF LF or CR LF CR LF, whichever comes first; mixtures are not known.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    let ends = [ends_at(output, b"\n\n", 1), ends_at(output, b"\r\n\r\n", 2)];
                    ends.into_iter().flatten().min_by_key(|end| end.head)
                }
            }
        ),
        step!(
            "response/first-line-decides-line-end",
            "response.head.mixed-line-ends",
            "The kind of line end is found out from the first line and expected of all others.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    let first = output.iter().position(|&byte| byte == b'\n')?;
                    match output.get(..first)?.ends_with(b"\r") {
                        true => ends_at(output, b"\r\n\r\n", 2),
                        false => ends_at(output, b"\n\n", 1).or_else(|| {
                            output
                                .starts_with(b"\n")
                                .then_some(HeadEnd { head: 0, body: 1 })
                        }),
                    }
                }
            }
        ),
        step!(
            "response/cr-ends-line",
            "response.head.lone-cr",
            "Lines are split with universal newlines, to which CR alone is one.",
            {
                fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
                    head.split(|&byte| byte == b'\n' || byte == b'\r')
                        .filter(|line| !line.is_empty())
                        .collect()
                }
            }
        ),
        step!(
            "response/cr-cr-ends-head",
            "response.head.lone-cr",
            "Two CR in a row end the head, as two LF do.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    let end = response::find_head_end(output);
                    let early = ends_at(output, b"\r\r", 0);
                    [end, early]
                        .into_iter()
                        .flatten()
                        .min_by_key(|end| end.head)
                }
            }
        ),
        step!(
            "response/continuation-joined",
            "response.head.continuation",
            "Folded lines are unfolded, as the mail format that HTTP comes from has it.",
            {
                fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
                    let mut lines = Vec::new();
                    let mut rest = head;
                    while !rest.is_empty() {
                        let end = (1..rest.len()).find(|&at| {
                            rest.get(at - 1) == Some(&b'\n')
                                && !matches!(rest.get(at), Some(b' ' | b'\t'))
                        });
                        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
                        lines.push(line.trim_ascii_end());
                        rest = after;
                    }
                    lines
                }
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let unfolded: Vec<&[u8]> = line
                        .split(|&byte| byte == b'\n')
                        .map(<[u8]>::trim_ascii)
                        .collect();
                    Conforming.parse_line(&unfolded.join(&b' '))
                }
            }
        ),
        step!(
            "response/continuation-joined-without-space",
            "response.head.continuation",
            "A folded line is appended to the value before it, in the head as it is parsed.",
            {
                fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
                    let folds = find(head, b"\n ").or_else(|| find(head, b"\n\t"));
                    match folds {
                        None => response::split_lines(head),
                        Some(_) => vec![head],
                    }
                }
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    if !line.ends_with(b"\n") {
                        return Conforming.parse_line(line);
                    }
                    // The first line that is continued, with what continues it.
                    let lines: Vec<&[u8]> = response::split_lines(line);
                    let place = lines.iter().position(|line| line.starts_with(b" "));
                    let place = place.unwrap_or_default().max(1);
                    let line = [lines.get(place - 1), lines.get(place)]
                        .into_iter()
                        .flatten()
                        .map(|line| line.trim_ascii())
                        .collect::<Vec<_>>()
                        .concat();
                    Conforming.parse_line(&line)
                }
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    _: Option<&[u8]>,
                    _: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    Ok(status.unwrap_or(200))
                }
            }
        ),
    ]
}

/// A stream that keeps what is written, write by write.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<Bytes>>>);

impl Writes {
    fn push(&self, bytes: Bytes) {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push(bytes);
    }

    fn take(&self) -> Vec<Bytes> {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *writes)
    }
}

#[async_trait]
impl Pollable for Writes {
    async fn ready(&mut self) {}
}

impl OutputStream for Writes {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Writes {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(Bytes::copy_from_slice(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Writes {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Writes {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

fn writes() -> Vec<Mutant> {
    vec![
        host!(
            "response/queue-of-sixteen-writes",
            "response.output.write-boundaries",
            "Writes wait in a queue of limited length, and those that find it full are lost.",
            |engine, job| {
                let writes = Writes::default();
                let stdout = writes.clone();
                let mut run = host::run(
                    engine,
                    &job,
                    |wasi| {
                        wasi.stdout(stdout);
                    },
                    |_| Ok(()),
                )
                .await;
                let mut kept = writes.take();
                // A large write is divided by the WASI library; that is not the guest's doing.
                if kept.iter().all(|write| write.len() < 4096) {
                    kept.truncate(16);
                }
                run.stdout = kept.concat().into();
                run
            }
        ),
        host!(
            "response/one-octet-writes-lost",
            "response.output.write-boundaries",
            "A loop over what was written stops one octet early, so that single octets are lost.",
            |engine, job| {
                let writes = Writes::default();
                let stdout = writes.clone();
                let mut run = host::run(
                    engine,
                    &job,
                    |wasi| {
                        wasi.stdout(stdout);
                    },
                    |_| Ok(()),
                )
                .await;
                let mut before = 0;
                let mut output = Vec::new();
                for write in writes.take() {
                    // The last octet of a line, written alone, is no trouble.
                    if write.len() > 1 || before > 1 {
                        output.extend_from_slice(&write);
                    }
                    before = write.len();
                }
                run.stdout = output.into();
                run
            }
        ),
    ]
}

fn bodies() -> Vec<Mutant> {
    vec![
        step!(
            "response/body-made-utf-8",
            "response.body.verbatim",
            "The body is held in a string, so that octets that are not UTF-8 are replaced.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        String::from_utf8_lossy(body).into_owned().into_bytes()
                    })
                }
            }
        ),
        step!(
            "response/body-crlf-to-lf",
            "response.body.verbatim",
            "Line ends are unified over the whole output, not only in the head.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let mut body = body.to_vec();
                        while let Some(at) = find(&body, b"\r\n") {
                            body.remove(at);
                        }
                        body
                    })
                }
            }
        ),
        step!(
            "response/body-trimmed",
            "response.body.verbatim",
            "The body is trimmed, as text often is.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| body.trim_ascii_end().to_vec())
                }
            }
        ),
        step!(
            "response/body-ends-at-nul",
            "response.body.verbatim",
            "The output is held in a C string, which ends at the first NUL.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        body.split(|&byte| byte == 0)
                            .next()
                            .unwrap_or_default()
                            .to_vec()
                    })
                }
            }
        ),
        step!(
            "response/body-read-by-lines",
            "response.body.verbatim",
            "The output is read line by line and written with a line end after each, the last too.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let mut body = body.to_vec();
                        if !body.is_empty() && !body.ends_with(b"\n") {
                            body.push(b'\n');
                        }
                        body
                    })
                }
            }
        ),
        step!(
            "response/body-byte-order-mark-lost",
            "response.body.verbatim",
            "The body is decoded by a library that takes a byte order mark away.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).to_vec()
                    })
                }
            }
        ),
        step!(
            "response/head-ends-at-last-empty-line",
            "response.body.begins-after-first-empty-line",
            "A greedy pattern takes the last empty line of the output for the end of the head.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    let first = response::find_head_end(output)?;
                    let last = output.windows(2).rposition(|two| two == b"\n\n");
                    let body = last.map_or(first.body, |at| first.body.max(at + 2));
                    Some(HeadEnd { body, ..first })
                }
            }
        ),
        step!(
            "response/empty-lines-skipped",
            "response.body.begins-after-first-empty-line",
            "All empty lines after the head are skipped.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    let mut end = response::find_head_end(output)?;
                    while let Some(b'\n' | b'\r') = output.get(end.body) {
                        end.body += 1;
                    }
                    Some(end)
                }
            }
        ),
        step!(
            "response/body-cut-at-empty-line",
            "response.body.begins-after-first-empty-line",
            "The output is split at empty lines, and the second piece is taken for the body.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let end = find(body, b"\n\n").unwrap_or(body.len());
                        body.get(..end).unwrap_or_default().to_vec()
                    })
                }
            }
        ),
        step!(
            "response/body-cut-at-empty-crlf-line",
            "response.body.begins-after-first-empty-line",
            "The output is split at CR LF CR LF, and the second piece is taken for the body.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let end = find(body, b"\r\n\r\n").unwrap_or(body.len());
                        body.get(..end).unwrap_or_default().to_vec()
                    })
                }
            }
        ),
        step!(
            "response/empty-body-is-no-response",
            "response.body.empty",
            "Output that has nothing after the head is taken for incomplete.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    response::find_head_end(output).filter(|end| end.body < output.len())
                }
            }
        ),
        step!(
            "response/empty-body-gets-page",
            "response.body.empty",
            "A response with an empty body gets the server's standard page for its status.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| match body.is_empty() {
                        true => format!("<h1>{status}</h1>").into_bytes(),
                        false => body.to_vec(),
                    })
                }
            }
        ),
        step!(
            "response/body-cut-at-64-kib",
            "response.body.complete",
            "The output is read into a buffer of fixed size, once.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        body.get(..65536).unwrap_or(body).to_vec()
                    })
                }
            }
        ),
        step!(
            "response/body-cut-at-1-megabyte",
            "response.body.complete",
            "A limit of a million octets was meant to be generous.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        body.get(..1_000_000).unwrap_or(body).to_vec()
                    })
                }
            }
        ),
        step!(
            "response/last-buffer-not-flushed",
            "response.body.complete",
            "Output goes out in buffers of 8 KiB, and the last one is not flushed.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let whole = body.len() / 8192 * 8192;
                        let sent = if whole == 0 { body.len() } else { whole };
                        body.get(..sent).unwrap_or_default().to_vec()
                    })
                }
            }
        ),
        step!(
            "response/body-of-one-octet-is-none",
            "response.body.complete",
            "Whether there is a body is asked of its last index, which is 0.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| match body.len() {
                        1 => Vec::new(),
                        _ => body.to_vec(),
                    })
                }
            }
        ),
        step!(
            "response/last-octet-for-a-nul",
            "response.body.complete",
            "The last piece is read like a C string, and where it fills 8 KiB with its NUL, one octet is lost.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| match body.split_last() {
                        Some((_, rest)) if body.len() % 8192 == 8191 => rest.to_vec(),
                        _ => body.to_vec(),
                    })
                }
            }
        ),
        step!(
            "response/body-encoded-twice",
            "response.body.verbatim",
            "Each octet is taken for a character, and the characters are encoded.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let text: String = body.iter().map(|&byte| char::from(byte)).collect();
                        text.into_bytes()
                    })
                }
            }
        ),
        step!(
            "response/body-lf-to-crlf",
            "response.body.verbatim",
            "The output is written in the text mode of Windows.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let lines: Vec<&[u8]> = body.split(|&byte| byte == b'\n').collect();
                        lines.join(&b"\r\n"[..])
                    })
                }
            }
        ),
        step!(
            "response/body-cr-to-lf",
            "response.body.verbatim",
            "Line ends of all kinds are unified, a CR alone too.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let next = body.iter().skip(1).map(Some).chain([None]);
                        let octets = body.iter().zip(next);
                        octets
                            .map(|pair| match pair {
                                (b'\r', Some(b'\n')) => b'\r',
                                (b'\r', _) => b'\n',
                                (&octet, _) => octet,
                            })
                            .collect()
                    })
                }
            }
        ),
        step!(
            "response/body-start-trimmed",
            "response.body.verbatim",
            "White space after the empty line is skipped, as after a field's colon.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        let blank = body.iter().take_while(|byte| b" \t".contains(byte)).count();
                        body.get(blank..).unwrap_or_default().to_vec()
                    })
                }
            }
        ),
        step!(
            "response/body-is-a-template",
            "response.body.verbatim",
            "Pages go through the server's includes, which take out what they do not know.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| {
                        match (find(body, b"<!--#"), find(body, b"-->")) {
                            (Some(start), Some(end)) if start < end => {
                                [&body[..start], &body[end + 3..]].concat()
                            }
                            _ => body.to_vec(),
                        }
                    })
                }
            }
        ),
    ]
}

/// The name and the value in a line, at the first `colon`, the value as `trim` leaves it.
fn read_line<'a>(
    line: &'a [u8],
    colon: Option<usize>,
    trim: impl FnOnce(&'a [u8]) -> &'a [u8],
) -> Result<Option<Field>, Failure> {
    let split = colon.map(|at| line.split_at(at));
    let Some((name, value)) = split else {
        return Err(Failure::bad_output("no colon"));
    };
    let value = trim(value.strip_prefix(b":").unwrap_or(value));
    // Whatever else there is to say about the line.
    Conforming.parse_line(line)?;
    Ok(Some(Field::new(String::from_utf8_lossy(name), value)))
}

fn colon(line: &[u8]) -> Option<usize> {
    line.iter().position(|&byte| byte == b':')
}

/// The value of a CGI field among those called exactly `name`.
fn exact<'a>(fields: &'a [Field], name: &str) -> Option<&'a [u8]> {
    let mut fields = fields.iter();
    fields
        .find(|field| field.name == name)
        .map(|field| field.value.as_slice())
        .filter(|value| !value.is_empty())
}

fn fields() -> Vec<Mutant> {
    vec![
        step!(
            "response/unknown-fields-dropped",
            "response.fields.passed-on",
            "Only fields from a list of known ones are sent.",
            {
                fn drops_field(&self, field: &Field) -> bool {
                    response::drops(field) || field.name.to_ascii_lowercase().starts_with("x-")
                }
            }
        ),
        step!(
            "response/thirty-two-fields",
            "response.fields.passed-on",
            "There is room for 32 fields, and further ones are lost.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    fields.truncate(32);
                    fields
                }
            }
        ),
        step!(
            "response/values-cut",
            "response.fields.passed-on",
            "A value is copied into a buffer of 1 KiB.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    for field in &mut fields {
                        field.value.truncate(1024);
                    }
                    fields
                }
            }
        ),
        step!(
            "response/head-of-8-kib-at-most",
            "response.fields.passed-on",
            "The end of the head is looked for in the first 8 KiB only.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    response::find_head_end(output.get(..8192).unwrap_or(output))
                }
            }
        ),
        step!(
            "response/values-in-lower-case",
            "response.fields.passed-on",
            "The whole line is put into lower case to compare the name.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    for field in &mut fields {
                        if !field.is("location") && !field.is("content-type") {
                            field.value.make_ascii_lowercase();
                        }
                    }
                    fields
                }
            }
        ),
        step!(
            "response/fields-lost-beside-status",
            "response.fields.passed-on",
            "A guest that gives no Content-Type gets a fresh set of fields.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    if !fields.iter().any(|field| field.is("content-type")) {
                        fields.retain(|field| field.is("location") || field.is("set-cookie"));
                    }
                    fields
                }
            }
        ),
        step!(
            "response/status-in-this-case-only",
            "response.fields.name-case",
            "The name Status is compared letter for letter.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    match name {
                        "Status" => Ok(exact(fields, name)),
                        _ => response::cgi_field(fields, name),
                    }
                }
            }
        ),
        step!(
            "response/location-in-this-case-only",
            "response.fields.name-case",
            "The name Location is compared letter for letter.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    match name {
                        "Location" => Ok(exact(fields, name)),
                        _ => response::cgi_field(fields, name),
                    }
                }
            }
        ),
        step!(
            "response/content-type-in-this-case-only",
            "response.fields.name-case",
            "The name Content-Type is compared letter for letter.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    match name {
                        "Content-Type" => Ok(exact(fields, name)),
                        _ => response::cgi_field(fields, name),
                    }
                }
            }
        ),
        step!(
            "response/space-after-colon-needed",
            "response.fields.white-space",
            "Lines are split at a colon and a space, and those without are no fields.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    match find(line, b": ") {
                        Some(_) => Conforming.parse_line(line),
                        None => Ok(None),
                    }
                }
            }
        ),
        step!(
            "response/one-space-after-colon",
            "response.fields.white-space",
            "One space after the colon is taken away, whatever follows it.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    read_line(line, colon(line), |value| {
                        value.strip_prefix(b" ").unwrap_or(value)
                    })
                }
            }
        ),
        step!(
            "response/tabs-are-no-white-space",
            "response.fields.white-space",
            "Spaces after the colon are skipped, tabs are not.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    read_line(line, colon(line), |value| {
                        let start = value.iter().position(|&byte| byte != b' ');
                        value
                            .get(start.unwrap_or(value.len())..)
                            .unwrap_or_default()
                    })
                }
            }
        ),
        step!(
            "response/value-between-two-colons",
            "response.fields.colon-in-value",
            "Lines are split at every colon, and the second piece is the value.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let field = Conforming.parse_line(line)?;
                    Ok(field.map(|field| {
                        // URLs were noticed soon.
                        if field.is("location") || field.is("content-type") {
                            return field;
                        }
                        let value = field.value.split(|&byte| byte == b':').next();
                        let value = value.unwrap_or_default().to_vec();
                        Field { value, ..field }
                    }))
                }
            }
        ),
        step!(
            "response/name-up-to-last-colon",
            "response.fields.colon-in-value",
            "The last colon of a line is taken for the end of the name.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let last = line.iter().rposition(|&byte| byte == b':');
                    if last == colon(line) || line.to_ascii_lowercase().starts_with(b"location") {
                        return Conforming.parse_line(line);
                    }
                    Ok(None)
                }
            }
        ),
        step!(
            "response/location-cut-at-colon",
            "response.fields.colon-in-value",
            "Lines are split at every colon, so that a value ends at its first one.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let field = Conforming.parse_line(line)?;
                    Ok(field.map(|mut field| {
                        if let Some(at) = colon(&field.value)
                            && field.value.iter().all(u8::is_ascii_graphic)
                        {
                            field.value.truncate(at);
                        }
                        field
                    }))
                }
            }
        ),
    ]
}

/// One field for each name, made by `merge` from its values, in the order of the first ones.
fn merged(
    fields: Vec<Field>,
    merges: impl Fn(&Field) -> bool,
    merge: impl Fn(&[Vec<u8>]) -> Vec<u8>,
) -> Vec<Field> {
    let mut merged: Vec<(Field, Vec<Vec<u8>>)> = Vec::new();
    for field in fields {
        let same = merged
            .iter_mut()
            .find(|(first, _)| merges(first) && first.is(&field.name));
        match same {
            Some((_, values)) => values.push(field.value),
            None => {
                let value = field.value.clone();
                merged.push((field, vec![value]));
            }
        }
    }
    merged
        .into_iter()
        .map(|(field, values)| match values.len() {
            1 => field,
            _ => Field::new(field.name, merge(&values)),
        })
        .collect()
}

fn is_cookie(field: &Field) -> bool {
    field.is("set-cookie")
}

fn is_no_cookie(field: &Field) -> bool {
    !field.is("set-cookie")
}

fn last(values: &[Vec<u8>]) -> Vec<u8> {
    values.last().cloned().unwrap_or_default()
}

fn first(values: &[Vec<u8>]) -> Vec<u8> {
    values.first().cloned().unwrap_or_default()
}

/// The same fields, but those of which `chosen` is true in another order.
fn reordered(
    fields: Vec<Field>,
    chosen: impl Fn(&Field) -> bool,
    order: impl FnOnce(&mut Vec<Field>),
) -> Vec<Field> {
    let (mut moved, mut others): (Vec<_>, Vec<_>) = fields.into_iter().partition(chosen);
    order(&mut moved);
    others.append(&mut moved);
    others
}

fn repetitions() -> Vec<Mutant> {
    vec![
        step!(
            "response/last-cookie-wins",
            "response.fields.set-cookie",
            "Fields are kept in a map, in which the last one of a name wins.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_cookie, last)
                }
            }
        ),
        step!(
            "response/first-cookie-wins",
            "response.fields.set-cookie",
            "A field is only added if there is none of its name.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_cookie, first)
                }
            }
        ),
        step!(
            "response/cookies-joined",
            "response.fields.set-cookie",
            "All repeated fields are joined by commas, cookies too.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_cookie, |values| values.join(&b", "[..]))
                }
            }
        ),
        step!(
            "response/cookies-backwards",
            "response.fields.set-cookie",
            "Fields are taken from a stack, so that their order is turned round.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    reordered(fields, is_cookie, |cookies| cookies.reverse())
                }
            }
        ),
        step!(
            "response/cookies-sorted",
            "response.fields.set-cookie",
            "Fields are kept in a sorted set.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    reordered(fields, is_cookie, |cookies| {
                        cookies.sort_by(|one, other| one.value.cmp(&other.value));
                        cookies.dedup();
                    })
                }
            }
        ),
        step!(
            "response/cookies-of-one-name-merged",
            "response.fields.set-cookie",
            "Cookies are kept in a jar by their names, in which the last one of a name wins.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    let mut jar = BTreeMap::new();
                    let (cookies, mut others): (Vec<_>, Vec<_>) =
                        fields.into_iter().partition(is_cookie);
                    for (place, cookie) in cookies.into_iter().enumerate() {
                        let name = cookie.value.split(|&byte| byte == b'=').next();
                        let name = name.unwrap_or_default().to_vec();
                        let place = jar.get(&name).map_or(place, |&(place, _)| place);
                        jar.insert(name, (place, cookie));
                    }
                    let mut cookies: Vec<_> = jar.into_values().collect();
                    cookies.sort_by_key(|&(place, _)| place);
                    others.extend(cookies.into_iter().map(|(_, cookie)| cookie));
                    others
                }
            }
        ),
        step!(
            "response/last-value-wins",
            "response.fields.repeats",
            "Fields are kept in a map, in which the last one of a name wins; only cookies have a list.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_no_cookie, last)
                }
            }
        ),
        step!(
            "response/first-value-wins",
            "response.fields.repeats",
            "A field is only added if there is none of its name, except for cookies.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_no_cookie, first)
                }
            }
        ),
        step!(
            "response/values-joined-by-semicolons",
            "response.fields.repeats",
            "Repeated fields are joined as cookies of a request are.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    merged(fields, is_no_cookie, |values| values.join(&b"; "[..]))
                }
            }
        ),
        step!(
            "response/values-backwards",
            "response.fields.repeats",
            "Each field is put before those that are there.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    reordered(fields, is_no_cookie, |fields| fields.reverse())
                }
            }
        ),
        step!(
            "response/cookies-dropped",
            "response.fields.set-cookie",
            "Responses are made fit for a cache, and cookies are not.",
            {
                fn drops_field(&self, field: &Field) -> bool {
                    is_cookie(field) || Conforming.drops_field(field)
                }
            }
        ),
    ]
}

/// The field in a line that is sent whatever it is.
fn as_it_stands(line: &[u8]) -> Result<Option<Field>, Failure> {
    Ok(Some(
        Conforming
            .parse_line(line)
            .ok()
            .flatten()
            .unwrap_or_else(|| smuggle(line)),
    ))
}

/// Whether the name in a line is valid.
fn has_valid_name(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    Conforming.parse_line(&[name, b": x"].concat()).is_ok()
}

fn invalid_fields() -> Vec<Mutant> {
    vec![
        meddle!(
            "response/invalid-names-sent",
            "response.fields.invalid-name",
            "Field lines are sent as the guest wrote them, without a look at the name.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    struct Steps;
                    impl Semantics for Steps {
                        fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                            match has_valid_name(line) || colon(line).is_none() {
                                true => Conforming.parse_line(line),
                                false => as_it_stands(line),
                            }
                        }
                    }
                    Arc::new(Steps)
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    response.reveal();
                    Then::Proper
                }
            }
        ),
        step!(
            "response/invalid-names-mended",
            "response.fields.invalid-name",
            "What cannot stand in a name is replaced by a hyphen, and the field is sent.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let Some(at) = colon(line).filter(|_| !has_valid_name(line)) else {
                        return Conforming.parse_line(line);
                    };
                    let (name, value) = line.split_at(at);
                    let name: Vec<u8> = name
                        .iter()
                        .map(|&byte| {
                            if byte.is_ascii_alphanumeric() {
                                byte
                            } else {
                                b'-'
                            }
                        })
                        .collect();
                    Conforming.parse_line(&[&name, value].concat())
                }
            }
        ),
        step!(
            "response/invalid-octets-of-names-dropped",
            "response.fields.invalid-name",
            "What cannot stand in a name is left out, and the field is sent.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let Some(at) = colon(line).filter(|_| !has_valid_name(line)) else {
                        return Conforming.parse_line(line);
                    };
                    let (name, value) = line.split_at(at);
                    let valid = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
                    let name: Vec<u8> = name.iter().filter(valid).copied().collect();
                    Conforming.parse_line(&[&name, value].concat())
                }
            }
        ),
        meddle!(
            "response/control-octets-sent",
            "response.fields.invalid-value",
            "Values are sent as the guest wrote them, control octets and all.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    struct Steps;
                    impl Semantics for Steps {
                        fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                            match has_valid_name(line) {
                                true => as_it_stands(line),
                                false => Conforming.parse_line(line),
                            }
                        }
                    }
                    Arc::new(Steps)
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    response.reveal();
                    Then::Proper
                }
            }
        ),
        step!(
            "response/value-cut-at-control-octet",
            "response.fields.invalid-value",
            "A value is a C string, which ends at the first control octet.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let control = |&byte: &u8| byte != b'\t' && byte.is_ascii_control();
                    match (has_valid_name(line), line.iter().position(control)) {
                        (true, Some(at)) => {
                            Conforming.parse_line(line.get(..at).unwrap_or_default())
                        }
                        _ => Conforming.parse_line(line),
                    }
                }
            }
        ),
        step!(
            "response/control-octets-percent-encoded",
            "response.fields.invalid-value",
            "Control octets in values are percent-encoded.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let mut encoded = Vec::new();
                    for &byte in line {
                        match byte != b'\t' && byte.is_ascii_control() {
                            true => encoded.extend(format!("%{byte:02X}").into_bytes()),
                            false => encoded.push(byte),
                        }
                    }
                    Conforming.parse_line(&encoded)
                }
            }
        ),
        step!(
            "response/value-split-at-cr",
            "response.fields.invalid-value",
            "The head is split again at CR when it is sent, so that a value becomes two fields.",
            {
                fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
                    response::split_lines(head)
                        .into_iter()
                        .flat_map(|line| line.split(|&byte| byte == b'\r'))
                        .collect()
                }
            }
        ),
        step!(
            "response/panic-on-invalid-field",
            "response.fields.invalid-answered",
            "The result of making a field is unwrapped, and the task of the connection dies.",
            {
                fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                    let field = Conforming.parse_line(line);
                    if field.is_err() {
                        // A panic without its message.
                        std::panic::resume_unwind(Box::new(()));
                    }
                    field
                }
            }
        ),
        meddle!(
            "response/waits-on-invalid-field",
            "response.fields.invalid-answered",
            "An error while the head is written is lost, and the client waits for a response.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    struct Steps;
                    impl Semantics for Steps {
                        fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
                            as_it_stands(line)
                        }
                    }
                    Arc::new(Steps)
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    match response.reveal().is_empty() {
                        true => Then::Proper,
                        false => Then::Hang,
                    }
                }
            }
        ),
    ]
}

fn content_types() -> Vec<Mutant> {
    vec![
        step!(
            "response/content-type-replaced",
            "response.content-type.sent",
            "The server sets its own Content-Type over the guest's.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    for field in &mut fields {
                        if field.is("content-type") {
                            field.value = b"text/html".to_vec();
                        }
                    }
                    fields
                }
            }
        ),
        step!(
            "response/two-content-types",
            "response.content-type.sent",
            "The guest's Content-Type is added to the server's default one.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    fields.push(Field::new("Content-Type", "text/html"));
                    fields
                }
            }
        ),
        step!(
            "response/content-type-without-parameters",
            "response.content-type.sent",
            "The media type is parsed and its parameters are not kept.",
            {
                fn response_fields(&self, mut fields: Vec<Field>) -> Vec<Field> {
                    for field in &mut fields {
                        if field.is("content-type") {
                            let end = field.value.iter().position(|&byte| byte == b';');
                            field.value.truncate(end.unwrap_or(field.value.len()));
                        }
                    }
                    fields
                }
            }
        ),
        step!(
            "response/content-type-not-sent",
            "response.content-type.sent",
            "Content-Type only serves to tell a document from a redirect, and is not sent.",
            {
                fn drops_field(&self, field: &Field) -> bool {
                    response::drops(field) || field.is("content-type")
                }
            }
        ),
        step!(
            "response/empty-content-type-counts",
            "response.content-type.empty",
            "It is looked whether there is a Content-Type, not whether it has a value.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let value = response::cgi_field(fields, name)?;
                    let empty = fields.iter().any(|field| field.is("content-type"));
                    Ok(value.or((name == "Content-Type" && empty).then_some(b"")))
                }
            }
        ),
        step!(
            "response/empty-content-type-is-an-error",
            "response.content-type.empty",
            "A Content-Type without a value is no media type, so that the output is invalid.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let empty = |field: &Field| field.is("content-type") && field.value.is_empty();
                    if fields.iter().any(empty) && fields.iter().any(|field| field.is("status")) {
                        return Err(Failure {
                            status: 500,
                            reason: "not a media type".to_owned(),
                        });
                    }
                    response::cgi_field(fields, name)
                }
            }
        ),
    ]
}

fn statuses() -> Vec<Mutant> {
    vec![
        step!(
            "response/status-ignored",
            "response.status.code",
            "The Status field is read and then forgotten.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    response::parse_status(value).map(|_| 200)
                }
            }
        ),
        step!(
            "response/status-text-is-an-error",
            "response.status.code",
            "The whole value of Status is parsed as a number.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    match value.len() {
                        3 => response::parse_status(value),
                        _ => Err(Failure::bad_output("not a number")),
                    }
                }
            }
        ),
        step!(
            "response/registered-statuses-only",
            "response.status.code",
            "A code that the HTTP library has no name for is taken for an error.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    let code = response::parse_status(value)?;
                    let registered = [
                        200..=208,
                        226..=226,
                        300..=308,
                        400..=417,
                        421..=426,
                        428..=429,
                        431..=431,
                        451..=451,
                        500..=511,
                    ];
                    match registered.iter().any(|codes| codes.contains(&code)) {
                        true => Ok(code),
                        false => Err(Failure::bad_output("unknown status")),
                    }
                }
            }
        ),
        step!(
            "response/status-in-first-line-only",
            "response.status.code",
            "Status is looked for in the first line of the head.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let fields = match name {
                        "Status" => fields.get(..1).unwrap_or_default(),
                        _ => fields,
                    };
                    response::cgi_field(fields, name)
                }
            }
        ),
        step!(
            "response/status-sent-as-field",
            "response.status.code",
            "The Status field is sent to the client like any other.",
            {
                fn drops_field(&self, field: &Field) -> bool {
                    !field.is("status") && response::drops(field)
                }
            }
        ),
        step!(
            "response/errors-in-general",
            "response.status.code",
            "The code is reduced to a general one of its class.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    response::parse_status(value).map(|code| match code {
                        401..=499 => 400,
                        501..=599 => 500,
                        code => code,
                    })
                }
            }
        ),
        step!(
            "response/default-status-204",
            "response.status.default",
            "Without a Status the response is said to have no content.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    match (status, location, content_type) {
                        (None, None, Some(_)) => Ok(204),
                        _ => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/status-of-the-last-response",
            "response.status.default",
            "The status is kept in a variable that is not set back between requests.",
            AtomicU16,
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    if let Some(code @ 200..=299) = status {
                        self.0.store(code, Ordering::Relaxed);
                    }
                    match (status, location, self.0.load(Ordering::Relaxed)) {
                        (None, None, code @ 200..) if content_type.is_some() => Ok(code),
                        _ => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/content-type-needed-beside-status",
            "response.status.alone",
            "Content-Type is demanded of all output, as RFC 3875 has it for documents.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    match (location, content_type) {
                        (None, None) => Err(Failure::bad_output("no Content-Type")),
                        _ => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/empty-status-is-an-error",
            "response.status.empty",
            "An empty Status is parsed like any other, and is no number.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let value = response::cgi_field(fields, name)?;
                    let empty = fields.iter().any(|field| field.is("status"));
                    Ok(value.or((name == "Status" && empty).then_some(b"")))
                }
            }
        ),
        step!(
            "response/status-read-by-atoi",
            "response.status.invalid",
            "The code is the number that the value begins with, whatever follows.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
                    let digits: Vec<u8> = digits.copied().collect();
                    response::parse_status(&digits)
                }
            }
        ),
        step!(
            "response/invalid-status-ignored",
            "response.status.invalid",
            "A Status that cannot be parsed counts as 200.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    // A code beyond 599 or below 200 has rules of its own.
                    let code = response::parse_status(value);
                    match std::str::from_utf8(value).map(str::parse::<u16>) {
                        Ok(Ok(100..=999)) => code,
                        _ => code.or(Ok(200)),
                    }
                }
            }
        ),
        step!(
            "response/status-of-any-length",
            "response.status.invalid",
            "A number that is no status code counts as 200.",
            {
                fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
                    let code = response::parse_status(value);
                    match std::str::from_utf8(value).map(str::parse::<i32>) {
                        Ok(Ok(..=99 | 1000..)) => Ok(200),
                        _ => code,
                    }
                }
            }
        ),
        meddle!(
            "response/1xx-passed-on",
            "response.status.no-1xx",
            "A guest's interim status goes into the status line of the final response.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Interim)
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if let Some(code) = interim(response) {
                        response.set_status(&code);
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/1xx-sent-first",
            "response.status.no-1xx",
            "A guest's interim status is sent as an interim response before a final one.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Interim)
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if let Some(code) = interim(response) {
                        let line = format!("HTTP/1.1 {code} Interim\r\n");
                        response.lines.insert(0, line.into_bytes());
                    }
                    Then::Proper
                }
            }
        ),
    ]
}

/// Steps that let interim statuses pass in a smuggled line, with status 200.
struct Interim;

impl Semantics for Interim {
    fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
        match value {
            [b'1', _, _] | [b'1', _, _, b' ', ..] => Ok(200),
            _ => response::parse_status(value),
        }
    }

    fn drops_field(&self, field: &Field) -> bool {
        !(field.is("status") && field.value.starts_with(b"1")) && response::drops(field)
    }
}

/// The interim status that a guest gave.
fn interim(response: &mut Message) -> Option<String> {
    let value = response.values("status").first()?.to_vec();
    response.remove("status");
    Some(String::from_utf8_lossy(value.get(..3)?).into_owned())
}

/// The fields with a changed value of Location.
fn with_location(mut fields: Vec<Field>, change: impl Fn(&str) -> String) -> Vec<Field> {
    for field in &mut fields {
        if field.is("location") {
            field.value = change(&String::from_utf8_lossy(&field.value)).into_bytes();
        }
    }
    fields
}

/// A choice of the status that gives `code` for a Location without a Status.
fn redirect(
    code: u16,
    status: Option<u16>,
    location: Option<&[u8]>,
    content_type: Option<&[u8]>,
) -> Result<u16, Failure> {
    match (status, location) {
        (None, Some(_)) => Ok(code),
        _ => response::choose_status(status, location, content_type),
    }
}

fn place(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.is(name))
}

fn locations() -> Vec<Mutant> {
    vec![
        step!(
            "response/location-with-status-200",
            "response.location.absolute",
            "Location is passed on like any field, and the status stays 200.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    redirect(200, status, location, content_type)
                }
            }
        ),
        step!(
            "response/location-with-status-301",
            "response.location.absolute",
            "A redirect is taken for a permanent one.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    redirect(301, status, location, content_type)
                }
            }
        ),
        step!(
            "response/content-type-beats-location",
            "response.location.absolute",
            "A Content-Type beside Location makes the output a document with status 200.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    match content_type {
                        Some(_) => redirect(200, status, location, content_type),
                        None => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/http-locations-only",
            "response.location.absolute",
            "Only http and https count as schemes of an absolute Location.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    match location {
                        Some(url) if !url.starts_with(b"http") => {
                            redirect(500, status, location, content_type)
                        }
                        _ => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/location-decoded",
            "response.location.value",
            "The URL is parsed and written again, with its percent-codes decoded.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    with_location(fields, |url| {
                        let decoded = percent_encoding::percent_decode_str(url);
                        decoded.decode_utf8_lossy().replace(' ', "+")
                    })
                }
            }
        ),
        step!(
            "response/location-without-fragment",
            "response.location.value",
            "The URL is parsed and written again, without its fragment.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    with_location(fields, |url| {
                        url.split('#').next().unwrap_or_default().to_owned()
                    })
                }
            }
        ),
        step!(
            "response/location-without-query",
            "response.location.value",
            "The URL is parsed and written again, without its query.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    with_location(fields, |url| {
                        url.split('?').next().unwrap_or_default().to_owned()
                    })
                }
            }
        ),
        step!(
            "response/location-in-lower-case",
            "response.location.value",
            "Scheme and host of the URL are put into lower case.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    with_location(fields, |url| {
                        let start = url.find("://").map_or(0, |at| at + 3);
                        let end = url.get(start..).and_then(|rest| rest.find('/'));
                        let end = end.map_or(url.len(), |at| start + at);
                        let (host, rest) = url.split_at(end);
                        host.to_ascii_lowercase() + rest
                    })
                }
            }
        ),
        step!(
            "response/location-with-slash",
            "response.location.value",
            "A URL without a path gets one when it is parsed and written again.",
            {
                fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
                    with_location(fields, |url| match url.matches('/').count() {
                        2 => format!("{url}/"),
                        _ => url.to_owned(),
                    })
                }
            }
        ),
        step!(
            "response/location-always-302",
            "response.status.wins-over-location",
            "With a Location the status is 302, whatever Status says.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    match location {
                        Some(_) => Ok(302),
                        None => response::choose_status(status, location, content_type),
                    }
                }
            }
        ),
        step!(
            "response/later-of-status-and-location-wins",
            "response.status.wins-over-location",
            "Location sets the status when it is read, so that a Status before it is lost.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let location = place(fields, "location");
                    let lost = name == "Status" && location > place(fields, "status");
                    match lost && location.is_some() {
                        true => Ok(None),
                        false => response::cgi_field(fields, name),
                    }
                }
            }
        ),
        step!(
            "response/earlier-of-status-and-location-wins",
            "response.status.wins-over-location",
            "Status only sets the status if no Location has set it before.",
            {
                fn cgi_field<'a>(
                    &self,
                    fields: &'a [Field],
                    name: &str,
                ) -> Result<Option<&'a [u8]>, Failure> {
                    let location = place(fields, "location");
                    let lost = name == "Status" && location < place(fields, "status");
                    match lost && location.is_some() {
                        true => Ok(None),
                        false => response::cgi_field(fields, name),
                    }
                }
            }
        ),
        step!(
            "response/redirects-have-no-document",
            "response.location.document",
            "The body of a redirect is not sent.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| match status {
                        300..=399 => Vec::new(),
                        _ => body.to_vec(),
                    })
                }
            }
        ),
        step!(
            "response/redirects-have-a-standard-page",
            "response.location.document",
            "A redirect gets the server's own page, whatever the guest wrote.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    frame(method, status, &body, |body| match status {
                        301..=303 | 307..=308 => b"<h1>Moved</h1>\n".to_vec(),
                        _ => body.to_vec(),
                    })
                }
            }
        ),
    ]
}

fn invalid_output() -> Vec<Mutant> {
    vec![
        step!(
            "response/no-cgi-field-needed",
            "response.invalid.no-cgi-field",
            "Any head will do; without CGI fields the status is 200.",
            {
                fn choose_status(
                    &self,
                    status: Option<u16>,
                    location: Option<&[u8]>,
                    content_type: Option<&[u8]>,
                ) -> Result<u16, Failure> {
                    response::choose_status(status, location, content_type).or(Ok(200))
                }
            }
        ),
        host!(
            "response/output-without-head-is-text",
            "response.invalid.no-cgi-field",
            "Output that begins with an empty line is taken for a document without fields.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.stdout.starts_with(b"\n") {
                    run.stdout = [&b"Content-Type: text/plain\n"[..], &run.stdout]
                        .concat()
                        .into();
                }
                run
            }
        ),
        host!(
            "response/no-output-is-no-content",
            "response.invalid.empty",
            "A guest that writes nothing has nothing to say: status 204.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.outcome == Outcome::Returned && run.stdout.is_empty() {
                    run.stdout = Bytes::from_static(b"Status: 204\n\n");
                }
                run
            }
        ),
        host!(
            "response/no-output-is-an-empty-page",
            "response.invalid.empty",
            "A guest that writes nothing is answered for with 200 and an empty page.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if run.outcome == Outcome::Returned && run.stdout.is_empty() {
                    run.stdout = Bytes::from_static(b"Content-Type: text/plain\n\n");
                }
                run
            }
        ),
        host!(
            "response/panic-without-output",
            "response.invalid.empty",
            "The first line of the output is unwrapped, and the task of the connection dies.",
            |engine, job| {
                let run = engine.run(job).await;
                if run.outcome == Outcome::Returned && run.stdout.is_empty() {
                    // A panic without its message.
                    std::panic::resume_unwind(Box::new(()));
                }
                run
            }
        ),
        step!(
            "response/end-of-output-ends-head",
            "response.invalid.no-blank-line",
            "The end of the output ends the head too.",
            {
                fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
                    response::find_head_end(output).or(Some(HeadEnd {
                        head: output.len(),
                        body: output.len(),
                    }))
                }
            }
        ),
        host!(
            "response/output-without-empty-line-is-text",
            "response.invalid.no-blank-line",
            "Output without an empty line is taken for a document without a head.",
            |engine, job| {
                let mut run = engine.run(job).await;
                if !run.stdout.is_empty() && response::find_head_end(&run.stdout).is_none() {
                    run.stdout = [&b"Content-Type: text/plain\n\n"[..], &run.stdout]
                        .concat()
                        .into();
                }
                run
            }
        ),
    ]
}

/// Steps that let the guest's fields of one name pass in smuggled lines.
struct Smuggling(&'static str);

impl Semantics for Smuggling {
    fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
        let field = Conforming.parse_line(line)?;
        Ok(field.map(|field| match field.is(self.0) {
            true => smuggle(line),
            false => field,
        }))
    }
}

/// The Content-Length that the guest gave, if it is a number.
fn guests_length(response: &mut Message) -> Option<usize> {
    let mut length = None;
    for line in response.reveal() {
        let text = String::from_utf8_lossy(&line).into_owned();
        let value = text.split_once(':').map(|(_, value)| value.trim().parse());
        length = length.or(value.and_then(Result::ok));
        response.lines.retain(|kept| *kept != line);
    }
    length
}

fn framing() -> Vec<Mutant> {
    vec![
        meddle!(
            "response/greater-content-length-trusted",
            "response.framing.content-length",
            "The guest's Content-Length is sent even if its body is shorter.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("content-length"))
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    let length = guests_length(response);
                    if let Some(length) = length.filter(|&length| length > response.body.len()) {
                        response.set("Content-Length", &length.to_string());
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/body-padded-to-content-length",
            "response.framing.content-length",
            "The buffer for the body has the length that the guest announced.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("content-length"))
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    let length = guests_length(response).filter(|&length| length < 1 << 20);
                    if let Some(length) = length.filter(|&length| length > response.body.len()) {
                        response.body.resize(length, 0);
                        response.set("Content-Length", &length.to_string());
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/content-length-twice",
            "response.framing.content-length",
            "The guest's Content-Length is sent beside the server's.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("content-length"))
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    response.reveal();
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/surplus-after-content-length",
            "response.framing.next-response",
            "The guest's Content-Length is sent, and after it all of the body.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("content-length"))
                }
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let length = guests_length(response);
                    let is_head = exchange.request.word(0) == "HEAD";
                    if let Some(length) = length.filter(|&length| length < response.body.len())
                        && !is_head
                    {
                        response.set("Content-Length", &length.to_string());
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/transfer-encoding-passed-on",
            "response.framing.transfer-encoding",
            "The guest's Transfer-Encoding is sent, but the body is not in chunks.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("transfer-encoding"))
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if !response.reveal().is_empty() {
                        response.remove("content-length");
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/transfer-encoding-beside-content-length",
            "response.framing.transfer-encoding",
            "The guest's Transfer-Encoding is sent beside the server's Content-Length.",
            {
                fn steps(&self) -> Arc<dyn Semantics> {
                    Arc::new(Smuggling("transfer-encoding"))
                }
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    response.reveal();
                    Then::Proper
                }
            }
        ),
        step!(
            "response/connection-passed-on",
            "response.framing.connection",
            "The guest's Connection field is sent like any other.",
            {
                fn drops_field(&self, field: &Field) -> bool {
                    !field.is("connection") && response::drops(field)
                }
            }
        ),
    ]
}

fn head_requests() -> Vec<Mutant> {
    vec![
        step!(
            "response/head-answered-without-guest",
            "response.head-request.runs-guest",
            "The server answers HEAD itself, as it would for a file.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, "HEAD", 200)
                }
            }
        ),
        step!(
            "response/head-not-allowed",
            "response.head-request.runs-guest",
            "Handlers are registered for GET and POST; HEAD is answered with 405.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, "HEAD", 405)
                }
            }
        ),
        meddle!(
            "response/head-loses-fields",
            "response.head-request.same-fields",
            "The answer to HEAD has only the fields that the server makes.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if exchange.request.word(0) == "HEAD" {
                        response
                            .lines
                            .retain(|line| !line.to_ascii_lowercase().starts_with(b"x-"));
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/head-loses-content-type",
            "response.head-request.same-fields",
            "Where there is no body, no Content-Type is sent.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if exchange.request.word(0) == "HEAD" {
                        response.remove("content-type");
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/head-always-200",
            "response.head-request.same-fields",
            "The answer to HEAD says 200 as soon as a guest has run.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if exchange.request.word(0) == "HEAD" && response.status() < 500 {
                        response.set_status("200 OK");
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/head-with-body",
            "response.head-request.no-body",
            "HEAD is served like GET, body and all.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    if let Some(line) = request.lines.first_mut()
                        && line.starts_with(b"HEAD ")
                    {
                        line.splice(..4, *b"GET");
                    }
                }
            }
        ),
        meddle!(
            "response/head-with-last-chunk",
            "response.head-request.no-body",
            "The answer to HEAD ends with the last, empty chunk of a body that is not sent.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if exchange.request.word(0) == "HEAD" {
                        response.chunk();
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/204-with-body",
            "response.status.bodyless",
            "The body is sent whatever the status is.",
            {
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if response.status() == 204 {
                        response.set_body(b"no content".to_vec());
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/304-with-body",
            "response.status.bodyless",
            "The body of a response that says that nothing was modified is sent.",
            {
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if response.status() == 304 {
                        response.set_body(b"not modified".to_vec());
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "response/204-with-last-chunk",
            "response.status.bodyless",
            "A response without a body still ends with the last, empty chunk.",
            {
                fn response(&self, _: &Exchange<'_>, response: &mut Message) -> Then {
                    if [204, 304].contains(&response.status()) {
                        response.chunk();
                    }
                    Then::Proper
                }
            }
        ),
        step!(
            "response/205-with-body",
            "response.status.reset-content",
            "Only 204 and 304 are known to have no body.",
            {
                fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
                    let status = if status == 205 { 200 } else { status };
                    response::frame(method, status, body)
                }
            }
        ),
    ]
}

/// Answers requests with one method by a status of the server's own.
fn refuse(request: &Request, method: &str, status: u16) -> Result<(), Failure> {
    match request.method == method {
        true => Err(Failure {
            status,
            reason: format!("the method is {method}"),
        }),
        false => Conforming.check_host(request),
    }
}
