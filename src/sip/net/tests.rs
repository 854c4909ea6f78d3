use super::*;
use crate::sip::message::{NameAddr, Uri};
use tokio::sync::mpsc::Receiver;

pub(super) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn stack() -> (Stack, Receiver<IncomingCall>) {
    stack_with(StackConfig::default()).await
}

async fn stack_with(config: StackConfig) -> (Stack, Receiver<IncomingCall>) {
    start(StackConfig { udp: vec![loopback()], tcp: vec![loopback()], ..config }).await.unwrap()
}

fn invite(to: SocketAddr, transport: Transport) -> OutgoingInvite {
    OutgoingInvite {
        to: Uri::parse(format!("sip:+918047180000@{to}").as_bytes()).unwrap(),
        from: NameAddr::new(Uri::parse(b"sip:caller@127.0.0.1").unwrap()),
        destination: None,
        transport,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    }
}

pub(super) async fn next(events: &mut Receiver<LegEvent>) -> LegEvent {
    tokio::time::timeout(Duration::from_secs(10), events.recv()).await.expect("an event in time").expect("an event")
}

pub(super) async fn next_call(calls: &mut Receiver<IncomingCall>) -> IncomingCall {
    tokio::time::timeout(Duration::from_secs(10), calls.recv()).await.expect("a call in time").expect("a call")
}

/// Both sides of an answered and acknowledged call.
async fn connect(
    transport: Transport,
    caller: &Stack,
    callee: &Stack,
    calls: &mut Receiver<IncomingCall>,
) -> ((Leg, Receiver<LegEvent>), IncomingCall) {
    let to = if transport == Transport::Udp { callee.udp_addr() } else { callee.tcp_addr() };
    let (leg, mut events) = caller.invite(invite(to.unwrap(), transport)).await.unwrap();
    let mut call = next_call(calls).await;
    call.leg.ring().await;
    assert_eq!(next(&mut events).await, LegEvent::Provisional { status: 180, body: None, fork: 0 });
    call.leg.answer(b"answer".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"answer".to_vec() });
    assert_eq!(next(&mut call.events).await, LegEvent::Acked { body: None });
    ((leg, events), call)
}

async fn whole_call(transport: Transport) {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    let ((leg, mut events), mut call) = connect(transport, &caller, &callee, &mut calls).await;
    assert_eq!(call.leg.local_ip(), loopback().ip());
    assert_eq!(call.invite.body, Some(("application/sdp".to_owned(), b"offer".to_vec())));
    assert_eq!((call.invite.request_uri.user(), call.invite.transport), (Some("+918047180000"), transport));

    leg.info("application/dtmf", b"5".to_vec()).await;
    let info = LegEvent::Info { content_type: "application/dtmf".to_owned(), body: b"5".to_vec() };
    assert_eq!(next(&mut call.events).await, info);

    call.leg.reinvite(b"hold".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Reinvite { body: Some(b"hold".to_vec()) });
    leg.answer_reinvite(Ok(b"held".to_vec())).await;
    assert_eq!(next(&mut call.events).await, LegEvent::ReinviteAnswered { result: Ok(b"held".to_vec()) });
    assert_eq!(next(&mut events).await, LegEvent::Acked { body: None });

    call.leg.bye(Some("Q.850;cause=16".to_owned())).await;
    let ended = |by_remote| LegEvent::Ended {
        by_remote,
        reason: Some("Q.850;cause=16".to_owned()),
        cause: by_remote.then_some(16),
    };
    assert_eq!(next(&mut events).await, ended(true));
    assert_eq!(next(&mut call.events).await, ended(false));
    assert_eq!(events.recv().await, None, "the events end with the leg");

    callee.clone().shutdown().await;
    caller.clone().shutdown().await;
    for stats in [caller.stats(), callee.stats()] {
        assert_eq!((stats.legs, stats.dialogs, stats.retransmissions_sent, stats.send_failures), (0, 0, 0, 0));
    }
}

#[tokio::test]
async fn a_whole_call_over_udp() {
    whole_call(Transport::Udp).await;
}

#[tokio::test]
async fn a_whole_call_over_tcp() {
    whole_call(Transport::Tcp).await;
}

#[tokio::test]
async fn calls_over_tcp_share_one_connection() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    let first = connect(Transport::Tcp, &caller, &callee, &mut calls).await;
    let second = connect(Transport::Tcp, &caller, &callee, &mut calls).await;
    assert_eq!((caller.stats().connections, callee.stats().connections), (1, 1));
    drop((first, second));
}

