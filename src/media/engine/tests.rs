//! Whole sessions over loopback. Waiting is for events, never for time to pass.

use std::net::UdpSocket;
use std::sync::atomic::AtomicU16;

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::media::codec::Codec;
use crate::media::codec::stream::OpusWishes;
use crate::media::rtp::{self, RtpReader};
use crate::media::sdp::Direction;
use crate::media::{FRAME_SAMPLES, rtcp, tone};

pub(super) type Events = Receiver<MediaEvent>;

/// An engine on a range of ports of its own; other programs' ports in it are passed over.
pub(super) fn engine() -> Arc<MediaEngine> {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let first = NEXT.fetch_add(64, Ordering::Relaxed);
    MediaEngine::start(MediaConfig {
        port_range: first..=first + 63,
        dead_media: Some(Duration::from_millis(300)),
        realtime: false,
        ..MediaConfig::default()
    })
    .unwrap()
}

pub(super) fn open(engine: &MediaEngine) -> (MediaSession, Events) {
    engine.open(SessionOptions::default()).unwrap()
}

pub(super) fn to(remote: SocketAddr) -> MediaParams {
    MediaParams {
        codec: Codec::Pcma,
        payload_type: 8,
        dtmf_payload_type: Some(101),
        dtmf_clock_hz: 8_000,
        opus: OpusWishes::default(),
        remote,
        direction: Direction::SEND_RECV,
        ptime_ms: 20,
        srtp: None,
    }
}

pub(super) fn tone_clip(id: u64, hz: f32, ms: usize) -> Clip {
    Clip { id: ClipId(id), audio: EncodedAudio::from_pcm(Codec::Pcma, &tone::sine(hz, 8_000.0, ms * 8)) }
}

/// Waits for the event that `pick` takes, at most for as long as no test should last.
pub(super) fn wait<T>(events: &mut Events, mut pick: impl FnMut(&MediaEvent) -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < deadline, "the event does not come");
        let event = events.blocking_recv().expect("the session ended instead");
        if let Some(found) = pick(&event) {
            return found;
        }
    }
}

pub(super) fn frame(event: &MediaEvent) -> Option<PcmFrame> {
    if let MediaEvent::Frame(frame) = event { Some(*frame) } else { None }
}

/// A frame's samples at 8 kHz; the tones of these tests need no filter for that.
pub(super) fn narrow(frame: impl std::borrow::Borrow<PcmFrame>) -> Vec<i16> {
    let samples = &frame.borrow().samples;
    samples.iter().step_by(samples.len() / FRAME_SAMPLES).copied().collect()
}

/// Parameters of a call in this codec, with events on its clock.
pub(super) fn in_codec(codec: Codec, remote: SocketAddr) -> MediaParams {
    let (payload_type, dtmf_clock_hz) = (codec.default_payload_type(), codec.clock_rate_hz());
    MediaParams { codec, payload_type, dtmf_clock_hz, ..to(remote) }
}

/// Waits until five frames in a row are a tone.
pub(super) fn wait_for_tone(events: &mut Events, hz: f32) {
    let mut recent: Vec<i16> = Vec::new();
    wait(events, |event| {
        recent.extend(narrow(frame(event)?));
        let last = recent.len().saturating_sub(5 * FRAME_SAMPLES);
        (recent.len() > 5 * FRAME_SAMPLES && tone::is_present(&recent[last..], hz)).then_some(())
    });
}

#[test]
fn two_sessions_hear_each_other() {
    let engine = engine();
    let ((a, mut a_events), (b, mut b_events)) = (open(&engine), open(&engine));
    assert_eq!(engine.stats().sessions, 2);
    a.configure(to(b.local_addr()));
    b.configure(MediaParams { codec: Codec::Pcmu, payload_type: 0, ..to(a.local_addr()) });
    a.play(vec![tone_clip(1, 500.0, 3_000)]);
    b.play(vec![tone_clip(2, 900.0, 3_000)]);
    wait_for_tone(&mut b_events, 500.0);
    wait_for_tone(&mut a_events, 900.0);
    let stats = b.stats();
    assert!(stats.packets_received > 5 && stats.packets_sent > 5, "{stats:?}");
    assert_eq!((stats.packets_foreign, stats.packets_invalid, stats.frames_dropped), (0, 0, 0));
}

