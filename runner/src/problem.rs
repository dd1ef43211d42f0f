//! What is wrong with a file of the suite, for the person who will mend it.

use std::fmt;

/// One problem: where it is and what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as a path from the suite's root.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What was found, and what would be accepted.
    pub message: String,
}

impl Problem {
    /// A problem of a whole file.
    pub fn in_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    /// A problem in one line of a file.
    pub fn at_line(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::in_file(file, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// The one of `known` that is nearest to `name`, as ` (did you mean `…`?)`; empty if none is near.
pub fn near_miss<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|candidate| {
            let diff = similar::TextDiff::from_chars(name, candidate);
            (diff.ratio(), candidate)
        })
        .filter(|(ratio, _)| *ratio > 0.6)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map_or_else(String::new, |(_, candidate)| {
            format!(" (did you mean `{candidate}`?)")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["observe", "copy", "say-query"];
        assert_eq!(near_miss("obsevre", known), " (did you mean `observe`?)");
        assert_eq!(near_miss("zzz", known), "");
    }
}
