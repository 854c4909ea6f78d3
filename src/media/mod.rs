//! RTP sessions: SDP, codecs, jitter buffer, paced sending, recording.
//!
//! [`MediaEngine`] owns the port pool, one recorder thread and one or more wheel threads. A wheel owns all of its
//! sessions' sockets: every 20 ms, at a session's own place on the wheel, it sends the next packet, reads what has
//! arrived, and hands one [`PcmFrame`] to the call. Everything between a packet and a frame ([`receive`], [`jitter`],
//! [`plc`], [`dtmf`], [`rtcp`]) takes the time as a parameter and does no I/O.

pub mod codec;
pub mod dtmf;
pub mod engine;
pub mod frame;
mod identity;
pub mod jitter;
pub mod net;
pub mod playout;
pub mod plc;
pub mod pool;
pub mod receive;
pub mod recorder;
pub mod relay;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod session;
pub mod srtp;
pub mod stats;
pub mod tone;
mod wheel;

pub use codec::{Codec, EncodedAudio};
pub use engine::{
    Beside, Clip, ClipId, MediaConfig, MediaEngine, MediaError, MediaEvent, MediaSession, SessionOptions,
};
pub use frame::{
    FRAME_MS, FRAME_SAMPLES, FrameSamples, PcmFrame, SAMPLE_RATE_HZ, WIDE_FRAME_SAMPLES, WIDE_SAMPLE_RATE_HZ, dbfs, rms,
};
pub use relay::BridgeGuard;
pub use sdp::{Capabilities, Direction, MediaParams, Negotiated, SdpError, SdpSession};
pub use srtp::{MasterKey, SrtpKeys, Suite};
pub use stats::{EngineStats, MediaStats};
