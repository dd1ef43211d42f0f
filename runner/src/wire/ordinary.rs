//! The ordinary client: reqwest, as people use it.
//!
//! It sends a case's request as such a library does, and reads the answer as kindly as such a
//! library does. Field names come in lower case, fields of one name next to each other; interim
//! responses, the reason phrase and octets behind the response are not to be had.

use std::error::Error;
use std::io;

use tokio::time::{Instant, timeout_at};
use url::Url;

use super::encode::{Parts, PartsFraming};
use super::{Endpoint, Limits, Outcome, Response, connection};

/// Sends the request made of `parts` and reads its answer.
pub async fn send(parts: &Parts, endpoint: &Endpoint, limits: &Limits) -> Outcome {
    let request = match request(parts, endpoint, limits) {
        Ok(request) => request,
        Err(why) => return Outcome::NotSent(why),
    };
    // reqwest bounds connecting by itself.
    let deadline = Instant::now() + limits.connect + limits.answer;
    let response = match timeout_at(deadline, request.send()).await {
        Err(_) => return timed_out(),
        Ok(Err(error)) => return head_failure(&error),
        Ok(Ok(response)) => response,
    };
    match timeout_at(deadline, read(response, limits)).await {
        Err(_) => timed_out(),
        Ok(outcome) => outcome,
    }
}

fn timed_out() -> Outcome {
    Outcome::TimedOut {
        received: Vec::new(),
    }
}

fn request(
    parts: &Parts,
    endpoint: &Endpoint,
    limits: &Limits,
) -> Result<reqwest::RequestBuilder, String> {
    let no = |what: &str, why: &dyn std::fmt::Display| {
        format!("an ordinary client cannot send this {what}: {why}")
    };
    let target = str::from_utf8(&parts.target).map_err(|error| no("target", &error))?;
    if !target.starts_with('/') {
        return Err(no("target", &format!("`{target}` does not begin with `/`")));
    }
    let url = format!("{}{target}", endpoint.origin());
    let url = Url::parse(&url).map_err(|error| no("target", &error))?;
    let method = reqwest::Method::from_bytes(parts.method.as_bytes())
        .map_err(|error| no("method", &error))?;

    let tls = connection::tls_config()?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls))
        .resolve_to_addrs(endpoint.bare_host(), &endpoint.addresses)
        .connect_timeout(limits.connect)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| format!("cannot set up an ordinary client: {}", causes(&error)))?;
    let mut request = client.request(method, url);
    for (name, value) in &parts.fields {
        // Both checks are repeated by `header`, which would tell no name.
        let name = reqwest::header::HeaderName::from_bytes(name)
            .map_err(|error| no("field name", &error))?;
        let value = reqwest::header::HeaderValue::from_bytes(value)
            .map_err(|error| no("field value", &error))?;
        request = request.header(name, value);
    }
    match (&parts.body, &parts.framing) {
        (None, _) => Ok(request),
        (Some(body), PartsFraming::ContentLength) => Ok(request.body(body.clone())),
        (Some(_), _) => Err(no("body", &"it always tells its length")),
    }
}

async fn read(mut source: reqwest::Response, limits: &Limits) -> Outcome {
    let field = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
    };
    let mut response = Response {
        version: format!("{:?}", source.version()),
        status: source.status().as_u16(),
        fields: source.headers().iter().map(field).collect(),
        ..Response::default()
    };
    loop {
        match source.chunk().await {
            Ok(Some(octets)) => response.body.extend_from_slice(&octets),
            Ok(None) => return Outcome::Response(response),
            Err(error) => {
                let why = causes(&error);
                let received = Vec::new();
                return match io_kind(&error) {
                    Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                        Outcome::NotHttp { why, received }
                    }
                    _ => Outcome::Incomplete {
                        why,
                        response: Some(response),
                        received,
                    },
                };
            }
        }
        if response.body.len() > limits.max_body {
            return Outcome::TooLarge {
                what: "body",
                limit: limits.max_body,
            };
        }
    }
}

/// What an error before the end of a response's head means.
fn head_failure(error: &reqwest::Error) -> Outcome {
    /// How hyper says that the connection ended where a response was due. It tells apart by type
    /// too, but reqwest does not let that through.
    const ENDED: &str = "connection closed before message completed";
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};

    let why = causes(error);
    let ended = matches!(
        io_kind(error),
        Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    );
    if error.is_connect() {
        Outcome::Unreachable(why)
    } else if error.is_builder() {
        Outcome::NotSent(why)
    } else if error.is_timeout() {
        timed_out()
    } else if ended || why.contains(ENDED) {
        Outcome::Closed(Vec::new())
    } else {
        Outcome::NotHttp {
            why,
            received: Vec::new(),
        }
    }
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    chain(error)
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}

