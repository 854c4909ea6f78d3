use super::super::receive::ALLOW;
use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn an_answered_call_gets_100_180_200_and_leaves_nothing_behind() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    rig.command(leg, Command::Answer { sdp: b"answer".to_vec() });
    let sent = rig.take_sent();
    assert_eq!(sent.iter().map(line).collect::<Vec<_>>(), ["100", "180", "200"]);
    let Message::Response(ok) = &sent[2] else { panic!() };
    insta::assert_snapshot!(String::from_utf8(ok.to_bytes()).unwrap().replace('\r', ""), @r#"
    SIP/2.0 200 OK
    Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKinv;rport=5070;received=192.0.2.9
    From: "Asha" <sip:+919876543210@192.0.2.9>;tag=peer
    To: <sip:+918047180000@192.0.2.1>;tag=dba204587fa4dda0
    Call-ID: call-1
    CSeq: 1 INVITE
    Contact: <sip:+918047180000@192.0.2.1:5060>
    Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, NOTIFY
    Supported: 100rel, timer
    Server: test
    Content-Type: application/sdp
    Content-Length: 6

    answer
    "#);
    let Message::Response(ringing) = &sent[1] else { panic!() };
    assert_eq!(to_tag(ringing), to_tag(ok), "one dialog");
    let tag = to_tag(ok);
    rig.receive(&in_dialog("ACK", 1, &tag, "ack"));
    rig.receive(&in_dialog("BYE", 2, &tag, "bye"));
    assert_eq!(rig.take_lines(), ["200"]);
    assert_eq!(
        rig.take_events(),
        [LegEvent::Acked { body: None }, LegEvent::Ended { by_remote: true, reason: None, cause: None }]
    );
    assert_eq!(rig.endpoint.stats().legs, 0, "freed with the call, not with its timers");
    assert_eq!(rig.endpoint.stats().retransmissions_sent, 0);
    rig.assert_nothing_left();
}

#[test]
fn a_200_is_repeated_until_its_ack_and_an_ack_at_once_stops_it() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.pass(ms(1_600));
    assert_eq!(rig.take_lines(), ["200", "200"], "after 0.5 s and 1.5 s");
    rig.receive(&in_dialog("ACK", 1, &tag, "ack"));
    rig.pass(ms(30_000));
    assert_eq!(rig.take_lines(), [""; 0]);

    let mut rig = Rig::new(config());
    rig.established();
    rig.pass(ms(40_000));
    assert_eq!(rig.take_lines(), [""; 0], "the ACK came in the same instant");
}

#[test]
fn a_200_never_acknowledged_ends_the_call_with_bye() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    rig.take_sent();
    rig.pass(ms(32_000));
    let lines = rig.take_lines();
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (11, "BYE"));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: false, .. }]));
    assert_eq!(rig.endpoint.stats().unacknowledged, 1);
    rig.assert_nothing_left();
}

#[test]
fn an_invite_again_gets_the_same_response_again() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.receive(&invite());
    assert_eq!(rig.take_lines(), ["100", "100"]);
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    let first = rig.take_response();
    rig.receive(&invite());
    assert_eq!(rig.take_response(), first);
    assert!(rig.events.is_empty(), "one call");
}

#[test]
fn cancel_ends_an_unanswered_call_with_487() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.take_sent();
    rig.receive(&request("CANCEL", 1, TO, "inv", "", ""));
    assert_eq!(rig.take_lines(), ["200", "487"]);
    assert_eq!(rig.take_events(), [LegEvent::Cancelled]);
    rig.command(leg, Command::Answer { sdp: b"late".to_vec() });
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.receive(&request("ACK", 1, TO, "inv", "", ""));
    rig.pass(ms(10_000));
    assert_eq!(rig.take_lines(), [""; 0], "the 487 is acknowledged");
    rig.assert_nothing_left();
}

