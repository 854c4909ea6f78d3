use super::*;

fn frames(samples: &[i16]) -> impl Iterator<Item = &[i16; 160]> {
    samples.chunks_exact(160).map(|frame| frame.try_into().unwrap())
}

#[test]
fn without_a_model_the_level_decides() {
    let mut vad = SileroVad::energy_only();
    let quiet: Vec<f32> = frames(&[10; 1600]).map(|frame| vad.push(frame).probability).collect();
    assert!(quiet.iter().all(|&probability| probability == 0.0), "{quiet:?}");
    let loud: Vec<f32> = frames(&[3000; 1600]).map(|frame| vad.push(frame).probability).collect();
    assert_eq!(loud.last(), Some(&1.0));
    assert!((vad.push(&[3277; 160]).rms_dbfs + 20.0).abs() < 0.1);
}

#[cfg(feature = "piper")]
mod with_the_model {
    use super::*;
    use crate::speech::models::ModelStore;
    use crate::speech::tts::Piper;
    use crate::speech::{CancelFlag, synthesize_all};

    fn model() -> Arc<SileroModel> {
        SileroModel::load(&ModelStore::default().locate("silero-vad").unwrap()).unwrap()
    }

    #[test]
    fn speech_is_found_between_silences_and_a_quiet_line_costs_nothing() {
        let piper = Piper::load(&ModelStore::default().locate("piper-joe").unwrap()).unwrap();
        let speech = synthesize_all(&piper, "I would like an appointment tomorrow", &CancelFlag::new()).unwrap();
        let mut vad = SileroVad::new(model());
        let quiet = [8_i16; 16_000];
        assert!(frames(&quiet).all(|frame| vad.push(frame).probability == 0.0));
        assert_eq!(vad.inferences(), 0);
        let during: Vec<f32> = frames(&speech).map(|frame| vad.push(frame).probability).collect();
        let voiced = during.iter().filter(|&&probability| probability > 0.5).count();
        assert!(voiced * 10 > during.len() * 7, "{voiced} of {}: {during:?}", during.len());
        let onset = during.iter().position(|&probability| probability > 0.5).unwrap();
        assert!(onset < 10, "found after {} ms", onset * 20);
        let after: Vec<f32> = frames(&quiet).map(|frame| vad.push(frame).probability).collect();
        let release = after.iter().position(|&probability| probability < 0.35).unwrap();
        assert!(release < 12, "released after {} ms", release * 20);
        assert_eq!(after.last(), Some(&0.0));
        let before = vad.inferences();
        for frame in frames(&quiet) {
            vad.push(frame);
        }
        assert_eq!(vad.inferences(), before);
    }

    #[test]
    fn noise_and_tones_are_not_speech() {
        let mut seed = 1_u32;
        let noise: Vec<i16> = (0..16_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 16) as i16) / 20
            })
            .collect();
        let mut vad = SileroVad::new(model());
        let probabilities: Vec<f32> = frames(&noise).map(|frame| vad.push(frame).probability).collect();
        let voiced = probabilities.iter().filter(|&&probability| probability > 0.5).count();
        assert!(vad.inferences() > 50, "the gate let it through");
        assert!(voiced * 10 < probabilities.len(), "{voiced} of {}", probabilities.len());
    }

    #[test]
    fn a_file_that_is_no_model_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = SileroModel::load(file.path()).unwrap_err().to_string();
        assert!(error.contains("vca models pull"), "{error}");
    }
}
