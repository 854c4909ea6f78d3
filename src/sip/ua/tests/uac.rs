use super::*;
use crate::domain::Secret;
use crate::sip::message::{NameAddr, Uri};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn outgoing() -> OutgoingInvite {
    OutgoingInvite {
        to: Uri::parse(b"sip:+918047180000@192.0.2.9:5070;user=phone").unwrap(),
        from: NameAddr::new(Uri::parse(b"sip:+911204567890@192.0.2.1").unwrap()),
        destination: None,
        transport: Transport::Udp,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    }
}

pub(super) fn place(rig: &mut Rig, invite: OutgoingInvite) -> (LegId, Request) {
    let (leg, _) = rig.endpoint.invite(invite, None, rig.now).unwrap();
    rig.collect();
    (leg, rig.take_request())
}

pub(super) fn reply(request: &Request, status: u16, tag: &str) -> Response {
    let mut response = request.reply(status);
    let to = response.headers.to().unwrap().with_tag(tag);
    response.headers.set(HeaderName::To, to);
    response.headers.push(HeaderName::Contact, "<sip:bob@192.0.2.9:5070>");
    if status == 200 || status == 183 {
        response.headers.push(HeaderName::ContentType, "application/sdp");
        response.body = b"answer".to_vec();
    }
    response
}

fn established(rig: &mut Rig) -> (LegId, Request) {
    let (leg, invite) = place(rig, outgoing());
    rig.answer(&reply(&invite, 200, "b"));
    assert_eq!(rig.take_lines(), ["ACK"]);
    rig.take_events();
    (leg, invite)
}

#[test]
fn a_call_is_placed_answered_and_ended() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    assert_eq!(invite.uri.as_str(), "sip:+918047180000@192.0.2.9:5070;user=phone");
    assert_eq!(invite.headers.from().unwrap().uri.user(), Some("+911204567890"));
    rig.answer(&invite.reply(100));
    rig.answer(&reply(&invite, 180, "b"));
    rig.answer(&reply(&invite, 183, "b"));
    rig.answer(&reply(&invite, 200, "b"));
    assert_eq!(
        rig.take_events(),
        [
            LegEvent::Provisional { status: 180, body: None, fork: 0 },
            LegEvent::Provisional { status: 183, body: Some(b"answer".to_vec()), fork: 0 },
            LegEvent::Answered { sdp: b"answer".to_vec() },
        ]
    );
    let ack = rig.take_request();
    assert_eq!((ack.method.clone(), ack.uri.as_str()), (Method::Ack, "sip:bob@192.0.2.9:5070"));
    rig.answer(&reply(&invite, 200, "b"));
    assert_eq!(rig.take_request(), ack, "a repeated 200 gets the same ACK");
    assert!(rig.take_events().is_empty());
    rig.command(leg, Command::Bye { reason: None });
    let bye = rig.take_request();
    assert_eq!(bye.headers.cseq().unwrap().number, invite.headers.cseq().unwrap().number + 1);
    rig.answer(&bye.reply(200));
    assert_eq!(rig.take_events(), [LegEvent::Ended { by_remote: false, reason: None, cause: None }]);
    rig.assert_nothing_left();
}

#[test]
fn the_ack_to_a_200_goes_along_the_route_set_and_not_to_the_contact() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, OutgoingInvite { transport: Transport::Tcp, ..outgoing() });
    assert_eq!(rig.sent.len(), 0);
    let mut ok = reply(&invite, 200, "b");
    ok.headers.set(HeaderName::Contact, "<sips:bob@198.51.100.4:5061;transport=tls>");
    ok.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.50;transport=tcp;lr>");
    ok.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.9:5070;transport=tcp;lr>");
    rig.answer(&ok);
    let (flow, ack) = rig.sent.pop().unwrap();
    let Message::Request(ack) = ack else { panic!() };
    assert_eq!((flow.transport, flow.remote), (Transport::Tcp, addr("192.0.2.9:5070")));
    assert_eq!(ack.uri.as_str(), "sips:bob@198.51.100.4:5061;transport=tls");
    let routes: Vec<_> = ack.headers.routes().unwrap().iter().map(|r| r.uri.host().to_owned()).collect();
    assert_eq!(routes, ["192.0.2.9", "192.0.2.50"]);
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(rig.sent.pop().unwrap().0.remote, addr("192.0.2.9:5070"));
}

