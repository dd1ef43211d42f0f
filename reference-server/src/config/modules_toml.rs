//! `modules.toml`: the table of routes, in the form that `wagi` made known.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Deployment, ModuleConfig, ModuleSource, Place, Volume};
use crate::routing::Route;

/// The keys of a `[[module]]` table.
const KEYS: [&str; 5] = ["route", "module", "entrypoint", "argv", "volumes"];

/// Reads a `modules.toml` and checks that the files it names are there.
pub(super) fn load(path: &Path) -> Result<Deployment, ConfigError> {
    let text = fs::read_to_string(path).map_err(|cause| ConfigError {
        file: path.to_owned(),
        line: None,
        problem: format!("cannot read the table of modules: {cause}"),
    })?;
    File { path, text: &text }.parse()
}

/// The file that is read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl File<'_> {
    fn parse(&self) -> Result<Deployment, ConfigError> {
        let document = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().unwrap_or_default().start;
            self.error(start..start, error.message().to_owned())
        })?;
        for key in document.get_ref().keys() {
            if key.get_ref() != "module" {
                let problem = match key.get_ref().as_ref() {
                    "handler" | "bindle" => {
                        "only [[module]] tables are supported, with modules from files".to_owned()
                    }
                    name => unknown_key(name, &["module"], "the file holds [[module]] tables only"),
                };
                return Err(self.error(key.span(), problem));
            }
        }
        let Some(modules) = document.get_ref().get("module") else {
            return Err(ConfigError {
                file: self.path.to_owned(),
                line: None,
                problem: "no [[module]] table; write one for each route".to_owned(),
            });
        };
        let DeValue::Array(tables) = modules.get_ref() else {
            let problem = "write [[module]], with two brackets, for each route".to_owned();
            return Err(self.error(modules.span(), problem));
        };

        let mut lines = HashMap::new();
        let mut deployment = Deployment::default();
        for table in tables.iter() {
            let module = self.module(table)?;
            let line = module.place.as_ref().map_or(0, |place| place.line);
            if let Some(earlier) = lines.insert(module.route.clone(), line) {
                return Err(ConfigError {
                    file: self.path.to_owned(),
                    line: Some(line),
                    problem: format!(
                        "the route {:?} is configured in line {earlier} already; give each route \
                         once",
                        module.route.text()
                    ),
                });
            }
            deployment.modules.push(module);
        }
        Ok(deployment)
    }

    /// Reads one `[[module]]` table.
    fn module(&self, value: &Value<'_>) -> Result<ModuleConfig, ConfigError> {
        let DeValue::Table(table) = value.get_ref() else {
            let problem = "write [[module]] and below it a line for each key".to_owned();
            return Err(self.error(value.span(), problem));
        };
        for key in table.keys() {
            if !KEYS.contains(&key.get_ref().as_ref()) {
                return Err(self.error(key.span(), unsupported_key(key.get_ref())));
            }
        }
        let required = |key: &str, example: &str| {
            table.get(key).ok_or_else(|| {
                let problem = format!("[[module]] has no `{key}`; add a line like {example}");
                self.error(value.span(), problem)
            })
        };
        let route_value = required("route", "route = \"/path\"")?;
        let module_value = required("module", "module = \"guest.wasm\"")?;
        let text = |key: &str| {
            let text = table.get(key).map(|value| self.string(key, value));
            text.transpose()
        };
        Ok(ModuleConfig {
            place: Some(Place {
                file: self.path.to_owned(),
                line: self.line(route_value.span()),
            }),
            route: self.route(route_value)?,
            module: self.source(module_value)?,
            entrypoint: text("entrypoint")?,
            argv: text("argv")?,
            volumes: match table.get("volumes") {
                Some(value) => self.volumes(value)?,
                None => Vec::new(),
            },
        })
    }

    fn route(&self, value: &Value<'_>) -> Result<Route, ConfigError> {
        let text = self.string("route", value)?;
        text.parse()
            .map_err(|cause| self.error(value.span(), format!("{text:?} is not a route: {cause}")))
    }

    /// Reads the path or `file:` URL of a module and finds the file.
    fn source(&self, value: &Value<'_>) -> Result<ModuleSource, ConfigError> {
        let text = self.string("module", value)?;
        let path = module_path(&text).map_err(|problem| self.error(value.span(), problem))?;
        let path = self.resolve(&path);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(ModuleSource::File(path)),
            Ok(_) => {
                let problem = format!("the module {} is not a file", path.display());
                Err(self.error(value.span(), problem))
            }
            Err(cause) => {
                let problem = format!("cannot find the module {}: {cause}", path.display());
                Err(self.error(value.span(), problem))
            }
        }
    }

    /// Reads a table of guest paths and directories of the host, and finds the directories.
    fn volumes(&self, value: &Value<'_>) -> Result<Vec<Volume>, ConfigError> {
        let DeValue::Table(table) = value.get_ref() else {
            let problem = format!(
                "`volumes` is {}; write {{ \"/guest/path\" = \"host/directory\" }}",
                with_article(value.get_ref().type_str())
            );
            return Err(self.error(value.span(), problem));
        };
        let mut volumes = Vec::new();
        for (guest, host) in table {
            let guest_path = guest.get_ref().as_ref();
            if guest_path.is_empty() || guest_path.contains('\0') {
                let problem = format!("{guest_path:?} is not a path; write one like \"/data\"");
                return Err(self.error(guest.span(), problem));
            }
            let directory = self.resolve(Path::new(&self.string(guest_path, host)?));
            match fs::metadata(&directory) {
                Ok(metadata) if metadata.is_dir() => volumes.push(Volume {
                    guest: guest_path.to_owned(),
                    host: directory,
                }),
                Ok(_) => {
                    let problem = format!("the volume {} is not a directory", directory.display());
                    return Err(self.error(host.span(), problem));
                }
                Err(cause) => {
                    let directory = directory.display();
                    let problem = format!("cannot find the directory {directory}: {cause}");
                    return Err(self.error(host.span(), problem));
                }
            }
        }
        Ok(volumes)
    }

    /// A path relative to the directory of the file.
    fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(directory) => directory.join(path),
            None => path.to_owned(),
        }
    }

    fn string(&self, key: &str, value: &Value<'_>) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                let problem = format!("`{key}` holds NUL, which no guest could be given");
                Err(self.error(value.span(), problem))
            }
            DeValue::String(text) => Ok(text.clone().into_owned()),
            other => {
                let found = with_article(other.type_str());
                let problem = format!("`{key}` is {found}; write a string in quotes");
                Err(self.error(value.span(), problem))
            }
        }
    }

    fn error(&self, span: Range<usize>, problem: String) -> ConfigError {
        ConfigError {
            file: self.path.to_owned(),
            line: Some(self.line(span)),
            problem,
        }
    }

    /// The line in which a span begins, from 1.
    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// The path in a module's `file:` URL, or the plain path that stands in its place.
