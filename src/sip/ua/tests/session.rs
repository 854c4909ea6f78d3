//! Session timers, UPDATE and changes that cross, on the virtual clock.

use super::uac::{outgoing, place, reply};
use super::*;
use crate::domain::SessionTimerUse;
use crate::sip::message::HeaderValue;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn asking(expires: u32) -> LegPolicy {
    LegPolicy { session_timer: SessionTimerUse::Ask, session_expires: expires, ..LegPolicy::default() }
}

fn value(headers: &crate::sip::message::Headers, name: HeaderName) -> Option<String> {
    headers.get(&name).map(HeaderValue::to_string_lossy).map(|value| value.into_owned())
}

/// 2xx to a request of ours with more headers and this body.
fn ok(request: &Request, more: &[(HeaderName, &str)], body: &str) -> Response {
    let mut response = reply(request, 200, "b");
    more.iter().for_each(|(name, value)| response.headers.set(name.clone(), *value));
    response.body = body.as_bytes().to_vec();
    if body.is_empty() {
        response.headers.remove(HeaderName::ContentType);
    }
    response
}

/// A call of ours that the peer answered with these headers.
fn called(rig: &mut Rig, policy: LegPolicy, more: &[(HeaderName, &str)]) -> (LegId, Request) {
    let (leg, invite) = place(rig, OutgoingInvite { policy, ..outgoing() });
    rig.answer(&ok(&invite, more, "answer"));
    assert_eq!(rig.take_lines(), ["ACK"]);
    rig.take_events();
    (leg, invite)
}

/// An incoming call with these headers, answered and acknowledged.
fn answered(rig: &mut Rig, more: &str) -> (LegId, String, Response) {
    rig.receive(&request("INVITE", 1, TO, "inv", &format!("{more}{SDP}"), "offer"));
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"answer".to_vec() });
    let ok = rig.take_response();
    let tag = to_tag(&ok);
    rig.receive(&in_dialog("ACK", 1, &tag, "ack"));
    rig.take_events();
    (leg, tag, ok)
}

const EXPIRES: HeaderName = HeaderName::SessionExpires;

#[test]
fn a_trunk_that_bears_no_reinvite_gets_none_but_the_refresh_it_asked_for() {
    let mut rig = Rig::new(config());
    let policy = LegPolicy { reinvite: false, ..asking(900) };
    let (leg, invite) = called(&mut rig, policy, &[(EXPIRES, "900;refresher=uac"), (HeaderName::Allow, "INVITE")]);
    assert_eq!(value(&invite.headers, EXPIRES).as_deref(), Some("900;refresher=uas"));
    rig.command(leg, Command::Reinvite { sdp: b"hold".to_vec() });
    assert!(rig.take_lines().is_empty());
    let events = rig.take_events();
    assert!(matches!(&events[..], [LegEvent::ReinviteAnswered { result: Err((405, _)) }]), "{events:?}");
    rig.pass(seconds(450));
    assert_eq!(rig.take_request().method, Method::Invite);
}

#[test]
fn our_call_lives_an_hour_by_refreshes_of_ours() {
    for (allow, method) in [("INVITE, ACK, BYE, UPDATE", Method::Update), ("INVITE, ACK, BYE", Method::Invite)] {
        let mut rig = Rig::new(config());
        let answer = [(EXPIRES, "900;refresher=uac"), (HeaderName::Allow, allow)];
        let (leg, invite) = called(&mut rig, asking(900), &answer);
        assert_eq!(value(&invite.headers, EXPIRES).as_deref(), Some("900"));
        assert_eq!(value(&invite.headers, HeaderName::Supported).as_deref().map(|s| s.contains("timer")), Some(true));
        for _ in 0..8 {
            rig.pass(seconds(449));
            assert_eq!(rig.take_lines(), [""; 0]);
            rig.pass(seconds(1));
            let refresh = rig.take_request();
            assert_eq!(refresh.method, method);
            assert_eq!(value(&refresh.headers, EXPIRES).as_deref(), Some("900;refresher=uac"));
            let body = if method == Method::Invite { "answer" } else { "" };
            assert_eq!(refresh.body, if method == Method::Invite { b"offer".to_vec() } else { Vec::new() });
            rig.answer(&ok(&refresh, &answer, body));
            assert_eq!(rig.take_lines().len(), usize::from(method == Method::Invite), "an ACK to a re-INVITE");
        }
        assert!(rig.take_events().is_empty(), "the application does not notice");
        assert_eq!(rig.endpoint.legs(), [leg]);
    }
}

