//! Mutants for the chapter `http`.

use wagi_reference_server::Conforming;
use wagi_reference_server::errors::Failure;
use wagi_reference_server::http;
use wagi_reference_server::meta_variables::Call;
use wagi_reference_server::request::{Authority, Request, Target};

use crate::Mutant;
use crate::relay::{Chunked, Exchange, Message, Reading, Then, proper_size};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        sequences(),
        pipelines(),
        closing(),
        http10(),
        methods(),
        absolute_form(),
        hosts(),
        lengths(),
        chunks(),
        limits(),
    ]
    .concat()
}

fn sequences() -> Vec<Mutant> {
    vec![
        meddle!(
            "http/response-before-repeated",
            "http.keep-alive.sequence",
            "The buffer for the response is not emptied, and the second request gets the first's.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if let Some(previous) = exchange.previous {
                        *response = previous.clone();
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "http/connection-goes-silent",
            "http.keep-alive.sequence",
            "After eight requests the server serves the connection no more and forgets to close it.",
            {
                fn response(&self, exchange: &Exchange<'_>, _: &mut Message) -> Then {
                    match exchange.place {
                        8.. => Then::Hang,
                        _ => Then::Proper,
                    }
                }
            }
        ),
        meddle!(
            "http/line-end-after-response",
            "http.keep-alive.sequence",
            "A line end is sent after the body of a response on a connection that stays open.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if exchange.place > 0 {
                        response.body.extend_from_slice(b"\r\n");
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "http/error-page-repeated",
            "http.keep-alive.after-error",
            "The error is kept with the connection, and given to the next request too.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    if let Some(previous) = exchange.previous
                        && previous.status() >= 400
                    {
                        *response = previous.clone();
                    }
                    Then::Proper
                }
            }
        ),
        meddle!(
            "http/silent-after-error",
            "http.keep-alive.after-error",
            "After an error the connection is neither served nor closed.",
            {
                fn response(&self, exchange: &Exchange<'_>, _: &mut Message) -> Then {
                    match exchange.previous {
                        Some(previous) if previous.status() >= 400 => Then::Hang,
                        _ => Then::Proper,
                    }
                }
            }
        ),
    ]
}

fn pipelines() -> Vec<Mutant> {
    vec![
        meddle!(
            "http/pipeline-backwards",
            "http.pipelining.order",
            "Requests that came together are put on a stack.",
            {
                fn gathers(&self) -> bool {
                    true
                }
                fn arrange(&self, responses: &mut Vec<Message>) {
                    responses.reverse();
                }
            }
        ),
        meddle!(
            "http/quick-responses-first",
            "http.pipelining.order",
            "Requests on a connection are served side by side, and short answers are ready first.",
            {
                fn gathers(&self) -> bool {
                    true
                }
                fn arrange(&self, responses: &mut Vec<Message>) {
                    responses.sort_by_key(|response| response.body.len() > 65536);
                }
            }
        ),
        meddle!(
            "http/errors-first",
            "http.pipelining.order",
            "Errors are written at once, before the answers that are still being made.",
            {
                fn gathers(&self) -> bool {
                    true
                }
                fn arrange(&self, responses: &mut Vec<Message>) {
                    responses.sort_by_key(|response| response.status() < 400);
                }
            }
        ),
        meddle!(
            "http/pipeline-answered-once",
            "http.pipelining.order",
            "What came together is read as one request and the rest is thrown away.",
            {
                fn gathers(&self) -> bool {
                    true
                }
                fn arrange(&self, responses: &mut Vec<Message>) {
                    responses.truncate(1);
                }
            }
        ),
    ]
}

/// Keeps the connection open where `keeps` says so.
fn keep_open(keeps: bool, response: &mut Message) -> Then {
    if !keeps {
        return Then::Proper;
    }
    response.remove("connection");
    Then::KeepOpen
}

