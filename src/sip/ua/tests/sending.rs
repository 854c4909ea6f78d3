//! Transports by length, and requests whose transport failed.

use super::uac::{outgoing, place, reply};
use super::*;
use crate::domain::Secret;
use crate::sip::message::ViaTransport;

/// An INVITE of exactly `length` bytes over UDP.
fn invite_of(length: usize) -> OutgoingInvite {
    let padded = |padding: usize| OutgoingInvite {
        headers: vec![(HeaderName::Other("X-Padding".to_owned()), "x".repeat(padding).into())],
        ..outgoing()
    };
    let (_, short) = place(&mut Rig::new(config()), padded(1));
    padded(1 + length - short.to_bytes().len())
}

fn long() -> OutgoingInvite {
    invite_of(1_301)
}

fn transports(rig: &Rig) -> Vec<(&'static str, Transport)> {
    let name = |message: &Message| match line(message).as_str() {
        "INVITE" => "INVITE",
        "ACK" => "ACK",
        "BYE" => "BYE",
        "CANCEL" => "CANCEL",
        other => panic!("{other}"),
    };
    rig.sent.iter().map(|(flow, message)| (name(message), flow.transport)).collect()
}

fn unreachable(rig: &mut Rig) {
    rig.endpoint.handle_unreachable(hop(PEER), rig.now);
    rig.collect();
}

#[test]
fn only_a_request_above_1300_bytes_goes_over_tcp() {
    for (length, transport, via) in
        [(1_300, Transport::Udp, ViaTransport::Udp), (1_301, Transport::Tcp, ViaTransport::Tcp)]
    {
        let mut rig = Rig::new(config());
        rig.endpoint.invite(invite_of(length), None, rig.now).unwrap();
        rig.collect();
        let (flow, message) = rig.sent.pop().unwrap();
        assert_eq!((flow.transport, flow.remote, message.to_bytes().len()), (transport, addr(PEER), length));
        assert_eq!(message.headers().top_via().unwrap().transport, via);
        assert_eq!(message.headers().contacts().unwrap()[0].uri.param("transport"), None, "we stay reachable by UDP");
    }
}

#[test]
fn a_long_call_goes_on_by_udp_and_its_cancel_goes_the_way_of_its_invite() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, long());
    rig.pass(Duration::from_secs(20));
    assert_eq!(transports(&rig), [], "nothing is repeated over TCP");
    rig.answer(&reply(&invite, 200, "b"));
    rig.command(leg, Command::Bye { reason: None });
    assert_eq!(transports(&rig), [("ACK", Transport::Udp), ("BYE", Transport::Udp)]);

    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, long());
    rig.answer(&reply(&invite, 180, "b"));
    rig.command(leg, Command::Cancel);
    assert_eq!(transports(&rig), [("CANCEL", Transport::Tcp)]);
    assert_eq!(rig.take_request().headers.top_via(), invite.headers.top_via());
}

#[test]
fn where_tcp_is_refused_the_same_request_goes_by_udp() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, long());
    unreachable(&mut rig);
    assert_eq!(transports(&rig), [("INVITE", Transport::Udp)]);
    let by_udp = rig.take_request();
    let (tcp, udp) = (invite.headers.top_via().unwrap(), by_udp.headers.top_via().unwrap());
    assert_eq!((&udp.transport, udp.branch()), (&ViaTransport::Udp, tcp.branch()));
    assert_eq!(by_udp.headers.cseq(), invite.headers.cseq());
    rig.pass(Duration::from_millis(500));
    assert_eq!(transports(&rig), [("INVITE", Transport::Udp)], "repeated as over any unreliable transport");
    rig.sent.clear();
    rig.answer(&reply(&by_udp, 486, "b"));
    assert_eq!(transports(&rig), [("ACK", Transport::Udp)]);
    assert!(matches!(rig.take_events()[..], [LegEvent::Failed { status: 486, .. }]));
    rig.sent.clear();
    // The peer is known now, for a while.
    rig.endpoint.invite(long(), None, rig.now).unwrap();
    rig.pass(Duration::from_secs(601));
    assert_eq!(transports(&rig)[0], ("INVITE", Transport::Udp));
    rig.sent.clear();
    rig.endpoint.invite(long(), None, rig.now).unwrap();
    rig.collect();
    assert_eq!(transports(&rig), [("INVITE", Transport::Tcp)]);
    let stats = rig.endpoint.stats();
    assert_eq!((stats.long_requests, stats.long_requests_by_udp), (2, 1));
    unreachable(&mut rig);
    rig.assert_nothing_left();
}

