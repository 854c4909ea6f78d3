//! The steps that every carrier is taken through.

use vca::domain::{CallOutcome, E164, EndCause, Speaker, TransferKind};
use vca::sip::trunk::TrunkState;

use super::call::{Call, sdp_audio, write_sdp};
use super::description::{Carrier, Incoming, Places, Register, UNKNOWN};
use super::node::{self, Bare, Node, is_usable};
use super::rtp::Rtp;
use super::sim::Sim;
use super::text::{Msg, host, uri_of, user};
use super::{CALLER_HZ, CARRIERS, LIMIT, PERSON_HZ, VOICE_HZ};

pub fn run(carrier: &Carrier) {
    let net = CARRIERS.iter().position(|known| known.name == carrier.name).expect("it is in the list");
    for wrong in carrier.wrong {
        let sim = start(carrier, net);
        let bare = Bare::start(carrier, &sim.shared.places, wrong.keys);
        let (method, status) = wrong.refused;
        match method {
            "REGISTER" => assert_is_told(&bare, status, wrong.keys),
            _ => assert_eq!(bare.call(carrier.did, offer(carrier, &sim.shared.places)), status, "{}", wrong.keys),
        }
        let refused = sim.refused();
        let is_it = refused.iter().any(|(how, why, _)| (how.as_str(), *why) == wrong.refused);
        assert!(is_it, "{} is refused for its own reason: {refused:?}", wrong.keys);
    }
    let sim = start(carrier, net);
    let kind =
        if carrier.outgoing.early_media || carrier.outgoing.refer { TransferKind::Blind } else { TransferKind::Warm };
    let node = Node::start(carrier, &sim.shared.places, kind);
    registers(&sim, &node);
    is_asked(&sim);
    refuses(&sim, net);
    has_a_call(&sim, &node, kind);
    stays_usable(&sim, &node);
    node.stop();
    assert!(!sim.is_registered(), "the registration is taken back");
    let refused = sim.refused();
    let expected = matches!(carrier.register, Register::Useless(_));
    assert!(refused.iter().all(|(method, ..)| expected && method == "REGISTER"), "{refused:?}");
}

fn start(carrier: &Carrier, net: usize) -> Sim {
    Sim::start(carrier, node::ip(net, 1), node::ip(net, 2), node::free_address())
}

fn offer(carrier: &Carrier, places: &Places) -> String {
    let at = (places.vca.ip(), 40_000).into();
    write_sdp(at, &[8, 0], Some(carrier.outgoing.telephone_event), "sendrecv", 20)
}

/// A registration that is refused is told to the operator.
fn assert_is_told(bare: &Bare, status: u16, keys: &str) {
    let state = bare.trunk("a refusal", |status| matches!(status.state, TrunkState::Failed { .. }));
    let error = state.last_error.unwrap_or_default();
    let told = error.contains(&status.to_string()) || error.contains("user name or password");
    assert!(told, "{keys}: the operator is told {error:?}");
}

/// The trunk registers as the carrier demands, or not at all; the exchanges are as few as can be.
fn registers(sim: &Sim, node: &Node) {
    let mut expected = Vec::new();
    match sim.shared.carrier.register {
        Register::Refused(_) => drop(node.trunk("a peer", is_usable)),
        Register::Useless(status) => {
            node.trunk("a refusal", |status| matches!(status.state, TrunkState::Failed { .. }));
            expected.push(status);
        }
        Register::Taken(registrar) => {
            node.trunk("a registration", is_usable);
            if let Some(auth) = registrar.auth {
                expected.push(auth.status);
                expected.extend(auth.stale.then_some(auth.status));
            }
            expected.extend((registrar.expires < registrar.min_expires).then_some(423));
            expected.push(200);
            assert!(sim.is_registered());
        }
    }
    assert!(sim.register_answers().starts_with(&expected), "{:?}", sim.register_answers());
    assert!(expected.is_empty() == sim.register_answers().is_empty(), "{:?}", sim.register_answers());
}

/// A short expiry is refreshed in time; OPTIONS that are refused change nothing.
fn stays_usable(sim: &Sim, node: &Node) {
    if sim.shared.carrier.trunk.contains("options_interval") {
        sim.until("two OPTIONS", |sim| sim.options() > 1);
        node.trunk("a trunk that OPTIONS do not take down", is_usable);
    }
    let Register::Taken(registrar) = sim.shared.carrier.register else { return };
    if registrar.granted.is_some() {
        sim.until("a refresh", |sim| sim.registrations() > 1);
    }
    assert!(sim.is_registered());
}

