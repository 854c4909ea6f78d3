//! Several slots out of one sentence.

use std::ops::Range;

use super::intents::Purpose;
use super::names;
use super::numbers::{self, NumberHeard};
use super::sounds;
use super::text::{self, Gap, Word};
use super::times;
use super::{Action, SlotName};
use crate::domain::{CallSlots, Knowledge};

/// The slot actions that lead from one state of the slots to the next.
pub(super) fn changes(before: &CallSlots, after: &CallSlots) -> Vec<Action> {
    let pin = |slots: &CallSlots| slots.pin_code.as_ref().map(ToString::to_string);
    let number = |slots: &CallSlots| slots.number.as_ref().map(ToString::to_string);
    [
        (SlotName::Name, before.name.clone(), after.name.clone()),
        (SlotName::Number, number(before), number(after)),
        (SlotName::Reason, before.reason.clone(), after.reason.clone()),
        (SlotName::PreferredTime, before.preferred_time.clone(), after.preferred_time.clone()),
        (
            SlotName::Email,
            before.email.as_ref().map(ToString::to_string),
            after.email.as_ref().map(ToString::to_string),
        ),
        (SlotName::PinCode, pin(before), pin(after)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(slot, _, value)| Action::Slot { slot, value })
    .collect()
}

/// What a caller's turn holds besides its intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub name: Option<String>,
    pub number: NumberHeard,
    pub reason: Option<String>,
    pub time: Option<String>,
}

/// The longest reason that is kept, in characters; recognition that runs in circles makes longer ones.
pub(super) const REASON_LIMIT: usize = 240;

/// Reads a turn that did not answer a question of its own: only what stands after its own introduction counts.
pub(super) fn found(said: &str, purpose: Purpose) -> Found {
    let words = text::words(said);
    let taken = Taken::of(&words, false, purpose);
    let reason = if purpose != Purpose::Appointment && text::says(&text::plain(&words), "calling from") {
        reason_from_answer(said, purpose)
    } else {
        introduced_reason(said, &words, &taken.ranges)
    };
    let time = taken.time.clone().map(|range| times::as_said(said, &words[range]));
    Found { name: taken.name, number: taken.number, reason, time }
}

/// Reads the answer to "what is it about?": what remains when number, name, time and courtesy are taken away.
pub(super) fn reason_from_answer(said: &str, purpose: Purpose) -> Option<String> {
    let words = text::words(said);
    let taken = Taken::of(&words, false, purpose);
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let start = at;
        while at < words.len() && !taken.covers(at) {
            at += 1;
        }
        parts.extend(cleaned(said, &words[start..at]));
        at = at.max(start + 1);
    }
    let reason: String = parts.join(", ").chars().take(REASON_LIMIT).collect();
    (!reason.is_empty()).then_some(reason)
}

/// A visit's reason as the business calls it, where what was heard only sounds like that: "2th week", "route canal". Of a
/// message every word is the caller's own.
pub(super) fn as_known(reason: &str, knowledge: &Knowledge) -> Option<String> {
    let services = knowledge.services.iter();
    let named = services.flat_map(|service| std::iter::once(&service.name).chain(&service.also)).map(String::as_str);
    sounds::meant(reason, named.chain(TROUBLES.iter().copied())).map(times::lower_first)
}

/// What a caller comes for, where all of an answer is or sounds like something that the business knows. Asked first, since
/// "2th week" reads as a time.
pub(super) fn known_answer(said: &str, knowledge: &Knowledge) -> Option<String> {
    as_known(&cleaned(said, &text::words(said))?, knowledge)
}

/// The words that other slots take.
struct Taken {
    name: Option<String>,
    number: NumberHeard,
    time: Option<Range<usize>>,
    ranges: Vec<Range<usize>>,
}

