//! Speech by a list of engines: what one cannot do in time, the next one does.
//!
//! A voice is handed over by whole sentences: who hears half a sentence and then another voice saying all of it has
//! been served worse than by a wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::engine::{CancelFlag, SttError, SttOptions, Transcript, TtsError, synthesize_all_at};
use super::engines::{Blame, Engines, Fault, Lane, SttLink, TtsLink, first_answer};
use super::http::HttpFailure;
use super::metered::Metered;
use super::plausible::believable;
use super::pool::{JobError, JobHandle, PoolFull, Priority, WorkerPool};
use super::tts::{pause, sentences, written};
use crate::domain::billing::Meter;

/// The threads that engines work on.
#[derive(Clone)]
pub(super) struct Pools {
    local: Arc<WorkerPool>,
    network: Option<Arc<WorkerPool>>,
}

impl Pools {
    pub fn new(local: &Arc<WorkerPool>, engines: &Engines) -> Self {
        Self { local: Arc::clone(local), network: engines.network_pool().cloned() }
    }

    pub fn of(&self, lane: Lane) -> &WorkerPool {
        match (lane, &self.network) {
            (Lane::Network, Some(network)) => network,
            _ => &self.local,
        }
    }
}

/// Transcribes by the first of `links` that can.
///
/// # Errors
/// That of the last one that was tried.
pub(super) async fn transcribe(
    links: &[SttLink],
    pools: &Pools,
    audio: Arc<[i16]>,
    options: SttOptions,
    priority: Priority,
    meter: &Meter,
) -> Result<Transcript, SttError> {
    let attempt = |link: &SttLink| {
        let metered = Metered::new(meter, link.health.name());
        let end = Instant::now() + link.timeout;
        let deadline = Some(options.deadline.map_or(end, |whole| whole.min(end)));
        let options = SttOptions { deadline, ..options.clone() };
        let (engine, audio) = (Arc::clone(&link.engine), Arc::clone(&audio));
        let work = move |cancel: &CancelFlag| {
            let listen = || engine.transcribe(&audio, &options, cancel);
            let heard = metered.hearing(audio.len(), options.rate_hz, listen)?;
            let reason = "the text is far too long for its audio".to_owned();
            let odd = !heard.text.is_empty() && believable(heard.text.clone(), heard.audio_ms).is_empty();
            if odd { Err(SttError::Engine { engine: engine.name().to_owned(), reason }) } else { Ok(heard) }
        };
        settled(link.engine.name().to_owned(), link.timeout, pools.of(link.lane).submit(priority, work))
    };
    let answer = first_answer(links, 0, attempt).await;
    answer.map(|(_, transcript)| transcript).map_err(|error| error.unwrap_or(SttError::Busy))
}

/// Speaks `text` into `chunks`, one (mono, at `rate_hz`) for each sentence, by the first of `links` that can; who has
/// failed in one sentence is not asked for the next.
///
/// # Errors
/// That of the last one that was tried.
pub(super) async fn speak(
    links: &[TtsLink],
    pools: &Pools,
    text: &str,
    rate_hz: u32,
    priority: Priority,
    meter: &Meter,
    chunks: mpsc::Sender<Vec<i16>>,
) -> Result<(), TtsError> {
    let sentences = sentences(text);
    let mut first = 0;
    for (at, sentence) in sentences.iter().enumerate() {
        let words = written(sentence);
        let attempt = |link: &TtsLink| {
            let (engine, words) = (Arc::clone(&link.engine), words.clone());
            let metered = Metered::new(meter, link.health.name());
            let work = move |cancel: &CancelFlag| {
                metered.speaking(&words, || synthesize_all_at(&*engine, &words, rate_hz, cancel))
            };
            settled(link.engine.name().to_owned(), link.timeout, pools.of(link.lane).submit(priority, work))
        };
        let answer = first_answer(links, first, attempt).await;
        let (by, mut pcm) = answer.map_err(|error| error.unwrap_or(TtsError::Busy))?;
        first = by;
        if at + 1 < sentences.len() {
            pause(&mut pcm, sentence, rate_hz);
        }
        if chunks.send(pcm).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What the errors of recognisers and voices have in common.
trait EngineError: std::fmt::Display {
    fn busy() -> Self;
    fn late(engine: String) -> Self;
    fn crashed(engine: String) -> Self;
    /// `None` when the engine is not to blame.
    fn blame(&self) -> Option<Blame>;
}

/// What became of one engine's job within `limit`.
async fn settled<T, X: EngineError>(
    engine: String,
    limit: Duration,
    job: Result<JobHandle<Result<T, X>>, PoolFull>,
) -> Result<T, Fault<X>> {
    let error = match job {
        Err(PoolFull) => X::busy(),
        Ok(job) => match tokio::time::timeout(limit, job).await {
            Ok(Ok(Ok(done))) => return Ok(done),
            Ok(Ok(Err(error))) => error,
            Ok(Err(JobError::Dropped)) => X::busy(),
            Ok(Err(JobError::Panicked)) => X::crashed(engine),
            Err(_) => X::late(engine),
        },
    };
    Err(Fault { blame: error.blame(), error })
}

fn blame_of(failure: &HttpFailure) -> Blame {
    match failure {
        HttpFailure::TimedOut => Blame::Slow,
        HttpFailure::RateLimited { retry_after, .. } => Blame::RateLimited(*retry_after),
        HttpFailure::Refused { .. } => Blame::Refused,
        _ => Blame::Broken,
    }
}

const PANICKED: &str = "it panicked";

impl EngineError for SttError {
    fn busy() -> Self {
        Self::Busy
    }

    fn late(engine: String) -> Self {
        Self::Remote { engine, failure: HttpFailure::TimedOut }
    }

    fn crashed(engine: String) -> Self {
        Self::Engine { engine, reason: PANICKED.to_owned() }
    }

    fn blame(&self) -> Option<Blame> {
        match self {
            Self::Cancelled | Self::Busy => None,
            Self::DeadlinePassed => Some(Blame::Slow),
            Self::Remote { failure, .. } => Some(blame_of(failure)),
            Self::Engine { .. } => Some(Blame::Broken),
        }
    }
}

impl EngineError for TtsError {
    fn busy() -> Self {
        Self::Busy
    }

    fn late(engine: String) -> Self {
        Self::TooSlow { engine }
    }

    fn crashed(engine: String) -> Self {
        Self::Engine { engine, reason: PANICKED.to_owned() }
    }

    fn blame(&self) -> Option<Blame> {
        match self {
            Self::Cancelled | Self::Busy => None,
            Self::TooSlow { .. } => Some(Blame::Slow),
            Self::Remote { failure, .. } => Some(blame_of(failure)),
            Self::Phonemes(_) | Self::Engine { .. } => Some(Blame::Broken),
        }
    }
}
