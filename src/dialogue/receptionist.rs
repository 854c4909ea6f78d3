//! The receptionist's state machine: what each state does with words, keys, silence and noise.

use jiff::Zoned;

use super::consult::{self, Consulting};
use super::intents::{self, Intent, Purpose};
use super::numbers;
use super::phrases::{Phrase, Phrases};
use super::reply::Reply;
use super::summary::{self, Facts};
use super::{Action, Ask, Input, SlotName, TransferFailure, slots, text, times};
use crate::domain::{AgentProfile, CallOutcome, CallSlots, E164};

/// Below this mean token probability a transcript is noise.
pub(super) const LEAST_CONFIDENCE: f32 = 0.15;

/// Turns after which the call is closed, whatever is going on.
const MOST_TURNS: u16 = 60;

/// Turns in a row that gave nothing, after which speech is given up and the keypad tried.
const MOST_FAILURES: u8 = 6;

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not answered yet.
    Idle,
    /// "How can I help you?"
    Open,
    /// A slot was asked for.
    Ask(SlotName),
    /// The number was asked for by keypad.
    Keypad,
    /// "Is that correct?"
    ReadBack,
    /// "What should I change?"
    Fix,
    /// The caller is being handed to this target of the profile.
    Transferring,
    Ended,
}

/// How often something went wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Turns of the caller, of any kind.
    pub turns: u16,
    /// Since the question was first asked.
    pub misses: u8,
    /// Silences in a row.
    pub silences: u8,
    /// Turns in a row that gave nothing, over all questions.
    pub failures: u8,
    /// "Sorry?" in a row.
    pub repeats: u8,
    /// Corrections of the read-back.
    pub rounds: u8,
}

/// Leads one call.
#[derive(Clone)]
pub struct Receptionist {
    pub(super) phrases: Phrases,
    pub(super) caller: Option<E164>,
    pub(super) slots: CallSlots,
    pub(super) state: State,
    pub(super) purpose: Option<Purpose>,
    pub(super) count: Counts,
    /// Slots that the caller would not or could not give.
    pub(super) skipped: Vec<SlotName>,
    /// The slot that is asked again because the read-back was wrong.
    pub(super) fixing: Option<SlotName>,
    /// Digits of a number that is not whole yet.
    pub(super) partial: String,
    /// A whole row of digits that is no mobile number; taken when it is said twice.
    pub(super) odd: Option<String>,
    /// What was said of the e-mail address: before the "at", and after it.
    pub(super) email_parts: (Option<String>, Option<String>),
    /// Speech is not understood at all: keypad only.
    pub(super) deaf: bool,
    pub(super) confirmed: bool,
    pub(super) wrong_number: bool,
    pub(super) asked_hours: bool,
    pub(super) asked_address: bool,
    /// Questions that the knowledge answered, in the caller's words.
    pub(super) asked_about: Vec<String>,
    /// The service that was asked about last: what an appointment is for, unless the caller says otherwise.
    pub(super) interest: Option<String>,
    /// The greeting was cut off before the notice was heard: it goes before the next line.
    notice_owed: bool,
    greeting_plays: bool,
    answered_at: Option<Zoned>,
    /// The time of the present step.
    pub(super) now: Option<Zoned>,
    /// A wanted time that the business is closed at, or that no calendar holds, was objected to: the next one is taken as said.
    pub(super) time_checked: bool,
    pub(super) last: Reply,
    /// Targets that were called, so that each is called once.
    pub(super) tried: Vec<usize>,
    /// What was being asked when the caller was to be handed over.
    pub(super) interrupted_at: State,
    /// The caller talks to a person, or has.
    pub(super) transferred: bool,
    /// Somebody is in danger, by what the caller said.
    pub(super) emergency: bool,
    /// What a language model is asked.
    pub(super) consulting: Consulting,
}

