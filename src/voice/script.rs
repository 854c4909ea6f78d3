//! Calls as scripts: `call.speech(800).silence(600)`. Time passes in frames of 20 ms; the log tells what the controller did.

use super::{Action, Ending, Expectation, Input, LineId, Ms, TurnController, UtteranceId};
use crate::domain::{Pii, TurnSettings};

/// A call whose driver plays lines and stops them when told to.
pub(super) struct Call {
    turns: TurnController,
    now: Ms,
    announced: Vec<LineId>,
    playing: Option<(LineId, Ms, Ms)>,
    /// Since when what plays waits.
    paused: Option<Ms>,
    next_line: u32,
    wanted: Option<(UtteranceId, Ms)>,
    held: bool,
    log: Vec<String>,
}

impl Call {
    /// A call that was just answered; nothing was said.
    pub fn answered(settings: TurnSettings) -> Self {
        let turns = TurnController::new(settings);
        let (announced, log) = (Vec::new(), Vec::new());
        let (playing, paused) = (None, None);
        Self { turns, now: Ms(0), announced, playing, paused, next_line: 0, wanted: None, held: false, log }
    }

    /// A call one second old, whose greeting is over.
    pub fn greeted() -> Self {
        let mut call = Self::answered(settings());
        call.agent_says(1_000).silence(1_000);
        assert_eq!(call.log(), Vec::<String>::new(), "a greeting on an empty line needs no action");
        call
    }

    /// The caller speaks, plainly.
    pub fn speech(&mut self, ms: u64) -> &mut Self {
        self.frames(ms, 0.9, -25.0)
    }

    /// The caller is silent.
    pub fn silence(&mut self, ms: u64) -> &mut Self {
        self.frames(ms, 0.02, -65.0)
    }

    pub fn frames(&mut self, ms: u64, speech: f32, rms_dbfs: f32) -> &mut Self {
        for _ in 0..ms / 20 {
            self.pass(20);
            self.put(Input::Frame { speech, rms_dbfs });
        }
        self
    }

    /// No packet comes; the driver is woken by deadlines only.
    pub fn outage(&mut self, ms: u64) -> &mut Self {
        let end = self.now + ms;
        while let Some(at) = self.turns.next_deadline().filter(|at| *at <= end) {
            assert!(at > self.now, "a deadline that does not move on");
            self.pass(at.since(self.now));
            self.put(Input::Tick);
        }
        let rest = end.since(self.now);
        self.pass(rest);
        self
    }

    /// The agent begins an interruptible line.
    pub fn agent_says(&mut self, ms: u32) -> &mut Self {
        self.line(ms, true, false)
    }

    /// The agent begins a line that may not be interrupted.
    pub fn agent_notifies(&mut self, ms: u32) -> &mut Self {
        self.line(ms, false, false)
    }

    /// The agent begins a filler.
    pub fn agent_fills(&mut self, ms: u32) -> &mut Self {
        self.line(ms, false, true)
    }

    fn line(&mut self, ms: u32, interruptible: bool, filler: bool) -> &mut Self {
        let line = self.announce(interruptible, filler);
        self.start(line, ms)
    }

    /// A line is announced, and is not ready yet.
    pub fn announce(&mut self, interruptible: bool, filler: bool) -> LineId {
        let line = LineId(self.next_line);
        self.next_line += 1;
        self.announced.push(line);
        self.put(Input::AgentWillSpeak { line, interruptible, filler });
        line
    }

    /// An announced line begins, unless it was stopped meanwhile.
    pub fn start(&mut self, line: LineId, ms: u32) -> &mut Self {
        let Some(index) = self.announced.iter().position(|l| *l == line) else { return self };
        self.announced.remove(index);
        self.playing = Some((line, self.now, self.now + u64::from(ms)));
        self.put(Input::PlayoutStarted { line, remaining_ms: Some(ms) });
        self
    }

    /// The engine gives the words that were asked for last.
    pub fn recognised(&mut self, text: &str) -> &mut Self {
        self.recognised_as(text, Ending::Open)
    }

    /// The same, with what the words say about the end of the turn.
    pub fn recognised_as(&mut self, text: &str, ending: Ending) -> &mut Self {
        let (utterance, to) = self.wanted.expect("a transcription was asked for");
        self.put(Input::Transcript { utterance, to, text: Pii(text.into()), confidence: 0.9, ending })
    }

    /// The engine gives words that it hardly believes.
    pub fn recognised_unsurely(&mut self, text: &str) -> &mut Self {
        let (utterance, to) = self.wanted.expect("a transcription was asked for");
        self.put(Input::Transcript { utterance, to, text: Pii(text.into()), confidence: 0.4, ending: Ending::Open })
    }

