//! Text messages under Indian rules.

pub mod provider;
pub mod providers;
pub mod quiet;
pub mod segments;
pub mod template;
