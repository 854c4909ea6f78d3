//! One or two sentences for the owner.

use jiff::Zoned;

use super::intents::Purpose;
use super::numbers;
use super::phrases::speakable;
use super::{amounts, dates, text};
use crate::domain::{CallOutcome, CallSlots, E164};

/// A person who lifts the phone waits for no story.
const MOST_REASON_WORDS: usize = 14;

/// What the summary is made of.
pub(super) struct Facts<'a> {
    pub outcome: CallOutcome,
    pub purpose: Option<Purpose>,
    pub slots: &'a CallSlots,
    pub caller: Option<&'a E164>,
    pub visit_word: &'a str,
    pub answered_at: Option<&'a Zoned>,
    /// The caller agreed to what was read back.
    pub confirmed: bool,
    /// Speech was given up; a number was typed or is the one the call came from.
    pub deaf: bool,
    pub asked_hours: bool,
    pub asked_address: bool,
    /// Questions that were answered, in the caller's words.
    pub asked_about: &'a [String],
    /// The person that the caller was handed to.
    pub talked_to: Option<&'a str>,
}

/// "Appointment request from Rahul Verma, 98765 43210: toothache, wants tomorrow evening. Called at 4:05 pm."
pub(super) fn summary(facts: &Facts<'_>) -> String {
    let mut text = match facts.outcome {
        CallOutcome::WrongNumber => format!("Wrong number{}.", from(facts)),
        CallOutcome::Nothing => format!("Call{} that left nothing.", from(facts)),
        CallOutcome::Transferred => transferred(facts),
        CallOutcome::Answered => format!("Call{}: {}.", from(facts), answered(facts)),
        CallOutcome::Message | CallOutcome::Appointment | CallOutcome::Urgent => request(facts),
    };
    if let Some(now) = facts.answered_at {
        text.push_str(&format!(" Called at {}.", clock(now)));
    }
    text
}

/// "Call from Rahul Verma, 98765 43210: toothache. Talked to Dr Sharma."
fn transferred(facts: &Facts<'_>) -> String {
    let mut text = format!("Call{}", from(facts));
    if let Some(reason) = &facts.slots.reason {
        text.push_str(&format!(": {}", reason.trim_end_matches('.')));
    }
    format!("{text}. Talked to {}.", facts.talked_to.unwrap_or("a person"))
}

/// What the person who is called hears first: "Call from Rahul Verma, about toothache." One sentence, fit for the voice.
pub(super) fn for_person(slots: &CallSlots, caller: Option<&E164>, business: &str, urgent: bool) -> String {
    let kind = if urgent { "Urgent call" } else { "Call" };
    let who = match (&slots.name, slots.number.as_ref().or(caller)) {
        (Some(name), _) => format!("from {}", speakable(name)),
        (None, Some(number)) => format!("from {}", numbers::spoken(number)),
        (None, None) => format!("for {}, from a caller who gave no name", speakable(business)),
    };
    let about = slots.reason.as_ref().map(|reason| {
        let words: Vec<&str> = reason.split_whitespace().take(MOST_REASON_WORDS).collect();
        format!(", about {}", speakable(&words.join(" ")))
    });
    format!("{kind} {who}{}.", about.unwrap_or_default())
}

fn request(facts: &Facts<'_>) -> String {
    let kind = match facts.purpose {
        Some(Purpose::Appointment) => format!("{} request", capitalised(facts.visit_word)),
        Some(Purpose::Urgent) => "Urgent message".to_owned(),
        Some(Purpose::Message) | None => "Message".to_owned(),
    };
    let time = facts.slots.preferred_time.as_ref().map(|time| {
        // "Tomorrow" is another day when the owner reads it.
        let date = facts.answered_at.and_then(|now| dates::resolve(time, now).date);
        let date = date.map_or_else(String::new, |date| format!(" ({})", dates::short(date)));
        match facts.purpose {
            Some(Purpose::Appointment) => format!("wants {time}{date}"),
            _ => format!("call back {time}{date}"),
        }
    });
    let details: Vec<String> =
        facts.slots.reason.as_deref().map(with_amount).into_iter().chain(time).chain(addresses(facts.slots)).collect();
    let mut text = kind + &from(facts);
    if !details.is_empty() {
        text.push_str(": ");
        text.push_str(details.join(", ").trim_end_matches('.'));
    }
    text.push('.');
    if facts.deaf {
        text.push_str(" Speech could not be understood, please call back.");
    } else if !facts.confirmed {
        text.push_str(" Not confirmed by the caller.");
    }
    text
}

/// An amount in words is told in figures too: "pay dedh lakh rupees (₹1,50,000)".
fn with_amount(reason: &str) -> String {
    match amounts::heard(reason).filter(|_| says_money(reason)) {
        Some(rupees) if !reason.bytes().any(|byte| byte.is_ascii_digit()) => {
            format!("{} (₹{})", reason.trim_end_matches('.'), amounts::in_figures(rupees))
        }
        _ => reason.to_owned(),
    }
}

/// "Two hundred people" are no rupees.
fn says_money(reason: &str) -> bool {
    const MONEY: [&str; 10] = ["rupees", "rupee", "rs", "rupaye", "rupay", "lakh", "lakhs", "lac", "crore", "crores"];
    text::says_any(&text::plain(&text::words(reason)), &MONEY)
}

/// What the caller was asked for because the profile says so.
fn addresses(slots: &CallSlots) -> impl Iterator<Item = String> + '_ {
    let email = slots.email.iter().map(|email| format!("email {email}"));
    email.chain(slots.pin_code.iter().map(|pin| format!("PIN code {pin}")))
}

/// " from Rahul Verma, 98765 43210".
fn from(facts: &Facts<'_>) -> String {
    let number = match (&facts.slots.number, facts.caller) {
        (Some(number), _) => Some(numbers::written(number)),
        (None, Some(caller)) => Some(format!("{} (calling number)", numbers::written(caller))),
        (None, None) => None,
    };
    match (&facts.slots.name, number) {
        (Some(name), Some(number)) => format!(" from {name}, {number}"),
        (Some(name), None) => format!(" from {name}, who gave no number"),
        (None, Some(number)) => format!(" from {number}"),
        (None, None) => " from a hidden number".to_owned(),
    }
}

fn answered(facts: &Facts<'_>) -> String {
    const MOST_QUESTIONS: usize = 3;
    let topics = [(facts.asked_hours, "the timings"), (facts.asked_address, "the address")];
    let topics: Vec<&str> = topics.into_iter().filter_map(|(asked, topic)| asked.then_some(topic)).collect();
    let questions = facts.asked_about.iter().take(MOST_QUESTIONS).map(|question| format!("\"{question}\""));
    let asked = (!topics.is_empty()).then(|| format!("for {}", topics.join(" and "))).into_iter().chain(questions);
    format!("asked {}, and was told", asked.collect::<Vec<_>>().join(", "))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// "4:05 pm".
fn clock(now: &Zoned) -> String {
    let hour = match now.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if now.hour() < 12 { "am" } else { "pm" };
    format!("{hour}:{:02} {half}", now.minute())
}
