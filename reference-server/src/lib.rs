//! A WAGI server: the specification made executable.
//!
//! The chapters of the specification that say what to do with data have modules of the same
//! names here, of pure functions: [`routing`], [`arguments`] (with `argument-templates`),
//! [`meta_variables`], [`request_fields`], [`request_body`], [`response`], [`errors`], [`http`],
//! [`module_routes`] and [`configured_environment`]. [`semantics`] gathers them as the
//! replaceable steps of one trait, and [`pipeline`] puts the steps together.
//!
//! Around these, [`config`] reads what the server is told, [`engine`] runs guests (`loading`,
//! `entrypoints`, `isolation`, `volumes`), and [`server`] speaks HTTP and TLS.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use wagi_reference_server::config::{Deployment, EngineLimits, ServerConfig};
//! use wagi_reference_server::{Conforming, Engine, Server};
//!
//! let engine = Engine::new(&EngineLimits::default())?;
//! let deployment = Deployment::load("modules.toml".as_ref())?;
//! let config = ServerConfig::new("127.0.0.1:0".parse()?, deployment);
//! let server = Server::bind(&engine, config, Arc::new(Conforming)).await?;
//! println!("listening on {}", server.url());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

pub mod arguments;
pub mod cache;
mod capture;
pub mod config;
pub mod configured_environment;
pub mod engine;
pub mod errors;
pub mod http;
pub mod log;
pub mod meta_variables;
pub mod module_routes;
pub mod pipeline;
pub mod request;
pub mod request_body;
pub mod request_fields;
pub mod response;
pub mod routing;
pub mod semantics;
pub mod server;
mod table;

pub use engine::{Engine, EngineError};
pub use semantics::{Conforming, Semantics};
pub use server::{Server, StartError};
pub use table::LoadError;
