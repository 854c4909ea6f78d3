//! Calls over several trunks: whose they are, how many there may be, and what of a trunk's settings reaches the media.
//! Each trunk has a loopback address of its own; the agent is the mock that plays a prompt.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use vca::call::admission::Admission;
use vca::call::lines::TrunkLines;
use vca::call::ports::{OutboundCall, OutboundLines};
use vca::domain::{E164, Prack, SessionTimerUse, Trunk, TrunkCodec, TrunkSettings};
use vca::media::{Capabilities, Codec, Direction, SdpSession, sdp};
use vca::sip::message::{HeaderName, HeaderValue, NameAddr, Uri};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, Leg, LegEvent, LegPolicy, OutgoingInvite, Peers, Stack, StackConfig, Transport};
use vca::sip::trunk::{TrunkStatus, Trunks};

use crate::harness::{DID, Demo, new_folder, wait_for};

const LIMIT: Duration = Duration::from_secs(20);
/// A number that nobody owns: the pilot of a trunk.
const PILOT: &str = "+918047189999";

/// A node with these trunks, in TOML; each `[[trunks]]` has its own address of 127.0.0.0/8.
fn node(trunks: &str) -> Demo {
    let folder = new_folder();
    let config = folder.path().join("trunks.toml");
    std::fs::write(&config, trunks).expect("the configuration is written");
    let config = config.to_str().expect("a path in UTF-8").to_owned();
    Demo::start_in(folder, &[], &["--mock-agent", "--config", &config])
}

fn trunk(name: &str, address: &str, more: &str) -> String {
    format!("[[trunks]]\nname = \"{name}\"\nsbc_ips = [\"{address}\"]\n{more}\n")
}

/// A carrier's switch at one address.
struct Switch {
    stack: Stack,
    ip: IpAddr,
}

/// What a call of a switch's came to, and its leg.
struct Placed {
    leg: Leg,
    events: mpsc::Receiver<LegEvent>,
    /// The answer.
    sdp: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Came {
    Answered,
    Refused { status: u16, retries: bool },
}

/// An RTP socket of the caller's side.
struct Rtp {
    socket: UdpSocket,
    sequence: u16,
}

impl Rtp {
    fn at(ip: &str) -> Self {
        let socket = UdpSocket::bind((ip.parse::<IpAddr>().expect("an address"), 0)).expect("a port is free");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        Self { socket, sequence: 1 }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8], to: SocketAddr) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(u32::from(self.addr().port()).to_be_bytes());
        packet.extend(payload);
        self.sequence += 1;
        self.socket.send_to(&packet, to).expect("it is sent");
    }

    /// Enough audio for a source to be believed, then the key 5 (RFC 4733).
    fn press_a_key(&mut self, to: SocketAddr) {
        for n in 0..20 {
            self.packet(8, n * 160, &[0xD5; 160], to);
        }
        for _ in 0..3 {
            self.packet(101, 3_200, &[5, 0x8A, 3, 0x20], to);
        }
    }

    /// Waits for packets: after these, the other side has read what it was sent before.
    fn hear(&self, packets: usize) {
        let mut buffer = [0; 2_000];
        for _ in 0..packets {
            self.socket.recv(&mut buffer).expect("the prompt is heard");
        }
    }
}

impl Switch {
    async fn at(ip: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        let config = StackConfig { udp: vec![SocketAddr::new(ip, 0)], peers: Peers::any(), ..StackConfig::default() };
        let (stack, _calls) = net::start(config).await.expect("the switch starts");
        Self { stack, ip }
    }

    fn invite(&self, node: &Demo, number: &str) -> OutgoingInvite {
        self.invite_with(node, number, SocketAddr::new(self.ip, 9_000), &Capabilities::default())
    }

