//! Servers that are none: programs at a port that hold a connection, or even answer, but run no
//! guest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::{AsyncRead, AsyncWrite, BufStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::judge::value::fnv1a;
use crate::wire::{Endpoint, Scheme};

/// What a non-server does with a connection or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Absent,
    Close,
    Silence,
    Drip,
    /// These octets answer everything.
    Always(&'static str),
    Plausible,
    Reflect,
    Echo,
    EchoBody,
    Previous,
    /// The answer begins with the one, and goes on with the other for ever.
    Endless(&'static str, &'static str),
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const ERROR: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
const GARBAGE: &str = "\u{1}\u{2}garbage\r\n\r\n\u{3}";
const HEAD: &str = "HTTP/1.1 200 OK\r\n";
const BODY: &str = "HTTP/1.1 200 OK\r\n\r\n";

const BEHAVIOURS: [(&str, &str, Behaviour); 16] = [
    ("closed-port", "listens at no port", Behaviour::Absent),
    ("closes", "closes every connection", Behaviour::Close),
    ("silent", "never answers", Behaviour::Silence),
    ("drip", "answers one octet in 100 ms", Behaviour::Drip),
    (
        "always-200",
        "answers 200 without a body",
        Behaviour::Always(EMPTY),
    ),
    (
        "always-404",
        "answers 404 without a body",
        Behaviour::Always(MISSING),
    ),
    (
        "always-500",
        "answers 500 without a body",
        Behaviour::Always(ERROR),
    ),
    (
        "always-plausible",
        "answers 200 and what the guest `observe` might report",
        Behaviour::Plausible,
    ),
    (
        "reflects",
        "sends back the octets that it receives",
        Behaviour::Reflect,
    ),
    (
        "echoes",
        "answers 200 and the request, head and body",
        Behaviour::Echo,
    ),
    (
        "echoes-body",
        "answers 200 and the request's body",
        Behaviour::EchoBody,
    ),
    (
        "previous",
        "answers 200 and what guests might say to the request before",
        Behaviour::Previous,
    ),
    (
        "garbage",
        "answers what is not HTTP",
        Behaviour::Always(GARBAGE),
    ),
    (
        "endless-interim",
        "answers with interim responses without end",
        Behaviour::Endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ),
    (
        "endless-head",
        "answers with fields without end",
        Behaviour::Endless(HEAD, "X-Filler: abcdefghijklmnop\r\n"),
    ),
    (
        "endless-body",
        "answers with a body without end",
        Behaviour::Endless(BODY, "abcdefghijklmnopqrstuvwxyz\n"),
    ),
];

/// One octet comes so long after the other.
const DRIP: Duration = Duration::from_millis(100);

/// A server that is none.
#[derive(Clone, Debug)]
pub struct NonServer {
    /// Its name: words with `-` between them.
    pub name: String,
    /// What it does, in a phrase that begins with a verb.
    pub does: String,
    behaviour: Behaviour,
    /// Whether it answers the path `/` properly. The runner asks for it to learn whether a server
    /// is there; one without a proper answer is given up before any case.
    answers_root: bool,
}

/// All of them. Of each that has no proper HTTP answer there is a second, which has one for the
/// path `/` only.
pub fn all() -> Vec<NonServer> {
    let mut all = Vec::new();
    for (name, does, behaviour) in BEHAVIOURS {
        let plain = NonServer {
            name: name.to_owned(),
            does: does.to_owned(),
            behaviour,
            answers_root: false,
        };
        let with_root = NonServer {
            name: format!("{name}-but-root"),
            does: format!("{does}, but 200 for `/`"),
            answers_root: true,
            ..plain.clone()
        };
        all.push(plain);
        if behaviour.is_no_answer() {
            all.push(with_root);
        }
    }
    all
}

impl Behaviour {
    /// Whether there is something at the port, but nothing that is an HTTP response in time.
    fn is_no_answer(self) -> bool {
        match self {
            Self::Close | Self::Silence | Self::Drip | Self::Reflect | Self::Endless(..) => true,
            Self::Always(answer) => answer == GARBAGE,
            Self::Absent | Self::Plausible | Self::Echo | Self::EchoBody | Self::Previous => false,
        }
    }
}

/// A non-server at its ports, until this is dropped.
pub struct Running {
    /// Where it is without TLS.
    pub http: Endpoint,
    /// Where it is with TLS.
    pub https: Endpoint,
    /// Where nothing listens: ports that nobody else is given meanwhile.
    _closed: Vec<TcpSocket>,
    _tasks: JoinSet<()>,
}

impl NonServer {
    /// Whether it cannot even be started.
    pub fn is_absent(&self) -> bool {
        self.behaviour == Behaviour::Absent
    }

    /// Starts it at two free ports.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(&self, tls: &TlsAcceptor) -> io::Result<Running> {
        let mut tasks = JoinSet::new();
        let mut closed = Vec::new();
        let before = Arc::new(Mutex::new(Request::default()));
        let mut at = |scheme: Scheme| -> io::Result<Endpoint> {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let endpoint = Endpoint::at(scheme, socket.local_addr()?);
            if self.is_absent() {
                closed.push(socket);
            } else {
                let tls = (scheme == Scheme::Https).then(|| tls.clone());
                let port = Port {
                    listener: socket.listen(1024)?,
                    tls,
                    server: self.clone(),
                    before: before.clone(),
                };
                tasks.spawn(port.serve());
            }
            Ok(endpoint)
        };
        let (http, https) = (at(Scheme::Http)?, at(Scheme::Https)?);
        Ok(Running {
            http,
            https,
            _closed: closed,
            _tasks: tasks,
        })
    }

    /// Serves one connection; an error means that the client is gone.
    async fn converse<S>(&self, stream: S, before: &Mutex<Request>) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = BufStream::new(stream);
        if self.behaviour == Behaviour::Close && !self.answers_root {
            return Ok(());
        }
        while let Some(request) = receive(&mut stream).await? {
            if self.answers_root && request.target() == "/" {
                stream.write_all(EMPTY.as_bytes()).await?;
            } else {
                self.answer(&mut stream, request, before).await?;
            }
            stream.flush().await?;
        }
        Ok(())
    }

    async fn answer<S>(
        &self,
        stream: &mut S,
        request: Request,
        before: &Mutex<Request>,
    ) -> io::Result<()>
    where
        S: AsyncWrite + Unpin,
    {
        let octets = match self.behaviour {
            Behaviour::Absent | Behaviour::Close => return stream.shutdown().await,
            Behaviour::Silence => std::future::pending().await,
            Behaviour::Drip => {
                for octet in plausible() {
                    stream.write_all(&[octet]).await?;
                    stream.flush().await?;
                    sleep(DRIP).await;
                }
                return Ok(());
            }
            Behaviour::Always(answer) => answer.into(),
            Behaviour::Plausible => plausible(),
            Behaviour::Reflect => request.octets(),
            Behaviour::Echo => response("text/plain", &request.octets()),
            Behaviour::EchoBody => response("text/plain", &request.body),
            Behaviour::Previous => {
                let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
                guests_answer(&std::mem::replace(&mut before, request))
            }
            Behaviour::Endless(start, again) => {
                stream.write_all(start.as_bytes()).await?;
                let block = again.repeat(256);
                loop {
                    stream.write_all(block.as_bytes()).await?;
                }
            }
        };
        stream.write_all(&octets).await
    }
}