#[test]
fn a_failure_is_acknowledged_and_told_with_its_retry_after() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, outgoing());
    let mut busy = reply(&invite, 503, "b");
    busy.headers.push(HeaderName::RetryAfter, "120 (maintenance);duration=60");
    rig.answer(&busy);
    let ack = rig.take_request();
    assert_eq!(ack.method, Method::Ack);
    assert_eq!(ack.headers.top_via().unwrap().branch(), invite.headers.top_via().unwrap().branch());
    assert_eq!(ack.headers.to().unwrap().tag(), Some("b"));
    rig.answer(&busy);
    assert_eq!(rig.take_lines(), ["ACK"]);
    let failed = LegEvent::Failed {
        status: 503,
        reason: "Service Unavailable".to_owned(),
        retry_after: Some(Duration::from_secs(120)),
        cause: None,
    };
    assert_eq!(rig.take_events(), [failed]);
    rig.assert_nothing_left();
}

#[test]
fn a_redirection_is_a_failure() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, outgoing());
    rig.answer(&reply(&invite, 302, "b"));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 302, .. }]));
}

#[test]
fn silence_is_408() {
    let mut rig = Rig::new(config());
    place(&mut rig, outgoing());
    rig.pass(Duration::from_secs(32));
    assert_eq!(rig.take_lines().len(), 6);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 408, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    rig.command(leg, Command::Cancel);
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.answer(&invite.reply(100));
    let cancel = rig.take_request();
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(cancel.headers.top_via(), invite.headers.top_via());
    assert_eq!(cancel.headers.cseq().unwrap().number, invite.headers.cseq().unwrap().number);
    rig.answer(&cancel.reply(200));
    rig.answer(&reply(&invite, 487, "b"));
    assert_eq!(rig.take_lines(), ["ACK"]);
    assert_eq!(rig.take_events(), [LegEvent::Cancelled]);
    rig.assert_nothing_left();
}

#[test]
fn a_200_that_crosses_our_cancel_is_acknowledged_and_ended() {
    for proceeding in [true, false] {
        let mut rig = Rig::new(config());
        let (leg, invite) = place(&mut rig, outgoing());
        if proceeding {
            rig.answer(&reply(&invite, 180, "b"));
        }
        rig.command(leg, Command::Cancel);
        rig.take_sent();
        rig.take_events();
        rig.answer(&reply(&invite, 200, "b"));
        assert_eq!(rig.take_lines(), ["ACK", "BYE"]);
        assert_eq!(rig.take_events(), [LegEvent::Cancelled]);
        rig.assert_nothing_left();
    }
}

#[test]
fn a_cancel_without_effect_ends_the_leg_after_64_t1() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    rig.answer(&reply(&invite, 180, "b"));
    rig.command(leg, Command::Cancel);
    rig.take_events();
    rig.pass(Duration::from_secs(32));
    assert_eq!(rig.take_events(), [LegEvent::Cancelled]);
    rig.assert_nothing_left();
}

#[test]
fn a_call_that_rings_too_long_is_cancelled() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, outgoing());
    rig.answer(&reply(&invite, 180, "b"));
    rig.pass(Duration::from_secs(170));
    assert_eq!(rig.take_request().method, Method::Cancel);
}

#[test]
fn a_second_forked_200_is_acknowledged_and_ended() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    rig.answer(&reply(&invite, 200, "b"));
    rig.take_sent();
    let mut other = reply(&invite, 200, "c");
    other.headers.set(HeaderName::Contact, "<sip:carol@192.0.2.30>");
    rig.answer(&other);
    let sent = std::mem::take(&mut rig.sent);
    assert_eq!(sent.iter().map(|(_, m)| line(m)).collect::<Vec<_>>(), ["ACK", "BYE"]);
    for (flow, message) in &sent {
        assert_eq!(flow.remote, addr("192.0.2.30:5060"));
        assert_eq!(message.headers().to().unwrap().tag(), Some("c"));
    }
    rig.answer(&other);
    assert_eq!(rig.take_lines(), ["ACK"], "acknowledged again, not ended twice");
    assert_eq!(rig.take_events().len(), 1);
    assert_eq!(rig.endpoint.legs(), [leg]);
}