#[tokio::test]
async fn a_dropped_handle_ends_its_leg_in_every_state() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    let to = callee.udp_addr().unwrap();

    let (_leg, mut events) = caller.invite(invite(to, Transport::Udp)).await.unwrap();
    drop(next_call(&mut calls).await);
    assert!(matches!(next(&mut events).await, LegEvent::Failed { status: 500, .. }));

    let (leg, _events) = caller.invite(invite(to, Transport::Udp)).await.unwrap();
    let mut call = next_call(&mut calls).await;
    drop(leg);
    assert_eq!(next(&mut call.events).await, LegEvent::Cancelled);

    let ((leg, _events), mut call) = connect(Transport::Udp, &caller, &callee, &mut calls).await;
    drop(leg.clone());
    drop(leg);
    assert_eq!(next(&mut call.events).await, LegEvent::Ended { by_remote: true, reason: None, cause: None });
}

#[tokio::test]
async fn a_command_before_the_drop_of_its_handle_is_done_first() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    for _ in 0..50 {
        let (_leg, mut events) = caller.invite(invite(callee.udp_addr().unwrap(), Transport::Udp)).await.unwrap();
        let call = next_call(&mut calls).await;
        call.leg.reject(486, "", Vec::new()).await;
        drop(call);
        assert!(matches!(next(&mut events).await, LegEvent::Failed { status: 486, .. }));
    }
}

#[tokio::test]
async fn a_leg_whose_events_nobody_reads_is_ended_and_no_other() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    let ((deaf, mut deaf_events), mut unread) = connect(Transport::Tcp, &caller, &callee, &mut calls).await;
    let ((leg, _events), mut call) = connect(Transport::Tcp, &caller, &callee, &mut calls).await;
    for n in 0..65 {
        deaf.info("text/plain", vec![n]).await;
    }
    assert_eq!(next(&mut deaf_events).await, LegEvent::Ended { by_remote: true, reason: None, cause: None });
    leg.info("text/plain", b"hello".to_vec()).await;
    assert!(matches!(next(&mut call.events).await, LegEvent::Info { .. }));
    assert_eq!(callee.stats().event_overflows, 1);
    let mut held = 0;
    while unread.events.recv().await.is_some() {
        held += 1;
    }
    assert_eq!(held, 64, "bounded, and closed at the end");
}

#[tokio::test]
async fn the_bound_of_incoming_calls_holds() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack_with(StackConfig { max_incoming: 1, ..StackConfig::default() }).await;
    let first = connect(Transport::Udp, &caller, &callee, &mut calls).await;
    let (_leg, mut events) = caller.invite(invite(callee.udp_addr().unwrap(), Transport::Udp)).await.unwrap();
    let five = Some(Duration::from_secs(5));
    assert!(
        matches!(next(&mut events).await, LegEvent::Failed { status: 503, retry_after, .. } if retry_after == five)
    );
    drop(first);
}

#[tokio::test]
async fn a_busy_port_is_named_with_what_to_do() {
    let (first, _calls) = stack().await;
    for (udp, tcp, transport) in [
        (first.udp_addr().into_iter().collect(), vec![], "UDP"),
        (vec![], first.tcp_addr().into_iter().collect(), "TCP"),
    ] {
        let error = start(StackConfig { udp, tcp, ..StackConfig::default() }).await.unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, NetError::Busy { .. }) && text.contains(transport) && text.contains("choose another port")
        );
    }
}

#[tokio::test]
async fn nobody_at_the_other_end_of_tcp_is_503_at_once() {
    let (caller, _calls) = stack().await;
    let gone = std::net::TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let (_leg, mut events) = caller.invite(invite(gone, Transport::Tcp)).await.unwrap();
    assert!(matches!(next(&mut events).await, LegEvent::Failed { status: 503, .. }));
}

#[tokio::test]
async fn shutdown_ends_calls_on_both_sides() {
    let (caller, _calls) = stack().await;
    let (callee, mut calls) = stack().await;
    let ((_leg, mut events), call) = connect(Transport::Udp, &caller, &callee, &mut calls).await;
    let stats = callee.clone();
    callee.shutdown().await;
    assert_eq!(next(&mut events).await, LegEvent::Ended { by_remote: true, reason: None, cause: None });
    assert_eq!(stats.stats().legs, 0);
    assert!(matches!(stats.invite(invite(loopback(), Transport::Udp)).await, Err(SipError::Stopped)));
    drop(call);
}

