//! E-mail addresses as they are dictated: "rahul dot verma at gmail dot com", "at the rate", "underscore", spelled parts.

use super::numbers;
use super::spelling;
use super::text::{self, Gap, Word};
use crate::domain::EmailAddress;

/// What a caller's sentence says about an e-mail address that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EmailHeard {
    None,
    Complete(EmailAddress),
    /// What stands before the "at", without what follows it.
    Local(String),
    /// What stands after the "at", without what goes before it.
    Domain(String),
}

/// Providers whose name alone, or with the dot lost, says the whole domain.
const PROVIDERS: [(&str, &str); 9] = [
    ("gmail", "gmail.com"),
    ("yahoo", "yahoo.com"),
    ("hotmail", "hotmail.com"),
    ("outlook", "outlook.com"),
    ("rediffmail", "rediffmail.com"),
    ("icloud", "icloud.com"),
    ("protonmail", "protonmail.com"),
    ("zoho", "zoho.com"),
    ("live", "live.com"),
];

/// Top-level domains that are said without a dot by mistake.
const TOPS: [&str; 10] = ["com", "in", "org", "net", "edu", "gov", "co", "io", "biz", "info"];

/// Words before an address that do not belong to it.
const LEADS: [&str; 18] = [
    "is", "its", "email", "mail", "id", "address", "on", "to", "me", "yes", "my", "the", "it", "ok", "okay", "sure",
    "and", "please",
];

/// Words inside a dictated address that carry nothing.
const NOTES: [&str; 14] = [
    "all",
    "small",
    "lower",
    "lowercase",
    "case",
    "letters",
    "letter",
    "capital",
    "no",
    "space",
    "spaces",
    "then",
    "um",
    "uh",
];

/// A piece of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    At,
    /// `.`, `_`, `-` or `+`.
    Mark(char),
    Text(String),
    /// The end of a clause, which ends an address.
    Stop,
}

/// Reads the answer to "what is your email address?".
pub(super) fn heard(said: &str) -> EmailHeard {
    let written = said.split(|c: char| c.is_whitespace() || matches!(c, ',' | '<' | '>' | '"' | '(' | ')' | ';'));
    let mut whole = written.filter_map(|token| EmailAddress::parse(token.trim_end_matches(['.', '?', '!'])).ok());
    if let Some(email) = whole.next_back() {
        return EmailHeard::Complete(email);
    }
    let pieces = pieces(said);
    let ats: Vec<usize> = (0..pieces.len()).filter(|at| pieces[*at] == Piece::At).collect();
    for at in ats.iter().rev() {
        let Some(domain) = domain(&pieces[at + 1..]) else { continue };
        let local = local(&pieces[..*at]);
        return match EmailAddress::parse(&format!("{local}@{domain}")) {
            Ok(email) => EmailHeard::Complete(email),
            Err(_) => EmailHeard::Domain(domain),
        };
    }
    let all = local(&pieces);
    let provider = domain(&pieces).filter(|domain| PROVIDERS.iter().any(|(_, known)| known == domain));
    match (provider, ats.is_empty()) {
        (Some(domain), _) => EmailHeard::Domain(domain),
        (None, true) if EmailAddress::parse(&format!("{all}@a.in")).is_ok() && is_likely(&pieces) => {
            EmailHeard::Local(all)
        }
        _ => EmailHeard::None,
    }
}

/// Whether pieces without an "at" can be a local part: few, so that a sentence is none.
fn is_likely(pieces: &[Piece]) -> bool {
    pieces.iter().filter(|piece| matches!(piece, Piece::Text(_))).count() <= 4
}

/// What a sentence says after the "at" alone.
pub(super) fn domain_heard(said: &str) -> Option<String> {
    let pieces = pieces(said);
    let from = pieces.iter().rposition(|piece| *piece == Piece::At).map_or(0, |at| at + 1);
    domain(&pieces[from..])
}

fn pieces(said: &str) -> Vec<Piece> {
    let spoken = said.replace('@', " at ").replace('_', " underscore ").replace('+', " plus ");
    let words = text::words(&with_spoken_dots(&spoken));
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if at > 0 && words[at].gap == Gap::Stop {
            pieces.push(Piece::Stop);
        }
        at += take(&words, at, &mut pieces);
    }
    pieces
}

