//! The telephone of test calls: a user agent of its own on this machine, which calls this node as anybody else would.

use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::warn;

use super::call::stack_config;
use crate::api::{Problem, Spoken, TestCall, TestPhone};
use crate::call::leg::Answerer;
use crate::call::ports::Route;
use crate::call::test_call::{TestCall as Expected, TestCalls};
use crate::domain::billing::Allowance;
use crate::domain::{AgentProfile, CallId, E164, TenantScope};
use crate::media::{
    Capabilities, Clip, ClipId, Codec, EncodedAudio, FRAME_SAMPLES, MediaConfig, MediaEngine, MediaEvent, MediaSession,
    SAMPLE_RATE_HZ, SdpSession, SessionOptions,
};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::net::{self, IncomingCall, Leg, LegEvent, LegPolicy, OutgoingInvite, Stack, Transport};
use crate::speech::pool::{Class, Priority};
use crate::speech::{Speech, synthesize_all_at};
use crate::store::Store;

/// Test calls of this node at once.
const MOST: usize = 8;
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// What waits on either side of a call: some seconds of sound.
const QUEUE: usize = 64;
/// Sound of the caller that waits at most before more of it is left out, in milliseconds.
const MOST_WAITING_MS: u64 = 1_000;
/// Sound that is gathered before it is played after a silence, so that messages which come unevenly leave no gaps.
const CUSHION_SAMPLES: usize = 5 * FRAME_SAMPLES;
/// Frames of 20 ms in one message of the agent's sound.
const FRAMES_A_MESSAGE: usize = 3;
/// The number in the record of a test call where the tenant has none: one that nobody has.
const NO_NUMBER: &str = "+910000000000";

/// Places test calls.
pub struct NodePhone {
    /// Where this node takes calls.
    node: SocketAddr,
    transport: Transport,
    expected: TestCalls,
    store: Store,
    /// What speaks typed sentences; absent until the engines are loaded.
    speech: OnceLock<Arc<Speech>>,
    line: OnceCell<Line>,
    places: Arc<Semaphore>,
}

/// What calls are placed with; made for the first.
struct Line {
    stack: Stack,
    /// Nobody calls a test phone.
    _incoming: mpsc::Receiver<IncomingCall>,
    media: Arc<MediaEngine>,
    local_ip: IpAddr,
}

/// Our own address as this machine reaches it, of a listener that may be bound to all.
pub(super) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

impl NodePhone {
    /// A telephone that calls the node with these listeners, UDP and TCP, at least one of them.
    pub fn new(udp: Option<SocketAddr>, tcp: Option<SocketAddr>, expected: TestCalls, store: Store) -> Self {
        let (node, transport) = match (udp, tcp) {
            (Some(udp), _) => (reachable(udp), Transport::Udp),
            (None, tcp) => (reachable(tcp.unwrap_or(([127, 0, 0, 1], 5060).into())), Transport::Tcp),
        };
        let (speech, line, places) = (OnceLock::new(), OnceCell::new(), Arc::new(Semaphore::new(MOST)));
        Self { node, transport, expected, store, speech, line, places }
    }

    /// From now on typed sentences can be spoken.
    pub fn open(&self, speech: &Arc<Speech>) {
        let _ = self.speech.set(Arc::clone(speech));
    }

    async fn line(&self) -> Result<&Line, Problem> {
        let made = self.line.get_or_try_init(|| async {
            // Whoever is on this machine reaches its own address from there.
            let local_ip = self.node.ip();
            let (stack, incoming) = net::start(stack_config(local_ip)).await.map_err(|error| failed(&error))?;
            let media = MediaEngine::start(MediaConfig { bind_ip: local_ip, ..MediaConfig::default() });
            Ok(Line { stack, _incoming: incoming, media: media.map_err(|error| failed(&error))?, local_ip })
        });
        made.await
    }

