//! From a request as a case writes it to what goes over the wire. Nothing here reads or writes.

use std::time::Duration;

use crate::case::bytes::Bytes;
use crate::case::placeholder::{Placeholders, UnknownPlaceholder};
use crate::case::request::{
    Await, Client, Close, Composed, Framing, Message, Step, StepForm, Version,
};
use crate::case::text_or::TextOr;

/// A name and a value, or whatever a case writes in their places.
pub type Field = (Vec<u8>, Vec<u8>);

/// A request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The method, on which the framing of the answer depends; for octets as they stand, their
    /// first word.
    pub method: Vec<u8>,
    /// What a client does, in order.
    pub actions: Vec<Action>,
    /// The parts of a composed request.
    pub parts: Option<Parts>,
}

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It sends these octets.
    Send(Vec<u8>),
    /// It sends nothing for so long.
    Pause(Duration),
    /// It sends nothing until this has come.
    Await(Await),
    /// It closes its sending side, or goes away.
    Close(Close),
}

/// The parts of a composed request, with placeholders expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: Vec<u8>,
    /// The version in the request line.
    pub version: Version,
    /// The fields in order, Host included, without the one that tells the framing.
    pub fields: Vec<Field>,
    /// The content.
    pub body: Option<Vec<u8>>,
    /// How the content's end is told.
    pub framing: PartsFraming,
    /// Which client sends it.
    pub client: Client,
}

/// How the end of the content is told, with placeholders expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartsFraming {
    /// By `Content-Length`.
    ContentLength,
    /// Not at all.
    None,
    /// By chunks.
    Chunked {
        /// Their sizes, repeated until the content's end.
        sizes: Vec<usize>,
        /// What follows the size of every chunk but the last, empty one.
        extension: Vec<u8>,
        /// The fields after the last chunk.
        trailers: Vec<Field>,
    },
}

/// What a client does to send `message`, with the placeholders of `values` expanded.
///
/// # Errors
/// A placeholder that `values` does not know.
pub fn prepare(message: &Message, values: &Placeholders) -> Result<Prepared, UnknownPlaceholder> {
    match message {
        Message::Composed(composed) => {
            let parts = Parts::resolve(composed, values)?;
            Ok(Prepared {
                method: parts.method.clone().into_bytes(),
                actions: vec![Action::Send(parts.octets())],
                parts: Some(parts),
            })
        }
        Message::Raw(steps) => {
            let actions = actions(steps, values)?;
            let first = actions.iter().find_map(|action| match action {
                Action::Send(octets) => Some(first_word(octets)),
                Action::Pause(_) | Action::Await(_) | Action::Close(_) => None,
            });
            Ok(Prepared {
                method: first.unwrap_or_default().to_vec(),
                actions,
                parts: None,
            })
        }
    }
}

/// `actions` with neighbouring octets put together, so that they are written together.
pub fn together(actions: impl IntoIterator<Item = Action>) -> Vec<Action> {
    let mut whole: Vec<Action> = Vec::new();
    for action in actions {
        match (whole.last_mut(), action) {
            (Some(Action::Send(before)), Action::Send(octets)) => before.extend(octets),
            (_, action) => whole.push(action),
        }
    }
    whole
}

fn actions(steps: &[Step], values: &Placeholders) -> Result<Vec<Action>, UnknownPlaceholder> {
    let action = |step: &Step| {
        Ok(match step {
            TextOr::Text(text) => Action::Send(values.expand(text)?.into_bytes()),
            TextOr::Form(StepForm::PauseMs(pause)) => Action::Pause(Duration::from_millis(*pause)),
            TextOr::Form(StepForm::Await(thing)) => Action::Await(*thing),
            TextOr::Form(StepForm::Close(side)) => Action::Close(*side),
            TextOr::Form(form) => match form.octets() {
                Some(octets) => Action::Send(octets.resolve(values)?),
                None => Action::Send(Vec::new()),
            },
        })
    };
    let actions: Vec<Action> = steps.iter().map(action).collect::<Result<_, _>>()?;
    let meaningful = |action: &Action| *action != Action::Send(Vec::new());
    Ok(together(actions.into_iter().filter(meaningful)))
}

/// The octets before the first space, leaving out empty lines before them.
fn first_word(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| !b"\r\n".contains(octet));
    let rest = octets.get(start.unwrap_or(0)..).unwrap_or_default();
    let end = rest.iter().position(|octet| b" \r\n".contains(octet));
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

