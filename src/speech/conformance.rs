//! What every engine behind [`SpeechToText`] and [`TextToSpeech`] must do, run against each of them: those in this
//! process, and those in the network against a stand-in that speaks their wire format.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engines::{EngineKind, EngineSpec};
use super::http::HttpFailure;
use super::remote::Network;
use super::stt::OpenAiStt;
use super::tts::RemoteVoice;
use super::*;
use crate::domain::Secret;
use crate::media::tone;

#[path = "../../tests/support/cloud.rs"]
mod cloud;

use cloud::{Cloud, KEY, Mode, VOICE_HZ};

const SENTENCES: &str = "Good morning, and welcome. How may I help you today?";

/// Long enough for every real answer; a test that runs into it fails.
const LONG_MS: u32 = 10_000;

fn spec(kind: EngineKind, url: String) -> EngineSpec {
    let spec = EngineSpec { url: Some(url), timeout_ms: LONG_MS, ..EngineSpec::new(kind) };
    EngineSpec { api_key: Some(Secret::new(KEY)), ..spec }
}

fn openai_stt(cloud: &Cloud) -> OpenAiStt {
    OpenAiStt::new(Network::start().unwrap(), "groq", &spec(EngineKind::OpenaiStt, cloud.openai()))
}

fn openai_tts(cloud: &Cloud) -> RemoteVoice {
    let spec = EngineSpec { voice: Some("nova".to_owned()), ..spec(EngineKind::OpenaiTts, cloud.openai()) };
    RemoteVoice::new(Network::start().unwrap(), "openai", &spec).unwrap()
}

fn coqui(cloud: &Cloud) -> RemoteVoice {
    let spec = spec(EngineKind::CoquiTts, format!("http://{}", cloud.addr));
    let spec = EngineSpec { voice: Some("p225".to_owned()), language: Some("en".to_owned()), ..spec };
    RemoteVoice::new(Network::start().unwrap(), "coqui", &spec).unwrap()
}

fn options(rate_hz: u32) -> SttOptions {
    SttOptions { rate_hz, ..SttOptions::default() }
}

/// Every recogniser; `speech` is heard by it as "hello".
fn hears_as_promised(stt: &dyn SpeechToText, speech: impl Fn(u32) -> Vec<i16>, before: impl Fn()) {
    for rate_hz in [RATE_HZ, WIDE_RATE_HZ] {
        let second = rate_hz as usize;
        for silence in [Vec::new(), vec![0; second], vec![2; 3 * second]] {
            let heard = stt.transcribe(&silence, &options(rate_hz), &CancelFlag::new()).unwrap();
            assert_eq!((heard.text.as_str(), heard.audio_ms), ("", silence.len() as u64 * 1_000 / second as u64));
            assert!(heard.no_speech >= 0.5 && heard.confidence == 0.0, "{heard:?}");
        }
        before();
        let audio = speech(rate_hz);
        let heard = stt.transcribe(&audio, &options(rate_hz), &CancelFlag::new()).unwrap();
        assert_eq!(heard.text.to_lowercase().trim_end_matches(['.', '!']), "hello", "at {rate_hz} Hz");
        assert!(heard.confidence > 0.25 && heard.confidence <= 1.0 && heard.no_speech < 0.6, "{heard:?}");
    }
    let audio = speech(RATE_HZ);
    let cancelled = CancelFlag::new();
    cancelled.cancel();
    let outcome = stt.transcribe(&audio, &options(RATE_HZ), &cancelled);
    assert!(matches!(outcome, Err(SttError::Cancelled)), "{outcome:?}");
    let late = SttOptions { deadline: Some(Instant::now()), ..options(RATE_HZ) };
    let outcome = stt.transcribe(&audio, &late, &CancelFlag::new());
    assert!(matches!(outcome, Err(SttError::DeadlinePassed)), "{outcome:?}");
}

