//! Recordings as stereo WAV, written by a thread of their own while the call goes on.
//!
//! A session hands over half a second at a time. Data is written before the sizes in the header, so that a process
//! that is killed leaves a file that plays up to its last half second, and [`repair`] finds what lies behind.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::frame::FRAME_SAMPLES;
use crate::vault::MasterKeys;
use crate::vault::sealed::{EXTENSION, Sealer};
use crate::vault::wav::{self, BYTES_PER_SAMPLE, HEADER_BYTES, MAX_DATA_BYTES, header};

/// Frames in one chunk: half a second.
pub const CHUNK_FRAMES: usize = 25;
/// Chunks that may wait for the disk, of all calls: some 16 MB.
const JOBS: usize = 1_024;

/// A stretch of both sides, interleaved.
pub struct Chunk {
    /// The first sample's place since the media start.
    start: u64,
    samples: Vec<[i16; 2]>,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { start: 0, samples: Vec::with_capacity(CHUNK_FRAMES * FRAME_SAMPLES) }
    }
}

impl Chunk {
    /// Whether no further frame has room.
    pub fn is_full(&self) -> bool {
        self.samples.len() + FRAME_SAMPLES > CHUNK_FRAMES * FRAME_SAMPLES
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Appends a frame that was heard and sent at sample `at`.
    pub fn push(&mut self, at: u64, left: &[i16; FRAME_SAMPLES], right: &[i16; FRAME_SAMPLES]) {
        if self.samples.is_empty() {
            self.start = at;
        }
        self.samples.extend(left.iter().zip(right).map(|(l, r)| [*l, *r]));
    }

    fn clear(&mut self) {
        self.samples.clear();
    }
}

/// What the recorder thread is told.
pub enum Job {
    /// Creates the file. Used chunks go back through `recycle`, so that the wheel allocates none.
    Open {
        key: u64,
        path: PathBuf,
        failure: Arc<OnceLock<String>>,
        recycle: SyncSender<Box<Chunk>>,
    },
    Write {
        key: u64,
        chunk: Box<Chunk>,
    },
    Close {
        key: u64,
    },
    /// Drops something whose destruction takes system calls, away from the wheel and after the jobs before.
    Bury(Box<dyn Send>),
}

/// The way to the recorder thread, which ends when the last of these is dropped.
#[derive(Clone)]
pub struct Recorder {
    jobs: SyncSender<Job>,
}

impl Recorder {
    /// Hands over a job without waiting; it comes back if the disk is too far behind.
    pub fn try_send(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}

/// Starts the recorder thread. With keys, recordings are sealed as they are written, under the extension of sealed ones.
///
/// # Errors
/// When the system has no more threads.
pub fn start(keys: Option<Arc<MasterKeys>>) -> io::Result<Recorder> {
    let (jobs, receiver) = sync_channel(JOBS);
    std::thread::Builder::new().name("media-recorder".into()).spawn(move || run(&receiver, keys.as_deref()))?;
    Ok(Recorder { jobs })
}

struct Recording {
    file: Writer,
    failure: Arc<OnceLock<String>>,
    recycle: SyncSender<Box<Chunk>>,
}

fn run(jobs: &Receiver<Job>, keys: Option<&MasterKeys>) {
    let mut open: HashMap<u64, Recording> = HashMap::new();
    let mut bytes = Vec::new();
    for job in jobs {
        match job {
            Job::Open { key, path, failure, recycle } => match Writer::create(&path, keys) {
                Ok(file) => _ = open.insert(key, Recording { file, failure, recycle }),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "recording cannot be written");
                    _ = failure.set(format!("cannot create {}: {error}", path.display()));
                }
            },
            Job::Write { key, mut chunk } => {
                let Some(recording) = open.get_mut(&key) else { continue };
                if let Err(error) = recording.file.write_at(chunk.start, &chunk.samples, &mut bytes) {
                    tracing::warn!(path = %recording.file.path().display(), %error, "recording ends early");
                    _ = recording.failure.set(format!("cannot write {}: {error}", recording.file.path().display()));
                    open.remove(&key);
                    continue;
                }
                chunk.clear();
                // A full return path only means that the wheel has enough of them.
                _ = recording.recycle.try_send(chunk);
            }
            Job::Close { key } => _ = open.remove(&key),
            Job::Bury(corpse) => drop(corpse),
        }
    }
}

/// A recording under way: plain, or sealed.
enum Writer {
    Plain(WavFile),
    Sealed(Box<Sealer>, PathBuf),
}

