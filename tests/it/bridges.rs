//! What two people who were put through go on to do: keys by INFO, encrypted legs and new keys, another place of the
//! media before the call is taken.

use std::time::Duration;

use vca::call::ports::Closing;
use vca::domain::{
    CallOutcome, DtmfMode, E164, EndCause, SrtpUse, TransferKind, TransferMode, Trunk, TrunkMode, TrunkSettings,
};

use crate::desk::{AGENT_HZ, Desk};
use crate::far_end::{Dialog, Message, Phone, Voice};
use crate::handovers::{CALLER_HZ, Caller, MUSIC_HZ, NEVER, PERSON_HZ, reoffer, take_up, target, transfers};
use crate::harness::DID;
use crate::secure_voice::SecureVoice;

/// A carrier at an address of its own with these settings, and a desk on its trunk that has one person to call.
fn carrier(ip: &str, kind: TransferKind, settings: TrunkSettings) -> (Desk, Phone) {
    let carrier = Phone::at(ip);
    let settings = TrunkSettings {
        mode: TrunkMode::Peer,
        registrar: Some(carrier.address.to_string()),
        sbc_ips: vec![ip.parse().expect("a network")],
        transfer: TransferMode::Bridge,
        ..settings
    };
    let dids = vec![E164::parse(DID).expect("a number")];
    let trunk = Trunk { name: "line".into(), profile: "generic-peer".into(), settings, password: None, dids };
    (Desk::start(transfers(vec![target("Dr Rao", "+919845012345", kind)]), Some(trunk), NEVER), carrier)
}

fn assert_bridged(closing: &Closing) {
    assert_eq!((closing.end_cause, closing.outcome), (EndCause::CallerHungUp, CallOutcome::Transferred));
    assert!(closing.bridged_ms > 0, "{closing:?}");
}

fn signal(info: &Message) -> &str {
    let line = info.body().lines().find_map(|line| line.strip_prefix("Signal="));
    line.unwrap_or_default().trim()
}