#[test]
fn cancel_after_the_200_changes_nothing_and_a_foreign_cancel_gets_481() {
    let mut rig = Rig::new(config());
    let (leg, _) = rig.established();
    rig.receive(&request("CANCEL", 1, TO, "inv", "", ""));
    assert_eq!(rig.take_lines(), ["200"]);
    assert!(rig.take_events().is_empty() && rig.endpoint.legs() == [leg]);
    rig.receive(&request("CANCEL", 1, TO, "other", "", ""));
    assert_eq!(rig.take_lines(), ["481"]);
}

#[test]
fn rejection_carries_reason_and_headers_and_is_repeated_until_its_ack() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    let headers = vec![(HeaderName::RetryAfter, 30.into())];
    rig.command(leg, Command::Reject { status: 486, reason: "Line Busy".to_owned(), headers });
    let busy = rig.take_response();
    assert_eq!((busy.status, busy.reason.as_str(), busy.headers.retry_after()), (486, "Line Busy", Ok(Some(30))));
    rig.pass(ms(600));
    assert_eq!(rig.take_lines(), ["486"]);
    rig.receive(&request("ACK", 1, &format!("{TO};tag={}", to_tag(&busy)), "inv", "", ""));
    rig.pass(ms(20_000));
    assert_eq!(rig.take_lines(), [""; 0]);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: false, .. }]));
    rig.assert_nothing_left();
}

#[test]
fn bye_of_ours_waits_for_the_ack() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.command(leg, Command::Bye { reason: Some("Q.850;cause=16".to_owned()) });
    assert_eq!(rig.take_lines(), [""; 0]);
    assert_eq!(
        rig.take_events(),
        [LegEvent::Ended { by_remote: false, reason: Some("Q.850;cause=16".to_owned()), cause: None }]
    );
    rig.receive(&in_dialog("ACK", 1, &tag, "ack"));
    let bye = rig.take_request();
    assert_eq!((bye.method.clone(), bye.uri.as_str()), (Method::Bye, "sip:asha@192.0.2.9:5070"));
    assert_eq!(bye.headers.get(HeaderName::Reason).unwrap().as_bytes(), b"Q.850;cause=16");
    rig.answer(&bye.reply(200));
    assert_eq!(rig.endpoint.stats().legs, 0);
    rig.assert_nothing_left();
}

#[test]
fn byes_that_cross_are_both_answered() {
    let mut rig = Rig::new(config());
    let (leg, tag) = rig.established();
    rig.command(leg, Command::Bye { reason: None });
    rig.take_sent();
    rig.receive(&in_dialog("BYE", 2, &tag, "bye"));
    assert_eq!(rig.take_lines(), ["200"]);
    rig.assert_nothing_left();
}

#[test]
fn a_reinvite_is_passed_up_answered_and_acknowledged() {
    let mut rig = Rig::new(config());
    let (leg, tag) = rig.established();
    rig.receive(&reinvite(2, &tag, "re").replace("asha@192.0.2.9:5070", "asha@192.0.2.9:5099"));
    assert_eq!(rig.take_events(), [LegEvent::Reinvite { body: Some(b"new offer".to_vec()) }]);
    rig.command(leg, Command::AnswerReinvite(Ok(b"held".to_vec())));
    let ok = rig.take_response();
    assert_eq!((ok.status, ok.body.as_slice(), to_tag(&ok)), (200, &b"held"[..], tag.clone()));
    rig.receive(&in_dialog("ACK", 2, &tag, "ack2"));
    assert_eq!(rig.take_events(), [LegEvent::Acked { body: None }]);
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(rig.take_request().uri.as_str(), "sip:asha@192.0.2.9:5099", "the refreshed target");
}

