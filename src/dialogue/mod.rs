//! The deterministic receptionist: greets, finds out what the caller wants, takes it down, reads it back, closes.
//!
//! ```text
//! Answered ─► Open ──hours, address──► Open ("anything else?") ──no──► Ended
//!              │ message, appointment, person, emergency
//!              ▼
//!             Ask(name) ─► Ask(number) ─► Ask(reason) ─► Ask(time) ─► ReadBack ──yes──► Ended
//!                              │ two re-asks                            │ no   ▲
//!                              ▼                                        ▼      │
//!                            Keypad                                    Fix ────┘
//! ```
//!
//! A caller who wants a person, or is in need of one, goes from any of these to `Transferring` when the profile names
//! one who may be called now, and comes back to the question that stood when nobody takes the call.
//!
//! Where the rules are unsure a language model may be asked, whose checked answer is an input like any other (`consult`).
//!
//! Everything is a function of the inputs: no I/O, no clock, no randomness, so that a recorded call replays step by
//! step ([`replay`]). Every text that is spoken stands in `phrases`; every step after something the caller did (or
//! failed to do) speaks or ends, and silence ends every call after three re-asks.
#![deny(clippy::disallowed_methods)]

mod addresses;
pub mod amounts;
mod asked;
mod confirm;
mod consult;
mod dates;
mod demo;
mod emails;
mod ending;
mod fit;
mod grounding;
mod hours;
mod intents;
mod knowledge;
mod lines;
mod names;
pub mod numbers;
mod phrases;
mod pin_codes;
mod receptionist;
mod replay;
mod reply;
mod slots;
mod sounds;
mod spelling;
mod summary;
mod text;
mod times;
mod transfer;
mod turn;
mod yes_no;

pub use consult::Consultation;
pub use demo::demo_profile;
pub use ending::{Ending, ending};
pub use fit::{fit, judge};
pub use receptionist::Receptionist;
pub use replay::{Difference, LOG_FORMAT, Opening, RecordedCall, Step, replay};
pub use turn::{Action, Ask, Expectation, Input, Line, Segment, SlotName, TransferFailure, Understanding, Wish};
pub use yes_no::yes_no;
