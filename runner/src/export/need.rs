//! What routes and settings ask of a server's configuration.

use crate::case::{Case, Route, ServerSettings};
use crate::spec::Profile;
use crate::suite::Suite;

/// The route that serves every path.
const ROOT_WILDCARD: &str = "/...";

/// Something that a case asks of a server's configuration, and that some form cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// A route that serves some paths and not others.
    Routing,
    /// A configured entrypoint.
    Entrypoint,
    /// A template for the arguments.
    ArgumentTemplate,
    /// A module in WebAssembly text.
    TextModule,
    /// Folders of the host.
    Volumes,
    /// Variables set in the configuration.
    Environment,
    /// A file of variables.
    EnvironmentFile,
    /// HTTP through TLS.
    Tls,
    /// Sub-routes that a module declares.
    ModuleRoutes,
}

impl Need {
    /// What `route` asks for.
    pub fn of_route(route: &Route) -> Vec<Self> {
        let asked = [
            (Self::Routing, route.route != ROOT_WILDCARD),
            (Self::Entrypoint, route.entrypoint.is_some()),
            (Self::ArgumentTemplate, route.argv.is_some()),
            (Self::TextModule, route.text),
            (Self::Volumes, !route.volumes.is_empty()),
        ];
        needed(&asked)
    }

    /// What `settings` ask for.
    pub fn of_settings(settings: &ServerSettings) -> Vec<Self> {
        let asked = [
            (Self::Environment, !settings.environment.is_empty()),
            (Self::EnvironmentFile, !settings.environment_file.is_empty()),
            (Self::Tls, settings.tls),
        ];
        needed(&asked)
    }

    /// What `case` asks for: what its rules, its settings and its routes do.
    pub fn of_case(suite: &Suite, case: &Case) -> Vec<Self> {
        let declares_routes = suite.profiles(case).contains(&Profile::ModuleRoutes);
        let mut needs = needed(&[(Self::ModuleRoutes, declares_routes)]);
        needs.extend(Self::of_settings(&case.server));
        needs.extend(case.routes.iter().flat_map(Self::of_route));
        needs
    }
}

fn needed(asked: &[(Need, bool)]) -> Vec<Need> {
    let asked = asked.iter().filter(|(_, asked)| *asked);
    asked.map(|(need, _)| *need).collect()
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Routing => "a route beside `/...`",
            Self::Entrypoint => "a configured entrypoint",
            Self::ArgumentTemplate => "a template for the arguments",
            Self::TextModule => "a module in WebAssembly text",
            Self::Volumes => "a volume",
            Self::Environment => "configured variables",
            Self::EnvironmentFile => "an environment file",
            Self::Tls => "TLS",
            Self::ModuleRoutes => "sub-routes that a module declares",
        })
    }
}
