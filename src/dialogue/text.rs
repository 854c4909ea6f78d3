//! Recognised text as words: case, punctuation and apostrophes do not matter to the rules.

use std::ops::Range;

/// One word of a recognised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As recognised, without surrounding punctuation.
    pub raw: String,
    /// Lower case, without apostrophes and inner dots: "I'm" → "im", "p.m." → "pm".
    pub norm: String,
    /// What stands between the word before and this one.
    pub gap: Gap,
    /// A `+` directly in front: an international number.
    pub plus: bool,
    /// Byte range in the text.
    pub at: Range<usize>,
}

/// How far a word is from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Space, hyphen or nothing.
    Space,
    Comma,
    /// The end of a sentence.
    Stop,
}

/// Splits a text at spaces and punctuation; hyphens split too, so "9-8-7" and "twenty-one" are single words.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut gap = Gap::Stop;
    let mut plus = false;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if !c.is_alphanumeric() {
            gap = gap.max(gap_of(c, chars.peek().map(|(_, next)| *next)));
            plus = c == '+';
            if c == '&' {
                words.push(Word { raw: "&".into(), norm: "and".into(), gap, plus: false, at: start..start + 1 });
                gap = Gap::Space;
            }
            continue;
        }
        let end = word_end(text, start);
        while chars.next_if(|(at, _)| *at < end).is_some() {}
        let raw = text[start..end].trim_end_matches(is_joiner);
        let norm = raw.chars().filter(|c| !is_joiner(*c)).flat_map(char::to_lowercase).collect();
        words.push(Word { raw: raw.to_owned(), norm, gap, plus, at: start..end });
        gap = if ends_sentence(raw, &text[start..end]) { Gap::Stop } else { Gap::Space };
        plus = false;
    }
    words
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '.' | ':' | '`')
}

/// A full stop that was swallowed as part of the word ends the sentence, except in "p.m.", "Dr." and "S. Kumar".
fn ends_sentence(raw: &str, whole: &str) -> bool {
    whole.len() > raw.len()
        && whole.ends_with('.')
        && !raw.contains('.')
        && raw.chars().count() > 1
        && !is_title(&raw.to_lowercase())
}

/// Whether a word, in lower case, is written before a name.
pub(super) fn is_title(word: &str) -> bool {
    matches!(word, "dr" | "mr" | "mrs" | "ms" | "doctor" | "miss" | "mister" | "shri" | "smt" | "prof" | "professor")
}

/// The end of the word that starts at `start`: letters and digits, apostrophes inside, and dots as in "p.m.", "5:30".
fn word_end(text: &str, start: usize) -> usize {
    let mut end = start;
    let mut previous_joiner = false;
    for (at, c) in text[start..].char_indices() {
        if !(c.is_alphanumeric() || is_joiner(c) && !previous_joiner) {
            break;
        }
        // "5:30" and "9.30" stay whole, "98765.43210" and "done.Then" do not.
        if c.is_alphanumeric() && previous_joiner && splits_here(&text[start..start + at], &text[start + at..]) {
            break;
        }
        previous_joiner = is_joiner(c);
        end = start + at + c.len_utf8();
    }
    end
}

fn splits_here(before: &str, after: &str) -> bool {
    if !before.ends_with(['.', ':']) {
        return false;
    }
    let stem = before.trim_end_matches(['.', ':']);
    let tail_len = after.chars().take_while(|c| c.is_alphanumeric()).count();
    let clock = stem.len() <= 2 && stem.bytes().all(|b| b.is_ascii_digit()) && tail_len == 2;
    let letters = stem.rsplit('.').next().is_some_and(|s| s.chars().count() == 1) && tail_len == 1;
    !(clock || letters && !stem.ends_with(|c: char| c.is_ascii_digit()))
}

fn gap_of(c: char, next: Option<char>) -> Gap {
    match c {
        '.' | '!' | '?' | ';' | '…' | '।' => Gap::Stop,
        ',' | ':' | '—' | '–' => Gap::Comma,
        '-' if next == Some(' ') => Gap::Comma,
        _ => Gap::Space,
    }
}

/// The normalised words with one space around each, for [`says`].
pub(super) fn plain(words: &[Word]) -> String {
    let mut text = String::from(" ");
    for word in words {
        text.push_str(&word.norm);
        text.push(' ');
    }
    text
}