fn module_path(text: &str) -> Result<PathBuf, String> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(PathBuf::from(text));
    };
    match scheme {
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = path.strip_prefix("localhost").unwrap_or(path);
            match percent_decode_str(path).decode_utf8() {
                Ok(path) if path.starts_with('/') => Ok(PathBuf::from(path.as_ref())),
                _ => Err(format!(
                    "{text:?} is not the URL of a file; write \"file:///path/guest.wasm\", or a \
                     plain path"
                )),
            }
        }
        "http" | "https" | "oci" | "bindle" | "parcel" => Err(format!(
            "modules come from files only, not from {scheme:?}; write the path of a file"
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

/// What to say about a key that a `[[module]]` table cannot have here.
fn unsupported_key(key: &str) -> String {
    match key {
        "allowed_hosts" => "`allowed_hosts` is not supported, as guests of this server have no \
                            network; remove the line"
            .to_owned(),
        "http_max_concurrency" => "`http_max_concurrency` is not supported, as guests of this \
                                   server have no network; remove the line"
            .to_owned(),
        "bindle_server" | "repository" => {
            format!("`{key}` is not supported, as modules come from files only; remove the line")
        }
        "environment" => "`environment` is not supported in modules.toml; use the option --env or \
                          --env-file"
            .to_owned(),
        _ => unknown_key(
            key,
            &KEYS,
            "a [[module]] has the keys route, module, entrypoint, argv and volumes",
        ),
    }
}

/// What to say about a key that nobody knows.
fn unknown_key(key: &str, known: &[&str], otherwise: &str) -> String {
    let near = known
        .iter()
        .map(|name| (distance(key, name), name))
        .min()
        .filter(|&(distance, _)| distance <= 2);
    match near {
        Some((_, name)) => format!("unknown key `{key}`; did you mean `{name}`?"),
        None => format!("unknown key `{key}`; {otherwise}"),
    }
}

/// A type of TOML with its article.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}

/// The number of characters to add, remove or change to make one word of another.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((b, above), above_left) in to.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            let changed = above_left + usize::from(a != *b);
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads `text` as a `modules.toml` beside the file `g.wasm` and the directory `data`; the
    /// directory's path is written `DIR` in error messages.
    fn parse(text: &str) -> Result<Deployment, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("modules.toml");
        fs::write(
            &path,
            text.replace("DIR", &directory.path().display().to_string()),
        )
        .expect("a file");
        fs::write(directory.path().join("g.wasm"), "").expect("a file");
        fs::create_dir(directory.path().join("data")).expect("a directory");
        load(&path).map_err(|error| {
            error
                .to_string()
                .replace(&directory.path().display().to_string(), "DIR")
        })
    }

    #[test]
    fn everything() {
        let deployment = parse(
            "[[module]]\nroute = \"/p/...\"\nmodule = \"g.wasm\"\nentrypoint = \"ep\"\n\
             argv = \"${SCRIPT_NAME} ${ARGS}\"\nvolumes = { \"/data\" = \"data\" }\n\
             [[module]]\nmodule = \"file://DIR/g.wasm\"\nroute = \"/\"\n",
        )
        .expect("a table");
        let [first, second] = deployment.modules.as_slice() else {
            panic!("{deployment:?}")
        };
        assert_eq!(first.route.text(), "/p/...");
        assert_eq!(first.entrypoint.as_deref(), Some("ep"));
        assert_eq!(first.argv.as_deref(), Some("${SCRIPT_NAME} ${ARGS}"));
        let volumes: Vec<_> = first
            .volumes
            .iter()
            .map(|volume| (volume.guest.as_str(), volume.host.ends_with("data")))
            .collect();
        assert_eq!(volumes, [("/data", true)]);
        assert_eq!(first.place.as_ref().map(|place| place.line), Some(2));
        assert_eq!(first.module, second.module);
        assert_eq!(second.place.as_ref().map(|place| place.line), Some(9));
    }

    #[test]
    fn mistakes() {
        let with =
            |lines: &str| format!("[[module]]\nroute = \"/a\"\nmodule = \"g.wasm\"\n{lines}\n");
        let table = [
            (
                "",
                "DIR/modules.toml: no [[module]] table; write one for each route",
            ),
            (
                "[module]\nroute = \"/a\"",
                "DIR/modules.toml:1: write [[module]], with two brackets, for each route",
            ),
            (
                "[[modules]]\nroute = \"/a\"",
                "DIR/modules.toml:1: unknown key `modules`; did you mean `module`?",
            ),
            (
                "x = 1",
                "DIR/modules.toml:1: unknown key `x`; the file holds [[module]] tables only",
            ),
            (
                "[[module]]\nmodule = \"g.wasm\"\n",
                "DIR/modules.toml:1: [[module]] has no `route`; add a line like route = \"/path\"",
            ),
            (
                "[[module]]\nroute = \"/a\"\n",
                "DIR/modules.toml:1: [[module]] has no `module`; add a line like module = \
                 \"guest.wasm\"",
            ),
            (
                &with("entry_point = \"x\""),
                "DIR/modules.toml:4: unknown key `entry_point`; did you mean `entrypoint`?",
            ),
            (
                &with("memory = 1"),
                "DIR/modules.toml:4: unknown key `memory`; a [[module]] has the keys route, \
                 module, entrypoint, argv and volumes",
            ),
            (
                &with("allowed_hosts = [\"http://x\"]"),
                "DIR/modules.toml:4: `allowed_hosts` is not supported, as guests of this server \
                 have no network; remove the line",
            ),
            (
                &with("entrypoint = 1"),
                "DIR/modules.toml:4: `entrypoint` is an integer; write a string in quotes",
            ),
            (
                &with("volumes = \"x\""),
                "DIR/modules.toml:4: `volumes` is a string; write { \"/guest/path\" = \
                 \"host/directory\" }",
            ),
            (
                &with("volumes = { \"/x\" = \"none\" }"),
                "DIR/modules.toml:4: cannot find the directory DIR/none: No such file or \
                 directory (os error 2)",
            ),
            (
                &with("volumes = { \"/x\" = \"g.wasm\" }"),
                "DIR/modules.toml:4: the volume DIR/g.wasm is not a directory",
            ),
            (
                &with(&with("")),
                "DIR/modules.toml:5: the route \"/a\" is configured in line 2 already; give each \
                 route once",
            ),
            (
                "[[module]]\nroute = \"a\"\nmodule = \"g.wasm\"",
                "DIR/modules.toml:2: \"a\" is not a route: a route begins with `/`",
            ),
            (
                "[[module]]\nroute = \"/a\"\nmodule = \"none.wasm\"",
                "DIR/modules.toml:3: cannot find the module DIR/none.wasm: No such file or \
                 directory (os error 2)",
            ),
            (
                "[[module]]\nroute = \"/a\"\nmodule = \"data\"",
                "DIR/modules.toml:3: the module DIR/data is not a file",
            ),
            (
                "[[module]]\nroute = \"/a\"\nmodule = \"oci:x/y\"",
                "DIR/modules.toml:3: modules come from files only, not from \"oci\"; write the \
                 path of a file",
            ),
            (
                "[[module]]\nroute = \"/a\"\nmodule = \"file://x.wasm\"",
                "DIR/modules.toml:3: \"file://x.wasm\" is not the URL of a file; write \
                 \"file:///path/guest.wasm\", or a plain path",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).err().as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let message = parse("[[module]]\nroute = /a\n").err().unwrap_or_default();
        assert!(message.starts_with("DIR/modules.toml:2: "), "{message}");
    }

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("rute", "route", 1),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
