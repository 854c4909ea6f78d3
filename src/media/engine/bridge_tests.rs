//! Two legs joined inside, with a far end on each that is a session of its own.

use std::net::UdpSocket;

use super::tests::{Events, engine, in_codec, narrow, open, tone_clip, wait, wait_for_tone};
use super::*;
use crate::media::codec::Codec;
use crate::media::rtp::{self, RtpReader};
use crate::media::tone;

struct Call {
    far: MediaSession,
    far_events: Events,
    leg: MediaSession,
    leg_events: Events,
}

fn call(engine: &MediaEngine, codec: Codec, dtmf: Option<u8>) -> Call {
    call_with(engine, codec, dtmf, DtmfMode::Rfc4733)
}

fn call_with(engine: &MediaEngine, codec: Codec, dtmf: Option<u8>, keys_by: DtmfMode) -> Call {
    let options = SessionOptions { keys_by, ..SessionOptions::default() };
    let ((far, far_events), (leg, leg_events)) = (open(engine), engine.open(options).unwrap());
    let params = |remote| MediaParams { dtmf_payload_type: dtmf, ..in_codec(codec, remote) };
    far.configure(params(leg.local_addr()));
    leg.configure(params(far.local_addr()));
    Call { far, far_events, leg, leg_events }
}

fn digit(event: &MediaEvent) -> Option<char> {
    if let MediaEvent::Dtmf { digit, .. } = event { Some(*digit) } else { None }
}

#[test]
fn each_far_end_hears_the_other_whatever_codec_it_speaks() {
    for (one, other) in Codec::ALL.into_iter().flat_map(|one| Codec::ALL.map(|other| (one, other))) {
        let engine = engine();
        let (mut a, mut b) = (call(&engine, one, Some(101)), call(&engine, other, Some(96)));
        let _bridge = a.leg.bridge(&b.leg).unwrap();
        a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
        b.far.play(vec![tone_clip(2, 900.0, 60_000)]);
        wait_for_tone(&mut b.far_events, 500.0);
        wait_for_tone(&mut a.far_events, 900.0);
        let stats = b.far.stats();
        let spoilt = (stats.packets_invalid, stats.packets_foreign, stats.packets_lost);
        assert_eq!(spoilt, (0, 0, 0), "{one:?} {other:?} {stats:?}");
        assert_eq!(stats.ssrc_changes, 0, "the leg keeps its own SSRC");
    }
}

#[test]
fn packets_of_one_codec_go_on_untouched() {
    let engine = engine();
    for codec in [Codec::Opus, Codec::G722] {
        let far = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (a, _a_events) = open(&engine);
        let (b, _b_events) = engine.open_beside(&a.beside(), SessionOptions::default()).unwrap();
        a.configure(in_codec(codec, far[0].local_addr().unwrap()));
        b.configure(MediaParams { payload_type: 96, ..in_codec(codec, far[1].local_addr().unwrap()) });
        let _bridge = a.bridge(&b).unwrap();
        far[1].set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let frame = codec.clock_per_tick() * 160;
        // No decoder would make anything of this: 20 ms by its first byte, noise behind it.
        let payload: Vec<u8> = std::iter::once(0x48).chain((0..159u8).map(|n| n.wrapping_mul(7))).collect();
        let mut received: Vec<(u32, u16)> = Vec::new();
        let mut sequence = 0u16;
        while received.len() < 3 {
            let mut packet = vec![0; rtp::HEADER_BYTES];
            let timestamp = u32::from(sequence) * frame;
            let payload_type = codec.default_payload_type();
            rtp::Header { payload_type, marker: false, sequence, timestamp, ssrc: 5 }.write(&mut packet);
            packet.extend_from_slice(&payload);
            far[0].send_to(&packet, a.local_addr()).unwrap();
            sequence += 1;
            let mut buffer = [0; 1_500];
            let (size, _) = far[1].recv_from(&mut buffer).unwrap();
            let read = RtpReader::new(&buffer[..size]).unwrap();
            if read.payload() == payload {
                assert_eq!(read.payload_type(), 96);
                received.push((read.timestamp(), read.sequence_number().into()));
            }
        }
        for pair in received.windows(2) {
            let (ticks, packets) = (pair[1].0.wrapping_sub(pair[0].0), pair[1].1.wrapping_sub(pair[0].1));
            assert_eq!(ticks, u32::from(packets) * frame, "{codec:?}: times as they were sent");
        }
    }
}

