//! The handles: one engine for the process, one session per call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc};

use crate::domain::{DtmfMode, IpNet, StereoFrame, TrunkSettings};
use crate::vault::MasterKeys;

use super::codec::EncodedAudio;
use super::frame::PcmFrame;
use super::net;
use super::pool::PortPool;
use super::recorder::{self, Recorder};
use super::relay::{BridgeGuard, Joint};
use super::sdp::MediaParams;
use super::session::{Session, SessionParts};
use super::stats::{EngineStats, EngineStatsCells, MediaStats, MediaStatsCells};
use super::wheel::{self, Command, Order, Wheel};

/// Events that wait for a slow consumer before frames are dropped: 5 s of frames.
const EVENT_QUEUE: usize = 256;
/// Frames that wait for whoever listens in: a second and a quarter, 41 kB, of a call that somebody listens to.
const OVERHEARD_FRAMES: usize = 64;

/// How the engine is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaConfig {
    /// Where the sockets are bound.
    pub bind_ip: IpAddr,
    /// Ports for RTP (even) and RTCP (odd): one pair per call.
    pub port_range: RangeInclusive<u16>,
    /// No RTP for so long, outside of a hold, is reported as [`MediaEvent::Dead`].
    pub dead_media: Option<Duration>,
    /// Wheel threads; one carries some hundred calls.
    pub threads: usize,
    /// Ask for real-time scheduling of the wheels, and go on without where it is not allowed.
    pub realtime: bool,
    /// The least and the most that the jitter buffer delays, in milliseconds.
    pub jitter_ms: RangeInclusive<u32>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port_range: 16_384..=32_767,
            dead_media: Some(Duration::from_secs(20)),
            threads: 1,
            realtime: true,
            jitter_ms: 40..=200,
        }
    }
}

/// What one session is opened with.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Where to record to from the start of media; see [`MediaSession::set_recording`].
    pub recording: Option<PathBuf>,
    /// Networks that RTP may come from besides the address in the SDP; empty allows any.
    pub allowed_nets: Vec<IpNet>,
    /// How keys are sent; they are understood in every form.
    pub keys_by: DtmfMode,
    /// Our address in this call, where it may be of the other family than the engine's: the sockets are then of that.
    pub local_ip: Option<IpAddr>,
}

/// The media thread that a session is on: see [`MediaSession::beside`].
#[derive(Clone)]
pub struct Beside(Wheel);

/// What a trunk's carrier needs of its calls' media.
impl From<&TrunkSettings> for SessionOptions {
    fn from(trunk: &TrunkSettings) -> Self {
        Self { allowed_nets: trunk.media_nets.clone(), keys_by: trunk.dtmf, ..Self::default() }
    }
}

/// Why the engine or a session could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("the port range {0}-{1} holds no pair of an even port and the odd one above")]
    NoPorts(u16, u16),
    #[error("all {0} RTP ports are in use")]
    PortsExhausted(usize),
    #[error("no RTP socket on {addr}")]
    Socket { addr: IpAddr, source: std::io::Error },
    #[error("cannot start a media thread")]
    Thread(#[source] std::io::Error),
    #[error("the media thread takes no more sessions")]
    Busy,
    #[error("two sessions on different media threads cannot be joined")]
    Apart,
}

/// Names a clip in the events about it; unique within a session by the caller's care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClipId(pub u64);

/// Something to play.
#[derive(Debug, Clone)]
pub struct Clip {
    pub id: ClipId,
    /// In any codec: it is transcoded while it plays when the call's is another.
    pub audio: EncodedAudio,
}

