//! From answers to a verdict: what a case demands, held against what was received. Nothing here
//! waits or sends.

pub mod observed;
mod response;
pub mod value;
pub mod visible;

use serde::Serialize;
use serde_json::Value;

use crate::case::Case;
use crate::case::expect::{Answer, Expectation};
use crate::case::placeholder::Placeholders;
use crate::case::request::{Demand, Message, Request};
use crate::wire::{Exchange, Outcome};
use visible::visible;

/// One thing that is not as demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// What it is about: `status`, `field x-foo`, `body`, `variable PATH_INFO`, ….
    pub place: String,
    /// What would be accepted.
    pub expected: Side,
    /// What was there.
    pub got: Side,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// Exactly these octets: worth a diff against the other side's.
    Octets(Vec<u8>),
    /// A description.
    Words(String),
}

/// What one answer showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It is allowed.
    Allowed,
    /// It is not: how it differs from the allowed answer that is nearest to it.
    NotAllowed {
        /// How many answers would have been allowed.
        choices: usize,
        /// The differences; never empty.
        mismatches: Vec<Mismatch>,
    },
    /// It shows this named behaviour; nothing was demanded.
    Shows(String),
    /// It shows none of the named behaviours, but what is described here.
    ShowsOther(String),
}

/// What a whole case showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Every answer is allowed.
    Passed,
    /// Some answer is not allowed.
    Failed,
    /// The behaviours observed, one for each observing request, in order.
    Observed(Vec<String>),
}

/// The behaviour recorded when none of the named ones was seen.
pub const OTHER: &str = "other";

/// Judges the answers of a case: a finding for each exchange, and what they amount to.
pub fn case(
    case: &Case,
    exchanges: &[Exchange],
    values: &Placeholders,
) -> (Judgement, Vec<Finding>) {
    let mut findings: Vec<Finding> = exchanges
        .iter()
        .map(|exchange| match case.requests.get(exchange.request) {
            Some(request) => finding(request, exchange, &values.for_copy(exchange.copy)),
            None => Finding::Allowed,
        })
        .collect();
    for (index, request) in case.requests.iter().enumerate() {
        if let Some(pointer) = &request.distinct {
            refuse_equals(index, pointer, exchanges, &mut findings);
        }
    }
    let all_allowed = !findings
        .iter()
        .any(|finding| matches!(finding, Finding::NotAllowed { .. }));
    let behaviours: Vec<String> = findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::Shows(name) if all_allowed => Some(name.clone()),
            // Where a control fails there was nothing to observe.
            Finding::Shows(_) | Finding::ShowsOther(_) => Some(OTHER.to_owned()),
            Finding::Allowed | Finding::NotAllowed { .. } => None,
        })
        .collect();
    let judgement = if !behaviours.is_empty() {
        Judgement::Observed(behaviours)
    } else if all_allowed && !exchanges.is_empty() {
        Judgement::Passed
    } else {
        Judgement::Failed
    };
    (judgement, findings)
}

/// Refuses each answer to a copy of the request at `index` that has the same value at `pointer` in
/// its JSON body as that of an earlier copy. Only allowed answers that have a value there count.
fn refuse_equals(index: usize, pointer: &str, exchanges: &[Exchange], findings: &mut [Finding]) {
    let mut seen: Vec<(usize, Value)> = Vec::new();
    for (exchange, finding) in exchanges.iter().zip(findings) {
        let Outcome::Response(response) = &exchange.outcome else {
            continue;
        };
        if exchange.request != index || *finding != Finding::Allowed {
            continue;
        }
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        let Some(value) = body.and_then(|body| body.pointer(pointer).cloned()) else {
            continue;
        };
        match seen.iter().find(|(_, earlier)| *earlier == value) {
            Some((copy, _)) => {
                let mismatch = Mismatch {
                    place: format!("body, value at `{pointer}`"),
                    expected: Side::Words("one that no answer to another copy has".to_owned()),
                    got: Side::Words(format!("{value}, as in the answer to copy {}", copy + 1)),
                };
                *finding = Finding::NotAllowed {
                    choices: 1,
                    mismatches: vec![mismatch],
                };
            }
            None => seen.push((exchange.copy, value)),
        }
    }
}

fn finding(request: &Request, exchange: &Exchange, values: &Placeholders) -> Finding {
    let allows =
        |expectation: &Expectation| mismatches(expectation, request, &exchange.outcome, values);
    match &request.demand {
        Demand::Expect(expectation) => match allows(expectation) {
            mismatches if mismatches.is_empty() => Finding::Allowed,
            mismatches => Finding::NotAllowed {
                choices: expectation.0.len(),
                mismatches,
            },
        },
        Demand::Observe(behaviours) => {
            let shown = behaviours
                .iter()
                .find(|(_, expectation)| allows(expectation).is_empty());
            match shown {
                Some((name, _)) => Finding::Shows(name.clone()),
                None => Finding::ShowsOther(describe(&exchange.outcome)),
            }
        }
    }
}

