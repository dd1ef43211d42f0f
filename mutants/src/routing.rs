//! Mutants for the chapter `routing`.

use wagi_reference_server::Conforming;
use wagi_reference_server::errors::Failure;
use wagi_reference_server::request::Target;
use wagi_reference_server::routing::{Kind, Route};

use crate::Mutant;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        exact(),
        wildcard(),
        root(),
        no_match(),
        comparison(),
        precedence(),
    ]
    .concat()
}

fn exact() -> Vec<Mutant> {
    vec![
        step!(
            "routing/routes-folded-to-lower-case",
            "routing.exact.own-path",
            "Routes are folded to lower case when they are read, request paths are not.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Exact
                            && route.text().contains(char::is_uppercase))
                }
            }
        ),
        step!(
            "routing/route-in-a-fixed-buffer",
            "routing.exact.own-path",
            "Routes are kept in buffers of 32 bytes, as a server in C may do, and longer ones are cut.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Exact && path.len() > 32)
                }
            }
        ),
        step!(
            "routing/four-segments-at-most",
            "routing.exact.own-path",
            "The table is a tree of a fixed depth.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Exact && path.matches('/').count() > 4)
                }
            }
        ),
        step!(
            "routing/underscore-matches-nothing",
            "routing.exact.own-path",
            "Routes are checked with a pattern for host names, which know no underscore.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Exact && path.contains('_'))
                }
            }
        ),
        step!(
            "routing/exact-covers-below",
            "routing.exact.nothing-else",
            "Every route is mounted as a folder, the way `<Location>` of Apache httpd works.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && path.strip_prefix(route.text()).is_some_and(|rest| {
                                rest.len() > 1 && rest.starts_with('/') && route.text() != "/"
                            })
                }
            }
        ),
        step!(
            "routing/exact-is-a-prefix",
            "routing.exact.nothing-else",
            "Routes are compared with `starts_with`.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && path.strip_prefix(route.text()).is_some_and(|rest| {
                                rest.starts_with(|next| next != '/') && route.text() != "/"
                            })
                }
            }
        ),
        step!(
            "routing/exact-is-a-suffix",
            "routing.exact.nothing-else",
            "Routes are regular expressions that are anchored at the end only.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && path.ends_with(route.text())
                            && !route.text().trim_end_matches('/').is_empty()
                }
            }
        ),
        step!(
            "routing/last-segment-is-enough",
            "routing.exact.nothing-else",
            "The module is found by the last segment of the path, as a script in a folder is.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let last = route.text().strip_prefix("/r-exact");
                    Conforming.route_matches(route, path)
                        || last.is_some_and(|last| last.len() > 1 && last == path)
                }
            }
        ),
        step!(
            "routing/exact-serves-extensions",
            "routing.exact.nothing-else",
            "A path is looked up again without its extension, as content negotiation does.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && path
                                .split_once('.')
                                .is_some_and(|(name, _)| name == route.text())
                }
            }
        ),
        step!(
            "routing/trailing-slash-trimmed-from-path",
            "routing.exact.trailing-slash",
            "A framework strips the trailing slash from the path before it looks for a route.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && path.strip_suffix('/') == Some(route.text())
                }
            }
        ),
        step!(
            "routing/trailing-slash-trimmed-from-route",
            "routing.exact.trailing-slash",
            "Routes are equal up to a trailing slash, as in WAGI.NET, whose host trims both.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && route.text() != "/"
                            && route.text().strip_suffix('/') == Some(path)
                }
            }
        ),
    ]
}

