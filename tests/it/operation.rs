//! What an operator does with a running node, and what its log tells nobody.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use vca::media::{Capabilities, Direction, SdpSession, sdp};
use vca::sip::message::{NameAddr, Uri};
use vca::sip::net::{self, Leg, LegEvent, LegPolicy, OutgoingInvite, Peers, Stack, StackConfig, Transport};

use crate::harness::{DID, Demo, MESSAGE, new_folder, text, wait_for};
use crate::registrar::{Habits, PASSWORD, Registrar, USER};
use crate::serve::{KEY, ready_with_log, serve, trunks};

const LIMIT: Duration = Duration::from_secs(30);
/// The number that `vca call` shows, without its country.
const CALLER: &str = "9812345678";

/// Every form in which a text may stand in a line: as it is, and with nothing between its digits.
fn holds(line: &str, secret: &str) -> bool {
    let line = line.to_lowercase();
    let between = |c: char| c.is_whitespace() || ",.-()/_\"\\".contains(c);
    let joined: String = line.chars().filter(|c| !between(*c)).collect();
    line.contains(&secret.to_lowercase()) || joined.contains(&secret.to_lowercase().replace(between, ""))
}

#[test]
fn nothing_that_a_caller_says_or_is_stands_in_the_log() {
    let mut demo = Demo::start_with(&[("VCA__LOG__LEVEL", "debug")]);
    demo.call(&MESSAGE);
    let record = demo.closed_call();
    assert_eq!(record["caller"], format!("+91{CALLER}"), "{record}");
    assert_eq!(record["slots"]["number"], "+919988776655", "{record}");
    let (status, _) = demo.get(&format!("/v1/calls?caller=%2B91{CALLER}"));
    assert_eq!(status, 200);
    let said = record["turns"].as_array().expect("turns").iter().filter(|turn| turn["speaker"] == "caller");
    let said = said.filter_map(|turn| turn["text"].as_str()).filter(|text| text.len() > 8).map(str::to_owned);
    let slots = record["slots"].as_object().expect("slots").values().filter_map(Value::as_str).map(str::to_owned);
    let known = [CALLER, "9988776655", "Anita", "Desai", "send me the bill", "leave a message"].map(str::to_owned);
    let summary = record["summary"].as_str().expect("a summary").to_owned();
    let secrets: Vec<String> = said.chain(slots).chain(known).chain([summary]).collect();
    assert!(secrets.len() > 8, "{secrets:?}");
    demo.terminate();
    let log = demo.ended();
    assert!(log.contains("answered") && log.contains("ended") && log.contains("DEBUG"), "it is the whole log: {log}");
    for line in log.lines() {
        for secret in &secrets {
            assert!(!holds(line, secret), "{secret:?} in: {line}");
        }
    }
}

#[test]
fn digits_are_found_in_any_spacing() {
    for line in ["to=+91 99887-76655", "9 9 8 8 7 7 6 6 5 5", "\"99887\", \"76655\""] {
        assert!(holds(line, "9988776655"), "{line}");
    }
    assert!(!holds("998877665 and 5", "9988776655"));
}

fn is_active(demo: &Demo) -> bool {
    demo.get("/v1/calls?status=active").1["calls"].as_array().is_some_and(|calls| !calls.is_empty())
}

#[test]
fn a_drain_lets_the_call_go_on_refuses_others_and_ends_in_words() {
    let mut demo = Demo::start_with(&[("VCA__SIP__DRAIN_S", "18")]);
    let caller = demo.caller(&["--silent", "60"]).stdout(std::process::Stdio::piped()).spawn().expect("vca call runs");
    wait_for("the call", LIMIT, || is_active(&demo).then_some(()));
    demo.terminate();
    wait_for("the end of readiness", LIMIT, || (demo.get("/readyz").0 == 503).then_some(()));
    let late = demo.caller(&["--silent", "1"]).output().expect("vca call runs");
    assert!(!late.status.success() && text(&late.stderr).contains("503"), "{}", text(&late.stderr));
    assert!(is_active(&demo), "the first call goes on");
    let output = caller.wait_with_output().expect("the call ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ending"], "agent_hung_up", "{report}");
    let last = report["conversation"].as_array().and_then(|lines| lines.last()).expect("a conversation");
    let words = last["text"].as_str().unwrap_or_default().to_lowercase();
    assert!(last["speaker"] == "agent" && (words.contains("end the call") || words.contains("bye")), "{report}");
    demo.ended();
}

/// A caller's side of its own, without media.
struct Phone(Stack);

impl Phone {
    async fn start() -> Self {
        let udp = vec!["127.0.0.1:0".parse().expect("an address")];
        let config = StackConfig { udp, peers: Peers::any(), ..StackConfig::default() };
        Self(net::start(config).await.expect("the stack starts").0)
    }

    /// Calls; the final status is 200 or what refused the call.
    async fn call(&self, node: SocketAddr, number: &str) -> (u16, Leg, tokio::sync::mpsc::Receiver<LegEvent>) {
        let uri = |user: &str, host: SocketAddr| Uri::parse(format!("sip:{user}@{host}").as_bytes()).expect("a URI");
        let own = self.0.udp_addr().expect("an address");
        let offer = sdp::offer(&Capabilities::default(), own, Direction::SEND_RECV, &mut SdpSession::new(7));
        let invite = OutgoingInvite {
            to: uri(number, node),
            from: NameAddr::new(uri("+919812345678", own)),
            destination: None,
            transport: Transport::Udp,
            credentials: None,
            headers: Vec::new(),
            body: Some(("application/sdp".to_owned(), offer)),
            policy: LegPolicy::default(),
        };
        let (leg, mut events) = self.0.invite(invite).await.expect("the INVITE is sent");
        let status = tokio::time::timeout(LIMIT, async {
            loop {
                match events.recv().await.expect("the leg tells its end") {
                    LegEvent::Answered { .. } => return 200,
                    LegEvent::Failed { status, .. } => return status,
                    _ => {}
                }
            }
        });
        (status.await.expect("a final response"), leg, events)
    }
}

