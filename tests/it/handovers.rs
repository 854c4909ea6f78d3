//! Callers handed to people: second leg or REFER, what each side hears meanwhile, and how it ends. Both far ends are
//! sockets that share no code with VCA; every sound is a tone, so that it shows who hears whom.

use std::time::Duration;

use vca::call::ports::Closing;
use vca::domain::{
    CallOutcome, DialString, E164, EndCause, TenantScope, TransferKind, TransferMode, TransferResult, TransferTarget,
    Transfers, Trunk, TrunkMode, TrunkSettings, WeeklyHours,
};

use crate::desk::{AGENT_HZ, Desk};
use crate::far_end::{Dialog, Message, Phone, Voice};
use crate::harness::DID;

pub const CALLER_HZ: f32 = 1_000.0;
pub const PERSON_HZ: f32 = 1_300.0;
const EARLY_HZ: f32 = 1_700.0;
/// The Indian ringing tone.
const RINGING_HZ: [f32; 2] = [375.0, 425.0];
/// The tune of the hold music, without the note that the agent's voice has.
pub const MUSIC_HZ: [f32; 5] = [392.0, 523.3, 587.3, 659.3, 784.0];
/// Longer than any of these calls.
pub const NEVER: Duration = Duration::from_secs(600);

pub fn target(name: &str, number: &str, kind: TransferKind) -> TransferTarget {
    TransferTarget { name: name.to_owned(), number: number.parse().expect("a number"), hours: None, kind }
}

pub fn transfers(targets: Vec<TransferTarget>) -> Transfers {
    Transfers { targets, allow_foreign: false }
}

/// A caller who was greeted and has asked for a person.
pub struct Caller {
    pub phone: Phone,
    pub voice: Voice,
    pub dialog: Dialog,
}

impl Caller {
    pub fn asks_for_a_person(desk: &Desk, ip: &str) -> Self {
        Self::asks_from(desk, Phone::at(ip), ip)
    }

    pub fn asks_from(desk: &Desk, mut phone: Phone, ip: &str) -> Self {
        let mut voice = Voice::at(ip);
        let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
        voice.send_to(&sdp);
        voice.expect_tone(AGENT_HZ);
        voice.expect_quiet();
        desk.hear("Can I talk to a person?");
        voice.say(CALLER_HZ);
        Self { phone, voice, dialog }
    }

    /// Another offer in the call; the answer's SDP.
    pub fn reoffers(&mut self, direction: &str) -> String {
        reoffer(&mut self.phone, &mut self.dialog, &mut self.voice, direction)
    }

    pub fn hangs_up(&mut self, desk: &Desk) -> Closing {
        let answer = self.phone.ask(&mut self.dialog, "BYE", "Reason: Q.850;cause=16\r\n", "");
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
        desk.closed()
    }
}

pub fn reoffer(phone: &mut Phone, dialog: &mut Dialog, voice: &mut Voice, direction: &str) -> String {
    let answer = phone.ask(dialog, "INVITE", "", &voice.sdp(direction));
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    answer.body().to_owned()
}

/// Answers the INVITE with a voice, which hears and is heard from now on.
pub fn take_up(phone: &mut Phone, invite: &Message) -> (Dialog, Voice) {
    let mut voice = Voice::at(&phone.address.ip().to_string());
    voice.send_to(invite.body());
    let dialog = phone.answer(invite, &voice.sdp("sendrecv"));
    (dialog, voice)
}

fn results(closing: &Closing) -> Vec<(&str, TransferResult)> {
    closing.transfers.iter().map(|attempt| (attempt.target.as_str(), attempt.result)).collect()
}

/// A caller and a person who talk, by a blind target.
fn talking(dead_media: Duration) -> (Desk, Caller, Phone, Dialog, Voice) {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, dead_media);
    let caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    let (dialog, voice) = take_up(&mut person, &invite);
    caller.voice.tone(CALLER_HZ);
    voice.tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    (desk, caller, person, dialog, voice)
}

