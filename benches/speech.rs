//! What speech costs and how well it hears: `cargo bench --bench speech`.
//!
//! Everything goes through A-law at 8 kHz, as on a call. Processor time is that of the thread that works. The words of
//! the human recordings come with them: `apt install pocketsphinx-testdata`. `-- --tune` compares more settings;
//! `-- --words` prints what was misheard.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use vca::media::{Codec, EncodedAudio};
use vca::speech::models::ModelStore;
use vca::speech::stt::{Tuning, Whisper};
use vca::speech::tts::Piper;
use vca::speech::vad::{SileroModel, SileroVad};
use vca::speech::{CancelFlag, Expect, SpeechToText, SttOptions, TextToSpeech, Transcript, synthesize_all};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let models = ModelStore::default();
    let model = |name: &str| models.locate(name).unwrap_or_else(|error| panic!("{error}"));
    let piper = Piper::load(&model("piper-joe")).expect("the voice loads");
    if asked("--dictation") {
        return dictation(&piper, &model("whisper-base"));
    }
    println!("Speech engines, one thread a job\n");
    synthesis(&piper);
    voice_activity(&piper, &model("silero-vad"));
    println!();
    let mut corpora =
        vec![piper_corpus(&piper), human_corpus(), other_voices(Noise::None), other_voices(Noise::Street)];
    if asked("--tune") {
        // Nothing differs here that the noisy ones do not show.
        corpora.retain(|corpus| corpus.name != "flite voices");
    }
    if asked("--piper") {
        corpora.truncate(1);
    }
    let mut settings = vec![("30 s window", "whisper-base", Tuning { slack: None, ..Tuning::default() })];
    if asked("--tune") {
        let slack = |slack| Tuning { slack: Some(slack), ..Tuning::default() };
        settings.extend([
            ("never unsure", "whisper-base", Tuning { unsure: 0.0, ..Tuning::default() }),
            ("unsure below 0.6", "whisper-base", Tuning { unsure: 0.6, ..Tuning::default() }),
            ("unsure, then all", "whisper-base", Tuning { retry_slack: None, ..Tuning::default() }),
            ("slack 192", "whisper-base", slack(192)),
            ("slack 256", "whisper-base", slack(256)),
        ]);
    }
    settings.push(("default", "whisper-base", Tuning::default()));
    println!(
        "{:<20} {:<22} {:>7} {:>13} {:>18} {:>8} {:>9}",
        "settings", "speech", "WER %", "more than 30 s", "CPU-s per audio-s", "CPU ms", "guard"
    );
    let mut reference: HashMap<&str, Score> = HashMap::new();
    for (name, file, tuning) in settings {
        let whisper = Whisper::load_with(&model(file), tuning).expect("the model loads");
        for corpus in corpora.iter().filter(|corpus| !corpus.clips.is_empty()) {
            let score = Score::of(&whisper, corpus, asked("--words"));
            let full = reference.entry(corpus.name).or_insert_with(|| score.clone());
            println!("{name:<20} {:<22} {}", corpus.name, score.row(full));
        }
    }
    dictation(&piper, &model("whisper-base"));
    println!("\nmemory of the process: {} MB", resident_mb());
}

struct Clip {
    audio: Vec<i16>,
    said: String,
}

struct Corpus {
    name: &'static str,
    clips: Vec<Clip>,
}

/// What callers of a clinic, a salon or a workshop say, a sentence a line.
fn callers() -> impl Iterator<Item = &'static str> {
    include_str!("callers.txt").lines()
}

fn through_a_law(samples: &[i16]) -> Vec<i16> {
    EncodedAudio::from_pcm(Codec::Pcma, samples).to_pcm()
}

fn piper_corpus(piper: &Piper) -> Corpus {
    let clips = callers().map(|said| {
        let samples = synthesize_all(piper, said, &CancelFlag::new()).expect("the voice speaks");
        Clip { audio: through_a_law(&samples), said: said.to_owned() }
    });
    Corpus { name: "Piper voice", clips: clips.collect() }
}

