//! What the receptionist says: questions, answers, the read-back, the closing.

use jiff::Zoned;

use super::hours::{self, Calendar, When};
use super::intents::{self, Intent, Purpose};
use super::knowledge::{self, Asked, Topic};
use super::numbers::{self, Kind, NumberHeard};
use super::phrases::Phrase;
use super::receptionist::{Receptionist, State};
use super::turn::{Action, Expectation, Line, Segment, SlotName};
use super::{dates, slots, text, times};
use crate::domain::{Ask, E164};

/// The longest reason that is read back, in words.
const READ_BACK_WORDS: usize = 14;

/// One line with what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub segments: Vec<Segment>,
    pub expect: Expectation,
    pub ends: bool,
    /// The target to hand the caller to, and what that person hears first.
    pub transfer: Option<(usize, String)>,
}

impl Default for Reply {
    fn default() -> Self {
        Self { segments: Vec::new(), expect: Expectation::Open, ends: false, transfer: None }
    }
}

impl Reply {
    pub(super) fn expecting(mut self, expect: Expectation) -> Self {
        self.expect = expect;
        self
    }

    pub(super) fn open(self) -> Self {
        self.expecting(Expectation::Open)
    }

    pub(super) fn yes_no(self) -> Self {
        self.expecting(Expectation::YesNo)
    }

    fn digits(self) -> Self {
        self.expecting(Expectation::Digits { len: Some(10) })
    }

    /// Adds words that are not known ahead, and the fixed ones that stand in when they cannot be spoken in time.
    pub(super) fn free(mut self, text: String, template: Segment) -> Self {
        self.segments.push(Segment { text, fixed: false, template: Some(template.text) });
        self
    }

    /// Both lines as one; what is expected is the second one's.
    pub(super) fn followed_by(mut self, more: Reply) -> Self {
        self.segments.extend(more.segments);
        Self { segments: self.segments, ..more }
    }

    pub(super) fn into_actions(self) -> Vec<Action> {
        let line = Line { segments: self.segments, interruptible: !self.ends && self.transfer.is_none() };
        let then = match self.transfer {
            _ if self.ends => Action::End,
            Some((target, summary)) => Action::Transfer { target, summary },
            None => Action::Expect(self.expect),
        };
        vec![Action::Say(line), then]
    }
}

impl Receptionist {
    pub(super) fn reply(&self, phrases: &[Phrase]) -> Reply {
        Reply { segments: phrases.iter().map(|phrase| self.phrases.segment(*phrase)).collect(), ..Reply::default() }
    }

    /// Goes on after something was understood: asks for the next missing slot, or reads back.
    pub(super) fn next(&mut self, lead: &[Phrase]) -> Reply {
        self.understood();
        self.name_reason();
        let lead = self.reply(lead);
        if let Some(objection) = self.unfit_time() {
            return lead.followed_by(objection);
        }
        if let Some(slot) = self.fixing.take() {
            return lead.followed_by(self.read_back(&[slot]));
        }
        if let Some(slot) = self.missing() {
            self.state = State::Ask(slot);
            if slot != SlotName::Number {
                self.partial.clear();
            }
            return lead.followed_by(self.question(slot));
        }
        let taken = self.taken_slots();
        if taken.is_empty() || self.deaf {
            return self.close();
        }
        let read = self.reply(&[Phrase::LetMeReadBack]);
        lead.followed_by(read.followed_by(self.read_back(&taken)))
    }

    /// Asks once for another time when the business is closed at the one that was taken, or when only the caller knows
    /// which day it is ("after Diwali").
    fn unfit_time(&mut self) -> Option<Reply> {
        let said = self.slots.preferred_time.as_deref().filter(|_| self.purpose == Some(Purpose::Appointment))?;
        let now = self.now.as_ref().filter(|_| !self.time_checked)?;
        let profile = self.phrases.profile();
        let calendar = Calendar { hours: &profile.hours, holidays: &profile.knowledge.holidays };
        let dates::Wanted { date, time, .. } = dates::resolve(said, now);
        let phrases = match date {
            None if dates::is_vague(said) => vec![Phrase::AskWhichDate],
            Some(date) if hours::are_known(calendar.hours) => {
                let minute = time.map(|time| time.hour() as u16 * 60 + time.minute() as u16);
                let openings = calendar.on(date);
                let fits = openings.iter().any(|h| minute.is_none_or(|at| (h.opens_min..h.closes_min).contains(&at)));
                let day = calendar.index(date).map_or(Phrase::HoursOn(hours::weekday_of(date)), Phrase::HolidayOn);
                let ask = if openings.is_empty() { Phrase::AskOtherDay } else { Phrase::AskOtherTime };
                if fits { return None } else { vec![day, ask] }
            }
            _ => return None,
        };
        self.time_checked = true;
        self.slots.preferred_time = None;
        self.state = State::Ask(SlotName::PreferredTime);
        Some(self.reply(&phrases).expecting(Expectation::Time))
    }

