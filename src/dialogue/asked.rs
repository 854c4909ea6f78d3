//! Answers to the questions for slots, spoken and by keypad.

use jiff::Zoned;

use super::hours::When;
use super::intents::{self, Intent, Purpose};
use super::numbers::{self, Kind};
use super::phrases::Phrase;
use super::receptionist::{Receptionist, State};
use super::reply::Reply;
use super::{Ask, SlotName, consult, names, slots, text, times};
use crate::domain::E164;

impl Receptionist {
    /// An answer to the name, reason or time question.
    pub(super) fn slot_said(&mut self, slot: SlotName, said: &str, intent: Intent, now: &Zoned) -> Reply {
        let question = intents::is_question(&text::plain(&text::words(said)));
        let is_aside = match (slot, intent) {
            (SlotName::Reason, Intent::NothingMore) => match slots::reason_from_answer(said, Purpose::Message) {
                Some(reason) if reason.split(' ').count() > 3 => false,
                _ => return self.skip(slot),
            },
            (SlotName::PreferredTime, Intent::Appointment) if question && times::from_answer(said).is_none() => {
                return self.answer_hours(When::Week, said, now);
            }
            (SlotName::Reason, Intent::Person | Intent::UrgentMessage) => false,
            (SlotName::Reason | SlotName::PreferredTime, Intent::Hours(_) | Intent::Address) => question,
            (SlotName::PreferredTime, Intent::UrgentMessage) => false,
            _ => true,
        };
        if let Some(reply) = is_aside.then(|| self.aside(intent, said, now)).flatten() {
            return reply;
        }
        if let Some(reply) = self.misheard(slot, said) {
            return reply;
        }
        let purpose = self.purpose.unwrap_or(Purpose::Message);
        let before = self.slots.clone();
        let answer = match slot {
            SlotName::Name => names::from_answer(said),
            SlotName::Reason => slots::reason_from_answer(said, purpose),
            _ => times::from_answer(said),
        };
        let answer = answer.filter(|_| !matches!(intent, Intent::Thanks | Intent::Hello));
        if answer.is_some() && !(intents::is_refusal(said) && slot != SlotName::Reason) {
            *self.slot_mut(slot) = answer.clone();
            self.take(said, purpose);
            if slot == SlotName::Name && before.reason.is_none() {
                // "For my mother, Kamala Devi" is whom it is for, not why.
                let name = answer.unwrap_or_default();
                self.slots.reason.take_if(|reason| reason.contains(&name));
            }
            return self.next(&[Phrase::ThankYou]);
        }
        if intents::is_refusal(said) {
            return self.skip(slot);
        }
        self.upgrade(intent);
        self.take_advised(purpose == Purpose::Appointment, Some(slot));
        self.take(said, self.purpose.unwrap_or(Purpose::Message));
        if self.slots != before {
            return self.next(&[Phrase::ThankYou]);
        }
        if let Some(reply) = self.tell_advised(said) {
            return reply;
        }
        if consult::says_something(said, intent, 1) {
            self.unsure(consult::ask_of(slot, said));
        }
        self.miss()
    }

    /// An answer that reads as something else than it sounds like: a reason that the business knows, or what is left of a
    /// day, which is asked for once more where it sounds like none.
    fn misheard(&mut self, slot: SlotName, said: &str) -> Option<Reply> {
        match slot {
            SlotName::Reason if self.purpose == Some(Purpose::Appointment) => {
                self.slots.reason = Some(slots::known_answer(said, &self.phrases.profile().knowledge)?);
                Some(self.next(&[Phrase::ThankYou]))
            }
            SlotName::PreferredTime if times::lost_day(said) => match times::found_day(said) {
                Some(day) => {
                    self.slots.preferred_time = Some(day);
                    Some(self.next(&[Phrase::ThankYou]))
                }
                None => (self.count.misses == 0).then(|| self.miss()),
            },
            _ => None,
        }
    }

