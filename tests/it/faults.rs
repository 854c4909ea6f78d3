//! Nothing that breaks leaves a caller in silence: whole calls over SIP and RTP while engines, store or the conversation
//! itself are slow, fail, hang or give garbage, from different points of the call on.
//!
//! The caller is a tone that speaks for a second whenever the receptionist has stopped, hears nothing and never hangs up, so
//! that every call has to end by itself. All calls go on at once, each at a node of its own.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vca::call::ports::Closing;
use vca::domain::{CallOutcome, EndCause, Rung, Speaker, Turn};
use vca::media::tone;
use vca::speech::{CancelFlag, Expect, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError};

use crate::desk::{Desk, Keeping, Setting, Tones};
use crate::far_end::{Dialog, Phone, Timeline, Voice};
use crate::harness::{DID, wait_for};

const CALLER_HZ: f32 = 1_000.0;
/// The watchdog fills a silence 1.5 s after the caller's last voiced frame as the node hears it. To that come, at the
/// caller's end, the jitter buffer (at most 200 ms) and the time until a thread gets to run on a machine that does
/// other things as well: the promise is a deadline, and this is no benchmark of it.
const LONGEST_SILENCE_MS: u64 = 1_500 + 200 + 800;
/// Within this the slowest call is over: six turns of which each is given up after some six seconds, and the farewell.
const CALL_LIMIT: Duration = Duration::from_secs(85);

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Slow(Duration),
    Fails,
    Panics,
    /// Does not come back, cancelled or not, until the test is over.
    Hangs,
    /// Gives nothing, and says that all is well.
    Empty,
    Garbage,
    TenThousandLetters,
    Cut,
    Endless,
    Noise,
    /// The call's own task does not come back from looking an engine's name up.
    HangsTheConversation,
    PanicsInTheConversation,
}

/// From which request on, and what.
struct Faulty {
    fault: Fault,
    from: usize,
    asked: AtomicUsize,
    general: AtomicUsize,
    released: Arc<AtomicBool>,
}

impl Faulty {
    fn new(fault: Fault, from: usize, released: &Arc<AtomicBool>) -> Self {
        let (asked, general) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { fault, from, asked, general, released: Arc::clone(released) }
    }

    /// The fault of the next request.
    fn next(&self) -> Fault {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked >= self.from { self.fault } else { Fault::None }
    }

