use super::*;
use crate::media::tone;

fn clip(id: u64, samples: usize, value: u8) -> Clip {
    Clip { id: ClipId(id), audio: EncodedAudio { codec: Codec::Pcma, bytes: vec![value; samples].into() } }
}

fn fill_law(playout: &mut Playout, codec: Codec) -> ([u8; FRAME_SAMPLES], Vec<PlayoutNote>) {
    let mut out = OutFrame::silence(codec);
    let mut notes = Vec::new();
    playout.fill(&mut out, |note| notes.push(note));
    let OutFrame::Law(_, bytes) = out else { panic!("{codec:?} is no G.711") };
    (bytes, notes)
}

fn fill(playout: &mut Playout) -> ([u8; FRAME_SAMPLES], Vec<PlayoutNote>) {
    fill_law(playout, Codec::Pcma)
}

fn fill_wide(playout: &mut Playout) -> [i16; WIDE_FRAME_SAMPLES] {
    let mut out = OutFrame::silence(Codec::G722);
    playout.fill(&mut out, |_| {});
    let OutFrame::Wide(samples) = out else { panic!("G.722 is wide") };
    *samples
}

fn rms(samples: impl IntoIterator<Item = i16>) -> f64 {
    let (sum, count) = samples.into_iter().fold((0.0, 0.0), |(sum, n), s| (sum + f64::from(s).powi(2), n + 1.0));
    (sum / count).sqrt()
}

#[test]
fn clips_follow_each_other_without_a_gap() {
    let mut playout = Playout::default();
    playout.push(vec![clip(1, 240, 1), clip(2, 0, 9), clip(3, 40, 3)]);
    let (first, notes) = fill(&mut playout);
    assert_eq!(first, [1; 160]);
    assert_eq!(notes, [PlayoutNote::Started { id: ClipId(1), offset_ms: 0 }]);
    let (second, notes) = fill(&mut playout);
    assert_eq!(second[..80], [1; 80]);
    assert_eq!(second[80..120], [3; 40]);
    assert_eq!(second[120..], [0xD5; 40]);
    assert_eq!(
        notes,
        [
            PlayoutNote::Finished { id: ClipId(1), offset_ms: 10 },
            PlayoutNote::Started { id: ClipId(2), offset_ms: 10 },
            PlayoutNote::Finished { id: ClipId(2), offset_ms: 10 },
            PlayoutNote::Started { id: ClipId(3), offset_ms: 10 },
            PlayoutNote::Finished { id: ClipId(3), offset_ms: 15 },
        ]
    );
    assert!(playout.is_idle());
    assert_eq!(fill(&mut playout), ([0xD5; 160], vec![]));
}

#[test]
fn a_stop_says_where_and_drops_the_rest() {
    let mut playout = Playout::default();
    playout.push(vec![clip(1, 1_600, 1), clip(2, 800, 2)]);
    fill(&mut playout);
    fill(&mut playout);
    let mut notes = Vec::new();
    playout.stop(0, |note| notes.push(note));
    assert_eq!(
        notes,
        [
            Stopped { id: ClipId(1), played_ms: 40, total_ms: 200 },
            Stopped { id: ClipId(2), played_ms: 0, total_ms: 100 },
        ]
    );
    assert!(playout.is_idle());
    playout.stop(10, |_| panic!("nothing plays"));
}

#[test]
fn a_fade_goes_down_and_what_is_queued_after_follows_it() {
    let mut playout = Playout::default();
    let loud = Law::A.encode_sample(10_000);
    playout.push(vec![clip(1, 1_600, loud)]);
    fill(&mut playout);
    let mut notes = Vec::new();
    playout.stop(15, |note| notes.push(note));
    assert_eq!(notes, []);
    playout.push(vec![clip(2, 160, 2)]);
    let (out, notes) = fill(&mut playout);
    let levels: Vec<i16> = out[..120].iter().map(|b| Law::A.decode_byte(*b)).collect();
    assert!(levels.windows(2).all(|w| w[0] >= w[1]), "{levels:?}");
    assert!(levels[0] > 9_000 && levels[119] < 200, "{levels:?}");
    assert_eq!(out[120..], [2; 40]);
    assert_eq!(
        notes,
        [
            PlayoutNote::Stopped(Stopped { id: ClipId(1), played_ms: 35, total_ms: 200 }),
            PlayoutNote::Started { id: ClipId(2), offset_ms: 15 },
        ]
    );
}

