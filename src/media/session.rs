//! One session as its wheel sees it: the two sockets and everything between them and the call.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::domain::{DtmfMode, IpNet};

use super::dtmf::{self, DtmfFrame, DtmfSender};
use super::engine::{MediaEvent, Shared};
use super::frame::{FRAME_MS, PcmFrame, SAMPLE_RATE_HZ};
use super::jitter::Micros;
use super::net::{self, RecvBatch, SocketPair};
use super::playout::{Playout, PlayoutNote, Stopped};
use super::receive::{DeadMedia, Receiver};
use super::recorder::{Job, Recorder};
use super::relay::Outbox;
use super::resample::Halver;
use super::rtcp::{self, Item, SenderInfo};
use super::rtp::{self, HEADER_BYTES, Header};
use super::sdp::MediaParams;
use super::stats::MediaStats;
use super::wheel::Order;

mod bridge;
mod outgoing;
mod recording;
mod security;

use bridge::Bridge;
use outgoing::{Format, Outgoing};
use recording::Recording;
use security::Security;

/// Places in the event queue that frames leave to everything else.
const RESERVED_EVENTS: usize = 32;
/// Events that wait for a consumer that does not read at all; keys pressed beyond are dropped.
const MOST_PENDING: usize = 1_024;
/// Batches read per frame, so that a flood on one port cannot hold up the other calls.
const MOST_BATCHES: usize = 8;
/// RTCP is read twice a second and sent every five seconds (RFC 3550 §6.2), in frames; the first report goes out
/// after a second, and a second one soon after it tells the round trip.
const RTCP_READ_FRAMES: u64 = 25;
const RTCP_SEND_FRAMES: u64 = 250;
const RTCP_FIRST_FRAMES: [u64; 2] = [50, 100];
/// The longest payload that is sent or passed on: 120 ms of G.711, and the most of Opus that fits an Ethernet frame.
const MOST_PAYLOAD: usize = 1_440;
const PACKET_BYTES: usize = HEADER_BYTES + MOST_PAYLOAD;

/// What a session is made of.
pub struct SessionParts {
    pub key: u64,
    pub sockets: SocketPair,
    pub allowed_nets: Vec<IpNet>,
    pub keys_by: DtmfMode,
    pub dead_media: Option<Duration>,
    pub jitter_ms: RangeInclusive<u32>,
    pub events: mpsc::Sender<MediaEvent>,
    pub shared: Arc<Shared>,
    pub recorder: Recorder,
}

/// The two clocks at the beginning of a turn of the wheel.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// Monotonic.
    pub now: Micros,
    /// Since 1970, for the kernel's packet times.
    pub unix_ns: u64,
}

impl Clocks {
    pub fn read() -> Self {
        Self { now: net::monotonic_ns() / 1_000, unix_ns: net::realtime_ns() }
    }

    /// When a packet came on the monotonic clock. A clock that was set meanwhile cannot put it far away.
    fn arrival(&self, stamp_unix_ns: Option<u64>) -> Micros {
        let age_us = stamp_unix_ns.map_or(0, |stamp| self.unix_ns.saturating_sub(stamp) / 1_000);
        self.now - age_us.min(500_000).min(self.now)
    }
}

/// The owner of one call's media, driven by the wheel: [`Session::send`], [`Session::receive`] and
/// [`Session::deliver`], in this order, every 20 ms.
pub struct Session {
    pub key: u64,
    shared: Arc<Shared>,
    params: Option<MediaParams>,
    /// Frames since the media start.
    frame: u64,
    receiver: Receiver,
    security: Security,
    playout: Playout,
    dtmf: DtmfSender,
    keys_by: DtmfMode,
    dead: DeadMedia,
    bridge: Option<Bridge>,
    /// Frames are wanted within a bridge.
    listening: bool,
    out: Outgoing,
    rtcp: Rtcp,
    recording: Option<Recording>,
    recordings: u64,
    /// For what is heard and what is sent: recordings and listeners get 8 kHz.
    halvers: [Halver; 2],
    recorder: Recorder,
    /// Jobs for the recorder that must not be lost.
    jobs: VecDeque<Job>,
    heard: Option<PcmFrame>,
    pending: VecDeque<MediaEvent>,
    notes: Vec<PlayoutNote>,
    /// The last frame was silence for want of anything to play.
    quiet: bool,
    stats: MediaStats,
    connected: Option<SocketAddr>,
    events: mpsc::Sender<MediaEvent>,
    /// Taken out first when the session is dropped.
    sockets: Option<SocketPair>,
}

