//! A whole VCA node in this process: store, models, media, SIP, HTTP, in the order in which failures are cheap.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

use super::config::{Config, Loaded};
use super::messages::{self, Messages};
use super::presence::{self, LivePresence};
use super::reload::Reloader;
use super::stored_trunks::TrunkReloader;
use super::studio::NodeStudio;
use super::wiring::{StoreBook, dependencies, trunk_list};
use super::{Failure, set_up, stored_trunks};
use crate::api::{self, ApiState, Gate, Limits, Readiness, SetupToken};
use crate::call::admission::Admission;
use crate::call::lines::TrunkLines;
use crate::call::watchdog::Watchdog;
use crate::call::{self, Node, Settings, SpoolFolder};
use crate::dialogue::Receptionist;
use crate::domain::Trunk;
use crate::domain::billing::Prices;
use crate::live::Live;
use crate::media::{self, MediaConfig, MediaEngine};
use crate::metrics::Metrics;
use crate::notify::webhook::endpoints::Endpoints;
use crate::sip::net::dns::{Dns, SystemDns, TableDns};
use crate::sip::net::{self, Peers, Rate, Stack, StackConfig};
use crate::sip::trunk::Trunks;
use crate::speech::fake::FakeTts;
use crate::speech::llm::Models;
use crate::speech::stt::NoRecogniser;
use crate::speech::{Presynthesis, Speech, SpeechConfig, models};
use crate::store::{NODE_HEARTBEAT, Store, StoreError, Token};
use crate::telemetry::Telemetry;
use crate::vault::Recordings;

/// Threads of the calls' own runtime: one per core of the smallest machine that VCA is made for.
const CALL_THREADS: usize = 2;

/// Jobs that may wait for each speech worker: the sentences of a long line, and other calls' turns. More would wait
/// longer than a caller does.
const JOBS_PER_WORKER: usize = 8;

/// A node that was killed repairs its recordings of so long when it starts again.
const REPAIRED_LATER: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

/// A running node.
pub struct Server {
    pub sip_udp: Option<SocketAddr>,
    pub sip_tcp: Option<SocketAddr>,
    pub http: SocketAddr,
    /// What makes the first user, while there is none.
    pub setup_token: Option<Token>,
    store: Store,
    speech: Arc<Speech>,
    stack: Stack,
    trunks: Trunks,
    live: Live,
    /// What takes up trunks that the API sets up.
    reloader: TrunkReloader,
    calls: JoinHandle<()>,
    http_task: JoinHandle<()>,
    readiness: watch::Sender<Readiness>,
    /// Ends the taking of calls.
    shutdown: watch::Sender<bool>,
    stop_http: watch::Sender<bool>,
    messages: Messages,
    /// Calls run on threads of their own, so that voice detection never delays signalling or HTTP.
    call_runtime: Option<tokio::runtime::Runtime>,
    _presynthesis: Option<Presynthesis>,
    telemetry: Telemetry,
    /// What nobody waits for; aborted when dropped.
    chores: JoinSet<()>,
    /// Says that this node lives, for as long as it has calls.
    heartbeat: JoinSet<()>,
}

/// Opens the database, makes it when it is not there, and closes what a crash left open.
///
/// # Errors
/// One line that says what, where and how to mend it.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    let recordings = config.recordings_dir();
    std::fs::create_dir_all(&recordings).map_err(|error| {
        Failure::Setup(format!(
            "cannot make the folder {}: {error}; set data_dir (or --data) to a folder that can be written",
            recordings.display()
        ))
    })?;
    let store = super::database::open(config).await?;
    let kept = super::wiring::recordings(config)?;
    let started = async {
        store.beat(Timestamp::now()).await?;
        // First what this node knows to be true of its calls, then guesses about those of others.
        let book = StoreBook::empty(store.clone(), config.prices.clone());
        SpoolFolder::new(&config.spool()).drain(&book).await;
        close_cut_off(&store, &config.prices).await?;
        repair_recordings(&store, &kept).await
    };
    started.await.map_err(|error| Failure::setup(&error))?;
    Ok(store)
}

