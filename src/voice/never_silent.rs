//! The promise under random inputs: both sides are never silent for long without an action that leads to sound.

use proptest::prelude::*;

use super::{Action, Ending, Expectation, Input, LineId, Ms, TurnController, UtteranceId};
use crate::domain::{Pii, TurnSettings};

/// What a random driver and caller do next.
#[derive(Debug, Clone)]
enum Step {
    /// Frames of one kind, each 20 ms.
    Frames {
        count: u16,
        speech: f32,
        rms_dbfs: f32,
    },
    /// No frames: woken by deadlines only.
    Outage(u16),
    /// Answers the n-th last transcription that was asked for.
    Transcript {
        back: usize,
        words: bool,
        fails: bool,
    },
    /// The end-of-turn model answers the n-th last question.
    Judge {
        back: usize,
        probability: f32,
    },
    Announce {
        line: u32,
        interruptible: bool,
        filler: bool,
    },
    Start {
        line: u32,
        remaining_ms: Option<u32>,
    },
    Stall(u32),
    Finish(u32),
    Stop(u32),
    Expect(Expectation, Option<u8>),
    Key(char),
    /// The caller has us on hold, with frames of this kind meanwhile.
    Hold {
        frames: u16,
        speech: f32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let line = 0..6_u32;
    let speech = prop_oneof![Just(0.0_f32), Just(0.9), Just(0.42), 0.0..1.0_f32, Just(f32::NAN)];
    let held = prop_oneof![Just(0.0_f32), Just(0.9)];
    prop_oneof![
        1 => (0..2_000_u16, held).prop_map(|(frames, speech)| Step::Hold { frames, speech }),
        6 => (1..120_u16, speech, -70.0..0.0_f32)
            .prop_map(|(count, speech, rms_dbfs)| Step::Frames { count, speech, rms_dbfs }),
        2 => (1..9_000_u16).prop_map(Step::Outage),
        3 => (0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(back, words, fails)| Step::Transcript { back, words, fails }),
        3 => (0..3_usize, prop_oneof![Just(0.0_f32), Just(1.0), Just(f32::NAN), 0.0..1.0_f32])
            .prop_map(|(back, probability)| Step::Judge { back, probability }),
        2 => (line.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(line, interruptible, filler)| Step::Announce { line, interruptible, filler }),
        2 => (line.clone(), proptest::option::weighted(0.8, 0..4_000_u32))
            .prop_map(|(line, remaining_ms)| Step::Start { line, remaining_ms }),
        1 => line.clone().prop_map(Step::Stall),
        2 => line.clone().prop_map(Step::Finish),
        1 => line.prop_map(Step::Stop),
        1 => (
            prop_oneof![
                Just(Expectation::None),
                Just(Expectation::Open),
                Just(Expectation::YesNo),
                Just(Expectation::Dictation)
            ],
            proptest::option::of(0..12_u8)
        )
            .prop_map(|(what, digits)| Step::Expect(what, digits)),
        1 => proptest::char::ranges(vec!['0'..='9', '#'..='#', '*'..='*', 'A'..='B'].into()).prop_map(Step::Key),
    ]
}

/// A call that knows, independently of the controller, since when both sides have been silent.
struct Observed {
    turns: TurnController,
    now: Ms,
    /// The line that sounds, and until when that can be believed.
    sounding: Option<(LineId, Ms)>,
    /// The last sound of either side, key, or action that demands sound.
    last_life: Ms,
    longest_silence_ms: u64,
    asked: Vec<(UtteranceId, Ms)>,
    ducked: bool,
    /// Since when lines wait, and which of them sounded.
    paused: Option<(Ms, Option<(LineId, Ms)>)>,
    held: bool,
    /// What sounded when the hold began, and goes on after it.
    suspended: Option<(LineId, Ms)>,
    live: std::collections::HashSet<UtteranceId>,
    ended: Vec<UtteranceId>,
}

impl Observed {
    fn new(settings: TurnSettings) -> Self {
        Self {
            turns: TurnController::new(settings),
            now: Ms(0),
            sounding: None,
            last_life: Ms(0),
            longest_silence_ms: 0,
            asked: Vec::new(),
            ducked: false,
            paused: None,
            held: false,
            suspended: None,
            live: std::collections::HashSet::new(),
            ended: Vec::new(),
        }
    }

