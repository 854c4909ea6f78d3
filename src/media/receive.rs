//! What arrives, without clock or I/O: whose packets count, what they hold, and the caller's audio in frames.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::domain::IpNet;

use super::codec::stream::MOST_TICKS;
use super::codec::{Codec, Law};
use super::dtmf::{Digit, DtmfReceiver};
use super::frame::{FrameSamples, PcmFrame, rms};
use super::jitter::{Inserted, JitterBuffer, Micros};
use super::relay::{Heard, Kind};
use super::resample::Doubler;
use super::rtcp::ReportBlock;
use super::rtp::RtpReader;
use super::sdp::MediaParams;
use super::stats::MediaStats;

/// RFC 3389.
pub const COMFORT_NOISE: u8 = 13;
/// Packets in a row from an address the SDP did not name, before it is believed (100 ms of 20 ms packets).
const PROBATION: u32 = 5;
/// The same for the source that a re-INVITE has just moved away from (500 ms).
const RETIRED_PROBATION: u32 = 25;
/// After so long without its packets, a latched source may be replaced by another port of the same host.
const RELATCH_AFTER: Micros = 3_000_000;

/// How well a source fits the SDP. A better one takes over at once, an equal or worse one never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Another host: a far end behind an address translator, or a stray stream.
    Stranger,
    /// Before the SDP is known: early media.
    Early,
    /// The host that the SDP names, with another port.
    SameHost,
    /// Address and port as in the SDP.
    Exact,
}

#[derive(Debug, Clone, Copy)]
struct Latch {
    source: SocketAddr,
    fit: Fit,
    last_packet: Micros,
}

/// The receiving half of one session.
pub struct Receiver {
    allowed_nets: Vec<IpNet>,
    expected: Option<SocketAddr>,
    codec_payload_type: Option<(u8, Codec)>,
    /// With the clock of its durations.
    dtmf_payload_type: Option<(u8, u32)>,
    latch: Option<Latch>,
    probation: Option<(SocketAddr, u32)>,
    /// The source latched before the last re-INVITE that moved the media.
    retired: Option<SocketAddr>,
    ssrc: Option<u32>,
    /// A new SSRC that has sent one packet: believed at its second.
    next_ssrc: Option<u32>,
    jitter: JitterBuffer,
    dtmf: DtmfReceiver,
    sequences: Sequences,
    last_packet: Option<Micros>,
    /// Whether nobody wants frames: audio is counted and not decoded.
    deaf: bool,
    /// Level of the loudest packet since the last frame.
    arriving_rms: u16,
    /// Scratch space for one packet's audio.
    pcm: Box<[i16; MOST_TICKS]>,
    doubler: Doubler,
}

impl Receiver {
    /// A receiver that hears anyone in `allowed_nets`, or anyone at all if that is empty.
    pub fn new(allowed_nets: Vec<IpNet>, jitter_ms: RangeInclusive<u32>) -> Self {
        Self {
            allowed_nets,
            expected: None,
            codec_payload_type: None,
            dtmf_payload_type: None,
            latch: None,
            probation: None,
            retired: None,
            ssrc: None,
            next_ssrc: None,
            jitter: JitterBuffer::new(jitter_ms),
            dtmf: DtmfReceiver::default(),
            sequences: Sequences::default(),
            last_packet: None,
            deaf: false,
            arriving_rms: 0,
            pcm: Box::new([0; MOST_TICKS]),
            doubler: Doubler::default(),
        }
    }

    /// Applies a negotiation. A source of early media stays if it is of the host that the SDP names; when a later SDP
    /// moves the media, only a source exactly as named stays.
    pub fn configure(&mut self, params: &MediaParams) {
        self.codec_payload_type = Some((params.payload_type, params.codec));
        self.dtmf_payload_type = params.dtmf_payload_type.map(|payload_type| (payload_type, params.dtmf_clock_hz));
        self.dtmf.set_clock(params.dtmf_clock_hz);
        self.jitter.set_codec(params.codec);
        if params.remote.ip().is_unspecified() || self.expected == Some(params.remote) {
            return;
        }
        let needed = if self.expected.is_some() { Fit::Exact } else { Fit::SameHost };
        self.expected = Some(params.remote);
        self.probation = None;
        if let Some(latch) = &mut self.latch {
            latch.fit = fit(params.remote, latch.source);
            if latch.fit < needed {
                self.retired = Some(latch.source);
                self.latch = None;
            }
        }
    }

