//! A person's name, out of an answer or out of a longer sentence.

use std::ops::Range;

use super::spelling;
use super::text::{self, Gap, Word};

/// Phrases after which a name stands, the surest first.
const INTRODUCTIONS: &[&str] = &[
    "my good name is",
    "my full name is",
    "my name is",
    "my names",
    "mera naam",
    "name is",
    "names",
    "name should be",
    "its actually",
    "myself",
    "my self",
    "this is",
    "i am",
    "im",
    "put it under",
    "under the name of",
    "under the name",
    "in the name of",
    "you can call me",
    "my name",
    "the name",
    "name",
];

/// Introductions that begin many other sentences, so that the words after them must look like a name.
const WEAK: &[&str] = &["this is", "i am", "im", "its actually", "names"];

/// The name in a sentence that was not asked for one: only after an introduction ("this is Rahul Verma", "myself
/// Rahul", "Rahul here", "Rahul speaking"). The range is the words that the introduction and the name take.
pub(super) fn introduced(words: &[Word]) -> Option<(String, Range<usize>)> {
    let cased = is_cased(words);
    for phrase in INTRODUCTIONS.iter().filter(|p| !matches!(**p, "its actually" | "name" | "the name" | "my name")) {
        let mut from = 0;
        while let Some(found) = text::find(words, phrase, from) {
            from = found.start + 1;
            let weak = WEAK.contains(phrase);
            if let Some((name, end)) = name_at(words, found.end, weak && cased) {
                return Some((name, found.start..end));
            }
        }
    }
    trailing(words, cased)
}

/// "Rahul here", "Rahul Verma this side", "Rahul speaking", "main Rahul bol raha hoon".
fn trailing(words: &[Word], cased: bool) -> Option<(String, Range<usize>)> {
    let end = ["here", "this side", "speaking", "bol raha", "bol rahi"].iter().find_map(|p| text::find(words, p, 1))?;
    let mut start = end.start;
    while start > 0 && is_name_word(&words[start - 1], cased) && end.start - start < 3 {
        start -= 1;
        if words[start].gap > Gap::Space {
            break;
        }
    }
    let (name, stop) = name_at(words, start, cased)?;
    (start < end.start && stop == end.start).then_some((name, start..end.end))
}

/// The name in the answer to "may I have your name?": after an introduction, or the whole answer when it is no more than
/// a name, fillers aside. A spelling ("Anita, A N I T A") wins over what was heard as a word. `None` when the answer
/// is a sentence and no name.
pub fn from_answer(text: &str) -> Option<String> {
    let words: Vec<Word> = text::words(text);
    let intro = INTRODUCTIONS.iter().find_map(|phrase| text::find(&words, phrase, 0));
    let from = intro.as_ref().map_or(0, |found| found.end);
    if let Some(name) = spelled(&words[from..]) {
        return Some(name);
    }
    if let Some((name, _)) = introduced(&words) {
        return Some(name);
    }
    if intro.is_none() && words.first().is_some_and(|first| is_question_word(&first.norm)) {
        return None;
    }
    let rest = skip_fillers(&words[from..]);
    whole_or_first_clause(rest).or_else(|| last_clause(rest))
}

/// The name at the beginning, when nothing of weight follows, or a new clause: "Sunil. My number is …".
fn whole_or_first_clause(words: &[Word]) -> Option<String> {
    let (name, end) = name_at(words, 0, false)?;
    let tail = &words[end..];
    let more = tail.iter().filter(|w| !text::is_filler(&w.norm) && !is_after_name(&w.norm)).count();
    let cased = is_cased(words) && words[..end].iter().all(|w| w.raw.starts_with(char::is_uppercase));
    let clause = tail.first().is_some_and(|w| w.gap > Gap::Space || matches!(&*w.norm, "from" | "and"));
    (more == 0 || cased && clause && end <= 3).then_some(name)
}

/// "It's for my mother, Kamala Devi."
fn last_clause(words: &[Word]) -> Option<String> {
    let start = words.iter().rposition(|w| w.gap > Gap::Space)?;
    let (name, end) = name_at(&words[start..], 0, true).filter(|_| is_cased(words))?;
    (start > 0 && start + end == words.len()).then_some(name)
}

