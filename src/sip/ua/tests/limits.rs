use super::*;

fn numbered(n: usize) -> String {
    invite().replace("call-1", &format!("call-{n}")).replace("z9hG4bKinv", &format!("z9hG4bKinv{n}"))
}

fn limited(change: impl FnOnce(&mut Limits)) -> EndpointConfig {
    let mut config = config();
    change(&mut config.limits);
    config
}

#[test]
fn one_call_above_the_bound_gets_503_with_retry_after_and_room_comes_back() {
    let mut rig = Rig::new(limited(|limits| limits.incoming = 2));
    rig.receive(&numbered(1));
    let first = rig.incoming();
    rig.receive(&numbered(2));
    rig.receive(&numbered(3));
    let response = rig.take_response();
    assert_eq!((response.status, response.headers.retry_after()), (503, Ok(Some(5))));
    rig.command(first, Command::Reject { status: 486, reason: String::new(), headers: Vec::new() });
    rig.take_sent();
    rig.receive(&numbered(4));
    assert_eq!(rig.take_lines(), ["100"]);
}

#[test]
fn a_full_transaction_table_gives_up_the_oldest_finished_one_first() {
    let mut rig = Rig::new(limited(|limits| limits.server_transactions = 3));
    rig.receive(&numbered(1));
    rig.incoming();
    for n in 2..=4 {
        let options = request("OPTIONS", 1, TO, &format!("o{n}"), "", "").replace("call-1", &format!("call-{n}"));
        rig.receive(&options);
    }
    assert_eq!(rig.take_lines(), ["100", "200", "200", "200"]);
    let stats = rig.endpoint.stats();
    assert_eq!((stats.server_transactions, stats.evicted_transactions), (3, 1));
    // The ringing call is older and still there: its CANCEL finds it.
    rig.receive(&numbered(1).replace("INVITE", "CANCEL").replace("Content-Type: application/sdp\n", ""));
    assert_eq!(rig.take_lines(), ["200", "487"]);
    rig.assert_nothing_left();
}

#[test]
fn a_transaction_table_full_of_ringing_calls_answers_503_without_one() {
    let mut rig = Rig::new(limited(|limits| limits.server_transactions = 2));
    rig.receive(&numbered(1));
    rig.receive(&numbered(2));
    rig.receive(&numbered(3));
    let response = rig.take_response();
    assert_eq!((response.status, response.headers.retry_after()), (503, Ok(Some(5))));
    assert!(!to_tag(&response).is_empty());
    assert_eq!(rig.endpoint.stats().refused_full, 1);
}

#[test]
fn answers_to_strangers_are_rationed() {
    let mut rig = Rig::new(limited(|limits| limits.forbidden_per_second = 3));
    let flood = |rig: &mut Rig| {
        for n in 0..10 {
            rig.receive_from("198.51.100.1:5060", &numbered(n));
        }
        rig.take_lines().len()
    };
    assert_eq!(flood(&mut rig), 3);
    rig.pass(Duration::from_secs(1));
    assert_eq!(flood(&mut rig), 3);
    assert_eq!(rig.endpoint.stats().server_transactions, 0);
}

#[test]
fn the_connection_silent_longest_makes_room() {
    let mut rig = Rig::new(limited(|limits| limits.connections = 2));
    for n in 1..=2 {
        rig.endpoint.handle_connected(ConnId(n), addr(US), hop(PEER), true, rig.now);
        rig.pass(Duration::from_secs(1));
    }
    rig.endpoint.handle_stream(ConnId(1), b"\r\n\r\n", rig.now);
    rig.endpoint.handle_connected(ConnId(3), addr(US), hop(PEER), true, rig.now);
    let mut closed = Vec::new();
    while let Some(output) = rig.endpoint.poll_output() {
        if let Output::Event(Event::CloseConnection(conn)) = output {
            closed.push(conn);
        }
    }
    assert_eq!(closed, [ConnId(2)]);
    assert_eq!(rig.endpoint.stats().connections, 2);
}

#[test]
fn streams_carry_split_and_joined_messages_and_answers_go_back_on_them() {
    let mut rig = Rig::new(config());
    let conn = ConnId(9);
    rig.endpoint.handle_connected(conn, addr(US), hop("192.0.2.9:40001"), true, rig.now);
    let options = |branch| request("OPTIONS", 1, TO, branch, "", "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let bytes = (options("a") + &options("b").replace("call-1", "call-2")).replace('\n', "\r\n");
    for chunk in bytes.as_bytes().chunks(bytes.len() / 50) {
        rig.endpoint.handle_stream(conn, chunk, rig.now);
        rig.collect();
    }
    assert_eq!(
        rig.sent.iter().map(|(flow, m)| (flow.conn, line(m))).collect::<Vec<_>>(),
        [(Some(conn), "200".to_owned()), (Some(conn), "200".to_owned())]
    );
    rig.endpoint.handle_stream(conn, "X".repeat(70_000).as_bytes(), rig.now);
    rig.collect();
    assert!(matches!(rig.events[..], [Event::CloseConnection(ConnId(9))]));
}
