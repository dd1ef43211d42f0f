//! Small servers to talk to, good and bad, for the tests of this module.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Endpoint, Exchange, Limits, Outcome, Scheme, converse};
use crate::case::placeholder::Placeholders;
use crate::case::request::Request;

/// Limits under which no test takes long.
pub const LIMITS: Limits = Limits {
    answer: Duration::from_millis(700),
    connect: Duration::from_millis(700),
    max_head: 10_000,
    max_body: 20_000_000,
};

/// A server that runs as long as the test's runtime.
pub struct Server {
    pub endpoint: Endpoint,
    /// What it received, one element for each connection.
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// One connection that a [`Server`] accepted.
pub struct Accepted {
    pub stream: TcpStream,
    number: usize,
    /// How much of what was received belongs to heads that were read.
    heads: usize,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// A server that does `handle` with each connection.
    pub async fn new<H>(handle: impl Fn(Accepted) -> H + Send + 'static) -> Self
    where
        H: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = Endpoint::at(Scheme::Http, listener.local_addr().expect("an address"));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let shared = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut connections = shared.lock().expect("no panic");
                    connections.push(Vec::new());
                    connections.len() - 1
                };
                let connections = shared.clone();
                tokio::spawn(handle(Accepted {
                    stream,
                    number,
                    heads: 0,
                    connections,
                }));
            }
        });
        Self {
            endpoint,
            connections,
        }
    }

    /// A server that gives these answers to the requests of each connection, and closes it.
    pub async fn canned(answers: &[&'static str]) -> Self {
        let answers = answers.to_vec();
        Self::new(move |mut accepted| {
            let answers = answers.clone();
            async move {
                for answer in answers {
                    if !accepted.head().await {
                        return;
                    }
                    accepted.write(answer).await;
                }
                accepted.drain().await;
            }
        })
        .await
    }

    /// A server that answers `start`, and then `again` for ever.
    pub async fn endless(start: &'static str, again: &'static str) -> Self {
        Self::new(async move |mut accepted| {
            accepted.head().await;
            accepted.write(start).await;
            let block = again.repeat(2000);
            while accepted.stream.write_all(block.as_bytes()).await.is_ok() {}
        })
        .await
    }

    /// A server that accepts connections, and no more.
    pub async fn silent() -> Self {
        Self::new(async |accepted| {
            let _open = accepted;
            hang().await;
        })
        .await
    }

    /// A port at which nobody listens.
    pub async fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self {
            endpoint: Endpoint::at(Scheme::Http, listener.local_addr().expect("an address")),
            connections: Arc::default(),
        }
    }

    /// What each connection received.
    pub fn received(&self) -> Vec<String> {
        let connections = self.connections.lock().expect("no panic");
        let texts = connections
            .iter()
            .map(|octets| String::from_utf8_lossy(octets).into_owned());
        texts.collect()
    }
}

impl Accepted {
    /// Receives something; `false` at the connection's end.
    pub async fn read(&mut self) -> bool {
        let mut octets = [0; 65536];
        match self.stream.read(&mut octets).await {
            Ok(count) if count > 0 => {
                let mut connections = self.connections.lock().expect("no panic");
                connections[self.number].extend(&octets[..count]);
                true
            }
            _ => false,
        }
    }

    /// What this connection received.
    pub fn received(&self) -> String {
        let connections = self.connections.lock().expect("no panic");
        String::from_utf8_lossy(&connections[self.number]).into_owned()
    }

    /// Receives up to the end of the next head; `false` if none comes.
    pub async fn head(&mut self) -> bool {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            let end = {
                let connections = self.connections.lock().expect("no panic");
                let new = &connections[self.number][self.heads..];
                new.windows(END.len()).position(|window| window == END)
            };
            if let Some(end) = end {
                self.heads += end + END.len();
                return true;
            }
            if !self.read().await {
                return false;
            }
        }
    }

    /// Sends `text`, or finds that nobody takes it.
    pub async fn write(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Closes in good order: no reset, whatever has come and was not read.
    pub async fn drain(mut self) {
        let _ = self.stream.shutdown().await;
        let _ = tokio::time::timeout(Duration::from_secs(1), async { while self.read().await {} })
            .await;
    }
}

/// Does nothing, for longer than any test takes.
pub async fn hang() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// The values of a test run.
pub fn values(endpoint: &Endpoint) -> Placeholders {
    Placeholders::new([
        endpoint.authority(),
        endpoint.host.clone(),
        endpoint.port.to_string(),
        endpoint.scheme.to_string(),
        "n0nce".to_owned(),
        "0".to_owned(),
    ])
}

/// The requests of a case.
pub fn requests(json: &str) -> Vec<Request> {
    serde_json::from_str(json).expect(json)
}

/// Sends the requests of a case within [`LIMITS`].
pub async fn converse_with(endpoint: &Endpoint, json: &str) -> Vec<Exchange> {
    converse(&requests(json), endpoint, &values(endpoint), &LIMITS).await
}

/// The status of a complete answer.
pub fn status(exchange: &Exchange) -> u16 {
    match &exchange.outcome {
        Outcome::Response(response) => response.status,
        other => panic!("no response: {other:?}"),
    }
}
