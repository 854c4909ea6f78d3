//! False cuts against dead air: `make eval-turns`, or `cargo bench --bench eval_turns`.
//!
//! Turns of callers (Piper's and flite's voices, people reading; through A-law, with pauses in which they have not
//! finished) pass the real voice activity detector, end-of-turn model, recogniser and turn controller on a virtual clock.
//! The engines answer after the processor time that they took, as on an idle machine. `-- --quick` takes a quarter of
//! the turns, `-- --cuts` prints the turns that were cut with the default settings.

use std::collections::HashMap;

use vca::dialogue;
use vca::domain::{Pii, TurnSettings};
use vca::speech::models::ModelStore;
use vca::speech::stt::Whisper;
use vca::speech::tts::Piper;
use vca::speech::turn::{EndOfTurn, LONGEST_MS, SmartTurn};
use vca::speech::vad::{SileroModel, SileroVad, Vad};
use vca::speech::{CancelFlag, Expect, RATE_HZ, SpeechToText, SttOptions};
use vca::voice::{self, Action, Input, LineId, Ms, TurnController, UtteranceId};

#[path = "eval_turns/material.rs"]
mod material;

use material::{Clip, Kind};

const FRAME: usize = 160;
const SAMPLES_PER_MS: u64 = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let models = ModelStore::default();
    let model = |name: &str| models.locate(name).unwrap_or_else(|error| panic!("{error}"));
    let piper = Piper::load(&model("piper-joe")).expect("the voice loads").with_variation(0.0);
    let clips = material::all(&piper, if asked("--quick") { 4 } else { 1 });
    let mut engines = Engines {
        turn: SmartTurn::load(&model("smart-turn")).expect("the end-of-turn model loads"),
        whisper: Whisper::load(&model("whisper-base")).expect("the recogniser loads"),
        judged: HashMap::new(),
        heard: HashMap::new(),
        turn_ms: 0,
    };
    engines.turn_ms = engines.measure(&clips);
    let silero = SileroModel::load(&model("silero-vad")).expect("the voice activity model loads");
    let voiced: Vec<Vec<Vad>> = clips.iter().map(|clip| voice_activity(&silero, clip)).collect();
    let turns: Vec<(&Clip, &[Vad])> = clips.iter().zip(&voiced).map(|(clip, vads)| (clip, vads.as_slice())).collect();

    println!("end-of-turn model: {} CPU ms a question\n", engines.turn_ms);
    println!("{:<44} {}", "", Kind::ALL.map(|kind| format!("{:>20}", kind.name())).concat());
    println!(
        "{:<44} {}",
        "cut %, taken back %, silence ms, words after ms",
        Kind::ALL
            .map(|kind| { format!("{:>20}", turns.iter().filter(|(clip, _)| clip.kind == kind).count()) })
            .concat()
    );
    let base = TurnSettings::default();
    for (name, settings, evidence) in rows(&base) {
        let score = Score::of(&mut engines, &turns, settings, evidence, false);
        println!("{name:<44} {}", score.row());
    }
    if asked("--cuts") {
        println!();
        Score::of(&mut engines, &turns, base, Evidence::Words, true);
    }
    engines.sounds(&turns);
    if asked("--words") {
        engines.words(&turns);
    }
    if asked("--groups") {
        engines.groups(&clips);
    }
}

/// What may decide besides the length of a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Evidence {
    Silence,
    Sound,
    Words,
}

fn rows(base: &TurnSettings) -> Vec<(String, TurnSettings, Evidence)> {
    let mut rows = Vec::new();
    for end in [300, 400, 500, 600, 800, 1_000, 1_200] {
        let settings = TurnSettings { end_of_turn_ms: end, dictation_end_ms: end, ..base.clone() };
        rows.push((format!("silence alone, {end}"), settings, Evidence::Silence));
    }
    rows.push(("silence alone, the defaults".to_owned(), base.clone(), Evidence::Silence));
    for (likely, doubtful) in [(50, 50), (70, 40), (80, 60), (90, 20), (90, 40), (90, 70), (95, 80)] {
        let settings = TurnSettings { likely_percent: likely, doubtful_percent: doubtful, ..base.clone() };
        rows.push((format!("sound, likely {likely} %, doubtful {doubtful} %"), settings.clone(), Evidence::Sound));
        rows.push((format!("sound and words, likely {likely} %, doubtful {doubtful} %"), settings, Evidence::Words));
    }
    for (likely_end, doubtful_end) in
        [(300, 800), (350, 1_200), (400, 600), (400, 1_000), (400, 1_200), (500, 800), (500, 1_200)]
    {
        let settings = TurnSettings { likely_end_ms: likely_end, doubtful_end_ms: doubtful_end, ..base.clone() };
        rows.push((format!("sound and words, ends {likely_end}, {doubtful_end}"), settings, Evidence::Words));
    }
    for dictation_end in [600, 700, 800, 900, 1_000, 1_200] {
        let settings = TurnSettings { dictation_end_ms: dictation_end, ..base.clone() };
        rows.push((format!("sound and words, dictation {dictation_end}"), settings, Evidence::Words));
    }
    rows.push(("sound and words, the defaults".to_owned(), base.clone(), Evidence::Words));
    rows
}

