//! Messages about calls, from the end of a call to a stand-in for the provider and for a tenant's server: also when the
//! process is killed at each step in between.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use vca::domain::{
    By, CallId, CallRecord, CallSlots, CallStatus, Channel, E164, EventKind, MessageFilter, MessageState,
    NoticeSettings, OwnerNotice, ProfileId, RecordingState, Tenant, TenantId, TenantScope, WebhookId,
};
use vca::notify::webhook::signature::SigningSecret;
use vca::store::{Store, fault};

use crate::harness::{Demo, MESSAGE, new_folder, vca, wait_for};

const OWNER: &str = "+919845012345";
const SECRET: [u8; 32] = [7; 32];
/// The tenant of `vca demo`.
const DEMO_TENANT: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0001;
const LIMIT: Duration = Duration::from_secs(60);

/// One request, as it came.
#[derive(Debug, Clone)]
struct Seen {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// What tells one message from another.
    fn key(&self) -> String {
        let header = if self.path == "/sms" { "idempotency-key" } else { "webhook-id" };
        self.header(header).to_owned()
    }
}

/// A provider at `/sms` and a tenant's server at `/hook`.
struct StandIn {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                // A sender that is killed breaks its connection: that is no fault of this side.
                std::thread::spawn(move || drop(serve(&stream, &kept)));
            }
        });
        Self { addr, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn configuration(&self) -> String {
        format!(
            "[sms]\nprovider = \"http\"\nurl = \"http://{}/sms\"\nentity_id = \"1101160000000000001\"\nheader = \"VCASMS\"\n\
             dashboard_url = \"https://vca.in\"\n[sms.summary]\nid = \"1107160000000000001\"\n\
             text = \"{{#var#}} {{#var#}} See {{#url#}}\"\nvalues = [\"summary\", \"summary\", \"link\"]\n\
             [webhooks]\nallow_private = true\n",
            self.addr
        )
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, kept: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { path, headers, body });
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\":\"x\"}")?;
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// Writes the wishes of a tenant: a text message to the owner, and a webhook for the end of calls.
async fn wishes(store: &Store, scope: TenantScope, stand_in: &StandIn) {
    let tenant = Tenant { id: scope.tenant(), name: "Sharma Dental Clinic".to_owned(), max_calls: 3 };
    store.put_tenant(scope, &tenant).await.expect("a tenant");
    let owner = OwnerNotice { mobiles: vec![number(OWNER)], ..OwnerNotice::default() };
    store.put_notice_settings(scope, &NoticeSettings { owner, caller: None }).await.expect("settings");
    let secret = SigningSecret::generate(SECRET).text();
    let id = WebhookId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    let url = format!("http://{}/hook", stand_in.addr);
    let events = [EventKind::CallEnded, EventKind::CallSummary];
    store.create_webhook(scope, id, &url, &events, &secret, &By::system(Timestamp::now())).await.expect("an endpoint");
}

fn number(text: &str) -> E164 {
    E164::parse(text).expect("a number")
}

/// A database as a process leaves it that is killed in a call.
async fn cut_off(data: &Path, stand_in: &StandIn) -> TenantScope {
    let store = Store::open(&data.join("vca.sqlite")).await.expect("a database");
    let scope = TenantScope::proven(TenantId::from_uuid(uuid::Uuid::from_u128(77)));
    wishes(&store, scope, stand_in).await;
    let now = Timestamp::now();
    let call = CallRecord {
        id: CallId::new(now, [3; 10]),
        tenant: scope.tenant(),
        profile: ProfileId::from_uuid(uuid::Uuid::from_u128(10)),
        did: number("+918047180000"),
        caller: Some(number("+919876543210")),
        sip_call_id: "a84b4c76e66710@pbx.example".to_owned(),
        status: CallStatus::Active,
        answered_at: now,
        ended_at: None,
        end_cause: None,
        outcome: None,
        slots: CallSlots { name: Some("Ravi Kumar".to_owned()), ..CallSlots::default() },
        summary: None,
        recording: RecordingState::Off,
        transfers: Vec::new(),
        bridged_ms: 0,
        trunk: None,
    };
    store.open_call(scope, &call).await.expect("a call");
    store.close().await;
    scope
}

/// Every message of the tenant, with its state.
async fn states(data: &Path, scope: TenantScope) -> Vec<(String, Channel, MessageState)> {
    let store = Store::open_to_read(&data.join("vca.sqlite")).await.expect("a database");
    let page = store.messages(scope, &MessageFilter::default(), None, 20).await.expect("messages");
    store.close().await;
    page.items.into_iter().map(|message| (message.id.to_string(), message.channel, message.state)).collect()
}

