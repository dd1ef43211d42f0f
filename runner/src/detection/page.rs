//! The page that publishes what the suite detects.

use std::fmt::Write as _;

use super::figures::{Figures, NullFigures, binding, broken};
use super::{Detection, Generic, Kill, Published, Tried};
use crate::null_score::NullScore;
use crate::report::text::count;
use crate::spec::{AREAS, Level};
use crate::suite::Suite;

/// So many killing cases of a mutant are named; the others are counted.
const NAMED: usize = 3;

/// The page, as the text of [`PAGE_PATH`](super::PAGE_PATH).
pub fn page(suite: &Suite, published: &Published) -> String {
    let Published {
        detection,
        null_score,
        generic,
    } = published;
    let mut page = String::from(
        "# What the suite detects\n\n\
         Written by `wagi-conformance detection`, from results that stand beside it:\n\
         [detection.json](detection.json), [null-score.json](null-score.json) and\n\
         [cargo-mutants.json](cargo-mutants.json).\n\n",
    );
    let figures = Figures::of(suite, published);
    let _ = write!(page, "{}\n\n{}", figures.sentence(), table_of(&figures));
    page.push_str(&mutants(detection));
    page.push_str(&rules_without(suite, detection));
    if let Some(null_score) = null_score {
        page.push_str(&null_scores(null_score));
    }
    if let Some(generic) = generic {
        page.push_str(&generic_mutation(generic));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// A Markdown table, with a blank line after it.
fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = format!(
        "| {} |\n|{}\n",
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    for row in rows {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(table, "| {} |", row.join(" | "));
    }
    table.push('\n');
    table
}

/// Text that means nothing in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn table_of(figures: &Figures) -> String {
    let mut rows = vec![
        ("mutants".to_owned(), figures.mutants.to_string()),
        (
            "killed by a case that cites the rule they break".to_owned(),
            figures.killed.to_string(),
        ),
        (
            "without collateral: no must case of another rule fails".to_owned(),
            figures.without_collateral.to_string(),
        ),
        (
            "must and should rules".to_owned(),
            figures.rules.to_string(),
        ),
        ("broken by a mutant".to_owned(), figures.broken.to_string()),
        (
            "waived: no mutant can break them, or no client can see it".to_owned(),
            figures.waived.to_string(),
        ),
        (
            "must and should cases of rules that a mutant can break".to_owned(),
            figures.cases.to_string(),
        ),
        ("that kill a mutant".to_owned(), figures.killing.to_string()),
    ];
    if let Some(NullFigures { servers, passed }) = figures.null_score {
        let servers = count(servers, "server");
        rows.push((
            format!("must cases that pass against {servers} that run no guest"),
            passed.to_string(),
        ));
    }
    if let Some(generic) = figures.generic {
        rows.push((
            format!("generic mutants caught, of {} viable", generic.viable),
            format!("{} ({})", generic.caught, generic.share()),
        ));
    }
    let rows = rows.into_iter().map(|(what, number)| vec![what, number]);
    table(&["in figures", ""], rows)
}

fn mutants(detection: &Detection) -> String {
    let mut text = String::from(
        "## Mutants\n\n\
         A mutant is the reference server with one fault, which breaks one rule the way real servers do. It is killed\n\
         if a case that cites the rule fails. A number behind a case is how many rows of its table fail. *Collateral*\n\
         is how many files have must cases of other rules that fail too: one fault should light one lamp. Cases whose\n\
         declared prerequisite fails are blocked and do not count. `wagi-conformance mutants NAME`, in a build with the\n\
         feature `mutants`, names all of them.\n\n",
    );
    for area in AREAS {
        let within = |mutant: &&Tried| mutant.name.split('/').next() == Some(area);
        let mutants: Vec<&Tried> = detection.mutants.iter().filter(within).collect();
        if mutants.is_empty() {
            continue;
        }
        let _ = write!(text, "### {area}\n\n");
        text.push_str(&table(
            &["mutant", "breaks", "killed by", "collateral"],
            mutants.into_iter().map(|mutant| {
                vec![
                    format!("`{}`: {}", mutant.name, cell(&mutant.imitates)),
                    format!("`{}`", mutant.rule),
                    killers(mutant),
                    mutant.collateral().count().to_string(),
                ]
            }),
        ));
    }
    text
}

fn killers(mutant: &Tried) -> String {
    let own: Vec<&Kill> = mutant.own().collect();
    if own.is_empty() {
        return "**none**".to_owned();
    }
    let mut names: Vec<String> = own.iter().take(NAMED).map(|kill| link(kill)).collect();
    if let more @ 1.. = own.len().saturating_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

fn link(kill: &Kill) -> String {
    let rows = match kill.rows {
        1 => String::new(),
        rows => format!(" ({rows})"),
    };
    format!("[{0}](../cases/{0}.json){rows}", kill.case)
}

fn rules_without(suite: &Suite, detection: &Detection) -> String {
    let broken = broken(&detection.mutants);
    let rules = binding(suite).filter(|rule| !broken.contains(rule.id.as_str()));
    let rows: Vec<Vec<String>> = rules
        .map(|rule| {
            let reason = match (&rule.mutant_waiver, &rule.waiver) {
                (Some(reason), _) => cell(reason),
                (None, Some(reason)) => format!("no client can see it: {}", cell(reason)),
                (None, None) => "**none**".to_owned(),
            };
            vec![format!("`{}`", rule.id), rule.level.to_string(), reason]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## Rules without a mutant\n\n{}",
        table(&["rule", "level", "why"], rows)
    )
}

fn null_scores(null_score: &NullScore) -> String {
    let rows = null_score.servers.iter().map(|server| {
        let passed = |level| server.passed.get(&level).copied().unwrap_or_default();
        let mut row = vec![format!("`{}`: {}", server.name, cell(&server.does))];
        row.extend([Level::Must, Level::Should, Level::May].map(|level| passed(level).to_string()));
        row
    });
    let mut text = format!(
        "## Null scores\n\n\
         What servers pass that run no guest. `wagi-conformance null-score` measures it.\n\n{}",
        table(&["server", "must", "should", "may"], rows)
    );
    let exceptions: Vec<Vec<String>> = null_score
        .servers
        .iter()
        .flat_map(|server| server.cases.iter().map(move |case| (server, case)))
        .filter_map(|(server, case)| {
            let reason = case.reason.as_deref()?;
            Some(vec![
                format!("`{}`", server.name),
                format!("[{0}](../cases/{0}.json)", case.file),
                cell(reason),
            ])
        })
        .collect();
    if !exceptions.is_empty() {
        text.push_str("Must cases that truly hold there:\n\n");
        text.push_str(&table(&["server", "case", "why"], exceptions));
    }
    text
}

fn generic_mutation(generic: &Generic) -> String {
    let mut text = format!(
        "## Generic mutation\n\n\
         {} changes the modules of the reference server that hold rules ([which](../.cargo/mutants.toml))\n\
         mechanically, with the suite as the only test:\n\n\
         ```sh\n{}\n```\n\n{}",
        generic.tool,
        generic.command,
        table(
            &["caught", "timed out", "missed", "caught in all", "unviable"],
            [vec![
                generic.caught.to_string(),
                generic.timed_out.to_string(),
                generic.missed.len().to_string(),
                generic.figures().share(),
                generic.unviable.to_string(),
            ]],
        )
    );
    if !generic.missed.is_empty() {
        text.push_str(&table(
            &["missed", "why"],
            generic
                .missed
                .iter()
                .map(|missed| vec![format!("`{}`", cell(&missed.mutant)), cell(&missed.reason)]),
        ));
    }
    text
}