#[test]
fn keys_go_on_between_codecs_with_the_clock_of_each() {
    let engine = engine();
    let (mut a, mut b) = (call(&engine, Codec::Opus, Some(102)), call(&engine, Codec::Pcma, Some(101)));
    let _bridge = a.leg.bridge(&b.leg).unwrap();
    a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
    b.far.play(vec![tone_clip(2, 900.0, 60_000)]);
    wait_for_tone(&mut b.far_events, 500.0);
    wait_for_tone(&mut a.far_events, 900.0);
    let pressed = |event: &MediaEvent| match event {
        MediaEvent::Dtmf { digit, duration_ms } => Some((*digit, *duration_ms)),
        _ => None,
    };
    a.far.send_dtmf("4");
    assert_eq!(wait(&mut b.far_events, pressed), ('4', 100));
    b.far.send_dtmf("8");
    assert_eq!(wait(&mut a.far_events, pressed), ('8', 100));
    wait_for_tone(&mut b.far_events, 500.0);
    wait_for_tone(&mut a.far_events, 900.0);
}

#[test]
fn keys_are_passed_on_under_the_other_legs_payload_type_or_as_tones() {
    let engine = engine();
    let (mut a, mut b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, Codec::Pcma, Some(96)));
    let bridge = a.leg.bridge(&b.leg).unwrap();
    a.far.send_dtmf("5");
    assert_eq!(wait(&mut b.far_events, digit), '5');
    assert_eq!(wait(&mut a.leg_events, digit), '5', "our side hears of it too");
    drop(bridge);
    let mut c = call(&engine, Codec::Pcma, None);
    let _bridge = a.leg.bridge(&c.leg).unwrap();
    a.far.send_dtmf("5");
    wait(&mut c.far_events, |event| {
        let MediaEvent::Frame(frame) = event else { return None };
        let pair = tone::share(&narrow(frame), 770.0) + tone::share(&narrow(frame), 1336.0);
        (frame.rms() > 1_000.0 && pair > 0.8).then_some(())
    });
}

#[test]
fn keys_go_in_band_or_not_at_all_where_the_trunk_wants_it() {
    let engine = engine();
    let mut a = call(&engine, Codec::Pcma, Some(101));
    let mut in_band = call_with(&engine, Codec::Pcma, Some(101), DtmfMode::Inband);
    let bridge = a.leg.bridge(&in_band.leg).unwrap();
    a.far.send_dtmf("5");
    wait(&mut in_band.far_events, |event| {
        assert_eq!(digit(event), None, "events were agreed, but are not wanted");
        let MediaEvent::Frame(frame) = event else { return None };
        let pair = tone::share(&frame.samples, 770.0) + tone::share(&frame.samples, 1336.0);
        (frame.rms() > 1_000.0 && pair > 0.8).then_some(())
    });
    assert_eq!(wait(&mut a.leg_events, digit), '5');
    drop(bridge);
    // The call sends INFO instead.
    let mut by_info = call_with(&engine, Codec::Pcma, Some(101), DtmfMode::Info);
    let _bridge = a.leg.bridge(&by_info.leg).unwrap();
    a.far.send_dtmf("5");
    assert_eq!(wait(&mut a.leg_events, digit), '5', "the call hears of it");
    by_info.leg.send_dtmf("7");
    by_info.leg.play(vec![tone_clip(1, 500.0, 60_000)]);
    let mut heard = Vec::new();
    wait(&mut by_info.far_events, |event| {
        assert_eq!(digit(event), None);
        let MediaEvent::Frame(frame) = event else { return None };
        heard.extend(frame.samples);
        let last = heard.len().saturating_sub(800);
        (heard.len() > 800 && tone::is_present(&heard[last..], 500.0)).then_some(())
    });
}

