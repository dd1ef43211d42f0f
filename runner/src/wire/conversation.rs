//! A case's requests in order, each on its connection.
//!
//! Requests make *groups*: a request and those pipelined behind it, which are written together
//! before an answer is read. Groups make *chains*: those that share a connection. Chains follow
//! one another, except that nothing waits for an answer which may come later.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::case::placeholder::{Placeholders, UnknownPlaceholder};
use crate::case::request::{
    AnswerTime, Await, Client, Close, Connection as On, Message, Request, Step, StepForm,
};

use super::command::{Script, command};
use super::connection::Connection;
use super::encode::{Action, Prepared, prepare, together};
use super::waits::{Others, Waits};
use super::{EXCERPT, Endpoint, Exchange, Limits, Outcome, Scheme, ordinary};

/// An answer may come before its request is sent completely; the server may take so long for the
/// rest of it.
const UNSENT: Duration = Duration::from_secs(1);
/// Octets that no request asked for come at once, or are not waited for.
const EXCESS: Duration = Duration::from_millis(40);
/// Longer limits than this are as good as none, and could not be added to a point in time.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends the requests of a case in order, each on the connection it asks for, and reads the
/// answers: one [`Exchange`] per request and copy, in order of request, then copy. Whatever the
/// server does, each request takes no longer than `limits`, its pauses, and about a second; one
/// that awaits the others, so long after they have ended.
pub async fn converse(
    requests: &[Request],
    endpoint: &Endpoint,
    values: &Placeholders,
    limits: &Limits,
) -> Vec<Exchange> {
    let limits = Limits {
        answer: limits.answer.min(FOR_EVER),
        connect: limits.connect.min(FOR_EVER),
        ..*limits
    };
    let (running, others) = watch::channel(());
    let context = Arc::new(Context {
        requests: requests.to_vec(),
        endpoint: endpoint.clone(),
        values: values.clone(),
        limits,
        others: Others::new(others, Instant::now() + longest(requests, &limits)),
    });
    let mut exchanges = Vec::new();
    let mut later = JoinSet::new();
    for mut chain in chains(requests) {
        let waits = |group: &Group| {
            let mut answers = requests.get(group.clone()).into_iter().flatten();
            answers.all(|request| request.answer == AnswerTime::Now)
        };
        let now = chain.iter().take_while(|group| waits(group)).count();
        let rest = chain.split_off(now);
        let last = rest.is_empty();
        let mut line = Line::None;
        exchanges.extend(context.run(chain, &mut line, last).await);
        if last {
            continue;
        }
        let waiting = waiting(requests, &rest);
        let running = waiting.is_none().then(|| running.clone());
        let this = context.clone();
        later.spawn(async move {
            let exchanges = this.run(rest, &mut line, true).await;
            drop(running);
            exchanges
        });
        if let Some(waiting) = waiting {
            context.others.awaited_by(waiting.copies).await;
        }
    }
    drop(running);
    while let Some(ended) = later.join_next().await {
        exchanges.extend(ended.unwrap_or_default());
    }
    context.complete(exchanges)
}

/// The longest time that all the requests can take, one after the other.
fn longest(requests: &[Request], limits: &Limits) -> Duration {
    let pause = |step: &Step| match step {
        Step::Form(StepForm::PauseMs(pause)) => Duration::from_millis(*pause),
        _ => Duration::ZERO,
    };
    let pauses = |request: &Request| match &request.message {
        Message::Composed(_) => Duration::ZERO,
        Message::Raw(steps) => steps.iter().map(pause).sum(),
    };
    let each =
        |request: &Request| limits.connect + pauses(request) + limits.answer + UNSENT + 2 * EXCESS;
    requests.iter().map(each).sum()
}

/// Requests by their places: the first, and those pipelined behind it.
type Group = std::ops::Range<usize>;

/// The groups of requests, put together where they share a connection.
fn chains(requests: &[Request]) -> Vec<Vec<Group>> {
    let mut chains: Vec<Vec<Group>> = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let group = index..index + 1;
        match (request.connection, chains.last_mut()) {
            (On::New, _) | (_, None) => chains.push(vec![group]),
            (On::Same, Some(chain)) => chain.push(group),
            (On::Pipelined, Some(chain)) => {
                let alone = |group: &Group| requests.get(group.start).is_some_and(is_alone);
                match chain.last_mut() {
                    Some(before) if !alone(before) => before.end = index + 1,
                    _ => chain.push(group),
                }
            }
        }
    }
    chains
}

/// Whether no other request can share the request's connection.
fn is_alone(request: &Request) -> bool {
    request.copies > 1 || is_ordinary(request)
}

/// The request in `groups` that awaits all others, if there is one.
fn waiting<'a>(requests: &'a [Request], groups: &[Group]) -> Option<&'a Request> {
    let mut members = groups.iter().flat_map(|group| group.clone());
    members.find_map(|place| requests.get(place).filter(|request| awaits_others(request)))
}

fn awaits_others(request: &Request) -> bool {
    request.message.awaits(&[Await::Others])
}

fn is_ordinary(request: &Request) -> bool {
    matches!(&request.message, Message::Composed(parts) if parts.client == Client::Ordinary)
}

