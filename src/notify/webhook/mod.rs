//! Webhooks as Standard Webhooks describes them.

pub mod endpoints;
pub mod guard;
pub mod sender;
pub mod signature;
