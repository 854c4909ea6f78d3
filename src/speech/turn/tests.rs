use std::f64::consts::TAU;
use std::sync::LazyLock;

use super::mel::{FRAMES, LogMel};
use super::*;
use crate::speech::models::ModelStore;
use crate::speech::tts::Piper;
use crate::speech::{CancelFlag, synthesize_all};

static MODEL: LazyLock<SmartTurn> = LazyLock::new(|| {
    SmartTurn::load(&ModelStore::default().locate("smart-turn").expect("scripts/setup fetches it")).expect("it loads")
});

/// Three tones with a slow tremolo and a little noise, at 16 kHz.
fn tremolo(seconds: f64) -> Vec<i16> {
    let mut seed = 7_u32;
    let sample = |i: usize| {
        let t = i as f64 / 16_000.0;
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (f64::from(seed >> 16) - 32_768.0) / 32_768.0;
        let swell = 0.5 + 0.5 * (TAU * 3.0 * t).sin();
        let tone = |amplitude: f64, hz: f64| amplitude * (TAU * hz * t).sin();
        let tones = tone(6_000.0, 180.0) + tone(3_000.0, 720.0) + tone(1_500.0, 2_300.0);
        (swell * tones + 100.0 * noise + 0.5).floor() as i16
    };
    (0..(seconds * 16_000.0) as usize).map(sample).collect()
}

fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
}

/// Expected values: Pipecat's `compute_whisper_log_mel_features` (numpy, double precision) over the same samples.
#[test]
fn features_are_those_that_the_model_was_trained_with() {
    let short = [
        (0, 0, -0.1781),
        (0, 799, 0.9148),
        (5, 600, 1.5787),
        (20, 700, 1.319),
        (40, 500, 0.3509),
        (40, 799, 0.4435),
        (79, 650, 0.1835),
        (10, 498, -0.1781),
        (10, 500, 0.6318),
        (60, 501, 0.3687),
    ];
    let long = [(0, 0, 1.3688), (0, 799, 0.8275), (5, 600, 1.4733), (40, 500, 0.2585), (79, 650, 0.2603)];
    for (seconds, mean, expected) in [(3.0, 0.087_363, &short[..]), (9.5, 0.421_896, &long)] {
        let features = LogMel::new().of(&floats(&tremolo(seconds)));
        for &(band, frame, value) in expected {
            let found = features[band * FRAMES + frame];
            assert!((found - value).abs() < 2e-3, "{seconds} s, band {band}, frame {frame}: {found}, not {value}");
        }
        let found = features.iter().sum::<f32>() / features.len() as f32;
        assert!((found - mean).abs() < 1e-3, "{seconds} s: {found}");
    }
}

/// Expected values: ONNX Runtime over the features above. Roundings of the 8-bit activations differ between runtimes, and
/// between two ways of optimising in that one as well: by up to 0.2 on such a sound.
#[test]
fn the_network_gives_what_its_makers_runtime_gives() {
    for (seconds, expected) in [(3.0, 0.823), (9.5, 0.765)] {
        let found = MODEL.probability(&tremolo(seconds), 16_000).unwrap();
        assert!((found - expected).abs() < 0.2, "{seconds} s: {found}, not {expected}");
    }
}

#[test]
fn finished_sentences_sound_more_finished_than_broken_ones() {
    let piper = Piper::load(&ModelStore::default().locate("piper-joe").unwrap()).unwrap().with_variation(0.0);
    let pause = [0_i16; 1_600];
    let (mut finished, mut broken) = (Vec::new(), Vec::new());
    for text in [
        "I would like an appointment for tomorrow evening.",
        "Could you tell me when the clinic opens on Saturday?",
        "My daughter has had a toothache since yesterday.",
        "Please tell the doctor that I will be late today.",
    ] {
        let whole = synthesize_all(&piper, text, &CancelFlag::new()).unwrap();
        let ask = |audio: &[i16]| MODEL.probability(&[audio, &pause].concat(), 8_000).unwrap();
        finished.push(ask(&whole));
        broken.extend([3, 4, 5, 6].map(|eighths| ask(&whole[..whole.len() * eighths / 8])));
    }
    let mean = |found: &[f32]| found.iter().sum::<f32>() / found.len() as f32;
    assert!(mean(&finished) > mean(&broken) + 0.3, "finished {finished:?}, broken {broken:?}");
}

#[test]
fn nothing_at_all_is_judged_without_a_fault() {
    for audio in [&[][..], &[0; 7], &[0; 80_000]] {
        let probability = MODEL.probability(audio, 8_000).unwrap();
        assert!((0.0..=1.0).contains(&probability), "{probability}");
    }
    assert!(matches!(SmartTurn::load(std::path::Path::new("/nowhere.onnx")), Err(TurnError::Load { .. })));
}
