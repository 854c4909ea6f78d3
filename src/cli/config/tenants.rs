//! `[[tenants]]`: the businesses that are answered for, as an operator writes them down.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Table;

use super::load::{self, ConfigError, Origin};
use super::trunks::{Entry, entries};
use crate::domain::billing::Plan;
use crate::domain::{
    Ask, DayHours, DialString, E164, Faq, Holiday, Knowledge, NoticeSettings, Retention, Service, SpeechChoice,
    TransferKind, TransferTarget, Transfers, TurnSettings, WeeklyHours,
};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A business as an operator writes it down.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEntry {
    /// Unique; the tenant is found again by it at the next start.
    pub name: String,
    /// Calls at once.
    #[serde(default = "few_calls")]
    pub max_calls: u32,
    pub dids: Vec<E164>,
    /// As spoken; `name` when absent.
    pub business_name: Option<String>,
    #[serde(default = "appointment")]
    pub visit_word: String,
    pub greeting: Option<String>,
    #[serde(default = "yes")]
    pub record_calls: bool,
    /// As spoken; callers who ask for one that is absent are offered to leave a message.
    #[serde(default)]
    pub address: String,
    pub landmark: Option<String>,
    #[serde(default = "india")]
    pub time_zone: String,
    /// `mon = "10:00-13:00, 16:00-20:00"` and so on; a day that is not named is closed. Absent: not known, and the
    /// receptionist says so.
    #[serde(default, deserialize_with = "hours")]
    pub hours: WeeklyHours,
    /// Engines by name, in the order in which they are tried: `{ stt = ["groq"], tts = ["openai"], voice = "nova" }`.
    pub speech: Option<SpeechChoice>,
    /// What callers are asked for besides the usual: `["email", "pin_code"]`, in this order.
    pub ask: Option<Vec<Ask>>,
    /// Keys of `[retention]` that are other for this tenant: `{ recordings_days = 30 }`.
    pub retention: Option<Retention>,
    /// What the tenant pays, what it covers, and ceilings on what a month may cost; see docs/billing.md.
    pub plan: Option<Plan>,
    /// Keys of `[turns]` that are other for this tenant.
    #[serde(default)]
    turns: Table,
    /// People whom a caller may be handed to, in the order in which they are tried.
    transfers: Option<Vec<Person>>,
    /// Whether numbers outside of India may stand among them.
    #[serde(default)]
    allow_foreign_transfers: bool,
    services: Option<Vec<Service>>,
    faqs: Option<Vec<Faq>>,
    holidays: Option<Vec<ClosedDay>>,
    /// How the tenant is told of its calls; absent: as the database has it.
    pub notices: Option<NoticeSettings>,
}

/// A transfer target with its hours in words of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    number: DialString,
    /// Absent: always.
    #[serde(default, deserialize_with = "some_hours")]
    hours: Option<WeeklyHours>,
    #[serde(default)]
    kind: TransferKind,
}

/// A holiday: `date = "2026-11-08"`, with `hours = "10:00-13:00"` when not closed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedDay {
    date: Date,
    name: Option<String>,
    #[serde(default, deserialize_with = "openings")]
    hours: Vec<DayHours>,
}

impl TenantEntry {
    /// Turn-taking of the tenant: its own values over those of `[turns]`.
    ///
    /// # Errors
    /// The unknown key or the value that does not fit.
    pub fn turns(&self, general: &TurnSettings) -> Result<TurnSettings, String> {
        let mut merged = Table::try_from(general).map_err(|error| error.to_string())?;
        merged.extend(self.turns.clone());
        merged.try_into().map_err(|error: toml::de::Error| load::one_line(error.message()))
    }

    /// Whom a caller may be handed to; `None` when the file does not say.
    pub fn transfers(&self) -> Option<Transfers> {
        let target = |person: &Person| {
            let Person { name, number, hours, kind } = person.clone();
            TransferTarget { name, number, hours, kind }
        };
        let targets = self.transfers.as_ref()?.iter().map(target).collect();
        Some(Transfers { targets, allow_foreign: self.allow_foreign_transfers })
    }

    /// What the receptionist may tell; a list that the file does not have stays as it is in `known`.
    pub fn knowledge(&self, known: Knowledge) -> Knowledge {
        let holiday = |day: &ClosedDay| Holiday { date: day.date, name: day.name.clone(), hours: day.hours.clone() };
        let holidays = self.holidays.as_ref().map(|days| days.iter().map(holiday).collect());
        Knowledge {
            services: self.services.clone().unwrap_or(known.services),
            faqs: self.faqs.clone().unwrap_or(known.faqs),
            holidays: holidays.unwrap_or(known.holidays),
        }
    }
}

fn few_calls() -> u32 {
    5
}

fn appointment() -> String {
    "appointment".to_owned()
}

fn yes() -> bool {
    true
}

fn india() -> String {
    "Asia/Kolkata".to_owned()
}

fn hours<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<WeeklyHours, D::Error> {
    use serde::de::Error as _;
    let days = BTreeMap::<String, String>::deserialize(deserializer)?;
    let mut week = WeeklyHours::default();
    for (day, text) in days {
        let at = WEEKDAYS.iter().position(|known| *known == day);
        let at = at.ok_or_else(|| D::Error::custom(format!("`{day}` is no day; write mon, tue, … sun")))?;
        week.0[at] = read_openings(&text).map_err(D::Error::custom)?;
    }
    Ok(week)
}

fn some_hours<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<WeeklyHours>, D::Error> {
    hours(deserializer).map(Some)
}

