//! A whole node in this process with scripted engines: the recogniser hears what the test says, the voice is a tone, so
//! that a call to a person takes seconds and every sound at a far end can be told from every other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::watch;
use vca::call::admission::Admission;
use vca::call::lines::TrunkLines;
use vca::call::ports::{BoxFuture, CallBook, Closing, LogEvent, PortError, Route};
use vca::call::test_call::TestCalls;
use vca::call::watchdog::Watchdog;
use vca::call::{self, Node, Settings, SpoolFolder};
use vca::cli::presence::LivePresence;
use vca::dialogue::{Receptionist, demo_profile};
use vca::domain::billing::Allowance;
use vca::domain::{
    AgentProfile, CallId, CallOutcome, CallRecord, CallSlots, E164, SpeechChoice, Tenant, TenantId, TenantScope,
    TenantStatus, Transfers, Trunk, Turn,
};
use vca::live::Live;
use vca::media::{MediaConfig, MediaEngine};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, Peers, StackConfig};
use vca::sip::trunk::Trunks;
use vca::speech::engines::{EngineSpec, EngineStatus};
use vca::speech::pool::{Class, Priority};
use vca::speech::prompt_cache::PromptCache;
use vca::speech::{CancelFlag, Speech, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError};
use vca::telemetry::Telemetry;
use vca::vault::Recordings;

use crate::harness::{DID, new_folder, wait_for};

/// What the receptionist sounds like.
pub const AGENT_HZ: f32 = 880.0;

/// The node.
pub struct Desk {
    pub sip: SocketAddr,
    hears: Arc<Mutex<String>>,
    closings: Mutex<Receiver<Closing>>,
    book: Arc<Book>,
    speech: Arc<Speech>,
    pub live: Live,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

/// How a desk is set up, where it is not ordinary.
pub struct Setting {
    pub transfers: Transfers,
    pub trunk: Option<Trunk>,
    /// Dead media ends calls after so long.
    pub dead_media: Duration,
    /// In place of one that hears what [`Desk::hear`] says.
    pub stt: Option<Arc<dyn SpeechToText>>,
    /// In place of [`Tones`].
    pub tts: Option<Arc<dyn TextToSpeech>>,
    /// Engines in the network, of which the tenant chooses some.
    pub engines: BTreeMap<String, EngineSpec>,
    pub choice: SpeechChoice,
    /// Whether the fixed phrases are there, as [`Tones`] says them.
    pub prepared: bool,
    pub store: Keeping,
    /// What its calls may spend.
    pub allowance: Allowance,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            transfers: Transfers { targets: Vec::new(), allow_foreign: false },
            trunk: None,
            dead_media: Duration::from_secs(600),
            stt: None,
            tts: None,
            engines: BTreeMap::new(),
            choice: SpeechChoice::default(),
            prepared: true,
            store: Keeping::Well,
            allowance: Allowance::Full,
        }
    }
}

/// How the store keeps what is written.
#[derive(Clone, Copy)]
pub enum Keeping {
    Well,
    /// Every entry takes so long.
    Slowly(Duration),
    /// Nothing can be written for so long after the start.
    DownFor(Duration),
}

impl Desk {
    /// A desk that may hand callers to these; dead media ends calls after `dead_media`.
    pub fn start(transfers: Transfers, trunk: Option<Trunk>, dead_media: Duration) -> Self {
        Self::start_with(Setting { transfers, trunk, dead_media, ..Setting::default() })
    }

