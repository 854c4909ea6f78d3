//! Every text that is spoken. Another language is another table.
//!
//! A fixed phrase depends on the profile only, so that it can be synthesised ahead; the texts around what a caller said
//! are functions. `{business}`, `{visit}`, `{a_visit}` stand for the profile's words.

use super::amounts;
use super::emails;
use super::hours;
use super::numbers;
use super::pin_codes;
use super::turn::Segment;
use crate::domain::{AgentProfile, Ask, E164, EmailAddress, Holiday, Knowledge, PinCode, Price, PriceRange, Service};

macro_rules! phrases {
    ($($name:ident => $text:literal,)*) => {
        /// A fixed phrase.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Phrase {
            $($name,)*
            /// The hours of a weekday (Monday 0) that is today, tomorrow, or named.
            HoursToday(u8),
            HoursTomorrow(u8),
            HoursOn(u8),
            HoursWeek,
            Address,
            /// Before the target with this index is called: the first, and one after another that was not to be had.
            Connecting(u8),
            TryNext(u8),
            /// What the knowledge says of the service with this index: its price, how long it takes, that it is done.
            Price(u16),
            Duration(u16),
            Offer(u16),
            /// The answer of the common question with this index.
            Faq(u16),
            /// The holiday with this index, which is today, tomorrow, or named.
            HolidayToday(u16),
            HolidayTomorrow(u16),
            HolidayOn(u16),
        }

        /// All phrases that have their text in the table.
        const TABLE: &[(Phrase, &str)] = &[$((Phrase::$name, $text),)*];
    };
}