    /// Calls a visit's reason what the business calls it.
    pub(super) fn name_reason(&mut self) {
        let reason = self.slots.reason.as_deref().filter(|_| self.purpose == Some(Purpose::Appointment));
        let known = reason.and_then(|reason| slots::as_known(reason, &self.phrases.profile().knowledge));
        self.slots.reason = known.or(self.slots.reason.take());
    }

    fn missing(&self) -> Option<SlotName> {
        let slots = &self.slots;
        let wanted = [
            (SlotName::Name, slots.name.is_none()),
            (SlotName::Number, slots.number.is_none()),
            (SlotName::Reason, slots.reason.is_none()),
            (SlotName::PreferredTime, slots.preferred_time.is_none() && self.purpose == Some(Purpose::Appointment)),
        ];
        let asked = self.phrases.profile().ask.iter().map(|ask| match ask {
            Ask::Email => (SlotName::Email, slots.email.is_none()),
            Ask::PinCode => (SlotName::PinCode, slots.pin_code.is_none()),
        });
        let mut wanted = wanted.into_iter().chain(asked);
        wanted.find(|(slot, empty)| *empty && !self.skipped.contains(slot)).map(|(slot, _)| slot)
    }

    fn taken_slots(&self) -> Vec<SlotName> {
        let slots = &self.slots;
        [
            (SlotName::Name, slots.name.is_some()),
            (SlotName::Number, slots.number.is_some()),
            (SlotName::Reason, slots.reason.is_some()),
            (SlotName::PreferredTime, slots.preferred_time.is_some()),
            (SlotName::Email, slots.email.is_some()),
            (SlotName::PinCode, slots.pin_code.is_some()),
        ]
        .into_iter()
        .filter_map(|(slot, taken)| taken.then_some(slot))
        .collect()
    }

    fn question(&self, slot: SlotName) -> Reply {
        let phrase = match (slot, self.purpose) {
            (SlotName::Name, _) => Phrase::AskName,
            (SlotName::Number, _) => Phrase::AskNumber,
            (SlotName::Reason, Some(Purpose::Appointment)) => Phrase::AskVisitReason,
            (SlotName::Reason, Some(Purpose::Urgent)) => Phrase::AskMatter,
            (SlotName::Reason, _) => Phrase::AskMessage,
            (SlotName::PreferredTime, _) => Phrase::AskTime,
            (SlotName::Email, _) => Phrase::AskEmail,
            (SlotName::PinCode, _) => Phrase::AskPin,
        };
        self.reply(&[phrase]).expecting(expectation(slot))
    }

    /// The question once more, in few words; digits that were already said are read.
    pub(super) fn ask_short(&self, slot: SlotName) -> Reply {
        let reply = match slot {
            SlotName::Number if !self.partial.is_empty() => {
                let read = self
                    .reply(&[Phrase::SoFar])
                    .free(self.phrases.digits_so_far(&self.partial), self.phrases.segment(Phrase::PartOfNumber));
                read.followed_by(self.reply(&[Phrase::TheRest]))
            }
            SlotName::Number => self.reply(&[Phrase::AskNumberShort]),
            SlotName::Name => self.reply(&[Phrase::AskNameShort]),
            SlotName::Reason => self.reply(&[Phrase::AskMatter]),
            SlotName::PreferredTime => self.reply(&[Phrase::AskTimeShort]),
            SlotName::Email => self.reply(&[Phrase::AskEmailShort]),
            SlotName::PinCode => self.reply(&[Phrase::AskPinShort]),
        };
        reply.expecting(expectation(slot))
    }

