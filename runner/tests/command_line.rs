//! The whole output of the command line.
