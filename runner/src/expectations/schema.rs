//! The JSON Schema of an expectations file, generated from the types of [`super`].

use schemars::generate::SchemaSettings;
use serde_json::json;

use super::Document;

/// Where the schema stands, as a path from the suite's root.
pub const PATH: &str = "spec/expectations.schema.json";

/// The schema of an expectations file, as the text of [`PATH`].
pub fn text() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Document>();
    schema.insert("title".to_owned(), json!("WAGI conformance expectations"));
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