phrases! {
    // Opening. The three together take about six seconds.
    Greeting => "Hello, {business}.",
    NoticeRecorded => "I'm an AI assistant, and this call may be recorded.",
    NoticeAi => "I'm an AI assistant.",
    HowCanIHelp => "How can I help you?",
    AnythingElse => "Is there anything else I can help you with?",
    PleaseTellMe => "Please tell me.",
    Hello => "Hello.",
    Menu => "You can ask for {a_visit}, leave a message, or ask for our timings or address.",
    MenuShort => "You can ask for {a_visit}, or leave a message.",

    // Acknowledgements, so that sound starts at once.
    ThankYou => "Thank you.",
    AllRight => "All right.",
    Sure => "Sure.",
    Sorry => "Sorry.",
    NoProblem => "No problem.",
    NotCaught => "Sorry, I did not catch that.",
    AreYouThere => "Are you there?",
    TakeYourTime => "Sure, take your time.",
    GoOn => "Yes, go on.",
    SoFar => "So far I have",
    TheRest => "Please say the rest.",

    // What the call becomes.
    TakeAppointment => "Sure, I'll note your {visit} request.",
    TakeMessage => "Sure, I'll take a message.",
    TakeQuestion => "I don't have that information, but I'll pass on your question, and they will call you back.",
    TakeChange => "Sure, I'll pass that on, and they will call you back.",
    NoTransfer => "I cannot connect you to a person right now, but I'll pass on an urgent message.",
    StillNoTransfer => "I'm sorry, I cannot connect you right now.",
    NobodyFree => "I'll pass on an urgent message instead.",
    TransferNoAnswer => "I'm sorry, there was no answer.",
    TransferBusy => "I'm sorry, the line is busy.",
    TransferRefused => "I'm sorry, they cannot come to the phone right now.",
    TransferFailed => "I'm sorry, I could not connect the call.",
    AcceptCall => "Press one to take the call, or two to decline.",
    TakeUrgent => "All right, I'll mark it as urgent.",
    EmergencyAdvice => "If this is an emergency, please hang up and call one one two now.",
    EmergencyMessage => "I can also pass on an urgent message.",

    // Questions.
    AskName => "May I have your name, please?",
    AskNameShort => "Your name, please?",
    AskNameAgain => "Sorry, I did not get your name. Please say just your name.",
    AskNameSpell => "Sorry, could you please spell your name, letter by letter?",
    AskNumber => "What is your mobile number?",
    AskNumberShort => "Your mobile number, please?",
    AskNumberAgain => "Sorry, I did not get the number. Please say it slowly, digit by digit.",
    AskNumberLast => "Sorry, I need all ten digits. Please say your mobile number once more.",
    OrThisNumber => "Or just say, this number.",
    NotSeen => "Sorry, I cannot see your number.",
    AskNumberKeypad => "Please type your mobile number on the keypad, then press hash.",
    KeypadAgain => "That was not a full mobile number. Please type all ten digits, then press hash.",
    KeypadShort => "Please type your number, then press hash.",
    KeypadOrOne => "Or press one, to be called back on this number.",
    AskVisitReason => "What is the {visit} for?",
    AskMessage => "What is the message?",
    AskMatter => "What is it about?",
    AskReasonAgain => "Sorry, I did not catch that. In a few words, what is it about?",
    AskReasonLast => "Sorry, once more please. What is it about?",
    AskTime => "When would you like to come?",
    AskTimeShort => "Which day and time, please?",
    AskTimeAgain => "Sorry, I did not get the time. Which day would suit you?",
    AskTimeLast => "Please say a day and a time, for example, tomorrow evening.",

    AskEmail => "What is your email address?",
    AskEmailShort => "Your email address, please?",
    AskEmailAgain => "Sorry, I did not get that. Please say it slowly, for example, name at gmail dot com.",
    AskEmailSpell => "Please spell the part before the at, letter by letter.",
    AskEmailDomain => "And what comes after the at? For example, gmail dot com.",
    AskPin => "What is your PIN code?",
    AskPinShort => "Your PIN code, please?",
    AskPinAgain => "Sorry, I did not get that. Please say the six digits of your PIN code.",
    AskPinLast => "Please say your PIN code digit by digit, or type it on the keypad.",

    AskOtherDay => "Which other day would suit you?",
    AskOtherTime => "Which other time would suit you?",
    AskWhichDate => "Which date would that be?",

    // Reading back.
    LetMeReadBack => "Let me read that back.",
    HaveMessage => "I also have your message.",
    IsThatCorrect => "Is that correct?",
    YesOrNo => "Is it correct? Please say yes or no.",
    OneOrTwo => "If it is correct, press one. If not, press two.",
    WhatToChange => "What should I change? The name, the number, or something else?",
    WhatToChangeAgain => "You can say, for example, the number ends in four.",
    Corrected => "Thank you, I have changed it.",

    // Answers.
    OpenNow => "Yes, we are open now.",
    ClosedNow => "We are closed now.",
    HoursUnknown => "Sorry, I do not have our timings here, but I can take a message for that.",
    AddressUnknown => "Sorry, I do not have our address here, but I can take a message for that.",
    WhoIAm => "I am an AI assistant for {business}, not a person.",
    EnglishOnly => "I'm sorry, I can speak only English for now.",
    NotRecorded => "All right, this call is not recorded any more.",
    NeverRecorded => "This call is not recorded.",

    // Trouble.
    CannotHear => "I'm sorry, I cannot hear you properly.",
    UseCallerNumber => "I'll note the number you are calling from.",

    // Closing.
    CloseAppointment => "I have passed your request to {business}. They will call you back to confirm. Goodbye.",
    CloseMessage => "I have passed your message to {business}. They will call you back. Goodbye.",
    CloseUrgent => "I have passed it on as urgent. They will call you back as soon as they can. Goodbye.",
    CloseNoNumber => "I'll pass on what you have told me. Goodbye.",
    CloseKeypad => "We will call you back. Goodbye.",
    CloseThanks => "Thank you for calling {business}. Goodbye.",
    CloseWrong => "No problem, goodbye.",
    CloseUnheard => "I cannot hear you, so I will end the call now.",
    CloseTaken => "I'll pass on what I have noted. Goodbye.",
    CloseCallAgain => "Please call again. Goodbye.",
    CloseLong => "I have to end the call here.",

    // In place of words that cannot be spoken in time.
    NotedName => "I have noted your name.",
    NotedNumber => "I have noted your number.",
    NotedTime => "I have noted the time.",
    NotedReason => "I have noted what it is about.",
    NotedEmail => "I have noted your email address.",
    NotedPin => "I have noted your PIN code.",
    PartOfNumber => "a part of your number.",

    // When the conversation itself fails.
    Breakdown => "I'm sorry, there is a problem on our side. Please call again. Goodbye.",

    // For the agent, when an answer is late.
    OneMoment => "One moment, please.",
    JustAMoment => "Just a moment, please.",
    StillHere => "I am still here. One more moment, please.",
}