/// How the outcome differs from the nearest of the allowed answers; empty if it is one of them.
fn mismatches(
    Expectation(answers): &Expectation,
    request: &Request,
    outcome: &Outcome,
    values: &Placeholders,
) -> Vec<Mismatch> {
    answers
        .iter()
        .map(|answer| against(answer, request, outcome, values))
        .min_by_key(Vec::len)
        .unwrap_or_default()
}

fn against(
    answer: &Answer,
    request: &Request,
    outcome: &Outcome,
    values: &Placeholders,
) -> Vec<Mismatch> {
    let mismatch = |expected: &str| {
        vec![Mismatch {
            place: "answer".to_owned(),
            expected: Side::Words(expected.to_owned()),
            got: Side::Words(describe(outcome)),
        }]
    };
    match (answer, outcome) {
        (Answer::Response(expected), Outcome::Response(response)) => response::mismatches(
            expected,
            response,
            asks_to_continue(request, values),
            values,
        ),
        (Answer::Response(expected), _) => mismatch(&format!(
            "a complete HTTP response with status {}",
            expected.status
        )),
        (Answer::Incomplete, Outcome::Incomplete { .. }) => Vec::new(),
        (Answer::Closed, Outcome::Closed(interim)) => {
            let may_continue = asks_to_continue(request, values);
            response::unasked_interim(interim, may_continue)
                .into_iter()
                .collect()
        }
        (Answer::Closed, _) => mismatch("the connection is closed without a response"),
        (Answer::Incomplete, _) => mismatch("a response that breaks off"),
    }
}

/// Whether the client asks for `100 Continue`, so that an interim response is in order.
fn asks_to_continue(request: &Request, values: &Placeholders) -> bool {
    match &request.message {
        Message::Composed(composed) => composed.fields.iter().any(|(name, _)| {
            name.resolve(values)
                .is_ok_and(|name| name.eq_ignore_ascii_case(b"expect"))
        }),
        Message::Raw(steps) => steps.iter().any(|step| {
            serde_json::to_string(step)
                .is_ok_and(|text| text.to_ascii_lowercase().contains("100-continue"))
        }),
    }
}

/// An outcome in a line.
pub fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Response(response) => {
            let body = response.body.get(..200).unwrap_or(&response.body);
            let cut = if body.len() < response.body.len() {
                "…"
            } else {
                ""
            };
            format!(
                "status {}, a body of {} octets: {}{cut}",
                response.status,
                response.body.len(),
                visible(body),
            )
        }
        Outcome::Closed(_) => "the connection was closed without a response".to_owned(),
        Outcome::Incomplete { why, received, .. } => {
            format!(
                "a response that breaks off: {why}; received: {}",
                visible(received)
            )
        }
        Outcome::NotHttp { why, received } => {
            format!(
                "no valid HTTP response: {why}; received: {}",
                visible(received)
            )
        }
        Outcome::TooLarge { what, limit } => {
            format!("a response whose {what} is longer than {limit} octets")
        }
        Outcome::TimedOut { received } if received.is_empty() => {
            "no answer within the time limit".to_owned()
        }
        Outcome::TimedOut { received } => {
            format!(
                "no complete answer within the time limit; received: {}",
                visible(received)
            )
        }
        Outcome::Unreachable(why) => format!("no connection: {why}"),
        Outcome::NotSent(why) => format!("the request was not sent: {why}"),
    }
}

impl Side {
    /// The side as a line of text, with invisible octets made visible.
    pub fn text(&self) -> String {
        match self {
            Self::Octets(octets) => visible(octets),
            Self::Words(words) => words.clone(),
        }
    }
}

impl Serialize for Side {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::case::placeholder::NAMES;
    use crate::wire::Response;

    fn values() -> Placeholders {
        Placeholders::new(NAMES.map(|name| format!("<{name}>")))
    }

    fn judge(demand: &serde_json::Value, outcome: Outcome) -> (Judgement, Vec<Finding>) {
        let mut request = json!({ "target": "/" });
        for (key, value) in demand.as_object().into_iter().flatten() {
            request[key] = value.clone();
        }
        let a_case: Case = serde_json::from_value(json!({
            "id": "routing/a", "description": "A case.", "rules": ["routing.a"], "requests": [request],
        }))
        .expect("a case");
        let exchange = Exchange {
            request: 0,
            copy: 0,
            sent: Vec::new(),
            sent_length: 0,
            command: String::new(),
            outcome,
            duration: Duration::ZERO,
        };
        case(&a_case, &[exchange], &values())
    }