/// The connection of a chain, as its last group left it.
enum Line {
    /// There was no group yet.
    None,
    /// It can be used.
    Open {
        connection: Connection,
        /// What was sent on it, for the command.
        sent: Script,
    },
    /// The server ended it.
    Ended,
    /// It cannot be used: why.
    Unusable(String),
}

/// What became of a request, how long it took, and a command that sends it.
type Answer = (Outcome, Duration, String);

/// What all requests of a case share.
struct Context {
    requests: Vec<Request>,
    endpoint: Endpoint,
    values: Placeholders,
    limits: Limits,
    others: Others,
}

impl Context {
    /// Runs groups one after the other on one connection. If they are the `last` of their chain,
    /// what comes behind the last answer is looked for.
    async fn run(
        self: &Arc<Self>,
        groups: Vec<Group>,
        line: &mut Line,
        last: bool,
    ) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        let count = groups.len();
        for (number, group) in groups.into_iter().enumerate() {
            let last = last && number + 1 == count;
            let copies = self
                .requests
                .get(group.start)
                .map_or(1, |first| first.copies);
            if copies > 1 {
                exchanges.extend(self.copies(group.start, copies).await);
                let why = format!("the request before it was sent {copies} times at once");
                *line = Line::Unusable(why);
            } else {
                exchanges.extend(self.group(group, 0, line, last).await);
            }
        }
        exchanges
    }

    /// Sends all copies of a request at once.
    async fn copies(self: &Arc<Self>, index: usize, copies: usize) -> Vec<Exchange> {
        let mut running = JoinSet::new();
        for copy in 0..copies {
            let context = self.clone();
            running.spawn(async move {
                let group = index..index + 1;
                context.group(group, copy, &mut Line::None, true).await
            });
        }
        let mut exchanges = Vec::new();
        while let Some(ended) = running.join_next().await {
            exchanges.extend(ended.unwrap_or_default());
        }
        exchanges
    }

    /// Sends a group and reads its answers.
    async fn group(&self, group: Group, copy: usize, line: &mut Line, last: bool) -> Vec<Exchange> {
        let requests = self.requests.get(group.clone()).unwrap_or_default();
        let _end = requests
            .iter()
            .any(awaits_others)
            .then(|| self.others.note_end(copy));
        let values = self.values.for_copy(copy);
        let prepared = requests
            .iter()
            .map(|request| prepare(&request.message, &values));
        let prepared: Vec<Prepared> = match prepared.collect() {
            Ok(prepared) => prepared,
            Err(unknown) => {
                let unknown: UnknownPlaceholder = unknown;
                *line = Line::Unusable("the request before it was not sent".to_owned());
                let outcome = || Outcome::NotSent(unknown.to_string());
                return group
                    .map(|request| unsent(request, copy, outcome()))
                    .collect();
            }
        };
        let answers = match requests {
            [only] if is_ordinary(only) => vec![self.ordinary(&prepared, line).await],
            [first, ..] => self.answers(first, copy, &prepared, line, last).await,
            [] => Vec::new(),
        };
        let exchange = |((request, prepared), (outcome, duration, command))| {
            let (sent, sent_length) = excerpt(&prepared);
            Exchange {
                request,
                copy,
                sent,
                sent_length,
                command,
                outcome,
                duration,
            }
        };
        group.zip(prepared).zip(answers).map(exchange).collect()
    }

    /// Lets the ordinary client send a request.
    async fn ordinary(&self, prepared: &[Prepared], line: &mut Line) -> Answer {
        *line = Line::Unusable("the ordinary client does not share its connection".to_owned());
        let [
            prepared @ Prepared {
                parts: Some(parts), ..
            },
        ] = prepared
        else {
            let why = "an ordinary client sends composed requests, one at a time";
            return (
                Outcome::NotSent(why.to_owned()),
                Duration::ZERO,
                String::new(),
            );
        };
        let tls = self.endpoint.scheme == Scheme::Https;
        let command = command(prepared, &Script::default(), &self.endpoint, tls);
        let started = Instant::now();
        let outcome = ordinary::send(parts, &self.endpoint, &self.limits).await;
        (outcome, started.elapsed(), command)
    }

    /// Finds or makes the connection for a group, sends the group, and reads one answer for each
    /// of its requests.
    async fn answers(
        &self,
        first: &Request,
        copy: usize,
        group: &[Prepared],
        line: &mut Line,
        last: bool,
    ) -> Vec<Answer> {
        let secure = self.endpoint.scheme == Scheme::Https;
        let (tls, without_tls) = (secure && first.tls, secure && !first.tls);
        let before = match std::mem::replace(line, Line::None) {
            Line::Open { connection, sent } if first.connection != On::New => {
                Ok((connection, sent.then_wait()))
            }
            _ if first.connection == On::New => {
                match Connection::open(&self.endpoint, tls, &self.limits).await {
                    Ok(connection) => Ok((connection, Script::default())),
                    Err(outcome) => {
                        let after = "the request before it had no connection".to_owned();
                        Err((outcome, Line::Unusable(after)))
                    }
                }
            }
            Line::Ended => Err((Outcome::Closed(Vec::new()), Line::Ended)),
            Line::Unusable(why) => Err((Outcome::NotSent(why.clone()), Line::Unusable(why))),
            Line::None | Line::Open { .. } => {
                let why = "it shares the connection of the request before it, but there is none";
                Err((
                    Outcome::NotSent(why.to_owned()),
                    Line::Unusable(why.to_owned()),
                ))
            }
        };
        let (mut connection, mut sent) = match before {
            Ok(before) => before,
            Err((outcome, after)) => {
                *line = after;
                let command = |request| command(request, &Script::default(), &self.endpoint, tls);
                let answer = |request| (outcome.clone(), Duration::ZERO, command(request));
                return group.iter().map(answer).collect();
            }
        };

        let actions = together(group.iter().flat_map(|request| request.actions.clone()));
        let (mut outcomes, rest) = self.exchange(&mut connection, copy, group, &actions).await;
        drop(actions);
        let rest = match rest {
            Rest::Left if !last && connection.incoming.ends(EXCESS).await => Rest::Refused,
            rest => rest,
        };
        if last && let Some((Outcome::Response(response), _)) = outcomes.last_mut() {
            // The server learns that nothing more comes; one that waits for more then ends the
            // connection at once. If it is gone already, there is nothing to tell.
            let _ = timeout(EXCESS, connection.outgoing.close()).await;
            response.excess = connection.incoming.excess(EXCESS).await;
        }
        let after = match outcomes.last() {
            Some((outcome, _)) => unusable(outcome, group, &rest),
            None => None,
        };
        let mut answers = Vec::new();
        for (request, (outcome, duration)) in group.iter().zip(outcomes) {
            let outcome = if without_tls {
                without_alert(outcome)
            } else {
                outcome
            };
            answers.push((
                outcome,
                duration,
                command(request, &sent, &self.endpoint, tls),
            ));
            sent = sent.then(&request.actions);
        }
        *line = after.unwrap_or(Line::Open { connection, sent });
        answers
    }

    /// Sends `actions`, and reads an answer for each request of `group` meanwhile. Also gives what
    /// became of the actions that were left when the answers had come.
    async fn exchange(
        &self,
        connection: &mut Connection,
        copy: usize,
        group: &[Prepared],
        actions: &[Action],
    ) -> (Vec<(Outcome, Duration)>, Rest) {
        let pauses = actions.iter().map(|action| match action {
            Action::Pause(pause) => *pause,
            Action::Send(_) | Action::Await(_) | Action::Close(_) => Duration::ZERO,
        });
        let pauses: Duration = pauses.sum();
        let awaits_others = actions.contains(&Action::Await(Await::Others));
        let started = Instant::now();
        let Connection { incoming, outgoing } = connection;
        let waits = Waits {
            others: &self.others,
            copy,
            seen: incoming.follow(),
        };
        let mut sending = pin!(outgoing.perform(actions, &waits));
        // Waits for as long as a first answer may take, or the sending of the rest behind it.
        let up = async |allowed: Duration| {
            if awaits_others {
                self.others.ended().await;
            }
            sleep(pauses + allowed).await;
        };

        if actions.contains(&Action::Close(Close::Both)) {
            // No answer is read: a client that goes away does not see any.
            tokio::select! {
                _ = sending => {}
                () = up(self.limits.answer) => {}
            }
            let closed = || (Outcome::Closed(Vec::new()), started.elapsed());
            return (group.iter().map(|_| closed()).collect(), Rest::Sent);
        }

        let reading = async {
            let mut outcomes: Vec<(Outcome, Duration)> = Vec::new();
            let mut started = started;
            for request in group {
                let (method, limits) = (&request.method, &self.limits);
                let outcome = match outcomes.last() {
                    None => incoming.response(method, limits, up(limits.answer)).await,
                    Some((Outcome::Response(_), _)) => {
                        let up = sleep(limits.answer);
                        incoming.response(method, limits, up).await
                    }
                    Some((before, _)) => behind(before),
                };
                outcomes.push((outcome, started.elapsed()));
                started = Instant::now();
            }
            outcomes
        };
        let mut reading = pin!(reading);
        let (outcomes, sent) = tokio::select! {
            sent = &mut sending => (reading.await, Some(sent)),
            outcomes = &mut reading => {
                let sent = tokio::select! {
                    biased;
                    sent = sending => Some(sent),
                    () = up(UNSENT) => None,
                };
                (outcomes, sent)
            }
        };
        let rest = match sent {
            Some(Ok(true)) => Rest::Sent,
            Some(Err(_)) => Rest::Refused,
            Some(Ok(false)) | None => Rest::Left,
        };
        (outcomes, rest)
    }

    /// One exchange for each request and copy, in order.
    fn complete(&self, exchanges: Vec<Exchange>) -> Vec<Exchange> {
        let key = |exchange: &Exchange| (exchange.request, exchange.copy);
        let mut found: BTreeMap<_, _> = exchanges
            .into_iter()
            .map(|exchange| (key(&exchange), exchange))
            .collect();
        for (request, Request { copies, .. }) in self.requests.iter().enumerate() {
            for copy in 0..*copies {
                let lost = || Outcome::NotSent("the task that sends it has ended".to_owned());
                let exchange = || unsent(request, copy, lost());
                found.entry((request, copy)).or_insert_with(exchange);
            }
        }
        found.into_values().collect()
    }
}