    fn invite_with(&self, node: &Demo, number: &str, media: SocketAddr, offered: &Capabilities) -> OutgoingInvite {
        let uri = |user: &str, host: SocketAddr| Uri::parse(format!("sip:{user}@{host}").as_bytes()).expect("a URI");
        let from = uri("+919812345678", self.stack.udp_addr().expect("an address"));
        let offer = sdp::offer(offered, media, Direction::SEND_RECV, &mut SdpSession::new(7));
        OutgoingInvite {
            to: uri(number, node.sip),
            from: NameAddr::new(from),
            destination: None,
            transport: Transport::Udp,
            credentials: None,
            headers: Vec::new(),
            body: Some(("application/sdp".to_owned(), offer)),
            policy: LegPolicy::default(),
        }
    }

    async fn call(&self, node: &Demo, number: &str) -> (Placed, Came) {
        self.place(self.invite(node, number)).await
    }

    async fn place(&self, invite: OutgoingInvite) -> (Placed, Came) {
        let (leg, mut events) = self.stack.invite(invite).await.expect("the INVITE is sent");
        let came = tokio::time::timeout(LIMIT, async {
            loop {
                match events.recv().await.expect("the leg tells its end") {
                    LegEvent::Answered { sdp } => return (sdp, Came::Answered),
                    LegEvent::Failed { status, retry_after, .. } => {
                        return (Vec::new(), Came::Refused { status, retries: retry_after.is_some() });
                    }
                    _ => {}
                }
            }
        });
        let (sdp, came) = came.await.expect("a final response");
        (Placed { leg, events, sdp }, came)
    }
}

impl Placed {
    /// Where the node wants RTP.
    fn media(&self, node: &Demo) -> SocketAddr {
        let sdp = String::from_utf8_lossy(&self.sdp);
        let port = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
        SocketAddr::new(node.sip.ip(), port.expect("an audio port"))
    }

    async fn hang_up(mut self) {
        self.leg.bye(None).await;
        while self.events.recv().await.is_some_and(|event| !event.is_last()) {}
    }
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_text(name), HeaderValue::from(value))
}

const NOT_FOUND: Came = Came::Refused { status: 404, retries: false };