/// "rahul.verma" and "gmail.com" with the dots as words; "e.g." at the end of a sentence is left alone.
fn with_spoken_dots(said: &str) -> String {
    let letters: Vec<char> = said.chars().collect();
    let inside = |at: usize| {
        at > 0
            && letters[at - 1].is_ascii_alphanumeric()
            && letters.get(at + 1).is_some_and(char::is_ascii_alphanumeric)
    };
    let spoken = letters.iter().enumerate().map(|(at, letter)| match letter {
        '.' if inside(at) => " dot ".to_owned(),
        letter => letter.to_string(),
    });
    spoken.collect()
}

/// Takes the words at `at` as a piece; how many they are.
fn take(words: &[Word], at: usize, pieces: &mut Vec<Piece>) -> usize {
    let norm = |ahead: usize| words.get(at + ahead).map_or("", |word| word.norm.as_str());
    let (piece, len) = match (norm(0), norm(1)) {
        ("at" | "add", "the" | "d") if matches!(norm(2), "rate" | "red") => {
            (Piece::At, if norm(3) == "of" { 4 } else { 3 })
        }
        ("at", "rate") => (Piece::At, if norm(2) == "of" { 3 } else { 2 }),
        ("at" | "atrate", _) => (Piece::At, 1),
        ("dot" | "point" | "period" | "dart", _) => (Piece::Mark('.'), 1),
        ("full", "stop") => (Piece::Mark('.'), 2),
        ("underscore", _) => (Piece::Mark('_'), 1),
        ("under", "score") => (Piece::Mark('_'), 2),
        ("dash" | "hyphen" | "minus", _) => (Piece::Mark('-'), 1),
        ("plus", _) => (Piece::Mark('+'), 1),
        _ => {
            let (text, len) = text_at(words, at);
            (Piece::Text(text), len)
        }
    };
    pieces.push(piece);
    len
}

/// Letters, digits or a word, and how many words they take.
fn text_at(words: &[Word], at: usize) -> (String, usize) {
    if let Some(spelled) = spelling::row(words, at) {
        return (spelled.letters, spelled.words.len());
    }
    if let Some(digits) = numbers::digits_at(words, at) {
        return digits;
    }
    let norm = words[at].norm.as_str();
    let times = match norm {
        "double" => 2,
        "triple" => 3,
        _ => 1,
    };
    match words.get(at + 1).filter(|next| times > 1 && next.norm.chars().count() == 1) {
        Some(letter) => (letter.norm.repeat(times), 2),
        None => (norm.to_owned(), 1),
    }
}

/// The local part that the pieces end with.
fn local(pieces: &[Piece]) -> String {
    let after_stop = pieces.iter().rposition(|piece| *piece == Piece::Stop).map_or(0, |at| at + 1);
    let mut pieces = &pieces[after_stop..];
    // "My email id is …", "you can reach me at …".
    let is_lead = |piece: &Piece| match piece {
        Piece::Text(text) => LEADS.contains(&text.as_str()) || text::is_filler(text),
        piece => *piece == Piece::At,
    };
    if let Some(lead) = pieces.iter().rposition(|piece| is_lead(piece) && !matches!(piece, Piece::Mark(_)))
        && pieces[lead + 1..].iter().any(|piece| matches!(piece, Piece::Text(_)))
        && !matches!(pieces.get(lead + 1), Some(Piece::Mark(_)))
        && !matches!(lead.checked_sub(1).and_then(|before| pieces.get(before)), Some(Piece::Mark(_)))
    {
        pieces = &pieces[lead + 1..];
    }
    joined(pieces)
}

fn joined(pieces: &[Piece]) -> String {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Mark(mark) => mark.to_string(),
        Piece::Text(text) if !NOTES.contains(&text.as_str()) => text.clone(),
        Piece::Text(_) | Piece::At | Piece::Stop => String::new(),
    });
    text.collect()
}

