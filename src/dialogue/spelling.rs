//! Letters as they are spelled out: "R A H U L", "R for Rahul", "double T", "romeo alfa", "are ay aitch".

use super::text::Word;

/// A row of letters, and the words it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled {
    pub letters: String,
    pub words: std::ops::Range<usize>,
}

/// How certain it is that a word names a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    /// An English word that sounds like a letter, or a word of the alphabet of radio, which may be a name.
    Maybe,
    /// A single letter, or a sound that is no other word.
    Certain,
}

/// The first row of letters at or after `from`: three or more, or fewer with an example word ("T for Tata").
pub(super) fn first(words: &[Word], from: usize) -> Option<Spelled> {
    (from..words.len()).find_map(|at| row(words, at))
}

/// The row of letters that begins right at `from`.
pub(super) fn row(words: &[Word], from: usize) -> Option<Spelled> {
    let (mut letters, mut at) = (String::new(), from);
    let (mut certain, mut radio, mut sounds, mut count) = (0, 0, 0, 0);
    while let Some(found) = letters_at(words, at) {
        // Recognition that writes letters does not write "see" for one of them: "A N I T A, see you".
        let sound = !found.radio && words[at].norm.len() > 1 && found.len == 1;
        if sound && found.sure == Sure::Maybe && sounds == 0 && certain >= 2 {
            break;
        }
        sounds += usize::from(sound);
        letters.push_str(&found.letters);
        certain += usize::from(found.sure == Sure::Certain);
        radio += usize::from(found.radio);
        count += 1;
        at += found.len;
    }
    // "Why are you" sounds like letters and "Mike Oscar" is somebody's name: one clear letter, or three words of radio.
    let enough = letters.chars().count() >= 3 && (certain > 0 && radio * 2 <= count || radio >= 3);
    enough.then_some(Spelled { letters, words: from..at })
}

struct Letters {
    letters: String,
    len: usize,
    sure: Sure,
    radio: bool,
}

fn letters_at(words: &[Word], at: usize) -> Option<Letters> {
    let word = words.get(at)?.norm.as_str();
    let times = match word {
        "double" => 2,
        "triple" => 3,
        _ => 1,
    };
    if times > 1 {
        let next = words.get(at + 1)?.norm.as_str();
        if matches!(next, "u" | "you") && times == 2 && !doubled_u(words, at) {
            return Some(Letters { letters: "w".into(), len: 2, sure: Sure::Certain, radio: false });
        }
        let inner = letters_at(words, at + 1).filter(|inner| inner.letters.chars().count() == 1)?;
        return Some(Letters {
            letters: inner.letters.repeat(times),
            len: inner.len + 1,
            sure: Sure::Certain,
            ..inner
        });
    }
    if let Some((letter, sure)) = letter(word) {
        let example = example(words, at + 1);
        let len = 1 + example.map_or(0, |(len, _)| len);
        let letter = example.map_or(letter, |(_, initial)| heard_as(letter, initial));
        let sure = if example.is_some() { Sure::Certain } else { sure };
        return Some(Letters { letters: letter.into(), len, sure, radio: false });
    }
    let initial = radio(word)?;
    Some(Letters { letters: initial.into(), len: 1, sure: Sure::Maybe, radio: true })
}

/// "Double U" is W, unless an example says that U is meant: "double U for Umbrella".
fn doubled_u(words: &[Word], at: usize) -> bool {
    example(words, at + 2).is_some()
}

/// "For Delhi", "as in Delhi", "like Delhi": the words it takes and the first letter.
fn example(words: &[Word], at: usize) -> Option<(usize, char)> {
    let norm = |at: usize| words.get(at).map_or("", |word| word.norm.as_str());
    let lead = match (norm(at), norm(at + 1)) {
        ("as", "in") | ("se", _) if norm(at) == "as" => 2,
        ("for" | "from" | "like" | "se", _) => 1,
        _ => return None,
    };
    let initial = norm(at + lead).chars().next().filter(|letter| letter.is_ascii_alphabetic())?;
    // "A for apple" has a word; "five for two" has not.
    (norm(at + lead).len() > 2).then_some((lead + 1, initial))
}

/// The letter that an example settles: recognition confuses letters that rhyme, the word tells them apart.
fn heard_as(letter: char, initial: char) -> char {
    const RHYMES: [&str; 6] = ["bcdegptvz", "mn", "fsx", "ahkj", "iy", "quw"];
    let rhyme = RHYMES.iter().any(|group| group.contains(letter) && group.contains(initial));
    if rhyme { initial } else { letter }
}

