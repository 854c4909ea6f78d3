//! The answers to the questions that only some profiles ask: e-mail address and PIN code.

use jiff::Zoned;

use super::emails::{self, EmailHeard};
use super::intents::{self, Intent, Purpose};
use super::phrases::Phrase;
use super::pin_codes::{self, PinHeard};
use super::receptionist::Receptionist;
use super::reply::Reply;
use super::turn::{Expectation, SlotName};
use crate::domain::{EmailAddress, PinCode};

impl Receptionist {
    /// An answer to the e-mail or PIN question, spoken.
    pub(super) fn address_said(&mut self, slot: SlotName, said: &str, intent: Intent, now: &Zoned) -> Reply {
        let heard = if slot == SlotName::Email { self.email_heard(said) } else { self.pin_heard(said) };
        if let Some(reply) = heard {
            return reply;
        }
        if intents::is_refusal(said) || intent == Intent::NothingMore {
            return self.skip(slot);
        }
        if let Some(reply) = self.aside(intent, said, now) {
            return reply;
        }
        let before = self.slots.clone();
        self.take(said, self.purpose.unwrap_or(Purpose::Message));
        if self.slots != before { self.next(&[Phrase::ThankYou]) } else { self.miss() }
    }

    /// Takes an address, or the part of one that was missing or asked for; `None` when the turn holds neither.
    fn email_heard(&mut self, said: &str) -> Option<Reply> {
        let spelling = self.last.expect == Expectation::Spelling;
        match emails::heard(said) {
            EmailHeard::Complete(email) => return Some(self.email_taken(email)),
            EmailHeard::Domain(domain) => self.email_parts.1 = Some(domain),
            // Words that are no address come here too: they count only where a part was asked for.
            EmailHeard::Local(local) if spelling || local.contains(['.', '_']) => self.email_parts.0 = Some(local),
            EmailHeard::Local(_) | EmailHeard::None if self.email_parts.0.is_some() => {
                self.email_parts.1 = emails::domain_heard(said).or(self.email_parts.1.take());
                self.email_parts.1.as_ref()?;
            }
            EmailHeard::Local(_) | EmailHeard::None => return None,
        }
        match &self.email_parts {
            (Some(local), Some(domain)) => {
                let email = EmailAddress::parse(&format!("{local}@{domain}")).ok()?;
                Some(self.email_taken(email))
            }
            (Some(_), None) => {
                self.understood();
                Some(self.reply(&[Phrase::AskEmailDomain]).expecting(Expectation::Email))
            }
            (None, _) => {
                self.count.misses += 1;
                (self.count.misses < 3)
                    .then(|| self.reply(&[Phrase::ThankYou, Phrase::AskEmailSpell]).expecting(Expectation::Spelling))
            }
        }
    }

    fn email_taken(&mut self, email: EmailAddress) -> Reply {
        self.email_parts = (None, None);
        self.slots.email = Some(email);
        self.next(&[Phrase::ThankYou])
    }

    /// Takes a PIN code or a part of one.
    fn pin_heard(&mut self, said: &str) -> Option<Reply> {
        match pin_codes::heard(said, &self.partial) {
            PinHeard::None => None,
            PinHeard::Complete(pin) => Some(self.pin_taken(pin)),
            PinHeard::Partial(digits) if digits.len() < 2 => None,
            PinHeard::Partial(digits) => {
                self.partial = digits;
                Some(self.reply(&[Phrase::GoOn]).expecting(Expectation::Digits { len: Some(6) }))
            }
            PinHeard::Odd => {
                self.partial.clear();
                Some(self.miss())
            }
        }
    }

    /// The PIN code by keypad.
    pub(super) fn pin_typed(&mut self, digits: &str) -> Reply {
        match PinCode::parse(digits) {
            Ok(pin) => self.pin_taken(pin),
            Err(_) => self.miss(),
        }
    }

    fn pin_taken(&mut self, pin: PinCode) -> Reply {
        self.partial.clear();
        self.slots.pin_code = Some(pin);
        self.next(&[Phrase::ThankYou])
    }
}
