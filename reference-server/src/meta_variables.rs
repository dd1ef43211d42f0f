//! The request as environment variables (chapter `meta-variables`).
//!
//! A variable that is null is given as an empty one. So no variable of the server's
//! configuration can stand in for a null meta-variable and be taken for part of the request.

use percent_encoding::percent_decode_str;

use crate::errors::Failure;
use crate::request::{Authority, Request, Target, Version};
use crate::routing::Route;

/// A request together with what the server found out about it.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The request.
    pub request: &'a Request,
    /// The request target, taken apart.
    pub target: Target,
    /// The host that the client wants to speak to.
    pub authority: Authority,
    /// The route that serves the request.
    pub route: &'a Route,
}

impl Call<'_> {
    /// The part of the request path after the route, undecoded.
    pub fn remainder(&self) -> &str {
        self.route.remainder(&self.target.path)
    }
}

/// `GATEWAY_INTERFACE`: the version of CGI. Rule `meta-variables.gateway-interface.version`.
pub fn gateway_interface() -> String {
    "CGI/1.1".to_owned()
}

/// `SERVER_SOFTWARE`: the documented value. Rule `meta-variables.server-software.product`.
pub fn server_software() -> String {
    "WAGI/1".to_owned()
}

/// `SERVER_PROTOCOL`: the version of HTTP as received. Rule
/// `meta-variables.server-protocol.version`.
pub fn server_protocol(version: Version) -> String {
    version.as_str().to_owned()
}

/// `SCRIPT_NAME`: the route without its wildcard ending; `/` for the exact route `/` and null
/// for `/...`. Rules `meta-variables.script-name.route`, `meta-variables.script-name.root`,
/// `meta-variables.script-name.reconstructs`.
pub fn script_name(call: &Call<'_>) -> String {
    call.route.prefix().to_owned()
}