fn closing() -> Vec<Mutant> {
    vec![
        meddle!(
            "http/close-ignored",
            "http.connection.close",
            "Connections are kept open whatever the request asks for.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    keep_open(exchange.request.word(2) == "HTTP/1.1", response)
                }
            }
        ),
        meddle!(
            "http/close-in-lower-case-only",
            "http.connection.close",
            "The option close is compared letter for letter.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let keeps = exchange.request.values("connection") == [b"CLOSE"];
                    keep_open(keeps, response)
                }
            }
        ),
        meddle!(
            "http/close-alone-only",
            "http.connection.close",
            "The value of Connection is compared as a whole, not as a list.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let values = exchange.request.values("connection");
                    keep_open(values.iter().any(|value| value.contains(&b',')), response)
                }
            }
        ),
        meddle!(
            "http/close-in-first-field-only",
            "http.connection.close",
            "Only the first Connection field is looked at.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let values = exchange.request.values("connection");
                    keep_open(values.len() > 1, response)
                }
            }
        ),
        meddle!(
            "http/http10-kept-open",
            "http.connection.close",
            "A request of version HTTP/1.0 is treated like one of HTTP/1.1.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    keep_open(exchange.request.word(2) == "HTTP/1.0", response)
                }
            }
        ),
        meddle!(
            "http/open-after-error",
            "http.connection.close",
            "The path that answers errors does not look at what the request asks for.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let is_error = response.status() >= 400;
                    keep_open(
                        is_error && !exchange.request.values("connection").is_empty(),
                        response,
                    )
                }
            }
        ),
        meddle!(
            "http/closed-before-the-end",
            "http.connection.close",
            "The connection is closed when the response has been handed on, not when it is sent.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let asks = exchange.request.says("connection", "close");
                    if asks && response.body.len() > 65536 {
                        response.body.truncate(65536);
                    }
                    Then::Proper
                }
            }
        ),
    ]
}

/// Sends the response to a request of HTTP/1.0 in a chunk where `chunks` says so.
fn chunk_http10(exchange: &Exchange<'_>, response: &mut Message, chunks: bool) -> Then {
    let bodyless = exchange.request.word(0) == "HEAD" || [204, 304].contains(&response.status());
    if exchange.request.word(2) == "HTTP/1.0" && !bodyless && chunks {
        response.chunk();
    }
    Then::Proper
}

fn http10() -> Vec<Mutant> {
    vec![
        step!(
            "http/host-needed-in-http10",
            "http.http10.without-host",
            "A Host field is demanded of every request.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    match request.values("host").next() {
                        None => Err(Failure::bad_request("no host")),
                        Some(_) => http::check_host(request),
                    }
                }
            }
        ),
        step!(
            "http/host-unwrapped",
            "http.http10.without-host",
            "Only after the check of HTTP/1.1 it shows that the host is needed: status 500.",
            {
                fn authority(
                    &self,
                    request: &Request,
                    target: &Target,
                ) -> Result<Authority, Failure> {
                    match request.values("host").next() {
                        None => Err(Failure::bad_output("no host")),
                        Some(_) => http::authority(request, target),
                    }
                }
            }
        ),
        meddle!(
            "http/http10-chunked",
            "http.http10.not-chunked",
            "Responses are chunked whatever the version.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    chunk_http10(exchange, response, true)
                }
            }
        ),
        meddle!(
            "http/http10-chunked-if-long",
            "http.http10.not-chunked",
            "Long responses are sent in chunks whatever the version.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let is_long = response.body.len() > 65536;
                    chunk_http10(exchange, response, is_long)
                }
            }
        ),
        meddle!(
            "http/http10-errors-chunked",
            "http.http10.not-chunked",
            "The error page is sent in chunks whatever the version.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let is_error = response.status() >= 400;
                    chunk_http10(exchange, response, is_error)
                }
            }
        ),
        meddle!(
            "http/http10-chunked-if-kept-open",
            "http.http10.not-chunked",
            "A connection that stays open is taken for one of HTTP/1.1.",
            {
                fn response(&self, exchange: &Exchange<'_>, response: &mut Message) -> Then {
                    let keeps = exchange.request.says("connection", "keep-alive");
                    chunk_http10(exchange, response, keeps)
                }
            }
        ),
    ]
}

