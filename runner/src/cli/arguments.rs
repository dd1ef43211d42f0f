//! The words of the command line, as data.

#[cfg(feature = "reference-server")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::run::partition::Partition;
use crate::run::select::Selection;
use crate::run::target::DeploymentUrl;
use crate::spec::Profile;
use crate::suite::files::Folders;

const EXIT_CODES: &str = "\
Exit codes:
  0    every must case passed, or failed as expected
  1    some must case did not pass (with --strict: or some should case), or an expectation is wrong
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
    /// Print the JSON Schema of a file
    Schema {
        /// The file
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
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

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum SchemaOf {
    /// A case file
    #[default]
    Case,
    /// An expectations file
    Expectations,
    /// A deployment as `export --for json` writes it
    Deployment,
    /// A target file
    Target,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten, next_help_heading = "Selection")]
    pub selection: Selection,
    /// Only this part of the selected cases: the K-th of N parts, for N machines
    #[arg(long, value_name = "K/N", help_heading = "Selection")]
    pub partition: Option<Partition>,
    /// Test the server at this URL, which serves this deployment (`main` unless given), instead of
    /// the bundled one; once for each deployment
    #[arg(long = "url", value_name = "[DEPLOYMENT=]URL", help_heading = "Target")]
    pub urls: Vec<DeploymentUrl>,
    /// Start the servers of this target and test them: the name of one that the suite knows, or a
    /// target file (.json)
    #[arg(
        long,
        value_name = "NAME|FILE",
        conflicts_with = "urls",
        help_heading = "Target"
    )]
    pub target: Option<String>,
    /// Start servers with this command and test them. `{address}` stands for where to listen,
    /// `{config}` for the configuration; wagi's options follow where a deployment needs them
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["urls", "target"], help_heading = "Target")]
    pub command: Option<String>,
    /// The form in which deployments are written for the command
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        default_value = "wagi",
        requires = "command",
        conflicts_with_all = ["urls", "target"],
        help_heading = "Target"
    )]
    pub deployments: crate::export::Format,
    /// Keep what the started servers print in this folder
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "urls",
        help_heading = "Target"
    )]
    pub logs: Option<PathBuf>,
    /// The server does not offer this optional profile: its cases count as unsupported
    #[arg(
        long = "no-profile",
        value_name = "PROFILE",
        value_enum,
        help_heading = "Target"
    )]
    pub unclaimed: Vec<Profile>,
    /// The server offers exactly these optional profiles: others count as unsupported, and one of
    /// which no case can run fails the run
    #[arg(
        long = "profile",
        value_name = "PROFILE",
        value_enum,
        conflicts_with = "unclaimed",
        help_heading = "Target"
    )]
    pub claimed: Vec<Profile>,
    /// Accept the failures that this file expects (spec/expectations.md), and no others; a case that
    /// it expects to fail must. A target file may name one itself
    #[arg(long, value_name = "FILE", help_heading = "Expectations")]
    pub expectations: Option<PathBuf>,
    /// Write that file from this run: what holds is kept, what passes is removed, what fails is added,
    /// with a reason to be written
    #[arg(long, help_heading = "Expectations")]
    pub accept: bool,
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
    /// Also write a report to a file: json, junit or markdown
    #[arg(long = "report", value_name = "FORMAT=FILE", help_heading = "Reports")]
    pub reports: Vec<ReportFile>,
    /// Write no annotations and no summary for GitHub Actions; where GITHUB_ACTIONS is `true`, they
    /// are written
    #[arg(long, help_heading = "Reports")]
    pub no_github: bool,
}

/// Enough to keep a server busy, few enough that a slow one keeps its time limits.
const DEFAULT_JOBS: usize = 8;
const DEFAULT_TIMEOUT: &str = "10";

impl Default for RunArguments {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            partition: None,
            urls: Vec::new(),
            target: None,
            command: None,
            deployments: crate::export::Format::Wagi,
            logs: None,
            unclaimed: Vec::new(),
            claimed: Vec::new(),
            expectations: None,
            accept: false,
            jobs: DEFAULT_JOBS,
            timeout: Duration::from_secs(10),
            fail_fast: false,
            strict: false,
            shuffle: None,
            format: Format::default(),
            reports: Vec::new(),
            no_github: false,
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

/// `FORMAT=FILE` as the command line has it.
#[derive(Clone, Debug)]
pub struct ReportFile {
    pub format: ReportFormat,
    pub path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// The JSON report
    Json,
    /// JUnit's XML
    Junit,
    /// A summary for pull requests
    Markdown,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let report = text.split_once('=').and_then(|(format, file)| {
            let format = <ReportFormat as ValueEnum>::from_str(format, false).ok()?;
            let path = PathBuf::from(file);
            (!file.is_empty()).then_some(Self { format, path })
        });
        report.ok_or_else(|| {
            "a report is FORMAT=FILE, and the format is json, junit or markdown".to_owned()
        })
    }
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
    /// Serve this faulty variant of the reference server instead, at free ports. Deployments that
    /// it refuses are left out
    #[cfg(feature = "mutants")]
    #[arg(long, value_name = "NAME", conflicts_with = "listen")]
    pub mutant: Option<String>,
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
    /// Complete spec/detection.json: run only mutants and cases that are new or changed since, and
    /// the mutants that FILTER names
    #[arg(long, conflicts_with = "fast")]
    pub update: bool,
    /// Run none; list the names
    #[arg(long, conflicts_with_all = ["fast", "update"])]
    pub list: bool,
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

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The deployments, in this form.
    Deployments(crate::export::Format),
    /// The suite itself, for another runner.
    Bundle,
}

impl ValueEnum for ExportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static VARIANTS: LazyLock<Vec<ExportFormat>> = LazyLock::new(|| {
            let forms = crate::export::Format::value_variants().iter();
            forms
                .map(|form| ExportFormat::Deployments(*form))
                .chain([ExportFormat::Bundle])
                .collect()
        });
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Deployments(form) => form.to_possible_value(),
            Self::Bundle => Some(PossibleValue::new("bundle").help(
                "A runner in another language: cases, rules and deployments as JSON, and compiled guests",
            )),
        }
    }
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
