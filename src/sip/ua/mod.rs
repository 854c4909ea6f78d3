//! The user agent: calls in both directions over the transactions and dialogs, without sockets, clock or threads.
//!
//! ```text
//!  datagram, stream bytes ─► receive ─► server transactions ─► uas ─┐
//!                               └─────► client transactions ─► uac ─┼─► legs, dialogs
//!  Command, invite ─────────────────────────────────────────────────┘
//!                                        Transmit | Event ◄─ poll_output
//! ```
//!
//! Seams, not built: registration, RFC 3263 look-ups (an [`OutgoingInvite`] carries an
//! address). A request that needs one of them is refused by the book (405, 420).
#![deny(clippy::disallowed_methods)]

mod ack;
mod address;
mod change;
mod config;
mod endpoint;
mod event;
mod leg;
mod peers;
mod policy;
mod random;
mod receive;
mod refer;
mod reliable;
mod rows;
mod schedule;
mod table;
#[cfg(test)]
mod tests;
mod uac;
mod uas;

pub use config::{EndpointConfig, Limits, Listener, StatsSnapshot, Strangers};
pub use endpoint::Endpoint;
pub use event::{
    Command, ConnId, Credentials, Event, Flow, Hop, InviteInfo, LegEvent, LegId, OutgoingInvite, Output, SipError,
    TlsName, Transmit, Transport,
};
pub use peers::Peers;
pub use policy::LegPolicy;
