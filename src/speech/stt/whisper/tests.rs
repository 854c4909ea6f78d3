use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::speech::models::ModelStore;

fn model() -> PathBuf {
    ModelStore::default().locate("whisper-base").unwrap()
}

/// White noise at about -30 dBFS, from a fixed linear congruential generator.
fn noise(seconds: f32) -> Vec<i16> {
    let mut seed = 1_u32;
    (0..(seconds * 8000.0) as usize)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 16) as i16) / 18
        })
        .collect()
}

#[test]
fn the_window_is_fitted_and_tokens_are_capped() {
    assert_eq!(audio_context(1.0, Some(128)), 192);
    assert_eq!(audio_context(6.0, Some(128)), 448);
    assert_eq!(audio_context(29.0, Some(128)), 1500);
    assert_eq!(audio_context(1.0, None), 1500);
    assert_eq!(token_cap(2.5), 25);
}

#[test]
fn a_missing_model_says_how_to_get_it() {
    let error = Whisper::load(Path::new("/nowhere/ggml.bin")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/ggml.bin") && error.contains("vca models pull"), "{error}");
}

#[test]
fn silence_noise_cancel_and_deadline() {
    let whisper = Whisper::load(&model()).unwrap();
    let (options, cancel) = (SttOptions::default(), CancelFlag::new());
    let silence = whisper.transcribe(&[2; 16_000], &options, &cancel).unwrap();
    assert_eq!((silence.text.as_str(), silence.cpu_ms, silence.audio_ms), ("", 0, 2000));

    let heard = whisper.transcribe(&noise(2.0), &options, &cancel).unwrap();
    assert!(heard.text.split_whitespace().count() <= 4, "noise gave {heard:?}");

    let late = SttOptions { deadline: Some(Instant::now() + Duration::from_millis(1)), ..SttOptions::default() };
    assert!(matches!(whisper.transcribe(&noise(5.0), &late, &cancel), Err(SttError::DeadlinePassed)));
    cancel.cancel();
    assert!(matches!(whisper.transcribe(&noise(5.0), &options, &cancel), Err(SttError::Cancelled)));
    let unknown = SttOptions { language: "xx".to_owned(), ..SttOptions::default() };
    assert!(matches!(whisper.transcribe(&noise(0.5), &unknown, &CancelFlag::new()), Err(SttError::Engine { .. })));
}
