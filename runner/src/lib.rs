//! The WAGI conformance suite: its specification, its cases, and the runner that holds a server to
//! them.
//!
//! A case goes one way: [`suite`] reads the files and gives them the types of [`case`] and
//! [`spec`]; [`run`] decides what to run and runs it: [`wire`] sends what a case writes and reads
//! the answer, [`judge`] compares; [`expectations`] says which failures are known; [`report`] tells
//! of it. [`export`] writes the suite for others; [`launch`] starts servers with what it has written.

pub mod case;
pub mod check;
pub mod cli;
pub mod coverage;
pub mod detection;
pub mod expectations;
pub mod explain;
pub mod export;
pub mod id;
pub mod judge;
pub mod launch;
pub mod list;
#[cfg(feature = "mutants")]
pub mod mutation;
pub mod null_score;
pub mod problem;
pub mod report;
pub mod run;
pub mod spec;
pub mod suite;
pub mod wire;