fn voice_activity(model: &std::sync::Arc<SileroModel>, clip: &Clip) -> Vec<Vad> {
    let mut vad = SileroVad::new(std::sync::Arc::clone(model));
    clip.audio.chunks_exact(FRAME).map(|frame| vad.push(frame.try_into().expect("a whole frame"))).collect()
}

/// The engines, each asked once about a range of a clip.
struct Engines {
    turn: SmartTurn,
    whisper: Whisper,
    judged: HashMap<(usize, Ms, Ms), f32>,
    heard: HashMap<(usize, Ms, Ms), (String, u64)>,
    turn_ms: u64,
}

impl Engines {
    /// Milliseconds of processor time for a question to the end-of-turn model.
    fn measure(&self, clips: &[Clip]) -> u64 {
        const TIMES: u64 = 10;
        let began = process_cpu_ms();
        for clip in clips.iter().take(TIMES as usize) {
            self.turn.probability(&clip.audio, RATE_HZ).expect("the model works");
        }
        (process_cpu_ms() - began) / TIMES.min(clips.len() as u64)
    }

    fn judge(&mut self, key: (usize, Ms, Ms), clip: &Clip) -> f32 {
        let (_, from, to) = key;
        let from = from.max(to.minus(u64::from(LONGEST_MS)));
        let turn = &self.turn;
        *self
            .judged
            .entry(key)
            .or_insert_with(|| turn.probability(range(clip, from, to), RATE_HZ).expect("the model works"))
    }

    fn hear(&mut self, key: (usize, Ms, Ms), clip: &Clip) -> (String, u64) {
        let expect = match clip.kind {
            Kind::Dictation => Expect::Digits,
            Kind::YesNo => Expect::YesNo,
            _ => Expect::General,
        };
        let whisper = &self.whisper;
        let hear = || {
            let options = SttOptions { expect, ..SttOptions::default() };
            let heard = whisper.transcribe(range(clip, key.1, key.2), &options, &CancelFlag::new());
            let heard = heard.expect("the recogniser works");
            (heard.text, heard.cpu_ms)
        };
        self.heard.entry(key).or_insert_with(hear).clone()
    }

    /// What was heard at each pause and end, and what the model said of it.
    fn words(&self, turns: &[(&Clip, &[Vad])]) {
        let mut keys: Vec<&(usize, Ms, Ms)> = self.heard.keys().filter(|key| self.judged.contains_key(key)).collect();
        keys.sort();
        for key in keys {
            let (clip, (text, took_ms)) = (turns[key.0].0, &self.heard[key]);
            let place = if key.2.0 > clip.end_ms { "end" } else { "pause" };
            let (ending, probability) = (ending(clip.kind, text), self.judged[key]);
            println!("{:<18} {place:<6} {probability:.2} {ending:?} {took_ms} ms `{text}`", clip.kind.name());
        }
    }

    /// Whether a dictated number is heard as well group by group as in one piece.
    fn groups(&mut self, clips: &[Clip]) {
        let (mut whole, mut joined, mut whole_ms, mut last_ms, mut all) = (0, 0, 0, 0, 0);
        for (index, clip) in clips.iter().enumerate().filter(|(_, clip)| clip.kind == Kind::Dictation) {
            let end = Ms(clip.end_ms + 300);
            let (text, took) = self.hear((index, Ms(100), end), clip);
            let mut parts = Vec::new();
            let mut from = Ms(100);
            for &(to, _) in &clip.pauses_ms {
                parts.push(self.hear((index, from, Ms(to)), clip));
                from = Ms(to.saturating_sub(300));
            }
            parts.push(self.hear((index, from, end), clip));
            let texts: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
            let digits = |text: &str| match dialogue::numbers::heard(text, true) {
                dialogue::numbers::NumberHeard::Complete(number) => number.to_string(),
                _ => String::new(),
            };
            let said = digits(&clip.said);
            let (one, many) = (digits(&text), digits(&texts.join(" ")));
            println!("`{}`\n    {} `{text}`\n    {} `{}`", clip.said, one == said, many == said, texts.join(" | "));
            whole += usize::from(one == said);
            joined += usize::from(many == said);
            whole_ms += took;
            last_ms += parts.last().map_or(0, |(_, took)| *took);
            all += 1;
        }
        println!(
            "in one piece: {whole} of {all}, {} ms; in groups: {joined}, the last {} ms",
            whole_ms / all,
            last_ms / all
        );
    }