/// The exchange of a request that could not even be composed.
fn unsent(request: usize, copy: usize, outcome: Outcome) -> Exchange {
    Exchange {
        request,
        copy,
        sent: Vec::new(),
        sent_length: 0,
        command: String::new(),
        outcome,
        duration: Duration::ZERO,
    }
}

/// What became of a request that was sent together with one whose answer is not complete.
fn behind(before: &Outcome) -> Outcome {
    let received = Vec::new();
    match before {
        Outcome::TimedOut { .. } => Outcome::TimedOut { received },
        Outcome::NotHttp { .. } | Outcome::TooLarge { .. } => Outcome::NotHttp {
            why: "the answer before it has no end that could be found".to_owned(),
            received,
        },
        Outcome::Response(_)
        | Outcome::Closed(_)
        | Outcome::Incomplete { .. }
        | Outcome::Unreachable(_)
        | Outcome::NotSent(_) => Outcome::Closed(Vec::new()),
    }
}

/// What became of the octets that were not sent when the answer had come.
enum Rest {
    /// They were sent, or there were none.
    Sent,
    /// The server took no more of them: it has ended the connection.
    Refused,
    /// The server neither took them in time nor ended the connection; or they are not due.
    Left,
}

/// Why a connection cannot be used after a group, if it cannot.
fn unusable(last: &Outcome, group: &[Prepared], rest: &Rest) -> Option<Line> {
    let gone = |side| {
        let mut actions = group.iter().flat_map(|request| &request.actions);
        actions.any(|action| *action == Action::Close(side))
    };
    let why = match last {
        Outcome::Response(_) => match rest {
            Rest::Sent => return None,
            Rest::Refused => return Some(Line::Ended),
            Rest::Left => {
                "the request before it was answered before it had come completely".to_owned()
            }
        },
        _ if gone(Close::Both) => "the client closed the connection before".to_owned(),
        Outcome::Closed(_) | Outcome::Incomplete { .. } => return Some(Line::Ended),
        Outcome::TimedOut { .. } => "the request before it was not answered in time".to_owned(),
        Outcome::NotHttp { .. } => "the answer before it is not HTTP".to_owned(),
        Outcome::TooLarge { what, limit } => {
            format!("the answer before it has a {what} of more than {limit} octets")
        }
        Outcome::Unreachable(why) | Outcome::NotSent(why) => why.clone(),
    };
    Some(Line::Unusable(why))
}

