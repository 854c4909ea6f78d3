//! What callers get when they speak over the agent: `cargo bench --bench barge_in`.
//!
//! Piper speaks long lines; callers (flite's voices, espeak's Hindi) interrupt them, listen aloud, cough, or send back the
//! agent's own voice. Everything goes through A-law and a jitter buffer of 40 ms to the real voice activity detector,
//! recogniser and turn controller, on a virtual clock; the recogniser answers after the processor time that it took.
//! Times are those at the caller's end: from their first sound to the first packet that sounds otherwise. `-- --words`
//! prints what the recogniser made of everything, `-- --quick` takes a third of the trials.

use std::sync::Arc;

use vca::domain::{Pii, TurnSettings};
use vca::media::{Codec, EncodedAudio, dbfs};
use vca::speech::models::ModelStore;
use vca::speech::stt::Whisper;
use vca::speech::tts::Piper;
use vca::speech::vad::{SileroModel, SileroVad};
use vca::speech::{CancelFlag, SpeechToText, SttOptions};
use vca::voice::{Action, Ending, Expectation, Input, LineId, Ms, TurnController, UtteranceId};

#[path = "barge_in/material.rs"]
mod material;

use material::{Group, Trial};

const FRAME: usize = 160;
/// Frames that the jitter buffer holds back.
const JITTER_FRAMES: usize = 2;
/// Of the agent's line while ducked.
const DUCKED: f32 = 0.126;
const LINE: LineId = LineId(1);

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let models = ModelStore::default();
    let model = |name: &str| models.locate(name).unwrap_or_else(|error| panic!("{error}"));
    let piper = Piper::load(&model("piper-joe")).expect("the voice loads").with_variation(0.0);
    let engines = Engines {
        whisper: Whisper::load(&model("whisper-base")).expect("the recogniser loads"),
        vad: SileroModel::load(&model("silero-vad")).expect("the voice activity model loads"),
        words: asked("--words"),
    };
    let trials = material::all(&piper);
    println!(
        "{:<40} {:>6} {:>22} {:>22} {:>9} {:>9} {:>12} {:>9}",
        "", "trials", "ducked p50, p95 ms", "silent p50, p95 ms", "stopped", "paused", "gap ms mean", "ducked"
    );
    for group in Group::ALL {
        let share = if asked("--quick") { 3 } else { 1 };
        let here: Vec<&Trial> = trials.iter().filter(|trial| trial.group == group).step_by(share).collect();
        if !here.is_empty() {
            let outcomes: Vec<Outcome> = here.iter().map(|trial| Run::new(trial, &engines).lead()).collect();
            println!("{}", row(group.name(), &outcomes));
        }
    }
}

struct Engines {
    whisper: Whisper,
    vad: Arc<SileroModel>,
    words: bool,
}

/// What one caller heard.
#[derive(Debug, Default)]
struct Outcome {
    /// After the caller's first sound, in milliseconds.
    ducked_ms: Option<f64>,
    silent_ms: Option<f64>,
    /// The line was given up, or what was said became a turn.
    stopped: bool,
    paused: bool,
    /// Silence in the middle of a line that went on.
    gap_ms: f64,
    ducks: u32,
}

fn row(name: &str, outcomes: &[Outcome]) -> String {
    let share = |count: usize| format!("{:.1} %", 100.0 * count as f64 / outcomes.len() as f64);
    let spread = |at: fn(&Outcome) -> Option<f64>| {
        let mut found: Vec<f64> = outcomes.iter().filter_map(at).collect();
        found.sort_by(f64::total_cmp);
        let quantile = |q: f64| found.get(((found.len().max(1) - 1) as f64 * q).round() as usize).copied();
        match (quantile(0.5), quantile(0.95)) {
            (Some(half), Some(most)) => format!("{half:.0}, {most:.0}"),
            _ => "-".to_owned(),
        }
    };
    let gaps: Vec<f64> = outcomes.iter().map(|outcome| outcome.gap_ms).filter(|gap| *gap > 0.0).collect();
    format!(
        "{name:<40} {:>6} {:>22} {:>22} {:>9} {:>9} {:>12.0} {:>9}",
        outcomes.len(),
        spread(|outcome| outcome.ducked_ms),
        spread(|outcome| outcome.silent_ms),
        share(outcomes.iter().filter(|outcome| outcome.stopped).count()),
        share(outcomes.iter().filter(|outcome| outcome.paused).count()),
        (gaps.iter().sum::<f64>() / gaps.len().max(1) as f64).abs(),
        share(outcomes.iter().filter(|outcome| outcome.ducks > 0).count()),
    )
}