#[test]
fn frames_come_every_20_ms_from_the_media_start_even_with_nothing_received() {
    let engine = engine();
    let (session, mut events) = open(&engine);
    session.configure(to("127.0.0.1:9".parse().unwrap()));
    for n in 0..10 {
        // Silence of A-law is not quite silent.
        assert_eq!(wait(&mut events, frame), PcmFrame { sent_rms: 8, ..PcmFrame::silence(n * 20) });
    }
}

#[test]
fn clips_report_their_beginning_and_end_on_the_media_clock() {
    let engine = engine();
    let (session, mut events) = open(&engine);
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    session.configure(to(sink.local_addr().unwrap()));
    let decided = Instant::now();
    session.play(vec![tone_clip(1, 500.0, 50), tone_clip(2, 900.0, 100)]);
    let (at, first) = wait(&mut events, |event| match event {
        MediaEvent::PlayoutStarted { id: ClipId(1), at, media_ms } => Some((*at, *media_ms)),
        _ => None,
    });
    assert!(at > decided);
    let mut times = Vec::new();
    wait(&mut events, |event| {
        match event {
            MediaEvent::PlayoutStarted { id, media_ms, .. } => times.push(("started", id.0, media_ms - first)),
            MediaEvent::PlayoutFinished { id, media_ms } => times.push(("finished", id.0, media_ms - first)),
            _ => {}
        }
        (times.len() == 3).then_some(())
    });
    assert_eq!(times, [("finished", 1, 50), ("started", 2, 50), ("finished", 2, 150)]);
}

