//! Counters that the wheel writes and anyone may read, without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident, $cells:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: u64,)* }

        /// The cells behind the snapshot; each is written by one thread only.
        #[derive(Debug, Default)]
        pub(super) struct $cells { $(pub $field: AtomicU64,)* }

        impl $cells {
            pub fn snapshot(&self) -> $name {
                $name { $($field: self.$field.load(Relaxed),)* }
            }

            pub fn publish(&self, from: &$name) {
                $(self.$field.store(from.$field, Relaxed);)*
            }
        }
    };
}

counters! {
    /// What happened in one session so far.
    MediaStats, MediaStatsCells {
        packets_sent,
        /// Payload bytes in the packets sent, as in RTCP.
        octets_sent,
        /// Packets that the socket refused, or that could not be encrypted.
        send_errors,
        /// RTP packets of the latched source.
        packets_received,
        /// By sequence numbers, as in RTCP; late packets are not lost.
        packets_lost,
        /// Received, but after their time to be heard.
        packets_late,
        packets_duplicate,
        /// Of a source that is not, or not yet, the latched one.
        packets_foreign,
        /// Neither RTP nor RTCP, or with a payload type that was not agreed.
        packets_invalid,
        /// SRTP or SRTCP whose tag is wrong.
        packets_unauthentic,
        /// Milliseconds of the caller's audio that were invented.
        concealed_ms,
        /// Interarrival jitter of RFC 3550 §6.4.1, in microseconds.
        jitter_us,
        /// What the jitter buffer aims for, in milliseconds.
        jitter_target_ms,
        /// How often the far end changed its SSRC.
        ssrc_changes,
        /// Digits received by RFC 4733.
        dtmf_received,
        /// Round trip by RTCP, in microseconds; 0 when not known.
        rtt_us,
        /// Loss that the far end reports, in 1/256.
        remote_fraction_lost,
        /// Jitter that the far end reports, in microseconds.
        remote_jitter_us,
        /// Frames that the consumer was too slow for.
        frames_dropped,
        /// Commands that the wheel had no room for.
        commands_dropped,
    }
}

/// What happened on the wheels so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct EngineStats {
    /// Sessions open now.
    pub sessions: u64,
    /// The latest that a wheel thread woke up, in microseconds.
    pub max_late_us: u64,
    /// Frames that every session left out, because the machine stood still for more than 100 ms.
    pub skipped_frames: u64,
}

/// The cells behind [`EngineStats`], written by all wheels.
#[derive(Debug, Default)]
pub(super) struct EngineStatsCells {
    pub max_late_us: AtomicU64,
    /// As `max_late_us`, since it was taken last.
    pub recent_late_us: AtomicU64,
    pub skipped_frames: AtomicU64,
}

impl EngineStatsCells {
    pub fn note_late(&self, late_us: u64) {
        self.max_late_us.fetch_max(late_us, Relaxed);
        self.recent_late_us.fetch_max(late_us, Relaxed);
    }

    pub fn snapshot(&self, sessions: u64) -> EngineStats {
        let (max_late_us, skipped_frames) = (self.max_late_us.load(Relaxed), self.skipped_frames.load(Relaxed));
        EngineStats { sessions, max_late_us, skipped_frames }
    }
}