impl Writer {
    fn create(path: &Path, keys: Option<&MasterKeys>) -> io::Result<Self> {
        let Some(keys) = keys else { return WavFile::create(path).map(Self::Plain) };
        let path = path.with_extension(EXTENSION);
        Ok(Self::Sealed(Box::new(Sealer::create(&path, keys)?), path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Plain(file) => &file.path,
            Self::Sealed(_, path) => path,
        }
    }

    /// Writes samples at their place; what was left out before them reads as silence.
    fn write_at(&mut self, start: u64, samples: &[[i16; 2]], bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(samples.len() * BYTES_PER_SAMPLE as usize, 0);
        for (bytes, [left, right]) in bytes.chunks_exact_mut(BYTES_PER_SAMPLE as usize).zip(samples) {
            bytes[..2].copy_from_slice(&left.to_le_bytes());
            bytes[2..].copy_from_slice(&right.to_le_bytes());
        }
        let at = start * BYTES_PER_SAMPLE;
        match self {
            Self::Plain(file) => file.write_at(at, bytes),
            Self::Sealed(sealer, _) => sealer.write_at(at, bytes),
        }
    }
}

/// A stereo WAV whose header is right after every write.
struct WavFile {
    file: File,
    path: PathBuf,
    data_bytes: u64,
}

impl WavFile {
    fn create(path: &Path) -> io::Result<Self> {
        // The caller's voice: for the owner of the process only.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all_at(&header(0), 0)?;
        Ok(Self { file, path: path.to_owned(), data_bytes: 0 })
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len() as u64;
        if end > MAX_DATA_BYTES {
            return Err(io::Error::other("a WAV file holds no more than 37 hours"));
        }
        self.file.write_all_at(bytes, HEADER_BYTES + at)?;
        self.data_bytes = self.data_bytes.max(end);
        self.file.write_all_at(&header(self.data_bytes as u32), 0)
    }
}

/// Makes the header of a recording that a crash cut short tell its true length, and returns that in milliseconds.
///
/// # Errors
/// When the file cannot be read or written, or is not one of our recordings.
pub fn repair(path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut found = [0u8; HEADER_BYTES as usize];
    file.read_exact_at(&mut found, 0)?;
    let length = file.metadata()?.len();
    // A write that was cut off may end within a sample.
    let data_bytes = ((length - HEADER_BYTES).min(MAX_DATA_BYTES) / BYTES_PER_SAMPLE * BYTES_PER_SAMPLE) as u32;
    let right = header(data_bytes);
    let same = |range: std::ops::Range<usize>| found[range.clone()] == right[range];
    if !(same(0..4) && same(8..40)) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a recording of this program"));
    }
    if found != right {
        file.write_all_at(&right, 0)?;
    }
    Ok(wav::milliseconds(data_bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(start: u64, left: i16, right: i16) -> Box<Chunk> {
        let mut chunk = Box::new(Chunk::default());
        let mut at = start;
        while !chunk.is_full() {
            chunk.push(at, &[left; FRAME_SAMPLES], &[right; FRAME_SAMPLES]);
            at += FRAME_SAMPLES as u64;
        }
        chunk
    }

    struct Bench {
        recorder: Recorder,
        failure: Arc<OnceLock<String>>,
        recycled: Receiver<Box<Chunk>>,
    }

    fn open(path: &Path) -> Bench {
        let recorder = start(None).unwrap();
        let failure = Arc::new(OnceLock::new());
        let (recycle, recycled) = sync_channel(2);
        let job = Job::Open { key: 1, path: path.into(), failure: Arc::clone(&failure), recycle };
        assert!(recorder.try_send(job).is_ok());
        Bench { recorder, failure, recycled }
    }

    impl Bench {
        fn send(&self, job: Job) {
            assert!(self.recorder.try_send(job).is_ok());
        }

        /// Waits until the recorder has done all jobs so far.
        fn settle(&self) {
            struct Signal(SyncSender<()>);
            impl Drop for Signal {
                fn drop(&mut self) {
                    _ = self.0.send(());
                }
            }
            let (done, wait) = sync_channel(1);
            self.send(Job::Bury(Box::new(Signal(done))));
            wait.recv().unwrap();
        }
    }

    #[test]
    fn the_file_is_whole_after_every_chunk_without_being_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let bench = open(&path);
        for n in 0..4u64 {
            bench.send(Job::Write { key: 1, chunk: chunk(n * 4_000, n as i16 + 1, -(n as i16) - 1) });
            bench.recycled.recv().unwrap();
            // What a reader sees now is what a kill would leave.
            let mut reader = hound::WavReader::open(&path).unwrap();
            let spec = reader.spec();
            assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8_000, 16));
            let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
            assert_eq!(samples.len() as u64, (n + 1) * 8_000);
            assert_eq!(samples[samples.len() - 2..], [n as i16 + 1, -(n as i16) - 1]);
        }
        assert_eq!(bench.failure.get(), None);
    }

    #[test]
    fn a_hole_and_a_late_start_are_silence_in_the_right_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let bench = open(&path);
        bench.send(Job::Write { key: 1, chunk: chunk(8_000, 5, 6) });
        bench.settle();
        let samples: Vec<i16> = hound::WavReader::open(&path).unwrap().samples::<i16>().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 24_000);
        assert!(samples[..16_000].iter().all(|s| *s == 0));
        assert_eq!(samples[16_000..16_002], [5, 6]);
    }

    #[test]
    fn a_cut_off_file_is_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let bench = open(&path);
        bench.send(Job::Write { key: 1, chunk: chunk(0, 1, 2) });
        bench.send(Job::Close { key: 1 });
        bench.settle();
        // The process was killed after data was written and before the header was, in the middle of a sample.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[1; 1_602], 44 + 16_000).unwrap();
        assert_eq!(repair(&path).unwrap(), 550);
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 4_400);
        assert_eq!(repair(&path).unwrap(), 550);
    }

    #[test]
    fn what_is_no_recording_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(repair(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(std::fs::read(&path).unwrap(), [7; 100]);
        std::fs::write(&path, [7; 10]).unwrap();
        assert!(repair(&path).is_err());
        assert!(repair(&dir.path().join("none")).is_err());
    }

    #[test]
    fn an_unwritable_place_and_a_full_disk_are_reported() {
        let dir = tempfile::tempdir().unwrap();
        let bench = open(&dir.path().join("no-such-folder/call.wav"));
        bench.send(Job::Write { key: 1, chunk: chunk(0, 1, 2) });
        bench.settle();
        assert!(bench.failure.get().unwrap().contains("cannot create"), "{:?}", bench.failure);
        let bench = open(Path::new("/dev/full"));
        bench.settle();
        assert!(bench.failure.get().is_some());
    }
}
