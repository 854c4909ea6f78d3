//! Reliable provisional responses, early dialogs, and offers that come late.

use super::uac::{outgoing, place, reply};
use super::*;
use crate::domain::Prack;

fn policy(prack: Prack) -> LegPolicy {
    LegPolicy { prack, ..LegPolicy::default() }
}

fn text(message: &crate::sip::message::Headers, name: HeaderName) -> String {
    message.get(&name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}

fn requiring(body: &str) -> String {
    let more = if body.is_empty() { "Require: 100rel\n".to_owned() } else { format!("Require: 100rel\n{SDP}") };
    request("INVITE", 1, TO, "inv", &more, body)
}

fn prack(cseq: u32, tag: &str, rack: &str) -> String {
    request("PRACK", cseq, &format!("{TO};tag={tag}"), &format!("prack{cseq}"), &format!("RAck: {rack}\n"), "")
}

#[test]
fn a_caller_that_requires_it_gets_reliable_responses_one_after_the_other_and_the_answer_once() {
    let mut rig = Rig::new(config());
    rig.receive(&requiring("offer"));
    let leg = rig.incoming();
    rig.take_sent();
    rig.command(leg, Command::Progress { status: 183, sdp: Some(b"early".to_vec()) });
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    rig.command(leg, Command::Answer { sdp: b"early".to_vec() });
    let first = rig.take_response();
    assert_eq!((first.status, text(&first.headers, HeaderName::Require).as_str()), (183, "100rel"));
    let (tag, rseq): (_, u32) = (to_tag(&first), text(&first.headers, HeaderName::RSeq).parse().unwrap());
    rig.pass(Duration::from_millis(3_500));
    assert_eq!(rig.take_lines(), ["183", "183", "183"], "after 0.5, 1.5 and 3.5 s");
    rig.receive(&prack(2, &tag, &format!("{} 1 INVITE", rseq + 1)));
    rig.receive(&prack(3, &tag, &format!("{rseq} 2 INVITE")));
    rig.receive(&prack(4, &tag, "nonsense"));
    assert_eq!(rig.take_lines(), ["481", "481", "400"]);
    rig.receive(&prack(5, &tag, &format!("{rseq} 1 INVITE")));
    let sent = rig.take_sent();
    assert_eq!(sent.iter().map(line).collect::<Vec<_>>(), ["200", "200"]);
    let Message::Response(ok) = &sent[1] else { panic!() };
    assert_eq!((ok.headers.cseq().unwrap().method, ok.body.as_slice()), (Method::Invite, &b""[..]));
    rig.receive(&in_dialog("ACK", 1, &tag, "ack"));
    assert_eq!(rig.take_events(), [LegEvent::Acked { body: None }]);
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.receive(&in_dialog("BYE", 6, &tag, "bye"));
    rig.assert_nothing_left();
}

#[test]
fn the_next_reliable_response_waits_for_the_prack_of_the_one_before() {
    let mut rig = Rig::new(config());
    rig.receive(&requiring("offer"));
    let leg = rig.incoming();
    rig.take_sent();
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    let first = rig.take_response();
    let rseq: u32 = text(&first.headers, HeaderName::RSeq).parse().unwrap();
    rig.command(leg, Command::Progress { status: 183, sdp: Some(b"early".to_vec()) });
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.receive(&prack(2, &to_tag(&first), &format!("{rseq} 1 INVITE")));
    let second = rig.take_response();
    assert_eq!((second.status, text(&second.headers, HeaderName::RSeq)), (183, (rseq + 1).to_string()));
}

#[test]
fn a_call_whose_ringing_is_never_acknowledged_gets_504() {
    let mut rig = Rig::new(config());
    rig.receive(&requiring("offer"));
    let leg = rig.incoming();
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    rig.take_sent();
    rig.pass(Duration::from_secs(32));
    let lines = rig.take_lines();
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (7, "504"), "doubling: 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s");
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: false, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn a_2xx_without_waiting_stops_the_repetition_and_a_late_prack_is_welcome() {
    let mut rig = Rig::new(config());
    rig.receive(&requiring("offer"));
    let leg = rig.incoming();
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    let ringing = rig.take_response();
    let rseq = text(&ringing.headers, HeaderName::RSeq);
    rig.command(leg, Command::Answer { sdp: b"answer".to_vec() });
    assert_eq!(rig.take_response().body, b"answer");
    rig.receive(&in_dialog("ACK", 1, &to_tag(&ringing), "ack"));
    rig.pass(Duration::from_secs(40));
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.receive(&prack(2, &to_tag(&ringing), &format!("{rseq} 1 INVITE")));
    assert_eq!(rig.take_lines(), ["200"]);
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn the_policy_decides_who_gets_reliable_responses() {
    for (prack, header, reliable) in [
        (Prack::Accept, "Supported: 100rel\n", false),
        (Prack::Require, "Supported: 100rel\n", true),
        (Prack::Require, "", false),
        (Prack::Accept, "Require: 100rel\n", true),
    ] {
        let mut rig = Rig::new(config());
        rig.receive(&request("INVITE", 1, TO, "inv", &format!("{header}{SDP}"), "offer"));
        let leg = rig.incoming();
        rig.command(leg, Command::SetPolicy(policy(prack)));
        rig.command(leg, Command::Progress { status: 180, sdp: None });
        let ringing = rig.take_response();
        assert_eq!((ringing.status, ringing.headers.contains(HeaderName::RSeq)), (180, reliable), "{prack:?} {header}");
    }
    let mut rig = Rig::new(EndpointConfig { policy: policy(Prack::Off), ..config() });
    rig.receive(&requiring("offer"));
    let refused = rig.take_response();
    assert_eq!((refused.status, text(&refused.headers, HeaderName::Unsupported).as_str()), (420, "100rel"));
    assert!(rig.events.is_empty());
}

#[test]
fn an_early_update_changes_the_media_once_the_answer_was_given_reliably() {
    let mut rig = Rig::new(config());
    rig.receive(&requiring("offer"));
    let leg = rig.incoming();
    rig.command(leg, Command::Progress { status: 183, sdp: Some(b"early".to_vec()) });
    let first = rig.take_response();
    let (tag, rseq) = (to_tag(&first), text(&first.headers, HeaderName::RSeq));
    let update = |cseq: u32| request("UPDATE", cseq, &format!("{TO};tag={tag}"), &format!("u{cseq}"), SDP, "other");
    rig.receive(&update(2));
    assert_eq!(rig.take_response().status, 500, "our answer is not settled");
    rig.receive(&prack(3, &tag, &format!("{rseq} 1 INVITE")));
    rig.take_sent();
    rig.receive(&update(4));
    assert_eq!(rig.take_events(), [LegEvent::Reinvite { body: Some(b"other".to_vec()) }]);
    rig.command(leg, Command::AnswerReinvite(Ok(b"agreed".to_vec())));
    let response = rig.take_response();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"agreed"[..]));
    rig.receive(&update(5));
    rig.take_events();
    rig.receive(&request("CANCEL", 1, TO, "inv", "Require: 100rel\n", "").replace("Require: 100rel\n", ""));
    let mut lines = rig.take_lines();
    lines.sort();
    assert_eq!(lines, ["200", "487", "487"], "the UPDATE that waits is answered too");
    rig.receive(&request("ACK", 1, TO, "inv", "", ""));
    rig.assert_nothing_left();
}