    async fn place(&self, scope: TenantScope, id: CallId, profile: AgentProfile) -> Result<TestCall, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Problem::unavailable("too many test calls go on: try again in a minute"))?;
        let line = self.line().await?;
        let ticket = self.expect(scope, id, profile).await?;
        let (media, media_events) = line.media.open(SessionOptions::default()).map_err(|error| failed(&error))?;
        let capabilities = Capabilities { codecs: vec![Codec::Pcma], ..Capabilities::default() };
        let mut answerer = Answerer::new(SdpSession::random()).with_capabilities(capabilities);
        let offer = answerer.offer(SocketAddr::new(line.local_ip, media.local_port()));
        let uri = |user: &str, at: IpAddr| Uri::sip(Some(user), &at.to_string()).map_err(|error| failed(&error));
        let invite = OutgoingInvite {
            to: uri(&ticket, self.node.ip())?,
            from: NameAddr::new(uri("test", line.local_ip)?),
            destination: Some(self.node),
            transport: self.transport,
            credentials: None,
            headers: Vec::new(),
            body: Some(("application/sdp".to_owned(), offer)),
            policy: LegPolicy::default(),
        };
        let (leg, mut leg_events) = line.stack.invite(invite).await.map_err(|error| failed(&error))?;
        let answer = tokio::time::timeout(PATIENCE, answered(&mut leg_events)).await;
        let answer = answer.map_err(|_| Problem::unavailable("the node did not answer its own call"))??;
        answerer.accept(&answer, &media).map_err(|error| failed(&error))?;
        let ((spoken, told), (sender, heard)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let speech = self.speech.get().map(Arc::clone);
        let visitor = Visitor { media, answerer, speech, sender, sounding: Sounding::default(), _place: place };
        tokio::spawn(visitor.talk(leg, leg_events, media_events, told));
        Ok(TestCall { spoken, heard })
    }

    /// Has the node answer one call for this receptionist; the user part that calls it.
    async fn expect(&self, scope: TenantScope, id: CallId, profile: AgentProfile) -> Result<String, Problem> {
        let account = self.store.account(scope).await?;
        let did = match self.store.dids(scope).await?.into_iter().next() {
            Some(did) => did.number,
            None => E164::parse(NO_NUMBER).map_err(|error| failed(&error))?,
        };
        let allowance = Allowance::Full;
        let route = Route { scope, tenant: account.tenant, status: account.status, profile, allowance };
        let ticket = format!("test-{:032x}", rand::random::<u128>());
        if !self.expected.expect(ticket.clone(), Expected { id, route, did }) {
            return Err(Problem::unavailable("too many test calls are waiting: try again in a minute"));
        }
        Ok(ticket)
    }
}

impl TestPhone for NodePhone {
    fn call<'a>(
        &'a self,
        scope: TenantScope,
        id: CallId,
        profile: AgentProfile,
    ) -> Pin<Box<dyn Future<Output = Result<TestCall, Problem>> + Send + 'a>> {
        Box::pin(self.place(scope, id, profile))
    }
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    warn!(%error, "a test call cannot be placed");
    Problem::unavailable("the test call cannot be placed; the server's log says why")
}

async fn answered(events: &mut mpsc::Receiver<LegEvent>) -> Result<Vec<u8>, Problem> {
    loop {
        match events.recv().await {
            Some(LegEvent::Answered { sdp }) => return Ok(sdp),
            Some(LegEvent::Failed { status: 486, .. }) => {
                return Err(Problem::conflict("the business has all the calls at once that it may have"));
            }
            Some(LegEvent::Failed { status: 480, .. }) => {
                return Err(Problem::conflict("the business is suspended: its calls are not answered"));
            }
            Some(LegEvent::Failed { status, reason, .. }) => return Err(failed(&format!("{status} {reason}"))),
            Some(LegEvent::Ended { .. }) | None => return Err(failed(&"it ended before it was answered")),
            Some(_) => {}
        }
    }
}

/// The caller's sound on its way into the call.
#[derive(Default)]
struct Sounding {
    /// Not played yet.
    gathered: Vec<i16>,
    /// Clips that are queued, and their lengths in milliseconds.
    queued: VecDeque<(ClipId, u64)>,
    next: u64,
}

