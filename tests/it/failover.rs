//! Engines in the network that die in mid-call: the call goes on with those of the node.

use std::collections::BTreeMap;
use std::time::Duration;

use vca::domain::{CallOutcome, Secret, Speaker, SpeechChoice};
use vca::speech::engines::{BreakerState, EngineKind, EngineSpec, EngineStatus};

use crate::cloud::{Cloud, KEY, Mode, VOICE_HZ};
use crate::desk::{AGENT_HZ, Desk, Setting};
use crate::far_end::{Phone, Voice};
use crate::handovers::CALLER_HZ;
use crate::harness::{DID, wait_for};

pub fn engines(cloud: &Cloud) -> BTreeMap<String, EngineSpec> {
    let of = |kind| EngineSpec {
        url: Some(cloud.openai()),
        api_key: Some(Secret::new(KEY)),
        timeout_ms: 1_000,
        failures: 2,
        pause_s: 600,
        ..EngineSpec::new(kind)
    };
    [("groq", EngineKind::OpenaiStt), ("openai", EngineKind::OpenaiTts)]
        .map(|(name, kind)| (name.to_owned(), of(kind)))
        .into()
}

pub fn choice() -> SpeechChoice {
    SpeechChoice {
        stt: vec!["groq".to_owned()],
        tts: vec!["openai".to_owned()],
        voice: Some("nova".to_owned()),
        ..SpeechChoice::default()
    }
}

fn status(desk: &Desk, name: &str) -> EngineStatus {
    desk.engine_status().into_iter().find(|status| status.name == name).expect("an engine of this name")
}

/// Waits for a turn of the caller's with this text.
pub fn expect_heard(desk: &Desk, text: &str) {
    wait_for(text, Duration::from_secs(20), || {
        desk.turns().iter().any(|turn| turn.speaker == Speaker::Caller && turn.text == text).then_some(())
    });
}

#[test]
fn a_call_goes_on_with_the_nodes_own_engines_when_the_cloud_dies() {
    let cloud = Cloud::start();
    let desk = Desk::start_with(Setting { engines: engines(&cloud), choice: choice(), ..Setting::default() });
    let mut phone = Phone::at("127.0.0.1");
    let mut voice = Voice::at("127.0.0.1");
    let (mut dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_tone(VOICE_HZ);
    voice.expect_quiet();

    cloud.hears("What is your address?");
    voice.say(CALLER_HZ);
    voice.expect_tone(VOICE_HZ);
    expect_heard(&desk, "What is your address?");
    voice.expect_quiet();
    assert!(cloud.asked().iter().any(|asked| asked.field("model").as_deref() == Some("whisper-1")));
    let speech =
        cloud.asked().into_iter().find(|asked| asked.path.ends_with("/speech")).expect("it was asked to speak");
    assert!(String::from_utf8_lossy(&speech.body).contains("nova"), "in the tenant's voice");
    assert_eq!(status(&desk, "whisper").counts.succeeded, 0, "the node's own engine has had nothing to do");

    // One hangs and one is cut off: both at once, in the same turn.
    for (mode, question) in [(Mode::Hangs, "What time do you open on Monday?"), (Mode::Dead, "Where do I park my car?")]
    {
        cloud.turn(mode);
        desk.hear(question);
        voice.say(CALLER_HZ);
        voice.expect_tone(AGENT_HZ);
        expect_heard(&desk, question);
        voice.expect_quiet();
    }
    let (groq, openai) = (status(&desk, "groq"), status(&desk, "openai"));
    assert!(groq.counts.slow + groq.counts.broken >= 2 && groq.counts.succeeded >= 1, "{groq:?}");
    assert_eq!((groq.breaker, openai.breaker), (BreakerState::Open, BreakerState::Open), "{groq:?} {openai:?}");

    // Nobody waits for the cloud any more.
    let asked = cloud.asked().len();
    desk.hear("What is your address?");
    voice.say(CALLER_HZ);
    voice.expect_tone(AGENT_HZ);
    voice.expect_quiet();
    assert_eq!(cloud.asked().len(), asked, "both are left out");
    let answer = phone.ask(&mut dialog, "BYE", "", "");
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    assert_eq!(desk.closed().outcome, CallOutcome::Answered);
}
