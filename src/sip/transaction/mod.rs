//! The four transaction machines of RFC 3261 §17, with the Accepted states of RFC 6026.
//!
//! A machine holds its state and its timers, never a message, an address or a clock: the owner keeps the bytes, tells
//! the machine what arrived and what time it is, and does what the machine answers. Timers carry the letters of
//! RFC 3261 table 4 (A, B, D, E, F, G, H, I, J, K) and of RFC 6026 (L, M).
#![deny(clippy::disallowed_methods)]

mod client;
mod server;
#[cfg(test)]
mod tests;
mod timer;

pub use client::{ClientAction, ClientFired, InviteClient, InviteClientState, NonInviteClient, NonInviteClientState};
pub use server::{
    InviteServer, InviteServerState, NonInviteServer, NonInviteServerState, ServerAction, ServerFired, ServerSend,
};
pub use timer::{Timer, Timers, Timing};
