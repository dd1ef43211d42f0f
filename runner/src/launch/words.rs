//! The words of a command, with names in braces for what differs from one start to the next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::near_miss;

/// The names that may stand in braces.
const NAMES: [&str; 11] = [
    "address",
    "host",
    "port",
    "config",
    "deployment",
    "folder",
    "name",
    "value",
    "file",
    "certificate",
    "key",
];

/// A word in which names in braces stand for values: `{config}`. Braces double for themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Template(#[schemars(with = "String")] Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(&'static str),
}

/// Values by name.
pub type Values<'a> = [(&'static str, &'a str)];

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = word.as_str();
        while let Some(place) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(place);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                text.push('}');
                rest = after;
            } else if let Some((name, after)) =
                from.strip_prefix('{').and_then(|from| from.split_once('}'))
            {
                let Some(known) = NAMES.iter().find(|known| **known == name) else {
                    return Err(format!(
                        "`{word}` names `{name}`{}: the names are {}",
                        near_miss(name, NAMES),
                        NAMES.join(", ")
                    ));
                };
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Name(known));
                rest = after;
            } else {
                return Err(format!(
                    "`{word}` has a brace without its partner: `{{{{` and `}}}}` stand for braces"
                ));
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self(parts))
    }
}

impl From<Template> for String {
    fn from(Template(parts): Template) -> Self {
        let text = |part: &Part| match part {
            Part::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Part::Name(name) => format!("{{{name}}}"),
        };
        parts.iter().map(text).collect()
    }
}

impl Template {
    /// The word with its values in place.
    ///
    /// # Errors
    /// A name that has no value here.
    pub fn fill(&self, values: &Values) -> Result<String, String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Name(name) => {
                let value = values.iter().find(|(known, _)| known == name);
                value.map(|(_, value)| (*value).to_owned()).ok_or_else(|| {
                    format!(
                        "`{}` names `{name}`, which means nothing here",
                        String::from(self.clone())
                    )
                })
            }
        };
        self.0.iter().map(part).collect()
    }
}

/// All the words with their values in place.
///
/// # Errors
/// A name that has no value here.
pub fn fill(words: &[Template], values: &Values) -> Result<Vec<String>, String> {
    words.iter().map(|word| word.fill(values)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(word: &str) -> Result<Template, String> {
        Template::try_from(word.to_owned())
    }

    #[test]
    fn names_stand_for_values() {
        let filled = |word: &str| {
            let word = template(word).expect("a template");
            word.fill(&[("host", "h"), ("port", "{host}"), ("value", "")])
        };
        assert_eq!(filled("a").as_deref(), Ok("a"));
        assert_eq!(filled("{host}:{port}").as_deref(), Ok("h:{host}"));
        assert_eq!(filled("{{host}}{value}").as_deref(), Ok("{host}"));
        assert_eq!(
            filled("x{config}"),
            Err("`x{config}` names `config`, which means nothing here".to_owned())
        );
    }

    #[test]
    fn a_template_is_written_as_it_was_read() {
        for word in ["", "a", "{host}:{port}", "{{}}", "{{{host}}}"] {
            assert_eq!(String::from(template(word).expect("a template")), word);
        }
    }

    #[test]
    fn mistakes_are_told() {
        let error = template("{confg}").expect_err("a mistake");
        assert!(error.contains("did you mean `config`?"), "{error}");
        for word in ["{", "}", "{host", "a}"] {
            assert!(template(word).is_err(), "{word}");
        }
    }
}
