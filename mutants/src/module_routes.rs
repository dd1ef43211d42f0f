//! Mutants for the chapter `module-routes`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use wagi_reference_server::errors::{Failure, Outcome};
use wagi_reference_server::meta_variables::Call;
use wagi_reference_server::module_routes::SubRoute;
use wagi_reference_server::routing::{Kind, Route};
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [table(), matching(), told(), errors()].concat()
}

/// The sub-routes known so far, with their parents.
#[derive(Default)]
struct Parents(Mutex<HashMap<String, Route>>);

impl Parents {
    /// Joins a sub-route as it should be, and remembers it.
    fn join(&self, parent: &Route, path: &str) -> String {
        let text = Conforming.join_sub_route(parent, path);
        let mut parents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parents.insert(text.clone(), parent.clone());
        text
    }

    /// The parent of a route, if it is a sub-route.
    fn of(&self, route: &Route) -> Option<Route> {
        let parents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parents.get(route.text()).cloned()
    }

    /// Whether a route is the parent of others.
    fn has(&self, route: &Route) -> bool {
        let parents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parents.values().any(|parent| parent == route)
    }
}

/// Reads a table as it should be, from changed text.
fn parse(output: &[u8], change: impl Fn(&str) -> String) -> Result<Vec<SubRoute>, String> {
    Conforming.parse_sub_routes(change(&String::from_utf8_lossy(output)).as_bytes())
}

fn table() -> Vec<Mutant> {
    vec![
        step!(
            "module-routes/targets-ignored",
            "module-routes.line.maps-path",
            "The paths are read, and all of them are served by `_start`.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    for sub in &mut table {
                        if sub.entrypoint != "no_such_function" {
                            "_start".clone_into(&mut sub.entrypoint);
                        }
                    }
                    Ok(table)
                }
            }
        ),
        step!(
            "module-routes/first-line-only",
            "module-routes.line.maps-path",
            "The output is read up to its first line end.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    table.truncate(1);
                    Ok(table)
                }
            }
        ),
        step!(
            "module-routes/paths-of-one-segment",
            "module-routes.line.maps-path",
            "A path of several segments is cut to its first.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    parse(output, |text| text.replace("/deep/path", "/deep"))
                }
            }
        ),
        step!(
            "module-routes/tabs-kept",
            "module-routes.line.maps-path",
            "A line is split with `split(' ')`, and one with a tab is passed over.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    parse(output, |text| {
                        let lines = text.lines().filter(|line| !line.contains('\t'));
                        lines.map(|line| format!("{line}\n")).collect()
                    })
                }
            }
        ),
        step!(
            "module-routes/empty-line-ends-table",
            "module-routes.line.maps-path",
            "An empty line ends the table.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    parse(output, |text| {
                        let lines = text.trim_start().lines();
                        let lines = lines.take_while(|line| !line.trim().is_empty());
                        lines.map(|line| format!("{line}\n")).collect()
                    })
                }
            }
        ),
        step!(
            "module-routes/runs-of-spaces",
            "module-routes.line.maps-path",
            "A line is split at single spaces, and one with several is passed over.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    parse(output, |text| {
                        let lines = text.lines().filter(|line| !line.contains("  "));
                        lines.map(|line| format!("{line}\n")).collect()
                    })
                }
            }
        ),
        step!(
            "module-routes/every-path-a-prefix",
            "module-routes.line.maps-path",
            "A printed path serves everything that begins with it.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Exact
                            && self.0.of(route).is_some()
                            && path.starts_with(route.text())
                }
            }
        ),
        step!(
            "module-routes/case-ignored",
            "module-routes.line.maps-path",
            "Printed paths are compared without regard to case.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || self.0.of(route).is_some() && path.eq_ignore_ascii_case(route.text())
                }
            }
        ),
        step!(
            "module-routes/start-not-a-target",
            "module-routes.start-as-target",
            "Lines for `_start` are passed over, since that serves the parent already.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    table.retain(|sub| sub.entrypoint != "_start");
                    Ok(table)
                }
            }
        ),
    ]
}

