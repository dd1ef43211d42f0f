//! The bundled reference server: started in this process, with the deployments as wagi reads them.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use wagi_reference_server::cache::Keep;
use wagi_reference_server::config::{
    self, EngineLimits, Limits, LogTarget, ServerConfig, TlsFiles,
};
use wagi_reference_server::{Conforming, Engine, Server};

use super::target::{Launcher, Started, Target};
use crate::case::Start;
use crate::export::{Written, wagi};
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::{Endpoint, Scheme};

/// A guest of the bundled server may take so long: short, since cases wait for it.
const GUEST_TIME: Duration = Duration::from_secs(2);

/// Port 0: the system chooses one that is free.
const FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The bundled server's engine and the folder that holds its deployments.
pub struct Bundled {
    engine: Engine,
    folder: TempDir,
    log: LogTarget,
}

/// A server that runs until this is dropped.
pub struct Running {
    /// Where it serves.
    pub endpoint: Endpoint,
    _stop: oneshot::Sender<()>,
}

/// A target whose servers run until `running` is dropped.
pub struct BundledTarget {
    /// The target.
    pub target: Target,
    /// Its servers.
    pub running: Vec<Running>,
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Bundled")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Bundled {
    /// Prepares the engine.
    ///
    /// # Errors
    /// What keeps it from being set up.
    pub fn new(log: LogTarget) -> Result<Self, String> {
        let engine = engine(&EngineLimits::default())?;
        let folder = tempfile::Builder::new()
            .prefix("wagi-conformance-")
            .tempdir()
            .map_err(|error| format!("failed to make a temporary folder: {error}"))?;
        Ok(Self {
            engine,
            folder,
            log,
        })
    }

    /// Starts a server for each of the deployments `wanted`, and makes them the target.
    ///
    /// # Errors
    /// The deployment that could not be started, and why.
    pub async fn target(
        self,
        suite: &Suite,
        wanted: &BTreeSet<String>,
    ) -> Result<BundledTarget, String> {
        let mut endpoints = HashMap::new();
        let mut running = Vec::new();
        let deployments = suite.deployments.iter().filter(|deployment| {
            deployment.start == Start::Served && wanted.contains(&deployment.name)
        });
        for deployment in deployments {
            let server = self
                .serve(suite, deployment, FREE_PORT)
                .await
                .map_err(|error| {
                    format!(
                        "failed to start the reference server for the deployment `{}`: {error}",
                        deployment.name
                    )
                })?;
            endpoints.insert(deployment.name.clone(), server.endpoint.clone());
            running.push(server);
        }
        let target = Target {
            name: "the bundled reference server".to_owned(),
            endpoints,
            launcher: Some(Arc::new(self)),
            ..Target::default()
        };
        Ok(BundledTarget { target, running })
    }

    /// Starts a server for `deployment` at `address`.
    ///
    /// # Errors
    /// Why it refuses to start.
    pub async fn serve(
        &self,
        suite: &Suite,
        deployment: &Deployment,
        address: SocketAddr,
    ) -> Result<Running, String> {
        let folder = self.folder.path().join(deployment.name.replace('/', "-"));
        let written = wagi::write_deployment(suite, deployment, &folder)
            .map_err(|error| error.to_string())?;
        self.bind(&written, address).await
    }

    async fn bind(&self, written: &Written, address: SocketAddr) -> Result<Running, String> {
        let config = ServerConfig {
            listen: address,
            ..server_config(written, self.log.clone())?
        };
        let scheme = scheme(&config);
        let server = Server::bind(&self.engine, config, Arc::new(Conforming))
            .await
            .map_err(|error| error.to_string())?;
        let endpoint = Endpoint::at(scheme, server.local_addr());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(async {
            // An error means that the sender is gone, which is the signal too.
            let _ = stopped.await;
        }));
        Ok(Running {
            endpoint,
            _stop: stop,
        })
    }
}

impl Launcher for Bundled {
    fn start<'a>(
        &'a self,
        suite: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>> {
        Box::pin(async {
            let folder = self.folder.path().join(deployment.name.replace('/', "-"));
            let written = match wagi::write_deployment(suite, deployment, &folder) {
                Ok(written) => written,
                Err(error) => return Started::Failed(error.to_string()),
            };
            match self.bind(&written, FREE_PORT).await {
                Ok(running) => Started::Serving(running.endpoint.clone(), Box::new(running)),
                Err(message) => Started::Refused(message),
            }
        })
    }
}

/// The variable that says where compiled guests are kept: a folder, or `off`.
pub const CACHE: &str = "WAGI_CONFORMANCE_CACHE";

/// An engine that keeps the guests that it compiles for the next run: some take seconds.
///
/// # Errors
/// What keeps it from being set up.
pub(crate) fn engine(limits: &EngineLimits) -> Result<Engine, String> {
    let keep = match std::env::var_os(CACHE) {
        None => Keep::WithWasmtime,
        Some(word) if word == "off" => Keep::Nowhere,
        Some(folder) => Keep::In(folder.into()),
    };
    Engine::keeping(limits, &keep).map_err(|error| error.to_string())
}

/// The configuration of a server for the deployment `written`, at a free port of this machine.
///
/// # Errors
/// What is wrong with the deployment's files.
pub(crate) fn server_config(written: &Written, log: LogTarget) -> Result<ServerConfig, String> {
    let deployment =
        config::Deployment::load(&written.config).map_err(|error| error.to_string())?;
    Ok(ServerConfig {
        environment: written.environment.clone(),
        environment_file: written.environment_file.clone(),
        log,
        tls: written
            .tls
            .clone()
            .map(|(certificate, key)| TlsFiles { certificate, key }),
        limits: Limits {
            guest_time: GUEST_TIME,
            ..Limits::default()
        },
        ..ServerConfig::new(FREE_PORT, deployment)
    })
}

/// How a server with this configuration is spoken to.
pub(crate) fn scheme(config: &ServerConfig) -> Scheme {
    match config.tls {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    }
}
