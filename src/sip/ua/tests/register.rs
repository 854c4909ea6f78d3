//! Registration on a virtual clock.

use super::*;
use crate::domain::Secret;
use crate::sip::auth::{Algorithm, Authority, ServerAuth};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::registration::{RegistrationConfig, RegistrationReport, RegistrationState, Target};
use std::collections::HashMap;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn target(text: &str) -> Target {
    Target { transport: Transport::Udp, addr: addr(text) }
}

fn setup() -> RegistrationConfig {
    RegistrationConfig {
        registrar: Uri::parse(b"sip:ims.example:5060;transport=udp").unwrap(),
        address: Uri::parse(b"sip:+911204567890@ims.example").unwrap(),
        credentials: Some(Credentials { username: "user".to_owned(), password: Secret::new("secret") }),
        expiry: 1_800,
        route: None,
        public_ip: None,
        targets: vec![target(PEER)],
    }
}

/// A rig with a registration under way, and its first REGISTER.
fn start(config: RegistrationConfig) -> (Rig, RegistrationId, Request) {
    let mut rig = Rig::new(super::config());
    let id = rig.endpoint.register(config, HashMap::new(), rig.now).unwrap();
    rig.collect();
    let request = rig.take_request();
    (rig, id, request)
}

/// A 200 that grants `seconds` to every Contact of the request that asked for more than nothing.
fn ok(request: &Request, seconds: u32) -> Response {
    let mut response = request.reply(200);
    for mut contact in request.headers.contacts().unwrap() {
        if contact.expires() != Some(0) {
            contact.params.set("expires", Some(&seconds.to_string()));
            response.headers.push(HeaderName::Contact, contact);
        }
    }
    response
}

impl Rig {
    fn register_command(&mut self, id: RegistrationId, command: RegistrationCommand) {
        self.endpoint.registration_command(id, command, HashMap::new(), self.now);
        self.collect();
    }

    /// The newest report.
    fn report(&mut self) -> RegistrationReport {
        let mut reports = std::mem::take(&mut self.events).into_iter().filter_map(|event| match event {
            Event::Registration { report, .. } => Some(*report),
            _ => None,
        });
        reports.next_back().expect("a report")
    }

    fn granted(&mut self) -> Duration {
        match self.report().state {
            RegistrationState::Registered { expires_at, .. } => expires_at - self.now,
            other => panic!("not registered: {other:?}"),
        }
    }

    /// How long until the next REGISTER, and that REGISTER.
    fn next_register(&mut self) -> (Duration, Request) {
        let began = self.now;
        while self.sent.is_empty() {
            self.now = self.endpoint.poll_timeout().expect("something is to come");
            self.endpoint.handle_timeout(self.now);
            self.collect();
        }
        (self.now - began, self.take_request())
    }

    fn error(&mut self) -> String {
        match self.report().state {
            RegistrationState::Failed { error, .. } => error,
            other => panic!("not failed: {other:?}"),
        }
    }
}

