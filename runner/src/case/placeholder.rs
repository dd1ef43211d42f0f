//! What is known only at run time, and how a case's text names it: `{{name}}`.

use std::fmt;

/// The names that a placeholder may have at run time. (`{{row.NAME}}` is replaced earlier, when
/// the case file is read.)
pub const NAMES: [&str; 6] = ["authority", "host", "port", "scheme", "nonce", "copy"];

/// The values that placeholders stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders(Vec<(&'static str, String)>);

/// A `{{…}}` in a case's text whose name is none of [`NAMES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPlaceholder(pub String);

impl Placeholders {
    /// Values for `{{authority}}`, `{{host}}`, `{{port}}`, `{{scheme}}`, `{{nonce}}` and `{{copy}}`,
    /// in the order of [`NAMES`].
    pub fn new(values: [String; 6]) -> Self {
        Self(NAMES.into_iter().zip(values).collect())
    }

    /// The same values with another `{{copy}}`.
    #[must_use]
    pub fn for_copy(&self, copy: usize) -> Self {
        let mut values = self.clone();
        for (name, value) in &mut values.0 {
            if *name == "copy" {
                *value = copy.to_string();
            }
        }
        values
    }

    /// The same values, written so that a regular expression takes them literally.
    #[must_use]
    pub fn for_pattern(&self) -> Self {
        let escaped = self
            .0
            .iter()
            .map(|(name, value)| (*name, regex::escape(value)));
        Self(escaped.collect())
    }

    /// `text` with every placeholder replaced by its value. Values are not expanded again.
    ///
    /// # Errors
    /// The first placeholder without a value.
    pub fn expand(&self, text: &str) -> Result<String, UnknownPlaceholder> {
        replace(text, |name| {
            let found = self.0.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        })
    }
}

/// `text` with every `{{name}}` replaced by what `value` gives for `name`.
///
/// # Errors
/// The first name for which `value` gives nothing.
pub fn replace(
    text: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<String, UnknownPlaceholder> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        replaced.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            return Err(UnknownPlaceholder(after.to_owned()));
        };
        replaced.push_str(&value(name).ok_or_else(|| UnknownPlaceholder(name.to_owned()))?);
        rest = behind;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

impl fmt::Display for UnknownPlaceholder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "unknown placeholder `{{{{{}}}}}`: the names are {}",
            self.0,
            NAMES.map(|name| format!("`{{{{{name}}}}}`")).join(", ")
        )
    }
}

impl std::error::Error for UnknownPlaceholder {}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Placeholders {
        Placeholders::new(["h:1", "h", "1", "http", "{{host}}", "0"].map(str::to_owned))
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(
            values().expand("a {{host}} b {{nonce}}"),
            Ok("a h b {{host}}".to_owned())
        );
        assert_eq!(values().for_copy(7).expand("{{copy}}"), Ok("7".to_owned()));
        assert_eq!(values().expand("{ {} }"), Ok("{ {} }".to_owned()));
    }

    #[test]
    fn an_unknown_or_open_placeholder_is_named() {
        assert_eq!(
            values().expand("{{hots}}"),
            Err(UnknownPlaceholder("hots".to_owned()))
        );
        assert_eq!(
            values().expand("{{host"),
            Err(UnknownPlaceholder("host".to_owned()))
        );
    }
}
