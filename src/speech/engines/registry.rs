//! All engines of a node by their names, and the lists that profiles choose.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::breaker::BreakerSettings;
use super::failover::{Lane, Link};
use super::health::{EngineStatus, Health};
use super::spec::{Craft, EngineSpec, Hedge, OWN_STT, OWN_TTS};
use crate::domain::SpeechChoice;
use crate::speech::engine::{SpeechToText, TextToSpeech};
use crate::speech::pool::WorkerPool;
use crate::speech::remote::{Network, NetworkError};
use crate::speech::stt::OpenAiStt;
use crate::speech::tts::RemoteVoice;

/// A recogniser in a list.
pub type SttLink = Link<dyn SpeechToText>;
/// A voice in a list.
pub type TtsLink = Link<dyn TextToSpeech>;

/// Requests to engines in the network at once; each holds a thread that waits. One more goes to the next engine.
const REQUESTS: NonZeroUsize = NonZeroUsize::new(32).expect("invariant: not zero");
/// Requests that may wait for one of these threads.
const WAITING: usize = 8;
/// How long one try of the node's own engines may take: they come last, so that there is nothing to hurry to.
const OWN_TIMEOUT: Duration = Duration::from_secs(6);

/// The engines of a node.
pub struct Engines {
    own_stt: SttLink,
    own_tts: TtsLink,
    stt: BTreeMap<String, SttLink>,
    tts: BTreeMap<String, (EngineSpec, TtsLink)>,
    network: Option<(Arc<Network>, Arc<WorkerPool>)>,
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stt, tts): (Vec<_>, Vec<_>) = (self.stt.keys().collect(), self.tts.keys().collect());
        f.debug_struct("Engines").field("stt", &stt).field("tts", &tts).finish_non_exhaustive()
    }
}

impl Engines {
    /// Of a node that declares none beside its own.
    pub fn new(stt: Arc<dyn SpeechToText>, tts: Arc<dyn TextToSpeech>) -> Self {
        Self {
            own_stt: own(stt, OWN_STT, true),
            own_tts: own(tts, OWN_TTS, false),
            stt: BTreeMap::new(),
            tts: BTreeMap::new(),
            network: None,
        }
    }

    /// Adds a recogniser that works on this machine.
    pub fn add_local_stt(&mut self, name: &str, spec: &EngineSpec, engine: Arc<dyn SpeechToText>) {
        self.stt.insert(name.to_owned(), link(engine, name, spec));
    }

    /// Adds a voice that works on this machine.
    pub fn add_local_tts(&mut self, name: &str, spec: &EngineSpec, engine: Arc<dyn TextToSpeech>) {
        self.tts.insert(name.to_owned(), (spec.clone(), link(engine, name, spec)));
    }

    /// Adds a recogniser or voice in the network; it is not asked whether it is there. Other kinds are left alone.
    ///
    /// # Errors
    /// [`NetworkError`] when no thread can be started.
    pub fn add_remote(&mut self, name: &str, spec: &EngineSpec) -> Result<(), NetworkError> {
        if !spec.kind.is_remote() || spec.kind.craft() == Craft::Thinks {
            return Ok(());
        }
        let network = self.network()?;
        if spec.kind.craft() == Craft::Hears {
            let engine: Arc<dyn SpeechToText> = Arc::new(OpenAiStt::new(network, name, spec));
            self.stt.insert(name.to_owned(), link(engine, name, spec));
        } else if let Some(voice) = RemoteVoice::new(network, name, spec) {
            let engine: Arc<dyn TextToSpeech> = Arc::new(voice);
            self.tts.insert(name.to_owned(), (spec.clone(), link(engine, name, spec)));
        }
        Ok(())
    }