fn is_question_word(word: &str) -> bool {
    matches!(word, "is" | "are" | "why" | "what" | "do" | "does" | "should" | "will" | "how" | "when" | "where" | "who")
}

/// The name that a correction gives: "the name is Anita", "it's Anita, not Rahul", a spelling, or a bare name that is
/// like the one taken.
pub(super) fn from_correction(text: &str, current: Option<&str>) -> Option<String> {
    let words = text::words(text);
    let plain = text::plain(&words);
    if text::says_any(&plain, &["name"]) {
        let from =
            ["name is", "names", "name should be", "name", "its"].iter().find_map(|p| text::find(&words, p, 0))?.end;
        return spelled(&words[from..])
            .or_else(|| name_at(skip_fillers(&words[from..]), 0, false).map(|(name, _)| name));
    }
    let rest = skip_fillers(&words);
    let rest = ["its", "it is", "i am", "im", "this is", "i said"]
        .iter()
        .find_map(|p| text::find(rest, p, 0))
        .map_or(rest, |found| &rest[found.end..]);
    if let Some(name) = spelled(rest) {
        return Some(name);
    }
    let (name, end) = name_at(rest, 0, false)?;
    let negated = rest.get(end).is_some_and(|w| w.norm == "not");
    if end < rest.len() && !negated {
        return None;
    }
    let alike = current.is_some_and(|old| {
        let old_words: Vec<String> = old.to_lowercase().split(' ').map(str::to_owned).collect();
        name.to_lowercase().split(' ').any(|w| old_words.iter().any(|o| strsim::jaro_winkler(w, o) > 0.75))
    });
    (alike || negated).then_some(name)
}

fn skip_fillers(words: &[Word]) -> &[Word] {
    let is_lead = |w: &Word| {
        text::is_filler(&w.norm)
            || matches!(
                &*w.norm,
                "good"
                    | "great"
                    | "fine"
                    | "alright"
                    | "yes"
                    | "yeah"
                    | "ya"
                    | "sure"
                    | "no"
                    | "nahi"
                    | "it"
                    | "its"
                    | "is"
                    | "right"
                    | "hai"
                    | "of"
                    | "course"
                    | "and"
                    | "sorry"
                    | "with"
                    | "name"
            )
    };
    &words[words.iter().take_while(|w| is_lead(w)).count()..]
}

/// The longest name that begins at `at`: up to four words within one clause. Also where it ends.
fn name_at(words: &[Word], at: usize, must_be_cased: bool) -> Option<(String, usize)> {
    let mut at = at;
    while at < words.len() && text::is_filler(&words[at].norm) {
        at += 1;
    }
    let mut end = at;
    let mut real = 0;
    while end < words.len()
        && real < 4
        && (end == at || words[end].gap == Gap::Space || text::is_title(&words[end - 1].norm))
    {
        let word = &words[end];
        if !text::is_title(&word.norm) {
            if !is_name_word(word, must_be_cased) {
                break;
            }
            real += usize::from(!is_letter(word));
        }
        end += 1;
    }
    let has_letters = words[at..end].iter().any(|w| w.norm.chars().count() > 1 && !text::is_title(&w.norm));
    (real > 0 && has_letters).then(|| (written(&words[at..end]), end))
}

/// A name of letters, spelled in any of the ways of [`spelling`].
/// With a word before ("Verma, V E R M A"), the spelling replaces the part of the name that it is most like.
fn spelled(words: &[Word]) -> Option<String> {
    let spelling::Spelled { letters, words: Range { start: first, end } } = spelling::first(words, 0)?;
    if words[end..].iter().any(|w| is_name_word(w, false)) {
        return None;
    }
    let mut parts: Vec<String> = words[..first]
        .iter()
        .filter(|w| is_name_word(w, false) && !matches!(&*w.norm, "spelling" | "spelled" | "spelt" | "spell"))
        .map(|w| title_case(&w.raw))
        .collect();
    let spelled = title_case(&letters);
    let likeness = |part: &String| strsim::jaro_winkler(&part.to_lowercase(), &letters);
    match (0..parts.len()).max_by(|a, b| likeness(&parts[*a]).total_cmp(&likeness(&parts[*b]))) {
        Some(best) if likeness(&parts[best]) > 0.6 => parts[best] = spelled,
        _ if parts.len() == 1 => parts.push(spelled),
        _ => return Some(spelled),
    }
    Some(parts.join(" "))
}

