//! The half of a session that is joined to another: what comes from there goes out here, in place of what is played.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{MOST_PAYLOAD, Session};
use crate::domain::DtmfMode;
use crate::media::codec::Codec;
use crate::media::dtmf;
use crate::media::frame::{FRAME_SAMPLES, PcmFrame};
use crate::media::playout::OutFrame;
use crate::media::receive::COMFORT_NOISE;
use crate::media::relay::{Heard, Joint, Kind, Mapping, Outbox};
use crate::media::resample::{Doubler, Halver};
use crate::media::rtp::HEADER_BYTES;

/// Frames without a packet to pass on, after which silence is sent to keep the path open (5 s).
const RELAY_IDLE_FRAMES: u32 = 250;
/// Passed-on audio that waits to be recorded: 80 ms.
const MOST_TAPPED: usize = 4 * FRAME_SAMPLES;
/// Decoded frames that wait for their turn on this leg: one does, another may when the wheel was late.
const MOST_FRAMES: usize = 2;
/// Frames that no audio is sent for after a packet of a key: they come as often as frames do, and one may be lost.
const EVENT_FRAMES: u32 = 3;

/// The session is joined to another.
pub(super) struct Bridge {
    peer: u64,
    joint: Arc<Joint>,
    mapping: Option<Mapping>,
    /// Frames since a packet was passed on to our far end.
    idle_frames: u32,
    /// What was passed on, in our law, until it is recorded.
    tap: VecDeque<u8>,
    /// What comes is in a codec that cannot be passed on: it is decoded there and encoded here.
    transcodes: bool,
    /// The other far end, decoded.
    frames: VecDeque<PcmFrame>,
    doubler: Doubler,
    halver: Halver,
    /// The key that is passed on beside transcoded audio: its timestamp there and here.
    event: Option<(u32, u32)>,
    event_frames: u32,
    /// The other leg needs what is heard here decoded.
    peer_wants_frames: bool,
}

impl Session {
    /// Joins this session to `peer`; an earlier bridge ends.
    pub fn join(&mut self, peer: u64, joint: Arc<Joint>) {
        self.part();
        self.bridge = Some(Bridge {
            peer,
            joint,
            mapping: None,
            idle_frames: 0,
            tap: VecDeque::new(),
            transcodes: false,
            frames: VecDeque::new(),
            doubler: Doubler::default(),
            halver: Halver::default(),
            event: None,
            event_frames: 0,
            peer_wants_frames: false,
        });
    }

    /// The session that this one is joined to.
    pub fn peer(&self) -> Option<u64> {
        self.bridge.as_ref().filter(|bridge| bridge.joint.is_open()).map(|bridge| bridge.peer)
    }

    /// Takes note of whether the other leg needs what is heard here decoded.
    pub fn note_peer(&mut self, wants_frames: bool) {
        if let Some(bridge) = &mut self.bridge {
            bridge.peer_wants_frames = wants_frames;
        }
    }

    /// Whether the other leg needs what is heard here decoded.
    pub(super) fn is_transcoded(&self) -> bool {
        self.bridge.as_ref().is_some_and(|bridge| bridge.peer_wants_frames)
    }

    pub(super) fn part(&mut self) {
        if let Some(bridge) = self.bridge.take() {
            bridge.joint.part();
            self.out.marker = true;
            self.out.drop_waiting();
        }
    }

    /// Follows the state of the bridge: parted from the other side, decoding needed or not.
    pub(super) fn follow_bridge(&mut self) {
        if self.bridge.as_ref().is_some_and(|bridge| !bridge.joint.is_open()) {
            self.part();
        }
        let needed = self.listening || self.recording.is_some() || self.is_transcoded();
        self.receiver.set_deaf(self.bridge.is_some() && !needed);
    }

