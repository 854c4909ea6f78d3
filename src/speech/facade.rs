//! Everything that a call needs of speech, in one place.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::chain::{self, Pools};
use super::engine::{CancelFlag, RATE_HZ, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError};
use super::engines::{Craft, EngineSpec, EngineStatus, Engines, Lane, OWN_STT, OWN_TTS, SttLink, TtsLink};
use super::llm::{ModelOrder, Models};
use super::metered::Metered;
use super::models::{ModelError, ModelStore};
use super::pool::{JobHandle, PoolFull, Priority, WorkerPool, promise};
use super::prompt_cache::{Prepared, PromptCache, PromptError};
use super::remote::NetworkError;
use super::stt::NoRecogniser;
use super::turn::{EndOfTurn, TurnError};
use super::vad::{SileroModel, SileroVad, VadError};
use crate::domain::SpeechChoice;
use crate::domain::billing::Meter;

/// Sentences that may wait between synthesis and the line: more than an answer has, so that no worker stands idle until
/// the caller has heard them.
const SENTENCES_AHEAD: usize = 64;

/// In place of an end-of-turn model: silence alone tells when a caller has finished.
pub const NO_TURN_MODEL: &str = "none";

/// Which engines to load and where things are.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// The model folder.
    pub models_dir: PathBuf,
    /// Whisper model: a name of the manifest, a file in the model folder, or a path.
    pub stt_model: String,
    /// Piper voice: a name of the manifest, a file in the model folder, or a path.
    pub tts_voice: String,
    /// Voice activity model: a name of the manifest, a file in the model folder, or a path.
    pub vad_model: String,
    /// End-of-turn model: likewise, or [`NO_TURN_MODEL`].
    pub turn_model: String,
    /// How much two renditions of one text by the voice differ: 1 as its maker meant it, 0 not at all.
    pub tts_variation: f32,
    /// Where synthesised phrases are kept.
    pub prompts_dir: PathBuf,
    /// Threads for engines; by default one for each core.
    pub workers: Option<NonZeroUsize>,
    /// Jobs that may wait; by default two for each worker.
    pub queue: Option<usize>,
    /// Engines beside the node's own, by name.
    pub engines: BTreeMap<String, EngineSpec>,
}

impl SpeechConfig {
    /// The default models, with prompts kept in `prompts_dir`.
    pub fn new(prompts_dir: impl Into<PathBuf>) -> Self {
        Self {
            models_dir: super::models::default_dir(),
            stt_model: "whisper-base".to_owned(),
            tts_voice: "piper-joe".to_owned(),
            vad_model: "silero-vad".to_owned(),
            turn_model: "smart-turn".to_owned(),
            tts_variation: 1.0,
            prompts_dir: prompts_dir.into(),
            workers: None,
            queue: None,
            engines: BTreeMap::new(),
        }
    }
}