    /// Forgets who was heard so far: nobody had proven to be the far end.
    pub fn forget_source(&mut self) {
        self.latch = None;
        self.probation = None;
        self.retired = None;
        self.restart();
    }

    /// Where the far end really is, once it has been heard, and whether the SDP said exactly so.
    pub fn source(&self) -> Option<(SocketAddr, bool)> {
        self.latch.map(|latch| (latch.source, latch.fit == Fit::Exact))
    }

    /// When the last packet of the latched source came.
    pub fn last_packet(&self) -> Option<Micros> {
        self.last_packet
    }

    /// Whether the latched source has been silent for so long that another port of its host may replace it.
    pub fn is_source_stale(&self, now: Micros) -> bool {
        self.latch.is_some_and(|latch| now.saturating_sub(latch.last_packet) > RELATCH_AFTER)
    }

    /// Whether audio is only counted, while a bridge passes it on undecoded and nobody listens; what waits is
    /// forgotten at a change.
    pub fn set_deaf(&mut self, deaf: bool) {
        if std::mem::replace(&mut self.deaf, deaf) != deaf {
            self.jitter.reset();
        }
    }

    /// Takes a packet that came from `source` at `arrival`; returns it when it counts.
    pub fn receive<'p>(
        &mut self,
        packet: &'p [u8],
        source: SocketAddr,
        arrival: Micros,
        stats: &mut MediaStats,
    ) -> Option<Heard<'p>> {
        let Some((rtp, kind)) = RtpReader::new(packet).ok().and_then(|rtp| self.kind(&rtp).map(|kind| (rtp, kind)))
        else {
            stats.packets_invalid += 1;
            return None;
        };
        if !self.accept(source, arrival) {
            stats.packets_foreign += 1;
            return None;
        }
        if !self.accept_ssrc(rtp.ssrc(), stats) {
            return None;
        }
        self.last_packet = Some(arrival);
        stats.packets_received += 1;
        let sequence = u16::from(rtp.sequence_number());
        if !self.sequences.note(sequence) {
            stats.packets_duplicate += 1;
            return None;
        }
        stats.packets_lost = self.sequences.lost().max(0) as u64;
        let heard = Heard {
            kind,
            marker: rtp.mark(),
            sequence,
            timestamp: rtp.timestamp(),
            ssrc: rtp.ssrc(),
            payload: rtp.payload(),
        };
        self.consume(&heard, arrival, stats);
        Some(heard)
    }

    fn consume(&mut self, heard: &Heard<'_>, arrival: Micros, stats: &mut MediaStats) {
        let (payload, timestamp) = (heard.payload, heard.timestamp);
        if let Kind::Audio(codec) = heard.kind {
            self.sequences.note_transit(timestamp, codec.clock_rate_hz(), arrival);
        }
        let inserted = match heard.kind {
            Kind::Audio(_) | Kind::Noise if self.deaf => Inserted::InTime,
            Kind::Audio(codec) => match codec.law() {
                Some(law) => self.insert_law(law, timestamp, payload, arrival),
                None => {
                    let ticks = codec.payload_ticks(payload).unwrap_or(0);
                    self.jitter.insert_coded(timestamp, ticks, payload, arrival)
                }
            },
            Kind::Noise => {
                self.jitter.insert_noise(timestamp, payload.first().map_or(127, |level| level & 0x7F), arrival)
            }
            Kind::Event { .. } => {
                if !self.dtmf.receive(payload, timestamp, arrival) {
                    stats.packets_invalid += 1;
                }
                return;
            }
        };
        if inserted != Inserted::InTime {
            stats.packets_late += 1;
        }
        stats.jitter_us = self.sequences.jitter_us();
        stats.jitter_target_ms = u64::from(self.jitter.target_ms());
    }

    /// G.711, also where G.722 was agreed: the clock is the same, and some far ends switch.
    fn insert_law(&mut self, law: Law, timestamp: u32, payload: &[u8], arrival: Micros) -> Inserted {
        let count = law.decode_into(payload, self.pcm.as_mut_slice());
        let narrow = &self.pcm[..count];
        self.arriving_rms = self.arriving_rms.max(rms(narrow) as u16);
        if !self.is_wide() {
            return self.jitter.insert(timestamp, narrow, arrival);
        }
        let mut wide = [0; 2 * MOST_TICKS];
        self.doubler.process(narrow, &mut wide[..2 * count]);
        self.jitter.insert(timestamp, &wide[..2 * count], arrival)
    }

    /// Whether frames are at 16 kHz.
    pub fn is_wide(&self) -> bool {
        self.codec_payload_type.is_some_and(|(_, codec)| codec.is_wide())
    }

    /// The next 20 ms of the caller, to be called every 20 ms.
    pub fn pop(&mut self, now: Micros, media_ms: u64, stats: &mut MediaStats) -> PcmFrame {
        self.dtmf.tick(now);
        if self.deaf {
            return PcmFrame::silence_of(self.is_wide(), media_ms);
        }
        let mut samples = FrameSamples::silence(self.is_wide());
        let popped = self.jitter.pop(now, &mut samples);
        if popped.concealed && self.ssrc.is_some() {
            stats.concealed_ms += 20;
        }
        PcmFrame {
            samples,
            concealed: popped.concealed,
            comfort_noise: popped.comfort_noise,
            arriving_rms: std::mem::take(&mut self.arriving_rms),
            ..PcmFrame::silence(media_ms)
        }
    }

    /// The next keypad digit, if one is complete.
    pub fn take_digit(&mut self) -> Option<Digit> {
        self.dtmf.take()
    }

    /// What RTCP reports on the stream, without the fields about sender reports; begins a new interval.
    pub fn report(&mut self) -> Option<ReportBlock> {
        Some(self.sequences.report(self.ssrc?))
    }

    /// What a payload type stands for. Both kinds of G.711 are taken whatever was agreed, if only the clock is the
    /// same: some far ends switch.
    fn kind(&self, rtp: &RtpReader<'_>) -> Option<Kind> {
        let payload_type = rtp.payload_type();
        if let Some((_, clock_hz)) = self.dtmf_payload_type.filter(|(dtmf, _)| *dtmf == payload_type) {
            return Some(Kind::Event { clock_hz });
        }
        if payload_type == COMFORT_NOISE {
            return Some(Kind::Noise);
        }
        let agreed = self.codec_payload_type.filter(|(pt, _)| *pt == payload_type).map(|(_, codec)| codec);
        let clock_hz = self.codec_payload_type.map_or(8_000, |(_, codec)| codec.clock_rate_hz());
        let switched = || Codec::from_static_payload_type(payload_type).filter(|codec| codec.law().is_some());
        let codec = agreed.or_else(|| switched().filter(|codec| codec.clock_rate_hz() == clock_hz))?;
        codec.payload_ticks(rtp.payload()).map(|_| Kind::Audio(codec))
    }

    /// Symmetric RTP: decides whether the source counts, and latches on to it.
    fn accept(&mut self, source: SocketAddr, now: Micros) -> bool {
        let fit = self.expected.map_or(Fit::Early, |expected| fit(expected, source));
        let allowed = self.allowed_nets.is_empty() || self.allowed_nets.iter().any(|net| net.contains(source.ip()));
        if fit < Fit::SameHost && !allowed {
            return false;
        }
        if let Some(latch) = &mut self.latch {
            if latch.source == source {
                latch.last_packet = now;
                return true;
            }
            let stale = now.saturating_sub(latch.last_packet) > RELATCH_AFTER;
            let same_host = fit == Fit::SameHost || latch.source.ip() == source.ip();
            if fit <= latch.fit && !(stale && same_host) {
                return false;
            }
        } else if !self.has_proven_itself(source, fit) {
            return false;
        }
        self.latch = Some(Latch { source, fit, last_packet: now });
        self.probation = None;
        self.restart();
        true
    }

    fn has_proven_itself(&mut self, source: SocketAddr, fit: Fit) -> bool {
        let needed = match fit {
            Fit::Exact => return true,
            _ if self.retired == Some(source) => RETIRED_PROBATION,
            Fit::Stranger => PROBATION,
            Fit::Early | Fit::SameHost => return true,
        };
        let seen = match self.probation {
            Some((known, seen)) if known == source => seen + 1,
            _ => 1,
        };
        self.probation = Some((source, seen));
        seen >= needed
    }

    /// A new SSRC is taken at its second packet, so that a stray packet does not disturb the stream.
    fn accept_ssrc(&mut self, ssrc: u32, stats: &mut MediaStats) -> bool {
        if self.ssrc == Some(ssrc) {
            self.next_ssrc = None;
            return true;
        }
        if self.ssrc.is_some() {
            if self.next_ssrc != Some(ssrc) {
                self.next_ssrc = Some(ssrc);
                return false;
            }
            stats.ssrc_changes += 1;
            self.restart();
        }
        self.ssrc = Some(ssrc);
        true
    }

    fn restart(&mut self) {
        self.ssrc = None;
        self.next_ssrc = None;
        self.jitter.reset();
        self.dtmf.reset();
        self.sequences = Sequences::default();
    }
}

