//! What an engine gives is believed only within reason: a broken one may give nothing, noise without end, or a page of
//! text for a second of audio, and call all of it success.

use super::audio::rms_dbfs;

/// A letter takes some 65 ms; between these, in milliseconds, an engine may be in its right mind.
const SHORTEST_LETTER_MS: usize = 4;
const LONGEST_LETTER_MS: usize = 250;
/// Pauses before, within and after a text, at most.
const PAUSES_MS: usize = 2_000;
/// Sound that nobody hears on a telephone.
const SILENT_DBFS: f32 = -60.0;

/// Letters a second, and letters more, that nobody speaks.
const LETTERS_A_SECOND: u64 = 60;
const LETTERS_MORE: u64 = 200;

/// How many samples `text` may have at most, spoken at `rate_hz`.
pub fn most_samples(text: &str, rate_hz: u32) -> usize {
    (PAUSES_MS + letters(text) * LONGEST_LETTER_MS) * samples_per_ms(rate_hz)
}

/// Why these samples, at `rate_hz`, cannot be `text` spoken; `None` when they may be. A text without a letter or digit may
/// be silent.
pub fn unlike_speech(text: &str, samples: &[i16], rate_hz: u32) -> Option<&'static str> {
    if samples.len() > most_samples(text, rate_hz) {
        return Some("the audio is far too long for its text");
    }
    let letters = letters(text);
    if letters == 0 {
        return None;
    }
    if samples.len() < letters * SHORTEST_LETTER_MS * samples_per_ms(rate_hz) {
        return Some("the audio is far too short for its text");
    }
    (rms_dbfs(samples) < SILENT_DBFS).then_some("the audio is silent")
}

/// What of a transcript of `audio_ms` can be believed: control characters become spaces, and nothing is left of a text
/// that is far too long for its audio.
pub fn believable(text: String, audio_ms: u64) -> String {
    let most = LETTERS_MORE + audio_ms * LETTERS_A_SECOND / 1_000;
    if text.chars().count() as u64 > most {
        return String::new();
    }
    let odd = |letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER;
    if text.contains(odd) { text.replace(odd, " ") } else { text }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|letter| letter.is_alphanumeric()).count()
}

fn samples_per_ms(rate_hz: u32) -> usize {
    rate_hz as usize / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(ms: usize) -> Vec<i16> {
        crate::media::tone::sine(440.0, 8_000.0, ms * 8)
    }

    #[test]
    fn speech_is_believed_and_what_broken_engines_give_is_not() {
        let text = "Your number is nine eight seven.";
        assert_eq!(unlike_speech(text, &tone(2_000), 8_000), None);
        assert_eq!(unlike_speech("Yes.", &tone(200), 8_000), None);
        assert_eq!(unlike_speech(" ... ", &[], 8_000), None);
        for samples in [Vec::new(), tone(40), vec![3; 16_000], tone(20_000)] {
            assert!(unlike_speech(text, &samples, 8_000).is_some(), "{} samples", samples.len());
        }
    }

    #[test]
    fn a_page_of_text_for_a_second_is_no_transcript() {
        assert_eq!(believable("I want an appointment.".into(), 1_000), "I want an appointment.");
        assert_eq!(believable("word ".repeat(2_000), 2_000), "");
        assert_eq!(believable("a\0b\u{FFFD}c\n".into(), 1_000), "a b c ");
    }
}
