//! Routing: which module serves a request path (chapter `routing`).

use std::fmt;
use std::str::FromStr;

use crate::errors::Failure;

/// A configured route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    text: String,
    kind: Kind,
}

/// The two kinds of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Serves one path.
    Exact,
    /// Serves its prefix and everything below.
    Wildcard,
}

/// The ending of a wildcard route.
const WILDCARD: &str = "/...";

impl Route {
    /// The route as it was configured.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kind of the route.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The path that the route serves, or for a wildcard route the prefix of all paths that it
    /// serves: `/p` for `/p` and for `/p/...`, empty for `/...`.
    pub fn prefix(&self) -> &str {
        match self.kind {
            Kind::Exact => &self.text,
            Kind::Wildcard => self.text.strip_suffix(WILDCARD).unwrap_or(&self.text),
        }
    }

    /// The part of `path` after the route: empty for an exact route, otherwise empty or a path
    /// that begins with a slash.
    pub fn remainder<'a>(&self, path: &'a str) -> &'a str {
        match self.kind {
            Kind::Exact => "",
            Kind::Wildcard => path.strip_prefix(self.prefix()).unwrap_or(""),
        }
    }
}

/// Why a text is not a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// It does not begin with a slash.
    NoLeadingSlash,
    /// `...` stands somewhere else than as the last segment.
    MisplacedWildcard,
    /// It holds a character that no request path holds, or not in that spelling.
    BadCharacter(char),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeadingSlash => f.write_str("a route begins with `/`"),
            Self::MisplacedWildcard => {
                f.write_str("`...` is only understood as the last segment, as in `/p/...`")
            }
            Self::BadCharacter(character) => write!(
                f,
                "{character:?} cannot stand in a route; letters, digits, `/` and any of \
                 -._~!$&'()*+,;=:@ can"
            ),
        }
    }
}

impl std::error::Error for RouteError {}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if !text.starts_with('/') {
            return Err(RouteError::NoLeadingSlash);
        }
        let allowed = |character: char| {
            character.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(character)
        };
        if let Some(character) = text.chars().find(|&character| !allowed(character)) {
            return Err(RouteError::BadCharacter(character));
        }
        let kind = if text.ends_with(WILDCARD) {
            Kind::Wildcard
        } else {
            Kind::Exact
        };
        let route = Self {
            text: text.to_owned(),
            kind,
        };
        if route.prefix().split('/').any(|segment| segment == "...") {
            return Err(RouteError::MisplacedWildcard);
        }
        Ok(route)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `route` serves `path`, the request path as it was sent.
///
/// Paths are compared byte for byte: nothing is decoded, dot-segments are ordinary names and
/// repeated slashes are kept. Rules: `routing.exact.own-path`, `routing.exact.nothing-else`,
/// `routing.exact.trailing-slash`, `routing.wildcard.covers-prefix`,
/// `routing.wildcard.covers-slash`, `routing.wildcard.covers-below`,
/// `routing.wildcard.name-boundary`, `routing.root.exact-only`,
/// `routing.root.wildcard-covers-all`, `routing.case-sensitive`.
pub fn matches(route: &Route, path: &str) -> bool {
    match route.kind() {
        Kind::Exact => path == route.prefix(),
        Kind::Wildcard => path
            .strip_prefix(route.prefix())
            // An empty prefix and an empty rest would be a path without its slash.
            .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !path.is_empty())),
    }
}

/// Chooses among the routes that match a path: the place of the first in the table.
///
/// With the more specific route written first this keeps `routing.precedence.exact-over-wildcard`
/// and `routing.precedence.longer-prefix`.
pub fn choose(matching: &[(usize, &Route)]) -> Option<usize> {
    matching.first().map(|&(place, _)| place)
}

/// The failure of a request whose path no route serves. Rules `routing.no-match.status-404`,
/// `routing.no-match.no-guest`.
pub fn no_route(path: &str) -> Failure {
    Failure {
        status: 404,
        reason: format!("no route serves {path:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        text.parse().expect("a route")
    }

    #[test]
    fn matching() {
        let table = [
            ("/p", "/p", true),
            ("/p", "/p/", false),
            ("/p/", "/p/", true),
            ("/p/", "/p", false),
            ("/p", "/p/x", false),
            ("/p", "/px", false),
            ("/p", "/P", false),
            ("/p", "/", false),
            ("/p", "//p", false),
            ("/abc", "/%61bc", false),
            ("/p/...", "/p", true),
            ("/p/...", "/p/", true),
            ("/p/...", "/p//", true),
            ("/p/...", "/p/x/y", true),
            ("/p/...", "/px", false),
            ("/p/...", "/p-x", false),
            ("/p/...", "/pp/x", false),
            ("/p/...", "/", false),
            ("/", "/", true),
            ("/", "/x", false),
            ("/", "//", false),
            ("/...", "/", true),
            ("/...", "/x/y", true),
            ("/...", "//", true),
            ("/...", "*", false),
            ("/...", "", false),
            ("/a/b/...", "/a/b/c", true),
            ("/a/b/...", "/a/c", false),
        ];
        for (text, path, expected) in table {
            assert_eq!(matches(&route(text), path), expected, "{text} {path}");
        }
    }

    #[test]
    fn parts() {
        let table = [
            ("/p", "/p", "/p", ""),
            ("/p/...", "/p", "/p", ""),
            ("/p/...", "/p/", "/p", "/"),
            ("/p/...", "/p/x%20/y", "/p", "/x%20/y"),
            ("/...", "/x", "", "/x"),
            ("/...", "/", "", "/"),
            ("/", "/", "/", ""),
        ];
        for (text, path, prefix, remainder) in table {
            assert_eq!(route(text).prefix(), prefix, "{text}");
            assert_eq!(route(text).remainder(path), remainder, "{text} {path}");
        }
    }

    #[test]
    fn not_routes() {
        let table = [
            ("", RouteError::NoLeadingSlash),
            ("p", RouteError::NoLeadingSlash),
            ("/.../x", RouteError::MisplacedWildcard),
            ("/x/.../...", RouteError::MisplacedWildcard),
            ("/a b", RouteError::BadCharacter(' ')),
            ("/a?b", RouteError::BadCharacter('?')),
            ("/%61", RouteError::BadCharacter('%')),
            ("/é", RouteError::BadCharacter('é')),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Route>(), Err(expected), "{text:?}");
        }
        assert_eq!(route("/x...").kind(), Kind::Exact);
    }
}