#[test]
fn a_clip_takes_the_place_of_the_other_far_end_and_gives_it_back() {
    let engine = engine();
    let (a, mut b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, Codec::Pcma, Some(101)));
    let _bridge = a.leg.bridge(&b.leg).unwrap();
    a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
    wait_for_tone(&mut b.far_events, 500.0);
    b.leg.play(vec![tone_clip(2, 1_200.0, 300)]);
    wait_for_tone(&mut b.far_events, 1_200.0);
    wait_for_tone(&mut b.far_events, 500.0);
    assert_eq!(b.far.stats().packets_lost, 0);
}

#[test]
fn whoever_listens_gets_frames_and_nobody_else() {
    let engine = engine();
    let (mut a, mut b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, Codec::Pcma, Some(101)));
    let _bridge = a.leg.bridge(&b.leg).unwrap();
    a.leg.listen(true);
    a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
    wait_for_tone(&mut a.leg_events, 500.0);
    wait_for_tone(&mut b.far_events, 500.0);
    // Those from before the bridge.
    while b.leg_events.try_recv().is_ok() {}
    let mut frames = 0;
    wait(&mut a.leg_events, |event| {
        frames += usize::from(matches!(event, MediaEvent::Frame(_)));
        (frames == 20).then_some(())
    });
    let unasked = std::iter::from_fn(|| b.leg_events.try_recv().ok());
    assert_eq!(unasked.filter(|event| matches!(event, MediaEvent::Frame(_))).count(), 0);
}

#[test]
fn sessions_part_with_the_guard_or_with_either_session() {
    let engine = engine();
    let (a, mut b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, Codec::Pcma, Some(101)));
    let bridge = a.leg.bridge(&b.leg).unwrap();
    a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
    wait_for_tone(&mut b.far_events, 500.0);
    drop(bridge);
    wait(&mut b.far_events, |event| matches!(event, MediaEvent::Frame(frame) if frame.rms() < 20.0).then_some(()));
    let bridge = a.leg.bridge(&b.leg).unwrap();
    wait_for_tone(&mut b.far_events, 500.0);
    let Call { leg, mut leg_events, far: _far, far_events: _far_events } = a;
    drop(leg);
    while leg_events.blocking_recv().is_some() {}
    assert!(!bridge.is_open());
    assert!(matches!(b.leg.bridge(&b.leg), Err(MediaError::Apart)));
}

#[test]
fn a_recording_of_a_bridge_has_both_far_ends() {
    for (one, other) in
        [(Codec::Pcma, Codec::Pcmu), (Codec::Opus, Codec::Opus), (Codec::G722, Codec::Pcma), (Codec::Pcmu, Codec::Opus)]
    {
        record_bridge(one, other);
    }
}

fn record_bridge(one: Codec, other: Codec) {
    let engine = engine();
    let (mut a, b) = (call(&engine, one, Some(101)), call(&engine, other, Some(101)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.wav");
    let _bridge = a.leg.bridge(&b.leg).unwrap();
    a.leg.set_recording(Some(path.clone()));
    a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
    b.far.play(vec![tone_clip(2, 900.0, 60_000)]);
    wait_for_tone(&mut a.far_events, 900.0);
    let mut frames = 0;
    wait(&mut a.far_events, |event| {
        frames += usize::from(matches!(event, MediaEvent::Frame(_)));
        (frames == 50).then_some(())
    });
    let Call { leg, mut leg_events, .. } = a;
    drop(leg);
    while leg_events.blocking_recv().is_some() {}
    let samples: Vec<i16> = hound::WavReader::open(&path).unwrap().samples().map(Result::unwrap).collect();
    let end = samples.len() - 2 * 1_600;
    let channel = |n: usize| samples[end - 2 * 4_000..end].iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    assert!(tone::is_present(&channel(0), 500.0), "the caller on the left");
    assert!(tone::is_present(&channel(1), 900.0), "the other far end on the right");
}
