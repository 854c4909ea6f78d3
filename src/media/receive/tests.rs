use super::*;
use crate::media::codec::stream::OpusWishes;
use crate::media::rtp::{HEADER_BYTES, Header};
use crate::media::sdp::Direction;
use crate::media::tone;

const SDP: &str = "203.0.113.5:4000";
const TONE_HZ: f32 = 400.0;

/// A far end on a virtual clock, with the mistakes far ends make.
struct FarEnd {
    source: SocketAddr,
    codec: Codec,
    payload_type: u8,
    packet_ms: u32,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    hz: f32,
}

impl FarEnd {
    fn at(source: &str) -> Self {
        Self {
            source: source.parse().unwrap(),
            codec: Codec::Pcma,
            payload_type: 8,
            packet_ms: 20,
            ssrc: 7,
            sequence: 65_530,
            timestamp: u32::MAX - 500,
            hz: TONE_HZ,
        }
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; HEADER_BYTES];
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        Header { payload_type, marker: false, sequence, timestamp, ssrc }.write(&mut packet);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    fn audio(&mut self) -> Vec<u8> {
        let samples = self.packet_ms as usize * 8;
        // A period divides every packet length, so that each packet may begin at phase zero.
        let pcm = tone::sine(self.hz, 8_000.0, samples);
        let payload: Vec<u8> = pcm.iter().map(|s| self.codec.law().unwrap().encode_sample(*s)).collect();
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(samples as u32);
        self.packet(self.payload_type, timestamp, &payload)
    }
}

struct Near {
    receiver: Receiver,
    stats: MediaStats,
    now: Micros,
    heard: Vec<PcmFrame>,
}

impl Near {
    fn new() -> Self {
        let mut near = Self::before_answer();
        near.configure(SDP);
        near
    }

    fn before_answer() -> Self {
        Self::within(&[])
    }

    fn within(nets: &[&str]) -> Self {
        let nets = nets.iter().map(|n| n.parse().unwrap()).collect();
        Self { receiver: Receiver::new(nets, 40..=200), stats: MediaStats::default(), now: 1_000_000, heard: vec![] }
    }

    fn configure(&mut self, remote: &str) {
        self.receiver.configure(&MediaParams {
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf_payload_type: Some(101),
            dtmf_clock_hz: 8_000,
            opus: OpusWishes::default(),
            remote: remote.parse().unwrap(),
            direction: Direction::SEND_RECV,
            ptime_ms: 20,
            srtp: None,
        });
    }

    fn take(&mut self, packet: &[u8], source: SocketAddr) {
        self.receiver.receive(packet, source, self.now, &mut self.stats);
    }

    /// One frame of 20 ms in which each far end sends what is due.
    fn frame(&mut self, far: &mut [&mut FarEnd]) {
        for far in far {
            let mut due = if far.packet_ms < 20 { 20 / far.packet_ms } else { 1 };
            if far.packet_ms > 20 && !(self.now / 1_000).is_multiple_of(u64::from(far.packet_ms)) {
                due = u32::from(far.packet_ms == 30 && (self.now / 1_000) % 60 == 40);
            }
            for _ in 0..due {
                let packet = far.audio();
                self.take(&packet, far.source);
            }
        }
        self.now += 20_000;
        let frame = self.receiver.pop(self.now, 0, &mut self.stats);
        self.heard.push(frame);
    }

    fn frames(&mut self, count: usize, far: &mut [&mut FarEnd]) {
        for _ in 0..count {
            self.frame(far);
        }
    }

    fn last(&self, frames: usize) -> Vec<i16> {
        self.heard[self.heard.len() - frames..].iter().flat_map(|f| f.samples).collect()
    }

    fn hears(&self, hz: f32) -> bool {
        tone::is_present(&self.last(5), hz)
    }
}