#[test]
fn a_reinvite_refused_or_never_answered_leaves_the_call() {
    let mut rig = Rig::new(config());
    let (leg, tag) = rig.established();
    rig.receive(&reinvite(2, &tag, "re"));
    rig.command(leg, Command::AnswerReinvite(Err((488, "No Codec".to_owned()))));
    assert_eq!(rig.take_response().status, 488);
    rig.receive(&in_dialog("ACK", 2, &tag, "re"));
    rig.receive(&reinvite(3, &tag, "re2"));
    rig.take_sent();
    rig.pass(ms(20_000));
    assert_eq!(rig.take_response().status, 500);
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn overlapping_reinvites_get_500_with_retry_after_or_491() {
    let mut rig = Rig::new(config());
    let (leg, tag) = rig.established();
    rig.receive(&reinvite(2, &tag, "re"));
    rig.receive(&reinvite(3, &tag, "re2"));
    let response = rig.take_response();
    assert_eq!(response.status, 500);
    assert!(response.headers.retry_after().unwrap().unwrap() <= 10);

    rig.command(leg, Command::AnswerReinvite(Ok(b"x".to_vec())));
    rig.receive(&in_dialog("ACK", 2, &tag, "ack2"));
    rig.command(leg, Command::Reinvite { sdp: b"ours".to_vec() });
    rig.take_sent();
    rig.receive(&reinvite(4, &tag, "re3"));
    assert_eq!(rig.take_response().status, 491);
}

#[test]
fn an_offer_in_our_200_waits_for_the_answer_in_the_ack() {
    let mut rig = Rig::new(config());
    rig.receive(&request("INVITE", 1, TO, "inv", "", ""));
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"our offer".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.receive(&reinvite(2, &tag, "re"));
    assert_eq!(rig.take_response().status, 491);
    rig.receive(&request("ACK", 1, &format!("{TO};tag={tag}"), "ack", SDP, "their answer"));
    assert_eq!(rig.take_events(), [LegEvent::Acked { body: Some(b"their answer".to_vec()) }]);
}

#[test]
fn a_reinvite_tells_that_a_lost_ack_was_sent() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.receive(&reinvite(2, &tag, "re"));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Acked { .. }, LegEvent::Reinvite { .. }]));
}

#[test]
fn requests_with_an_unknown_tag_or_an_old_cseq_are_refused() {
    let mut rig = Rig::new(config());
    let (_, tag) = rig.established();
    for method in ["INVITE", "BYE", "INFO"] {
        rig.receive(&in_dialog(method, 9, "unknown", method));
        assert_eq!(rig.take_lines(), ["481"], "{method}");
    }
    rig.receive(&in_dialog("BYE", 1, &tag, "stale"));
    let stale = rig.take_response();
    assert_eq!((stale.status, stale.reason.as_str()), (500, "Stale CSeq"));
    rig.receive(&in_dialog("BYE", 2, &tag, "x").replace("tag=peer", "tag=mallory"));
    assert_eq!(rig.take_lines(), ["481"], "the From tag is part of the dialog");
    assert!(rig.take_events().is_empty());
    rig.receive(&in_dialog("ACK", 9, "unknown", "ack9"));
    assert_eq!(rig.take_lines(), [""; 0], "an ACK is never answered");
}

#[test]
fn a_merged_request_gets_482() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    rig.incoming();
    rig.take_sent();
    rig.receive(&invite().replace("z9hG4bKinv", "z9hG4bKother-way"));
    assert_eq!(rig.take_lines(), ["482"]);
    assert!(rig.events.is_empty());
}

#[test]
fn info_is_answered_and_passed_up() {
    let mut rig = Rig::new(config());
    let (_, tag) = rig.established();
    let to = format!("{TO};tag={tag}");
    rig.receive(&request("INFO", 2, &to, "info", "Content-Type: application/dtmf-relay\n", "Signal=5"));
    assert_eq!(rig.take_lines(), ["200"]);
    let event = LegEvent::Info { content_type: "application/dtmf-relay".to_owned(), body: b"Signal=5".to_vec() };
    assert_eq!(rig.take_events(), [event]);
}