/// A caller of the carrier's talks to the receptionist, presses keys, is put on hold and taken back, asks for a person,
/// and talks to that person over a second call through the carrier.
fn has_a_call(sim: &Sim, node: &Node, kind: TransferKind) {
    let carrier = sim.shared.carrier;
    let mut caller = call(sim, carrier.did, None);
    let answer = caller.answered();
    check_answer(&carrier, &answer);
    caller.rtp.hear(VOICE_HZ, 5);
    assert_eq!(caller.reinvite("sendonly"), "recvonly");
    assert_eq!(caller.reinvite("sendrecv"), "sendrecv");
    caller.rtp.press("42#");
    caller.rtp.hear(VOICE_HZ, 4);
    caller.rtp.say(CALLER_HZ, 500);
    if carrier.outgoing.refer {
        let refer = caller.carry_over();
        let (to, wanted) = (uri_of(refer.need("Refer-To")), sim.shared.fill(carrier.outgoing.to));
        assert_eq!((user(to), host(to)), (user(&wanted), host(&wanted)), "{}", refer.write());
        caller.bye();
        return check_record(&carrier, node, EndCause::Referred);
    }
    let mut person = sim.called();
    check_offer(&carrier, &person.invite);
    person.ring();
    if carrier.outgoing.early_media {
        person.rtp.speak(PERSON_HZ);
        caller.rtp.hear(PERSON_HZ, 4);
    }
    person.pick_up();
    if kind == TransferKind::Warm {
        person.rtp.hear(VOICE_HZ, 5);
        person.rtp.press("1");
    }
    caller.rtp.speak(CALLER_HZ);
    person.rtp.speak(PERSON_HZ);
    person.rtp.hear(CALLER_HZ, 5);
    caller.rtp.hear(PERSON_HZ, 5);
    caller.bye();
    let bye = person.asked("BYE");
    person.reply(&bye, 200);
    let Incoming { chosen, telephone_event, .. } = carrier.incoming;
    let came = caller.rtp.payload_types();
    assert!(came.iter().all(|payload_type| [chosen, telephone_event].contains(payload_type)), "{came:?}");
    check_record(&carrier, node, EndCause::CallerHungUp);
}

fn call(sim: &Sim, did: &str, instead: Option<&str>) -> Call {
    let link = sim.shared.wire.link(sim.shared.places.vca);
    Call::place(&sim.shared, link, did, instead, Rtp::open(sim.shared.places.media_ip))
}

/// The carrier asks whether we live.
fn is_asked(sim: &Sim) {
    let (inbox, request) = sim.shared.options();
    sim.shared.send(&request, &sim.shared.wire.link(sim.shared.places.vca));
    let (answer, _) = inbox.recv_timeout(LIMIT).expect("OPTIONS is answered");
    assert_eq!(answer.status(), Some(200), "{}", answer.write());
    assert!(answer.lists("Allow", "INVITE"), "{}", answer.write());
}

/// A number that nobody owns, what the trunk does not do, and the same call from an address that is not the carrier's.
fn refuses(sim: &Sim, net: usize) {
    let carrier = sim.shared.carrier;
    assert_eq!(call(sim, UNKNOWN, None).refused(), 404);
    for (header, status) in carrier.incoming.refused {
        assert_eq!(call(sim, carrier.did, Some(header)).refused(), *status, "{header}");
    }
    let stranger = Sim::start(&carrier, node::ip(net, 3), node::ip(net, 3), sim.shared.places.vca);
    assert_eq!(call(&stranger, carrier.did, None).refused(), 403);
}

/// The answer is the one that the carrier's offer wants.
fn check_answer(carrier: &Carrier, answer: &Msg) {
    let audio = sdp_audio(&answer.body).expect("audio in the answer");
    assert_eq!(audio.payloads, [carrier.incoming.chosen], "{}", answer.body);
    assert_eq!(audio.telephone_event, Some(carrier.incoming.telephone_event), "{}", answer.body);
    for header in carrier.incoming.answer {
        let (name, value) = header.split_once(": ").expect("name: value");
        assert_eq!(answer.get(name), Some(value), "{}", answer.write());
    }
}

/// Our INVITE is as the carrier wants it; what is refused otherwise was checked before it got here.
fn check_offer(carrier: &Carrier, invite: &Msg) {
    let audio = sdp_audio(&invite.body).expect("audio in the offer");
    assert_eq!(audio.telephone_event, Some(carrier.outgoing.telephone_event), "{}", invite.body);
    assert!(!(carrier.outgoing.no_prack && invite.lists("Supported", "100rel")), "{}", invite.write());
    let phone = invite.uri().contains(";user=phone");
    assert_eq!(phone, carrier.outgoing.user_phone, "{}", invite.uri());
}

/// What was written down: the number that was called, who called, and how it went.
fn check_record(carrier: &Carrier, node: &Node, cause: EndCause) {
    let (record, turns) = node.closed_call();
    let caller = Some(carrier.incoming.caller).filter(|caller| !caller.is_empty());
    assert_eq!(record.did.as_str(), carrier.did);
    assert_eq!(record.caller.as_ref().map(E164::as_str), caller);
    assert_eq!(record.outcome, Some(CallOutcome::Transferred));
    assert_eq!(record.end_cause, Some(cause));
    assert_eq!(record.transfers.len(), 1);
    let keys = turns.iter().filter(|turn| turn.speaker == Speaker::Caller).any(|turn| turn.text.contains("42"));
    assert!(keys, "the keys were understood: {turns:?}");
}
