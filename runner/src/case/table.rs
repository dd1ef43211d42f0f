//! Tables: one case file whose `rows` each make a case, so that a structured input space is
//! written as what differs.

use serde_json::{Map, Value};

use super::placeholder::replace;

/// Expands the JSON of a case file into the JSON of its cases.
///
/// Without `rows` it is the case itself. With `rows`, each row (an object with a `name` and
/// parameters) gives one case: in every string, member names included, `{{row.PARAMETER}}` is
/// replaced; a string that is nothing but one such placeholder becomes the parameter's JSON value.
/// The row's name is appended to the identifier.
///
/// # Errors
/// What is wrong with the table, for the author of the file.
pub fn expand(file: Value) -> Result<Vec<Value>, String> {
    let Value::Object(mut template) = file else {
        return Err("a case file holds one JSON object".to_owned());
    };
    let Some(rows) = template.remove("rows") else {
        return Ok(vec![Value::Object(template)]);
    };
    let rows = match rows {
        Value::Array(rows) if !rows.is_empty() => rows,
        _ => return Err("`rows` must be an array of at least one row".to_owned()),
    };
    let template = Value::Object(template);
    let mut names = Vec::new();
    let mut cases = Vec::new();
    for row in rows {
        let Value::Object(row) = row else {
            return Err("each of `rows` must be an object".to_owned());
        };
        let Some(Value::String(name)) = row.get("name") else {
            return Err("each of `rows` needs a `name`, a string".to_owned());
        };
        if names.contains(name) {
            return Err(format!("two rows are named `{name}`"));
        }
        names.push(name.clone());
        cases.push(expand_row(&template, &row).map_err(|error| format!("row `{name}`: {error}"))?);
    }
    Ok(cases)
}

fn expand_row(template: &Value, row: &Map<String, Value>) -> Result<Value, String> {
    let unused = row
        .keys()
        .find(|key| *key != "name" && !mentions(template, key));
    if let Some(unused) = unused {
        return Err(format!("parameter `{unused}` is used nowhere in the case"));
    }
    let mut case = substitute(template, row)?;
    if let (Some(Value::String(id)), Some(Value::String(name))) =
        (case.get_mut("id"), row.get("name"))
    {
        id.push('/');
        id.push_str(name);
    }
    Ok(case)
}

fn mentions(value: &Value, parameter: &str) -> bool {
    let placeholder = format!("{{{{row.{parameter}}}}}");
    match value {
        Value::String(text) => text.contains(&placeholder),
        Value::Array(items) => items.iter().any(|item| mentions(item, parameter)),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name.contains(&placeholder) || mentions(member, parameter)),
        _ => false,
    }
}

fn substitute(value: &Value, row: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => match whole_placeholder(text) {
            Some(parameter) => row
                .get(parameter)
                .cloned()
                .ok_or_else(|| format!("parameter `{parameter}` is missing"))?,
            None => Value::String(substitute_text(text, row)?),
        },
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| substitute(item, row))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| Ok((substitute_text(name, row)?, substitute(member, row)?)))
                .collect::<Result<_, String>>()?,
        ),
        scalar => scalar.clone(),
    })
}

/// `x` when the text is `{{row.x}}` and nothing else.
fn whole_placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{row.")?.strip_suffix("}}")?;
    (!name.contains("}}")).then_some(name)
}

/// `text` with the row's parameters in place; placeholders of run time are left as they are.
fn substitute_text(text: &str, row: &Map<String, Value>) -> Result<String, String> {
    replace(text, |name| match name.strip_prefix("row.") {
        None => Some(format!("{{{{{name}}}}}")),
        Some(parameter) => match row.get(parameter) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        },
    })
    .map_err(|unknown| {
        format!(
            "`{{{{{}}}}}` stands inside a text, so the row must give it as a string or a number",
            unknown.0
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_fills_texts_names_and_whole_values() {
        let cases = expand(json!({
            "id": "a/b",
            "text": "x {{row.p}} {{nonce}}",
            "whole": "{{row.q}}",
            "{{row.p}}": 1,
            "rows": [{ "name": "one", "p": "P", "q": { "r": [2] } }],
        }));
        let expected = json!({
            "id": "a/b/one",
            "text": "x P {{nonce}}",
            "whole": { "r": [2] },
            "P": 1,
        });
        assert_eq!(cases, Ok(vec![expected]));
    }

    #[test]
    fn mistakes_in_a_table_are_named() {
        let error = |value: Value| expand(value).expect_err("a mistake");
        assert!(error(json!({ "rows": [] })).contains("at least one row"));
        assert!(error(json!({ "rows": [{ "p": 1 }] })).contains("needs a `name`"));
        assert_eq!(
            error(json!({ "rows": [{ "name": "x", "p": 1 }] })),
            "row `x`: parameter `p` is used nowhere in the case"
        );
        assert_eq!(
            error(json!({ "a": "{{row.p}}", "rows": [{ "name": "x" }] })),
            "row `x`: parameter `p` is missing"
        );
        assert!(
            error(json!({ "a": "b{{row.p}}", "rows": [{ "name": "x", "p": {} }] }))
                .contains("as a string or a number")
        );
        let twice = json!({ "rows": [{ "name": "x" }, { "name": "x" }] });
        assert!(error(twice).contains("two rows are named `x`"));
    }
}
