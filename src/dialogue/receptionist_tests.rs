use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::{Expectation, Line, demo_profile, replay};
use super::*;
use crate::domain::{Ask, DayHours, TransferKind, TransferTarget, Transfers, WeeklyHours};

/// Runs the inputs of a script (lines `C: …`) and writes the whole script anew: what the agent says, what it then
/// expects, which slots change, and the outcome. `@caller +91…` and `@time …` stand before the first input.
fn played(script: &str) -> String {
    let setting = |key: &str| script.lines().find_map(|line| line.strip_prefix(key).map(str::trim));
    let caller = setting("@caller").map(|number| E164::parse(number).unwrap());
    let now: Zoned = format!("{}[Asia/Kolkata]", setting("@time").unwrap()).parse().unwrap();
    let targets = script.lines().filter_map(|line| line.strip_prefix("@target ")).map(target).collect();
    let ask = setting("@ask").map_or(Vec::new(), |list| list.split(", ").map(asked).collect());
    let transfers = Transfers { targets, allow_foreign: false };
    let mut receptionist = Receptionist::new(AgentProfile { transfers, ask, ..demo_profile() }, caller);
    let mut out = String::new();
    for line in script.lines().take_while(|line| !line.starts_with("C: ")) {
        writeln!(out, "{line}").unwrap();
    }
    for said in script.lines().filter_map(|line| line.strip_prefix("C: ")) {
        writeln!(out, "C: {said}").unwrap();
        for action in receptionist.step(input(said), &now) {
            match action {
                Action::Slot { slot, value } => {
                    writeln!(out, "   * {slot:?}: {}", value.as_deref().unwrap_or("-")).unwrap()
                }
                Action::Say(line) => writeln!(out, "A: {}", line.text()).unwrap(),
                Action::Expect(Expectation::Open) => {}
                Action::Expect(expectation) => writeln!(out, "   ? {}", name(expectation)).unwrap(),
                Action::Transfer { target, summary } => writeln!(out, "   -> {target}: {summary}").unwrap(),
                Action::Consult(ask) => writeln!(out, "   ?? {ask:?}").unwrap(),
                Action::StopRecording => writeln!(out, "   STOP RECORDING").unwrap(),
                Action::End => writeln!(out, "   END").unwrap(),
            }
        }
    }
    writeln!(out, "= {:?}", receptionist.outcome()).unwrap();
    writeln!(out, "= {}", receptionist.summary()).unwrap();
    out
}

#[test]
fn where_only_emergencies_are_put_through_whoever_asks_for_a_person_leaves_a_message() {
    let targets = ["Dr Sharma, always", "the front desk, always"].map(target).into();
    let transfers = Transfers { targets, allow_foreign: false };
    let sparing = AgentProfile { transfers, emergency_transfers_only: true, ..demo_profile() };
    let called = |profile: &AgentProfile, inputs: &[Input]| {
        let mut receptionist = Receptionist::new(profile.clone(), None);
        let inputs = std::iter::once(&Input::Answered).chain(inputs);
        let actions: Vec<Action> = inputs.flat_map(|input| receptionist.step(input.clone(), &monday_noon())).collect();
        let calls = actions.iter().filter(|action| matches!(action, Action::Transfer { .. })).count();
        (calls, receptionist.outcome())
    };
    let wish = Input::said("Can I talk to Dr Sharma?", 0.9);
    let emergency = Input::said("My father is unconscious", 0.9);
    assert_eq!(called(&sparing, &[wish.clone(), wish.clone()]).0, 0);
    let nobody = Input::TransferFailed { reason: crate::dialogue::TransferFailure::NoAnswer };
    assert_eq!(called(&sparing, &[wish.clone(), emergency, nobody]).0, 2, "the next one is tried in an emergency");
    let generous = AgentProfile { emergency_transfers_only: false, ..sparing };
    assert_eq!(called(&generous, &[wish]).0, 1);
}

fn asked(name: &str) -> Ask {
    match name {
        "email" => Ask::Email,
        "pin_code" => Ask::PinCode,
        _ => panic!("nobody asks for {name}"),
    }
}

/// `Dr Sharma, always` or `the front desk, 600-1140` (minutes of every day).
fn target(line: &str) -> TransferTarget {
    let (name, hours) = line.split_once(", ").unwrap();
    let hours = (hours != "always").then(|| {
        let (opens, closes) = hours.split_once('-').unwrap();
        let day = DayHours { opens_min: opens.parse().unwrap(), closes_min: closes.parse().unwrap() };
        WeeklyHours(std::array::from_fn(|_| vec![day]))
    });
    let number = "98450 12345".parse().unwrap();
    TransferTarget { name: name.into(), number, hours, kind: TransferKind::Warm }
}

