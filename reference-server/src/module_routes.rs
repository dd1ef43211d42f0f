//! Routes that a module declares itself (chapter `module-routes`).

use crate::routing::Route;

/// One line of the table that a module's `_routes` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRoute {
    /// The path below the parent route: begins with a slash and may end in `/...`.
    pub path: String,
    /// The exported function that serves it.
    pub entrypoint: String,
}

/// Reads what `_routes` printed, in the order printed: on each line a path, white space and a
/// name. Lines without a word mean nothing.
///
/// The error says which line is wrong and what it should be. Rules
/// `module-routes.line.maps-path`, `module-routes.refused.empty`,
/// `module-routes.refused.malformed`.
pub fn parse(output: &[u8]) -> Result<Vec<SubRoute>, String> {
    let text =
        std::str::from_utf8(output).map_err(|_| "printed text that is not UTF-8".to_owned())?;
    let sub_routes = text
        .lines()
        .filter(|line| !line.trim_ascii().is_empty())
        .map(parse_line)
        .collect::<Result<Vec<_>, _>>()?;
    if sub_routes.is_empty() {
        return Err(
            "printed no routes; it should print lines like `/path/... function`".to_owned(),
        );
    }
    Ok(sub_routes)
}

/// Reads one line of the table.
fn parse_line(line: &str) -> Result<SubRoute, String> {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(path), Some(entrypoint), None) if path.starts_with('/') => Ok(SubRoute {
            path: path.to_owned(),
            entrypoint: entrypoint.to_owned(),
        }),
        _ => Err(format!(
            "printed the line {line:?}; it should be a path that begins with `/`, a space, and \
             the name of an exported function"
        )),
    }
}

/// The text of the route that serves a sub-route: the parent without its wildcard ending, one
/// slash, and the path without its leading slash. Rule `module-routes.parent.prefixed`.
pub fn join(parent: &Route, path: &str) -> String {
    let parent = parent.prefix();
    let parent = parent.strip_suffix('/').unwrap_or(parent);
    let path = path.strip_prefix('/').unwrap_or(path);
    format!("{parent}/{path}")
}

/// The order in which sub-routes are tried, given in the order printed: the last printed first.
/// Rule `module-routes.last-wins`.
pub fn order<T>(mut printed: Vec<T>) -> Vec<T> {
    printed.reverse();
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let parsed = parse(b"/ _start\n\n/hello  hello\r\n/x/...\ty\n").expect("a table");
        let parsed: Vec<_> = parsed
            .iter()
            .map(|sub| (sub.path.as_str(), sub.entrypoint.as_str()))
            .collect();
        assert_eq!(
            parsed,
            [("/", "_start"), ("/hello", "hello"), ("/x/...", "y")]
        );
    }

    #[test]
    fn malformed_tables() {
        let expected = "printed the line \"/hello\"; it should be a path that begins with `/`, \
                        a space, and the name of an exported function";
        assert_eq!(parse(b"/hello\n"), Err(expected.to_owned()));
        for output in [&b""[..], b"\n \n", b"/a b c\n", b"a b\n", b"/a \xff\n"] {
            assert!(parse(output).is_err(), "{}", output.escape_ascii());
        }
    }

    #[test]
    fn joining() {
        let table = [
            ("/example", "/hello", "/example/hello"),
            ("/example/...", "/hello", "/example/hello"),
            ("/example/", "/hello", "/example/hello"),
            ("/", "/hello", "/hello"),
            ("/...", "/hello/...", "/hello/..."),
            ("/example", "/", "/example/"),
            ("/example", "/...", "/example/..."),
        ];
        for (parent, path, expected) in table {
            let parent: Route = parent.parse().expect("a route");
            assert_eq!(join(&parent, path), expected);
        }
    }
}
