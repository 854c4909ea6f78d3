//! Our side: a whole server in this process, with a voice of tones and an ear that hears one sentence; and a bare
//! stack with the trunk, for what goes wrong.

use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use vca::cli::config::Config;
use vca::cli::server::{self, Server};
use vca::domain::{
    CallFilter, CallRecord, CallStatus, Did, E164, Tenant, TenantId, TenantScope, TransferKind, TransferTarget, Trunk,
    Turn,
};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, LegEvent, Peers, Stack, StackConfig};
use vca::sip::trunk::{TrunkState, TrunkStatus, Trunks};
use vca::speech::{CancelFlag, Speech, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError};
use vca::store::Store;

use super::description::{Carrier, PERSON, Places};
use super::tls;
use super::wire::Transport;
use super::{LIMIT, PASSWORD, VOICE_HZ};

/// The name of the trunk in the configuration.
const TRUNK: &str = "line";

/// The operator's file: the server's own keys, and the trunk with these keys over the carrier's.
fn config(carrier: &Carrier, places: &Places, keys: &str, folder: &TempDir) -> Config {
    let fill = |text: &str| places.fill(text, carrier.did, carrier.incoming.caller);
    let read = |text: &str| fill(text).parse::<toml::Table>().expect("the trunk's keys are TOML");
    let mut trunk = read(carrier.trunk);
    trunk.extend(read(keys));
    for (key, value) in [("name", TRUNK), ("profile", carrier.profile)] {
        trunk.insert(key.to_owned(), value.into());
    }
    trunk.insert("dids".to_owned(), toml::Value::Array(vec![carrier.did.into()]));
    if carrier.password {
        trunk.entry("password").or_insert(PASSWORD.into());
    }
    let mut sip = toml::Table::from_iter([
        ("udp".to_owned(), places.vca.to_string().into()),
        // Nobody may call but the trunk.
        ("peers".to_owned(), toml::Value::Array(vec!["192.0.2.1".into()])),
    ]);
    if carrier.transport == Transport::Tls {
        // In the place of TCP, at the same port.
        let mut tls = toml::Table::from_iter([("listen".to_owned(), places.vca.to_string().into())]);
        for (what, pem) in tls::files(places.vca.ip()) {
            let path = folder.path().join(format!("{what}.pem"));
            std::fs::write(&path, pem).expect("the file is written");
            tls.insert(what.to_owned(), path.to_string_lossy().into_owned().into());
        }
        sip.insert("tcp".to_owned(), "off".into());
        sip.insert("tls".to_owned(), tls.into());
    } else {
        sip.insert("tcp".to_owned(), places.vca.to_string().into());
    }
    let http = toml::Table::from_iter([("listen".to_owned(), "127.0.0.1:0".into())]);
    let file = toml::Table::from_iter([
        ("data_dir".to_owned(), folder.path().to_string_lossy().into_owned().into()),
        ("sip".to_owned(), sip.into()),
        ("http".to_owned(), http.into()),
        ("trunks".to_owned(), toml::Value::Array(vec![trunk.into()])),
    ]);
    let path = folder.path().join("vca.toml");
    std::fs::write(&path, file.to_string()).expect("the file is written");
    Config::load(Some(&path), []).unwrap_or_else(|error| panic!("{error}"))
}

/// A port of loopback that is free for UDP and TCP.
pub fn free_address() -> SocketAddr {
    loop {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let addr = udp.local_addr().expect("an address");
        if std::net::TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// A server with one tenant, behind the carrier's trunk.
pub struct Node {
    runtime: Runtime,
    server: Option<Server>,
    store: Store,
    scope: TenantScope,
    _folder: TempDir,
}

impl Node {
    pub fn start(carrier: &Carrier, places: &Places, kind: TransferKind) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(carrier, places, "", &folder);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0077));
        let scope = TenantScope::proven(tenant);
        let (server, store) = runtime.block_on(async {
            let store = server::open_store(&config).await.expect("the database opens");
            onboard(&store, scope, carrier, kind).await;
            let speech = Speech::with_engines(Arc::new(OneSentence), Arc::new(Tone), config.prompts());
            let speech = Arc::new(speech.expect("engines of the test's own"));
            let server = Server::start_with(&config, store.clone(), Some(speech)).await;
            (server.unwrap_or_else(|error| panic!("{error:?}")), store)
        });
        Self { runtime, server: Some(server), store, scope, _folder: folder }
    }

    /// Waits until the trunk is as wanted.
    pub fn trunk(&self, what: &str, wanted: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
        let server = self.server.as_ref().expect("it runs");
        self.runtime.block_on(wait(server.trunks(), what, wanted))
    }

    /// The only call of the tenant, once it is closed, with its turns.
    pub fn closed_call(&self) -> (CallRecord, Vec<Turn>) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let calls = self
                .runtime
                .block_on(self.store.list_calls(self.scope, &CallFilter::default(), None, 10))
                .expect("calls");
            let ids: Vec<_> = calls.items.iter().map(|call| (call.id, call.status)).collect();
            assert!(ids.len() <= 1, "one call was answered: {ids:?}");
            if let Some((id, _)) = ids.first().filter(|(_, status)| *status != CallStatus::Active) {
                return self
                    .runtime
                    .block_on(self.store.call(self.scope, *id))
                    .expect("it is read")
                    .expect("it is there");
            }
            assert!(Instant::now() < deadline, "waited for a closed record: {ids:?}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Ends it as a signal would.
    pub fn stop(mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A test failed before `stop`. The server holds a runtime, which no thread of another runtime may end.
        drop(self.server.take());
    }
}

