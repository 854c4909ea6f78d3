//! A receptionist as the API reads and writes it.

use garde::Validate;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::{
    AgentProfile, Ask, DayHours, DialString, Faq, Holiday, Knowledge, MOST_FAQS, MOST_SERVICES, MOST_TARGETS, Price,
    PriceRange, ProfileId, Service, SpeechChoice, TransferKind, TransferTarget, Transfers, TurnSettings, WeeklyHours,
};

/// Days with hours of their own that one profile may hold.
const MOST_HOLIDAYS: usize = 200;
/// Openings of one day.
const MOST_OPENINGS: usize = 6;
/// Other words for one service or question.
const MOST_ALSO: usize = 20;

/// One receptionist: what callers hear, the facts it may tell, and how it takes turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Profile {
    /// As spoken: "Sharma Dental Clinic".
    #[garde(custom(spoken::<120>))]
    #[schema(min_length = 1, max_length = 120)]
    pub business_name: String,
    /// What visitors come for, for the questions: "appointment", "booking", "service".
    #[serde(default = "appointment")]
    #[garde(custom(spoken::<40>))]
    #[schema(min_length = 1, max_length = 40)]
    pub visit_word: String,
    /// Replaces the standard greeting; the AI and recording notice is spoken in any case.
    #[serde(default)]
    #[garde(custom(maybe_spoken::<500>))]
    #[schema(max_length = 500)]
    pub greeting: Option<String>,
    /// Whether calls are recorded, and so whether callers are told that they may be.
    #[serde(default = "yes")]
    #[garde(skip)]
    pub record_calls: bool,
    /// When the business is open; days that are absent are closed.
    #[serde(default)]
    #[garde(dive)]
    pub hours: Hours,
    /// Days on which other hours hold; each day once.
    #[serde(default)]
    #[garde(dive, custom(check_holidays))]
    #[schema(max_items = 200)]
    pub holidays: Vec<HolidayDay>,
    /// As spoken: "12, M G Road, Bengaluru"; empty: callers who ask are offered to leave a message.
    #[serde(default)]
    #[garde(custom(line::<300>))]
    #[schema(max_length = 300)]
    pub address: String,
    /// As spoken: "opposite the metro station".
    #[serde(default)]
    #[garde(custom(maybe_spoken::<200>))]
    #[schema(max_length = 200)]
    pub landmark: Option<String>,
    /// IANA time zone of the business.
    #[serde(default = "kolkata")]
    #[garde(custom(check_time_zone))]
    pub time_zone: String,
    /// What callers are asked for besides name, number, matter and time, in this order.
    #[serde(default)]
    #[garde(custom(asked_once))]
    #[schema(max_items = 2)]
    pub ask: Vec<Ask>,
    /// What it may tell beside hours and address.
    #[serde(default)]
    #[garde(dive)]
    pub knowledge: Facts,
    /// Whom a caller may be handed to.
    #[serde(default)]
    #[garde(dive, custom(only_india))]
    pub transfers: TransferList,
    /// Whether only callers in an emergency are handed to a person.
    #[serde(default)]
    #[garde(skip)]
    pub emergency_transfers_only: bool,
    /// How it takes turns; what is absent is as this version has it by default.
    #[serde(default)]
    #[garde(custom(check_turns))]
    pub turns: TurnSettings,
    /// Engines, by the names that the node's configuration gives them.
    #[serde(default)]
    #[garde(skip)]
    pub speech: SpeechChoice,
}

/// Opening hours by weekday.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api) struct Hours {
    #[garde(custom(openings))]
    pub mon: Vec<Opening>,
    #[garde(custom(openings))]
    pub tue: Vec<Opening>,
    #[garde(custom(openings))]
    pub wed: Vec<Opening>,
    #[garde(custom(openings))]
    pub thu: Vec<Opening>,
    #[garde(custom(openings))]
    pub fri: Vec<Opening>,
    #[garde(custom(openings))]
    pub sat: Vec<Opening>,
    #[garde(custom(openings))]
    pub sun: Vec<Opening>,
}

