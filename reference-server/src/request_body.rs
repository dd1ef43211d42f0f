//! The request body as standard input (chapter `request-body`).

use bytes::Bytes;

use crate::errors::Failure;

/// What came of a request body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The bytes that came, after transfer-decoding.
    pub bytes: Bytes,
    /// Why the body ends too soon, if it does.
    pub truncated: Option<String>,
}

/// The body that the guest may see: a complete one only. Rule `request-body.truncated`.
pub fn accept(received: Received) -> Result<Bytes, Failure> {
    match received.truncated {
        None => Ok(received.bytes),
        Some(reason) => Err(Failure::bad_request(format!(
            "the request body ends too soon: {reason}"
        ))),
    }
}

/// What the guest reads from standard input: the body, and then the end of the file. Rules
/// `request-body.verbatim`, `request-body.end-of-file`, `request-body.none`.
pub fn standard_input(body: Bytes) -> Bytes {
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_bodies_are_accepted() {
        let received = |truncated: Option<&str>| Received {
            bytes: Bytes::from_static(b"abc"),
            truncated: truncated.map(str::to_owned),
        };
        assert_eq!(accept(received(None)), Ok(Bytes::from_static(b"abc")));
        let refused = accept(received(Some("the client left"))).map_err(|f| f.status);
        assert_eq!(refused, Err(400));
    }
}
