//! One request: from the types of the HTTP library to those of the rules, through the steps, and
//! back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{StatusCode, Uri};

use super::{Context, body};
use crate::engine::Job;
use crate::errors::{Failure, Run};
use crate::meta_variables::Call;
use crate::pipeline;
use crate::request::{Field, Request, Version};
use crate::response::Response;

/// The two ends of a connection.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// The address of the client.
    pub(super) peer: IpAddr,
    /// The address on which the server was reached.
    pub(super) local: SocketAddr,
}

/// Answers a request.
pub(super) async fn answer(
    context: Arc<Context>,
    ends: Ends,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let (parts, mut body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    // A client that waits for leave to send has sent nothing that could be discarded.
    let waits = parts.headers.contains_key(EXPECT);
    let response = match serve(&context, ends, parts, &mut body).await {
        Ok(response) => response,
        Err(refused) => {
            if !waits {
                body::discard(&mut body, &context.limits).await;
            }
            let run = refused.run.as_ref();
            pipeline::fail(context.steps.as_ref(), &method, &refused.failure, run)
        }
    };
    if let Some(response) = to_http(response) {
        return response;
    }
    let failure = Failure::bad_output("the guest's fields are more than HTTP can carry");
    context.log.server(format!("[{path}] {}", failure.reason));
    to_http(pipeline::fail(
        context.steps.as_ref(),
        &method,
        &failure,
        None,
    ))
    .unwrap_or_else(|| {
        let mut response = hyper::Response::new(Full::default());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// A failure, and what the guest left if one ran.
struct Refused {
    failure: Failure,
    run: Option<Run>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, run: None }
    }
}

/// Finds the guest for a request, runs it and reads its output.
async fn serve(
    context: &Context,
    ends: Ends,
    parts: Parts,
    body: &mut Incoming,
) -> Result<Response, Refused> {
    let steps = context.steps.as_ref();
    let has_body =
        parts.headers.contains_key(CONTENT_LENGTH) || parts.headers.contains_key(TRANSFER_ENCODING);
    let mut request = from_http(context, ends, parts)?;
    let (target, authority) = pipeline::receive(steps, &request)?;
    let routes = context.entries.iter().map(|entry| &entry.route);
    let place = pipeline::find_route(steps, &target.path, routes)?;
    let Some(entry) = context.entries.get(place) else {
        return Err(Failure {
            status: 404,
            reason: "the route is not in the table".to_owned(),
        }
        .into());
    };

    let received = body::receive(body, &context.limits).await?;
    let bytes = steps.accept_body(received)?;
    request.body_length = has_body.then_some(bytes.len() as u64);

    let call = Call {
        request: &request,
        target,
        authority,
        route: &entry.route,
    };
    let argv = entry.argv.as_deref();
    let invocation = pipeline::invoke(steps, &call, argv, &context.environment, bytes)?;
    let run = context
        .host
        .run(Job {
            program: entry.program.clone(),
            entrypoint: entry.entrypoint.clone(),
            invocation,
            volumes: entry.volumes.clone(),
            time: context.limits.guest_time,
            output: context.limits.max_response,
        })
        .await;
    context.log.guest(entry.module, run.stderr.clone());
    pipeline::respond(steps, &request.method, &run).map_err(|failure| {
        let route = entry.route.text();
        let Failure { status, reason } = &failure;
        context
            .log
            .server(format!("[{route}] answered with {status}: {reason}"));
        Refused {
            failure,
            run: Some(run),
        }
    })
}

/// The head of a request as the rules see it; the body's length is not known yet.
fn from_http(context: &Context, ends: Ends, parts: Parts) -> Result<Request, Failure> {
    let version = match parts.version {
        hyper::Version::HTTP_10 => Version::Http10,
        hyper::Version::HTTP_11 => Version::Http11,
        other => {
            return Err(Failure::bad_request(format!(
                "{other:?} is not spoken here"
            )));
        }
    };
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        target: target(&parts.uri),
        version,
        fields: parts
            .headers
            .iter()
            .map(|(name, value)| Field::new(name.as_str(), value.as_bytes()))
            .collect(),
        body_length: None,
        peer: ends.peer,
        scheme: context.scheme,
        local: ends.local,
        hostname: context.hostname.clone(),
    })
}

/// The request target as it was sent.
///
/// The HTTP library has taken it apart, but keeps the parts unchanged; only a fragment, which a
/// target cannot have, is lost.
fn target(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}{path}"),
        (_, Some(authority)) => authority.to_string(),
        (_, None) => path.to_owned(),
    }
}

/// A response for the HTTP library; none if it holds what no response can hold.
fn to_http(response: Response) -> Option<hyper::Response<Full<Bytes>>> {
    let mut headers = HeaderMap::new();
    for field in &response.fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(&field.value).ok()?;
        headers.try_append(name, value).ok()?;
    }
    if let Some(length) = response.length {
        headers.try_insert(CONTENT_LENGTH, length.into()).ok()?;
    }
    let mut answer = hyper::Response::new(Full::new(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).ok()?;
    *answer.headers_mut() = headers;
    Some(answer)
}
