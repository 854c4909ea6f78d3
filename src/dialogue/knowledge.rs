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
/// What a question is worth whose words stand in several wordings of one fact.
const TOGETHER: f32 = 0.7;
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
        let score = index.score(&query, document).max(index.told_together(&query, *topic, document, plain));
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

    /// A short question of which every word stands somewhere in the topic's wordings: "do you take cards?", "how much for
    /// scaling and polishing?". A service must also be named whole, since half a name is no service.
    fn told_together(&self, query: &[String], topic: Topic, document: &[String], plain: &str) -> f32 {
        let of_topic = |word: &String| {
            let mut wordings = self.documents.iter().filter(|(other, _)| *other == topic);
            wordings.any(|(_, words)| words.iter().any(|other| same(word, other)))
        };
        let named = !document.is_empty() && document.iter().all(|word| query.iter().any(|other| same(word, other)));
        let priced = matches!(asked(plain), Some(Asked::Price | Asked::Duration));
        let asks = named || matches!(topic, Topic::Faq(_)) && !priced;
        if asks && !query.is_empty() && query.iter().all(of_topic) { TOGETHER } else { 0.0 }
    }

    /// How much of the document the question says, times how much of the question the document explains: one strange
    /// word beside the only known one is too many, one beside two is how people talk.
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
        of_document * (0.15 + 0.85 * of_query)
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
        let term = meaning(stem(word));
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

/// One word for those that ask for the same thing.
fn meaning(stem: String) -> String {
    const ALIKE_WORDS: [(&str, &[&str]); 7] = [
        ("child", &["children", "kid", "son", "daughter", "baby", "toddler", "infant", "bachcha", "bachche"]),
        ("extract", &["extraction", "remov", "remove", "removal", "pull"]),
        ("appointment", &["book", "reservation", "reserve"]),
        ("pay", &["payment"]),
        ("tooth", &["teeth"]),
        ("car", &["bike", "scooter", "vehicle", "gaadi"]),
        ("repair", &["fix", "mend"]),
    ];
    let alike = ALIKE_WORDS.iter().find(|(_, words)| words.contains(&stem.as_str()));
    alike.map_or(stem, |(word, _)| (*word).to_owned())
}

/// Words that every question has, and the names of what is asked about a service.
fn is_common(word: &str) -> bool {
    const COMMON: &str = " a an the i you your yours we us our me my he she it its they is are was be been am do does did can could will would \
        shall should may might have has had to for of in on at by with from and or but if as so that this these those there here what whats \
        which when where who whom how why much many long any some one please tell know want wanted need like ask asking let get got give \
        make take takes taken come done also only really very about regarding your u hi hello okay ok sir madam maam yes no not dont im \
        ill id ive guys people clinic shop salon store place centre center business doctor dentist service services treatment treatments \
        procedure price prices cost costs charge charges fee fees rate rates rupees kitna kitne hai ka ki ke kya time minutes hours \
        offer provide available possible usually normally currently just charged costing total money amount around approximately near nearby small little out mother \
        father wife husband mom dad lagega lagta ";
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

    /// What a patient may ask that the demo clinic's knowledge says nothing of.
    const UNKNOWN: &[&str] = &[
        "How much is a dental implant?",
        "Do you do braces?",
        "What do veneers cost?",
        "Do you accept insurance?",
        "Is there a lift in the building?",
        "Do you have a wheelchair ramp?",
        "Is the doctor married?",
        "How many doctors do you have?",
        "Which college did the doctor study at?",
        "Do you speak Tamil?",
        "Can I get a discount?",
        "Do you give a receipt for tax?",
        "Do you do home visits?",
        "How much is an X-ray?",
        "Do you sell toothpaste?",
        "Do you have a pharmacy?",
        "What is the capital of France?",
        "Who won the match yesterday?",
        "Can you recommend a restaurant?",
        "Is my report ready?",
        "Has the doctor seen my scan?",
        "How long have you been in business?",
        "Do you treat dogs?",
        "Do you have a branch in Mysore?",
        "What is the doctor's email?",
        "Do you do laser surgery?",
        "How much for dentures?",
        "Can I bring my own nurse?",
        "Is the water filtered?",
        "Do you use anaesthesia?",
        "How much does a haircut cost?",
        "Do you take pregnant women?",
        "Is there a waiting room for drivers?",
        "Can I pay next month?",
        "Do you have wifi?",
    ];

    #[test]
    fn nothing_is_invented() {
        let known = crate::dialogue::demo_profile().knowledge;
        let told = |said: &&&str| !find(&known, &text::plain(&text::words(said))).is_empty();
        let invented: Vec<_> = UNKNOWN.iter().filter(told).collect();
        assert!(UNKNOWN.len() >= 30 && invented.is_empty(), "answered: {invented:?}");
    }

    #[test]
    fn what_is_known_is_told_however_it_is_asked() {
        use Topic::{Faq, Service};
        let asked: &[(&str, Topic)] = &[
            ("How much do you charge for a consultation?", Service(0)),
            ("What are the consultation charges?", Service(0)),
            ("What is the fee for a checkup?", Service(0)),
            ("kitna lagega check up ka", Service(0)),
            ("What's the price of teeth cleaning?", Service(1)),
            ("How much for scaling?", Service(1)),
            ("how much is it to get my teeth cleaned", Service(1)),
            ("Cleaning ka kitna charge hai?", Service(1)),
            ("What does a filling cost?", Service(2)),
            ("How much is it to fill a cavity?", Service(2)),
            ("price of cavity filling please", Service(2)),
            ("How much is a root canal?", Service(3)),
            ("What does RCT cost?", Service(3)),
            ("root canal treatment rate", Service(3)),
            ("How long does a root canal take?", Service(3)),
            ("How much does a dental crown cost?", Service(4)),
            ("what's the cost of a tooth cap", Service(4)),
            ("How much to pull out a tooth?", Service(5)),
            ("what do you charge for removing a wisdom tooth", Service(5)),
            ("tooth extraction price", Service(5)),
            ("How much is teeth whitening?", Service(6)),
            ("What's the rate for bleaching?", Service(6)),
            ("Do you do teeth whitening?", Service(6)),
            ("Can I pay by credit card?", Faq(0)),
            ("Do you take cards?", Faq(0)),
            ("do you accept google pay", Faq(0)),
            ("Is UPI ok?", Faq(0)),
            ("Can I pay with PhonePe?", Faq(0)),
            ("Is there any parking near the clinic?", Faq(1)),
            ("Where do I park?", Faq(1)),
            ("is there space to park a car", Faq(1)),
            ("Do you see children?", Faq(2)),
            ("Do you treat small kids?", Faq(2)),
            ("Is there a dentist for my son?", Faq(2)),
            ("Can I just walk in?", Faq(3)),
            ("Do I need an appointment?", Faq(3)),
            ("Can I come without booking?", Faq(3)),
        ];
        let known = crate::dialogue::demo_profile().knowledge;
        let best = |said: &str| find(&known, &text::plain(&text::words(said))).first().map(|found| found.topic);
        let wrong: Vec<_> =
            asked.iter().filter(|(said, topic)| best(said).is_some_and(|best| best != *topic)).collect();
        assert!(wrong.is_empty(), "answered wrongly: {wrong:?}");
        let missed: Vec<_> = asked.iter().filter(|(said, _)| best(said).is_none()).collect();
        assert!(asked.len() >= 30 && missed.len() * 10 <= asked.len(), "not answered: {missed:?}");
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