/// A challenge that a test spells out.
struct Asks(&'static str);

fn asks(request: &Request, status: u16, text: Asks) -> Response {
    let mut response = request.reply(status);
    let name = if status == 401 { HeaderName::WwwAuthenticate } else { HeaderName::ProxyAuthenticate };
    response.headers.push(name, text.0);
    response
}

const MD5: &str = "Digest realm=\"ims\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";

fn param(request: &Request, header: HeaderName, name: &str) -> String {
    let value = request.headers.get(header).expect("credentials").to_string_lossy().into_owned();
    let at = value.split(&format!("{name}=")).nth(1).expect("the parameter");
    at.split(',').next().unwrap().trim_matches('"').to_owned()
}

#[test]
fn a_registration_is_made_and_refreshed_at_three_quarters() {
    let (mut rig, _, request) = start(setup());
    assert_eq!(request.uri.as_str(), "sip:ims.example:5060;transport=udp");
    assert_eq!(request.headers.supported(), ["path"]);
    assert_eq!(request.headers.expires(), Ok(Some(1_800)));
    assert_eq!(request.headers.contacts().unwrap()[0].uri.as_str(), "sip:+911204567890@192.0.2.1:5060");
    assert_eq!(rig.report().state, RegistrationState::Trying);
    rig.answer(&ok(&request, 1_000));
    assert_eq!(rig.granted(), secs(1_000));
    let (after, again) = rig.next_register();
    assert_eq!(after, secs(750));
    assert_eq!(again.headers.call_id(), request.headers.call_id());
    assert_eq!(again.headers.cseq().unwrap().number, request.headers.cseq().unwrap().number + 1);
}

#[test]
fn what_our_own_contact_was_granted_counts() {
    for (contacts, expires, granted) in [
        ("<sip:+911204567890@192.0.2.1:5060>;expires=60", 3_600, 60),
        ("<sip:other@192.0.2.77>;expires=20, <sip:+911204567890@192.0.2.1:5060>;expires=300", 1_800, 300),
        ("<sip:+911204567890@192.0.2.1:5060>", 600, 600),
        ("<sip:+911204567890@192.0.2.1:5060;ob>;q=1;expires=90", 600, 90),
        // More than was asked for is not believed.
        ("<sip:+911204567890@192.0.2.1:5060>;expires=999999", 5, 1_800),
    ] {
        let (mut rig, _, request) = start(setup());
        let mut response = request.reply(200);
        for contact in contacts.split(", ") {
            response.headers.push(HeaderName::Contact, contact);
        }
        response.headers.push(HeaderName::Expires, expires);
        rig.answer(&response);
        assert_eq!(rig.granted(), secs(granted), "{contacts}");
    }
}

#[test]
fn ok_without_our_contact_is_a_failure() {
    for contact in
        [None, Some("<sip:other@192.0.2.77>;expires=20"), Some("<sip:+911204567890@192.0.2.1:5060>;expires=0")]
    {
        let (mut rig, _, request) = start(setup());
        let mut response = request.reply(200);
        response.headers.push(HeaderName::Expires, 1_800);
        contact.into_iter().for_each(|contact| response.headers.push(HeaderName::Contact, contact));
        rig.answer(&response);
        assert!(rig.error().contains("our address is not among"), "{contact:?}");
        assert!(rig.next_register().0 <= secs(4));
    }
}

#[test]
fn a_tiny_grant_does_not_make_us_hammer() {
    let (mut rig, _, request) = start(setup());
    rig.answer(&ok(&request, 1));
    assert_eq!(rig.next_register().0, secs(4));
}

#[test]
fn challenges_of_proxy_and_registrar_are_answered_together_and_nonces_reused() {
    let (mut rig, _, request) = start(setup());
    rig.answer(&asks(&request, 401, Asks(MD5)));
    let second = rig.take_request();
    assert_eq!(param(&second, HeaderName::Authorization, "uri"), second.uri.as_str());
    assert_eq!(param(&second, HeaderName::Authorization, "nc"), "00000001");
    rig.answer(&asks(&second, 407, Asks("Digest realm=\"edge\", nonce=\"p1\", algorithm=SHA-256, qop=\"auth\"")));
    let third = rig.take_request();
    assert_eq!(param(&third, HeaderName::Authorization, "nc"), "00000002");
    assert_eq!(param(&third, HeaderName::ProxyAuthorization, "algorithm"), "SHA-256");
    rig.answer(&ok(&third, 1_800));
    let (_, refresh) = rig.next_register();
    assert_eq!(param(&refresh, HeaderName::Authorization, "nc"), "00000003", "the nonce is used on");
    rig.answer(&asks(&refresh, 401, Asks("Digest realm=\"ims\", nonce=\"n2\", stale=true, qop=\"auth\"")));
    let fresh = rig.take_request();
    assert_eq!(param(&fresh, HeaderName::Authorization, "nonce"), "n2");
    rig.answer(&ok(&fresh, 1_800));
    assert_eq!(rig.granted(), secs(1_800));
}

#[test]
fn a_digest_that_a_server_verifies() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let (mut rig, _, request) = start(setup());
        let mut server = ServerAuth::new(Authority::Server, "ims", [3; 32], 60, &[algorithm]);
        let mut response = request.reply(401);
        response.headers.push(HeaderName::WwwAuthenticate, server.challenges(1, 2, false).remove(0));
        rig.answer(&response);
        let signed = rig.take_request();
        let password = |user: &str| (user == "user").then(|| Secret::new("secret"));
        assert_eq!(server.verify(&signed, 1, password), Ok("user".to_owned()), "{algorithm:?}");
    }
}

