//! A flood of scanners and nonsense, while callers are on the phone.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use vca::sip::net::{self, LegEvent, StackConfig, Transport};

use crate::ears::hears;
use crate::harness::{DID, Demo, MESSAGE, wait_for};

const AGENTS: [&str; 6] =
    ["friendly-scanner", "sipvicious", "sipcli/v1.8", "sip-scan", "VaxSIPUserAgent/3.1", "pplsip"];

/// Datagrams a burst from each source, and between bursts: some thousand a second in all, so that the sender leaves the
/// machine to the call.
const BURST: u64 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What is sent from one address.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// With a scanner's User-Agent; every third is INVITE, OPTIONS, REGISTER.
    Scanner,
    Nonsense,
    /// Well-formed requests of somebody that nobody knows.
    Stranger,
}

/// A flood under way.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    sources: Vec<(Kind, JoinHandle<u64>)>,
}

impl Flood {
    /// From many addresses and ports of loopback, and scanners from the peers' own address too.
    fn start(target: SocketAddr) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let scanners = (1..=12).map(|host| (Kind::Scanner, host));
        let others = (20..=25).flat_map(|host| [(Kind::Nonsense, host), (Kind::Stranger, host + 20)]);
        let start = |(kind, host): (Kind, u8)| {
            let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, host], 0))).expect("an address of loopback");
            socket.set_nonblocking(true).expect("a socket option");
            let (stop, sent) = (stop.clone(), sent.clone());
            (kind, std::thread::spawn(move || flood(&socket, target, kind, &stop, &sent)))
        };
        let sources = scanners.chain(others).map(start).collect();
        Self { stop, sent, sources }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it; how many datagrams each source got back.
    fn stop(self) -> Vec<(Kind, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.sources.into_iter().map(|(kind, source)| (kind, source.join().expect("no panic"))).collect()
    }
}

/// Sends until told to stop, and then listens a little; how many answers came.
fn flood(socket: &UdpSocket, target: SocketAddr, kind: Kind, stop: &AtomicBool, sent: &AtomicU64) -> u64 {
    let (mut n, mut answers) = (0, 0);
    let mut buffer = [0; 2_048];
    let us = socket.local_addr().expect("a bound socket");
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            n += 1;
            if socket.send_to(&datagram(kind, us, n), target).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        std::thread::park_timeout(PAUSE);
        loop {
            match socket.recv_from(&mut buffer) {
                Ok(_) => answers += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {}
            }
        }
    }
    answers
}

fn datagram(kind: Kind, from: SocketAddr, n: u64) -> Vec<u8> {
    let method = ["INVITE", "OPTIONS", "REGISTER"][(n % 3) as usize];
    let agent = if kind == Kind::Scanner { AGENTS[(n % 6) as usize] } else { "Linphone/5.2" };
    let text = format!(
        "{method} sip:{DID}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{n};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:100@{from}>;tag={n}\r\nTo: <sip:{DID}@127.0.0.1>\r\nCall-ID: {n}@{from}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:100@{from}>\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
    );
    let mut bytes = text.into_bytes();
    if kind == Kind::Nonsense {
        match n % 4 {
            0 => bytes.truncate((n as usize * 7) % (bytes.len() / 2)),
            1 => bytes.iter_mut().step_by(5).for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(n as u8)),
            2 => bytes = vec![n as u8; 1 + n as usize % 1_400],
            _ => bytes = String::from_utf8_lossy(&bytes).replace("CSeq: 1", "CSeq: -1").into_bytes(),
        }
    }
    bytes
}

/// Scanners and nonsense got nothing; strangers their share.
fn assert_answers(answers: &[(Kind, u64)], lasted: Duration) {
    for (kind, count) in answers {
        match kind {
            Kind::Scanner | Kind::Nonsense => assert_eq!(*count, 0, "{kind:?} got an answer"),
            // 15 at once and 5 a second.
            Kind::Stranger => assert!(*count <= 15 + 5 * (lasted.as_secs() + 2), "{count} answers in {lasted:?}"),
        }
    }
}

