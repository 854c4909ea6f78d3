//! VCA answers the phone for small businesses: SIP and RTP in, speech understood, speech out, written down.
//!
//! The map, with the arrows that `tests/it/arrows.rs` enforces:
//!
//! * [`domain`] — nouns; imports nothing of ours.
//! * [`sip`] — sans-IO SIP core and its socket drivers → `domain`
//! * [`media`] — SDP, RTP, codecs, pacing, recording → `domain`, `vault`
//! * [`voice`] — turn-taking on a virtual clock → `domain`, `media`'s frame types
//! * [`dialogue`] — the receptionist, pure → `domain`
//! * [`speech`] — engines, prompt cache, worker pool → `domain`, `media`'s frame types
//! * [`store`] — SQL → `domain`
//! * [`notify`] — text messages and webhooks → `domain`, `store`
//! * [`live`] — who is on the phone, on which node; caps, leases, events → `domain`
//! * [`metrics`] — what is counted, for monitoring → `domain`
//! * [`vault`] — recordings at rest → `domain`
//! * [`privacy`] — erasure, export, retention → `domain`, `store`, `vault`
//! * [`telemetry`] — traces → `domain`, `metrics`
//! * [`call`] — puts the above together for one call
//! * [`api`] — HTTP → `domain`, `store`, `live`, `call`'s handle
//! * [`cli`] — commands and configuration → all

pub mod api;
pub mod call;
pub mod cli;
pub mod dialogue;
pub mod domain;
pub mod live;
pub mod media;
pub mod metrics;
pub mod notify;
pub mod privacy;
pub mod sip;
pub mod speech;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod voice;