#[test]
fn our_call_lives_an_hour_by_refreshes_of_the_peer_and_no_longer() {
    let mut rig = Rig::new(config());
    let (leg, invite) = called(&mut rig, asking(900), &[(EXPIRES, "900;refresher=uas")]);
    let us = invite.headers.from().unwrap();
    for n in 0..8 {
        rig.pass(seconds(450));
        let update = request(
            "UPDATE",
            1 + n,
            TO,
            &format!("up{n}"),
            "Supported: timer\nSession-Expires: 900;refresher=uac\n",
            "",
        )
        .replace("call-1", invite.headers.call_id().unwrap())
        .replace("tag=peer", "tag=b")
        .replace(TO, &format!("{TO};tag={}", us.tag().unwrap()));
        rig.receive(&update);
        let response = rig.take_response();
        assert_eq!((response.status, value(&response.headers, EXPIRES).as_deref()), (200, Some("900;refresher=uac")));
        assert_eq!(value(&response.headers, HeaderName::Require).as_deref(), Some("timer"));
    }
    assert_eq!(rig.endpoint.legs(), [leg]);
    rig.pass(seconds(867));
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.pass(seconds(1));
    let bye = rig.take_request();
    assert_eq!(bye.method, Method::Bye, "32 s before the session expires");
    assert!(value(&bye.headers, HeaderName::Reason).unwrap().contains("Session Timer Expired"));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: false, .. }]));
    rig.answer(&bye.reply(200));
    rig.assert_nothing_left();
}

#[test]
fn an_incoming_call_lives_an_hour_whoever_refreshes() {
    let mut rig = Rig::new(config());
    let (leg, tag, ok) = answered(&mut rig, "Supported: timer\nSession-Expires: 900\nAllow: INVITE, UPDATE\n");
    assert_eq!(value(&ok.headers, EXPIRES).as_deref(), Some("900;refresher=uac"));
    for n in 0..8 {
        rig.pass(seconds(600));
        let more = format!("Supported: timer\nSession-Expires: 900;refresher=uac\n{SDP}");
        rig.receive(&request("INVITE", 2 + n, &format!("{TO};tag={tag}"), &format!("re{n}"), &more, "offer"));
        assert!(matches!(&rig.take_events()[..], [LegEvent::Reinvite { .. }]));
        rig.command(leg, Command::AnswerReinvite(Ok(b"answer".to_vec())));
        rig.receive(&in_dialog("ACK", 2 + n, &tag, &format!("ack{n}")));
        rig.take_sent();
        rig.take_events();
    }
    assert_eq!(rig.endpoint.legs(), [leg]);

    let mut rig = Rig::new(config());
    let (leg, _, ok) =
        answered(&mut rig, "Supported: timer\nSession-Expires: 900;refresher=uas\nAllow: INVITE, UPDATE\n");
    assert_eq!(value(&ok.headers, EXPIRES).as_deref(), Some("900;refresher=uas"));
    for _ in 0..8 {
        rig.pass(seconds(450));
        let refresh = rig.take_request();
        assert_eq!(refresh.method, Method::Update);
        assert_eq!(value(&refresh.headers, EXPIRES).as_deref(), Some("900;refresher=uac"), "our role in this request");
        let mut response = refresh.reply(200);
        response.headers.push(EXPIRES, "900;refresher=uac");
        rig.answer(&response);
    }
    assert_eq!(rig.endpoint.legs(), [leg]);
    assert!(rig.take_events().is_empty());
}