impl Parts {
    fn resolve(composed: &Composed, values: &Placeholders) -> Result<Self, UnknownPlaceholder> {
        let mut fields = resolve_fields(&composed.fields, values)?;
        let is_host = |(name, _): &Field| name.eq_ignore_ascii_case(b"host");
        if composed.host && !fields.iter().any(is_host) {
            let authority = values.expand("{{authority}}")?;
            fields.insert(0, (b"Host".to_vec(), authority.into_bytes()));
        }
        let framing = match &composed.framing {
            Framing::ContentLength => PartsFraming::ContentLength,
            Framing::None => PartsFraming::None,
            Framing::Chunked(chunked) => PartsFraming::Chunked {
                sizes: chunked.sizes.clone(),
                extension: values.expand(&chunked.extension)?.into_bytes(),
                trailers: resolve_fields(&chunked.trailers, values)?,
            },
        };
        Ok(Self {
            method: values.expand(&composed.method)?,
            target: composed.target.resolve(values)?,
            version: composed.version,
            fields,
            body: (composed.body.as_ref())
                .map(|body| body.resolve(values))
                .transpose()?,
            framing,
            client: composed.client,
        })
    }

    /// The request as it goes over the wire: request line, the fields as `name: value`, the field
    /// that tells the framing, an empty line, the content. Lines end in CRLF.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = self.head();
        let body = self.body.as_deref().unwrap_or_default();
        match &self.framing {
            PartsFraming::ContentLength | PartsFraming::None => octets.extend_from_slice(body),
            PartsFraming::Chunked {
                sizes,
                extension,
                trailers,
            } => {
                chunk(body, sizes, extension, &mut octets);
                for trailer in trailers {
                    push_field(trailer, &mut octets);
                }
                octets.extend_from_slice(b"\r\n");
            }
        }
        octets
    }

    /// The octets up to and including the empty line.
    pub fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend_from_slice(self.method.as_bytes());
        head.push(b' ');
        head.extend_from_slice(&self.target);
        head.push(b' ');
        head.extend_from_slice(self.version.as_str().as_bytes());
        head.extend_from_slice(b"\r\n");
        for field in &self.fields {
            push_field(field, &mut head);
        }
        match &self.framing {
            PartsFraming::None => {}
            PartsFraming::ContentLength => {
                let length = self.body.as_ref().map_or(0, Vec::len);
                head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
            }
            PartsFraming::Chunked { .. } => {
                head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

fn resolve_fields(
    fields: &[(Bytes, Bytes)],
    values: &Placeholders,
) -> Result<Vec<Field>, UnknownPlaceholder> {
    let resolve =
        |(name, value): &(Bytes, Bytes)| Ok((name.resolve(values)?, value.resolve(values)?));
    fields.iter().map(resolve).collect()
}

fn push_field((name, value): &Field, octets: &mut Vec<u8>) {
    octets.extend_from_slice(name);
    octets.extend_from_slice(b": ");
    octets.extend_from_slice(value);
    octets.extend_from_slice(b"\r\n");
}

/// Appends `body` in chunks of `sizes`, over and over, and the last, empty chunk
/// (RFC 9112 section 7.1, up to the trailers).
fn chunk(body: &[u8], sizes: &[usize], extension: &[u8], octets: &mut Vec<u8>) {
    let mut rest = body;
    // A size of zero would be the last chunk; case files hold none.
    let mut sizes = sizes.iter().copied().filter(|size| *size > 0).cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
        let (data, behind) = rest.split_at(size);
        octets.extend_from_slice(format!("{size:x}").as_bytes());
        octets.extend_from_slice(extension);
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(data);
        octets.extend_from_slice(b"\r\n");
        rest = behind;
    }
    octets.extend_from_slice(b"0\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::request::Request;

    fn values() -> Placeholders {
        Placeholders::new(["h:1", "h", "1", "http", "n0nce", "0"].map(str::to_owned))
    }

    fn prepared(members: &str) -> Prepared {
        let json = format!(r#"{{{members}, "expect": "closed"}}"#);
        let request: Request = serde_json::from_str(&json).expect(members);
        prepare(&request.message, &values()).expect("known placeholders")
    }

    fn sent(members: &str) -> String {
        let [Action::Send(octets)] = &prepared(members).actions[..] else {
            panic!("{members} is not sent in one piece");
        };
        octets.escape_ascii().to_string()
    }

    #[test]
    fn a_composed_request_is_written_as_it_stands() {
        for (members, octets) in [
            (r#""target": "/""#, r"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n"),
            (
                r#""target": "/a/../%7e?", "version": "1.0", "host": false"#,
                r"GET /a/../%7e? HTTP/1.0\r\n\r\n",
            ),
            (
                r#""method": "gEt", "target": {"base64": "L/8g"}"#,
                r"gEt /\xff  HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ),
            (
                r#""target": "/{{nonce}}", "fields": [["X-a", "1"], ["hoST", "é"], ["x-A", ""]]"#,
                r"GET /n0nce HTTP/1.1\r\nX-a: 1\r\nhoST: \xc3\xa9\r\nx-A: \r\n\r\n",
            ),
            (
                r#""target": "*", "body": "", "fields": [["A", "b"]]"#,
                r"GET * HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: 0\r\n\r\n",
            ),
            (
                r#""target": "/", "method": "POST", "body": {"repeat": {"pattern": "ab", "length": 3}}"#,
                r"POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\naba",
            ),
            (
                r#""target": "/", "host": false, "body": "rest", "framing": "none",
                   "fields": [["Content-Length", "2"]]"#,
                r"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nrest",
            ),
        ] {
            assert_eq!(sent(members), octets, "{members}");
        }
    }

    #[test]
    fn a_chunked_body_is_cut_as_asked() {
        let head = r"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (body, chunked, octets) in [
            ("", r#""sizes": [1]"#, r"0\r\n\r\n"),
            (
                "abc",
                r#""sizes": [1]"#,
                r"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n",
            ),
            (
                "abcdef",
                r#""sizes": [1, 3]"#,
                r"1\r\na\r\n3\r\nbcd\r\n1\r\ne\r\n1\r\nf\r\n0\r\n\r\n",
            ),
            (
                "0123456789abcdef",
                r#""sizes": [99]"#,
                r"10\r\n0123456789abcdef\r\n0\r\n\r\n",
            ),
            (
                "ab",
                r#""sizes": [2], "extension": ";a=\"b\"", "trailers": [["X", "{{host}}"]]"#,
                r#"2;a=\"b\"\r\nab\r\n0\r\nX: h\r\n\r\n"#,
            ),
        ] {
            let members = format!(
                r#""target": "/", "host": false, "body": "{body}",
                   "framing": {{"chunked": {{{chunked}}}}}"#
            );
            assert_eq!(sent(&members), format!("{head}{octets}"), "{members}");
        }
    }

    #[test]
    fn raw_steps_stay_in_order() {
        let send = |text: &str| Action::Send(text.into());
        for (raw, method, actions) in [
            ("[]", "", vec![]),
            (r#"["", ""]"#, "", vec![]),
            (r#"["HE", "AD / x"]"#, "HEAD", vec![send("HEAD / x")]),
            (
                r#"["\r\nGET /", {"pause-ms": 20}, {"repeat": {"pattern": "a", "length": 2}}, {"close": "write"}]"#,
                "GET",
                vec![
                    send("\r\nGET /"),
                    Action::Pause(Duration::from_millis(20)),
                    send("aa"),
                    Action::Close(Close::Write),
                ],
            ),
            (
                r#"["GET", {"await": "continue"}, " /", "x"]"#,
                "GET",
                vec![send("GET"), Action::Await(Await::Continue), send(" /x")],
            ),
            (
                r#"[{"concat": ["{{port}}", {"base64": "AA=="}]}, {"close": "both"}]"#,
                "1\0",
                vec![send("1\0"), Action::Close(Close::Both)],
            ),
        ] {
            let prepared = prepared(&format!(r#""raw": {raw}"#));
            assert_eq!(prepared.method, method.as_bytes(), "{raw}");
            assert_eq!(prepared.actions, actions, "{raw}");
            assert_eq!(prepared.parts, None);
        }
    }

    #[test]
    fn an_unknown_placeholder_is_told() {
        let request: Request =
            serde_json::from_str(r#"{"target": "/{{nonc}}", "expect": "closed"}"#).expect("JSON");
        let error = prepare(&request.message, &values()).expect_err("unknown");
        assert_eq!(error, UnknownPlaceholder("nonc".to_owned()));
    }
}
