//! The server as a whole: real requests, real guests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wagi_reference_server::config::{
    Deployment, EngineLimits, LogTarget, ModuleConfig, ModuleSource, ServerConfig,
};
use wagi_reference_server::errors::Failure;
use wagi_reference_server::{Conforming, Engine, Semantics, Server};

/// Writes what it reads, up to 64 KiB.
const COPY: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Never ends.
const LOOP: &str = r#"(module (memory (export "memory") 1)
  (func (export "_start") (loop $forever (br $forever))))"#;

/// Declares the sub-routes /sub/... and, later, /sub/... again.
const ROUTES: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "/sub/... first\n/sub/... second\n")
  (data (i32.const 64) "Content-Type: text/plain\n\nparent")
  (data (i32.const 128) "Content-Type: text/plain\n\nfirst")
  (data (i32.const 192) "Content-Type: text/plain\n\nsecond")
  (func $print (param i32 i32)
    (i32.store (i32.const 0) (local.get 0))
    (i32.store (i32.const 4) (local.get 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_routes") (call $print (i32.const 16) (i32.const 31)))
  (func (export "_start") (call $print (i32.const 64) (i32.const 32)))
  (func (export "first") (call $print (i32.const 128) (i32.const 31)))
  (func (export "second") (call $print (i32.const 192) (i32.const 32))))"#;

fn module(route: &str, text: &str) -> ModuleConfig {
    let source = ModuleSource::Memory {
        name: "(test)".to_owned(),
        code: wat::parse_str(text).expect("a module").into(),
    };
    ModuleConfig::new(route.parse().expect("a route"), source)
}

fn engine() -> Engine {
    let limits = EngineLimits {
        guest_memory: 1 << 20,
        max_guests: 8,
    };
    Engine::new(&limits).expect("an engine")
}

fn config(modules: Vec<ModuleConfig>) -> ServerConfig {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let mut config = ServerConfig::new(listen, Deployment { modules });
    config.log = LogTarget::Nowhere;
    config.limits.guest_time = Duration::from_secs(1);
    config
}

/// A server that runs.
struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn start(modules: Vec<ModuleConfig>, steps: impl Semantics) -> Running {
    let server = Server::bind(&engine(), config(modules), Arc::new(steps))
        .await
        .expect("a server");
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    Running {
        address,
        stop,
        ended: tokio::spawn(server.run(shutdown)),
    }
}

/// Sends bytes on a new connection and gives all that comes back, without the Date field.
async fn exchange(server: &Running, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("a server");
    stream
        .write_all(request.as_ref())
        .await
        .expect("a connection");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.expect("a response");
    let response = String::from_utf8(response).expect("text");
    let lines = response.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("date: ")).collect()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

fn post(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn requests_on_one_connection_get_their_responses() {
    let server = start(vec![module("/copy", COPY)], Conforming).await;
    let requests = [
        post(
            "POST",
            "/copy",
            "Status: 201\nSet-Cookie: a\nX-A: b\nSet-Cookie: c\n\nbody",
        ),
        post(
            "HEAD",
            "/copy",
            "Content-Type: text/plain\nContent-Length: 99\n\nbody",
        ),
        post("POST", "/copy", "no response"),
        post("POST", "/none", "anything"),
        get("/copy/"),
    ];
    let expected = "HTTP/1.1 201 Created\r\nset-cookie: a\r\nset-cookie: c\r\nx-a: b\r\n\
                    content-length: 4\r\n\r\nbody\
                    HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n\
                    HTTP/1.1 500 Internal Server Error\r\n\
                    content-type: text/plain; charset=utf-8\r\ncontent-length: 26\r\n\r\n\
                    500 Internal Server Error\n\
                    HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\n\
                    content-length: 14\r\n\r\n404 Not Found\n\
                    HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\n\
                    content-length: 14\r\nconnection: close\r\n\r\n404 Not Found\n";
    assert_eq!(exchange(&server, requests.concat()).await, expected);
}

#[tokio::test]
async fn a_looping_guest_is_stopped_and_keeps_nobody_waiting() {
    let modules = vec![module("/loop", LOOP), module("/copy", COPY)];
    let server = Arc::new(start(modules, Conforming).await);
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { exchange(&server, get("/loop")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    let healthy = exchange(&server, get("/copy")).await;
    assert!(healthy.starts_with("HTTP/1.1 500 "), "{healthy}");
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
    for looping in loops {
        let response = looping.await.expect("a response");
        assert!(
            response.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn requests_that_have_begun_are_served_to_the_end() {
    let server = start(vec![module("/loop", LOOP)], Conforming).await;
    let mut idle = TcpStream::connect(server.address).await.expect("a server");
    let mut stream = TcpStream::connect(server.address).await.expect("a server");
    stream
        .write_all(get("/loop").as_bytes())
        .await
        .expect("a connection");
    tokio::time::sleep(Duration::from_millis(200)).await;

    server.stop.send(()).expect("a server that runs");
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .await
        .expect("a response");
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    assert_eq!(idle.read(&mut [0]).await.expect("an end"), 0);
    server.ended.await.expect("a server that ends");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_truncated_body_does_not_run_the_guest() {
    let server = start(vec![module("/copy", COPY)], Conforming).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a server");
    let request = "POST /copy HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nStatus: 200\n\n";
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a connection");
    stream.shutdown().await.expect("a connection");
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .await
        .expect("a response");
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[tokio::test]
async fn modules_declare_sub_routes() {
    let server = start(vec![module("/parent/...", ROUTES)], Conforming).await;
    for (path, body) in [
        ("/parent", "parent"),
        ("/parent/x", "parent"),
        ("/parent/sub", "second"),
        ("/parent/sub/x", "second"),
    ] {
        let response = exchange(&server, get(path)).await;
        assert!(
            response.ends_with(&format!("\r\n\r\n{body}")),
            "{path}: {response}"
        );
    }
}

#[tokio::test]
async fn a_module_without_its_entrypoint_is_refused() {
    let mut module = module("/copy", COPY);
    module.entrypoint = Some("main".to_owned());
    let refused = Server::bind(&engine(), config(vec![module]), Arc::new(Conforming)).await;
    let message = refused.err().map(|error| error.to_string());
    let expected = "route \"/copy\", module (test): the entrypoint \"main\" is not an exported \
                    function without parameters and results; it exports \"_start\"";
    assert_eq!(message.as_deref(), Some(expected));
}

/// A server in which one step is wrong.
struct IgnoresStatus;

impl Semantics for IgnoresStatus {
    fn parse_status(&self, _: &[u8]) -> Result<u16, Failure> {
        Ok(200)
    }
}

#[tokio::test]
async fn a_single_step_can_be_replaced() {
    let server = start(vec![module("/copy", COPY)], IgnoresStatus).await;
    let request = post("POST", "/copy", "Status: 404\n\n") + &get("/none");
    let response = exchange(&server, request).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}
