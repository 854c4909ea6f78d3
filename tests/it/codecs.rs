//! Whole calls in the wide-band codecs: the caller offers nothing else.

use serde_json::Value;

use crate::ears::{assert_caller_hears, hears};
use crate::harness::Demo;

fn a_message_is_taken_in(codec: &str) {
    let demo = Demo::start();
    let report = demo.call(&[
        "--codec",
        codec,
        "--say",
        "I want to leave a message.",
        "--say",
        "My name is Rahul Verma.",
        "--dtmf",
        "9876543210#",
        "--say",
        "Please call me back about my bill.",
        "--say",
        "Yes, that is correct.",
        "--say",
        "No, thank you.",
    ]);
    let call = demo.closed_call();
    let detail = || format!("{codec}: {call:#}\n{report:#}");
    assert_eq!(call["slots"]["name"], "Rahul Verma", "{}", detail());
    assert_eq!(call["slots"]["number"], "+919876543210", "{}", detail());
    assert!(call["slots"]["reason"].as_str().is_some_and(|reason| hears(reason, "bill")), "{}", detail());
    assert_eq!(call["outcome"], "message", "{}", detail());
    assert_eq!(call["recording"], "complete", "{}", detail());
    assert_caller_hears(&report, &["clinic", "recorded", "your name is rahul"]);
    assert_recording_is_whole(&demo, &call);
}

/// Both sides are in the recording, in full length.
fn assert_recording_is_whole(demo: &Demo, call: &Value) {
    let (tenant, id) = (call["tenant"].as_str().expect("a tenant"), call["id"].as_str().expect("an id"));
    let path = demo.data().join("recordings").join(tenant).join(format!("{id}.wav"));
    let mut reader = hound::WavReader::open(&path).expect("the recording opens");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().expect("the recording is whole");
    assert!(samples.len() / 2 > 8_000 * 15, "more than a quarter of a minute was kept");
    for side in 0..2 {
        let loud = samples.iter().skip(side).step_by(2).filter(|sample| sample.unsigned_abs() > 1_500).count();
        assert!(loud > 4_000, "side {side} speaks: {loud} loud samples");
    }
}

#[test]
fn a_message_is_taken_in_g722() {
    a_message_is_taken_in("g722");
}

#[test]
fn a_message_is_taken_in_opus() {
    a_message_is_taken_in("opus");
}
