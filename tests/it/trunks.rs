//! Trunks against a registrar that challenges, restarts, moves and lies.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vca::domain::{E164, Secret, Trunk, TrunkMode, TrunkSettings};
use vca::sip::auth::Algorithm;
use vca::sip::message::{HeaderName, NameAddr, Uri};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, IncomingCall, OutgoingInvite, Stack, StackConfig, Transport};
use vca::sip::resolve::{Answer, Query, Srv};
use vca::sip::trunk::{TrunkState, TrunkStatus, Trunks};
use vca::sip::ua::LegPolicy;

use crate::registrar::{Habits, PASSWORD, Registrar, USER};

const LIMIT: Duration = Duration::from_secs(30);

async fn stack() -> (Stack, tokio::sync::mpsc::Receiver<IncomingCall>) {
    let udp = vec!["127.0.0.1:0".parse().expect("an address")];
    // Nobody may call but the trunks.
    let peers = "192.0.2.1".parse().expect("a network");
    net::start(StackConfig { udp, peers, ..StackConfig::default() }).await.expect("the stack starts")
}

fn trunk(registrar: &str, options_interval: u32) -> Trunk {
    let settings = TrunkSettings {
        mode: TrunkMode::Register,
        registrar: Some(registrar.to_owned()),
        from_user: Some(USER.to_owned()),
        options_interval,
        ..TrunkSettings::default()
    };
    let dids = vec![E164::parse("+918047180000").expect("a number")];
    let password = Some(Secret::new(PASSWORD));
    Trunk { name: "line".to_owned(), profile: "generic-register".to_owned(), settings, password, dids }
}

/// Waits until the trunk's state is as wanted.
async fn wait(trunks: &Trunks, what: &str, wanted: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
    let mut states = trunks.subscribe("line").expect("the trunk");
    let found = tokio::time::timeout(LIMIT, states.wait_for(|status| wanted(status))).await;
    match found {
        Ok(status) => status.expect("the trunk lives").clone(),
        Err(_) => panic!("waited for {what}: {:?}", trunks.status()),
    }
}

fn is_registered(status: &TrunkStatus) -> bool {
    matches!(status.state, TrunkState::Registered { .. })
}

fn at(addr: SocketAddr) -> impl Fn(&TrunkStatus) -> bool {
    move |status| is_registered(status) && status.target.as_ref().is_some_and(|t| t.starts_with(&addr.to_string()))
}

/// Waits until `look` holds after one of the registrar's answers.
async fn wait_at(registrar: &Registrar, what: &str, look: impl Fn(&Registrar) -> bool) {
    let mut answered = registrar.answered();
    let found = tokio::time::timeout(LIMIT, answered.wait_for(|_| look(registrar))).await;
    assert!(found.is_ok(), "waited for {what}: {:?}", registrar.state());
}