fn wildcard() -> Vec<Mutant> {
    vec![
        step!(
            "routing/wildcard-needs-a-slash",
            "routing.wildcard.covers-prefix",
            "`/p/...` is read as the prefix `/p/`, so that `/p` itself is not found.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Wildcard && path == route.prefix())
                }
            }
        ),
        step!(
            "routing/wildcard-needs-a-segment",
            "routing.wildcard.covers-slash",
            "The wildcard is `/p/*name` of a router, which does not match an empty rest.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Wildcard
                            && route.prefix() != ""
                            && path.strip_prefix(route.prefix()) == Some("/"))
                }
            }
        ),
        step!(
            "routing/wildcard-is-one-segment",
            "routing.wildcard.covers-below",
            "The wildcard stands for one segment, as `*` does in shell patterns.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && route.remainder(path).matches('/').count() > 1)
                }
            }
        ),
        step!(
            "routing/wildcard-depth-limited",
            "routing.wildcard.covers-below",
            "The path is split into at most eight segments.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && route.remainder(path).matches('/').count() > 8)
                }
            }
        ),
        step!(
            "routing/wildcard-hides-dot-files",
            "routing.wildcard.covers-below",
            "Hidden names are refused, a habit from servers of files.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && route.remainder(path).contains("/."))
                }
            }
        ),
        step!(
            "routing/wildcard-refuses-two-dots",
            "routing.wildcard.covers-below",
            "A path that holds `..` anywhere is taken for an attack.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && route.remainder(path).contains("x..y"))
                }
            }
        ),
        step!(
            "routing/wildcard-leaves-files-out",
            "routing.wildcard.covers-below",
            "A name with an extension is taken for a static file, as a fallback route does in ASP.NET.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && route.remainder(path).ends_with(".html"))
                }
            }
        ),
        step!(
            "routing/wildcard-without-trailing-slash",
            "routing.wildcard.covers-below",
            "The path below the prefix must not end in a slash.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let rest = route.remainder(path);
                    Conforming.route_matches(route, path)
                        && !(route.prefix() != "" && rest.len() > 1 && rest.ends_with('/'))
                }
            }
        ),
        step!(
            "routing/wildcard-is-a-text-prefix",
            "routing.wildcard.name-boundary",
            "The prefix is compared as text, so that `/p/...` serves `/px`: issue 129 of wagi.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Wildcard && path.starts_with(route.prefix())
                }
            }
        ),
        step!(
            "routing/wildcard-word-boundary",
            "routing.wildcard.name-boundary",
            "The prefix is a regular expression that ends in `\\b`, which a hyphen or a dot satisfies.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.prefix() != ""
                            && route.kind() == Kind::Wildcard
                            && path
                                .strip_prefix(route.prefix())
                                .is_some_and(|rest| rest.starts_with(['-', '.', '~']))
                }
            }
        ),
        step!(
            "routing/wildcard-anywhere",
            "routing.wildcard.name-boundary",
            "The prefix is searched for in the whole path instead of at its start.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Wildcard
                            && route.prefix() != ""
                            && path.contains(&format!("{}/", route.prefix()))
                }
            }
        ),
        step!(
            "routing/wildcard-covers-parent",
            "routing.wildcard.name-boundary",
            "The shorter of the two texts decides how much is compared.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Wildcard
                            && path.len() > 1
                            && route.prefix().starts_with(path)
                }
            }
        ),
        step!(
            "routing/wildcard-segments-are-file-names",
            "routing.wildcard.covers-below",
            "The path is looked up among the files first, where a name beyond 255 octets is an error.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    path.split('/').all(|segment| segment.len() <= 255)
                        && Conforming.route_matches(route, path)
                }
            }
        ),
    ]
}

fn root() -> Vec<Mutant> {
    vec![
        step!(
            "routing/root-covers-all",
            "routing.root.exact-only",
            "`/` is a prefix of every path and is treated as one, as in most routers of C servers.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path) || route.text() == "/"
                }
            }
        ),
        step!(
            "routing/root-serves-index",
            "routing.root.exact-only",
            "The root serves `/index.html` too, a habit from servers of files.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.text() == "/" && path == "/index.html"
                }
            }
        ),
        step!(
            "routing/root-wildcard-without-root",
            "routing.root.wildcard-covers-all",
            "`/...` asks for at least one segment, so that the front page is not found.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.text() == "/..." && path == "/")
                }
            }
        ),
        step!(
            "routing/root-wildcard-one-segment",
            "routing.root.wildcard-covers-all",
            "The wildcard at the root stands for a single segment.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.text() == "/..." && path.matches('/').count() > 1)
                }
            }
        ),
        step!(
            "routing/root-wildcard-without-dots",
            "routing.root.wildcard-covers-all",
            "The catch-all leaves names with a dot to a server of files, as many frameworks do.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.text() == "/..." && path.contains('.'))
                }
            }
        ),
    ]
}

