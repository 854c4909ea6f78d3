//! Tells the world about calls: text messages to owners and callers, webhooks to programs.
//!
//! What is to be sent is written to the outbox in the transaction that it follows from (`store::outbox`). The [`worker`]
//! takes it from there, makes the text or the signature, and hands it over.

mod backoff;
pub mod http;
pub mod receipts;
pub mod sms;
#[cfg(test)]
mod stand_in;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod webhook;
pub mod worker;