    fn ok(body: &str) -> Outcome {
        Outcome::Response(Response {
            status: 200,
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
    }

    #[test]
    fn any_of_the_allowed_answers_passes() {
        let demand = json!({ "expect": [{ "status": 200, "body": "<nonce>{{nonce}}" }, "closed"] });
        assert_eq!(judge(&demand, ok("<nonce><nonce>")).0, Judgement::Passed);
        assert_eq!(judge(&demand, Outcome::Closed(vec![])).0, Judgement::Passed);
        assert_eq!(
            judge(&demand, Outcome::Closed(vec![103])).0,
            Judgement::Failed
        );
        assert_eq!(judge(&demand, ok("")).0, Judgement::Failed);
        let silent = Outcome::TimedOut {
            received: Vec::new(),
        };
        assert_eq!(judge(&demand, silent).0, Judgement::Failed);
    }

    #[test]
    fn the_first_behaviour_that_holds_is_observed() {
        let demand = json!({ "observe": {
            "a": { "status": 200, "body": "a" },
            "any": { "status": "any", "body": { "any": true } },
            "gone": "closed",
        } });
        let observed = |outcome| judge(&demand, outcome).0;
        assert_eq!(observed(ok("a")), Judgement::Observed(vec!["a".to_owned()]));
        assert_eq!(
            observed(ok("b")),
            Judgement::Observed(vec!["any".to_owned()])
        );
        let other = Outcome::NotHttp {
            why: "x".to_owned(),
            received: Vec::new(),
        };
        assert_eq!(observed(other), Judgement::Observed(vec![OTHER.to_owned()]));
    }

    #[test]
    fn answers_that_must_be_distinct_are_compared_with_each_other() {
        let a_case: Case = serde_json::from_value(json!({
            "id": "routing/a", "description": "A case.", "rules": ["routing.a"], "requests": [
                { "target": "/", "expect": { "status": 200, "body": { "any": true } } },
                {
                    "target": "/", "copies": 4, "distinct": "/a",
                    "expect": [{ "status": 200, "body": { "not": "refused" } }, "closed"],
                },
            ],
        }))
        .expect("a case");
        let judge = |bodies: [Option<&str>; 4]| {
            let exchange = |request, copy, outcome| Exchange {
                request,
                copy,
                sent: Vec::new(),
                sent_length: 0,
                command: String::new(),
                outcome,
                duration: Duration::ZERO,
            };
            let mut exchanges = vec![exchange(0, 0, ok(r#"{"a":1}"#))];
            for (copy, body) in bodies.into_iter().enumerate() {
                exchanges.push(exchange(1, copy, body.map_or(Outcome::Closed(vec![]), ok)));
            }
            case(&a_case, &exchanges, &values())
        };
        let all = [
            Some(r#"{"a":1}"#),
            Some(r#"{"a":2}"#),
            Some(r#"{"a":"1"}"#),
            Some(r#"{"a":[1]}"#),
        ];
        assert_eq!(judge(all).0, Judgement::Passed);
        // Answers without the value have nothing in common.
        assert_eq!(
            judge([None, None, Some("{}"), Some("no JSON")]).0,
            Judgement::Passed
        );

        let two = [
            Some(r#"{"a":1}"#),
            None,
            Some(r#"{"a":2,"b":1}"#),
            Some(r#"{"b":2, "a":2}"#),
        ];
        let (judgement, findings) = judge(two);
        assert_eq!(judgement, Judgement::Failed);
        assert!(
            findings[..4]
                .iter()
                .all(|finding| *finding == Finding::Allowed)
        );
        let Finding::NotAllowed { mismatches, .. } = &findings[4] else {
            panic!("{:?}", findings[4]);
        };
        assert_eq!(mismatches[0].place, "body, value at `/a`");
        assert_eq!(
            mismatches[0].got,
            Side::Words("2, as in the answer to copy 3".to_owned())
        );
        // What is not allowed anyhow says why itself.
        let Finding::NotAllowed { mismatches, .. } = &judge([Some("refused"); 4]).1[4] else {
            panic!("allowed");
        };
        assert_eq!(mismatches[0].place, "body");
    }

    #[test]
    fn nothing_received_never_passes() {
        let a_case: Case = serde_json::from_value(json!({
            "id": "routing/a", "description": "A case.", "rules": ["routing.a"],
        }))
        .expect("a case");
        assert_eq!(case(&a_case, &[], &values()).0, Judgement::Failed);
    }
}
