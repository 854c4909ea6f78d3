//! Handing a caller to a person: the second leg, and what becomes of it.
//!
//! [`Attempt`] decides, [`SecondLeg`] is the call to the person, and the agent's `handover` drives both while it keeps
//! the caller company; [`bridge`](super::bridge) joins the two at the end.

mod attempt;
mod second;

pub use attempt::{Attempt, Event, Step};
pub use second::{FarEvent, Outgoing, SecondLeg};
