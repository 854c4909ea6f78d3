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
    // A country code before ten digits.
    most: 12,
    style: "9, 8, 4, 5, 0, 1, 2, 3, 7, 6.",
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
    most: 1,
    style: "",
};

const LETTERS: Grammar = Grammar {
    words: &[
        " A", " B", " C", " D", " E", " F", " G", " H", " I", " J", " K", " L", " M", " N", " O", " P", " Q", " R",
        " S", " T", " U", " V", " W", " X", " Y", " Z",
    ],
    bound: &[" double"],
    separator: ",",
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
    most: 14,
    style: "",
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

    /// All of them.
    pub fn all() -> impl Iterator<Item = (Expect, &'static Self)> {
        [Expect::Digits, Expect::YesNo, Expect::Spelling, Expect::Date]
            .into_iter()
            .filter_map(|expect| Some((expect, Self::of(expect)?)))
    }
}