fn letter(word: &str) -> Option<(char, Sure)> {
    let mut chars = word.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return only.is_ascii_alphabetic().then_some((only, Sure::Certain));
    }
    let sound = match word {
        "ay" => 'a',
        "cee" => 'c',
        "dee" => 'd',
        "eff" | "ef" => 'f',
        "gee" | "jee" => 'g',
        "aitch" | "haitch" | "ach" | "hech" => 'h',
        "kay" => 'k',
        "ell" | "el" => 'l',
        "em" => 'm',
        "en" => 'n',
        "cue" | "kyu" => 'q',
        "ess" | "es" => 's',
        "tee" => 't',
        "vee" => 'v',
        "dabloo" => 'w',
        "eks" => 'x',
        "wai" => 'y',
        "zed" | "zee" | "jed" => 'z',
        _ => return homophone(word).map(|letter| (letter, Sure::Maybe)),
    };
    Some((sound, Sure::Certain))
}

/// English words that recognition writes for letters.
fn homophone(word: &str) -> Option<char> {
    Some(match word {
        "be" | "bee" => 'b',
        "see" | "sea" => 'c',
        "eye" => 'i',
        "jay" => 'j',
        "oh" => 'o',
        "pea" | "pee" => 'p',
        "queue" => 'q',
        "are" => 'r',
        "tea" => 't',
        "you" => 'u',
        "we" => 'v',
        "ex" => 'x',
        "why" => 'y',
        _ => return None,
    })
}

/// The alphabet of radio (ICAO), as it is written and as recognition writes it.
fn radio(word: &str) -> Option<char> {
    const WORDS: [&str; 31] = [
        "alfa", "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "juliett",
        "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor",
        "whiskey", "whisky", "xray", "yankee", "zulu", "zebra", "nancy",
    ];
    WORDS.contains(&word).then(|| word.chars().next())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text;
    use super::*;

    fn spelled(said: &str) -> Option<String> {
        first(&text::words(said), 0).map(|found| found.letters)
    }

    #[test]
    fn letters_are_read_however_they_are_spelled() {
        for (said, letters) in [
            ("R A H U L", Some("rahul")),
            ("R-A-H-U-L", Some("rahul")),
            ("r, a, h, u, l.", Some("rahul")),
            ("are ay aitch you el", Some("rahul")),
            ("romeo alpha hotel uniform lima", Some("rahul")),
            ("R for Rajkot, A for Agra, H for Hyderabad, U for Udaipur, L for London", Some("rahul")),
            ("B for Delhi, A for Agra, double S, I", Some("dassi")),
            ("D as in Delhi, E, V", Some("dev")),
            ("K A double T I", Some("katti")),
            ("double U A D E", Some("wade")),
            ("V I double E", Some("viee")),
            ("why are you calling", None),
            ("Mike Oscar", None),
            ("see you", None),
            ("A B", None),
        ] {
            assert_eq!(spelled(said).as_deref(), letters, "{said}");
        }
    }

    /// One of the ways in which people spell a letter.
    pub(crate) fn said_letter(letter: char, way: u8) -> String {
        const CITIES: [&str; 26] = [
            "Agra",
            "Bombay",
            "Chennai",
            "Delhi",
            "Ernakulam",
            "Faridabad",
            "Goa",
            "Hyderabad",
            "Indore",
            "Jaipur",
            "Kolkata",
            "Lucknow",
            "Mumbai",
            "Nagpur",
            "Ooty",
            "Pune",
            "Quilon",
            "Rajkot",
            "Surat",
            "Thane",
            "Udaipur",
            "Vizag",
            "Warangal",
            "Xavier",
            "Yamuna",
            "Zirakpur",
        ];
        const RADIO: [&str; 26] = [
            "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo",
            "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor",
            "whiskey", "xray", "yankee", "zulu",
        ];
        let at = usize::from(letter as u8 - b'a');
        match way {
            0 => letter.to_uppercase().to_string(),
            1 => format!("{letter} for {}", CITIES[at]),
            2 => format!("{} as in {},", letter.to_ascii_uppercase(), CITIES[at]),
            _ => RADIO[at].to_owned(),
        }
    }

    proptest! {
        #[test]
        fn what_is_spelled_is_read(word in "[a-z]{3,12}", way in 0_u8..4, doubles: bool) {
            let bytes: Vec<char> = word.chars().collect();
            let mut parts = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let twice = doubles && way == 0 && bytes.get(at + 1) == Some(&bytes[at]) && bytes[at] != 'u';
                parts.push(format!("{}{}", if twice { "double " } else { "" }, said_letter(bytes[at], way)));
                at += 1 + usize::from(twice);
            }
            let said = parts.join(" ");
            prop_assert_eq!(spelled(&said), Some(word), "{}", said);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}") {
            let _ = spelled(&text);
        }
    }
}