#[tokio::test]
async fn a_stack_bound_to_all_addresses_knows_the_one_its_peer_sees() {
    let udp = vec!["0.0.0.0:0".parse().unwrap()];
    let (callee, mut calls) = start(StackConfig { udp, ..StackConfig::default() }).await.unwrap();
    let (caller, _calls) = stack().await;
    let to = SocketAddr::new(loopback().ip(), callee.udp_addr().unwrap().port());
    let (leg, mut events) = caller.invite(invite(to, Transport::Udp)).await.unwrap();
    let call = next_call(&mut calls).await;
    assert_eq!((call.leg.local_ip(), call.invite.local), (loopback().ip(), to));
    call.leg.answer(b"a".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"a".to_vec() });
    drop(leg);
}

#[tokio::test]
async fn strangers_cannot_fill_the_table_of_connections() {
    use tokio::io::AsyncReadExt;
    let peers = "192.0.2.1".parse().unwrap();
    let (stack, _calls) = stack_with(StackConfig { peers, ..StackConfig::default() }).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(tokio::net::TcpStream::connect(stack.tcp_addr().unwrap()).await.unwrap());
    }
    let mut last = streams.pop().unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), last.read(&mut [0; 16])).await.expect("closed in time");
    assert!(matches!(closed, Ok(0) | Err(_)));
    assert_eq!(stack.stats().connections, 4);
}

/// An address of loopback that is free for UDP and TCP.
fn one_port() -> SocketAddr {
    let pairs = std::iter::repeat_with(|| {
        let addr = std::net::UdpSocket::bind(loopback()).unwrap().local_addr().unwrap();
        std::net::TcpListener::bind(addr).ok().map(|_| addr)
    });
    pairs.take(100).flatten().next().expect("a port that is free for both")
}

/// A call whose INVITE is too long for UDP, from its INVITE to its BYE; gives the transport it came by.
async fn long_call(to: SocketAddr, calls: &mut Receiver<IncomingCall>) -> (Transport, StatsSnapshot) {
    let (caller, _calls) = stack().await;
    let body = Some(("application/sdp".to_owned(), vec![b'a'; 2_000]));
    let (leg, mut events) = caller.invite(OutgoingInvite { body, ..invite(to, Transport::Udp) }).await.unwrap();
    let mut call = next_call(calls).await;
    call.leg.answer(b"answer".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"answer".to_vec() });
    assert_eq!(next(&mut call.events).await, LegEvent::Acked { body: None });
    assert_eq!(call.invite.body.as_ref().map(|(_, body)| body.len()), Some(2_000));
    let via = call.invite.headers.top_via().unwrap();
    assert_eq!(via.transport.as_str(), call.invite.transport.as_str());
    leg.bye(None).await;
    assert!(matches!(next(&mut call.events).await, LegEvent::Ended { by_remote: true, .. }));
    (call.invite.transport, caller.stats())
}

#[tokio::test]
async fn a_long_invite_goes_over_tcp_and_the_rest_by_udp() {
    let both = one_port();
    let config = StackConfig { udp: vec![both], tcp: vec![both], ..StackConfig::default() };
    let (callee, mut calls) = start(config).await.unwrap();
    let (transport, stats) = long_call(both, &mut calls).await;
    assert_eq!(transport, Transport::Tcp);
    assert_eq!((stats.long_requests, stats.long_requests_by_udp, callee.stats().connections), (1, 0, 1));
}

#[tokio::test]
async fn a_long_invite_goes_by_udp_where_tcp_is_refused() {
    let config = StackConfig { udp: vec![loopback()], ..StackConfig::default() };
    let (callee, mut calls) = start(config).await.unwrap();
    let (transport, stats) = long_call(callee.udp_addr().unwrap(), &mut calls).await;
    assert_eq!(transport, Transport::Udp);
    assert_eq!((stats.long_requests, stats.long_requests_by_udp), (1, 1));
}

#[tokio::test]
async fn a_long_invite_goes_by_udp_where_tcp_stays_silent() {
    let addr = one_port();
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&addr.into()).unwrap();
    full.listen(0).unwrap();
    // Once its queue is full, further requests to connect are not answered at all.
    let _waiting = std::net::TcpStream::connect(addr).unwrap();
    let (_callee, mut calls) = start(StackConfig { udp: vec![addr], ..StackConfig::default() }).await.unwrap();
    assert_eq!(long_call(addr, &mut calls).await.0, Transport::Udp);
}

