//! A whole VCA node in this process: store, models, media, SIP, HTTP, in the order in which failures are cheap.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Failure;
use super::config::Config;
use super::wiring::StoreBook;
use crate::api::{self, ApiState, Readiness};
use crate::call::admission::Admission;
use crate::call::{self, Node, Settings};
use crate::dialogue::Receptionist;
use crate::media::{self, MediaEngine};
use crate::sip::net::{self, Stack};
use crate::speech::Speech;
use crate::store::Store;

/// Threads of the calls' own runtime: one per core of the smallest machine that VCA is made for.
const CALL_THREADS: usize = 2;

/// A running node.
pub struct Server {
    pub sip_udp: Option<SocketAddr>,
    pub sip_tcp: Option<SocketAddr>,
    pub http: SocketAddr,
    store: Store,
    stack: Stack,
    calls: JoinHandle<()>,
    http_task: JoinHandle<()>,
    shutdown: watch::Sender<bool>,
    /// Calls run on threads of their own, so that voice detection never delays signalling or HTTP.
    call_runtime: Option<tokio::runtime::Runtime>,
}

/// Opens the database, makes it when it is not there, and closes what a crash left open.
///
/// # Errors
/// One line that says what, where and how to mend it.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    let recordings = config.recordings();
    std::fs::create_dir_all(&recordings).map_err(|error| {
        Failure::Setup(format!(
            "cannot make the folder {}: {error}; set data_dir (or --data) to a folder that can be written",
            recordings.display()
        ))
    })?;
    let store = Store::open(&config.database()).await.map_err(|error| Failure::setup(&error))?;
    let abandoned = store.repair_abandoned(Timestamp::now()).await.map_err(|error| Failure::setup(&error))?;
    for (call, tenant) in abandoned {
        warn!(%call, %tenant, "the call was cut off when VCA stopped; its record is closed as abandoned");
        let path = call::recording_path(&recordings, tenant, call);
        if path.exists()
            && let Err(error) = media::recorder::repair(&path)
        {
            warn!(%call, %error, "its recording could not be repaired");
        }
    }
    Ok(store)
}

impl Server {
    /// Starts everything; returns when calls can be answered.
    ///
    /// # Errors
    /// One line that says what, where and how to mend it.
    pub async fn start(config: &Config, store: Store) -> Result<Self, Failure> {
        let http_listener = tokio::net::TcpListener::bind(config.http.listen).await.map_err(|error| {
            let listen = config.http.listen;
            Failure::Setup(format!("cannot listen for HTTP on {listen}: {error}; choose another with http.listen (or --http)"))
        })?;
        let http = http_listener.local_addr().map_err(|error| Failure::setup(&error))?;
        // Bound before the models are loaded, so that a busy port is told at once.
        let (stack, incoming) = net::start(config.stack()).await.map_err(|error| Failure::setup(&error))?;
        let media = MediaEngine::start(config.media()).map_err(|error| Failure::setup(&error))?;

        let readiness = Readiness::new(store.clone());
        let state = ApiState::new(store.clone(), config.recordings(), readiness.clone());
        let (shutdown, stop) = watch::channel(false);
        let http_stop = stop.clone();
        let http_task = tokio::spawn(async move {
            if let Err(error) = api::serve(http_listener, api::router(state), http_stop).await {
                tracing::error!(%error, "the HTTP interface ended");
            }
        });

        let speech = load_speech(config, &store).await?;
        let call_runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(CALL_THREADS)
            .thread_name("call")
            .enable_all()
            .build()
            .map_err(|error| Failure::setup(&error))?;
        let node = Node {
            book: Arc::new(StoreBook(store.clone())),
            media,
            speech,
            admission: Admission::new(config.sip.max_calls as usize),
            settings: Settings {
                recordings: config.recordings(),
                answer_after: Duration::from_millis(config.sip.ring_ms.into()),
                longest_call: Duration::from_secs(config.sip.max_call_s.into()),
                retry_after_s: config.sip.retry_after_s,
                drain: Duration::from_secs(config.sip.drain_s.into()),
            },
        };
        let calls = call_runtime.spawn(call::serve(Arc::new(node), incoming, stop));
        readiness.set_ready();
        let (sip_udp, sip_tcp) = (stack.udp_addr(), stack.tcp_addr());
        info!(?sip_udp, ?sip_tcp, %http, "ready");
        Ok(Self { sip_udp, sip_tcp, http, store, stack, calls, http_task, shutdown, call_runtime: Some(call_runtime) })
    }

    /// Waits for an interrupt or a termination signal, then drains: no new calls, the others may finish.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run_until_signal(mut self) -> Result<(), Failure> {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| Failure::run(&error))?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping: no new calls; calls under way may finish");
        self.shutdown.send_replace(true);
        if let Err(failure) = (&mut self.calls).await {
            tracing::error!(error = %failure, "the task that answers calls failed");
        }
        self.stack.shutdown().await;
        if let Err(failure) = self.http_task.await {
            tracing::error!(error = %failure, "the HTTP task failed");
        }
        self.store.close().await;
        if let Some(runtime) = self.call_runtime.take() {
            runtime.shutdown_background();
        }
        Ok(())
    }
}

/// Loads the models and prepares every fixed line of every receptionist.
async fn load_speech(config: &Config, store: &Store) -> Result<Arc<Speech>, Failure> {
    let speech_config = config.speech();
    let speech = tokio::task::spawn_blocking(move || Speech::load(&speech_config))
        .await
        .map_err(|error| Failure::run(&error))?
        .map_err(|error| Failure::setup(&error))?;
    let speech = Arc::new(speech);
    let routes = store.routes().await.map_err(|error| Failure::setup(&error))?;
    let mut texts: Vec<String> =
        routes.iter().flat_map(|(_, route)| Receptionist::fixed_lines(&route.profile)).collect();
    texts.sort();
    texts.dedup();
    let bar = ProgressBar::new(texts.len() as u64).with_style(
        ProgressStyle::with_template("Preparing prompts [{bar:40}] {pos}/{len}")
            .expect("invariant: the template is well formed"),
    );
    speech.prepare(&texts, |done, _total| bar.set_position(done as u64)).await.map_err(|error| Failure::setup(&error))?;
    bar.finish_and_clear();
    Ok(speech)
}