#[test]
fn options_tells_what_we_can_in_and_out_of_dialogs() {
    let mut rig = Rig::new(config());
    let (_, tag) = rig.established();
    for options in [request("OPTIONS", 1, TO, "opt", "", ""), in_dialog("OPTIONS", 2, &tag, "opt2")] {
        rig.receive(&options);
        let response = rig.take_response();
        assert_eq!(response.status, 200);
        for name in [HeaderName::Allow, HeaderName::Accept, HeaderName::Supported] {
            assert!(response.headers.contains(&name), "{name}");
        }
    }
}

#[test]
fn what_we_do_not_do_is_refused_by_the_book() {
    let mut rig = Rig::new(config());
    let cases = [
        (request("SUBSCRIBE", 1, TO, "a", "", ""), 405, HeaderName::Allow, ALLOW),
        (request("REGISTER", 1, TO, "b", "", ""), 405, HeaderName::Allow, ALLOW),
        (request("FROBNICATE", 1, TO, "c", "", ""), 501, HeaderName::Allow, ALLOW),
        (request("INVITE", 1, TO, "d", "Require: path, foo\n", ""), 420, HeaderName::Unsupported, "path, foo"),
        (
            request("INVITE", 2, TO, "e", "Content-Type: text/plain\n", "hello"),
            415,
            HeaderName::Accept,
            "application/sdp",
        ),
        (
            request("INVITE", 3, TO, "f", &format!("{SDP}Content-Encoding: gzip\n"), "hello"),
            415,
            HeaderName::AcceptEncoding,
            "identity",
        ),
    ];
    for (text, status, name, value) in cases {
        rig.receive(&text);
        let response = rig.take_response();
        let got = response.headers.get(&name).map(|v| v.to_string_lossy().into_owned());
        assert_eq!((response.status, got.as_deref()), (status, Some(value)), "{text}");
    }
    for (text, status) in [
        (request("BYE", 1, TO, "g", "", ""), 481),
        (invite().replace("INVITE sip:", "INVITE foo:").replace("z9hG4bKinv", "z9hG4bKh"), 416),
        (request("OPTIONS", 1, TO, "i", "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
    ] {
        rig.receive(&text);
        assert_eq!(rig.take_response().status, status, "{text}");
    }
    assert!(rig.events.is_empty());
    rig.assert_nothing_left();
}

#[test]
fn malformed_requests_get_400_or_505_with_a_reason_when_an_answer_can_be_routed() {
    let mut rig = Rig::new(config());
    for (text, status) in [
        (invite().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
        (invite().replace(";tag=peer", ""), 400),
        (invite().replace("Max-Forwards: 70", "Max-Forwards: many"), 400),
        (invite().replace("CSeq: 1 ", "CSeq: 3000000000 "), 400),
        (invite().replace("Content-Length: 5", "Content-Length: 500"), 400),
        (invite().replace("Content-Length: 5", "Content-Length: -5"), 400),
        (invite().replace("Contact: ", "X-Contact: "), 400),
        (invite().replace(" SIP/2.0\nVia", " SIP/7.0\nVia"), 505),
    ] {
        rig.receive(&text);
        let response = rig.take_response();
        assert_eq!(response.status, status, "{text}");
        assert_ne!(response.reason, "Bad Request", "{text}");
        let first = to_tag(&response);
        rig.receive(&text);
        assert_eq!(to_tag(&rig.take_response()), first, "RFC 3261 §8.2.7: the same tag for the same request");
    }
    for text in [invite().replace("Via:", "X-Via:"), "hello\n\n".to_owned(), invite().replace("INVITE", "ACK")] {
        rig.take_sent();
        rig.receive(&text);
        assert_eq!(rig.take_lines(), [""; 0], "{text}");
    }
    assert!(rig.events.is_empty());
    rig.assert_nothing_left();
}

#[test]
fn strangers_get_403_scanners_and_a_silent_endpoint_nothing() {
    let mut rig = Rig::new(config());
    rig.receive_from("198.51.100.66:5060", &invite());
    assert_eq!(rig.take_lines(), ["403"]);
    let scan = request("OPTIONS", 1, TO, "scan", "User-Agent: friendly-scanner\n", "");
    rig.receive_from("198.51.100.66:5060", &scan);
    rig.receive_from("198.51.100.66:5060", &invite().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"));
    assert_eq!(rig.take_lines(), [""; 0]);
    assert!(rig.events.is_empty());
    let stats = rig.endpoint.stats();
    assert_eq!((stats.rejected_source, stats.scanners), (2, 1));

    let mut rig = Rig::new(EndpointConfig { strangers: Strangers::Silence, ..config() });
    rig.receive_from("198.51.100.66:5060", &invite());
    assert_eq!(rig.take_lines(), [""; 0]);
}

#[test]
fn responses_go_where_rfc_3581_and_via_say() {
    let mut rig = Rig::new(config());
    rig.receive_from("192.0.2.77:40000", &request("OPTIONS", 1, TO, "a", "", ""));
    let (flow, message) = rig.sent.pop().unwrap();
    assert_eq!(flow.remote, addr("192.0.2.77:40000"));
    let via = message.headers().top_via().unwrap();
    assert_eq!((via.received(), via.rport()), (Some("192.0.2.77"), Some(Some(40_000))));
    rig.receive_from("192.0.2.77:40000", &request("OPTIONS", 1, TO, "b", "", "").replace(";rport", ""));
    let (flow, message) = rig.sent.pop().unwrap();
    assert_eq!(flow.remote, addr("192.0.2.77:5070"), "without rport: source address, port of Via");
    assert_eq!(message.headers().top_via().unwrap().received(), Some("192.0.2.77"));
}

#[test]
fn a_call_nobody_answers_ends_after_the_ringing_limit() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    rig.incoming();
    rig.take_sent();
    rig.pass(Duration::from_secs(170));
    assert_eq!(rig.take_lines(), ["480"]);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { .. }]));
    rig.assert_nothing_left();
}