/// A port of a non-server.
struct Port {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    server: NonServer,
    /// The last request at any port of the server.
    before: Arc<Mutex<Request>>,
}

impl Port {
    async fn serve(self) {
        let port = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = port.listener.accept() => {
                    connections.spawn(port.clone().connection(stream));
                }
                // Those that have ended are forgotten.
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Whatever goes wrong, the client has gone away, which ends the connection.
        let _ = match &self.tls {
            None => self.server.converse(stream, &self.before).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.server.converse(stream, &self.before).await,
                Err(error) => Err(error),
            },
        };
    }
}

/// What non-servers do TLS with: a fresh self-signed certificate.
///
/// # Errors
/// Why the certificate cannot be made or used.
pub fn tls() -> Result<TlsAcceptor, String> {
    let failed = |error: &dyn std::error::Error| format!("failed to make a certificate: {error}");
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der())
        .map_err(|error| format!("failed to make a key: {error}"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let chain = vec![signed.cert.der().clone()];
            config.with_no_client_auth().with_single_cert(chain, key)
        })
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A request, as far as it is understood here.
#[derive(Debug, Default)]
struct Request {
    /// Request line and fields, up to and with the empty line.
    head: Vec<u8>,
    /// The content, without the transfer coding.
    body: Vec<u8>,
}

impl Request {
    fn octets(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.body].concat()
    }

    /// The lines of the head: the request line, then the fields.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let head = std::str::from_utf8(&self.head).unwrap_or_default();
        head.lines().filter(|line| !line.is_empty())
    }

    fn method(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        line.split(' ').next().unwrap_or_default()
    }

    fn target(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        line.split(' ').nth(1).unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name, value.trim()))
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields();
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// Reads a request, as kindly as it goes; none is there if the client is done.
async fn receive<S>(stream: &mut BufStream<S>) -> io::Result<Option<Request>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Request::default();
    while !request.head.ends_with(b"\n\r\n") {
        if stream.read_until(b'\n', &mut request.head).await? == 0 {
            return Ok(None);
        }
    }
    if request.field("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        stream.flush().await?;
    }
    if request.field("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).unwrap_or(0);
            stream.take(size).read_to_end(&mut request.body).await?;
            let mut end = String::new();
            stream.read_line(&mut end).await?;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = request.field("content-length").map(str::parse);
        let length = length.and_then(Result::ok).unwrap_or(0);
        stream.take(length).read_to_end(&mut request.body).await?;
    }
    Ok(Some(request))
}

fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What the guest `observe` says to a request that nobody sent.
fn plausible() -> Vec<u8> {
    guests_answer(&Request {
        head: b"GET /observe/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        body: Vec::new(),
    })
}

/// What guests say to `request`: a report for the paths of `observe`; else the document that the
/// body is, if it is one, or the query.
fn guests_answer(request: &Request) -> Vec<u8> {
    let target = request.target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(below) = path.strip_prefix("/observe") {
        return response("application/json", report(request, below, query).as_bytes());
    }
    let document = request.body.windows(2).position(|end| end == b"\n\n");
    match document.and_then(|end| request.body.get(end + 2..)) {
        Some(body) => response("text/plain", body),
        None => response("text/plain", query.as_bytes()),
    }
}

fn report(request: &Request, below: &str, query: &str) -> String {
    let words = query.split('+').filter(|word| !word.is_empty());
    let arguments: Vec<&str> = ["/observe"].into_iter().chain(words).collect();
    let host = request.field("host").unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let variables = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "none/1"),
        ("SERVER_NAME", name),
        ("SERVER_PORT", port),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_HOST", "127.0.0.1"),
        ("REQUEST_METHOD", request.method()),
        ("SCRIPT_NAME", "/observe"),
        ("PATH_INFO", below),
        ("PATH_TRANSLATED", below),
        ("X_RAW_PATH_INFO", below),
        ("X_MATCHED_ROUTE", "/observe/..."),
        ("QUERY_STRING", query),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fields = request.fields().map(|(name, value)| {
        let name = name.to_ascii_uppercase().replace('-', "_");
        (format!("HTTP_{name}"), value.to_owned())
    });
    let body: String = request.body.iter().copied().map(char::from).collect();
    json!({
        "args": arguments,
        "env": variables.into_iter().chain(fields).collect::<Vec<_>>(),
        "stdin": {
            "length": request.body.len(),
            "text": body,
            "fnv1a64": format!("{:016x}", fnv1a(&request.body)),
            "eof": true,
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::judge::observed::Observed;

    fn running(name: &str) -> Running {
        let all = all();
        let server = all.iter().find(|server| server.name == name);
        let server = server.expect("a non-server");
        server.start(&tls().expect("a certificate")).expect("ports")
    }

    /// The first octets of what comes back for `request`; `None` if nothing does for a while.
    async fn sent(server: &Running, request: &str) -> Option<String> {
        let address = server.http.addresses.first().expect("an address");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let written = stream.write_all(request.as_bytes()).await;
        written.expect("written");
        let mut octets = vec![0; 4096];
        let read = timeout(Duration::from_millis(300), stream.read(&mut octets)).await;
        let length = read.ok()?.expect("read");
        octets.truncate(length);
        Some(String::from_utf8(octets).expect("text"))
    }

    #[test]
    fn what_is_plausible_is_a_report() {
        let answer = plausible();
        let body = answer.windows(4).position(|end| end == b"\r\n\r\n");
        let body = body.and_then(|end| answer.get(end + 4..)).expect("a body");
        assert!(Observed::parse(body).is_ok());
    }

    #[tokio::test]
    async fn an_answer_is_that_to_the_request_before() {
        let server = running("previous");
        let get = |query: &str| format!("GET /run/x?{query} HTTP/1.1\r\nHost: x\r\n\r\n");
        let first = sent(&server, &get("one")).await.expect("an answer");
        assert!(first.ends_with("\r\n\r\n"), "{first}");
        let second = sent(&server, &get("two")).await.expect("an answer");
        assert!(second.ends_with("\r\n\r\none"), "{second}");
    }

    #[tokio::test]
    async fn the_root_alone_is_answered() {
        let server = running("silent-but-root");
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let (root, other) = (
            sent(&server, &get("/")).await,
            sent(&server, &get("/a")).await,
        );
        assert_eq!((root.as_deref(), other.as_deref()), (Some(EMPTY), None));
    }

    #[tokio::test]
    async fn a_closed_port_refuses_connections() {
        let server = running("closed-port");
        for endpoint in [&server.http, &server.https] {
            let refused = TcpStream::connect(&endpoint.addresses[..]).await;
            let error = refused.expect_err("nothing listens");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    #[tokio::test]
    async fn chunks_are_read_to_their_end() {
        let server = running("echoes-body");
        let request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
            2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n";
        let answer = sent(&server, request).await.expect("an answer");
        assert!(answer.ends_with("\r\n\r\nabcde"), "{answer}");
    }
}
