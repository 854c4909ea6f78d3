//! Whole calls: our own caller speaks over SIP and RTP, real engines listen and answer, the record is compared.

use std::time::Duration;

use crate::ears::{assert_caller_hears, assert_hears};
use crate::harness::{Demo, MESSAGE, text, vca, wait_for};

#[test]
fn a_caller_leaves_name_number_and_reason_and_hears_them_read_back() {
    let demo = Demo::start();
    let report = demo.call(&[
        "--say",
        "I would like to book an appointment.",
        "--say",
        "My name is Rahul Verma.",
        "--say",
        "nine eight seven six five, four three two one zero.",
        "--say",
        "I have a toothache.",
        "--say",
        "Tomorrow evening.",
        "--say",
        "Yes, that is correct.",
        "--say",
        "No, thank you.",
    ]);
    let call = demo.closed_call();
    let detail = || format!("{call:#}\n{report:#}");
    assert_eq!(call["slots"]["name"], "Rahul Verma", "{}", detail());
    assert_eq!(call["slots"]["number"], "+919876543210", "{}", detail());
    for (slot, said) in [("reason", "toothache"), ("preferred_time", "tomorrow evening")] {
        assert_hears(call["slots"][slot].as_str().unwrap_or_default(), &[said], detail);
    }
    assert_eq!(call["outcome"], "appointment");
    assert_eq!(call["end_cause"], "agent_hung_up", "{}", detail());
    assert!(call["summary"].as_str().is_some_and(|s| s.contains("Rahul Verma")), "{}", detail());
    assert_caller_hears(&report, &["clinic", "recorded", "your name is rahul", "toothache", "tomorrow evening"]);
    let turns = call["turns"].as_array().expect("turns");
    let read_back = turns.iter().filter_map(|turn| turn["text"].as_str());
    let read_back = read_back.filter(|text| text.contains("nine eight seven six five, four three two one zero"));
    assert_eq!(read_back.count(), 1, "the number is read back in groups: {}", detail());
    assert!(turns.len() >= 12, "{}", detail());
    let answered = turns.iter().filter(|turn| !turn["waterfall"].is_null()).count();
    assert!(answered >= 5, "agent turns that answer the caller have a waterfall: {}", detail());
    for fall in turns.iter().map(|turn| &turn["waterfall"]).filter(|fall| !fall.is_null()) {
        let at = |key: &str| fall[key].as_u64().expect("milliseconds");
        assert!(at("endpoint_ms") <= at("dialogue_ms") && at("tts_first_byte_ms") <= at("first_packet_ms"), "{fall}");
    }
}

#[test]
fn opening_hours_are_told() {
    let demo = Demo::start();
    let report = demo.call(&["--say", "What time do you open on Monday?", "--say", "No, thank you. Goodbye."]);
    assert_caller_hears(&report, &["monday", "10 a"]);
    assert_eq!(demo.closed_call()["outcome"], "answered");
}

#[test]
fn an_interruption_stops_the_agent_and_what_was_heard_is_kept() {
    let demo = Demo::start();
    let report = demo.call(&[
        "--say",
        "What is your address?",
        "--interrupt",
        "Sorry, please tell me your opening hours on Monday instead.",
        "--say",
        "No, thank you.",
    ]);
    let call = demo.closed_call();
    let turns = call["turns"].as_array().expect("turns");
    let cut = turns.iter().find(|turn| turn["speaker"] == "agent" && turn["heard"].is_string());
    let cut = cut.unwrap_or_else(|| panic!("an agent turn that was cut: {call:#}\n{report:#}"));
    let (heard, text) = (cut["heard"].as_str().unwrap_or_default(), cut["text"].as_str().unwrap_or_default());
    assert!(heard.len() < text.len() && text.starts_with(heard), "heard {heard:?} of {text:?}");
    assert_caller_hears(&report, &["monday", "10 a"]);
}

#[test]
fn a_silent_caller_is_asked_again_and_the_call_ends() {
    let demo = Demo::start();
    let report = demo.call(&["--silent", "60"]);
    let call = demo.closed_call();
    let agent_lines = report["conversation"].as_array().expect("a conversation").len();
    assert!(agent_lines >= 3, "greeting, re-ask, goodbye: {report:#}");
    assert_eq!(call["end_cause"], "agent_hung_up", "{call:#}");
}

#[test]
fn keys_and_this_same_number_are_taken() {
    let demo = Demo::start();
    demo.call(&MESSAGE);
    let call = demo.closed_call();
    assert_eq!(call["slots"]["number"], "+919988776655", "{call:#}");
    let id = call["id"].as_str().expect("an id");
    assert_replays(&demo, id);
}

