//! Whether a server answers at all.

use super::execute::placeholders;
use crate::case::request::Request;
use crate::judge;
use crate::wire::{Endpoint, Limits, Outcome, converse};

/// Whether the server at `endpoint` answers a request for `path`, whatever it says.
///
/// # Errors
/// What came instead of an answer.
pub async fn reach(endpoint: &Endpoint, path: &str, limits: &Limits) -> Result<(), String> {
    let probe: Request = serde_json::from_value(serde_json::json!({
        "target": path,
        "fields": [["Connection", "close"]],
        "expect": { "status": "any", "fields": { "*": { "any": true } }, "body": { "any": true } },
    }))
    .map_err(|error| error.to_string())?;
    let exchanges = converse(&[probe], endpoint, &placeholders(endpoint), limits).await;
    match exchanges.first().map(|exchange| &exchange.outcome) {
        Some(Outcome::Response(_)) => Ok(()),
        Some(outcome) => Err(judge::describe(outcome)),
        None => Err("no answer".to_owned()),
    }
}