impl Receptionist {
    /// A receptionist for a new call; `caller` is the number the trunk gave, if it gave one.
    pub fn new(profile: AgentProfile, caller: Option<E164>) -> Self {
        Self {
            phrases: Phrases::new(profile),
            caller,
            slots: CallSlots::default(),
            state: State::Idle,
            purpose: None,
            count: Counts::default(),
            skipped: Vec::new(),
            fixing: None,
            partial: String::new(),
            odd: None,
            email_parts: (None, None),
            deaf: false,
            confirmed: false,
            wrong_number: false,
            asked_hours: false,
            asked_address: false,
            asked_about: Vec::new(),
            interest: None,
            notice_owed: false,
            greeting_plays: false,
            answered_at: None,
            now: None,
            time_checked: false,
            last: Reply::default(),
            tried: Vec::new(),
            interrupted_at: State::Open,
            transferred: false,
            emergency: false,
            consulting: Consulting::default(),
        }
    }

    /// Takes one input by the rules.
    pub(super) fn decide(&mut self, input: Input, now: &Zoned) -> Vec<Action> {
        let before = self.slots.clone();
        let recorded = self.phrases.profile().record_calls;
        self.nothing_unsure();
        match input {
            Input::HungUp => {
                self.state = State::Ended;
                return Vec::new();
            }
            _ if self.state == State::Ended => return vec![Action::End],
            Input::Interrupted { heard } => {
                self.interrupted(&heard);
                return Vec::new();
            }
            Input::TransferDone => {
                self.transferred = true;
                self.state = State::Ended;
                return Vec::new();
            }
            _ => {}
        }
        self.greeting_plays = false;
        self.now = Some(now.clone());
        let mut reply = match self.state {
            _ if matches!(input, Input::MustEnd) => self.close_long(),
            State::Idle => self.greet(now),
            _ => self.turn(input, now),
        };
        if self.count.turns > MOST_TURNS && !reply.ends {
            reply = self.close_long();
        }
        if std::mem::take(&mut self.notice_owed) && !reply.ends {
            reply.segments.insert(0, self.phrases.segment(self.phrases.notice()));
        }
        self.last = reply.clone();
        let mut actions = slots::changes(&before, &self.slots);
        if recorded && !self.phrases.profile().record_calls {
            actions.push(Action::StopRecording);
        }
        actions.extend(reply.into_actions());
        actions
    }

    /// What was taken down so far.
    pub fn slots(&self) -> &CallSlots {
        &self.slots
    }

    /// What the caller came away with so far.
    ///
    /// A purpose counts as taken when there is anything to act on: a slot, or the number the call comes from.
    pub fn outcome(&self) -> CallOutcome {
        let slots = &self.slots;
        let taken = slots.name.is_some() || slots.number.is_some() || slots.reason.is_some() || self.caller.is_some();
        match self.purpose {
            _ if self.transferred => CallOutcome::Transferred,
            _ if self.wrong_number => CallOutcome::WrongNumber,
            Some(Purpose::Message) if taken => CallOutcome::Message,
            Some(Purpose::Appointment) if taken => CallOutcome::Appointment,
            Some(Purpose::Urgent) if taken => CallOutcome::Urgent,
            _ if self.was_answered() => CallOutcome::Answered,
            _ => CallOutcome::Nothing,
        }
    }

    /// One or two sentences for the owner.
    pub fn summary(&self) -> String {
        summary::summary(&Facts {
            outcome: self.outcome(),
            purpose: self.purpose,
            slots: &self.slots,
            caller: self.caller.as_ref(),
            visit_word: &self.phrases.profile().visit_word,
            answered_at: self.answered_at.as_ref(),
            confirmed: self.confirmed,
            deaf: self.deaf,
            asked_hours: self.asked_hours,
            asked_address: self.asked_address,
            asked_about: &self.asked_about,
            talked_to: self.tried.last().filter(|_| self.transferred).and_then(|index| self.target_name(*index)),
        })
    }

    /// Whether the number is asked for by keypad, since speech gave none.
    pub fn asks_by_keypad(&self) -> bool {
        self.state == State::Keypad
    }

    fn greet(&mut self, now: &Zoned) -> Reply {
        self.state = State::Open;
        self.answered_at = Some(now.clone());
        self.greeting_plays = true;
        self.reply(&[Phrase::Greeting, self.phrases.notice(), Phrase::HowCanIHelp]).open()
    }