#[test]
fn who_watches_a_call_has_the_caller_handed_over() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, NEVER);
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_tone(AGENT_HZ);
    let call = desk.block_on(desk.live.list_all()).calls.remove(0);
    let scope = TenantScope::proven(call.tenant);
    // A name that nobody has changes nothing; the one that somebody has comes in the middle of the greeting.
    for name in ["nobody", "Dr Rao"] {
        assert_eq!(desk.block_on(desk.live.hand_over(scope, call.id, name.to_owned())), Ok(()));
    }
    let invite = person.expect_request("INVITE");
    let (_dialog, heard) = take_up(&mut person, &invite);
    voice.tone(CALLER_HZ);
    heard.tone(PERSON_HZ);
    heard.expect_tone(CALLER_HZ);
    voice.expect_tone(PERSON_HZ);
    let closing = Caller { phone, voice, dialog }.hangs_up(&desk);
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::Bridged)]);
}

#[test]
fn a_blind_transfer_rings_lets_early_media_through_and_joins_both() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    assert!(invite.header("From").contains("+918047180000"), "the number dialled is shown: {}", invite.text);
    person.respond(&invite, "180 Ringing", "", "");
    caller.voice.expect_tones(&RINGING_HZ);
    let mut voice = Voice::at("127.0.0.1");
    voice.send_to(invite.body());
    voice.tone(EARLY_HZ);
    let sdp = voice.sdp("sendrecv");
    person.respond(&invite, "183 Session Progress", "", &sdp);
    caller.voice.expect_tone(EARLY_HZ);
    let mut dialog = person.answer(&invite, &sdp);
    voice.tone(PERSON_HZ);
    caller.voice.tone(CALLER_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);
    let answer = person.ask(&mut dialog, "BYE", "Reason: Q.850;cause=31;text=\"Normal\"\r\n", "");
    assert_eq!(answer.status(), Some(200));
    let reason = caller.phone.expect_bye(&caller.dialog);
    assert!(reason.starts_with("Q.850;cause=31"), "the person's cause is passed on: {reason}");
    let closing = desk.closed();
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::PersonHungUp, CallOutcome::Transferred));
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::Bridged)]);
    let attempt = &closing.transfers[0];
    assert!(attempt.kind == TransferKind::Blind && attempt.answered_at.is_some(), "{attempt:?}");
    assert_eq!(closing.bridged_ms, attempt.bridged_ms);
    assert!(closing.bridged_ms > 0);
}

#[test]
fn hold_in_a_bridge_is_answered_by_the_book_and_gives_the_other_side_music() {
    let (desk, mut caller, mut person, mut dialog, mut voice) = talking(Duration::from_secs(4));
    for (offered, answered) in [("sendonly", "a=recvonly"), ("inactive", "a=inactive")] {
        let sdp = reoffer(&mut person, &mut dialog, &mut voice, offered);
        assert!(sdp.contains(answered), "{offered}: {sdp}");
        voice.expect_nothing();
        caller.voice.expect_tones(&MUSIC_HZ);
    }
    // A hold that lasts is no dead media.
    voice.go_dead();
    voice.expect_time(6);
    assert!(!caller.phone.has_request("BYE"), "six seconds on hold end nothing");
    voice.come_back();
    let sdp = reoffer(&mut person, &mut dialog, &mut voice, "sendrecv");
    assert!(sdp.contains("a=sendrecv"), "{sdp}");
    caller.voice.expect_tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);

    let sdp = caller.reoffers("sendonly");
    assert!(sdp.contains("a=recvonly"), "{sdp}");
    caller.voice.expect_nothing();
    voice.expect_tones(&MUSIC_HZ);
    caller.reoffers("sendrecv");
    caller.voice.expect_tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);

    let closing = caller.hangs_up(&desk);
    let reason = person.expect_bye(&dialog);
    assert!(reason.starts_with("Q.850;cause=16"), "{reason}");
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Transferred));
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::Bridged)]);
}

#[test]
fn a_call_that_begins_on_hold_is_greeted_when_it_is_taken_back() {
    let desk = Desk::start(transfers(Vec::new()), None, Duration::from_secs(4));
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("inactive"));
    assert!(sdp.contains("a=inactive"), "{sdp}");
    voice.send_to(&sdp);
    // Longer than the receptionist waits for anything, and than media may be dead.
    voice.expect_time(8);
    assert_eq!(voice.received(), 0);
    let mut caller = Caller { phone, voice, dialog };
    caller.reoffers("sendrecv");
    caller.voice.expect_tone(AGENT_HZ);
    caller.voice.expect_quiet();
    let closing = caller.hangs_up(&desk);
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Nothing));
    let turns = desk.turns();
    assert_eq!(turns.len(), 1, "the greeting, and no filler: {turns:?}");
    assert_eq!(turns[0].heard, None, "{turns:?}");
}