fn is_letter(word: &Word) -> bool {
    let mut chars = word.norm.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Whether capital letters mean something in this text.
fn is_cased(words: &[Word]) -> bool {
    let lower = words.iter().any(|w| w.raw.starts_with(char::is_lowercase));
    lower && words.iter().any(|w| w.raw.starts_with(char::is_uppercase))
}

fn is_name_word(word: &Word, must_be_cased: bool) -> bool {
    if is_letter(word) && word.raw.starts_with(char::is_uppercase) {
        return word.norm != "i";
    }
    let norm = word.norm.as_str();
    let alphabetic = word.raw.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '.'));
    let cased = !must_be_cased || word.raw.starts_with(char::is_uppercase);
    alphabetic
        && cased
        && !text::is_filler(norm)
        && !is_after_name(norm)
        && !is_ordinary(norm)
        && norm.chars().count() <= 20
}

/// Words that may follow a name and end it.
fn is_after_name(word: &str) -> bool {
    matches!(
        word,
        "here"
            | "speaking"
            | "side"
            | "this"
            | "that"
            | "thats"
            | "bol"
            | "raha"
            | "rahi"
            | "hai"
            | "hoon"
            | "hun"
            | "thank"
            | "thanks"
            | "you"
            | "only"
            | "calling"
    )
}

/// Ordinary English words that are no names. Not a dictionary: what callers say where a name could stand.
fn is_ordinary(word: &str) -> bool {
    const ORDINARY: &str = " i a an the my your his her our their me you he she it we they them us what whats when where which \
        who whom whose why how is are was were be been being am do does did done have has had having can could will would \
        shall should may might must not no yes yeah yep nope nahi and or but if because since about regarding for from with without to of \
        in on at by into over under after before again then than as there these those here now today tomorrow yesterday \
        morning afternoon evening night noon time day week month want wanted need needed like looking calling call called \
        calls speaking talk talking say saying tell know knows think get getting got give take make making book booking \
        fix fixing come coming go going fine good okay great sure sorry thank thanks please help hear hearing understand \
        number mobile phone name names appointment message question doctor dentist clinic office shop address open close \
        closed timing timings pain paining tooth teeth toothache ache problem urgent emergency issue matter personal \
        regular new old patient customer client son daughter wife husband mother father mom dad brother sister friend \
        wrong right correct nothing something anything everything someone anyone nobody interested busy free available \
        available ready happy sick ill unwell in bleeding hurting very really much many more some any all one two three \
        four five six seven eight nine ten zero double triple monday tuesday wednesday thursday friday saturday sunday just only also still \
        already back repeat spell spelling spelled spelt last first next dont doesnt didnt cant wont isnt its im ive id youre hes shes thats theres \
        checkup check cleaning filling canal root treatment price cost rate fees charges late early soon maybe \
        afraid trying asking wondering waiting visiting bye goodbye hello robot machine human person real computer \
        ai manager owner reception receptionist boss staff somebody live agent off so too let lets see hold wait leave \
        changed change cancel hi minute second moment hold meaning mean means else clear loud audible ok cannot other another same different english hindi ";
    text::says(ORDINARY, word)
}

/// The words as a name: "RAHUL verma" → "Rahul Verma", "d'souza" → "D'Souza"; mixed case stays.
fn written(words: &[Word]) -> String {
    let parts: Vec<String> = words.iter().map(|w| title_case(&w.raw)).collect();
    parts.join(" ")
}