#[test]
fn a_stop_before_the_first_frame_stops_all_unheard() {
    let mut playout = Playout::default();
    playout.push(vec![clip(1, 1_600, 1)]);
    let mut notes = Vec::new();
    playout.stop(20, |note| notes.push(note));
    assert_eq!(notes, [Stopped { id: ClipId(1), played_ms: 0, total_ms: 200 }]);
}

/// A clip whose every sample is another: 1, 2, 3, … as bytes of A-law.
fn counting(id: u64, samples: usize) -> (Clip, Vec<u8>) {
    let bytes: Vec<u8> = (0..samples).map(|n| (n % 251) as u8).collect();
    (Clip { id: ClipId(id), audio: EncodedAudio { codec: Codec::Pcma, bytes: bytes.clone().into() } }, bytes)
}

#[test]
fn a_pause_resumes_at_the_exact_sample() {
    let mut playout = Playout::default();
    let (clip, bytes) = counting(1, 1_000);
    playout.push(vec![clip]);
    assert_eq!(fill(&mut playout).0[..], bytes[..160]);
    playout.pause();
    let (fading, _) = fill(&mut playout);
    let quieter = |out: &[u8], of: &[u8]| {
        let magnitude = |byte: u8| Law::A.decode_byte(byte).unsigned_abs();
        out.iter().zip(of).all(|(out, of)| magnitude(*out) <= magnitude(*of))
    };
    assert!(quieter(&fading, &bytes[160..320]) && fading[..] != bytes[160..320]);
    assert_eq!(fading[0], bytes[160], "it begins to fade at full level");
    for _ in 0..37 {
        assert_eq!(fill(&mut playout), ([0xD5; 160], vec![]), "silence, and no event");
    }
    assert!(!playout.is_idle());
    playout.resume();
    let (rising, notes) = fill(&mut playout);
    assert!(quieter(&rising, &bytes[320..480]) && notes.is_empty());
    assert_eq!(fill(&mut playout).0[..], bytes[480..640], "no sample is missing and none came twice");
}

#[test]
fn what_is_queued_in_a_pause_waits_and_a_stop_in_it_tells_where() {
    let mut playout = Playout::default();
    let (clip, _) = counting(1, 1_600);
    playout.push(vec![clip]);
    fill(&mut playout);
    playout.pause();
    fill(&mut playout);
    playout.push(vec![counting(2, 800).0]);
    fill(&mut playout);
    let mut stopped = Vec::new();
    playout.stop(30, |note| stopped.push((note.id.0, note.played_ms, note.total_ms)));
    assert_eq!(stopped, [(1, 40, 200), (2, 0, 100)], "at once: nothing is left to fade");
    let (clip, bytes) = counting(3, 320);
    playout.push(vec![clip]);
    assert_eq!(fill(&mut playout).0[..], bytes[..160], "a stop ends the pause, too");
}

#[test]
fn a_clip_that_begins_in_a_pause_is_heard_from_its_first_sample_after_it() {
    let mut playout = Playout::default();
    playout.pause();
    let (clip, bytes) = counting(1, 480);
    playout.push(vec![clip]);
    assert_eq!(fill(&mut playout), ([0xD5; 160], vec![]));
    playout.resume();
    assert_eq!(fill(&mut playout).1, [PlayoutNote::Started { id: ClipId(1), offset_ms: 0 }]);
    assert_eq!(fill(&mut playout).0[..], bytes[160..320]);
}

#[test]
fn a_pause_that_is_taken_back_at_once_is_not_heard() {
    let mut playout = Playout::default();
    let (clip, bytes) = counting(1, 480);
    playout.push(vec![clip]);
    fill(&mut playout);
    playout.pause();
    playout.resume();
    assert_eq!(fill(&mut playout).0[..], bytes[160..320]);
}

#[test]
fn a_pause_of_a_wide_call_resumes_at_the_exact_sample() {
    let pcm: Vec<i16> = (0..1_600).map(|n| (n % 1_000) * 8).collect();
    let (mut whole, mut paused) = (Playout::default(), Playout::default());
    for playout in [&mut whole, &mut paused] {
        playout.set_codec(Codec::G722);
        playout.push(vec![Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(Codec::Pcma, &pcm) }]);
    }
    let whole: Vec<_> = (0..5).map(|_| fill_wide(&mut whole)).collect();
    assert_eq!(fill_wide(&mut paused), whole[0]);
    paused.pause();
    fill_wide(&mut paused);
    assert_eq!(fill_wide(&mut paused), [0; WIDE_FRAME_SAMPLES]);
    paused.resume();
    fill_wide(&mut paused);
    assert_eq!([fill_wide(&mut paused), fill_wide(&mut paused)], [whole[3], whole[4]]);
}