#[derive(Default)]
struct Rtcp {
    remote: Option<SocketAddr>,
    /// The middle of the last sender report's NTP time, and when it came.
    last_sr: Option<(u32, Micros)>,
}

impl Session {
    pub fn new(parts: SessionParts) -> Self {
        Self {
            key: parts.key,
            shared: parts.shared,
            params: None,
            frame: 0,
            receiver: Receiver::new(parts.allowed_nets, parts.jitter_ms),
            security: Security::default(),
            playout: Playout::default(),
            dtmf: DtmfSender::default(),
            keys_by: parts.keys_by,
            dead: DeadMedia::new(parts.dead_media),
            bridge: None,
            listening: false,
            out: Outgoing::new(),
            rtcp: Rtcp::default(),
            recording: None,
            recordings: 0,
            halvers: Default::default(),
            recorder: parts.recorder,
            jobs: VecDeque::new(),
            heard: None,
            pending: VecDeque::new(),
            notes: Vec::with_capacity(8),
            quiet: false,
            stats: MediaStats::default(),
            connected: None,
            events: parts.events,
            sockets: Some(parts.sockets),
        }
    }

    /// Whether the handle was dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Carries out what the handle asked for.
    pub fn order(&mut self, order: Order) {
        match order {
            Order::Configure(params) => self.configure(params),
            Order::Play(clips) => self.playout.push(clips),
            Order::Repeat(clip) => self.playout.push_repeating(clip),
            Order::Stop { fade_ms } => {
                let pending = &mut self.pending;
                self.playout.stop(fade_ms, |stopped| pending.push_back(stopped.into()));
            }
            Order::Pause => self.playout.pause(),
            Order::Resume => self.playout.resume(),
            Order::Duck(gain_db) => self.playout.set_gain(gain_db),
            Order::Dtmf(_) if self.keys_by == DtmfMode::Info => {}
            Order::Dtmf(digits) => self.dtmf.push(&digits),
            Order::Record(path) => self.record(path),
            Order::Listen(wanted) => self.listening = wanted,
        }
    }

    fn configure(&mut self, params: MediaParams) {
        if self.security.configure(params.srtp.as_ref()) {
            self.receiver.forget_source();
        }
        self.receiver.configure(&params);
        self.playout.set_codec(params.codec);
        if self.params.as_ref().is_some_and(|old| old.remote.ip() != params.remote.ip()) {
            self.rtcp.remote = None;
        }
        self.out.configure(&params);
        self.params = Some(params);
    }

    /// Leaves frames out, when the machine stood still.
    pub fn skip(&mut self, frames: u64) {
        if self.params.is_some() {
            self.flush_recording();
            self.frame += frames;
            self.out.advance(frames as u32);
        }
    }

    /// Sends this frame's packet.
    pub fn send(&mut self) {
        let quiet = &self.shared.quiet_frames;
        // Whatever is not the playout's silence counts as sound: a hold, a bridge, keys.
        let is_quiet = self.quiet && self.playout.is_idle();
        quiet.store(if is_quiet { quiet.load(Ordering::Relaxed) + 1 } else { 0 }, Ordering::Relaxed);
        self.quiet = false;
        self.follow_bridge();
        let Some(params) = &self.params else { return };
        let format = Format::from(params);
        let events = self.events_out(params);
        let Some(to) = self.destination() else {
            // On hold: what plays waits.
            self.out.frame.mute(0);
            self.out.marker = true;
            self.out.drop_waiting();
            self.out.advance(1);
            return;
        };
        if self.is_relaying() {
            self.out.advance(1);
            return;
        }
        match self.dtmf.step(events.is_none()) {
            Some(DtmfFrame::Event { payload, begins }) => {
                self.out.frame.mute(0);
                let (payload_type, clock_hz) = events.unwrap_or_default();
                self.send_event(payload_type, dtmf::with_clock(payload, SAMPLE_RATE_HZ, clock_hz), begins, to);
            }
            Some(step) => {
                self.out.frame.mute(0);
                if let DtmfFrame::Tone { digit, index } = step {
                    self.out.fill_tone(digit, index);
                }
                self.send_audio(&format, to);
            }
            None if self.take_transcoded() => self.send_audio(&format, to),
            None => {
                let notes = &mut self.notes;
                self.quiet = self.playout.is_idle();
                self.playout.fill(&mut self.out.frame, |note| notes.push(note));
                self.send_audio(&format, to);
                self.note_playout();
            }
        }
        self.out.advance(1);
    }

