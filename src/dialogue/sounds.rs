//! What words sound like, so that what a recogniser wrote is compared with words that a business knows.

/// Consonants that a term must have to be told by them.
const LEAST_CONSONANTS: usize = 3;
/// Shorter terms sound like too much else.
const LEAST_LETTERS: usize = 6;

/// The term that all of what was heard is, or else sounds like, without its article.
pub(super) fn meant<'t>(heard: &str, terms: impl Iterator<Item = &'t str>) -> Option<&'t str> {
    let heard = bare(heard);
    let (key, written) = (consonants(heard), letters(heard));
    let mut meant = None;
    for term in terms.map(bare) {
        let known = letters(term);
        if known == written {
            return Some(term);
        }
        if meant.is_none() && known.len() >= LEAST_LETTERS && key.len() >= LEAST_CONSONANTS && consonants(term) == key {
            meant = Some(term);
        }
    }
    meant
}

/// Whether two pieces of text have the same consonants, "th" being a "t": "untoost the" and "on Tuesday".
pub(super) fn alike(one: &str, other: &str) -> bool {
    let key = |text: &str| {
        let mut key: Vec<char> = consonants(text).replace('0', "t").chars().collect();
        key.dedup();
        key
    };
    key(one) == key(other)
}

fn bare(term: &str) -> &str {
    let articles = ["a ", "an ", "the "];
    articles.iter().find_map(|article| term.trim().strip_prefix(article)).unwrap_or(term.trim())
}

fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The consonants in order, those that are taken for each other as one: recognition goes wrong in vowels and in where
/// words begin. `0` is "th"; "h", "w" and "y" are hardly heard; a vowel that all begins with counts as `a`.
fn consonants(text: &str) -> String {
    let spoken = digits_spoken(&text.to_lowercase());
    let letters: Vec<char> = spoken.chars().filter(|letter| letter.is_ascii_lowercase()).collect();
    let mut key = String::new();
    let (mut at, mut before) = (0, None);
    while let Some(letter) = letters.get(at).copied() {
        let next = letters.get(at + 1).copied();
        let (sound, length) = match (letter, next) {
            ('t', Some('h')) => (Some('0'), 2),
            ('p', Some('h')) => (Some('f'), 2),
            ('s', Some('h')) => (Some('s'), 2),
            ('c' | 'g', Some('h')) => (Some('k'), 2),
            ('c', Some('e' | 'i' | 'y')) => (Some('s'), 1),
            ('c' | 'k' | 'q' | 'g' | 'x', _) => (Some('k'), 1),
            ('s' | 'z', _) => (Some('s'), 1),
            ('f' | 'v', _) => (Some('f'), 1),
            ('p' | 'b', _) => (Some('p'), 1),
            ('t' | 'd', _) => (Some('t'), 1),
            ('l' | 'm' | 'n' | 'r' | 'j', _) => (Some(letter), 1),
            ('a' | 'e' | 'i' | 'o' | 'u', _) if at == 0 => (Some('a'), 1),
            _ => (None, 1),
        };
        // A double letter is one sound.
        key.extend(sound.filter(|_| sound != before));
        before = sound;
        at += length;
    }
    key
}

/// Each digit as its word: "2th" is what remains of "tooth".
fn digits_spoken(text: &str) -> String {
    let mut spoken = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '0'..='9' => spoken.push_str(&crate::domain::digit_words(&letter.to_string())),
            other => spoken.push(other),
        }
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: [&str; 8] = [
        "toothache",
        "a root canal",
        "teeth cleaning",
        "a crown",
        "tooth extraction",
        "cavity filling",
        "physiotherapy",
        "a haircut",
    ];

    fn told(heard: &str) -> Option<&'static str> {
        meant(heard, TERMS.into_iter())
    }

    #[test]
    fn what_sounds_like_a_term_is_told_however_it_is_written() {
        for (heard, term) in [
            ("tooth hack", "toothache"),
            ("2th week", "toothache"),
            ("tooth ache", "toothache"),
            ("a route canal", "root canal"),
            ("rude canal", "root canal"),
            ("tooth extra action", "tooth extraction"),
            ("cavity feeling", "cavity filling"),
            ("fizzy otherapy", "physiotherapy"),
            ("a hair cut", "haircut"),
            ("the crown", "crown"),
        ] {
            assert_eq!(told(heard), Some(term), "{heard}");
        }
    }

    #[test]
    fn days_are_alike_by_their_consonants() {
        assert!(alike("Untoost the", "on Tuesday") && alike("thirsty", "Thursday") && alike("set or day", "Saturday"));
        assert!(!alike("sometime", "Sunday") && !alike("", "Monday") && !alike("today", "Tuesday"));
    }

    #[test]
    fn what_is_something_else_stays() {
        for heard in
            ["", "pain", "a green", "my tooth", "two weeks", "the teeth", "a corn", "toothache since Monday", "fever"]
        {
            assert_eq!(told(heard), None, "{heard}");
        }
    }
}
