//! Targets that are started by a command: deployments are written in the server's own form, a
//! process is started for each, watched until it answers, and stopped.
//!
//! [`mod@file`] says how a server is started, [`words`] fills in what differs from one start to the
//! next, [`process`] starts and stops. Here they come together as the [`Launcher`] of a run.

pub mod file;
pub mod process;
pub mod words;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::case::{Case, Start};
use crate::export::{Need, Written};
use crate::id::CaseId;
use crate::run::reach::reach;
use crate::run::target::{Launcher, Restarted, Started, Target};
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::{Endpoint, Limits, Scheme};
use file::{Found, TargetFile};
use process::{Process, Readiness};
use words::{Values, fill};

/// A server that starts is asked so long for an answer before it is asked again.
const ASK: Duration = Duration::from_secs(2);

/// So often another port is tried if somebody else has taken the one that was free.
const PORTS: usize = 5;

/// A variable that is set for servers and must not reach guests (`isolation.host-environment`).
pub const MARKER: &str = "WAGI_CONFORMANCE_HOST_MARKER";

/// The servers of a target that is started by a command.
#[derive(Debug)]
pub struct Servers {
    found: Found,
    folder: TempDir,
    logs: PathBuf,
    /// Those that serve a deployment which cases share, by its name.
    running: Mutex<HashMap<String, Box<Process>>>,
}