fn fit(expected: SocketAddr, source: SocketAddr) -> Fit {
    if expected == source {
        Fit::Exact
    } else if expected.ip() == source.ip() {
        Fit::SameHost
    } else {
        Fit::Stranger
    }
}

/// Sequence numbers and jitter of one stream (RFC 3550, A.3 and A.8).
#[derive(Debug, Default)]
struct Sequences {
    first: Option<i64>,
    highest: i64,
    received: i64,
    /// Which of the 64 numbers up to the highest have come.
    seen: u64,
    expected_before: i64,
    received_before: i64,
    transit: Option<i64>,
    /// In timestamp units, times 16.
    jitter: i64,
    /// Of the RTP clock; 0 before the first packet.
    clock_hz: u32,
}

impl Sequences {
    /// Counts a packet; false for a duplicate.
    fn note(&mut self, sequence: u16) -> bool {
        if self.first.is_none() {
            self.first = Some(i64::from(sequence));
            self.highest = i64::from(sequence);
            self.seen = 0;
        }
        let ahead = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        if ahead > 0 {
            self.seen = self.seen.checked_shl(ahead as u32).unwrap_or(0);
            self.highest += ahead;
        }
        let back = (-ahead).max(0);
        let bit = 1u64.checked_shl(back as u32).unwrap_or(0);
        if self.seen & bit != 0 {
            return false;
        }
        self.seen |= bit;
        self.received += 1;
        true
    }

