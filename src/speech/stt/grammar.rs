//! What answers of a kind are made of, in the way that Whisper writes them.

use crate::speech::engine::Expect;

/// An answer as a row of words out of a list, parted by a separator.
#[derive(Debug)]
pub struct Grammar {
    /// Each with the space before it that Whisper's tokens have.
    pub words: &'static [&'static str],
    /// Words that another must follow, without a separator: "double".
    pub bound: &'static [&'static str],
    /// What Whisper writes between words.
    pub separator: &'static str,
    /// Words that may come before: "my number is".
    pub leads: &'static [&'static str],
    /// Most words in an answer.
    pub most: usize,
    /// Text that could have come before, written in the same way: it makes Whisper go on so.
    pub style: &'static str,
}

/// Whisper likes to write dictated digits as one number, and loses count of repeated ones; after digits set apart by
/// commas it keeps them apart (measured in `benches/speech.rs`).
const DIGITS: Grammar = Grammar {
    words: &[" 0", " 1", " 2", " 3", " 4", " 5", " 6", " 7", " 8", " 9"],
    bound: &[" double", " triple"],
    separator: ",",
    leads: &[
        "my", "mobile", "phone", "contact", "number", "is", "it's", "its", "the", "this", "yes", "yeah", "ok", "okay",
        "sure", "so", "please", "note", "and", "then", "no", "sorry",
    ],
    // A country code before ten digits.
    most: 12,
    style: "9, 8, double 4, 5, 0, 1, triple 2, 3, 7, 6.",
};

const YES_NO: Grammar = Grammar {
    words: &[
        " Yes",
        " Yeah",
        " Yep",
        " No",
        " Nope",
        " Haan",
        " Han",
        " Haan ji",
        " Ji",
        " Nahi",
        " Nahin",
        " Okay",
        " Correct",
        " Right",
        " Wrong",
        " Theek hai",
        " Sahi hai",
        " Bilkul",
    ],
    bound: &[],
    separator: "",
    leads: &[],
    most: 1,
    style: "Yes. No. Haan ji. Nahi. Theek hai.",
};

const LETTERS: Grammar = Grammar {
    words: &[
        " A", " B", " C", " D", " E", " F", " G", " H", " I", " J", " K", " L", " M", " N", " O", " P", " Q", " R",
        " S", " T", " U", " V", " W", " X", " Y", " Z",
    ],
    bound: &[" double"],
    separator: ",",
    leads: &["my", "name", "is", "it's", "its", "yes", "okay", "spelling", "the"],
    most: 24,
    style: "",
};

const DATES: Grammar = Grammar {
    words: &[
        " today",
        " tomorrow",
        " Today",
        " Tomorrow",
        " day after tomorrow",
        " next",
        " this",
        " Monday",
        " Tuesday",
        " Wednesday",
        " Thursday",
        " Friday",
        " Saturday",
        " Sunday",
        " January",
        " February",
        " March",
        " April",
        " May",
        " June",
        " July",
        " August",
        " September",
        " October",
        " November",
        " December",
        " the",
        " of",
        " on",
        " at",
        " around",
        " half past",
        " quarter past",
        " quarter to",
        " o'clock",
        " a.m.",
        " p.m.",
        " in the",
        " morning",
        " afternoon",
        " evening",
        " night",
        " 1",
        " 2",
        " 3",
        " 4",
        " 5",
        " 6",
        " 7",
        " 8",
        " 9",
        " 10",
        " 11",
        " 12",
        " 13th",
        " 14th",
        " 15th",
        " 16th",
        " 17th",
        " 18th",
        " 19th",
        " 20th",
        " 21st",
        " 22nd",
        " 23rd",
        " 24th",
        " 25th",
        " 26th",
        " 27th",
        " 28th",
        " 29th",
        " 30th",
        " 31st",
        " 1st",
        " 2nd",
        " 3rd",
        " 4th",
        " 5th",
        " 6th",
        " 7th",
        " 8th",
        " 9th",
        " 10th",
        " 11th",
        " 12th",
        " kal",
        " parso",
        " week",
        ":30",
        ":15",
        ":45",
    ],
    bound: &[],
    separator: "",
    leads: &["maybe", "please", "yes", "okay", "can", "i", "come"],
    most: 14,
    style: "Tomorrow at 5:30 p.m., half past four, the 21st.",
};

impl Grammar {
    /// The grammar of an expected answer, where it has one.
    pub const fn of(expect: Expect) -> Option<&'static Self> {
        match expect {
            Expect::Digits => Some(&DIGITS),
            Expect::YesNo => Some(&YES_NO),
            Expect::Spelling => Some(&LETTERS),
            Expect::Date => Some(&DATES),
            Expect::General | Expect::Name => None,
        }
    }

    /// The words at the beginning of `text` that only lead to an answer.
    pub fn lead<'a>(&self, text: &'a str) -> &'a str {
        let mut end = 0;
        for word in text.split_inclusive(char::is_whitespace) {
            let plain = word.trim().trim_end_matches([',', '.']).to_lowercase();
            if !self.leads.contains(&plain.as_str()) {
                break;
            }
            end += word.len();
        }
        text[..end].trim()
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = (Expect, &'static Self)> {
        [Expect::Digits, Expect::YesNo, Expect::Spelling, Expect::Date]
            .into_iter()
            .filter_map(|expect| Some((expect, Self::of(expect)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_ends_where_the_answer_may_begin() {
        let lead = |text| DIGITS.lead(text);
        assert_eq!(lead("My number is 98, 7."), "My number is");
        assert_eq!(lead("It's a triple 7"), "It's", "`a` may be an eight");
        assert_eq!(lead("9, 8, 7"), "");
        assert_eq!(lead("yes, it's"), "yes, it's");
        assert_eq!(lead("What is my number"), "");
    }
}
