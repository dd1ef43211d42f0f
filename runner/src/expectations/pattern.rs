//! Patterns for the identifiers of cases.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The identifier of a case, or a pattern for identifiers: each `*` stands for any characters, `/`
/// included, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(!try_from, !into)]
pub struct Pattern(#[schemars(regex(pattern = r"^[a-z0-9/*-]+$"))] String);

impl Pattern {
    /// The pattern of one case.
    pub fn exact(id: &crate::id::CaseId) -> Self {
        Self(id.to_string())
    }

    /// The pattern of all rows of the table `file`.
    pub fn rows(file: &str) -> Self {
        Self(format!("{file}/*"))
    }

    /// Whether `id` is a case that this names.
    pub fn matches(&self, id: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|first| id.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // Where a part can stand in several places, the first leaves most to those that follow.
        let middle = parts.try_fold(rest, |rest, part| {
            rest.find(part)
                .and_then(|start| rest.get(start + part.len()..))
        });
        middle.is_some_and(|rest| rest.ends_with(last))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let legal =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'/' | b'*');
        if !text.is_empty() && text.bytes().all(legal) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` names no cases: an identifier (area/name or area/name/row), in which `*` \
                 stands for any characters"
            ))
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, id: &str) -> bool {
        Pattern::try_from(pattern.to_owned())
            .expect("a pattern")
            .matches(id)
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, id) in [
            ("a/b", "a/b"),
            ("a/b/*", "a/b/c"),
            ("a/*", "a/b/c"),
            ("*", "a/b"),
            ("*/b", "a/b"),
            ("a/*b*c", "a/bbc"),
            ("a/*b*c", "a/xbxbxc"),
            ("a/b*", "a/b"),
            ("a/**b", "a/b"),
        ] {
            assert!(matches(pattern, id), "{pattern} {id}");
        }
        for (pattern, id) in [
            ("a/b", "a/bc"),
            ("a/b", "a/b/c"),
            ("a/b/*", "a/b"),
            ("*/b", "a/b/c"),
            // What the prefix and the suffix need must not overlap.
            ("a/b*b", "a/b"),
            ("a/*bc*c", "a/bc"),
        ] {
            assert!(!matches(pattern, id), "{pattern} {id}");
        }
    }

    #[test]
    fn patterns_are_checked() {
        for wrong in ["", "a b", "A/b", "a/b?", "a.b"] {
            assert!(Pattern::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
