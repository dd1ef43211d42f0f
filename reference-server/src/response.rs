//! The guest's output as a response (chapter `response`).

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use crate::errors::Failure;
use crate::request::Field;

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status: 200 to 599.
    pub status: u16,
    /// The header fields, without those by which the HTTP library frames the message.
    pub fields: Vec<Field>,
    /// The length to announce as Content-Length; none where a response has no such field.
    pub length: Option<u64>,
    /// The bytes to send after the header: none of them for HEAD and for statuses without a
    /// body.
    pub body: Bytes,
}

/// Where the head of an output ends and its body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadEnd {
    /// The length of the head, the end of its last line included.
    pub head: usize,
    /// The place of the first byte of the body.
    pub body: usize,
}

/// Finds the first empty line, which ends the head; none if there is no such line.
///
/// A line ends with LF or with CR LF. Rules `response.head.lf-ends-block`,
/// `response.head.crlf-ends-block`, `response.head.mixed-line-ends`, `response.head.lone-cr`,
/// `response.body.begins-after-first-empty-line`.
pub fn find_head_end(output: &[u8]) -> Option<HeadEnd> {
    let mut start = 0;
    for line in output.split_inclusive(|&byte| byte == b'\n') {
        let end = start + line.len();
        if line == b"\n" || line == b"\r\n" {
            return Some(HeadEnd {
                head: start,
                body: end,
            });
        }
        start = end;
    }
    None
}

/// The lines of a head, without their ends: LF, or CR LF. Rule
/// `response.head.mixed-line-ends`.
pub fn split_lines(head: &[u8]) -> Vec<&[u8]> {
    head.split_inclusive(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect()
}

/// Reads one line of a head: a name, a colon and a value, from which white space around it is
/// taken away.
///
/// A line that is no valid field makes the whole output invalid: one without a colon, with a
/// name that is no token (so also one that begins with white space, which is never a
/// continuation of the line before), or with a control byte in its value. Rules
/// `response.fields.white-space`, `response.fields.colon-in-value`,
/// `response.head.continuation`, `response.fields.invalid-name`,
/// `response.fields.invalid-value`.
pub fn parse_line(line: &[u8]) -> Result<Field, Failure> {
    let shown = || String::from_utf8_lossy(line).escape_debug().to_string();
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Err(Failure::bad_output(format!(
            "the guest wrote a header line without a colon: \"{}\"",
            shown()
        )));
    };
    let (name, value) = line.split_at(colon);
    let value = trim(value.strip_prefix(b":").unwrap_or(value));
    if HeaderName::from_bytes(name).is_err() {
        return Err(Failure::bad_output(format!(
            "the guest wrote a header line with an invalid name: \"{}\"",
            shown()
        )));
    }
    if HeaderValue::from_bytes(value).is_err() {
        return Err(Failure::bad_output(format!(
            "the guest wrote a header line with a control character in its value: \"{}\"",
            shown()
        )));
    }
    // A token is ASCII, so that nothing is lost here.
    Ok(Field::new(String::from_utf8_lossy(name), value))
}

/// `bytes` without spaces and tabs at its ends.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_content = |&byte: &u8| byte != b' ' && byte != b'\t';
    let start = bytes.iter().position(is_content).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_content)
        .map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// The value of a CGI field, which may occur once only; none if it is absent or empty.
///
/// Rules `response.fields.name-case`, `response.content-type.empty`, `response.status.empty`;
/// see also `response.fields.repeated-cgi-field`.
pub fn cgi_field<'a>(fields: &'a [Field], name: &str) -> Result<Option<&'a [u8]>, Failure> {
    let mut values = fields
        .iter()
        .filter(|field| field.is(name) && !field.value.is_empty())
        .map(|field| field.value.as_slice());
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Failure::bad_output(format!(
            "the guest wrote the field {name} twice"
        ))),
    }
}

