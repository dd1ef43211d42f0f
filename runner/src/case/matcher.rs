//! The one language of matchers: what a value (a body, a field's value, a variable, an argument,
//! the guest's input) must be.

use indexmap::IndexMap;
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bytes::{Base64, Bytes, BytesForm, Repeat};
use super::placeholder::Placeholders;
use super::text_or::TextOr;

/// What a value must be: a string, which is the exact value, or one of the object forms.
pub type Matcher = TextOr<MatcherForm>;

/// The object forms of [`Matcher`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatcherForm {
    /// Exactly these octets.
    Base64(Base64),
    /// Exactly these octets.
    Repeat(Repeat),
    /// Exactly these octets.
    Concat(Vec<Bytes>),
    /// Any one of the matchers holds.
    OneOf(Vec<Matcher>),
    /// All of the matchers hold.
    AllOf(Vec<Matcher>),
    /// The value is there and the matcher does not hold.
    Not(Box<Matcher>),
    /// The octets occur somewhere in the value.
    Contains(Bytes),
    /// The whole value matches this regular expression (the syntax that Rust's `regex`, Python's
    /// `re` and JavaScript share, over octets). Placeholders stand for their literal text.
    Pattern(String),
    /// Both are absolute URLs and equal once parsed (WHATWG URL: default ports, case of the host).
    Url(String),
    /// The value has this length in octets.
    Length(usize),
    /// The value is JSON of which this is a subset: objects may have further members, arrays and
    /// scalars are equal.
    Json(Value),
    /// The value is the report of the guest `observe`.
    Report(Box<Report>),
    /// The value is there, whatever it is.
    Any(True),
    /// The value is not there.
    Absent(True),
    /// The value is not there, or is empty.
    AbsentOrEmpty(True),
}

/// What the guest `observe` must have been given. What is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Report {
    /// Variables by name. A matcher must hold for every occurrence of its name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, Matcher>,
    /// No entry of the environment, taken as `NAME=VALUE`, may match this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_none: Option<Matcher>,
    /// Each name of the environment occurs once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_unique: Option<True>,
    /// The arguments, all of them: `argv[0]` first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Matcher>>,
    /// What standard input held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Matcher>,
    /// Standard input ended (true), or reading it failed (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_ended: Option<bool>,
}

/// The JSON value `true`, for members that only mean something when they are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct True(#[schemars(extend("const" = true))] bool);

impl MatcherForm {
    /// The octets, when the form says exactly which.
    pub fn exact(&self) -> Option<BytesForm> {
        match self {
            Self::Base64(octets) => Some(BytesForm::Base64(octets.clone())),
            Self::Repeat(repeat) => Some(BytesForm::Repeat(repeat.clone())),
            Self::Concat(parts) => Some(BytesForm::Concat(parts.clone())),
            _ => None,
        }
    }
}

/// The regular expression of a `pattern` matcher: it matches whole values, octet by octet.
///
/// # Errors
/// An unknown placeholder, or what is wrong with the expression.
pub fn compile_pattern(pattern: &str, values: &Placeholders) -> Result<Regex, String> {
    let pattern = values
        .for_pattern()
        .expand(pattern)
        .map_err(|error| error.to_string())?;
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .unicode(false)
        .build()
        .map_err(|error| format!("pattern `{pattern}`: {error}"))
}

impl Serialize for True {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        true.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self(true))
        } else {
            Err(serde::de::Error::custom("only `true` has a meaning here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_reads_and_writes_the_same_json() {
        for json in [
            r#""text""#,
            r#"{"absent":true}"#,
            r#"{"one-of":["a",{"pattern":"b+"}]}"#,
            r#"{"report":{"env":{"PATH_INFO":"/a"},"args":[{"any":true}],"stdin-ended":true}}"#,
        ] {
            let matcher: Matcher = serde_json::from_str(json).expect("a matcher");
            assert_eq!(serde_json::to_string(&matcher).expect("JSON"), json);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |json: &str| {
            serde_json::from_str::<Matcher>(json)
                .expect_err("not a matcher")
                .to_string()
        };
        assert!(error(r#"{"patern": "x"}"#).contains("unknown variant `patern`"));
        assert!(error(r#"{"absent": false}"#).contains("only `true`"));
        assert!(error(r#"{"report": {"envs": {}}}"#).contains("unknown field `envs`"));
    }
}
