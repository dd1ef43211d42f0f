//! The wire: requests are sent as a case writes them, and answers are read as they come.
//!
//! Two clients send. What decides is whether a case's words reach the wire unchanged:
//!
//! - A plain socket (`connection`) sends everything that a case writes, in the octets that
//!   `encode` gives it. No HTTP library serves here: reqwest resolves dot segments, encodes the
//!   target anew, writes field names in lower case and adds `Accept`; hyper's connection API
//!   still checks the target and writes repeated fields next to each other. Both would hide the
//!   very faults that cases look for. Answers are read by `response`, which is strict where a
//!   library is kind.
//! - reqwest (`ordinary`) sends where a case asks for `"client": "ordinary"`, to show that the
//!   server also understands the clients that people use. A test there shows what it changes.
//!
//! No server can make this module wait without bound, keep octets without bound, or panic: see
//! [`Limits`].

mod command;
mod connection;
mod conversation;
mod encode;
pub mod endpoint;
mod ordinary;
mod response;
#[cfg(test)]
mod testing;
mod waits;

use std::time::Duration;

pub use conversation::converse;
pub use endpoint::{Endpoint, Scheme};

/// What a server may take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first octet of a request to the last of its answer; the pauses that a case writes
    /// come on top, and the time in which other requests are awaited.
    pub answer: Duration,
    /// To accept a connection, and to finish the TLS handshake if there is one.
    pub connect: Duration,
    /// Octets of status line and fields, those of interim responses and trailers included.
    pub max_head: usize,
    /// Octets of content.
    pub max_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            max_head: 1 << 20,
            max_body: 80 << 20,
        }
    }
}

/// So many octets of what was sent and received are kept for a report.
pub const EXCERPT: usize = 4096;

/// A complete HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The version as the status line has it: `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase.
    pub reason: Vec<u8>,
    /// The fields in order: names as received, values without white space around them.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The content, without the transfer coding.
    pub body: Vec<u8>,
    /// The fields after the last chunk.
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The status codes of the interim (1xx) responses before it.
    pub interim: Vec<u16>,
    /// Octets behind the response that no request asked for, at most [`EXCERPT`] of them.
    pub excess: Vec<u8>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered completely.
    Response(Response),
    /// The connection ended before the first octet of a final response (or the client closed it
    /// itself, as the case said). Also where a server that speaks TLS meets a client that does
    /// not, and answers with a TLS alert. With the status codes of the interim responses before.
    Closed(Vec<u16>),
    /// A response began, but the connection ended before it was complete.
    Incomplete {
        /// What was being read, and how the connection ended.
        why: String,
        /// What was read, with the content as far as it came; `None` when the head is incomplete.
        response: Option<Response>,
        /// The first [`EXCERPT`] octets received.
        received: Vec<u8>,
    },
    /// What came is not an HTTP/1 response.
    NotHttp {
        /// The first thing that is wrong with it.
        why: String,
        /// The first [`EXCERPT`] octets received.
        received: Vec<u8>,
    },
    /// A part of the response is longer than [`Limits`] allow.
    TooLarge {
        /// Which part: `head` or `body`.
        what: &'static str,
        /// How long it may be, in octets.
        limit: usize,
    },
    /// No complete response came in time, or the server kept silent in the TLS handshake.
    TimedOut {
        /// The first [`EXCERPT`] octets received.
        received: Vec<u8>,
    },
    /// No connection could be made, or the TLS handshake failed: why.
    Unreachable(String),
    /// The request was not sent: why.
    NotSent(String),
}

/// One request of a case, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request's place in the case, from 0.
    pub request: usize,
    /// Which of its copies this is, from 0.
    pub copy: usize,
    /// The first [`EXCERPT`] octets of the request. Where the ordinary client sends, the octets
    /// that the case writes, to which that client adds its own.
    pub sent: Vec<u8>,
    /// The length of the request, in octets.
    pub sent_length: usize,
    /// A command for `sh` that sends the same request.
    pub command: String,
    /// What became of it.
    pub outcome: Outcome,
    /// From the first octet sent to the outcome.
    pub duration: Duration,
}