    fn network(&mut self) -> Result<Arc<Network>, NetworkError> {
        if let Some((network, _)) = &self.network {
            return Ok(Arc::clone(network));
        }
        let network = Network::start()?;
        let pool = WorkerPool::named("speech-wait", REQUESTS, WAITING).map_err(NetworkError::Runtime)?;
        self.network = Some((Arc::clone(&network), Arc::new(pool)));
        Ok(network)
    }

    /// The recognisers of a choice in their order, the node's own at the end; one that there is not is left out.
    pub fn stt_for(&self, choice: &SpeechChoice) -> Vec<SttLink> {
        let named = |name: &String| match self.stt.get(name) {
            Some(link) => Some(link.clone()),
            None if name == OWN_STT => Some(self.own_stt.clone()),
            None => unknown(name),
        };
        with_own(choice.stt.iter().filter_map(named).collect(), &self.own_stt)
    }

    /// The voices of a choice in their order, the node's own at the end; one that there is not is left out.
    pub fn tts_for(&self, choice: &SpeechChoice) -> Vec<TtsLink> {
        let named = |(at, name): (usize, &String)| match self.tts.get(name) {
            Some((spec, link)) => match (&choice.voice, &self.network) {
                (Some(voice), Some((network, _))) if at == 0 && spec.kind.is_remote() => {
                    let spec = EngineSpec { voice: Some(voice.clone()), ..spec.clone() };
                    let engine: Arc<dyn TextToSpeech> = Arc::new(RemoteVoice::new(Arc::clone(network), name, &spec)?);
                    Some(Link { engine, ..link.clone() })
                }
                _ => Some(link.clone()),
            },
            None if name == OWN_TTS => Some(self.own_tts.clone()),
            None => unknown(name),
        };
        with_own(choice.tts.iter().enumerate().filter_map(named).collect(), &self.own_tts)
    }

    /// The threads that wait for the network; `None` when no engine is there.
    pub fn network_pool(&self) -> Option<&Arc<WorkerPool>> {
        self.network.as_ref().map(|(_, pool)| pool)
    }

    /// Where lists of engines are worked through; `None` when no engine is in the network.
    pub fn network_handle(&self) -> Option<&tokio::runtime::Handle> {
        self.network.as_ref().map(|(network, _)| network.handle())
    }

    /// How every engine does, by name; the node's own first.
    pub fn status(&self) -> Vec<EngineStatus> {
        let own = [self.own_stt.health.status(), self.own_tts.health.status()].into_iter();
        let stt = self.stt.values().map(|link| link.health.status());
        let tts = self.tts.values().map(|(_, link)| link.health.status());
        own.chain(stt).chain(tts).collect()
    }
}

fn own<E: ?Sized>(engine: Arc<E>, name: &str, hears: bool) -> Link<E> {
    let settings = BreakerSettings { failures: 5, window: Duration::from_secs(60), pause: Duration::from_secs(5) };
    let health = Health::new(name, hears, settings);
    Link { engine, lane: Lane::Local, timeout: OWN_TIMEOUT, hedge: Hedge::Off, health }
}

fn link<E: ?Sized>(engine: Arc<E>, name: &str, spec: &EngineSpec) -> Link<E> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let settings =
        BreakerSettings { failures: spec.failures, window: seconds(spec.window_s), pause: seconds(spec.pause_s) };
    Link {
        engine,
        lane: if spec.kind.is_remote() { Lane::Network } else { Lane::Local },
        timeout: spec.timeout(),
        hedge: spec.hedge,
        health: Health::new(name, spec.kind.craft() == Craft::Hears, settings),
    }
}

fn unknown<T>(name: &str) -> Option<T> {
    warn!(engine = name, "a profile names an engine that this node has not; it is left out");
    None
}

/// The list with `own` at its end, unless it stands in it already.
fn with_own<E: ?Sized>(mut links: Vec<Link<E>>, own: &Link<E>) -> Vec<Link<E>> {
    if !links.iter().any(|link| Arc::ptr_eq(&link.health, &own.health)) {
        links.push(own.clone());
    }
    links
}
