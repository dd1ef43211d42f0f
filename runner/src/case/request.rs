//! A request as a case writes it: octet for octet, and on which connection it goes.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bytes::{Base64, Bytes, BytesForm, Repeat};
use super::expect::Expectation;
use super::text_or::TextOr;

/// One request of a case, and what it must be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RequestJson", into = "RequestJson")]
pub struct Request {
    /// What is sent.
    pub message: Message,
    /// On which connection it is sent.
    pub connection: Connection,
    /// Whether it goes through TLS where the target's scheme is `https`.
    pub tls: bool,
    /// When the answer is waited for.
    pub answer: AnswerTime,
    /// How many times it is sent at once, each on a connection of its own with its own `{{copy}}`.
    pub copies: usize,
    /// Where in the JSON bodies of the answers to the copies a value stands that no two of them
    /// share: a JSON Pointer (RFC 6901).
    pub distinct: Option<String>,
    /// What is demanded of the answer.
    pub demand: Demand,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A request composed from its parts.
    Composed(Box<Composed>),
    /// Octets and pauses, as they stand.
    Raw(Vec<Step>),
}

/// A request composed from its parts, each reaching the wire as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// The method, a token.
    pub method: String,
    /// The request target.
    pub target: Bytes,
    /// The version in the request line.
    pub version: Version,
    /// Whether `Host: {{authority}}` is sent first (never when `fields` has a Host).
    pub host: bool,
    /// The fields, in order.
    pub fields: Vec<(Bytes, Bytes)>,
    /// The content, if any.
    pub body: Option<Bytes>,
    /// How the content's end is told.
    pub framing: Framing,
    /// Which client sends it.
    pub client: Client,
}

/// What is demanded of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// It is one of the allowed answers.
    Expect(Expectation),
    /// Nothing: it is recorded which named behaviour it shows, the first that holds.
    Observe(IndexMap<String, Expectation>),
}

/// On which connection a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// A new one.
    #[default]
    New,
    /// That of the request before, after its answer.
    Same,
    /// That of the request before, together with it and before any answer is read.
    Pipelined,
}

/// When the answer to a request is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerTime {
    /// Before the next request is sent.
    #[default]
    Now,
    /// After the last request of the case: the following ones run meanwhile.
    Later,
}

/// Which client sends a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// One that sends exactly what is written, octet for octet.
    #[default]
    Exact,
    /// An everyday HTTP client library, which may add fields (such as Accept) and write names in
    /// lower case.
    Ordinary,
}

/// The version in the request line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// `HTTP/1.0`
    #[serde(rename = "1.0")]
    Http10,
    /// `HTTP/1.1`
    #[default]
    #[serde(rename = "1.1")]
    Http11,
}

/// How the end of the content is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// A last field `Content-Length` with the body's length.
    ContentLength,
    /// No field is added: the body, if any, follows as it is.
    None,
    /// A last field `Transfer-Encoding: chunked`, and chunks.
    Chunked(Chunked),
}

/// How a chunked body is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chunked {
    /// The sizes of the chunks in octets, repeated until the body's end; not empty, none zero.
    pub sizes: Vec<usize>,
    /// Text after each chunk's size, for example `;name=value`; not after that of the last, empty
    /// chunk.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extension: String,
    /// Fields after the last chunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<(Bytes, Bytes)>,
}

/// One step of a raw request: octets, a time in which nothing is sent, or the end of what the
/// client sends.
pub type Step = TextOr<StepForm>;

/// The object forms of [`Step`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepForm {
    /// These octets.
    Base64(Base64),
    /// These octets.
    Repeat(Repeat),
    /// These octets.
    Concat(Vec<Bytes>),
    /// Nothing is sent for so many milliseconds, at most 10000.
    PauseMs(u64),
    /// Nothing is sent until this has come.
    Await(Await),
    /// The client closes its sending side (`write`), or the whole connection (`both`) without
    /// reading an answer.
    Close(Close),
}

/// What a client waits for before it goes on with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Await {
    /// All other requests of the case have been answered, or have run out of their time.
    Others,
    /// The head of an interim (1xx) or final answer. After a final one the rest is not sent.
    Continue,
}

/// Which side of a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// The client will not send any more, but reads.
    Write,
    /// The client goes away.
    Both,
}

