//! What was recognised, compared as an ear would: a recogniser without a hint spells some words by their sound.

use serde_json::Value;

/// Edits that are allowed: one for this many letters of the phrase.
const LETTERS_PER_EDIT: usize = 5;

/// Whether part of `transcript` is `phrase`, give or take a letter in five. Case and punctuation do not count; digits are
/// exact, and a number is compared whole.
pub fn hears(transcript: &str, phrase: &str) -> bool {
    let (text, phrase) = (plain(transcript), plain(phrase));
    assert!(!phrase.is_empty(), "a phrase of letters or digits");
    distance_to_part(&text, &phrase).is_some_and(|edits| edits <= phrase.len() / LETTERS_PER_EDIT)
}

/// Fails with the transcript unless each phrase is heard in it.
pub fn assert_hears(transcript: &str, phrases: &[&str], detail: impl Fn() -> String) {
    for phrase in phrases {
        assert!(hears(transcript, phrase), "{phrase:?} should be heard in: {transcript}\n{}", detail());
    }
}

/// What the agent said, as recognised out of the audio at the caller's end; from the report of `vca call`.
pub fn heard_by_caller(report: &Value) -> String {
    let lines = report["conversation"].as_array().expect("a conversation");
    let agent = lines.iter().filter(|line| line["speaker"] == "agent");
    agent.filter_map(|line| line["text"].as_str()).collect::<Vec<_>>().join(" ")
}

/// Fails unless the caller heard each phrase.
pub fn assert_caller_hears(report: &Value, phrases: &[&str]) {
    assert_hears(&heard_by_caller(report), phrases, || format!("{report:#}"));
}

/// Letters and digits in lower case, with single spaces. A full stop or an apostrophe does not part a word ("a.m.").
fn plain(text: &str) -> Vec<char> {
    let text: String = text.to_lowercase().chars().filter(|c| !matches!(c, '.' | '\'' | '’')).collect();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().collect()
}

/// The fewest edits that make some part of `text` into `phrase` (Sellers, 1980: the table of the edit distance, in which
/// a match may begin and end anywhere). `None` where no part has the phrase's digits.
fn distance_to_part(text: &[char], phrase: &[char]) -> Option<usize> {
    let inside_number =
        |at: usize| at > 0 && text.get(at).is_some_and(|next| next.is_ascii_digit()) && text[at - 1].is_ascii_digit();
    let edit = |from: Option<usize>, edited: &[char]| {
        from.filter(|_| !edited.iter().any(char::is_ascii_digit)).map(|edits| edits + 1)
    };
    let begin = |at: usize| (!inside_number(at)).then_some(0);
    // For a match that ends before `at`: the edits of each beginning of the phrase.
    let mut column: Vec<Option<usize>> = vec![begin(0)];
    for letter in phrase {
        column.push(edit(*column.last().expect("it has one"), &[*letter]));
    }
    let mut best = *column.last().expect("it has one");
    for (at, heard) in text.iter().enumerate() {
        let mut next = vec![begin(at + 1)];
        for (i, letter) in phrase.iter().enumerate() {
            let kept = if heard == letter { column[i] } else { edit(column[i], &[*heard, *letter]) };
            let missing = edit(next[i], &[*letter]);
            let added = edit(column[i + 1], &[*heard]);
            next.push([kept, missing, added].into_iter().flatten().min());
        }
        column = next;
        let ended = column.last().copied().flatten().filter(|_| !inside_number(at + 1));
        best = [best, ended].into_iter().flatten().min();
    }
    best
}

#[test]
fn a_word_spelt_by_its_sound_is_heard() {
    let greeting = "Namaste, thank you for calling sharma denial clinic. This call is recorded.";
    for phrase in ["dental clinic", "Sharma Dental", "recorded", "calling sharma dental clinic"] {
        assert!(hears(greeting, phrase), "{phrase}");
    }
    assert!(hears("I have a tooth ache", "toothache") && hears("TOOTHACHE!", "toothache"), "a space, a case");
    assert!(hears("Your name is Raul, Varma.", "your name is rahul verma"));
    assert!(
        hears("we open at 10 A.M.", "10 a") && hears("it's ok", "its ok") && hears("dental-clinic", "dental clinic")
    );
}

#[test]
fn other_words_are_not_heard() {
    let other = "Namaste, thank you for calling central cinema. This call was regarded.";
    for phrase in ["dental clinic", "recorded", "sharma dental clinic", "hospital", "bill"] {
        assert!(!hears(other, phrase), "{phrase}");
    }
    for (heard, phrase) in [("sunday", "monday"), ("ball", "bill"), ("", "hospital"), ("dental", "dental clinic")] {
        assert!(!hears(heard, phrase), "{heard:?} is not {phrase:?}");
    }
    assert_eq!(distance_to_part(&plain("we can ten"), &plain("kitten")), Some(3), "the edits are counted");
}

#[test]
fn digits_are_exact_and_numbers_whole() {
    let read_back = "Your number is 98765 43210, is that correct?";
    assert!(hears(read_back, "number is 98765 43210") && hears(read_back, "nomber is 98765 43210"));
    for phrase in ["number is 98765 43211", "number is 9876 43210", "number is 98765 4321", "8765 43210", "the 5"] {
        assert!(!hears(read_back, phrase), "{phrase}");
    }
    assert!(!hears("the total amount is 1500 rupees", "the total amount is 150 rupees"));
    assert!(!hears("the total amount is 2 rupees today", "the total amount is rupees today"), "a digit too many");
}
