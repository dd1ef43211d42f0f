//! What stands between clients and the reference server in the mutants of connections: a relay
//! that takes requests and responses apart, lets a mutant meddle with them, and sends them on.
//!
//! Whatever is not an ordinary request passes as it is, so that only the mutant's own fault shows:
//! TLS, chunks, requests that wait for leave to send their body, and everything malformed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wagi_reference_server::request::Field;
use wagi_reference_server::{Conforming, Semantics};

use crate::Relay;

/// The longest head that is taken apart.
const LONGEST_HEAD: usize = 64 << 10;

/// How long a connection is held open for nothing.
const HANG: Duration = Duration::from_secs(15);

/// A field by which the steps of the server behind a relay tell the relay of a line that no HTTP
/// library would send. Its value is the line in hexadecimal.
const SMUGGLED: &str = "x-smuggled-line";

/// A request or a response, octet for octet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// The lines of the head, without their ends; the first is the start line.
    pub(crate) lines: Vec<Vec<u8>>,
    /// The body as it stands on the wire.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The head in these octets, which end with an empty line.
    fn parse(head: &[u8]) -> Self {
        let lines = head
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        Self {
            lines,
            body: Vec::new(),
        }
    }

    /// The octets of the message.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for line in &self.lines {
            octets.extend_from_slice(line);
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(&self.body);
        octets
    }

    /// A word of the start line; empty if it has not so many.
    pub(crate) fn word(&self, place: usize) -> &str {
        let start = self.lines.first().map_or(&[][..], Vec::as_slice);
        let start = std::str::from_utf8(start).unwrap_or_default();
        start.split(' ').nth(place).unwrap_or_default()
    }

    /// The status of a response; 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// The values of the fields called `name`.
    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        let fields = self.lines.get(1..).unwrap_or_default();
        fields
            .iter()
            .filter_map(|line| value_of(line, name))
            .collect()
    }

    /// Whether a field called `name` has this value, in any case of its letters.
    pub(crate) fn says(&self, name: &str, value: &str) -> bool {
        let values = self.values(name);
        let mut values = values.iter();
        values.any(|found| found.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// Takes the fields called `name` away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.lines.retain(|line| value_of(line, name).is_none());
    }

    /// Adds a field.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.lines.push(format!("{name}: {value}").into_bytes());
    }

    /// Puts a field in the place of all of its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    /// Gives the message another body, and a Content-Length that fits.
    pub(crate) fn set_body(&mut self, body: Vec<u8>) {
        self.remove("transfer-encoding");
        self.set("Content-Length", &body.len().to_string());
        self.body = body;
    }

    /// Sends the body in one chunk.
    pub(crate) fn chunk(&mut self) {
        self.remove("content-length");
        self.add("Transfer-Encoding", "chunked");
        let mut body = Vec::new();
        if !self.body.is_empty() {
            body = format!("{:x}\r\n", self.body.len()).into_bytes();
            body.extend_from_slice(&self.body);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        self.body = body;
    }

    /// Puts another status into the start line of a response.
    pub(crate) fn set_status(&mut self, status: &str) {
        let line = format!("HTTP/1.1 {status}").into_bytes();
        match self.lines.first_mut() {
            Some(first) => *first = line,
            None => self.lines.push(line),
        }
    }

    /// Puts the lines that [`smuggle`] hid into their places, and gives them.
    pub(crate) fn reveal(&mut self) -> Vec<Vec<u8>> {
        let mut revealed = Vec::new();
        for line in &mut self.lines {
            if let Some(hidden) = value_of(line, SMUGGLED) {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
                let octets: Vec<u8> = hidden
                    .chunks(2)
                    .map(|pair| pair.iter().fold(0, |octet, &byte| octet << 4 | digit(byte)))
                    .collect();
                revealed.push(octets.clone());
                *line = octets;
            }
        }
        revealed
    }
}

/// A field that passes through any HTTP library and becomes `line` in [`Message::reveal`].
pub(crate) fn smuggle(line: &[u8]) -> Field {
    let hexadecimal: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
    Field::new(SMUGGLED, hexadecimal)
}

