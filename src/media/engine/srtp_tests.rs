//! Encrypted sessions over loopback, alone and joined to others.

use std::net::UdpSocket;

use super::tests::{Events, engine, open, to, tone_clip, wait, wait_for_tone};
use super::*;
use crate::media::FRAME_SAMPLES;
use crate::media::rtp::{self, HEADER_BYTES};
use crate::media::srtp::{MasterKey, RTP_OVERHEAD, SrtpKeys, SrtpSession, Suite};

/// Of A-law.
const SILENCE: u8 = 0xD5;

fn keys(suite: Suite, local: u8, remote: u8) -> SrtpKeys {
    let key = |byte| MasterKey::from_bytes([byte; 30]);
    SrtpKeys { suite, local: key(local), remote: key(remote) }
}

fn secured(remote: SocketAddr, suite: Suite, local: u8, by: u8) -> MediaParams {
    MediaParams { srtp: Some(keys(suite, local, by)), ..to(remote) }
}

/// Two sessions with keys of each other, or none.
fn call(engine: &MediaEngine, suite: Option<Suite>) -> [(MediaSession, Events); 2] {
    let (a, b) = (open(engine), open(engine));
    let params = |remote, local, by| match suite {
        Some(suite) => secured(remote, suite, local, by),
        None => to(remote),
    };
    a.0.configure(params(b.0.local_addr(), 1, 2));
    b.0.configure(params(a.0.local_addr(), 2, 1));
    [a, b]
}

#[test]
fn two_sessions_hear_each_other_and_report_in_both_suites_and_all_lengths_of_packets() {
    for (suite, ptime_ms) in [(Suite::ALL[0], 20), (Suite::ALL[1], 10), (Suite::ALL[0], 30)] {
        let engine = engine();
        let ((a, mut a_events), (b, mut b_events)) = (open(&engine), open(&engine));
        a.configure(MediaParams { ptime_ms, ..secured(b.local_addr(), suite, 1, 2) });
        b.configure(secured(a.local_addr(), suite, 2, 1));
        a.play(vec![tone_clip(1, 500.0, 60_000)]);
        b.play(vec![tone_clip(2, 900.0, 60_000)]);
        wait_for_tone(&mut b_events, 500.0);
        wait_for_tone(&mut a_events, 900.0);
        a.send_dtmf("7");
        let digit = wait(&mut b_events, |event| match event {
            MediaEvent::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        });
        assert_eq!(digit, '7');
        wait(&mut a_events, |_| (a.stats().rtt_us > 0).then_some(()));
        for stats in [a.stats(), b.stats()] {
            let bad = (stats.packets_invalid, stats.packets_unauthentic, stats.packets_duplicate, stats.send_errors);
            assert_eq!(bad, (0, 0, 0, 0), "{stats:?}");
        }
    }
}

#[test]
fn legs_are_joined_whichever_of_them_are_encrypted() {
    let [long, short] = Suite::ALL.map(Some);
    for (left, right) in [(long, None), (None, short), (long, short)] {
        let engine = engine();
        let [(a, mut a_events), (a_leg, _a)] = call(&engine, left);
        let [(b, mut b_events), (b_leg, _b)] = call(&engine, right);
        let _bridge = a_leg.bridge(&b_leg).unwrap();
        a.play(vec![tone_clip(1, 500.0, 60_000)]);
        b.play(vec![tone_clip(2, 900.0, 60_000)]);
        wait_for_tone(&mut b_events, 500.0);
        wait_for_tone(&mut a_events, 900.0);
        // What is played on a leg, and what is passed on again after it.
        b_leg.play(vec![tone_clip(3, 1_200.0, 300)]);
        wait_for_tone(&mut b_events, 1_200.0);
        wait_for_tone(&mut b_events, 500.0);
        for session in [&a, &b, &a_leg, &b_leg] {
            let stats = session.stats();
            let bad = (stats.packets_invalid, stats.packets_unauthentic, stats.packets_lost, stats.send_errors);
            assert_eq!(bad, (0, 0, 0, 0), "{stats:?}");
        }
    }
}