/// The configuration of the test: trunks and tenants over settings that stay.
fn configuration(trunks: &str, tenants: &[(&str, &str)]) -> String {
    let settings = "[sip]\nudp = \"127.0.0.1:0\"\ntcp = \"off\"\n[http]\nlisten = \"127.0.0.1:0\"\n[media]\n\
                    port_min = 46000\nport_max = 46199\ndead_media_s = 600\n[turns]\nno_input_ms = 24000\n[speech.stt]\nmodel = \"none\"\n\
                    [log]\nformat = \"json\"\n";
    let tenant = |(name, did): &(&str, &str)| format!("[[tenants]]\nname = \"{name}\"\ndids = [\"{did}\"]\n");
    format!("{settings}{trunks}{}", tenants.iter().map(tenant).collect::<String>())
}

fn registering(name: &str, registrar: &Registrar, more: &str) -> String {
    format!(
        "[[trunks]]\nname = \"{name}\"\nprofile = \"generic-register\"\nregistrar = \"{}\"\nfrom_user = \"{USER}\"\n\
         password = \"{PASSWORD}\"\n{more}\n",
        registrar.addr
    )
}

/// Waits until the node logs this; the fields of that line.
fn logged(log: &mpsc::Receiver<String>, message: &str) -> Value {
    loop {
        let line = log.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("the node logs {message:?}"));
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        if line["fields"]["message"] == message {
            return line["fields"].clone();
        }
    }
}

const RELOADED: &str = "the configuration is reloaded";

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_trunks_and_tenants_while_calls_and_registrations_go_on() {
    let folder = new_folder();
    let (first, second) = (Registrar::start(None, Habits::default()), Registrar::start(None, Habits::default()));
    let write =
        |trunks: &str, tenants: &[(&str, &str)]| -> Command { serve(folder.path(), &configuration(trunks, tenants)) };
    let tenants = [("Sharma Dental Clinic", DID)];
    let (node, ready, log) = ready_with_log(write(&registering("first", &first, ""), &tenants));
    let addr = |key: &str| ready[key].as_str().expect("an address").trim_matches(|c| "Some()".contains(c)).parse();
    let (sip, http): (SocketAddr, SocketAddr) = (addr("sip_udp").expect("SIP"), addr("http").expect("HTTP"));
    let states = |count: usize| {
        wait_for("the trunks", LIMIT, || {
            let page: Value = serde_json::from_str(&trunks(http, KEY).1).ok()?;
            let trunks = page["trunks"].as_array()?.clone();
            (trunks.len() == count && trunks.iter().all(|trunk| trunk["state"] == "registered")).then_some(trunks)
        })
    };
    states(1);
    let registered = first.state().accepted;
    let phone = Phone::start().await;
    let (status, leg, mut events) = phone.call(sip, DID).await;
    assert_eq!(status, 200);
    assert_eq!(phone.call(sip, "+918047180002").await.0, 404, "nobody's yet");

    // One trunk adjusted, one added, and a tenant.
    let adjusted = registering("first", &first, "channels = 9");
    let more = [tenants[0], ("Salon", "+918047180002")];
    let both = format!("{adjusted}{}", registering("second", &second, ""));
    write(&both, &more);
    node.signal("HUP");
    let told = logged(&log, RELOADED);
    assert!(told["added"].as_str().is_some_and(|names| names.contains("second")), "{told}");
    assert!(told["adjusted"].as_str().is_some_and(|names| names.contains("first")), "{told}");
    assert_eq!(states(2)[0]["channels"], 9);
    assert_eq!(first.state().accepted, registered, "the registration was left alone");
    assert_eq!(phone.call(sip, "+918047180002").await.0, 200, "the new tenant is answered for");

    // A broken file, and one that takes a number of somebody else's: all stays as it is.
    for (broken, why) in
        [("[[trunks]\n".to_owned(), "vca.toml"), (configuration("", &[("Thief", DID)]), "another tenant's")]
    {
        serve(folder.path(), &broken);
        node.signal("HUP");
        let told = logged(&log, "the configuration is not reloaded; VCA goes on as it was");
        assert!(told["why"].as_str().is_some_and(|told| told.contains(why)), "{told}");
    }
    states(2);
    assert!(second.is_registered());

    // One trunk removed, the other with another expiry, which asks for a new registration.
    write(&registering("first", &first, "expiry = 700"), &tenants);
    node.signal("HUP");
    logged(&log, RELOADED);
    wait_for("the farewell at the second registrar", LIMIT, || (!second.is_registered()).then_some(()));
    wait_for("the new registration", LIMIT, || {
        first.state().bindings.values().any(|granted| *granted == 700).then_some(())
    });
    states(1);

    assert!(events.try_recv().is_err(), "the call of the beginning goes on");
    leg.bye(None).await;
    let ended = tokio::time::timeout(LIMIT, events.recv()).await.expect("in time").expect("an end");
    assert!(matches!(ended, LegEvent::Ended { by_remote: false, .. }), "{ended:?}");
    node.stop();
}