    pub fn start_with(setting: Setting) -> Self {
        let Setting { transfers, trunk, dead_media, stt, tts, engines, choice, prepared, store, allowance } = setting;
        static PORTS: AtomicU16 = AtomicU16::new(45_000);
        let first = PORTS.fetch_add(40, Ordering::Relaxed);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let folder = new_folder();
        let (hears, (sender, closings)) = (Arc::new(Mutex::new(String::new())), channel());
        let stt = stt.unwrap_or_else(|| Arc::new(Hearing(Arc::clone(&hears))));
        let tts = tts.unwrap_or_else(|| Arc::new(Tones));
        // One folder for all, since encoding every phrase anew for every desk takes longer than the calls.
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tones");
        let prompts = if prepared { shared } else { folder.path().join("prompts") };
        let well = PromptCache::open(&prompts, Arc::new(Tones)).expect("a folder of phrases");
        let speech = Speech::with_engines(stt, tts, prompts).expect("speech");
        let speech = speech.with_remote(&engines).expect("engines in the network");
        let media =
            MediaConfig { port_range: first..=first + 39, dead_media: Some(dead_media), ..MediaConfig::default() };
        let media = MediaEngine::start(media).expect("the media start");
        let book = Arc::new(Book::new(transfers, choice, sender, store, allowance));
        let (stop, stopped) = watch::channel(false);
        let live = Live::in_process("desk");
        let (sip, speech) = runtime.block_on(async {
            let udp = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().expect("an address")).into();
            let config = StackConfig { udp, peers: Peers::any(), ..StackConfig::default() };
            let (stack, incoming) = net::start(config).await.expect("the stack starts");
            let trunks = Trunks::start(&stack, trunk.into_iter().collect(), Arc::new(TableDns::default()));
            let admission = Admission::new(10);
            let sip = stack.udp_addr().expect("a UDP address");
            let to = E164::parse("+919876543210").expect("a number");
            wait_for("the trunk's address", Duration::from_secs(20), || {
                let ready = |name: &str| trunks.outgoing(name, &to, None).is_ok();
                trunks.status().iter().all(|status| ready(&status.name)).then_some(())
            });
            // Ready beforehand, so that no line has a gap in it.
            if prepared {
                static PREPARING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
                let _one_at_a_time = PREPARING.lock().await;
                let lines = Receptionist::fixed_lines(&book.route.profile);
                assert!(well.prepare(&speech.pool, &lines, &mut |_, _| {}).await.failed.is_empty());
            }
            let speech = Arc::new(speech);
            let node = Node {
                book: Arc::<Book>::clone(&book),
                presence: Arc::new(LivePresence(live.clone())),
                media,
                speech: Arc::clone(&speech),
                admission: admission.clone(),
                overload: Arc::default(),
                metrics: Arc::default(),
                telemetry: Telemetry::off(),
                watchdog: Watchdog::start(Arc::default()).expect("the watchdog starts"),
                stack,
                trunks: trunks.clone(),
                tests: TestCalls::default(),
                lines: Arc::new(TrunkLines { trunks: trunks.clone(), admission, public_ip: None }),
                settings: settings(folder.path()),
            };
            tokio::spawn(call::serve(Arc::new(node), incoming, stopped));
            (sip, speech)
        });
        Self { sip, hears, closings: Mutex::new(closings), book, speech, live, _stop: stop, _folder: folder, runtime }
    }

    /// Runs something on the node's own runtime.
    pub fn block_on<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// What the recogniser hears from now on, whatever the sound.
    pub fn hear(&self, text: &str) {
        text.clone_into(&mut self.hears.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes up all speech workers, and has one sentence wait for them, until what is returned is dropped.
    pub fn hold_up_speech(&self) -> Sender<()> {
        let (release, released) = channel();
        let released = Arc::new(Mutex::new(released));
        let priority = Priority { deadline: Instant::now(), class: Class::Final };
        for _ in 0..=self.speech.pool.workers() {
            let released = Arc::clone(&released);
            let job = move |_: &CancelFlag| {
                // Fails at once when the other end is gone: that is the release.
                let _ = released.lock().unwrap_or_else(PoisonError::into_inner).recv();
            };
            // The job runs to its end although nobody waits for it.
            std::mem::forget(self.speech.pool.submit(priority, job).expect("there is room"));
        }
        release
    }

    /// How the engines do.
    pub fn engine_status(&self) -> Vec<EngineStatus> {
        self.speech.engine_status()
    }

    /// The turns of all calls so far.
    pub fn turns(&self) -> Vec<Turn> {
        self.book.turns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The record of the next call that is closed.
    pub fn closed(&self) -> Closing {
        let closings = self.closings.lock().unwrap_or_else(PoisonError::into_inner);
        closings.recv_timeout(Duration::from_secs(30)).expect("the record is closed")
    }
}

fn settings(folder: &Path) -> Settings {
    Settings {
        recordings: Recordings::new(folder.join("recordings"), None, None),
        spool: SpoolFolder::new(&folder.join("spool")),
        answer_after: Duration::ZERO,
        longest_call: Duration::from_secs(300),
        retry_after_s: 1,
        drain: Duration::ZERO,
        mock_prompt: None,
    }
}

struct Hearing(Arc<Mutex<String>>);

impl SpeechToText for Hearing {
    fn name(&self) -> &str {
        "scripted"
    }

    fn transcribe(&self, _: &[i16], _: &SttOptions, _: &CancelFlag) -> Result<Transcript, SttError> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Transcript { text, confidence: 0.9, ..Transcript::default() })
    }
}

