//! Guests: the WebAssembly modules that cases deploy.
//!
//! Those of the core are WebAssembly text. Those in `guest-modules/languages` are compiled from
//! other languages and listed in [`LIST`]; some are too big to be carried along, so that they may
//! be absent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::files::{self, Files};
use crate::problem::Problem;

/// The list of the compiled guests, as a path from the suite's root.
pub const LIST: &str = "guest-modules/languages/modules.json";

/// The folder of the compiled guests below that of the guests; their names begin so.
const LANGUAGES: &str = "languages/";

/// The guests by name: the path of the file below `guest-modules` without its ending.
#[derive(Clone, Debug, Default)]
pub struct Guests {
    guests: BTreeMap<String, Guest>,
    listed: BTreeMap<String, Listed>,
}

/// One guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guest {
    /// WebAssembly text.
    Text(Vec<u8>),
    /// A file deployed as it is: a compiled module, or what is none.
    Binary(Vec<u8>),
}

/// What [`LIST`] says of a compiled guest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Listed {
    /// The language.
    name: String,
    /// The module's SHA-256 in hexadecimal, if there is a module.
    #[serde(default)]
    sha256: Option<String>,
    /// Whether it could be built. A language may have a source only, for want of its tools.
    built: bool,
    /// Why it could not.
    #[serde(default)]
    reason: String,
}

impl Guests {
    /// The guests among `files`, and what is wrong with the list of those that are compiled.
    pub fn read(files: &Files) -> (Self, Vec<Problem>) {
        let name = |path: &str| {
            let file = path.strip_prefix("guest-modules/").unwrap_or(path);
            file.rsplit_once('.')
                .map_or(file, |(name, _)| name)
                .to_owned()
        };
        let text = files
            .below("guest-modules", "wat")
            .map(|(path, content)| (name(path), Guest::Text(content.to_vec())));
        let binary = files
            .below("guest-modules", "wasm")
            .map(|(path, content)| (name(path), Guest::Binary(content.to_vec())));
        let guests = text.chain(binary).collect();
        match listed(files) {
            Ok(listed) => (Self { guests, listed }, Vec::new()),
            Err(problem) => {
                let listed = BTreeMap::new();
                (Self { guests, listed }, vec![problem])
            }
        }
    }

    /// The guest of this name.
    pub fn get(&self, name: &str) -> Option<&Guest> {
        self.guests.get(name)
    }

    /// The guests with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Guest)> {
        self.guests
            .iter()
            .map(|(name, guest)| (name.as_str(), guest))
    }

    /// The language that the guest of this name was compiled from, if it is one that is listed.
    pub fn language(&self, name: &str) -> Option<&str> {
        self.listed.get(name).map(|listed| listed.name.as_str())
    }

    /// Why the guest of this name is absent, and how to get it, if it is one that is listed.
    pub fn absence(&self, name: &str) -> Option<String> {
        let listed = self.listed.get(name)?;
        if self.guests.contains_key(name) {
            return None;
        }
        let language = name.strip_prefix(LANGUAGES).unwrap_or(name);
        Some(match listed.built {
            true => format!(
                "the guest `{name}` is not carried along: in the suite's sources, get it with \
                 `guest-modules/languages/build --fetch {language}`, and add `--guest-modules guest-modules`"
            ),
            false => format!("the guest `{name}` is not built: {}", listed.reason),
        })
    }

    /// The names of the listed guests that are absent.
    pub fn absent(&self) -> impl Iterator<Item = &str> {
        let names = self.listed.keys().map(String::as_str);
        names.filter(|name| !self.guests.contains_key(*name))
    }

    /// Where the compiled guests are not what the list says.
    pub fn problems(&self) -> Vec<Problem> {
        let compiled = self
            .iter()
            .filter(|(name, _)| name.starts_with(LANGUAGES))
            .filter_map(|(name, guest)| match guest {
                Guest::Binary(module) => Some((name, module)),
                Guest::Text(_) => None,
            });
        compiled
            .filter_map(|(name, module)| {
                let found = sha256(module);
                let message = match self.listed.get(name).map(|listed| &listed.sha256) {
                    None => format!("is not in {LIST}: add it, with \"sha256\": \"{found}\""),
                    Some(Some(expected)) if *expected == found => return None,
                    Some(Some(expected)) => {
                        format!("has the SHA-256 {found}, but {LIST} says {expected}")
                    }
                    Some(None) => format!("has no \"sha256\" in {LIST}: it is \"{found}\""),
                };
                Some(Problem::in_file(
                    &format!("guest-modules/{name}.wasm"),
                    message,
                ))
            })
            .collect()
    }
}