#[test]
fn a_wrong_password_is_tried_less_and_less_often() {
    let (mut rig, _, mut request) = start(setup());
    let mut pauses = Vec::new();
    for n in 0..9 {
        for nonce in 0..2 {
            let text: &'static str = format!("Digest realm=\"ims\", nonce=\"n{n}-{nonce}\", qop=\"auth\"").leak();
            rig.answer(&asks(&request, 401, Asks(text)));
            if nonce == 0 && n == 0 {
                request = rig.take_request();
            } else if rig.sent.is_empty() {
                break;
            } else {
                request = rig.take_request();
            }
        }
        assert!(rig.error().contains("refuses the user name or password"));
        let (pause, next) = rig.next_register();
        pauses.push(pause.as_secs_f64());
        request = next;
    }
    assert!(pauses[0] <= 4.0 && pauses[8] >= 150.0 && pauses[8] <= 300.0, "{pauses:?}");
    assert!(pauses.windows(2).all(|pair| pair[1] <= pair[0] * 4.0), "doubling, with jitter: {pauses:?}");
}

#[test]
fn a_server_that_asks_for_ever_is_given_up() {
    let (mut rig, _, mut request) = start(setup());
    for n in 0..20 {
        let text: &'static str = format!("Digest realm=\"realm-{n}\", nonce=\"n\", qop=\"auth\"").leak();
        rig.answer(&asks(&request, 401, Asks(text)));
        if rig.sent.is_empty() {
            assert!(rig.error().contains("again and again"));
            assert!(n < 8);
            return;
        }
        request = rig.take_request();
    }
    panic!("it went on");
}

#[test]
fn without_credentials_a_challenge_is_told() {
    let (mut rig, _, request) = start(RegistrationConfig { credentials: None, ..setup() });
    rig.answer(&asks(&request, 401, Asks(MD5)));
    assert!(rig.error().contains("none is configured"));
    assert!(rig.sent.is_empty());
}

#[test]
fn an_interval_that_is_too_brief_is_lengthened_once() {
    let (mut rig, _, request) = start(RegistrationConfig { expiry: 60, ..setup() });
    let mut brief = request.reply(423);
    brief.headers.push(HeaderName::MinExpires, 3_600);
    rig.answer(&brief);
    let again = rig.take_request();
    assert_eq!(again.headers.expires(), Ok(Some(3_600)));
    let mut same = again.reply(423);
    same.headers.push(HeaderName::MinExpires, 3_600);
    rig.answer(&same);
    assert!(rig.sent.is_empty());
    assert!(rig.error().contains("another expiry"));
}

#[test]
fn silence_is_answered_within_seconds_of_the_return() {
    let (mut rig, _, _) = start(setup());
    // Whatever the moment of the return, the next REGISTER is never more than five seconds away.
    let began = rig.now;
    let mut last = rig.now;
    while rig.now < began + secs(400) {
        let (gap, _) = rig.next_register();
        last += gap;
        assert!(gap <= secs(5), "{gap:?}");
    }
    assert_eq!(last, rig.now);
    assert!(rig.report().last_error.is_some_and(|error| error.contains("no answer from 192.0.2.9:5070 (UDP)")));
}

#[test]
fn among_several_silent_targets_each_is_tried_within_seconds() {
    let targets = vec![target("192.0.2.9:5070"), target("192.0.2.10:5070")];
    let (mut rig, ..) = start(RegistrationConfig { targets: targets.clone(), ..setup() });
    let (began, mut last) = (rig.now, HashMap::new());
    while rig.now < began + secs(300) {
        rig.now = rig.endpoint.poll_timeout().unwrap();
        rig.endpoint.handle_timeout(rig.now);
        rig.collect();
        for (flow, _) in std::mem::take(&mut rig.sent) {
            let before = last.insert(flow.remote, rig.now);
            assert!(before.is_none_or(|before| rig.now - before <= secs(5)));
        }
    }
    assert_eq!(last.len(), 2);
}

