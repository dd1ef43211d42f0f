//! Where mutants are served: what they all share, and how one is started.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{self, Handle, Runtime};
use tokio::time::timeout;
use wagi_conformance_mutants::{Fault, Relay};
use wagi_reference_server::config::{EngineLimits, LogTarget, ServerConfig};
use wagi_reference_server::engine::Host;
use wagi_reference_server::request::Authority;
use wagi_reference_server::{Conforming, Engine, Semantics, Server};

use crate::case::Start;
use crate::export::wagi;
use crate::run::bundled::{engine, scheme, server_config};
use crate::run::target::{Launcher, Started, Target};
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::{Endpoint, Scheme};

/// A guest of a mutant may take so long: shorter than with the bundled server, since each mutant
/// meets the guests that never end.
const GUEST_TIME: Duration = Duration::from_secs(1);

/// A mutant may take so long to start.
const START_TIME: Duration = Duration::from_secs(20);

/// What all mutants share: the engine, with every module that was compiled so far, and the
/// deployments, which are written once.
pub struct Bench {
    pub suite: Arc<Suite>,
    engine: Engine,
    folder: TempDir,
    /// The configurations by the name of their deployment.
    configurations: Mutex<HashMap<String, Configuration>>,
}

/// How a server is configured.
#[derive(Clone)]
enum Configuration {
    Ready(Box<ServerConfig>),
    /// Its files are such that a server refuses them: why.
    Refused(String),
    /// Its files could not be written: why.
    Failed(String),
}

impl Bench {
    /// Prepares the engine.
    ///
    /// # Errors
    /// What keeps it from being set up.
    pub fn new(suite: Arc<Suite>) -> Result<Self, String> {
        let limits = EngineLimits {
            // One mutant must not take the places of another one's guests.
            max_guests: 256,
            ..EngineLimits::default()
        };
        let folder = tempfile::Builder::new()
            .prefix("wagi-conformance-mutants-")
            .tempdir()
            .map_err(|error| format!("failed to make a temporary folder: {error}"))?;
        Ok(Self {
            suite,
            engine: engine(&limits)?,
            folder,
            configurations: Mutex::default(),
        })
    }

    /// Removes the deployments. Servers whose threads still run may keep the bench itself.
    pub fn clear(&self) {
        // What stays behind in the system's temporary folder is no failure.
        let _ = std::fs::remove_dir_all(self.folder.path());
    }

    fn configuration(&self, deployment: &Deployment) -> Configuration {
        let mut known = self
            .configurations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known
            .entry(deployment.name.clone())
            .or_insert_with(|| self.write(deployment))
            .clone()
    }

    fn write(&self, deployment: &Deployment) -> Configuration {
        let folder = self.folder.path().join(deployment.name.replace('/', "-"));
        let written = match wagi::write_deployment(&self.suite, deployment, &folder) {
            Ok(written) => written,
            Err(error) => return Configuration::Failed(error.to_string()),
        };
        match server_config(&written, LogTarget::Nowhere) {
            Ok(mut config) => {
                config.limits.guest_time = GUEST_TIME;
                Configuration::Ready(Box::new(config))
            }
            Err(message) => Configuration::Refused(message),
        }
    }
}

/// A faulty server on threads of its own, which end with this: a step that never returns keeps
/// neither the runner nor other mutants.
pub struct Faulty {
    /// Its servers as the target of a run.
    pub target: Arc<Target>,
    /// What kept servers from starting.
    pub refusals: Vec<String>,
    /// The deployments of these servers.
    pub refused: BTreeSet<String>,
    threads: Option<Runtime>,
    /// In place of the servers that did not start.
    _silent: Vec<TcpSocket>,
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Faulty {
    /// Starts servers with `fault`, or without any, for the deployments `wanted`.
    ///
    /// # Errors
    /// There are no threads for it.
    pub async fn start(
        bench: &Arc<Bench>,
        fault: Option<Fault>,
        wanted: &BTreeSet<String>,
    ) -> Result<Self, String> {
        let threads = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("mutant")
            .enable_all()
            .build()
            .map_err(|error| format!("failed to start a runtime: {error}"))?;
        let variant = Arc::new(Variant {
            bench: bench.clone(),
            fault,
            threads: threads.handle().clone(),
        });
        let mut endpoints = HashMap::new();
        let mut refusals = Vec::new();
        let mut refused = BTreeSet::new();
        let mut silent = Vec::new();
        let deployments = bench.suite.deployments.iter().filter(|deployment| {
            deployment.start == Start::Served && wanted.contains(&deployment.name)
        });
        for deployment in deployments {
            let endpoint = match variant.launch(deployment).await {
                Started::Serving(endpoint, _) => endpoint,
                Started::Refused(why) | Started::Silent(why) | Started::Failed(why) => {
                    // Where a file lies does not matter, and is another place in every run.
                    let why = why.replace(&bench.folder.path().display().to_string(), "");
                    refusals.push(format!("deployment `{}`: {why}", deployment.name));
                    refused.insert(deployment.name.clone());
                    let (socket, address) = silent_socket()?;
                    silent.push(socket);
                    Endpoint::at(Scheme::Http, address)
                }
            };
            endpoints.insert(deployment.name.clone(), endpoint);
        }
        let target = Target {
            name: "a mutant".to_owned(),
            endpoints,
            launcher: Some(variant),
            ..Target::default()
        };
        Ok(Self {
            target: Arc::new(target),
            refusals,
            refused,
            threads: Some(threads),
            _silent: silent,
        })
    }
}

/// A socket whose address nobody else gets and where nobody listens.
fn silent_socket() -> Result<(TcpSocket, SocketAddr), String> {
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bind().map_err(|error: std::io::Error| format!("failed to find a free port: {error}"))
}

/// Starts servers with a fault.
struct Variant {
    bench: Arc<Bench>,
    fault: Option<Fault>,
    threads: Handle,
}

impl std::fmt::Debug for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Variant").finish_non_exhaustive()
    }
}

