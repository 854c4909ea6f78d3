//! The user agent: calls in both directions over the transactions and dialogs, without sockets, clock or threads.
//!
//! ```text
//!  datagram, stream bytes ─► receive ─► server transactions ─► uas ─┐
//!                               └─────► client transactions ─► uac ─┼─► legs, dialogs
//!  Command, invite ─────────────────────────────────────────────────┘
//!                                        Transmit | Event ◄─ poll_output
//! ```
//!
//! Registrations ([`crate::sip::registration`]) and OPTIONS keep-alives run over the client transactions beside the calls.
//!
//! A request that needs an extension not known here is refused by the book (405, 420); look-ups of RFC 3263 are made
//! before ([`crate::sip::resolve`]): an [`OutgoingInvite`] carries an address.
#![deny(clippy::disallowed_methods)]

mod ack;
mod address;
mod change;
mod config;
mod connections;
mod endpoint;
mod event;
mod floods;
mod gate;
mod leg;
mod neighbours;
mod peers;
mod policy;
mod random;
mod receive;
mod refer;
mod register;
mod reliable;
mod rows;
mod schedule;
mod sending;
mod table;
#[cfg(test)]
mod tests;
mod uac;
mod uas;

pub use config::{EndpointConfig, Limits, Listener, StatsSnapshot, Strangers};
pub use endpoint::Endpoint;
pub use event::{
    Command, ConnId, Credentials, Event, Flow, Hop, InviteInfo, LegEvent, LegId, OptionsId, OutgoingInvite, Output,
    RegistrationId, SipError, TlsName, Transmit, Transport,
};
pub use floods::{Rate, known_scanners};
pub use neighbours::Neighbour;
pub use peers::Peers;
pub use policy::LegPolicy;
pub use register::{OutgoingOptions, RegistrationCommand};