fn matching() -> Vec<Mutant> {
    vec![
        step!(
            "module-routes/wildcard-needs-a-slash",
            "module-routes.line.wildcard",
            "The ending of a sub-route is a prefix with a slash, which its own path lacks.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.kind() == Kind::Wildcard
                            && self.0.of(route).is_some()
                            && path == route.prefix())
                }
            }
        ),
        step!(
            "module-routes/wildcard-is-one-path",
            "module-routes.line.wildcard",
            "The dots of a sub-route are cut off and the rest is an exact route.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    match self.0.of(route) {
                        Some(_) => path == route.prefix(),
                        None => Conforming.route_matches(route, path),
                    }
                }
            }
        ),
        step!(
            "module-routes/wildcard-is-a-text-prefix",
            "module-routes.line.wildcard",
            "The prefix of a sub-route is compared as text.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        || route.kind() == Kind::Wildcard
                            && self.0.of(route).is_some()
                            && path.starts_with(route.prefix())
                }
            }
        ),
        step!(
            "module-routes/wildcard-is-one-segment",
            "module-routes.line.wildcard",
            "The ending of a sub-route stands for one segment.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(self.0.of(route).is_some()
                            && route.remainder(path).matches('/').count() > 1)
                }
            }
        ),
        step!(
            "module-routes/parent-last-segment-lost",
            "module-routes.parent.prefixed",
            "The path is resolved against the parent as a relative URL, which drops its last segment.",
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    match parent.prefix().rsplit_once('/') {
                        Some((start, _)) if start.len() > 1 => format!("{start}{path}"),
                        _ => Conforming.join_sub_route(parent, path),
                    }
                }
            }
        ),
        step!(
            "module-routes/parent-root-doubled",
            "module-routes.parent.prefixed",
            "The slash of a parent `/` stays, so that sub-routes begin with two.",
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    match parent.text() {
                        "/" => format!("/{path}"),
                        _ => Conforming.join_sub_route(parent, path),
                    }
                }
            }
        ),
        step!(
            "module-routes/parent-ending-kept",
            "module-routes.parent.prefixed",
            "The path is appended to the parent's text, dots and all.",
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    match parent.kind() {
                        // The dots cannot stand there in a route of this server.
                        Kind::Wildcard => format!("{}/..{path}", parent.prefix()),
                        Kind::Exact => Conforming.join_sub_route(parent, path),
                    }
                }
            }
        ),
        step!(
            "module-routes/parent-forgotten",
            "module-routes.parent.prefixed",
            "The printed path is a route of its own beside the joined one.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let alone = || {
                        let parent = self.0.of(route)?;
                        let text = route.text().strip_prefix(parent.prefix())?;
                        text.parse::<Route>().ok()
                    };
                    Conforming.route_matches(route, path)
                        || alone().is_some_and(|alone| Conforming.route_matches(&alone, path))
                }
            }
        ),
        step!(
            "module-routes/parent-without-slash",
            "module-routes.parent.prefixed",
            "Parent and path are joined without a slash.",
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    match parent.prefix() {
                        "" | "/" => Conforming.join_sub_route(parent, path),
                        prefix => format!("{prefix}{}", path.strip_prefix('/').unwrap_or(path)),
                    }
                }
            }
        ),
        step!(
            "module-routes/first-wins",
            "module-routes.last-wins",
            "Sub-routes are tried in the order in which they are printed.",
            {
                fn order_sub_routes(&self, printed: Vec<usize>) -> Vec<usize> {
                    printed
                }
            }
        ),
        step!(
            "module-routes/most-specific-wins",
            "module-routes.last-wins",
            "Sub-routes are sorted by how specific they are, as WAGI.NET does.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    table.sort_by_key(|sub| (!sub.path.ends_with("/..."), sub.path.len()));
                    Ok(table)
                }
            }
        ),
        step!(
            "module-routes/parent-not-served",
            "module-routes.parent.served",
            "The table of a module replaces its own route.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path) && !self.0.has(route)
                }
            }
        ),
        step!(
            "module-routes/parent-served-by-first-target",
            "module-routes.parent.served",
            "The first function of the table is taken for the default one.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    if let Some(first) = table.first().cloned().filter(|sub| sub.path == "/one") {
                        let path = "/...".to_owned();
                        table.insert(0, SubRoute { path, ..first });
                    }
                    Ok(table)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    Conforming.route_matches(route, path)
                        && !(route.text() == "/mr-exact/..." && path != "/mr-exact")
                }
            }
        ),
        step!(
            "module-routes/parent-wins",
            "module-routes.beats-parent",
            "The configured routes come first in the table, and the sub-routes after them.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn route_matches(&self, route: &Route, path: &str) -> bool {
                    let parent = self.0.of(route);
                    let beaten =
                        parent.is_some_and(|parent| Conforming.route_matches(&parent, path));
                    Conforming.route_matches(route, path) && !beaten
                }
            }
        ),
    ]
}

