//! Calls over IPv6, and over both families at once.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use vca::sip::net::{self, StackConfig, Transport};

use crate::ears::{assert_caller_hears, hears};
use crate::harness::{DID, Demo, MESSAGE, new_folder};

fn assert_message_taken(report: &Value, call: &Value) {
    let detail = || format!("{call:#}\n{report:#}");
    assert_eq!(call["slots"]["number"], "+919988776655", "{}", detail());
    assert!(call["slots"]["reason"].as_str().is_some_and(|r| hears(r, "bill")), "{}", detail());
    assert_eq!(call["outcome"], "message", "{}", detail());
    assert_caller_hears(report, &["clinic"]);
}

#[test]
fn a_whole_call_over_ipv6() {
    let demo = Demo::start_at("[::1]:0", new_folder(), &[], &[]);
    assert!(demo.sip.is_ipv6());
    let report = demo.call(&MESSAGE);
    assert_message_taken(&report, &demo.closed_call());
}

/// SIPp, an independent user agent, over IPv6: its media too.
#[test]
fn sipp_is_answered_over_ipv6() {
    let demo = Demo::start_at("[::1]:0", new_folder(), &[], &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sipp/answer_bye.xml");
    for transport in ["u1", "t1"] {
        let mut sipp = Command::new("sipp");
        sipp.current_dir(folder.path()).args(["-sf", scenario, "-m", "1", "-s", DID, "-i", "[::1]", "-t", transport]);
        sipp.args(["-timeout", "30s", "-timeout_error", "-nostdin"]).arg(demo.sip.to_string());
        crate::harness::assert_sipp(&sipp.output().expect("sipp is installed: run scripts/setup --test"));
        assert_eq!(demo.closed_call()["end_cause"], "caller_hung_up");
    }
}

#[tokio::test]
async fn each_family_is_answered_in_its_own() {
    let both: Vec<SocketAddr> = ["0.0.0.0:0", "[::]:0"].map(|addr| addr.parse().expect("an address")).into();
    let config = StackConfig { udp: both.clone(), tcp: both, ..StackConfig::default() };
    let (callee, mut calls) = net::start(config).await.expect("the stack starts");
    for (ip, transport) in
        [("127.0.0.1", Transport::Udp), ("::1", Transport::Udp), ("127.0.0.1", Transport::Tcp), ("::1", Transport::Tcp)]
    {
        let any = SocketAddr::new(ip.parse().expect("an address"), 0);
        let config = StackConfig { udp: vec![any], tcp: vec![any], ..StackConfig::default() };
        let (caller, _none) = net::start(config).await.expect("the stack starts");
        let listening = if transport == Transport::Udp { callee.udp_addrs() } else { callee.tcp_addrs() };
        let port = listening.iter().find(|a| a.is_ipv6() == any.is_ipv6()).expect("a listener").port();
        let to = SocketAddr::new(any.ip(), port);
        let (leg, mut events) = caller.invite(crate::signalling::invite(to, transport)).await.expect("sent");
        let mut call = calls.recv().await.expect("a call");
        assert_eq!((call.leg.local_ip(), call.invite.transport), (any.ip(), transport));
        let via = call.invite.headers.top_via().expect("a Via");
        assert_eq!(via.host_ip(), Some(any.ip()));
        let contact = call.invite.contact.clone().expect("a Contact").uri;
        assert_eq!(contact.host_ip(), Some(any.ip()));
        assert_eq!(contact.host().starts_with('['), any.is_ipv6(), "{}", contact.as_str());
        call.leg.answer(b"answer".to_vec()).await;
        assert!(matches!(events.recv().await, Some(net::LegEvent::Answered { .. })));
        assert!(matches!(call.events.recv().await, Some(net::LegEvent::Acked { .. })));
        // Both ways: each Contact leads to its owner.
        call.leg.info("text/plain", b"5".to_vec()).await;
        assert!(matches!(events.recv().await, Some(net::LegEvent::Info { .. })));
        leg.bye(None).await;
        assert!(matches!(call.events.recv().await, Some(net::LegEvent::Ended { by_remote: true, .. })));
    }
}
