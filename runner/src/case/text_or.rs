//! A JSON value that is either a string or an object with exactly one key.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string, or an object form `F` (an enum whose variant is the object's one key).
///
/// serde's untagged enums would read the same JSON, but answer a mistake with "did not match any
/// variant"; this names the key that was found and the keys that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOr<F> {
    /// The string.
    Text(String),
    /// The object form.
    Form(F),
}

impl<F> From<&str> for TextOr<F> {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<F: Serialize> Serialize for TextOr<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Form(form) => form.serialize(serializer),
        }
    }
}

impl<'de, F: Deserialize<'de>> Deserialize<'de> for TextOr<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrForm<F>(PhantomData<F>);
        impl<'de, F: Deserialize<'de>> Visitor<'de> for TextOrForm<F> {
            type Value = TextOr<F>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string or an object with one key")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOr<F>, E> {
                Ok(text.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<F>, A::Error> {
                F::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Form)
            }
        }
        deserializer.deserialize_any(TextOrForm(PhantomData))
    }
}

impl<F: JsonSchema> JsonSchema for TextOr<F> {
    fn schema_name() -> Cow<'static, str> {
        match F::schema_name().strip_suffix("Form") {
            Some(name) => Cow::Owned(name.to_owned()),
            None => Cow::Owned(format!("TextOr{}", F::schema_name())),
        }
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let form = generator.subschema_for::<F>();
        json_schema!({ "anyOf": [{ "type": "string" }, form] })
    }
}