    /// Sends on what the other far end has sent, unless something is played here. Returns whether it is needed decoded.
    pub fn relay(&mut self, outbox: &Outbox) -> bool {
        let Some(params) = &self.params else { return false };
        let (codec, audio_type, events) = (params.codec, params.payload_type, self.events_out(params));
        let Some(bridge) = &mut self.bridge else { return false };
        for heard in outbox.packets() {
            if let Kind::Audio(from) = heard.kind {
                bridge.transcodes = !passes(from, codec);
            }
        }
        if let Some(frame) = outbox.frame() {
            if bridge.frames.len() >= MOST_FRAMES {
                bridge.frames.pop_front();
            }
            bridge.frames.push_back(*frame);
        }
        let transcodes = bridge.transcodes;
        let wants_frames = transcodes || (codec.is_wide() && self.recording.is_some());
        if events.is_none() && self.keys_by != DtmfMode::Info {
            outbox.digits().for_each(|digit| self.dtmf.push(digit.encode_utf8(&mut [0; 4])));
        }
        let Some(to) = self.destination().filter(|_| self.playout.is_idle() && self.dtmf.is_idle()) else {
            return wants_frames;
        };
        for heard in outbox.packets() {
            match heard.kind {
                Kind::Audio(from) if passes(from, codec) => self.relay_audio(&heard, from, codec, audio_type, to),
                Kind::Noise if !transcodes => self.relay_packet(&heard, COMFORT_NOISE, codec, to),
                Kind::Audio(_) | Kind::Noise => {}
                Kind::Event { clock_hz } => {
                    if let Some((payload_type, ours_hz)) = events {
                        self.relay_event(&heard, (clock_hz, ours_hz), payload_type, codec, to);
                    }
                }
            }
        }
        wants_frames
    }

    fn relay_audio(&mut self, heard: &Heard<'_>, from: Codec, codec: Codec, payload_type: u8, to: SocketAddr) {
        let mut payload = [0; MOST_PAYLOAD];
        let payload = &mut payload[..heard.payload.len().min(MOST_PAYLOAD)];
        payload.copy_from_slice(&heard.payload[..payload.len()]);
        if let (Some(from), Some(law)) = (from.law(), codec.law())
            && from != law
        {
            payload.iter_mut().for_each(|byte| *byte = law.encode_sample(from.decode_byte(*byte)));
        }
        self.relay_packet(&Heard { payload, ..*heard }, payload_type, codec, to);
        let recorded = self.recording.is_some() && codec.law().is_some();
        if let Some(bridge) = self.bridge.as_mut().filter(|_| recorded) {
            bridge.tap.extend(&*payload);
            let excess = bridge.tap.len().saturating_sub(MOST_TAPPED);
            bridge.tap.drain(..excess);
        }
    }

    fn relay_packet(&mut self, heard: &Heard<'_>, payload_type: u8, codec: Codec, to: SocketAddr) {
        let Some(bridge) = &mut self.bridge else { return };
        bridge.idle_frames = 0;
        let next = (self.out.sequence, self.out.timestamp);
        let mapped = Mapping::map(&mut bridge.mapping, heard, codec.clock_rate_hz(), next);
        let marker = std::mem::take(&mut self.out.marker) | heard.marker | mapped.begins;
        let length = heard.payload.len().min(MOST_PAYLOAD);
        self.out.packet[HEADER_BYTES..HEADER_BYTES + length].copy_from_slice(&heard.payload[..length]);
        // What is sent of our own later follows the highest number passed on.
        let ours = std::mem::replace(&mut self.out.sequence, mapped.sequence);
        self.send_packet(payload_type, marker, mapped.timestamp, length, to);
        if (self.out.sequence.wrapping_sub(ours) as i16) < 0 {
            self.out.sequence = ours;
        }
        let ticks = codec.payload_ticks(heard.payload).unwrap_or(0) as u32;
        let end = mapped.timestamp.wrapping_add(ticks * codec.clock_per_tick());
        if matches!(heard.kind, Kind::Audio(_)) && end.wrapping_sub(self.out.timestamp) as i32 > 0 {
            self.out.timestamp = end;
        }
    }