#[test]
fn bye_before_the_answer_cancels_the_call() {
    let mut rig = Rig::new(config());
    rig.receive(&invite());
    let leg = rig.incoming();
    rig.command(leg, Command::Progress { status: 180, sdp: None });
    let tag = to_tag(&rig.take_response());
    rig.receive(&in_dialog("BYE", 2, &tag, "bye"));
    assert_eq!(rig.take_lines(), ["200", "487"]);
    assert_eq!(rig.take_events(), [LegEvent::Cancelled]);
    rig.assert_nothing_left();
}

#[test]
fn a_contact_behind_nat_is_reached_where_the_call_came_from() {
    let mut rig = Rig::new(EndpointConfig { peers: Peers::any(), ..config() });
    rig.receive_from("203.0.113.5:40000", &invite().replace("asha@192.0.2.9:5070", "asha@10.0.0.7:5060"));
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"a".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.receive_from("203.0.113.5:40000", &in_dialog("ACK", 1, &tag, "ack"));
    rig.command(leg, Command::Bye { reason: None });
    let (flow, bye) = rig.sent.pop().unwrap();
    let Message::Request(bye) = bye else { panic!() };
    assert_eq!((flow.remote, bye.uri.as_str()), (addr("203.0.113.5:40000"), "sip:asha@10.0.0.7:5060"));
}

#[test]
fn the_public_address_stands_in_contact_and_via_but_not_towards_this_machine() {
    let public: IpAddr = "203.0.113.200".parse().unwrap();
    let peers = Peers::any();
    let mut rig = Rig::new(EndpointConfig { public_addr: Some(public), peers, ..config() });
    for (source, host) in [(PEER, "203.0.113.200"), ("127.0.0.1:5070", "192.0.2.1")] {
        rig.receive_from(
            source,
            &invite().replace("call-1", source).replace("z9hG4bKinv", &format!("z9hG4bK{source}")),
        );
        let leg = rig.incoming();
        rig.command(leg, Command::Progress { status: 180, sdp: None });
        let contact = rig.take_response().headers.contacts().unwrap().remove(0);
        assert_eq!(contact.uri.host(), host);
    }
}
