//! Lines, and what is on the other end while they play.

use std::process::Command;

use vca::speech::tts::Piper;
use vca::speech::{CancelFlag, synthesize_all};

/// When the caller begins, give or take a frame: an echo is learned by then.
const BEGINS_MS: usize = 3_000;
/// Levels of the agent and of callers while they speak, in dBFS.
const AGENT_DBFS: f32 = -18.0;
const CALLER_DBFS: f32 = -24.0;
const SOFT_DBFS: f32 = -36.0;
const STREET_DBFS: f32 = -42.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Interrupts,
    InStreet,
    Softly,
    OverEcho,
    Backchannels,
    BackchannelsInStreet,
    Echo,
    LoudEcho,
    Noises,
    Street,
}

impl Group {
    pub const ALL: [Self; 10] = [
        Self::Interrupts,
        Self::InStreet,
        Self::Softly,
        Self::OverEcho,
        Self::Backchannels,
        Self::BackchannelsInStreet,
        Self::Echo,
        Self::LoudEcho,
        Self::Noises,
        Self::Street,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupts => "interruptions",
            Self::InStreet => "interruptions from a street",
            Self::Softly => "interruptions at -36 dBFS",
            Self::OverEcho => "interruptions over an echo of -20 dB",
            Self::Backchannels => "backchannels",
            Self::BackchannelsInStreet => "backchannels from a street",
            Self::Echo => "echo of -30 to -20 dB, 60 to 400 ms",
            Self::LoudEcho => "echo of -12 dB, 60 to 400 ms",
            Self::Noises => "coughs and knocks",
            Self::Street => "a street",
        }
    }
}

/// One line and its caller.
pub struct Trial {
    pub group: Group,
    pub said: String,
    pub line: Vec<f32>,
    /// From the beginning of the line on.
    pub caller: Vec<f32>,
    /// Repeats.
    pub noise: Vec<f32>,
    pub echo_ms: usize,
    pub echo_gain: f32,
    /// How long after the caller's packets the media turn, 0 to 19.
    pub phase_ms: usize,
    /// The caller's first sound.
    pub onset_ms: Option<usize>,
}

const LINES: [&str; 5] = [
    "We are open from Monday to Friday, from ten in the morning to one, and from four to eight in the evening. \
     On Saturday we are open from ten to two, and on Sunday the clinic is closed.",
    "You will find us at twelve, M G Road, in the building opposite the metro station, on the second floor, just \
     above the bakery. There is a place to park behind the building.",
    "I have your name as Rahul Verma, your number as nine eight seven six five, four three two one zero, and you \
     would like to come tomorrow evening because of a toothache.",
    "A check up takes about half an hour and costs five hundred rupees. A cleaning takes forty minutes and costs \
     twelve hundred rupees. For everything else the doctor tells you the price first.",
    "Thank you for calling the clinic. I am an automated assistant, and this call may be recorded. I can give you \
     an appointment, take a message, or answer a question. How may I help you?",
];

const BACKCHANNELS: [&str; 16] = [
    "okay",
    "okay okay",
    "hmm",
    "mm hmm",
    "uh huh",
    "I see",
    "right",
    "yes",
    "yeah yeah",
    "haan",
    "haan jee",
    "achha",
    "theek hai",
    "sahi hai",
    "all right",
    "okay, I see",
];
const HINDI: [&str; 10] =
    ["हाँ", "हाँ जी", "अच्छा", "ठीक है", "ठीक है, ठीक है", "जी", "सही है", "हाँ हाँ", "अच्छा अच्छा", "जी हाँ"];
const VOICES: [&str; 4] = ["slt", "rms", "awb", "kal16"];

/// Numbers that look random and are the same in every run.
struct Dice(u32);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }

    /// -1 to 1.
    fn noise(&mut self) -> f32 {
        self.below(20_001) as f32 / 10_000.0 - 1.0
    }
}

