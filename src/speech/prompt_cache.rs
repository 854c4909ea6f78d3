//! Phrases that were synthesised before anybody waited for them, kept on disk: in A-law as it goes into RTP packets, and
//! in G.722 for wide-band calls, in as many bytes. Both come of one synthesis.
//!
//! A file's name is the hash of engine, voice, codec and text, so a change of any of them asks for a new file and an
//! old one can stay.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::digits;
use super::engine::{CancelFlag, RATE_HZ, TextToSpeech, TtsError, WIDE_RATE_HZ, synthesize_all_at};
use super::models::hex;
use super::pool::{Class, JobError, Priority, WorkerPool};
use crate::media::resample::Halver;
use crate::media::{Codec, EncodedAudio};

/// Bytes of audio kept in memory: over an hour of speech.
pub const MEMORY_BYTES: usize = 32 << 20;
/// Phrases that are asked of another voice at once: it may be somebody else's server.
const OF_OTHERS_AT_ONCE: usize = 4;
/// Failures one after the other after which the rest is left to be made when it is needed.
const FAILURES_IN_A_ROW: usize = 8;
/// What prompts are stored in: A-law, which Indian trunks use (µ-law calls transcode by table), and what every wide-band
/// call encodes anew, so that clips join and levels change without a click.
const STORED: [(Codec, &str); 2] = [(Codec::Pcma, "alaw"), (Codec::G722, "g722")];

/// Why a phrase could not be kept or made.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}. The prompt folder must be writable", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The synthesiser failed.
    #[error("cannot prepare the phrase `{text}`: {source}")]
    Synthesis { text: String, source: TtsError },
    /// The worker pool gave the job up.
    #[error("cannot prepare the phrase `{text}`: {source}")]
    Job { text: String, source: JobError },
}

impl PromptError {
    /// The phrase that could not be made; `None` when it is the folder that fails.
    pub fn phrase(&self) -> Option<&str> {
        match self {
            Self::Io { .. } => None,
            Self::Synthesis { text, .. } | Self::Job { text, .. } => Some(text),
        }
    }
}

/// What [`PromptCache::prepare`] did.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Phrases synthesised now.
    pub made: usize,
    /// Phrases that were there already.
    pub present: usize,
    /// Phrases that could not be made; calls can go on without them.
    pub failed: Vec<PromptError>,
}

/// One phrase in each of the codecs that are stored.
#[derive(Debug, Clone)]
pub struct Rendition {
    narrow: EncodedAudio,
    wide: EncodedAudio,
}

impl Rendition {
    /// Encodes 16-bit PCM at 16 kHz.
    pub fn from_wide_pcm(samples: &[i16]) -> Self {
        let mut narrow = vec![0; samples.len() / 2];
        Halver::default().process(samples, &mut narrow);
        Self { narrow: EncodedAudio::from_pcm(Codec::Pcma, &narrow), wide: EncodedAudio::from_wide_pcm(samples) }
    }
}

struct Entry {
    audio: EncodedAudio,
    last_used: u64,
}

#[derive(Default)]
struct Memory {
    entries: HashMap<String, Entry>,
    bytes: usize,
    clock: u64,
}

/// The phrases of one voice. All voices of a node share a folder and the bound on memory.
pub struct PromptCache {
    dir: PathBuf,
    tts: Arc<dyn TextToSpeech>,
    memory: Arc<Mutex<Memory>>,
    memory_bytes: usize,
    /// Phrases that are synthesised at once, at most.
    at_once: usize,
}

impl std::fmt::Debug for PromptCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromptCache").field("dir", &self.dir).field("voice", &self.tts.voice()).finish_non_exhaustive()
    }
}

