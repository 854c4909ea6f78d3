//! The half of a session that is joined to another: what comes from there goes out here, in place of what is played.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{MOST_RELAYED, Session};
use crate::domain::DtmfMode;
use crate::media::codec::Codec;
use crate::media::frame::FRAME_SAMPLES;
use crate::media::receive::COMFORT_NOISE;
use crate::media::relay::{Heard, Joint, Kind, Mapping, Outbox};
use crate::media::rtp::HEADER_BYTES;
use crate::media::sdp::MediaParams;

/// Frames without a packet to pass on, after which silence is sent to keep the path open (5 s).
const RELAY_IDLE_FRAMES: u32 = 250;
/// Passed-on audio that waits to be recorded: 80 ms.
const MOST_TAPPED: usize = 4 * FRAME_SAMPLES;

/// The session is joined to another.
pub(super) struct Bridge {
    peer: u64,
    joint: Arc<Joint>,
    mapping: Option<Mapping>,
    /// Frames since a packet was passed on to our far end.
    idle_frames: u32,
    /// What was passed on, in our codec, until it is recorded.
    tap: VecDeque<u8>,
}

impl Session {
    /// Joins this session to `peer`; an earlier bridge ends.
    pub fn join(&mut self, peer: u64, joint: Arc<Joint>) {
        self.part();
        self.bridge = Some(Bridge { peer, joint, mapping: None, idle_frames: 0, tap: VecDeque::new() });
    }

    /// The session that this one is joined to.
    pub fn peer(&self) -> Option<u64> {
        self.bridge.as_ref().filter(|bridge| bridge.joint.is_open()).map(|bridge| bridge.peer)
    }

    pub(super) fn part(&mut self) {
        if let Some(bridge) = self.bridge.take() {
            bridge.joint.part();
            self.out.marker = true;
            self.out.filled = 0;
        }
    }

    /// Follows the state of the bridge: parted from the other side, decoding needed or not.
    pub(super) fn follow_bridge(&mut self) {
        if self.bridge.as_ref().is_some_and(|bridge| !bridge.joint.is_open()) {
            self.part();
        }
        let deaf = self.bridge.is_some() && !self.listening && self.recording.is_none();
        self.receiver.set_deaf(deaf);
    }

    /// The payload type that keys are sent with, where they are sent as telephone events.
    pub(super) fn events_out(&self, params: &MediaParams) -> Option<u8> {
        params.dtmf_payload_type.filter(|_| self.keys_by == DtmfMode::Rfc4733)
    }

    /// Sends on what the other far end has sent, unless something is played here.
    pub fn relay(&mut self, outbox: &Outbox) {
        let Some(params) = &self.params else { return };
        let (codec, audio_type, event_type) = (params.codec, params.payload_type, self.events_out(params));
        if event_type.is_none() && self.keys_by != DtmfMode::Info {
            outbox.digits().for_each(|digit| self.dtmf.push(digit.encode_utf8(&mut [0; 4])));
        }
        let Some(to) = self.destination().filter(|_| self.playout.is_idle() && self.dtmf.is_idle()) else {
            return;
        };
        for heard in outbox.packets() {
            match heard.kind {
                Kind::Audio(from) => self.relay_audio(&heard, from, codec, audio_type, to),
                Kind::Noise => self.relay_packet(&heard, COMFORT_NOISE, to),
                Kind::Event => {
                    if let Some(payload_type) = event_type {
                        self.relay_packet(&heard, payload_type, to);
                    }
                }
            }
        }
    }

    fn relay_audio(&mut self, heard: &Heard<'_>, from: Codec, codec: Codec, payload_type: u8, to: SocketAddr) {
        let mut payload = [0; MOST_RELAYED];
        let payload = &mut payload[..heard.payload.len().min(MOST_RELAYED)];
        payload.copy_from_slice(&heard.payload[..payload.len()]);
        if from != codec {
            payload.iter_mut().for_each(|byte| *byte = codec.encode_sample(from.decode_byte(*byte)));
        }
        self.relay_packet(&Heard { payload, ..*heard }, payload_type, to);
        if let Some(bridge) = self.bridge.as_mut().filter(|_| self.recording.is_some()) {
            bridge.tap.extend(&*payload);
            let excess = bridge.tap.len().saturating_sub(MOST_TAPPED);
            bridge.tap.drain(..excess);
        }
    }

    fn relay_packet(&mut self, heard: &Heard<'_>, payload_type: u8, to: SocketAddr) {
        let Some(bridge) = &mut self.bridge else { return };
        bridge.idle_frames = 0;
        let next = (self.out.sequence, self.out.timestamp);
        let mapped = Mapping::map(&mut bridge.mapping, heard, next);
        let marker = std::mem::take(&mut self.out.marker) | heard.marker | mapped.begins;
        let length = heard.payload.len().min(MOST_RELAYED);
        self.out.packet[HEADER_BYTES..HEADER_BYTES + length].copy_from_slice(&heard.payload[..length]);
        // What is sent of our own later follows the highest number passed on.
        let ours = std::mem::replace(&mut self.out.sequence, mapped.sequence);
        self.send_packet(payload_type, marker, mapped.timestamp, length, to);
        if (self.out.sequence.wrapping_sub(ours) as i16) < 0 {
            self.out.sequence = ours;
        }
        let end = mapped.timestamp.wrapping_add(length as u32);
        if matches!(heard.kind, Kind::Audio(_)) && end.wrapping_sub(self.out.timestamp) as i32 > 0 {
            self.out.timestamp = end;
        }
    }

    /// Whether the other far end's packets take the place of this frame; fills what is recorded of them.
    pub(super) fn is_relaying(&mut self, codec: Codec) -> bool {
        let busy = !self.playout.is_idle() || !self.dtmf.is_idle();
        let Some(bridge) = &mut self.bridge else { return false };
        bridge.idle_frames = bridge.idle_frames.saturating_add(1);
        if busy || bridge.idle_frames > RELAY_IDLE_FRAMES {
            // What is passed on afterwards follows what is sent now.
            bridge.mapping = None;
            bridge.tap.clear();
            return false;
        }
        self.out.audio.fill(codec.silence());
        if bridge.tap.len() >= FRAME_SAMPLES {
            for (byte, relayed) in self.out.audio.iter_mut().zip(bridge.tap.drain(..FRAME_SAMPLES)) {
                *byte = relayed;
            }
        }
        self.out.filled = 0;
        true
    }
}
