//! Handing a caller to a person: the second leg, or the REFER in its place, and what becomes of it.
//!
//! [`Attempt`] decides, [`SecondLeg`] is the call to the person, and the agent's `handover` drives both while it keeps
//! the caller company; [`bridge`](super::bridge) joins the two at the end. Where the caller's carrier is to do it,
//! [`Referral`] decides first.

mod attempt;
mod referral;
mod second;

pub use attempt::{Attempt, Event, Step};
pub use referral::{Referral, ReferralEvent, ReferralStep};
pub use second::{FarEvent, Outgoing, SecondLeg, Way};
