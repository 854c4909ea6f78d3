//! The engines of a node beside its own: how they are declared.

mod spec;

pub use spec::{Craft, EngineKind, EngineSpec, Hedge, OWN_STT, OWN_TTS};