    fn note_transit(&mut self, timestamp: u32, clock_hz: u32, arrival: Micros) {
        if std::mem::replace(&mut self.clock_hz, clock_hz) != clock_hz {
            (self.transit, self.jitter) = (None, 0);
        }
        // Differences of the lower 32 bits, so that the timestamp may wrap.
        let now = (u128::from(arrival) * u128::from(clock_hz) / 1_000_000) as u32;
        let transit = i64::from(now.wrapping_sub(timestamp) as i32);
        if let Some(last) = self.transit {
            let difference = i64::from((transit as i32).wrapping_sub(last as i32).unsigned_abs());
            // A timeline that jumped by a second says nothing about the network.
            if difference < i64::from(clock_hz) {
                self.jitter += difference - ((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    fn expected(&self) -> i64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    fn lost(&self) -> i64 {
        self.expected() - self.received
    }

    fn jitter_us(&self) -> u64 {
        (self.jitter.max(0) as u64 >> 4) * 1_000_000 / u64::from(self.clock_hz.max(1))
    }

    fn report(&mut self, ssrc: u32) -> ReportBlock {
        let expected = self.expected() - self.expected_before;
        let received = self.received - self.received_before;
        self.expected_before = self.expected();
        self.received_before = self.received;
        let lost = (expected - received).max(0);
        ReportBlock {
            ssrc,
            fraction_lost: if expected > 0 { (lost * 256 / expected).min(255) as u8 } else { 0 },
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_sequence: self.highest as u32,
            jitter: (self.jitter.max(0) >> 4) as u32,
            last_sr: 0,
            delay_since_last_sr: 0,
        }
    }
}

/// When media counts as dead: packets stopped, or never came, for `limit`.
#[derive(Debug)]
pub struct DeadMedia {
    limit: Option<Duration>,
    watching_since: Option<Micros>,
    reported: bool,
}

impl DeadMedia {
    /// Never, if there is no limit.
    pub fn new(limit: Option<Duration>) -> Self {
        Self { limit, watching_since: None, reported: false }
    }

    /// The silence in milliseconds, once, when it reaches the limit. A hold ends the watch; it begins anew after.
    pub fn check(&mut self, now: Micros, last_packet: Option<Micros>, on_hold: bool) -> Option<u64> {
        let limit = self.limit?.as_micros() as u64;
        if on_hold {
            self.watching_since = None;
            self.reported = false;
            return None;
        }
        let since = *self.watching_since.get_or_insert(now);
        let silent = now.saturating_sub(since.max(last_packet.unwrap_or(0)));
        if silent < limit {
            self.reported = false;
            return None;
        }
        (!std::mem::replace(&mut self.reported, true)).then_some(silent / 1_000)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wide_tests;