#[test]
fn a_call_without_session_timer_is_left_alone() {
    let mut rig = Rig::new(config());
    let (leg, _, ok) = answered(&mut rig, "");
    assert_eq!(value(&ok.headers, EXPIRES), None);
    rig.pass(seconds(86_400));
    assert_eq!(rig.take_lines(), [""; 0]);
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn a_refresh_without_answer_ends_the_call() {
    let mut rig = Rig::new(config());
    called(&mut rig, asking(900), &[(EXPIRES, "900;refresher=uac"), (HeaderName::Allow, "UPDATE")]);
    rig.pass(seconds(450 + 32));
    let lines = rig.take_lines();
    assert_eq!((lines.first().map(String::as_str), lines.last().map(String::as_str)), (Some("UPDATE"), Some("BYE")));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: true, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn a_refused_refresh_is_repeated_and_the_call_ends_only_with_its_session() {
    let mut rig = Rig::new(config());
    called(&mut rig, asking(900), &[(EXPIRES, "900;refresher=uac"), (HeaderName::Allow, "UPDATE")]);
    rig.pass(seconds(450));
    let refresh = rig.take_request();
    rig.answer(&refresh.reply(500));
    rig.pass(seconds(209));
    let again = rig.take_request();
    assert_eq!(again.method, Method::Update);
    rig.answer(&ok(&again, &[(EXPIRES, "900;refresher=uac")], ""));
    rig.pass(seconds(449));
    assert_eq!(rig.take_lines(), [""; 0]);
}

#[test]
fn a_peer_that_said_update_and_does_not_know_it_is_refreshed_by_reinvite() {
    let mut rig = Rig::new(config());
    called(&mut rig, asking(900), &[(EXPIRES, "900;refresher=uac"), (HeaderName::Allow, "UPDATE")]);
    rig.pass(seconds(450));
    let refresh = rig.take_request();
    rig.answer(&refresh.reply(501));
    rig.pass(Duration::ZERO);
    let again = rig.take_request();
    assert_eq!((again.method.clone(), again.body.as_slice()), (Method::Invite, &b"offer"[..]));
    rig.answer(&ok(&again, &[(EXPIRES, "900;refresher=uac")], "moved"));
    assert_eq!(rig.take_events(), [LegEvent::ReinviteAnswered { result: Ok(b"moved".to_vec()) }], "other SDP is told");
}

#[test]
fn too_short_an_interval_gets_422_and_a_422_is_followed() {
    let policy = LegPolicy { min_se: 300, ..LegPolicy::default() };
    let mut rig = Rig::new(EndpointConfig { policy, ..config() });
    rig.receive(&request("INVITE", 1, TO, "inv", &format!("Supported: timer\nSession-Expires: 120\n{SDP}"), "offer"));
    let refused = rig.take_response();
    assert_eq!((refused.status, value(&refused.headers, HeaderName::MinSe).as_deref()), (422, Some("300")));
    assert!(rig.events.is_empty());
    rig.receive(&request("ACK", 1, &format!("{TO};tag={}", to_tag(&refused)), "inv", "", ""));
    rig.assert_nothing_left();

    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, OutgoingInvite { policy: asking(600), ..outgoing() });
    let mut short = reply(&invite, 422, "b");
    short.headers.push(HeaderName::MinSe, "1200");
    rig.answer(&short);
    let again = rig.take_request();
    assert_eq!(value(&again.headers, EXPIRES).as_deref(), Some("1200"));
    assert_eq!(value(&again.headers, HeaderName::MinSe).as_deref(), Some("1200"));
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(again.headers.cseq().unwrap().number, invite.headers.cseq().unwrap().number + 1);
    let mut short = reply(&again, 422, "c");
    short.headers.push(HeaderName::MinSe, "1200");
    rig.answer(&short);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 422, .. }]), "not higher: given up");
    rig.assert_nothing_left();
}