/// Answers requests by a status of the server's own where `refuses` says so.
fn refuse(
    request: &Request,
    status: u16,
    refuses: impl FnOnce(&Request) -> bool,
) -> Result<(), Failure> {
    match refuses(request) {
        true => Err(Failure {
            status,
            reason: "refused".to_owned(),
        }),
        false => http::check_host(request),
    }
}

fn methods() -> Vec<Mutant> {
    vec![
        step!(
            "http/put-not-allowed",
            "http.methods.reach-guest",
            "Handlers are registered for some methods; PUT is not among them.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 405, |request| request.method == "PUT")
                }
            }
        ),
        step!(
            "http/delete-not-allowed",
            "http.methods.reach-guest",
            "Handlers are registered for some methods; DELETE is not among them.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 405, |request| request.method == "DELETE")
                }
            }
        ),
        step!(
            "http/unknown-methods-refused",
            "http.methods.unknown",
            "Methods are an enumeration, and one that is not in it is answered with 501.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    let known = [
                        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
                        "CONNECT", "PROPFIND",
                    ];
                    refuse(request, 501, |request| {
                        !known.contains(&request.method.as_str())
                    })
                }
            }
        ),
        step!(
            "http/methods-in-upper-case",
            "http.methods.unknown",
            "Methods are put into upper case, as if case had no meaning.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request.method.to_ascii_uppercase()
                }
            }
        ),
        step!(
            "http/options-answered-by-server",
            "http.methods.options",
            "OPTIONS is answered by the server itself, as the library does by default.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 204, |request| request.method == "OPTIONS")
                }
            }
        ),
        step!(
            "http/options-not-allowed",
            "http.methods.options",
            "OPTIONS is answered with 405.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 405, |request| request.method == "OPTIONS")
                }
            }
        ),
    ]
}

fn absolute_form() -> Vec<Mutant> {
    vec![
        step!(
            "http/absolute-form-is-a-path",
            "http.absolute-form.accepted",
            "A target in absolute form is taken for a path as it stands.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Target::split(target);
                    if let Some(authority) = parts.authority.take() {
                        parts.path = format!("http://{authority}{}", parts.path);
                    }
                    parts
                }
            }
        ),
        step!(
            "http/absolute-form-refused",
            "http.absolute-form.accepted",
            "Absolute form is taken for a request to a proxy and refused.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 400, |request| {
                        !request.target.starts_with(['/', '*'])
                    })
                }
            }
        ),
        step!(
            "http/absolute-form-loses-query",
            "http.absolute-form.accepted",
            "Of a target in absolute form only the path is taken.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let parts = Target::split(target);
                    let query = parts.query.filter(|_| parts.authority.is_none());
                    Target { query, ..parts }
                }
            }
        ),
        step!(
            "http/absolute-form-encoded-again",
            "http.absolute-form.accepted",
            "A target in absolute form goes through a URL library that encodes percent signs.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Target::split(target);
                    if parts.authority.is_some() {
                        parts.path = parts.path.replace('%', "%25");
                    }
                    parts
                }
            }
        ),
        step!(
            "http/host-beats-target",
            "http.absolute-form.authority-wins",
            "The host is taken from the Host field, whatever the target says.",
            {
                fn authority(
                    &self,
                    request: &Request,
                    target: &Target,
                ) -> Result<Authority, Failure> {
                    let target = Target {
                        authority: None,
                        ..target.clone()
                    };
                    http::authority(request, &target)
                }
            }
        ),
        step!(
            "http/port-from-host",
            "http.absolute-form.authority-wins",
            "The name is taken from the target, but the port from the Host field.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    let target = Target {
                        authority: None,
                        ..call.target.clone()
                    };
                    match http::authority(call.request, &target) {
                        Ok(Authority {
                            port: Some(port), ..
                        }) => port.to_string(),
                        _ => Conforming.server_port(call),
                    }
                }
            }
        ),
        step!(
            "http/full-url-from-host",
            "http.absolute-form.authority-wins",
            "X_FULL_URL is put together with the Host field, whatever the target says.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let full = Conforming.full_url(call);
                    let host = call.request.values("host").next();
                    let host = host.and_then(|host| std::str::from_utf8(host).ok());
                    match (&call.target.authority, host) {
                        (Some(authority), Some(host)) => full.replacen(authority, host, 1),
                        _ => full,
                    }
                }
            }
        ),
    ]
}