    /// The payload type that keys are sent with, and the clock of their durations, where they are sent as telephone events.
    fn events_out(&self, params: &MediaParams) -> Option<(u8, u32)> {
        let payload_type = params.dtmf_payload_type.filter(|_| self.keys_by == DtmfMode::Rfc4733)?;
        Some((payload_type, params.dtmf_clock_hz))
    }

    /// Where packets go: to the source heard, else to the address in the SDP; `None` while nothing may be sent.
    fn destination(&self) -> Option<SocketAddr> {
        let params = self.params.as_ref()?;
        let wanted = params.direction.send && !params.remote.ip().is_unspecified();
        self.rtp_remote().filter(|_| wanted)
    }

    /// The far end of the RTP: the source heard, or else what the SDP says, if it says any.
    fn rtp_remote(&self) -> Option<SocketAddr> {
        let stated = self.params.as_ref().map(|params| params.remote).filter(|to| !to.ip().is_unspecified());
        self.receiver.source().map(|(source, _)| source).or(stated)
    }

    fn send_event(&mut self, payload_type: u8, payload: [u8; 4], begins: bool, to: SocketAddr) {
        if begins {
            self.out.event_timestamp = self.out.timestamp;
            self.out.drop_waiting();
        }
        self.out.packet[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&payload);
        self.send_packet(payload_type, begins, self.out.event_timestamp, 4, to);
        self.out.marker = true;
    }