/// The domain that the pieces begin with.
fn domain(pieces: &[Piece]) -> Option<String> {
    let end = pieces.iter().position(|piece| matches!(piece, Piece::At | Piece::Stop)).unwrap_or(pieces.len());
    let is_lead = |piece: &&Piece| matches!(piece, Piece::Text(text) if LEADS.contains(&text.as_str()));
    let start = pieces[..end].iter().take_while(is_lead).count();
    let pieces = &pieces[start..end];
    // Labels in a row, as long as a dot stands between them: "rahul's clinic dot co dot in, thank you".
    let mut labels: Vec<String> = vec![String::new()];
    let mut dotted = false;
    for piece in pieces {
        match piece {
            Piece::Mark('.') => {
                labels.push(String::new());
                dotted = true;
            }
            Piece::Mark(mark) => labels.last_mut()?.push(*mark),
            Piece::Text(text) => {
                let last = labels.last_mut()?;
                if dotted && TOPS.contains(&last.as_str()) && !last.is_empty() {
                    break;
                }
                last.push_str(text);
            }
            Piece::At | Piece::Stop => break,
        }
    }
    let whole = labels.join(".");
    if dotted && EmailAddress::parse(&format!("a@{whole}")).is_ok() {
        return Some(whole);
    }
    undotted(&whole)
}

/// "gmail", "gmailcom", "clinicin": a provider, or a name with its top-level domain, whose dot was lost.
fn undotted(text: &str) -> Option<String> {
    let provider = PROVIDERS.iter().find(|(name, _)| text.starts_with(name));
    let (name, known) = provider?;
    let rest = &text[name.len()..];
    if TOPS[1..].contains(&rest) {
        return Some(format!("{name}.{rest}"));
    }
    Some((*known).to_owned())
}

/// The address as the voice reads it: letters one by one, except words that the caller's name holds and known providers.
pub(super) fn spoken(email: &EmailAddress, name: Option<&str>) -> String {
    let (local, domain) = email.parts();
    let known: Vec<String> = name.map(|name| name.to_lowercase()).iter().flat_map(|name| words_of(name)).collect();
    let labels: Vec<String> = domain.split('.').map(spoken_label).collect();
    format!("{}, at {}", spoken_part(local, &known), labels.join(" dot "))
}

fn words_of(name: &str) -> Vec<String> {
    name.split_whitespace().map(str::to_owned).collect()
}

fn spoken_label(label: &str) -> String {
    let provider = PROVIDERS.iter().any(|(name, _)| *name == label);
    let top = TOPS.contains(&label) && label != "io";
    if provider || top { label.to_owned() } else { spoken_part(label, &[]) }
}

/// Letters, digits and marks of a part, each run by itself.
fn spoken_part(part: &str, known: &[String]) -> String {
    let mut spoken: Vec<String> = Vec::new();
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let kind = |letter: char| (letter.is_ascii_alphabetic(), letter.is_ascii_digit());
        let len = rest.find(|letter| kind(letter) != kind(first)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(len);
        rest = tail;
        match kind(first) {
            (true, _) if known.iter().any(|word| word == run) => spoken.push(run.to_owned()),
            (true, _) => {
                let letters: Vec<String> = run.chars().map(|letter| letter.to_ascii_uppercase().to_string()).collect();
                spoken.push(letters.join(" "));
            }
            (_, true) => spoken.push(numbers::spoken_digits(run)),
            _ => spoken.extend(run.chars().map(mark_name).map(str::to_owned)),
        }
    }
    spoken.join(", ")
}

