//! What a business lets its receptionist tell: services with prices, answers to common questions, holidays.

use jiff::civil::Date;

use super::DayHours;

/// Services that one profile may hold; each is a few sentences to synthesise ahead.
pub const MOST_SERVICES: usize = 200;
/// Questions with their answers that one profile may hold.
pub const MOST_FAQS: usize = 200;

/// The facts of one business beside its hours and address. What is not here is not told: it becomes a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knowledge {
    /// At most [`MOST_SERVICES`].
    pub services: Vec<Service>,
    /// At most [`MOST_FAQS`].
    pub faqs: Vec<Faq>,
    pub holidays: Vec<Holiday>,
}

/// Something that customers come for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// As spoken after "the price of": "root canal treatment".
    pub name: String,
    /// Other words for it: "RCT".
    #[serde(default)]
    pub also: Vec<String>,
    /// Absent: the price is not told.
    #[serde(default)]
    pub price: Option<Price>,
    /// How long it takes, in minutes.
    #[serde(default)]
    pub minutes: Option<u16>,
}

/// A price in rupees: `800`, or `{ from = 3500 }`, or `{ from = 3500, to = 6000 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Price {
    Fixed(u32),
    Range(PriceRange),
}

/// A price that depends on the case, in rupees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRange {
    pub from: u32,
    /// Absent: no upper end is told.
    #[serde(default)]
    pub to: Option<u32>,
}

/// A question that callers ask, and what to say to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faq {
    /// "Do you accept credit cards?"
    pub question: String,
    /// The same question in other words.
    #[serde(default)]
    pub also: Vec<String>,
    /// As spoken, whole sentences.
    pub answer: String,
}

/// A day on which the weekly hours do not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub date: Date,
    /// As spoken after "for": "Diwali".
    #[serde(default)]
    pub name: Option<String>,
    /// The openings of that day; none: closed.
    #[serde(default)]
    pub hours: Vec<DayHours>,
}

/// The knowledge cannot be used as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnowledgeError {
    #[error("{count} {what} are too many: at most {most}")]
    TooMany { what: &'static str, count: usize, most: usize },
    #[error("{what} {index} has an empty `{field}`")]
    Empty { what: &'static str, index: usize, field: &'static str },
    #[error("the price of `{service}` goes from {from} down to {to}: write the smaller amount first")]
    PriceOrder { service: String, from: u32, to: u32 },
    #[error("{date} stands twice among the holidays")]
    HolidayTwice { date: Date },
    #[error("the hours of {date} end before they begin, or lie outside the day")]
    HolidayHours { date: Date },
}

impl Knowledge {
    /// Checks what the types do not: counts, empty texts, prices and days in order.
    ///
    /// # Errors
    /// The first thing that is wrong, in words for its owner.
    pub fn check(&self) -> Result<(), KnowledgeError> {
        let limits = [("services", self.services.len(), MOST_SERVICES), ("faqs", self.faqs.len(), MOST_FAQS)];
        if let Some((what, count, most)) = limits.into_iter().find(|(_, count, most)| count > most) {
            return Err(KnowledgeError::TooMany { what, count, most });
        }
        for (index, service) in (1..).zip(&self.services) {
            service.check(index)?;
        }
        for (index, faq) in (1..).zip(&self.faqs) {
            for (field, text) in [("question", &faq.question), ("answer", &faq.answer)] {
                if text.trim().is_empty() {
                    return Err(KnowledgeError::Empty { what: "faq", index, field });
                }
            }
        }
        for (index, holiday) in self.holidays.iter().enumerate() {
            let date = holiday.date;
            if self.holidays[..index].iter().any(|earlier| earlier.date == date) {
                return Err(KnowledgeError::HolidayTwice { date });
            }
            if holiday.hours.iter().any(|hours| hours.opens_min >= hours.closes_min || hours.closes_min > 1440) {
                return Err(KnowledgeError::HolidayHours { date });
            }
        }
        Ok(())
    }

    /// What holds on a day instead of the weekly hours.
    pub fn holiday(&self, date: Date) -> Option<&Holiday> {
        self.holidays.iter().find(|holiday| holiday.date == date)
    }
}

impl Service {
    fn check(&self, index: usize) -> Result<(), KnowledgeError> {
        if self.name.trim().is_empty() {
            return Err(KnowledgeError::Empty { what: "service", index, field: "name" });
        }
        match self.price {
            Some(Price::Range(PriceRange { from, to: Some(to) })) if to < from => {
                Err(KnowledgeError::PriceOrder { service: self.name.clone(), from, to })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Knowledge {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn prices_are_written_in_three_ways() {
        let knowledge = read(
            "services = [{ name = \"cleaning\", price = 800 }, { name = \"crown\", price = { from = 4000 } },\n\
             { name = \"root canal\", price = { from = 3500, to = 6000 }, minutes = 45 }, { name = \"braces\" }]",
        );
        let prices: Vec<_> = knowledge.services.iter().map(|service| service.price).collect();
        let range = |from, to| Some(Price::Range(PriceRange { from, to }));
        assert_eq!(prices, [Some(Price::Fixed(800)), range(4000, None), range(3500, Some(6000)), None]);
        assert_eq!(knowledge.check(), Ok(()));
        assert!(toml::from_str::<Knowledge>("services = [{ name = \"x\", price = { form = 1 } }]").is_err());
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (text, words) in [
            ("services = [{ name = \" \" }]", "service 1 has an empty `name`"),
            ("services = [{ name = \"a\", price = { from = 5, to = 4 } }]", "from 5 down to 4"),
            ("faqs = [{ question = \"Q?\", answer = \"\" }]", "faq 1 has an empty `answer`"),
            ("holidays = [{ date = \"2026-11-08\" }, { date = \"2026-11-08\" }]", "2026-11-08 stands twice"),
            (
                "holidays = [{ date = \"2026-11-08\", hours = [{ opens_min = 9, closes_min = 9 }] }]",
                "hours of 2026-11-08",
            ),
        ] {
            let error = read(text).check().unwrap_err().to_string();
            assert!(error.contains(words), "{words:?} in {error:?}");
        }
        let many = Knowledge {
            faqs: vec![Faq { question: "Q".into(), also: vec![], answer: "A".into() }; 201],
            ..Knowledge::default()
        };
        assert_eq!(many.check().unwrap_err().to_string(), "201 faqs are too many: at most 200");
    }
}
