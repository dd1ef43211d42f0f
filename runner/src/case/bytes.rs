//! Octets as a case writes them: text, base64, a repeated pattern, or pieces put together.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::placeholder::{Placeholders, UnknownPlaceholder};
use super::text_or::TextOr;

/// A sequence of octets: a string, which stands for its UTF-8 octets with placeholders expanded,
/// or one of the object forms.
pub type Bytes = TextOr<BytesForm>;

/// The object forms of [`Bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BytesForm {
    /// Standard base64 with padding (RFC 4648 section 4); nothing is expanded in it.
    Base64(Base64),
    /// A pattern repeated until a length is reached.
    Repeat(Repeat),
    /// Pieces, one after the other.
    Concat(Vec<Bytes>),
}

/// Octets written in base64, decoded when the case is read.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Base64(Vec<u8>);

/// A pattern repeated, and cut, to a length in octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "RepeatText")]
#[schemars(!try_from)]
pub struct Repeat {
    /// The text repeated; placeholders are expanded first. Not empty.
    pattern: String,
    /// The length of the whole, in octets; at most 64 MiB.
    length: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepeatText {
    pattern: String,
    length: usize,
}

/// No generated value is longer than this, in octets.
const MAX_GENERATED: usize = 64 << 20;

impl Bytes {
    /// The octets, with the placeholders of `values` expanded in every text.
    ///
    /// # Errors
    /// A placeholder that `values` does not know.
    pub fn resolve(&self, values: &Placeholders) -> Result<Vec<u8>, UnknownPlaceholder> {
        match self {
            Self::Text(text) => values.expand(text).map(String::into_bytes),
            Self::Form(form) => form.resolve(values),
        }
    }
}

impl BytesForm {
    /// The octets; see [`Bytes::resolve`].
    ///
    /// # Errors
    /// A placeholder that `values` does not know.
    pub fn resolve(&self, values: &Placeholders) -> Result<Vec<u8>, UnknownPlaceholder> {
        match self {
            Self::Base64(Base64(octets)) => Ok(octets.clone()),
            Self::Repeat(Repeat { pattern, length }) => {
                let pattern = values.expand(pattern)?.into_bytes();
                let mut octets = pattern.repeat(length.div_ceil(pattern.len().max(1)));
                octets.truncate(*length);
                Ok(octets)
            }
            Self::Concat(parts) => {
                let mut whole = Vec::new();
                for part in parts {
                    whole.extend(part.resolve(values)?);
                }
                Ok(whole)
            }
        }
    }
}

impl TryFrom<RepeatText> for Repeat {
    type Error = String;

    fn try_from(RepeatText { pattern, length }: RepeatText) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("an empty `pattern` cannot be repeated".to_owned());
        }
        if length > MAX_GENERATED {
            return Err(format!(
                "a `length` of {length} octets is more than the {MAX_GENERATED} allowed"
            ));
        }
        Ok(Self { pattern, length })
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(&text)
            .map(Self)
            .map_err(|error| de::Error::custom(format_args!("not valid base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str) -> Vec<u8> {
        let bytes: Bytes = serde_json::from_str(json).expect("valid bytes");
        bytes
            .resolve(&Placeholders::default())
            .expect("no placeholder")
    }

    #[test]
    fn every_form_gives_its_octets() {
        assert_eq!(resolve(r#""é""#), [0xC3, 0xA9]);
        assert_eq!(resolve(r#"{"base64": "AP8="}"#), [0x00, 0xFF]);
        assert_eq!(
            resolve(r#"{"repeat": {"pattern": "abc", "length": 7}}"#),
            b"abcabca"
        );
        assert_eq!(
            resolve(r#"{"concat": ["a", {"base64": "/w=="}]}"#),
            [b'a', 0xFF]
        );
    }

    #[test]
    fn what_cannot_be_octets_is_refused_with_the_choices() {
        let error = |json: &str| {
            serde_json::from_str::<Bytes>(json)
                .expect_err("invalid bytes")
                .to_string()
        };
        assert!(error(r#"{"bas64": ""}"#).contains("expected one of `base64`, `repeat`, `concat`"));
        assert!(error(r#"{"base64": "?"}"#).contains("not valid base64"));
        assert!(error(r#"{"repeat": {"pattern": "", "length": 1}}"#).contains("empty `pattern`"));
        assert!(error("1").contains("expected a string or an object"));
    }
}