#[test]
fn all_packet_lengths_carry_the_tone_without_a_gap() {
    for packet_ms in [10, 20, 30, 40, 60] {
        let (mut near, mut far) = (Near::new(), FarEnd { packet_ms, ..FarEnd::at(SDP) });
        near.frames(100, &mut [&mut far]);
        assert!(near.hears(TONE_HZ), "{packet_ms} ms");
        let gaps = near.heard[10..].iter().filter(|f| f.concealed).count();
        assert_eq!(gaps, 0, "{packet_ms} ms");
        assert_eq!((near.stats.packets_lost, near.stats.packets_late), (0, 0));
    }
}

#[test]
fn an_odd_port_is_as_good_as_an_even_one() {
    let (mut near, mut far) = (Near::before_answer(), FarEnd::at("203.0.113.5:4001"));
    near.configure("203.0.113.5:4001");
    near.frames(20, &mut [&mut far]);
    assert!(near.hears(TONE_HZ));
    assert_eq!(near.receiver.source(), Some((far.source, true)));
}

#[test]
fn an_ssrc_that_changes_in_mid_stream_is_followed_at_its_second_packet() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    far = FarEnd { ssrc: 8, sequence: 3, timestamp: 77, hz: 800.0, ..far };
    near.frames(20, &mut [&mut far]);
    assert!(near.hears(800.0));
    assert_eq!(near.stats.ssrc_changes, 1);
    assert_eq!(near.stats.packets_lost, 0);
    // One stray packet of a third SSRC changes nothing.
    let stray = FarEnd { ssrc: 9, ..FarEnd::at(SDP) }.audio();
    near.take(&stray, far.source);
    near.frames(5, &mut [&mut far]);
    assert!(near.hears(800.0));
    assert!(near.heard[near.heard.len() - 5..].iter().all(|f| !f.concealed));
    assert_eq!(near.stats.ssrc_changes, 1);
}

#[test]
fn the_payload_type_may_change_from_packet_to_packet() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    for n in 0..60 {
        (far.codec, far.payload_type) = if n % 3 == 0 { (Codec::Pcmu, 0) } else { (Codec::Pcma, 8) };
        near.frame(&mut [&mut far]);
    }
    assert!(near.hears(TONE_HZ));
    // One that nobody agreed to is not audio.
    far.payload_type = 18;
    near.frames(10, &mut [&mut far]);
    assert!(!near.hears(TONE_HZ));
    assert_eq!(near.stats.packets_invalid, 10);
}

#[test]
fn comfort_noise_replaces_silence_until_speech() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    let noise = far.packet(13, far.timestamp, &[60]);
    near.take(&noise, far.source);
    near.frames(20, &mut []);
    assert!(near.heard[30..].iter().all(|f| f.comfort_noise && f.rms() > 5.0 && f.rms() < 60.0), "{:?}", near.heard);
    far.timestamp = far.timestamp.wrapping_add(20 * 160);
    near.frames(20, &mut [&mut far]);
    assert!(near.hears(TONE_HZ));
    assert_eq!(near.stats.packets_lost, 0);
}