/// Reads the value of a Status field: a code from 200 to 599, alone or followed by a space and
/// any text. Rules `response.status.code`, `response.status.invalid`,
/// `response.status.no-1xx`; see also `response.status.above-599`.
pub fn parse_status(value: &[u8]) -> Result<u16, Failure> {
    let code = value.split(|&byte| byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(code)
        .ok()
        .filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|code| code.parse().ok())
        .filter(|code| (200..=599).contains(code))
        .ok_or_else(|| {
            Failure::bad_output(format!(
                "the guest's status is not a code from 200 to 599: \"{}\"",
                value.escape_ascii()
            ))
        })
}

/// The status of the response, from the guest's CGI fields: what Status says, otherwise 302 with
/// a Location and 200 with a Content-Type. Output with none of them is invalid.
///
/// Rules `response.status.wins-over-location`, `response.status.default`,
/// `response.status.alone`, `response.location.absolute`, `response.invalid.no-cgi-field`; see
/// also `response.location.local`.
pub fn choose_status(
    status: Option<u16>,
    location: Option<&[u8]>,
    content_type: Option<&[u8]>,
) -> Result<u16, Failure> {
    match (status, location, content_type) {
        (Some(code), _, _) => Ok(code),
        (None, Some(_), _) => Ok(302),
        (None, None, Some(_)) => Ok(200),
        (None, None, None) => Err(Failure::bad_output(
            "the guest wrote none of the fields Content-Type, Status and Location",
        )),
    }
}

/// Whether a field of the guest is not sent to the client: the status, which has a place of its
/// own, CGI fields without a value, and what the server decides itself to frame the message and
/// to keep the connection.
///
/// Rules `response.framing.content-length`, `response.framing.transfer-encoding`,
/// `response.framing.connection`, `response.content-type.empty`.
pub fn drops(field: &Field) -> bool {
    const SERVER_DECIDES: [&str; 9] = [
        "status",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ];
    let empty_cgi_field =
        field.value.is_empty() && (field.is("content-type") || field.is("location"));
    empty_cgi_field || SERVER_DECIDES.iter().any(|name| field.is(name))
}