#[test]
fn keys_by_info_reach_the_other_side_in_the_way_of_its_leg() {
    let ip = "127.0.0.45";
    let settings = TrunkSettings { dtmf: DtmfMode::Info, ..TrunkSettings::default() };
    let (desk, phone) = carrier(ip, TransferKind::Blind, settings);
    let mut caller = Caller::asks_from(&desk, phone, ip);
    let invite = caller.phone.expect_request("INVITE");
    let (mut person, voice) = take_up(&mut caller.phone, &invite);
    voice.tone(PERSON_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    let press = |phone: &mut Phone, dialog: &mut Dialog, key: char| {
        let answer = phone.ask(dialog, "INFO", "", &format!("Signal={key}\r\nDuration=160\r\n"));
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
    };
    for (key, by_person) in [('5', true), ('#', false), ('0', true)] {
        if by_person {
            press(&mut caller.phone, &mut person, key);
        } else {
            press(&mut caller.phone, &mut caller.dialog, key);
        }
        let info = caller.phone.expect_request("INFO");
        let to = if by_person { &caller.dialog } else { &person };
        assert!(to.has(&info), "the other leg's: {}", info.text);
        assert_eq!(signal(&info), key.to_string());
        caller.phone.respond(&info, "200 OK", "", "");
    }
    assert_bridged(&caller.hangs_up(&desk));
    caller.phone.expect_bye(&person);
}

#[test]
fn keys_by_info_go_on_as_events_where_the_other_leg_has_those() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    let (mut dialog, voice) = take_up(&mut person, &invite);
    voice.tone(PERSON_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    for key in "19#".chars() {
        let answer = person.ask(&mut dialog, "INFO", "", &format!("Signal={key}\r\nDuration=160\r\n"));
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
    }
    caller.voice.expect_keys("19#");
    assert_bridged(&caller.hangs_up(&desk));
    person.expect_bye(&dialog);
}

#[test]
fn a_person_whose_phone_moves_its_media_before_taking_the_call_hears_the_summary_there() {
    let mut person = Phone::at("127.0.0.1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Warm)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    let (mut dialog, voice) = take_up(&mut person, &invite);
    voice.expect_tone(AGENT_HZ);
    // The caller is put on hold by their own phone meanwhile, and taken back.
    let sdp = caller.reoffers("sendonly");
    assert!(sdp.contains("a=recvonly"), "{sdp}");
    caller.voice.expect_nothing();
    caller.reoffers("sendrecv");
    caller.voice.expect_tones(&MUSIC_HZ);
    let mut moved = Voice::at("127.0.0.1");
    let sdp = reoffer(&mut person, &mut dialog, &mut moved, "sendrecv");
    moved.send_to(&sdp);
    // The summary is said once more to whoever does not decide.
    moved.expect_tone(AGENT_HZ);
    voice.expect_nothing();
    let answer = person.ask(&mut dialog, "INFO", "", "Signal=1\r\nDuration=160\r\n");
    assert_eq!(answer.status(), Some(200));
    caller.voice.tone(CALLER_HZ);
    moved.tone(PERSON_HZ);
    moved.expect_tone(CALLER_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    assert_bridged(&caller.hangs_up(&desk));
    person.expect_bye(&dialog);
}

#[test]
fn a_caller_over_ipv4_and_a_person_over_ipv6_hear_each_other() {
    let mut person = Phone::at("::1");
    let desk = Desk::start(transfers(vec![target("Dr Rao", &person.uri(), TransferKind::Blind)]), None, NEVER);
    let mut caller = Caller::asks_for_a_person(&desk, "127.0.0.1");
    let invite = person.expect_request("INVITE");
    assert!(invite.body().contains("c=IN IP6 ::1"), "{}", invite.body());
    let (dialog, voice) = take_up(&mut person, &invite);
    caller.voice.tone(CALLER_HZ);
    voice.tone(PERSON_HZ);
    voice.expect_tone(CALLER_HZ);
    caller.voice.expect_tone(PERSON_HZ);
    assert_bridged(&caller.hangs_up(&desk));
    person.expect_bye(&dialog);
}

#[test]
fn an_offer_of_the_other_family_is_refused() {
    let desk = Desk::start(transfers(Vec::new()), None, NEVER);
    let mut phone = Phone::at("127.0.0.1");
    let mut dialog = phone.dialog(desk.sip, DID);
    let answer = phone.ask(&mut dialog, "INVITE", "", &Voice::at("::1").sdp("sendrecv"));
    assert_eq!(answer.status(), Some(488), "{}", answer.text);
}

#[test]
fn both_legs_of_a_trunk_with_srtp_are_encrypted_and_take_new_keys_in_mid_call() {
    const NEW_HZ: f32 = 1_450.0;
    let (ip, long) = ("127.0.0.46", Duration::from_secs(60));
    let settings = TrunkSettings { srtp: SrtpUse::Require, ..TrunkSettings::default() };
    let (desk, mut phone) = carrier(ip, TransferKind::Blind, settings);
    let (mut caller, mut person) = (SecureVoice::new(), SecureVoice::new());
    let (mut dialog, answer) = phone.call(desk.sip, DID, &caller.offer());
    caller.accept(&answer);
    caller.expect_tone(AGENT_HZ);
    caller.expect_quiet();
    let first_keys = rekey(&mut phone, &mut dialog, &mut caller);
    desk.hear("Can I talk to a person?");
    caller.tone(CALLER_HZ, Duration::from_millis(600));

    let invite = phone.expect_request("INVITE");
    assert!(invite.body().contains("RTP/SAVP") && invite.body().contains("a=crypto:"), "{}", invite.body());
    let answer = person.answer(invite.body());
    let mut persons_dialog = phone.answer(&invite, &answer);
    caller.tone(CALLER_HZ, long);
    person.tone(PERSON_HZ, long);
    person.expect_tone(CALLER_HZ);
    caller.expect_tone(PERSON_HZ);

    // New keys on both legs of the bridge, and a sound that was never sent under the old ones.
    let second_keys = rekey(&mut phone, &mut dialog, &mut caller);
    assert_ne!(first_keys, second_keys);
    rekey(&mut phone, &mut persons_dialog, &mut person);
    caller.tone(NEW_HZ, long);
    person.expect_tone(NEW_HZ);
    person.tone(CALLER_HZ, long);
    caller.expect_tone(CALLER_HZ);
    for stats in [caller.stats(), person.stats()] {
        // What was on its way when the keys changed.
        assert!(stats.packets_unauthentic <= 20 && stats.packets_received > 10, "{stats:?}");
    }
    let answer = phone.ask(&mut dialog, "BYE", "", "");
    assert_eq!(answer.status(), Some(200));
    phone.expect_bye(&persons_dialog);
    assert_bridged(&desk.closed());
}

/// Offers new keys by re-INVITE, and takes them into use; both sides' keys after it.
fn rekey(phone: &mut Phone, dialog: &mut Dialog, voice: &mut SecureVoice) -> vca::media::SrtpKeys {
    let before = voice.keys.clone().expect("encrypted");
    let answer = phone.ask(dialog, "INVITE", "", &voice.offer_new_keys());
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    voice.accept(answer.body());
    let after = voice.keys.clone().expect("encrypted");
    assert_ne!(before.local, after.local, "our key is another");
    after
}
