//! The words of the command line, as data.

#[cfg(feature = "reference-server")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::run::select::Selection;
use crate::run::target::DeploymentUrl;
use crate::spec::Profile;
use crate::suite::files::Folders;

const EXIT_CODES: &str = "\
Exit codes:
  0    every must case passed
  1    some must case did not pass (with --strict: or some should case)
  2    the command line or the suite's files are wrong
  3    the target could not be reached, or is gone
  4    nothing was run
  130  the run was interrupted

Environment:
  WAGI_CONFORMANCE_CACHE  folder in which the bundled server keeps compiled guests for the next run,
                          or `off`; unless set, they are kept with those of wasmtime";

/// The conformance suite for WAGI, the WebAssembly Gateway Interface.
///
/// Without a command, it runs the whole suite against the bundled reference server.
#[derive(Debug, Parser)]
#[command(name = "wagi-conformance", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten, next_help_heading = "Files")]
    pub folders: Folders,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run cases against a server
    Run(Box<RunArguments>),
    /// List the cases, the rules or the guests
    List(ListArguments),
    /// Explain a rule or a case
    Explain {
        /// The identifier of a rule or a case
        #[arg(value_name = "RULE|CASE")]
        id: String,
    },
    /// Check that specification, cases, guests and schema agree
    Check,
    /// Serve the suite's deployments with the reference server, to try them by hand
    #[cfg(feature = "reference-server")]
    Serve(ServeArguments),
    /// Write the deployments for a server, or the suite for another runner
    Export(ExportArguments),
    /// Print the JSON Schema of a case file
    Schema,
    /// Print the page that says which cases test which rule
    Coverage,
    /// Print the page that says which faults the suite detects, from spec/detection.json
    Detection,
    /// Run the suite against faulty servers, to measure what it detects
    #[cfg(feature = "mutants")]
    Mutants(MutantsArguments),
    /// Run the suite against servers that are none, and see that no must case passes
    NullScore {
        /// How to print what passes
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(Box::default())
    }
}

#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten, next_help_heading = "Selection")]
    pub selection: Selection,
    /// Test the server at this URL, which serves this deployment (`main` unless given), instead of
    /// the bundled one; once for each deployment
    #[arg(long = "url", value_name = "[DEPLOYMENT=]URL", help_heading = "Target")]
    pub urls: Vec<DeploymentUrl>,
    /// The server does not offer this optional profile: its cases count as unsupported
    #[arg(
        long = "no-profile",
        value_name = "PROFILE",
        value_enum,
        help_heading = "Target"
    )]
    pub unclaimed: Vec<Profile>,
    /// Cases that run at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_JOBS, value_parser = parse_jobs, help_heading = "Run")]
    pub jobs: usize,
    /// Seconds that an answer may take
    #[arg(long, value_name = "SECONDS", default_value = DEFAULT_TIMEOUT, value_parser = parse_seconds, help_heading = "Run")]
    pub timeout: Duration,
    /// Stop at the first must case that fails
    #[arg(long, help_heading = "Run")]
    pub fail_fast: bool,
    /// Count should as must
    #[arg(long, help_heading = "Run")]
    pub strict: bool,
    /// Run the cases in the random order of this seed
    #[arg(long, value_name = "SEED", help_heading = "Run")]
    pub shuffle: Option<u64>,
    /// How to report on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        help_heading = "Reports"
    )]
    pub format: Format,
    /// Also write a report to a file
    #[arg(long = "report", value_name = "json=FILE", value_parser = parse_report, help_heading = "Reports")]
    pub reports: Vec<PathBuf>,
}

/// Enough to keep a server busy, few enough that a slow one keeps its time limits.
const DEFAULT_JOBS: usize = 8;
const DEFAULT_TIMEOUT: &str = "10";

impl Default for RunArguments {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            urls: Vec::new(),
            unclaimed: Vec::new(),
            jobs: DEFAULT_JOBS,
            timeout: Duration::from_secs(10),
            fail_fast: false,
            strict: false,
            shuffle: None,
            format: Format::default(),
            reports: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Progress, a summary by area, and each failure explained
    #[default]
    Pretty,
    /// One line for each case
    Terse,
    /// The JSON report
    Json,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ListArguments {
    #[command(subcommand)]
    pub what: Option<What>,
    /// The guests: the same as `list guests`
    #[arg(long)]
    pub guests: bool,
    /// How to list the guests
    #[arg(long, value_enum, default_value_t, requires = "guests")]
    pub format: ListFormat,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// The cases, with level and description (what `list` alone does)
    Cases {
        #[command(flatten, next_help_heading = "Selection")]
        selection: Box<Selection>,
        /// How to list
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// The rules, with level, profile and number of cases
    Rules {
        /// How to list
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// The guests: language, size, features beyond WebAssembly 1.0, imports, exports
    Guests {
        /// How to list
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
}

impl ListArguments {
    /// What is listed.
    pub fn what(self) -> What {
        match self.guests {
            true => What::Guests {
                format: self.format,
            },
            false => self.what.unwrap_or_default(),
        }
    }
}

impl Default for What {
    fn default() -> Self {
        Self::Cases {
            selection: Box::default(),
            format: ListFormat::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ListFormat {
    /// One on each line
    #[default]
    Text,
    /// A JSON array
    Json,
}

#[cfg(feature = "reference-server")]
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The deployments to serve; all unless given
    #[arg(value_name = "DEPLOYMENT")]
    pub deployments: Vec<String>,
    /// Where to serve the first; the others get the ports that follow. Port 0: free ones
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
}

#[cfg(feature = "mutants")]
#[derive(Debug, Args)]
pub struct MutantsArguments {
    /// Only mutants whose name or rule contains one of these
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Run the cases of the mutant's rule only, and stop at the first that fails
    #[arg(long)]
    pub fast: bool,
    /// Mutants that run at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = parse_jobs)]
    pub jobs: usize,
    /// How to report on standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ListFormat,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Whom for
    #[arg(long = "for", value_name = "FORMAT", value_enum)]
    pub format: ExportFormat,
    /// The folder to write to, made if need be
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExportFormat {
    /// wagi and the reference server: modules.toml and modules, with the commands to start them
    Wagi,
    /// A runner in another language: cases, rules and deployments as JSON, and compiled guests
    Bundle,
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=256) => Ok(jobs),
        _ => Err("it may be 1 to 256".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("it may be 0.1 to 600".to_owned())
    }
}

fn parse_report(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("json", file)) if !file.is_empty() => Ok(file.into()),
        _ => Err("a report is FORMAT=FILE, and the format is json".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_words_and_run_mean_the_same() {
        let words = Arguments::try_parse_from(["wagi-conformance", "run"]).expect("arguments");
        let Some(Command::Run(run)) = words.command else {
            panic!("not the command run");
        };
        assert_eq!(format!("{run:?}"), format!("{:?}", RunArguments::default()));
    }
}