    /// The notice must be heard: a caller who spoke over it hears it before the next line.
    fn interrupted(&mut self, heard: &str) {
        let heard = text::plain(&text::words(heard));
        let notice = text::plain(&text::words(&self.phrases.text(self.phrases.notice())));
        self.notice_owed |= self.greeting_plays && !heard.contains(notice.trim_end());
    }

    fn turn(&mut self, input: Input, now: &Zoned) -> Reply {
        self.count.turns += 1;
        if self.state == State::Transferring {
            // Anything but a report means that the transfer is not going on: the caller must not be left waiting.
            let Input::TransferFailed { reason } = input else {
                return self.transfer_failed(TransferFailure::Failed, now);
            };
            return self.transfer_failed(reason, now);
        }
        match input {
            Input::Said { text, confidence, .. } if confidence < LEAST_CONFIDENCE || text::is_blank(&text) => {
                self.miss()
            }
            Input::Said { text, .. } => {
                self.count.silences = 0;
                self.deaf = false;
                self.said(&text, now)
            }
            Input::Digits(keys) => {
                self.count.silences = 0;
                let digits: String = keys.chars().filter(char::is_ascii_digit).take(24).collect();
                self.keys(&digits)
            }
            Input::NotUnderstood => self.miss(),
            Input::SttUnavailable => self.stt_down(),
            Input::NoInput => self.silence(),
            Input::HandOver { target } => self.hand_over_to(target),
            Input::Answered
            | Input::Interrupted { .. }
            | Input::TransferFailed { .. }
            | Input::TransferDone
            | Input::Understood(_)
            | Input::Unadvised
            | Input::MustEnd
            | Input::HungUp => self.again(),
        }
    }

    fn said(&mut self, said: &str, now: &Zoned) -> Reply {
        let intent = self.advised_intent().unwrap_or_else(|| intents::intent(said, self.phrases.profile()));
        if intent != Intent::Repeat {
            self.count.repeats = 0;
        }
        if intent != Intent::Emergency && intents::refuses_recording(said) {
            return self.stop_recording();
        }
        match self.state {
            State::Open => self.open(said, intent, now),
            State::Ask(SlotName::Number) | State::Keypad => self.number_said(said, intent, now),
            State::Ask(slot @ (SlotName::Email | SlotName::PinCode)) => self.address_said(slot, said, intent, now),
            State::Ask(slot) => self.slot_said(slot, said, intent, now),
            State::ReadBack => self.read_back_said(said, intent, now),
            State::Fix => self.fix_said(said, intent, now),
            State::Idle | State::Transferring | State::Ended => self.again(),
        }
    }

    fn open(&mut self, said: &str, intent: Intent, now: &Zoned) -> Reply {
        if let Some(reply) = self.aside(intent, said, now) {
            return reply;
        }
        let answered = self.was_answered();
        match intent {
            Intent::Appointment => self.begin(Purpose::Appointment, said, &[Phrase::TakeAppointment]),
            Intent::Message => self.begin(Purpose::Message, said, &[Phrase::TakeMessage]),
            Intent::ChangeAppointment => self.begin_whole(said, Phrase::TakeChange),
            Intent::Question => self.question_unknown(said),
            Intent::Thanks => self.close(),
            Intent::No if answered => self.close(),
            Intent::Yes => self.reply(&[Phrase::PleaseTellMe]).open(),
            Intent::Hello => self.reply(&[Phrase::Hello, Phrase::HowCanIHelp]).open(),
            _ => {
                if consult::says_something(said, intent, 2) {
                    self.unsure(Ask::Intent);
                }
                self.open_unclear(said)
            }
        }
    }

    /// A question that the knowledge does not answer by its words.
    fn question_unknown(&mut self, said: &str) -> Reply {
        if let Some(reply) = self.tell_advised(said) {
            return reply;
        }
        self.unsure(Ask::Answer);
        self.begin_whole(said, Phrase::TakeQuestion)
    }

