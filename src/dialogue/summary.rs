//! One or two sentences for the owner.

use jiff::Zoned;

use super::intents::Purpose;
use super::numbers;
use crate::domain::{CallOutcome, CallSlots, E164};

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
}

/// "Appointment request from Rahul Verma, 98765 43210: toothache, wants tomorrow evening. Called at 4:05 pm."
pub(super) fn summary(facts: &Facts<'_>) -> String {
    let mut text = match facts.outcome {
        CallOutcome::WrongNumber => format!("Wrong number{}.", from(facts)),
        CallOutcome::Nothing => format!("Call{} that left nothing.", from(facts)),
        CallOutcome::Answered => format!("Call{}: {}.", from(facts), answered(facts)),
        CallOutcome::Message | CallOutcome::Appointment | CallOutcome::Urgent => request(facts),
    };
    if let Some(now) = facts.answered_at {
        text.push_str(&format!(" Called at {}.", clock(now)));
    }
    text
}

fn request(facts: &Facts<'_>) -> String {
    let kind = match facts.purpose {
        Some(Purpose::Appointment) => format!("{} request", capitalised(facts.visit_word)),
        Some(Purpose::Urgent) => "Urgent message".to_owned(),
        Some(Purpose::Message) | None => "Message".to_owned(),
    };
    let time = facts.slots.preferred_time.as_ref().map(|time| match facts.purpose {
        Some(Purpose::Appointment) => format!("wants {time}"),
        _ => format!("call back {time}"),
    });
    let details: Vec<String> = facts.slots.reason.clone().into_iter().chain(time).collect();
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

fn answered(facts: &Facts<'_>) -> &'static str {
    match (facts.asked_hours, facts.asked_address) {
        (true, true) => "asked for the timings and the address, and was told",
        (true, false) => "asked for the timings, and was told",
        (false, _) => "asked for the address, and was told",
    }
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