fn no_match() -> Vec<Mutant> {
    vec![
        step!(
            "routing/no-match-is-500",
            "routing.no-match.status-404",
            "A missing route is an error of the server like any other.",
            {
                fn no_route(&self, path: &str) -> Failure {
                    Failure {
                        status: 500,
                        ..Conforming.no_route(path)
                    }
                }
            }
        ),
        step!(
            "routing/no-match-is-400",
            "routing.no-match.status-404",
            "An unknown path counts as a bad request.",
            {
                fn no_route(&self, path: &str) -> Failure {
                    Failure {
                        status: 400,
                        ..Conforming.no_route(path)
                    }
                }
            }
        ),
        step!(
            "routing/no-match-is-200",
            "routing.no-match.status-404",
            "The page that says that nothing was found is sent with status 200.",
            {
                fn no_route(&self, path: &str) -> Failure {
                    Failure {
                        status: 200,
                        ..Conforming.no_route(path)
                    }
                }
            }
        ),
        step!(
            "routing/no-match-is-403",
            "routing.no-match.status-404",
            "A path without a module is a folder that may not be listed.",
            {
                fn no_route(&self, path: &str) -> Failure {
                    Failure {
                        status: if path.ends_with('/') { 403 } else { 404 },
                        ..Conforming.no_route(path)
                    }
                }
            }
        ),
        step!(
            "routing/hidden-names-are-forbidden",
            "routing.no-match.status-404",
            "Names that begin with a dot are refused with 403 before routes are looked at.",
            {
                fn no_route(&self, path: &str) -> Failure {
                    Failure {
                        status: if path.starts_with("/.") { 403 } else { 404 },
                        ..Conforming.no_route(path)
                    }
                }
            }
        ),
        step!(
            "routing/nearest-route-serves",
            "routing.no-match.no-guest",
            "A path that nothing serves goes to the route with the most similar name.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.text() == "/r-hello"
                            && path
                                .to_ascii_lowercase()
                                .starts_with(route.text().get(..7).unwrap_or_default())
                }
            }
        ),
    ]
}

