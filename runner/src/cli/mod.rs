//! The command line: what the user asks for, and the exit code that answers.

mod arguments;
mod expectations;
mod interrupt;
#[cfg(feature = "mutants")]
mod mutants;
mod null_score;
mod reports;
mod run;
#[cfg(feature = "reference-server")]
mod serve;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::case::schema;
use crate::detection::{self, Published};
use crate::export;
use crate::launch;
use crate::problem::Problem;
use crate::suite::Suite;
use crate::{check, coverage, explain, list};
use arguments::{Arguments, Command, ExportArguments, ExportFormat, ListFormat, SchemaOf, What};

/// Every must case passed.
pub const EXIT_CONFORMS: u8 = 0;
/// Some must case did not pass (with `--strict`: or some should case).
pub const EXIT_FAILED: u8 = 1;
/// The command line or the suite's files are wrong.
pub const EXIT_USAGE: u8 = 2;
/// The target could not be reached, or is gone.
pub const EXIT_TARGET: u8 = 3;
/// Nothing was run.
pub const EXIT_NOTHING: u8 = 4;
/// The user interrupted the run.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Why a command could not be carried out, for standard error.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            code: EXIT_USAGE,
            message: message.into(),
        }
    }
}

/// Carries out the command of this process's command line.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // clap prints help and version to standard output with code 0, mistakes with code 2.
        Err(error) => error.exit(),
    };
    match carry_out(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Nothing is left to tell if standard error is closed.
            let _ = writeln!(io::stderr(), "error: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn carry_out(arguments: Arguments) -> Result<u8, Failure> {
    let load =
        || Suite::load(&arguments.folders).map_err(|problems| Failure::usage(listed(&problems)));
    match arguments.command.unwrap_or_default() {
        Command::Run(run) => run::run(load()?, *run),
        #[cfg(feature = "reference-server")]
        Command::Serve(serve) => serve::serve(load()?, serve),
        Command::List(arguments) => {
            let suite = load()?;
            print(&match arguments.what() {
                What::Cases { selection, format } => {
                    let selected = selection.of(&suite).map_err(Failure::usage)?;
                    match format {
                        ListFormat::Text => list::cases(&suite, &selected),
                        ListFormat::Json => list::cases_json(&suite, &selected),
                    }
                }
                What::Rules {
                    format: ListFormat::Text,
                } => list::rules(&suite),
                What::Rules {
                    format: ListFormat::Json,
                } => list::rules_json(&suite),
                What::Guests {
                    format: ListFormat::Text,
                } => list::guests(&suite),
                What::Guests {
                    format: ListFormat::Json,
                } => list::guests_json(&suite),
            })
        }
        Command::Explain { id } => match explain::explain(&load()?, &id) {
            Ok(text) => print(&text),
            Err(message) => Err(Failure::usage(message)),
        },
        Command::Check => {
            let suite = load()?;
            let problems = check::problems(&suite);
            if problems.is_empty() {
                print(&format!(
                    "{} rules, {} cases, {} deployments: nothing is wrong\n",
                    suite.specification.rules.len(),
                    suite.cases.len(),
                    suite.deployments.len(),
                ))
            } else {
                Err(Failure::usage(listed(&problems)))
            }
        }
        Command::Export(ExportArguments { format, folder }) => {
            let suite = load()?;
            let notes = match format {
                ExportFormat::Deployments(form) => export::folder::export(&suite, form, &folder),
                ExportFormat::Bundle => {
                    export::bundle::export(&suite, &folder).map(|()| String::new())
                }
            }
            .map_err(|error| Failure::usage(error.to_string()))?;
            print(&format!("written to {}\n{notes}", folder.display()))
        }
        Command::Schema { of } => print(&match of {
            SchemaOf::Case => schema::text(),
            SchemaOf::Deployment => export::json::schema(),
            SchemaOf::Target => launch::file::schema(),
            SchemaOf::Expectations => crate::expectations::schema::text(),
        }),
        Command::Coverage => print(&coverage::page(&load()?)),
        Command::Detection => {
            let suite = load()?;
            match Published::read(&suite.files) {
                Ok(Some(published)) => print(&detection::page(&suite, &published)),
                Ok(None) => Err(Failure::usage(format!("there is no {}", detection::PATH))),
                Err(problem) => Err(Failure::usage(problem.to_string())),
            }
        }
        #[cfg(feature = "mutants")]
        Command::Mutants(mutants) => mutants::mutants(load()?, &mutants),
        Command::NullScore { format } => null_score::null_score(load()?, format),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, "wagi-conformance", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    problems_in("the suite's files", problems)
}

fn problems_in(what: &str, problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        several => format!("{several} problems"),
    };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    format!("{count} in {what}\n{}", lines.join("\n"))
}

/// Writes to standard output. A reader that has gone away (`| head`) is no failure.
fn print(text: &str) -> Result<u8, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::usage(format!(
            "failed to write to standard output: {error}"
        ))),
        _ => Ok(EXIT_CONFORMS),
    }
}
