//! What the server is told before it starts: its modules, its variables and its limits.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::configured_environment::Variables;
use crate::request::Authority;
use crate::routing::Route;

pub mod command_line;
mod environment_file;
pub mod limits;
mod modules_toml;

pub use environment_file::load as load_environment_file;
pub use limits::{EngineLimits, Limits};

/// All that a server needs to know.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. Port 0 lets the system choose a free one.
    pub listen: SocketAddr,
    /// The host to go by when a client does not name one.
    pub hostname: Option<Authority>,
    /// The modules and their routes.
    pub deployment: Deployment,
    /// The variables that every guest gets.
    pub environment: Variables,
    /// A file of more variables that every guest gets.
    pub environment_file: Option<PathBuf>,
    /// Where the server's messages and the guests' standard error go.
    pub log: LogTarget,
    /// The files for TLS; none to serve plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The limits on requests, responses and connections.
    pub limits: Limits,
}

impl ServerConfig {
    /// A server for `deployment` at `listen`, and everything else as usual.
    pub fn new(listen: SocketAddr, deployment: Deployment) -> Self {
        Self {
            listen,
            hostname: None,
            deployment,
            environment: Variables::new(),
            environment_file: None,
            log: LogTarget::Stderr,
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Where the guests' standard error goes. The server's own messages always go to its standard
/// error, unless nothing is to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// To the server's standard error, each line after the route in brackets.
    Stderr,
    /// To one file per route in this directory, see [`log::file_name`](crate::log::file_name).
    Directory(PathBuf),
    /// Nowhere: for servers that run inside another program.
    Nowhere,
}

/// The files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

/// The modules of a server and their routes. Of several routes that match, the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The modules, in the order of the table.
    pub modules: Vec<ModuleConfig>,
}

impl Deployment {
    /// Reads a `modules.toml`. Paths in it are relative to its directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        modules_toml::load(path)
    }
}

/// One route and what serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleConfig {
    /// Where this is configured, for error messages.
    pub place: Option<Place>,
    /// The route.
    pub route: Route,
    /// The module.
    pub module: ModuleSource,
    /// The exported function to call, if it is not the default one.
    pub entrypoint: Option<String>,
    /// The template for the guest's arguments.
    pub argv: Option<String>,
    /// The directories that the guest can open.
    pub volumes: Vec<Volume>,
}

impl ModuleConfig {
    /// A module at a route, and everything else as usual.
    pub fn new(route: Route, module: ModuleSource) -> Self {
        Self {
            place: None,
            route,
            module,
            entrypoint: None,
            argv: None,
            volumes: Vec::new(),
        }
    }
}

/// Where the code of a module comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModuleSource {
    /// A file; in the text format if its name ends in `.wat`, otherwise in the binary format.
    File(PathBuf),
    /// Code in memory, in the binary format.
    Memory {
        /// A name for error messages.
        name: String,
        /// The code.
        code: Arc<[u8]>,
    },
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory { name, .. } => f.write_str(name),
        }
    }
}

/// A directory of the host that a guest can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The directory's path in the guest.
    pub guest: String,
    /// The directory on the host.
    pub host: PathBuf,
}

/// A place in a file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A mistake in a file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; none if the mistake is in no single line.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.problem)
    }
}

impl std::error::Error for ConfigError {}