    /// A turn without a known wish: a sentence is taken as a message, a name alone is kept.
    fn open_unclear(&mut self, said: &str) -> Reply {
        let before = self.slots.clone();
        self.take(said, Purpose::Message);
        let words = text::words(said).iter().filter(|w| !text::is_filler(&w.norm)).count();
        let reason = slots::reason_from_answer(said, Purpose::Message).filter(|_| words >= 3);
        if before.number != self.slots.number || reason.is_some() {
            self.purpose = Some(Purpose::Message);
            self.slots.reason = self.slots.reason.take().or(reason);
            return self.next(&[Phrase::TakeMessage]);
        }
        if before == self.slots {
            return self.miss();
        }
        self.understood();
        self.reply(&[Phrase::ThankYou, Phrase::HowCanIHelp]).open()
    }

    /// What may be asked at any time, and does not answer the question that stands.
    pub(super) fn aside(&mut self, intent: Intent, said: &str, now: &Zoned) -> Option<Reply> {
        if let Some(reply) = self.answer_known(intent, said) {
            return Some(reply);
        }
        match intent {
            Intent::Emergency | Intent::Person if self.may_hand_over(intent) && self.reachable(said, now).is_some() => {
                self.emergency |= intent == Intent::Emergency;
                let lead = if intent == Intent::Emergency { &[Phrase::EmergencyAdvice][..] } else { &[] };
                self.hand_over(lead, said, now)
            }
            Intent::Emergency if self.purpose != Some(Purpose::Urgent) => {
                Some(self.begin(Purpose::Urgent, said, &[Phrase::EmergencyAdvice, Phrase::EmergencyMessage]))
            }
            Intent::Person if matches!(self.purpose, None | Some(Purpose::Message)) => {
                Some(self.begin(Purpose::Urgent, said, &[Phrase::NoTransfer]))
            }
            Intent::Person => Some(self.answer_aside(&[Phrase::StillNoTransfer])),
            Intent::UrgentMessage if matches!(self.purpose, None | Some(Purpose::Message)) => {
                Some(self.begin(Purpose::Urgent, said, &[Phrase::TakeUrgent]))
            }
            Intent::WrongNumber => {
                self.wrong_number = true;
                Some(self.end(&[Phrase::CloseWrong]))
            }
            Intent::Repeat => Some(self.repeat()),
            Intent::Hold => Some(self.reply(&[Phrase::TakeYourTime]).expecting(self.last.expect)),
            Intent::WhoAreYou => Some(self.answer_aside(&[Phrase::WhoIAm])),
            Intent::Language => Some(self.answer_aside(&[Phrase::EnglishOnly])),
            Intent::Goodbye | Intent::NothingMore => Some(self.close()),
            Intent::Hours(when) => Some(self.answer_hours(when, said, now)),
            Intent::Address => Some(self.answer_address()),
            _ => None,
        }
    }

    /// Whether a question of the caller was answered.
    pub(super) fn was_answered(&self) -> bool {
        self.asked_hours || self.asked_address || !self.asked_about.is_empty()
    }

    fn begin(&mut self, purpose: Purpose, said: &str, lead: &[Phrase]) -> Reply {
        self.purpose = Some(purpose);
        self.take(said, purpose);
        if purpose == Purpose::Appointment && self.slots.reason.is_none() {
            self.slots.reason = self.interest.take();
        }
        self.next(lead)
    }

    /// Begins a message whose text is the whole sentence.
    fn begin_whole(&mut self, said: &str, lead: Phrase) -> Reply {
        self.purpose = Some(Purpose::Message);
        let whole = || times::lower_first(said.trim().trim_end_matches(['?', '.', '!']));
        self.slots.reason = slots::reason_from_answer(said, Purpose::Message).or_else(|| Some(whole()));
        self.take(said, Purpose::Message);
        self.next(&[lead])
    }