/// One opening of a day in local time, written `10:00-19:00`; the last one may end at `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Opening(DayHours);

/// A day on which the weekly hours do not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct HolidayDay {
    #[garde(skip)]
    pub date: Date,
    /// As spoken after "for": "Diwali".
    #[serde(default)]
    #[garde(custom(maybe_spoken::<80>))]
    #[schema(max_length = 80)]
    pub name: Option<String>,
    /// The openings of that day; none: closed.
    #[serde(default)]
    #[garde(custom(openings))]
    #[schema(max_items = 6)]
    pub hours: Vec<Opening>,
}

/// Services with prices, and answers to common questions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api) struct Facts {
    #[garde(dive, length(max = MOST_SERVICES))]
    #[schema(max_items = 200)]
    pub services: Vec<Offer>,
    #[garde(dive, length(max = MOST_FAQS))]
    #[schema(max_items = 200)]
    pub faqs: Vec<Question>,
}

/// Something that customers come for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Offer {
    /// As spoken after "the price of": "root canal treatment".
    #[garde(custom(spoken::<80>))]
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// Other words for it: "RCT".
    #[serde(default)]
    #[garde(custom(check_also))]
    #[schema(max_items = 20)]
    pub also: Vec<String>,
    /// Absent: the price is not told.
    #[serde(default)]
    #[garde(custom(check_price))]
    pub price: Option<Rupees>,
    /// How long it takes.
    #[serde(default)]
    #[garde(custom(check_minutes))]
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<u16>,
}

/// A price in rupees: `{"exactly": 800}`, `{"from": 3500}`, or `{"from": 3500, "to": 6000}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api) struct Rupees {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exactly: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// A question that callers ask, and what to say to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Question {
    /// "Do you accept credit cards?"
    #[garde(custom(spoken::<200>))]
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// The same question in other words.
    #[serde(default)]
    #[garde(custom(check_also))]
    #[schema(max_items = 20)]
    pub also: Vec<String>,
    /// As spoken, whole sentences.
    #[garde(custom(spoken::<500>))]
    #[schema(min_length = 1, max_length = 500)]
    pub answer: String,
}

/// The people a caller may be handed to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api) struct TransferList {
    /// In the order in which they are tried; one the caller asks for by name comes first.
    #[garde(dive, length(max = MOST_TARGETS))]
    #[schema(max_items = 20)]
    pub targets: Vec<Target>,
    /// Whether numbers outside of India are called.
    #[garde(skip)]
    pub allow_foreign: bool,
}

/// A person or desk that can be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Target {
    /// As spoken after "connect you to": "Dr Sharma".
    #[garde(custom(spoken::<80>))]
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// A telephone number, as people write it.
    #[garde(custom(telephone))]
    pub number: DialString,
    /// When it may be called, in the business's time zone; absent: always.
    #[serde(default)]
    #[garde(dive)]
    pub hours: Option<Hours>,
    #[serde(default)]
    #[garde(skip)]
    pub kind: TransferKind,
}

fn appointment() -> String {
    "appointment".to_owned()
}

fn kolkata() -> String {
    "Asia/Kolkata".to_owned()
}

fn yes() -> bool {
    true
}

fn wrong(message: impl Into<String>) -> garde::Result {
    Err(garde::Error::new(message.into()))
}

/// One line of text, perhaps an empty one.
fn line<const MAX: usize>(text: &str, _: &()) -> garde::Result {
    if text.chars().any(char::is_control) {
        return wrong("must be one line of text");
    }
    if text.chars().count() > MAX { wrong(format!("is longer than {MAX} characters")) } else { Ok(()) }
}

