//! One connection: HTTP/1 over a stream of bytes.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Context;
use super::service::{self, Ends};

/// The most header fields that a request can have.
const MAX_FIELDS: usize = 1000;

/// The smallest limit for a head that the HTTP library accepts.
const MIN_HEAD: usize = 8 << 10;

/// How long a connection without a request may go on once the server stops.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Serves requests until the client leaves, a limit is reached or the server stops.
///
/// The HTTP library keeps these rules: `http.keep-alive.sequence`, `http.pipelining.order`,
/// `http.http10.not-chunked`, `http.framing.invalid-length`,
/// `http.framing.length-with-chunked`, `http.limits.target`, `http.limits.fields`.
pub(super) async fn serve<S>(
    stream: S,
    ends: Ends,
    context: Arc<Context>,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = context.limits.clone();
    let busy = AtomicBool::new(false);
    let service = service_fn(|request| {
        busy.store(true, Ordering::Relaxed);
        let response = service::answer(context.clone(), ends, request);
        let busy = &busy;
        async move {
            let response = response.await;
            busy.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let head = limits.max_head.max(MIN_HEAD);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_time)
        .max_headers(MAX_FIELDS)
        .max_header_size(head)
        .max_buf_size(head)
        // A client that has sent its request and closed its side still gets the response.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Why a connection failed is the client's affair; there is nobody left to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|&stop| stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let patience = match busy.load(Ordering::Relaxed) {
        true => limits.guest_time + LAST_WORDS,
        false => LAST_WORDS,
    };
    let _ = timeout(patience, connection).await;
}