    /// The first or second re-ask after an answer that was not understood.
    pub(super) fn ask_again(&self, slot: SlotName, tries: u8) -> Reply {
        let (phrase, expect) = match (slot, tries) {
            (SlotName::Name, 1) => (Phrase::AskNameAgain, Expectation::Name),
            (SlotName::Name, _) => (Phrase::AskNameSpell, Expectation::Spelling),
            (SlotName::Number, 1) => (Phrase::AskNumberAgain, expectation(slot)),
            (SlotName::Number, _) => (Phrase::AskNumberLast, expectation(slot)),
            (SlotName::Reason, 1) => (Phrase::AskReasonAgain, Expectation::Open),
            (SlotName::Reason, _) => (Phrase::AskReasonLast, Expectation::Open),
            (SlotName::PreferredTime, 1) => (Phrase::AskTimeAgain, Expectation::Time),
            (SlotName::PreferredTime, _) => (Phrase::AskTimeLast, Expectation::Time),
            (SlotName::Email, 1) => (Phrase::AskEmailAgain, Expectation::Email),
            (SlotName::Email, _) => (Phrase::AskEmailSpell, Expectation::Spelling),
            (SlotName::PinCode, 1) => (Phrase::AskPinAgain, expectation(slot)),
            (SlotName::PinCode, _) => (Phrase::AskPinLast, expectation(slot)),
        };
        let reply = match slot {
            SlotName::Number if self.caller.is_some() => self.reply(&[phrase, Phrase::OrThisNumber]),
            _ => self.reply(&[phrase]),
        };
        reply.expecting(expect)
    }

    /// The question of the present state, after something that did not touch it.
    pub(super) fn again(&self) -> Reply {
        match self.state {
            State::Ask(slot) => self.ask_short(slot),
            State::Keypad => self.keypad_again(Phrase::KeypadShort),
            State::ReadBack => self.reply(&[Phrase::YesOrNo]).yes_no(),
            State::Fix => self.reply(&[Phrase::WhatToChange]).open(),
            State::Open if self.was_answered() => self.reply(&[Phrase::AnythingElse]).open(),
            State::Open | State::Idle | State::Transferring | State::Ended => self.reply(&[Phrase::HowCanIHelp]).open(),
        }
    }

    /// An answer, and then the question that stands.
    pub(super) fn answer_aside(&mut self, answer: &[Phrase]) -> Reply {
        self.reply(answer).followed_by(self.again())
    }

    pub(super) fn answer_hours(&mut self, when: When, said: &str, now: &Zoned) -> Reply {
        self.asked_hours = true;
        let profile = self.phrases.profile();
        let calendar = Calendar { hours: &profile.hours, holidays: &profile.knowledge.holidays };
        let on = |ahead: u8| {
            let day = hours::weekday(now, ahead);
            match (calendar.holiday(now, ahead), ahead) {
                (Some(holiday), 0) => Phrase::HolidayToday(holiday),
                (Some(holiday), 1) => Phrase::HolidayTomorrow(holiday),
                (Some(holiday), _) => Phrase::HolidayOn(holiday),
                (None, 0) => Phrase::HoursToday(day),
                (None, 1) => Phrase::HoursTomorrow(day),
                (None, _) => Phrase::HoursOn(day),
            }
        };
        let named = calendar.named(now, &text::plain(&text::words(said)));
        let answer = match when {
            _ if named.is_some() => named.map(Phrase::HolidayOn).into_iter().collect(),
            _ if !hours::are_known(calendar.hours) => vec![Phrase::HoursUnknown],
            When::Now if calendar.is_open(now) => vec![Phrase::OpenNow, on(0)],
            When::Now => vec![Phrase::ClosedNow, calendar.next_opening(now).map_or(Phrase::HoursWeek, on)],
            When::Ahead(ahead) => vec![on(ahead)],
            When::On(day) => {
                let ahead = (0..7).find(|ahead| hours::weekday(now, *ahead) == day).unwrap_or(0);
                let holiday = calendar.holiday(now, ahead).map(|_| on(ahead));
                vec![holiday.unwrap_or(Phrase::HoursOn(day))]
            }
            When::Week => {
                let coming = calendar.coming(now).into_iter().map(Phrase::HolidayOn);
                std::iter::once(Phrase::HoursWeek).chain(coming).collect()
            }
        };
        self.understood();
        self.answer_aside(&answer)
    }