fn hosts() -> Vec<Mutant> {
    vec![
        step!(
            "http/first-host-wins",
            "http.host.doubled",
            "The first Host field counts, and others are not looked at.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    match request.values("host").count() {
                        0 | 1 => http::check_host(request),
                        _ => Ok(()),
                    }
                }
            }
        ),
        step!(
            "http/equal-hosts-pass",
            "http.host.doubled",
            "Several Host fields pass if they say the same.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    let hosts: Vec<&[u8]> = request.values("host").collect();
                    match hosts.as_slice() {
                        [first, others @ ..]
                            if !others.is_empty() && others.iter().all(|host| host == first) =>
                        {
                            Ok(())
                        }
                        _ => http::check_host(request),
                    }
                }
            }
        ),
        step!(
            "http/host-made-up",
            "http.host.missing",
            "A request without a Host field is served under a configured name, whatever its version.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    match request.values("host").next() {
                        None => Ok(()),
                        Some(_) => http::check_host(request),
                    }
                }
            }
        ),
        step!(
            "http/host-not-looked-at",
            "http.host.invalid",
            "The Host field is passed on as it is, whatever stands there.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    match request.values("host").count() {
                        1 => Ok(()),
                        _ => http::check_host(request),
                    }
                }
            }
        ),
        step!(
            "http/host-up-to-the-colon",
            "http.host.invalid",
            "The host is what stands before the last colon, and what follows is not looked at.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    let host = request.values("host").next().unwrap_or_default();
                    match host.iter().rposition(|&byte| byte == b':') {
                        Some(_) if request.values("host").count() == 1 => Ok(()),
                        _ => http::check_host(request),
                    }
                }
            }
        ),
        step!(
            "http/absolute-form-without-path-is-not-found",
            "http.absolute-form.accepted",
            "The path of a target in absolute form is empty where none is written.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Target::split(target);
                    let rest = target.split_once("://").map(|(_, rest)| rest);
                    if parts.authority.is_some() && rest.is_some_and(|rest| !rest.contains('/')) {
                        parts.path.clear();
                    }
                    parts
                }
            }
        ),
        meddle!(
            "http/hosts-counted-in-one-case",
            "http.host.doubled",
            "Host fields are counted by a comparison letter for letter.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    request.lines.retain(|line| {
                        !line.to_ascii_lowercase().starts_with(b"host:")
                            || line.starts_with(b"Host:")
                            || line.starts_with(b"host:")
                    });
                }
            }
        ),
    ]
}

/// Reads a body by what `parse` makes of the Content-Length fields, if there is no chunked coding
/// and the fields are not valid anyway.
fn read_by_length(head: &Message, parse: impl FnOnce(&[String]) -> Option<usize>) -> Reading {
    let values: Vec<String> = head
        .values("content-length")
        .into_iter()
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect();
    let is_valid = match values.as_slice() {
        [value] => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
        values => values.is_empty(),
    };
    if is_valid || !head.values("transfer-encoding").is_empty() {
        return Reading::Proper;
    }
    parse(&values).map_or(Reading::Proper, Reading::Length)
}

