//! Handing the caller to a person: whom to call, and what is said when nobody takes the call.

use jiff::Zoned;

use super::hours;
use super::intents::{Intent, Purpose};
use super::phrases::Phrase;
use super::receptionist::{Receptionist, State};
use super::reply::Reply;
use super::{TransferFailure, summary, text};

impl Receptionist {
    /// What the person who is called hears after the summary; a fixed line.
    pub fn accept_question(profile: &crate::domain::AgentProfile) -> String {
        super::phrases::Phrases::new(profile.clone()).text(Phrase::AcceptCall)
    }

    /// The target to call now: one that the caller names, else the first, of those whose hours it is and who were not
    /// called yet.
    pub(super) fn reachable(&self, said: &str, now: &Zoned) -> Option<usize> {
        let said = text::plain(&text::words(said));
        let transfers = &self.phrases.profile().transfers;
        let free = transfers.targets.iter().enumerate().filter(|(index, target)| {
            let in_hours = target.hours.as_ref().is_none_or(|hours| hours::is_open(hours, now));
            in_hours && transfers.allows(target) && !self.tried.contains(index)
        });
        let free: Vec<(usize, &str)> = free.map(|(index, target)| (index, target.name.as_str())).collect();
        let named = free.iter().find(|(_, name)| {
            let name = text::plain(&text::words(name));
            !name.trim().is_empty() && text::says(&said, name.trim())
        });
        named.or(free.first()).map(|(index, _)| *index)
    }

    /// Whether a caller with this wish may be handed over at all; who was in an emergency stays in it.
    pub(super) fn may_hand_over(&self, wish: Intent) -> bool {
        wish == Intent::Emergency || self.emergency || !self.phrases.profile().emergency_transfers_only
    }

    pub(super) fn target_name(&self, index: usize) -> Option<&str> {
        self.phrases.profile().transfers.targets.get(index).map(|target| target.name.as_str())
    }

    /// Begins to hand the caller over; `None` when nobody may be called now.
    pub(super) fn hand_over(&mut self, lead: &[Phrase], said: &str, now: &Zoned) -> Option<Reply> {
        let target = self.reachable(said, now)?;
        if matches!(self.purpose, None | Some(Purpose::Message)) {
            self.purpose = Some(Purpose::Urgent);
        }
        self.take(said, self.purpose.unwrap_or(Purpose::Urgent));
        self.understood();
        self.interrupted_at = self.state;
        let connecting = self.reply(&[Phrase::Connecting(line(target))]);
        Some(self.reply(lead).followed_by(self.transfer_to(target, connecting)))
    }

    /// Begins to hand the caller to this target, at the wish of somebody of the business: no hours and no rule stand against
    /// it but the one about which numbers may be called.
    pub(super) fn hand_over_to(&mut self, target: usize) -> Reply {
        let transfers = &self.phrases.profile().transfers;
        if !transfers.targets.get(target).is_some_and(|target| transfers.allows(target)) {
            return self.again();
        }
        self.interrupted_at = self.state;
        let connecting = self.reply(&[Phrase::Connecting(line(target))]);
        self.transfer_to(target, connecting)
    }

    /// The person was not to be had: the next one is tried, or the caller is asked for a message.
    pub(super) fn transfer_failed(&mut self, reason: TransferFailure, now: &Zoned) -> Reply {
        let sorry = self.reply(&[match reason {
            TransferFailure::NoAnswer => Phrase::TransferNoAnswer,
            TransferFailure::Busy => Phrase::TransferBusy,
            TransferFailure::Refused => Phrase::TransferRefused,
            TransferFailure::Failed => Phrase::TransferFailed,
        }]);
        if let Some(target) = self.reachable("", now) {
            let next = self.reply(&[Phrase::TryNext(line(target))]);
            return sorry.followed_by(self.transfer_to(target, next));
        }
        self.state = self.interrupted_at;
        let after = match self.state {
            State::ReadBack | State::Fix | State::Keypad => self.again(),
            _ if self.purpose == Some(Purpose::Urgent) => self.next(&[Phrase::NobodyFree]),
            _ => self.next(&[]),
        };
        sorry.followed_by(after)
    }

    fn transfer_to(&mut self, target: usize, line: Reply) -> Reply {
        self.tried.push(target);
        self.state = State::Transferring;
        let business = &self.phrases.profile().business_name;
        let summary = summary::for_person(&self.slots, self.caller.as_ref(), business, self.emergency);
        Reply { transfer: Some((target, summary)), ..line }.expecting(super::Expectation::None)
    }
}

/// Targets are numbered in one byte where they have lines; a profile holds fewer than that.
fn line(target: usize) -> u8 {
    u8::try_from(target).unwrap_or(u8::MAX)
}