/// The newest record, once so many are closed and none is open.
fn record(node: &Demo, closed: usize) -> Value {
    tokio::task::block_in_place(|| {
        wait_for("the closed call record", LIMIT, || {
            let (_, calls) = node.get("/v1/calls");
            let calls = calls["calls"].as_array()?;
            (calls.len() == closed && calls.iter().all(|call| call["status"] != "active")).then_some(())
        });
        node.closed_call()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_may_call_its_own_numbers_and_no_other_trunks() {
    let (a, b) = ("127.0.1.1", "127.0.1.2");
    let trunks = trunk("a", a, &format!("dids = [\"{PILOT}\"]")) + &trunk("b", b, &format!("dids = [\"{DID}\"]"));
    let node = node(&trunks);
    let (_call, came) = Switch::at(a).await.call(&node, DID).await;
    assert_eq!(came, NOT_FOUND, "the number is the other trunk's");
    let (_call, came) = Switch::at(a).await.call(&node, PILOT).await;
    assert_eq!(came, NOT_FOUND, "its own number, but nobody's");
    let (call, came) = Switch::at(b).await.call(&node, DID).await;
    assert_eq!(came, Came::Answered);
    call.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_no_trunk_is_its_owners() {
    let node = node(&trunk("a", "127.0.1.3", &format!("dids = [\"{PILOT}\"]")));
    let (call, came) = Switch::at("127.0.1.3").await.call(&node, DID).await;
    assert_eq!(came, Came::Answered);
    call.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_is_found_where_the_trunk_has_it() {
    let sources = "did_sources = [\"header:P-Called-Party-ID\", \"header:Diversion\"]";
    let node = node(&trunk("a", "127.0.1.4", sources));
    let switch = Switch::at("127.0.1.4").await;
    for (closed, (name, value)) in [
        ("P-Called-Party-ID", "<tel:080-4718-0000;phone-context=+91>"),
        ("Diversion", "<sip:00918047180000@sbc.example;user=phone>;reason=unconditional"),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = OutgoingInvite { headers: vec![header(name, value)], ..switch.invite(&node, PILOT) };
        let (call, came) = switch.place(invite).await;
        assert_eq!(came, Came::Answered, "{name}");
        call.hang_up().await;
        assert_eq!(record(&node, closed + 1)["did"], DID, "{name}");
    }
    let (_call, came) = switch.call(&node, DID).await;
    assert_eq!(came, NOT_FOUND, "this trunk's Request-URI is not looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_whom_the_carrier_asserts_and_may_be_withheld() {
    let node = node(&trunk("a", "127.0.1.5", ""));
    let switch = Switch::at("127.0.1.5").await;
    let asserted = header("P-Asserted-Identity", "<tel:+919876543210>");
    for (closed, (headers, expected)) in [
        (vec![], Value::from("+919812345678")),
        (vec![asserted.clone()], Value::from("+919876543210")),
        (vec![asserted, header("Privacy", "id")], Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = OutgoingInvite { headers, ..switch.invite(&node, DID) };
        let (call, came) = switch.place(invite).await;
        assert_eq!(came, Came::Answered);
        call.hang_up().await;
        assert_eq!(record(&node, closed + 1)["caller"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunks_channels_are_kept_to_and_free_again_after_the_hang_up() {
    let (a, b) = ("127.0.1.6", "127.0.1.7");
    let node = node(&(trunk("a", a, "channels = 2") + &trunk("b", b, "")));
    let switch = Switch::at(a).await;
    let (first, came) = switch.call(&node, DID).await;
    assert_eq!(came, Came::Answered);
    let (_second, came) = switch.call(&node, DID).await;
    assert_eq!(came, Came::Answered);
    let (_third, came) = switch.call(&node, DID).await;
    assert_eq!(came, Came::Refused { status: 486, retries: true });
    let (_other, came) = Switch::at(b).await.call(&node, DID).await;
    assert_eq!(came, Came::Answered, "another trunk has channels of its own");
    first.hang_up().await;
    tokio::task::block_in_place(|| {
        wait_for("the end of the first call", LIMIT, || {
            let (_, calls) = node.get("/v1/calls?status=active");
            (calls["calls"].as_array()?.len() == 2).then_some(())
        });
    });
    let (_again, came) = switch.call(&node, DID).await;
    assert_eq!(came, Came::Answered, "the channel is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_above_the_trunks_rate_is_put_off() {
    let node = node(&trunk("a", "127.0.1.8", "cps = 1"));
    let switch = Switch::at("127.0.1.8").await;
    let mut placed = Vec::new();
    for _ in 0..8 {
        let (leg, events) = switch.stack.invite(switch.invite(&node, DID)).await.expect("the INVITE is sent");
        placed.push((leg, events));
    }
    let (mut answered, mut put_off) = (0, 0);
    for (_leg, events) in &mut placed {
        loop {
            match events.recv().await.expect("the leg tells its end") {
                LegEvent::Answered { .. } => answered += 1,
                LegEvent::Failed { status: 503, retry_after: Some(_), .. } => put_off += 1,
                event => {
                    assert!(!event.is_last(), "{event:?}");
                    continue;
                }
            }
            break;
        }
    }
    assert_eq!(answered + put_off, 8);
    assert!(answered >= 1 && put_off >= 1, "{answered} answered, {put_off} put off");
}

#[tokio::test(flavor = "multi_thread")]
async fn media_from_a_foreign_network_is_not_heard() {
    let (a, b) = ("127.0.1.9", "127.0.1.10");
    let nets = "media_nets = [\"127.0.2.0/24\"]";
    let node = node(&(trunk("a", a, nets) + &trunk("b", b, "")));
    // What a source in none of the networks presses counts only where any network may send.
    let cases = [(a, "127.0.2.1", "127.0.3.1", 1), (a, "127.0.2.1", "127.0.2.2", 2), (b, "127.0.2.1", "127.0.3.1", 2)];
    for (closed, (switch, own, foreign, keys)) in cases.into_iter().enumerate() {
        let switch = Switch::at(switch).await;
        let (mut own, mut other) = (Rtp::at(own), Rtp::at(foreign));
        let invite = switch.invite_with(&node, DID, own.addr(), &Capabilities::default());
        let (call, came) = switch.place(invite).await;
        assert_eq!(came, Came::Answered);
        let to = call.media(&node);
        other.press_a_key(to);
        // Symmetric RTP: whoever was heard is sent the prompt, until the address of the SDP itself is heard.
        if keys == 1 { &own } else { &other }.hear(5);
        own.press_a_key(to);
        own.hear(15);
        call.hang_up().await;
        let summary = record(&node, closed + 1)["summary"].as_str().expect("a summary").to_owned();
        assert!(summary.contains(&format!("{keys} keys")), "from {foreign}: {summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunks_codecs_and_session_timers_hold_for_its_calls() {
    let (a, b) = ("127.0.1.11", "127.0.1.12");
    let node = node(&(trunk("a", a, "codecs = [\"pcma\"]\nmin_se = 600\nprack = \"off\"") + &trunk("b", b, "")));
    let mu_law = Capabilities { codecs: vec![Codec::Pcmu], ..Capabilities::default() };
    for (ip, codecs, timer, prack) in [(a, 488, 422, 420), (b, 200, 200, 200)] {
        let switch = Switch::at(ip).await;
        let media = SocketAddr::new(switch.ip, 9_000);
        let came = async |invite| match switch.place(invite).await {
            (call, Came::Answered) => {
                call.hang_up().await;
                200
            }
            (_, Came::Refused { status, .. }) => status,
        };
        assert_eq!(came(switch.invite_with(&node, DID, media, &mu_law)).await, codecs);
        let off = LegPolicy { session_timer: SessionTimerUse::Off, ..LegPolicy::default() };
        let headers = vec![header("Supported", "timer"), header("Session-Expires", "300")];
        let invite = OutgoingInvite { headers, policy: off, ..switch.invite(&node, DID) };
        assert_eq!(came(invite).await, timer);
        let required = LegPolicy { prack: Prack::Require, ..LegPolicy::default() };
        assert_eq!(came(OutgoingInvite { policy: required, ..switch.invite(&node, DID) }).await, prack);
    }
}

#[tokio::test]
async fn a_person_is_not_called_beyond_the_trunks_channels() {
    let udp = vec!["127.0.0.1:0".parse().expect("an address")];
    let (stack, _calls) = net::start(StackConfig { udp, ..StackConfig::default() }).await.expect("the stack starts");
    let settings = TrunkSettings {
        registrar: Some("127.0.1.13:5070".to_owned()),
        public_ip: Some("203.0.113.7".parse().expect("an address")),
        codecs: vec![TrunkCodec::Pcmu],
        channels: 1,
        ..TrunkSettings::default()
    };
    let (name, profile, dids) = ("line".to_owned(), "generic-peer".to_owned(), Vec::new());
    let line = Trunk { name, profile, settings, password: None, dids };
    let trunks = Trunks::start(&stack, vec![line], Arc::new(TableDns::default()));
    let mut states = trunks.subscribe("line").expect("the trunk");
    states.wait_for(TrunkStatus::is_up).await.expect("the trunk can be used");
    let admission = Admission::new(1);
    let lines = TrunkLines { trunks, admission: admission.clone(), public_ip: None };
    let call = OutboundCall {
        to: "+919876543210".parse().expect("a number"),
        shown: E164::parse(DID).expect("a number"),
        caller: None,
        trunk: Some("line".to_owned()),
        source: "127.0.1.13:5070".parse().expect("an address"),
        transport: Transport::Udp,
        may_refer: false,
    };
    let first = lines.line(&call).await.expect("a channel is free");
    assert_eq!(first.capabilities.codecs, [Codec::Pcmu], "the trunk's own");
    assert_eq!(first.local_ip, IpAddr::from([203, 0, 113, 7]), "where the carrier reaches us");
    let refused = lines.line(&call).await.err().expect("no channel is free");
    assert!(refused.to_string().contains("all 1 channels of trunk `line` are in use"), "{refused}");
    assert_eq!(admission.on_trunk("line"), 1);
    drop(first);
    assert!(lines.line(&call).await.is_ok(), "the channel is free again");
}