fn title_case(word: &str) -> String {
    let mixed = word.chars().skip(1).any(char::is_lowercase) && word.starts_with(char::is_uppercase);
    if mixed {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len());
    let mut upper = true;
    for c in word.chars() {
        if upper {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        upper = !c.is_alphanumeric();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_names() {
        for (answer, name) in [
            ("Rahul Verma.", "Rahul Verma"),
            ("My name is Rahul Verma.", "Rahul Verma"),
            ("my name is rahul verma", "Rahul Verma"),
            ("Uh, it's Rahul.", "Rahul"),
            ("Yes, this is Rahul Verma speaking.", "Rahul Verma"),
            ("I am Rahul Verma speaking", "Rahul Verma"),
            ("Myself Rahul", "Rahul"),
            ("Rahul this side.", "Rahul"),
            ("Rahul here", "Rahul"),
            ("Sunil. My number is 98450 12345.", "Sunil"),
            ("Ravi Kumar, and I want to come on Friday", "Ravi Kumar"),
            ("Good, Rakesh Gupta", "Rakesh Gupta"),
            ("It's for my mother, Kamala Devi", "Kamala Devi"),
            ("You can put it under Deepak", "Deepak"),
            ("Anita D'souza, sir", "Anita D'souza"),
            ("anita d'souza", "Anita D'Souza"),
            ("Dr. Mehta", "Dr Mehta"),
            ("Sharma ji", "Sharma"),
            ("S. Kumar", "S Kumar"),
            ("A P J Abdul Kalam", "A P J Abdul Kalam"),
            ("A N I T A", "Anita"),
            ("A-N-I-T-A.", "Anita"),
            ("Anitha, that's A N I T H A", "Anitha"),
            ("Rahul Warma, V E R M A", "Rahul Verma"),
            ("R for Roger A for apple V I", "Ravi"),
            ("my name is Anna, A double N A", "Anna"),
            ("Mohammed Abdul Rahman Khan", "Mohammed Abdul Rahman Khan"),
            ("please note, name is Lakshmi Narayanan", "Lakshmi Narayanan"),
            ("main Rahul bol raha hoon", "Rahul"),
            ("Yeah sure. Priya.", "Priya"),
            ("Priya. Thank you.", "Priya"),
        ] {
            assert_eq!(from_answer(answer).as_deref(), Some(name), "{answer}");
        }
    }

    #[test]
    fn answers_that_are_no_names() {
        for answer in [
            "I want an appointment",
            "Is it necessary?",
            "What?",
            "Yes.",
            "I have a toothache",
            "I am calling about my bill",
            "can you repeat",
            "tomorrow at five",
            "98765 43210",
            "This is urgent",
            "I don't want to tell",
            "Why do you need my name?",
            "no",
            "it's for my son",
            "",
            "hello hello",
            "thank you",
            "I am not sure",
            "the doctor",
        ] {
            assert_eq!(from_answer(answer), None, "{answer}");
        }
    }

    #[test]
    fn introductions_inside_sentences() {
        for (sentence, name) in [
            ("Hello, this is Rahul Verma and I want an appointment", Some("Rahul Verma")),
            ("Hi, I am Anita calling from Jayanagar", Some("Anita")),
            ("I'm Suresh. I need a cleaning.", Some("Suresh")),
            ("Myself Rahul, I have a toothache", Some("Rahul")),
            ("Good morning, Priya here, I want to fix an appointment", Some("Priya")),
            ("I am having tooth pain", None),
            ("This is regarding my appointment", None),
            ("I am Looking for the clinic", None),
            ("i am anita and i want an appointment", Some("Anita")),
            ("I want an appointment here", None),
            ("who is speaking", None),
            ("Is this Sharma Dental Clinic?", None),
        ] {
            assert_eq!(introduced(&text::words(sentence)).map(|(n, _)| n).as_deref(), name, "{sentence}");
        }
    }

    #[test]
    fn corrections_of_a_name() {
        for (said, name) in [
            ("no, the name is Anita", Some("Anita")),
            ("No, my name is Anita Rao.", Some("Anita Rao")),
            ("no, it's Varma", Some("Varma")),
            ("It's Ravi, not Rahul", Some("Ravi")),
            ("no, V A R M A", Some("Varma")),
            ("no, tomorrow at six", None),
            ("no, the number is wrong", None),
            ("no", None),
            ("the name is wrong", None),
        ] {
            assert_eq!(from_correction(said, Some("Rahul Verma")).as_deref(), name, "{said}");
        }
    }
}
