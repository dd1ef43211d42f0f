//! Deployments: what a server must be configured with, derived from the cases that share it.

use indexmap::IndexMap;
use serde::Serialize;

use super::file_of;
use crate::case::placeholder::{NAMES, Placeholders};
use crate::case::request::Message;
use crate::case::{Case, MAIN_DEPLOYMENT, Route, ServerSettings, Start};
use crate::id::CaseId;
use crate::problem::Problem;

/// One configuration of a server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deployment {
    /// The name: the one its cases give, or `case/…` for a case that has its own.
    pub name: String,
    /// Whether a server must start with it.
    pub start: Start,
    /// The routes, exact ones first and longer before shorter, so that "the first match wins" and
    /// "the most specific wins" agree.
    pub routes: Vec<Route>,
    /// What else is configured.
    pub server: ServerSettings,
}

/// The name of the deployment in which `case` runs.
pub fn name_of(case: &Case) -> String {
    match case.start {
        Start::Served => case.deployment.clone(),
        // It may keep a server from starting, so no other case can share it.
        Start::Refused | Start::MayRefuse => format!("case/{}", case.id),
    }
}

/// The deployments of `cases`, `main` first, and what keeps cases from sharing one.
pub fn derive(cases: &[Case]) -> (Vec<Deployment>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut members: IndexMap<String, Vec<&Case>> = IndexMap::new();
    for case in cases {
        members.entry(name_of(case)).or_default().push(case);
    }
    members.sort_by(|left, _, right, _| {
        let key = |name: &String| (name != MAIN_DEPLOYMENT, name.contains('/'), name.clone());
        key(left).cmp(&key(right))
    });
    let deployments = members
        .into_iter()
        .map(|(name, cases)| merge(name, &cases, &mut problems))
        .collect();
    (deployments, problems)
}

fn merge(name: String, cases: &[&Case], problems: &mut Vec<Problem>) -> Deployment {
    let mut routes: IndexMap<&str, (&Route, &Case)> = IndexMap::new();
    let mut environment: IndexMap<&str, (&str, &Case)> = IndexMap::new();
    let mut environment_file: Vec<String> = Vec::new();
    let mut contradiction = |case: &Case, first: &Case, what: String| {
        problems.push(Problem::in_file(
            &file_of(case),
            format!(
                "case `{}`: {what} in {} (deployment `{name}`): give one of them another route or \
                 another `deployment`",
                case.id,
                file_of(first),
            ),
        ));
    };
    for case in cases {
        for route in &case.routes {
            match routes.get(route.route.as_str()) {
                Some((known, first)) if *known != route => contradiction(
                    case,
                    first,
                    format!("route `{}` is defined otherwise", route.route),
                ),
                Some(_) => {}
                None => {
                    routes.insert(&route.route, (route, case));
                }
            }
        }
        for (variable, value) in &case.server.environment {
            match environment.get(variable.as_str()) {
                Some((known, first)) if known != value => contradiction(
                    case,
                    first,
                    format!("the variable `{variable}` is configured otherwise"),
                ),
                Some(_) => {}
                None => {
                    environment.insert(variable, (value, case));
                }
            }
        }
        for line in &case.server.environment_file {
            if !environment_file.contains(line) {
                environment_file.push(line.clone());
            }
        }
        if let Some(first) = cases.first()
            && first.server.tls != case.server.tls
        {
            contradiction(case, first, "`tls` is set otherwise".to_owned());
        }
    }
    for case in cases {
        for path in paths(case) {
            let stranger = routes.values().find(|(route, _)| {
                matches(&route.route, &path)
                    && !case.routes.iter().any(|own| own.route == route.route)
            });
            if let Some((route, first)) = stranger {
                contradiction(
                    case,
                    first,
                    format!(
                        "its path `{path}` is served by the route `{}`, which it does not name but which stands",
                        route.route
                    ),
                );
            }
        }
    }

    let server = ServerSettings {
        environment: environment
            .iter()
            .map(|(variable, (value, _))| ((*variable).to_owned(), (*value).to_owned()))
            .collect(),
        environment_file,
        tls: cases.iter().any(|case| case.server.tls),
    };
    let mut routes: Vec<Route> = routes
        .into_values()
        .map(|(route, _)| route.clone())
        .collect();
    routes.sort_by_key(|route| {
        let wildcard = route.route.ends_with("/...");
        (
            wildcard,
            std::cmp::Reverse(route.route.len()),
            route.route.clone(),
        )
    });
    Deployment {
        name,
        start: cases.first().map_or(Start::Served, |case| case.start),
        routes,
        server,
    }
}

