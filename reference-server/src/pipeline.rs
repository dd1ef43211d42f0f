//! The way of a request through the steps of [`Semantics`]: from the request to what the guest
//! gets, and from what the guest leaves to the response.

use bytes::Bytes;

use crate::configured_environment::Variables;
use crate::errors::{Failure, Run};
use crate::meta_variables::Call;
use crate::request::{Authority, Field, Request, Target};
use crate::response::Response;
use crate::routing::Route;
use crate::semantics::Semantics;

/// What a guest is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The arguments, `argv[0]` first.
    pub arguments: Vec<String>,
    /// The environment.
    pub environment: Variables,
    /// All that the guest can read from standard input.
    pub stdin: Bytes,
}

/// Checks a request and finds out where it is to go.
pub fn receive(steps: &dyn Semantics, request: &Request) -> Result<(Target, Authority), Failure> {
    steps.check_host(request)?;
    let target = steps.split_target(&request.target);
    let authority = steps.authority(request, &target)?;
    Ok((target, authority))
}

/// The place of the route that serves a path, in a table of routes. Rule `routing.query-ignored`.
pub fn find_route<'a>(
    steps: &dyn Semantics,
    path: &str,
    routes: impl IntoIterator<Item = &'a Route>,
) -> Result<usize, Failure> {
    let matching: Vec<(usize, &Route)> = routes
        .into_iter()
        .enumerate()
        .filter(|(_, route)| steps.route_matches(route, path))
        .collect();
    steps
        .choose_route(&matching)
        .ok_or_else(|| steps.no_route(path))
}

/// What the guest is started with.
///
/// `template` is the route's argument template, if it has one; `configured` are the variables
/// that the server's configuration sets; `body` is the request body.
pub fn invoke(
    steps: &dyn Semantics,
    call: &Call<'_>,
    template: Option<&str>,
    configured: &Variables,
    body: Bytes,
) -> Result<Invocation, Failure> {
    let mut variables = meta_variables(steps, call)?;
    variables.extend(field_variables(steps, &call.request.fields));
    Ok(Invocation {
        arguments: arguments(steps, call, template),
        environment: steps.merge_environment(configured, variables),
        stdin: steps.standard_input(body),
    })
}

