//! Stream connections that stay without saying something whole.

use super::*;

const NONE: [u64; 0] = [];
const STRANGER: &str = "198.51.100.66:40000";

fn open(rig: &mut Rig, n: u64, remote: &str) -> ConnId {
    rig.endpoint.handle_connected(ConnId(n), addr(US), hop(remote), true, rig.now);
    ConnId(n)
}

fn send(rig: &mut Rig, conn: ConnId, text: &str) {
    rig.endpoint.handle_stream(conn, text.replace('\n', "\r\n").as_bytes(), rig.now);
    rig.collect();
}

fn options() -> String {
    request("OPTIONS", 1, TO, "o", "", "").replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

fn closed(rig: &mut Rig) -> Vec<u64> {
    let events = std::mem::take(&mut rig.events);
    events.into_iter().filter_map(|e| if let Event::CloseConnection(conn) = e { Some(conn.0) } else { None }).collect()
}

#[test]
fn a_message_that_drips_in_closes_its_connection_after_ten_seconds() {
    let mut rig = Rig::new(config());
    let conn = open(&mut rig, 1, "192.0.2.9:40001");
    send(&mut rig, conn, &options());
    assert_eq!(rig.take_lines(), ["200"]);
    rig.pass(Duration::from_secs(500));
    assert_eq!(closed(&mut rig), NONE, "silence between messages is for the idle limit");
    let text = options().replace("z9hG4bKo", "z9hG4bKslow");
    for (second, byte) in text.bytes().take(9).enumerate() {
        send(&mut rig, conn, std::str::from_utf8(&[byte]).unwrap());
        rig.pass(Duration::from_secs(1));
        assert_eq!(closed(&mut rig), NONE, "{second}");
    }
    rig.pass(Duration::from_millis(1_001));
    assert_eq!(closed(&mut rig), [1]);
    assert_eq!((rig.endpoint.stats().connections, rig.endpoint.stats().slow_connections), (0, 1));
    // One that comes in time, if slowly, is served.
    let conn = open(&mut rig, 2, "192.0.2.9:40002");
    let (head, tail) = text.split_at(40);
    send(&mut rig, conn, head);
    rig.pass(Duration::from_secs(9));
    send(&mut rig, conn, tail);
    assert_eq!(rig.take_lines(), ["200"]);
    rig.pass(Duration::from_secs(60));
    assert_eq!(closed(&mut rig), NONE);
}

#[test]
fn a_connection_without_a_message_that_is_served_is_closed_after_fifteen_seconds() {
    let mut rig = Rig::new(config());
    let silent = open(&mut rig, 1, "192.0.2.9:40001");
    let stranger = open(&mut rig, 2, STRANGER);
    let served = open(&mut rig, 3, "192.0.2.9:40003");
    send(&mut rig, served, &options());
    for _ in 0..14 {
        rig.pass(Duration::from_secs(1));
        send(&mut rig, silent, "\n\n");
        rig.sent.clear();
    }
    send(&mut rig, stranger, &options());
    assert_eq!(rig.take_lines(), ["403"]);
    assert_eq!(closed(&mut rig), NONE);
    rig.pass(Duration::from_millis(1_001));
    assert_eq!(closed(&mut rig), [1, 2], "neither pings nor what is refused keep it");
    // What we opened ourselves is ours to keep, and a pong is no half message.
    rig.endpoint.handle_connected(ConnId(4), addr(US), hop(PEER), false, rig.now);
    send(&mut rig, ConnId(4), "\n");
    rig.pass(Duration::from_secs(60));
    assert_eq!(closed(&mut rig), NONE);
}

#[test]
fn a_strangers_half_message_may_not_be_long() {
    let mut rig = Rig::new(config());
    let half = format!("{}{}", options().trim_end(), "x".repeat(17_000));
    let peer = open(&mut rig, 1, "192.0.2.9:40001");
    send(&mut rig, peer, &options());
    send(&mut rig, peer, &half);
    assert_eq!(closed(&mut rig), NONE);
    let stranger = open(&mut rig, 2, STRANGER);
    send(&mut rig, stranger, &half);
    assert_eq!(closed(&mut rig), [2]);
}

#[test]
fn a_stranger_who_floods_a_connection_loses_it() {
    let mut rig = Rig::new(config());
    let conn = open(&mut rig, 1, STRANGER);
    send(&mut rig, conn, &options().repeat(500));
    assert_eq!(closed(&mut rig), [1]);
    assert_eq!(rig.take_lines().len(), 15);
    assert_eq!(rig.endpoint.stats().messages_received, 15);
}

#[test]
fn each_source_may_open_so_many_connections_and_strangers_few() {
    let mut rig = Rig::new(config());
    let mut n = 0;
    let mut fill = |rig: &mut Rig, ip: &str, tries: usize| {
        let mut accepted = 0;
        for _ in 0..tries {
            if rig.endpoint.may_accept(ip.parse().unwrap()) {
                (n, accepted) = (n + 1, accepted + 1_u64);
                open(rig, n, &format!("{ip}:{}", 10_000 + n));
            }
        }
        accepted
    };
    assert_eq!(fill(&mut rig, "198.51.100.1", 10), 4);
    assert_eq!(fill(&mut rig, "198.51.100.2", 10), 4);
    assert_eq!((3..20).map(|host| fill(&mut rig, &format!("198.51.100.{host}"), 1)).sum::<u64>(), 8);
    assert_eq!(fill(&mut rig, "192.0.2.50", 300), 256);
    assert_eq!(fill(&mut rig, "192.0.2.51", 10), 10);
    assert_eq!(rig.endpoint.stats().refused_connections, 6 + 6 + 9 + 44);
}

#[test]
fn a_full_table_gives_up_who_was_never_served_first_and_takes_no_stranger() {
    let mut config = config();
    config.limits.connections = 2;
    let mut rig = Rig::new(config);
    let served = open(&mut rig, 1, "192.0.2.9:40001");
    send(&mut rig, served, &options());
    rig.pass(Duration::from_secs(5));
    open(&mut rig, 2, "192.0.2.9:40002");
    assert!(!rig.endpoint.may_accept(addr(STRANGER).ip()));
    assert!(rig.endpoint.may_accept(addr(PEER).ip()));
    open(&mut rig, 3, "192.0.2.9:40003");
    assert_eq!(
        {
            rig.collect();
            closed(&mut rig)
        },
        [2]
    );
}