#[test]
fn a_repeating_clip_joins_its_end_to_its_beginning_until_it_is_stopped() {
    let mut playout = Playout::default();
    let ramp: Vec<u8> = (0..100).collect();
    let audio = EncodedAudio { codec: Codec::Pcma, bytes: ramp.clone().into() };
    playout.push_repeating(Clip { id: ClipId(1), audio });
    playout.push(vec![clip(2, 160, 7)]);
    let mut heard = Vec::new();
    let mut all_notes = Vec::new();
    for _ in 0..50 {
        let (out, notes) = fill(&mut playout);
        heard.extend(out);
        all_notes.extend(notes);
    }
    assert!(heard.iter().zip(ramp.iter().cycle()).all(|(heard, wanted)| heard == wanted), "no gap at any joint");
    assert_eq!(all_notes, [PlayoutNote::Started { id: ClipId(1), offset_ms: 0 }]);
    let mut stopped = Vec::new();
    playout.stop(0, |note| stopped.push((note.id.0, note.played_ms)));
    assert_eq!(stopped, [(1, 1_000), (2, 0)]);
    playout.push_repeating(clip(3, 0, 0));
    assert_eq!(fill(&mut playout).0, [0xD5; 160], "nothing cannot be repeated");
    assert!(playout.is_idle());
}

#[test]
fn ducking_and_another_codec_apply_at_once() {
    let mut playout = Playout::default();
    let pcm = tone::sine(400.0, 8_000.0, 1_600);
    playout.push(vec![Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(Codec::Pcma, &pcm) }]);
    let level = |out: [u8; 160], law: Law| rms(out.map(|b| law.decode_byte(b)));
    let full = level(fill(&mut playout).0, Law::A);
    playout.set_gain(Some(-12.0));
    let ducked = level(fill(&mut playout).0, Law::A);
    playout.set_codec(Codec::Pcmu);
    let ducked_mu = level(fill_law(&mut playout, Codec::Pcmu).0, Law::Mu);
    playout.set_gain(None);
    let restored = level(fill_law(&mut playout, Codec::Pcmu).0, Law::Mu);
    assert!((5_400.0..5_900.0).contains(&full), "{full}");
    assert!((full / ducked - 4.0).abs() < 0.2 && (full / ducked_mu - 4.0).abs() < 0.2, "{ducked} {ducked_mu}");
    assert!((full / restored - 1.0).abs() < 0.05, "{restored}");
}

#[test]
fn clips_of_either_rate_are_played_in_calls_of_either_rate() {
    let pcm = tone::sine(400.0, 8_000.0, 3_200);
    for kept in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        let clip = || Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(kept, &pcm) };
        let mut playout = Playout::default();
        playout.push(vec![clip()]);
        let narrow: Vec<i16> =
            (0..10).flat_map(|_| fill(&mut playout).0.map(|b| Law::A.decode_byte(b))).skip(320).collect();
        assert!(tone::is_present(&narrow, 400.0) && (rms(narrow) / 5_657.0 - 1.0).abs() < 0.05, "{kept:?}");

        let mut playout = Playout::default();
        playout.set_codec(Codec::Opus);
        playout.push(vec![clip()]);
        let wide: Vec<i16> = (0..10).flat_map(|_| fill_wide(&mut playout)).collect();
        let halved: Vec<i16> = wide.iter().step_by(2).skip(320).copied().collect();
        assert!(tone::is_present(&halved, 400.0) && (rms(halved) / 5_657.0 - 1.0).abs() < 0.05, "{kept:?}");
        playout.set_gain(Some(-12.0));
        let ducked = rms(fill_wide(&mut playout));
        assert!((5_657.0 / ducked - 4.0).abs() < 0.3, "{ducked}");
        playout.stop(20, |_| panic!("it fades first"));
        let faded = fill_wide(&mut playout);
        assert!(rms(faded[..80].to_vec()) > 4.0 * rms(faded[240..].to_vec()) && playout.is_idle(), "{kept:?}");
    }
}
