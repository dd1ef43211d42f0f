//! The JSON Schema of a case file, generated from the types of [`super`].

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::Case;

/// Where the schema stands, as a path from the suite's root.
pub const PATH: &str = "spec/case.schema.json";

/// The schema of a case file, as the text of [`PATH`].
///
/// A case file is a [`Case`], whose `rows`, if any, are parameters for its placeholders: wherever
/// the type is not a string, a placeholder `{{row.NAME}}` may stand for the value.
pub fn text() -> String {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Case>();
    let mut schema = allow_placeholders(schema);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("rows".to_owned(), rows());
    }
    schema.insert("title".to_owned(), json!("WAGI conformance case"));
    let definitions = schema.entry("$defs").or_insert_with(|| json!({}));
    if let Value::Object(definitions) = definitions {
        definitions.insert(
            "RowPlaceholder".to_owned(),
            json!({
                "description": "A parameter of the table's row, which takes this place.",
                "type": "string",
                "pattern": r"^\{\{row\.[a-z0-9_-]+\}\}$",
            }),
        );
    }
    let mut text = serde_json::to_string_pretty(&Value::Object(schema)).unwrap_or_default();
    text.push('\n');
    text
}

fn rows() -> Value {
    json!({
        "description": "A table: each row gives one case, named by the file's id and the row's \
                        `name`; its other members replace {{row.NAME}} everywhere above.",
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": { "name": { "type": "string", "pattern": "^[a-z0-9-]+$" } },
            "required": ["name"],
        },
    })
}

/// Lets a placeholder take the place of every member and item whose schema admits no string.
fn allow_placeholders(schema: Schema) -> Map<String, Value> {
    let mut value = schema.to_value();
    visit(&mut value);
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn visit(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    for (keyword, inner) in object.iter_mut() {
        match (keyword.as_str(), inner) {
            ("properties" | "$defs", Value::Object(members)) => {
                let wrap = keyword == "properties";
                for member in members.values_mut() {
                    visit(member);
                    if wrap {
                        or_placeholder(member);
                    }
                }
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(items)) => {
                items.iter_mut().for_each(visit)
            }
            ("items" | "additionalProperties", inner @ Value::Object(_)) => {
                visit(inner);
                or_placeholder(inner);
            }
            _ => {}
        }
    }
}

fn or_placeholder(schema: &mut Value) {
    // A plain string already admits the placeholder; a reference may or may not, which does no harm.
    let is_string = schema.get("type").is_some_and(|kind| kind == "string")
        && schema.get("pattern").is_none()
        && schema.get("enum").is_none();
    if is_string || schema.as_object().is_none_or(Map::is_empty) {
        return;
    }
    let description = schema
        .as_object_mut()
        .and_then(|object| object.remove("description"));
    let mut wrapped = json!({ "anyOf": [schema.take(), { "$ref": "#/$defs/RowPlaceholder" }] });
    if let (Some(description), Value::Object(object)) = (description, &mut wrapped) {
        object.insert("description".to_owned(), description);
    }
    *schema = wrapped;
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn the_schema_speaks_of_rows_and_placeholders() {
        let schema: Value = serde_json::from_str(&super::text()).expect("JSON");
        assert!(
            schema
                .pointer("/properties/rows/items/required/0")
                .is_some()
        );
        assert!(schema.pointer("/$defs/RowPlaceholder").is_some());
        assert!(
            schema
                .pointer("/properties/requests/items/anyOf/1")
                .is_some()
                || schema.pointer("/properties/requests/anyOf/1").is_some()
        );
    }
}