/// A reliable 1xx to our INVITE, from this fork.
fn reliable(invite: &Request, status: u16, tag: &str, rseq: u32) -> Response {
    let mut response = reply(invite, status, tag);
    response.headers.push(HeaderName::Require, "100rel");
    response.headers.push(HeaderName::RSeq, rseq);
    response
}

#[test]
fn our_prack_goes_to_the_contact_of_the_response_along_its_route_set() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, OutgoingInvite { policy: policy(Prack::Require), ..outgoing() });
    assert_eq!(text(&invite.headers, HeaderName::Require), "100rel");
    let mut early = reliable(&invite, 183, "b", 7);
    early.headers.set(HeaderName::Contact, "<sip:bob@198.51.100.4:5099>");
    early.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.60:5080;lr>");
    rig.answer(&early);
    let (flow, message) = rig.sent.pop().unwrap();
    let Message::Request(prack) = message else { panic!() };
    assert_eq!((prack.method.clone(), prack.uri.as_str()), (Method::Prack, "sip:bob@198.51.100.4:5099"));
    assert_eq!(flow.remote, addr("192.0.2.60:5080"));
    assert_eq!(prack.headers.routes().unwrap().len(), 1);
    let number = invite.headers.cseq().unwrap().number;
    assert_eq!(text(&prack.headers, HeaderName::RAck), format!("7 {number} INVITE"));
    assert_eq!((prack.headers.to().unwrap().tag(), prack.headers.cseq().unwrap().number), (Some("b"), number + 1));
    assert_eq!(rig.take_events(), [LegEvent::Provisional { status: 183, body: Some(b"answer".to_vec()), fork: 0 }]);
    rig.answer(&early);
    rig.answer(&reliable(&invite, 180, "b", 9));
    assert_eq!(rig.take_lines(), [""; 0], "a repetition and a gap are not acknowledged");
    assert!(rig.take_events().is_empty());
    rig.answer(&reliable(&invite, 180, "b", 8));
    assert_eq!(text(&rig.take_request().headers, HeaderName::RAck), format!("8 {number} INVITE"));
    rig.answer(&prack.reply(200));
    let mut ok = reply(&invite, 200, "b");
    ok.body.clear();
    ok.headers.remove(HeaderName::ContentType);
    rig.answer(&ok);
    assert_eq!(rig.take_lines(), ["ACK"]);
    assert!(
        matches!(&rig.take_events()[..], [LegEvent::Provisional { status: 180, .. }, LegEvent::Answered { sdp }] if sdp == b"answer"),
        "the answer that came early is the answer"
    );
    rig.command(leg, Command::Bye { reason: None });
    let bye = rig.take_request();
    assert_eq!(bye.headers.cseq().unwrap().number, number + 3, "behind both PRACKs");
    rig.answer(&bye.reply(200));
    rig.assert_nothing_left();
}

