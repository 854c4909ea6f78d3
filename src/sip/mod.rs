//! SIP user agent and back-to-back user agent on a sans-IO core (RFC 3261).

pub mod auth;
pub mod cause;
pub mod dialog;
pub mod message;
pub mod net;
pub mod registration;
pub mod resolve;
pub mod session_timer;
pub mod transaction;
pub mod trunk;
pub mod ua;