fn openings<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<DayHours>, D::Error> {
    read_openings(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// "10:00-13:00, 16:00-20:00".
fn read_openings(text: &str) -> Result<Vec<DayHours>, String> {
    let parts = text.split(',').map(str::trim).filter(|opening| !opening.is_empty());
    parts.map(|part| parse_opening(part).ok_or_else(|| format!("`{part}` is not like 10:00-19:00"))).collect()
}

fn parse_opening(text: &str) -> Option<DayHours> {
    let minutes = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 24 && minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
    };
    let (opens, closes) = text.split_once('-')?;
    let hours = DayHours { opens_min: minutes(opens)?, closes_min: minutes(closes)? };
    (hours.opens_min < hours.closes_min).then_some(hours)
}

/// Takes the tenants out of the file's table.
pub(super) fn tenants(table: &mut Table, origins: &BTreeMap<String, Origin>) -> Result<Vec<TenantEntry>, ConfigError> {
    let known = load::fields_of::<TenantEntry>();
    let read = |entry: Entry| {
        if let Some(key) = entry.keys.keys().find(|key| !known.contains(&key.as_str())) {
            let mend = load::nearest_word(known.iter().copied(), key);
            let mend = mend
                .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            return Err(ConfigError::UnknownKey { origin: entry.origin(key), key: load::one_line(key), mend });
        }
        let mend = "docs/configuration.md shows a whole tenant";
        let fault = |error: toml::de::Error| entry.fault("tenants", error.message(), mend);
        let tenant: TenantEntry = entry.keys.clone().try_into().map_err(fault)?;
        tenant
            .turns(&TurnSettings::default())
            .map_err(|error| entry.fault("turns", error, "write keys of [turns] as they stand there"))?;
        if let Some(error) = tenant.plan.as_ref().and_then(|plan| plan.check().err()) {
            return Err(entry.fault("plan", error.to_string(), "docs/billing.md shows one"));
        }
        if let Some(error) = tenant.transfers().and_then(|transfers| transfers.check().err()) {
            return Err(entry.fault("transfers", error.to_string(), mend));
        }
        if let Err(error) = tenant.knowledge(Knowledge::default()).check() {
            return Err(entry.fault("services, faqs or holidays", error.to_string(), mend));
        }
        Ok(tenant)
    };
    entries("tenants", table, origins)?.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;

    #[test]
    fn opening_hours_are_times_of_one_day() {
        assert_eq!(parse_opening("09:30-24:00"), Some(DayHours { opens_min: 570, closes_min: 1_440 }));
        for bad in ["", "10-19", "19:00-10:00", "10:60-11:00", "10:00-24:01", "99999:00-1:00"] {
            assert_eq!(parse_opening(bad), None, "{bad}");
        }
    }

    const CLINIC: &str = "[[tenants]]\nname = \"Clinic\"\ndids = [\"+918047180000\"]\n";

    fn read(more: &str) -> Result<TenantEntry, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vca.toml");
        std::fs::write(&path, format!("{CLINIC}{more}")).unwrap();
        Config::load(Some(&path), []).map(|mut config| config.tenants.remove(0)).map_err(|error| error.to_string())
    }

    #[test]
    fn people_and_knowledge_are_written_with_the_tenant() {
        let tenant = read(
            "[[tenants.transfers]]\nname = \"Dr Sharma\"\nnumber = \"98450 12345\"\nhours = { mon = \"10:00-13:00\" }\n\
             [[tenants.transfers]]\nname = \"the desk\"\nnumber = \"080 4718 0000\"\nkind = \"blind\"\n\
             [[tenants.services]]\nname = \"teeth cleaning\"\nprice = 800\n\
             [[tenants.faqs]]\nquestion = \"Is there parking?\"\nanswer = \"Yes.\"\n\
             [[tenants.holidays]]\ndate = \"2026-11-08\"\nname = \"Diwali\"\n\
             [[tenants.holidays]]\ndate = \"2026-12-31\"\nhours = \"10:00-13:00\"\n",
        )
        .unwrap();
        let transfers = tenant.transfers().unwrap();
        let people: Vec<_> = transfers.targets.iter().map(|target| (target.name.as_str(), target.kind)).collect();
        assert_eq!(people, [("Dr Sharma", TransferKind::Warm), ("the desk", TransferKind::Blind)]);
        assert_eq!(transfers.targets[0].hours.as_ref().unwrap().0[0].len(), 1);
        let known = tenant.knowledge(Knowledge::default());
        assert_eq!((known.services.len(), known.faqs.len(), known.holidays.len()), (1, 1, 2));
        assert_eq!(known.holidays[1].hours, [DayHours { opens_min: 600, closes_min: 780 }]);
        let silent = read("").unwrap();
        assert_eq!((silent.transfers(), silent.knowledge(known.clone())), (None, known), "what is not said stays");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_line() {
        for (more, expected) in [
            ("[[tenants.transfers]]\nname = \"A\"\nnumber = \"+14155550100\"\n", "outside of India"),
            ("[[tenants.transfers]]\nname = \"A\"\nnumber = \"98450 12345\"\nhour = {}\n", "hour"),
            ("[[tenants.services]]\nname = \"A\"\nprice = { from = 9, to = 8 }\n", "from 9 down to 8"),
            ("[[tenants.faqs]]\nquestion = \"Q?\"\n", "answer"),
            ("[[tenants.holidays]]\ndate = \"Diwali\"\n", "expected 0-9"),
        ] {
            let error = read(more).unwrap_err();
            assert!(error.contains("vca.toml:") && error.contains(expected), "{expected}\n{error}");
        }
        let allowed =
            "allow_foreign_transfers = true\n[[tenants.transfers]]\nname = \"A\"\nnumber = \"+14155550100\"\n";
        assert!(read(allowed).unwrap().transfers().unwrap().allow_foreign);
    }
}