    /// Passes on a packet of a key; its duration is put from one clock to the other.
    fn relay_event(&mut self, heard: &Heard<'_>, clocks: (u32, u32), payload_type: u8, codec: Codec, to: SocketAddr) {
        let Some(payload) = heard.payload.first_chunk::<4>() else { return };
        let payload = dtmf::with_clock(*payload, clocks.0, clocks.1);
        let Some(bridge) = self.bridge.as_mut().filter(|bridge| bridge.transcodes) else {
            return self.relay_packet(&Heard { payload: &payload, ..*heard }, payload_type, codec, to);
        };
        bridge.event_frames = EVENT_FRAMES;
        let known = bridge.event.filter(|(there, _)| *there == heard.timestamp);
        let (_, timestamp) = known.unwrap_or((heard.timestamp, self.out.timestamp));
        bridge.event = Some((heard.timestamp, timestamp));
        self.out.drop_waiting();
        self.out.packet[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(&payload);
        self.send_packet(payload_type, known.is_none(), timestamp, payload.len(), to);
        self.out.marker = true;
    }

    /// Whether the other far end's packets take the place of this frame; fills what is recorded of them.
    pub(super) fn is_relaying(&mut self) -> bool {
        let busy = !self.playout.is_idle() || !self.dtmf.is_idle();
        let Some(bridge) = &mut self.bridge else { return false };
        bridge.idle_frames = bridge.idle_frames.saturating_add(1);
        if bridge.transcodes && !busy {
            bridge.mapping = None;
            let key = bridge.event_frames > 0;
            if key {
                bridge.event_frames -= 1;
                bridge.frames.clear();
                self.out.frame.mute(0);
            }
            return key;
        }
        if busy || bridge.idle_frames > RELAY_IDLE_FRAMES {
            // What is passed on afterwards follows what is sent now.
            bridge.mapping = None;
            bridge.tap.clear();
            bridge.frames.clear();
            return false;
        }
        match &mut self.out.frame {
            OutFrame::Law(_, bytes) if bridge.tap.len() >= FRAME_SAMPLES => {
                for (byte, relayed) in bytes.iter_mut().zip(bridge.tap.drain(..FRAME_SAMPLES)) {
                    *byte = relayed;
                }
            }
            frame => match bridge.frames.pop_front() {
                Some(heard) => bridge.put(&heard, frame),
                None => frame.mute(0),
            },
        }
        self.out.drop_waiting();
        true
    }

    /// Makes this frame of what the other far end said, where it is transcoded; false when nothing of it is there.
    pub(super) fn take_transcoded(&mut self) -> bool {
        let idle = self.playout.is_idle();
        let Some(bridge) = self.bridge.as_mut().filter(|bridge| bridge.transcodes && idle) else { return false };
        let Some(heard) = bridge.frames.pop_front() else { return false };
        bridge.put(&heard, &mut self.out.frame);
        true
    }
}

impl Bridge {
    /// Writes a frame of the other far end as our encoder wants it.
    fn put(&mut self, heard: &PcmFrame, frame: &mut OutFrame) {
        match frame {
            OutFrame::Law(law, bytes) => {
                let mut narrow = [0; FRAME_SAMPLES];
                if heard.samples.is_wide() {
                    self.halver.process(&heard.samples, &mut narrow);
                } else {
                    narrow.copy_from_slice(&heard.samples);
                }
                for (byte, sample) in bytes.iter_mut().zip(narrow) {
                    *byte = law.encode_sample(sample);
                }
            }
            OutFrame::Wide(wide) if heard.samples.is_wide() => wide.copy_from_slice(&heard.samples),
            OutFrame::Wide(wide) => self.doubler.process(&heard.samples, wide.as_mut_slice()),
        }
    }
}

/// Whether packets go on as they are, or byte by byte.
fn passes(from: Codec, to: Codec) -> bool {
    from == to || (from.law().is_some() && to.law().is_some())
}