/// At each of these places the process kills itself as `kill -9` does: before the messages are committed, after that,
/// when they are taken, when they are sent, and when that is written down.
#[test]
fn a_message_survives_a_kill_at_every_step_under_one_key() {
    for place in ["outbox.writing", "outbox.written", "outbox.claimed", "outbox.sent", "outbox.finished"] {
        let stand_in = StandIn::start();
        let folder = new_folder();
        let config = folder.path().join("messages.toml");
        std::fs::write(&config, stand_in.configuration()).expect("a configuration");
        let config = config.to_str().expect("a path in UTF-8").to_owned();
        let scope = run(cut_off(folder.path(), &stand_in));

        let mut killed = vca();
        killed.args([
            "demo",
            "--mock-agent",
            "--sip",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--config",
            &config,
            "--data",
        ]);
        killed.arg(folder.path()).env(fault::VARIABLE, place).stdout(Stdio::null()).stderr(Stdio::null());
        let mut killed = killed.spawn().expect("vca starts");
        let status = wait_for("the kill", LIMIT, || killed.try_wait().expect("it is waited for"));
        assert_eq!(status.signal(), Some(9), "{place}: {status}");
        let before = stand_in.seen();

        let demo = Demo::start_in(folder, &[], &["--mock-agent", "--config", &config]);
        let messages = wait_for("all messages to be sent", LIMIT, || {
            let states = run(states(demo.data(), scope));
            (states.len() == 3 && states.iter().all(|(.., state)| *state == MessageState::Sent)).then_some(states)
        });
        drop(demo);
        let stored: BTreeSet<String> = messages.iter().map(|(id, ..)| id.clone()).collect();
        let seen = stand_in.seen();
        let keys: BTreeSet<String> = seen.iter().map(Seen::key).collect();
        assert_eq!(keys, stored, "{place}: each message, and none under another key");
        let texts: BTreeSet<&str> =
            seen.iter().filter(|seen| seen.path == "/sms").map(|seen| seen.body.as_str()).collect();
        assert_eq!(texts.len(), 1, "{place}: the same text again");
        match place {
            "outbox.writing" | "outbox.written" | "outbox.claimed" => {
                assert_eq!((before.len(), seen.len()), (0, 3), "{place}: nothing had left, nothing left twice");
            }
            "outbox.sent" => assert!(!before.is_empty() && seen.len() > 3, "{place}: what had left, left again"),
            _ => assert!(!before.is_empty(), "{place}"),
        }
    }
}

#[test]
fn a_whole_call_ends_in_a_text_message_and_signed_events() {
    let stand_in = StandIn::start();
    let folder = new_folder();
    let config = folder.path().join("messages.toml");
    std::fs::write(&config, stand_in.configuration()).expect("a configuration");
    let config = config.to_str().expect("a path in UTF-8").to_owned();
    let scope = TenantScope::proven(TenantId::from_uuid(uuid::Uuid::from_u128(DEMO_TENANT)));
    run(async {
        let store = Store::open(&folder.path().join("vca.sqlite")).await.expect("a database");
        wishes(&store, scope, &stand_in).await;
        store.close().await;
    });
    let demo = Demo::start_in(folder, &[], &["--config", &config]);
    demo.call(&MESSAGE);
    let call = demo.closed_call();
    let seen = wait_for("three requests", LIMIT, || Some(stand_in.seen()).filter(|seen| seen.len() >= 3));
    assert_eq!(seen.len(), 3, "{seen:#?}");

    let sms = seen.iter().find(|seen| seen.path == "/sms").expect("a text message").json();
    let text = sms["text"].as_str().expect("a text");
    // The name as it was heard.
    let begins = format!("Message: {} 99887 76655", call["slots"]["name"].as_str().expect("a name"));
    assert!(text.starts_with(&begins) && text.contains("https://vca.in/c/"), "{text}");
    assert_eq!((&sms["to"], &sms["template_id"]), (&OWNER.into(), &"1107160000000000001".into()));
    assert!(
        sms["variables"]
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one.as_str().is_some_and(|v| v.chars().count() <= 40)))
    );

    let secret = SigningSecret::generate(SECRET);
    for (event, field) in [("call.ended", "end_cause"), ("call.summary", "summary")] {
        let of = |seen: &&Seen| seen.path == "/hook" && seen.json()["type"] == event;
        let hook = seen.iter().find(of).expect("an event");
        let [id, at, signature] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| hook.header(name));
        assert_eq!(secret.verify(id, at, signature, hook.body.as_bytes(), Timestamp::now()), Ok(()), "{event}");
        assert_eq!(hook.json()["data"]["call_id"], call["id"]);
        assert_eq!(hook.json()["data"][field], call[field], "{event}");
    }
    assert!(!demo.log_so_far().contains(&OWNER[3..]), "no number is logged");
}