/// Closes the calls of processes that are gone.
async fn close_cut_off(store: &Store, prices: &Prices) -> Result<(), StoreError> {
    for (call, tenant) in store.repair_abandoned(Timestamp::now(), prices).await? {
        warn!(%call, %tenant, "the call was cut off when a VCA stopped; its record is closed as abandoned");
    }
    Ok(())
}

/// Makes the recordings of calls that were cut off playable, where they are on this machine.
async fn repair_recordings(store: &Store, recordings: &Recordings) -> Result<(), StoreError> {
    let since = Timestamp::now().checked_sub(REPAIRED_LATER).unwrap_or(Timestamp::MIN);
    for (call, tenant) in store.cut_off_since(since).await? {
        if let Err(error) = recordings.repair(tenant, call, media::recorder::repair) {
            warn!(%call, %error, "its recording could not be repaired");
        }
    }
    Ok(())
}

/// Says again and again that this process lives, and looks after those that do not.
async fn keep_alive(store: Store, prices: Prices) {
    let mut ticks = tokio::time::interval(NODE_HEARTBEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let done = async {
            store.beat(Timestamp::now()).await?;
            close_cut_off(&store, &prices).await
        };
        if let Err(error) = done.await {
            warn!(%error, "the database was not told that this node lives; after a minute others close its calls");
        }
    }
}

impl Server {
    /// Starts everything; returns when calls can be answered.
    ///
    /// # Errors
    /// One line that says what, where and how to mend it.
    pub async fn start(config: &Config, store: Store) -> Result<Self, Failure> {
        Self::start_with(config, store, None).await
    }