impl StepForm {
    /// The octets, when the step sends some.
    pub fn octets(&self) -> Option<BytesForm> {
        match self {
            Self::Base64(octets) => Some(BytesForm::Base64(octets.clone())),
            Self::Repeat(repeat) => Some(BytesForm::Repeat(repeat.clone())),
            Self::Concat(parts) => Some(BytesForm::Concat(parts.clone())),
            Self::PauseMs(_) | Self::Await(_) | Self::Close(_) => None,
        }
    }
}

impl Message {
    /// Whether the client waits for one of these things before it has sent everything.
    pub fn awaits(&self, things: &[Await]) -> bool {
        let waits = |step: &Step| matches!(step, Step::Form(StepForm::Await(thing)) if things.contains(thing));
        match self {
            Self::Composed(_) => false,
            Self::Raw(steps) => steps.iter().any(waits),
        }
    }
}

impl Version {
    /// The protocol version as the request line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// One request of a case, and what it must be answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Request")]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RequestJson {
    /// The request as octets, pauses, waiting and closing steps; excludes every member that composes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<Vec<Step>>,
    /// The method; `GET` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// The request target, as it stands in the request line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Bytes>,
    /// The version in the request line; `1.1` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    /// `false`: no field Host is sent. Otherwise `Host: {{authority}}` comes first, unless
    /// `fields` has a Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<bool>,
    /// The fields, pairs of name and value, in order and as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(Bytes, Bytes)>,
    /// The content; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Bytes>,
    /// How the content's end is told; `content-length` if there is a body, else `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    framing: Option<Framing>,
    /// Which client sends it; `exact` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<Client>,
    /// On which connection it is sent; `new` unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    connection: Connection,
    /// `false`: the octets go over TCP without TLS, even to a target whose scheme is `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<bool>,
    /// When the answer is waited for; `now` unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    answer: AnswerTime,
    /// How many times it is sent at once, each on a connection of its own with its own `{{copy}}`
    /// (0, 1, …); once unless given, at most 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copies: Option<usize>,
    /// The answers to the copies have JSON bodies, and the value to which this JSON Pointer
    /// (RFC 6901) points differs in each of them from that in every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinct: Option<String>,
    /// The answers that are allowed. Exactly one of `expect` and `observe` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Expectation>,
    /// Named behaviours of the rule, in the order in which they are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observe: Option<IndexMap<String, Expectation>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The most copies of one request that are sent at once.
const MAX_COPIES: usize = 200;
/// The longest pause, in milliseconds.
const MAX_PAUSE_MS: u64 = 10_000;

impl TryFrom<RequestJson> for Request {
    type Error = String;

    fn try_from(json: RequestJson) -> Result<Self, String> {
        let demand = match (json.expect, json.observe) {
            (Some(expectation), None) => Demand::Expect(expectation),
            (None, Some(behaviours)) if !behaviours.is_empty() => Demand::Observe(behaviours),
            (None, Some(_)) => return Err("`observe` names no behaviour".to_owned()),
            (None, None) => {
                return Err("a request needs `expect` or `observe`: it asserts nothing".to_owned());
            }
            (Some(_), Some(_)) => {
                return Err("a request has `expect` or `observe`, not both".to_owned());
            }
        };
        let copies = json.copies.unwrap_or(1);
        if !(1..=MAX_COPIES).contains(&copies) {
            return Err(format!("`copies` is {copies}: it may be 1 to {MAX_COPIES}"));
        }
        if copies > 1 && json.connection != Connection::New {
            return Err(
                "`copies` need connections of their own: leave out `connection`".to_owned(),
            );
        }
        if let Some(pointer) = &json.distinct {
            check_distinct(pointer, copies, &demand)?;
        }
        let composes = json.method.is_some()
            || json.target.is_some()
            || json.version.is_some()
            || json.host.is_some()
            || !json.fields.is_empty()
            || json.body.is_some()
            || json.framing.is_some()
            || json.client.is_some();
        let message = match (json.raw, json.target) {
            (Some(steps), _) if !composes => Message::Raw(checked_steps(steps)?),
            (Some(_), _) => {
                return Err(
                    "`raw` is the whole request: it excludes method, target, version, host, \
                     fields, body, framing and client"
                        .to_owned(),
                );
            }
            (None, None) => return Err("a request needs `target` or `raw`".to_owned()),
            (None, Some(target)) => {
                let default_framing = match json.body {
                    Some(_) => Framing::ContentLength,
                    None => Framing::None,
                };
                let composed = Composed {
                    method: json.method.unwrap_or_else(|| "GET".to_owned()),
                    target,
                    version: json.version.unwrap_or_default(),
                    host: json.host.unwrap_or(true),
                    fields: json.fields,
                    body: json.body,
                    framing: json.framing.unwrap_or(default_framing),
                    client: json.client.unwrap_or_default(),
                };
                composed.check(json.connection)?;
                Message::Composed(Box::new(composed))
            }
        };
        check_awaits(&message, json.connection, json.answer)?;
        Ok(Self {
            message,
            connection: json.connection,
            tls: json.tls.unwrap_or(true),
            answer: json.answer,
            copies,
            distinct: json.distinct,
            demand,
        })
    }
}

fn check_distinct(pointer: &str, copies: usize, demand: &Demand) -> Result<(), String> {
    if copies < 2 {
        return Err(
            "`distinct` compares the answers to `copies`, of which there must be 2 or more"
                .to_owned(),
        );
    }
    if matches!(demand, Demand::Observe(_)) {
        return Err("`distinct` is a demand: it goes with `expect`, not with `observe`".to_owned());
    }
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!(
            "`distinct` is `{pointer}`, which is no JSON Pointer: write `/{pointer}` for a member of that name"
        ));
    }
    Ok(())
}

