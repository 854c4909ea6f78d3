//! Recordings at rest: how they are sealed, where they lie, and how they are read.
//!
//! ```text
//!  media::recorder ─► Sealer ─► <recordings>/<tenant>/<call>.vcar ─► upload ─► S3
//!                       ▲ master key                  └───────┬────────────────┘
//!                                                        Recording::read ─► api, vca privacy
//! ```
//!
//! Without a key a recording is a plain `<call>.wav`. With one it is a `<call>.vcar`, sealed as it is written ([`sealed`]).

pub mod keys;
mod places;
mod reading;
pub mod remote;
pub mod sealed;
#[cfg(test)]
mod tests;
pub mod wav;

pub use keys::{KeyError, MasterKeys};
pub use places::Recordings;
pub use reading::Recording;
pub use remote::{Bucket, BucketError, BucketSettings};