/// What the agent plays when an answer is late, in order of use.
pub(super) const FILLERS: [Phrase; 3] = [Phrase::OneMoment, Phrase::JustAMoment, Phrase::StillHere];

/// The texts of one profile.
#[derive(Debug, Clone)]
pub(super) struct Phrases {
    profile: AgentProfile,
}

impl Phrases {
    pub(super) fn new(profile: AgentProfile) -> Self {
        Self { profile }
    }

    pub(super) fn profile(&self) -> &AgentProfile {
        &self.profile
    }

    /// From now on the call is not recorded.
    pub(super) fn stop_recording(&mut self) {
        self.profile.record_calls = false;
    }

    /// The AI notice, which speaks of recording only when calls are recorded.
    pub(super) fn notice(&self) -> Phrase {
        if self.profile.record_calls { Phrase::NoticeRecorded } else { Phrase::NoticeAi }
    }

    /// Every fixed text, each once.
    pub(super) fn all(&self) -> Vec<String> {
        let days = (0..7).flat_map(|day| [Phrase::HoursToday(day), Phrase::HoursTomorrow(day), Phrase::HoursOn(day)]);
        let asked = |phrase: &Phrase| self.asks(*phrase);
        let table = TABLE.iter().map(|(phrase, _)| *phrase).filter(asked);
        let mut texts: Vec<String> = Vec::new();
        let targets = (0..).zip(&self.profile.transfers.targets);
        let targets = targets.flat_map(|(index, _)| [Phrase::Connecting(index), Phrase::TryNext(index)]);
        let known = self.known_phrases();
        for phrase in table.chain(days).chain([Phrase::HoursWeek, Phrase::Address]).chain(targets).chain(known) {
            let text = self.text(phrase);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }

    /// The read-back of every service as the reason of a visit, and of the usual times.
    pub(super) fn likely(&self) -> Vec<String> {
        const TIMES: [&str; 14] = [
            "today",
            "tomorrow",
            "today evening",
            "tomorrow morning",
            "tomorrow afternoon",
            "tomorrow evening",
            "day after tomorrow",
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
            "Sunday",
        ];
        let services = &self.profile.knowledge.services;
        let names = services.iter().flat_map(|service| std::iter::once(&service.name).chain(&service.also));
        // A caller's article is not part of the reason that is taken down.
        let bare = |name: &String| {
            let name = name.trim();
            name.strip_prefix("a ").or_else(|| name.strip_prefix("an ")).unwrap_or(name).to_owned()
        };
        let reasons = names.map(|name| self.your_visit_reason(&bare(name)));
        let mut lines: Vec<String> = TIMES.iter().map(|time| self.your_time(time)).chain(reasons).collect();
        lines.sort();
        lines.dedup();
        lines
    }

    /// Whether a call of this profile can come to this phrase of the table.
    fn asks(&self, phrase: Phrase) -> bool {
        let ask = &self.profile.ask;
        match phrase {
            Phrase::AskEmail
            | Phrase::AskEmailShort
            | Phrase::AskEmailAgain
            | Phrase::AskEmailSpell
            | Phrase::AskEmailDomain
            | Phrase::NotedEmail => ask.contains(&Ask::Email),
            Phrase::AskPin | Phrase::AskPinShort | Phrase::AskPinAgain | Phrase::AskPinLast | Phrase::NotedPin => {
                ask.contains(&Ask::PinCode)
            }
            _ => true,
        }
    }

    /// Everything that the knowledge can be asked for.
    fn known_phrases(&self) -> impl Iterator<Item = Phrase> {
        let Knowledge { services, faqs, holidays } = &self.profile.knowledge;
        let places = |count: usize| 0..u16::try_from(count).unwrap_or(u16::MAX);
        let services =
            places(services.len()).flat_map(|at| [Phrase::Price(at), Phrase::Duration(at), Phrase::Offer(at)]);
        let holidays = places(holidays.len())
            .flat_map(|at| [Phrase::HolidayToday(at), Phrase::HolidayTomorrow(at), Phrase::HolidayOn(at)]);
        services.chain(places(faqs.len()).map(Phrase::Faq)).chain(holidays)
    }

    pub(super) fn segment(&self, phrase: Phrase) -> Segment {
        Segment { text: self.text(phrase), fixed: true, template: None }
    }

    pub(super) fn text(&self, phrase: Phrase) -> String {
        match phrase {
            Phrase::Greeting => match &self.profile.greeting {
                Some(greeting) if !greeting.trim().is_empty() => sentence(speakable(greeting)),
                _ => self.fill("Hello, {business}."),
            },
            Phrase::HoursToday(day) => self.day("Today", day),
            Phrase::HoursTomorrow(day) => self.day("Tomorrow", day),
            Phrase::HoursOn(day) => self.day(&format!("On {}", hours::day_name(day)), day),
            Phrase::HoursWeek => self.week(),
            Phrase::Address => self.address(),
            Phrase::Connecting(target) => format!("Let me connect you to {}. Please hold.", self.target(target)),
            Phrase::TryNext(target) => format!("Let me try {}. Please hold.", self.target(target)),
            Phrase::Price(at) => self.service(at, price),
            Phrase::Duration(at) => self.service(at, duration),
            Phrase::Offer(at) => self.service(at, |service| Some(offer(service))),
            Phrase::Faq(at) => {
                let faq = self.profile.knowledge.faqs.get(usize::from(at));
                faq.map_or_else(String::new, |faq| sentence(speakable(&faq.answer)))
            }
            Phrase::HolidayToday(at) => self.holiday(at, |_| "Today".to_owned()),
            Phrase::HolidayTomorrow(at) => self.holiday(at, |_| "Tomorrow".to_owned()),
            Phrase::HolidayOn(at) => self.holiday(at, |holiday| format!("On {}", hours::spoken_date(holiday.date))),
            phrase => {
                let row = TABLE.iter().find(|(row, _)| *row == phrase);
                self.fill(row.expect("every phrase without an arm above stands in the table").1)
            }
        }
    }

    fn fill(&self, template: &str) -> String {
        let visit = self.profile.visit_word.as_str();
        let article = if visit.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        template
            .replace("{business}", &self.profile.business_name)
            .replace("{a_visit}", &format!("{article} {visit}"))
            .replace("{visit}", visit)
    }

    fn target(&self, index: u8) -> String {
        let target = self.profile.transfers.targets.get(usize::from(index));
        target.map_or_else(String::new, |target| speakable(&target.name))
    }

    /// What there is to say of a service; empty when there is nothing.
    fn service(&self, at: u16, tell: impl Fn(&Service) -> Option<String>) -> String {
        self.profile.knowledge.services.get(usize::from(at)).and_then(tell).unwrap_or_default()
    }

    fn holiday(&self, at: u16, day_words: impl Fn(&Holiday) -> String) -> String {
        let Some(holiday) = self.profile.knowledge.holidays.get(usize::from(at)) else { return String::new() };
        let reason = holiday.name.as_ref().map_or_else(String::new, |name| format!(" for {}", speakable(name)));
        match hours::spoken_hours(&holiday.hours) {
            Some(text) => sentence(format!("{} we are open {text}", day_words(holiday))),
            None => format!("{} we are closed{reason}.", day_words(holiday)),
        }
    }

    fn day(&self, day_words: &str, day: u8) -> String {
        match hours::spoken_day(&self.profile.hours, day) {
            Some(text) => sentence(format!("{day_words} we are open {text}")),
            None => format!("{day_words} we are closed."),
        }
    }

    fn week(&self) -> String {
        let (open, closed) = hours::spoken_week(&self.profile.hours);
        let mut text = sentence(format!("We are open {}", open.join(", and ")));
        if !closed.is_empty() {
            text.push_str(&format!(" On {} we are closed.", join_days(&closed)));
        }
        text
    }

    fn address(&self) -> String {
        let place = speakable(&self.profile.address);
        match &self.profile.landmark {
            Some(landmark) if !landmark.trim().is_empty() => format!("We are at {place}, {}.", speakable(landmark)),
            _ => format!("We are at {place}."),
        }
    }

    pub(super) fn your_name(&self, name: &str) -> String {
        sentence(format!("Your name is {}", speakable(name)))
    }

    pub(super) fn your_number(&self, number: &E164) -> String {
        format!("Your number is {}.", numbers::spoken(number))
    }

    pub(super) fn your_email(&self, email: &EmailAddress, name: Option<&str>) -> String {
        format!("Your email address is {}.", emails::spoken(email, name))
    }

    pub(super) fn your_pin(&self, pin: &PinCode) -> String {
        format!("Your PIN code is {}.", pin_codes::spoken(pin))
    }

    pub(super) fn digits_so_far(&self, digits: &str) -> String {
        format!("{}.", numbers::spoken_digits(digits))
    }

    pub(super) fn your_visit_reason(&self, reason: &str) -> String {
        sentence(format!("The {} is for {}", self.profile.visit_word, speakable(reason)))
    }

    pub(super) fn your_message(&self, reason: &str) -> String {
        sentence(format!("Your message is, {}", speakable(reason)))
    }

    pub(super) fn your_matter(&self, reason: &str) -> String {
        sentence(format!("It is about, {}", speakable(reason)))
    }

    pub(super) fn your_time(&self, time: &str) -> String {
        sentence(format!("You asked for {}", speakable(time)))
    }
}

/// "Teeth cleaning costs eight hundred rupees."
fn price(service: &Service) -> Option<String> {
    let name = capitalised(&speakable(&service.name));
    Some(match service.price? {
        Price::Fixed(rupees) => format!("{name} costs {}.", amounts::rupees(rupees.into())),
        Price::Range(PriceRange { from, to: None }) => format!("{name} costs from {}.", amounts::rupees(from.into())),
        Price::Range(PriceRange { from, to: Some(to) }) => {
            let from = amounts::in_words(from.into());
            format!("{name} costs {from} to {}, depending on the work.", amounts::rupees(to.into()))
        }
    })
}

/// "A root canal takes about one hour."
fn duration(service: &Service) -> Option<String> {
    let minutes = u64::from(service.minutes?);
    let (hours, rest) = (minutes / 60, minutes % 60);
    let count = |value: u64, unit: &str| match value {
        0 => None,
        1 => Some(format!("one {unit}")),
        _ => Some(format!("{} {unit}s", amounts::in_words(value))),
    };
    let parts: Vec<String> = [count(hours, "hour"), count(rest, "minute")].into_iter().flatten().collect();
    (!parts.is_empty())
        .then(|| format!("{} takes about {}.", capitalised(&speakable(&service.name)), parts.join(" and ")))
}

fn offer(service: &Service) -> String {
    format!("Yes, we do {}.", speakable(&service.name))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The text with one full stop at its end.
fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}

fn join_days(days: &[&str]) -> String {
    match days {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A text of the owner or the caller made fit for the voice: rupees in words as in India, "&" as "and", no closing full stop.
pub(super) fn speakable(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', ',', ' ']);
    let mut words: Vec<String> = Vec::new();
    let mut rupees = false;
    for word in text.split_whitespace() {
        let amount = word.strip_prefix('₹').or_else(|| word.strip_prefix("Rs.")).or_else(|| word.strip_prefix("Rs"));
        match amount {
            Some("") => rupees = true,
            Some(amount) if amount.starts_with(|c: char| c.is_ascii_digit()) => words.push(amount_in_words(amount)),
            _ if rupees => {
                words.push(amount_in_words(word));
                rupees = false;
            }
            _ if word == "&" => words.push("and".into()),
            _ => words.push(word.into()),
        }
    }
    words.join(" ")
}

/// "1,20,000." as "one lakh twenty thousand rupees."
fn amount_in_words(amount: &str) -> String {
    let number = amount.trim_end_matches(['.', ',', ';', '?', '!', '-', '/']);
    let digits: String = number.chars().filter(|letter| *letter != ',').collect();
    match digits.parse::<u32>() {
        Ok(value) => {
            format!("{}{}", amounts::rupees(value.into()), amount[number.len()..].trim_start_matches(['-', '/']))
        }
        Err(_) => format!("{amount} rupees"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::demo_profile;

    #[test]
    fn the_profile_fills_the_texts() {
        let phrases = Phrases::new(demo_profile());
        assert_eq!(phrases.text(Phrase::HoursToday(0)), "Today we are open from ten a.m. to seven p.m.");
        assert_eq!(phrases.text(Phrase::HoursOn(6)), "On Sunday we are closed.");
        assert_eq!(
            phrases.text(Phrase::HoursWeek),
            "We are open Monday to Saturday, from ten a.m. to seven p.m. On Sunday we are closed."
        );
        assert_eq!(phrases.text(Phrase::Address), "We are at 12, M G Road, Bengaluru, opposite the metro station.");
        assert_eq!(phrases.text(Phrase::MenuShort), "You can ask for an appointment, or leave a message.");
        assert_eq!(phrases.text(phrases.notice()), "I'm an AI assistant, and this call may be recorded.");
        assert!(phrases.all().iter().all(|text| !text.contains(['{', '}']) && !text.contains("..")));
    }

    #[test]
    fn the_knowledge_is_told_in_sentences() {
        let mut profile = demo_profile();
        let day = |month, day| jiff::civil::date(2026, month, day);
        let open = crate::domain::DayHours { opens_min: 600, closes_min: 780 };
        profile.knowledge.holidays = vec![
            Holiday { date: day(11, 8), name: Some("Diwali".into()), hours: Vec::new() },
            Holiday { date: day(12, 31), name: None, hours: vec![open] },
        ];
        let phrases = Phrases::new(profile);
        for (phrase, text) in [
            (Phrase::Price(0), "A consultation costs three hundred rupees."),
            (
                Phrase::Price(3),
                "A root canal costs three thousand five hundred to six thousand rupees, depending on the work.",
            ),
            (Phrase::Price(4), "A crown costs from four thousand rupees."),
            (Phrase::Duration(3), "A root canal takes about one hour."),
            (Phrase::Duration(4), "A crown takes about forty five minutes."),
            (Phrase::Offer(1), "Yes, we do teeth cleaning."),
            (Phrase::Faq(0), "Yes, you can pay in cash, by card, or by UPI."),
            (Phrase::HolidayToday(0), "Today we are closed for Diwali."),
            (Phrase::HolidayOn(0), "On Sunday, the eighth of November, we are closed for Diwali."),
            (Phrase::HolidayTomorrow(1), "Tomorrow we are open from ten a.m. to one p.m."),
            (Phrase::Price(99), ""),
        ] {
            assert_eq!(phrases.text(phrase), text);
            assert!(text.is_empty() || phrases.all().contains(&text.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_custom_greeting_replaces_the_first_sentence_only() {
        let profile =
            AgentProfile { greeting: Some("Namaskara, Sharma Dental.".into()), record_calls: false, ..demo_profile() };
        let phrases = Phrases::new(profile);
        assert_eq!(phrases.text(Phrase::Greeting), "Namaskara, Sharma Dental.");
        assert_eq!(phrases.notice(), Phrase::NoticeAi);
    }

    #[test]
    fn money_is_spoken() {
        assert_eq!(
            speakable("refund of ₹1,20,500 & Rs. 20 please."),
            "refund of one lakh twenty thousand five hundred rupees and twenty rupees please"
        );
        assert_eq!(speakable("Rs 1, or Rs. 50/- only"), "one rupee, or fifty rupees only");
    }
}
