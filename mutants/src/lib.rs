//! Mutants: variants of the reference server, each of which breaks one rule of the specification
//! and nothing else, the way real servers do. The suite is worth what it catches of them.
//!
//! There is a module for each chapter of the specification.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use wagi_reference_server::config::ServerConfig;
use wagi_reference_server::engine::Host;
use wagi_reference_server::{Conforming, Engine, Semantics};

#[macro_use]
mod step;
#[macro_use]
mod relay;
#[macro_use]
mod host;

mod argument_templates;
mod arguments;
mod configured_environment;
mod entrypoints;
mod errors;
mod http;
mod isolation;
mod languages;
mod loading;
mod meta_variables;
mod module_routes;
mod request_body;
mod request_fields;
mod response;
mod routing;
mod tls;
mod volumes;

/// A server that breaks one rule.
#[derive(Clone)]
pub struct Mutant {
    /// The name: the rule's area, a slash, and words for the mistake.
    pub name: &'static str,
    /// The identifier of the rule that it breaks.
    pub rule: &'static str,
    /// The real-world mistake that it imitates, in a sentence.
    pub imitates: &'static str,
    /// The mistake.
    pub fault: Fault,
}

/// Where a mutant differs from the reference server.
#[derive(Clone)]
pub enum Fault {
    /// In one step of the rules.
    Step(Arc<dyn Semantics>),
    /// In how guests are run.
    Host(Arc<dyn Fn(Engine) -> Arc<dyn Host> + Send + Sync>),
    /// In how connections are served: what stands between the client and the reference server.
    Relay(Arc<dyn Relay>),
    /// In how the server is configured, or what it does before it starts.
    Start(Arc<dyn Fn(ServerConfig) -> ServerConfig + Send + Sync>),
}

/// Serves a client's connection with the help of the reference server at `upstream`.
pub trait Relay: Send + Sync + 'static {
    /// The steps of the reference server at `upstream`.
    fn steps(&self) -> Arc<dyn Semantics> {
        Arc::new(Conforming)
    }

    /// Serves the connection to its end.
    fn serve(
        &self,
        client: TcpStream,
        upstream: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Every mutant, in the order of the chapters.
pub fn all() -> Vec<Mutant> {
    [
        routing::mutants(),
        loading::mutants(),
        arguments::mutants(),
        meta_variables::mutants(),
        request_fields::mutants(),
        request_body::mutants(),
        response::mutants(),
        errors::mutants(),
        isolation::mutants(),
        http::mutants(),
        languages::mutants(),
        module_routes::mutants(),
        entrypoints::mutants(),
        argument_templates::mutants(),
        volumes::mutants(),
        configured_environment::mutants(),
        tls::mutants(),
    ]
    .concat()
}
