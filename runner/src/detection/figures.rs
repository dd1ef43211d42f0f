//! The results in numbers.

use std::collections::HashSet;

use super::gates::{binds, killing};
use super::{Generic, Published, Tried};
use crate::report::text::count;
use crate::spec::{Level, Rule};
use crate::suite::Suite;

/// What the suite detects, in numbers.
#[derive(Clone, Debug)]
pub struct Figures {
    /// All mutants.
    pub mutants: usize,
    /// Those that a case kills which cites the rule that they break.
    pub killed: usize,
    /// Those for which no must case of another rule fails.
    pub without_collateral: usize,
    /// The must and should rules.
    pub rules: usize,
    /// Those that a mutant breaks.
    pub broken: usize,
    /// Those that say why none does, or why no client can see it.
    pub waived: usize,
    /// The must and should cases of rules that a mutant can break.
    pub cases: usize,
    /// Those that kill a mutant.
    pub killing: usize,
    /// What servers pass that run no guest.
    pub null_score: Option<NullFigures>,
    /// What generic mutation showed.
    pub generic: Option<GenericFigures>,
}

/// What servers pass that run no guest, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct NullFigures {
    /// How many servers.
    pub servers: usize,
    /// The must cases that pass against any of them.
    pub passed: usize,
}

/// The result of generic mutation, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct GenericFigures {
    /// How many could be built.
    pub viable: usize,
    /// How many of these failed a case, or kept the suite from its end.
    pub caught: usize,
}

impl Figures {
    /// The numbers of what is published.
    pub fn of(suite: &Suite, published: &Published) -> Self {
        let mutants = &published.detection.mutants;
        let of_mutants = |test: fn(&&Tried) -> bool| mutants.iter().filter(test).count();
        let broken = broken(mutants);
        let rules: Vec<&Rule> = binding(suite).collect();
        let of_rules = |test: &dyn Fn(&&&Rule) -> bool| rules.iter().filter(test).count();
        let (cases, killing) = killing(suite, &published.detection.cases);
        Self {
            mutants: mutants.len(),
            killed: of_mutants(|mutant| mutant.is_killed()),
            without_collateral: of_mutants(|mutant| mutant.collateral().next().is_none()),
            rules: rules.len(),
            broken: of_rules(&|rule| broken.contains(rule.id.as_str())),
            waived: of_rules(&|rule| rule.waiver.is_some() || rule.mutant_waiver.is_some()),
            cases: cases.len(),
            killing: killing.len(),
            null_score: published.null_score.as_ref().map(|score| NullFigures {
                servers: score.servers.len(),
                passed: score
                    .servers
                    .iter()
                    .filter_map(|server| server.passed.get(&Level::Must))
                    .sum(),
            }),
            generic: published.generic.as_ref().map(Generic::figures),
        }
    }

    /// The numbers as a sentence, which the README holds.
    pub fn sentence(&self) -> String {
        let mut parts = vec![
            format!(
                "{} of {} are killed by a case that cites the rule they break",
                self.killed,
                count(self.mutants, "mutant")
            ),
            format!(
                "{} of {} of these rules kill one",
                self.killing,
                count(self.cases, "case")
            ),
        ];
        if let Some(NullFigures { servers, passed }) = self.null_score {
            parts.push(format!(
                "{} that run no guest pass {}",
                count(servers, "server"),
                count(passed, "must case")
            ));
        }
        if let Some(generic) = self.generic {
            parts.push(format!(
                "{} of {} by a generic tool are caught ({})",
                generic.caught,
                count(generic.viable, "change"),
                generic.share()
            ));
        }
        format!("{}.", parts.join("; "))
    }
}

impl GenericFigures {
    /// The share of viable mutants that were caught, in per cent, rounded down.
    pub fn share(self) -> String {
        let tenths = (self.caught * 1000).checked_div(self.viable);
        let tenths = tenths.unwrap_or_default();
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

impl Generic {
    /// The result in numbers.
    pub fn figures(&self) -> GenericFigures {
        let caught = self.caught + self.timed_out;
        GenericFigures {
            viable: caught + self.missed.len(),
            caught,
        }
    }
}

/// The rules that a mutant breaks.
pub(super) fn broken(mutants: &[Tried]) -> HashSet<&str> {
    mutants.iter().map(|mutant| mutant.rule.as_str()).collect()
}

/// The must and should rules.
pub(super) fn binding(suite: &Suite) -> impl Iterator<Item = &Rule> {
    let rules = suite.specification.rules.values();
    rules.filter(|rule| binds(rule.level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn the_readme_has_the_figures_of_the_results() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let published = Published::read(&suite.files).expect("readable results");
        let figures = Figures::of(&suite, &published.expect("results"));
        let words = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.join(" ")
        };
        let readme = words(include_str!("../../../README.md"));
        let sentence = figures.sentence();
        assert!(readme.contains(&sentence), "README.md lacks: {sentence}");
    }

    #[test]
    fn shares_are_rounded_down() {
        let share = |caught, viable| GenericFigures { viable, caught }.share();
        assert_eq!(share(1999, 2000), "99.9 %");
        assert_eq!(share(2, 2), "100.0 %");
        assert_eq!(share(0, 0), "0.0 %");
    }
}
