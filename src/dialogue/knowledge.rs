//! Which of the business's own facts answers a question: by the words they share, rare words counting more.
//!
//! A fact is told only when it covers the question well enough; otherwise the question becomes a message.

use std::collections::BTreeMap;

use super::text;
use crate::domain::Knowledge;

/// Something that the knowledge holds, by its place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Service(u16),
    Faq(u16),
}

/// What is asked about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Price,
    Duration,
    /// "Do you do …?"
    Offer,
}

/// A topic with how well it fits, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub topic: Topic,
    pub score: f32,
}

/// From here on a fact answers the question.
const ANSWERS: f32 = 0.6;
/// Two facts this close to each other are the same to the caller.
const ALIKE: f32 = 0.05;

/// What the sentence asks about a service; `None` when it asks something else.
pub(super) fn asked(plain: &str) -> Option<Asked> {
    const PRICE: &[&str] = &[
        "how much",
        "price",
        "prices",
        "cost",
        "costs",
        "charge",
        "charges",
        "fees",
        "fee",
        "rate",
        "rates",
        "kitna",
        "kitne",
        "rupees",
        "expensive",
    ];
    const DURATION: &[&str] = &["how long", "how much time", "how many minutes", "how many hours", "kitna time"];
    const OFFER: &[&str] = &[
        "do you do",
        "do you have",
        "do you offer",
        "do you provide",
        "do you also",
        "can you do",
        "can i get",
        "is there",
        "do you make",
        "do you repair",
        "do you treat",
        "available",
        "you guys do",
        "you do",
    ];
    if text::says_any(plain, DURATION) {
        Some(Asked::Duration)
    } else if text::says_any(plain, PRICE) {
        Some(Asked::Price)
    } else {
        text::says_any(plain, OFFER).then_some(Asked::Offer)
    }
}

/// The best facts for a question in [`text::plain`] form, best first: one, or several that fit equally well. Empty when
/// none is good enough. Services count only where something is asked about one.
pub(super) fn find(knowledge: &Knowledge, plain: &str) -> Vec<Match> {
    let index = Index::of(knowledge);
    let query = terms(plain);
    let mut best: BTreeMap<Topic, f32> = BTreeMap::new();
    for (topic, document) in &index.documents {
        if matches!(topic, Topic::Service(_)) && asked(plain).is_none() {
            continue;
        }
        let score = index.score(&query, document);
        let known = best.entry(*topic).or_default();
        *known = known.max(score);
    }
    let mut matches: Vec<Match> = best.into_iter().map(|(topic, score)| Match { topic, score }).collect();
    matches.retain(|found| found.score >= ANSWERS);
    matches.sort_by(|a, b| b.score.total_cmp(&a.score));
    let top = matches.first().map_or(0.0, |best| best.score);
    matches.retain(|found| found.score >= top - ALIKE);
    matches
}

/// All wordings of all topics, and in how many topics each word stands.
struct Index {
    documents: Vec<(Topic, Vec<String>)>,
    frequency: BTreeMap<String, usize>,
    topics: usize,
}

impl Index {
    fn of(knowledge: &Knowledge) -> Self {
        let services = (0..).zip(&knowledge.services).flat_map(|(at, service)| {
            std::iter::once(&service.name).chain(&service.also).map(move |text| (Topic::Service(at), text))
        });
        let faqs = (0..).zip(&knowledge.faqs).flat_map(|(at, faq)| {
            std::iter::once(&faq.question).chain(&faq.also).map(move |text| (Topic::Faq(at), text))
        });
        let document = |(topic, text): (Topic, &String)| (topic, terms(&text::plain(&text::words(text))));
        let documents: Vec<(Topic, Vec<String>)> = services.chain(faqs).map(document).collect();
        let mut seen: BTreeMap<(&str, Topic), ()> = BTreeMap::new();
        for (topic, words) in &documents {
            seen.extend(words.iter().map(|word| ((word.as_str(), *topic), ())));
        }
        let mut frequency: BTreeMap<String, usize> = BTreeMap::new();
        for (word, _) in seen.keys() {
            *frequency.entry((*word).to_owned()).or_default() += 1;
        }
        Self { topics: knowledge.services.len() + knowledge.faqs.len(), documents, frequency }
    }

    /// Inverse document frequency, smoothed so that a word of every topic still counts a little.
    fn weight(&self, word: &str) -> f32 {
        let topics = self.topics as f32;
        let frequency = self.frequency.get(word).copied().unwrap_or(1) as f32;
        (1.0 + topics / frequency).ln()
    }

    /// How much of the document the question says, times how much of the question the document explains (at least half,
    /// since people say more than they ask).
    fn score(&self, query: &[String], document: &[String]) -> f32 {
        let weight = |words: &[String]| words.iter().map(|word| self.weight(word)).sum::<f32>();
        let (asked, told) = (weight(query), weight(document));
        if asked <= 0.0 || told <= 0.0 {
            return 0.0;
        }
        let covered = |words: &[String], by: &[String]| {
            let hit = words.iter().filter(|word| by.iter().any(|other| same(word, other)));
            hit.map(|word| self.weight(word)).sum::<f32>()
        };
        let of_document = covered(document, query) / told;
        let of_query = covered(query, document) / asked;
        of_document * (0.5 + 0.5 * of_query)
    }
}