    /// The same with these engines in place of those that the configuration names: for tests of all around them.
    ///
    /// # Errors
    /// As [`Server::start`].
    #[doc(hidden)]
    pub async fn start_with(config: &Config, store: Store, engines: Option<Arc<Speech>>) -> Result<Self, Failure> {
        let config = &stored_trunks::with_stored(config, &store).await?;
        let http_listener = tokio::net::TcpListener::bind(config.http.listen).await.map_err(|error| {
            let listen = config.http.listen;
            Failure::Setup(format!(
                "cannot listen for HTTP on {listen}: {error}; choose another with http.listen (or --http)"
            ))
        })?;
        let http = http_listener.local_addr().map_err(|error| Failure::setup(&error))?;
        // Bound before the models are loaded, so that a busy port is told at once.
        let (stack, incoming) = net::start(stack_config(config)).await.map_err(|error| Failure::setup(&error))?;
        let recordings = super::wiring::recordings(config)?;
        let media = MediaEngine::start_with_keys(media_config(config), recordings.keys())
            .map_err(|error| Failure::setup(&error))?;

        let (studio, reloader) = (NodeStudio::new(config), TrunkReloader::default());
        let (readiness, ready) = watch::channel(Readiness::Starting { waiting_for: "models".to_owned() });
        let line_states = Arc::new(OnceLock::new());
        let trunk_list = trunk_list(Arc::clone(&line_states));
        let metrics = Arc::new(Metrics::default());
        let telemetry = super::wiring::telemetry(&config.telemetry, &metrics)?;
        let live = presence::open(config, &metrics)?;
        let watchdog = Watchdog::start(Arc::clone(&metrics)).map_err(|error| Failure::setup(&error))?;
        let setup_token = set_up::token(&store).await?;
        let dependencies = dependencies(&store, &trunk_list);
        if config.redis().is_some() {
            super::wiring::add_redis(&dependencies, &metrics);
        }
        let state = ApiState {
            endpoints: Endpoints { store: store.clone(), allow_private: config.webhooks.allow_private },
            store: store.clone(),
            live: live.clone(),
            recordings: recordings.clone(),
            readiness: ready,
            dependencies: dependencies.clone(),
            trunks: trunk_list,
            trunk_profiles: stored_trunks::profiles(config.sip.profiles_dir.clone()),
            trunk_refresh: stored_trunks::refresh(Arc::clone(&reloader)),
            studio: Arc::<NodeStudio>::clone(&studio),
            metrics: Arc::clone(&metrics),
            gate: Arc::new(Gate::new(&config.http.gate())),
            passwords: Arc::default(),
            billing: config.billing.terms(),
            retention: config.retention,
            setup: Arc::new(SetupToken::new(setup_token.clone())),
        };
        let (shutdown, stop) = watch::channel(false);
        let (stop_http, mut http_stop) = watch::channel(false);
        let mut messages = Messages::start(config, &store).await?;
        let routes = api::router(state).merge(messages.receipts.take().unwrap_or_default());
        let http_task = tokio::spawn(async move {
            let stopped = async move {
                // A dropped sender stops it too.
                let _ = http_stop.wait_for(|stop| *stop).await;
            };
            if let Err(error) = api::serve(http_listener, routes, Limits::default(), stopped).await {
                tracing::error!(%error, "the HTTP interface ended");
            }
        });

        let presynthesise_ahead = engines.is_none() && !config.mock_agent && config.speech.presynthesis;
        let speech = match engines {
            Some(speech) => speech,
            None if config.mock_agent => no_speech(config)?,
            None => load_speech(config, &store).await?,
        };
        super::wiring::add_speech(&dependencies, &speech);
        let presynthesis = if presynthesise_ahead { Some(presynthesise(&speech, &store).await?) } else { None };
        studio.open(&speech);
        let mut chores = JoinSet::new();
        let mut heartbeat = JoinSet::new();
        heartbeat.spawn(keep_alive(store.clone(), config.prices.clone()));
        chores.spawn(super::reload::prepare_lines(Arc::clone(&speech), store.clone()));
        super::upkeep::start(&mut chores, &store, &recordings, config.retention);
        let call_runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(CALL_THREADS)
            .thread_name("call")
            .enable_all()
            .build()
            .map_err(|error| Failure::setup(&error))?;
        // After all that takes time: calls that come from here on wait for milliseconds at most.
        let trunks = start_trunks(&stack, config.trunks.clone(), &live);
        chores.spawn(messages::tell_trunk_states(store.clone(), trunks.clone(), config.trunks.clone()));
        let admission = Admission::new(config.sip.max_calls as usize);
        line_states.get_or_init(|| (trunks.clone(), admission.clone()));
        presence::tell_of_trunks(&mut chores, &trunks, &live, &store, |_| true);
        let node = Node {
            book: Arc::new(
                StoreBook::new(store.clone(), config.prices.clone()).await.map_err(|error| Failure::setup(&error))?,
            ),
            presence: Arc::new(LivePresence(live.clone())),
            media,
            speech: Arc::clone(&speech),
            admission: admission.clone(),
            overload: Arc::default(),
            metrics,
            telemetry: telemetry.clone(),
            watchdog,
            stack: stack.clone(),
            trunks: trunks.clone(),
            lines: Arc::new(TrunkLines { trunks: trunks.clone(), admission, public_ip: config.sip.public_ip }),
            settings: Settings {
                recordings: recordings.clone(),
                spool: SpoolFolder::new(&config.spool()),
                answer_after: Duration::from_millis(config.sip.ring_ms.into()),
                longest_call: Duration::from_secs(config.sip.max_call_s.into()),
                retry_after_s: config.sip.retry_after_s,
                drain: Duration::from_secs(config.sip.drain_s.into()),
                mock_prompt: config.mock_agent.then(call::mock::prompt),
            },
        };
        let calls = call_runtime.spawn(call::serve(Arc::new(node), incoming, stop));
        readiness.send_replace(Readiness::Ready);
        let (sip_udp, sip_tcp) = (stack.udp_addr(), stack.tcp_addr());
        info!(?sip_udp, ?sip_tcp, %http, database = store.kind(), "ready");
        let call_runtime = Some(call_runtime);
        Ok(Self {
            sip_udp,
            sip_tcp,
            http,
            setup_token,
            store,
            speech,
            stack,
            trunks,
            live,
            reloader,
            calls,
            http_task,
            readiness,
            shutdown,
            stop_http,
            messages,
            call_runtime,
            _presynthesis: presynthesis,
            telemetry,
            chores,
            heartbeat,
        })
    }

