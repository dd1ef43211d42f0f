//! The command line of the binary.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use super::{ConfigError, Deployment, EngineLimits, Limits, LogTarget, ServerConfig, TlsFiles};
use crate::configured_environment;
use crate::request::Authority;

/// A small, strict WAGI server.
///
/// When it is ready, it prints one line on standard output: `listening on` and its URL.
/// Everything else goes to standard error. It ends on SIGTERM and Ctrl-C, after the requests
/// that it has begun to serve.
///
/// Exit codes: 0 after it was told to end, 1 if it could not start, 2 if the command line is
/// wrong.
#[derive(Clone, Debug, Parser)]
#[command(name = "reference-server", version)]
pub struct CommandLine {
    /// Table of routes and modules
    #[arg(short, long, value_name = "FILE", default_value = "modules.toml")]
    pub config: PathBuf,

    /// Address and port to listen on; port 0 chooses a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Host to go by when a client does not name one
    #[arg(long, value_name = "HOST[:PORT]", value_parser = parse_hostname)]
    pub hostname: Option<Authority>,

    /// Variable for all guests; may be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = configured_environment::parse_variable)]
    pub env: Vec<(String, String)>,

    /// File of variables for all guests, one on each line; --env wins over it
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// Directory for what guests write to standard error, a file per route
    #[arg(long, value_name = "DIRECTORY")]
    pub log_dir: Option<PathBuf>,

    /// Certificate chain in PEM, to serve HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key in PEM, to serve HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Limits of the engine.
    #[command(flatten)]
    pub engine_limits: EngineLimits,

    /// Limits of the server.
    #[command(flatten)]
    pub limits: Limits,
}

impl CommandLine {
    /// Reads the files that the command line names.
    pub fn load(self) -> Result<(EngineLimits, ServerConfig), ConfigError> {
        let config = ServerConfig {
            listen: self.listen,
            hostname: self.hostname,
            deployment: Deployment::load(&self.config)?,
            environment: self.env,
            environment_file: self.env_file,
            log: match self.log_dir {
                Some(directory) => LogTarget::Directory(directory),
                None => LogTarget::Stderr,
            },
            tls: self
                .tls_cert
                .zip(self.tls_key)
                .map(|(certificate, key)| TlsFiles { certificate, key }),
            limits: self.limits,
        };
        Ok((self.engine_limits, config))
    }
}

fn parse_hostname(text: &str) -> Result<Authority, String> {
    Authority::parse(text).ok_or_else(|| "write HOST or HOST:PORT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_library() {
        let command_line = CommandLine::parse_from(["reference-server"]);
        assert_eq!(command_line.limits, Limits::default());
        assert_eq!(command_line.engine_limits, EngineLimits::default());
    }

    #[test]
    fn options_of_wagi() {
        let arguments = "reference-server -c m.toml -l 127.0.0.1:0 --hostname h:1 -e A=b=c -e D= \
                         --log-dir logs --tls-cert c.pem --tls-key k.pem --guest-time 500ms";
        let command_line = CommandLine::parse_from(arguments.split_whitespace());
        assert_eq!(
            command_line.env,
            [("A", "b=c"), ("D", "")].map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!(command_line.hostname, Authority::parse("h:1"));
        assert_eq!(command_line.limits.guest_time.as_millis(), 500);
        let alone = CommandLine::try_parse_from(["reference-server", "--tls-cert", "c.pem"]);
        assert!(alone.is_err());
    }
}
