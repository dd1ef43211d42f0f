//! Reading HTTP/1 responses: strictly, and within limits.
//!
//! The grammar and the framing are those of RFC 9112. A library is kind to servers: it takes a
//! line feed alone for a line's end, or drops a reason phrase it does not like. A conformance
//! runner must see such faults (a server that passes on a guest's own lines makes them), so the
//! few lines of grammar are read here, and the first thing that is wrong is told.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{EXCERPT, Limits, Outcome, Response};

/// Reads one response after the other from a connection.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// What was received and not yet read as a part of a response.
    buffer: BytesMut,
    /// The first octets of the response that is being read.
    excerpt: Vec<u8>,
    /// How the connection ended, once it has.
    end: Option<String>,
    /// What was seen of the response that is being read.
    seen: watch::Sender<Seen>,
}

/// What was seen of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No head.
    Nothing,
    /// The head of an interim response.
    Interim,
    /// The head of the final response, or that none will come.
    Final,
}

/// Why reading a response stopped.
enum Fault {
    /// The connection ended before the first octet.
    Closed,
    /// The connection ended in the middle.
    Ended,
    /// What came is not HTTP.
    NotHttp(String),
    /// A part is too long.
    TooLarge(&'static str, usize),
}

/// How the end of a response's content is told (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// There is no content.
    Nothing,
    /// By chunks.
    Chunked,
    /// It has so many octets.
    Exactly(usize),
    /// It lasts until the connection ends.
    UntilClose,
}

