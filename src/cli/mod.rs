//! The command line.

pub mod check_config;
pub mod config;
