//! The server: it listens, and hands each connection to a task of its own.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::config::{self, ConfigError, ServerConfig};
use crate::configured_environment::Variables;
use crate::engine::{Engine, Host};
use crate::log::{Log, LogError};
use crate::request::{Authority, Scheme};
use crate::semantics::Semantics;
use crate::table::{self, Entry, LoadError};

mod body;
mod connection;
mod linger;
mod patience;
mod service;
mod tls;

pub use tls::TlsError;

/// A server that listens, and serves as soon as it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    context: Arc<Context>,
}

/// What all connections share.
struct Context {
    host: Arc<dyn Host>,
    steps: Arc<dyn Semantics>,
    entries: Vec<Entry>,
    environment: Variables,
    hostname: Option<Authority>,
    scheme: Scheme,
    limits: crate::config::Limits,
    log: Log,
}

/// Why a server could not start.
#[derive(Debug)]
pub enum StartError {
    /// A module cannot be served.
    Load(LoadError),
    /// The environment file cannot be read.
    Environment(ConfigError),
    /// The log cannot be written.
    Log(LogError),
    /// The certificate or its key cannot be used.
    Tls(TlsError),
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        cause: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(cause) => cause.fmt(f),
            Self::Environment(cause) => cause.fmt(f),
            Self::Log(cause) => cause.fmt(f),
            Self::Tls(cause) => cause.fmt(f),
            Self::Listen { address, cause } => {
                write!(
                    f,
                    "cannot listen on {address}: {cause}; choose another with --listen"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

impl Server {
    /// Compiles and checks the modules and begins to listen.
    ///
    /// `steps` decide what the server does; [`Conforming`](crate::Conforming) are those of the
    /// specification.
    pub async fn bind(
        engine: &Engine,
        config: ServerConfig,
        steps: Arc<dyn Semantics>,
    ) -> Result<Self, StartError> {
        Self::bind_with_host(engine, Arc::new(engine.clone()), config, steps).await
    }

    /// The same, with guests compiled by `engine` and run by `host`.
    pub async fn bind_with_host(
        engine: &Engine,
        host: Arc<dyn Host>,
        config: ServerConfig,
        steps: Arc<dyn Semantics>,
    ) -> Result<Self, StartError> {
        let entries = table::load(engine, &config.deployment, steps.as_ref(), &config.limits)
            .await
            .map_err(StartError::Load)?;
        let from_file = match &config.environment_file {
            Some(path) => config::load_environment_file(steps.as_ref(), path)
                .map_err(StartError::Environment)?,
            None => Variables::new(),
        };
        let environment = steps.configured_environment(from_file, config.environment);
        let modules = &config.deployment.modules;
        let routes = modules.iter().map(|module| module.route.clone()).collect();
        let log = Log::open(&config.log, routes).map_err(StartError::Log)?;
        let tls = match &config.tls {
            Some(files) => Some(tls::acceptor(files).map_err(StartError::Tls)?),
            None => None,
        };
        let listen = |cause| StartError::Listen {
            address: config.listen,
            cause,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            address,
            context: Arc::new(Context {
                host,
                steps,
                entries,
                environment,
                hostname: config.hostname,
                scheme: match tls {
                    Some(_) => Scheme::Https,
                    None => Scheme::Http,
                },
                limits: config.limits,
                log,
            }),
            tls,
        })
    }

    /// The address on which the server listens, with the port that was chosen for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL by which the server can be reached at that address.
    pub fn url(&self) -> String {
        format!("{}://{}", self.context.scheme.as_str(), self.address)
    }

    /// Serves until `shutdown` is ready; then takes no further connections, lets the requests
    /// that have begun come to their end, and returns. If the future is dropped, everything ends
    /// at once.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            tls,
            context,
            ..
        } = self;
        let slots = Arc::new(Semaphore::new(context.limits.max_connections));
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let accept = async {
            loop {
                let Ok(slot) = slots.clone().acquire_owned().await else {
                    return;
                };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(cause) => {
                        context
                            .log
                            .server(format!("cannot accept a connection: {cause}"));
                        // Too many open files, most likely: some will be closed soon.
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                while connections.try_join_next().is_some() {}
                let connection =
                    serve(stream, peer, tls.clone(), context.clone(), stopping.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
        };
        tokio::select! {
            () = accept => {}
            () = shutdown => {}
        }
        drop(listener);
        // Nobody to tell is no connection to wait for.
        let _ = stop.send(true);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(
            context.limits.guest_time + Duration::from_secs(2),
            all_ended,
        )
        .await
        .is_err()
        {
            context
                .log
                .server("some connections were cut off at the end".to_owned());
        }
        context.log.flush().await;
    }
}

/// Serves one connection, after the TLS handshake if there is to be one.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    context: Arc<Context>,
    stopping: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Responses are written whole; there is nothing to gather.
    let _ = stream.set_nodelay(true);
    let ends = service::Ends {
        peer: peer.ip(),
        local,
    };
    let patience = context.limits.idle_time;
    let stream = patience::Patient::new(linger::Lingering::new(stream), patience);
    match tls {
        None => connection::serve(stream, ends, context, stopping).await,
        Some(tls) => {
            // A handshake that fails or takes too long is the client's affair.
            if let Ok(Ok(stream)) = timeout(patience, tls.accept(stream)).await {
                connection::serve(stream, ends, context, stopping).await;
            }
        }
    }
}
