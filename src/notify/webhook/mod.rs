//! Webhooks as Standard Webhooks describes them.

pub mod guard;
pub mod signature;