#[test]
fn a_side_whose_media_stops_ends_the_bridge_for_both() {
    for person_is_dead in [true, false] {
        let (desk, mut caller, mut person, dialog, voice) = talking(Duration::from_secs(3));
        if person_is_dead {
            voice.go_dead()
        } else {
            caller.voice.go_dead()
        }
        let reasons = [person.expect_bye(&dialog), caller.phone.expect_bye(&caller.dialog)];
        assert!(reasons.iter().all(|reason| reason.starts_with("Q.850;cause=102")), "{reasons:?}");
        let closing = desk.closed();
        assert_eq!((closing.end_cause, closing.outcome), (EndCause::DeadMedia, CallOutcome::Transferred));
        assert_eq!(results(&closing), [("Dr Rao", TransferResult::Bridged)]);
    }
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_cancels_the_call_to_the_person() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Warm)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    person.respond(&invite, "180 Ringing", "", "");
    caller.voice.expect_tones(&MUSIC_HZ);
    let closing = caller.hangs_up(&desk);
    let cancel = person.expect_request("CANCEL");
    person.respond(&cancel, "200 OK", "", "");
    person.respond(&invite, "487 Request Terminated", "", "");
    assert_eq!(closing.end_cause, EndCause::CallerHungUp);
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::CallerLeft)]);
}

#[test]
fn targets_are_tried_in_order_and_none_that_is_closed_or_abroad() {
    let mut phones: Vec<Phone> = (0..5).map(|_| Phone::at("127.0.0.1")).collect();
    let mut closed = target("the night desk", &phones[4].uri(), TransferKind::Warm);
    closed.hours = Some(WeeklyHours::default());
    let mut targets = vec![closed, target("Dr Abroad", "+14155550100", TransferKind::Warm)];
    let names = ["Dr Busy", "Dr Moved", "Dr Away", "Dr Declines"];
    targets.extend(names.iter().zip(&phones).map(|(name, phone)| target(name, &phone.uri(), TransferKind::Warm)));
    let desk = Desk::start(transfers(targets), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");

    let invite = phones[0].expect_request("INVITE");
    phones[0].respond(&invite, "486 Busy Here", "", "");
    let invite = phones[1].expect_request("INVITE");
    phones[1].respond(&invite, "302 Moved Temporarily", "Contact: <sip:toll@127.0.0.2>\r\n", "");
    // Nobody answers: 25 s.
    let invite = phones[2].expect_request("INVITE");
    phones[2].respond(&invite, "180 Ringing", "", "");
    let cancel = phones[2].expect_request("CANCEL");
    phones[2].respond(&cancel, "200 OK", "", "");
    phones[2].respond(&invite, "487 Request Terminated", "", "");
    // The summary is heard, and 2 declines.
    let invite = phones[3].expect_request("INVITE");
    let (mut dialog, voice) = take_up(&mut phones[3], &invite);
    voice.expect_tone(AGENT_HZ);
    caller.voice.expect_tones(&MUSIC_HZ);
    phones[3].ask(&mut dialog, "INFO", "", "Signal=2\r\nDuration=160\r\n");
    phones[3].expect_bye(&dialog);
    // The receptionist is back, and takes a message.
    caller.voice.expect_tone(AGENT_HZ);
    caller.voice.expect_quiet();
    desk.hear("Please call me back about my bill.");
    caller.voice.say(CALLER_HZ);
    caller.voice.expect_tone(AGENT_HZ);
    assert!(!phones[4].has_request("INVITE"), "outside of its hours");
    let closing = caller.hangs_up(&desk);
    let expected = [TransferResult::Busy, TransferResult::Failed, TransferResult::NoAnswer, TransferResult::Refused];
    assert_eq!(results(&closing), names.into_iter().zip(expected).collect::<Vec<_>>());
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Urgent));
    assert!(closing.slots.reason.is_some_and(|reason| reason.contains("bill")), "{:?}", closing.summary);
    assert_eq!(closing.bridged_ms, 0);
}