impl Launcher for Variant {
    fn start<'a>(
        &'a self,
        _suite: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>> {
        Box::pin(self.launch(deployment))
    }
}

impl Variant {
    async fn launch(&self, deployment: &Deployment) -> Started {
        let config = match self.bench.configuration(deployment) {
            Configuration::Ready(config) => *config,
            Configuration::Refused(why) => return Started::Refused(why),
            Configuration::Failed(why) => return Started::Failed(why),
        };
        let serving =
            self.threads
                .spawn(serve(self.bench.engine.clone(), config, self.fault.clone()));
        match timeout(START_TIME, serving).await {
            Ok(Ok(Ok(endpoint))) => Started::Serving(endpoint, Box::new(())),
            Ok(Ok(Err(why))) => Started::Refused(why),
            Ok(Err(error)) => Started::Failed(format!("it failed to start: {error}")),
            Err(_) => Started::Failed(format!("it did not start in {START_TIME:?}")),
        }
    }
}

/// Starts a server with a fault and serves in the background of the present runtime.
async fn serve(
    engine: Engine,
    mut config: ServerConfig,
    fault: Option<Fault>,
) -> Result<Endpoint, String> {
    let mut steps: Arc<dyn Semantics> = Arc::new(Conforming);
    let mut host: Arc<dyn Host> = Arc::new(engine.clone());
    let mut front: Option<(TcpListener, Arc<dyn Relay>)> = None;
    match fault {
        None => {}
        Some(Fault::Step(faulty)) => steps = faulty,
        Some(Fault::Host(faulty)) => host = faulty(engine.clone()),
        Some(Fault::Start(change)) => config = change(config),
        Some(Fault::Relay(relay)) => {
            let listener = TcpListener::bind(config.listen)
                .await
                .map_err(|error| format!("failed to listen: {error}"))?;
            // The relay is the server that clients see, so its address is the server's.
            let address = address_of(&listener)?;
            config.hostname = Authority::parse(&address.to_string());
            config.listen = twin(address).await.unwrap_or(config.listen);
            steps = relay.steps();
            front = Some((listener, relay));
        }
    }
    let scheme = scheme(&config);
    let server = Server::bind_with_host(&engine, host, config, steps)
        .await
        .map_err(|error| error.to_string())?;
    let upstream = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    let address = match front {
        None => upstream,
        Some((listener, relay)) => {
            let address = address_of(&listener)?;
            tokio::spawn(relay_all(listener, relay, upstream));
            address
        }
    };
    Ok(Endpoint::at(scheme, address))
}

/// An address with the same port, so that a server behind a relay knows the port that clients see.
/// There is one where all of 127.0.0.0/8 is this machine, as on Linux; elsewhere a relay shows in
/// the cases that compare the port of the connection.
async fn twin(address: SocketAddr) -> Option<SocketAddr> {
    let twin = SocketAddr::from(([127, 0, 0, 2], address.port()));
    let free = TcpListener::bind(twin).await;
    free.ok().map(|_| twin)
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener
        .local_addr()
        .map_err(|error| format!("failed to listen: {error}"))
}

async fn relay_all(listener: TcpListener, relay: Arc<dyn Relay>, upstream: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                // As every server does; without it, answers in pieces come late.
                let _ = client.set_nodelay(true);
                let relay = relay.clone();
                tokio::spawn(async move { relay.serve(client, upstream).await });
            }
            // Too many open files, most likely: some will be closed soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