    /// How well sound and words tell ends from pauses, over what was asked.
    fn sounds(&self, turns: &[(&Clip, &[Vad])]) {
        println!(
            "\n{:<18} {:>9} {:>42} {:>30}",
            "", "asked at", "probability: below 10, 40, 70, 90 %", "words whole, unfinished"
        );
        for kind in Kind::ALL {
            for at_end in [false, true] {
                let here = |key: &&(usize, Ms, Ms)| {
                    let clip = turns[key.0].0;
                    clip.kind == kind && (key.2.0 > clip.end_ms) == at_end
                };
                let found: Vec<f32> = self.judged.iter().filter(|(key, _)| here(key)).map(|(_, p)| *p).collect();
                let share = |limit: f32| {
                    100.0 * found.iter().filter(|p| **p < limit).count() as f32 / found.len().max(1) as f32
                };
                let endings: Vec<voice::Ending> =
                    self.heard.iter().filter(|(key, _)| here(key)).map(|(_, (text, _))| ending(kind, text)).collect();
                let count = |wanted| endings.iter().filter(|found| **found == wanted).count();
                println!(
                    "{:<18} {:>9} {:>10} {:>7.0} {:>7.0} {:>7.0} {:>7.0} {:>22} {:>6} of {}",
                    kind.name(),
                    if at_end { "the end" } else { "a pause" },
                    found.len(),
                    share(0.1),
                    share(0.4),
                    share(0.7),
                    share(0.9),
                    count(voice::Ending::Whole),
                    count(voice::Ending::Unfinished),
                    endings.len()
                );
            }
        }
    }
}

fn range(clip: &Clip, from: Ms, to: Ms) -> &[i16] {
    let at = |ms: Ms| ((ms.0 * SAMPLES_PER_MS) as usize).min(clip.audio.len());
    &clip.audio[at(from)..at(to)]
}

fn ending(kind: Kind, text: &str) -> voice::Ending {
    match dialogue::ending(kind.expects(), text) {
        dialogue::Ending::Whole => voice::Ending::Whole,
        dialogue::Ending::Nearly => voice::Ending::Nearly,
        dialogue::Ending::Open => voice::Ending::Open,
        dialogue::Ending::Unfinished => voice::Ending::Unfinished,
    }
}

/// What became of one turn.
#[derive(Debug, Clone, Default)]
struct Outcome {
    /// Given to the dialogue while the caller had more to say.
    cut: bool,
    /// Closed while the caller had more to say, and opened again in time.
    taken_back: bool,
    /// From the end of speech to the silence that ended the turn.
    silence_ms: u64,
    /// From the end of speech until the words were there.
    words_ms: u64,
}

/// One caller's turn on a virtual clock.
struct Run<'a> {
    index: usize,
    clip: &'a Clip,
    evidence: Evidence,
    turns: TurnController,
    /// What the engines are going to say.
    coming: Vec<(Ms, UtteranceId, Ms, Input)>,
    closed: Option<Ms>,
    outcome: Outcome,
    ended: bool,
}