    /// Takes what a sentence holds for slots that are still empty.
    pub(super) fn take(&mut self, said: &str, purpose: Purpose) {
        let found = slots::found(said, purpose);
        let number = match found.number {
            numbers::NumberHeard::Complete(number) => Some(number),
            numbers::NumberHeard::CallerId => self.caller.clone(),
            _ => None,
        };
        let slots = &mut self.slots;
        slots.name = slots.name.take().or(found.name);
        slots.number = slots.number.take().or(number);
        slots.reason = slots.reason.take().or(found.reason);
        slots.preferred_time = slots.preferred_time.take().or(found.time);
        self.take_advised(purpose == Purpose::Appointment, None);
    }

    /// The turn gave something: the ladders begin anew.
    pub(super) fn understood(&mut self) {
        self.count.misses = 0;
        self.count.failures = 0;
        self.count.repeats = 0;
    }

    /// The turn gave nothing: climbs the ladder of the state.
    pub(super) fn miss(&mut self) -> Reply {
        self.count.misses += 1;
        self.count.failures += 1;
        if self.count.failures >= MOST_FAILURES {
            return self.give_up_hearing();
        }
        match (self.state, self.count.misses) {
            (State::Open, 1) => self.reply(&[Phrase::NotCaught, Phrase::HowCanIHelp]).open(),
            (State::Open, 2) => self.reply(&[Phrase::Sorry, Phrase::Menu]).open(),
            (State::Open, _) => self.give_up_hearing(),
            (State::Ask(slot), tries @ 1..=2) => self.ask_again(slot, tries),
            (State::Ask(SlotName::Number), _) => self.ask_keypad(Phrase::Sorry),
            (State::Ask(slot), _) => self.skip(slot),
            (State::Keypad, 1) => self.keypad_again(Phrase::KeypadAgain),
            (State::Keypad, _) => self.without_number(),
            (State::ReadBack, 1) => self.reply(&[Phrase::Sorry, Phrase::YesOrNo]).yes_no(),
            (State::ReadBack, 2) => self.reply(&[Phrase::OneOrTwo]).yes_no(),
            (State::Fix, 1) => self.reply(&[Phrase::Sorry, Phrase::WhatToChangeAgain]).open(),
            _ => self.close(),
        }
    }

    /// Nothing was said: first the question again, shorter; then an offer; then the call is closed.
    fn silence(&mut self) -> Reply {
        self.count.silences += 1;
        match (self.state, self.count.silences) {
            (_, 3..) => self.close_unheard(),
            (State::Open, 1) => self.reply(&[Phrase::AreYouThere, Phrase::HowCanIHelp]).open(),
            (State::Open, _) => self.reply(&[Phrase::Hello, Phrase::MenuShort]).open(),
            (State::Ask(slot), 1) => self.ask_short(slot),
            (State::Ask(SlotName::Number), _) => self.ask_keypad(Phrase::AreYouThere),
            (State::Ask(slot), _) => self.ask_again(slot, 2),
            (State::Keypad, 1) => self.keypad_again(Phrase::KeypadShort),
            (State::Keypad, _) => self.ask_keypad(Phrase::AreYouThere),
            (State::ReadBack, 1) => self.reply(&[Phrase::YesOrNo]).yes_no(),
            (State::ReadBack, _) => self.reply(&[Phrase::OneOrTwo]).yes_no(),
            (State::Fix, 1) => self.reply(&[Phrase::WhatToChangeAgain]).open(),
            (State::Fix, _) => self.reply(&[Phrase::AreYouThere, Phrase::WhatToChange]).open(),
            (State::Idle | State::Transferring | State::Ended, _) => self.close(),
        }
    }

    /// The caller does not want to be recorded; the question that stands follows.
    pub(super) fn stop_recording(&mut self) -> Reply {
        let told = if self.phrases.profile().record_calls { Phrase::NotRecorded } else { Phrase::NeverRecorded };
        self.phrases.stop_recording();
        self.answer_aside(&[told])
    }

    fn repeat(&mut self) -> Reply {
        self.count.repeats += 1;
        if self.count.repeats > 3 { self.miss() } else { self.last.clone() }
    }
}

#[cfg(test)]
#[path = "receptionist_tests.rs"]
mod tests;
