//! What a call is counted to have used, and what it does without when the month has cost too much. No call is refused.

use vca::call::ports::Closing;
use vca::domain::billing::{Allowance, DIRECT, EngineUse};
use vca::domain::{CallOutcome, EndCause, Speaker, TransferKind};

use crate::cloud::{Cloud, VOICE_HZ};
use crate::desk::{AGENT_HZ, Desk, Setting};
use crate::failover::{choice, engines, expect_heard};
use crate::far_end::{Phone, Voice};
use crate::handovers::{CALLER_HZ, Caller, PERSON_HZ, take_up, target, transfers};
use crate::harness::DID;

/// A caller who asks for the address and hears it; the receptionist's voice is `agent_hz`.
fn asks_for_the_address(desk: &Desk, agent_hz: f32, ask: impl FnOnce(&str)) -> Closing {
    let mut phone = Phone::at("127.0.0.1");
    let mut voice = Voice::at("127.0.0.1");
    let (mut dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_tone(agent_hz);
    voice.expect_quiet();
    ask("What is your address?");
    voice.say(CALLER_HZ);
    voice.expect_tone(agent_hz);
    expect_heard(desk, "What is your address?");
    voice.expect_quiet();
    let answer = phone.ask(&mut dialog, "BYE", "", "");
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    desk.closed()
}

#[test]
fn on_the_soft_ceiling_a_call_is_answered_by_the_nodes_own_engines() {
    let cloud = Cloud::start();
    let setting = |allowance| Setting { engines: engines(&cloud), choice: choice(), allowance, ..Setting::default() };

    let desk = Desk::start_with(setting(Allowance::Full));
    let closing = asks_for_the_address(&desk, VOICE_HZ, |question| cloud.hears(question));
    assert_eq!(closing.outcome, CallOutcome::Answered);
    let heard = closing.usage.of("groq", EngineUse::AudioMs);
    assert!((300..30_000).contains(&heard), "milliseconds of audio: {:?}", closing.usage);
    assert!(closing.usage.of("openai", EngineUse::Characters) > 20, "{:?}", closing.usage);
    assert_eq!(closing.usage.of("whisper", EngineUse::AudioMs), 0, "{:?}", closing.usage);
    let legs = &closing.usage.legs;
    assert!(legs.len() == 1 && !legs[0].outbound && legs[0].trunk == DIRECT && legs[0].ms > 1_000, "{legs:?}");
    drop(desk);

    let asked = cloud.asked().len();
    let desk = Desk::start_with(setting(Allowance::LocalEngines));
    let closing = asks_for_the_address(&desk, AGENT_HZ, |question| desk.hear(question));
    assert_eq!(closing.outcome, CallOutcome::Answered, "it goes as well as ever");
    assert_eq!(cloud.asked().len(), asked, "and costs nothing");
    assert!(closing.usage.of("whisper", EngineUse::AudioMs) > 300, "{:?}", closing.usage);
    assert_eq!(closing.usage.of("groq", EngineUse::AudioMs), 0, "{:?}", closing.usage);
}

#[test]
fn on_the_hard_ceiling_a_message_is_taken_and_an_emergency_is_put_through() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start_with(Setting {
        transfers: transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]),
        allowance: Allowance::MessagesOnly,
        ..Setting::default()
    });
    let caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    caller.voice.expect_tone(AGENT_HZ);
    expect_heard(&desk, "Can I talk to a person?");
    caller.voice.expect_quiet();
    let told = desk.turns().into_iter().rfind(|turn| turn.speaker == Speaker::Agent).expect("an answer").text;
    assert!(told.contains("I cannot connect you") && told.contains("urgent message"), "{told}");

    desk.hear("This is an emergency, he is unconscious.");
    caller.voice.say(CALLER_HZ);
    let invite = person.expect_request("INVITE");
    let (_dialog, voice) = take_up(&mut person, &invite);
    caller.voice.tone(CALLER_HZ);
    voice.tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    let mut caller = caller;
    let closing = caller.hangs_up(&desk);
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Transferred));
    assert_eq!(closing.transfers.len(), 1, "only the emergency was put through: {:?}", closing.transfers);
    let legs: Vec<_> = closing.usage.legs.iter().map(|leg| (leg.outbound, leg.trunk.as_str())).collect();
    assert_eq!(legs, [(true, DIRECT), (false, DIRECT)], "each leg is counted by itself");
    let [person, whole] = &closing.usage.legs[..] else { unreachable!("two legs") };
    assert!(person.ms >= closing.bridged_ms && person.ms < whole.ms, "{:?}", closing.usage);
}

#[test]
fn below_the_ceilings_whoever_asks_for_a_person_is_put_through() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start_with(Setting {
        transfers: transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]),
        allowance: Allowance::LocalEngines,
        ..Setting::default()
    });
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    person.respond(&invite, "486 Busy Here", "", "");
    caller.voice.expect_tone(AGENT_HZ);
    let closing = caller.hangs_up(&desk);
    let legs: Vec<_> = closing.usage.legs.iter().map(|leg| leg.outbound).collect();
    assert_eq!((closing.transfers.len(), legs), (1, vec![false]), "a leg that nobody answered costs nothing");
}