/// One line that can be said: there is a letter or a digit in it.
fn spoken<const MAX: usize>(text: &str, context: &()) -> garde::Result {
    if text.trim().is_empty() {
        return wrong("must not be empty");
    }
    if !text.chars().any(char::is_alphanumeric) {
        return wrong("has nothing that can be spoken");
    }
    line::<MAX>(text, context)
}

fn maybe_spoken<const MAX: usize>(text: &Option<String>, context: &()) -> garde::Result {
    text.as_deref().map_or(Ok(()), |text| spoken::<MAX>(text, context))
}

fn check_also(words: &[String], context: &()) -> garde::Result {
    if words.len() > MOST_ALSO {
        return wrong(format!("has more than {MOST_ALSO} entries"));
    }
    words.iter().try_for_each(|word| spoken::<200>(word, context))
}

fn check_time_zone(name: &str, _: &()) -> garde::Result {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => wrong("is no time zone; write one like Asia/Kolkata"),
    }
}

fn asked_once(ask: &[Ask], _: &()) -> garde::Result {
    let twice = ask.iter().enumerate().any(|(n, asked)| ask[..n].contains(asked));
    if twice { wrong("asks for the same twice") } else { Ok(()) }
}

fn openings(openings: &[Opening], _: &()) -> garde::Result {
    if openings.len() > MOST_OPENINGS {
        return wrong(format!("has more than {MOST_OPENINGS} openings"));
    }
    let overlap = openings.windows(2).any(|pair| pair[1].0.opens_min < pair[0].0.closes_min);
    if overlap { wrong("has openings that overlap, or are not in their order") } else { Ok(()) }
}

fn check_holidays(days: &[HolidayDay], _: &()) -> garde::Result {
    if days.len() > MOST_HOLIDAYS {
        return wrong(format!("has more than {MOST_HOLIDAYS} days"));
    }
    let twice = days.iter().enumerate().find(|(n, day)| days[..*n].iter().any(|earlier| earlier.date == day.date));
    twice.map_or(Ok(()), |(_, day)| wrong(format!("has {} twice", day.date)))
}

fn check_price(price: &Option<Rupees>, _: &()) -> garde::Result {
    match price.as_ref().map(|price| (price.exactly, price.from, price.to)) {
        None | Some((Some(_), None, None) | (None, Some(_), None)) => Ok(()),
        Some((None, Some(from), Some(to))) if from <= to => Ok(()),
        Some((None, Some(_), Some(_))) => wrong("ends below where it begins"),
        Some(_) => wrong("is either `exactly`, or `from` with or without `to`"),
    }
}

fn check_minutes(minutes: &Option<u16>, _: &()) -> garde::Result {
    let fits = minutes.is_none_or(|minutes| (1..=1_440).contains(&minutes));
    if fits { Ok(()) } else { wrong("is from 1 to 1440 minutes") }
}

/// SIP addresses of this machine are for the configuration file: a tenant must not have the node call itself.
fn telephone(number: &DialString, _: &()) -> garde::Result {
    match number {
        DialString::Number(_) => Ok(()),
        DialString::Sip(_) => wrong("is no telephone number"),
    }
}

fn only_india(transfers: &TransferList, _: &()) -> garde::Result {
    let foreign = |target: &&Target| matches!(&target.number, DialString::Number(n) if n.indian_national().is_none());
    match transfers.targets.iter().find(foreign).filter(|_| !transfers.allow_foreign) {
        Some(target) => wrong(format!("`{}` is outside of India; set allow_foreign to call it", target.name)),
        None => Ok(()),
    }
}