/// Everything, in the order of its groups.
pub fn all(piper: &Piper) -> Vec<Trial> {
    let mut dice = Dice(11);
    let mut lines: Vec<Vec<f32>> = Vec::new();
    for text in LINES {
        let spoken = synthesize_all(piper, text, &CancelFlag::new()).expect("the voice speaks");
        lines.push(at_level(&trimmed(&spoken), AGENT_DBFS));
    }
    let studio = Studio { folder: tempfile::tempdir().expect("a temporary folder") };
    let mut trials = Vec::new();
    let street = street(&mut dice);
    let sentences: Vec<&str> =
        include_str!("../callers.txt").lines().filter(|line| line.split(' ').count() > 3).collect();
    for group in [Group::Interrupts, Group::InStreet, Group::Softly, Group::OverEcho] {
        for n in 0..24 {
            let said = sentences[(n * 4 + n / 6) % sentences.len()];
            let Some(spoken) = studio.flite(VOICES[n % VOICES.len()], said) else { continue };
            let level = if group == Group::Softly { SOFT_DBFS } else { CALLER_DBFS };
            let mut trial = spoken_over(group, said, &lines[n % lines.len()], &at_level(&spoken, level), &mut dice);
            if group == Group::InStreet {
                trial.noise.clone_from(&street);
            }
            if group == Group::OverEcho {
                (trial.echo_ms, trial.echo_gain) = (200, 0.1);
            }
            trials.push(trial);
        }
    }
    for group in [Group::Backchannels, Group::BackchannelsInStreet] {
        for (n, (said, spoken)) in studio.backchannels().into_iter().enumerate() {
            let mut trial =
                spoken_over(group, &said, &lines[n % lines.len()], &at_level(&spoken, CALLER_DBFS), &mut dice);
            if group == Group::BackchannelsInStreet {
                trial.noise.clone_from(&street);
            }
            trials.push(trial);
        }
    }
    for (group, gains) in [(Group::Echo, &[0.1, 0.056, 0.032][..]), (Group::LoudEcho, &[0.25][..])] {
        for (n, gain) in gains.iter().enumerate() {
            for echo_ms in [60, 120, 200, 300, 400] {
                for line in lines.iter().skip(n % 2).step_by(2) {
                    trials.push(Trial { echo_ms, echo_gain: *gain, ..quiet(group, line, &mut dice) });
                }
            }
        }
    }
    for n in 0..24 {
        let noise = if n % 2 == 0 { cough(&mut dice) } else { knock(&mut dice) };
        let said = if n % 2 == 0 { "a cough" } else { "a knock" };
        trials.push(spoken_over(Group::Noises, said, &lines[n % lines.len()], &noise, &mut dice));
    }
    for line in lines.iter().cycle().take(10) {
        trials.push(Trial { noise: street.clone(), ..quiet(Group::Street, line, &mut dice) });
    }
    trials
}

fn quiet(group: Group, line: &[f32], dice: &mut Dice) -> Trial {
    Trial {
        group,
        said: String::new(),
        line: line.to_vec(),
        caller: Vec::new(),
        noise: Vec::new(),
        echo_ms: 0,
        echo_gain: 0.0,
        phase_ms: dice.below(20),
        onset_ms: None,
    }
}

fn spoken_over(group: Group, said: &str, line: &[f32], spoken: &[f32], dice: &mut Dice) -> Trial {
    let begins = BEGINS_MS * 8 + dice.below(8 * 400);
    let mut caller = vec![0.0; begins];
    caller.extend_from_slice(spoken);
    Trial { said: said.to_owned(), caller, onset_ms: Some(begins / 8), ..quiet(group, line, dice) }
}

struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    fn flite(&self, voice: &str, text: &str) -> Option<Vec<i16>> {
        let path = self.folder.path().join("said.wav");
        let done = Command::new("flite").args(["-voice", voice, "-t", text, "-o"]).arg(&path).status().ok()?;
        done.success().then(|| narrow(&path))?
    }

    fn hindi(&self, pitch: &str, text: &str) -> Option<Vec<i16>> {
        let path = self.folder.path().join("said.wav");
        let done =
            Command::new("espeak-ng").args(["-v", "hi", "-p", pitch, "-w"]).arg(&path).arg(text).status().ok()?;
        done.success().then(|| narrow(&path))?
    }

    fn backchannels(&self) -> Vec<(String, Vec<i16>)> {
        let mut spoken = Vec::new();
        for said in BACKCHANNELS {
            spoken.extend(VOICES.iter().filter_map(|voice| Some((said.to_owned(), self.flite(voice, said)?))));
        }
        for said in HINDI {
            spoken.extend(["35", "60"].iter().filter_map(|pitch| Some((said.to_owned(), self.hindi(pitch, said)?))));
        }
        spoken
    }
}