    fn hang(&self) {
        while !self.released.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits or ends as the fault demands; what is left are faults of the result.
    fn suffer(&self, cancel: &CancelFlag) -> Result<Fault, String> {
        let fault = self.next();
        match fault {
            Fault::Slow(delay) => {
                let until = Instant::now() + delay;
                while Instant::now() < until && !cancel.is_cancelled() && !self.released.load(Ordering::Relaxed) {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
            Fault::Fails => return Err("planted".to_owned()),
            Fault::Panics => panic!("a planted fault"),
            Fault::Hangs => {
                self.hang();
                return Err("released".to_owned());
            }
            _ => {}
        }
        Ok(fault)
    }

    /// Called by the conversation itself.
    fn named(&self) {
        if self.asked.load(Ordering::Relaxed) < self.from {
            return;
        }
        match self.fault {
            Fault::HangsTheConversation => self.hang(),
            Fault::PanicsInTheConversation => panic!("a planted fault"),
            _ => {}
        }
    }
}

/// Hears a caller who leaves a message.
impl SpeechToText for Faulty {
    fn name(&self) -> &str {
        self.named();
        "faulty-stt"
    }

    fn transcribe(&self, _: &[i16], options: &SttOptions, cancel: &CancelFlag) -> Result<Transcript, SttError> {
        let failed = |reason| SttError::Engine { engine: "faulty-stt".to_owned(), reason };
        let text = match self.suffer(cancel).map_err(failed)? {
            Fault::Empty => String::new(),
            Fault::Garbage => "\u{202E}\u{0}𝕏𒐫 \u{FFFD}\u{7F}ज़ॣ🂡 ﷽\r\n\u{200B}".to_owned(),
            Fault::TenThousandLetters => "the line is bad ".repeat(640),
            _ => match (options.expect, self.general.load(Ordering::Relaxed)) {
                (Expect::Digits, _) => "nine eight seven six five four three two one zero".to_owned(),
                (Expect::YesNo, _) => "Yes.".to_owned(),
                (Expect::Name, _) => "My name is Anita Desai.".to_owned(),
                (_, said) => {
                    self.general.store(said + 1, Ordering::Relaxed);
                    let lines = ["I want to leave a message.", "Please send me the bill.", "No, thank you."];
                    lines[said.min(2)].to_owned()
                }
            },
        };
        Ok(Transcript { text, confidence: 0.9, ..Transcript::default() })
    }
}

impl TextToSpeech for Faulty {
    /// The phrases of [`Tones`] are this voice's, too.
    fn name(&self) -> &str {
        self.named();
        Tones.name()
    }

    fn voice(&self) -> &str {
        Tones.voice()
    }

    fn synthesize_at(
        &self,
        text: &str,
        rate_hz: u32,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        cancel: &CancelFlag,
    ) -> Result<(), TtsError> {
        let failed = |reason| TtsError::Engine { engine: "faulty-tts".to_owned(), reason };
        let second = rate_hz as usize;
        match self.suffer(cancel).map_err(failed)? {
            Fault::Empty => {}
            Fault::Cut => _ = sink(&tone::sine(880.0, 8_000.0, second / 50)),
            Fault::Endless => while sink(&tone::sine(880.0, 8_000.0, second)).is_continue() {},
            Fault::Noise => {
                let mut state = 1_u32;
                let mut noise = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 18) as i16
                };
                _ = sink(&(0..2 * second).map(|_| noise()).collect::<Vec<_>>());
            }
            _ => return Tones.synthesize_at(text, rate_hz, sink, cancel),
        }
        Ok(())
    }
}

/// What became of a call.
struct Call {
    timeline: Timeline,
    closing: Closing,
    turns: Vec<Turn>,
}

/// Lets a caller talk until the receptionist hangs up, and then another one hear that the node still answers.
fn call(desk: &Desk, case: &str) -> Call {
    let timeline = talk(desk, case);
    let closing = desk.closed();
    let turns = desk.turns();
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    let (mut dialog, sdp) = call_again(&mut phone, desk, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    voice.expect_sound();
    phone.ask(&mut dialog, "BYE", "", "");
    desk.closed();
    Call { timeline, closing, turns }
}

/// The next call, which a node whose workers hung may put off for a while.
fn call_again(phone: &mut Phone, desk: &Desk, sdp: &str) -> (Dialog, String) {
    wait_for("a node that takes calls again", CALL_LIMIT, || {
        let mut dialog = phone.dialog(desk.sip, DID);
        let answer = phone.ask(&mut dialog, "INVITE", "", sdp);
        if answer.status() == Some(503) {
            assert!(!answer.header("Retry-After").is_empty(), "{}", answer.text);
            return None;
        }
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
        Some((dialog, answer.body().to_owned()))
    })
}

fn talk(desk: &Desk, case: &str) -> Timeline {
    let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
    let (dialog, sdp) = phone.call(desk.sip, DID, &voice.sdp("sendrecv"));
    voice.send_to(&sdp);
    let began = Instant::now();
    while !phone.has_request("BYE") {
        assert!(began.elapsed() < CALL_LIMIT, "{case}: the call does not end: {:?}", desk.turns());
        voice.say_in_turn(CALLER_HZ, 1_000);
    }
    phone.expect_bye(&dialog);
    voice.timeline()
}

/// The silences that stood too long after a turn of the caller's, or at the beginning of the call.
fn silences(timeline: &Timeline) -> Vec<(u64, u64)> {
    let Timeline { heard, spoken, last } = timeline;
    let silence = |from: &u64| {
        let until = heard.iter().find(|at| *at >= from).unwrap_or(last);
        (*from, until - from)
    };
    std::iter::once(&0).chain(spoken).map(silence).filter(|(_, ms)| *ms > LONGEST_SILENCE_MS).collect()
}

fn assert_waterfalls(turns: &[Turn], case: &str) {
    for waterfall in turns.iter().filter_map(|turn| turn.waterfall.as_ref()) {
        let steps: Vec<_> = waterfall.steps().collect();
        assert!(steps.is_sorted_by_key(|(_, at)| *at), "{case}: {steps:?}");
        assert!(waterfall.response_ms() <= waterfall.first_packet_ms, "{case}: {waterfall:?}");
    }
}

/// One cell of the matrix.
struct Case {
    name: String,
    setting: Setting,
    expected: fn(&Call) -> bool,
}

fn ends_in_order(call: &Call) -> bool {
    call.closing.end_cause == EndCause::AgentHungUp
}

fn breaks_down(call: &Call) -> bool {
    call.closing.end_cause == EndCause::Breakdown
}

/// The message is taken, and a template stood in for what could not be spoken.
fn takes_the_message_by_template(call: &Call) -> bool {
    let template = call.turns.iter().any(|turn| {
        turn.text.contains("I have noted your number.")
            && turn.waterfall.is_some_and(|waterfall| waterfall.rung == Rung::Template)
    });
    template && takes_the_message(call)
}

fn takes_the_message(call: &Call) -> bool {
    let slots = &call.closing.slots;
    let taken = slots.name.is_some() && slots.number.is_some() && slots.reason.is_some();
    taken && call.closing.outcome == CallOutcome::Message && ends_in_order(call)
}

fn cases(released: &Arc<AtomicBool>) -> Vec<Case> {
    let mut cases = Vec::new();
    let slow = Fault::Slow(Duration::from_millis(2_500));
    let late = Fault::Slow(Duration::from_secs(30));
    let mut add = |name: String, setting: Setting, expected| cases.push(Case { name, setting, expected });
    // By the caller's turns: what is wanted, the name, the number, the message, the read-back, the farewell.
    for fault in [slow, late, Fault::Fails, Fault::Panics, Fault::Hangs, Fault::Empty, Fault::Garbage] {
        for from in [0, 1, 2, 4, 5] {
            let stt = Some(Arc::new(Faulty::new(fault, from, released)) as Arc<dyn SpeechToText>);
            add(
                format!("recogniser: {fault:?} from turn {from}"),
                Setting { stt, ..Setting::default() },
                ends_in_order,
            );
        }
    }
    for from in [0, 3] {
        let stt = Some(Arc::new(Faulty::new(Fault::TenThousandLetters, from, released)) as Arc<dyn SpeechToText>);
        let name = format!("recogniser: ten thousand letters from turn {from}");
        add(name, Setting { stt, ..Setting::default() }, ends_in_order);
    }
    let hearing = |fault| Some(Arc::new(Faulty::new(fault, 0, released)) as Arc<dyn SpeechToText>);
    // What is not fixed is spoken for the first time in the read-back.
    for fault in [slow, late, Fault::Fails, Fault::Panics, Fault::Hangs, Fault::Empty, Fault::Cut, Fault::Endless] {
        let tts = Some(Arc::new(Faulty::new(fault, 0, released)) as Arc<dyn TextToSpeech>);
        let setting = Setting { stt: hearing(Fault::None), tts, ..Setting::default() };
        add(format!("voice: {fault:?}"), setting, takes_the_message_by_template);
    }
    let tts = Some(Arc::new(Faulty::new(Fault::Noise, 0, released)) as Arc<dyn TextToSpeech>);
    add("voice: noise".to_owned(), Setting { stt: hearing(Fault::None), tts, ..Setting::default() }, takes_the_message);
    // Without a single phrase ready, from the greeting on or from some later sentence on.
    for (fault, from) in [(Fault::Fails, 0), (Fault::Hangs, 0), (Fault::Empty, 0), (slow, 0), (Fault::Fails, 6)] {
        let tts = Some(Arc::new(Faulty::new(fault, from, released)) as Arc<dyn TextToSpeech>);
        let setting = Setting { stt: hearing(Fault::None), tts, prepared: false, ..Setting::default() };
        add(format!("no phrases, and the voice: {fault:?} from sentence {from}"), setting, ends_in_order);
    }
    let setting = Setting { stt: hearing(Fault::None), prepared: false, ..Setting::default() };
    add("no phrases".to_owned(), setting, takes_the_message);
    for store in [Keeping::Slowly(Duration::from_millis(700)), Keeping::DownFor(Duration::from_secs(8))] {
        add("store".to_owned(), Setting { stt: hearing(Fault::None), store, ..Setting::default() }, takes_the_message);
    }
    // The conversation's own task, in the greeting, at the first turn and in the middle.
    for fault in [Fault::HangsTheConversation, Fault::PanicsInTheConversation] {
        for from in [1, 3] {
            let stt = Some(Arc::new(Faulty::new(fault, from, released)) as Arc<dyn SpeechToText>);
            add(format!("{fault:?} after turn {from}"), Setting { stt, ..Setting::default() }, breaks_down);
        }
    }
    cases
}

#[test]
fn no_fault_leaves_a_caller_in_silence() {
    let released = Arc::new(AtomicBool::new(false));
    let cases = cases(&released);
    // Kept until the engines are released: a node whose engine hangs does not end before.
    let desks = Mutex::new(Vec::new());
    let run = |case: Case| {
        let desk = Arc::new(Desk::start_with(case.setting));
        desks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&desk));
        (call(&desk, &case.name), case.name, case.expected)
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || run(case))).collect();
        let done: Vec<_> = running.into_iter().map(|call| call.join()).collect();
        released.store(true, Ordering::Relaxed);
        done.into_iter()
            .filter_map(|done| {
                let Ok((call, name, expected)) = done else { return Some("a call failed; see above".to_owned()) };
                assert_waterfalls(&call.turns, &name);
                let silent = silences(&call.timeline);
                let told = || format!("{:?} {:?} {:?}", call.closing.end_cause, call.closing.outcome, call.turns);
                if !silent.is_empty() {
                    return Some(format!("{name}: silent at, for ms: {silent:?}; {}", told()));
                }
                (!expected(&call)).then(|| format!("{name}: not as expected: {}", told()))
            })
            .collect()
    });
    assert!(failures.is_empty(), "{} calls:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn silence_is_seen_where_it_is() {
    let mut timeline = Timeline { heard: vec![40, 60, 5_000, 9_000], spoken: vec![2_000, 6_000], last: 9_020 };
    assert_eq!(silences(&timeline), [(2_000, 3_000), (6_000, 3_000)]);
    timeline.heard = vec![40, 2_900, 6_000];
    assert_eq!(silences(&timeline), []);
    timeline.heard = Vec::new();
    assert_eq!(silences(&timeline).len(), 3);
}