#[test]
fn the_next_target_takes_over_and_the_better_one_takes_back() {
    let targets = vec![target("192.0.2.9:5070"), target("192.0.2.10:5070")];
    let (mut rig, id, request) = start(RegistrationConfig { targets: targets.clone(), ..setup() });
    let mut unavailable = request.reply(503);
    unavailable.headers.push(HeaderName::RetryAfter, 600);
    rig.answer(&unavailable);
    assert_eq!(rig.sent[0].0.remote, targets[1].addr);
    let second = rig.take_request();
    rig.answer(&ok(&second, 1_800));
    assert_eq!(rig.report().target, Some(targets[1]));
    rig.register_command(id, RegistrationCommand::Prefer(targets[0]));
    assert_eq!(rig.sent[0].0.remote, targets[0].addr);
    assert!(matches!(rig.report().state, RegistrationState::Registered { .. }), "still registered at the second");
    let third = rig.take_request();
    rig.answer(&ok(&third, 1_800));
    assert_eq!(rig.report().target, Some(targets[0]));
}

#[test]
fn a_moved_registrar_is_registered_at_at_once() {
    let (mut rig, id, request) = start(setup());
    rig.answer(&ok(&request, 1_800));
    rig.take_sent();
    rig.register_command(id, RegistrationCommand::SetTargets(vec![target("192.0.2.10:5070"), target(PEER)]));
    assert!(rig.sent.is_empty(), "what is registered at is still among them");
    rig.register_command(id, RegistrationCommand::SetTargets(vec![target("192.0.2.11:5070")]));
    assert_eq!(rig.sent[0].0.remote, addr("192.0.2.11:5070"));
}

#[test]
fn retry_after_is_kept_to() {
    let (mut rig, _, request) = start(setup());
    let mut busy = request.reply(503);
    busy.headers.push(HeaderName::RetryAfter, 120);
    rig.answer(&busy);
    assert_eq!(rig.next_register().0, secs(120));
}

#[test]
fn a_server_in_trouble_is_not_hammered() {
    let (mut rig, _, mut request) = start(setup());
    for _ in 0..8 {
        rig.answer(&request.reply(500));
        request = rig.next_register().1;
    }
    rig.answer(&request.reply(500));
    assert!(rig.next_register().0 >= secs(2));
}

#[test]
fn a_refresh_that_fails_leaves_the_binding_until_it_expires() {
    let (mut rig, _, request) = start(setup());
    rig.answer(&ok(&request, 100));
    rig.pass(secs(90));
    let report = rig.report();
    assert!(matches!(report.state, RegistrationState::Registered { .. }) && report.last_error.is_some());
    rig.pass(secs(20));
    assert!(!matches!(rig.report().state, RegistrationState::Registered { .. }));
}

#[test]
fn the_address_that_the_registrar_sees_goes_into_the_contact() {
    let (mut rig, _, request) = start(setup());
    let mut response = asks(&request, 401, Asks(MD5));
    let via = "SIP/2.0/UDP 192.0.2.1:5060;rport=40000;received=203.0.113.5";
    let branch = request.headers.top_via().unwrap().branch().unwrap().to_owned();
    response.headers.set(HeaderName::Via, format!("{via};branch={branch}"));
    rig.answer(&response);
    let signed = rig.take_request();
    let contacts = signed.headers.contacts().unwrap();
    assert_eq!(contacts[0].uri.as_str(), "sip:+911204567890@203.0.113.5:40000");
    assert_eq!((contacts[1].uri.as_str(), contacts[1].expires()), ("sip:+911204567890@192.0.2.1:5060", Some(0)));
    let mut accepted = ok(&signed, 1_800);
    let branch = signed.headers.top_via().unwrap().branch().unwrap().to_owned();
    accepted.headers.set(HeaderName::Via, format!("{via};branch={branch}"));
    rig.answer(&accepted);
    let expected = Uri::parse(b"sip:+911204567890@203.0.113.5:40000").unwrap();
    assert!(matches!(rig.report().state, RegistrationState::Registered { contact, .. } if contact == expected));
    // The NAT forgot: the next refresh is seen from elsewhere, and registers anew at once.
    let (_, refresh) = rig.next_register();
    let mut moved = ok(&refresh, 1_800);
    let branch = refresh.headers.top_via().unwrap().branch().unwrap().to_owned();
    moved.headers.set(HeaderName::Via, format!("SIP/2.0/UDP x;rport=41000;received=203.0.113.5;branch={branch}"));
    rig.answer(&moved);
    let again = rig.take_request();
    assert_eq!(again.headers.contacts().unwrap()[0].uri.as_str(), "sip:+911204567890@203.0.113.5:41000");
}