/// Stays silent at `addr` until one OPTIONS was sent five times, which takes it 7.5 s (timer E, RFC 3261 §17.1.2.2).
async fn ignore_a_keep_alive(addr: SocketAddr) {
    let socket = tokio::net::UdpSocket::bind(addr).await.expect("the registrar's port is free");
    let mut sendings: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut buffer = [0; 2_048];
    let ignored = async {
        loop {
            let length = socket.recv(&mut buffer).await.expect("a datagram");
            // Only a repetition is the same byte for byte.
            let count = sendings.entry(buffer[..length].to_vec()).or_default();
            *count += 1;
            if buffer.starts_with(b"OPTIONS ") && *count == 5 {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, ignored).await.expect("a keep-alive is repeated");
}

fn srv(dns: &TableDns, registrars: &[(u16, SocketAddr)]) {
    let record = |(priority, addr): &(u16, SocketAddr)| Srv {
        priority: *priority,
        weight: 0,
        port: addr.port(),
        target: "host.test".to_owned(),
    };
    let name = "_sip._udp.carrier.test".to_owned();
    dns.set(Query::Srv(name), Answer::Srv(registrars.iter().map(record).collect()));
    dns.set(Query::Addr("host.test".to_owned()), Answer::Addr(vec![[127, 0, 0, 1].into()]));
}

#[tokio::test]
async fn challenges_423_and_a_service_route_and_a_farewell() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let service_route = Some("<sip:127.0.0.1:9;lr>".to_owned());
        let habits = Habits { algorithm, proxy: true, min_expires: Some(7_200), service_route, ..Habits::default() };
        let registrar = Registrar::start(None, habits);
        let (stack, _calls) = stack().await;
        let trunks = Trunks::start(&stack, vec![trunk(&registrar.addr.to_string(), 0)], Arc::new(TableDns::default()));
        wait(&trunks, "a registration", is_registered).await;
        assert_eq!(registrar.state().answers, [401, 407, 423, 200], "one exchange each");
        let to = E164::parse("+919876543210").expect("a number");
        let invite = trunks.outgoing("line", &to, None).expect("a way");
        let route = invite.headers.iter().find(|(name, _)| *name == HeaderName::Route).expect("a route");
        assert_eq!(route.1.to_string_lossy(), "<sip:127.0.0.1:9;lr>");
        assert_eq!(invite.destination, Some("127.0.0.1:9".parse().expect("an address")));
        trunks.stop().await;
        assert!(!registrar.is_registered(), "taken back");
        assert_eq!(trunks.status()[0].state, TrunkState::Unregistered);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_in_plain_words() {
    let registrar = Registrar::start(None, Habits::default());
    let (stack, _calls) = stack().await;
    let wrong = Trunk { password: Some(Secret::new("wrong")), ..trunk(&registrar.addr.to_string(), 0) };
    let trunks = Trunks::start(&stack, vec![wrong], Arc::new(TableDns::default()));
    let status = wait(&trunks, "a refusal", |status| matches!(status.state, TrunkState::Failed { .. })).await;
    assert!(status.last_error.is_some_and(|error| error.contains("user name or password")));
    assert!(status.next_try.is_some());
}

#[tokio::test]
async fn a_registrar_that_comes_back_without_memory_has_us_again() {
    let registrar = Registrar::start(None, Habits::default());
    let addr = registrar.addr;
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk(&addr.to_string(), 1)], Arc::new(TableDns::default()));
    wait(&trunks, "an answer to OPTIONS", |s| is_registered(s) && s.options_answered == Some(true)).await;
    drop(registrar);
    ignore_a_keep_alive(addr).await;
    let began = Instant::now();
    let registrar = Registrar::start(Some(addr), Habits::default());
    wait_at(&registrar, "a new registration", Registrar::is_registered).await;
    let accepted = registrar.state().accepted_at.expect("accepted");
    println!("registered again {:.2} s after the registrar's return", (accepted - began).as_secs_f64());
}

#[tokio::test]
async fn a_registrar_that_is_away_at_the_start_has_us_when_it_comes() {
    let addr = Registrar::start(None, Habits::default()).addr;
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk(&addr.to_string(), 0)], Arc::new(TableDns::default()));
    let status = wait(&trunks, "a failure", |s| matches!(s.state, TrunkState::Failed { .. })).await;
    assert!(status.last_error.is_some_and(|error| error.contains("no answer from")));
    let began = Instant::now();
    let registrar = Registrar::start(Some(addr), Habits::default());
    wait(&trunks, "a registration", is_registered).await;
    let accepted = registrar.state().accepted_at.expect("accepted");
    println!("registered {:.2} s after the registrar's return", (accepted - began).as_secs_f64());
}

