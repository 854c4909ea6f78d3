//! Two legs joined inside, with a far end on each that is a session of its own.

use super::tests::{Events, engine, open, to, tone_clip, wait, wait_for_tone};
use super::*;
use crate::media::codec::Codec;
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
    let params = |remote| MediaParams {
        codec,
        payload_type: codec.static_payload_type(),
        dtmf_payload_type: dtmf,
        ..to(remote)
    };
    far.configure(params(leg.local_addr()));
    leg.configure(params(far.local_addr()));
    Call { far, far_events, leg, leg_events }
}

fn digit(event: &MediaEvent) -> Option<char> {
    if let MediaEvent::Dtmf { digit, .. } = event { Some(*digit) } else { None }
}

#[test]
fn each_far_end_hears_the_other_whatever_law_it_speaks() {
    for other in [Codec::Pcma, Codec::Pcmu] {
        let engine = engine();
        let (mut a, mut b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, other, Some(96)));
        let _bridge = a.leg.bridge(&b.leg).unwrap();
        a.far.play(vec![tone_clip(1, 500.0, 60_000)]);
        b.far.play(vec![tone_clip(2, 900.0, 60_000)]);
        wait_for_tone(&mut b.far_events, 500.0);
        wait_for_tone(&mut a.far_events, 900.0);
        let stats = b.far.stats();
        assert_eq!((stats.packets_invalid, stats.packets_foreign, stats.packets_lost), (0, 0, 0), "{stats:?}");
        assert_eq!(stats.ssrc_changes, 0, "the leg keeps its own SSRC");
    }
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
        let pair = tone::share(&frame.samples, 770.0) + tone::share(&frame.samples, 1336.0);
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
    let engine = engine();
    let (mut a, b) = (call(&engine, Codec::Pcma, Some(101)), call(&engine, Codec::Pcmu, Some(101)));
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