async fn onboard(store: &Store, scope: TenantScope, carrier: &Carrier, kind: TransferKind) {
    let mut profile = vca::dialogue::demo_profile();
    profile.record_calls = false;
    profile.transfers.targets = vec![TransferTarget {
        name: "the front desk".to_owned(),
        number: PERSON.parse().expect("a number"),
        hours: None,
        kind,
    }];
    let number = E164::parse(carrier.did).expect("a number");
    let tenant = Tenant { id: scope.tenant(), name: carrier.name.to_owned(), max_calls: 4 };
    store.put_tenant(scope, &tenant).await.expect("a tenant");
    store.put_profile(scope, &profile).await.expect("a profile");
    let did = Did { number, tenant: scope.tenant(), profile: profile.id };
    store.put_did(scope, &did).await.expect("a number");
}

async fn wait(trunks: &Trunks, what: &str, wanted: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
    let mut states = trunks.subscribe(TRUNK).expect("the trunk");
    match tokio::time::timeout(LIMIT, states.wait_for(|status| wanted(status))).await {
        Ok(status) => status.expect("the trunk lives").clone(),
        Err(_) => panic!("waited for {what}: {:?}", trunks.status()),
    }
}

pub fn is_usable(status: &TrunkStatus) -> bool {
    matches!(status.state, TrunkState::Registered { .. } | TrunkState::Peer)
}

/// The trunk on a stack of its own, without anything that answers.
pub struct Bare {
    runtime: Runtime,
    stack: Stack,
    trunks: Trunks,
    _calls: tokio::sync::mpsc::Receiver<net::IncomingCall>,
    _folder: TempDir,
}

impl Bare {
    /// With these keys over the carrier's own.
    pub fn start(carrier: &Carrier, places: &Places, keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let trunks: Vec<Trunk> = config(carrier, places, keys, &folder).trunks;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (stack, calls, trunks) = runtime.block_on(async {
            let config = StackConfig {
                udp: vec![places.vca],
                tcp: vec![places.vca],
                peers: "192.0.2.1".parse::<Peers>().expect("a network"),
                ..StackConfig::default()
            };
            let (stack, calls) = net::start(config).await.expect("the stack starts");
            let trunks = Trunks::start(&stack, trunks, Arc::new(TableDns::default()));
            (stack, calls, trunks)
        });
        Self { runtime, stack, trunks, _calls: calls, _folder: folder }
    }

    pub fn trunk(&self, what: &str, wanted: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
        self.runtime.block_on(wait(&self.trunks, what, wanted))
    }

    /// Calls the person with this offer; the status that the call fails with.
    pub fn call(&self, caller: &str, offer: String) -> u16 {
        self.trunk("a way through the trunk", is_usable);
        self.runtime.block_on(async {
            let number = |text: &str| E164::parse(text).expect("a number");
            let invite = self.trunks.outgoing(TRUNK, &number(PERSON), Some(&number(caller)));
            let mut invite = invite.expect("a way through the trunk");
            invite.body = Some(("application/sdp".to_owned(), offer.into_bytes()));
            let (_leg, mut events) = self.stack.invite(invite).await.expect("it is sent");
            loop {
                match tokio::time::timeout(LIMIT, events.recv()).await.expect("an answer") {
                    Some(LegEvent::Failed { status, .. }) => return status,
                    Some(LegEvent::Provisional { .. }) => {}
                    other => panic!("the call does not fail: {other:?}"),
                }
            }
        })
    }
}

/// Hears the same whatever is said.
#[derive(Debug)]
struct OneSentence;

impl SpeechToText for OneSentence {
    fn name(&self) -> &str {
        "one-sentence"
    }

    fn transcribe(&self, audio: &[i16], options: &SttOptions, _: &CancelFlag) -> Result<Transcript, SttError> {
        let audio_ms = audio.len() as u64 * 1_000 / u64::from(options.rate_hz);
        Ok(Transcript {
            text: "Can I talk to a person?".to_owned(),
            confidence: 0.9,
            audio_ms,
            ..Transcript::default()
        })
    }
}

/// Says every word as 50 ms of a tone.
#[derive(Debug)]
struct Tone;

impl TextToSpeech for Tone {
    fn name(&self) -> &str {
        "tone"
    }

    fn voice(&self) -> &str {
        "tone"
    }

    fn synthesize_at(
        &self,
        text: &str,
        rate_hz: u32,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        _: &CancelFlag,
    ) -> Result<(), TtsError> {
        let words = text.split_whitespace().count() as u32;
        let step = f64::from(VOICE_HZ) * std::f64::consts::TAU / f64::from(rate_hz);
        let samples: Vec<i16> =
            (0..words * rate_hz / 20).map(|n| ((f64::from(n) * step).sin() * 8_000.0) as i16).collect();
        let _ = sink(&samples);
        Ok(())
    }
}

/// The address of loopback that a carrier has for a purpose; every carrier has a network of its own.
pub fn ip(carrier: usize, purpose: u8) -> IpAddr {
    let net = u8::try_from(carrier + 1).expect("fewer carriers than networks");
    IpAddr::from([127, 71, net, purpose])
}