    fn alive(&mut self) {
        if !self.held {
            self.longest_silence_ms = self.longest_silence_ms.max(self.now.since(self.last_life));
        }
        self.last_life = self.now;
    }

    fn put(&mut self, input: Input) {
        self.turns.handle(input, self.now);
        while let Some(action) = self.turns.poll_action() {
            self.check(action);
        }
        let deadline = self.turns.next_deadline();
        assert!(deadline.map_or(self.held, |at| at > self.now), "a deadline always runs, and moves on");
        if let Some((line, until)) = self.sounding {
            if self.now >= until {
                self.sounding = None;
                self.put(Input::PlayoutFinished { line });
            }
            self.alive();
        }
    }

    fn check(&mut self, action: Action) {
        match action {
            Action::Speculate { utterance, from, to } => {
                assert!(from < to && to <= self.now);
                assert!(self.live.insert(utterance), "one speculation at a time");
                self.asked.push((utterance, to));
            }
            Action::Commit { utterance, from, to, speech_end } => {
                assert!(from <= speech_end && from < to && to <= self.now);
                assert!(!self.ended.contains(&utterance));
                if self.live.insert(utterance) {
                    self.asked.push((utterance, to));
                } else {
                    assert!(self.asked.contains(&(utterance, to)), "the range of the speculation");
                }
            }
            Action::DropSpeculation { utterance } => {
                self.live.remove(&utterance);
            }
            Action::TurnEnded { utterance, speech_start, speech_end, endpoint_at, .. }
            | Action::TurnFailed { utterance, speech_start, speech_end, endpoint_at } => {
                assert!(speech_start < speech_end && speech_end <= endpoint_at && endpoint_at <= self.now);
                assert!(self.ended.last().is_none_or(|last| *last < utterance), "in order, and once each");
                self.ended.push(utterance);
                self.alive();
            }
            Action::Duck => assert!(self.paused.is_none() && !std::mem::replace(&mut self.ducked, true)),
            Action::Unduck => assert!(std::mem::take(&mut self.ducked)),
            Action::PausePlayout => {
                self.ducked = false;
                assert!(self.paused.replace((self.now, self.sounding.take())).is_none());
            }
            Action::ResumePlayout => {
                let (since, sounding) = self.paused.take().expect("only what waits goes on");
                let sounding = sounding.map(|(line, until)| (line, until + self.now.since(since)));
                *(if self.held { &mut self.suspended } else { &mut self.sounding }) = sounding;
            }
            Action::StopPlayout { at } => {
                assert_eq!(at, self.now);
                self.ducked = false;
                (self.sounding, self.paused, self.suspended) = (None, None, None);
            }
            Action::BargeIn { .. } => {}
            Action::Digits(digits) => {
                assert!(!digits.0.is_empty() && digits.0.chars().all(|c| c.is_ascii_digit()));
                self.alive();
            }
            Action::NoInput { count } | Action::FillSilence { count, .. } => {
                assert!(count > 0);
                assert!(!self.held, "nobody owes a sound to a caller who has us on hold");
                assert!(self.sounding.is_none(), "no demand for sound while there is sound");
                self.alive();
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Frames { count, speech, rms_dbfs } => {
                for _ in 0..count {
                    self.now = self.now + 20;
                    if speech >= 0.35 {
                        self.alive();
                    }
                    self.put(Input::Arriving { rms_dbfs });
                    self.put(Input::Frame { speech, rms_dbfs });
                }
            }
            Step::Outage(ms) => self.outage(ms),
            Step::Transcript { back, words, fails } => {
                let Some(index) = self.asked.len().checked_sub(back + 1) else { return };
                let (utterance, to) = self.asked[index];
                let said = if back == 0 { "haan ji" } else { "words" };
                let text = Pii(if words { said.into() } else { String::new() });
                if fails {
                    self.live.remove(&utterance);
                }
                self.put(if fails {
                    Input::TranscriptFailed { utterance, to }
                } else {
                    let ending = match (words, back) {
                        (true, 0) => Ending::Whole,
                        (true, 1) => Ending::Unfinished,
                        (true, 2) => Ending::Nearly,
                        _ => Ending::Open,
                    };
                    Input::Transcript { utterance, to, text, confidence: 0.5, ending }
                });
            }
            Step::Judge { back, probability } => {
                let Some(index) = self.asked.len().checked_sub(back + 1) else { return };
                let (utterance, to) = self.asked[index];
                self.put(Input::EndOfTurn { utterance, to, probability });
            }
            Step::Announce { line, interruptible, filler } => {
                self.put(Input::AgentWillSpeak { line: LineId(line), interruptible, filler });
            }
            Step::Start { line, remaining_ms } => {
                let until = self.now + u64::from(remaining_ms.unwrap_or(2_000));
                let sounding = Some((LineId(line), until.max(self.now + 1)));
                match &mut self.paused {
                    Some(paused) => *paused = (self.now, sounding),
                    None => self.sounding = sounding,
                }
                self.put(Input::PlayoutStarted { line: LineId(line), remaining_ms });
            }
            Step::Stall(line) => self.end_of(line, Input::PlayoutStalled { line: LineId(line) }),
            Step::Finish(line) => self.end_of(line, Input::PlayoutFinished { line: LineId(line) }),
            Step::Stop(line) => {
                self.end_of(line, Input::PlayoutStopped { line: LineId(line), played_ms: 1, total_ms: 2 });
            }
            Step::Expect(what, digits) => self.put(Input::Expect { what, digits }),
            Step::Key(digit) => {
                self.alive();
                self.put(Input::Dtmf { digit });
            }
            Step::Hold { frames, speech } => self.hold(frames, speech),
        }
    }

    fn hold(&mut self, frames: u16, speech: f32) {
        self.alive();
        self.held = true;
        self.suspended = self.sounding.take();
        self.put(Input::Hold(true));
        for _ in 0..frames {
            self.now = self.now + 20;
            self.put(Input::Frame { speech, rms_dbfs: -25.0 });
        }
        self.held = false;
        self.last_life = self.now;
        self.sounding = self.suspended.take().map(|(line, until)| (line, until + u64::from(frames) * 20));
        self.put(Input::Hold(false));
    }

    fn end_of(&mut self, line: u32, input: Input) {
        self.sounding = self.sounding.filter(|s| s.0 != LineId(line));
        if let Some((_, sounding)) = &mut self.paused {
            sounding.take_if(|s| s.0 == LineId(line));
        }
        self.put(input);
    }

    fn outage(&mut self, ms: u16) {
        let end = self.now + u64::from(ms);
        while self.now < end {
            let deadline = self.turns.next_deadline().expect("a deadline always runs");
            let finish = self.sounding.map_or(deadline, |s| s.1.max(self.now));
            let next = deadline.min(finish).min(end);
            self.now = next;
            self.put(Input::Tick);
        }
    }
}

/// The longest that both sides may be silent: the slowest of the deadlines, after the slowest end of a turn.
fn bound_ms(settings: &TurnSettings) -> u64 {
    // A filler may be over as soon as it begins, and has given patience then.
    let slowest = settings.no_input_ms.max(settings.watchdog_ms + 4_000);
    let ends =
        [settings.likely_end_ms, settings.doubtful_end_ms, settings.dictation_end_ms, settings.unfinished_end_ms];
    let end = ends.into_iter().fold(settings.end_of_turn_ms, u32::max);
    // Voice may be rising when a pause would end.
    u64::from(slowest) + u64::from(end) + 40 + 100
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_are_never_silent_for_long(
        steps in proptest::collection::vec(step(), 1..80),
        end_of_turn_ms in 0..1_500_u32,
        likely_end_ms in 0..600_u32,
        doubtful_end_ms in 0..3_000_u32,
        max_utterance_ms in 500..8_000_u32,
        watchdog_ms in prop_oneof![Just(0_u32), 0..3_000_u32],
        barge_in_ms in 0..600_u32,
        no_input_ms in prop_oneof![Just(0_u32), 3_000..10_000_u32],
    ) {
        let settings = TurnSettings {
            end_of_turn_ms,
            likely_end_ms,
            doubtful_end_ms,
            max_utterance_ms,
            watchdog_ms,
            barge_in_ms,
            no_input_ms,
            ..TurnSettings::default()
        };
        let bound = bound_ms(&settings);
        let mut call = Observed::new(settings);
        for step in steps {
            call.step(step);
            prop_assert!(call.longest_silence_ms <= bound, "{} ms of silence", call.longest_silence_ms);
        }
        call.outage(30_000);
        call.alive();
        prop_assert!(call.longest_silence_ms <= bound, "{} ms of silence at the end", call.longest_silence_ms);
    }
}

#[test]
fn the_observer_sees_a_silence() {
    let mut call = Observed::new(TurnSettings { no_input_ms: 50_000, ..TurnSettings::default() });
    call.step(Step::Start { line: 1, remaining_ms: Some(100) });
    call.outage(60_000);
    assert!(call.longest_silence_ms > 40_000, "the test must be able to fail: {}", call.longest_silence_ms);
}

/// Few random calls come to these: the words of an answer over a line come after more was said, late, or in a hold.
#[test]
fn answers_over_lines_leave_no_silence() {
    let frames = |count, speech| Step::Frames { count, speech, rms_dbfs: 0.0 };
    let hold = |frames| Step::Hold { frames, speech: 0.0 };
    let heard = |words| Step::Transcript { back: 0, words, fails: false };
    let announce = || Step::Announce { line: 0, interruptible: true, filler: false };
    let start = || Step::Start { line: 0, remaining_ms: None };
    let yes_no = || Step::Expect(Expectation::YesNo, None);
    let late = vec![
        yes_no(),
        frames(6, 0.9),
        heard(false),
        frames(1, 0.0),
        announce(),
        frames(40, 0.0),
        frames(51, 0.9),
        heard(true),
        start(),
        Step::Outage(1),
    ];
    let in_hold = vec![
        frames(26, 0.9),
        frames(10, 0.0),
        Step::Outage(200),
        yes_no(),
        frames(55, 0.9),
        heard(false),
        frames(20, 0.0),
        start(),
        heard(false),
        frames(55, 0.9),
        heard(true),
        hold(0),
    ];
    let more_said = vec![
        frames(6, 0.9),
        frames(46, f32::NAN),
        announce(),
        frames(83, 0.9),
        heard(true),
        frames(36, 0.9),
        yes_no(),
        frames(1, 0.0),
    ];
    for (steps, end_of_turn_ms, watchdog_ms) in [(late, 21, 0), (in_hold, 1, 0), (more_said, 21, 1_780)] {
        let settings = TurnSettings {
            end_of_turn_ms,
            likely_end_ms: 0,
            doubtful_end_ms: 0,
            max_utterance_ms: 500,
            watchdog_ms,
            barge_in_ms: 0,
            no_input_ms: 0,
            ..TurnSettings::default()
        };
        let bound = bound_ms(&settings);
        let mut call = Observed::new(settings);
        steps.into_iter().for_each(|step| call.step(step));
        call.outage(30_000);
        call.alive();
        assert!(call.longest_silence_ms <= bound, "{} ms of silence", call.longest_silence_ms);
    }
}