    /// A message becomes an appointment request when the caller says so later.
    fn upgrade(&mut self, intent: Intent) {
        if intent == Intent::Appointment && self.purpose == Some(Purpose::Message) && self.slots.reason.is_none() {
            self.purpose = Some(Purpose::Appointment);
        }
    }

    fn slot_mut(&mut self, slot: SlotName) -> &mut Option<String> {
        match slot {
            SlotName::Name => &mut self.slots.name,
            SlotName::PreferredTime => &mut self.slots.preferred_time,
            _ => &mut self.slots.reason,
        }
    }

    /// An answer to the number question, spoken.
    pub(super) fn number_said(&mut self, said: &str, intent: Intent, now: &Zoned) -> Reply {
        self.time_with_number(said);
        if let Some(reply) = self.number_heard(said) {
            return reply;
        }
        let elsewhere = !matches!(intent, Intent::WrongNumber | Intent::UrgentMessage);
        if let Some(reply) = elsewhere.then(|| self.aside(intent, said, now)).flatten() {
            return reply;
        }
        if intents::is_refusal(said) {
            return self.skip(SlotName::Number);
        }
        let before = self.slots.clone();
        if let Some(name) = names::introduced(&text::words(said)) {
            self.slots.name = Some(name.0);
        }
        self.take(said, self.purpose.unwrap_or(Purpose::Message));
        if self.slots != before {
            return self.next(&[Phrase::ThankYou]);
        }
        if let Some(reply) = self.tell_advised(said) {
            return reply;
        }
        let ask = consult::ask_of(SlotName::Number, said);
        if ask == Ask::Answer || consult::holds_digits(said) {
            self.unsure(ask);
        }
        self.miss()
    }

    /// "98450 12345, and I'd like Friday evening."
    fn time_with_number(&mut self, said: &str) {
        let words = text::words(said);
        let (heard, spans) = numbers::heard_words(&words, true);
        if self.purpose == Some(Purpose::Appointment) && matches!(heard, numbers::NumberHeard::Complete(_)) {
            let found = times::find(&words, &spans).map(|range| times::as_said(said, &words[range]));
            self.slots.preferred_time = self.slots.preferred_time.take().or(found);
        }
    }

    /// Keys count for the number at any time; at the read-back, 1 is yes and 2 is no.
    pub(super) fn keys(&mut self, digits: &str) -> Reply {
        match (self.state, digits) {
            // No question is answered by this key alone.
            (
                State::Open | State::Fix | State::Ask(SlotName::Name | SlotName::Reason | SlotName::PreferredTime),
                "9",
            ) => {
                return self.stop_recording();
            }
            (State::ReadBack, "1") => return self.agreed(),
            (State::ReadBack, "2") => return self.what_to_change(),
            (State::Keypad, "1") if self.caller.is_some() => {
                self.slots.number = self.caller.clone();
                return self.number_taken();
            }
            (State::Ask(SlotName::PinCode), digits) if digits.len() <= 6 => return self.pin_typed(digits),
            _ => {}
        }
        let typed = match numbers::classify(digits, false) {
            Kind::Complete(number) => Some(number),
            Kind::Odd => E164::from_indian(digits).ok(),
            Kind::Partial => None,
        };
        if let Some(number) = typed {
            self.slots.number = Some(number);
            return self.number_taken();
        }
        match self.state {
            State::Ask(SlotName::Number) => {
                self.state = State::Keypad;
                self.count.misses = 0;
                self.miss()
            }
            State::Keypad => self.miss(),
            _ => self.again(),
        }
    }

    /// A number came by keypad.
    fn number_taken(&mut self) -> Reply {
        self.purpose = self.purpose.or(Some(Purpose::Message));
        self.partial.clear();
        self.understood();
        match self.state {
            _ if self.deaf => self.close_keypad(),
            State::ReadBack | State::Fix => self.read_changes(&[SlotName::Number]),
            _ => self.next(&[Phrase::ThankYou]),
        }
    }
}