/// Whether the phrase occurs in a text made by [`plain`], at word boundaries.
pub(super) fn says(plain: &str, phrase: &str) -> bool {
    plain.match_indices(phrase).any(|(at, _)| plain[..at].ends_with(' ') && plain[at + phrase.len()..].starts_with(' '))
}

/// Whether any of the phrases occurs.
pub(super) fn says_any(plain: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| says(plain, phrase))
}

/// The first place at or after `from` where the phrase's words stand, as a range of word indexes.
pub(super) fn find(words: &[Word], phrase: &str, from: usize) -> Option<Range<usize>> {
    let parts: Vec<&str> = phrase.split(' ').collect();
    let last = words.len().checked_sub(parts.len())?;
    (from..=last)
        .find(|&at| parts.iter().zip(&words[at..]).all(|(part, word)| word.norm == *part))
        .map(|at| at..at + parts.len())
}

/// The original text from the first to the last of these words.
pub(super) fn original<'a>(text: &'a str, words: &[Word]) -> &'a str {
    match (words.first(), words.last()) {
        // "5 p.m." keeps its last dot.
        (Some(first), Some(last)) if last.raw.contains('.') => &text[first.at.start..last.at.end],
        (Some(first), Some(last)) => text[first.at.start..last.at.end].trim_end_matches(['.', ':', '\'']),
        _ => "",
    }
}

/// Sounds that carry nothing.
pub(super) fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "uh" | "um"
            | "umm"
            | "uhm"
            | "er"
            | "erm"
            | "hmm"
            | "hm"
            | "mm"
            | "ah"
            | "ahh"
            | "eh"
            | "huh"
            | "like"
            | "actually"
            | "basically"
            | "so"
            | "well"
            | "ok"
            | "okay"
            | "please"
            | "kindly"
            | "just"
            | "see"
            | "ji"
            | "sir"
            | "madam"
            | "maam"
            | "mam"
            | "yaar"
            | "hello"
            | "hi"
            | "hey"
            | "namaste"
            | "haan"
            | "oh"
    )
}

/// Whether recognition gave text for what was no speech: nothing, "[BLANK_AUDIO]", "(music)", or a line that Whisper
/// is known to invent out of silence.
pub(super) fn is_blank(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with(['[', '(', '♪', '*']) && text.ends_with([']', ')', '♪', '*']) {
        return true;
    }
    let words = words(text);
    let plain = plain(&words);
    words.iter().all(|w| {
        is_filler(&w.norm)
            && !matches!(&*w.norm, "ok" | "okay" | "ji" | "haan" | "hello" | "hi" | "hmm" | "hm" | "mm" | "huh")
    }) || plain == " you "
        || says_any(
            &plain,
            &["thanks for watching", "thank you for watching", "subscribe to", "subtitles by", "amara org"],
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms(text: &str) -> Vec<String> {
        words(text).into_iter().map(|w| w.norm).collect()
    }

    #[test]
    fn words_lose_case_and_punctuation() {
        assert_eq!(norms("I'm Rahul, at 5 p.m. please."), ["im", "rahul", "at", "5", "pm", "please"]);
        assert_eq!(norms("9-8-7, 98765.43210"), ["9", "8", "7", "98765", "43210"]);
        assert_eq!(norms("at 5:30. Dr. Rao"), ["at", "530", "dr", "rao"]);
        assert_eq!(norms("done.Then – O’Brien!"), ["done", "then", "obrien"]);
        assert_eq!(norms("A.B. Rao"), ["ab", "rao"]);
    }

    #[test]
    fn gaps_tell_sentences_from_commas() {
        let gaps: Vec<Gap> = words("Rahul Verma, here. Hi. Dr. Rao").into_iter().map(|w| w.gap).collect();
        use Gap::*;
        assert_eq!(gaps, [Stop, Space, Comma, Stop, Stop, Space]);
    }

    #[test]
    fn blank_is_what_whisper_makes_of_silence() {
        for blank in ["", " ", "[BLANK_AUDIO]", "(music)", "you", "Thanks for watching!", "Um, uh."] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for speech in ["Hello?", "okay", "Thank you.", "haan ji", "[Rahul] Verma"] {
            assert!(!is_blank(speech), "{speech:?}");
        }
    }
}
