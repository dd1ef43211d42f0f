//! `null-score`: the suite against servers that are none.

use std::fmt::Write as _;
use std::sync::Arc;

use super::arguments::ListFormat;
use super::{EXIT_CONFORMS, EXIT_FAILED, EXIT_TARGET, Failure, print};
use crate::null_score::{NullScore, Passed, Score, measure};
use crate::report::text::count;
use crate::spec::Level;
use crate::suite::Suite;

pub fn null_score(suite: Suite, format: ListFormat) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::usage(format!("failed to start the runtime: {error}")))?;
    let found = runtime.block_on(measure(&Arc::new(suite)));
    runtime.shutdown_background();
    let found = found.map_err(|message| Failure {
        code: EXIT_TARGET,
        message,
    })?;
    print(&match format {
        ListFormat::Text => text(&found),
        ListFormat::Json => {
            let json = serde_json::to_string_pretty(&found);
            json.map_err(|error| Failure::usage(error.to_string()))? + "\n"
        }
    })?;
    Ok(match found.problems.is_empty() {
        true => EXIT_CONFORMS,
        false => EXIT_FAILED,
    })
}

/// A table of the numbers, then the cases that pass, then what is wrong.
fn text(found: &NullScore) -> String {
    let width = found.servers.iter().map(|score| score.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = format!("{:width$}  must  should   may  seconds\n", "passed by");
    // Writing to a String cannot fail.
    for score in &found.servers {
        let of = |level| score.passed.get(&level).copied().unwrap_or_default();
        let _ = writeln!(
            text,
            "{:width$}  {:>4}  {:>6}  {:>4}  {:>7.1}  {}",
            score.name,
            of(Level::Must),
            of(Level::Should),
            of(Level::May),
            score.seconds,
            score.does,
        );
    }
    for score in found.servers.iter().filter(|score| !score.cases.is_empty()) {
        let _ = write!(text, "\n{}\n{}", score.name, cases(score));
    }
    for problem in &found.problems {
        let _ = write!(text, "\nproblem: {problem}\n");
    }
    text
}

fn cases(score: &Score) -> String {
    let line = |case: &Passed| {
        let rows = match case.cases {
            1 => String::new(),
            all => format!("  {} of {}", case.passed, count(all, "row")),
        };
        let reason = case.reason.as_deref().unwrap_or_default();
        let line = format!("  {:6}  {}{rows}  {reason}", case.level.as_str(), case.file);
        format!("{}\n", line.trim_end())
    };
    score.cases.iter().map(line).collect()
}
