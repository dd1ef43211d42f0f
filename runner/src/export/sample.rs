//! A small deployment that needs everything, for tests.

use std::path::Path;

use serde_json::json;

use super::Format;
use super::layout::Layout;
use crate::case::{Route, ServerSettings, Start};
use crate::suite::deployment::Deployment;

/// Where its server listens.
pub const LISTEN: &str = "127.0.0.1:3000";

/// A deployment with a route for each thing that a form may lack. Its words need quoting.
pub fn deployment() -> Deployment {
    let routes = json!([
        { "route": "/exact", "guest": "say-query" },
        { "route": "/text", "guest": "hello", "text": true },
        { "route": "/entry", "guest": "entrypoints", "entrypoint": "other" },
        { "route": "/argv", "guest": "observe", "argv": "ruby ${SCRIPT_NAME} \"${ARGS}\"" },
        {
            "route": "/files/...",
            "guest": "files",
            "volumes": { "/first": { "a.txt": "a" }, "/second place": "missing" },
        },
        { "route": "/...", "guest": "observe" },
    ]);
    let server = json!({
        "environment": { "PLAIN": "value", "QUOTED": "a \"b\" \\ ${HOME} $x" },
        "environment-file": ["IN_FILE=1"],
        "tls": true,
    });
    Deployment {
        name: "sample".to_owned(),
        start: Start::Served,
        routes: serde_json::from_value::<Vec<Route>>(routes).expect("routes"),
        server: serde_json::from_value::<ServerSettings>(server).expect("settings"),
    }
}

/// The configuration of [`deployment`] in this form.
pub fn text(format: Format) -> String {
    let deployment = deployment();
    let layout = Layout::of(&deployment, Path::new("/srv/sample"), format);
    let listen = LISTEN.parse().expect("an address");
    format.form().text(&layout, listen).expect("a text")
}
