//! Taking in request bodies.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Limits;
use crate::errors::Failure;
use crate::request_body::Received;

/// Takes in a whole body, after transfer-decoding and without trailer fields.
///
/// A body beyond the limit is answered with 413, one that comes too slowly with 408. A client
/// that waits for leave to send its body is given it only here. Rules
/// `request-body.chunked.decoded`, `request-body.expect-continue`,
/// `meta-variables.content-length.chunked`.
pub(super) async fn receive(body: &mut Incoming, limits: &Limits) -> Result<Received, Failure> {
    let too_long = || Failure {
        status: 413,
        reason: format!(
            "the request body is longer than {} bytes",
            limits.max_request_body
        ),
    };
    let limit = u64::try_from(limits.max_request_body).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        return Err(too_long());
    }
    let deadline = Instant::now() + limits.upload_time;
    let mut bytes = BytesMut::new();
    let truncated = loop {
        let frame = timeout(limits.idle_time, timeout_at(deadline, body.frame())).await;
        match frame {
            Err(_) | Ok(Err(_)) => {
                return Err(Failure {
                    status: 408,
                    reason: "the request body came too slowly".to_owned(),
                });
            }
            Ok(Ok(None)) => break None,
            Ok(Ok(Some(Err(cause)))) => break Some(cause.to_string()),
            Ok(Ok(Some(Ok(frame)))) => {
                let data = frame.into_data().unwrap_or_default();
                if data.remaining() > limits.max_request_body.saturating_sub(bytes.len()) {
                    return Err(too_long());
                }
                bytes.extend_from_slice(&data);
            }
        }
    };
    Ok(Received {
        bytes: bytes.freeze(),
        truncated,
    })
}

/// Reads and forgets what is left of a body, within bounds, so that a client that is still
/// sending can read the answer that it gets.
///
/// Without this the connection would be closed under the client's hands, and the answer lost.
pub(super) async fn discard(body: &mut Incoming, limits: &Limits) {
    const LONGEST: Duration = Duration::from_secs(5);
    /// A client that pauses for so long waits for the answer, or is slow enough to notice it.
    const PAUSE: Duration = Duration::from_millis(500);
    let mut left = limits.max_request_body.saturating_mul(2);
    let reading = async {
        while let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await {
            let length = frame.data_ref().map_or(0, Buf::remaining);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = timeout(LONGEST, reading).await;
}
