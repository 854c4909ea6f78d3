//! Text messages under Indian rules.

pub mod quiet;
pub mod segments;
pub mod template;
