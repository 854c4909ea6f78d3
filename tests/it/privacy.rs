//! Recordings at rest, a caller's wish not to be recorded, and what a caller may have handed over or erased.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Demo, new_folder, text, vca, wait_for};

const KEY: (&str, &str) = ("VCA_RECORDING_KEY", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
const LIMIT: Duration = Duration::from_secs(20);

/// Files below the folder of the recordings.
fn files(demo: &Demo) -> Vec<PathBuf> {
    let tenants = std::fs::read_dir(demo.data().join("recordings")).expect("the folder");
    let files = tenants.flat_map(|tenant| std::fs::read_dir(tenant.expect("a tenant").path()).expect("its folder"));
    files.map(|file| file.expect("a file").path()).collect()
}

/// `vca privacy` for the caller of `vca call`.
fn privacy(data: &Path, what: &[&str]) -> Command {
    let mut command = vca();
    command.env("VCA__DATA_DIR", data).env(KEY.0, KEY.1).arg("privacy").args(what);
    command.args(["--tenant", "Sharma Dental Clinic", "--number", "98123 45678"]);
    command
}

#[test]
fn a_sealed_recording_is_played_exported_and_erased() {
    let mut demo = Demo::start_with(&[KEY]);
    demo.call(&["--say", "What time do you open?", "--say", "No, thank you. Goodbye."]);
    let record = demo.closed_call();
    assert_eq!(record["recording"], "complete", "{record}");
    let [file] = files(&demo).try_into().expect("one file");
    assert_eq!(file.extension().and_then(|kind| kind.to_str()), Some("vcar"));
    let sealed = std::fs::read(&file).expect("the file");
    assert!(!sealed.windows(4).any(|window| window == b"RIFF" || window == b"data"), "nothing of a WAV");

    let id = record["id"].as_str().expect("an id");
    let wav = demo.download(&format!("/v1/calls/{id}/recording"));
    let reader = hound::WavReader::new(wav.as_slice()).expect("a WAV file");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let loud = reader.into_samples::<i16>().filter(|sample| sample.as_ref().is_ok_and(|s| s.abs() > 1_000)).count();
    assert!(loud > 8_000, "voices are in it: {loud}");

    let folder = new_folder();
    let out = folder.path().join("export");
    let output = privacy(demo.data(), &["export"]).arg("--out").arg(&out).output().expect("vca runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document = std::fs::read(out.join("export.json")).expect("export.json");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    let call = &document["calls"][0];
    assert_eq!((call["id"].as_str(), call["caller"].as_str()), (Some(id), Some("+919812345678")), "{document}");
    let kinds: Vec<&str> =
        call["notices"].as_array().expect("events").iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["notice", "recording_read"], "told, and listened to");
    assert_eq!(std::fs::read(out.join(format!("{id}.wav"))).expect("the recording"), wav);

    demo.terminate();
    demo.ended();
    let output = privacy(demo.data(), &["erase"]).output().expect("vca runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("1 calls and 1 recordings are erased"), "{}", text(&output.stdout));
    assert!(files(&demo).is_empty());
    let again = folder.path().join("again");
    let output = privacy(demo.data(), &["export"]).arg("--out").arg(&again).output().expect("vca runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document = std::fs::read_to_string(again.join("export.json")).expect("export.json");
    assert!(document.contains("\"calls\": []"), "{document}");
}

#[test]
fn a_caller_who_does_not_want_to_be_recorded_is_not() {
    let demo = Demo::start_with(&[KEY]);
    let caller =
        demo.caller(&["--say", "Please do not record me.", "--say", "What time do you open?", "--say", "Goodbye."]);
    let mut caller = { caller }.stdout(std::process::Stdio::null()).spawn().expect("vca call runs");
    wait_for("a recording", LIMIT, || (!files(&demo).is_empty()).then_some(()));
    wait_for("its end", Duration::from_secs(60), || files(&demo).is_empty().then_some(()));
    let active = demo.get("/v1/calls?status=active").1;
    assert_eq!(active["calls"].as_array().map(Vec::len), Some(1), "the call goes on: {active}");
    assert!(caller.wait().expect("the caller ends").success());
    let record = demo.closed_call();
    assert_eq!(record["recording"], "refused", "{record}");
    let told = |turn: &Value| turn["text"].as_str().is_some_and(|text| text.contains("not recorded any more"));
    assert!(record["turns"].as_array().expect("turns").iter().any(told), "{record}");
    assert!(files(&demo).is_empty());
    let id = record["id"].as_str().expect("an id");
    assert_eq!(demo.get(&format!("/v1/calls/{id}/recording")).0, 404);
}
