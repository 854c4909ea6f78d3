//! SIPp, an independent user agent, against the whole binary.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use vca::sip::message::{NameAddr, Uri};
use vca::sip::net::{LegPolicy, OutgoingInvite, Transport};

use crate::harness::{DID, Demo, assert_sipp, new_folder, sipp, wait_for};

/// A call to the demo number at this address.
pub fn invite(to: SocketAddr, transport: Transport) -> OutgoingInvite {
    let from = format!("sip:caller@{}", SocketAddr::new(to.ip(), 5060));
    OutgoingInvite {
        to: Uri::parse(format!("sip:{DID}@{to}").as_bytes()).expect("a URI"),
        from: NameAddr::new(Uri::parse(from.as_bytes()).expect("a URI")),
        destination: None,
        transport,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    }
}

#[test]
fn a_call_is_answered_and_its_record_closed_at_bye() {
    let demo = Demo::start();
    assert_sipp(&sipp("answer_bye", demo.sip, DID, &[]));
    let call = demo.closed_call();
    assert_eq!(call["status"], "completed");
    assert_eq!(call["end_cause"], "caller_hung_up");
    assert_eq!(call["did"], DID);
    assert_eq!(call["caller"], "+919812345678");
    assert_eq!(call["outcome"], "nothing");
}

#[test]
fn a_call_is_answered_over_tcp() {
    let demo = Demo::start();
    assert_sipp(&sipp("answer_bye", demo.sip, DID, &["-t", "t1"]));
    assert_eq!(demo.closed_call()["end_cause"], "caller_hung_up");
}

#[test]
fn the_number_may_be_written_as_carriers_do() {
    let demo = Demo::start();
    for number in ["918047180000", "00918047180000", "08047180000"] {
        assert_sipp(&sipp("answer_bye", demo.sip, number, &[]));
    }
}

#[test]
fn a_caller_who_gives_up_gets_487_and_leaves_no_record() {
    let demo = Demo::start_with(&[("VCA__SIP__RING_MS", "10000")]);
    assert_sipp(&sipp("cancel", demo.sip, DID, &[]));
    assert_eq!(demo.get("/v1/calls").1["calls"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_number_that_nobody_owns_is_404() {
    let demo = Demo::start();
    assert_sipp(&sipp("unknown_did", demo.sip, "+918047189999", &[]));
}

#[test]
fn an_offer_without_a_common_codec_is_488() {
    let demo = Demo::start();
    assert_sipp(&sipp("no_codec", demo.sip, DID, &[]));
}

#[test]
fn hold_is_answered_by_the_book() {
    let demo = Demo::start();
    assert_sipp(&sipp("hold", demo.sip, DID, &[]));
}

#[test]
fn options_is_answered() {
    let demo = Demo::start();
    assert_sipp(&sipp("options", demo.sip, DID, &[]));
    assert_sipp(&sipp("options", demo.sip, DID, &["-t", "t1"]));
}

#[test]
fn caps_refuse_the_call_too_many_and_free_their_places() {
    for (refusal, node, tenant) in [("node_full", "1", "100"), ("tenant_busy", "100", "1")] {
        let settings = [("VCA__SIP__MAX_CALLS", node)];
        let demo = Demo::start_in(new_folder(), &settings, &["--max-calls", tenant]);
        let target = demo.sip;
        let first = std::thread::spawn(move || sipp("long_call", target, DID, &[]));
        wait_for("the first call", Duration::from_secs(10), || {
            let (_, calls) = demo.get("/v1/calls?status=active");
            (calls["calls"].as_array()?.len() == 1).then_some(())
        });
        assert_sipp(&sipp(refusal, demo.sip, DID, &[]));
        assert_sipp(&first.join().expect("sipp's thread"));
        demo.closed_call();
        assert_sipp(&sipp("answer_bye", demo.sip, DID, &[]));
    }
}

#[test]
fn sipp_is_installed() {
    let version = Command::new("sipp").arg("-v").output().expect("sipp is missing: run scripts/setup --test");
    assert!(!version.stdout.is_empty());
}