/// What was read of a response so far.
#[derive(Default)]
struct Progress {
    interim: Vec<u16>,
    response: Option<(Response, Length)>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// A reader of what `source` gives.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
            excerpt: Vec::new(),
            end: None,
            seen: watch::Sender::new(Seen::Nothing),
        }
    }

    /// Follows what is seen of the next response.
    pub fn follow(&self) -> watch::Receiver<Seen> {
        self.seen.send_replace(Seen::Nothing);
        self.seen.subscribe()
    }

    /// Reads the answer to a request with this method, interim responses before it included,
    /// until time is `up`. Octets behind it stay for the next answer.
    pub async fn response(
        &mut self,
        method: &[u8],
        limits: &Limits,
        up: impl Future<Output = ()>,
    ) -> Outcome {
        self.excerpt = self.buffer.iter().copied().take(EXCERPT).collect();
        let mut progress = Progress::default();
        let end = tokio::select! {
            biased;
            end = self.read(method, limits, &mut progress) => Some(end),
            () = up => None,
        };
        self.seen.send_replace(Seen::Final);
        let received = std::mem::take(&mut self.excerpt);
        match end {
            None => Outcome::TimedOut { received },
            Some(Ok(response)) => Outcome::Response(response),
            Some(Err(Fault::Closed)) => Outcome::Closed(progress.interim),
            Some(Err(Fault::NotHttp(why))) => Outcome::NotHttp { why, received },
            Some(Err(Fault::TooLarge(what, limit))) => Outcome::TooLarge { what, limit },
            Some(Err(Fault::Ended)) => Outcome::Incomplete {
                why: format!(
                    "the connection {} {}",
                    self.end.as_deref().unwrap_or("ended"),
                    progress.place()
                ),
                response: progress.response.map(|(response, _)| response),
                received,
            },
        }
    }

    /// What comes behind the last response, at most [`EXCERPT`] octets: waits until the
    /// connection ends, but no longer than `wait`.
    pub async fn excess(&mut self, wait: Duration) -> Vec<u8> {
        let reading = async { while self.buffer.len() < EXCERPT && self.fill().await.is_ok() {} };
        // Running out of time is how a connection that is kept alive shows that it is silent.
        let _ = timeout(wait, reading).await;
        self.buffer.iter().copied().take(EXCERPT).collect()
    }

    /// Whether the connection ends here, without another octet, within `wait`.
    pub async fn ends(&mut self, wait: Duration) -> bool {
        self.buffer.is_empty() && matches!(timeout(wait, self.fill()).await, Ok(Err(_)))
    }

    async fn read(
        &mut self,
        method: &[u8],
        limits: &Limits,
        progress: &mut Progress,
    ) -> Result<Response, Fault> {
        let mut budget = Budget {
            left: limits.max_head,
            limit: limits.max_head,
        };
        let head = loop {
            let head = self.head(&mut budget).await?;
            // 101 ends HTTP on this connection: it is an answer, and nothing comes after it.
            match head.status {
                100 | 102..=199 => progress.interim.push(head.status),
                _ => break head,
            }
            self.seen.send_replace(Seen::Interim);
        };
        self.seen.send_replace(Seen::Final);
        let length = length(method, &head, limits.max_body)?;
        let (response, _) = progress.response.insert((
            Response {
                interim: std::mem::take(&mut progress.interim),
                ..head
            },
            length,
        ));
        match length {
            Length::Nothing => {}
            Length::Exactly(octets) => self.take(octets, &mut response.body).await?,
            Length::Chunked => self.chunks(response, &mut budget, limits.max_body).await?,
            Length::UntilClose => self.rest(&mut response.body, limits.max_body).await?,
        }
        Ok(std::mem::take(response))
    }

    /// Reads status line and fields.
    async fn head(&mut self, budget: &mut Budget) -> Result<Response, Fault> {
        if self.buffer.is_empty() {
            self.fill().await.map_err(|_| Fault::Closed)?;
        }
        self.expect_http().await?;
        let line = self.line(budget).await?;
        let (version, status, reason) = status_line(&line).map_err(Fault::NotHttp)?;
        Ok(Response {
            version,
            status,
            reason,
            fields: self.fields(budget).await?,
            ..Response::default()
        })
    }

    /// Finds out whether HTTP comes at all, without waiting for a line's end.
    async fn expect_http(&mut self) -> Result<(), Fault> {
        const START: &[u8] = b"HTTP/";
        loop {
            let (seen, due): (Vec<u8>, Vec<u8>) =
                (self.buffer.iter().copied().zip(START.iter().copied())).unzip();
            if seen != due {
                return Err(Fault::NotHttp(
                    "it does not begin with `HTTP/`, as a status line does".to_owned(),
                ));
            }
            if seen.len() == START.len() {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Reads fields and the empty line behind them.
    async fn fields(&mut self, budget: &mut Budget) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Fault> {
        let mut fields = Vec::new();
        loop {
            let line = self.line(budget).await?;
            if line.is_empty() {
                return Ok(fields);
            }
            fields.push(field_line(&line).map_err(Fault::NotHttp)?);
        }
    }

    /// Reads a line, and gives it without its CRLF.
    async fn line(&mut self, budget: &mut Budget) -> Result<BytesMut, Fault> {
        let mut searched = 0;
        loop {
            let unsearched = self.buffer.get(searched..).unwrap_or_default();
            if let Some(place) = unsearched.iter().position(|octet| *octet == b'\n') {
                let length = searched + place;
                budget.spend(length + 1)?;
                let mut line = self.buffer.split_to(length);
                self.buffer.advance(1);
                if line.last() != Some(&b'\r') {
                    return Err(Fault::NotHttp(format!(
                        "the line `{}` ends in a line feed alone, not in CRLF",
                        shown(&line)
                    )));
                }
                line.truncate(length.saturating_sub(1));
                return Ok(line);
            }
            searched = self.buffer.len();
            budget.allows(searched)?;
            self.fill().await?;
        }
    }

    /// Moves the next `octets` octets to `body`.
    async fn take(&mut self, octets: usize, body: &mut Vec<u8>) -> Result<(), Fault> {
        let mut left = octets;
        loop {
            let some = self.buffer.split_to(left.min(self.buffer.len()));
            body.extend_from_slice(&some);
            left -= some.len();
            if left == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Moves everything up to the end of the connection to `body`.
    async fn rest(&mut self, body: &mut Vec<u8>, limit: usize) -> Result<(), Fault> {
        loop {
            body.extend_from_slice(&self.buffer.split());
            if body.len() > limit {
                return Err(Fault::TooLarge("body", limit));
            }
            if let Err(fault) = self.fill().await {
                // Only an orderly end is the end of the content (RFC 9112 section 9.8).
                return match self.end.as_deref() {
                    Some(ORDERLY_END) => Ok(()),
                    _ => Err(fault),
                };
            }
        }
    }

    /// Reads chunks and trailers (RFC 9112 section 7.1).
    async fn chunks(
        &mut self,
        response: &mut Response,
        budget: &mut Budget,
        limit: usize,
    ) -> Result<(), Fault> {
        loop {
            // Size lines do not count as head: there may be one for each octet of the content.
            let mut line_budget = Budget {
                left: MAX_CHUNK_LINE,
                limit: MAX_CHUNK_LINE,
            };
            let line = self.line(&mut line_budget).await?;
            let size = chunk_size(&line).map_err(Fault::NotHttp)?;
            if size == 0 {
                response.trailers = self.fields(budget).await?;
                return Ok(());
            }
            let fits = usize::try_from(size).ok();
            let fits = fits.filter(|size| *size <= limit.saturating_sub(response.body.len()));
            let size = fits.ok_or(Fault::TooLarge("body", limit))?;
            self.take(size, &mut response.body).await?;
            let mut behind = Vec::new();
            self.take(2, &mut behind).await?;
            if behind != b"\r\n" {
                return Err(Fault::NotHttp(format!(
                    "a chunk of {size} octets is followed by `{}`, not by CRLF",
                    behind.escape_ascii()
                )));
            }
        }
    }

    /// Receives some octets.
    async fn fill(&mut self) -> Result<(), Fault> {
        if self.end.is_some() {
            return Err(Fault::Ended);
        }
        self.buffer.reserve(RECEIVE);
        let before = self.buffer.len();
        let end = match self.source.read_buf(&mut self.buffer).await {
            Ok(0) => ORDERLY_END.to_owned(),
            Ok(_) => {
                let room = EXCERPT.saturating_sub(self.excerpt.len());
                let new = self.buffer.iter().skip(before).take(room);
                self.excerpt.extend(new);
                return Ok(());
            }
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionReset => "was reset".to_owned(),
                io::ErrorKind::UnexpectedEof => "ended without TLS's closing message".to_owned(),
                _ => format!("failed ({error})"),
            },
        };
        self.end = Some(end);
        Err(Fault::Ended)
    }
}

/// So many octets are received at once.
const RECEIVE: usize = 32 << 10;
/// A chunk's size and extensions may take so many octets.
const MAX_CHUNK_LINE: usize = 16 << 10;
/// How a connection ends in good order.
const ORDERLY_END: &str = "was closed";

/// The octets that heads and trailers may still take.
struct Budget {
    left: usize,
    limit: usize,
}

impl Budget {
    fn allows(&self, octets: usize) -> Result<(), Fault> {
        if octets > self.left {
            return Err(Fault::TooLarge("head", self.limit));
        }
        Ok(())
    }

    fn spend(&mut self, octets: usize) -> Result<(), Fault> {
        self.allows(octets)?;
        self.left -= octets;
        Ok(())
    }
}

impl Progress {
    /// Where in a response the reader is, for "the connection was closed …".
    fn place(&self) -> String {
        match &self.response {
            None => "within the head of the response".to_owned(),
            Some((response, Length::Exactly(octets))) => format!(
                "after {} of the {octets} octets that Content-Length announces",
                response.body.len()
            ),
            Some((response, Length::Chunked)) => format!(
                "before the last chunk, after {} octets of content",
                response.body.len()
            ),
            Some((response, Length::UntilClose | Length::Nothing)) => {
                format!("after {} octets of content", response.body.len())
            }
        }
    }
}

/// Reads a status line (RFC 9112 section 4). The space before an empty reason phrase may be
/// missing, as every client has it.
fn status_line(line: &[u8]) -> Result<(String, u16, Vec<u8>), String> {
    let refuse = |why: &str| Err(format!("the status line `{}` {why}", shown(line)));
    let (version, rest) = split_at_first(line, b' ');
    let version = match version {
        b"HTTP/1.1" => "HTTP/1.1",
        b"HTTP/1.0" => "HTTP/1.0",
        _ => return refuse("has another version than HTTP/1.1 or HTTP/1.0"),
    };
    let (code, reason) = split_at_first(rest.unwrap_or_default(), b' ');
    let status = match code {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => [a, b, c]
            .into_iter()
            .fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
        _ => return refuse("has no status code of three digits, the first not 0"),
    };
    let reason = reason.unwrap_or_default();
    if !reason.iter().copied().all(is_field_octet) {
        return refuse("has a control character in its reason phrase");
    }
    Ok((version.to_owned(), status, reason.to_vec()))
}

/// Reads a field line (RFC 9112 section 5).
fn field_line(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let refuse = |why: &str| Err(format!("the field line `{}` {why}", shown(line)));
    if line.first().is_some_and(|octet| b" \t".contains(octet)) {
        return refuse("begins with white space, as only obsolete folded lines do");
    }
    let (name, Some(value)) = split_at_first(line, b':') else {
        return refuse("has no colon");
    };
    if name.is_empty() || !name.iter().copied().all(is_token_octet) {
        return refuse("has a name that is not a token");
    }
    let value = trimmed(value);
    if !value.iter().copied().all(is_field_octet) {
        return refuse("has a control character in its value");
    }
    Ok((name.to_vec(), value.to_vec()))
}

/// Reads the line before a chunk: a size in hexadecimal, perhaps extensions.
fn chunk_size(line: &[u8]) -> Result<u64, String> {
    let (size, extension) = split_at_first(line, b';');
    let size = if extension.is_some() {
        trimmed(size)
    } else {
        size
    };
    let text = str::from_utf8(size).unwrap_or_default();
    // `from_str_radix` would also take a sign.
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(format!("`{}` is not the size of a chunk", shown(line)));
    }
    // What 64 bits cannot hold is too large in any case.
    Ok(u64::from_str_radix(text, 16).unwrap_or(u64::MAX))
}

/// How the end of the content is told (RFC 9112 section 6.3).
fn length(method: &[u8], head: &Response, limit: usize) -> Result<Length, Fault> {
    let values = |wanted: &str| -> Vec<&[u8]> {
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(wanted.as_bytes());
        let fields = head.fields.iter().filter(named);
        fields
            .flat_map(|(_, value)| value.split(|octet| *octet == b','))
            .map(trimmed)
            .collect()
    };
    let refuse = |why: String| Err(Fault::NotHttp(why));
    let bodiless = matches!(head.status, 101 | 204 | 304);
    let tunnel = method == b"CONNECT" && (200..300).contains(&head.status);
    if method == b"HEAD" || bodiless || tunnel {
        return Ok(Length::Nothing);
    }
    let codings = values("transfer-encoding");
    let lengths = values("content-length");
    if !codings.is_empty() {
        if !lengths.is_empty() {
            return refuse("it has both Transfer-Encoding and Content-Length".to_owned());
        }
        if head.version == "HTTP/1.0" {
            return refuse("it has Transfer-Encoding, which HTTP/1.0 does not know".to_owned());
        }
        return match codings.as_slice() {
            [coding] if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
            _ => refuse(format!(
                "its Transfer-Encoding is `{}`: a client that sends no TE knows `chunked` only",
                shown(&codings.join(&b", "[..]))
            )),
        };
    }
    let Some((first, others)) = lengths.split_first() else {
        return Ok(Length::UntilClose);
    };
    if others.iter().any(|other| other != first) {
        return refuse(format!(
            "it has differing Content-Lengths: `{}`",
            shown(&lengths.join(&b", "[..]))
        ));
    }
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return refuse(format!("its Content-Length is `{}`", shown(first)));
    }
    // What does not fit into a number is too large in any case.
    let octets = str::from_utf8(first)
        .ok()
        .and_then(|digits| digits.parse().ok());
    match octets {
        Some(octets) if octets <= limit => Ok(Length::Exactly(octets)),
        _ => Err(Fault::TooLarge("body", limit)),
    }
}

fn split_at_first(octets: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = octets.splitn(2, |octet| *octet == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

/// `value` without the spaces and tabs around it.
fn trimmed(value: &[u8]) -> &[u8] {
    let outer = |octet: &u8| b" \t".contains(octet);
    let start = value.iter().position(|octet| !outer(octet));
    let end = value.iter().rposition(|octet| !outer(octet));
    match (start, end) {
        (Some(start), Some(end)) => value.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

/// Whether `octet` may stand in a token (RFC 9110 section 5.6.2).
fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// Whether `octet` may stand in a field's value (RFC 9110 section 5.5) or a reason phrase.
fn is_field_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7F)
}

/// The beginning of a line, with invisible octets made visible.
fn shown(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    match line.get(..SHOWN) {
        Some(start) => format!("{}…", start.escape_ascii()),
        None => line.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;
    use tokio::time::Instant;

    use super::*;

    const LIMITS: Limits = Limits {
        answer: Duration::from_secs(1),
        connect: Duration::from_secs(1),
        max_head: 300,
        max_body: 50,
    };

    /// Gives octets in pieces of one size, and then ends, or fails, or stays silent.
    struct Pieces<'a> {
        octets: &'a [u8],
        size: usize,
        end: Option<io::ErrorKind>,
        silent: bool,
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.octets.is_empty() {
                return match self.end {
                    Some(kind) => Poll::Ready(Err(kind.into())),
                    None if self.silent => Poll::Pending,
                    None => Poll::Ready(Ok(())),
                };
            }
            let size = self.size.min(self.octets.len()).min(buffer.remaining());
            let (now, later) = self.octets.split_at(size);
            buffer.put_slice(now);
            self.octets = later;
            Poll::Ready(Ok(()))
        }
    }

    fn pieces(octets: &[u8], size: usize) -> Reader<Pieces<'_>> {
        Reader::new(Pieces {
            octets,
            size,
            end: None,
            silent: false,
        })
    }

    async fn read_from(reader: &mut Reader<Pieces<'_>>, method: &str) -> Outcome {
        let up = tokio::time::sleep(Duration::from_millis(200));
        reader.response(method.as_bytes(), &LIMITS, up).await
    }

    /// Reads `octets` in pieces of every size, which must make no difference, except to how much
    /// was received when a fault was found.
    async fn read(method: &str, octets: &[u8]) -> Outcome {
        let whole = read_from(&mut pieces(octets, usize::MAX), method).await;
        for size in 1..octets.len().min(40) {
            let mut again = read_from(&mut pieces(octets, size), method).await;
            if let Outcome::NotHttp { received, .. } = &mut again {
                assert!(octets.starts_with(received));
                *received = octets.to_vec();
            }
            assert_eq!(
                again,
                whole,
                "in pieces of {size}: {}",
                octets.escape_ascii()
            );
        }
        whole
    }

    async fn response(method: &str, octets: &str) -> Response {
        match read(method, octets.as_bytes()).await {
            Outcome::Response(response) => response,
            other => panic!("{octets:?} gives {other:?}"),
        }
    }

    async fn body(method: &str, octets: &str) -> String {
        String::from_utf8(response(method, octets).await.body).expect("UTF-8")
    }

    #[tokio::test]
    async fn a_head_is_read_as_it_stands() {
        let read = response(
            "GET",
            "HTTP/1.1 404 Not  Found\r\nX-a:1\r\nx-A: \t b c \t\r\nE:\r\nContent-Length:0\r\n\r\n",
        )
        .await;
        assert_eq!(read.version, "HTTP/1.1");
        assert_eq!(
            (read.status, read.reason.as_slice()),
            (404, &b"Not  Found"[..])
        );
        let field = |name: &str, value: &str| (name.into(), value.into());
        assert_eq!(
            read.fields,
            [
                field("X-a", "1"),
                field("x-A", "b c"),
                field("E", ""),
                field("Content-Length", "0")
            ]
        );
        assert_eq!(response("GET", "HTTP/1.0 999\r\n\r\n").await.status, 999);
        assert_eq!(response("GET", "HTTP/1.0 200 \r\n\r\n").await.reason, b"");
        assert_eq!(
            response("GET", "HTTP/1.0 200 é\r\n\r\n").await.reason,
            "é".as_bytes()
        );
    }

    #[tokio::test]
    async fn the_content_ends_where_its_framing_says() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
        for (method, octets, content) in [
            (
                "GET",
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
                "abc",
            ),
            (
                "GET",
                "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabcd",
                "abc",
            ),
            (
                "GET",
                "HTTP/1.1 200 OK\r\n\r\nuntil the end",
                "until the end",
            ),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\nexcess", ""),
            (
                "GET",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
                "",
            ),
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ""),
            (
                "HEAD",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "",
            ),
            (
                "head",
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                "abc",
            ),
            ("CONNECT", "HTTP/1.1 200 OK\r\n\r\ntunnel", ""),
            ("GET", &format!("{chunked}0\r\n\r\n"), ""),
            (
                "GET",
                &format!("{chunked}1\r\na\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
                "a0123456789",
            ),
            (
                "GET",
                &format!("{chunked}1 ; a=\"b\"\r\na\r\n0;x\r\n\r\nHTTP"),
                "a",
            ),
        ] {
            assert_eq!(body(method, octets).await, content, "{method} {octets:?}");
        }
        let trailed = response("GET", &format!("{chunked}1\r\na\r\n0\r\nX: y\r\n\r\n")).await;
        assert_eq!(trailed.trailers, [(b"X".to_vec(), b"y".to_vec())]);
    }

    #[tokio::test]
    async fn interim_responses_come_before_the_answer() {
        let read = response(
            "HEAD",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n\
             HTTP/1.1 200 OK\r\n\r\n",
        )
        .await;
        assert_eq!((read.status, read.interim), (200, vec![100, 103]));
        let switched = response("GET", "HTTP/1.1 101 Switching\r\n\r\nx").await;
        assert_eq!((switched.status, switched.interim), (101, vec![]));
        assert_eq!(
            read_closed("HTTP/1.1 100 Continue\r\n\r\n").await,
            Outcome::Closed(vec![100])
        );
    }

    async fn read_closed(octets: &str) -> Outcome {
        read("GET", octets.as_bytes()).await
    }

    #[tokio::test]
    async fn answers_follow_one_another_and_the_rest_is_excess() {
        let octets = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 204 No\r\n\r\nmore";
        for size in 1..octets.len() {
            let mut reader = pieces(octets, size);
            for status in [200, 204] {
                match read_from(&mut reader, "GET").await {
                    Outcome::Response(response) => assert_eq!(response.status, status),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(reader.excess(Duration::from_millis(40)).await, b"more");
        }
        let mut endless = pieces(&[b'x'; 10 * EXCERPT], 1000);
        assert_eq!(endless.excess(Duration::from_secs(60)).await.len(), EXCERPT);
    }

    #[tokio::test]
    async fn what_is_not_http_is_told() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
        for (octets, part) in [
            ("garbage".to_owned(), "does not begin with `HTTP/`"),
            (
                "\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned(),
                "does not begin with `HTTP/`",
            ),
            ("\u{15}\u{3}\u{3}".to_owned(), "does not begin with `HTTP/`"),
            ("HTTP/2 200\r\n\r\n".to_owned(), "another version"),
            ("HTTP/1.1\r\n\r\n".to_owned(), "no status code"),
            ("HTTP/1.1 20 OK\r\n\r\n".to_owned(), "no status code"),
            ("HTTP/1.1 099 OK\r\n\r\n".to_owned(), "no status code"),
            ("HTTP/1.1 2000 OK\r\n\r\n".to_owned(), "no status code"),
            ("HTTP/1.1  200 OK\r\n\r\n".to_owned(), "no status code"),
            ("HTTP/1.1 200 O\u{1}K\r\n\r\n".to_owned(), "reason phrase"),
            (
                "HTTP/1.1 200 OK\n\n".to_owned(),
                "`HTTP/1.1 200 OK` ends in a line feed alone",
            ),
            (
                format!("{ok}A: b\n\r\n"),
                "`A: b` ends in a line feed alone",
            ),
            (
                format!("{ok}A: b\r\n\nbody"),
                "`` ends in a line feed alone",
            ),
            (format!("{ok} A: b\r\n\r\n"), "folded"),
            (format!("{ok}A\r\n\r\n"), "no colon"),
            (format!("{ok}: b\r\n\r\n"), "not a token"),
            (format!("{ok}A : b\r\n\r\n"), "not a token"),
            (
                format!("{ok}A: b\rc\r\n\r\n"),
                r"`A: b\rc` has a control character",
            ),
            (format!("{ok}A: \0\r\n\r\n"), "control character"),
            (
                format!("{ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\na"),
                "`1, 2`",
            ),
            (format!("{ok}Content-Length: +1\r\n\r\na"), "`+1`"),
            (format!("{ok}Content-Length: -1\r\n\r\na"), "`-1`"),
            (
                format!("{ok}Content-Length:\r\n\r\na"),
                "Content-Length is ``",
            ),
            (
                format!("{ok}Content-Length: 1\r\ntransfer-encoding: chunked\r\n\r\na"),
                "both Transfer-Encoding and Content-Length",
            ),
            (
                format!("{ok}Transfer-Encoding: gzip, chunked\r\n\r\n"),
                "`gzip, chunked`",
            ),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
                "HTTP/1.0 does not know",
            ),
            (format!("{chunked}\r\n"), "`` is not the size of a chunk"),
            (format!("{chunked}+1\r\na\r\n"), "`+1` is not the size"),
            (format!("{chunked}0x1\r\na\r\n"), "`0x1` is not the size"),
            (format!("{chunked}1 \r\na\r\n"), "`1 ` is not the size"),
            (format!("{chunked}1\na\r\n"), "line feed alone"),
            (format!("{chunked}1\r\nab\r\n"), r"followed by `b\r`"),
        ] {
            match read("GET", octets.as_bytes()).await {
                Outcome::NotHttp { why, .. } => assert!(why.contains(part), "{octets:?}: {why}"),
                other => panic!("{octets:?} gives {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_told() {
        assert_eq!(read_closed("").await, Outcome::Closed(vec![]));
        for (octets, part) in [
            ("H", "was closed within the head"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", "was closed within the head"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                "after 3 of the 9 octets that Content-Length announces",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
                "before the last chunk, after 2 octets",
            ),
        ] {
            let Outcome::Incomplete {
                why,
                response,
                received,
            } = read("GET", octets.as_bytes()).await
            else {
                panic!("{octets:?} is not incomplete");
            };
            assert!(why.contains(part), "{octets:?}: {why}");
            assert_eq!(response.is_some(), octets.contains("\r\n\r\n"));
            assert_eq!(received, octets.as_bytes());
        }
    }

    #[tokio::test]
    async fn a_reset_never_completes_a_response() {
        for (octets, kind, part) in [
            ("", io::ErrorKind::ConnectionReset, None),
            (
                "HTTP/1.1 200 OK\r\n\r\nab",
                io::ErrorKind::ConnectionReset,
                Some("was reset after 2 octets"),
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\nab",
                io::ErrorKind::UnexpectedEof,
                Some("without TLS's closing message"),
            ),
        ] {
            let mut reader = pieces(octets.as_bytes(), 7);
            reader.source.end = Some(kind);
            match (read_from(&mut reader, "GET").await, part) {
                (Outcome::Closed(_), None) => {}
                (Outcome::Incomplete { why, .. }, Some(part)) => {
                    assert!(why.contains(part), "{why}");
                }
                (other, _) => panic!("{octets:?} gives {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn what_has_no_end_is_cut_off() {
        let too_large = |what, limit| Outcome::TooLarge { what, limit };
        let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}");
        for (octets, outcome) in [
            (head(&"A: b\r\n".repeat(1000)), too_large("head", 300)),
            (head(&"x".repeat(1000)), too_large("head", 300)),
            (
                "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000),
                too_large("head", 300),
            ),
            (
                head(&format!("\r\n{}", "x".repeat(1000))),
                too_large("body", 50),
            ),
            (head("Content-Length: 51\r\n\r\n"), too_large("body", 50)),
            (
                head("Content-Length: 99999999999999999999999\r\n\r\n"),
                too_large("body", 50),
            ),
            (
                head(&format!(
                    "Transfer-Encoding: chunked\r\n\r\n{}",
                    "1\r\na\r\n".repeat(1000)
                )),
                too_large("body", 50),
            ),
            (
                head("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\n"),
                too_large("body", 50),
            ),
            (
                head(&format!(
                    "Transfer-Encoding: chunked\r\n\r\n1;{}",
                    "x".repeat(20_000)
                )),
                too_large("head", MAX_CHUNK_LINE),
            ),
            (
                head(&format!(
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n{}",
                    "A: b\r\n".repeat(1000)
                )),
                too_large("head", 300),
            ),
        ] {
            assert_eq!(read("GET", octets.as_bytes()).await, outcome);
        }
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        for octets in ["", "HTT", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"] {
            let mut reader = pieces(octets.as_bytes(), 3);
            reader.source.silent = true;
            let started = Instant::now();
            assert_eq!(
                read_from(&mut reader, "GET").await,
                Outcome::TimedOut {
                    received: octets.into()
                }
            );
            assert!(started.elapsed() < Duration::from_secs(1));
        }
    }
}
