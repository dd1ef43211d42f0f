//! The results for whoever writes mutants or cases, as text.

use std::fmt::Write as _;

use super::{Detection, Extent, Kill, Tally, Tried};
use crate::report::text::count;

/// One mutant in a line, as soon as it is through.
pub fn line(mutant: &Tried) -> String {
    let own: Vec<&Kill> = mutant.own().collect();
    let result = if own.is_empty() { "SURVIVED" } else { "killed" };
    let mut line = format!("{result:8}  {}", mutant.name);
    if !own.is_empty() {
        let _ = write!(line, "  by {}", listed(&own));
    }
    let collateral = mutant.collateral().count();
    if collateral > 0 {
        let _ = write!(line, "  (and {} of other rules)", count(collateral, "case"));
    }
    for note in &mutant.notes {
        let _ = write!(line, "  [{note}]");
    }
    line
}

/// The first cases of a list, with their number of rows.
fn listed(kills: &[&Kill]) -> String {
    const FIRST: usize = 3;
    let names: Vec<String> = kills.iter().take(FIRST).map(|kill| named(kill)).collect();
    let more = match kills.len().saturating_sub(FIRST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", names.join(", "))
}

/// A file of cases, with the number of rows if it is more than one.
pub(super) fn named(kill: &Kill) -> String {
    match kill.rows {
        1 => kill.case.clone(),
        rows => format!("{} ({rows})", kill.case),
    }
}

/// The whole result: each mutant with all cases that failed, survivors, collateral, idle cases.
pub fn text(detection: &Detection) -> String {
    // Writing to a String cannot fail, here and below.
    let mut text = String::new();
    for mutant in &detection.mutants {
        let result = if mutant.is_killed() {
            "killed"
        } else {
            "SURVIVED"
        };
        let _ = writeln!(text, "{result:8}  {}  breaks {}", mutant.name, mutant.rule);
        let own: Vec<String> = mutant.own().map(named).collect();
        let collateral: Vec<String> = mutant.collateral().map(named).collect();
        let lesser: Vec<String> = mutant
            .kills
            .iter()
            .filter(|kill| !kill.cites && kill.level != crate::spec::Level::Must)
            .map(named)
            .collect();
        for (label, cases) in [
            ("by", own),
            ("collateral, must", collateral),
            ("also, not must", lesser),
        ] {
            if !cases.is_empty() {
                let _ = writeln!(text, "          {label}: {}", cases.join(", "));
            }
        }
        for note in &mutant.notes {
            let _ = writeln!(text, "          note: {note}");
        }
    }
    if detection.extent == Extent::Full {
        let idle: Vec<String> = detection.cases.iter().filter_map(idle).collect();
        if !idle.is_empty() {
            let _ = writeln!(text, "\nkill no mutant:\n{}", idle.join("\n"));
        }
    }
    let _ = writeln!(text, "\n{}", totals(detection));
    text
}

/// The cases of a file that kill no mutant, in a line.
fn idle(tally: &Tally) -> Option<String> {
    let idle: Vec<&str> = tally.idle().collect();
    match (idle.len(), tally.is_table()) {
        (0, _) => None,
        (_, false) => Some(format!("  {}", tally.case)),
        (many, true) => Some(format!(
            "  {} ({many} of {}): {}",
            tally.case,
            tally.detects.len(),
            idle.join(", ")
        )),
    }
}

/// The figures in a line.
pub(super) fn totals(detection: &Detection) -> String {
    let mutants = detection.mutants.len();
    let killed = detection
        .mutants
        .iter()
        .filter(|mutant| mutant.is_killed())
        .count();
    let alone = detection
        .mutants
        .iter()
        .filter(|mutant| mutant.collateral().next().is_none())
        .count();
    let elsewhere = detection
        .mutants
        .iter()
        .filter(|mutant| !mutant.is_killed() && !mutant.kills.is_empty())
        .count();
    let mut totals = format!(
        "{}: {killed} killed, {} survived",
        count(mutants, "mutant"),
        mutants - killed,
    );
    if elsewhere > 0 {
        let _ = write!(
            totals,
            " ({elsewhere} of them only killed by cases of other rules)"
        );
    }
    if detection.extent == Extent::Full {
        let _ = write!(totals, "; {alone} without collateral");
    }
    totals
}
