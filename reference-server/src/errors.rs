//! What goes wrong, and what the client is told about it (chapter `errors`).

use bytes::Bytes;
use hyper::StatusCode;

/// How a guest came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entrypoint returned.
    Returned,
    /// The guest ended itself by `proc_exit` with this code.
    Exited(i32),
    /// The guest trapped, or did something that the server does not allow; the text says what,
    /// for the log.
    Trapped(String),
    /// The guest was stopped because it ran for too long.
    TimedOut,
    /// The guest could not be started; the text says why, for the log.
    NotStarted(String),
}

/// What is left when a guest has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// All that it wrote to standard output.
    pub stdout: Bytes,
    /// What it wrote to standard error, perhaps cut off.
    pub stderr: Bytes,
}

/// A request that does not get a guest's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status that the client gets: 4xx or 5xx.
    pub status: u16,
    /// What happened, for the log. The client never sees it.
    pub reason: String,
}

impl Failure {
    /// The client's request cannot be served as it is.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self {
            status: 400,
            reason: reason.into(),
        }
    }

    /// The guest's output is no response.
    pub fn bad_output(reason: impl Into<String>) -> Self {
        Self {
            status: 500,
            reason: reason.into(),
        }
    }
}

/// Decides whether the output of a guest counts, by how it ended.
///
/// Only a guest that returned or exited with code 0 has succeeded; of any other, even complete
/// output is discarded. A guest that ran for too long is answered with 504, everything else
/// with 500. Rules `errors.trap.status`, `errors.trap.after-output`, `errors.exit.zero`,
/// `errors.exit.nonzero`, `isolation.limits.time`.
pub fn judge(outcome: &Outcome) -> Result<(), Failure> {
    let (status, reason) = match outcome {
        Outcome::Returned | Outcome::Exited(0) => return Ok(()),
        Outcome::Exited(code) => (500, format!("the guest exited with code {code}")),
        Outcome::Trapped(what) => (500, format!("the guest trapped: {what}")),
        Outcome::TimedOut => (504, "the guest ran for too long and was stopped".to_owned()),
        Outcome::NotStarted(why) => (503, format!("the guest could not be started: {why}")),
    };
    Err(Failure { status, reason })
}

/// The body that tells a client of a failure: the status and its name, nothing that the guest
/// wrote and nothing about the server's inside.
///
/// `_run` is there for all that a careless server would show. Rules `errors.stderr.hidden`,
/// `errors.details.host-paths`, `errors.details.traces`.
pub fn failure_body(failure: &Failure, _run: Option<&Run>) -> Bytes {
    let status = StatusCode::from_u16(failure.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Bytes::from(format!("{status}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes() {
        let table = [
            (Outcome::Returned, None),
            (Outcome::Exited(0), None),
            (Outcome::Exited(1), Some(500)),
            (Outcome::Exited(-1), Some(500)),
            (Outcome::Trapped("unreachable".to_owned()), Some(500)),
            (Outcome::TimedOut, Some(504)),
            (Outcome::NotStarted("no room".to_owned()), Some(503)),
        ];
        for (outcome, expected) in table {
            let status = judge(&outcome).err().map(|failure| failure.status);
            assert_eq!(status, expected, "{outcome:?}");
        }
    }

    #[test]
    fn clients_see_no_reason() {
        let failure = Failure::bad_output("secret /host/path");
        assert_eq!(failure_body(&failure, None), "500 Internal Server Error\n");
    }
}
