//! What callers say, with the pauses in which they have not finished: spoken by Piper and flite, and by people.

use std::path::Path;
use std::process::Command;

use vca::dialogue::Expectation;
use vca::media::{Codec, EncodedAudio};
use vca::speech::tts::Piper;
use vca::speech::{CancelFlag, synthesize_all};

const SAMPLES_PER_MS: usize = 8;
/// Silence before the caller speaks, and after.
const LEAD_MS: usize = 400;
const TRAIL_MS: usize = 3_000;
/// Levels are taken over so many samples: 10 ms.
const STEP: usize = 80;
/// What lies so far below the loudest is silence, dB.
const SILENT_DB: f32 = 35.0;
/// A gap of so long between words can be drawn out without cutting a sound.
const LEAST_GAP_MS: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Sentence,
    YesNo,
    Hesitation,
    Dictation,
    Spelling,
    People,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Sentence, Self::YesNo, Self::Hesitation, Self::Dictation, Self::Spelling, Self::People];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sentence => "sentences",
            Self::YesNo => "yes and no",
            Self::Hesitation => "hesitations",
            Self::Dictation => "dictated numbers",
            Self::Spelling => "spelled names",
            Self::People => "people reading",
        }
    }

    pub fn expects(self) -> Expectation {
        match self {
            Self::Sentence | Self::Hesitation | Self::People => Expectation::Open,
            Self::YesNo => Expectation::YesNo,
            Self::Dictation => Expectation::Digits { len: Some(10) },
            Self::Spelling => Expectation::Spelling,
        }
    }
}

/// One turn of a caller at 8 kHz through A-law, silence around it.
pub struct Clip {
    pub kind: Kind,
    pub said: String,
    pub audio: Vec<i16>,
    /// Where the last sound ends.
    pub end_ms: u64,
    /// The silences inside that were drawn out: where each ends, and its drawn-out length.
    pub pauses_ms: Vec<(u64, u64)>,
}

/// Numbers that look random and are the same in every run.
pub struct Dice(u32);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
}

/// Everything; a kind whose voices are not installed is left out and said so. `share` of 1 is all of it, 4 a quarter.
pub fn all(piper: &Piper, share: usize) -> Vec<Clip> {
    let mut dice = Dice(20);
    let mut studio = Studio { piper, folder: tempfile::tempdir().expect("a temporary folder"), turn: 0 };
    let sentences = include_str!("../callers.txt").lines().filter(|line| line.split(' ').count() > 2);
    let mut clips = Vec::new();
    for said in sentences.filter(|line| !line.contains("eight") && !line.contains("nine")).step_by(share) {
        clips.extend(studio.clip(Kind::Sentence, said, &[], &mut dice));
    }
    for said in
        ["Yes.", "No.", "Yes, please.", "No, thank you.", "Yes, that is right.", "Okay.", "Correct.", "No, wrong."]
    {
        for _ in 0..(4 / share).max(1) {
            clips.extend(studio.clip(Kind::YesNo, said, &[], &mut dice));
        }
    }
    for said in HESITATIONS.iter().cycle().take(64 / share) {
        clips.extend(studio.clip(Kind::Hesitation, said, &[350, 900], &mut dice));
    }
    for _ in 0..64 / share {
        let said = number(&mut dice);
        clips.extend(studio.clip(Kind::Dictation, &said, &[350, 700], &mut dice));
    }
    for said in SPELLINGS.iter().cycle().take(24 / share) {
        clips.extend(studio.clip(Kind::Spelling, said, &[350, 700], &mut dice));
    }
    clips.extend(people(&mut dice));
    clips
}

/// `|` is where the caller thinks.
const HESITATIONS: &[&str] = &[
    "My name is | Rahul Verma.",
    "I would like an appointment for | tomorrow evening.",
    "I am calling about | my car, it does not start.",
    "Can you tell me | how much a haircut costs?",
    "I want to come on Friday | or maybe on Saturday morning.",
    "It is for my daughter, | she has a toothache.",
    "Yes, I would like to | change my appointment.",
    "The best time would be | after six in the evening.",
    "I have a question about | the price of a service.",
    "Um, | I wanted to speak to the doctor.",
    "Please tell him that | I will be late today.",
    "My address is twelve, | M G Road, | near the metro station.",
    "I need someone to | look at my washing machine.",
    "So the thing is, | my tooth is hurting | since yesterday.",
    "Could you ask her to | call me back?",
    "Hello, | I am calling from Bangalore.",
];

