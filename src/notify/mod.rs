//! Tells the world about calls: text messages to owners and callers, webhooks to programs.

pub mod sms;
pub mod summary;
pub mod webhook;