#[tokio::test]
async fn a_connection_that_the_peer_closed_does_not_cost_the_next_call() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let (caller, _calls) = stack().await;
    let to = listener.local_addr().unwrap();
    let (_leg, mut events) = caller.invite(invite(to, Transport::Tcp)).await.unwrap();
    let mut request = vec![0; 4_096];
    let (mut first, _) = listener.accept().await.unwrap();
    assert!(first.read(&mut request).await.unwrap() > 0);
    drop(first);
    let (mut second, _) = listener.accept().await.unwrap();
    let length = second.read(&mut request).await.unwrap();
    let Ok(crate::sip::message::Message::Request(request)) = crate::sip::message::Message::parse(&request[..length])
    else {
        panic!("the INVITE again")
    };
    second.write_all(&request.reply(486).to_bytes()).await.unwrap();
    assert!(matches!(next(&mut events).await, LegEvent::Failed { status: 486, .. }));
}

/// What a peer at the other end of a TCP connection reads next.
async fn read_next(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    use tokio::io::AsyncReadExt;
    let mut buffer = vec![0; 8_192];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await.expect("in time");
    buffer.truncate(read.unwrap_or(0));
    buffer
}

#[tokio::test]
async fn a_peer_that_answers_pings_no_more_loses_its_connection_and_the_registration_is_made_anew() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let keep_alive = Some(Duration::from_millis(100));
    let (stack, _calls) = stack_with(StackConfig { keep_alive, ..StackConfig::default() }).await;
    let (registrar, mut handle) = registering(&stack, listener.local_addr().unwrap()).await;
    let (mut first, _) = listener.accept().await.unwrap();
    let register = read_next(&mut first).await;
    first.write_all(&accepting(&register)).await.unwrap();
    while !is_registered(&handle.changed().await.unwrap()) {}
    for _ in 0..2 {
        assert_eq!(read_next(&mut first).await, b"\r\n\r\n");
        first.write_all(b"\r\n").await.unwrap();
    }
    assert_eq!(read_next(&mut first).await, b"\r\n\r\n");
    // No pong: the connection is given up, and another one registers.
    assert_eq!(read_next(&mut first).await, b"");
    let (mut second, _) = listener.accept().await.unwrap();
    let again = read_next(&mut second).await;
    assert!(again.starts_with(format!("REGISTER {registrar}").as_bytes()));
    second.write_all(&accepting(&again)).await.unwrap();
    // One that never answers pings is not held to it.
    for _ in 0..5 {
        assert_eq!(read_next(&mut second).await, b"\r\n\r\n");
    }
    assert_eq!(stack.stats().connections, 1);
}

async fn registering(stack: &Stack, at: SocketAddr) -> (String, RegistrationHandle) {
    let registrar = format!("sip:{at};transport=tcp");
    let config = crate::sip::registration::RegistrationConfig {
        registrar: Uri::parse(registrar.as_bytes()).unwrap(),
        address: Uri::parse(b"sip:line@127.0.0.1").unwrap(),
        credentials: None,
        expiry: 600,
        route: None,
        public_ip: None,
        targets: vec![crate::sip::registration::Target { transport: Transport::Tcp, addr: at }],
    };
    (registrar, stack.register(config).await.unwrap())
}

/// The 200 of a registrar that keeps the Contact.
fn accepting(register: &[u8]) -> Vec<u8> {
    use crate::sip::message::{HeaderName, Message};
    let Ok(Message::Request(request)) = Message::parse(register) else { panic!("no REGISTER") };
    let mut response = request.reply(200);
    response.headers.copy_all(HeaderName::Contact, &request.headers);
    response.to_bytes()
}

fn is_registered(report: &crate::sip::registration::RegistrationReport) -> bool {
    matches!(report.state, crate::sip::registration::RegistrationState::Registered { .. })
}

#[tokio::test]
async fn half_a_message_and_silence_do_not_keep_a_connection() {
    use tokio::io::AsyncWriteExt;
    let (stack, _calls) = stack().await;
    let mut slow = tokio::net::TcpStream::connect(stack.tcp_addr().unwrap()).await.unwrap();
    slow.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1").await.unwrap();
    let mut silent = tokio::net::TcpStream::connect(stack.tcp_addr().unwrap()).await.unwrap();
    let closed = async {
        use tokio::io::AsyncReadExt;
        (slow.read(&mut [0; 16]).await.unwrap_or(0), silent.read(&mut [0; 16]).await.unwrap_or(0))
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), closed).await.expect("closed in time"), (0, 0));
    assert_eq!((stack.stats().connections, stack.stats().slow_connections), (0, 2));
}