impl Sounding {
    /// Takes sound; what is to be played now, in whole frames.
    fn take(&mut self, samples: &[i16]) -> Option<Clip> {
        let waiting: u64 = self.queued.iter().map(|(_, ms)| ms).sum();
        if waiting > MOST_WAITING_MS {
            return None;
        }
        self.gathered.extend_from_slice(samples);
        let least = if self.queued.is_empty() { CUSHION_SAMPLES } else { FRAME_SAMPLES };
        let whole = self.gathered.len() / FRAME_SAMPLES * FRAME_SAMPLES;
        if whole < least {
            return None;
        }
        let rest = self.gathered.split_off(whole);
        let samples = std::mem::replace(&mut self.gathered, rest);
        Some(self.clip(&samples))
    }

    fn clip(&mut self, samples: &[i16]) -> Clip {
        let (id, audio) = (ClipId(self.next), EncodedAudio::from_pcm(Codec::Pcma, samples));
        self.next += 1;
        self.queued.push_back((id, audio.duration_ms()));
        Clip { id, audio }
    }

    fn played(&mut self, id: ClipId) {
        self.queued.retain(|(queued, _)| *queued != id);
    }
}

/// One test call, from the caller's side.
struct Visitor {
    media: MediaSession,
    answerer: Answerer,
    speech: Option<Arc<Speech>>,
    sender: mpsc::Sender<Vec<i16>>,
    sounding: Sounding,
    _place: OwnedSemaphorePermit,
}

impl Visitor {
    async fn talk(
        mut self,
        leg: Leg,
        mut leg_events: mpsc::Receiver<LegEvent>,
        mut media_events: mpsc::Receiver<MediaEvent>,
        mut told: mpsc::Receiver<Spoken>,
    ) {
        let (mut sentences, mut heard) = (JoinSet::new(), Vec::new());
        loop {
            tokio::select! {
                event = leg_events.recv() => match event {
                    Some(LegEvent::Ended { .. } | LegEvent::Failed { .. }) | None => return,
                    Some(LegEvent::Reinvite { body }) => {
                        let answer = self.answerer.reinvite(body.as_deref(), &leg, &self.media);
                        leg.answer_reinvite(answer).await;
                    }
                    Some(LegEvent::Acked { body: Some(answer) }) => self.answerer.late_answer(&answer, &self.media),
                    Some(_) => {}
                },
                event = media_events.recv() => match event {
                    Some(MediaEvent::Frame(frame)) => {
                        heard.extend_from_slice(&frame.samples);
                        if heard.len() >= FRAMES_A_MESSAGE * FRAME_SAMPLES {
                            // Who does not keep up misses sound, as on any line.
                            let _ = self.sender.try_send(std::mem::take(&mut heard));
                        }
                    }
                    Some(MediaEvent::PlayoutFinished { id, .. } | MediaEvent::PlayoutStopped { id, .. }) => {
                        self.sounding.played(id);
                    }
                    Some(_) => {}
                    None => break,
                },
                spoken = told.recv() => match spoken {
                    Some(Spoken::Sound(samples)) => {
                        if let Some(clip) = self.sounding.take(&samples) {
                            self.media.play(vec![clip]);
                        }
                    }
                    Some(Spoken::Sentence(text)) => self.speak(&mut sentences, text),
                    Some(Spoken::Keys(keys)) => self.media.send_dtmf(&keys),
                    None => break,
                },
                Some(Ok(samples)) = sentences.join_next() => {
                    let clip = self.sounding.clip(&samples);
                    self.media.play(vec![clip]);
                }
            }
        }
        leg.bye(None).await;
    }

    /// Has a typed sentence spoken. One at a time: a caller says one thing after the other.
    fn speak(&self, sentences: &mut JoinSet<Vec<i16>>, text: String) {
        let Some(speech) = self.speech.as_ref().filter(|_| sentences.len() < 2) else { return };
        let (tts, priority) =
            (Arc::clone(&speech.tts), Priority { deadline: Instant::now() + PATIENCE, class: Class::Speculative });
        match speech.pool.submit(priority, move |cancel| synthesize_all_at(&*tts, &text, SAMPLE_RATE_HZ, cancel)) {
            Ok(job) => _ = sentences.spawn(async move { job.await.ok().and_then(Result::ok).unwrap_or_default() }),
            Err(error) => warn!(%error, "a typed sentence is not spoken"),
        }
    }
}