/// A carrier that takes REFER, at an address of its own, and a desk on its trunk.
fn carrier(ip: &str) -> (Desk, Phone) {
    let carrier = Phone::at(ip);
    let settings = TrunkSettings {
        mode: TrunkMode::Peer,
        registrar: Some(carrier.address.to_string()),
        sbc_ips: vec![ip.parse().expect("a network")],
        transfer: TransferMode::Refer,
        ..TrunkSettings::default()
    };
    let dids = vec![E164::parse(DID).expect("a number")];
    let trunk = Trunk { name: "line".into(), profile: "generic-peer".into(), settings, password: None, dids };
    let targets = vec![target("Dr Rao", "+919845012345", TransferKind::Blind)];
    (Desk::start(transfers(targets), Some(trunk), NEVER), carrier)
}

/// The caller on the carrier's trunk, and our REFER.
fn referred(desk: &Desk, carrier: Phone, ip: &str) -> (Caller, Message) {
    let mut caller = Caller::asks_from(desk, carrier, ip);
    let refer = caller.phone.expect_request("REFER");
    assert!(refer.header("Refer-To").contains("sip:+919845012345@"), "{}", refer.text);
    assert!(refer.header("Referred-By").contains("+918047180000"), "{}", refer.text);
    (caller, refer)
}

/// Tells how far the carrier's own call has come.
fn notify(caller: &mut Caller, state: &str, fragment: &str) {
    let headers = format!("Event: refer\r\nSubscription-State: {state}\r\n");
    let answer = caller.phone.ask(&mut caller.dialog, "NOTIFY", &headers, &format!("SIP/2.0 {fragment}\r\n"));
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
}

#[test]
fn a_carrier_that_takes_refer_has_the_caller_and_our_leg_ends() {
    let ip = "127.0.0.41";
    let (desk, carrier) = carrier(ip);
    let (mut caller, refer) = referred(&desk, carrier, ip);
    caller.phone.respond(&refer, "202 Accepted", "", "");
    notify(&mut caller, "active;expires=60", "100 Trying");
    caller.voice.expect_tones(&RINGING_HZ);
    notify(&mut caller, "active;expires=60", "180 Ringing");
    assert!(!caller.phone.has_request("BYE"), "not before the person has answered");
    notify(&mut caller, "terminated;reason=noresource", "200 OK");
    let reason = caller.phone.expect_bye(&caller.dialog);
    assert!(reason.starts_with("Q.850;cause=16"), "{reason}");
    assert!(!caller.phone.has_request("INVITE"), "no second leg");
    let closing = desk.closed();
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::Referred, CallOutcome::Transferred));
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::Referred)]);
    assert_eq!((closing.bridged_ms, closing.transfers[0].answered_at), (0, None));
    assert!(matches!(closing.transfers[0].number, DialString::Number(_)));
}

#[test]
fn where_refer_fails_the_person_is_called_by_a_second_leg() {
    for (ip, refused) in [("127.0.0.42", true), ("127.0.0.43", false)] {
        let (desk, carrier) = carrier(ip);
        let (mut caller, refer) = referred(&desk, carrier, ip);
        if refused {
            caller.phone.respond(&refer, "405 Method Not Allowed", "", "");
        } else {
            caller.phone.respond(&refer, "202 Accepted", "", "");
            notify(&mut caller, "terminated;reason=noresource", "503 Service Unavailable");
        }
        let invite = caller.phone.expect_request("INVITE");
        assert!(invite.text.starts_with("INVITE sip:+919845012345@"), "{}", invite.text);
        let (dialog, voice) = take_up(&mut caller.phone, &invite);
        caller.voice.tone(CALLER_HZ);
        voice.tone(PERSON_HZ);
        voice.expect_tone(CALLER_HZ);
        caller.voice.expect_tone(PERSON_HZ);
        let closing = caller.hangs_up(&desk);
        caller.phone.expect_bye(&dialog);
        assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Transferred));
        assert_eq!(results(&closing), [("Dr Rao", TransferResult::Bridged)]);
    }
}

#[test]
fn a_person_who_is_busy_for_the_carrier_is_not_called_again() {
    let ip = "127.0.0.44";
    let (desk, carrier) = carrier(ip);
    let (mut caller, refer) = referred(&desk, carrier, ip);
    caller.phone.respond(&refer, "202 Accepted", "", "");
    caller.voice.expect_tones(&RINGING_HZ);
    notify(&mut caller, "terminated;reason=noresource", "486 Busy Here");
    caller.voice.expect_tone(AGENT_HZ);
    assert!(!caller.phone.has_request("INVITE"), "once is enough");
    let closing = caller.hangs_up(&desk);
    assert_eq!(results(&closing), [("Dr Rao", TransferResult::Busy)]);
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Urgent));
}