/// To a client that speaks no TLS, a TLS alert is but a way to end the connection.
fn without_alert(outcome: Outcome) -> Outcome {
    /// The type of an alert record and the first octet of every version (RFC 8446 section 5.1).
    const ALERT: [u8; 2] = [21, 3];
    match outcome {
        Outcome::NotHttp { received, .. } if received.starts_with(&ALERT) => {
            Outcome::Closed(Vec::new())
        }
        outcome => outcome,
    }
}

/// The first octets that a request sends, and how many it sends in all.
fn excerpt(prepared: &Prepared) -> (Vec<u8>, usize) {
    let mut start = Vec::new();
    let mut length = 0;
    for action in &prepared.actions {
        if let Action::Send(octets) = action {
            let room = EXCERPT.saturating_sub(start.len());
            start.extend(octets.iter().take(room));
            length += octets.len();
        }
    }
    (start, length)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::wire::testing::{
        Accepted, LIMITS, Server, converse_with, hang, requests, status, values,
    };

    const A: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    const B: &str = "HTTP/1.1 201 OK\r\nContent-Length: 1\r\n\r\nb";
    const C: &str = "HTTP/1.1 202 OK\r\nContent-Length: 1\r\n\r\nc";

    /// A request with these members.
    fn request(members: &str) -> String {
        format!(r#"{{{members}, "expect": "closed"}}"#)
    }

    async fn talk(server: &Server, members: &[&str]) -> Vec<Exchange> {
        let requests: Vec<String> = members.iter().map(|members| request(members)).collect();
        converse_with(&server.endpoint, &format!("[{}]", requests.join(","))).await
    }

    fn statuses(exchanges: &[Exchange]) -> Vec<u16> {
        exchanges.iter().map(status).collect()
    }

    #[test]
    fn requests_are_put_together_by_their_connections() {
        let members = [
            r#""raw": [], "connection": "pipelined""#,
            r#""raw": [], "connection": "same""#,
            r#""raw": [], "connection": "pipelined""#,
            r#""raw": []"#,
            r#""raw": [], "connection": "pipelined""#,
            r#""raw": [], "connection": "same""#,
            r#""target": "/", "client": "ordinary""#,
            r#""raw": [], "connection": "pipelined""#,
            r#""raw": [], "copies": 2"#,
            r#""raw": [], "connection": "same""#,
        ];
        let json: Vec<String> = members.iter().map(|members| request(members)).collect();
        assert_eq!(
            chains(&requests(&format!("[{}]", json.join(",")))),
            [
                vec![0..1, 1..3],
                vec![3..5, 5..6],
                vec![6..7, 7..8],
                vec![8..9, 9..10]
            ]
        );
    }

    #[tokio::test]
    async fn requests_go_on_the_connections_they_ask_for() {
        let server = Server::canned(&[A, B, C]).await;
        let exchanges = talk(
            &server,
            &[
                r#""target": "/1", "host": false"#,
                r#""target": "/2", "host": false, "connection": "same""#,
                r#""target": "/3", "host": false"#,
                r#""target": "/4", "host": false, "connection": "pipelined""#,
                r#""target": "/5", "host": false, "connection": "pipelined""#,
            ],
        )
        .await;
        assert_eq!(statuses(&exchanges), [200, 201, 200, 201, 202]);
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\n\r\n");
        assert_eq!(
            server.received(),
            [get("/1") + &get("/2"), get("/3") + &get("/4") + &get("/5")]
        );
        let places: Vec<_> = exchanges.iter().map(|e| (e.request, e.copy)).collect();
        assert_eq!(places, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]);
        assert_eq!(exchanges[3].sent, get("/4").into_bytes());
        assert_eq!(exchanges[3].sent_length, get("/4").len());
        // The command of a later request sends what went before it.
        assert!(
            exchanges[1]
                .command
                .contains("/1 HTTP/1.1\\r\\n\\r\\n'; sleep 1; printf 'GET /2")
        );
        assert!(exchanges[4].command.contains("/3 HTTP") && exchanges[4].command.contains("/4"));
    }

    #[tokio::test]
    async fn pipelined_requests_are_written_before_an_answer_is_read() {
        let server = Server::new(async |mut accepted| {
            accepted.head().await;
            accepted.head().await;
            accepted.write(A).await;
            accepted.write(B).await;
            accepted.drain().await;
        })
        .await;
        let members = [
            r#""target": "/1""#,
            r#""target": "/2", "connection": "pipelined""#,
        ];
        assert_eq!(statuses(&talk(&server, &members).await), [200, 201]);
    }

    #[tokio::test]
    async fn nothing_waits_for_a_later_answer() {
        let asked = Arc::new(Notify::new());
        let server = Server::new(move |mut accepted| {
            let asked = asked.clone();
            async move {
                accepted.head().await;
                match accepted.received().starts_with("GET /later") {
                    true => asked.notified().await,
                    false => asked.notify_one(),
                }
                accepted.write(A).await;
                accepted.head().await;
                accepted.write(B).await;
                accepted.drain().await;
            }
        })
        .await;
        let exchanges = talk(
            &server,
            &[
                r#""target": "/later", "answer": "later""#,
                r#""target": "/its-follower", "connection": "same""#,
                r#""target": "/now""#,
            ],
        )
        .await;
        assert_eq!(statuses(&exchanges), [200, 201, 200]);
    }

    #[tokio::test]
    async fn copies_are_sent_at_once_each_with_its_number() {
        let all_there = Arc::new(tokio::sync::Barrier::new(20));
        let server = Server::new(move |mut accepted| {
            let all_there = all_there.clone();
            async move {
                accepted.head().await;
                all_there.wait().await;
                accepted.write(A).await;
                accepted.drain().await;
            }
        })
        .await;
        let exchanges = talk(
            &server,
            &[
                r#""target": "/{{copy}}", "host": false, "copies": 20"#,
                r#""raw": ["x"], "connection": "same""#,
            ],
        )
        .await;
        assert_eq!(exchanges.len(), 21);
        for (copy, exchange) in exchanges.iter().take(20).enumerate() {
            assert_eq!(
                (exchange.request, exchange.copy, status(exchange)),
                (0, copy, 200)
            );
            assert_eq!(
                exchange.sent,
                format!("GET /{copy} HTTP/1.1\r\n\r\n").into_bytes()
            );
        }
        let Outcome::NotSent(why) = &exchanges[20].outcome else {
            panic!("{:?}", exchanges[20]);
        };
        assert!(why.contains("was sent 20 times"), "{why}");
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_excess() {
        let excess = |exchange: &Exchange| match &exchange.outcome {
            Outcome::Response(response) => String::from_utf8_lossy(&response.excess).into_owned(),
            other => panic!("{other:?}"),
        };
        let server = Server::canned(&["HTTP/1.1 204 No\r\n\r\nbody"]).await;
        assert_eq!(
            excess(&talk(&server, &[r#""target": "/""#]).await[0]),
            "body"
        );
        let server = Server::canned(&["HTTP/1.1 200 OK\r\n\r\nbody"]).await;
        assert_eq!(excess(&talk(&server, &[r#""target": "/""#]).await[0]), "");

        // Only what comes behind the last answer of a connection is excess.
        const BOTH: &str = "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab";
        let server = Server::canned(&[BOTH]).await;
        let members = [
            r#""raw": ["GET /\r\n\r\n"]"#,
            r#""raw": [], "connection": "same""#,
        ];
        let exchanges = talk(&server, &members).await;
        assert_eq!(statuses(&exchanges), [204, 200]);
        assert_eq!(
            (excess(&exchanges[0]), excess(&exchanges[1])),
            (String::new(), "b".to_owned())
        );

        // A server that keeps the connection open is not waited for.
        let server = Server::new(async |mut accepted| {
            accepted.head().await;
            accepted.write(A).await;
            hang().await;
        })
        .await;
        let started = Instant::now();
        assert_eq!(excess(&talk(&server, &[r#""target": "/""#]).await[0]), "");
        assert!(started.elapsed() < Duration::from_millis(500));
    }

    #[tokio::test]
    async fn an_answer_may_come_before_the_request_is_sent() {
        let server = Server::new(async |mut accepted| {
            accepted.head().await;
            accepted
                .write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                .await;
            hang().await;
        })
        .await;
        let exchanges = talk(
            &server,
            &[
                r#""target": "/", "body": {"repeat": {"pattern": "x", "length": 16000000}}"#,
                r#""target": "/", "connection": "same""#,
            ],
        )
        .await;
        assert_eq!(status(&exchanges[0]), 413);
        assert_eq!(exchanges[0].sent.len(), EXCERPT);
        assert!(exchanges[0].sent_length > 16_000_000);
        let Outcome::NotSent(why) = &exchanges[1].outcome else {
            panic!("{:?}", exchanges[1]);
        };
        assert!(why.contains("before it had come completely"), "{why}");
    }

    #[tokio::test]
    async fn a_server_that_answers_early_and_closes_has_closed() {
        for lingers in [false, true] {
            let server = Server::new(move |mut accepted| async move {
                accepted.head().await;
                accepted
                    .write("HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                    .await;
                let _ = accepted.stream.shutdown().await;
                // What it then leaves unread makes a reset of its closing.
                sleep(EXCESS).await;
                if lingers {
                    hang().await;
                }
            })
            .await;
            let exchanges = talk(
                &server,
                &[
                    r#""target": "/", "body": {"repeat": {"pattern": "x", "length": 16000000}}"#,
                    r#""target": "/", "connection": "same""#,
                ],
            )
            .await;
            assert_eq!(status(&exchanges[0]), 404);
            assert_eq!(
                exchanges[1].outcome,
                Outcome::Closed(vec![]),
                "lingers: {lingers}"
            );
        }
    }

    #[tokio::test]
    async fn a_request_that_awaits_the_others_goes_on_when_they_are_answered() {
        let answered = Arc::new(AtomicUsize::new(0));
        let server = Server::new(move |mut accepted| {
            let answered = answered.clone();
            async move {
                accepted.read().await;
                if accepted.received().starts_with("wait") {
                    while accepted.read().await {}
                    assert_eq!(answered.load(Ordering::SeqCst), 3);
                } else {
                    sleep(EXCESS).await;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                accepted.write(A).await;
                accepted.drain().await;
            }
        })
        .await;
        let started = Instant::now();
        let exchanges = talk(
            &server,
            &[
                r#""target": "/later", "host": false, "answer": "later""#,
                r#""raw": ["wait{{copy}}", {"await": "others"}, "-end", {"close": "write"}],
                   "answer": "later", "copies": 3"#,
                r#""target": "/", "host": false, "copies": 2"#,
            ],
        )
        .await;
        assert_eq!(statuses(&exchanges), [200; 6]);
        assert!(started.elapsed() < LIMITS.answer);
        // The next request is not sent before all copies wait.
        let received = server.received();
        let mut waiting: Vec<&str> = received.iter().take(4).map(String::as_str).collect();
        waiting.sort_unstable();
        let later = "GET /later HTTP/1.1\r\n\r\n";
        assert_eq!(waiting, [later, "wait0-end", "wait1-end", "wait2-end"]);
    }

    #[tokio::test]
    async fn others_that_are_not_answered_are_awaited_to_the_end_of_their_time() {
        let server = Server::new(async |mut accepted| {
            accepted.read().await;
            if !accepted.received().starts_with("wait") {
                hang().await;
            }
            while accepted.read().await {}
            sleep(LIMITS.answer / 2).await;
            accepted.write(A).await;
        })
        .await;
        let started = Instant::now();
        let members = [
            r#""raw": ["wait", {"await": "others"}, {"close": "write"}], "answer": "later""#,
            r#""target": "/""#,
        ];
        let exchanges = talk(&server, &members).await;
        assert_eq!(status(&exchanges[0]), 200);
        assert!(matches!(exchanges[1].outcome, Outcome::TimedOut { .. }));
        assert!(started.elapsed() < LIMITS.answer * 3);

        // A connection that cannot be made keeps nobody.
        let started = Instant::now();
        let exchanges = talk(&Server::closed().await, &members).await;
        assert!(
            exchanges
                .iter()
                .all(|e| matches!(e.outcome, Outcome::Unreachable(_)))
        );
        assert!(started.elapsed() < LIMITS.answer);

        // Nor do requests that await each other, which the format does not allow.
        let members = [
            r#""raw": ["wait", {"await": "others"}, {"close": "both"}], "answer": "later""#,
            r#""raw": ["wait", {"await": "others"}, {"close": "both"}], "answer": "later""#,
        ];
        let started = Instant::now();
        let exchanges = talk(&server, &members).await;
        assert!(
            exchanges
                .iter()
                .all(|e| e.outcome == Outcome::Closed(vec![]))
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_request_that_awaits_an_interim_answer_goes_on_behind_it() {
        const GO: &str = "HTTP/1.1 100 Go\r\n\r\n";
        let members = [r#""raw": ["GET /\r\n\r\n", {"await": "continue"}, "body"]"#];
        for (first, then, interim, received) in [
            (GO, A, &[100][..], "GET /\r\n\r\nbody"),
            // Whoever answers is not sent a body.
            (A, "", &[], "GET /\r\n\r\n"),
        ] {
            let server = Server::new(move |mut accepted| async move {
                accepted.head().await;
                accepted.write(first).await;
                if !then.is_empty() {
                    accepted.read().await;
                }
                accepted.write(then).await;
                accepted.drain().await;
            })
            .await;
            let started = Instant::now();
            let exchanges = talk(&server, &members).await;
            match &exchanges[0].outcome {
                Outcome::Response(response) => assert_eq!(response.interim, interim),
                other => panic!("{other:?}"),
            }
            assert_eq!(server.received(), [received]);
            assert!(started.elapsed() < LIMITS.answer);
        }

        // A server that waits for the body waits in vain.
        let server = Server::new(async |mut accepted| {
            accepted.head().await;
            accepted.read().await;
            accepted.write(A).await;
        })
        .await;
        let started = Instant::now();
        let exchanges = talk(&server, &members).await;
        assert!(
            matches!(&exchanges[0].outcome, Outcome::TimedOut { received } if received.is_empty())
        );
        assert!(started.elapsed() >= LIMITS.answer && started.elapsed() < LIMITS.answer * 2);
        assert_eq!(server.received(), ["GET /\r\n\r\n"]);
    }

    #[tokio::test]
    async fn both_directions_may_be_full_at_once() {
        const LENGTH: usize = 8_000_000;
        let server = Server::new(async |mut accepted| {
            accepted.head().await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
            accepted.write(&head).await;
            // A guest that copies: it reads on when it has got rid of what it read before.
            let mut octets = [b'x'; 5000];
            for _ in 0..LENGTH / octets.len() {
                let (mut read, mut write) = accepted.stream.split();
                write.write_all(&octets).await.expect("the client reads");
                // Some came together with the head, and is not waited for.
                let _ = timeout(EXCESS, read.read(&mut octets)).await;
            }
            hang().await;
        })
        .await;
        let body = format!(r#""body": {{"repeat": {{"pattern": "x", "length": {LENGTH}}}}}"#);
        let exchanges = talk(&server, &[&format!(r#""target": "/", {body}"#)]).await;
        assert_eq!(status(&exchanges[0]), 200);
    }

    #[tokio::test]
    async fn pauses_and_closing_are_kept() {
        let server = Server::new(async |mut accepted| {
            while accepted.read().await {}
            accepted.write(A).await;
        })
        .await;
        let started = Instant::now();
        let exchanges = talk(
            &server,
            &[r#""raw": ["a", {"pause-ms": 800}, "b", {"close": "write"}]"#],
        )
        .await;
        assert_eq!(status(&exchanges[0]), 200);
        assert!(started.elapsed() >= Duration::from_millis(800));

        let exchanges = talk(
            &server,
            &[
                r#""raw": ["c", {"close": "both"}]"#,
                r#""raw": [], "connection": "same""#,
            ],
        )
        .await;
        assert_eq!(exchanges[0].outcome, Outcome::Closed(vec![]));
        assert!(exchanges[0].duration < Duration::from_millis(500));
        assert!(matches!(&exchanges[1].outcome, Outcome::NotSent(why) if why.contains("client")));
        while server.received() != ["ab", "c"] {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{:?}",
                server.received()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_request_on_a_connection_that_the_server_ended_finds_it_closed() {
        let server = Server::canned(&[A]).await;
        let members = [r#""target": "/""#, r#""target": "/", "connection": "same""#];
        let exchanges = talk(&server, &members).await;
        assert_eq!(status(&exchanges[0]), 200);
        assert_eq!(exchanges[1].outcome, Outcome::Closed(vec![]));
    }

    #[tokio::test]
    async fn a_request_without_a_connection_to_share_is_not_sent() {
        let server = Server::canned(&[A]).await;
        for (members, part) in [
            (&[r#""raw": [], "connection": "same""#][..], "there is none"),
            (
                &[
                    r#""target": "/", "client": "ordinary""#,
                    r#""raw": [], "connection": "pipelined""#,
                ],
                "ordinary client does not share",
            ),
            (
                &[
                    r#""target": "/{{unknown}}""#,
                    r#""raw": [], "connection": "same""#,
                ],
                "was not sent",
            ),
            (
                &[r#""target": "/{{unknown}}""#],
                "unknown placeholder `{{unknown}}`",
            ),
        ] {
            match &talk(&server, members).await.last().expect("one").outcome {
                Outcome::NotSent(why) => assert!(why.contains(part), "{why}"),
                other => panic!("{members:?} gives {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn no_server_can_keep_the_client() {
        let is_closed: fn(&Outcome) -> bool = |outcome| *outcome == Outcome::Closed(vec![]);
        let is_unreachable: fn(&Outcome) -> bool = |o| matches!(o, Outcome::Unreachable(_));
        let is_late: fn(&Outcome) -> bool = |o| matches!(o, Outcome::TimedOut { .. });
        let is_garbage: fn(&Outcome) -> bool = |o| matches!(o, Outcome::NotHttp { .. });
        let is_head: fn(&Outcome) -> bool = |o| matches!(o, Outcome::TooLarge { what: "head", .. });
        let is_body: fn(&Outcome) -> bool = |o| matches!(o, Outcome::TooLarge { what: "body", .. });
        let is_not_sent: fn(&Outcome) -> bool = |o| matches!(o, Outcome::NotSent(_));

        let drip = async |mut accepted: Accepted| {
            accepted.head().await;
            accepted.write("HTTP/1.1 200 OK\r\n\r\n").await;
            loop {
                accepted.write("x").await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ok = "HTTP/1.1 200 OK\r\n";
        for (name, server, alone, pipelined, same) in [
            (
                "closed port",
                Server::closed().await,
                is_unreachable,
                is_unreachable,
                is_not_sent,
            ),
            (
                "closes",
                Server::new(async |_| ()).await,
                is_closed,
                is_closed,
                is_closed,
            ),
            (
                "silent",
                Server::silent().await,
                is_late,
                is_late,
                is_not_sent,
            ),
            (
                "drip",
                Server::new(drip).await,
                is_late,
                is_late,
                is_not_sent,
            ),
            (
                "garbage",
                Server::endless("\0\u{1}", "ab").await,
                is_garbage,
                is_garbage,
                is_not_sent,
            ),
            (
                "fields",
                Server::endless(ok, "A: b\r\n").await,
                is_head,
                is_garbage,
                is_not_sent,
            ),
            (
                "field",
                Server::endless(ok, "a").await,
                is_head,
                is_garbage,
                is_not_sent,
            ),
            (
                "body",
                Server::endless("HTTP/1.1 200 OK\r\n\r\n", "a").await,
                is_body,
                is_garbage,
                is_not_sent,
            ),
            (
                "interim",
                Server::endless("", "HTTP/1.1 100 Go\r\n\r\n").await,
                is_head,
                is_garbage,
                is_not_sent,
            ),
        ] {
            let started = Instant::now();
            let exchanges = talk(
                &server,
                &[
                    r#""target": "/""#,
                    r#""target": "/", "connection": "pipelined""#,
                    r#""target": "/", "connection": "same""#,
                ],
            )
            .await;
            let outcomes: Vec<&Outcome> = exchanges.iter().map(|e| &e.outcome).collect();
            assert!(alone(outcomes[0]), "{name}: {:?}", outcomes[0]);
            assert!(pipelined(outcomes[1]), "{name}: {:?}", outcomes[1]);
            assert!(same(outcomes[2]), "{name}: {:?}", outcomes[2]);
            assert!(started.elapsed() < Duration::from_secs(5), "{name}");
        }
    }

    fn acceptor() -> TlsAcceptor {
        let signed =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("names");
        let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key.expect("a key"))
            .expect("a certificate");
        TlsAcceptor::from(Arc::new(config))
    }

    #[tokio::test]
    async fn https_goes_through_tls_unless_told_otherwise() {
        let acceptor = acceptor();
        let mut server = Server::new(move |accepted| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(accepted.stream).await else {
                    return;
                };
                let mut octets = [0; 1000];
                for answer in [A, B] {
                    let _ = stream.read(&mut octets).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                let _ = stream.shutdown().await;
            }
        })
        .await;
        server.endpoint.scheme = Scheme::Https;
        let exchanges = talk(
            &server,
            &[
                r#""target": "/""#,
                r#""target": "/", "connection": "same""#,
                r#""target": "/", "tls": false"#,
                r#""target": "/", "client": "ordinary""#,
                r#""target": "/", "copies": 3"#,
            ],
        )
        .await;
        assert_eq!(statuses(&exchanges[..2]), [200, 201]);
        assert_eq!(exchanges[2].outcome, Outcome::Closed(vec![]));
        assert_eq!(statuses(&exchanges[3..]), [200; 4]);
    }

    #[tokio::test]
    async fn a_server_that_does_not_do_tls_is_unreachable() {
        let silent: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::TimedOut { .. });
        let other: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Unreachable(_));
        let plain = Server::new(async |mut accepted| {
            accepted.read().await;
            accepted.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
            accepted.drain().await;
        });
        for (mut server, is_right) in [
            (Server::silent().await, silent),
            (Server::canned(&[]).await, other),
            (plain.await, other),
        ] {
            server.endpoint.scheme = Scheme::Https;
            let started = Instant::now();
            let exchanges = talk(&server, &[r#""target": "/""#]).await;
            let outcome = &exchanges[0].outcome;
            assert!(is_right(outcome), "{outcome:?}");
            assert!(started.elapsed() < LIMITS.connect * 2);
        }
    }

    #[tokio::test]
    async fn limits_may_be_as_long_as_one_likes() {
        let server = Server::canned(&[A]).await;
        let limits = Limits {
            answer: Duration::MAX,
            connect: Duration::MAX,
            ..LIMITS
        };
        for client in ["exact", "ordinary"] {
            let request = request(&format!(r#""target": "/", "client": "{client}""#));
            let requests = requests(&format!("[{request}]"));
            let values = values(&server.endpoint);
            let exchanges = converse(&requests, &server.endpoint, &values, &limits).await;
            assert_eq!(statuses(&exchanges), [200]);
        }
    }

    #[tokio::test]
    async fn every_request_and_copy_has_an_exchange() {
        let requests = requests(&format!("[{}]", request(r#""raw": [], "copies": 2"#)));
        let endpoint = Server::closed().await.endpoint;
        let context = Context {
            values: values(&endpoint),
            requests,
            endpoint,
            limits: LIMITS,
            others: Others::new(watch::channel(()).1, Instant::now()),
        };
        let places: Vec<_> = context
            .complete(Vec::new())
            .iter()
            .map(|e| (e.request, e.copy))
            .collect();
        assert_eq!(places, [(0, 0), (0, 1)]);
    }
}