#[test]
fn a_stop_is_heard_and_reported_for_every_clip() {
    let engine = engine();
    let ((a, mut a_events), (b, mut b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    a.play(vec![tone_clip(1, 500.0, 60_000), tone_clip(2, 500.0, 1_000)]);
    wait_for_tone(&mut b_events, 500.0);
    a.stop_playout(30);
    let mut stopped = Vec::new();
    wait(&mut a_events, |event| {
        if let MediaEvent::PlayoutStopped { id, played_ms, total_ms } = event {
            stopped.push((id.0, *played_ms > 0, *total_ms));
        }
        (stopped.len() == 2).then_some(())
    });
    stopped.sort_unstable();
    assert_eq!(stopped, [(1, true, 60_000), (2, false, 1_000)]);
    wait(&mut b_events, |event| frame(event).filter(|f| !f.concealed && f.rms() < 20.0));
}

#[test]
fn tones_and_keys_go_through_in_every_codec() {
    for codec in Codec::ALL {
        let engine = engine();
        let ((a, _a_events), (b, mut b_events)) = (open(&engine), open(&engine));
        a.configure(in_codec(codec, b.local_addr()));
        b.configure(in_codec(codec, a.local_addr()));
        a.play(vec![tone_clip(1, 500.0, 60_000)]);
        wait_for_tone(&mut b_events, 500.0);
        let wide = wait(&mut b_events, |event| Some(frame(event)?.samples.is_wide()));
        assert_eq!(wide, codec.is_wide(), "{codec:?}");
        a.send_dtmf("7");
        let pressed = |event: &MediaEvent| match event {
            MediaEvent::Dtmf { digit, duration_ms } => Some((*digit, *duration_ms)),
            _ => None,
        };
        assert_eq!(wait(&mut b_events, pressed), ('7', 100), "{codec:?}");
        let stats = b.stats();
        assert_eq!((stats.packets_invalid, stats.packets_lost, stats.packets_late), (0, 0, 0), "{codec:?} {stats:?}");
        a.configure(MediaParams { dtmf_payload_type: None, ..in_codec(codec, b.local_addr()) });
        a.send_dtmf("5");
        wait(&mut b_events, |event| {
            let frame = narrow(frame(event)?);
            let pair = tone::share(&frame, 770.0) + tone::share(&frame, 1336.0);
            (frame.iter().any(|s| s.unsigned_abs() > 3_000) && pair > 0.8).then_some(())
        });
    }
}

#[test]
fn digits_go_through_by_event_and_as_tones() {
    let engine = engine();
    let ((a, _a_events), (b, mut b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    a.send_dtmf("1#");
    for expected in ['1', '#'] {
        let (digit, duration_ms) = wait(&mut b_events, |event| match event {
            MediaEvent::Dtmf { digit, duration_ms } => Some((*digit, *duration_ms)),
            _ => None,
        });
        assert_eq!((digit, duration_ms), (expected, 100));
    }
    a.configure(MediaParams { dtmf_payload_type: None, ..to(b.local_addr()) });
    a.send_dtmf("5");
    wait(&mut b_events, |event| {
        let frame = frame(event)?;
        let pair = tone::share(&narrow(frame), 770.0) + tone::share(&narrow(frame), 1336.0);
        (frame.rms() > 1_000.0 && pair > 0.8).then_some(())
    });
}

#[test]
fn packets_have_the_agreed_length_and_a_steady_header() {
    let engine = engine();
    let (session, _events) = open(&engine);
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    sink.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut last: Option<(u16, u32, u32)> = None;
    for ptime_ms in [20, 30, 10, 60, 40] {
        session.configure(MediaParams { ptime_ms, payload_type: 97, ..to(sink.local_addr().unwrap()) });
        let mut of_this_length = 0;
        while of_this_length < 4 {
            let mut buffer = [0; 1_000];
            let length = sink.recv(&mut buffer).unwrap();
            let packet = RtpReader::new(&buffer[..length]).unwrap();
            let (sequence, timestamp) = (u16::from(packet.sequence_number()), packet.timestamp());
            assert_eq!(packet.payload_type(), 97);
            assert_eq!(packet.mark(), last.is_none(), "only the first packet begins a talk spurt");
            of_this_length += u32::from(packet.payload().len() == ptime_ms as usize * 8);
            if let Some((last_sequence, last_timestamp, ssrc)) = last {
                assert_eq!((sequence, packet.ssrc()), (last_sequence.wrapping_add(1), ssrc));
                if of_this_length > 1 {
                    assert_eq!(timestamp.wrapping_sub(last_timestamp), ptime_ms * 8);
                }
            }
            last = Some((sequence, timestamp, packet.ssrc()));
        }
    }
}

#[test]
fn a_hold_sends_nothing_and_what_plays_waits() {
    let engine = engine();
    let ((a, mut a_events), (b, mut b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    a.play(vec![tone_clip(1, 500.0, 400)]);
    wait_for_tone(&mut b_events, 500.0);
    a.configure(MediaParams { direction: Direction::INACTIVE, ..to(b.local_addr()) });
    // Far longer than the clip would have lasted, and than dead media is waited for.
    let held_from = wait(&mut a_events, frame).media_ms;
    wait(&mut a_events, |event| {
        assert!(!matches!(event, MediaEvent::PlayoutFinished { .. } | MediaEvent::Dead { .. }), "{event:?}");
        frame(event).filter(|f| f.media_ms > held_from + 800)
    });
    let sent = a.stats().packets_sent;
    wait(&mut a_events, frame);
    assert_eq!(a.stats().packets_sent, sent);
    a.configure(to(b.local_addr()));
    wait(&mut a_events, |event| matches!(event, MediaEvent::PlayoutFinished { id: ClipId(1), .. }).then_some(()));
}

#[test]
fn silence_on_the_line_is_reported_once() {
    let engine = engine();
    let (session, mut events) = open(&engine);
    session.configure(to("127.0.0.1:9".parse().unwrap()));
    let silent_ms = wait(&mut events, |event| match event {
        MediaEvent::Dead { silent_ms } => Some(*silent_ms),
        _ => None,
    });
    assert!((300..400).contains(&silent_ms), "{silent_ms}");
    for _ in 0..30 {
        wait(&mut events, |event| {
            assert!(!matches!(event, MediaEvent::Dead { .. }));
            frame(event)
        });
    }
}

#[test]
fn a_recording_has_the_caller_left_and_the_agent_right() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("call.wav");
    let engine = engine();
    let (a, mut a_events) =
        engine.open(SessionOptions { recording: Some(path.clone()), ..SessionOptions::default() }).unwrap();
    let (b, _b_events) = open(&engine);
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    a.play(vec![tone_clip(1, 500.0, 60_000)]);
    b.play(vec![tone_clip(2, 900.0, 60_000)]);
    let started = wait(&mut a_events, |event| match event {
        MediaEvent::PlayoutStarted { media_ms, .. } => Some(*media_ms),
        _ => None,
    });
    let end = wait(&mut a_events, |event| frame(event).filter(|f| f.media_ms >= 1_400)).media_ms;

    // In mid-call, as a kill would leave it: no more than a second is missing.
    let killed = dir.path().join("killed.wav");
    std::fs::copy(&path, &killed).unwrap();
    let whole_ms = super::super::recorder::repair(&killed).unwrap();
    assert!(whole_ms + 1_000 >= end, "{whole_ms} of {end} ms");
    let header_ms = u64::from(hound::WavReader::open(&path).unwrap().duration()) / 8;
    assert!(header_ms + 1_000 >= end, "{header_ms} of {end} ms");

    drop(a);
    while a_events.blocking_recv().is_some() {}
    // The end of the events means that the recording is whole.
    let samples: Vec<i16> = hound::WavReader::open(&path).unwrap().samples::<i16>().map(Result::unwrap).collect();
    assert!(samples.len() as u64 / 16 >= end);
    let side = |side: usize, ms: std::ops::Range<u64>| -> Vec<i16> {
        let sample = |n: u64| samples[n as usize * 2 + side];
        (ms.start * 8..ms.end * 8).map(sample).collect()
    };
    assert!(tone::is_present(&side(0, 600..1_200), 900.0));
    assert!(tone::is_present(&side(1, started..1_200), 500.0), "on the clock of the events");
    assert!(side(1, 0..started).iter().all(|s| s.abs() < 16));
}

#[test]
fn who_listens_in_hears_both_sides_of_a_call_that_nobody_records() {
    let engine = engine();
    let ((a, mut a_events), (b, _b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    a.play(vec![tone_clip(1, 500.0, 60_000)]);
    b.play(vec![tone_clip(2, 900.0, 60_000)]);
    wait(&mut a_events, |event| frame(event).filter(|f| f.media_ms >= 400));
    let mut heard = a.overhear();
    let frames: Vec<_> = (0..20).map(|_| heard.blocking_recv().unwrap()).collect();
    let side = |side: usize| -> Vec<i16> { frames.iter().flat_map(|f| f.0).map(|sample| sample[side]).collect() };
    assert!(tone::is_present(&side(0), 900.0), "the far end is left");
    assert!(tone::is_present(&side(1), 500.0), "we are right");
    drop(a);
    while a_events.blocking_recv().is_some() {}
    let end = std::iter::from_fn(|| match heard.blocking_recv() {
        Err(tokio::sync::broadcast::error::RecvError::Closed) => None,
        other => Some(other),
    });
    assert!(end.count() <= OVERHEARD_FRAMES, "it ends with the session");
}

#[test]
fn a_recording_that_cannot_be_written_is_reported_and_the_call_goes_on() {
    let engine = engine();
    let ((a, mut a_events), (b, _b_events)) = (open(&engine), open(&engine));
    a.set_recording(Some("/no/such/folder/call.wav".into()));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    b.play(vec![tone_clip(2, 900.0, 60_000)]);
    let why = wait(&mut a_events, |event| match event {
        MediaEvent::RecordingFailed { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("/no/such/folder"), "{why}");
    wait_for_tone(&mut a_events, 900.0);
}

#[test]
fn a_consumer_that_does_not_read_loses_frames_but_nothing_else() {
    let engine = engine();
    let (session, mut events) = open(&engine);
    let (far, mut far_events) = open(&engine);
    session.configure(to(far.local_addr()));
    far.configure(to(session.local_addr()));
    for id in 0..400 {
        session.play(vec![tone_clip(id, 500.0, 20)]);
    }
    // The far side's clock shows that enough time has passed, and reads the rest of the clips.
    wait(&mut far_events, |event| frame(event).filter(|_| session.stats().frames_dropped > 100));
    let mut finished = Vec::new();
    wait(&mut events, |event| {
        if let MediaEvent::PlayoutFinished { id, .. } = event {
            finished.push(id.0);
        }
        (finished.len() == 400).then_some(())
    });
    assert_eq!(finished, (0..400).collect::<Vec<_>>());
}

#[test]
fn reports_go_both_ways_with_the_round_trip() {
    let engine = engine();
    let ((a, mut a_events), (b, _b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The far end's report on an SSRC that nobody has must not count.
    let mut buffer = [0; rtcp::MAX_BYTES];
    let block = rtcp::ReportBlock { ssrc: 1, fraction_lost: 99, ..Default::default() };
    let rtcp_port = SocketAddr::new(a.local_addr().ip(), a.local_port() + 1);
    ours.send_to(rtcp::write(&mut buffer, 5, None, Some(block), false), rtcp_port).unwrap();
    wait(&mut a_events, |event| {
        let stats = a.stats();
        assert_ne!(stats.remote_fraction_lost, 99);
        frame(event).filter(|_| stats.rtt_us > 0)
    });
    assert!(a.stats().rtt_us < 100_000, "{:?}", a.stats());
}

#[test]
fn a_port_is_free_again_when_the_events_end() {
    let config = MediaConfig { port_range: 45_000..=45_001, realtime: false, ..MediaConfig::default() };
    let engine = MediaEngine::start(config).unwrap();
    for _ in 0..3 {
        let (session, mut events) = open(&engine);
        assert!(matches!(engine.open(SessionOptions::default()), Err(MediaError::PortsExhausted(1))));
        drop(session);
        while events.blocking_recv().is_some() {}
    }
    assert_eq!(engine.stats().sessions, 0);
    let none = MediaConfig { port_range: 45_001..=45_001, ..MediaConfig::default() };
    assert!(matches!(MediaEngine::start(none), Err(MediaError::NoPorts(45_001, 45_001))));
}

#[test]
fn a_stranger_on_the_port_is_not_heard() {
    let engine = engine();
    let ((a, mut a_events), (b, _b_events)) = (open(&engine), open(&engine));
    a.configure(to(b.local_addr()));
    b.configure(to(a.local_addr()));
    b.play(vec![tone_clip(1, 900.0, 60_000)]);
    wait_for_tone(&mut a_events, 900.0);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut packet = vec![0u8; rtp::HEADER_BYTES];
    rtp::Header { payload_type: 8, marker: true, sequence: 1, timestamp: 0, ssrc: 1 }.write(&mut packet);
    packet.extend([0x2A; 160]);
    let mut frames = 0;
    wait(&mut a_events, |event| {
        _ = stranger.send_to(&packet, a.local_addr());
        frames += i32::from(frame(event).is_some());
        (frames == 25).then_some(())
    });
    wait_for_tone(&mut a_events, 900.0);
    assert_eq!(a.stats().ssrc_changes, 0);
}

#[test]
fn sockets_are_of_the_family_of_the_call() {
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    for (all, local, bound) in [
        ("0.0.0.0", Some("192.0.2.1"), "0.0.0.0"),
        ("0.0.0.0", Some("2001:db8::1"), "::"),
        ("0.0.0.0", None, "0.0.0.0"),
        ("::", Some("192.0.2.1"), "0.0.0.0"),
        ("::", Some("::ffff:192.0.2.1"), "0.0.0.0"),
        ("192.0.2.1", Some("2001:db8::1"), "2001:db8::1"),
        ("192.0.2.1", Some("192.0.2.9"), "192.0.2.1"),
    ] {
        assert_eq!(bind_ip(ip(all), local.map(ip)), ip(bound), "{all} {local:?}");
    }
}