impl Taken {
    fn of(words: &[Word], asked_number: bool, purpose: Purpose) -> Self {
        let (number, mut ranges) = numbers::heard_words(words, asked_number);
        ranges.iter_mut().for_each(|range| range.start = number_lead(words, range.start));
        if number == NumberHeard::CallerId {
            ranges.extend(caller_number_words(words));
        }
        let (name, name_range) = names::introduced(words).unzip();
        ranges.extend(name_range);
        let call_back = text::says_any(&text::plain(words), &["call me", "call back", "callback"]);
        let time = match purpose {
            Purpose::Appointment => times::find(words, &ranges),
            Purpose::Message | Purpose::Urgent if call_back => times::find(words, &ranges),
            Purpose::Message | Purpose::Urgent => None,
        };
        ranges.extend(time.clone());
        Self { name, number, time, ranges }
    }

    fn covers(&self, at: usize) -> bool {
        self.ranges.iter().any(|range| range.contains(&at))
    }
}

/// Where the words that lead to a number begin: "and my mobile number is …", "call me on …".
fn number_lead(words: &[Word], start: usize) -> usize {
    let is_lead = |word: &Word| {
        matches!(
            &*word.norm,
            "and"
                | "my"
                | "mobile"
                | "phone"
                | "contact"
                | "whatsapp"
                | "number"
                | "no"
                | "is"
                | "its"
                | "on"
                | "at"
                | "call"
                | "me"
                | "back"
                | "reach"
                | "the"
                | "plus"
                | "please"
        )
    };
    let lead = words[..start].iter().rev().take_while(|word| is_lead(word)).count();
    start - lead
}

fn caller_number_words(words: &[Word]) -> Option<Range<usize>> {
    let at = words.iter().rposition(|word| matches!(&*word.norm, "number" | "same" | "from"))?;
    Some(number_lead(words, at.saturating_sub(2))..at + 1)
}

/// Introductions of a reason, the surest first.
const MARKERS: &[&str] = &[
    "the reason is",
    "reason is",
    "the message is",
    "message is",
    "message that",
    "the problem is",
    "problem is",
    "because of",
    "because",
    "due to",
    "suffering from",
    "regarding",
    "about",
    "tell him that",
    "tell her that",
    "tell them that",
    "tell the doctor that",
    "tell doctor that",
    "tell the doctor",
    "tell doctor",
    "tell him",
    "tell her",
    "tell them",
    "inform that",
    "inform him that",
    "inform the doctor that",
    "inform doctor that",
    "let him know that",
    "let them know that",
    "let her know that",
    "saying that",
    "saying",
    "i am having",
    "im having",
    "i have got",
    "ive got",
    "i have",
    "ive",
    "i got",
    "having",
    "has",
    "i need to get",
    "i want to get",
    "for a",
    "for an",
    "for my",
    "for the",
    "for",
    "i need a",
    "i need",
    "i want a",
    "i want to",
    "i would like to",
    "id like to",
];

/// The reason in a sentence, after one of the markers, up to what belongs to another slot.
fn introduced_reason(said: &str, words: &[Word], taken: &[Range<usize>]) -> Option<String> {
    let free = |at: usize| !taken.iter().any(|range| range.contains(&at));
    for marker in MARKERS {
        let mut from = 0;
        while let Some(found) = text::find(words, marker, from) {
            from = found.start + 1;
            let start = if marker.starts_with("for my") { found.start + 1 } else { found.end };
            let end = clause_end(words, start, &free);
            let addressee = found.start > 0 && words[found.start - 1].norm == "message" && marker.starts_with("for");
            if let Some(reason) = cleaned(said, &words[start..end]).filter(|_| found.clone().all(free) && !addressee) {
                return Some(reason);
            }
        }
    }
    trouble_clause(said, words, &free)
}

/// Words that name what somebody comes for.
const TROUBLES: &[&str] = &[
    "pain",
    "paining",
    "ache",
    "toothache",
    "hurting",
    "hurts",
    "broken",
    "swollen",
    "swelling",
    "bleeding",
    "loose",
    "cleaning",
    "filling",
    "checkup",
    "haircut",
    "leaking",
    "working",
];