#[test]
fn a_challenged_long_request_may_fall_back_again() {
    let mut rig = Rig::new(config());
    let credentials = Some(Credentials { username: "u".to_owned(), password: Secret::new("p") });
    let (_, invite) = place(&mut rig, OutgoingInvite { credentials, ..long() });
    let mut challenge = reply(&invite, 401, "b");
    challenge.headers.push(HeaderName::WwwAuthenticate, "Digest realm=\"r\", nonce=\"n\"");
    rig.answer(&challenge);
    assert_eq!(transports(&rig), [("ACK", Transport::Tcp), ("INVITE", Transport::Tcp)]);
    rig.sent.clear();
    unreachable(&mut rig);
    let again = rig.take_request();
    assert!(again.headers.get(HeaderName::Authorization).is_some());
    assert_eq!(again.headers.top_via().unwrap().transport, ViaTransport::Udp);
}

#[test]
fn without_a_tcp_listener_a_long_request_goes_by_udp() {
    let udp_only = vec![Listener { transport: Transport::Udp, addr: addr(US) }];
    let mut rig = Rig::new(EndpointConfig { listeners: udp_only, ..config() });
    rig.endpoint.invite(long(), None, rig.now).unwrap();
    rig.collect();
    assert_eq!(transports(&rig), [("INVITE", Transport::Udp)]);
}

#[test]
fn a_long_ack_goes_over_tcp_or_else_by_udp() {
    let mut rig = Rig::new(config());
    let (leg, invite) = place(&mut rig, OutgoingInvite { body: None, ..outgoing() });
    let answer = reply(&invite, 200, "b");
    rig.answer(&answer);
    rig.command(leg, Command::Acknowledge { sdp: vec![b'a'; 1_400] });
    assert_eq!(transports(&rig), [("ACK", Transport::Tcp)]);
    rig.sent.clear();
    unreachable(&mut rig);
    rig.answer(&answer);
    assert_eq!(transports(&rig), [("ACK", Transport::Udp); 2], "at once, and for the repeated 200");
    let vias: Vec<_> = rig.sent.iter().map(|(_, ack)| ack.headers().top_via().unwrap().transport).collect();
    assert_eq!(vias, [ViaTransport::Udp, ViaTransport::Udp]);
}

#[test]
fn a_request_whose_connection_broke_unheard_is_sent_anew_once() {
    let mut rig = Rig::new(config());
    let over_tcp = OutgoingInvite { transport: Transport::Tcp, ..outgoing() };
    let (_, invite) = place(&mut rig, over_tcp.clone());
    for n in 1..=2 {
        rig.endpoint.handle_connected(ConnId(n), addr(US), hop(PEER), false, rig.now);
        rig.endpoint.handle_disconnected(ConnId(n), rig.now);
        rig.collect();
        match n {
            1 => assert_eq!(rig.take_request(), invite),
            _ => assert_eq!(rig.take_lines(), [""; 0]),
        }
    }
    assert!(matches!(rig.take_events()[..], [LegEvent::Failed { status: 503, .. }]));

    let (_, invite) = place(&mut rig, over_tcp);
    rig.endpoint.handle_connected(ConnId(3), addr(US), hop(PEER), false, rig.now);
    rig.endpoint.handle_stream(ConnId(3), &reply(&invite, 180, "b").to_bytes(), rig.now);
    rig.endpoint.handle_disconnected(ConnId(3), rig.now);
    rig.collect();
    assert_eq!(rig.take_lines(), [""; 0], "it rings there, and the answer comes over a connection of the peer's");
    rig.endpoint.handle_connected(ConnId(4), addr(US), hop("192.0.2.9:40001"), true, rig.now);
    rig.endpoint.handle_stream(ConnId(4), &reply(&invite, 200, "b").to_bytes(), rig.now);
    rig.collect();
    assert!(matches!(rig.take_events()[..], [LegEvent::Provisional { .. }, LegEvent::Answered { .. }]));
}