fn check_turns(turns: &TurnSettings, _: &()) -> garde::Result {
    let times = [
        ("speculate_ms", turns.speculate_ms, 50..=2_000),
        ("end_of_turn_ms", turns.end_of_turn_ms, 100..=5_000),
        ("likely_end_ms", turns.likely_end_ms, 100..=5_000),
        ("doubtful_end_ms", turns.doubtful_end_ms, 100..=5_000),
        ("unfinished_end_ms", turns.unfinished_end_ms, 100..=5_000),
        ("likely_percent", turns.likely_percent, 0..=100),
        ("doubtful_percent", turns.doubtful_percent, 0..=100),
        ("dictation_end_ms", turns.dictation_end_ms, 100..=5_000),
        ("barge_in_ms", turns.barge_in_ms, 60..=2_000),
        ("no_input_ms", turns.no_input_ms, 1_000..=60_000),
        ("watchdog_ms", turns.watchdog_ms, 500..=5_000),
        ("llm_ms", turns.llm_ms, 100..=5_000),
        ("max_utterance_ms", turns.max_utterance_ms, 5_000..=120_000),
    ];
    if let Some((name, value, range)) = times.into_iter().find(|(_, value, range)| !range.contains(value)) {
        return wrong(format!("{name} is {value}, and must be from {} to {}", range.start(), range.end()));
    }
    if turns.doubtful_percent > turns.likely_percent {
        return wrong("doubtful_percent is above likely_percent");
    }
    check_also(&turns.backchannels, &())
}

impl Opening {
    fn parse(text: &str) -> Option<Self> {
        let (opens, closes) = text.split_once('-')?;
        let (opens_min, closes_min) = (minute(opens)?, minute(closes)?);
        (opens_min < closes_min).then_some(Self(DayHours { opens_min, closes_min }))
    }
}

/// Minutes after midnight of `09:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number =
        |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?;
    let (hour, minute): (u16, u16) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
}

impl Serialize for Opening {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let DayHours { opens_min: opens, closes_min: closes } = self.0;
        serializer.collect_str(&format_args!(
            "{:02}:{:02}-{:02}:{:02}",
            opens / 60,
            opens % 60,
            closes / 60,
            closes % 60
        ))
    }
}

impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let message = "an opening is written like 10:00-19:00 and ends on the same day, at 24:00 at the latest";
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(message))
    }
}

impl utoipa::PartialSchema for Opening {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("local times of one day, the later one last; the day ends at 24:00"))
            .pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))
            .examples(["10:00-19:00"])
            .into()
    }
}

impl ToSchema for Opening {}

impl From<&WeeklyHours> for Hours {
    fn from(hours: &WeeklyHours) -> Self {
        let [mon, tue, wed, thu, fri, sat, sun] =
            hours.0.each_ref().map(|day| day.iter().copied().map(Opening).collect());
        Self { mon, tue, wed, thu, fri, sat, sun }
    }
}

impl From<Hours> for WeeklyHours {
    fn from(Hours { mon, tue, wed, thu, fri, sat, sun }: Hours) -> Self {
        Self([mon, tue, wed, thu, fri, sat, sun].map(|day| day.into_iter().map(|Opening(hours)| hours).collect()))
    }
}

impl From<Price> for Rupees {
    fn from(price: Price) -> Self {
        match price {
            Price::Fixed(exactly) => Self { exactly: Some(exactly), ..Self::default() },
            Price::Range(PriceRange { from, to }) => Self { from: Some(from), to, ..Self::default() },
        }
    }
}

impl Rupees {
    fn price(self) -> Price {
        match self {
            Self { exactly: Some(exactly), .. } => Price::Fixed(exactly),
            Self { from, to, .. } => Price::Range(PriceRange { from: from.unwrap_or(0), to }),
        }
    }
}

impl From<&Holiday> for HolidayDay {
    fn from(day: &Holiday) -> Self {
        Self { date: day.date, name: day.name.clone(), hours: day.hours.iter().copied().map(Opening).collect() }
    }
}

impl From<HolidayDay> for Holiday {
    fn from(day: HolidayDay) -> Self {
        Self { date: day.date, name: day.name, hours: day.hours.into_iter().map(|Opening(hours)| hours).collect() }
    }
}