fn lengths() -> Vec<Mutant> {
    vec![
        meddle!(
            "http/content-length-by-atoi",
            "http.framing.invalid-length",
            "Content-Length is the number that its value begins with, or 0.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| {
                        let [value] = values else { return None };
                        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                        Some(value.get(..digits)?.parse().unwrap_or(0))
                    })
                }
            }
        ),
        meddle!(
            "http/content-length-with-plus-sign",
            "http.framing.invalid-length",
            "Content-Length is parsed by a library that allows a plus sign.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [value] => value.parse().ok(),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/content-length-hexadecimal",
            "http.framing.invalid-length",
            "Content-Length is parsed by a function that understands 0x.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [value] => usize::from_str_radix(value.strip_prefix("0x")?, 16).ok(),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/empty-content-length-is-zero",
            "http.framing.invalid-length",
            "An empty Content-Length counts as 0.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [value] if value.is_empty() => Some(0),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/negative-content-length-is-zero",
            "http.framing.invalid-length",
            "A negative Content-Length means that there is nothing to read.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [value] if value.starts_with('-') => Some(0),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/first-content-length-wins",
            "http.framing.invalid-length",
            "Of several Content-Length fields the first counts.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [first, _, ..] => first.parse().ok(),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/last-content-length-wins",
            "http.framing.invalid-length",
            "Fields are kept in a map, so that of several Content-Length fields the last counts.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [_, .., last] => last.parse().ok(),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/list-of-content-lengths",
            "http.framing.invalid-length",
            "A list in Content-Length is allowed, as RFC 9110 has it, but not seen to be of equals.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_length(head, |values| match values {
                        [value] => value.split_once(',')?.0.parse().ok(),
                        _ => None,
                    })
                }
            }
        ),
        meddle!(
            "http/content-length-beats-chunks",
            "http.framing.length-with-chunked",
            "Content-Length counts, whether or not the body is in chunks.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let length = head.values("content-length");
                    let length = length
                        .first()
                        .and_then(|value| std::str::from_utf8(value).ok());
                    let is_chunked = head.says("transfer-encoding", "chunked");
                    match length.and_then(|value| value.parse().ok()) {
                        Some(length) if is_chunked => Reading::Length(length),
                        _ => Reading::Proper,
                    }
                }
            }
        ),
        meddle!(
            "http/content-length-cuts-chunks",
            "http.framing.length-with-chunked",
            "The chunks are decoded, and the content is then cut to Content-Length.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let is_chunked = head.says("transfer-encoding", "chunked");
                    match head.says("content-length", "4") && is_chunked {
                        true => Reading::Chunks {
                            size: proper_size,
                            strict: true,
                            checks_end: true,
                            body: |chunked| {
                                let mut body = chunked.data.concat();
                                body.truncate(4);
                                body
                            },
                        },
                        false => Reading::Proper,
                    }
                }
            }
        ),
    ]
}

/// Reads a body in chunks, with sizes as `size` has them, where there is no Content-Length.
fn read_by_chunks(
    head: &Message,
    size: fn(&[u8]) -> Option<usize>,
    strict: bool,
    checks_end: bool,
) -> Reading {
    let is_chunked = head.says("transfer-encoding", "chunked");
    if !is_chunked || !head.values("content-length").is_empty() {
        return Reading::Proper;
    }
    Reading::Chunks {
        size,
        strict,
        checks_end,
        body: |chunked: Chunked| chunked.data.concat(),
    }
}

/// The size of a chunk, as text without extensions.
fn size_text(line: &[u8]) -> String {
    let text = line.split(|&byte| byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn chunks() -> Vec<Mutant> {
    vec![
        meddle!(
            "http/chunk-size-with-plus-sign",
            "http.framing.invalid-chunks",
            "The size is parsed by a library that allows a plus sign.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let size = |line: &[u8]| usize::from_str_radix(&size_text(line), 16).ok();
                    read_by_chunks(head, size, true, true)
                }
            }
        ),
        meddle!(
            "http/chunk-size-without-its-sign",
            "http.framing.invalid-chunks",
            "The sign of a size is skipped.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let size = |line: &[u8]| {
                        let line = line.strip_prefix(b"-").unwrap_or(line);
                        proper_size(line)
                    };
                    read_by_chunks(head, size, true, true)
                }
            }
        ),
        meddle!(
            "http/chunk-size-by-strtol",
            "http.framing.invalid-chunks",
            "The size is the hexadecimal number that the line begins with, whatever follows.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let size = |line: &[u8]| {
                        let line = line.strip_prefix(b"0x").unwrap_or(line);
                        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
                        let digits: Vec<u8> = digits.copied().collect();
                        proper_size(&digits)
                    };
                    read_by_chunks(head, size, true, true)
                }
            }
        ),
        meddle!(
            "http/chunk-size-wraps",
            "http.framing.invalid-chunks",
            "The size is added up digit by digit, without a look at overflow.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let size = |line: &[u8]| {
                        let text = size_text(line);
                        let mut size = 0_usize;
                        for digit in text.chars() {
                            let digit = usize::try_from(digit.to_digit(16)?).ok()?;
                            size = size.wrapping_mul(16).wrapping_add(digit);
                        }
                        (!text.is_empty()).then_some(size)
                    };
                    read_by_chunks(head, size, true, true)
                }
            }
        ),
        meddle!(
            "http/body-ends-at-bad-chunk",
            "http.framing.invalid-chunks",
            "A chunk that cannot be read is taken for the end of the body.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, proper_size, false, true)
                }
            }
        ),
        meddle!(
            "http/end-of-chunk-not-checked",
            "http.framing.invalid-chunks",
            "After the data of a chunk the rest of its line is skipped.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    read_by_chunks(head, proper_size, true, false)
                }
            }
        ),
        meddle!(
            "http/missing-chunk-size-is-zero",
            "http.framing.invalid-chunks",
            "A size without digits is 0, and so the end of the body.",
            {
                fn reading(&self, head: &Message) -> Reading {
                    let size = |line: &[u8]| match size_text(line).is_empty() {
                        true => Some(0),
                        false => proper_size(line),
                    };
                    read_by_chunks(head, size, true, true)
                }
            }
        ),
    ]
}