/// The length to announce and the body to send, for the body that the guest wrote: no body for
/// HEAD, and neither body nor length for a status that has none.
///
/// Rules `response.body.verbatim`, `response.head-request.no-body`,
/// `response.status.bodyless`, `response.status.reset-content`.
pub fn frame(method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
    match status {
        204 | 304 => (None, Bytes::new()),
        205 => (Some(0), Bytes::new()),
        _ if method == "HEAD" => (Some(body.len() as u64), Bytes::new()),
        _ => (Some(body.len() as u64), body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_heads() {
        type Row = (&'static [u8], Option<(usize, usize)>);
        let table: [Row; 12] = [
            (b"A: b\n\nx", Some((5, 6))),
            (b"A: b\r\n\r\nx", Some((6, 8))),
            (b"A: b\n\r\nx", Some((5, 7))),
            (b"A: b\r\n\nx", Some((6, 7))),
            (b"A: b\n\n\nx", Some((5, 6))),
            (b"\nx", Some((0, 1))),
            (b"A: b\n\n", Some((5, 6))),
            (b"A: b\n", None),
            (b"A: b", None),
            (b"", None),
            (b"A: b\r\rx", None),
            (b"A: b\r\r\n\n", Some((7, 8))),
        ];
        for (output, expected) in table {
            let expected = expected.map(|(head, body)| HeadEnd { head, body });
            assert_eq!(find_head_end(output), expected, "{}", output.escape_ascii());
        }
    }

    #[test]
    fn lines() {
        let table: [(&[u8], &[&[u8]]); 4] = [
            (b"", &[]),
            (b"a\nb\r\n", &[b"a", b"b"]),
            (b"a\r\r\n", &[b"a\r"]),
            (b"a\rb\n", &[b"a\rb"]),
        ];
        for (head, expected) in table {
            assert_eq!(split_lines(head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn valid_lines() {
        let table: [(&[u8], &str, &[u8]); 7] = [
            (b"X-A: b", "X-A", b"b"),
            (b"X-A:b", "X-A", b"b"),
            (b"X-A:\t \tb c\t", "X-A", b"b c"),
            (b"X-Time: 12:30:00", "X-Time", b"12:30:00"),
            (b"X-A:", "X-A", b""),
            (b"X-A: \xe9\tx", "X-A", b"\xe9\tx"),
            (b"!#$%&'*+-.^_`|~: x", "!#$%&'*+-.^_`|~", b"x"),
        ];
        for (line, name, value) in table {
            assert_eq!(parse_line(line), Ok(Field::new(name, value)));
        }
    }

    #[test]
    fn invalid_lines() {
        let table: [&[u8]; 10] = [
            b"no colon",
            b"",
            b": x",
            b"X A: x",
            b"X-A : x",
            b" X-A: x",
            b"\tcontinued",
            b"X-\xc3\xa9: x",
            b"X-A: a\rX-B: b",
            b"X-A: a\0b",
        ];
        for line in table {
            let status = parse_line(line).map_err(|failure| failure.status);
            assert_eq!(status, Err(500), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn statuses() {
        let table: [(&[u8], Result<u16, u16>); 16] = [
            (b"404", Ok(404)),
            (b"404 Not Found", Ok(404)),
            (b"200 ", Ok(200)),
            (b"599", Ok(599)),
            (b"299 x", Ok(299)),
            (b"404Not", Err(500)),
            (b"99", Err(500)),
            (b"099", Err(500)),
            (b"100", Err(500)),
            (b"199", Err(500)),
            (b"600", Err(500)),
            (b"1000", Err(500)),
            (b"-1", Err(500)),
            (b"+20", Err(500)),
            (b"OK", Err(500)),
            (b"", Err(500)),
        ];
        for (value, expected) in table {
            let status = parse_status(value).map_err(|failure| failure.status);
            assert_eq!(status, expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn choosing_a_status() {
        type Value = Option<&'static [u8]>;
        type Row = (Option<u16>, Value, Value, Result<u16, u16>);
        let table: [Row; 7] = [
            (Some(404), None, None, Ok(404)),
            (Some(301), Some(b"http://x/"), None, Ok(301)),
            (Some(200), Some(b"http://x/"), Some(b"text/plain"), Ok(200)),
            (None, Some(b"http://x/"), None, Ok(302)),
            (None, Some(b"http://x/"), Some(b"text/plain"), Ok(302)),
            (None, None, Some(b"text/plain"), Ok(200)),
            (None, None, None, Err(500)),
        ];
        for (status, location, content_type, expected) in table {
            let chosen = choose_status(status, location, content_type);
            assert_eq!(chosen.map_err(|failure| failure.status), expected);
        }
    }

    #[test]
    fn cgi_fields() {
        let fields = [
            Field::new("CONTENT-TYPE", ""),
            Field::new("content-type", "text/plain"),
            Field::new("Status", "200"),
            Field::new("status", "200"),
            Field::new("Location", ""),
        ];
        assert_eq!(
            cgi_field(&fields, "Content-Type"),
            Ok(Some(&b"text/plain"[..]))
        );
        assert_eq!(cgi_field(&fields, "Location"), Ok(None));
        assert_eq!(cgi_field(&fields, "Status").map_err(|f| f.status), Err(500));
    }

    #[test]
    fn dropped_fields() {
        for (name, value, expected) in [
            ("Status", "404", true),
            ("Content-Length", "3", true),
            ("TRANSFER-ENCODING", "chunked", true),
            ("connection", "close", true),
            ("Content-Type", "", true),
            ("Content-Type", "text/plain", false),
            ("Location", "/x", false),
            ("X-Empty", "", false),
            ("Set-Cookie", "a=b", false),
        ] {
            assert_eq!(drops(&Field::new(name, value)), expected, "{name}: {value}");
        }
    }

    #[test]
    fn framing() {
        let table = [
            ("GET", 200, Some(1), "x"),
            ("HEAD", 200, Some(1), ""),
            ("head", 200, Some(1), "x"),
            ("GET", 204, None, ""),
            ("HEAD", 304, None, ""),
            ("GET", 205, Some(0), ""),
        ];
        for (method, status, length, body) in table {
            let framed = frame(method, status, Bytes::from_static(b"x"));
            assert_eq!(framed, (length, Bytes::from(body)), "{method} {status}");
        }
    }
}
