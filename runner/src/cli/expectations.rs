//! `run --expectations FILE`: the file is read before anything runs, and written after with `--accept`.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{EXIT_USAGE, Failure, problems_in};
use crate::expectations::accept::accept;
use crate::expectations::{Expectations, Unfilled, read};
use crate::run::event::{Conclusion, Summary, Verdict};
use crate::suite::Suite;

/// The file and what it said before the run.
pub(super) struct Expected {
    path: Option<PathBuf>,
    accepts: bool,
    /// What it said; nothing is expected if there is no file.
    pub expectations: Arc<Expectations>,
}

impl Expected {
    /// Reads the file `path`, if there is one to read.
    ///
    /// # Errors
    /// The file is not there, though it is not to be written; or what is wrong with it.
    pub(super) fn read(
        suite: &Suite,
        path: Option<PathBuf>,
        accepts: bool,
    ) -> Result<Self, Failure> {
        if accepts && path.is_none() {
            return Err(Failure::usage(
                "--accept writes a file, and none is named: add --expectations FILE",
            ));
        }
        let expectations = match &path {
            Some(path) => from_file(suite, path, accepts)?,
            None => Expectations::default(),
        };
        Ok(Self {
            path,
            accepts,
            expectations: Arc::new(expectations),
        })
    }

    /// Writes the file anew from a run that has ended, if that was asked for; says on standard error
    /// what became of it. Gives back whether the run's cases are now as expected.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn accept(
        &self,
        suite: &Suite,
        summary: &Summary,
        interrupted: bool,
    ) -> Result<bool, Failure> {
        let Some(path) = self.path.as_ref().filter(|_| self.accepts) else {
            return Ok(false);
        };
        let why_not = match summary.conclusion() {
            _ if interrupted => Some("the run was interrupted"),
            Conclusion::TargetGone => Some("not every case could be carried out"),
            Conclusion::NothingRun => Some("nothing was run"),
            _ => None,
        };
        let name = path.display();
        let news = match why_not {
            Some(why) => format!("{name} is not written: {why}"),
            None => {
                let accepted = accept(suite, &self.expectations, &summary.records);
                fs::write(path, accepted.text()).map_err(|error| Failure {
                    code: EXIT_USAGE,
                    message: format!("failed to write the expectations {name}: {error}"),
                })?;
                let has = |verdict| summary.records.iter().any(|case| case.verdict == verdict);
                let warning = match has(Verdict::Blocked) && has(Verdict::Skipped) {
                    false => "",
                    true => {
                        "; some cases are blocked, and what blocks them is not on record unless it \
                         was selected: to accept all, run all cases"
                    }
                };
                format!("written to {name}: {}{warning}", accepted.news())
            }
        };
        // Standard output is the report's; nothing is left to tell if standard error is closed.
        let _ = writeln!(io::stderr(), "{news}");
        Ok(why_not.is_none())
    }
}

fn from_file(suite: &Suite, path: &Path, accepts: bool) -> Result<Expectations, Failure> {
    let name = path.display().to_string();
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound && accepts => {
            return Ok(Expectations::default());
        }
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::NotFound => "; with --accept, a run writes it",
                _ => "",
            };
            return Err(Failure::usage(format!(
                "failed to read the expectations {name}: {error}{hint}"
            )));
        }
    };
    let unfilled = match accepts {
        true => Unfilled::Taken,
        false => Unfilled::Refused,
    };
    read(&name, &content, suite, unfilled)
        .map_err(|problems| Failure::usage(problems_in("the expectations", &problems)))
}