/// A far end that is not ours to the point of the socket.
struct FarEnd {
    socket: UdpSocket,
    sequence: u16,
}

impl FarEnd {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, sequence: 0 }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence) * FRAME_SAMPLES as u32);
        let mut packet = vec![0; HEADER_BYTES];
        rtp::Header { payload_type: 8, marker: false, sequence, timestamp, ssrc: 77 }.write(&mut packet);
        packet.extend(payload);
        packet
    }

    fn send(&mut self, session: &MediaSession, srtp: Option<&mut SrtpSession>) {
        let packet = self.packet(&[0x55; FRAME_SAMPLES]);
        let length = packet.len();
        let mut packet = [packet, vec![0; RTP_OVERHEAD]].concat();
        let length = srtp.map_or(length, |srtp| srtp.protect_rtp(&mut packet, length).unwrap());
        self.socket.send_to(&packet[..length], session.local_addr()).unwrap();
    }
}

#[test]
fn nobody_is_believed_without_the_key_not_even_from_the_right_address() {
    let engine = engine();
    let (session, mut events) = open(&engine);
    let (mut named, mut elsewhere) = (FarEnd::new(), FarEnd::new());
    // Before the keys are known: early packets, and whoever sends them.
    for _ in 0..10 {
        elsewhere.send(&session, None);
    }
    session.configure(secured(named.addr(), Suite::ALL[0], 1, 2));
    let mut wrong = SrtpSession::new(keys(Suite::ALL[0], 3, 1));
    for _ in 0..10 {
        named.send(&session, None);
        named.send(&session, Some(&mut wrong));
        elsewhere.send(&session, None);
    }
    wait(&mut events, |_| (session.stats().packets_unauthentic >= 30).then_some(()));
    // What we send goes where the SDP says, and is no readable RTP.
    let (mut buffer, mut right) = ([0; 400], SrtpSession::new(keys(Suite::ALL[0], 2, 1)));
    let length = named.socket.recv(&mut buffer).unwrap();
    assert_eq!(length, HEADER_BYTES + FRAME_SAMPLES + 10);
    assert_ne!(buffer[HEADER_BYTES..][..8], [SILENCE; 8]);
    let plain = right.unprotect_rtp(&mut buffer[..length]).unwrap();
    assert_eq!(plain[HEADER_BYTES..], [SILENCE; FRAME_SAMPLES]);
    // The right key from an address that the SDP does not name: a far end behind an address translator.
    let before = session.stats().packets_received;
    for _ in 0..20 {
        elsewhere.send(&session, Some(&mut right));
    }
    wait(&mut events, |_| (session.stats().packets_received > before).then_some(()));
    elsewhere.socket.recv(&mut buffer).unwrap();
    assert_eq!(session.stats().ssrc_changes, 0);
}

#[test]
fn new_keys_in_mid_call_are_heard_without_a_gap() {
    let engine = engine();
    let [(a, _a), (b, mut b_events)] = call(&engine, Some(Suite::ALL[0]));
    a.play(vec![tone_clip(1, 500.0, 60_000)]);
    wait_for_tone(&mut b_events, 500.0);
    // The receiver knows the new key first, as the answerer of a re-INVITE does.
    b.configure(secured(a.local_addr(), Suite::ALL[1], 2, 9));
    let before = b.stats();
    wait(&mut b_events, |_| (b.stats().packets_received > before.packets_received + 5).then_some(()));
    a.configure(secured(b.local_addr(), Suite::ALL[1], 9, 2));
    let before = b.stats();
    wait(&mut b_events, |_| (b.stats().packets_received > before.packets_received + 20).then_some(()));
    wait_for_tone(&mut b_events, 500.0);
    let stats = b.stats();
    assert_eq!((stats.packets_unauthentic, stats.packets_lost, stats.packets_late), (0, 0, 0), "{stats:?}");
}