/// Beside the running node: the recorded call replays, a change is shown where it is, and an unknown call is not found.
fn assert_replays(demo: &Demo, id: &str) {
    let replay = |args: &[&str]| vca().arg("replay").arg("--data").arg(demo.data()).args(args).output().expect("vca");
    let same = replay(&[id]);
    assert_eq!(same.status.code(), Some(0), "{}{}", text(&same.stdout), text(&same.stderr));
    let exported = text(&replay(&["--export", id]).stdout);
    assert!(exported.contains("9988776655"), "the keys are in the log: {exported}");
    let file = demo.data().join("changed.json");
    std::fs::write(&file, exported.replace(r#""digits": "9988776655""#, r#""digits": "9988776644""#))
        .expect("a file is written");
    let changed = replay(&[file.to_str().expect("a path")]);
    assert_eq!(changed.status.code(), Some(1));
    let shown = text(&changed.stdout);
    assert!(shown.contains("the caller typed 9988776644"), "{shown}");
    assert!(shown.contains("- {") && shown.contains("+919988776655"), "what was expected: {shown}");
    assert!(shown.contains("+ {") && shown.contains("+919988776644"), "what came: {shown}");
    let unknown = replay(&[&id.replace(['0', '1', '2'], "3")]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stdout));
}

#[test]
fn with_the_recogniser_down_the_number_is_taken_by_keypad() {
    let demo = Demo::start_with(&[("VCA__SPEECH__STT__MODEL", "none")]);
    let report = demo.call(&["--say", "I would like an appointment please.", "--dtmf", "9876543210#", "--dtmf", "1"]);
    let call = demo.closed_call();
    assert_eq!(call["slots"]["number"], "+919876543210", "{call:#}\n{report:#}");
    assert_eq!(call["outcome"], "message", "{call:#}");
    assert_caller_hears(&report, &["keypad"]);
}

#[test]
fn a_disk_that_fills_up_ends_the_recording_and_not_the_call() {
    // Four seconds of both sides; the greeting alone is longer.
    let demo = Demo::start_with_room_for(128);
    let report = demo.call(&["--say", "What time do you open on Monday?", "--say", "No, thank you. Goodbye."]);
    assert_caller_hears(&report, &["recorded", "monday", "10 a"]);
    let call = demo.closed_call();
    assert_eq!((&call["recording"], &call["outcome"]), (&"failed".into(), &"answered".into()), "{call:#}");
    assert_eq!(call["status"], "completed", "{call:#}");
    let log = demo.log_so_far();
    assert!(log.contains("No space left"), "the log says why: {log}");
}

#[test]
fn a_crash_in_mid_call_leaves_a_repaired_record_and_a_playable_recording() {
    let demo = Demo::start();
    let mut caller = demo.caller(&["--say", "I want to leave a message.", "--silent", "30"]).spawn().expect("vca call");
    // Past the greeting, so that the recording has several seconds of speech.
    let id = wait_for("two turns in the record", Duration::from_secs(40), || {
        let (_, calls) = demo.get("/v1/calls?status=active");
        let id = calls["calls"].get(0)?["id"].as_str()?.to_owned();
        let (_, call) = demo.get(&format!("/v1/calls/{id}"));
        (call["turns"].as_array()?.len() >= 2).then_some(id)
    });
    let folder = demo.crash();
    caller.kill().expect("the caller is ended");
    caller.wait().expect("the caller is waited for");

    let demo = Demo::start_in(folder, &[], &[]);
    let (status, call) = demo.get(&format!("/v1/calls/{id}"));
    assert_eq!(status, 200);
    assert_eq!(call["status"], "abandoned", "{call:#}");
    assert_eq!(call["end_cause"], "crash");
    assert!(!call["ended_at"].is_null() && !call["turns"].as_array().expect("turns").is_empty());
    let replayed = vca().args(["replay", &id, "--data"]).arg(demo.data()).output().expect("vca replay runs");
    assert!(text(&replayed.stdout).contains("the same: "), "the log survived the crash: {replayed:?}");
    let tenant = call["tenant"].as_str().expect("a tenant");
    let path = demo.data().join("recordings").join(tenant).join(format!("{id}.wav"));
    let mut reader = hound::WavReader::open(&path).expect("the recording opens");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().expect("the recording is whole");
    assert!(samples.len() / 2 > 8_000 * 3, "more than three seconds were kept");
    let loudest = samples.iter().skip(1).step_by(2).map(|s| s.unsigned_abs()).max();
    assert!(loudest > Some(3_000), "the agent's side has speech");
}