/// Every voice.
fn speaks_as_promised(tts: &dyn TextToSpeech) {
    for nothing in ["", " ... ", "\n", "\u{0}"] {
        assert!(synthesize_all(tts, nothing, &CancelFlag::new()).unwrap().is_empty(), "{nothing:?}");
    }
    for rate_hz in [RATE_HZ, WIDE_RATE_HZ] {
        let mut chunks = Vec::new();
        let mut sink = |chunk: &[i16]| {
            chunks.push(chunk.to_vec());
            ControlFlow::Continue(())
        };
        tts.synthesize_at(SENTENCES, rate_hz, &mut sink, &CancelFlag::new()).unwrap();
        assert_eq!(chunks.len(), 2, "one for each sentence, at {rate_hz} Hz");
        for chunk in &chunks {
            let seconds = chunk.len() as f32 / rate_hz as f32;
            assert!((0.5..4.0).contains(&seconds), "{seconds} s at {rate_hz} Hz");
            let begins = chunk.chunks(rate_hz as usize / 100).position(|frame| frame.iter().any(|s| s.abs() > 200));
            assert!(begins.is_some_and(|at| at <= 3), "sound begins at once: {begins:?}");
            let level = audio::rms_dbfs(&chunk[..chunk.len() / 2]);
            assert!((-22.0..=-12.0).contains(&level), "as loud as the others: {level} dBFS");
        }
    }
    let mut chunks = 0;
    let mut breaks = |_: &[i16]| {
        chunks += 1;
        ControlFlow::Break(())
    };
    tts.synthesize(SENTENCES, &mut breaks, &CancelFlag::new()).unwrap();
    assert_eq!(chunks, 1, "a sink that breaks ends it");
    let cancel = CancelFlag::new();
    let mut raises = |_: &[i16]| {
        cancel.cancel();
        ControlFlow::Continue(())
    };
    let outcome = tts.synthesize(SENTENCES, &mut raises, &cancel);
    assert!(matches!(outcome, Err(TtsError::Cancelled)), "raised after the first sentence: {outcome:?}");
    assert!(!tts.name().is_empty());
}

/// What a service in the network can do wrong, and what is told of it.
const FAULTS: [(Mode, &str); 7] = [
    (Mode::Error(500), "failed: it answered 500 (server_error)"),
    (Mode::Error(404), "failed: it refused us with 404"),
    (Mode::Limited(7), "failed: it is rate-limited (rate_limit_exceeded), for 7 s"),
    (Mode::Page, "failed: its answer cannot be read: it is text/html"),
    (Mode::Garbage, "failed: its answer cannot be read: it"),
    (Mode::CutOff, "failed: the connection broke"),
    (Mode::Dead, "failed: the connection broke"),
];

/// Every engine in the network; `ask` sends a request and gives the failure in words.
fn fails_as_promised(cloud: &Cloud, name: &str, ask: impl Fn(&CancelFlag) -> Option<String> + Sync) {
    for (mode, expected) in FAULTS {
        cloud.turn(mode.clone());
        let told = ask(&CancelFlag::new()).unwrap_or_else(|| panic!("{mode:?} is no success"));
        assert!(told.starts_with(name) && told.contains(expected), "{mode:?}: {told}");
        assert!(!told.contains("Asha") && !told.contains(KEY) && !told.contains('\n'), "{told}");
    }
    cloud.turn(Mode::Hangs);
    let cancel = CancelFlag::new();
    let before = cloud.asked().len();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&cancel));
        while cloud.asked().len() == before {
            std::thread::yield_now();
        }
        cancel.cancel();
        let told = waiting.join().unwrap().unwrap();
        assert!(told.ends_with("was cancelled"), "{told}");
    });
}

/// A second of a tone: the stand-in hears what it is told to.
fn a_tone(rate_hz: u32) -> Vec<i16> {
    tone::sine(440.0, 8_000.0, rate_hz as usize)
}

#[test]
fn openai_hears() {
    let cloud = Cloud::start();
    let stt = openai_stt(&cloud);
    hears_as_promised(&stt, a_tone, || cloud.hears(" Hello."));
    let asked = cloud.asked();
    assert_eq!(asked.len(), 2, "silence, cancelled and late requests cost nothing");
    for (request, rate_hz) in asked.iter().zip([RATE_HZ, WIDE_RATE_HZ]) {
        assert_eq!(request.key.as_deref(), Some(KEY));
        assert_eq!(request.wav().0, rate_hz);
        assert_eq!(request.field("language").as_deref(), Some("en"));
        assert_eq!(request.field("model").as_deref(), Some("whisper-1"));
    }
    fails_as_promised(&cloud, "groq", |cancel| {
        stt.transcribe(&a_tone(RATE_HZ), &options(RATE_HZ), cancel).err().map(|error| error.to_string())
    });
}

#[test]
fn openai_is_told_what_is_expected_and_newer_models_are_asked_for_less() {
    let cloud = Cloud::start();
    let spec = spec(EngineKind::OpenaiStt, cloud.openai());
    let spec = EngineSpec { model: Some("gpt-4o-mini-transcribe".to_owned()), ..spec };
    let stt = OpenAiStt::new(Network::start().unwrap(), "openai", &spec);
    cloud.hears("nine eight seven");
    let options = SttOptions { prompt: Some("Sharma Dental.".into()), expect: Expect::Digits, ..options(RATE_HZ) };
    let heard = stt.transcribe(&a_tone(RATE_HZ), &options, &CancelFlag::new()).unwrap();
    assert_eq!((heard.text.as_str(), heard.confidence), ("nine eight seven", 0.8));
    let request = &cloud.asked()[0];
    assert_eq!(request.field("response_format").as_deref(), Some("json"));
    assert!(request.field("prompt").unwrap().starts_with("Sharma Dental. 9, 8"));
    // What Whisper writes under silence is not what a caller said.
    for imagined in ["Thanks for watching!", "[BLANK_AUDIO]", " ♪ "] {
        cloud.hears(imagined);
        assert_eq!(stt.transcribe(&a_tone(RATE_HZ), &options, &CancelFlag::new()).unwrap().text, "");
    }
}