/// The value of the field in `line` if it is called `name`.
fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (found, value) = line.split_at(colon);
    let value = value.strip_prefix(b":").unwrap_or(value);
    found
        .eq_ignore_ascii_case(name.as_bytes())
        .then_some(value.trim_ascii())
}

/// How the body of a request is read.
pub(crate) enum Reading {
    /// By the rules of HTTP.
    Proper,
    /// So many octets follow.
    Length(usize),
    /// In chunks.
    Chunks {
        /// The size in a chunk's first line; none where the body is taken to be over.
        size: fn(&[u8]) -> Option<usize>,
        /// Whether the connection is closed where a chunk is malformed. Otherwise the body ends
        /// there.
        strict: bool,
        /// Whether the line end after a chunk's data is looked for.
        checks_end: bool,
        /// The body that is made of what came.
        body: fn(Chunked) -> Vec<u8>,
    },
}

/// A body that came in chunks.
#[derive(Default)]
pub(crate) struct Chunked {
    /// All octets, as they came.
    pub(crate) raw: Vec<u8>,
    /// The data of the chunks.
    pub(crate) data: Vec<Vec<u8>>,
    /// The lines after the last chunk.
    pub(crate) trailers: Vec<u8>,
    /// What stands after the size in the chunks' first lines.
    pub(crate) extensions: Vec<u8>,
}

/// The size of a chunk as HTTP wants it.
pub(crate) fn proper_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let proper = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(digits, 16).ok().filter(|_| proper)
}

/// A request, and what came before it.
pub(crate) struct Exchange<'a> {
    /// The request, as the client sent it.
    pub(crate) request: &'a Message,
    /// How many requests came before it on the connection.
    pub(crate) place: usize,
    /// The response before, on the connection.
    pub(crate) previous: Option<&'a Message>,
}

/// What happens once a response has come from the server.
pub(crate) enum Then {
    /// It is sent, and the connection stays open or is closed as HTTP wants it.
    Proper,
    /// It is sent, and the connection stays open.
    KeepOpen,
    /// The connection is closed, and nothing is sent.
    Unanswered,
    /// Nothing happens any more.
    Hang,
}

/// What a mutant does with the messages that pass.
pub(crate) trait Meddle: Send + Sync + 'static {
    /// The steps of the server behind.
    fn steps(&self) -> Arc<dyn Semantics> {
        Arc::new(Conforming)
    }

    /// How to read the body of a request with this head.
    fn reading(&self, _head: &Message) -> Reading {
        Reading::Proper
    }

    /// Whether a head that is too long to be taken apart, and begins like this, closes the
    /// connection without an answer.
    fn closes_long_head(&self, _start: &[u8]) -> bool {
        false
    }

    /// Meddles with a request, the `place`-th on its connection.
    fn request(&self, _place: usize, _request: &mut Message) {}

    /// Meddles with a response.
    fn response(&self, _exchange: &Exchange<'_>, _response: &mut Message) -> Then {
        Then::Proper
    }

    /// Whether requests that come together are answered together.
    fn gathers(&self) -> bool {
        false
    }

    /// Rearranges the responses to requests that came together.
    fn arrange(&self, _responses: &mut Vec<Message>) {}
}

/// The relay in which a mutant meddles.
pub(crate) struct Meddling<M>(pub(crate) M);

impl<M: Meddle> Relay for Meddling<M> {
    fn steps(&self) -> Arc<dyn Semantics> {
        self.0.steps()
    }

    fn serve(
        &self,
        client: TcpStream,
        upstream: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // An error is the end of the connection, as it would be of any.
        Box::pin(async move { drop(serve(&self.0, client, upstream).await) })
    }
}

/// One side of a relay, with what has been read and not yet been used.
struct Side {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Side {
    fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::new(TcpStream::connect(address).await?))
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The octets up to the end of a head; none if there is no head, and then all that is there
    /// is in the buffer.
    async fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let is_text = self.buffer.first().is_none_or(u8::is_ascii_graphic);
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            match end {
                _ if !is_text || self.buffer.len() > LONGEST_HEAD => return Ok(None),
                Some(end) => return Ok(Some(self.take(end + 4))),
                None => {}
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// So many octets; fewer at the end.
    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length && self.fill().await? {}
        Ok(self.take(length))
    }