#[test]
fn a_nat_that_maps_every_packet_anew_does_not_make_us_loop() {
    let (mut rig, _, mut request) = start(setup());
    for n in 0..10 {
        let mut accepted = ok(&request, 1_800);
        let branch = request.headers.top_via().unwrap().branch().unwrap().to_owned();
        let via = format!("SIP/2.0/UDP x;rport={};received=203.0.113.5;branch={branch}", 40_000 + n);
        accepted.headers.set(HeaderName::Via, via);
        rig.answer(&accepted);
        if rig.sent.is_empty() {
            assert_eq!(rig.granted(), secs(1_800));
            return;
        }
        request = rig.take_request();
    }
    panic!("it loops");
}

#[test]
fn a_configured_public_address_is_not_argued_with() {
    let public_ip = Some("203.0.113.9".parse().unwrap());
    let (mut rig, _, request) = start(RegistrationConfig { public_ip, ..setup() });
    assert_eq!(request.headers.contacts().unwrap()[0].uri.as_str(), "sip:+911204567890@203.0.113.9:5060");
    let mut accepted = ok(&request, 1_800);
    let branch = request.headers.top_via().unwrap().branch().unwrap().to_owned();
    accepted.headers.set(HeaderName::Via, format!("SIP/2.0/UDP x;rport=9;received=203.0.113.5;branch={branch}"));
    rig.answer(&accepted);
    assert_eq!(rig.granted(), secs(1_800));
}

#[test]
fn routes_and_service_routes() {
    let proxy = NameAddr::new(Uri::parse(b"sip:edge.example;lr").unwrap());
    let (mut rig, _, request) = start(RegistrationConfig { route: Some(proxy), ..setup() });
    assert_eq!(request.headers.routes().unwrap()[0].uri.as_str(), "sip:edge.example;lr");
    let mut accepted = ok(&request, 1_800);
    accepted.headers.push(HeaderName::ServiceRoute, "<sip:scscf.example;lr>, <sip:as.example;lr>");
    rig.answer(&accepted);
    let routes: Vec<String> = rig.report().service_route.iter().map(|r| r.uri.as_str().to_owned()).collect();
    assert_eq!(routes, ["sip:scscf.example;lr", "sip:as.example;lr"]);
}

#[test]
fn a_registration_is_taken_back_through_a_challenge_and_leaves_nothing() {
    let (mut rig, id, request) = start(setup());
    rig.answer(&ok(&request, 1_800));
    rig.report();
    rig.register_command(id, RegistrationCommand::Unregister);
    let farewell = rig.take_request();
    assert_eq!(farewell.headers.expires(), Ok(Some(0)));
    assert_eq!(farewell.headers.contacts().unwrap()[0].expires(), Some(0));
    rig.answer(&asks(&farewell, 401, Asks(MD5)));
    let signed = rig.take_request();
    assert_eq!(signed.headers.expires(), Ok(Some(0)));
    rig.answer(&signed.reply(200));
    assert_eq!(rig.report().state, RegistrationState::Unregistered);
    assert!(rig.endpoint.registrations.is_empty());
    rig.assert_nothing_left();
}

#[test]
fn a_farewell_that_nobody_answers_ends_too() {
    let (mut rig, id, _) = start(setup());
    rig.register_command(id, RegistrationCommand::Unregister);
    rig.pass(secs(3));
    assert_eq!(rig.report().state, RegistrationState::Unregistered);
    rig.assert_nothing_left();
}