impl Run<'_> {
    fn lead(mut self, engines: &mut Engines, vads: &[Vad]) -> Outcome {
        let expects = match self.clip.kind {
            Kind::YesNo => voice::Expectation::YesNo,
            Kind::Dictation | Kind::Spelling => voice::Expectation::Dictation,
            _ => voice::Expectation::Open,
        };
        let line = LineId(0);
        for input in [
            Input::AgentWillSpeak { line, interruptible: true, filler: false },
            Input::PlayoutStarted { line, remaining_ms: Some(0) },
            Input::PlayoutFinished { line },
            Input::Expect { what: expects, digits: None },
        ] {
            self.put(input, Ms(0), engines);
        }
        for (index, vad) in vads.iter().enumerate() {
            let now = Ms((index as u64 + 1) * 20);
            self.pass(now, engines);
            self.put(Input::Frame { speech: vad.probability, rms_dbfs: vad.rms_dbfs }, now, engines);
            if self.ended {
                return self.outcome;
            }
        }
        // Nobody answered such a turn at all: as bad as a cut.
        Outcome { cut: true, ..self.outcome }
    }

    /// Lets come what was due before `now`.
    fn pass(&mut self, now: Ms, engines: &mut Engines) {
        loop {
            self.coming.sort_by_key(|(at, ..)| *at);
            let answer = self.coming.first().map(|(at, ..)| *at).filter(|at| *at <= now);
            let timer = self.turns.next_deadline().filter(|at| *at < now);
            match (answer, timer) {
                (Some(answer), timer) if timer.is_none_or(|timer| answer <= timer) => {
                    let (at, _, _, input) = self.coming.remove(0);
                    self.put(input, at, engines);
                }
                (_, Some(timer)) => self.put(Input::Tick, timer, engines),
                _ => return,
            }
        }
    }

    fn put(&mut self, input: Input, now: Ms, engines: &mut Engines) {
        self.turns.handle(input, now);
        while let Some(action) = self.turns.poll_action() {
            match action {
                Action::Speculate { utterance, from, to } => {
                    self.transcribe(utterance, from, to, now, engines);
                    let asked = !matches!(self.clip.kind, Kind::Dictation | Kind::Spelling);
                    if self.evidence != Evidence::Silence && asked {
                        let probability = engines.judge((self.index, from, to), self.clip);
                        let input = Input::EndOfTurn { utterance, to, probability };
                        self.coming.push((now + engines.turn_ms, utterance, to, input));
                    }
                }
                Action::Commit { utterance, from, to, .. } => {
                    self.closed = Some(now);
                    if !self.coming.iter().any(|(_, of, end, input)| {
                        (*of, *end) == (utterance, to) && matches!(input, Input::Transcript { .. })
                    }) {
                        self.transcribe(utterance, from, to, now, engines);
                    }
                }
                Action::DropSpeculation { utterance } => {
                    self.outcome.taken_back |= self.closed.take().is_some();
                    self.coming.retain(|(_, of, ..)| *of != utterance);
                }
                Action::TurnEnded { endpoint_at, .. } | Action::TurnFailed { endpoint_at, .. } if !self.ended => {
                    self.ended = true;
                    self.outcome.cut = now.0 < self.clip.end_ms;
                    self.outcome.silence_ms = endpoint_at.0.saturating_sub(self.clip.end_ms);
                    self.outcome.words_ms = now.0.saturating_sub(self.clip.end_ms);
                }
                _ => {}
            }
        }
    }

    fn transcribe(&mut self, utterance: UtteranceId, from: Ms, to: Ms, now: Ms, engines: &mut Engines) {
        let (text, took_ms) = engines.hear((self.index, from, to), self.clip);
        let ending = match self.evidence {
            Evidence::Words => ending(self.clip.kind, &text),
            _ => voice::Ending::Open,
        };
        let input = Input::Transcript { utterance, to, text: Pii(text), confidence: 0.9, ending };
        self.coming.push((now + took_ms, utterance, to, input));
    }
}

/// All turns with one setting.
struct Score(HashMap<Kind, Vec<Outcome>>);

impl Score {
    fn of(
        engines: &mut Engines,
        turns: &[(&Clip, &[Vad])],
        settings: TurnSettings,
        evidence: Evidence,
        show: bool,
    ) -> Self {
        let mut score: HashMap<Kind, Vec<Outcome>> = HashMap::new();
        for (index, (clip, vads)) in turns.iter().enumerate() {
            let run = Run {
                index,
                clip,
                evidence,
                turns: TurnController::new(settings.clone()),
                coming: Vec::new(),
                closed: None,
                outcome: Outcome::default(),
                ended: false,
            };
            let outcome = run.lead(engines, vads);
            if show && outcome.cut {
                println!("cut: {}: `{}`, pauses {:?} ms", clip.kind.name(), clip.said, clip.pauses_ms);
            }
            score.entry(clip.kind).or_default().push(outcome);
        }
        Self(score)
    }

    fn row(&self) -> String {
        let cell = |kind: Kind| {
            let Some(outcomes) = self.0.get(&kind) else { return format!("{:>20}", "-") };
            let percent = |of: fn(&Outcome) -> bool| {
                100.0 * outcomes.iter().filter(|outcome| of(outcome)).count() as f64 / outcomes.len() as f64
            };
            let whole: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.cut).collect();
            let mean = |of: fn(&Outcome) -> u64| {
                whole.iter().map(|outcome| of(outcome)).sum::<u64>() / whole.len().max(1) as u64
            };
            let (cut, back) = (percent(|o| o.cut), percent(|o| o.taken_back));
            format!("{cut:>6.1} {back:>3.0} {:>4} {:>4}", mean(|o| o.silence_ms), mean(|o| o.words_ms))
        };
        Kind::ALL.map(cell).concat()
    }
}

/// Processor time of the whole process, in milliseconds.
fn process_cpu_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the one struct that is given; this clock is always there on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}