/// "My tooth is paining", where no marker stands.
fn trouble_clause(said: &str, words: &[Word], free: &impl Fn(usize) -> bool) -> Option<String> {
    let trouble = words.iter().position(|word| TROUBLES.contains(&&*word.norm))?;
    let start = (0..=trouble).rev().find(|at| *at == 0 || words[*at].gap > Gap::Space || !free(*at - 1))?;
    cleaned(said, &words[start..clause_end(words, trouble, free)])
}

fn clause_end(words: &[Word], start: usize, free: &impl Fn(usize) -> bool) -> usize {
    (start..words.len()).find(|at| !free(*at) || *at > start && words[*at].gap == Gap::Stop).unwrap_or(words.len())
}

/// Lead-ins before a reason, parted by `|`.
const LEADS: &str = "yes|yeah|ya|it is|its|this is|that|to|for|a|an|the|i have got|i have|ive|i am having|im having|i am calling|\
    im calling|i was calling|calling|having|i want to leave a message|i want to|i want|i wanted to|\
    i need to get|i need to|i need|i would like to|i just want to|the reason is|my reason is|reason is|\
    the problem is|my problem is|problem is|the message is|my message is|message is|message|regarding|about|\
    because of|because|and|also|but|my concern is|you can tell|can you tell|could you tell|please tell|\
    tell the doctor|tell doctor sahab|tell doctor|tell him|tell her|tell them|tell sir|tell madam|inform him|\
    inform her|inform them|inform the doctor|inform doctor|let him know|let her know|let them know|say|i|get";

/// Courtesies and loose ends after it.
const TAILS: &str = "id prefer|i prefer|i would prefer|id like|i would like|i can come|i will come|to come|please|thank you|\
    thanks|thank you so much|that is all|thats all|thats it|only|ok|okay|and|at|on|in|by|for|the|from|to|is|my|\
    so|appointment|an appointment|an|i want|i need|with|or|do the needful|around";

/// Cuts courtesies and lead-ins at both ends; `None` when nothing that says something remains.
fn cleaned(said: &str, words: &[Word]) -> Option<String> {
    let mut words = words;
    while let Some(cut) = lead_len(words) {
        words = &words[cut..];
    }
    while let Some(cut) = tail_len(words) {
        words = &words[..words.len() - cut];
    }
    let says_something = words.iter().any(|word| !is_empty_word(&word.norm));
    says_something.then(|| {
        let text = text::original(said, words);
        let acronym = words[0].raw.chars().all(char::is_uppercase) && words[0].raw != "A";
        if acronym || is_name_like(&words[0]) { text.to_owned() } else { times::lower_first(text) }
    })
}

fn is_name_like(word: &Word) -> bool {
    matches!(&*word.norm, "im" | "ill" | "ive" | "id" | "dr")
}

fn lead_len(words: &[Word]) -> Option<usize> {
    let first = words.first()?;
    if text::is_filler(&first.norm) {
        return Some(1);
    }
    let fits = |lead: &&str| text::find(words, lead, 0).is_some_and(|found| found.start == 0);
    let longest = LEADS.split('|').filter(fits).max_by_key(|lead| lead.len())?;
    // "I will be late" keeps its subject: a lone "I" is cut only before what was a lead-in all along.
    (longest != "i" || words.len() == 1).then(|| longest.split(' ').count())
}

fn tail_len(words: &[Word]) -> Option<usize> {
    let last = words.last()?;
    if text::is_filler(&last.norm) {
        return Some(1);
    }
    let fits = |tail: &&str| {
        let len = tail.split(' ').count();
        words.len() >= len && text::find(words, tail, words.len() - len).is_some()
    };
    TAILS.split('|').filter(fits).map(|tail| tail.split(' ').count()).max()
}