#[tokio::test]
async fn the_second_registrar_takes_over_and_the_first_takes_back() {
    let first = Registrar::start(None, Habits { granted: Some(5), ..Habits::default() });
    let second = Registrar::start(None, Habits::default());
    let (first_addr, second_addr) = (first.addr, second.addr);
    let dns = Arc::new(TableDns::default());
    srv(&dns, &[(1, first_addr), (2, second_addr)]);
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk("carrier.test", 0)], dns);
    wait(&trunks, "the first registrar", at(first_addr)).await;
    drop(first);
    wait(&trunks, "the second registrar", at(second_addr)).await;
    assert!(second.is_registered());
    let first = Registrar::start(Some(first_addr), Habits::default());
    wait(&trunks, "the first registrar again", at(first_addr)).await;
    assert!(first.is_registered());
}

#[tokio::test]
async fn a_registrar_that_moved_is_found_by_its_name() {
    let old = Registrar::start(None, Habits { granted: Some(5), ..Habits::default() });
    let dns = Arc::new(TableDns::default());
    srv(&dns, &[(1, old.addr)]);
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk("carrier.test", 0)], dns.clone());
    wait(&trunks, "the old registrar", at(old.addr)).await;
    let new = Registrar::start(None, Habits::default());
    srv(&dns, &[(1, new.addr)]);
    drop(old);
    wait(&trunks, "the new registrar", at(new.addr)).await;
}

#[tokio::test]
async fn a_shorter_grant_than_the_header_says_is_kept_to() {
    let registrar = Registrar::start(None, Habits { granted: Some(5), ..Habits::default() });
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk(&registrar.addr.to_string(), 0)], Arc::new(TableDns::default()));
    wait(&trunks, "a registration", is_registered).await;
    let began = registrar.state().accepted_at.expect("accepted");
    wait_at(&registrar, "a refresh", |registrar| registrar.state().accepted >= 2).await;
    assert!(registrar.state().accepted_at.expect("accepted") - began < Duration::from_secs(3_600));
}

#[tokio::test]
async fn a_trunk_that_never_answers_options_stays_registered() {
    let registrar = Registrar::start(None, Habits { answers_options: false, ..Habits::default() });
    let (stack, _calls) = stack().await;
    let trunks = Trunks::start(&stack, vec![trunk(&registrar.addr.to_string(), 1)], Arc::new(TableDns::default()));
    wait(&trunks, "a registration", is_registered).await;
    // Until the first OPTIONS has timed out.
    let status = tokio::time::timeout(Duration::from_secs(60), async {
        let mut states = trunks.subscribe("line").expect("the trunk");
        states.wait_for(|status| status.options_answered == Some(false)).await.expect("the trunk lives").clone()
    });
    assert!(is_registered(&status.await.expect("the timeout of OPTIONS")));
}

#[tokio::test]
async fn the_trunk_may_call_and_others_may_not() {
    let registrar = Registrar::start(None, Habits::default());
    let (stack, mut calls) = stack().await;
    let udp = vec!["127.0.0.1:0".parse().expect("an address")];
    let (caller, _none) = net::start(StackConfig { udp, ..StackConfig::default() }).await.expect("the stack starts");
    let to = stack.udp_addr().expect("an address");
    let invite = || OutgoingInvite {
        to: Uri::parse(format!("sip:+918047180000@{to}").as_bytes()).expect("a URI"),
        from: NameAddr::new(Uri::parse(b"sip:caller@127.0.0.1").expect("a URI")),
        destination: None,
        transport: Transport::Udp,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    };
    let (_leg, mut events) = caller.invite(invite()).await.expect("sent");
    let refused = events.recv().await.expect("an answer");
    assert!(matches!(refused, net::LegEvent::Failed { status: 403, .. }), "{refused:?}");
    let trunks = Trunks::start(&stack, vec![trunk(&registrar.addr.to_string(), 0)], Arc::new(TableDns::default()));
    wait(&trunks, "a registration", is_registered).await;
    let (_leg, _events) = caller.invite(invite()).await.expect("sent");
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.expect("in time").expect("a call");
    assert_eq!(trunks.of_invite(&call.invite).map(|trunk| trunk.name.clone()).as_deref(), Some("line"));
}