fn challenge(request: &Request, status: u16, nonce: &str, more: &str) -> Response {
    let mut response = reply(request, status, "b");
    let name = if status == 401 { HeaderName::WwwAuthenticate } else { HeaderName::ProxyAuthenticate };
    let value = format!("Digest realm=\"trunk\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256{more}");
    response.headers.push(name, value);
    response
}

fn with_credentials() -> OutgoingInvite {
    let credentials = Credentials { username: "u".to_owned(), password: Secret::new("p") };
    OutgoingInvite { credentials: Some(credentials), ..outgoing() }
}

#[test]
fn challenges_are_answered_once_and_chained() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, with_credentials());
    rig.answer(&challenge(&invite, 407, "n1", ""));
    assert_eq!(rig.sent.iter().map(|(_, m)| line(m)).collect::<Vec<_>>(), ["ACK", "INVITE"]);
    let again = rig.take_request();
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(again.headers.from(), invite.headers.from());
    assert_eq!(again.headers.cseq().unwrap().number, invite.headers.cseq().unwrap().number + 1);
    assert_ne!(again.headers.top_via().unwrap().branch(), invite.headers.top_via().unwrap().branch());
    assert_eq!(again.headers.get_all(HeaderName::Via).count(), 1);
    let credentials = again.headers.get(HeaderName::ProxyAuthorization).unwrap().to_string_lossy();
    assert!(credentials.contains("uri=\"sip:+918047180000@192.0.2.9:5070;user=phone\""), "{credentials}");
    rig.answer(&challenge(&again, 401, "n2", ""));
    let third = rig.take_request();
    assert!(
        third.headers.contains(HeaderName::Authorization) && third.headers.contains(HeaderName::ProxyAuthorization)
    );
    rig.answer(&reply(&third, 200, "b"));
    let ack = rig.take_request();
    assert_eq!(ack.headers.cseq().unwrap().number, third.headers.cseq().unwrap().number);
    assert!(ack.headers.contains(HeaderName::Authorization));
    assert_eq!(rig.take_events(), [LegEvent::Answered { sdp: b"answer".to_vec() }]);
    rig.command(leg, Command::Bye { reason: None });
    let bye = rig.take_request();
    assert!(bye.headers.contains(HeaderName::ProxyAuthorization));
    rig.answer(&challenge(&bye, 407, "n3", ", stale=true"));
    let bye = rig.take_request();
    assert_eq!(bye.method, Method::Bye);
    rig.answer(&bye.reply(200));
    assert_eq!(rig.endpoint.stats().legs, 0);
    rig.assert_nothing_left();
}

#[test]
fn refused_credentials_are_not_tried_for_ever_and_none_are_a_failure() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, with_credentials());
    rig.answer(&challenge(&invite, 401, "n1", ""));
    let again = rig.take_request();
    rig.answer(&challenge(&again, 401, "n2", ""));
    assert_eq!(rig.take_lines(), ["ACK"]);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 401, .. }]));

    let (_, invite) = place(&mut rig, outgoing());
    rig.answer(&challenge(&invite, 407, "n1", ""));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 407, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn a_reinvite_of_ours_is_answered_or_refused_and_the_call_goes_on() {
    let mut rig = Rig::new(config());
    let (leg, _) = established(&mut rig);
    rig.command(leg, Command::Reinvite { sdp: b"hold".to_vec() });
    let hold = rig.take_request();
    assert_eq!((hold.method.clone(), hold.headers.to().unwrap().tag()), (Method::Invite, Some("b")));
    rig.command(leg, Command::Reinvite { sdp: b"too soon".to_vec() });
    assert!(matches!(&rig.take_events()[..], [LegEvent::ReinviteAnswered { result: Err((491, _)) }]));
    let mut ok = reply(&hold, 200, "b");
    ok.headers.set(HeaderName::Contact, "<sip:bob@192.0.2.9:5999>");
    rig.answer(&ok);
    let ack = rig.take_request();
    assert_eq!((ack.method.clone(), ack.uri.as_str()), (Method::Ack, "sip:bob@192.0.2.9:5999"));
    assert_eq!(ack.headers.cseq().unwrap().number, hold.headers.cseq().unwrap().number);
    assert_eq!(rig.take_events(), [LegEvent::ReinviteAnswered { result: Ok(b"answer".to_vec()) }]);

    rig.command(leg, Command::Reinvite { sdp: b"resume".to_vec() });
    let resume = rig.take_request();
    rig.answer(&reply(&resume, 488, "b"));
    assert!(matches!(&rig.take_events()[..], [LegEvent::ReinviteAnswered { result: Err((488, _)) }]));
    assert_eq!(rig.endpoint.legs(), [leg]);
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(rig.take_request().uri.as_str(), "sip:bob@192.0.2.9:5999");
}