/// Words that are no reason by themselves.
fn is_empty_word(word: &str) -> bool {
    const EMPTY: &str = " a an the my your me i you he she it we they this that these those is are was am be to for of in on at by and or \
        but with from as do does did not no yes yeah want need like please what when where which who how why \
        appointment appointments booking book fix make take leave message slot visit tomorrow today doctor clinic call calling come coming can could will would \
        one some any thing something anything nothing know dont now here there right correct ok okay thank thanks son daughter wife husband mother father \
        name number speak talk have has had time timing timings sahab again repeat give get question ask help also somebody someone person ";
    text::is_filler(word) || text::says(EMPTY, word) || word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::E164;

    #[test]
    fn one_sentence_may_hold_everything() {
        let said = "This is Rahul Verma, I want an appointment tomorrow at five for a toothache, my number is nine eight seven six five four three two one zero.";
        assert_eq!(
            found(said, Purpose::Appointment),
            Found {
                name: Some("Rahul Verma".into()),
                number: NumberHeard::Complete(E164::parse("+919876543210").unwrap()),
                reason: Some("toothache".into()),
                time: Some("tomorrow at five".into()),
            }
        );
    }

    #[test]
    fn reasons_in_sentences() {
        for (said, reason) in [
            ("I want to fix an appointment for root canal treatment tomorrow", Some("root canal treatment")),
            ("I need an appointment", None),
            ("I want an appointment for tomorrow", None),
            ("I want an appointment because my tooth is broken", Some("my tooth is broken")),
            ("I have a severe toothache", Some("severe toothache")),
            ("my tooth is paining", Some("my tooth is paining")),
            ("I need a root canal", Some("root canal")),
            ("can I book a slot on Monday for cleaning please", Some("cleaning")),
            ("Hello, this is Anita", None),
            ("I want to leave a message", None),
            ("I want an appointment for my son", None),
        ] {
            assert_eq!(found(said, Purpose::Appointment).reason.as_deref(), reason, "{said}");
        }
        for (said, reason) in [
            ("Please tell the doctor that I will be late", Some("I will be late")),
            ("I am calling about my bill", Some("my bill")),
            ("I'm calling from Apollo Pharmacy about a delivery", Some("from Apollo Pharmacy about a delivery")),
            ("Can I leave a message for Dr. Sharma?", None),
            ("I want to leave a message", None),
        ] {
            assert_eq!(found(said, Purpose::Message).reason.as_deref(), reason, "{said}");
        }
    }

    #[test]
    fn a_reason_that_sounds_like_what_the_business_does_is_that() {
        let knowledge = crate::dialogue::demo_profile().knowledge;
        for (heard, known) in [
            ("2th week", Some("toothache")),
            ("tooth hack", Some("toothache")),
            ("route canal", Some("root canal")),
            ("wisdom tooth", Some("wisdom tooth")),
            ("my tooth is broken", None),
            ("severe toothache", None),
        ] {
            assert_eq!(as_known(heard, &knowledge).as_deref(), known, "{heard}");
        }
    }

    #[test]
    fn reasons_as_answers() {
        for (said, purpose, reason) in [
            ("I have a toothache.", Purpose::Appointment, Some("toothache")),
            ("It's for a root canal treatment, please.", Purpose::Appointment, Some("root canal treatment")),
            ("Toothache, tomorrow at five", Purpose::Appointment, Some("toothache")),
            ("Tooth pain since yesterday", Purpose::Appointment, Some("tooth pain since yesterday")),
            ("Please tell him that I will be late tomorrow.", Purpose::Message, Some("I will be late tomorrow")),
            ("My crown came off and it hurts", Purpose::Message, Some("my crown came off and it hurts")),
            ("Um, regarding the X-ray report", Purpose::Message, Some("X-ray report")),
            ("yes", Purpose::Message, None),
            ("what?", Purpose::Message, None),
            ("", Purpose::Message, None),
        ] {
            assert_eq!(reason_from_answer(said, purpose).as_deref(), reason, "{said}");
        }
    }
}