/// Runs sox; `None` when it is not installed or the input is missing.
fn sox(arguments: &[&str]) -> Option<Vec<i16>> {
    let output = Command::new("sox").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

const TELEPHONE: [&str; 10] = ["-t", "raw", "-e", "signed", "-b", "16", "-r", "8000", "-c", "1"];

fn human_corpus() -> Corpus {
    let folder = Path::new("/usr/share/pocketsphinx/test/data");
    let mut clips = Vec::new();
    for (directory, transcription) in [("librivox", "transcription"), ("cards", "cards.transcription")] {
        let text = std::fs::read_to_string(folder.join(directory).join(transcription)).unwrap_or_default();
        for line in text.lines() {
            let Some((said, file)) = line.rsplit_once('(') else { continue };
            let said = said.replace("<s>", "").replace("</s>", "").replace("a amiable", "amiable");
            let path = folder.join(directory).join(file.trim_end_matches(')')).with_extension("wav");
            clips.extend(human_clip(&[path.to_str().expect("an ASCII path")], &said));
        }
    }
    let raw = ["-t", "raw", "-e", "signed", "-b", "16", "-r", "16000", "-c", "1"];
    for (file, said) in
        [("goforward.raw", "go forward ten meters"), ("tidigits/dhd.2934z.raw", "two nine three four zero")]
    {
        let path = folder.join(file);
        let input = [&raw[..], &[path.to_str().expect("an ASCII path")]].concat();
        clips.extend(human_clip(&input, said));
    }
    if clips.is_empty() {
        println!("no human recordings: apt install pocketsphinx-testdata sox");
    }
    Corpus { name: "people", clips }
}

fn human_clip(input: &[&str], said: &str) -> Option<Clip> {
    let samples = sox(&[input, &TELEPHONE, &["-"]].concat())?;
    Some(Clip { audio: through_a_law(&samples), said: said.to_owned() })
}

#[derive(Clone, Copy, PartialEq)]
enum Noise {
    None,
    Street,
}

/// The same sentences in flite's voices, clean and with brown noise about 12 dB below.
fn other_voices(noise: Noise) -> Corpus {
    let name = if noise == Noise::None { "flite voices" } else { "flite voices, noisy" };
    let folder = std::env::temp_dir().join(format!("vca-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = folder.join("said.wav");
    let path = file.to_str().expect("a UTF-8 path");
    let mut clips = Vec::new();
    for (said, voice) in callers().zip(["slt", "rms", "awb", "kal16"].iter().cycle()) {
        let spoken = Command::new("flite").args(["-voice", voice, "-t", said, "-o", path]).status();
        if !spoken.is_ok_and(|status| status.success()) {
            println!("no flite voices: apt install flite sox");
            break;
        }
        let Some(mut samples) = sox(&[&[path, "-G"][..], &TELEPHONE, &["-", "gain", "-n", "-6"]].concat()) else {
            break;
        };
        if noise == Noise::Street {
            add_brown_noise(&mut samples);
        }
        clips.push(Clip { audio: through_a_law(&samples), said: said.to_owned() });
    }
    // Only a temporary folder is at stake.
    let _ = std::fs::remove_dir_all(&folder);
    Corpus { name, clips }
}

fn add_brown_noise(samples: &mut [i16]) {
    let mut seed = 7_u32;
    let mut level = 0.0_f32;
    for sample in samples {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        level = level * 0.95 + f32::from((seed >> 16) as i16) * 0.02;
        *sample = sample.saturating_add(level as i16);
    }
}

#[derive(Default, Clone)]
struct Score {
    /// Words wrong, clip by clip.
    errors: Vec<usize>,
    words: usize,
    audio_ms: u64,
    cpu_ms: u64,
    clips: usize,
    guard: usize,
}

impl Score {
    fn of(whisper: &Whisper, corpus: &Corpus, show: bool) -> Self {
        let mut score = Self::default();
        for clip in &corpus.clips {
            let heard: Transcript = whisper
                .transcribe(&clip.audio, &SttOptions::default(), &CancelFlag::new())
                .expect("the recogniser works");
            let (wanted, got) = (words(&clip.said), words(&heard.text));
            let errors = distance(&wanted, &got);
            if show && errors > 0 {
                println!("    {errors} in `{}`: `{}` ({:.2})", clip.said.trim(), heard.text, heard.confidence);
            }
            score.errors.push(errors);
            score.words += wanted.len();
            score.audio_ms += heard.audio_ms;
            score.cpu_ms += heard.cpu_ms;
            score.guard += usize::from(heard.guard_fired);
            score.clips += 1;
        }
        score
    }

    /// `full` is the same corpus over the whole window: the difference is taken clip by clip, with its 95 % interval.
    fn row(&self, full: &Self) -> String {
        let percent = |errors: f64| 100.0 * errors / self.words as f64;
        let more: Vec<f64> =
            self.errors.iter().zip(&full.errors).map(|(own, full)| *own as f64 - *full as f64).collect();
        let total: f64 = more.iter().sum();
        let mean = total / more.len() as f64;
        let spread = 1.96 * more.iter().map(|more| (more - mean).powi(2)).sum::<f64>().sqrt();
        let rate = percent(self.errors.iter().sum::<usize>() as f64);
        let cost = self.cpu_ms as f64 / self.audio_ms as f64;
        let each = self.cpu_ms / self.clips as u64;
        let (total, spread) = (percent(total), percent(spread));
        format!("{rate:>7.1} {total:>+7.1} ± {spread:>4.1} {cost:>18.3} {each:>8} {:>5}/{}", self.guard, self.clips)
    }
}

/// Words to compare: case and punctuation aside, numbers as digits said one by one, double and triple ones too.
fn words(text: &str) -> Vec<String> {
    let digits: HashMap<&str, &str> =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eighty"]
            .into_iter()
            .zip(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "80"])
            .collect();
    let same: HashMap<&str, &str> =
        [("mr", "mister"), ("dr", "doctor"), ("bangalore", "bengaluru"), ("metres", "meters"), ("oh", "0"), ("o", "0")]
            .into_iter()
            .collect();
    let lower = text.to_lowercase().replace("half past five", "5 30").replace("haircut", "hair cut");
    let lower = lower.replace("check up", "checkup").replace("check-up", "checkup").replace("colour", "color");
    let mut words = Vec::new();
    for word in lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'').filter(|word| !word.is_empty())
    {
        let word = digits.get(word).or(same.get(word)).copied().unwrap_or(word);
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            let times = match words.last().map(String::as_str) {
                Some("double") => 2,
                Some("triple") => 3,
                _ => 1,
            };
            if times > 1 {
                words.pop();
                words.extend(std::iter::repeat_n(word[..1].to_owned(), times - 1));
            }
            words.extend(word.chars().map(String::from));
        } else {
            words.push(word.to_owned());
        }
    }
    words
}