    /// The answer to a question out of the business's own knowledge; `None` when it has none.
    pub(super) fn answer_known(&mut self, intent: Intent, said: &str) -> Option<Reply> {
        let plain = text::plain(&text::words(said));
        if !intents::is_question(&plain) {
            return None;
        }
        let asked = knowledge::asked(&plain);
        // Hours and the way there have answers of their own, unless the owner wrote a better one.
        let least = match intent {
            Intent::Question | Intent::Unclear | Intent::Yes => 0.0,
            Intent::Hours(_) | Intent::Address => 0.9,
            Intent::Appointment if asked.is_some() && !text::says_any(&plain, &["want", "need", "book", "booking"]) => {
                0.0
            }
            Intent::Appointment | Intent::ChangeAppointment => 0.9,
            _ => return None,
        };
        let found = knowledge::find(&self.phrases.profile().knowledge, &plain);
        let services = &self.phrases.profile().knowledge.services;
        let faq = match found.as_slice() {
            [only] if only.score >= least => match only.topic {
                Topic::Faq(at) => Some(Phrase::Faq(at)),
                Topic::Service(_) => None,
            },
            _ => None,
        };
        let told: Vec<Phrase> = found
            .iter()
            .take(2)
            .filter_map(|found| {
                let Topic::Service(at) = found.topic else { return None };
                let service = services.get(usize::from(at)).filter(|_| found.score >= least)?;
                Some(match asked? {
                    Asked::Price => Phrase::Price(service.price.map(|_| at)?),
                    Asked::Duration => Phrase::Duration(service.minutes.map(|_| at)?),
                    Asked::Offer => Phrase::Offer(at),
                })
            })
            .collect();
        let answer: Vec<Phrase> = faq.map_or(told, |faq| vec![faq]);
        if answer.is_empty() {
            return None;
        }
        if let (None, Some(Topic::Service(at))) = (faq, found.first().map(|found| found.topic)) {
            self.interest = services.get(usize::from(at)).map(|service| service.name.clone());
        }
        self.asked_about.push(times::lower_first(said.trim().trim_end_matches(['?', '.', '!'])));
        self.understood();
        Some(self.answer_aside(&answer))
    }

    pub(super) fn answer_address(&mut self) -> Reply {
        self.asked_address = true;
        self.understood();
        let known = !self.phrases.profile().address.trim().is_empty();
        self.answer_aside(&[if known { Phrase::Address } else { Phrase::AddressUnknown }])
    }

    /// Takes a spoken number or a part of one; `None` when the turn holds neither.
    pub(super) fn number_heard(&mut self, said: &str) -> Option<Reply> {
        match numbers::heard(said, true) {
            NumberHeard::None => None,
            NumberHeard::Complete(number) => Some(self.number_spoken(number)),
            NumberHeard::CallerId => Some(match self.caller.clone() {
                Some(caller) => self.number_spoken(caller),
                None => self.not_seen(),
            }),
            NumberHeard::Partial { digits, .. } if digits.len() < 2 && self.partial.is_empty() => None,
            NumberHeard::Partial { digits, restart } => Some(self.partial_spoken(&digits, restart)),
            NumberHeard::Odd { digits } => Some(self.odd_spoken(digits)),
        }
    }

    /// "This number", where the trunk gave none.
    fn not_seen(&mut self) -> Reply {
        self.count.misses += 1;
        match self.count.misses {
            1..=2 => self.reply(&[Phrase::NotSeen]).followed_by(self.ask_short(SlotName::Number)),
            _ => self.ask_keypad(Phrase::NotSeen),
        }
    }

    fn number_spoken(&mut self, number: E164) -> Reply {
        self.slots.number = Some(number);
        self.partial.clear();
        self.next(&[Phrase::ThankYou])
    }