/// The line as it plays.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Full,
    Ducked,
    Paused { since: usize },
    Over,
}

/// One line on a virtual clock of 20 ms; the media turn `phase_ms` after the caller's packets come.
struct Run<'a> {
    trial: &'a Trial,
    engines: &'a Engines,
    turns: TurnController,
    vad: SileroVad,
    line: Line,
    position: usize,
    /// What was sent, a sample each 1/8 ms.
    sent: Vec<f32>,
    /// What has arrived, as decoded; the jitter buffer gives it out later.
    arrived: Vec<i16>,
    /// What was heard, from the first turn on.
    heard: Vec<i16>,
    coming: Vec<(Ms, UtteranceId, Input)>,
    turn: usize,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(trial: &'a Trial, engines: &'a Engines) -> Self {
        Self {
            trial,
            engines,
            turns: TurnController::new(TurnSettings::default()),
            vad: SileroVad::new(Arc::clone(&engines.vad)),
            line: Line::Full,
            position: 0,
            sent: Vec::new(),
            arrived: Vec::new(),
            heard: Vec::new(),
            coming: Vec::new(),
            turn: 0,
            outcome: Outcome::default(),
        }
    }

    fn lead(mut self) -> Outcome {
        let length_ms = (self.trial.line.len() / 8) as u32;
        for input in [
            Input::Expect { what: Expectation::Open, digits: None },
            Input::AgentWillSpeak { line: LINE, interruptible: true, filler: false },
            Input::PlayoutStarted { line: LINE, remaining_ms: Some(length_ms) },
        ] {
            self.put(input, Ms(0));
        }
        // Until an echo has died away after the line, and the words of what was said last are known.
        let end = (self.trial.line.len().max(self.trial.caller.len()) / FRAME) + 150;
        while self.turn < end && !self.outcome.stopped {
            self.turn += 1;
            self.one_turn();
        }
        self.outcome
    }

    fn one_turn(&mut self) {
        let now = Ms(self.turn as u64 * 20);
        let sent = self.send();
        self.sent.extend(sent);
        let packet = self.packet();
        let arriving = level(&packet);
        self.arrived.extend(packet);
        let delayed = self.arrived.len().checked_sub((JITTER_FRAMES + 1) * FRAME);
        let frame: [i16; FRAME] =
            delayed.map_or([0; FRAME], |at| self.arrived[at..at + FRAME].try_into().expect("a whole frame"));
        self.heard.extend(frame);
        self.pass(now);
        self.put(Input::Arriving { rms_dbfs: arriving }, now);
        self.put(Input::Played { rms_dbfs: level(&sent.map(|sample| sample as i16)) }, now);
        let vad = self.vad.push(&frame);
        self.put(Input::Frame { speech: vad.probability, rms_dbfs: vad.rms_dbfs }, now);
    }

    /// The next frame of the line, as loud as it is now.
    fn send(&mut self) -> [f32; FRAME] {
        let gain = match self.line {
            Line::Full => 1.0,
            Line::Ducked => DUCKED,
            // The first frame fades.
            Line::Paused { since } if self.turn == since + 1 => DUCKED,
            Line::Paused { .. } | Line::Over => return [0.0; FRAME],
        };
        let line = &self.trial.line;
        let frame = std::array::from_fn(|n| line.get(self.position + n).map_or(0.0, |sample| *sample * gain));
        self.position += FRAME;
        if self.position >= line.len() && !matches!(self.line, Line::Paused { .. }) {
            self.line = Line::Over;
            let now = Ms(self.turn as u64 * 20);
            self.put(Input::PlayoutFinished { line: LINE }, now);
        }
        frame
    }

    /// What the caller's telephone sends: caller, street and echo.
    fn packet(&self) -> [i16; FRAME] {
        let from = (self.turn - 1) * FRAME;
        let trial = self.trial;
        let (delay, phase) = (trial.echo_ms * 8, trial.phase_ms * 8);
        let mixed: [i16; FRAME] = std::array::from_fn(|n| {
            let caller = trial.caller.get(from + n).copied().unwrap_or(0.0);
            let noise = trial.noise.get((from + n) % trial.noise.len().max(1)).copied().unwrap_or(0.0);
            let echo = (from + n).checked_sub(delay + phase).and_then(|at| self.sent.get(at)).copied().unwrap_or(0.0);
            (caller + noise + echo * trial.echo_gain).clamp(-32_768.0, 32_767.0) as i16
        });
        EncodedAudio::from_pcm(Codec::Pcma, &mixed).to_pcm().try_into().expect("a whole frame")
    }

    /// Lets come what was due before `now`.
    fn pass(&mut self, now: Ms) {
        loop {
            self.coming.sort_by_key(|(at, ..)| *at);
            let answer = self.coming.first().map(|(at, ..)| *at).filter(|at| *at <= now);
            let timer = self.turns.next_deadline().filter(|at| *at < now);
            match (answer, timer) {
                (Some(answer), timer) if timer.is_none_or(|timer| answer <= timer) => {
                    let (at, _, input) = self.coming.remove(0);
                    self.put(input, at);
                }
                (_, Some(timer)) => self.put(Input::Tick, timer),
                _ => return,
            }
        }
    }

    fn put(&mut self, input: Input, now: Ms) {
        self.turns.handle(input, now);
        while let Some(action) = self.turns.poll_action() {
            self.act(action, now);
        }
    }

    fn act(&mut self, action: Action, now: Ms) {
        match action {
            Action::Duck => {
                self.outcome.ducks += 1;
                self.note_ducked();
                self.line = Line::Ducked;
            }
            Action::Unduck => self.line = if self.line == Line::Over { Line::Over } else { Line::Full },
            Action::PausePlayout => {
                self.note_ducked();
                self.note_silent();
                self.outcome.paused = true;
                self.line = Line::Paused { since: self.turn };
            }
            Action::ResumePlayout => {
                if let Line::Paused { since } = self.line {
                    self.outcome.gap_ms += (self.turn - since) as f64 * 20.0;
                }
                self.line = Line::Full;
            }
            Action::StopPlayout { .. } => {
                self.note_ducked();
                self.note_silent();
                self.outcome.stopped = true;
            }
            Action::TurnEnded { .. } | Action::TurnFailed { .. } => self.outcome.stopped = true,
            Action::Speculate { utterance, from, to } => self.transcribe(utterance, from, to, now),
            Action::Commit { utterance, from, to, .. } if !self.coming.iter().any(|(_, of, _)| *of == utterance) => {
                self.transcribe(utterance, from, to, now);
            }
            Action::DropSpeculation { utterance } => self.coming.retain(|(_, of, _)| *of != utterance),
            _ => {}
        }
    }

    /// When the caller hears the packet that is sent in the turn `ahead`, counted from their first sound.
    fn since_onset(&self, ahead: usize) -> Option<f64> {
        let at_ms = ((self.turn + ahead) * 20 + self.trial.phase_ms) as f64;
        self.trial.onset_ms.map(|onset| at_ms - onset as f64).filter(|since| *since >= 0.0)
    }

    fn note_ducked(&mut self) {
        self.outcome.ducked_ms = self.outcome.ducked_ms.or(self.since_onset(1));
    }

    /// A packet later it is silent.
    fn note_silent(&mut self) {
        self.outcome.silent_ms = self.outcome.silent_ms.or(self.since_onset(2));
    }

    fn transcribe(&mut self, utterance: UtteranceId, from: Ms, to: Ms, now: Ms) {
        let at = |ms: Ms| (ms.0 as usize * 8).min(self.heard.len());
        let heard = &self.heard[at(from)..at(to)];
        let heard = self.engines.whisper.transcribe(heard, &SttOptions::default(), &CancelFlag::new());
        let heard = heard.expect("the recogniser works");
        if self.engines.words {
            println!(
                "  {:<40} {:<28} {:?} ({:.2})",
                self.trial.group.name(),
                self.trial.said,
                heard.text,
                heard.confidence
            );
        }
        let (text, confidence) = (Pii(heard.text), heard.confidence);
        let input = Input::Transcript { utterance, to, text, confidence, ending: Ending::Open };
        self.coming.push((now + heard.cpu_ms, utterance, input));
    }
}

fn level(samples: &[i16]) -> f32 {
    dbfs(vca::media::rms(samples))
}