/// 60 ms of a tone for every word.
pub struct Tones;

impl TextToSpeech for Tones {
    fn name(&self) -> &str {
        "tones"
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
        let length = text.split_whitespace().count() * rate_hz as usize * 60 / 1_000;
        let at = |n: usize| (n as f32 * AGENT_HZ * std::f32::consts::TAU / rate_hz as f32).sin() * 8_000.0;
        let samples: Vec<i16> = (0..length).map(|n| at(n) as i16).collect();
        let _ = sink(&samples);
        Ok(())
    }
}

/// One tenant, and its closed calls.
struct Book {
    route: Route,
    turns: Mutex<Vec<Turn>>,
    closings: Mutex<Sender<Closing>>,
    keeping: Keeping,
    since: Instant,
}

impl Book {
    fn new(
        transfers: Transfers,
        speech: SpeechChoice,
        closings: Sender<Closing>,
        keeping: Keeping,
        allowance: Allowance,
    ) -> Self {
        let id = TenantId::from_uuid(uuid::Uuid::from_u128(7));
        let tenant = Tenant { id, name: "Clinic".to_owned(), max_calls: 10 };
        let profile = AgentProfile { transfers, speech, record_calls: false, ..demo_profile() };
        Self {
            route: Route { scope: TenantScope::proven(id), tenant, status: TenantStatus::Active, profile, allowance },
            turns: Mutex::default(),
            closings: Mutex::new(closings),
            keeping,
            since: Instant::now(),
        }
    }

    /// Keeps an entry, which takes effect only when it can be kept.
    fn keep<'a>(&'a self, effect: impl FnOnce() + Send + 'a) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            match self.keeping {
                Keeping::Slowly(delay) => tokio::time::sleep(delay).await,
                Keeping::DownFor(time) if self.since.elapsed() < time => {
                    return Err(PortError { message: "the store is down".to_owned(), refused: false });
                }
                Keeping::Well | Keeping::DownFor(_) => {}
            }
            effect();
            Ok(())
        })
    }
}

impl CallBook for Book {
    fn route<'a>(&'a self, did: &'a E164) -> BoxFuture<'a, Result<Option<Route>, PortError>> {
        let found = (did.as_str() == DID).then(|| self.route.clone());
        Box::pin(std::future::ready(Ok(found)))
    }

    fn open<'a>(&'a self, _: TenantScope, _: &'a CallRecord) -> BoxFuture<'a, Result<(), PortError>> {
        self.keep(|| {})
    }

    fn turn<'a>(&'a self, _: TenantScope, _: CallId, turn: &'a Turn) -> BoxFuture<'a, Result<(), PortError>> {
        self.keep(|| self.turns.lock().unwrap_or_else(PoisonError::into_inner).push(turn.clone()))
    }

    fn slots<'a>(
        &'a self,
        _: TenantScope,
        _: CallId,
        _: &'a CallSlots,
        _: CallOutcome,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.keep(|| {})
    }

    fn events<'a>(&'a self, _: TenantScope, _: CallId, _: &'a [LogEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        self.keep(|| {})
    }

    fn close<'a>(&'a self, _: TenantScope, _: CallId, closing: &'a Closing) -> BoxFuture<'a, Result<(), PortError>> {
        self.keep(|| {
            // Nobody may be waiting for it.
            let _ = self.closings.lock().unwrap_or_else(PoisonError::into_inner).send(closing.clone());
        })
    }
}
