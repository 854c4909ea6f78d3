//! What the callers say, as audio: synthesised once for a machine, kept in the user's cache folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::scenario::{Scenario, Voice, pieces};
use crate::cli::Failure;
use crate::media::{SAMPLE_RATE_HZ, resample};
use crate::speech::{CancelFlag, TextToSpeech, synthesize_all_at, voice_at_speed};

/// All that was asked for, at 8 kHz.
pub struct Clips {
    folder: PathBuf,
    models: PathBuf,
    /// Piper at each pace, loaded when a clip is missing.
    pipers: HashMap<u32, Arc<dyn TextToSpeech>>,
}

/// The speech of one caller.
pub type Spoken = HashMap<String, Arc<[i16]>>;

impl Clips {
    /// Clips kept in `folder`, made with the voice in the model folder.
    pub fn new(folder: PathBuf, models: PathBuf) -> Self {
        Self { folder, models, pipers: HashMap::new() }
    }

    /// Everything that the caller of a scenario may say; takes seconds where clips are missing.
    ///
    /// # Errors
    /// When a voice cannot be loaded or fails, or the cache cannot be written.
    pub fn of(&mut self, scenario: &Scenario) -> Result<Spoken, Failure> {
        scenario.texts().map(|text| Ok((text.to_owned(), self.text(text, &scenario.voice)?.into()))).collect()
    }

    fn text(&mut self, text: &str, voice: &Voice) -> Result<Vec<i16>, Failure> {
        let mut samples = Vec::new();
        for (words, pause_ms) in pieces(text) {
            if !words.is_empty() {
                samples.extend(self.words(words, voice)?);
            }
            samples.resize(samples.len() + (pause_ms * u64::from(SAMPLE_RATE_HZ) / 1_000) as usize, 0);
        }
        Ok(samples)
    }

    fn words(&mut self, words: &str, voice: &Voice) -> Result<Vec<i16>, Failure> {
        let flite = voice.flite.as_deref().filter(|_| flite_is_there());
        let key = format!("2 {} {:.2} {words}", flite.unwrap_or("piper"), voice.speed);
        let digest = Sha256::digest(key.as_bytes());
        let path =
            self.folder.join(format!("{:x}.wav", u128::from_be_bytes(digest[..16].try_into().expect("16 of 32"))));
        if let Ok(samples) = read(&path) {
            return Ok(samples);
        }
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::Setup(format!("{}: {error}", self.folder.display())))?;
        let samples = match flite {
            Some(name) => by_flite(&path, name, voice.speed, words)?,
            None => self.by_piper(voice.speed, words)?,
        };
        let samples = trimmed(&samples);
        write(&path, samples)?;
        Ok(samples.to_vec())
    }

    fn by_piper(&mut self, speed: f32, words: &str) -> Result<Vec<i16>, Failure> {
        let pace = (speed * 100.0) as u32;
        let piper = match self.pipers.get(&pace) {
            Some(piper) => Arc::clone(piper),
            None => {
                let piper = voice_at_speed(&self.models, speed).map_err(|error| Failure::setup(&error))?;
                self.pipers.insert(pace, Arc::clone(&piper));
                piper
            }
        };
        synthesize_all_at(&*piper, words, SAMPLE_RATE_HZ, &CancelFlag::new()).map_err(|error| Failure::run(&error))
    }
}

fn flite_is_there() -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join("flite").is_file())
}

fn by_flite(beside: &Path, name: &str, speed: f32, words: &str) -> Result<Vec<i16>, Failure> {
    let file = beside.with_extension(format!("{}.tmp", std::process::id()));
    let done = std::process::Command::new("flite")
        .args(["-voice", name, "--setf", &format!("duration_stretch={:.2}", 1.0 / speed), "-t", words, "-o"])
        .arg(&file)
        .status();
    let samples = match done {
        Ok(status) if status.success() => read(&file),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // Nothing is there when flite failed.
    let _ = std::fs::remove_file(&file);
    samples.map_err(|error| Failure::Run(format!("flite -voice {name}: {error}")))
}

/// Without what is quieter than a whisper at both ends.
fn trimmed(samples: &[i16]) -> &[i16] {
    let loud = |sample: &i16| sample.unsigned_abs() > 100;
    let start = samples.iter().position(loud).unwrap_or(0);
    let end = samples.iter().rposition(loud).map_or(0, |at| at + 1);
    samples.get(start..end).unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<i16>, String> {
    let mut reader = hound::WavReader::open(path).map_err(|error| error.to_string())?;
    let rate_hz = reader.spec().sample_rate;
    let samples: Result<Vec<i16>, _> = reader.samples::<i16>().collect();
    let samples = samples.map_err(|error| error.to_string())?;
    if rate_hz == SAMPLE_RATE_HZ {
        return Ok(samples);
    }
    resample::resample_i16(&samples, rate_hz, SAMPLE_RATE_HZ).map_err(|error| error.to_string())
}

/// Written beside and renamed, so that a run beside this one never reads half a clip.
fn write(path: &Path, samples: &[i16]) -> Result<(), Failure> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let written = hound::WavWriter::create(&part, spec).and_then(|mut writer| {
        samples.iter().try_for_each(|sample| writer.write_sample(*sample))?;
        writer.finalize()
    });
    written.map_err(|error| Failure::Run(format!("{}: {error}", part.display())))?;
    std::fs::rename(&part, path).map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}