/// A file at 8 kHz, from its first sound to its last.
fn narrow(path: &std::path::Path) -> Option<Vec<i16>> {
    let raw = ["-t", "raw", "-e", "signed", "-b", "16", "-r", "8000", "-c", "1", "-"];
    let output = Command::new("sox").arg(path).args(raw).output().ok().filter(|output| output.status.success())?;
    let samples: Vec<i16> = output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(trimmed(&samples))
}

/// Without the silence around it: what is 30 dB below the loudest 5 ms.
fn trimmed(samples: &[i16]) -> Vec<i16> {
    let levels: Vec<f32> = samples.chunks(40).map(vca::media::rms).collect();
    let least = levels.iter().copied().fold(0.0, f32::max) / 31.6;
    let first = levels.iter().position(|level| *level > least).unwrap_or(0);
    let last = levels.iter().rposition(|level| *level > least).map_or(0, |at| at + 1);
    samples[first * 40..(last * 40).min(samples.len())].to_vec()
}

/// At this level while there is sound: root mean square of what is within 30 dB of the loudest.
fn at_level(samples: &[i16], level_dbfs: f32) -> Vec<f32> {
    let levels: Vec<f32> = samples.chunks(160).map(vca::media::rms).collect();
    let least = levels.iter().copied().fold(0.0, f32::max) / 31.6;
    let sounding: Vec<f32> = levels.into_iter().filter(|level| *level > least).collect();
    let power = sounding.iter().map(|level| level * level).sum::<f32>() / sounding.len().max(1) as f32;
    let gain = 32_768.0 * 10f32.powf(level_dbfs / 20.0) / power.sqrt().max(1.0);
    samples.iter().map(|sample| f32::from(*sample) * gain).collect()
}

/// Traffic: a rumble that swells and ebbs, ten seconds.
fn street(dice: &mut Dice) -> Vec<f32> {
    let (mut low, mut swell) = (0.0_f32, 0.0_f32);
    let raw: Vec<i16> = (0..80_000)
        .map(|n| {
            let white = dice.noise();
            low = 0.93 * low + 0.07 * white;
            swell = 0.5 + 0.4 * (n as f32 / 9_000.0).sin() + 0.1 * (n as f32 / 1_300.0).sin();
            ((low * 3.0 + white * 0.15) * swell * 8_000.0) as i16
        })
        .collect();
    at_level(&raw, STREET_DBFS)
}

/// Two bursts of breath, 60 to 220 ms each.
fn cough(dice: &mut Dice) -> Vec<f32> {
    let mut samples = Vec::new();
    for _ in 0..2 {
        let length = 480 + dice.below(1_280);
        let mut low = 0.0_f32;
        for n in 0..length {
            let fades = (1.0 - n as f32 / length as f32).powi(2);
            low = 0.6 * low + 0.4 * dice.noise();
            samples.push((low * fades * 20_000.0) as i16);
        }
        samples.extend(std::iter::repeat_n(0, 800 + dice.below(800)));
    }
    at_level(&samples, CALLER_DBFS)
}

/// A door, a dropped pen: 20 to 60 ms.
fn knock(dice: &mut Dice) -> Vec<f32> {
    let length = 160 + dice.below(320);
    let hz = 120.0 + dice.below(600) as f32;
    let samples: Vec<i16> = (0..length)
        .map(|n| {
            let fades = (-6.0 * n as f32 / length as f32).exp();
            ((n as f32 * hz * std::f32::consts::TAU / 8_000.0).sin() * fades * 16_000.0 + dice.noise() * 800.0 * fades)
                as i16
        })
        .collect();
    at_level(&samples, CALLER_DBFS)
}
