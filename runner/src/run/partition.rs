//! Parts of a run, for several machines.

use std::collections::HashSet;
use std::str::FromStr;

use crate::id::CaseId;
use crate::suite::Suite;

/// The part `number` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    number: usize,
    of: usize,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a part is K/N, for example 1/4: the first of four".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let number: usize = number.parse().map_err(|_| wrong())?;
        let of: usize = of.parse().map_err(|_| wrong())?;
        if (1..=of).contains(&number) {
            Ok(Self { number, of })
        } else {
            Err(format!(
                "there is no part {number} of {of}: they are counted from 1"
            ))
        }
    }
}

impl Partition {
    /// Those of the `selected` cases that belong to this part.
    ///
    /// A file's cases are in one part, and files that follow each other in the suite mostly too,
    /// since they share prerequisites. Each part has at least one file, and about as many cases as
    /// the others.
    ///
    /// # Errors
    /// There are fewer files than parts.
    pub fn of(self, suite: &Suite, selected: &HashSet<CaseId>) -> Result<HashSet<CaseId>, String> {
        let ids = suite.cases.iter().map(|case| &case.id);
        let ids: Vec<&CaseId> = ids.filter(|id| selected.contains(*id)).collect();
        let mut files = ids.chunk_by(|left, right| left.file() == right.file());
        let many = files.clone().count();
        if many < self.of && !ids.is_empty() {
            return Err(format!(
                "the selected cases are in {many} files, which is too few for {} parts",
                self.of
            ));
        }
        let mut left = ids.len();
        for number in 1..=self.of {
            let parts = self.of - number + 1;
            let fair = left.div_ceil(parts);
            let mut part: Vec<&CaseId> = Vec::new();
            // The last part takes the rest; the others leave a file for each that follows.
            while part.is_empty() || parts == 1 || files.clone().count() >= parts {
                let mut rest = files.clone();
                let Some(file) = rest.next() else { break };
                // Half a file more than is fair is no better than half a file less.
                if parts > 1 && !part.is_empty() && part.len() + file.len() / 2 >= fair {
                    break;
                }
                part.extend(file);
                files = rest;
            }
            left -= part.len();
            if number == self.number {
                return Ok(part.into_iter().cloned().collect());
            }
        }
        Ok(HashSet::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn bad_values_are_told() {
        let parse = |text: &str| text.parse::<Partition>();
        assert_eq!(parse("2/3"), Ok(Partition { number: 2, of: 3 }));
        for text in ["", "1", "/", "a/2", "1/b", "-1/2", "1/2/3"] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with("a part is K/N"), "{text}: {error}");
        }
        for text in ["0/2", "3/2", "0/0"] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with("there is no part "), "{text}: {error}");
        }
    }

    #[test]
    fn parts_are_disjoint_complete_and_balanced() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let everything: HashSet<CaseId> = suite.cases.iter().map(|case| case.id.clone()).collect();
        let tables = suite
            .cases
            .chunk_by(|left, right| left.id.file() == right.id.file());
        let largest = tables.map(<[_]>::len).max().expect("a case");
        for of in [1, 2, 3, 4, 7, 16] {
            let mut all = HashSet::new();
            for number in 1..=of {
                let part = Partition { number, of }
                    .of(&suite, &everything)
                    .expect("a part");
                let fair = everything.len() / of;
                assert!(
                    part.len().abs_diff(fair) <= largest,
                    "{number}/{of}: {}",
                    part.len()
                );
                for id in part {
                    assert!(all.insert(id.clone()), "{id} is in two parts");
                }
            }
            assert_eq!(all, everything, "{of} parts");
        }
    }

    #[test]
    fn no_part_is_empty_and_no_table_is_torn() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let files: HashSet<&str> = suite.cases.iter().map(|case| case.id.file()).collect();
        let everything: HashSet<CaseId> = suite.cases.iter().map(|case| case.id.clone()).collect();
        let of = files.len();
        for number in [1, 2, of / 2, of] {
            let part = Partition { number, of }
                .of(&suite, &everything)
                .expect("a part");
            let of_part: HashSet<&str> = part.iter().map(CaseId::file).collect();
            assert_eq!(of_part.len(), 1, "{number}/{of}");
        }
        let error = Partition {
            number: 1,
            of: of + 1,
        }
        .of(&suite, &everything);
        let message = format!(
            "the selected cases are in {of} files, which is too few for {} parts",
            of + 1
        );
        assert_eq!(error, Err(message));
        let nothing = Partition { number: 2, of: 2 }.of(&suite, &HashSet::new());
        assert_eq!(nothing, Ok(HashSet::new()));
    }
}