fn check_awaits(
    message: &Message,
    connection: Connection,
    answer: AnswerTime,
) -> Result<(), String> {
    let Message::Raw(steps) = message else {
        return Ok(());
    };
    if !message.awaits(&[Await::Others, Await::Continue]) {
        return Ok(());
    }
    if connection != Connection::New {
        return Err(
            "a request that awaits something needs its own connection: leave out `connection`"
                .to_owned(),
        );
    }
    if message.awaits(&[Await::Others]) && answer != AnswerTime::Later {
        return Err(
            "`await: others` needs `answer: later`, so that others are sent meanwhile".to_owned(),
        );
    }
    let awaits = |step: &Step| matches!(step, Step::Form(StepForm::Await(Await::Continue)));
    let silent = |step: &Step| match step {
        Step::Text(text) => text.is_empty(),
        Step::Form(form) => form.octets().is_none(),
    };
    let before = steps
        .iter()
        .position(awaits)
        .and_then(|place| steps.get(..place));
    if before.is_some_and(|before| before.iter().all(silent)) {
        return Err(
            "`await: continue` waits for an answer, but nothing is sent before it".to_owned(),
        );
    }
    Ok(())
}

fn checked_steps(steps: Vec<Step>) -> Result<Vec<Step>, String> {
    let closes = |step: &Step| matches!(step, Step::Form(StepForm::Close(_)));
    if let Some(closing) = steps.iter().position(closes)
        && closing + 1 < steps.len()
    {
        return Err("nothing can be sent after a closing step".to_owned());
    }
    for step in &steps {
        if let Step::Form(StepForm::PauseMs(pause)) = step
            && *pause > MAX_PAUSE_MS
        {
            return Err(format!(
                "a pause of {pause} ms is longer than the {MAX_PAUSE_MS} ms allowed"
            ));
        }
    }
    Ok(steps)
}

impl Composed {
    fn check(&self, connection: Connection) -> Result<(), String> {
        if let Framing::Chunked(Chunked { sizes, .. }) = &self.framing {
            if self.body.is_none() {
                return Err("chunked framing needs a `body` (it may be \"\")".to_owned());
            }
            if sizes.is_empty() || sizes.contains(&0) {
                return Err("chunk `sizes` must not be empty or hold 0".to_owned());
            }
        }
        if matches!(self.framing, Framing::ContentLength) && self.body.is_none() {
            return Err("content-length framing needs a `body` (it may be \"\")".to_owned());
        }
        let everyday = self.version == Version::Http11
            && self.host
            && !matches!(self.framing, Framing::Chunked(_))
            && connection == Connection::New;
        if self.client == Client::Ordinary && !everyday {
            return Err(
                "an ordinary client sends HTTP/1.1 with Host and without chunks, and picks its \
                 own connection"
                    .to_owned(),
            );
        }
        if self.client == Client::Ordinary && self.body.is_some() && self.framing == Framing::None {
            return Err("an ordinary client tells the length of a body".to_owned());
        }
        Ok(())
    }
}