    /// The next line, with its end; none at the end.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.take(end + 1)));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Everything up to the end.
    async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Ends the connection so that the other side can read what was sent.
    async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut rest = Vec::new();
        let _ = timeout(Duration::from_secs(2), self.stream.read_to_end(&mut rest)).await;
        Ok(())
    }

    /// Holds the connection open until the other side closes it.
    async fn hang(mut self) {
        let waiting = async { while let Ok(true) = self.fill().await {} };
        let _ = timeout(HANG, waiting).await;
    }
}

/// Lets everything that follows pass; `sent` was read from the client before.
async fn pass(mut client: Side, upstream: SocketAddr, mut sent: Vec<u8>) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    sent.append(&mut client.buffer);
    server.write_all(&sent).await?;
    copy_bidirectional(&mut client.stream, &mut server).await?;
    Ok(())
}

/// Lets everything pass on a connection.
pub(crate) async fn pass_all(client: TcpStream, upstream: SocketAddr) {
    let _ = pass(Side::new(client), upstream, Vec::new()).await;
}

/// Whether this is the head of a request without anything unusual.
fn is_plain(head: &Message) -> bool {
    let start = head.lines.first().map_or(&[][..], Vec::as_slice);
    let words = start.split(|&byte| byte == b' ').count();
    let lengths = head.values("content-length");
    let is_number = |value: &&[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    words == 3
        && (start.ends_with(b" HTTP/1.1") || start.ends_with(b" HTTP/1.0"))
        && lengths.len() <= 1
        && lengths.iter().all(is_number)
        && head.values("transfer-encoding").is_empty()
        && head.values("expect").is_empty()
}

fn length_of(head: &Message) -> Option<usize> {
    let value = head.values("content-length").first().copied()?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Reads a body in chunks. The error says that the connection is to be closed.
async fn chunks(
    client: &mut Side,
    size: fn(&[u8]) -> Option<usize>,
    strict: bool,
    checks_end: bool,
) -> io::Result<Chunked> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut chunked = Chunked::default();
    loop {
        let line = client.line().await?.ok_or_else(broken)?;
        chunked.raw.extend_from_slice(&line);
        let content = line.trim_ascii_end();
        let Some(length) = size(content) else {
            return if strict { Err(broken()) } else { Ok(chunked) };
        };
        let extension = content.iter().position(|&byte| byte == b';');
        let extension = extension.and_then(|at| content.get(at..));
        let extension = extension.unwrap_or_default();
        chunked.extensions.extend_from_slice(extension);
        if length == 0 {
            break;
        }
        let data = client.exactly(length).await?;
        if data.len() < length {
            return Err(broken());
        }
        chunked.raw.extend_from_slice(&data);
        chunked.data.push(data);
        if checks_end {
            let end = client.exactly(2).await?;
            chunked.raw.extend_from_slice(&end);
            if end != b"\r\n" {
                return Err(broken());
            }
        } else {
            // What stands between the data and the next line is not looked at.
            let end = client.line().await?.ok_or_else(broken)?;
            chunked.raw.extend_from_slice(&end);
        }
    }
    loop {
        let line = client.line().await?.ok_or_else(broken)?;
        chunked.raw.extend_from_slice(&line);
        if line == b"\r\n" || line == b"\n" {
            return Ok(chunked);
        }
        chunked.trailers.extend_from_slice(&line);
    }
}

/// Sends a request to the server and reads the response; none if there is none.
async fn ask(upstream: SocketAddr, request: &Message) -> io::Result<Option<Message>> {
    let mut server = Side::connect(upstream).await?;
    server.stream.write_all(&request.encode()).await?;
    let Some(head) = server.head().await? else {
        return Ok(None);
    };
    let mut response = Message::parse(&head);
    let has_none = request.word(0) == "HEAD" || [204, 304].contains(&response.status());
    response.body = match length_of(&response) {
        _ if has_none => Vec::new(),
        Some(length) => server.exactly(length).await?,
        None => server.rest().await?,
    };
    Ok(Some(response))
}

/// Whether the connection is to be closed after this response.
fn ends(request: &Message, response: &Message) -> bool {
    let asks = |message: &Message, option: &str| {
        let values = message.values("connection");
        values
            .iter()
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|found| found.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    let keeps = asks(response, "keep-alive");
    asks(request, "close") || asks(response, "close") || (request.word(2) == "HTTP/1.0" && !keeps)
}

/// Serves a connection.
async fn serve(mutant: &impl Meddle, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut client = Side::new(client);
    let mut previous: Option<Message> = None;
    let mut place = 0;
    loop {
        let mut responses = Vec::new();
        let mut is_over = false;
        loop {
            let Some(octets) = client.head().await? else {
                let is_long = client.buffer.len() > LONGEST_HEAD;
                if client.buffer.is_empty() || (is_long && mutant.closes_long_head(&client.buffer))
                {
                    return Ok(());
                }
                return pass(client, upstream, Vec::new()).await;
            };
            let mut request = Message::parse(&octets);
            request.body = match mutant.reading(&request) {
                Reading::Proper if !is_plain(&request) => {
                    return pass(client, upstream, octets).await;
                }
                Reading::Proper => {
                    let length = length_of(&request).unwrap_or(0);
                    let body = client.exactly(length).await?;
                    if body.len() < length {
                        return pass(client, upstream, [octets, body].concat()).await;
                    }
                    body
                }
                Reading::Length(length) => {
                    let body = client.exactly(length).await?;
                    request.set_body(body.clone());
                    body
                }
                Reading::Chunks {
                    size,
                    strict,
                    checks_end,
                    body,
                } => {
                    let body = body(chunks(&mut client, size, strict, checks_end).await?);
                    request.set_body(body.clone());
                    body
                }
            };
            let mut asked = request.clone();
            mutant.request(place, &mut asked);
            let Some(mut response) = ask(upstream, &asked).await? else {
                return Ok(());
            };
            let exchange = Exchange {
                request: &request,
                place,
                previous: previous.as_ref(),
            };
            is_over |= match mutant.response(&exchange, &mut response) {
                Then::Proper => ends(&request, &response),
                Then::KeepOpen => false,
                Then::Unanswered => return Ok(()),
                Then::Hang => {
                    client.hang().await;
                    return Ok(());
                }
            };
            previous = Some(response.clone());
            responses.push(response);
            place += 1;
            // Requests that were sent at once have come at once, or nearly so.
            let soon = Duration::from_millis(50);
            let more = mutant.gathers()
                && !is_over
                && (!client.buffer.is_empty()
                    || matches!(timeout(soon, client.fill()).await, Ok(Ok(true))));
            if !more {
                break;
            }
        }
        mutant.arrange(&mut responses);
        for response in responses {
            client.stream.write_all(&response.encode()).await?;
        }
        if is_over {
            return client.close().await;
        }
    }
}

/// A [`Mutant`](crate::Mutant) that meddles with the messages on a connection: like `step!`, with
/// methods of [`Meddle`] in the place of those of
/// [`Semantics`](wagi_reference_server::Semantics).
macro_rules! meddle {
    ($name:literal, $rule:literal, $imitates:literal, { $($method:item)* }) => {
        meddle!($name, $rule, $imitates, (), { $($method)* })
    };
    ($name:literal, $rule:literal, $imitates:literal, $memory:ty, { $($method:item)* }) => {{
        #[allow(dead_code, reason = "not every mistake needs a memory")]
        #[derive(Default)]
        struct Fault($memory);
        impl $crate::relay::Meddle for Fault { $($method)* }
        $crate::Mutant {
            name: $name,
            rule: $rule,
            imitates: $imitates,
            fault: $crate::Fault::Relay(std::sync::Arc::new(
                $crate::relay::Meddling(Fault::default()),
            )),
        }
    }};
}
