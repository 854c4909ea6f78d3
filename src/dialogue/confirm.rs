//! The read-back: agreement, and corrections that change just what the caller objects to.

use jiff::Zoned;

use super::emails::{self, EmailHeard};
use super::intents::{self, Intent, Purpose};
use super::numbers::{self, NumberHeard};
use super::phrases::Phrase;
use super::pin_codes::{self, PinHeard};
use super::receptionist::{Receptionist, State};
use super::reply::Reply;
use super::turn::SlotName;
use super::yes_no::yes_no;
use super::{names, slots, text, times};
use crate::domain::Ask;

/// Corrections after which the call is closed with what is there.
const MOST_ROUNDS: u8 = 5;

impl Receptionist {
    /// The answer to "is that correct?".
    pub(super) fn read_back_said(&mut self, said: &str, intent: Intent, now: &Zoned) -> Reply {
        let plain = text::plain(&text::words(said));
        let agrees = yes_no(said);
        let objects =
            text::says_any(&plain, &["but", "change", "instead", "except", "actually", "however", "only the"]);
        let agreed = agrees == Some(true) && !objects;
        let correction = if agreed && is_bare_yes(said, &plain) { None } else { self.corrected(said) };
        if let Some(reply) = correction {
            return reply;
        }
        if agreed {
            self.add_told(said, &plain);
            return self.agreed();
        }
        if let Some(slot) = self.mentioned(&plain).filter(|_| agrees == Some(false) || objects) {
            return self.ask_anew(slot);
        }
        match intent {
            Intent::Thanks => self.agreed(),
            Intent::Repeat
            | Intent::Person
            | Intent::Hold
            | Intent::WhoAreYou
            | Intent::Language
            | Intent::Goodbye
            | Intent::Emergency
            | Intent::Hours(_)
            | Intent::Address => self.aside(intent, said, now).unwrap_or_else(|| self.again()),
            _ if agrees == Some(false) => self.what_to_change(),
            _ => self.added(said, &plain),
        }
    }

    /// A sentence that neither agrees nor corrects: a message goes on, so that nothing said is lost.
    fn added(&mut self, said: &str, plain: &str) -> Reply {
        let purpose = self.purpose.unwrap_or(Purpose::Message);
        let long = plain.split_whitespace().count() >= 4 && !intents::is_question(plain);
        let more = slots::reason_from_answer(said, purpose).filter(|_| long && purpose != Purpose::Appointment);
        match (more, &mut self.slots.reason) {
            (Some(more), Some(reason)) if reason.len() + more.len() <= slots::REASON_LIMIT => {
                reason.push_str("; ");
                reason.push_str(&more);
                self.count.rounds += 1;
                if self.count.rounds > MOST_ROUNDS {
                    return self.close();
                }
                self.reply(&[Phrase::ThankYou, Phrase::YesOrNo]).yes_no()
            }
            _ => self.miss(),
        }
    }

    /// "Yes, and please tell the doctor …": the message goes on, without another read-back.
    fn add_told(&mut self, said: &str, plain: &str) {
        if text::says_any(plain, &["tell", "inform", "let him know", "let her know", "let them know"]) {
            let told = slots::found(said, Purpose::Message).reason;
            self.slots.reason = match (self.slots.reason.take(), told) {
                (Some(reason), Some(told)) => Some(format!("{reason}; {told}")),
                (reason, told) => reason.or(told),
            };
        }
    }

    /// The answer to "what should I change?".
    pub(super) fn fix_said(&mut self, said: &str, intent: Intent, now: &Zoned) -> Reply {
        let plain = text::plain(&text::words(said));
        if let Some(reply) = self.corrected(said) {
            return reply;
        }
        if let Some(slot) = self.mentioned(&plain) {
            return self.ask_anew(slot);
        }
        match intent {
            Intent::NothingMore | Intent::Yes | Intent::Thanks => return self.agreed(),
            Intent::Repeat
            | Intent::Hold
            | Intent::WhoAreYou
            | Intent::Language
            | Intent::Goodbye
            | Intent::Emergency => {
                return self.aside(intent, said, now).unwrap_or_else(|| self.again());
            }
            _ => {}
        }
        match names::from_answer(said) {
            Some(name) if self.slots.name.as_ref() != Some(&name) => {
                self.slots.name = Some(name);
                self.read_changes(&[SlotName::Name])
            }
            _ => self.miss(),
        }
    }

    pub(super) fn agreed(&mut self) -> Reply {
        self.confirmed = true;
        self.close()
    }

    pub(super) fn what_to_change(&mut self) -> Reply {
        self.state = State::Fix;
        self.count.misses = 0;
        self.count.rounds += 1;
        if self.count.rounds > MOST_ROUNDS {
            return self.close();
        }
        self.reply(&[Phrase::Sorry, Phrase::WhatToChange]).open()
    }

    /// Asks for one slot again; the old value stays until a new one is there.
    fn ask_anew(&mut self, slot: SlotName) -> Reply {
        self.count.rounds += 1;
        if self.count.rounds > MOST_ROUNDS {
            return self.close();
        }
        self.understood();
        self.fixing = Some(slot);
        self.partial.clear();
        self.state = State::Ask(slot);
        let question = self.ask_short(slot);
        self.reply(&[Phrase::Sorry]).followed_by(question)
    }