impl Servers {
    /// Prepares folders; the output of servers will go to `logs`, or to a temporary folder.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn new(found: Found, logs: Option<&Path>) -> Result<Self, String> {
        let folder = temporary("deployments")?;
        let logs = match logs {
            Some(logs) => {
                std::fs::create_dir_all(logs).map_err(|error| {
                    format!("failed to make the folder {}: {error}", logs.display())
                })?;
                logs.to_owned()
            }
            // It stays if the run has something to tell of.
            None => temporary("logs")?.keep(),
        };
        Ok(Self {
            found,
            folder,
            logs,
            running: Mutex::default(),
        })
    }

    /// Starts a server for each of the deployments `wanted` that some case can use, and makes them
    /// the target of a run. A server that does not start is no error: the target tells of it.
    pub async fn target(self: &Arc<Self>, suite: &Suite, wanted: &BTreeSet<String>) -> Target {
        let form = self.file().deployments;
        let deployments = suite.deployments.iter().filter(|deployment| {
            deployment.start == Start::Served
                && wanted.contains(&deployment.name)
                && form.serves(suite, deployment)
        });
        // All in this task, so that nothing is left of them when the caller is told to end.
        let mut starts: FuturesUnordered<_> = deployments
            .map(async |deployment| (deployment, self.start_shared(suite, deployment).await))
            .collect();
        let mut endpoints = HashMap::new();
        let mut gone = HashMap::new();
        while let Some((Deployment { name, .. }, started)) = starts.next().await {
            match started {
                Ok(endpoint) => {
                    endpoints.insert(name.clone(), endpoint);
                }
                Err(why) => {
                    let notice = format!("no server for the deployment `{name}`: {why}");
                    gone.insert(name.clone(), notice);
                }
            }
        }
        drop(starts);
        let mut target = Target {
            name: self.found.name.clone(),
            endpoints,
            gone,
            inexpressible: self.inexpressible(suite),
            launcher: Some(self.clone()),
            ..Target::default()
        };
        if let Some(profiles) = &self.file().profiles {
            target.claim(profiles.iter().copied());
        }
        target
    }

    /// The file of expectations that the target names, if the target is a file itself.
    pub fn expectations(&self) -> Option<PathBuf> {
        let folder = self.found.folder.as_ref()?;
        Some(folder.join(self.file().expectations.as_ref()?))
    }

    /// Stops all servers, and removes the folder of their output unless `keep_logs`.
    pub async fn stop(&self, keep_logs: bool) {
        let running: Vec<Box<Process>> =
            self.running().drain().map(|(_, process)| process).collect();
        let stop = &self.file().stop;
        let stops = running
            .into_iter()
            .map(|process| tokio::spawn(process.stop(stop.signal, stop.seconds.duration())));
        // All are asked at once: the limit is that of one.
        for stopped in stops.collect::<Vec<_>>() {
            let _ = stopped.await;
        }
        if !keep_logs || !has_content(&self.logs) {
            // What stays behind in the system's temporary folder is no failure of the run.
            let _ = std::fs::remove_dir_all(&self.logs);
        }
    }

    fn file(&self) -> &TargetFile {
        &self.found.file
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Box<Process>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cases that the server cannot be asked, and why.
    fn inexpressible(&self, suite: &Suite) -> HashMap<CaseId, String> {
        let cases = suite.cases.iter();
        cases
            .filter_map(|case| Some((case.id.clone(), self.unsupported(suite, case)?)))
            .collect()
    }

    fn unsupported(&self, suite: &Suite, case: &Case) -> Option<String> {
        let form = self.file().deployments;
        if let Some(why) = form.unsupported(suite, case) {
            return Some(why);
        }
        let lacks = &self.file().lacks;
        let needs = Need::of_case(suite, case);
        let need = needs.iter().find(|need| lacks.contains_key(*need))?;
        Some(format!("it needs {need}: {}", lacks.get(need)?))
    }

    async fn start_shared(
        &self,
        suite: &Suite,
        deployment: &Deployment,
    ) -> Result<Endpoint, String> {
        match self.launch(suite, deployment).await {
            Ok(Launched::Serving(endpoint, process)) => {
                self.running().insert(deployment.name.clone(), process);
                Ok(endpoint)
            }
            Ok(Launched::Ended(why) | Launched::Silent(why)) | Err(why) => Err(why),
        }
    }

    /// Writes a deployment and starts a server with it.
    async fn launch(&self, suite: &Suite, deployment: &Deployment) -> Result<Launched, String> {
        let name = deployment.name.replace('/', "-");
        let folder = self.folder.path().join(&name);
        let log = self.logs.join(format!("{name}.log"));
        let ready = &self.file().ready;
        for _ in 0..PORTS {
            let address = free_address().await?;
            let written = self
                .file()
                .deployments
                .write(suite, deployment, &folder, address)
                .map_err(|error| error.to_string())?;
            let scheme = match deployment.server.tls {
                true => Scheme::Https,
                false => Scheme::Http,
            };
            let endpoint = Endpoint::at(scheme, address);
            let start = self.start(&written, address, &folder, log.clone())?;
            let mut process = Process::start(&start)?;
            let answers = || answers(endpoint.clone(), ready.path.clone());
            let why = match process.ready(ready.seconds.duration(), answers).await {
                Readiness::Ready => return Ok(Launched::Serving(endpoint, Box::new(process))),
                Readiness::Ended(_) if connects(address).await => continue,
                Readiness::Ended(how) => {
                    let why = format!("`{}` {how}{}", start.words.join(" "), process.last_words());
                    return Ok(Launched::Ended(why));
                }
                Readiness::Silent => format!(
                    "`{}` did not answer a request for {} in {} s{}",
                    start.words.join(" "),
                    ready.path,
                    f64::from(ready.seconds),
                    process.last_words()
                ),
            };
            return Ok(Launched::Silent(why));
        }
        Err(format!(
            "{PORTS} ports that were free were taken before the server had them"
        ))
    }

    /// What is started for a deployment that was written.
    fn start(
        &self,
        written: &Written,
        listen: SocketAddr,
        deployment: &Path,
        log: PathBuf,
    ) -> Result<process::Start, String> {
        let file = self.file();
        let (address, host, port) = (
            listen.to_string(),
            listen.ip().to_string(),
            listen.port().to_string(),
        );
        let config = written.config.display().to_string();
        let deployment = deployment.display().to_string();
        let folder = self
            .found
            .folder
            .as_ref()
            .map(|folder| folder.display().to_string());
        let mut values = vec![
            ("address", address.as_str()),
            ("host", &host),
            ("port", &port),
            ("config", &config),
            ("deployment", &deployment),
        ];
        values.extend(folder.as_deref().map(|folder| ("folder", folder)));
        let named = |error: String| match folder {
            Some(_) => format!("target `{}`: {error}", self.found.name),
            None => format!(
                "target `{}`: {error}; it is started from a copy of the suite's repository, which \
                 holds the server",
                self.found.name
            ),
        };
        let words = match &file.command {
            Some(command) => {
                let mut words = fill(command, &values).map_err(named)?;
                words.extend(self.options(written).map_err(named)?);
                words
            }
            None => file.deployments.command(written, listen),
        };
        let environment = file.environment.iter();
        let environment: Result<Vec<_>, String> = environment
            .map(|(name, value)| Ok((name.clone(), value.fill(&values)?)))
            .collect();
        let mut environment = environment.map_err(named)?;
        environment.push((MARKER.to_owned(), "a variable of the host".to_owned()));
        Ok(process::Start {
            words,
            environment,
            log,
        })
    }

    /// The words for what the form leaves to the command line.
    fn options(&self, written: &Written) -> Result<Vec<String>, String> {
        let options = &self.file().options;
        let given = |option: &[words::Template], what: &str, values: &Values| match option {
            [] => Err(format!(
                "`options` has no words for {what}: add some, or name it in `lacks`"
            )),
            words => fill(words, values),
        };
        let mut words = Vec::new();
        for (name, value) in &written.environment {
            let values = [("name", name.as_str()), ("value", value)];
            words.extend(given(&options.variable, "a configured variable", &values)?);
        }
        if let Some(path) = &written.environment_file {
            let path = path.display().to_string();
            words.extend(given(
                &options.environment_file,
                "an environment file",
                &[("file", &path)],
            )?);
        }
        if let Some((certificate, key)) = &written.tls {
            let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
            let values = [("certificate", certificate.as_str()), ("key", &key)];
            words.extend(given(&options.tls, "TLS", &values)?);
        }
        Ok(words)
    }
}