fn told() -> Vec<Mutant> {
    vec![
        step!(
            "module-routes/script-name-of-the-parent",
            "module-routes.script-name",
            "SCRIPT_NAME is the configured route's, whichever sub-route serves.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn script_name(&self, call: &Call<'_>) -> String {
                    match self.0.of(call.route) {
                        Some(parent) => parent.prefix().to_owned(),
                        None => Conforming.script_name(call),
                    }
                }
            }
        ),
        step!(
            "module-routes/script-name-as-printed",
            "module-routes.script-name",
            "SCRIPT_NAME is the printed path, without its parent.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn script_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.script_name(call);
                    match self.0.of(call.route) {
                        Some(parent) => name.replacen(parent.prefix(), "", 1),
                        None => name,
                    }
                }
            }
        ),
        step!(
            "module-routes/path-info-after-the-parent",
            "module-routes.script-name",
            "PATH_INFO is what follows the configured route, the printed path included.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    let path_info = Conforming.path_info(call)?;
                    Ok(match self.0.of(call.route) {
                        Some(parent) => {
                            let prefix = call.route.prefix();
                            let printed = prefix.strip_prefix(parent.prefix()).unwrap_or(prefix);
                            format!("{printed}{path_info}")
                        }
                        None => path_info,
                    })
                }
            }
        ),
        step!(
            "module-routes/matched-route-of-the-parent",
            "module-routes.x-matched-route",
            "X_MATCHED_ROUTE is the configured route, whichever sub-route serves.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn matched_route(&self, call: &Call<'_>) -> String {
                    match self.0.of(call.route) {
                        Some(parent) => parent.text().to_owned(),
                        None => Conforming.matched_route(call),
                    }
                }
            }
        ),
        step!(
            "module-routes/matched-route-as-printed",
            "module-routes.x-matched-route",
            "X_MATCHED_ROUTE is the printed path, without its parent.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn matched_route(&self, call: &Call<'_>) -> String {
                    let text = Conforming.matched_route(call);
                    match self.0.of(call.route) {
                        Some(parent) => text.replacen(parent.prefix(), "", 1),
                        None => text,
                    }
                }
            }
        ),
        step!(
            "module-routes/matched-route-without-ending",
            "module-routes.x-matched-route",
            "The dots are cut off a sub-route before it is put into the table.",
            Parents,
            {
                fn join_sub_route(&self, parent: &Route, path: &str) -> String {
                    self.0.join(parent, path)
                }

                fn matched_route(&self, call: &Call<'_>) -> String {
                    match self.0.of(call.route) {
                        Some(_) => call.route.prefix().to_owned(),
                        None => Conforming.matched_route(call),
                    }
                }
            }
        ),
    ]
}

fn errors() -> Vec<Mutant> {
    vec![
        step!(
            "module-routes/missing-target-is-start",
            "module-routes.missing-target",
            "Where the printed function is not found, `_start` is called.",
            AtomicBool,
            {
                fn entrypoint(&self, configured: Option<&str>) -> String {
                    self.0.store(false, Ordering::Relaxed);
                    Conforming.entrypoint(configured)
                }

                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    self.0.store(true, Ordering::Relaxed);
                    Conforming.parse_sub_routes(output)
                }

                fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
                    let found = Conforming.find_entrypoint(wanted, exported);
                    match self.0.load(Ordering::Relaxed) {
                        true => found.or_else(|| Some("_start".to_owned())),
                        false => found,
                    }
                }
            }
        ),
        step!(
            "module-routes/missing-target-left-out",
            "module-routes.missing-target",
            "A line whose function is not there is passed over, and its path is not found.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    let mut table = Conforming.parse_sub_routes(output)?;
                    table.retain(|sub| sub.entrypoint != "no_such_function");
                    Ok(table)
                }
            }
        ),
        step!(
            "module-routes/empty-table-accepted",
            "module-routes.refused.empty",
            "A table without lines is a table like any other.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    match output {
                        [] => Ok(Vec::new()),
                        output => Conforming.parse_sub_routes(output),
                    }
                }
            }
        ),
        step!(
            "module-routes/one-word-passed-over",
            "module-routes.refused.malformed",
            "A line of one word is passed over without a remark.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    match output {
                        [] => Conforming.parse_sub_routes(output),
                        output => parse(output, |text| {
                            let words = |line: &str| line.split_ascii_whitespace().count();
                            let lines = text.lines().filter(|line| words(line) > 1);
                            lines.map(|line| format!("{line}\n")).collect()
                        })
                        .or_else(|problem| match output.contains(&b' ') {
                            true => Err(problem),
                            false => Ok(Vec::new()),
                        }),
                    }
                }
            }
        ),
        step!(
            "module-routes/third-word-passed-over",
            "module-routes.refused.malformed",
            "What follows the second word of a line is passed over without a remark.",
            {
                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    parse(output, |text| {
                        let cut = |line: &str| {
                            let words: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
                            format!("{}\n", words.join(" "))
                        };
                        text.lines().map(cut).collect()
                    })
                }
            }
        ),
        step!(
            "module-routes/table-of-a-trap-taken",
            "module-routes.refused.trap",
            "What `_routes` printed is read, however it ended.",
            {
                fn judge_routes(&self, _outcome: &Outcome) -> Result<(), Failure> {
                    Ok(())
                }
            }
        ),
        step!(
            "module-routes/trap-passed-over",
            "module-routes.refused.trap",
            "A module whose `_routes` traps is served without sub-routes.",
            AtomicBool,
            {
                fn judge_routes(&self, outcome: &Outcome) -> Result<(), Failure> {
                    let failed = Conforming.judge_routes(outcome).is_err();
                    self.0.store(failed, Ordering::Relaxed);
                    Ok(())
                }

                fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
                    match self.0.load(Ordering::Relaxed) {
                        true => Ok(Vec::new()),
                        false => Conforming.parse_sub_routes(output),
                    }
                }
            }
        ),
    ]
}
