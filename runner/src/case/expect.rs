//! What a request must be answered: the answers allowed, and the behaviours to be told apart.

use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::matcher::Matcher;

/// The answers a request allows, at least one. In JSON one answer, or an array of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation(pub Vec<Answer>);

/// One allowed answer: in JSON an object (a response), `"closed"` or `"incomplete"`.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A complete HTTP response.
    Response(Box<ExpectedResponse>),
    /// The server closes the connection before the first octet of a response.
    Closed,
    /// A response begins, but the connection ends before its framing says it is complete.
    Incomplete,
}

/// A complete response. The expectation is total: what is not allowed here fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExpectedResponse {
    /// The status code.
    pub status: StatusMatcher,
    /// Fields by name, in any letter case. The name `*` stands for every field not named; without
    /// it, a field not named may only be one that any HTTP server may add (see `spec/cases.md`).
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, FieldMatcher>,
    /// The whole body after transfer-decoding.
    pub body: Matcher,
}

/// A status code, a class (`"5xx"`), `"any"`, or an array of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusMatcher {
    /// Exactly this code.
    Code(u16),
    /// Any code with this first digit.
    Class(u8),
    /// Any final status code: some HTTP response.
    Any,
    /// One of these.
    OneOf(Vec<StatusMatcher>),
}

/// What the occurrences of one field must be.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldMatcher {
    /// It occurs once (or not at all, if the matcher allows absence) with this value.
    One(Matcher),
    /// Its occurrences, all of them in order: a JSON array.
    Values(Vec<Matcher>),
    /// It occurs this often: `{"count": 2}`.
    Count(usize),
    /// Its occurrences joined by `, ` are this, since a server may join or split a list
    /// (RFC 9110 section 5.3): `{"joined": "a, b"}`.
    Joined(Matcher),
}

impl StatusMatcher {
    /// Whether `status` is allowed.
    pub fn matches(&self, status: u16) -> bool {
        match self {
            Self::Code(code) => status == *code,
            Self::Class(class) => status / 100 == u16::from(*class),
            Self::Any => true,
            Self::OneOf(choices) => choices.iter().any(|choice| choice.matches(status)),
        }
    }
}

impl fmt::Display for StatusMatcher {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Any => f.write_str("any"),
            Self::OneOf(choices) => {
                for (index, choice) in choices.iter().enumerate() {
                    let separator = if index == 0 { "" } else { " or " };
                    write!(f, "{separator}{choice}")?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for StatusMatcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Code(code) => code.serialize(serializer),
            Self::Class(_) | Self::Any => serializer.collect_str(self),
            Self::OneOf(choices) => choices.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StatusMatcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Status;
        impl<'de> Visitor<'de> for Status {
            type Value = StatusMatcher;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a status code, a class such as \"5xx\", \"any\", or an array of these")
            }
            fn visit_u64<E: de::Error>(self, code: u64) -> Result<StatusMatcher, E> {
                match u16::try_from(code) {
                    Ok(code @ 100..=999) => Ok(StatusMatcher::Code(code)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(code), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusMatcher, E> {
                match text.as_bytes() {
                    b"any" => Ok(StatusMatcher::Any),
                    [digit @ b'1'..=b'5', b'x', b'x'] => Ok(StatusMatcher::Class(digit - b'0')),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StatusMatcher, A::Error> {
                let mut choices = Vec::new();
                while let Some(choice) = seq.next_element()? {
                    choices.push(choice);
                }
                Ok(StatusMatcher::OneOf(choices))
            }
        }
        deserializer.deserialize_any(Status)
    }
}

impl JsonSchema for StatusMatcher {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let itself = generator.subschema_for::<Self>();
        json_schema!({
            "description": "A status code, a class such as \"5xx\", \"any\", or an array of these.",
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 999 },
                { "type": "string", "pattern": "^([1-5]xx|any)$" },
                { "type": "array", "items": itself },
            ],
        })
    }
}

impl Serialize for FieldMatcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(matcher) => matcher.serialize(serializer),
            Self::Values(values) => values.serialize(serializer),
            Self::Count(count) => serializer.collect_map([("count", count)]),
            Self::Joined(matcher) => serializer.collect_map([("joined", matcher)]),
        }
    }
}