fn mark_name(mark: char) -> &'static str {
    match mark {
        '_' => "underscore",
        '-' => "dash",
        '+' => "plus",
        _ => "dot",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full(said: &str) -> Option<String> {
        match heard(said) {
            EmailHeard::Complete(email) => Some(email.to_string()),
            _ => None,
        }
    }

    #[test]
    fn addresses_as_callers_say_them_and_whisper_writes_them() {
        for (said, email) in [
            ("rahul dot verma at gmail dot com", "rahul.verma@gmail.com"),
            ("rahul.verma@gmail.com", "rahul.verma@gmail.com"),
            ("It's Rahul.Verma@Gmail.com.", "rahul.verma@gmail.com"),
            ("Rahul.Verma at Gmail.com", "rahul.verma@gmail.com"),
            ("my email id is rahul dot verma at the rate gmail dot com", "rahul.verma@gmail.com"),
            ("rahul underscore verma at the rate of yahoo dot co dot in", "rahul_verma@yahoo.co.in"),
            ("rahul verma ninety nine at gmail dot com", "rahulverma99@gmail.com"),
            ("rahul nine eight at gmail dot com", "rahul98@gmail.com"),
            ("R A H U L dot V E R M A at gmail dot com", "rahul.verma@gmail.com"),
            ("r-a-h-u-l at gmail.com", "rahul@gmail.com"),
            ("A double N A at gmail dot com", "anna@gmail.com"),
            ("you can reach me at anita at hotmail dot com", "anita@hotmail.com"),
            ("anita at gmail", "anita@gmail.com"),
            ("anita at g mail dot com", "anita@gmail.com"),
            ("info at sharma dental dot in, thank you", "info@sharmadental.in"),
            ("anita dot k at outlook dot com all small letters", "anita.k@outlook.com"),
            ("D for Delhi E V at gmail dot com", "dev@gmail.com"),
        ] {
            assert_eq!(full(said).as_deref(), Some(email), "{said}");
        }
    }

    #[test]
    fn parts_of_an_address_are_kept_apart() {
        assert_eq!(heard("rahul dot verma"), EmailHeard::Local("rahul.verma".into()));
        assert_eq!(heard("at gmail dot com"), EmailHeard::Domain("gmail.com".into()));
        assert_eq!(heard("gmail dot com"), EmailHeard::Domain("gmail.com".into()));
        assert_eq!(domain_heard("it's gmail dot com").as_deref(), Some("gmail.com"));
        assert_eq!(domain_heard("at example dot co dot in").as_deref(), Some("example.co.in"));
        for said in ["", "I do not want to give you that, why do you need it", "tomorrow at five"] {
            assert!(full(said).is_none(), "{said}");
        }
    }

    #[test]
    fn addresses_are_read_letter_by_letter_where_the_name_does_not_tell_them() {
        let email = EmailAddress::parse("rahul.verma_99@gmail.com").unwrap();
        assert_eq!(spoken(&email, Some("Rahul Verma")), "rahul, dot, verma, underscore, nine nine, at gmail dot com");
        let email = EmailAddress::parse("anna@ria-salon.in").unwrap();
        assert_eq!(spoken(&email, None), "A N N A, at R I A, dash, S A L O N dot in");
    }

    /// One of the ways in which people say a part of an address.
    fn say(part: &str, way: u8) -> String {
        let mut said = Vec::new();
        for piece in part.split_inclusive(['.', '_', '-']) {
            let (word, mark) = match piece.strip_suffix(['.', '_', '-']) {
                Some(word) => (word, piece.chars().last().map(mark_name)),
                None => (piece, None),
            };
            let spelled: Vec<String> = word.chars().map(|letter| letter.to_string().to_uppercase()).collect();
            said.push(match way {
                1 if word.len() > 2 => spelled.join(" "),
                2 if word.len() > 2 => spelled.join("-"),
                _ => word.to_owned(),
            });
            said.extend(mark.map(str::to_owned));
        }
        said.join(" ")
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(
            first in "[b-df-hj-np-tv-z][aeiou][b-df-hj-np-tv-z][a-z]{1,5}", last in "[b-df-hj-np-tv-z][aeiou][lnrt][a-z]{1,4}",
            mark in prop::sample::select(vec![".", "_", "-"]), digits in "[0-9]{0,3}",
            domain in prop::sample::select(vec!["gmail.com", "yahoo.co.in", "rediffmail.com", "kavitamotors.in"]),
            way in 0_u8..3, at in prop::sample::select(vec!["at", "at the rate", "at the rate of"]),
            lead in prop::sample::select(vec!["", "it is ", "my email address is "]),
        ) {
            let taken = |word: &str| LEADS.contains(&word) || NOTES.contains(&word) || text::is_filler(word);
            prop_assume!(!taken(&first) && !taken(&last) && numbers::heard(&format!("{first} {last}"), true) == numbers::NumberHeard::None);
            let local = format!("{first}{mark}{last}{digits}");
            let email = EmailAddress::parse(&format!("{local}@{domain}")).unwrap();
            let tail = if digits.is_empty() { String::new() } else { format!(" {}", numbers::spoken_digits(&digits)) };
            let spoken_local = format!("{}{tail}", say(&format!("{first}{mark}{last}"), way));
            let said = format!("{lead}{spoken_local} {at} {}", domain.replace('.', " dot "));
            prop_assert_eq!(full(&said), Some(email.to_string()), "{}", said);
            prop_assert_eq!(full(&spoken(&email, None)), Some(email.to_string()), "{}", spoken(&email, None));
            prop_assert_eq!(full(email.as_str()), Some(email.to_string()));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}") {
            let _ = heard(&text);
            let _ = domain_heard(&text);
        }
    }
}