impl Facts {
    pub(super) fn of(knowledge: &Knowledge) -> Self {
        let offer = |service: &Service| Offer {
            name: service.name.clone(),
            also: service.also.clone(),
            price: service.price.map(Rupees::from),
            minutes: service.minutes,
        };
        let question =
            |faq: &Faq| Question { question: faq.question.clone(), also: faq.also.clone(), answer: faq.answer.clone() };
        Self {
            services: knowledge.services.iter().map(offer).collect(),
            faqs: knowledge.faqs.iter().map(question).collect(),
        }
    }

    fn knowledge(self, holidays: Vec<HolidayDay>) -> Knowledge {
        let service = |offer: Offer| Service {
            name: offer.name,
            also: offer.also,
            price: offer.price.map(Rupees::price),
            minutes: offer.minutes,
        };
        let faq =
            |question: Question| Faq { question: question.question, also: question.also, answer: question.answer };
        Knowledge {
            services: self.services.into_iter().map(service).collect(),
            faqs: self.faqs.into_iter().map(faq).collect(),
            holidays: holidays.into_iter().map(Holiday::from).collect(),
        }
    }
}

impl TransferList {
    fn of(transfers: &Transfers) -> Self {
        let target = |target: &TransferTarget| Target {
            name: target.name.clone(),
            number: target.number.clone(),
            hours: target.hours.as_ref().map(Hours::from),
            kind: target.kind,
        };
        Self { targets: transfers.targets.iter().map(target).collect(), allow_foreign: transfers.allow_foreign }
    }

    fn transfers(self) -> Transfers {
        let target = |target: Target| TransferTarget {
            name: target.name,
            number: target.number,
            hours: target.hours.map(WeeklyHours::from),
            kind: target.kind,
        };
        Transfers { targets: self.targets.into_iter().map(target).collect(), allow_foreign: self.allow_foreign }
    }
}

impl From<&AgentProfile> for Profile {
    fn from(profile: &AgentProfile) -> Self {
        Self {
            business_name: profile.business_name.clone(),
            visit_word: profile.visit_word.clone(),
            greeting: profile.greeting.clone(),
            record_calls: profile.record_calls,
            hours: Hours::from(&profile.hours),
            holidays: profile.knowledge.holidays.iter().map(HolidayDay::from).collect(),
            address: profile.address.clone(),
            landmark: profile.landmark.clone(),
            time_zone: profile.time_zone.clone(),
            ask: profile.ask.clone(),
            knowledge: Facts::of(&profile.knowledge),
            transfers: TransferList::of(&profile.transfers),
            emergency_transfers_only: profile.emergency_transfers_only,
            turns: profile.turns.clone(),
            speech: profile.speech.clone(),
        }
    }
}

impl Profile {
    /// The least that is a receptionist: what is not said is not told.
    pub(in crate::api) fn named(business_name: &str) -> Self {
        Self {
            business_name: business_name.to_owned(),
            visit_word: appointment(),
            greeting: None,
            record_calls: true,
            hours: Hours::default(),
            holidays: Vec::new(),
            address: String::new(),
            landmark: None,
            time_zone: kolkata(),
            ask: Vec::new(),
            knowledge: Facts::default(),
            transfers: TransferList::default(),
            emergency_transfers_only: false,
            turns: TurnSettings::default(),
            speech: SpeechChoice::default(),
        }
    }

    /// The profile that is kept, under this identifier and in this voice.
    pub(in crate::api) fn profile(self, id: ProfileId, voice: String) -> AgentProfile {
        AgentProfile {
            id,
            business_name: self.business_name,
            visit_word: self.visit_word,
            greeting: self.greeting,
            record_calls: self.record_calls,
            hours: self.hours.into(),
            address: self.address,
            landmark: self.landmark,
            time_zone: self.time_zone,
            voice,
            turns: self.turns,
            speech: self.speech,
            transfers: self.transfers.transfers(),
            emergency_transfers_only: self.emergency_transfers_only,
            ask: self.ask,
            knowledge: self.knowledge.knowledge(self.holidays),
        }
    }
}

#[cfg(test)]
mod tests;