/// `PATH_INFO`: what follows the route, percent-decoded once. Rules
/// `meta-variables.path-info.remainder`, `meta-variables.path-info.decoded-once`,
/// `meta-variables.path-info.plus-kept`, `meta-variables.path-info.exact-route`.
///
/// `%2F` is decoded like any other code. A path that no variable can hold (NUL) or that is not
/// UTF-8, as the guest's interface wants it, is rejected (RFC 3875 section 4.1.5).
pub fn path_info(call: &Call<'_>) -> Result<String, Failure> {
    let decoded = percent_decode_str(call.remainder())
        .decode_utf8()
        .map_err(|_| Failure::bad_request("the decoded path is not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(Failure::bad_request("the decoded path holds NUL"));
    }
    Ok(decoded.into_owned())
}

/// `X_RAW_PATH_INFO`: what follows the route, as it was sent. Rule
/// `meta-variables.x-raw-path-info.undecoded`.
pub fn raw_path_info(call: &Call<'_>) -> String {
    call.remainder().to_owned()
}

/// `PATH_TRANSLATED`: the same as `PATH_INFO`. Rules `meta-variables.path-translated.value`,
/// `meta-variables.path-translated.null`.
pub fn path_translated(path_info: &str) -> String {
    path_info.to_owned()
}

/// `QUERY_STRING`: the query as it was sent, empty without one. Rules
/// `meta-variables.query-string.raw`, `meta-variables.query-string.empty`.
pub fn query_string(target: &Target) -> String {
    target.query.clone().unwrap_or_default()
}

/// `CONTENT_LENGTH`: the length of the decoded body, null without a body. Rules
/// `meta-variables.content-length.value`, `meta-variables.content-length.chunked`,
/// `meta-variables.content-length.no-body`.
pub fn content_length(request: &Request) -> String {
    request
        .body_length
        .map(|length| length.to_string())
        .unwrap_or_default()
}

/// `REMOTE_ADDR`: the peer's address. Rule `meta-variables.remote-addr.peer`.
pub fn remote_addr(request: &Request) -> String {
    request.peer.to_canonical().to_string()
}

/// `SERVER_NAME`: the host, without its port. Rules `meta-variables.server-name.host`,
/// `meta-variables.server-name.ipv6`.
pub fn server_name(call: &Call<'_>) -> String {
    call.authority.host.clone()
}

/// `SERVER_PORT`: the port that the client names, otherwise the one on which the request came
/// in. Rules `meta-variables.server-port.decimal`, `meta-variables.server-port.host`.
pub fn server_port(call: &Call<'_>) -> String {
    call.authority
        .port
        .filter(|&port| port != 0)
        .unwrap_or(call.request.local.port())
        .to_string()
}

/// `X_MATCHED_ROUTE`: the route as configured. Rule `meta-variables.x-matched-route.value`.
pub fn matched_route(call: &Call<'_>) -> String {
    call.route.text().to_owned()
}

/// `X_FULL_URL`: the URL of the request, its path and query as they were sent. Rule
/// `meta-variables.x-full-url.value`.
pub fn full_url(call: &Call<'_>) -> String {
    let scheme = call.request.scheme.as_str();
    let mut url = format!("{scheme}://{}{}", call.authority, call.target.path);
    if let Some(query) = &call.target.query {
        url.push('?');
        url.push_str(query);
    }
    url
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::request::{Field, Scheme};

    /// A request for tests: `GET target` from 192.0.2.7 to port 3000 of 127.0.0.1.
    pub(crate) fn request(target: &str, fields: &[(&str, &str)]) -> Request {
        Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            version: Version::Http11,
            fields: fields
                .iter()
                .map(|&(name, value)| Field::new(name, value))
                .collect(),
            body_length: None,
            peer: "::ffff:192.0.2.7".parse().expect("an address"),
            scheme: Scheme::Http,
            local: "127.0.0.1:3000".parse().expect("an address"),
            hostname: None,
        }
    }

    fn with_call<T>(route: &str, target: &str, check: impl FnOnce(&Call<'_>) -> T) -> T {
        let request = request(target, &[]);
        check(&Call {
            request: &request,
            target: Target::split(target),
            authority: Authority::parse("example.com:81").expect("an authority"),
            route: &route.parse().expect("a route"),
        })
    }

    #[test]
    fn paths() {
        let table = [
            ("/p", "/p", "/p", "", ""),
            ("/p/...", "/p", "/p", "", ""),
            ("/p/...", "/p/", "/p", "/", "/"),
            ("/p/...", "/p/a%20b/c", "/p", "/a b/c", "/a%20b/c"),
            ("/p/...", "/p/%2541", "/p", "/%41", "/%2541"),
            ("/p/...", "/p/a+b%2B%2b", "/p", "/a+b++", "/a+b%2B%2b"),
            ("/p/...", "/p/a%2Fb", "/p", "/a/b", "/a%2Fb"),
            ("/p/...", "/p/%C3%A9", "/p", "/é", "/%C3%A9"),
            ("/p/...", "/p/%zz%", "/p", "/%zz%", "/%zz%"),
            ("/p/...", "/p/p/", "/p", "/p/", "/p/"),
            (
                "/p/...",
                "/p/;a=b:c@d,e~",
                "/p",
                "/;a=b:c@d,e~",
                "/;a=b:c@d,e~",
            ),
            ("/", "/", "/", "", ""),
            ("/...", "/", "", "/", "/"),
            ("/...", "/a", "", "/a", "/a"),
        ];
        for (route, path, script, info, raw) in table {
            with_call(route, path, |call| {
                assert_eq!(script_name(call), script, "{route} {path}");
                assert_eq!(path_info(call).as_deref(), Ok(info), "{route} {path}");
                assert_eq!(raw_path_info(call), raw, "{route} {path}");
            });
        }
    }

    #[test]
    fn paths_that_no_variable_can_hold() {
        for path in ["/p/a%00b", "/p/a%FFb", "/p/%C3"] {
            let status = with_call("/p/...", path, |call| path_info(call).map_err(|f| f.status));
            assert_eq!(status, Err(400), "{path}");
        }
    }

    #[test]
    fn queries() {
        let table = [
            ("/p", ""),
            ("/p?", ""),
            ("/p?a?b", "a?b"),
            ("/p?%41+%", "%41+%"),
        ];
        for (target, expected) in table {
            assert_eq!(query_string(&Target::split(target)), expected, "{target}");
        }
    }

    #[test]
    fn lengths() {
        for (length, expected) in [(None, ""), (Some(0), "0"), (Some(1_048_576), "1048576")] {
            let mut request = request("/", &[]);
            request.body_length = length;
            assert_eq!(content_length(&request), expected);
        }
    }

    #[test]
    fn hosts() {
        let table = [
            ("example.com:81", "example.com", "81"),
            ("example.com", "example.com", "3000"),
            ("example.com:0", "example.com", "3000"),
            ("[2001:db8::1]:82", "[2001:db8::1]", "82"),
        ];
        for (authority, name, port) in table {
            let request = request("/", &[]);
            let call = Call {
                request: &request,
                target: Target::split("/"),
                authority: Authority::parse(authority).expect("an authority"),
                route: &"/".parse().expect("a route"),
            };
            assert_eq!(server_name(&call), name, "{authority}");
            assert_eq!(server_port(&call), port, "{authority}");
        }
    }

    #[test]
    fn urls() {
        let table = [
            ("/p/a%20b?", "http://example.com:81/p/a%20b?"),
            ("/p", "http://example.com:81/p"),
            ("/p//x?a=b?c", "http://example.com:81/p//x?a=b?c"),
        ];
        for (target, expected) in table {
            with_call("/p/...", target, |call| {
                assert_eq!(full_url(call), expected)
            });
        }
    }

    #[test]
    fn the_peer_has_no_port_and_no_mapping() {
        assert_eq!(remote_addr(&request("/", &[])), "192.0.2.7");
    }
}