/// The meta-variables of a request, except those made from header fields.
fn meta_variables(steps: &dyn Semantics, call: &Call<'_>) -> Result<Variables, Failure> {
    let content_types: Vec<String> = call
        .request
        .values("content-type")
        .filter_map(|value| steps.variable_value(value))
        .collect();
    let path_info = steps.path_info(call)?;
    let variables = [
        ("GATEWAY_INTERFACE", steps.gateway_interface()),
        ("SERVER_SOFTWARE", steps.server_software()),
        ("SERVER_PROTOCOL", steps.server_protocol(call)),
        ("SERVER_NAME", steps.server_name(call)),
        ("SERVER_PORT", steps.server_port(call)),
        ("REQUEST_METHOD", steps.request_method(call)),
        ("SCRIPT_NAME", steps.script_name(call)),
        ("PATH_TRANSLATED", steps.path_translated(&path_info)),
        ("PATH_INFO", path_info),
        ("X_RAW_PATH_INFO", steps.raw_path_info(call)),
        ("QUERY_STRING", steps.query_string(call)),
        ("CONTENT_LENGTH", steps.content_length(call)),
        ("CONTENT_TYPE", steps.content_type(&content_types)),
        ("REMOTE_ADDR", steps.remote_addr(call)),
        ("REMOTE_HOST", steps.remote_host(call)),
        ("AUTH_TYPE", steps.auth_type(call)),
        ("REMOTE_USER", steps.remote_user(call)),
        ("X_MATCHED_ROUTE", steps.matched_route(call)),
        ("X_FULL_URL", steps.full_url(call)),
    ];
    Ok(variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// The variables made from header fields, in the order of the fields' first lines.
fn field_variables(steps: &dyn Semantics, fields: &[Field]) -> Variables {
    // The name of the variable, the name of its first field, and the values.
    let mut variables: Vec<(String, &str, Vec<String>)> = Vec::new();
    for field in fields {
        if steps.withholds_field(&field.name) {
            continue;
        }
        let (Some(name), Some(value)) = (
            steps.variable_name(&field.name),
            steps.variable_value(&field.value),
        ) else {
            continue;
        };
        match variables
            .iter_mut()
            .find(|(existing, ..)| *existing == name)
        {
            Some((_, _, values)) => values.push(value),
            None => variables.push((name, &field.name, vec![value])),
        }
    }
    variables
        .into_iter()
        .map(|(name, field_name, values)| (name, steps.join_values(field_name, &values)))
        .collect()
}

/// The guest's arguments.
fn arguments(steps: &dyn Semantics, call: &Call<'_>, template: Option<&str>) -> Vec<String> {
    let query = call.target.query.as_deref();
    match template {
        Some(template) => {
            let script_name = steps.script_name(call);
            steps.split_template(&steps.expand_template(template, &script_name, query))
        }
        None => {
            let mut arguments = vec![steps.first_argument(call)];
            arguments.extend(steps.split_query(query));
            arguments
        }
    }
}

/// The response to a request whose guest has ended, or why it has none. Rules
/// `response.invalid.empty`, `response.invalid.no-blank-line`,
/// `response.output.write-boundaries`.
pub fn respond(steps: &dyn Semantics, method: &str, run: &Run) -> Result<Response, Failure> {
    steps.judge(&run.outcome)?;
    let end = steps.find_head_end(&run.stdout).ok_or_else(|| {
        Failure::bad_output("the guest wrote no empty line to end the header of its response")
    })?;
    let head = run.stdout.get(..end.head).unwrap_or_default();
    let body = run.stdout.slice(end.body.min(run.stdout.len())..);

    let mut fields = Vec::new();
    for line in steps.split_lines(head) {
        fields.extend(steps.parse_line(line)?);
    }
    let status = steps
        .cgi_field(&fields, "Status")?
        .map(|value| steps.parse_status(value))
        .transpose()?;
    let location = steps.cgi_field(&fields, "Location")?;
    let content_type = steps.cgi_field(&fields, "Content-Type")?;
    let status = steps.choose_status(status, location, content_type)?;

    fields.retain(|field| !steps.drops_field(field));
    let (length, body) = steps.frame(method, status, body);
    Ok(Response {
        status,
        fields: steps.response_fields(fields),
        length,
        body,
    })
}

/// The response that tells the client of a failure. If a guest ran, `run` is what it left.
pub fn fail(steps: &dyn Semantics, method: &str, failure: &Failure, run: Option<&Run>) -> Response {
    let body = steps.failure_body(failure, run);
    let (length, body) = steps.frame(method, failure.status, body);
    Response {
        status: failure.status,
        fields: vec![Field::new("Content-Type", "text/plain; charset=utf-8")],
        length,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Outcome;
    use crate::meta_variables::tests::request;
    use crate::semantics::Conforming;

    fn routes(texts: &[&str]) -> Vec<Route> {
        texts
            .iter()
            .map(|text| text.parse().expect("a route"))
            .collect()
    }

    #[test]
    fn the_first_route_that_matches_serves() {
        let routes = routes(&["/a", "/a/b/...", "/a/...", "/"]);
        let table = [
            ("/a", Ok(0)),
            ("/a/b/c", Ok(1)),
            ("/a/c", Ok(2)),
            ("/", Ok(3)),
            ("/x", Err(404)),
            ("*", Err(404)),
        ];
        for (path, expected) in table {
            let found = find_route(&Conforming, path, &routes).map_err(|failure| failure.status);
            assert_eq!(found, expected, "{path}");
        }
    }

    fn invocation(request: &Request, route: &str, template: Option<&str>) -> Invocation {
        let (target, authority) = receive(&Conforming, request).expect("a good request");
        let call = Call {
            request,
            target,
            authority,
            route: &route.parse().expect("a route"),
        };
        let configured = vec![("K".to_owned(), "V".to_owned())];
        invoke(&Conforming, &call, template, &configured, Bytes::new()).expect("a good request")
    }

    #[test]
    fn what_a_guest_gets() {
        let fields = [
            ("Host", "example.com:81"),
            ("X-B", "1"),
            ("Authorization", "secret"),
            ("x-b", "2"),
            ("X_B", "3"),
            ("Content-Type", "text/plain"),
        ];
        let invocation = invocation(&request("/p/a%20b?x=1&y", &fields), "/p/...", None);
        assert_eq!(invocation.arguments, ["/p", "x=1", "y"]);
        let environment: Vec<String> = invocation
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = [
            "GATEWAY_INTERFACE=CGI/1.1",
            "SERVER_SOFTWARE=WAGI/1",
            "SERVER_PROTOCOL=HTTP/1.1",
            "SERVER_NAME=example.com",
            "SERVER_PORT=81",
            "REQUEST_METHOD=GET",
            "SCRIPT_NAME=/p",
            "PATH_TRANSLATED=/a b",
            "PATH_INFO=/a b",
            "X_RAW_PATH_INFO=/a%20b",
            "QUERY_STRING=x=1&y",
            "CONTENT_LENGTH=",
            "CONTENT_TYPE=text/plain",
            "REMOTE_ADDR=192.0.2.7",
            "REMOTE_HOST=192.0.2.7",
            "AUTH_TYPE=",
            "REMOTE_USER=",
            "X_MATCHED_ROUTE=/p/...",
            "X_FULL_URL=http://example.com:81/p/a%20b?x=1&y",
            "HTTP_HOST=example.com:81",
            "HTTP_X_B=1, 2",
            "K=V",
        ];
        assert_eq!(environment, expected);
    }

    #[test]
    fn a_template_gives_all_arguments() {
        let request = request("/p?a&b", &[("Host", "h")]);
        let invocation = invocation(&request, "/p", Some("run ${SCRIPT_NAME} -- ${ARGS}"));
        assert_eq!(invocation.arguments, ["run", "/p", "--", "a", "b"]);
    }

    fn run(stdout: &str) -> Run {
        Run {
            outcome: Outcome::Returned,
            stdout: Bytes::from(stdout.to_owned()),
            stderr: Bytes::new(),
        }
    }

    #[test]
    fn what_a_client_gets() {
        let output = "Set-Cookie: a=1\r\nX-A:b\nStatus: 404 Gone\nLocation: http://x/\nSet-Cookie: \
                      b=2\nContent-Length: 99\nContent-Type: text/plain\n\n\nbody\r\n\r\n";
        let response = respond(&Conforming, "GET", &run(output)).expect("a response");
        let expected = Response {
            status: 404,
            fields: vec![
                Field::new("Set-Cookie", "a=1"),
                Field::new("X-A", "b"),
                Field::new("Location", "http://x/"),
                Field::new("Set-Cookie", "b=2"),
                Field::new("Content-Type", "text/plain"),
            ],
            length: Some(9),
            body: Bytes::from_static(b"\nbody\r\n\r\n"),
        };
        assert_eq!(response, expected);
    }

    #[test]
    fn output_that_is_no_response() {
        let table = [
            "",
            "Content-Type: text/plain\n",
            "Content-Type: text/plain",
            "\nbody",
            "X-A: b\n\nbody",
            "Content-Type:\n\nbody",
            "Content-Type: text/plain\nX-A: a\u{0}b\n\nbody",
            "Content-Type: text/plain\n folded\n\nbody",
            "Status: 100\n\n",
            "Status: 404\nStatus: 500\n\n",
        ];
        for output in table {
            let status = respond(&Conforming, "GET", &run(output)).map_err(|f| f.status);
            assert_eq!(status, Err(500), "{output:?}");
        }
    }

    #[test]
    fn failures() {
        let failure = Failure::bad_output("secret");
        let response = fail(&Conforming, "HEAD", &failure, None);
        assert_eq!((response.status, response.length), (500, Some(26)));
        assert!(response.body.is_empty());
    }
}