/// An error and what caused it, in one line.
fn causes(error: &reqwest::Error) -> String {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{Server, converse_with, status};

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-b: 2\r\nX-A: 3\r\n\r\nok";

    #[tokio::test]
    async fn it_changes_what_the_exact_client_leaves_alone() {
        let server = Server::canned(&[OK]).await;
        let members =
            r#""target": "/a/../b%7e?'", "fields": [["X-A", "1"], ["B", "2"], ["x-a", "3"]]"#;
        for client in ["exact", "ordinary"] {
            let request = format!(r#"{{"client": "{client}", {members}, "expect": "closed"}}"#);
            let exchanges = converse_with(&server.endpoint, &format!("[{request}]")).await;
            assert_eq!(status(&exchanges[0]), 200);
        }
        let host = server.endpoint.authority();
        assert_eq!(
            server.received(),
            [
                format!(
                    "GET /a/../b%7e?' HTTP/1.1\r\nHost: {host}\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n\r\n"
                ),
                format!(
                    "GET /b%7e?%27 HTTP/1.1\r\nhost: {host}\r\nx-a: 1\r\nx-a: 3\r\nb: 2\r\naccept: */*\r\n\r\n"
                ),
            ]
        );
    }

    async fn outcome(server: &Server) -> Outcome {
        let request = r#"[{"target": "/", "client": "ordinary", "body": "x", "expect": "closed"}]"#;
        let mut exchanges = converse_with(&server.endpoint, request).await;
        exchanges.remove(0).outcome
    }

    #[tokio::test]
    async fn it_reads_an_answer() {
        let outcome = outcome(&Server::canned(&[OK]).await).await;
        let Outcome::Response(response) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (response.version.as_str(), response.status),
            ("HTTP/1.1", 200)
        );
        assert_eq!(response.body, b"ok");
        let names: Vec<&[u8]> = response.fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [&b"content-length"[..], b"x-a", b"x-a", b"x-b"]);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let redirect = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
        let outcome = outcome(&Server::canned(&[redirect]).await).await;
        assert!(matches!(outcome, Outcome::Response(r) if r.status == 302));
    }

    #[tokio::test]
    async fn hostile_servers_are_told_apart() {
        let closing = outcome(&Server::canned(&[""]).await).await;
        assert_eq!(closing, Outcome::Closed(Vec::new()));
        let garbage = outcome(&Server::canned(&["garbage\r\n\r\n"]).await).await;
        assert!(matches!(garbage, Outcome::NotHttp { .. }), "{garbage:?}");
        let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
        let short = outcome(&Server::canned(&[short]).await).await;
        assert!(
            matches!(&short, Outcome::Incomplete { response: Some(r), .. } if r.body == b"abc"),
            "{short:?}"
        );
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        let chunks = outcome(&Server::canned(&[chunks]).await).await;
        assert!(matches!(chunks, Outcome::NotHttp { .. }), "{chunks:?}");
        let endless = outcome(&Server::endless("HTTP/1.1 200 OK\r\n\r\n", "x").await).await;
        assert!(
            matches!(endless, Outcome::TooLarge { what: "body", .. }),
            "{endless:?}"
        );
        let endless = outcome(&Server::endless("HTTP/1.1 200 OK\r\n", "A: b\r\n").await).await;
        assert!(matches!(endless, Outcome::NotHttp { .. }), "{endless:?}");
        let silent = outcome(&Server::silent().await).await;
        assert_eq!(silent, timed_out());
        let unreachable = outcome(&Server::closed().await).await;
        assert!(
            matches!(unreachable, Outcome::Unreachable(_)),
            "{unreachable:?}"
        );
    }

    #[tokio::test]
    async fn what_it_cannot_send_is_told() {
        let server = Server::canned(&[OK]).await;
        for (members, part) in [
            (r#""target": "*""#, "`*` does not begin with `/`"),
            (r#""target": {"base64": "L/8="}"#, "cannot send this target"),
            (
                r#""target": "/", "method": "A B""#,
                "cannot send this method",
            ),
            (
                r#""target": "/", "fields": [["a b", "c"]]"#,
                "cannot send this field name",
            ),
            (
                r#""target": "/", "fields": [["a", "\u0001"]]"#,
                "cannot send this field value",
            ),
        ] {
            let request = format!(r#"[{{"client": "ordinary", {members}, "expect": "closed"}}]"#);
            let exchanges = converse_with(&server.endpoint, &request).await;
            match &exchanges[0].outcome {
                Outcome::NotSent(why) => assert!(why.contains(part), "{why}"),
                other => panic!("{members} gives {other:?}"),
            }
        }
    }
}