#[test]
fn a_caller_is_served_through_a_flood() {
    let demo = Demo::start_with(&[("VCA__SIP__PEERS", "127.0.0.1"), ("VCA__LOG__FORMAT", "json")]);
    let caller = demo.caller(&MESSAGE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vca call");
    wait_for("a call", Duration::from_secs(60), || {
        let (_, calls) = demo.get("/v1/calls?status=active");
        calls["calls"].get(0).map(|_| ())
    });
    let began = Instant::now();
    let flood = Flood::start(demo.sip);
    let output = caller.wait_with_output().expect("vca call ends");
    let (sent, lasted) = (flood.sent(), began.elapsed());
    let answers = flood.stop();
    let report: Value = serde_json::from_slice(&output.stdout).expect("vca call prints JSON");
    let call = demo.closed_call();
    println!("{sent} datagrams in {:.1} s", lasted.as_secs_f64());
    let detail = || format!("{call:#}\n{report:#}");
    assert_eq!(call["slots"]["number"], "+919988776655", "{}", detail());
    assert!(call["slots"]["reason"].as_str().is_some_and(|r| hears(r, "bill")), "{}", detail());
    assert_eq!((&call["outcome"], &call["end_cause"]), (&"message".into(), &"agent_hung_up".into()), "{}", detail());
    assert!(sent > 20_000, "a flood: {sent}");
    assert_answers(&answers, lasted);
    let told: Vec<Value> = demo.log_so_far().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<&Value> = told.iter().map(|line| &line["fields"]).filter(|f| f["scanners"].is_u64()).collect();
    let last = told.last().expect("the log tells of the flood");
    assert!(last["scanners"].as_u64() > Some(1_000), "{last}");
    for fields in told {
        assert!(fields["transactions"].as_u64() < Some(20) && fields["dialogs"].as_u64() <= Some(1), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_leaves_the_tables_and_the_calls_as_they_are() {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let peers = "127.0.0.1".parse().expect("a network");
    let config = StackConfig { udp: vec![any], peers, ..StackConfig::default() };
    let (callee, mut calls) = net::start(config).await.expect("the stack starts");
    let to = callee.udp_addr().expect("an address");
    let config = StackConfig { udp: vec![any], ..StackConfig::default() };
    let (caller, _none) = net::start(config).await.expect("the stack starts");
    let (leg, mut events) = caller.invite(crate::signalling::invite(to, Transport::Udp)).await.expect("sent");
    let mut call = calls.recv().await.expect("a call");
    call.leg.answer(b"answer".to_vec()).await;
    assert!(matches!(events.recv().await, Some(LegEvent::Answered { .. })));
    assert!(matches!(call.events.recv().await, Some(LegEvent::Acked { .. })));

    let began = Instant::now();
    let flood = Flood::start(to);
    let mut keys = tokio::time::interval(Duration::from_millis(20));
    while flood.sent() < 30_000 {
        keys.tick().await;
        leg.info("text/plain", b"5".to_vec()).await;
        let told = tokio::time::timeout(Duration::from_secs(10), call.events.recv()).await.expect("in time");
        assert!(matches!(told, Some(LegEvent::Info { .. })), "{told:?}");
        let stats = callee.stats();
        let live = (stats.legs, stats.dialogs);
        assert_eq!(live, (1, 1));
    }
    let answers = tokio::task::spawn_blocking(move || flood.stop()).await.expect("no panic");
    assert_answers(&answers, began.elapsed());
    let (stats, callers) = (callee.stats(), caller.stats());
    // All but what strangers may say, and nonsense that is within their rate.
    assert!(stats.scanners > 1_000 && stats.scanners + stats.over_rate > 25_000, "{stats:?}");
    assert_eq!(stats.calls_in, 1);
    // Nothing but the caller's own requests.
    assert!(stats.server_transactions as u64 <= callers.messages_sent, "{stats:?} {callers:?}");
    assert!(calls.try_recv().is_err());
    leg.bye(None).await;
    assert!(matches!(call.events.recv().await, Some(LegEvent::Ended { by_remote: true, .. })));
}