#[test]
fn forks_that_ring_have_dialogs_of_their_own() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    rig.answer(&reliable(&invite, 180, "b", 100));
    rig.answer(&reliable(&invite, 183, "c", 1));
    let forks: Vec<_> = rig.take_events().iter().map(|e| matches!(e, LegEvent::Provisional { fork: 1, .. })).collect();
    assert_eq!(forks, [false, true]);
    let sent = rig.take_sent();
    let tags: Vec<_> = sent.iter().map(|m| m.headers().to().unwrap().tag().unwrap().to_owned()).collect();
    let numbers: Vec<_> = sent.iter().map(|m| m.headers().cseq().unwrap().number).collect();
    assert_eq!((tags, numbers[0]), (vec!["b".to_owned(), "c".to_owned()], numbers[1]));
    rig.answer(&reply(&invite, 200, "b"));
    rig.take_sent();
    rig.answer(&reply(&invite, 200, "c"));
    let bye = rig.take_request();
    assert_eq!((bye.method.clone(), bye.headers.to().unwrap().tag()), (Method::Bye, Some("c")));
    assert!(bye.headers.cseq().unwrap().number > numbers[1], "not the number of the PRACK");
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn forks_without_end_are_not_followed() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    for n in 0..100 {
        rig.answer(&reliable(&invite, 180, &format!("fork-{n}"), 1));
    }
    assert_eq!(rig.take_sent().len(), 16);
    rig.command(leg, Command::Cancel);
    rig.answer(&reply(&invite, 487, "b"));
    rig.assert_nothing_left();
}

#[test]
fn an_offer_in_the_200_is_answered_in_the_ack() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, OutgoingInvite { body: None, ..outgoing() });
    assert!(invite.body.is_empty());
    assert!(!text(&invite.headers, HeaderName::Supported).contains("100rel"));
    let ok = reply(&invite, 200, "b");
    rig.answer(&ok);
    rig.answer(&ok);
    assert_eq!(rig.take_lines(), [""; 0], "no ACK without our answer, no BYE to a repetition");
    assert_eq!(rig.take_events(), [LegEvent::AnsweredWithOffer { offer: b"answer".to_vec() }]);
    rig.command(leg, Command::Acknowledge { sdp: b"ours".to_vec() });
    let ack = rig.take_request();
    assert_eq!((ack.method.clone(), ack.body.as_slice()), (Method::Ack, &b"ours"[..]));
    assert_eq!(text(&ack.headers, HeaderName::ContentType), "application/sdp");
    rig.answer(&ok);
    assert_eq!(rig.take_request(), ack);
    rig.command(leg, Command::Bye { reason: None });
    let bye = rig.take_request();
    rig.answer(&bye.reply(200));
    rig.assert_nothing_left();
}

#[test]
fn a_late_offer_that_nobody_answers_is_acknowledged_and_ended() {
    for hang_up in [true, false] {
        let mut rig = Rig::new(config());
        let (leg, invite) = place(&mut rig, OutgoingInvite { body: None, ..outgoing() });
        rig.answer(&reply(&invite, 200, "b"));
        if hang_up {
            rig.command(leg, Command::Bye { reason: None });
        } else {
            rig.pass(Duration::from_secs(10));
        }
        assert_eq!(rig.take_lines(), ["ACK", "BYE"]);
        assert!(matches!(&rig.take_events()[1..], [LegEvent::Ended { by_remote: false, .. }]));
        rig.assert_nothing_left();
    }
}