#[test]
fn early_media_is_heard_and_stays_latched_through_the_answer() {
    let (mut near, mut far) = (Near::before_answer(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    assert!(near.hears(TONE_HZ));
    near.configure(SDP);
    near.frames(20, &mut [&mut far]);
    assert!(near.heard[10..].iter().all(|f| !f.concealed));
    assert_eq!(near.receiver.source(), Some((far.source, true)));
}

#[test]
fn a_second_source_is_ignored_after_latching() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    for other in ["203.0.113.5:4002", "198.51.100.9:4000"] {
        let mut other = FarEnd { hz: 800.0, ..FarEnd::at(other) };
        near.frames(20, &mut [&mut other, &mut far]);
        assert!(near.hears(TONE_HZ));
    }
    assert_eq!(near.stats.packets_foreign, 40);
    assert_eq!(near.stats.concealed_ms, 20, "only the delay at the start");
}

#[test]
fn behind_an_address_translator_the_real_source_is_latched() {
    let (mut near, mut far) = (Near::before_answer(), FarEnd::at("198.51.100.9:31337"));
    near.configure("10.0.0.5:4000");
    near.frames(20, &mut [&mut far]);
    assert!(near.hears(TONE_HZ));
    assert_eq!(near.receiver.source(), Some((far.source, false)));
    assert_eq!(near.stats.packets_foreign, 4);
}

#[test]
fn the_late_stream_of_the_last_call_gives_way_to_the_one_in_the_sdp() {
    for late in ["203.0.113.5:5000", "198.51.100.9:4000"] {
        let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
        let mut late = FarEnd { hz: 800.0, ssrc: 99, ..FarEnd::at(late) };
        near.frames(20, &mut [&mut late]);
        near.frames(20, &mut [&mut late, &mut far]);
        assert!(near.hears(TONE_HZ), "{}", late.source);
        assert_eq!(near.receiver.source(), Some((far.source, true)));
    }
}

#[test]
fn allowed_networks_keep_all_others_out() {
    let mut near = Near::within(&["198.51.100.0/24"]);
    near.configure(SDP);
    let mut stranger = FarEnd::at("192.0.2.66:4000");
    near.frames(30, &mut [&mut stranger]);
    assert_eq!(near.receiver.source(), None);
    let mut allowed = FarEnd::at("198.51.100.3:9000");
    near.frames(30, &mut [&mut allowed]);
    assert_eq!(near.receiver.source(), Some((allowed.source, false)));
    let mut named = FarEnd { hz: 800.0, ..FarEnd::at(SDP) };
    near.frames(30, &mut [&mut named, &mut allowed]);
    assert!(near.hears(800.0));
}

#[test]
fn a_source_that_fell_silent_may_come_back_on_another_port_of_its_host() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    let mut moved = FarEnd { hz: 800.0, ..FarEnd::at("203.0.113.5:4777") };
    near.frames(100, &mut [&mut moved]);
    assert!(!near.hears(800.0), "not within 3 s");
    near.frames(80, &mut [&mut moved]);
    assert!(near.hears(800.0));
}

#[test]
fn a_re_invite_moves_the_media_and_the_old_stream_is_left_behind() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    near.configure("203.0.113.5:6000");
    near.frames(3, &mut [&mut far]);
    assert_eq!(near.receiver.source(), None, "what we send goes to the new address at once");
    let mut moved = FarEnd { hz: 800.0, ..FarEnd::at("203.0.113.5:6000") };
    near.frames(20, &mut [&mut far, &mut moved]);
    assert!(near.hears(800.0));
    // A hold by 0.0.0.0 changes nothing about the source.
    near.configure("0.0.0.0:6000");
    near.frames(5, &mut [&mut moved]);
    assert_eq!(near.receiver.source(), Some((moved.source, true)));
}

#[test]
fn digits_arrive_once_between_audio_packets() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    let began = far.timestamp;
    for duration in [160u16, 320, 480, 480, 480] {
        let [high, low] = duration.to_be_bytes();
        let end = if duration == 480 { 0x80 } else { 0 };
        let packet = far.packet(101, began, &[7, end | 10, high, low]);
        near.take(&packet, far.source);
        near.take(&packet, far.source);
        near.frame(&mut []);
        far.timestamp = far.timestamp.wrapping_add(160);
    }
    near.frames(20, &mut [&mut far]);
    assert_eq!(near.receiver.take_digit(), Some(Digit { digit: '7', duration_ms: 60 }));
    assert_eq!(near.receiver.take_digit(), None);
    assert_eq!((near.stats.packets_duplicate, near.stats.packets_lost), (5, 0));
    assert!(near.hears(TONE_HZ));
}