impl From<Request> for RequestJson {
    fn from(request: Request) -> Self {
        let (expect, observe) = match request.demand {
            Demand::Expect(expectation) => (Some(expectation), None),
            Demand::Observe(behaviours) => (None, Some(behaviours)),
        };
        let common = Self {
            connection: request.connection,
            tls: (!request.tls).then_some(false),
            answer: request.answer,
            copies: (request.copies != 1).then_some(request.copies),
            distinct: request.distinct,
            expect,
            observe,
            ..Self::default()
        };
        match request.message {
            Message::Raw(steps) => Self {
                raw: Some(steps),
                ..common
            },
            // Every default is written out: a reader of the bundle need not know them.
            Message::Composed(composed) => Self {
                method: Some(composed.method),
                target: Some(composed.target),
                version: Some(composed.version),
                host: Some(composed.host),
                fields: composed.fields,
                body: composed.body,
                framing: Some(composed.framing),
                client: Some(composed.client),
                ..common
            },
        }
    }
}

impl JsonSchema for Request {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RequestJson::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RequestJson::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        serde_json::from_str::<Request>(json)
            .expect_err("not a request")
            .to_string()
    }

    #[test]
    fn a_request_that_asserts_nothing_is_refused() {
        assert!(error(r#"{"target": "/"}"#).contains("asserts nothing"));
        assert!(error(r#"{"target": "/", "observe": {}}"#).contains("names no behaviour"));
        assert!(error(r#"{"expect": "closed"}"#).contains("needs `target` or `raw`"));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(error(r#"{"raw": ["x"], "target": "/", "expect": "closed"}"#).contains("excludes"));
        assert!(
            error(r#"{"target": "/", "framing": {"chunked": {"sizes": [1]}}, "expect": "closed"}"#)
                .contains("needs a `body`")
        );
        assert!(error(r#"{"target": "/", "copies": 0, "expect": "closed"}"#).contains("1 to 200"));
        assert!(
            error(r#"{"target": "/", "client": "ordinary", "version": "1.0", "expect": "closed"}"#)
                .contains("ordinary client")
        );
    }

    #[test]
    fn a_request_that_would_wait_for_itself_is_refused() {
        for (members, part) in [
            (
                r#""raw": ["x", {"await": "others"}]"#,
                "needs `answer: later`",
            ),
            (
                r#""raw": ["x", {"await": "others"}], "answer": "later", "connection": "same""#,
                "needs its own connection",
            ),
            (
                r#""raw": ["x", {"await": "continue"}], "connection": "pipelined""#,
                "needs its own connection",
            ),
            (
                r#""raw": ["", {"pause-ms": 1}, {"await": "continue"}, "x"]"#,
                "nothing is sent before it",
            ),
            (
                r#""raw": ["x", {"await": "other"}]"#,
                "expected `others` or `continue`",
            ),
        ] {
            let found = error(&format!(r#"{{{members}, "expect": "closed"}}"#));
            assert!(found.contains(part), "{members}: {found}");
        }
    }

    #[test]
    fn what_cannot_be_distinct_is_refused() {
        for (members, part) in [
            (r#""distinct": "/a", "expect": "closed""#, "2 or more"),
            (
                r#""copies": 2, "distinct": "/a", "observe": {"a": "closed"}"#,
                "goes with `expect`",
            ),
            (
                r#""copies": 2, "distinct": "a", "expect": "closed""#,
                "write `/a`",
            ),
        ] {
            let found = error(&format!(r#"{{"target": "/", {members}}}"#));
            assert!(found.contains(part), "{members}: {found}");
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        let request: Request =
            serde_json::from_str(r#"{"target": "/a", "body": "x", "expect": "closed"}"#)
                .expect("a request");
        let Message::Composed(composed) = &request.message else {
            panic!("not composed");
        };
        assert_eq!(composed.method, "GET");
        assert_eq!(composed.framing, Framing::ContentLength);
        let written = serde_json::to_string(&request).expect("JSON");
        let again: Request = serde_json::from_str(&written).expect("the same request");
        assert_eq!(again, request);
    }
}