    /// Reads what was changed.
    pub(super) fn read_changes(&mut self, changed: &[SlotName]) -> Reply {
        self.count.rounds += 1;
        if self.count.rounds > MOST_ROUNDS {
            return self.close();
        }
        self.understood();
        let lead = self.reply(&[Phrase::Corrected]);
        let read = self.read_back(changed);
        lead.followed_by(read)
    }

    fn mentioned(&self, plain: &str) -> Option<SlotName> {
        mentioned(plain, &self.phrases.profile().ask)
    }

    /// A new e-mail address or PIN code in an objection.
    fn corrected_address(&mut self, said: &str, plain: &str) -> Option<SlotName> {
        let slot = self.mentioned(plain);
        match (emails::heard(said), slot) {
            (EmailHeard::Complete(email), _) if self.slots.email.as_ref().is_some_and(|old| *old != email) => {
                self.slots.email = Some(email);
                return Some(SlotName::Email);
            }
            _ => {}
        }
        match (pin_codes::heard(said, ""), slot) {
            (PinHeard::Complete(pin), Some(SlotName::PinCode)) if self.slots.pin_code.as_ref() != Some(&pin) => {
                self.slots.pin_code = Some(pin);
                Some(SlotName::PinCode)
            }
            _ => None,
        }
    }

    /// Applies the corrections that the sentence holds; `None` when it holds none.
    fn corrected(&mut self, said: &str) -> Option<Reply> {
        let words = text::words(said);
        let plain = text::plain(&words);
        if let Some(slot) = self.corrected_address(said, &plain) {
            return Some(self.read_changes(&[slot]));
        }
        let mut changed = Vec::new();
        let (heard, spans) = numbers::heard_words(&words, false);
        let time = times::find(&words, &spans).filter(|_| self.purpose == Some(Purpose::Appointment));
        let few_digits = matches!(heard, NumberHeard::None | NumberHeard::CallerId);
        let number = match (&self.slots.number, heard) {
            _ if time.is_some() && few_digits => None,
            (_, NumberHeard::CallerId) => self.caller.clone(),
            (Some(current), _) => numbers::correct(current, said),
            (None, NumberHeard::Complete(number)) => Some(number),
            (None, _) => None,
        };
        if number.is_some() && number != self.slots.number {
            self.slots.number = number;
            changed.push(SlotName::Number);
        }
        if let Some(name) = names::from_correction(said, self.slots.name.as_deref())
            .filter(|name| self.slots.name.as_ref() != Some(name))
        {
            self.slots.name = Some(name);
            changed.insert(0, SlotName::Name);
        }
        if let Some(range) = time {
            self.slots.preferred_time = Some(times::as_said(said, &words[range]));
            changed.push(SlotName::PreferredTime);
        }
        let about_reason = text::says_any(
            &plain,
            &[
                "for",
                "reason",
                "message is",
                "message should",
                "for a",
                "its for",
                "it is for",
                "its about",
                "it is about",
                "not for",
                "problem is",
            ],
        );
        if changed.is_empty() && about_reason && !intents::is_question(&plain) {
            // "For a cleaning, not for a toothache": what comes after the "not" is the old reason.
            let end = text::find(&words, "not", 1).map_or(said.len(), |found| words[found.start].at.start);
            let reason = slots::found(&said[..end], self.purpose.unwrap_or(Purpose::Message)).reason;
            if reason.is_some() && reason != self.slots.reason {
                self.slots.reason = reason;
                self.name_reason();
                changed.push(SlotName::Reason);
            }
        }
        (!changed.is_empty()).then(|| self.read_changes(&changed))
    }
}

/// Whether a yes comes without anything that could be a correction.
fn is_bare_yes(said: &str, plain: &str) -> bool {
    let digits = matches!(numbers::heard(said, true), NumberHeard::None | NumberHeard::CallerId);
    digits && !text::says_any(plain, &["no", "not", "name is", "name should", "should be"])
}

/// The slot that a complaint names, of those that `asked` are asked for.
fn mentioned(plain: &str, asked: &[Ask]) -> Option<SlotName> {
    [
        (SlotName::Email, &["email", "mail", "email id", "email address"][..]),
        (SlotName::PinCode, &["pin", "pincode", "pin code", "postal code"]),
        (SlotName::Name, &["name", "spelling"]),
        (SlotName::Number, &["number", "mobile", "phone", "digit", "digits"]),
        (SlotName::PreferredTime, &["time", "day", "date", "timing"]),
        (SlotName::Reason, &["reason", "message", "problem", "treatment", "purpose"]),
    ]
    .into_iter()
    .filter(|(slot, _)| match slot {
        SlotName::Email => asked.contains(&Ask::Email),
        SlotName::PinCode => asked.contains(&Ask::PinCode),
        _ => true,
    })
    .find(|(_, words)| text::says_any(plain, words))
    .map(|(slot, _)| slot)
}
