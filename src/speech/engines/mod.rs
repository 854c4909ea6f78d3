//! The engines of a node beside its own: how they are declared, how they do, and what follows when one fails.
//!
//! * [`EngineSpec`] — one as the configuration declares it
//! * [`Breaker`], [`Health`] — who is left out for a while, and the counters
//! * [`first_answer`] — one after the other, or the next beside one that is late
//! * [`Engines`] — all of a node, and the list that a profile chooses

mod breaker;
mod failover;
mod health;
mod registry;
mod spec;

pub use breaker::{Blame, Breaker, BreakerSettings, BreakerState, Change};
pub use failover::{Fault, Lane, Link, first_answer};
pub use health::{EngineCounts, EngineStatus, Health, Permit};
pub use registry::{Engines, SttLink, TtsLink};
pub use spec::{Craft, EngineKind, EngineSpec, Hedge, OWN_STT, OWN_TTS};
