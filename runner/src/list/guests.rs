//! The guests, and what each asks of an engine.

use serde::Serialize;
use serde_json::json;

use super::{columns, document};
use crate::suite::Suite;
use crate::suite::guest::Guest;
use crate::suite::needs::{Needs, needs};

/// The module whose functions guests import.
const WASI: &str = "wasi_snapshot_preview1";

/// A guest as the list has it.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    /// The language of its source; none for what was not compiled from any.
    language: Option<&'a str>,
    /// The length of the module in binary form; none if it is absent.
    size: Option<usize>,
    #[serde(flatten)]
    needs: Needs,
    /// Why nothing is known of what it needs: it is absent, or no valid module.
    problem: Option<String>,
}

/// Every guest: name, language, size in bytes, features beyond WebAssembly 1.0, exports, imports.
pub fn guests(suite: &Suite) -> String {
    columns(entries(suite).map(|entry| entry.cells()).collect())
}

/// Every guest as a JSON array of objects.
pub fn guests_json(suite: &Suite) -> String {
    document(entries(suite).map(|entry| json!(entry)).collect())
}

/// Those that are there, then those that are absent.
fn entries(suite: &Suite) -> impl Iterator<Item = Entry<'_>> {
    let present = suite.guests.iter().map(|(name, guest)| {
        let language = match guest {
            Guest::Text(_) => Some("WebAssembly text"),
            Guest::Binary(_) => suite.guests.language(name),
        };
        let module = guest.compile();
        let size = module.as_ref().map_or(0, Vec::len);
        let needs = module.and_then(|module| needs(&module));
        Entry {
            name,
            language,
            size: Some(size),
            problem: needs.as_ref().err().cloned(),
            needs: needs.unwrap_or_default(),
        }
    });
    let absent = suite.guests.absent().map(|name| Entry {
        name,
        language: suite.guests.language(name),
        size: None,
        needs: Needs::default(),
        problem: suite.guests.absence(name),
    });
    present.chain(absent)
}

impl Entry<'_> {
    fn cells(&self) -> [String; 6] {
        let size = self
            .size
            .map_or_else(|| "absent".to_owned(), |size| size.to_string());
        let needs = match (&self.problem, self.size) {
            (None, _) => needs_of(&self.needs),
            (Some(_), Some(_)) => ["no valid module".to_owned(), String::new(), String::new()],
            (Some(_), None) => Default::default(),
        };
        let [features, exports, imports] = needs;
        let language = self.language.unwrap_or("-").to_owned();
        [
            self.name.to_owned(),
            language,
            format!("{size:>8}"),
            features,
            exports,
            imports,
        ]
    }
}

/// Features, exports and imports, a cell each.
fn needs_of(needs: &Needs) -> [String; 3] {
    let listed = |names: Vec<String>, none: &str| match names.is_empty() {
        true => none.to_owned(),
        false => names.join(" "),
    };
    let exports = needs.exports.iter().map(|export| export.name.clone());
    let imports = needs
        .imports
        .iter()
        .map(|import| match import.module.as_str() {
            WASI => import.name.clone(),
            other => format!("{other}.{}", import.name),
        });
    [
        listed(needs.features.clone(), "WebAssembly 1.0"),
        listed(exports.collect(), "-"),
        listed(imports.collect(), "-"),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn guests_say_what_they_need() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        let text = guests(&suite);
        let line = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find(|line| line.split_whitespace().next() == Some(name));
            line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let silent = line("no-output").expect("a line");
        assert!(
            silent.starts_with("no-output WebAssembly text "),
            "{silent}"
        );
        assert!(
            silent.ends_with(" WebAssembly 1.0 memory _start -"),
            "{silent}"
        );
        assert_eq!(line("empty").as_deref(), Some("empty - 0 no valid module"));
        let unknown = line("unknown-import").expect("a line");
        assert!(
            unknown.contains(" unknown_module.unknown_function"),
            "{unknown}"
        );

        let json: Value = serde_json::from_str(&guests_json(&suite)).expect("JSON");
        let guest = |name: &str| {
            let guests = json.as_array().into_iter().flatten();
            guests
                .clone()
                .find(|guest| guest["name"] == name)
                .expect("a guest")
        };
        let copy = guest("copy");
        assert_eq!(copy["features"], json!([]));
        assert_eq!(copy["imports"][0]["module"], WASI);
        assert_eq!(
            copy["exports"][1],
            json!({ "kind": "function", "name": "_start" })
        );
        assert_eq!(guest("truncated")["language"], Value::Null);
        assert!(guest("truncated")["problem"].is_string());
    }
}