#[test]
fn a_policy_that_comes_with_the_trunk_refuses_before_anything_is_said() {
    let off = LegPolicy { session_timer: SessionTimerUse::Off, ..LegPolicy::default() };
    let strict = LegPolicy { min_se: 1_800, ..LegPolicy::default() };
    for (more, policy, status, name, text) in [
        ("Require: timer\n", off, 420, HeaderName::Unsupported, "timer"),
        ("Supported: timer\nSession-Expires: 900\n", strict, 422, HeaderName::MinSe, "1800"),
    ] {
        let mut rig = Rig::new(config());
        rig.receive(&request("INVITE", 1, TO, "inv", &format!("{more}{SDP}"), "offer"));
        let leg = rig.incoming();
        rig.command(leg, Command::SetPolicy(policy));
        let response = rig.take_response();
        assert_eq!((response.status, value(&response.headers, name).as_deref()), (status, Some(text)));
        assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: false, .. }]));
    }
}

#[test]
fn an_update_with_an_offer_is_answered_by_the_application_and_its_contact_is_followed() {
    let mut rig = Rig::new(config());
    let (leg, tag, _) = answered(&mut rig, "");
    let update = request("UPDATE", 2, &format!("{TO};tag={tag}"), "up", SDP, "hold");
    rig.receive(&update.replace("asha@192.0.2.9:5070", "asha@192.0.2.9:5099"));
    assert_eq!(rig.take_events(), [LegEvent::Reinvite { body: Some(b"hold".to_vec()) }]);
    rig.command(leg, Command::AnswerReinvite(Ok(b"held".to_vec())));
    let response = rig.take_response();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"held"[..]));
    rig.pass(seconds(5));
    assert_eq!(rig.take_lines(), [""; 0], "no ACK is waited for");
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(rig.take_request().uri.as_str(), "sip:asha@192.0.2.9:5099");
}