    /// Joins the digits to those said before a pause.
    fn partial_spoken(&mut self, digits: &str, restart: bool) -> Reply {
        let joined = if restart { digits.to_owned() } else { format!("{}{digits}", self.partial) };
        match numbers::classify(&joined, false) {
            Kind::Complete(number) => self.number_spoken(number),
            Kind::Partial => {
                self.partial = joined;
                self.reply(&[Phrase::GoOn]).digits()
            }
            Kind::Odd => self.partial_again(digits),
        }
    }

    /// More digits than a number has: the caller said part of it once more, or all of it. Who was heard in part twice would
    /// be so a third time.
    fn partial_again(&mut self, digits: &str) -> Reply {
        let before = std::mem::take(&mut self.partial);
        match numbers::overlapped(&before, digits) {
            Some(number) => self.number_spoken(number),
            None if self.state != State::Keypad && numbers::says_again(&before, digits) => {
                self.count.failures += 1;
                self.ask_keypad(Phrase::Sorry)
            }
            None => self.miss(),
        }
    }

    /// Ten digits that begin like no mobile number are taken when they are said twice; the read-back asks anyway.
    fn odd_spoken(&mut self, digits: String) -> Reply {
        self.partial.clear();
        match E164::from_indian(&digits) {
            Ok(number) if self.odd.as_deref() == Some(&digits) => self.number_spoken(number),
            _ => {
                self.odd = Some(digits);
                self.miss()
            }
        }
    }

    /// Asks for the number by keypad.
    pub(super) fn ask_keypad(&mut self, lead: Phrase) -> Reply {
        self.state = State::Keypad;
        self.count.misses = 0;
        self.partial.clear();
        self.reply(&[lead]).followed_by(self.keypad_again(Phrase::AskNumberKeypad))
    }

    pub(super) fn keypad_again(&self, phrase: Phrase) -> Reply {
        let offer = if self.caller.is_some() { &[Phrase::KeypadOrOne][..] } else { &[] };
        self.reply(&[phrase]).followed_by(self.reply(offer)).digits()
    }

    /// The keypad gave no number either: the one the call comes from, or none.
    ///
    /// A caller who is not understood at all is asked nothing more.
    pub(super) fn without_number(&mut self) -> Reply {
        if self.fixing.is_some() {
            return self.close();
        }
        let lead = match self.caller.clone() {
            Some(caller) => {
                self.slots.number = Some(caller);
                Phrase::UseCallerNumber
            }
            None if self.deaf => return self.close_unheard(),
            None => {
                self.skipped.push(SlotName::Number);
                Phrase::NoProblem
            }
        };
        if self.deaf {
            return self.reply(&[lead]).followed_by(self.end(&[Phrase::CloseKeypad]));
        }
        self.next_without(lead)
    }

    /// Leaves a slot empty and goes on.
    pub(super) fn skip(&mut self, slot: SlotName) -> Reply {
        if self.fixing.take().is_some() {
            return self.close();
        }
        self.skipped.push(slot);
        self.next_without(Phrase::AllRight)
    }

    /// Goes on to the next question, and does not count this turn as one that gave something.
    fn next_without(&mut self, lead: Phrase) -> Reply {
        let failures = self.count.failures;
        let reply = self.next(&[lead]);
        self.count.failures = failures;
        reply
    }

    /// The recogniser is down.
    pub(super) fn stt_down(&mut self) -> Reply {
        if self.deaf && self.state == State::Keypad {
            return self.miss();
        }
        self.give_up_hearing()
    }

    /// Speech does not work: the number by keypad, and the call becomes a message to be called back.
    pub(super) fn give_up_hearing(&mut self) -> Reply {
        self.deaf = true;
        self.purpose = self.purpose.or(Some(Purpose::Message));
        if self.slots.number.is_some() || self.skipped.contains(&SlotName::Number) {
            return self.close();
        }
        if self.state == State::Keypad {
            return self.without_number();
        }
        self.ask_keypad(Phrase::CannotHear)
    }

    /// Reads these slots and asks whether they are right.
    pub(super) fn read_back(&mut self, which: &[SlotName]) -> Reply {
        self.state = State::ReadBack;
        self.count.misses = 0;
        let mut reply = Reply::default();
        for slot in which {
            reply = self.read_slot(reply, *slot);
        }
        reply.followed_by(self.reply(&[Phrase::IsThatCorrect])).yes_no()
    }