#[test]
fn a_trunk_is_answered_and_told_the_address_it_knows() {
    let mut rig = Rig::new(EndpointConfig { peers: Peers::loopback(), ..super::config() });
    rig.receive(&invite());
    assert_eq!(rig.take_lines(), ["403"]);
    let neighbour = Neighbour {
        networks: vec!["192.0.2.9".parse().unwrap()],
        local_bind: None,
        seen_as: Some(addr("203.0.113.5:40000")),
        policy: LegPolicy { min_se: 300, ..LegPolicy::default() },
    };
    rig.endpoint.set_neighbour(1, Some(neighbour));
    let short = format!("Supported: timer\nSession-Expires: 120\n{SDP}");
    rig.receive(&request("INVITE", 2, TO, "short", &short, "offer"));
    assert_eq!(rig.take_lines(), ["422"], "its own policy");
    rig.receive(&invite().replace("z9hG4bKinv", "z9hG4bKinv2"));
    let leg = rig.incoming();
    rig.command(leg, Command::Answer { sdp: b"answer".to_vec() });
    assert_eq!(rig.take_response().headers.contacts().unwrap()[0].uri.host(), "203.0.113.5");
    rig.endpoint.set_neighbour(1, None);
    assert!(!rig.endpoint.is_peer("192.0.2.9".parse().unwrap()));
}

#[test]
fn options_are_answered_or_not() {
    let mut rig = Rig::new(super::config());
    for id in [1, 2] {
        let to = Uri::parse(b"sip:ims.example").unwrap();
        let options = OutgoingOptions { from: to.clone(), to, target: target(PEER), route: None };
        rig.endpoint.options(OptionsId(id), options, None, rig.now).unwrap();
    }
    rig.collect();
    let request = rig.take_request();
    rig.answer(&request.reply(403));
    assert!(matches!(rig.events.pop(), Some(Event::OptionsAnswered { id: OptionsId(2), status: Some(403) })));
    rig.pass(secs(33));
    assert!(matches!(rig.events.pop(), Some(Event::OptionsAnswered { id: OptionsId(1), status: None })));
    rig.assert_nothing_left();
}

/// Registered at a registrar that sees us at `seen`; when empty lines go out over the next `span`, in seconds from now.
fn keep_alives(seen: &str, span: u64) -> (Vec<u64>, Rig, RegistrationId) {
    let config = EndpointConfig { udp_keep_alive: Some(secs(25)), ..super::config() };
    let mut rig = Rig::new(config);
    let id = rig.endpoint.register(setup(), HashMap::new(), rig.now).unwrap();
    let seen = addr(seen);
    loop {
        rig.collect();
        let Some((_, Message::Request(request))) = rig.sent.pop() else { break };
        let mut response = ok(&request, 1_800);
        let mut via = request.headers.top_via().unwrap();
        via.set_received(seen.ip());
        via.set_rport(seen.port());
        response.headers.set_first(HeaderName::Via, via);
        rig.endpoint.handle_datagram(addr(US), addr(PEER), &response.to_bytes(), rig.now);
    }
    (empty_lines(&mut rig, span), rig, id)
}

fn empty_lines(rig: &mut Rig, span: u64) -> Vec<u64> {
    let began = rig.now;
    let mut times = Vec::new();
    while let Some(at) = rig.endpoint.poll_timeout().filter(|at| *at <= began + secs(span)) {
        rig.now = at;
        rig.endpoint.handle_timeout(at);
        while let Some(output) = rig.endpoint.poll_output() {
            if let Output::Transmit(transmit) = output {
                assert_eq!((transmit.flow.remote, &*transmit.data), (addr(PEER), &b"\r\n\r\n"[..]));
                times.push((at - began).as_secs());
            }
        }
    }
    rig.now = began + secs(span);
    times
}

#[test]
fn a_nat_is_kept_open_by_empty_lines_and_no_other_registrar_gets_them() {
    let (times, mut rig, id) = keep_alives("198.51.100.1:40000", 100);
    assert_eq!(times, [25, 50, 75, 100]);
    rig.register_command(id, RegistrationCommand::Forget);
    assert_eq!(empty_lines(&mut rig, 100), [0; 0]);
    assert_eq!(keep_alives(US, 100).0, [0; 0]);
}

#[test]
fn a_registrar_over_tls_is_verified_under_its_name() {
    let listeners = vec![Listener { transport: Transport::Tls, addr: addr(US) }];
    let mut rig = Rig::new(EndpointConfig { listeners, ..super::config() });
    let targets = vec![Target { transport: Transport::Tls, addr: addr(PEER) }];
    rig.endpoint.register(RegistrationConfig { targets, ..setup() }, HashMap::new(), rig.now).unwrap();
    rig.collect();
    let (flow, _) = rig.sent.pop().unwrap();
    assert_eq!(flow.tls_name.and_then(|name| rig.endpoint.tls_name(name)), Some("ims.example"));
}