#[test]
fn updates_that_are_refused_late_or_crossed_leave_the_call() {
    let mut rig = Rig::new(config());
    let (leg, tag, _) = answered(&mut rig, "Allow: UPDATE\n");
    let to = format!("{TO};tag={tag}");
    let offer = |cseq, branch: &str| request("UPDATE", cseq, &to, branch, SDP, "offer");
    rig.receive(&offer(2, "u2"));
    rig.receive(&offer(3, "u3"));
    let second = rig.take_response();
    assert_eq!(second.status, 500);
    assert!(second.headers.retry_after().unwrap().unwrap() <= 10);
    rig.command(leg, Command::AnswerReinvite(Err((488, "No Codec".to_owned()))));
    assert_eq!(rig.take_response().status, 488);
    rig.receive(&offer(4, "u4"));
    rig.pass(seconds(10));
    assert_eq!(rig.take_response().status, 504);
    rig.command(leg, Command::Update { sdp: Some(b"ours".to_vec()) });
    assert_eq!(rig.take_request().method, Method::Update);
    rig.receive(&offer(5, "u5"));
    assert_eq!(rig.take_response().status, 491);
    rig.receive(&reinvite(6, &tag, "re"));
    assert_eq!(rig.take_response().status, 491);
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn an_update_of_ours_is_answered_and_one_that_the_peer_does_not_know_is_not_sent() {
    let mut rig = Rig::new(config());
    let (leg, _) = called(&mut rig, LegPolicy::default(), &[]);
    rig.command(leg, Command::Update { sdp: Some(b"hold".to_vec()) });
    assert_eq!(rig.take_lines(), [""; 0]);
    assert!(matches!(&rig.take_events()[..], [LegEvent::ReinviteAnswered { result: Err((405, _)) }]));

    let (leg, _) = called(&mut rig, LegPolicy::default(), &[(HeaderName::Allow, "UPDATE")]);
    rig.command(leg, Command::Update { sdp: Some(b"hold".to_vec()) });
    let update = rig.take_request();
    rig.answer(&ok(&update, &[(HeaderName::Contact, "<sip:bob@192.0.2.9:5999>")], "held"));
    assert_eq!(rig.take_events(), [LegEvent::ReinviteAnswered { result: Ok(b"held".to_vec()) }]);
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(rig.take_request().uri.as_str(), "sip:bob@192.0.2.9:5999");
}

/// When our re-INVITE goes out again after a 491, from the 491 on.
fn wait_after_491(rig: &mut Rig, leg: LegId) -> Duration {
    rig.command(leg, Command::Reinvite { sdp: b"hold".to_vec() });
    let first = rig.take_request();
    rig.answer(&reply(&first, 491, "b"));
    assert_eq!(rig.take_lines(), ["ACK"]);
    let refused = rig.now;
    while rig.sent.is_empty() {
        let next = rig.endpoint.poll_timeout().expect("a retry is due");
        rig.pass(next - rig.now);
    }
    let again = rig.take_request();
    assert_eq!((again.method.clone(), again.body.as_slice()), (Method::Invite, &b"hold"[..]));
    assert!(again.headers.cseq().unwrap().number > first.headers.cseq().unwrap().number);
    let wait = rig.now - refused;
    rig.answer(&reply(&again, 200, "b"));
    assert_eq!(rig.take_lines(), ["ACK"]);
    assert_eq!(rig.take_events(), [LegEvent::ReinviteAnswered { result: Ok(b"answer".to_vec()) }]);
    wait
}

#[test]
fn after_a_491_we_try_again_in_the_time_that_the_owner_of_the_call_id_has() {
    let mut rig = Rig::new(config());
    for _ in 0..20 {
        let (leg, _) = called(&mut rig, LegPolicy::default(), &[]);
        let wait = wait_after_491(&mut rig, leg);
        assert!((Duration::from_millis(2_100)..=seconds(4)).contains(&wait), "{wait:?}");
    }
    for n in 0..20 {
        let mut rig = Rig::new(config());
        rig.endpoint = Endpoint::new(config(), [n; 32]);
        let (leg, _, _) = answered(&mut rig, "");
        let wait = wait_after_491(&mut rig, leg);
        assert!(wait <= seconds(2), "{wait:?}");
    }
}

#[test]
fn a_peer_that_always_says_491_is_believed_in_the_end() {
    let mut rig = Rig::new(config());
    let (leg, _) = called(&mut rig, LegPolicy::default(), &[]);
    rig.command(leg, Command::Reinvite { sdp: b"hold".to_vec() });
    let mut tries = 0;
    let events = loop {
        match rig.take_sent().pop() {
            Some(Message::Request(request)) if request.method == Method::Invite => {
                tries += 1;
                rig.answer(&reply(&request, 491, "b"));
            }
            _ => rig.pass(seconds(4)),
        }
        let events = rig.take_events();
        if !events.is_empty() {
            break events;
        }
    };
    assert!(matches!(&events[..], [LegEvent::ReinviteAnswered { result: Err((491, _)) }]));
    assert_eq!((tries, rig.endpoint.legs()), (5, vec![leg]));
}

#[test]
fn a_500_with_retry_after_is_waited_for_when_it_is_short() {
    let mut rig = Rig::new(config());
    let (leg, _) = called(&mut rig, LegPolicy::default(), &[]);
    for (retry_after, again) in [("3", true), ("60", false)] {
        rig.command(leg, Command::Reinvite { sdp: b"hold".to_vec() });
        let first = rig.take_request();
        let mut busy = reply(&first, 500, "b");
        busy.headers.push(HeaderName::RetryAfter, retry_after);
        rig.answer(&busy);
        rig.take_sent();
        rig.pass(seconds(3));
        if again {
            let second = rig.take_request();
            rig.answer(&reply(&second, 200, "b"));
        }
        rig.take_sent();
        let events = rig.take_events();
        assert!(
            matches!(&events[..], [LegEvent::ReinviteAnswered { result }] if result.is_ok() == again),
            "{events:?}"
        );
    }
}