fn comparison() -> Vec<Mutant> {
    vec![
        step!(
            "routing/case-ignored",
            "routing.case-sensitive",
            "Routes are compared without regard to case, as in ASP.NET.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let lower = |text: &str| text.to_ascii_lowercase();
                    let folded: Result<Route, _> = lower(route.text()).parse();
                    folded.is_ok_and(|folded| Conforming.route_matches(&folded, &lower(path)))
                }
            }
        ),
        step!(
            "routing/wildcard-case-ignored",
            "routing.case-sensitive",
            "The prefixes of wildcard routes are compared without regard to case.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let same = path
                        .get(..route.prefix().len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(route.prefix()));
                    let as_written = path.replacen(
                        path.get(..route.prefix().len()).unwrap_or_default(),
                        route.prefix(),
                        1,
                    );
                    Conforming.route_matches(route, path)
                        || route.prefix() != ""
                            && route.kind() == Kind::Wildcard
                            && same
                            && Conforming.route_matches(route, &as_written)
                }
            }
        ),
        step!(
            "routing/path-folded-to-lower-case",
            "routing.case-sensitive",
            "The path is folded to lower case and looked up once more if it was not found.",
            {
                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || Conforming.route_matches(route, &path.to_ascii_lowercase())
                }
            }
        ),
        step!(
            "routing/query-after-last-question-mark",
            "routing.query-ignored",
            "The target is split at its last question mark.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Conforming.split_target(target);
                    if let Some((more, query)) = parts
                        .query
                        .clone()
                        .as_deref()
                        .and_then(|q| q.rsplit_once('?'))
                    {
                        parts.path = format!("{}?{more}", parts.path);
                        parts.query = Some(query.to_owned());
                    }
                    parts
                }
            }
        ),
        step!(
            "routing/lone-question-mark-in-path",
            "routing.query-ignored",
            "The query is split off by a pattern that asks for at least one character after the `?`.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Conforming.split_target(target);
                    if parts.query.as_deref() == Some("") {
                        parts.path.push('?');
                        parts.query = None;
                    }
                    parts
                }
            }
        ),
        step!(
            "routing/dot-segments-in-query",
            "routing.query-ignored",
            "Dot-segments are resolved in the whole target, before the query is split off.",
            {
                fn split_target(&self, target: &str) -> Target {
                    match target.split_once("?/../") {
                        Some((_, rest)) => {
                            let mut parts = Conforming.split_target(target);
                            let rest = rest.trim_start_matches("../");
                            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                            parts.path = format!("/{path}");
                            parts.query = Some(query.to_owned());
                            parts
                        }
                        None => Conforming.split_target(target),
                    }
                }
            }
        ),
        step!(
            "routing/path-in-query-wins",
            "routing.query-ignored",
            "A query that is a path is taken for the path, as some front controllers do.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Conforming.split_target(target);
                    match parts.query.as_deref().and_then(|q| q.strip_prefix("/r-")) {
                        Some(rest) => {
                            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                            parts.path = format!("/r-{path}");
                            parts.query = Some(query.to_owned());
                            parts
                        }
                        None => parts,
                    }
                }
            }
        ),
    ]
}

fn precedence() -> Vec<Mutant> {
    vec![
        step!(
            "routing/wildcards-tried-first",
            "routing.precedence.exact-over-wildcard",
            "Wildcard routes are kept in a table of their own, which is looked at first.",
            {
                fn choose_route(&self, matching: &[(usize, &Route)]) -> Option<usize> {
                    let wildcard = matching
                        .iter()
                        .find(|(_, route)| route.kind() == Kind::Wildcard);
                    wildcard.or(matching.first()).map(|&(place, _)| place)
                }
            }
        ),
        step!(
            "routing/catch-all-tried-first",
            "routing.precedence.exact-over-wildcard",
            "The route `/...` is a handler for everything and is asked before the table.",
            {
                fn choose_route(&self, matching: &[(usize, &Route)]) -> Option<usize> {
                    let all = matching.iter().find(|(_, route)| route.text() == "/...");
                    all.or(matching.first()).map(|&(place, _)| place)
                }
            }
        ),
        step!(
            "routing/last-wildcard-wins",
            "routing.precedence.longer-prefix",
            "Of the wildcard routes that match the last one counts, as sections of httpd.conf do.",
            {
                fn choose_route(&self, matching: &[(usize, &Route)]) -> Option<usize> {
                    match matching.first() {
                        Some((_, route)) if route.kind() == Kind::Wildcard => {
                            matching.last().map(|&(place, _)| place)
                        }
                        first => first.map(|&(place, _)| place),
                    }
                }
            }
        ),
        step!(
            "routing/second-longest-prefix-wins",
            "routing.precedence.longer-prefix",
            "Prefixes are sorted by an order that is right for two routes and wrong for three.",
            {
                fn choose_route(&self, matching: &[(usize, &Route)]) -> Option<usize> {
                    match matching {
                        [(_, first), (place, second), _, ..]
                            if first.kind() == Kind::Wildcard && second.prefix() != "" =>
                        {
                            Some(*place)
                        }
                        _ => Conforming.choose_route(matching),
                    }
                }
            }
        ),
    ]
}