    fn send_packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: usize, to: SocketAddr) {
        let header = Header { payload_type, marker, sequence: self.out.sequence, timestamp, ssrc: self.out.ssrc };
        header.write(&mut self.out.packet);
        self.out.sequence = self.out.sequence.wrapping_add(1);
        let packet = self.security.protect_rtp(&self.out.packet[..HEADER_BYTES + payload]);
        let (Some(sockets), Some(packet)) = (&self.sockets, packet) else {
            self.stats.send_errors += 1;
            return;
        };
        let sent = if self.connected == Some(to) { sockets.rtp.send(packet) } else { sockets.rtp.send_to(packet, to) };
        match sent {
            Ok(_) => {
                self.stats.packets_sent += 1;
                self.stats.octets_sent += payload as u64;
            }
            Err(_) => self.stats.send_errors += 1,
        }
    }

    fn note_playout(&mut self) {
        if self.notes.is_empty() {
            return;
        }
        let at = Instant::now();
        let media_ms = self.frame * u64::from(FRAME_MS);
        for note in self.notes.drain(..) {
            self.pending.push_back(match note {
                PlayoutNote::Started { id, offset_ms } => {
                    MediaEvent::PlayoutStarted { id, at, media_ms: media_ms + offset_ms }
                }
                PlayoutNote::Finished { id, offset_ms } => {
                    MediaEvent::PlayoutFinished { id, media_ms: media_ms + offset_ms }
                }
                PlayoutNote::Stopped(stopped) => stopped.into(),
            });
        }
    }

    /// Reads what has arrived and makes the caller's frame of it.
    pub fn receive(&mut self, batch: &mut RecvBatch, outbox: &mut Outbox, clocks: Clocks) {
        self.read_rtp(batch, outbox, clocks);
        let Some(params) = &self.params else { return };
        let direction = params.direction;
        let media_ms = self.frame * u64::from(FRAME_MS);
        let mut frame = self.receiver.pop(clocks.now, media_ms, &mut self.stats);
        frame.sent_rms = self.out.frame.rms();
        if !direction.recv {
            let sent_rms = frame.sent_rms;
            frame = PcmFrame { sent_rms, ..PcmFrame::silence_of(frame.samples.is_wide(), media_ms) };
        }
        if direction.recv && self.is_transcoded() {
            outbox.push_frame(&frame);
        }
        while let Some(digit) = self.receiver.take_digit() {
            self.stats.dtmf_received += 1;
            if self.bridge.is_some() && direction.recv {
                outbox.push_digit(digit.digit);
            }
            if self.pending.len() < MOST_PENDING {
                self.pending.push_back(MediaEvent::Dtmf { digit: digit.digit, duration_ms: digit.duration_ms });
            }
        }
        if let Some(silent_ms) = self.dead.check(clocks.now, self.receiver.last_packet(), direction.is_hold()) {
            self.pending.push_back(MediaEvent::Dead { silent_ms });
        }
        self.follow_source(clocks.now);
        if self.frame % RTCP_READ_FRAMES == RTCP_READ_FRAMES - 1 {
            self.read_rtcp(batch, clocks);
        }
        if self.frame % RTCP_SEND_FRAMES == RTCP_SEND_FRAMES - 1 || RTCP_FIRST_FRAMES.contains(&self.frame) {
            self.send_rtcp(clocks, false);
        }
        self.record_frame(&frame);
        self.heard = Some(frame).filter(|_| self.bridge.is_none() || self.listening);
        self.frame += 1;
    }

    fn read_rtp(&mut self, batch: &mut RecvBatch, outbox: &mut Outbox, clocks: Clocks) {
        let passes_on = self.peer().is_some() && self.params.as_ref().is_some_and(|params| params.direction.recv);
        for _ in 0..MOST_BATCHES {
            let Some(sockets) = &self.sockets else { return };
            let count = batch.receive(&sockets.rtp);
            for n in 0..count {
                let Some((packet, source, stamp)) = batch.get_mut(n) else { continue };
                let arrival = clocks.arrival(stamp);
                if rtp::looks_like_rtcp(packet) {
                    self.take_rtcp(packet, source, false, arrival, clocks);
                } else if let Some(packet) = self.security.unprotect_rtp(packet, &mut self.stats) {
                    let heard = self.receiver.receive(packet, source, arrival, &mut self.stats);
                    heard.into_iter().filter(|_| passes_on).for_each(|heard| outbox.push(heard));
                }
            }
            if count < RecvBatch::CAPACITY {
                return;
            }
        }
    }

    /// Connects the socket to a source that is exactly what the SDP says: sending is cheaper then, and the kernel
    /// keeps strangers out. A source that fell silent is let go, so that another may take its place.
    fn follow_source(&mut self, now: Micros) {
        let stale = self.receiver.is_source_stale(now);
        let wanted = self.receiver.source().filter(|(_, exact)| *exact && !stale).map(|(source, _)| source);
        let Some(sockets) = self.sockets.as_ref().filter(|_| wanted != self.connected) else { return };
        let done = match wanted {
            Some(source) => sockets.rtp.connect(source),
            None => net::disconnect(&sockets.rtp),
        };
        // Unconnected it works as well.
        self.connected = wanted.filter(|_| done.is_ok());
    }

    fn read_rtcp(&mut self, batch: &mut RecvBatch, clocks: Clocks) {
        let Some(sockets) = &self.sockets else { return };
        let count = batch.receive(&sockets.rtcp);
        for n in 0..count {
            let Some((packet, source, stamp)) = batch.get_mut(n) else { continue };
            self.take_rtcp(packet, source, true, clocks.arrival(stamp), clocks);
        }
    }

    /// Only the host that sends the media may report on it.
    fn take_rtcp(&mut self, packet: &mut [u8], source: SocketAddr, own_port: bool, arrival: Micros, clocks: Clocks) {
        let stated = self.params.as_ref().map(|params| params.remote.ip());
        let heard = self.receiver.source().map(|(source, _)| source.ip());
        if ![stated, heard].contains(&Some(source.ip())) {
            self.stats.packets_foreign += 1;
            return;
        }
        let Some(packet) = self.security.unprotect_rtcp(packet, &mut self.stats) else { return };
        // Symmetric like RTP: the port beside the media's is right, another only while that one is silent.
        let beside = self.rtp_remote().is_some_and(|rtp| source.port() == rtp.port().saturating_add(1));
        if own_port && (beside || self.rtcp.remote.is_none()) {
            self.rtcp.remote = Some(source);
        }
        let clock_hz = self.params.as_ref().map_or(SAMPLE_RATE_HZ, |params| params.codec.clock_rate_hz());
        let (stats, state, ours) = (&mut self.stats, &mut self.rtcp, self.out.ssrc);
        let arrived_unix_ns = clocks.unix_ns.saturating_sub((clocks.now - arrival) * 1_000);
        let read = rtcp::parse(packet, |item| match item {
            Item::Sender { info, .. } => state.last_sr = Some(((info.ntp >> 16) as u32, arrival)),
            Item::Block { block, .. } if block.ssrc == ours => {
                stats.remote_fraction_lost = u64::from(block.fraction_lost);
                stats.remote_jitter_us = u64::from(block.jitter) * 1_000_000 / u64::from(clock_hz);
                if let Some(rtt) = rtcp::round_trip_us(&block, rtcp::ntp_from_unix_ns(arrived_unix_ns)) {
                    stats.rtt_us = rtt.max(1);
                }
            }
            Item::Block { .. } | Item::Goodbye { .. } => {}
        });
        if read.is_err() {
            self.stats.packets_invalid += 1;
        }
    }

    fn send_rtcp(&mut self, clocks: Clocks, goodbye: bool) {
        let Some(rtp) = self.rtp_remote() else { return };
        let to = self.rtcp.remote.unwrap_or(SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)));
        let sender = (self.stats.packets_sent > 0).then(|| SenderInfo {
            ntp: rtcp::ntp_from_unix_ns(clocks.unix_ns),
            rtp_timestamp: self.out.timestamp,
            packets: self.stats.packets_sent as u32,
            octets: self.stats.octets_sent as u32,
        });
        let block = self.receiver.report().map(|mut block| {
            if let Some((last_sr, arrival)) = self.rtcp.last_sr {
                block.last_sr = last_sr;
                block.delay_since_last_sr = ((clocks.now.saturating_sub(arrival) << 16) / 1_000_000) as u32;
            }
            block
        });
        let mut buffer = [0; rtcp::MAX_BYTES];
        let packet = rtcp::write(&mut buffer, self.out.ssrc, sender, block, goodbye);
        let packet = self.security.protect_rtcp(packet);
        if let (Some(sockets), Some(packet)) = (&self.sockets, packet) {
            // Reports are for information; a far end without RTCP refuses them.
            _ = sockets.rtcp.send_to(packet, to);
        }
    }

    /// Hands the frame and what else happened to the call.
    pub fn deliver(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.pending.push_front(event);
                    break;
                }
                Err(TrySendError::Closed(_)) => self.pending.clear(),
            }
        }
        if let Some(frame) = self.heard.take() {
            let room = self.pending.is_empty() && self.events.capacity() > RESERVED_EVENTS;
            if !room || self.events.try_send(MediaEvent::Frame(frame)).is_err() {
                self.stats.frames_dropped += 1;
            }
        }
        self.shared.stats.publish(&self.stats);
    }

    /// Ends the session: says goodbye, closes the recording, and leaves the rest to be dropped by the recorder
    /// thread, after which the events end.
    pub fn finish(mut self: Box<Self>) -> VecDeque<Job> {
        self.part();
        if self.params.is_some() {
            self.send_rtcp(Clocks::read(), true);
        }
        self.hand_over_jobs();
        self.end_recording();
        // The last notes still reach a consumer that reads on.
        self.deliver();
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.push_back(Job::Bury(self));
        jobs
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Before `events`: who sees their end may count on the port being free.
        self.sockets = None;
    }
}

impl From<Stopped> for MediaEvent {
    fn from(stopped: Stopped) -> Self {
        Self::PlayoutStopped { id: stopped.id, played_ms: stopped.played_ms, total_ms: stopped.total_ms }
    }
}
