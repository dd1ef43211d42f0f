//! A run: which cases, against what, in which order, and what became of each.
//!
//! [`select`] says which cases, [`target`] against what, [`execute()`] runs them and tells
//! [`event`]s, which the reports consume.

#[cfg(feature = "reference-server")]
pub mod bundled;
pub mod event;
pub mod execute;
#[cfg(all(test, feature = "reference-server"))]
mod mortal;
pub mod partition;
pub mod reach;
pub mod select;
pub mod standing;
mod suspects;
pub mod target;

pub use execute::{Options, execute};
