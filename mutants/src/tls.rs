//! Mutants for the chapter `tls`.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use wagi_reference_server::Conforming;
use wagi_reference_server::meta_variables::Call;
use wagi_reference_server::request::Scheme;

use crate::relay::pass_all;
use crate::{Fault, Mutant, Relay};

fn is_tls(call: &Call<'_>) -> bool {
    call.request.scheme == Scheme::Https
}

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    let relay = |name, rule, imitates, relay: Arc<dyn Relay>| Mutant {
        name,
        rule,
        imitates,
        fault: Fault::Relay(relay),
    };
    vec![
        step!(
            "tls/query-lost",
            "tls.served",
            "The listener for TLS has code of its own, which forgets the query.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    match is_tls(call) {
                        true => String::new(),
                        false => Conforming.query_string(call),
                    }
                }
            }
        ),
        step!(
            "tls/path-not-decoded",
            "tls.served",
            "The listener for TLS has code of its own, which does not decode the path.",
            {
                fn path_info(
                    &self,
                    call: &Call<'_>,
                ) -> Result<String, wagi_reference_server::errors::Failure> {
                    match is_tls(call) {
                        true => Ok(Conforming.raw_path_info(call)),
                        false => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "tls/host-without-port",
            "tls.served",
            "Behind TLS the port of the Host field is not looked at, and 443 is taken for granted.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    match is_tls(call) {
                        true => "443".to_owned(),
                        false => Conforming.server_port(call),
                    }
                }
            }
        ),
        relay(
            "tls/plain-only",
            "tls.served",
            "The certificate is configured, but the listener closes connections that speak TLS.",
            Arc::new(NoTls),
        ),
        step!(
            "tls/x-full-url-with-http",
            "tls.x-full-url",
            "The scheme in X_FULL_URL is always http.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    Conforming.full_url(call).replacen("https:", "http:", 1)
                }
            }
        ),
        step!(
            "tls/port-80",
            "tls.server-port.host-without-port",
            "Without a port in the Host field the port is 80.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    match (is_tls(call), call.authority.port) {
                        (true, None) => "80".to_owned(),
                        _ => Conforming.server_port(call),
                    }
                }
            }
        ),
        relay(
            "tls/stops-after-failed-handshake",
            "tls.handshake.aborted",
            "The loop that accepts connections ends at the first handshake that fails.",
            Arc::new(Accepting {
                alive: AtomicBool::new(true),
                dies: |handshake| handshake != Handshake::Done,
            }),
        ),
        relay(
            "tls/stops-after-foreign-octets",
            "tls.handshake.aborted",
            "A first message that is not TLS is a case that was not thought of, and ends the server.",
            Arc::new(Accepting {
                alive: AtomicBool::new(true),
                dies: |handshake| handshake == Handshake::Foreign,
            }),
        ),
        relay(
            "tls/one-handshake-at-a-time",
            "tls.handshake.slow",
            "Handshakes happen in the loop that accepts connections, one after the other.",
            Arc::new(Queue(Mutex::default())),
        ),
    ]
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handshake {
    /// The client sent data of its application, or there was no TLS to begin with.
    Done,
    /// The client sent something else than TLS to a listener for TLS.
    Foreign,
    /// The client left.
    Aborted,
}

/// Lets the handshake pass, up to the first record of application data.
async fn shake_hands(client: &mut TcpStream, server: &mut TcpStream) -> Handshake {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut sent = Vec::new();
    let mut answered = false;
    let mut received = [0; 4096];
    loop {
        let mut piece = [0; 4096];
        tokio::select! {
            read = from_client.read(&mut piece) => {
                let octets = read.ok().and_then(|length| piece.get(..length)).unwrap_or_default();
                if octets.is_empty() {
                    return Handshake::Aborted;
                }
                sent.extend_from_slice(octets);
                if to_server.write_all(octets).await.is_err() {
                    return Handshake::Foreign;
                }
                if has_application_data(&sent) {
                    return Handshake::Done;
                }
            }
            read = from_server.read(&mut received) => {
                let octets = read.ok().and_then(|length| received.get(..length)).unwrap_or_default();
                // An answer in plain HTTP is that of a listener without TLS.
                if octets.starts_with(b"HTTP/") && !answered {
                    let _ = to_client.write_all(octets).await;
                    return Handshake::Done;
                }
                // An alert before anything else.
                if octets.is_empty() || (!answered && octets.starts_with(&[0x15])) {
                    let _ = to_client.write_all(octets).await;
                    return Handshake::Foreign;
                }
                answered = true;
                if to_client.write_all(octets).await.is_err() {
                    return Handshake::Aborted;
                }
            }
        }
    }
}

/// Whether a record of application data is among these records.
fn has_application_data(mut records: &[u8]) -> bool {
    while let [kind, _, _, high, low, rest @ ..] = records {
        if *kind == 0x17 {
            return true;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Whether the client begins as TLS does; false for a client that speaks HTTP.
async fn begins_with_tls(client: &TcpStream) -> bool {
    let mut first = [0];
    matches!(client.peek(&mut first).await, Ok(1)) && first == [0x16]
}

/// Closes connections that speak TLS.
struct NoTls;

impl Relay for NoTls {
    fn serve(
        &self,
        client: TcpStream,
        upstream: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if !begins_with_tls(&client).await {
                pass_all(client, upstream).await;
            }
        })
    }
}

/// A loop that accepts connections until a handshake goes wrong.
struct Accepting {
    alive: AtomicBool,
    dies: fn(Handshake) -> bool,
}

impl Relay for Accepting {
    fn serve(
        &self,
        mut client: TcpStream,
        upstream: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if !self.alive.load(Ordering::Relaxed) {
                // Nobody accepts it.
                tokio::time::sleep(Duration::from_secs(20)).await;
                return;
            }
            let Ok(mut server) = TcpStream::connect(upstream).await else {
                return;
            };
            if !is_for_tls(upstream).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
                return;
            }
            let handshake = shake_hands(&mut client, &mut server).await;
            if (self.dies)(handshake) {
                self.alive.store(false, Ordering::Relaxed);
            }
            let _ = copy_bidirectional(&mut client, &mut server).await;
        })
    }
}

/// Whether the server at `upstream` speaks TLS: it answers plain HTTP with an alert or nothing.
async fn is_for_tls(upstream: SocketAddr) -> bool {
    let asking = async {
        let mut server = TcpStream::connect(upstream).await?;
        server.write_all(b"OPTIONS * HTTP/1.0\r\n\r\n").await?;
        let mut start = [0; 5];
        server.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(start == *b"HTTP/")
    };
    !matches!(timeout(Duration::from_secs(2), asking).await, Ok(Ok(true)))
}

/// A queue of handshakes.
struct Queue(Mutex<()>);

impl Relay for Queue {
    fn serve(
        &self,
        mut client: TcpStream,
        upstream: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if !is_for_tls(upstream).await {
                return pass_all(client, upstream).await;
            }
            let turn = self.0.lock().await;
            let Ok(mut server) = TcpStream::connect(upstream).await else {
                return;
            };
            shake_hands(&mut client, &mut server).await;
            drop(turn);
            let _ = copy_bidirectional(&mut client, &mut server).await;
        })
    }
}
