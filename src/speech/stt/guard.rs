//! What a recogniser's text needs before anybody believes it: markers removed, loops seen.

/// The words of `text` without markers of noise (`[BLANK_AUDIO]`, `(music)`, `*coughs*`, `♪`); empty when none are left.
pub fn spoken_text(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut closing = None;
    for letter in text.chars() {
        match (closing, letter) {
            (Some(end), letter) if letter == end => closing = None,
            (Some(_), _) => {}
            (None, '[') => closing = Some(']'),
            (None, '(') => closing = Some(')'),
            (None, '*') => closing = Some('*'),
            (None, '♪' | '♫' | '¶') => {}
            (None, letter) => kept.push(letter),
        }
    }
    let words = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.contains(char::is_alphanumeric) { words } else { String::new() }
}

/// Things that Whisper has learned to write under silence from subtitles of films.
pub fn is_subtitle_phrase(text: &str) -> bool {
    const PHRASES: [&str; 8] = [
        "thanks for watching",
        "thank you for watching",
        "thank you very much for watching",
        "thank you so much for watching",
        "please subscribe",
        "subtitles by the amara org community",
        "like and subscribe",
        "see you in the next video",
    ];
    let words = words(text).join(" ");
    PHRASES.iter().any(|phrase| words == *phrase)
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Longest phrase whose repetition is looked for.
const LONGEST_PHRASE: usize = 10;

/// Times that a phrase of `length` words must follow itself to count as a loop.
///
/// People say "no no no no" and numbers hold runs of digits; nobody says a whole clause three times over.
const fn loop_count(length: usize) -> usize {
    match length {
        1 => 8,
        2 => 5,
        3 => 4,
        _ => 3,
    }
}

/// Whether a phrase of up to ten words follows itself too often to be speech.
pub fn is_looping(text: &str) -> bool {
    find_loop(&words(text)).is_some()
}

/// The start of a loop in words, and its phrase's length.
fn find_loop(words: &[String]) -> Option<(usize, usize)> {
    (0..words.len()).find_map(|start| {
        let rest = &words[start..];
        (1..=LONGEST_PHRASE).find(|&length| repeats(rest, length) >= loop_count(length)).map(|length| (start, length))
    })
}

fn repeats(words: &[String], length: usize) -> usize {
    let mut phrases = words.chunks_exact(length);
    let Some(first) = phrases.next() else { return 0 };
    1 + phrases.take_while(|phrase| *phrase == first).count()
}

/// The text up to the end of the first round of a loop; the whole text when there is none.
pub fn cut_loop(text: &str) -> String {
    match find_loop(&words(text)) {
        Some((start, length)) => first_words(text, start + length).to_owned(),
        None => text.to_owned(),
    }
}

/// The text without an echo of itself: after the last word of the audio the decoder may begin again, above all when
/// it was given a prompt, until it ends or hits the cap. `None` when the text has no echo.
///
/// A number may repeat itself, so that digits count as an echo only after a whole number of ten.
pub fn cut_echo(text: &str, hit_cap: bool) -> Option<&str> {
    const SHORTEST: usize = 3;
    const WHOLE_NUMBER: usize = 10;
    let words = words(text);
    let begins_again = |&head: &usize| {
        let tail = &words[head..];
        let whole = tail.len() == head;
        (whole || hit_cap && tail.len() >= SHORTEST) && words[..head].starts_with(tail)
    };
    let head = (SHORTEST.max(words.len().div_ceil(2))..words.len()).find(begins_again)?;
    let digits: usize = words[..head].iter().map(|word| word.chars().filter(char::is_ascii_digit).count()).sum();
    (digits == 0 || digits >= WHOLE_NUMBER).then(|| first_words(text, head))
}

/// The text up to the end of its first `keep` words.
fn first_words(text: &str, keep: usize) -> &str {
    let mut seen = 0;
    let mut inside = false;
    for (at, letter) in text.char_indices() {
        let part_of_word = letter.is_alphanumeric() || letter == '\'';
        if part_of_word && !inside {
            if seen == keep {
                return text[..at].trim_end();
            }
            seen += 1;
        }
        inside = part_of_word;
    }
    text
}

/// Whether the whole text is one phrase of three words or more, said twice: rare in people, and a loop's shortest form.
pub fn is_doubled(text: &str) -> bool {
    let words = words(text);
    let half = words.len() / 2;
    half >= 3 && words.len().is_multiple_of(2) && words[..half] == words[half..]
}

/// Whether there are more words than a mouth can say in `seconds`.
pub fn is_too_fast(text: &str, seconds: f32) -> bool {
    const WORDS_A_SECOND: f32 = 5.0;
    words(text).len() as f32 > 2.0 + WORDS_A_SECOND * seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_leave_only_words() {
        for (heard, spoken) in [
            (" [BLANK_AUDIO]", ""),
            ("(upbeat music)", ""),
            ("♪ ♪", ""),
            (" Hello. [laughs]  I'm  Asha ", "Hello. I'm Asha"),
            ("...", ""),
            ("*coughs* yes", "yes"),
            ("(unclosed", ""),
        ] {
            assert_eq!(spoken_text(heard), spoken, "{heard}");
        }
    }

    #[test]
    fn loops_are_seen_and_people_are_not_mistaken_for_them() {
        for text in [
            "I'm sorry. I'm sorry. I'm sorry. I'm sorry. I'm sorry.",
            "the the the the the the the the the",
            "Yes, and we will call you back and we will call you back and we will call you back",
        ] {
            assert!(is_looping(text), "{text}");
        }
        for text in [
            "no no no no, tomorrow",
            "nine eight nine eight nine eight nine eight seven",
            "0 0 0 0 0 0 7",
            "bye bye",
            "",
        ] {
            assert!(!is_looping(text), "{text}");
        }
    }

    #[test]
    fn a_cut_keeps_one_round() {
        let text = "Well, I said so. We will call back. We will call back. We will call back. We will";
        assert_eq!(cut_loop(text), "Well, I said so. We will call back.");
        assert_eq!(cut_loop("no loop here"), "no loop here");
    }

    #[test]
    fn an_echo_is_cut_and_a_number_that_repeats_itself_is_not() {
        let echo = |text| cut_echo(text, false);
        assert_eq!(echo("My name is Rahul. My name is Rahul."), Some("My name is Rahul."));
        assert_eq!(echo("No no."), None);
        assert_eq!(echo("My name is Rahul. My name is"), None, "an end that is no cap's is the caller's");
        assert_eq!(cut_echo("My name is Rahul. My name is", true), Some("My name is Rahul."));
        assert_eq!(cut_echo("9, 8, 7, 6, 5, 4, 3, 2, 1, 0. 9, 8, 7, 6,", true), Some("9, 8, 7, 6, 5, 4, 3, 2, 1, 0."));
        assert_eq!(cut_echo("9, 8, 7, 6, 5, 9, 8, 7, 6, 5", true), None, "ten digits with equal halves");
        assert_eq!(cut_echo("", true), None);
    }

    #[test]
    fn subtitle_phrases_are_known_only_whole() {
        assert!(is_subtitle_phrase("Thanks for watching!"));
        assert!(!is_subtitle_phrase("Thanks for watching my dog."));
        assert!(is_doubled("Are you open on Sunday? Are you open on Sunday?") && !is_doubled("bye bye"));
        assert!(is_too_fast(&"a b ".repeat(20), 1.0) && !is_too_fast("hello there", 0.4));
    }

    proptest::proptest! {
        #[test]
        fn a_cut_text_is_a_prefix_without_a_loop(words in proptest::collection::vec("[ab]", 0..40)) {
            let text = words.join(" ");
            let cut = cut_loop(&text);
            assert!(text.starts_with(&cut));
            assert!(!is_looping(&cut), "{cut}");
        }
    }
}