    /// The end-of-turn model answers what it was asked last.
    pub fn judged(&mut self, probability: f32) -> &mut Self {
        let (utterance, to) = self.wanted.expect("a transcription was asked for");
        self.put(Input::EndOfTurn { utterance, to, probability })
    }

    /// The engine fails with what it was asked for last.
    pub fn recognition_fails(&mut self) -> &mut Self {
        let (utterance, to) = self.wanted.expect("a transcription was asked for");
        self.put(Input::TranscriptFailed { utterance, to })
    }

    pub fn expect(&mut self, what: Expectation, digits: Option<u8>) -> &mut Self {
        self.put(Input::Expect { what, digits })
    }

    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for digit in keys.chars() {
            self.put(Input::Dtmf { digit });
            self.silence(200);
        }
        self
    }

    pub fn put(&mut self, input: Input) -> &mut Self {
        if let Input::Hold(held) = input {
            self.held = held;
        }
        self.turns.handle(input, self.now);
        while let Some(action) = self.turns.poll_action() {
            self.log.push(format!("{} {}", self.now.0, tell(&action)));
            match action {
                Action::Speculate { utterance, to, .. } | Action::Commit { utterance, to, .. } => {
                    self.wanted = Some((utterance, to));
                }
                Action::StopPlayout { .. } => self.stopped(),
                Action::PausePlayout => assert!(self.paused.replace(self.now).is_none()),
                Action::ResumePlayout => self.resumed(),
                _ => {}
            }
        }
        let deadline = self.turns.next_deadline();
        assert!(deadline.map_or(self.held, |at| at > self.now), "some deadline always runs");
        self
    }

    fn resumed(&mut self) {
        let since = self.paused.take().expect("only what waits goes on");
        let waited = self.now.since(since);
        self.playing = self.playing.map(|(line, began, end)| (line, began + waited, end + waited));
    }

    fn stopped(&mut self) {
        if self.paused.is_some() {
            self.resumed();
        }
        if let Some((line, began, end)) = self.playing.take() {
            let ms = |n: u64| u32::try_from(n).unwrap();
            let (played_ms, total_ms) = (ms(self.now.since(began)), ms(end.since(began)));
            self.put(Input::PlayoutStopped { line, played_ms, total_ms });
        }
        for line in std::mem::take(&mut self.announced) {
            self.put(Input::PlayoutStopped { line, played_ms: 0, total_ms: 0 });
        }
    }

    fn pass(&mut self, ms: u64) {
        let now = self.now + ms;
        if let Some((line, _, end)) = self.playing.filter(|p| self.paused.is_none() && p.2 <= now) {
            self.playing = None;
            self.now = end;
            self.put(Input::PlayoutFinished { line });
        }
        self.now = now;
    }

    /// The caller has us on hold for so long; what plays waits.
    pub fn hold(&mut self, ms: u64) -> &mut Self {
        let playing = self.playing.take();
        self.put(Input::Hold(true)).silence(ms);
        self.playing = playing.map(|(line, began, end)| (line, began + ms, end + ms));
        self.put(Input::Hold(false))
    }

    /// The current line never ends: the driver lost it.
    pub fn playout_is_lost(&mut self) -> &mut Self {
        self.playing = None;
        self
    }

    /// What was done since the last look.
    pub fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

fn tell(action: &Action) -> String {
    match action {
        Action::Speculate { utterance, from, to } => format!("speculate {} {}-{}", utterance.0, from.0, to.0),
        Action::DropSpeculation { utterance } => format!("drop {}", utterance.0),
        Action::Commit { utterance, from, to, speech_end } => {
            format!("commit {} {}-{} ended {}", utterance.0, from.0, to.0, speech_end.0)
        }
        Action::TurnEnded { utterance, text, speech_start, speech_end, endpoint_at, .. } => {
            format!("turn {} {:?} {}-{} closed {}", utterance.0, text.0, speech_start.0, speech_end.0, endpoint_at.0)
        }
        Action::TurnFailed { utterance, .. } => format!("failed {}", utterance.0),
        Action::Duck => "duck".into(),
        Action::Unduck => "unduck".into(),
        Action::PausePlayout => "pause".into(),
        Action::ResumePlayout => "resume".into(),
        Action::StopPlayout { .. } => "stop".into(),
        Action::BargeIn { line, played_ms, total_ms } => format!("barge-in {} {played_ms}/{total_ms}", line.0),
        Action::NoInput { count } => format!("no-input {count}"),
        Action::Digits(digits) => format!("digits {}", digits.0),
        Action::FillSilence { speech_end, count } => format!("fill {count} since {}", speech_end.0),
    }
}

/// The defaults, and a pause in dictation that the scripts' figures are written for.
pub fn settings() -> TurnSettings {
    TurnSettings {
        likely_end_ms: 350,
        doubtful_end_ms: 1_200,
        dictation_end_ms: 1_200,
        barge_in_ms: 300,
        ..TurnSettings::default()
    }
}