const SPELLINGS: &[&str] = &[
    "R, A, | H, U, L.",
    "S, H, A, | R, M, A.",
    "P, R, | I, Y, | A.",
    "V, | E, R, | M, A.",
    "K, H, | A, N.",
    "D for Delhi, | E, S, | A, I.",
    "M, O, H, | A, M, | M, E, D.",
    "A, N, I, | T, A.",
];

/// A mobile number in groups, as it is dictated: digit by digit, now and then "double".
fn number(dice: &mut Dice) -> String {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const GROUPS: [&[usize]; 5] = [&[5, 5], &[3, 3, 4], &[4, 3, 3], &[2, 2, 2, 2, 2], &[5, 3, 2]];
    let mut digits: Vec<usize> = (0..10).map(|_| dice.below(10)).collect();
    digits[0] = 6 + digits[0] % 4;
    let mut said = Vec::new();
    let mut rest = digits.as_slice();
    for &length in GROUPS[dice.below(GROUPS.len())] {
        let (group, after) = rest.split_at(length);
        rest = after;
        let mut words = Vec::new();
        let mut at = 0;
        while at < group.len() {
            let twice = group.get(at + 1) == Some(&group[at]);
            words.push(if twice { format!("double {}", NAMES[group[at]]) } else { NAMES[group[at]].to_owned() });
            at += if twice { 2 } else { 1 };
        }
        said.push(words.join(" "));
    }
    said.join(", | ") + "."
}

/// The voices, in turn.
struct Studio<'a> {
    piper: &'a Piper,
    folder: tempfile::TempDir,
    turn: usize,
}

impl Studio<'_> {
    /// Speaks a text as a whole, so that its melody goes on over the pauses, and draws out its gap nearest to each `|`
    /// to a length between those of `pause_ms`.
    fn clip(&mut self, kind: Kind, said: &str, pause_ms: &[usize], dice: &mut Dice) -> Option<Clip> {
        let parts: Vec<&str> = said.split('|').map(str::trim).collect();
        let voice = [None, Some("slt"), Some("rms"), None, Some("awb"), Some("kal16")][self.turn % 6];
        self.turn += 1;
        let whole = trimmed(&self.speak(voice, &parts.join(" "))?)?;
        let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
        let all = letters(said) as f32;
        let mut before = 0;
        let mut cuts = Vec::new();
        for part in &parts[..parts.len() - 1] {
            before += letters(part);
            let guess = (whole.len() as f32 * before as f32 / all) as usize;
            cuts.push(gap_near(&whole, guess));
        }
        let pauses = cuts.iter().map(|_| dice.between(pause_ms[0], pause_ms[1])).collect();
        Some(assemble(kind, parts.join(" "), &whole, &cuts, pauses, dice))
    }

    fn speak(&self, voice: Option<&str>, text: &str) -> Option<Vec<i16>> {
        let Some(voice) = voice else {
            return synthesize_all(self.piper, text, &CancelFlag::new()).ok();
        };
        let path = self.folder.path().join("said.wav");
        let path = path.to_str()?;
        let spoken = Command::new("flite").args(["-voice", voice, "-t", text, "-o", path]).status();
        spoken.ok().filter(std::process::ExitStatus::success)?;
        sox(&[&[path, "-G"][..], &TELEPHONE, &["-", "gain", "-n", "-6"]].concat())
    }
}

const TELEPHONE: [&str; 10] = ["-t", "raw", "-e", "signed", "-b", "16", "-r", "8000", "-c", "1"];

