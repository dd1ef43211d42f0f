//! Reports: what happens in a run, for people and for programs. Each consumes the same events.

mod closing;
mod difference;
pub mod github;
mod groups;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod pretty;
#[cfg(test)]
pub(crate) mod sample;
mod style;
mod table;
pub mod terse;
pub(crate) mod text;

use std::io;

use crate::run::event::Event;

pub use style::Style;

/// Something that tells of a run.
pub trait Report {
    /// Takes up the next event.
    ///
    /// # Errors
    /// What it has to say could not be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;
}