impl PromptCache {
    /// Opens `dir`, creating it, for what `tts` would say.
    pub fn open(dir: impl Into<PathBuf>, tts: Arc<dyn TextToSpeech>) -> Result<Self, PromptError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(io_error("create", &dir))?;
        Ok(Self { dir, tts, memory: Arc::default(), memory_bytes: MEMORY_BYTES, at_once: usize::MAX })
    }

    /// The phrases of another voice, in the same folder and within the same bound.
    #[must_use]
    pub fn for_voice(&self, tts: Arc<dyn TextToSpeech>) -> Self {
        Self {
            dir: self.dir.clone(),
            tts,
            memory: Arc::clone(&self.memory),
            memory_bytes: self.memory_bytes,
            at_once: OF_OTHERS_AT_ONCE,
        }
    }

    /// The phrase at 8 kHz, when it is ready. Reads one small file the first time.
    pub fn get(&self, text: &str) -> Option<EncodedAudio> {
        self.get_in(text, STORED[0])
    }

    /// A phrase that a call wants to speak, ready or made of ready pieces ([`super::digits`]).
    pub fn ready(&self, text: &str, wide: bool) -> Option<EncodedAudio> {
        self.get_for(text, wide).or_else(|| self.of_pieces(text, wide))
    }

    fn of_pieces(&self, text: &str, wide: bool) -> Option<EncodedAudio> {
        let plan = digits::plan(text)?;
        let of = |piece: &digits::Piece| {
            let audio = self.get_for(&piece.text, wide)?;
            Some((piece.pause_ms, if wide { audio.to_wide_pcm() } else { audio.to_pcm() }))
        };
        let pieces: Vec<_> = plan.iter().map(of).collect::<Option<_>>()?;
        Some(if wide {
            EncodedAudio::from_wide_pcm(&digits::join(pieces, WIDE_RATE_HZ))
        } else {
            EncodedAudio::from_pcm(STORED[0].0, &digits::join(pieces, RATE_HZ))
        })
    }

    /// The phrase for a call of this band: at 16 kHz for a wide one, where it is ready like that, else at 8 kHz.
    pub fn get_for(&self, text: &str, wide: bool) -> Option<EncodedAudio> {
        wide.then(|| self.get_in(text, STORED[1])).flatten().or_else(|| self.get(text))
    }

    fn get_in(&self, text: &str, stored: (Codec, &str)) -> Option<EncodedAudio> {
        let key = self.key(text, stored);
        let mut memory = self.lock();
        memory.clock += 1;
        let now = memory.clock;
        if let Some(entry) = memory.entries.get_mut(&key) {
            entry.last_used = now;
            return Some(entry.audio.clone());
        }
        drop(memory);
        let bytes = fs::read(self.dir.join(&key)).ok().filter(|bytes| !bytes.is_empty())?;
        let audio = EncodedAudio { codec: stored.0, bytes: bytes.into() };
        self.remember(key, audio.clone());
        Some(audio)
    }

    /// Keeps a phrase; on disk each file appears whole or not at all.
    pub fn insert(&self, text: &str, rendition: &Rendition) -> Result<(), PromptError> {
        for (stored, audio) in STORED.into_iter().zip([&rendition.narrow, &rendition.wide]) {
            let key = self.key(text, stored);
            let path = self.dir.join(&key);
            // Two writers of one phrase must not share a temporary file.
            let partial = self.dir.join(format!("{key}.{:?}.part", std::thread::current().id()));
            let write = || {
                let mut file = fs::File::create(&partial)?;
                file.write_all(&audio.bytes)?;
                file.sync_all()?;
                fs::rename(&partial, &path)
            };
            write().map_err(io_error("write", &path))?;
            if stored == STORED[0] {
                self.remember(key, audio.clone());
            }
        }
        Ok(())
    }

    fn is_there(&self, text: &str) -> bool {
        STORED.into_iter().all(|stored| self.dir.join(self.key(text, stored)).is_file())
    }

    /// Synthesises on `pool` whatever of `texts` is missing; `progress` gets the number done and the number in all.
    pub async fn prepare(
        &self,
        pool: &WorkerPool,
        texts: &[String],
        progress: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let mut missing: Vec<&String> = texts.iter().filter(|text| !self.is_there(text)).collect();
        missing.sort_unstable();
        missing.dedup();
        prepared.present = texts.len() - missing.len();
        let (mut done, total) = (prepared.present, texts.len());
        progress(done, total);
        // As many at a time as there are workers keeps them busy and leaves the queue to callers.
        let mut in_a_row = 0;
        for batch in missing.chunks(pool.workers().min(self.at_once)) {
            if in_a_row >= FAILURES_IN_A_ROW {
                break;
            }
            let mut handles = Vec::new();
            for text in batch {
                handles.push((*text, self.submit(pool, text).await));
            }
            for (text, handle) in handles {
                match self.keep(text, handle.await) {
                    Ok(()) => {
                        prepared.made += 1;
                        in_a_row = 0;
                    }
                    Err(error) => {
                        prepared.failed.push(error);
                        in_a_row += 1;
                    }
                }
                done += 1;
                progress(done, total);
            }
        }
        prepared
    }

    async fn submit(&self, pool: &WorkerPool, text: &str) -> super::pool::JobHandle<Result<Rendition, TtsError>> {
        const PATIENCE: Duration = Duration::from_millis(50);
        let priority = Priority { deadline: Instant::now(), class: Class::Background };
        loop {
            let (tts, text) = (Arc::clone(&self.tts), text.to_owned());
            let job = move |cancel: &CancelFlag| {
                let samples = synthesize_all_at(&*tts, &text, WIDE_RATE_HZ, cancel)?;
                Ok(Rendition::from_wide_pcm(&samples))
            };
            match pool.submit(priority, job) {
                Ok(handle) => return handle,
                // Callers have the workers now.
                Err(_) => tokio::time::sleep(PATIENCE).await,
            }
        }
    }

    fn keep(&self, text: &str, outcome: Result<Result<Rendition, TtsError>, JobError>) -> Result<(), PromptError> {
        let text_owned = || text.to_owned();
        let rendition = outcome
            .map_err(|source| PromptError::Job { text: text_owned(), source })?
            .map_err(|source| PromptError::Synthesis { text: text_owned(), source })?;
        self.insert(text, &rendition)
    }

    /// The name of the phrase's file.
    fn key(&self, text: &str, (codec, extension): (Codec, &str)) -> String {
        let mut hash = Sha256::new();
        for part in [self.tts.name(), self.tts.voice(), &format!("{codec:?}"), text] {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        format!("{}.{extension}", hex(&hash.finalize()))
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, key: String, audio: EncodedAudio) {
        let mut memory = self.lock();
        memory.clock += 1;
        let last_used = memory.clock;
        memory.bytes += audio.bytes.len();
        if let Some(old) = memory.entries.insert(key, Entry { audio, last_used }) {
            memory.bytes -= old.audio.bytes.len();
        }
        while memory.bytes > self.memory_bytes {
            let oldest = memory.entries.iter().min_by_key(|(_, entry)| entry.last_used).map(|(key, _)| key.clone());
            let Some(entry) = oldest.and_then(|key| memory.entries.remove(&key)) else { return };
            memory.bytes -= entry.audio.bytes.len();
        }
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PromptError {
    let path = path.to_owned();
    move |source| PromptError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::fake::{FakeTts, Scripted};

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[tokio::test]
    async fn phrases_are_made_once_and_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let pool = WorkerPool::with_defaults().unwrap();
        let wanted = texts(&["good morning", "goodbye", "goodbye"]);
        let cache = PromptCache::open(dir.path(), Arc::new(FakeTts::default())).unwrap();
        assert_eq!(cache.get("goodbye"), None);
        let mut seen = Vec::new();
        let prepared = cache.prepare(&pool, &wanted, &mut |done, total| seen.push((done, total))).await;
        assert_eq!((prepared.made, prepared.present, prepared.failed.len()), (2, 1, 0));
        assert_eq!(seen.last(), Some(&(3, 3)));
        let audio = cache.get("good morning").unwrap();
        assert_eq!((audio.codec, audio.bytes.len()), (Codec::Pcma, 2 * 1600));
        let wide = cache.get_for("good morning", true).unwrap();
        assert_eq!((wide.codec, wide.bytes.len()), (Codec::G722, 2 * 1600));
        for said in [audio.to_pcm(), wide.to_pcm()] {
            assert!(crate::media::tone::is_present(&said[200..1_400], 440.0));
        }
        assert_eq!(cache.get_for("good morning", false), Some(audio.clone()));

        // A synthesiser that fails shows that nothing is synthesised again.
        let broken = FakeTts::new([Scripted::Fail, Scripted::Fail]);
        let again = PromptCache::open(dir.path(), Arc::new(broken)).unwrap();
        let prepared = again.prepare(&pool, &wanted, &mut |_, _| {}).await;
        assert_eq!((prepared.made, prepared.present, prepared.failed.len()), (0, 3, 0));
        assert_eq!(again.get("good morning"), Some(audio));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let of = |kind: &str| left.iter().filter(|path| path.extension().unwrap() == kind).count();
        assert_eq!((of("alaw"), of("g722"), left.len()), (2, 2, 4), "{left:?}");
        // What an earlier version has left is used in wide-band calls too, and then made anew.
        left.iter().filter(|path| path.extension().unwrap() == "g722").for_each(|path| fs::remove_file(path).unwrap());
        let old = PromptCache::open(dir.path(), Arc::new(FakeTts::default())).unwrap();
        assert_eq!(old.get_for("goodbye", true).map(|audio| audio.codec), Some(Codec::Pcma));
        assert_eq!(old.prepare(&pool, &wanted, &mut |_, _| {}).await.made, 2);
        assert_eq!(old.get_for("goodbye", true).map(|audio| audio.codec), Some(Codec::G722));
    }

    #[tokio::test]
    async fn a_phrase_that_fails_does_not_stop_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let pool = WorkerPool::new(std::num::NonZeroUsize::MIN, 2).unwrap();
        let tts = FakeTts::new([Scripted::Fail, Scripted::Panic]);
        let cache = PromptCache::open(dir.path(), Arc::new(tts)).unwrap();
        let prepared = cache.prepare(&pool, &texts(&["a", "b", "c"]), &mut |_, _| {}).await;
        assert_eq!((prepared.made, prepared.failed.len()), (1, 2));
        assert!(prepared.failed[0].to_string().contains("`a`"), "{:?}", prepared.failed);
        assert!(cache.get("c").is_some());
    }

    #[test]
    fn memory_is_bounded_and_forgets_what_was_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = PromptCache::open(dir.path(), Arc::new(FakeTts::default())).unwrap();
        cache.memory_bytes = 250;
        for text in ["a", "b"] {
            cache.insert(text, &Rendition::from_wide_pcm(&[0; 200])).unwrap();
        }
        assert!(cache.get("a").is_some());
        cache.insert("c", &Rendition::from_wide_pcm(&[0; 200])).unwrap();
        let memory = cache.lock();
        assert_eq!((memory.bytes, memory.entries.len()), (200, 2));
        assert!(
            memory.entries.contains_key(&cache.key("a", STORED[0]))
                && !memory.entries.contains_key(&cache.key("b", STORED[0]))
        );
        drop(memory);
        assert!(cache.get("b").is_some(), "it is still on disk");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = PromptCache::open(file.path().join("prompts"), Arc::new(FakeTts::default())).unwrap_err();
        assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
    }
}
