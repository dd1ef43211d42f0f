//! The table that sums a run up, area by area.

use super::style::{Ink, Style};
use crate::run::event::{CaseRecord, Summary};
use crate::run::standing::Standing;
use crate::spec::{AREAS, Level};

/// One column: its two lines of heading, what it counts, how a number in it stands out.
struct Column {
    group: &'static str,
    name: &'static str,
    counts: fn(&CaseRecord) -> bool,
    ink: Ink,
    /// Left out where nothing is to be counted.
    optional: bool,
}

const COLUMNS: [Column; 13] = [
    Column::of(
        "must",
        "passed",
        |case| is(case, Level::Must, Standing::Passed),
        Ink::Good,
        false,
    ),
    Column::of(
        "",
        "failed",
        |case| is(case, Level::Must, Standing::Failed),
        Ink::Bad,
        false,
    ),
    Column::of(
        "should",
        "passed",
        |case| is(case, Level::Should, Standing::Passed),
        Ink::Good,
        false,
    ),
    Column::of(
        "",
        "failed",
        |case| is(case, Level::Should, Standing::Failed),
        Ink::Doubtful,
        false,
    ),
    Column::of(
        "may",
        "passed",
        |case| is(case, Level::May, Standing::Passed),
        Ink::Good,
        true,
    ),
    Column::of(
        "may",
        "failed",
        |case| is(case, Level::May, Standing::Failed),
        Ink::Doubtful,
        true,
    ),
    Column::of(
        "expected",
        "failures",
        |case| case.standing() == Standing::ExpectedFailure,
        Ink::Doubtful,
        true,
    ),
    Column::of(
        "unexpected",
        "passes",
        |case| case.standing() == Standing::UnexpectedPass,
        Ink::Bad,
        true,
    ),
    Column::of(
        "",
        "blocked",
        |case| case.standing() == Standing::Blocked,
        Ink::Doubtful,
        false,
    ),
    Column::of(
        "",
        "unsupported",
        |case| case.standing() == Standing::Unsupported,
        Ink::Plain,
        false,
    ),
    Column::of(
        "",
        "observed",
        |case| case.standing() == Standing::Observed,
        Ink::Plain,
        false,
    ),
    Column::of(
        "",
        "error",
        |case| case.standing() == Standing::Error,
        Ink::Bad,
        true,
    ),
    // Where no rule demands anything, nothing can fail but the suite itself.
    Column::of(
        "observe",
        "failed",
        |case| is(case, Level::Observe, Standing::Failed),
        Ink::Bad,
        true,
    ),
];

impl Column {
    const fn of(
        group: &'static str,
        name: &'static str,
        counts: fn(&CaseRecord) -> bool,
        ink: Ink,
        optional: bool,
    ) -> Self {
        Self {
            group,
            name,
            counts,
            ink,
            optional,
        }
    }

    fn width(&self) -> usize {
        self.name.len().max(self.group.len()) + 2
    }
}

fn is(case: &CaseRecord, level: Level, standing: Standing) -> bool {
    case.level == level && case.standing() == standing
}

/// The table: a line for each area with cases that were selected, and one for all.
pub(super) fn by_area(summary: &Summary, style: Style) -> String {
    let cases: Vec<&CaseRecord> = summary
        .records
        .iter()
        .filter(|case| case.standing() != Standing::Skipped)
        .collect();
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| !column.optional || cases.iter().any(|case| (column.counts)(case)))
        .collect();
    let areas: Vec<&str> = AREAS
        .into_iter()
        .filter(|area| cases.iter().any(|case| case.id.area() == *area))
        .collect();
    let first = areas
        .iter()
        .map(|area| area.len())
        .max()
        .unwrap_or_default()
        .max("total".len());

    let heading = |text: fn(&Column) -> &str, name: &str| {
        let cells = columns
            .iter()
            .map(|column| format!("{:>1$}", text(column), column.width()));
        let line = format!("{name:first$}{}", cells.collect::<String>());
        style.paint(Ink::Bold, line.trim_end())
    };
    let row = |name: &str, counted: &dyn Fn(&CaseRecord) -> bool| {
        let cells = columns.iter().map(|column| {
            let number = cases
                .iter()
                .filter(|case| counted(case) && (column.counts)(case))
                .count();
            let width = column.width();
            match number {
                0 => style.paint(Ink::Dim, &format!("{:>width$}", "-")),
                _ => style.paint(column.ink, &format!("{number:>width$}")),
            }
        });
        format!("{name:first$}{}", cells.collect::<String>())
    };
    let mut lines = vec![
        heading(|column| column.group, ""),
        heading(|column| column.name, "area"),
    ];
    lines.extend(
        areas
            .iter()
            .map(|area| row(area, &|case| case.id.area() == *area)),
    );
    lines.push(row("total", &|_| true));
    lines.join("\n")
}