    fn read_slot(&self, reply: Reply, slot: SlotName) -> Reply {
        let (slots, phrases) = (&self.slots, &self.phrases);
        let text = match slot {
            SlotName::Name => slots.name.as_ref().map(|name| phrases.your_name(name)),
            SlotName::Number => slots.number.as_ref().map(|number| phrases.your_number(number)),
            SlotName::PreferredTime => slots.preferred_time.as_ref().map(|time| phrases.your_time(time)),
            SlotName::Email => slots.email.as_ref().map(|email| phrases.your_email(email, slots.name.as_deref())),
            SlotName::PinCode => slots.pin_code.as_ref().map(|pin| phrases.your_pin(pin)),
            SlotName::Reason => match &slots.reason {
                Some(reason) if reason.split_whitespace().count() > READ_BACK_WORDS => {
                    return reply.followed_by(self.reply(&[Phrase::HaveMessage]));
                }
                Some(reason) => Some(match self.purpose {
                    Some(Purpose::Appointment) => phrases.your_visit_reason(reason),
                    Some(Purpose::Urgent) => phrases.your_matter(reason),
                    Some(Purpose::Message) | None => phrases.your_message(reason),
                }),
                None => None,
            },
        };
        match text {
            Some(text) => {
                let template = match slot {
                    SlotName::Name => Phrase::NotedName,
                    SlotName::Number => Phrase::NotedNumber,
                    SlotName::PreferredTime => Phrase::NotedTime,
                    SlotName::Reason => Phrase::NotedReason,
                    SlotName::Email => Phrase::NotedEmail,
                    SlotName::PinCode => Phrase::NotedPin,
                };
                reply.free(text, phrases.segment(template))
            }
            None => reply,
        }
    }

    pub(super) fn end(&mut self, phrases: &[Phrase]) -> Reply {
        self.state = State::Ended;
        Reply { ends: true, ..self.reply(phrases) }.expecting(Expectation::None)
    }

    /// Closes in order: says what happens next.
    pub(super) fn close(&mut self) -> Reply {
        let reachable = self.slots.number.is_some() || self.caller.is_some();
        let last = match self.purpose {
            None => Phrase::CloseThanks,
            Some(_) if !reachable && self.taken_slots().is_empty() => Phrase::CloseCallAgain,
            Some(_) if !reachable => Phrase::CloseNoNumber,
            Some(Purpose::Appointment) => Phrase::CloseAppointment,
            Some(Purpose::Message) => Phrase::CloseMessage,
            Some(Purpose::Urgent) => Phrase::CloseUrgent,
        };
        self.end(&[if self.purpose.is_none() { Phrase::AllRight } else { Phrase::ThankYou }, last])
    }

    pub(super) fn close_keypad(&mut self) -> Reply {
        let number = self.slots.number.as_ref().map(|number| self.phrases.your_number(number));
        let thanks = self.reply(&[Phrase::ThankYou]);
        let read = match number {
            Some(text) => thanks.free(text, self.phrases.segment(Phrase::NotedNumber)),
            None => thanks,
        };
        read.followed_by(self.end(&[Phrase::CloseKeypad]))
    }

    /// The caller is not to be heard any more.
    pub(super) fn close_unheard(&mut self) -> Reply {
        if self.deaf && self.slots.number.is_none() {
            self.slots.number = self.caller.clone();
        }
        let taken = !self.taken_slots().is_empty();
        self.end(&[Phrase::CloseUnheard, if taken { Phrase::CloseTaken } else { Phrase::CloseCallAgain }])
    }

    /// The call has gone on for too long.
    pub(super) fn close_long(&mut self) -> Reply {
        let taken = !self.taken_slots().is_empty();
        self.end(&[Phrase::CloseLong, if taken { Phrase::CloseTaken } else { Phrase::CloseCallAgain }])
    }
}

fn expectation(slot: SlotName) -> Expectation {
    match slot {
        SlotName::Name => Expectation::Name,
        SlotName::Number => Expectation::Digits { len: Some(10) },
        SlotName::Reason => Expectation::Open,
        SlotName::PreferredTime => Expectation::Time,
        SlotName::Email => Expectation::Email,
        SlotName::PinCode => Expectation::Digits { len: Some(6) },
    }
}
