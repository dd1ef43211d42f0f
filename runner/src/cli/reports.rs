//! The reports that the user asks for, and those that the surroundings do.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::Path;

use super::arguments::{Format, ReportFormat, RunArguments};
use super::{EXIT_USAGE, Failure};
use crate::report::github::Github;
use crate::report::junit::Junit;
use crate::report::markdown::Markdown;
use crate::report::{Report, Style, json::Json, pretty::Pretty, terse::Terse};
use crate::run::event::Event;
use crate::suite::Suite;

/// All reports of a run. One that fails does not keep the others from being written.
pub(super) struct Reports<'a> {
    reports: Vec<(String, Box<dyn Report + 'a>)>,
    /// Why a report could not be written.
    pub failure: Option<Failure>,
}

impl<'a> Reports<'a> {
    /// Makes every file that is to be written.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub(super) fn new(suite: &'a Suite, arguments: &RunArguments) -> Result<Self, Failure> {
        let stdout = io::stdout();
        let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = Style {
            colour,
            progress: io::stderr().is_terminal(),
        };
        let on_stdout: Box<dyn Report + 'a> = match arguments.format {
            Format::Pretty => Box::new(Pretty::new(suite, stdout, style)),
            Format::Terse => Box::new(Terse::new(suite, stdout)),
            Format::Json => Box::new(Json::new(suite, stdout)),
        };
        let mut reports = vec![("standard output".to_owned(), on_stdout)];
        for report in &arguments.reports {
            let path = &report.path;
            let file = File::create(path).map_err(|error| cannot_open(path, &error))?;
            let report: Box<dyn Report + 'a> = match report.format {
                ReportFormat::Json => Box::new(Json::new(suite, file)),
                ReportFormat::Junit => Box::new(Junit::new(suite, file)),
                ReportFormat::Markdown => Box::new(Markdown::new(suite, file)),
            };
            reports.push((path.display().to_string(), report));
        }
        if let Some(GithubActions { summary }) = GithubActions::here(arguments) {
            // Standard output may be JSON; Actions reads commands from standard error as well.
            let annotations = Github::new(suite, io::stderr());
            reports.push(("standard error".to_owned(), Box::new(annotations)));
            if let Some(path) = summary {
                let path = Path::new(&path);
                let file = OpenOptions::new().create(true).append(true).open(path);
                let file = file.map_err(|error| cannot_open(path, &error))?;
                let summary = Markdown::new(suite, file);
                reports.push((path.display().to_string(), Box::new(summary)));
            }
        }
        Ok(Self {
            reports,
            failure: None,
        })
    }

    /// Lets every report take up the event.
    pub(super) fn event(&mut self, event: &Event) {
        let failure = &mut self.failure;
        self.reports
            .retain_mut(|(place, report)| match report.event(event) {
                Ok(()) => true,
                Err(error) => {
                    if error.kind() != io::ErrorKind::BrokenPipe {
                        let message = format!("failed to write the report to {place}: {error}");
                        *failure = Some(Failure {
                            code: EXIT_USAGE,
                            message,
                        });
                    }
                    false
                }
            });
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!(
        "failed to create the report {}: {error}",
        path.display()
    ))
}

/// A step of GitHub Actions, in which this process runs.
struct GithubActions {
    /// The file that takes the step's summary.
    summary: Option<OsString>,
}

impl GithubActions {
    fn here(arguments: &RunArguments) -> Option<Self> {
        let is_here = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        (is_here && !arguments.no_github).then(|| Self {
            summary: std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()),
        })
    }
}
