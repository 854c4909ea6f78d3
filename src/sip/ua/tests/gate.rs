//! Callers from outside the networks that prove who they are.

use super::*;
use crate::domain::Secret;
use crate::sip::auth::ClientAuth;

const ELSEWHERE: &str = "198.51.100.66:5060";

fn rig() -> Rig {
    let peers = Peers::loopback().with_user("asha", Secret::new("rosewater"));
    Rig::new(EndpointConfig { peers, ..config() })
}

/// The INVITE of a caller, as it goes out for the `n`th time.
fn call(n: u32) -> Request {
    let text = invite().replace("CSeq: 1 ", &format!("CSeq: {n} ")).replace("z9hG4bKinv", &format!("z9hG4bKinv{n}"));
    let Ok(Message::Request(request)) = Message::parse(text.replace('\n', "\r\n").as_bytes()) else { panic!() };
    request
}

fn receive(rig: &mut Rig, source: &str, request: &Request) {
    rig.endpoint.handle_datagram(addr(US), addr(source), &request.to_bytes(), rig.now);
    rig.collect();
}

/// Calls without credentials, then with those of `user`; gives the second INVITE.
fn attempt(rig: &mut Rig, source: &str, n: u32, user: &str, password: &str) -> Request {
    let first = call(n);
    receive(rig, source, &first);
    let mut second = call(n + 1);
    if let Some(Message::Response(challenge)) = rig.take_sent().pop() {
        assert_eq!(challenge.status, 401);
        assert!(!to_tag(&challenge).is_empty());
        let mut auth = ClientAuth::new(user, Secret::new(password));
        auth.challenged(&first, &challenge).unwrap();
        auth.authorize(&mut second, "cnonce");
    }
    receive(rig, source, &second);
    second
}

#[test]
fn the_right_password_lets_a_call_in_from_anywhere_until_its_end() {
    let mut rig = rig();
    let invite = attempt(&mut rig, ELSEWHERE, 1, "asha", "rosewater");
    let leg = rig.incoming();
    assert_eq!(rig.take_lines(), ["100"]);
    receive(&mut rig, ELSEWHERE, &invite);
    assert_eq!(rig.take_lines(), ["100"], "a retransmission");
    rig.command(leg, Command::Answer { sdp: b"answer".to_vec() });
    let tag = to_tag(&rig.take_response());
    rig.receive_from(ELSEWHERE, &in_dialog("ACK", 2, &tag, "ack"));
    rig.receive_from(ELSEWHERE, &in_dialog("BYE", 3, &tag, "bye"));
    assert_eq!(rig.take_lines(), ["200"]);
    rig.assert_nothing_left();
}

#[test]
fn a_call_that_was_let_in_can_be_cancelled() {
    let mut rig = rig();
    attempt(&mut rig, ELSEWHERE, 1, "asha", "rosewater");
    rig.incoming();
    rig.take_sent();
    rig.receive_from(ELSEWHERE, &request("CANCEL", 2, TO, "inv2", "", ""));
    assert_eq!(rig.take_lines(), ["200", "487"]);
    rig.receive_from(ELSEWHERE, &request("CANCEL", 2, TO, "other", "", ""));
    assert_eq!(rig.take_lines(), ["403"]);
}

#[test]
fn credentials_are_good_for_one_call_only() {
    let mut rig = rig();
    let invite = attempt(&mut rig, ELSEWHERE, 1, "asha", "rosewater");
    rig.incoming();
    rig.take_sent();
    let mut replayed = invite.clone();
    replayed.headers.set(HeaderName::CallId, "call-2");
    replayed.headers.set_first(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKreplay;rport");
    receive(&mut rig, ELSEWHERE, &replayed);
    let again = rig.take_response();
    assert_eq!(again.status, 401);
    assert!(again.headers.get(HeaderName::WwwAuthenticate).unwrap().to_string_lossy().contains("stale=true"));
    assert!(rig.events.is_empty());
}

#[test]
fn a_guesser_is_not_heard_after_five_tries_and_others_are() {
    let mut rig = rig();
    for n in 0..5 {
        attempt(&mut rig, ELSEWHERE, 1 + 2 * n, "asha", &format!("guess {n}"));
        assert_eq!(rig.take_lines(), ["401"], "try {n}");
    }
    attempt(&mut rig, ELSEWHERE, 21, "asha", "rosewater");
    assert_eq!(rig.take_lines(), [""; 0], "silence, even to the right one");
    attempt(&mut rig, "198.51.100.67:5060", 31, "asha", "rosewater");
    assert_eq!(rig.take_lines(), ["100"]);
    rig.pass(Duration::from_secs(60));
    rig.take_sent();
    attempt(&mut rig, ELSEWHERE, 41, "nobody", "rosewater");
    assert_eq!(rig.take_lines(), ["401"], "heard again after a minute; an unknown user looks like a wrong password");
}

#[test]
fn guessers_from_everywhere_fill_no_memory() {
    let mut rig = rig();
    for n in 0..3_000_u32 {
        let source = format!("198.{}.{}.1:5060", 18 + n / 250, n % 250);
        rig.pass(Duration::from_millis(50));
        attempt(&mut rig, &source, 1, "asha", "guess");
        rig.take_sent();
    }
    assert_eq!(rig.endpoint.gate.guessers(), 1_024);
    assert_eq!(rig.endpoint.stats().server_transactions, 0);
}

#[test]
fn only_calls_are_asked_for_credentials_and_scanners_for_nothing() {
    let mut rig = rig();
    rig.receive_from(ELSEWHERE, &request("OPTIONS", 1, TO, "o", "", ""));
    assert_eq!(rig.take_lines(), ["403"]);
    rig.receive_from(
        ELSEWHERE,
        &request("INVITE", 1, TO, "s", &format!("User-Agent: friendly-scanner\n{SDP}"), "offer"),
    );
    assert_eq!(rig.take_lines(), [""; 0]);
    rig.receive_from("127.0.0.1:5070", &invite());
    assert_eq!(rig.take_lines(), ["100"], "a listed network needs none");
}
