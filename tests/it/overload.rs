//! A node whose speech workers cannot keep up: new calls are refused, the calls that go on are not harmed, and it is over
//! by itself.

use std::time::Duration;

use vca::domain::Transfers;

use crate::desk::{AGENT_HZ, Desk};
use crate::far_end::{Dialog, Message, Phone, Voice};
use crate::harness::{DID, wait_for};

const CALLER_HZ: f32 = 1_000.0;

#[test]
fn while_speech_is_held_up_new_calls_get_503_and_a_call_that_goes_on_is_served() {
    let desk = Desk::start(Transfers::default(), None, Duration::from_secs(600));
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    let (mut dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_tone(AGENT_HZ);
    voice.expect_quiet();

    let held_up = desk.hold_up_speech();
    let refusal = wait_for("a refusal", Duration::from_secs(20), || {
        let (answer, mut other) = attempt(&desk);
        if answer.status() == Some(200) {
            phone_bye(&mut other);
            return None;
        }
        Some(answer)
    });
    assert_eq!(refusal.status(), Some(503), "{}", refusal.text);
    let seconds: u32 = refusal.header("Retry-After").parse().expect("a Retry-After in seconds");
    assert!((1..=2).contains(&seconds), "{seconds}");
    // The caller says something that nobody can understand now, and hears a filler all the same.
    voice.say(CALLER_HZ);
    voice.expect_tone(AGENT_HZ);

    drop(held_up);
    desk.hear("What are your timings?");
    wait_for("a call that is taken", Duration::from_secs(30), || {
        let (answer, mut other) = attempt(&desk);
        (answer.status() == Some(200)).then(|| phone_bye(&mut other))
    });
    voice.expect_quiet();
    voice.say(CALLER_HZ);
    voice.expect_tone(AGENT_HZ);
    let answer = phone.ask(&mut dialog, "BYE", "", "");
    assert_eq!(answer.status(), Some(200), "the call lived through it");
}

/// Another call: its final answer, and the phone that called.
fn attempt(desk: &Desk) -> (Message, (Phone, Dialog)) {
    let mut phone = Phone::at("127.0.0.1");
    let sdp = Voice::at("127.0.0.1").sdp("sendrecv");
    let mut dialog = phone.dialog(desk.sip, DID);
    let answer = phone.ask(&mut dialog, "INVITE", "", &sdp);
    (answer, (phone, dialog))
}

fn phone_bye((phone, dialog): &mut (Phone, Dialog)) {
    let answer = phone.ask(dialog, "BYE", "", "");
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
}