impl<'de> Deserialize<'de> for FieldMatcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Form {
            Count(usize),
            Joined(Matcher),
        }
        let value = Value::deserialize(deserializer)?;
        let only_key = value
            .as_object()
            .and_then(|object| object.keys().next().map(String::as_str));
        match only_key {
            _ if value.is_array() => Vec::deserialize(value).map(Self::Values),
            Some("count" | "joined") => Form::deserialize(value).map(|form| match form {
                Form::Count(count) => Self::Count(count),
                Form::Joined(matcher) => Self::Joined(matcher),
            }),
            _ => Matcher::deserialize(value).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}

impl JsonSchema for FieldMatcher {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldMatcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let matcher = generator.subschema_for::<Matcher>();
        let form = |name: &str, schema: Schema| {
            json_schema!({
                "type": "object",
                "properties": { name: schema },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let count = form("count", json_schema!({ "type": "integer", "minimum": 0 }));
        let joined = form("joined", matcher.clone());
        json_schema!({
            "description": "One matcher: the field occurs once. An array: all its occurrences.",
            "anyOf": [matcher, { "type": "array", "items": matcher }, count, joined],
        })
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Response(response) => response.serialize(serializer),
            Self::Closed => "closed".serialize(serializer),
            Self::Incomplete => "incomplete".serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneAnswer;
        impl<'de> Visitor<'de> for OneAnswer {
            type Value = Answer;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a response (an object), \"closed\" or \"incomplete\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Answer, E> {
                match text {
                    "closed" => Ok(Answer::Closed),
                    "incomplete" => Ok(Answer::Incomplete),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answer, A::Error> {
                let response = ExpectedResponse::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Answer::Response(Box::new(response)))
            }
        }
        deserializer.deserialize_any(OneAnswer)
    }
}

impl JsonSchema for Answer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Answer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let response = generator.subschema_for::<ExpectedResponse>();
        json_schema!({
            "description": "One allowed answer: a response, or how the connection ends instead.",
            "anyOf": [response, { "enum": ["closed", "incomplete"] }],
        })
    }
}

impl Serialize for Expectation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => only.serialize(serializer),
            answers => answers.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let answers = if value.is_array() {
            Vec::deserialize(value)
        } else {
            Answer::deserialize(value).map(|answer| vec![answer])
        };
        match answers {
            Ok(answers) if answers.is_empty() => Err(de::Error::custom(
                "no answer is allowed, so nothing can pass",
            )),
            Ok(answers) => Ok(Self(answers)),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl JsonSchema for Expectation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expectation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let answer = generator.subschema_for::<Answer>();
        json_schema!({
            "description": "The allowed answer, or an array of the allowed answers.",
            "anyOf": [answer, { "type": "array", "items": answer, "minItems": 1 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_reads_and_writes_the_same_json() {
        for json in [
            r#""closed""#,
            r#"[{"status":[200,"5xx"],"body":"x"},"incomplete"]"#,
            r#"{"status":"any","fields":{"set-cookie":["a","b"],"x":{"count":2}},"body":""}"#,
        ] {
            let expectation: Expectation = serde_json::from_str(json).expect("an expectation");
            assert_eq!(serde_json::to_string(&expectation).expect("JSON"), json);
        }
    }

    #[test]
    fn what_asserts_nothing_or_makes_no_sense_is_refused() {
        let error = |json: &str| {
            serde_json::from_str::<Expectation>(json)
                .expect_err("not an expectation")
                .to_string()
        };
        assert!(error("[]").contains("no answer is allowed"));
        assert!(error("{}").contains("missing field `status`"));
        assert!(error(r#"{"status": 200}"#).contains("missing field `body`"));
        assert!(error(r#"{"status": "6xx", "body": ""}"#).contains("a class such as"));
        assert!(error(r#""close""#).contains("\"closed\" or \"incomplete\""));
    }
}