/// What a session tells its call. Times named `media_ms` are milliseconds since the media start, which is the first
/// [`MediaSession::configure`]: the same clock for frames, playout and the position in the recording.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all events are frames; boxing them would allocate every 20 ms")]
pub enum MediaEvent {
    /// Every 20 ms from the media start on, whether or not anything is received.
    Frame(PcmFrame),
    /// A key was pressed; reported once, at its end.
    Dtmf { digit: char, duration_ms: u32 },
    /// The first packet with audio of the clip was sent.
    PlayoutStarted { id: ClipId, at: Instant, media_ms: u64 },
    /// The clip was sent to its end, which lies at `media_ms`.
    PlayoutFinished { id: ClipId, media_ms: u64 },
    /// [`MediaSession::stop_playout`] ended the clip; 0 played for those that still waited. Every clip that was
    /// queued ends in exactly one of finished and stopped, unless the session is closed before.
    PlayoutStopped { id: ClipId, played_ms: u64, total_ms: u64 },
    /// No RTP for so long; once per silence.
    Dead { silent_ms: u64 },
    /// The recording ends here or has a hole; the call goes on.
    RecordingFailed { why: String },
}

/// The media plane of the process: ports, wheel threads and the recorder thread.
///
/// The threads end when the engine and all of its sessions are dropped.
pub struct MediaEngine {
    config: MediaConfig,
    ports: Arc<PortPool>,
    wheels: Vec<Wheel>,
    recorder: Recorder,
    stats: Arc<EngineStatsCells>,
    next_key: AtomicU64,
}

impl MediaEngine {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the port range is useless or a thread cannot be started.
    pub fn start(config: MediaConfig) -> Result<Arc<Self>, MediaError> {
        Self::start_with_keys(config, None)
    }

    /// The same with recordings sealed under these keys.
    ///
    /// # Errors
    /// As [`MediaEngine::start`].
    pub fn start_with_keys(config: MediaConfig, keys: Option<Arc<MasterKeys>>) -> Result<Arc<Self>, MediaError> {
        let ports = PortPool::new(config.port_range.clone());
        if ports.available() == 0 {
            return Err(MediaError::NoPorts(*config.port_range.start(), *config.port_range.end()));
        }
        let stats = Arc::new(EngineStatsCells::default());
        let recorder = recorder::start(keys).map_err(MediaError::Thread)?;
        let wheels = (0..config.threads.max(1))
            .map(|n| wheel::start(n, config.realtime, Arc::clone(&stats), recorder.clone()))
            .collect::<Result<_, _>>()
            .map_err(MediaError::Thread)?;
        Ok(Arc::new(Self { config, ports, wheels, recorder, stats, next_key: AtomicU64::new(1) }))
    }

    /// Opens a session: takes a port pair, binds it, and puts it on the wheel that has the least to do.
    ///
    /// The receiver ends when the session is closed and its recording is whole.
    ///
    /// # Errors
    /// When no port is free or can be bound.
    pub fn open(&self, opts: SessionOptions) -> Result<(MediaSession, mpsc::Receiver<MediaEvent>), MediaError> {
        let wheel = self.wheels.iter().min_by_key(|w| w.load()).ok_or(MediaError::Busy)?;
        self.open_on(wheel, opts)
    }

    /// Opens a session on the wheel of another, so that the two can be joined by [`MediaSession::bridge`].
    ///
    /// # Errors
    /// When no port is free or can be bound.
    pub fn open_beside(
        &self,
        other: &Beside,
        opts: SessionOptions,
    ) -> Result<(MediaSession, mpsc::Receiver<MediaEvent>), MediaError> {
        self.open_on(&other.0, opts)
    }

    fn open_on(
        &self,
        wheel: &Wheel,
        opts: SessionOptions,
    ) -> Result<(MediaSession, mpsc::Receiver<MediaEvent>), MediaError> {
        let bind_ip = bind_ip(self.config.bind_ip, opts.local_ip);
        let sockets = self.bind(bind_ip)?;
        let local_port = sockets.port.port();
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let shared = Arc::new(Shared::default());
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let session = Session::new(SessionParts {
            key,
            sockets,
            allowed_nets: opts.allowed_nets,
            keys_by: opts.keys_by,
            dead_media: self.config.dead_media,
            jitter_ms: self.config.jitter_ms.clone(),
            events,
            shared: Arc::clone(&shared),
            recorder: self.recorder.clone(),
        });
        wheel.send(Command::Add(Box::new(session))).map_err(|_| MediaError::Busy)?;
        let local = SocketAddr::new(bind_ip, local_port);
        let session = MediaSession { key, local, shared, keys_by: opts.keys_by, wheel: wheel.clone() };
        if opts.recording.is_some() {
            session.set_recording(opts.recording);
        }
        Ok((session, receiver))
    }