    /// The trunks, for their states.
    pub fn trunks(&self) -> &Trunks {
        &self.trunks
    }

    /// Calls that go on, here and on the other nodes.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// What takes up a changed configuration while this server runs; `running` is the one that it was started with.
    pub fn reloader(&self, file: Option<std::path::PathBuf>, running: Loaded) -> Reloader {
        let trunks = (self.trunks.clone(), self.live.clone());
        Reloader::new(file, running, self.store.clone(), Arc::clone(&self.speech), self.stack.clone(), trunks)
    }

    /// Has every SIGHUP take up the configuration anew.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub fn reload_on_hangup(&mut self, reloader: Arc<Reloader>) -> Result<(), Failure> {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .map_err(|error| Failure::run(&error))?;
        // Set once: a second one would be of the same server.
        let _ = self.reloader.set(Arc::clone(&reloader));
        self.chores.spawn(async move {
            while hangup.recv().await.is_some() {
                // What came of it is in the log; a signal has nobody to tell.
                let _ = reloader.reload().await;
            }
        });
        Ok(())
    }

    /// Waits for an interrupt or a termination signal, then drains: no new calls, the others may finish.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run_until_signal(self) -> Result<(), Failure> {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| Failure::run(&error))?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        self.stop().await;
        Ok(())
    }

    /// Takes no new calls, lets the others finish, and frees everything.
    pub async fn stop(mut self) {
        info!("stopping: no new calls; calls under way may finish");
        self.chores.abort_all();
        self.readiness.send_replace(Readiness::Draining);
        self.shutdown.send_replace(true);
        self.trunks.stop().await;
        // After the farewells, so that the next node's registration is not taken back by them.
        self.live.release_leases().await;
        if let Err(failure) = (&mut self.calls).await {
            tracing::error!(error = %failure, "the task that answers calls failed");
        }
        self.heartbeat.shutdown().await;
        self.live.stop().await;
        self.stack.shutdown().await;
        // After the last call: what its end has written may go out at once.
        self.messages.stop().await;
        self.stop_http.send_replace(true);
        if let Err(failure) = self.http_task.await {
            tracing::error!(error = %failure, "the HTTP task failed");
        }
        if let Err(error) = self.store.leave().await {
            warn!(%error, "the database was not told that this node has stopped; it finds out in a minute");
        }
        self.store.close().await;
        // Not on this thread: it waits for the collector.
        let telemetry = self.telemetry.clone();
        if let Err(failure) = tokio::task::spawn_blocking(move || telemetry.close()).await {
            tracing::error!(error = %failure, "the last traces could not be delivered");
        }
        if let Some(runtime) = self.call_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Registers at the trunks. Without a resolver in the system's configuration, numeric addresses still work.
fn start_trunks(stack: &Stack, trunks: Vec<Trunk>, live: &Live) -> Trunks {
    let dns: Arc<dyn Dns> = match SystemDns::new() {
        Ok(dns) => Arc::new(dns),
        Err(error) => {
            if !trunks.is_empty() {
                warn!(%error, "this machine's DNS configuration cannot be used: trunks need numeric addresses");
            }
            Arc::new(TableDns::default())
        }
    };
    // One node of several registers.
    let live = live.clone();
    Trunks::start_with(stack, trunks, dns, move |trunk| live.lease(trunk))
}

fn stack_config(config: &Config) -> StackConfig {
    let sip = &config.sip;
    StackConfig {
        udp: sip.udp.clone(),
        tcp: sip.tcp.clone(),
        peers: Peers::new(super::reload::networks(config)),
        tls: Some(sip.tls.stack()),
        public_addr: sip.public_ip,
        scanners: sip.scanners.clone(),
        // A caller with a password sends a dozen messages in his first second.
        stranger_rate: Rate { per_second: sip.stranger_rate, burst: sip.stranger_rate.saturating_mul(3) },
        keep_alive: (sip.keep_alive_s > 0).then(|| Duration::from_secs(sip.keep_alive_s.into())),
        // Above the node's cap, so that admission refuses first, with the tenant in view.
        max_incoming: sip.max_calls as usize * 2 + 16,
        ..StackConfig::default()
    }
}

fn media_config(config: &Config) -> MediaConfig {
    MediaConfig {
        // Media goes where signalling goes: the address that calls come in by.
        bind_ip: config.sip.udp.first().map_or(Ipv4Addr::UNSPECIFIED.into(), SocketAddr::ip),
        port_range: config.media.port_min..=config.media.port_max,
        dead_media: (config.media.dead_media_s > 0).then(|| Duration::from_secs(config.media.dead_media_s.into())),
        ..MediaConfig::default()
    }
}

/// Speech of a node whose calls have no conversation: no model is read, no phrase made.
fn no_speech(config: &Config) -> Result<Arc<Speech>, Failure> {
    warn!("every call gets a mock agent: a prompt for load tests instead of a conversation");
    let speech = Speech::with_engines(Arc::new(NoRecogniser), Arc::new(FakeTts::default()), config.prompts());
    speech.map(Arc::new).map_err(|error| Failure::setup(&error))
}

/// Begins to make, in the background, what is likely to be said.
async fn presynthesise(speech: &Arc<Speech>, store: &Store) -> Result<Presynthesis, Failure> {
    let routes = store.routes().await.map_err(|error| Failure::setup(&error))?;
    let mut lines: Vec<String> =
        routes.iter().flat_map(|(_, route)| Receptionist::likely_lines(&route.profile)).collect();
    lines.sort();
    lines.dedup();
    let presynthesis = Presynthesis::start(Arc::clone(speech));
    let queued = presynthesis.publish(crate::speech::digits::pieces()) && presynthesis.publish(lines);
    debug_assert!(queued, "invariant: nothing was published before");
    Ok(presynthesis)
}

/// Loads the models and prepares every fixed line of every receptionist.
async fn load_speech(config: &Config, store: &Store) -> Result<Arc<Speech>, Failure> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let workers = std::num::NonZeroUsize::new(config.speech.threads);
    let speech_config = SpeechConfig {
        models_dir: config.models_dir.clone().unwrap_or_else(models::default_dir),
        stt_model: config.speech.stt.model.clone(),
        tts_voice: config.speech.tts.voice.clone(),
        tts_variation: 1.0,
        vad_model: config.speech.vad.clone(),
        turn_model: config.speech.turn.clone(),
        prompts_dir: config.prompts(),
        engines: config.engines.clone(),
        workers,
        queue: Some(JOBS_PER_WORKER * workers.map_or(cores, std::num::NonZeroUsize::get)),
    };
    let speech = tokio::task::spawn_blocking(move || Speech::load(&speech_config))
        .await
        .map_err(|error| Failure::run(&error))?
        .map_err(|error| Failure::setup(&error))?;
    let models = Models::new(&config.engines).map_err(|error| Failure::setup(&error))?;
    let speech = Arc::new(speech.with_models(models));
    let routes = store.routes().await.map_err(|error| Failure::setup(&error))?;
    let mut texts: Vec<String> =
        routes.iter().flat_map(|(_, route)| Receptionist::fixed_lines(&route.profile)).collect();
    texts.sort();
    texts.dedup();
    let bar = ProgressBar::new(texts.len() as u64).with_style(
        ProgressStyle::with_template("Preparing prompts [{bar:40}] {pos}/{len}")
            .expect("invariant: the template is well formed"),
    );
    let mut progress = |done: usize, _total: usize| bar.set_position(done as u64);
    let prepared = speech.prompts.prepare(&speech.pool, &texts, &mut progress).await;
    bar.finish_and_clear();
    for failure in prepared.failed {
        warn!(error = %failure, "a phrase is not ready; it will be made when it is needed");
    }
    // Read once, so that the first call finds them in memory.
    let ready = texts.iter().filter(|text| speech.prompts.get(text).is_some()).count();
    info!(ready, of = texts.len(), "phrases ready");
    Ok(speech)
}
