//! What HTTP asks of a request before it may reach a guest (chapter `http`).
//!
//! Most of it is the work of the HTTP library: the syntax of requests, their framing, and the
//! order of responses on a connection.

use crate::errors::Failure;
use crate::request::{Authority, Request, Target, Version};

/// Checks the Host fields (RFC 9112 section 3.2): a request of HTTP/1.1 without one, one with
/// several, and one with an invalid one are answered with 400, whatever the target. Rules
/// `http.host.missing`, `http.host.invalid`, `http.host.doubled`.
pub fn check_host(request: &Request) -> Result<(), Failure> {
    let mut hosts = request.values("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version == Version::Http10 => Ok(()),
        (None, _) => Err(Failure::bad_request("the request has no Host field")),
        (Some(b""), None) => Ok(()),
        (Some(host), None) => match parse_host(host) {
            Some(_) => Ok(()),
            None => Err(Failure::bad_request(format!(
                "the Host field is not a host: \"{}\"",
                host.escape_ascii()
            ))),
        },
        (Some(_), Some(_)) => Err(Failure::bad_request("the request has several Host fields")),
    }
}

/// The host that the client wants to speak to: the one in an absolute target, otherwise the
/// Host field, otherwise the configured name, otherwise the address on which the request came
/// in. Rules `http.absolute-form.authority-wins`, `http.http10.without-host`.
pub fn authority(request: &Request, target: &Target) -> Result<Authority, Failure> {
    if let Some(text) = &target.authority {
        return Authority::parse(text).ok_or_else(|| {
            Failure::bad_request(format!("the target's authority is not a host: {text:?}"))
        });
    }
    Ok(request
        .values("host")
        .next()
        .and_then(parse_host)
        .or_else(|| request.hostname.clone())
        .unwrap_or_else(|| request.local.into()))
}

/// Reads a Host field's value.
fn parse_host(value: &[u8]) -> Option<Authority> {
    std::str::from_utf8(value).ok().and_then(Authority::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta_variables::tests::request;

    #[test]
    fn hosts() {
        let table: [(Version, &[&str], bool); 9] = [
            (Version::Http11, &["example.com"], true),
            (Version::Http11, &["[::1]:80"], true),
            (Version::Http11, &[""], true),
            (Version::Http11, &[], false),
            (Version::Http10, &[], true),
            (Version::Http11, &["a", "a"], false),
            (Version::Http10, &["a", "b"], false),
            (Version::Http11, &["a b"], false),
            (Version::Http11, &["a/b"], false),
        ];
        for (version, hosts, accepted) in table {
            let fields: Vec<_> = hosts.iter().map(|&host| ("Host", host)).collect();
            let mut request = request("/", &fields);
            request.version = version;
            assert_eq!(
                check_host(&request).is_ok(),
                accepted,
                "{version:?} {hosts:?}"
            );
        }
    }

    #[test]
    fn authorities() {
        let table = [
            ("/", Some("a:1"), Some("b:2"), "a:1"),
            ("http://c:3/", Some("a:1"), Some("b:2"), "c:3"),
            ("/", Some(""), Some("b:2"), "b:2"),
            ("/", None, Some("b:2"), "b:2"),
            ("/", None, None, "127.0.0.1:3000"),
        ];
        for (target, host, hostname, expected) in table {
            let fields: Vec<_> = host.iter().map(|&host| ("Host", host)).collect();
            let mut request = request(target, &fields);
            request.hostname = hostname.and_then(Authority::parse);
            let authority = authority(&request, &Target::split(target)).map(|a| a.to_string());
            assert_eq!(
                authority,
                Ok(expected.to_owned()),
                "{target} {host:?} {hostname:?}"
            );
        }
        let refused = authority(&request("/", &[]), &Target::split("http://user@host/"));
        assert!(refused.is_err());
    }
}
