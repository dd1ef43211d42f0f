//! Identifiers of rules and cases: the names that failures quote and others script against.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The identifier of a rule: components of `a-z`, `0-9` and `-`, joined by dots; the first is the
/// area, for example `response.status.wins-over-location`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(#[schemars(regex(pattern = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"))] String);

/// The identifier of a case: `area/name`, or `area/name/row` for a row of a table.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct CaseId(#[schemars(regex(pattern = r"^[a-z0-9-]+/[a-z0-9-]+(/[a-z0-9-]+)?$"))] String);

impl RuleId {
    /// The area: the chapter of the specification that holds the rule.
    pub fn area(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(area, _)| area)
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CaseId {
    /// The area: the folder that holds the case.
    pub fn area(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(area, _)| area)
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier of the file that holds the case: without the row's name.
    pub fn file(&self) -> &str {
        match self.0.match_indices('/').nth(1) {
            Some((end, _)) => &self.0[..end],
            None => &self.0,
        }
    }

    /// The row's name; the whole identifier if the case is no row of a table.
    pub fn row(&self) -> &str {
        let row = self.0.strip_prefix(self.file());
        row.and_then(|row| row.strip_prefix('/')).unwrap_or(&self.0)
    }

    /// Whether `id` names this case, or the table of which this case is a row.
    pub fn is_or_belongs_to(&self, id: &CaseId) -> bool {
        self == id || self.file() == id.as_str()
    }
}

fn is_component(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(legal)
}

impl TryFrom<String> for RuleId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains('.') && text.split('.').all(is_component) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a rule identifier: components of a-z, 0-9 and `-`, joined by \
                 dots, the area first"
            ))
        }
    }
}

impl TryFrom<String> for CaseId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let components = text.split('/').count();
        if (2..=3).contains(&components) && text.split('/').all(is_component) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a case identifier: area/name or area/name/row, each of a-z, 0-9 \
                 and `-`"
            ))
        }
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> Self {
        id.0
    }
}

impl From<CaseId> for String {
    fn from(id: CaseId) -> Self {
        id.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_checked() {
        assert!(RuleId::try_from("routing.exact".to_owned()).is_ok());
        for wrong in ["routing", "", "a..b", "a.B", "a.b_c", ".a"] {
            assert!(RuleId::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(CaseId::try_from("routing/exact".to_owned()).is_ok());
        for wrong in ["routing", "a//b", "a/b/c/d", "a/B", "/a", "a/b.c"] {
            assert!(CaseId::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_row_belongs_to_its_table() {
        let row = CaseId::try_from("a/b/c".to_owned()).expect("an identifier");
        assert_eq!((row.area(), row.file()), ("a", "a/b"));
        let table = CaseId::try_from("a/b".to_owned()).expect("an identifier");
        assert!(row.is_or_belongs_to(&table) && !table.is_or_belongs_to(&row));
    }
}