fn distance(wanted: &[String], got: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=got.len()).collect();
    for (i, want) in wanted.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, word) in got.iter().enumerate() {
            let substituted = diagonal + usize::from(want != word);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[got.len()]
}

fn synthesis(piper: &Piper) {
    let (mut audio, mut first, mut all) = (0.0, 0.0, 0.0);
    for said in callers() {
        let began = Instant::now();
        let mut first_after = None;
        let mut sink = |chunk: &[i16]| {
            first_after.get_or_insert_with(|| began.elapsed().as_secs_f64());
            audio += chunk.len() as f64 / 8000.0;
            ControlFlow::Continue(())
        };
        piper.synthesize(said, &mut sink, &CancelFlag::new()).expect("the voice speaks");
        first += first_after.unwrap_or_default();
        all += began.elapsed().as_secs_f64();
    }
    let count = callers().count() as f64;
    println!(
        "Piper: real-time factor {:.3}, first sentence after {:.0} ms, {:.1} s of audio a text",
        all / audio,
        1000.0 * first / count,
        audio / count
    );
}

fn voice_activity(piper: &Piper, path: &Path) {
    let model = SileroModel::load(path).expect("the network loads");
    let speech: Vec<i16> = callers()
        .take(6)
        .flat_map(|said| synthesize_all(piper, said, &CancelFlag::new()).expect("the voice speaks"))
        .collect();
    for (name, samples) in [("speech", &speech), ("a quiet line", &vec![8_i16; 80_000])] {
        let mut vad = SileroVad::new(Arc::clone(&model));
        let began = Instant::now();
        for frame in samples.chunks_exact(160) {
            vad.push(frame.try_into().expect("a whole frame"));
        }
        let elapsed = began.elapsed().as_secs_f64();
        let chunks = samples.len() as f64 / 256.0;
        println!(
            "Silero, {name}: {:.3} ms a 32 ms chunk, network asked for {:.0} % of them",
            1000.0 * elapsed / chunks,
            100.0 * vad.inferences() as f64 / chunks
        );
    }
}

/// Telephone numbers said digit by digit: how many of them come out whole, with and without being expected.
fn dictation(piper: &Piper, path: &Path) {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let whisper = Whisper::load(path).expect("the model loads");
    let mut seed = 11_u32;
    let numbers: Vec<String> = (0..30)
        .map(|_| {
            let digit = |i| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let digit = (seed >> 16) % 10;
                char::from(b'0' + if i == 0 { 6 + digit % 4 } else { digit } as u8)
            };
            (0..10).map(digit).collect()
        })
        .collect();
    let said = |number: &String| {
        let words: Vec<&str> = number.bytes().map(|digit| NAMES[usize::from(digit - b'0')]).collect();
        words.join(" ")
    };
    let clips: Vec<Vec<i16>> = numbers
        .iter()
        .map(|number| through_a_law(&synthesize_all(piper, &said(number), &CancelFlag::new()).expect("it speaks")))
        .collect();
    println!();
    for expect in [Expect::General, Expect::Digits] {
        let options = SttOptions { expect, ..SttOptions::default() };
        let (mut exact, mut cpu_ms) = (0, 0);
        for (number, clip) in numbers.iter().zip(&clips) {
            let heard = whisper.transcribe(clip, &options, &CancelFlag::new()).expect("the recogniser works");
            cpu_ms += heard.cpu_ms;
            exact += usize::from(words(&heard.text).concat() == *number);
        }
        println!("ten digits, expecting {expect:?}: {exact}/30 whole, {} CPU ms each", cpu_ms / 30);
    }
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