/// Runs sox; `None` when it is not installed or the input is missing.
fn sox(arguments: &[&str]) -> Option<Vec<i16>> {
    let output = Command::new("sox").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Recordings of people, as they are, and with their own pauses drawn out.
fn people(dice: &mut Dice) -> Vec<Clip> {
    let folder = Path::new("/usr/share/pocketsphinx/test/data");
    let mut clips = Vec::new();
    for (directory, transcription) in [("librivox", "transcription"), ("cards", "cards.transcription")] {
        let text = std::fs::read_to_string(folder.join(directory).join(transcription)).unwrap_or_default();
        for line in text.lines() {
            let Some((said, file)) = line.rsplit_once('(') else { continue };
            let said = said.replace("<s>", "").replace("</s>", "").trim().to_owned();
            let path = folder.join(directory).join(file.trim_end_matches(')')).with_extension("wav");
            let Some(whole) = sox(&[&[path.to_str().unwrap_or_default()], &TELEPHONE[..], &["-"]].concat())
                .and_then(|audio| trimmed(&audio))
            else {
                continue;
            };
            clips.push(assemble(Kind::People, said.clone(), &whole, &[], Vec::new(), dice));
            let gaps = gaps(&whole);
            for gap in gaps.iter().filter(|(from, to)| (to - from) * STEP >= 120 * SAMPLES_PER_MS) {
                let cut = (gap.0 + gap.1) / 2 * STEP;
                let pause = dice.between(350, 700);
                clips.push(assemble(Kind::People, said.clone(), &whole, &[cut], vec![pause], dice));
            }
        }
    }
    clips
}

/// Lays the parts of `whole` between `cuts` on a line with a little noise, a pause after each but the last.
fn assemble(kind: Kind, said: String, whole: &[i16], cuts: &[usize], pauses: Vec<usize>, dice: &mut Dice) -> Clip {
    let mut audio = vec![0; LEAD_MS * SAMPLES_PER_MS];
    let mut from = 0;
    let mut pauses_ms = Vec::new();
    for (&cut, pause) in cuts.iter().zip(&pauses) {
        audio.extend_from_slice(&whole[from..cut]);
        // The gap that was there already is part of the pause.
        let there = silence_around(whole, cut) / SAMPLES_PER_MS;
        audio.extend(std::iter::repeat_n(0, pause.saturating_sub(there) * SAMPLES_PER_MS));
        from = cut;
        pauses_ms.push(((audio.len() / SAMPLES_PER_MS) as u64, *pause as u64));
    }
    audio.extend_from_slice(&whole[from..]);
    let end_ms = (audio.len() / SAMPLES_PER_MS) as u64;
    audio.extend(std::iter::repeat_n(0, TRAIL_MS * SAMPLES_PER_MS));
    for sample in &mut audio {
        *sample = sample.saturating_add(dice.below(33) as i16 - 16);
    }
    let audio = EncodedAudio::from_pcm(Codec::Pcma, &audio).to_pcm();
    Clip { kind, said, audio, end_ms, pauses_ms }
}

/// The level of every 10 ms, dB below the loudest of them.
fn levels(samples: &[i16]) -> Vec<f32> {
    let power = |step: &[i16]| step.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / step.len() as f32 + 1.0;
    let powers: Vec<f32> = samples.chunks(STEP).map(power).collect();
    let loudest = powers.iter().copied().fold(1.0, f32::max);
    powers.iter().map(|power| 10.0 * (power / loudest).log10()).collect()
}

/// Without the silence at both ends.
fn trimmed(samples: &[i16]) -> Option<Vec<i16>> {
    let levels = levels(samples);
    let first = levels.iter().position(|&level| level > -SILENT_DB)?;
    let last = levels.iter().rposition(|&level| level > -SILENT_DB)?;
    Some(samples[first * STEP..((last + 1) * STEP).min(samples.len())].to_vec())
}

/// The silences inside, in steps.
fn gaps(samples: &[i16]) -> Vec<(usize, usize)> {
    let levels = levels(samples);
    let mut gaps = Vec::new();
    let mut began = None;
    for (at, &level) in levels.iter().enumerate() {
        match (level <= -SILENT_DB + 5.0, began) {
            (true, None) => began = Some(at),
            (false, Some(from)) => {
                gaps.push((from, at));
                began = None;
            }
            _ => {}
        }
    }
    gaps.retain(|(from, to)| (to - from) * STEP >= LEAST_GAP_MS * SAMPLES_PER_MS);
    gaps
}

/// The sample to cut at: the middle of a gap near `guess`, longer ones from further away; else the quietest place near.
fn gap_near(samples: &[i16], guess: usize) -> usize {
    let cost = |&(from, to): &(usize, usize)| {
        let away = ((from + to) / 2 * STEP).abs_diff(guess);
        away as i64 - 4 * ((to - from) * STEP) as i64
    };
    let near = |gap: &(usize, usize)| ((gap.0 + gap.1) / 2 * STEP).abs_diff(guess) < 500 * SAMPLES_PER_MS;
    if let Some((from, to)) = gaps(samples).into_iter().filter(near).min_by_key(cost) {
        return (from + to) / 2 * STEP;
    }
    let levels = levels(samples);
    let around = guess / STEP;
    let range = around.saturating_sub(20)..(around + 20).min(levels.len());
    let quietest = range.min_by(|a, b| levels[*a].total_cmp(&levels[*b]));
    quietest.unwrap_or(around) * STEP
}

/// The samples of silence in the gap that `cut` lies in.
fn silence_around(samples: &[i16], cut: usize) -> usize {
    let at = cut / STEP;
    gaps(samples).into_iter().find(|(from, to)| (*from..=*to).contains(&at)).map_or(0, |(from, to)| (to - from) * STEP)
}
