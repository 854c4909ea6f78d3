use super::super::shape::{SENTENCE_PAUSE_MS, SILENT_DBFS, samples};
use super::*;
use crate::speech::audio::rms_dbfs;
use crate::speech::models::ModelStore;
use crate::speech::{RATE_HZ, synthesize_all};

fn voice() -> Piper {
    Piper::load(&ModelStore::default().locate("piper-joe").unwrap()).unwrap()
}

#[test]
fn speech_has_the_telephones_level_and_begins_at_once() {
    let piper = voice();
    let mut sentences = Vec::new();
    let mut sink = |chunk: &[i16]| {
        sentences.push(chunk.to_vec());
        ControlFlow::Continue(())
    };
    piper.synthesize("Good morning. How may I help you?", &mut sink, &CancelFlag::new()).unwrap();
    assert_eq!(sentences.len(), 2);
    for pcm in &sentences {
        let onset = pcm.chunks(80).position(|frame| rms_dbfs(frame) > SILENT_DBFS).unwrap();
        assert!(onset <= 2, "{} ms of silence first", onset * 10);
        let level = rms_dbfs(&pcm[..pcm.len() - samples(SENTENCE_PAUSE_MS, RATE_HZ)]);
        assert!((-20.0..=-14.0).contains(&level), "{level} dBFS");
        let seconds = pcm.len() as f32 / 8000.0;
        assert!((0.5..2.5).contains(&seconds), "{seconds} s");
    }
}

#[test]
fn a_sink_that_breaks_and_a_cancelled_job_end_it() {
    let piper = voice();
    let mut chunks = 0;
    let mut sink = |_: &[i16]| {
        chunks += 1;
        ControlFlow::Break(())
    };
    piper.synthesize("One. Two. Three.", &mut sink, &CancelFlag::new()).unwrap();
    assert_eq!(chunks, 1);
    let cancel = CancelFlag::new();
    cancel.cancel();
    assert!(matches!(synthesize_all(&piper, "One.", &cancel), Err(TtsError::Cancelled)));
    assert!(synthesize_all(&piper, " ... ", &CancelFlag::new()).unwrap().is_empty());
}

#[test]
fn a_missing_voice_says_how_to_get_it() {
    let error = Piper::load(Path::new("/nowhere/voice.onnx")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/voice.onnx") && error.contains("vca models pull"), "{error}");
}