#[test]
fn loss_duplicates_and_jitter_are_counted_as_rfc_3550_says() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    for n in 0..100 {
        let packet = far.audio();
        if n % 10 != 5 {
            near.take(&packet, far.source);
        }
        if n % 10 == 7 {
            near.take(&packet, far.source);
        }
        near.frame(&mut []);
    }
    assert_eq!(near.stats.packets_lost, 10);
    assert_eq!(near.stats.packets_duplicate, 10);
    let report = near.receiver.report().unwrap();
    assert_eq!((report.ssrc, report.cumulative_lost, report.fraction_lost), (7, 10, 25));
    assert_eq!(report.highest_sequence, 65_530 + 99, "with the cycle above 16 bits");
    assert_eq!(report.jitter, 0);
    assert_eq!(near.receiver.report().unwrap().fraction_lost, 0, "nothing since");
    for n in 0..200 {
        let packet = far.audio();
        // 10 ms early and late by turns.
        near.receiver.receive(&packet, far.source, near.now + (n % 2) * 10_000, &mut near.stats);
        near.frame(&mut []);
    }
    let jitter_ms = near.receiver.report().unwrap().jitter / 8;
    assert!((9..=10).contains(&jitter_ms), "{jitter_ms}");
}

#[test]
fn junk_is_counted_and_changes_nothing() {
    let (mut near, mut far) = (Near::new(), FarEnd::at(SDP));
    near.frames(20, &mut [&mut far]);
    let before = near.stats;
    let huge = far.packet(8, far.timestamp, &[0xD5; 1_400]);
    let empty = far.packet(8, far.timestamp, &[]);
    far.sequence = far.sequence.wrapping_sub(2);
    let junk: [&[u8]; 6] = [b"", b"x", &[0x80; 11], &[0x40; 172], &huge, &empty];
    for packet in junk {
        near.take(packet, far.source);
    }
    assert_eq!(near.stats, MediaStats { packets_invalid: before.packets_invalid + 6, ..before });
    near.frames(10, &mut [&mut far]);
    assert!(near.hears(TONE_HZ));
    assert_eq!(near.stats.packets_lost, 0);
}

#[test]
fn dead_media_is_reported_once_per_silence_and_never_on_hold() {
    let second = 1_000_000;
    let mut dead = DeadMedia::new(Some(Duration::from_secs(20)));
    let mut at = |now: u64, last: Option<u64>, hold: bool| dead.check(now * second, last.map(|l| l * second), hold);
    assert_eq!(at(100, None, false), None);
    assert_eq!(at(119, None, false), None);
    assert_eq!(at(120, None, false), Some(20_000), "never any media");
    assert_eq!(at(140, None, false), None, "once");
    assert_eq!(at(141, Some(141), false), None);
    assert_eq!(at(160, Some(141), false), None);
    assert_eq!(at(162, Some(141), false), Some(21_000));
    assert_eq!(at(163, Some(163), false), None);
    assert_eq!(at(170, Some(163), true), None);
    assert_eq!(at(300, Some(163), true), None, "on hold");
    assert_eq!(at(301, Some(163), false), None);
    assert_eq!(at(320, Some(163), false), None, "the watch begins anew after the hold");
    assert_eq!(at(321, Some(163), false), Some(20_000));
    assert_eq!(DeadMedia::new(None).check(u64::MAX, None, false), None);
}

proptest::proptest! {
    #[test]
    fn no_packets_make_it_panic(packets in proptest::collection::vec(
        (proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), 0u8..3, 0u8..3), 0..40)) {
        let mut near = Near::new();
        for (mut packet, kind, source) in packets {
            // Most shall pass for RTP.
            if kind > 0 && packet.len() > 1 {
                packet[0] = 0x80 | (packet[0] & 0x3F);
                packet[1] = [8, 13, 101][usize::from(packet[1]) % 3];
            }
            near.take(&packet, ([203, 0, 113, 5], 4_000 + u16::from(source)).into());
            near.frame(&mut []);
        }
    }
}