#[test]
fn openai_speaks() {
    let cloud = Cloud::start();
    let tts = openai_tts(&cloud);
    speaks_as_promised(&tts);
    let request: serde_json::Value = serde_json::from_slice(&cloud.asked()[0].body).unwrap();
    assert_eq!((&request["voice"], &request["model"]), (&"nova".into(), &"gpt-4o-mini-tts".into()));
    assert_eq!(request["input"], "Good morning, and welcome.");
    let said = synthesize_all(&tts, "Good morning.", &CancelFlag::new()).unwrap();
    assert!(tone::is_present(&said[200..3_800], VOICE_HZ), "the pitch survives the change of rate");
    fails_as_promised(&cloud, "openai", |cancel| synthesize_all(&tts, SENTENCES, cancel).err().map(|e| e.to_string()));
}

#[test]
fn coqui_speaks() {
    let cloud = Cloud::start();
    let tts = coqui(&cloud);
    speaks_as_promised(&tts);
    let path = &cloud.asked()[0].path;
    assert_eq!(path, "/api/tts?text=Good+morning%2C+and+welcome.&speaker_id=p225&language_id=en");
    let said = synthesize_all(&tts, "Good morning.", &CancelFlag::new()).unwrap();
    assert!(tone::is_present(&said[200..3_800], VOICE_HZ), "the pitch survives the change of rate");
    fails_as_promised(&cloud, "coqui", |cancel| synthesize_all(&tts, SENTENCES, cancel).err().map(|e| e.to_string()));
}

#[test]
fn a_wrong_key_a_server_that_is_away_and_one_that_hangs_are_told_apart() {
    let cloud = Cloud::start();
    let network = Network::start().unwrap();
    let ask = |spec: EngineSpec| {
        let stt = OpenAiStt::new(Arc::clone(&network), "groq", &spec);
        match stt.transcribe(&a_tone(RATE_HZ), &options(RATE_HZ), &CancelFlag::new()) {
            Err(SttError::Remote { failure, .. }) => failure,
            other => panic!("{other:?}"),
        }
    };
    let right = spec(EngineKind::OpenaiStt, cloud.openai());
    let wrong = EngineSpec { api_key: Some(Secret::new("sk-wrong")), ..right.clone() };
    assert_eq!(ask(wrong), HttpFailure::Refused { status: 401, code: "invalid_api_key".into() });
    // Nobody listens on a port that was just given up.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = ask(EngineSpec { url: Some(format!("http://{free}/v1")), ..right.clone() });
    assert!(away.to_string().starts_with("it cannot be reached"), "{away}");
    cloud.turn(Mode::Hangs);
    assert_eq!(ask(EngineSpec { timeout_ms: 100, ..right }), HttpFailure::TimedOut);
    let stt = openai_stt(&cloud);
    let soon = SttOptions { deadline: Some(Instant::now() + Duration::from_millis(100)), ..options(RATE_HZ) };
    let outcome = stt.transcribe(&a_tone(RATE_HZ), &soon, &CancelFlag::new());
    assert!(matches!(outcome, Err(SttError::DeadlinePassed)), "{outcome:?}");
}

#[test]
fn the_fakes_keep_the_promises_that_tests_rely_on() {
    let once = || fake::Scripted::Text("hello".to_owned());
    let tts = fake::FakeTts::default();
    assert!(synthesize_all(&tts, "one two", &CancelFlag::new()).unwrap().len() == 3_200);
    let stt = fake::FakeStt::new([once()]);
    assert_eq!(stt.transcribe(&a_tone(RATE_HZ), &options(RATE_HZ), &CancelFlag::new()).unwrap().text, "hello");
}

#[cfg(all(feature = "whisper", feature = "piper"))]
#[test]
fn whisper_hears_and_piper_speaks() {
    let models = models::ModelStore::default();
    let piper = tts::Piper::load(&models.locate("piper-joe").unwrap()).unwrap().with_variation(0.0);
    speaks_as_promised(&piper);
    let whisper = stt::Whisper::load(&models.locate("whisper-base").unwrap()).unwrap();
    let hello = |rate_hz| synthesize_all_at(&piper, "Hello.", rate_hz, &CancelFlag::new()).unwrap();
    hears_as_promised(&whisper, hello, || {});
}
