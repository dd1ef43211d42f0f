//! `export`: a folder with every deployment in one form, and a README that says how to go on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::{ExportError, Format, Written, write};
use crate::case::Start;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;

/// The port of the first deployment; the others have the ports that follow.
const FIRST_PORT: u16 = 3000;

/// A deployment in the folder, and the address for its server.
struct Placed<'a> {
    deployment: &'a Deployment,
    written: Written,
    listen: SocketAddr,
}

/// Writes every deployment that a server must start with, as far as `format` can express it, to a
/// folder of its own below `folder`, and a README with the commands that start their servers.
/// Returns what the form cannot express, as text that may be empty.
///
/// # Errors
/// A file that cannot be written, or a guest that cannot be compiled.
pub fn export(suite: &Suite, format: Format, folder: &Path) -> Result<String, ExportError> {
    let deployments = suite
        .deployments
        .iter()
        .filter(|deployment| deployment.start == Start::Served && format.serves(suite, deployment));
    let mut placed = Vec::new();
    for (deployment, port) in deployments.zip(FIRST_PORT..) {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let home = folder.join(&deployment.name);
        let written = format.write(suite, deployment, &home, listen)?;
        placed.push(Placed {
            deployment,
            written,
            listen,
        });
    }
    let lacks = lacks(suite, format);
    write(&folder.join("README.md"), readme(format, &placed, &lacks))?;
    Ok(lacks)
}

/// What the form cannot express, with the number of cases that become unsupported for it; empty if
/// nothing.
fn lacks(suite: &Suite, format: Format) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    // The unsupported cases, and the tables of those that are rows: either may be a prerequisite.
    let mut unsupported: BTreeSet<&str> = BTreeSet::new();
    for case in &suite.cases {
        if let Some(reason) = format.unsupported(suite, case) {
            *reasons.entry(reason).or_default() += 1;
            unsupported.extend([case.id.as_str(), case.id.file()]);
        }
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut dependants: BTreeSet<&str> = BTreeSet::new();
    // Cases build on cases that build on cases: until there are no more.
    loop {
        let known = dependants.len();
        for case in &suite.cases {
            let mut prerequisites = case.prerequisites.iter();
            if !unsupported.contains(case.id.as_str())
                && prerequisites.any(|id| unsupported.contains(id.as_str()))
            {
                dependants.insert(case.id.as_str());
                unsupported.extend([case.id.as_str(), case.id.file()]);
            }
        }
        if dependants.len() == known {
            break;
        }
    }
    let mut text = format!(
        "{} of {} cases are unsupported:\n\n",
        reasons.values().sum::<usize>() + dependants.len(),
        suite.cases.len()
    );
    // Writing to a String cannot fail.
    for (reason, count) in reasons {
        let _ = writeln!(text, "- {count}: {reason}");
    }
    if !dependants.is_empty() {
        let _ = writeln!(
            text,
            "- {}: a prerequisite is unsupported",
            dependants.len()
        );
    }
    text
}

fn readme(format: Format, placed: &[Placed<'_>], lacks: &str) -> String {
    let form = format.form();
    let mut text = format!(
        "# The deployments of the WAGI conformance suite\n\n\
         Each folder is the configuration of one server. Most cases need `main` only.\n{}\n",
        form.premise(),
    );
    let mut urls = Vec::new();
    for Placed {
        deployment,
        written,
        listen,
    } in placed
    {
        let command: Vec<String> = form
            .command(written, *listen)
            .iter()
            .map(|word| quoted(word))
            .collect();
        let _ = write!(
            text,
            "\n## `{}`\n\n```sh\n{}\n```\n",
            deployment.name,
            command.join(" "),
        );
        let scheme = if deployment.server.tls {
            "https"
        } else {
            "http"
        };
        urls.push(format!("--url {}={scheme}://{listen}", deployment.name));
    }
    let _ = write!(
        text,
        "\n## Run the suite\n\n```sh\nwagi-conformance run {}\n```\n\n\
         Cases of a deployment whose URL is left out count as unsupported.\n",
        urls.join(" "),
    );
    if !lacks.is_empty() {
        let _ = write!(text, "\n## What this form cannot express\n\n{lacks}");
    }
    text
}

/// A word for `sh`.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