    /// What happened on the wheels so far.
    pub fn stats(&self) -> EngineStats {
        self.stats.snapshot(self.wheels.iter().map(|w| w.load() as u64).sum())
    }

    /// The latest that a wheel thread woke up since this was asked last; zero while nothing is sent.
    pub fn take_recent_late(&self) -> Duration {
        Duration::from_micros(self.stats.recent_late_us.swap(0, Ordering::Relaxed))
    }

    /// Binds the next free pair; one that another program holds is passed over.
    fn bind(&self, ip: IpAddr) -> Result<net::SocketPair, MediaError> {
        let mut refused = Vec::new();
        let total = self.ports.available();
        while refused.len() < total {
            let Some(port) = self.ports.take() else { break };
            match net::SocketPair::bind(ip, port) {
                Ok(pair) => return Ok(pair),
                Err((port, error)) if error.kind() == std::io::ErrorKind::AddrInUse => refused.push(port),
                Err((_, source)) => return Err(MediaError::Socket { addr: ip, source }),
            }
        }
        Err(MediaError::PortsExhausted((self.config.port_range.len()) / 2))
    }
}

/// Where the sockets of a call are bound, of an engine that is bound to `all` its calls' addresses or to one of them.
fn bind_ip(all: IpAddr, local: Option<IpAddr>) -> IpAddr {
    match local.map(|local| local.to_canonical()) {
        Some(local) if local.is_ipv4() != all.is_ipv4() => match (all.is_unspecified(), local) {
            (true, IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
            (true, IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            (false, local) => local,
        },
        _ => all,
    }
}

/// What the handle and the wheel share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// A flag, not a command, so that a full queue cannot keep a session open for ever.
    pub closed: AtomicBool,
    /// The call's codec, as configured last, is a wide-band one.
    pub wide: AtomicBool,
    pub stats: MediaStatsCells,
    /// Frames since something was last sent that may be heard.
    pub quiet_frames: AtomicU64,
    /// Where both sides go while somebody listens; made for the first who does.
    pub overheard: OnceLock<broadcast::Sender<StereoFrame>>,
    pub commands_dropped: AtomicU64,
}

/// One call's media. Every method returns at once; dropping it closes the sockets, gives the port back and finishes
/// the recording, after which the event receiver ends.
pub struct MediaSession {
    key: u64,
    local: SocketAddr,
    shared: Arc<Shared>,
    keys_by: DtmfMode,
    wheel: Wheel,
}

impl MediaSession {
    /// The RTP port, even; RTCP is the one above.
    pub fn local_port(&self) -> u16 {
        self.local.port()
    }

    /// Where RTP is received: the bound address, unspecified when the engine is bound to all.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where a session that is to be joined with this one has to be opened; stays valid when this one ends.
    pub fn beside(&self) -> Beside {
        Beside(self.wheel.clone())
    }

    /// Applies a negotiation: the first starts the media clock, later ones are re-INVITEs and holds.
    pub fn configure(&self, params: MediaParams) {
        self.shared.wide.store(params.codec.is_wide(), Ordering::Relaxed);
        self.order(Order::Configure(params));
    }

    /// Whether the call's codec is a wide-band one: clips at 16 kHz are heard as such.
    pub fn is_wide(&self) -> bool {
        self.shared.wide.load(Ordering::Relaxed)
    }

    /// Appends to the playout queue; clips follow each other without a gap.
    pub fn play(&self, clips: Vec<Clip>) {
        self.order(Order::Play(clips));
    }

    /// Appends a clip that is played again and again, without a gap at the joint, until [`MediaSession::stop_playout`];
    /// what is queued behind it is not reached before.
    pub fn play_repeating(&self, clip: Clip) {
        self.order(Order::Repeat(clip));
    }

    /// Ends the playing clip within `fade_ms` and drops the queue.
    pub fn stop_playout(&self, fade_ms: u32) {
        self.order(Order::Stop { fade_ms });
    }

    /// Fades what is played within 20 ms and lets it, and what is queued, wait for [`MediaSession::resume_playout`] or
    /// [`MediaSession::stop_playout`]. A clip that waits has neither finished nor stopped.
    pub fn pause_playout(&self) {
        self.order(Order::Pause);
    }

    /// Goes on where [`MediaSession::pause_playout`] left off, at the exact sample.
    pub fn resume_playout(&self) {
        self.order(Order::Resume);
    }

    /// Changes the level of what is played, e.g. `Some(-12.0)` while the caller may be interrupting; `None` restores.
    pub fn duck(&self, gain_db: Option<f32>) {
        self.order(Order::Duck(gain_db));
    }

    /// How keys are sent to this far end. Where it is [`DtmfMode::Info`], that is for the signalling to do: nothing is
    /// sent here, neither by [`MediaSession::send_dtmf`] nor of what a bridge passes on.
    pub fn keys_by(&self) -> DtmfMode {
        self.keys_by
    }

    /// Sends keypad digits (`0-9*#A-D`, others are left out) by RFC 4733, or as tones where that was not agreed or
    /// [`MediaSession::keys_by`] says so. What is playing waits meanwhile.
    pub fn send_dtmf(&self, digits: &str) {
        self.order(Order::Dtmf(digits.to_owned()));
    }

    /// Starts a recording in stereo WAV (caller left, agent right), or ends it. A recording that starts in mid-call
    /// begins with silence up to that point, so that positions in it stay `media_ms`. The file is replaced if it exists.
    pub fn set_recording(&self, path: Option<PathBuf>) {
        self.order(Order::Record(path));
    }

    /// Joins the two far ends: what each sends is passed on to the other undecoded, keys included, until the guard or
    /// a session is dropped, or either is joined to another. Clips played on a leg take the place of what is passed
    /// on to it; recordings go on, and have the other far end on the right. [`MediaEvent::Frame`] is delivered only
    /// after [`MediaSession::listen`]; all other events as always.
    ///
    /// # Errors
    /// When the sessions are not on one wheel (see [`MediaEngine::open_beside`]), are the same, or the wheel has no
    /// room for commands.
    pub fn bridge(&self, other: &MediaSession) -> Result<BridgeGuard, MediaError> {
        if self.key == other.key || !self.wheel.is_same(&other.wheel) {
            return Err(MediaError::Apart);
        }
        let joint = Arc::new(Joint::default());
        let command = Command::Join(self.key, other.key, Arc::clone(&joint));
        self.wheel.send(command).map_err(|_| MediaError::Busy)?;
        Ok(BridgeGuard(joint))
    }

    /// Whether [`MediaEvent::Frame`] is wanted while the session is part of a bridge, at the cost of decoding; not
    /// wanted at first. Outside of a bridge frames always come.
    pub fn listen(&self, wanted: bool) {
        self.order(Order::Listen(wanted));
    }

    /// Both sides from now on, as they would be recorded, for somebody who listens in. Whoever falls more than a second
    /// behind misses frames; the receiver ends with the session.
    pub fn overhear(&self) -> broadcast::Receiver<StereoFrame> {
        self.shared.overheard.get_or_init(|| broadcast::Sender::new(OVERHEARD_FRAMES)).subscribe()
    }

    /// What happened so far.
    pub fn stats(&self) -> MediaStats {
        let mut stats = self.shared.stats.snapshot();
        stats.commands_dropped = self.shared.commands_dropped.load(Ordering::Relaxed);
        stats
    }

    /// How long nothing has been played, passed on or on hold: for how long the far end hears only silence from here.
    pub fn quiet_ms(&self) -> u64 {
        self.shared.quiet_frames.load(Ordering::Relaxed) * u64::from(super::frame::FRAME_MS)
    }

    /// Ends it as its drop does, where others still hold it.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
    }

    fn order(&self, order: Order) {
        if self.wheel.send(Command::Order(self.key, order)).is_err()
            && self.shared.commands_dropped.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::error!(rtp.port = self.local.port(), "media thread has no room for commands");
        }
    }
}

impl Drop for MediaSession {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod bridge_tests;
#[cfg(test)]
mod srtp_tests;
#[cfg(test)]
mod tests;