#[test]
fn a_request_in_the_dialog_that_gets_481_ends_it() {
    let mut rig = Rig::new(config());
    let (leg, _) = established(&mut rig);
    rig.command(leg, Command::Info { content_type: "application/dtmf".to_owned(), body: b"5".to_vec() });
    let info = rig.take_request();
    assert_eq!((info.method.clone(), info.body.as_slice()), (Method::Info, &b"5"[..]));
    rig.answer(&info.reply(481));
    assert_eq!(rig.take_lines(), ["BYE"]);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: true, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn a_dropped_leg_is_cancelled_or_ended() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, outgoing());
    rig.answer(&reply(&invite, 180, "b"));
    rig.command(leg, Command::Drop);
    assert_eq!(rig.take_lines(), ["CANCEL"]);
    let (leg, _) = established(&mut Rig::new(config()));
    let _ = leg;
    let mut rig = Rig::new(config());
    let (leg, _) = established(&mut rig);
    rig.command(leg, Command::Drop);
    assert_eq!(rig.take_lines(), ["BYE"]);
}

#[test]
fn an_unreachable_peer_is_503_at_once() {
    let mut rig = Rig::new(config());
    place(&mut rig, OutgoingInvite { transport: Transport::Tcp, ..outgoing() });
    rig.endpoint.handle_unreachable(hop(PEER), rig.now);
    rig.collect();
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 503, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn requests_of_the_called_party_find_the_dialog_even_from_outside_the_peers() {
    let mut rig = Rig::new(EndpointConfig { peers: Peers::loopback(), ..config() });
    let (_, invite) = established(&mut rig);
    let from = invite.headers.from().unwrap();
    let text = format!(
        "BYE sip:x@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKbye\nMax-Forwards: 70\n\
         From: <sip:bob@192.0.2.9>;tag=b\nTo: <sip:x@192.0.2.1>;tag={}\nCall-ID: {}\nCSeq: 1 BYE\n\
         Reason: Q.850;cause=17\nContent-Length: 0\n\n",
        from.tag().unwrap(),
        invite.headers.call_id().unwrap()
    );
    rig.receive(&text);
    assert_eq!(rig.take_lines(), ["200"]);
    assert_eq!(
        rig.take_events(),
        [LegEvent::Ended { by_remote: true, reason: Some("Q.850;cause=17".to_owned()), cause: Some(17) }]
    );
    rig.pass(ms(1));
    rig.assert_nothing_left();
}

#[test]
fn a_host_name_or_a_missing_listener_is_an_error() {
    let mut rig = Rig::new(config());
    let to = Uri::parse(b"sip:bob@trunk.example").unwrap();
    let result = rig.endpoint.invite(OutgoingInvite { to: to.clone(), ..outgoing() }, None, rig.now);
    assert_eq!(result.unwrap_err(), SipError::NoAddress("trunk.example".to_owned()));
    let destination = Some(addr("[2001:db8::1]:5060"));
    let result = rig.endpoint.invite(OutgoingInvite { to, destination, ..outgoing() }, None, rig.now);
    assert_eq!(result.unwrap_err(), SipError::NoListener("UDP"));
    rig.assert_nothing_left();
}

#[test]
fn a_preset_route_is_kept_and_followed() {
    let mut rig = Rig::new(config());
    let route = (HeaderName::Route, "<sip:192.0.2.60:5080;lr>".into());
    rig.endpoint.invite(OutgoingInvite { headers: vec![route], ..outgoing() }, None, rig.now).unwrap();
    rig.collect();
    let (flow, message) = rig.sent.pop().unwrap();
    assert_eq!(flow.remote, addr("192.0.2.60:5080"));
    assert_eq!(message.headers().routes().unwrap().len(), 1);
}
