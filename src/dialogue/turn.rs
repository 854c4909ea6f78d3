//! What goes into the receptionist and what comes out of it, both fit for the event log.

use serde::{Deserialize, Serialize};

/// Something that happened in the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The call was answered: greet.
    Answered,
    /// The caller's turn, as recognised; `confidence` is 0 to 1 (the mean token probability). `alternatives` are other
    /// readings, the likeliest first: one is taken where it answers the question and the text does not.
    Said {
        text: String,
        confidence: f32,
        /// None in logs that were written before there were any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alternatives: Vec<String>,
    },
    /// Keys the caller pressed, as one entry: ended by hash, by a pause, or a single digit on its own.
    Digits(String),
    /// The caller said nothing for the no-input time.
    NoInput,
    /// The caller spoke, but recognition failed, timed out or gave nothing.
    NotUnderstood,
    /// The recogniser is down: go on by keypad.
    SttUnavailable,
    /// The caller spoke over the agent, who stopped; `heard` is the part of the line that was played. What the
    /// caller said follows as an input of its own.
    Interrupted { heard: String },
    /// The person whom the last [`Action::Transfer`] named was not to be had; the caller is back.
    TransferFailed { reason: TransferFailure },
    /// The caller was handed to the person: nothing more is said here.
    TransferDone,
    /// The language model's answer to the last [`Action::Consult`]; checked before anything of it counts.
    Understood(Understanding),
    /// The language model gave no answer in time: on without it.
    Unadvised,
    /// Somebody of the business who follows the call wants the caller handed to this target, by its place in the profile.
    HandOver { target: usize },
    /// The call has to end now, for a reason of ours: the caller is told good-bye.
    MustEnd,
    /// The caller is gone.
    HungUp,
}

impl Input {
    /// The caller's turn in the only reading there is.
    pub fn said(text: impl Into<String>, confidence: f32) -> Self {
        Self::Said { text: text.into(), confidence, alternatives: Vec::new() }
    }
}

/// What a language model is asked about the words that the caller just said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// What the caller wants.
    Intent,
    /// What the answer to the question for this slot holds.
    Slot(SlotName),
    /// Which facts of the business answer the caller's question.
    Answer,
}

/// What a language model may make of a caller's words; it is asked for parts of this.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Understanding {
    pub intent: Option<Wish>,
    pub name: Option<String>,
    pub number: Option<String>,
    pub reason: Option<String>,
    pub time: Option<String>,
    /// Facts by their number in the request, from 1 on.
    pub facts: Vec<u16>,
    /// These facts in other words.
    pub answer: Option<String>,
}

/// The intents that a language model may choose among. None of them ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Appointment,
    ChangeAppointment,
    Message,
    Question,
    Hours,
    Address,
    Person,
    Emergency,
    Unclear,
}

impl Wish {
    /// Every intent.
    pub const ALL: [Self; 9] = [
        Self::Appointment,
        Self::ChangeAppointment,
        Self::Message,
        Self::Question,
        Self::Hours,
        Self::Address,
        Self::Person,
        Self::Emergency,
        Self::Unclear,
    ];
}

/// Why a person could not take the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferFailure {
    NoAnswer,
    Busy,
    /// Declined, or hung up before taking the call.
    Refused,
    /// The call could not be placed.
    Failed,
}

/// What the agent does next. A step gives at most one `Say`; `Expect`, `Transfer` or `End` follows it. `Consult` comes alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Play this line.
    Say(Line),
    /// After the line, listen for this.
    Expect(Expectation),
    /// A slot was taken or changed (`None`: taken back); for the event log.
    Slot { slot: SlotName, value: Option<String> },
    /// Hand the caller to this target of the profile; `summary` is what the person hears first. The line of the same
    /// step is played meanwhile. [`Input::TransferDone`], `TransferFailed` or `HungUp` follows.
    Transfer { target: usize, summary: String },
    /// Ask the language model what [`Receptionist::consultation`](super::Receptionist::consultation) says;
    /// [`Input::Understood`] or [`Input::Unadvised`] follows, soon: the caller waits for the answer.
    Consult(Ask),
    /// Stop recording the call and remove what there is: the caller does not want it.
    StopRecording,
    /// Hang up, once the line of the same step was played.
    End,
}

/// One slot of the call record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotName {
    Name,
    Number,
    Reason,
    PreferredTime,
    /// Only where the profile asks for it.
    Email,
    /// Only where the profile asks for it.
    PinCode,
}

/// What the agent says in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// In order. The first one is always fixed, so that sound can start from the cache while the rest is made.
    pub segments: Vec<Segment>,
    /// Whether the caller may stop it by speaking.
    pub interruptible: bool,
}

impl Line {
    /// The whole text.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.segments.iter().map(|s| s.text.as_str()).collect();
        texts.join(" ")
    }
}

/// A piece of a line that is synthesised as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub text: String,
    /// Whether the text is one of [`Receptionist::fixed_lines`](super::Receptionist::fixed_lines), synthesised ahead.
    pub fixed: bool,
    /// The fixed text that stands in for it when it cannot be spoken in time; `None` when nothing can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// What kind of answer the agent waits for: how long a pause ends the turn, and what recognition is biased to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// Anything.
    Open,
    /// A yes or a no; keys 1 and 2 mean the same.
    YesNo,
    /// Digits, dictated (so pauses are longer) or typed. `len` is the usual count, not a limit: a typed entry may
    /// be ended early only when it has that many digits and does not begin with 0.
    Digits { len: Option<u8> },
    /// A person's name.
    Name,
    /// A name letter by letter.
    Spelling,
    /// An e-mail address, dictated.
    Email,
    /// A day or time.
    Time,
    /// Nothing: the call is being closed.
    None,
}
