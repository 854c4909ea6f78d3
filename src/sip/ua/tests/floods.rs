//! What is dropped unread, and how much each source may send.

use super::uac::{outgoing, place, reply};
use super::*;

const STRANGER: &str = "198.51.100.66:5060";

/// As the driver does it; whether it was wanted.
fn arrives(rig: &mut Rig, source: &str, text: &str) -> bool {
    let bytes = text.replace('\n', "\r\n");
    let wanted = rig.endpoint.is_wanted(addr(source).ip(), bytes.as_bytes(), rig.now);
    if wanted {
        rig.endpoint.handle_datagram(addr(US), addr(source), bytes.as_bytes(), rig.now);
        rig.collect();
    }
    wanted
}

fn options(n: usize) -> String {
    request("OPTIONS", 1, TO, &format!("o{n}"), "", "").replace("call-1", &format!("call-{n}"))
}

/// How many of `count` OPTIONS that come at once are read, and how many answered.
fn burst(rig: &mut Rig, source: &str, count: usize) -> (usize, usize) {
    let read = (0..count).filter(|n| arrives(rig, source, &options(*n))).count();
    (read, rig.take_lines().len())
}

#[test]
fn scanners_get_nothing_whoever_they_are_and_are_not_even_parsed() {
    let mut rig = Rig::new(config());
    let agents = [
        "friendly-scanner",
        "sipvicious",
        "SIPVicious 0.3",
        "sipcli/v1.8",
        "sip-scan",
        "VaxSIPUserAgent/3.1",
        "pplsip",
        "x sundayddr y",
    ];
    for (n, agent) in agents.iter().enumerate() {
        for method in ["INVITE", "OPTIONS", "REGISTER"] {
            for header in ["User-Agent:", "user-agent :", "USER-AGENT:\t"] {
                let scan = request(method, 1, TO, &format!("s{n}"), &format!("{header} {agent}\n"), "");
                for source in [PEER, STRANGER] {
                    rig.pass(Duration::from_millis(100));
                    assert!(!arrives(&mut rig, source, &scan), "{scan}");
                }
            }
        }
    }
    assert!(!arrives(&mut rig, PEER, "garbage\nUser-Agent: sipvicious\n\n"));
    let stats = rig.endpoint.stats();
    assert_eq!((stats.scanners, stats.messages_received, stats.malformed), (8 * 9 * 2 + 1, 0, 0));
    // What only the parser finds, or what stands in a body, an answer or another header.
    let folded = request("INVITE", 1, TO, "f", "User-Agent:\n sipvicious\n", "");
    assert!(arrives(&mut rig, PEER, &folded) && rig.take_lines().is_empty());
    for more in ["Subject: sipvicious\n", "User-Agent: Linphone\n"] {
        let options = request("OPTIONS", 1, TO, &more[..3], more, "").replace("call-1", &more[..3]);
        assert!(arrives(&mut rig, PEER, &options));
        assert_eq!(rig.take_lines(), ["200"]);
    }
    assert!(arrives(&mut rig, PEER, &request("OPTIONS", 1, TO, "body", "", "\nUser-Agent: sipvicious\n")));
}

#[test]
fn the_list_of_scanners_is_the_operators() {
    let mut rig = Rig::new(EndpointConfig { scanners: vec!["Nosy".to_owned()], ..config() });
    let with = |agent: &str| request("OPTIONS", 1, TO, agent, &format!("User-Agent: {agent}\n"), "");
    assert!(!arrives(&mut rig, PEER, &with("a-nosy-one")));
    assert!(arrives(&mut rig, PEER, &with("sipvicious")));
}

#[test]
fn a_stranger_is_heard_and_answered_no_more_often_than_the_rate_says() {
    let mut rig = Rig::new(config());
    assert_eq!(burst(&mut rig, STRANGER, 1_000), (15, 15), "sixty at once, and each answer counts as three");
    rig.pass(Duration::from_secs(1));
    assert_eq!(burst(&mut rig, STRANGER, 1_000), (5, 5), "twenty a second");
    assert_eq!(burst(&mut rig, "198.51.100.67:5060", 10), (10, 10), "another is not held to account");
    assert_eq!(rig.endpoint.stats().over_rate, 985 + 995);
    // IPv6 hands out whole networks.
    for host in 0..10 {
        burst(&mut rig, &format!("[2001:db8::{host}]:5060"), 10);
    }
    assert_eq!(burst(&mut rig, "[2001:db8::ffff]:5060", 10).0, 0);
}

#[test]
fn peers_may_send_much_more() {
    let mut rig = Rig::new(config());
    assert_eq!(burst(&mut rig, PEER, 10_000), (10_000, 10_000));
}

#[test]
fn made_up_sources_fill_no_memory_and_are_bounded_together() {
    let mut rig = Rig::new(config());
    let mut read = 0;
    for n in 0..100_000_u32 {
        let source = SocketAddr::new((0x2000_0000_u32 + n * 7).to_be_bytes().into(), 5060);
        let data = options(n as usize % 10).replace('\n', "\r\n");
        if rig.endpoint.is_wanted(source.ip(), data.as_bytes(), rig.now) {
            read += 1;
            rig.endpoint.handle_datagram(addr(US), source, data.as_bytes(), rig.now);
        }
    }
    rig.collect();
    assert_eq!(read, 4_000);
    assert_eq!(rig.take_lines().len(), 50, "answers a second");
    assert!(rig.endpoint.floods.len() <= 8_192);
    let stats = rig.endpoint.stats();
    assert_eq!((stats.server_transactions, stats.dialogs, stats.legs), (0, 0, 0));
    assert!(arrives(&mut rig, PEER, &invite()), "a peer is served meanwhile");
    assert_eq!(rig.take_lines(), ["100"]);
}

#[test]
fn whom_we_call_is_heard_through_a_flood_of_strangers() {
    let mut rig = Rig::new(EndpointConfig { peers: Peers::loopback(), ..config() });
    let (leg, request) = place(&mut rig, outgoing());
    for n in 0..10_000_u32 {
        rig.endpoint.is_wanted((0x2000_0000 + n).to_be_bytes().into(), b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", rig.now);
    }
    let answer = reply(&request, 200, "b").to_bytes();
    assert!(rig.endpoint.is_wanted(addr(PEER).ip(), &answer, rig.now));
    rig.endpoint.handle_datagram(addr(US), addr(PEER), &answer, rig.now);
    rig.collect();
    assert_eq!(rig.take_lines(), ["ACK"]);
    // A busy call is no flood either.
    let (ours, call_id) = (request.headers.from().unwrap(), request.headers.call_id().unwrap());
    for n in 1..=500 {
        let info = format!(
            "INFO sip:x@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKi{n}\nMax-Forwards: 70\n\
             From: <sip:bob@192.0.2.9>;tag=b\nTo: <sip:x@192.0.2.1>;tag={}\nCall-ID: {call_id}\nCSeq: {n} INFO\n\
             Content-Type: text/plain\nContent-Length: 1\n\n5",
            ours.tag().unwrap(),
        );
        assert!(arrives(&mut rig, PEER, &info), "{n}");
    }
    assert_eq!(rig.take_lines(), vec!["200"; 500]);
    rig.command(leg, Command::Bye { reason: None });
}
