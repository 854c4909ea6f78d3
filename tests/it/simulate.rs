//! `vca simulate`: a few of the scripted callers, over real SIP and RTP with real engines; `make simulate` plays all.

use serde_json::Value;

use crate::harness::{new_folder, one_call_at_a_time, text, vca};

const RIGHT: [&str; 4] = ["asks-hours", "wrong-number", "interrupting-address", "polite-message"];

#[test]
fn scripted_callers_are_scored_and_their_calls_replay() {
    let _turn = one_call_at_a_time();
    let folder = new_folder();
    let (junit, json, calls) =
        (folder.path().join("out.xml"), folder.path().join("out.json"), folder.path().join("calls"));
    // One that expects what does not come: a wrong result must be seen as such.
    let wrong = folder.path().join("expects-too-much.yaml");
    let hours = std::fs::read_to_string("tests/conversations/asks-hours.yaml").expect("the scenario");
    std::fs::write(&wrong, hours.replace("outcome: answered", "outcome: appointment")).expect("a file is written");
    let mut command = vca();
    command.args(["simulate", "--parallel", "3"]).args(RIGHT).arg(&wrong);
    command.arg("--junit").arg(&junit).arg("--json").arg(&json).arg("--save-calls").arg(&calls);
    let output = command.output().expect("vca simulate runs");
    let table = text(&output.stdout);
    let detail = || format!("{table}\n{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{}", detail());
    let scores: Value = serde_json::from_slice(&std::fs::read(&json).expect("JSON is written")).expect("JSON");
    let scores = scores.as_array().expect("a list");
    assert_eq!(scores.len(), 5, "{}", detail());
    for score in &scores[..4] {
        assert_eq!(score["faults"], serde_json::json!([]), "{}", detail());
        assert!(!score["latencies_ms"].as_array().expect("a list").is_empty(), "{score:#}");
    }
    assert_eq!(scores[3]["slots"]["name"], "Anita Desai");
    assert_eq!(scores[4]["faults"], serde_json::json!(["outcome is answered, not appointment"]), "{}", detail());
    assert!(table.contains("4 of 5 right"), "{}", detail());
    let xml = std::fs::read_to_string(&junit).expect("JUnit is written");
    assert!(xml.contains("tests=\"5\"") && xml.contains("failures=\"1\""), "{xml}");
    for name in RIGHT {
        let saved = calls.join(format!("{name}.json"));
        let replayed = vca().arg("replay").arg(&saved).output().expect("vca replay runs");
        assert_eq!(replayed.status.code(), Some(0), "{name}: {}", text(&replayed.stdout));
    }
}
