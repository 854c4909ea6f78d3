//! Calls over several trunks: whose they are, how many there may be, and what of a trunk's settings reaches the media.
//! Each trunk has a loopback address of its own; the agent is the mock that plays a prompt.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use vca::media::{Capabilities, Direction, SdpSession, sdp};
use vca::sip::message::{HeaderName, HeaderValue, NameAddr, Uri};
use vca::sip::net::{self, Leg, LegEvent, LegPolicy, OutgoingInvite, Peers, Stack, StackConfig, Transport};

use crate::harness::{DID, Demo, new_folder};

const LIMIT: Duration = Duration::from_secs(20);
/// A number that nobody owns: the pilot of a trunk.
const PILOT: &str = "+918047189999";

/// A node with these trunks, in TOML; each `[[trunks]]` has its own address of 127.0.0.0/8.
fn node(trunks: &str) -> Demo {
    node_with(trunks, &[])
}

fn node_with(trunks: &str, settings: &[(&str, &str)]) -> Demo {
    let folder = new_folder();
    let config = folder.path().join("trunks.toml");
    std::fs::write(&config, trunks).expect("the configuration is written");
    let config = config.to_str().expect("a path in UTF-8").to_owned();
    Demo::start_in(folder, settings, &["--mock-agent", "--config", &config])
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
}

#[derive(Debug, PartialEq, Eq)]
enum Came {
    Answered,
    Refused { status: u16, retries: bool },
}

impl Switch {
    async fn at(ip: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        let config = StackConfig { udp: vec![SocketAddr::new(ip, 0)], peers: Peers::any(), ..StackConfig::default() };
        let (stack, _calls) = net::start(config).await.expect("the switch starts");
        Self { stack, ip }
    }

    fn invite(&self, node: &Demo, number: &str) -> OutgoingInvite {
        let uri = |user: &str, host: SocketAddr| Uri::parse(format!("sip:{user}@{host}").as_bytes()).expect("a URI");
        let from = uri("+919812345678", self.stack.udp_addr().expect("an address"));
        let media = SocketAddr::new(self.ip, 9_000);
        let offer = sdp::offer(&Capabilities::default(), media, Direction::SEND_RECV, &mut SdpSession::new(7));
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
                    LegEvent::Answered { .. } => return Came::Answered,
                    LegEvent::Failed { status, retry_after, .. } => {
                        return Came::Refused { status, retries: retry_after.is_some() };
                    }
                    _ => {}
                }
            }
        });
        let came = came.await.expect("a final response");
        (Placed { leg, events }, came)
    }
}

impl Placed {
    async fn hang_up(mut self) {
        self.leg.bye(None).await;
        while self.events.recv().await.is_some_and(|event| !event.is_last()) {}
    }
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_text(name), HeaderValue::from(value))
}

const NOT_FOUND: Came = Came::Refused { status: 404, retries: false };

/// The record of the call that was hung up last, once it is closed.
fn record(node: &Demo) -> Value {
    tokio::task::block_in_place(|| node.closed_call())
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
    for (name, value) in [
        ("P-Called-Party-ID", "<tel:080-4718-0000;phone-context=+91>"),
        ("Diversion", "<sip:00918047180000@sbc.example;user=phone>;reason=unconditional"),
    ] {
        let invite = OutgoingInvite { headers: vec![header(name, value)], ..switch.invite(&node, PILOT) };
        let (call, came) = switch.place(invite).await;
        assert_eq!(came, Came::Answered, "{name}");
        call.hang_up().await;
        assert_eq!(record(&node)["did"], DID, "{name}");
    }
    let (_call, came) = switch.call(&node, DID).await;
    assert_eq!(came, NOT_FOUND, "this trunk's Request-URI is not looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_whom_the_carrier_asserts_and_may_be_withheld() {
    let node = node(&trunk("a", "127.0.1.5", ""));
    let switch = Switch::at("127.0.1.5").await;
    let asserted = header("P-Asserted-Identity", "<tel:+919876543210>");
    for (headers, expected) in [
        (vec![], Value::from("+919812345678")),
        (vec![asserted.clone()], Value::from("+919876543210")),
        (vec![asserted, header("Privacy", "id")], Value::Null),
    ] {
        let invite = OutgoingInvite { headers, ..switch.invite(&node, DID) };
        let (call, came) = switch.place(invite).await;
        assert_eq!(came, Came::Answered);
        call.hang_up().await;
        assert_eq!(record(&node)["caller"], expected);
    }
}