fn limits() -> Vec<Mutant> {
    vec![
        step!(
            "http/long-target-is-bad-request",
            "http.limits.target",
            "A target beyond the buffer is answered with 400.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 400, |request| request.target.len() > 8192)
                }
            }
        ),
        step!(
            "http/long-target-is-server-error",
            "http.limits.target",
            "A target beyond the buffer is an unexpected error: 500.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 500, |request| request.target.len() > 16_000)
                }
            }
        ),
        step!(
            "http/long-target-cut",
            "http.limits.target",
            "A target is cut to the length of its buffer.",
            {
                fn split_target(&self, target: &str) -> Target {
                    Target::split(target.get(..8192).unwrap_or(target))
                }
            }
        ),
        meddle!(
            "http/long-target-closes",
            "http.limits.target",
            "A target beyond the buffer closes the connection without an answer.",
            {
                fn closes_long_head(&self, start: &[u8]) -> bool {
                    !start.contains(&b'\n')
                }
                fn response(&self, exchange: &Exchange<'_>, _: &mut Message) -> Then {
                    match exchange.request.word(1).len() > 8192 {
                        true => Then::Unanswered,
                        false => Then::Proper,
                    }
                }
            }
        ),
        step!(
            "http/long-field-is-server-error",
            "http.limits.fields",
            "A field beyond the buffer is answered with 500.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 500, |request| {
                        request.fields.iter().any(|field| field.value.len() > 8192)
                    })
                }
            }
        ),
        step!(
            "http/many-fields-are-server-error",
            "http.limits.fields",
            "More fields than there is room for are answered with 500.",
            {
                fn check_host(&self, request: &Request) -> Result<(), Failure> {
                    refuse(request, 500, |request| request.fields.len() > 128)
                }
            }
        ),
        step!(
            "http/long-field-cut",
            "http.limits.fields",
            "A field's value is cut to the length of its buffer.",
            {
                fn variable_value(&self, field_value: &[u8]) -> Option<String> {
                    Conforming.variable_value(field_value.get(..8192).unwrap_or(field_value))
                }
            }
        ),
        meddle!(
            "http/long-head-closes",
            "http.limits.fields",
            "Fields beyond the buffer close the connection without an answer.",
            {
                fn closes_long_head(&self, start: &[u8]) -> bool {
                    start.contains(&b'\n')
                }
                fn response(&self, exchange: &Exchange<'_>, _: &mut Message) -> Then {
                    let fields = exchange.request.lines.get(1..).unwrap_or_default();
                    match fields.iter().map(Vec::len).sum::<usize>() > 8192 {
                        true => Then::Unanswered,
                        false => Then::Proper,
                    }
                }
            }
        ),
    ]
}