/// What became of a server that was started.
enum Launched {
    Serving(Endpoint, Box<Process>),
    Ended(String),
    Silent(String),
}

impl Launcher for Servers {
    fn start<'a>(
        &'a self,
        suite: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>> {
        Box::pin(async {
            match self.launch(suite, deployment).await {
                Ok(Launched::Serving(endpoint, process)) => Started::Serving(endpoint, process),
                Ok(Launched::Ended(why)) => Started::Refused(why),
                Ok(Launched::Silent(why)) => Started::Silent(why),
                Err(why) => Started::Failed(why),
            }
        })
    }

    fn restart<'a>(
        &'a self,
        suite: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Option<Restarted>> + Send + 'a>> {
        Box::pin(async {
            let process = self.running().remove(&deployment.name);
            let mut process = process?;
            let how = process.ended();
            let last_words = process.last_words();
            let how = how.unwrap_or_else(|| "did not answer and was killed".to_owned());
            drop(process);
            Some(Restarted {
                how: format!("{how}{last_words}"),
                endpoint: self.start_shared(suite, deployment).await,
            })
        })
    }

    fn logs(&self) -> Option<&Path> {
        has_content(&self.logs).then_some(self.logs.as_path())
    }
}

/// Whether some file of this folder holds something.
fn has_content(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut sizes = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    sizes.any(|size| size > 0)
}

fn temporary(what: &str) -> Result<TempDir, String> {
    tempfile::Builder::new()
        .prefix(&format!("wagi-conformance-{what}-"))
        .tempdir()
        .map_err(|error| format!("failed to make a temporary folder: {error}"))
}

/// An address of this machine where nobody listens right now.
async fn free_address() -> Result<SocketAddr, String> {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let address = TcpListener::bind(any)
        .await
        .and_then(|listener| listener.local_addr());
    address.map_err(|error| format!("failed to find a free port: {error}"))
}

async fn connects(address: SocketAddr) -> bool {
    matches!(timeout(ASK, TcpStream::connect(address)).await, Ok(Ok(_)))
}

/// Whether a server at `endpoint` answers a request for `path`.
async fn answers(endpoint: Endpoint, path: String) -> bool {
    let limits = Limits {
        answer: ASK,
        connect: ASK,
        ..Limits::default()
    };
    for address in &endpoint.addresses {
        if connects(*address).await {
            return reach(&endpoint, &path, &limits).await.is_ok();
        }
    }
    false
}