#[test]
fn the_waterfall_of_a_whole_call_is_monotonic_and_complete() {
    let released = Arc::new(AtomicBool::new(false));
    let stt = Some(Arc::new(Faulty::new(Fault::None, 0, &released)) as Arc<dyn SpeechToText>);
    let desk = Desk::start_with(Setting { stt, ..Setting::default() });
    let call = call(&desk, "healthy");
    assert!(takes_the_message(&call), "{:?} {:?}", call.closing, call.turns);
    assert_waterfalls(&call.turns, "healthy");
    let answered: Vec<_> = call.turns.windows(2).filter(|pair| pair[0].speaker == Speaker::Caller).collect();
    assert!(answered.len() >= 5, "{:?}", call.turns);
    for pair in answered {
        let waterfall = pair[1].waterfall.unwrap_or_else(|| panic!("an answer without figures: {pair:?}"));
        assert!(waterfall.stt_started_ms.is_some() && waterfall.stt_ms.is_some(), "{waterfall:?}");
        assert!(waterfall.endpoint_ms > 0 && waterfall.first_packet_ms >= waterfall.endpoint_ms, "{waterfall:?}");
        assert!(matches!(waterfall.rung, Rung::Phrase | Rung::Engine), "{waterfall:?}");
        assert_eq!(waterfall.filled, waterfall.filler_ms.is_some());
    }
    let read_back = call.turns.iter().find(|turn| turn.text.contains("Your number is")).expect("a read-back");
    assert_eq!(read_back.waterfall.map(|waterfall| waterfall.rung), Some(Rung::Engine));
}