/// The compiled guests of the list, by name.
fn listed(files: &Files) -> Result<BTreeMap<String, Listed>, Problem> {
    let Some(content) = files.get(LIST) else {
        return Ok(BTreeMap::new());
    };
    let text = files::text(LIST, content)?;
    let listed: IndexMap<String, Listed> = serde_json::from_str(text)
        .map_err(|error| Problem::at_line(LIST, error.line(), error.to_string()))?;
    Ok(listed
        .into_iter()
        .map(|(language, listed)| (format!("{LANGUAGES}{language}"), listed))
        .collect())
}

fn sha256(octets: &[u8]) -> String {
    let digest = digest(&SHA256, octets);
    let mut text = String::new();
    for octet in digest.as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

impl Guest {
    /// The module in binary form.
    ///
    /// # Errors
    /// The text is no valid WebAssembly text: what and where.
    pub fn compile(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => wat::parse_bytes(text)
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| error.to_string()),
            Self::Binary(module) => Ok(module.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn every_bundled_guest_compiles_and_says_what_it_does() {
        let files = Files::load(&Folders::default()).expect("embedded files");
        for (name, guest) in Guests::read(&files).0.iter() {
            guest
                .compile()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            if let Guest::Text(text) = guest {
                assert!(text.starts_with(b";; "), "{name} begins with a comment");
            }
        }
    }

    /// The guests of a folder with these files in its sub-folder `languages`.
    fn compiled(files: &[(&str, &str)]) -> (Guests, Vec<Problem>) {
        let folder = tempfile::tempdir().expect("a folder");
        let languages = folder.path().join("languages");
        std::fs::create_dir_all(languages.join("c")).expect("a folder");
        std::fs::write(languages.join("c/scrap.wasm"), "").expect("a file");
        for (name, content) in files {
            std::fs::write(languages.join(name), content).expect("a file");
        }
        let folders = Folders {
            guest_modules: Some(folder.path().to_owned()),
            ..Folders::default()
        };
        Guests::read(&Files::load(&folders).expect("files"))
    }

    /// That of "abc", FIPS 180-2 appendix B.1.
    const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn compiled_guests_are_those_of_the_list_or_absent() {
        let list = format!(
            r#"{{ "c": {{ "name": "C", "built": true, "sha256": "{SHA256_OF_ABC}", "size": 3 }},
                  "php": {{ "name": "PHP", "built": true, "sha256": "00" }},
                  "swift": {{ "name": "Swift", "built": false, "reason": "no tools" }} }}"#
        );
        let (guests, problems) = compiled(&[("c.wasm", "abc"), ("modules.json", &list)]);
        assert_eq!((problems, guests.problems()), (vec![], vec![]));
        let names: Vec<&str> = guests.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["languages/c"]);
        assert_eq!(
            guests.absent().collect::<Vec<_>>(),
            ["languages/php", "languages/swift"]
        );
        let why = |name| guests.absence(name).unwrap_or_default();
        assert_eq!(why("languages/c"), "");
        assert!(why("languages/php").contains("`guest-modules/languages/build --fetch php`"));
        assert!(why("languages/swift").ends_with("is not built: no tools"));
        assert_eq!(guests.language("languages/php"), Some("PHP"));
        assert_eq!(guests.absence("languages/basic"), None);
    }

    #[test]
    fn the_case_of_php_holds_its_script_as_it_stands() {
        let suite = crate::suite::Suite::load(&Folders::default()).expect("the suite");
        let mut routes = suite.cases.iter().flat_map(|case| &case.routes);
        let route = routes.find(|route| route.guest == "languages/php");
        let volumes = serde_json::to_value(&route.expect("a route").volumes).expect("JSON");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/guest-modules/languages/php/");
        for (volume, file) in [("/scripts", "observe.php"), ("/usr/local/lib", "php.ini")] {
            let content = std::fs::read_to_string(format!("{folder}{file}")).expect("a file");
            assert_eq!(volumes[volume][file], content.as_str(), "{file}");
        }
    }

    #[test]
    fn a_module_that_is_not_the_listed_one_is_a_problem() {
        let list = r#"{ "c": { "name": "C", "built": true, "sha256": "00" } }"#;
        let (guests, _) = compiled(&[("c.wasm", "abc"), ("d.wasm", "abc"), ("modules.json", list)]);
        let problems: Vec<String> = guests.problems().iter().map(Problem::to_string).collect();
        let [other, unlisted] = problems.as_slice() else {
            panic!("not two problems: {problems:?}");
        };
        assert_eq!(
            *other,
            format!(
                "guest-modules/languages/c.wasm: has the SHA-256 {SHA256_OF_ABC}, but {LIST} says 00"
            )
        );
        assert!(
            unlisted.starts_with("guest-modules/languages/d.wasm: is not in"),
            "{unlisted}"
        );
        let (_, problems) = compiled(&[("modules.json", "{")]);
        assert!(
            problems
                .iter()
                .any(|problem| problem.file == LIST && problem.line == Some(1))
        );
    }
}