/// The paths that the composed requests of `case` ask for, as far as they are text.
fn paths(case: &Case) -> Vec<String> {
    let values = Placeholders::new(NAMES.map(|_| "x".to_owned()));
    let targets = case
        .requests
        .iter()
        .filter_map(|request| match &request.message {
            Message::Composed(composed) => composed.target.resolve(&values).ok(),
            Message::Raw(_) => None,
        });
    targets
        .filter_map(|target| String::from_utf8(target).ok())
        .map(|target| target.split('?').next().unwrap_or_default().to_owned())
        .collect()
}

/// Whether a route serves a path (`routing.exact.own-path`, `routing.wildcard.covers-prefix`).
fn matches(route: &str, path: &str) -> bool {
    match route.strip_suffix("/...") {
        Some(prefix) => path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => route == path,
    }
}

/// The cases that run in the deployment `name`.
pub fn cases_of<'a>(cases: &'a [Case], name: &'a str) -> impl Iterator<Item = &'a CaseId> {
    cases
        .iter()
        .filter(move |case| name_of(case) == name)
        .map(|case| &case.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(name: &str, deployment: &str, route: &str, guest: &str, target: &str) -> Case {
        serde_json::from_value(json!({
            "id": format!("routing/{name}"),
            "description": "A case.",
            "rules": ["routing.one"],
            "deployment": deployment,
            "routes": [{ "route": route, "guest": guest }],
            "requests": [{ "target": target, "expect": { "status": 200, "body": "" } }],
        }))
        .expect("a case")
    }

    #[test]
    fn cases_share_routes_and_longer_ones_come_first() {
        let cases = [
            case("a", "main", "/a/...", "observe", "/a/x"),
            case("b", "main", "/a/...", "observe", "/a"),
            case("c", "main", "/long/...", "copy", "/long"),
            case("d", "main", "/c", "copy", "/c?q"),
            case("e", "other", "/...", "copy", "/a"),
        ];
        let (deployments, problems) = derive(&cases);
        assert_eq!(problems, []);
        let routes: Vec<Vec<&str>> = deployments
            .iter()
            .map(|deployment| {
                deployment
                    .routes
                    .iter()
                    .map(|route| route.route.as_str())
                    .collect()
            })
            .collect();
        assert_eq!(routes, [vec!["/c", "/long/...", "/a/..."], vec!["/..."]]);
    }

    #[test]
    fn contradictions_name_both_files() {
        let cases = [
            case("a", "main", "/a", "observe", "/a"),
            case("b", "main", "/a", "copy", "/a"),
        ];
        let (_, problems) = derive(&cases);
        let problem = problems.first().expect("a problem").to_string();
        assert!(
            problem.starts_with(
                "cases/routing/b.json: case `routing/b`: route `/a` is defined otherwise in cases/routing/a.json"
            ),
            "{problem}"
        );
    }

    #[test]
    fn a_path_served_by_a_route_of_another_case_is_a_contradiction() {
        let cases = [
            case("a", "main", "/a/...", "observe", "/a"),
            case("b", "main", "/b", "copy", "/a/b"),
        ];
        let (_, problems) = derive(&cases);
        assert!(problems.iter().any(|p| {
            p.to_string()
                .contains("`/a/b` is served by the route `/a/...`")
        }));
    }
}