/// Why speech is not available; the text says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// A model is missing.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The recogniser could not be loaded.
    #[cfg(feature = "whisper")]
    #[error(transparent)]
    Whisper(#[from] super::stt::WhisperError),
    /// The voice could not be loaded.
    #[cfg(feature = "piper")]
    #[error(transparent)]
    Voice(#[from] super::tts::VoiceError),
    /// The voice activity model could not be loaded.
    #[error(transparent)]
    Vad(#[from] VadError),
    /// The prompt folder could not be opened.
    #[error(transparent)]
    Prompts(#[from] PromptError),
    /// Threads could not be started.
    #[error("cannot start the speech workers: {0}")]
    Workers(std::io::Error),
    /// Engines in the network cannot be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The program was built without an engine.
    #[error("this program was built without the feature `{0}`: build it with the default features")]
    NotBuilt(&'static str),
}

/// Speech on its way: its chunks, and how it ended.
pub type Speaking = (mpsc::Receiver<Vec<i16>>, JobHandle<Result<(), TtsError>>);

/// The engines, their threads and the ready phrases, as one profile chooses among them: see [`Speech::of`].
#[derive(Clone)]
pub struct Speech {
    /// Where engine work on this machine runs.
    pub pool: Arc<WorkerPool>,
    /// The recogniser that is asked first.
    pub stt: Arc<dyn SpeechToText>,
    /// The voice that is asked first.
    pub tts: Arc<dyn TextToSpeech>,
    /// Ready phrases in that voice.
    pub prompts: Arc<PromptCache>,
    /// Language models that tenants may choose.
    pub models: Models,
    vad: Option<Arc<SileroModel>>,
    end_of_turn: Option<Arc<dyn EndOfTurn>>,
    /// All that the node has.
    engines: Arc<Engines>,
    /// Where `tts` works.
    voice_lane: Lane,
    /// Who is asked in turn; empty when there is nobody but the node's own.
    hearers: Arc<[SttLink]>,
    /// The same for voices.
    speakers: Arc<[TtsLink]>,
    /// What is asked of engines counts here.
    meter: Meter,
}

impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speech")
            .field("stt", &self.stt.name())
            .field("voice", &self.tts.voice())
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Speech {
    /// Loads and warms every engine; takes about a second, on the calling thread.
    pub fn load(config: &SpeechConfig) -> Result<Self, SpeechError> {
        let models = ModelStore::new(&config.models_dir);
        let tts = load_tts(&models, &config.tts_voice, config.tts_variation)?;
        let stt = load_stt(&models, &config.stt_model)?;
        let vad = SileroModel::load(&models.locate(&config.vad_model)?)?;
        let pool = match (config.workers, config.queue) {
            (None, None) => WorkerPool::with_defaults(),
            (workers, queue) => {
                let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
                let workers = workers.unwrap_or(cores);
                WorkerPool::new(workers, queue.unwrap_or(2 * workers.get()))
            }
        };
        let pool = pool.map_err(SpeechError::Workers)?;
        let prompts = PromptCache::open(&config.prompts_dir, Arc::clone(&tts))?;
        let mut engines = Engines::new(Arc::clone(&stt), Arc::clone(&tts));
        for (name, spec) in &config.engines {
            match (spec.kind.is_remote(), &spec.model, &spec.voice) {
                (true, ..) => engines.add_remote(name, spec)?,
                (false, Some(model), _) if spec.kind.craft() == Craft::Hears => {
                    engines.add_local_stt(name, spec, load_stt(&models, model)?);
                }
                (false, _, Some(voice)) if spec.kind.craft() == Craft::Speaks => {
                    engines.add_local_tts(name, spec, load_tts(&models, voice, config.tts_variation)?);
                }
                // Refused with the configuration.
                (false, ..) => {}
            }
        }
        let end_of_turn = load_end_of_turn(&models, &config.turn_model);
        Ok(Self { vad: Some(vad), end_of_turn, ..Self::own(pool, stt, tts, prompts, engines) })
    }

    fn own(
        pool: WorkerPool,
        stt: Arc<dyn SpeechToText>,
        tts: Arc<dyn TextToSpeech>,
        prompts: PromptCache,
        engines: Engines,
    ) -> Self {
        Self {
            pool: Arc::new(pool),
            stt,
            tts,
            prompts: Arc::new(prompts),
            models: Models::default(),
            vad: None,
            end_of_turn: None,
            engines: Arc::new(engines),
            voice_lane: Lane::Local,
            hearers: Arc::new([]),
            speakers: Arc::new([]),
            meter: Meter::default(),
        }
    }

    /// Speech made of given engines, without a voice activity network: for tests above the engines.
    #[doc(hidden)]
    pub fn with_engines(
        stt: Arc<dyn SpeechToText>,
        tts: Arc<dyn TextToSpeech>,
        prompts_dir: impl Into<PathBuf>,
    ) -> Result<Self, SpeechError> {
        let prompts = PromptCache::open(prompts_dir, Arc::clone(&tts))?;
        let pool = WorkerPool::with_defaults().map_err(SpeechError::Workers)?;
        let engines = Engines::new(Arc::clone(&stt), Arc::clone(&tts));
        Ok(Self::own(pool, stt, tts, prompts, engines))
    }

    /// The same with language models.
    #[must_use]
    pub fn with_models(self, models: Models) -> Self {
        Self { models, ..self }
    }

    /// The same with engines in the network.
    #[doc(hidden)]
    pub fn with_remote(mut self, engines: &BTreeMap<String, EngineSpec>) -> Result<Self, SpeechError> {
        let mut all = Engines::new(Arc::clone(&self.stt), Arc::clone(&self.tts));
        for (name, spec) in engines {
            all.add_remote(name, spec)?;
        }
        self.engines = Arc::new(all);
        Ok(self)
    }

    /// Speech by the engines that a profile chooses; what it shares with all others are the threads, the engines with
    /// their breakers, and the memory of ready phrases. Cheap enough for every call.
    pub fn of(self: &Arc<Self>, choice: &SpeechChoice) -> Arc<Self> {
        if *choice == SpeechChoice::default() {
            return Arc::clone(self);
        }
        let (hearers, speakers) = (self.engines.stt_for(choice), self.engines.tts_for(choice));
        let (Some(stt), Some(tts)) = (hearers.first(), speakers.first()) else { return Arc::clone(self) };
        let prompts = self.prompts.for_voice(Arc::clone(&tts.engine));
        Arc::new(Self {
            pool: Arc::clone(&self.pool),
            stt: Arc::clone(&stt.engine),
            tts: Arc::clone(&tts.engine),
            prompts: Arc::new(prompts),
            models: self.models.clone(),
            vad: self.vad.clone(),
            end_of_turn: self.end_of_turn.clone(),
            engines: Arc::clone(&self.engines),
            voice_lane: tts.lane,
            hearers: hearers.into(),
            speakers: speakers.into(),
            meter: self.meter.clone(),
        })
    }

    /// The same for one call, whose use of engines `meter` counts. What is made ahead for all calls is no call's.
    pub fn for_call(self: &Arc<Self>, choice: &SpeechChoice, meter: Meter) -> Arc<Self> {
        Arc::new(Self { meter, ..Self::clone(&self.of(choice)) })
    }

    /// The language models of a choice, counted where the rest is.
    pub fn models_of(&self, choice: &SpeechChoice) -> ModelOrder {
        self.models.order(&choice.llm).metered(self.meter.clone())
    }

    /// The name of the engine that is asked first.
    fn first<'a, E: ?Sized>(links: &'a [super::engines::Link<E>], own: &'a str) -> &'a str {
        links.first().map_or(own, |link| link.health.name())
    }

    /// Counts what a call has other than engines.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether every phrase is spoken by the node's own voice.
    pub fn speaks_locally(&self) -> bool {
        self.voice_lane == Lane::Local
    }

    /// Synthesises whatever of `texts` is missing in the voice that is asked first: see [`PromptCache::prepare`].
    pub async fn prepare(&self, texts: &[String], progress: &mut (dyn FnMut(usize, usize) + Send)) -> Prepared {
        let pools = Pools::new(&self.pool, &self.engines);
        self.prompts.prepare(pools.of(self.voice_lane), texts, progress).await
    }

    /// Whether anything of a text is heard when it is spoken.
    pub fn is_speakable(text: &str) -> bool {
        !super::tts::sentences(text).is_empty()
    }

    /// Where lists of engines are worked through.
    fn runtime(&self) -> Option<Handle> {
        self.engines.network_handle().cloned().or_else(|| Handle::try_current().ok())
    }

    /// How every engine of the node does: breakers and counters, to be shown or exported.
    pub fn engine_status(&self) -> Vec<EngineStatus> {
        self.engines.status()
    }

    /// The same with an end-of-turn model.
    #[doc(hidden)]
    #[must_use]
    pub fn with_end_of_turn(self, model: Arc<dyn EndOfTurn>) -> Self {
        Self { end_of_turn: Some(model), ..self }
    }

    /// A voice activity detector for one call.
    pub fn new_vad(&self) -> SileroVad {
        self.vad.as_ref().map_or_else(SileroVad::energy_only, |model| SileroVad::new(Arc::clone(model)))
    }

    /// Transcribes `audio` (mono, at the rate in `options`); dropping the handle cancels it.
    pub fn transcribe(
        &self,
        audio: Vec<i16>,
        options: SttOptions,
        priority: Priority,
    ) -> Result<JobHandle<Result<Transcript, SttError>>, PoolFull> {
        if let [_, _, ..] = *self.hearers
            && let Some(runtime) = self.runtime()
        {
            let (kept, handle) = promise();
            let (links, pools) = (Arc::clone(&self.hearers), Pools::new(&self.pool, &self.engines));
            let meter = self.meter.clone();
            runtime.spawn(
                kept.keep(
                    async move { chain::transcribe(&links, &pools, audio.into(), options, priority, &meter).await },
                ),
            );
            return Ok(handle);
        }
        let (stt, metered) = (Arc::clone(&self.stt), Metered::new(&self.meter, Self::first(&self.hearers, OWN_STT)));
        self.pool.submit(priority, move |cancel: &CancelFlag| {
            metered.hearing(audio.len(), options.rate_hz, || stt.transcribe(&audio, &options, cancel))
        })
    }

    /// Judges on the pool whether `audio` (mono, at `rate_hz`) is a finished turn; `None` when no model is loaded or the
    /// pool is full. Dropping the handle cancels it.
    pub fn judge_turn(
        &self,
        audio: Vec<i16>,
        rate_hz: u32,
        priority: Priority,
    ) -> Option<JobHandle<Result<f32, TurnError>>> {
        let model = Arc::clone(self.end_of_turn.as_ref()?);
        self.pool.submit(priority, move |_: &CancelFlag| model.probability(&audio, rate_hz)).ok()
    }

    /// Speaks `text` on the pool at 8 kHz: see [`Self::speak_at`].
    pub fn speak(&self, text: String, priority: Priority) -> Result<Speaking, PoolFull> {
        self.speak_at(text, RATE_HZ, priority)
    }

    /// Speaks `text`, one chunk (mono, at `rate_hz`) for each sentence.
    ///
    /// The channel closes after the last chunk; the handle then says whether all was spoken. Dropping either ends it.
    pub fn speak_at(&self, text: String, rate_hz: u32, priority: Priority) -> Result<Speaking, PoolFull> {
        let (sender, receiver) = mpsc::channel(SENTENCES_AHEAD);
        if let [_, _, ..] = *self.speakers
            && let Some(runtime) = self.runtime()
        {
            let (kept, handle) = promise();
            let (links, pools) = (Arc::clone(&self.speakers), Pools::new(&self.pool, &self.engines));
            let meter = self.meter.clone();
            runtime.spawn(
                kept.keep(async move { chain::speak(&links, &pools, &text, rate_hz, priority, &meter, sender).await }),
            );
            return Ok((receiver, handle));
        }
        let (tts, metered) = (Arc::clone(&self.tts), Metered::new(&self.meter, Self::first(&self.speakers, OWN_TTS)));
        let handle = self.pool.submit(priority, move |cancel: &CancelFlag| {
            let mut sink = |chunk: &[i16]| match sender.blocking_send(chunk.to_vec()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            metered.speaking(&text, || tts.synthesize_at(&text, rate_hz, &mut sink, cancel))
        })?;
        Ok((receiver, handle))
    }
}

/// Calls go well without it, so that a fault is told and no more.
#[cfg(feature = "piper")]
fn load_end_of_turn(models: &ModelStore, model: &str) -> Option<Arc<dyn EndOfTurn>> {
    if model == NO_TURN_MODEL {
        return None;
    }
    let loaded = models.locate(model).map_err(|error| error.to_string());
    let loaded = loaded.and_then(|path| super::turn::SmartTurn::load(&path).map_err(|error| error.to_string()));
    match loaded {
        Ok(model) => Some(Arc::new(model)),
        Err(error) => {
            tracing::warn!(%error, "no end-of-turn model: silence alone tells when a caller has finished");
            None
        }
    }
}

#[cfg(not(feature = "piper"))]
fn load_end_of_turn(_: &ModelStore, _: &str) -> Option<Arc<dyn EndOfTurn>> {
    None
}

#[cfg(feature = "whisper")]
fn load_stt(models: &ModelStore, model: &str) -> Result<Arc<dyn SpeechToText>, SpeechError> {
    if model == NoRecogniser::NAME {
        return Ok(Arc::new(NoRecogniser));
    }
    Ok(Arc::new(super::stt::Whisper::load(&models.locate(model)?)?))
}

#[cfg(not(feature = "whisper"))]
fn load_stt(_: &ModelStore, model: &str) -> Result<Arc<dyn SpeechToText>, SpeechError> {
    if model == NoRecogniser::NAME {
        return Ok(Arc::new(NoRecogniser));
    }
    Err(SpeechError::NotBuilt("whisper"))
}

#[cfg(feature = "piper")]
fn load_tts(models: &ModelStore, voice: &str, variation: f32) -> Result<Arc<dyn TextToSpeech>, SpeechError> {
    Ok(Arc::new(super::tts::Piper::load(&models.locate(voice)?)?.with_variation(variation)))
}

/// The default voice alone, without variation, at this pace (1 is its own): for callers in tests.
///
/// # Errors
/// When the voice is missing or cannot be loaded.
#[cfg(feature = "piper")]
pub fn voice_at_speed(models_dir: &std::path::Path, speed: f32) -> Result<Arc<dyn TextToSpeech>, SpeechError> {
    let voice = ModelStore::new(models_dir).locate(&SpeechConfig::new("").tts_voice)?;
    Ok(Arc::new(super::tts::Piper::load(&voice)?.with_variation(0.0).with_speed(speed)))
}

/// The program has no voice of its own.
///
/// # Errors
/// Always.
#[cfg(not(feature = "piper"))]
pub fn voice_at_speed(_: &std::path::Path, _: f32) -> Result<Arc<dyn TextToSpeech>, SpeechError> {
    Err(SpeechError::NotBuilt("piper"))
}

#[cfg(not(feature = "piper"))]
fn load_tts(_: &ModelStore, _: &str, _: f32) -> Result<Arc<dyn TextToSpeech>, SpeechError> {
    Err(SpeechError::NotBuilt("piper"))
}

#[cfg(test)]
mod tests;
