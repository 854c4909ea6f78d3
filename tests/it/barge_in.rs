//! Callers who listen: what they say while the agent speaks, and what comes back of its own voice.

use std::time::Duration;

use vca::domain::Speaker;

use crate::desk::{AGENT_HZ, Desk};
use crate::ears::hears;
use crate::far_end::{Phone, Voice};
use crate::handovers::{CALLER_HZ, Caller, NEVER, transfers};
use crate::harness::{DID, Demo};

/// A caller whose greeting begins.
fn calls(desk: &Desk, prepare: impl FnOnce(&Voice)) -> Caller {
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    prepare(&voice);
    let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_tone(AGENT_HZ);
    Caller { phone, voice, dialog }
}

#[test]
fn who_says_haan_over_a_line_hears_it_whole() {
    let desk = Desk::start(transfers(Vec::new()), None, NEVER);
    desk.hear("Haan ji.");
    let mut caller = calls(&desk, |_| {});
    // As long as an interruption: the line pauses, and goes on when the words are known.
    caller.voice.say(CALLER_HZ);
    caller.voice.expect_tone(AGENT_HZ);
    caller.voice.expect_quiet();
    caller.hangs_up(&desk);
    let turns = desk.turns();
    assert_eq!(turns.len(), 1, "it was no turn: {turns:?}");
    assert_eq!((turns[0].speaker, &turns[0].heard), (Speaker::Agent, &None), "{turns:?}");
}

#[test]
fn who_wants_the_floor_gets_it_and_what_was_heard_is_kept() {
    let desk = Desk::start(transfers(Vec::new()), None, NEVER);
    desk.hear("What is your address?");
    let mut caller = calls(&desk, |_| {});
    caller.voice.say(CALLER_HZ);
    caller.voice.expect_tone(AGENT_HZ);
    caller.voice.expect_quiet();
    caller.hangs_up(&desk);
    let turns = desk.turns();
    let speakers: Vec<Speaker> = turns.iter().map(|turn| turn.speaker).collect();
    assert_eq!(speakers, [Speaker::Agent, Speaker::Caller, Speaker::Agent], "{turns:?}");
    let heard = turns[0].heard.as_deref().expect("the greeting was cut");
    assert!(turns[0].text.starts_with(heard) && heard.len() < turns[0].text.len(), "{turns:?}");
    assert_eq!(turns[2].heard, None, "the answer is at full volume and whole: {turns:?}");
}

#[test]
fn the_agent_does_not_stop_for_its_own_echo() {
    let desk = Desk::start(transfers(Vec::new()), None, NEVER);
    desk.hear("What is your address?");
    let mut caller = calls(&desk, |voice| voice.echo(Duration::from_millis(200), 0.1));
    caller.voice.expect_quiet();
    let closing = caller.hangs_up(&desk);
    let turns = desk.turns();
    assert_eq!(turns.len(), 1, "the echo said nothing: {turns:?}");
    assert_eq!(turns[0].heard, None, "{turns:?}");
    assert_eq!(closing.end_cause, vca::domain::EndCause::CallerHungUp);
}

#[test]
fn a_spoken_okay_over_the_greeting_does_not_cut_it() {
    let demo = Demo::start();
    let report =
        demo.call(&["--interrupt", "Okay, okay.", "--say", "What is your address?", "--say", "No, thank you."]);
    let call = demo.closed_call();
    let turns = call["turns"].as_array().expect("turns");
    assert_eq!(turns[0]["speaker"], "agent");
    assert_eq!(turns[0]["heard"], serde_json::Value::Null, "the greeting was heard whole: {call:#}\n{report:#}");
    let said = turns.iter().filter(|turn| turn["speaker"] == "caller").filter_map(|turn| turn["text"].as_str());
    assert!(said.clone().all(|text| !hears(text, "okay")), "it was no turn: {call:#}");
    assert!(said.clone().any(|text| hears(text, "address")), "{call:#}");
}
