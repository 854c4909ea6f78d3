//! Words that show that one listens and that do not ask for the floor: "haan", "achha", "I see".
//!
//! Spelled as recognisers spell them. Letters that stand twice count once, on both sides, so that "hmmm", "hmm" and
//! "accha", "achha" need no entries of their own.

/// Backchannels of English and Hindi as Indians speak them.
const PHRASES: &[&str] = &[
    "ok",
    "okay",
    "k",
    "right",
    "all right",
    "alright",
    "i see",
    "i c",
    "ic",
    "i know",
    "i understand",
    "understood",
    "got it",
    "i got it",
    "uh huh",
    "uhuh",
    "aha",
    "ah",
    "oh",
    "uh",
    "um",
    "hm",
    "mm",
    "mhm",
    "mm hm",
    "huh",
    "hah",
    "yes",
    "yeah",
    "yea",
    "ya",
    "yah",
    "yep",
    "yup",
    "sure",
    "fine",
    "thats fine",
    "thats right",
    "good",
    "great",
    "nice",
    "very good",
    "perfect",
    "correct",
    "exactly",
    "of course",
    "go on",
    "go ahead",
    "carry on",
    "thank you",
    "thank you so much",
    "thanks",
    "no problem",
    // What a recogniser of English makes of "haan" among others.
    "haan",
    "haa",
    "ha",
    "han",
    "hahn",
    "hun",
    "hon",
    "hanh",
    "hanji",
    "haji",
    "ji",
    "jee",
    "jii",
    "accha",
    "acha",
    "achcha",
    "acchaa",
    "atcha",
    "theek",
    "thik",
    "teek",
    "tik",
    "theek hai",
    "thik hai",
    "teek hai",
    "tik hai",
    "theek he",
    "thik he",
    "teek he",
    "theek hain",
    "thik hain",
    "theek hay",
    "teak hai",
    "sahi",
    "sahi hai",
    "sahi he",
    "sahee",
    "bilkul",
    "samajh gaya",
    "samajh gayi",
    "samajh gaye",
    "samjha",
    "samjhi",
    "badhiya",
    "chalo theek hai",
    "हाँ",
    "हां",
    "हा",
    "जी",
    "अच्छा",
    "ठीक",
    "ठीक है",
    "हम्म",
    "सही",
    "सही है",
    "ओके",
    "बिल्कुल",
];

/// What is said to whom one listens: it changes nothing beside a backchannel, and is none by itself.
const COMPANIONS: &[&str] = &["sir", "madam", "maam", "mam", "bhai", "bhaiya", "didi", "ji", "na", "and", "जी"];

/// The lexicon of one profile.
#[derive(Debug)]
pub(super) struct Backchannels {
    /// Each in words.
    phrases: Vec<Vec<String>>,
    companions: Vec<String>,
}

impl Backchannels {
    /// The built-in ones and `more`.
    pub fn new(more: &[String]) -> Self {
        let more = more.iter().map(String::as_str);
        let mut phrases: Vec<Vec<String>> = PHRASES.iter().copied().chain(more).map(words).collect();
        phrases.retain(|phrase| !phrase.is_empty());
        // The longest fits first.
        phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        Self { phrases, companions: COMPANIONS.iter().flat_map(|word| words(word)).collect() }
    }

    /// Whether a text is made of backchannels and nothing else; not so for one without words.
    pub fn is_only(&self, text: &str) -> bool {
        let words = words(text);
        let mut rest = words.as_slice();
        let mut found = false;
        while let Some(first) = rest.first() {
            let taken = match self.phrases.iter().find(|phrase| rest.starts_with(phrase)) {
                Some(phrase) => {
                    found = true;
                    phrase.len()
                }
                None if is_hum(first) => {
                    found = true;
                    1
                }
                None if self.companions.contains(first) || first == "a" => 1,
                None => return false,
            };
            rest = &rest[taken..];
        }
        found
    }
}

/// What "hmm" is written as by who takes it for letters: "H&M", "A. H. M.", "n-n-h-n".
fn is_hum(word: &str) -> bool {
    word.chars().all(|letter| matches!(letter, 'h' | 'm' | 'n'))
}

/// The words of a text in lower case, without marks, a letter that follows itself written once.
fn words(text: &str) -> Vec<String> {
    let separates = |letter: char| {
        letter.is_whitespace()
            || (letter.is_ascii_punctuation() && letter != '\'')
            || matches!(letter, '।' | '…' | '–' | '—')
    };
    text.split(separates).map(plain).filter(|word| !word.is_empty()).collect()
}

fn plain(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars().flat_map(char::to_lowercase).filter(|letter| !matches!(letter, '\'' | '’' | '“' | '”'))
    {
        if !plain.ends_with(letter) {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listeners_say_is_known_however_it_is_written() {
        let known = Backchannels::new(&[]);
        for text in [
            "Haan.",
            "haan ji",
            "Achha, achha.",
            "Accha!",
            "Hmm.",
            "Hmmmm",
            "Mm-hmm.",
            "Uh-huh.",
            "Theek hai, theek hai.",
            "OK",
            "Okay, okay.",
            "Ji.",
            "Ji haan.",
            "Sahi hai.",
            "Right.",
            "I see.",
            "Yes, sir.",
            "Okay, madam.",
            "Oh, I see, right.",
            "That's right.",
            "haan haan haan haan",
            "हाँ जी",
            "ठीक है।",
            "Thank you.",
            "Yeah, yeah…",
            "Ji, bilkul.",
            "Haan bhai",
            "H&M",
            "A. H. M.",
            "n-n-h-n m",
            "I C.",
        ] {
            assert!(known.is_only(text), "{text:?}");
        }
    }

    #[test]
    fn what_asks_for_the_floor_is_not_a_backchannel() {
        let known = Backchannels::new(&[]);
        for text in [
            "",
            "…",
            "Sir!",
            "Wait.",
            "No.",
            "Nahi.",
            "Haan, but listen.",
            "Okay, what is your address?",
            "Stop.",
            "Hello?",
            "Ek minute.",
            "Suniye.",
            "Achha, kitne baje?",
            "Right side or left?",
            "nine eight seven",
            "Ruko",
            "Bas",
        ] {
            assert!(!known.is_only(text), "{text:?}");
        }
    }

    #[test]
    fn a_profile_may_know_more() {
        let known = Backchannels::new(&["Seri seri".into(), "aamaa".into(), " ".into()]);
        assert!(known.is_only("Seri, seri") && known.is_only("Aama, okay.") && !known.is_only("seri"));
        assert!(!Backchannels::new(&[]).is_only("Aama."));
    }
}