/// Recognition writes long words one letter off.
fn same(a: &str, b: &str) -> bool {
    a == b || a.len() >= 5 && b.len() >= 5 && strsim::damerau_levenshtein(a, b) <= 1
}

/// The words that carry the matter, each once, without their endings.
fn terms(plain: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for word in plain.split_whitespace().filter(|word| !is_common(word)) {
        let term = stem(word);
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

/// "cards" → "card", "fillings" → "fill", "whitening" → "whiten": enough that forms of one word meet.
fn stem(word: &str) -> String {
    let long = |rest: &str| rest.len() >= 3;
    let singular = match word.strip_suffix("ies") {
        Some(rest) if long(rest) => format!("{rest}y"),
        _ => match word.strip_suffix('s') {
            Some(rest) if long(rest) && !rest.ends_with(['s', 'u', 'i']) => rest.to_owned(),
            _ => word.to_owned(),
        },
    };
    for ending in ["ing", "ed"] {
        if let Some(rest) = singular.strip_suffix(ending).filter(|rest| long(rest)) {
            return rest.to_owned();
        }
    }
    singular
}

/// Words that every question has, and the names of what is asked about a service.
fn is_common(word: &str) -> bool {
    const COMMON: &str = " a an the i you your yours we us our me my he she it its they is are was be been am do does did can could will would \
        shall should may might have has had to for of in on at by with from and or but if as so that this these those there here what whats \
        which when where who whom how why much many long any some one please tell know want wanted need like ask asking let get got give \
        make take takes taken come done also only really very about regarding your u hi hello okay ok sir madam maam yes no not dont im \
        ill id ive guys people clinic shop salon store place centre center business doctor dentist service services treatment treatments \
        procedure price prices cost costs charge charges fee fees rate rates rupees kitna kitne hai ka ki ke kya time minutes hours \
        offer provide available possible usually normally currently just charged costing total money amount around approximately ";
    text::is_filler(word) || text::says(COMMON, word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Faq, Service};

    fn knowledge() -> Knowledge {
        let service = |name: &str, also: &[&str]| Service {
            name: name.into(),
            also: also.iter().map(|text| (*text).into()).collect(),
            price: None,
            minutes: None,
        };
        let faq = |question: &str, also: &[&str]| Faq {
            question: question.into(),
            also: also.iter().map(|text| (*text).into()).collect(),
            answer: "So it is.".into(),
        };
        Knowledge {
            services: vec![
                service("root canal treatment", &["RCT"]),
                service("teeth cleaning", &["scaling", "polishing"]),
                service("teeth whitening", &["bleaching"]),
                service("consultation", &["check up", "checkup"]),
            ],
            faqs: vec![
                faq("Do you accept credit cards?", &["Can I pay by card?", "Do you take UPI or Google Pay?"]),
                faq("Is there parking?", &["Where can I park my car?"]),
                faq("Do you treat children?", &["My child is five, do you see kids?"]),
                faq("Do I need an appointment or can I walk in?", &[]),
            ],
            holidays: Vec::new(),
        }
    }

    fn best(said: &str) -> Vec<Topic> {
        let plain = text::plain(&text::words(said));
        find(&knowledge(), &plain).into_iter().map(|found| found.topic).collect()
    }

    #[test]
    fn questions_find_their_answer() {
        use Topic::{Faq, Service};
        for (said, topic) in [
            ("How much is a root canal?", Service(0)),
            ("what does RCT cost", Service(0)),
            ("Hi, I wanted to know the charges for root canal for my mother", Service(0)),
            ("How much do you charge for cleaning of teeth?", Service(1)),
            ("How long does teeth whitening take?", Service(2)),
            ("What are your consultation charges?", Service(3)),
            ("Do you do scaling?", Service(1)),
            ("Can I pay by card?", Faq(0)),
            ("Do you accept cards?", Faq(0)),
            ("do you take google pay", Faq(0)),
            ("Is there any parking near the clinic?", Faq(1)),
            ("Do you treat small children?", Faq(2)),
        ] {
            assert_eq!(best(said), [topic], "{said}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        for said in [
            "How much is a dental implant?",
            "Do you have a lift?",
            "Do you accept insurance?",
            "Is the doctor married?",
            "How much?",
            "What is the capital of France?",
            "Do you do tattoos?",
            "",
        ] {
            assert_eq!(best(said), [], "{said}");
        }
    }

    #[test]
    fn equal_fits_are_all_given() {
        assert_eq!(best("How much for teeth?"), [], "half a name is no service");
        let twice = Knowledge { services: vec![knowledge().services[0].clone(); 2], ..Knowledge::default() };
        assert_eq!(find(&twice, " how much is a root canal ").len(), 2);
    }

    #[test]
    fn a_word_that_recognition_misspelt_still_finds_its_service() {
        assert_eq!(best("how much is teeth whitning"), [Topic::Service(2)]);
    }

    proptest::proptest! {
        #[test]
        fn scores_are_fractions(said in "[a-z ]{0,60}") {
            for found in find(&knowledge(), &format!(" {said} ")) {
                assert!((ANSWERS..=1.0).contains(&found.score), "{found:?}");
            }
        }
    }
}
