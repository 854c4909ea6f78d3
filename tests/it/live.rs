//! Calls as others see them while they go on, and as others end them.

use std::time::Duration;

use vca::domain::{
    CallOutcome, EndCause, LiveCall, LivePhase, Speaker, TenantId, TenantScope, TransferKind, Transfers,
};
use vca::live::{Delivery, Events, Happening, ReachError};

use crate::desk::{AGENT_HZ, Desk};
use crate::far_end::{Phone, Voice};
use crate::handovers::{CALLER_HZ, Caller, NEVER, PERSON_HZ, take_up, target, transfers};
use crate::harness::{DID, wait_for};

const LIMIT: Duration = Duration::from_secs(20);

/// The only call that goes on.
fn the_call(desk: &Desk) -> Option<LiveCall> {
    let calls = desk.block_on(desk.live.list_all()).calls;
    assert!(calls.len() <= 1, "{calls:?}");
    calls.into_iter().next()
}

fn in_phase(desk: &Desk, phase: LivePhase) -> LiveCall {
    wait_for(&format!("{phase:?}"), LIMIT, || the_call(desk).filter(|call| call.phase == phase))
}

fn next(desk: &Desk, events: &mut Events) -> Happening {
    let next = desk.block_on(async { tokio::time::timeout(LIMIT, events.next()).await });
    match next.expect("an event in time").expect("the node lives") {
        Delivery::Event(event) => event.what.clone(),
        Delivery::Missed => panic!("nothing was missed"),
    }
}

#[test]
fn a_watched_call_shows_its_turns_and_is_ended_in_order() {
    let desk = Desk::start(Transfers::default(), None, NEVER);
    let mut events = desk.block_on(async { desk.live.events_all() });
    let mut phone = Phone::at("127.0.0.1");
    let mut voice = Voice::at("127.0.0.1");
    let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    let Happening::CallStarted { call } = next(&desk, &mut events) else { panic!("first it is answered") };
    let scope = TenantScope::proven(call.tenant);
    in_phase(&desk, LivePhase::Speaking);
    voice.expect_tone(AGENT_HZ);
    voice.expect_quiet();
    in_phase(&desk, LivePhase::Listening);
    let Happening::CallTurn { turn, .. } = next(&desk, &mut events) else { panic!("the greeting") };
    assert_eq!(turn.speaker, Speaker::Agent);
    desk.hear("I want to leave a message.");
    voice.say(CALLER_HZ);
    let Happening::CallTurn { turn, .. } = next(&desk, &mut events) else { panic!("the caller's words") };
    assert_eq!((turn.speaker, turn.text.as_str()), (Speaker::Caller, "I want to leave a message."));
    let shown = desk.block_on(desk.live.get(scope, call.id)).expect("it goes on");
    assert_eq!(shown.last_turn.map(|turn| turn.text.0), Some("I want to leave a message.".to_owned()));

    let stranger = TenantScope::proven(TenantId::from_uuid(uuid::Uuid::from_u128(u128::MAX)));
    assert_eq!(desk.block_on(desk.live.hang_up(stranger, call.id)), Err(ReachError::NoSuchCall));
    assert_eq!(desk.block_on(desk.live.hang_up(scope, call.id)), Ok(()));
    phone.expect_bye(&dialog);
    let closing = desk.closed();
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::Operator, CallOutcome::Message));
    let ended = loop {
        match next(&desk, &mut events) {
            Happening::CallTurn { .. } => {}
            other => break other,
        }
    };
    let cause = Some(EndCause::Operator);
    assert_eq!(ended, Happening::CallEnded { call: call.id, cause, outcome: Some(CallOutcome::Message) });
    assert_eq!(the_call(&desk), None);
}

#[test]
fn a_caller_with_a_person_is_shown_so_and_both_legs_can_be_ended() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    in_phase(&desk, LivePhase::HandingOver);
    let (dialog, voice) = take_up(&mut person, &invite);
    voice.tone(PERSON_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    let call = in_phase(&desk, LivePhase::WithPerson);
    let scope = TenantScope::proven(call.tenant);
    assert_eq!(desk.block_on(desk.live.hang_up(scope, call.id)), Ok(()));
    person.expect_bye(&dialog);
    caller.phone.expect_bye(&caller.dialog);
    assert_eq!(desk.closed().end_cause, EndCause::Operator);
}