fn name(expectation: Expectation) -> String {
    match expectation {
        Expectation::Digits { len } => format!("digits {}", len.unwrap_or(0)),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn input(said: &str) -> Input {
    let inner = said.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        None => Input::said(said, 0.9),
        Some("answered") => Input::Answered,
        Some("silence") => Input::NoInput,
        Some("noise") => Input::NotUnderstood,
        Some("recogniser down") => Input::SttUnavailable,
        Some("hangs up") => Input::HungUp,
        Some("no answer") => Input::TransferFailed { reason: TransferFailure::NoAnswer },
        Some("busy") => Input::TransferFailed { reason: TransferFailure::Busy },
        Some("refused") => Input::TransferFailed { reason: TransferFailure::Refused },
        Some("failed") => Input::TransferFailed { reason: TransferFailure::Failed },
        Some("connected") => Input::TransferDone,
        Some(other) => match other.split_once(' ') {
            Some(("keys", keys)) => Input::Digits(keys.into()),
            Some(("interrupts", heard)) => Input::Interrupted { heard: heard.into() },
            _ => panic!("unknown input [{other}]"),
        },
    }
}

/// `UPDATE_DIALOGUES=1` writes the scripts as they are played now, for review.
#[test]
fn scripted_conversations() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogue");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 20, "scripts are missing in {}", folder.display());
    let mut wrong = Vec::new();
    for path in names {
        let script = std::fs::read_to_string(&path).unwrap();
        let played = played(&script);
        if std::env::var_os("UPDATE_DIALOGUES").is_some() {
            std::fs::write(&path, &played).unwrap();
        } else if played != script {
            wrong.push(format!("{}\n{played}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these are played otherwise:\n{}", wrong.join("\n"));
}

fn monday_noon() -> Zoned {
    "2026-11-23T12:00:00+05:30[Asia/Kolkata]".parse().unwrap()
}

/// Sentences that move the conversation, so that random walks reach every state.
const SENTENCES: &[&str] = &[
    "I want an appointment",
    "This is Rahul Verma, I want an appointment tomorrow at five for a toothache",
    "my name is Anita",
    "Rahul",
    "98765 43210",
    "98765",
    "43210",
    "double seven",
    "this number",
    "two five four three two one two three four five",
    "I have a toothache",
    "tomorrow evening",
    "yes",
    "no",
    "no, it ends in four",
    "no, the name is Anita",
    "no, tomorrow at six",
    "the number is wrong",
    "what?",
    "are you open on Sunday",
    "when do you close today",
    "are you open now",
    "timings",
    "where are you",
    "talk to a person",
    "emergency",
    "connect me to the front desk",
    "wrong number",
    "thank you",
    "bye",
    "hello",
    "one minute",
    "are you a robot",
    "speak Hindi",
    "how much is a filling",
    "cancel my appointment",
    "I don't want to tell",
    "blah",
    "please tell the doctor I will be late because the bus from my village has not come and the road is closed today",
    "it is urgent",
    "nothing",
];

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => prop::sample::select(SENTENCES).prop_map(|text| Input::said(text, 0.9)),
        1 => "\\PC{0,40}".prop_map(|text| Input::said(text, 0.9)),
        1 => Just(Input::said("mumble", 0.05)),
        2 => prop_oneof![Just("1"), Just("2"), Just("9876543210"), Just("09876543210#"), Just("98"), Just("#"), Just("")].prop_map(|keys| Input::Digits(keys.into())),
        2 => Just(Input::NoInput),
        2 => Just(Input::NotUnderstood),
        1 => Just(Input::SttUnavailable),
        1 => prop_oneof![Just(""), Just("Hello, Sharma Dental Clinic. I'm an AI assistant, and this call may be recorded.")].prop_map(|heard| Input::Interrupted { heard: heard.into() }),
        1 => Just(Input::Answered),
        2 => prop_oneof![Just(TransferFailure::NoAnswer), Just(TransferFailure::Busy), Just(TransferFailure::Refused), Just(TransferFailure::Failed)]
            .prop_map(|reason| Input::TransferFailed { reason }),
    ]
}

fn profiles() -> impl Strategy<Value = AgentProfile> {
    let split = vec![DayHours { opens_min: 0, closes_min: 600 }, DayHours { opens_min: 905, closes_min: 1440 }];
    let always: [Vec<DayHours>; 7] = std::array::from_fn(|_| vec![DayHours { opens_min: 0, closes_min: 1440 }]);
    let odd: [Vec<DayHours>; 7] = std::array::from_fn(|day| if day % 2 == 0 { split.clone() } else { Vec::new() });
    let hours = prop_oneof![
        Just(demo_profile().hours),
        Just(WeeklyHours(always)),
        Just(WeeklyHours(odd)),
        Just(WeeklyHours::default())
    ];
    let targets =
        prop::sample::subsequence(vec!["Dr Sharma, always", "the front desk, 600-1140", "Kavita, 0-720"], 0..=3);
    let greeting = prop::option::of(Just("Namaste, Salon Ria".to_owned()));
    (hours, any::<bool>(), greeting, any::<bool>(), targets).prop_map(
        |(hours, record_calls, greeting, known, targets)| AgentProfile {
            transfers: Transfers { targets: targets.into_iter().map(target).collect(), allow_foreign: false },
            ask: if known { vec![Ask::Email, Ask::PinCode] } else { Vec::new() },
            hours,
            record_calls,
            greeting,
            address: if known { demo_profile().address } else { String::new() },
            landmark: demo_profile().landmark.filter(|_| known),
            ..demo_profile()
        },
    )
}

fn callers() -> impl Strategy<Value = Option<E164>> {
    prop::option::of(Just(E164::parse("+919812345678").unwrap()))
}

fn said(actions: &[Action]) -> Vec<&Line> {
    actions.iter().filter_map(|action| if let Action::Say(line) = action { Some(line) } else { None }).collect()
}

/// Whatever order silence, noise and a dead recogniser come in, and whatever was asked: twelve of them are never borne.
#[test]
fn every_order_of_nothing_ends_the_call() {
    fn walk(receptionist: &Receptionist, now: &Zoned, order: &mut Vec<Input>) {
        assert!(order.len() < 12, "still on the line after {order:?}");
        for input in [Input::NoInput, Input::NotUnderstood, Input::SttUnavailable] {
            let mut next = receptionist.clone();
            order.push(input.clone());
            if !next.step(input, now).contains(&Action::End) {
                walk(&next, now, order);
            }
            order.pop();
        }
    }
    let now = monday_noon();
    let sentences = ["I want an appointment", "Rahul Verma", "98765 43210", "a tooth ache", "tomorrow at five", "no"];
    for caller in [None, E164::parse("+919812345678").ok()] {
        let mut receptionist = Receptionist::new(demo_profile(), caller);
        receptionist.step(Input::Answered, &now);
        for sentence in sentences {
            walk(&receptionist, &now, &mut Vec::new());
            receptionist.step(Input::said(sentence, 0.9), &now);
        }
        walk(&receptionist, &now, &mut Vec::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Never silent, never two lines at once, never a text that is called fixed and is not ready.
    #[test]
    fn every_step_speaks_or_ends(profile in profiles(), caller in callers(), walk in prop::collection::vec(inputs(), 1..40), hour in 0i8..24) {
        let now = monday_noon().with().hour(hour).build().unwrap();
        let fixed = Receptionist::fixed_lines(&profile);
        let mut receptionist = Receptionist::new(profile, caller);
        receptionist.step(Input::Answered, &now);
        for input in walk {
            let actions = receptionist.step(input.clone(), &now);
            let lines = said(&actions);
            prop_assert!(lines.len() <= 1);
            if !matches!(input, Input::Interrupted { .. } | Input::HungUp) {
                prop_assert!(!lines.is_empty() || actions.contains(&Action::End), "silent after {input:?}");
                let then = actions.iter().filter(|a| matches!(a, Action::End | Action::Expect(_) | Action::Transfer { .. })).count();
                prop_assert_eq!(then, 1);
            }
            for line in lines {
                prop_assert!(line.segments.first().is_some_and(|s| s.fixed), "begins with what is not ready: {line:?}");
                for segment in &line.segments {
                    prop_assert!(!segment.text.trim().is_empty());
                    prop_assert_eq!(segment.fixed, fixed.contains(&segment.text), "{}", &segment.text);
                }
            }
            prop_assert!(!receptionist.summary().is_empty());
        }
    }

    /// Nobody is called twice in a call, nor outside of their hours, whatever the caller says.
    #[test]
    fn every_person_is_called_at_most_once(profile in profiles(), walk in prop::collection::vec(inputs(), 1..60), hour in 0i8..24) {
        let now = monday_noon().with().hour(hour).build().unwrap();
        let targets = profile.transfers.targets.clone();
        let mut receptionist = Receptionist::new(profile, None);
        receptionist.step(Input::Answered, &now);
        let mut called = Vec::new();
        for input in walk {
            for action in receptionist.step(input, &now) {
                let Action::Transfer { target, summary } = action else { continue };
                prop_assert!(!called.contains(&target), "{target} twice");
                prop_assert!(summary.ends_with('.') && summary.split_whitespace().count() < 40, "{summary}");
                prop_assert!(targets[target].hours.as_ref().is_none_or(|hours| crate::dialogue::hours::is_open(hours, &now)));
                called.push(target);
            }
        }
    }

    /// Silence, noise and a dead recogniser end every call soon, from wherever it stands.
    #[test]
    fn silence_and_noise_end_the_call(caller in callers(), walk in prop::collection::vec(inputs(), 0..25), mut rest in prop::collection::vec(0u8..3, 20)) {
        let now = monday_noon();
        let mut receptionist = Receptionist::new(demo_profile(), caller);
        receptionist.step(Input::Answered, &now);
        for input in walk {
            receptionist.step(input, &now);
        }
        let mut silent = receptionist.clone();
        let ended = (0..3).any(|_| silent.step(Input::NoInput, &now).contains(&Action::End));
        prop_assert!(ended, "three silences");
        rest.truncate(12);
        let ended = rest.into_iter().any(|kind| {
            let input = [Input::NoInput, Input::NotUnderstood, Input::SttUnavailable][usize::from(kind)].clone();
            receptionist.step(input, &now).contains(&Action::End)
        });
        prop_assert!(ended, "twelve turns of nothing");
    }

    /// A caller who never says anything of use, or asks without end, is not kept on the line for ever.
    #[test]
    fn every_call_ends(walk in prop::collection::vec(inputs(), 75..80)) {
        let now = monday_noon();
        let mut receptionist = Receptionist::new(demo_profile(), None);
        receptionist.step(Input::Answered, &now);
        let counted = walk.iter().filter(|i| !matches!(i, Input::Interrupted { .. })).count();
        let ended = walk.into_iter().any(|input| receptionist.step(input, &now).contains(&Action::End));
        prop_assert!(ended || counted <= usize::from(MOST_TURNS));
    }

    /// The log of a call, written and read, gives the same call.
    #[test]
    fn a_call_replays_from_its_log(caller in callers(), walk in prop::collection::vec(inputs(), 1..20)) {
        let log: Vec<(Input, Zoned)> = std::iter::once(Input::Answered).chain(walk).map(|input| (input, monday_noon())).collect();
        let mut live = Receptionist::new(demo_profile(), caller.clone());
        let lived: Vec<Vec<Action>> = log.iter().map(|(input, now)| live.step(input.clone(), now)).collect();
        let written = serde_json::to_string(&(&log, &lived)).unwrap();
        let (log, lived): (Vec<(Input, Zoned)>, Vec<Vec<Action>>) = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(replay(&demo_profile(), caller, log), lived);
    }

    /// Any number that is said is the number that is taken and read back, whatever it is.
    #[test]
    fn a_number_said_is_the_number_taken(national in "[6-9][0-9]{9}", pause in 1usize..9) {
        let now = monday_noon();
        let say = |text: String| Input::said(text, 0.9);
        let mut receptionist = Receptionist::new(demo_profile(), None);
        for input in [Input::Answered, say("I want to leave a message".into()), say("Rahul Verma".into())] {
            receptionist.step(input, &now);
        }
        let (first, rest) = national.split_at(pause);
        receptionist.step(say(format!("It's {}", numbers::spoken_digits(first))), &now);
        receptionist.step(say(format!("{}.", numbers::spoken_digits(rest))), &now);
        let taken = receptionist.slots().number.as_ref().and_then(E164::indian_national);
        if pause > 1 {
            prop_assert_eq!(taken, Some(national.as_str()));
        } else {
            prop_assert!(taken.is_none_or(|n| n == national));
        }
    }
}

#[test]
fn the_greeting_is_short_and_tells_what_must_be_told() {
    let mut receptionist = Receptionist::new(demo_profile(), None);
    let actions = receptionist.step(Input::Answered, &monday_noon());
    let text = said(&actions)[0].text();
    assert!(text.contains("Sharma Dental Clinic") && text.contains("AI assistant") && text.contains("recorded"));
    // Seven seconds at the 170 words a minute of the voice.
    assert!(text.split_whitespace().count() <= 19, "{text}");
}

#[test]
fn fillers_are_ready() {
    let fixed = Receptionist::fixed_lines(&demo_profile());
    assert!(Receptionist::fillers(&demo_profile()).iter().all(|filler| fixed.contains(filler)));
}

#[test]
fn after_the_end_nothing_more_is_said() {
    let mut receptionist = Receptionist::new(demo_profile(), None);
    let now = monday_noon();
    receptionist.step(Input::Answered, &now);
    receptionist.step(Input::said("bye", 1.0), &now);
    assert_eq!(receptionist.step(Input::said("hello", 1.0), &now), [Action::End]);
    assert_eq!(receptionist.step(Input::HungUp, &now), []);
}

#[test]
fn a_caller_may_refuse_to_be_recorded_at_any_question_by_voice_or_key() {
    for refusal in [Input::said("Please don't record me.", 1.0), Input::Digits("9".to_owned())] {
        let mut receptionist = Receptionist::new(demo_profile(), None);
        let now = monday_noon();
        receptionist.step(Input::Answered, &now);
        receptionist.step(Input::said("I want to leave a message", 1.0), &now);
        let actions = receptionist.step(refusal.clone(), &now);
        assert_eq!(actions.iter().filter(|action| **action == Action::StopRecording).count(), 1, "{actions:?}");
        let text = said(&actions)[0].text();
        assert!(text.starts_with("All right, this call is not recorded any more."), "{text}");
        assert!(text.contains("name"), "the question that stands is asked again: {text}");
        let again = receptionist.step(refusal, &now);
        assert!(!again.contains(&Action::StopRecording), "{again:?}");
        assert!(said(&again)[0].text().starts_with("This call is not recorded."), "{again:?}");
    }
    let unrecorded = AgentProfile { record_calls: false, ..demo_profile() };
    let mut receptionist = Receptionist::new(unrecorded, None);
    receptionist.step(Input::Answered, &monday_noon());
    let actions = receptionist.step(Input::said("do not record this call", 1.0), &monday_noon());
    assert!(!actions.contains(&Action::StopRecording), "{actions:?}");
}

#[test]
fn a_call_that_must_end_ends_in_words_that_say_what_was_taken() {
    let mut receptionist = Receptionist::new(demo_profile(), None);
    let now = monday_noon();
    receptionist.step(Input::Answered, &now);
    receptionist.step(Input::said("My name is Rahul Verma and I want an appointment", 1.0), &now);
    let actions = receptionist.step(Input::MustEnd, &now);
    let text = said(&actions)[0].text();
    assert!(text.starts_with("I have to end the call here.") && text.contains("noted"), "{text}");
    assert_eq!(actions.last(), Some(&Action::End));
    assert_eq!(receptionist.step(Input::MustEnd, &now), [Action::End]);
}

#[test]
fn a_caller_is_handed_over_when_the_business_wants_it() {
    let mut profile = demo_profile();
    profile.transfers.targets = vec![crate::domain::TransferTarget {
        name: "the front desk".to_owned(),
        number: "+918047180099".parse().unwrap(),
        // Closed now: whoever asks knows that somebody is there.
        hours: Some(crate::domain::WeeklyHours::default()),
        kind: crate::domain::TransferKind::Warm,
    }];
    let mut receptionist = Receptionist::new(profile, None);
    let now = monday_noon();
    receptionist.step(Input::Answered, &now);
    receptionist.step(Input::said("I want an appointment", 1.0), &now);
    let actions = receptionist.step(Input::HandOver { target: 0 }, &now);
    assert!(said(&actions)[0].text().contains("the front desk"), "{actions:?}");
    assert!(matches!(actions.last(), Some(Action::Transfer { target: 0, .. })), "{actions:?}");
    let back = receptionist.step(Input::TransferFailed { reason: TransferFailure::NoAnswer }, &now);
    assert!(back.iter().any(|action| matches!(action, Action::Expect(_))), "the appointment goes on: {back:?}");
    let nobody = receptionist.step(Input::HandOver { target: 7 }, &now);
    assert!(!nobody.iter().any(|action| matches!(action, Action::Transfer { .. })), "{nobody:?}");
}
