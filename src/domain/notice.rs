//! How a tenant is told about its calls by SMS: to whom, about which, and under which registered template.
//!
//! Indian operators deliver an SMS only when its text is that of a template registered for its sender (TCCCPR, "DLT"):
//! the entity, the header and the template have identifiers, and only the placeholders of the template are free.

use std::fmt;

use super::E164;

/// Owners' numbers of one tenant.
pub const MOST_MOBILES: usize = 5;

/// The longest template that operators register, in characters.
const LONGEST_TEMPLATE: usize = 2_000;

/// What a tenant wants to be told, and what it tells its callers. Without any of it nothing is sent by SMS.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeSettings {
    pub owner: OwnerNotice,
    /// A confirmation to whoever left a request, sent in the tenant's own name; `None` sends none.
    pub caller: Option<CallerNotice>,
}

/// The summary of a call to the owner, sent in the platform's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnerNotice {
    /// At most [`MOST_MOBILES`] Indian mobile numbers; nobody is told when there is none.
    pub mobiles: Vec<E164>,
    pub about: NoticeAbout,
}

/// Which calls the owner hears of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeAbout {
    /// All but wrong numbers and callers who got what they wanted: an answer, or a person.
    #[default]
    Wanted,
    All,
}

/// The tenant's own sender and template for its callers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerNotice {
    pub sender: SmsSender,
    pub template: SmsTemplate,
}

/// In whose name an SMS is sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SmsSender {
    /// The registered business ("principal entity").
    pub entity_id: DltId,
    pub header: SmsHeader,
}

/// A text as it was registered, and what fills its placeholders.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SmsTemplate {
    pub id: DltId,
    /// With placeholders as registered: `{#var#}`, `{#numeric#}`, `{#alphanumeric#}`, `{#url#}`, …
    pub text: String,
    /// What fills them, in their order; as many as there are.
    pub values: Vec<SmsValue>,
    #[serde(default)]
    pub category: SmsCategory,
    /// The provider's own name of the template, where it has one: MSG91's flow, Fast2SMS's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
}

/// The category under which a template was registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmsCategory {
    /// Information to one's own customers; at any hour, also to numbers on the do-not-disturb list.
    #[default]
    ServiceImplicit,
    /// With the consent of who is written to; in the daytime only.
    ServiceExplicit,
    /// One-time passwords of banks.
    Transactional,
    /// Advertising; in the daytime only.
    Promotional,
}

/// Something that can be said about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmsValue {
    /// "Appointment", "Missed call", …
    Kind,
    /// All of it in one line; goes on in the next placeholder when that one asks for the summary too.
    Summary,
    /// The caller's name, or number when no name was given.
    Name,
    /// The number to call back.
    Number,
    /// What the call was about; goes on in the next placeholder likewise.
    Reason,
    /// The wanted time, in the caller's words.
    Time,
    /// "14 s", "2 min 5 s".
    Duration,
    /// "26 Nov 4:05 pm".
    CalledAt,
    /// The tenant's name.
    Business,
    /// The address of the call on the dashboard.
    Link,
    /// The last part of that address, for templates that have the first part as fixed text.
    LinkCode,
}

/// An identifier that DLT gave: 10 to 30 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DltId(String);

/// A sender as recipients see it: 3 to 11 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SmsHeader(String);

/// Why the settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    #[error("a DLT identifier has 10 to 30 digits, as the operator's portal shows it")]
    DltId,
    #[error("a header has 3 to 11 letters and digits, as the operator's portal shows it")]
    Header,
    #[error("at most {MOST_MOBILES} numbers can be told of calls")]
    TooManyMobiles,
    #[error("number {0} of the owner's is no Indian mobile number")]
    NotAMobile(usize),
    #[error("the template is empty or longer than {LONGEST_TEMPLATE} characters")]
    Length,
    #[error("the template has {there} placeholders and {given} values: name one for each, in their order")]
    Values { there: usize, given: usize },
    #[error("the template has a placeholder that is not known: {0}; known are {known}", known = Placeholder::known())]
    Placeholder(String),
}

/// What may stand in a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placeholder {
    Any,
    /// Digits.
    Numeric,
    /// Letters, digits and spaces.
    Alphanumeric,
    /// A registered web address.
    Url,
    /// A registered address of an app.
    UrlOtt,
    /// A telephone number to call back.
    CallBack,
    Email,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    Fixed(&'a str),
    Free(Placeholder),
}

impl Placeholder {
    const TAGS: [(&'static str, Self); 8] = [
        ("{#var#}", Self::Any),
        ("{#numeric#}", Self::Numeric),
        ("{#number#}", Self::Numeric),
        ("{#alphanumeric#}", Self::Alphanumeric),
        ("{#url#}", Self::Url),
        ("{#urlott#}", Self::UrlOtt),
        ("{#cbn#}", Self::CallBack),
        ("{#email#}", Self::Email),
    ];

    fn known() -> String {
        Self::TAGS.map(|(tag, _)| tag).join(" ")
    }
}

impl SmsTemplate {
    /// The text in its fixed and its free parts.
    ///
    /// # Errors
    /// [`NoticeError::Placeholder`] for one that no operator knows.
    pub fn pieces(&self) -> Result<Vec<Piece<'_>>, NoticeError> {
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(at) = rest.find("{#") {
            let (fixed, tagged) = rest.split_at(at);
            if !fixed.is_empty() {
                pieces.push(Piece::Fixed(fixed));
            }
            let known = Placeholder::TAGS.iter().find(|(tag, _)| tagged.starts_with(tag));
            let Some((tag, placeholder)) = known else {
                return Err(NoticeError::Placeholder(tagged.chars().take(20).collect()));
            };
            pieces.push(Piece::Free(*placeholder));
            rest = &tagged[tag.len()..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest));
        }
        Ok(pieces)
    }

    /// Whether it can be filled.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), NoticeError> {
        if self.text.is_empty() || self.text.chars().count() > LONGEST_TEMPLATE {
            return Err(NoticeError::Length);
        }
        let there = self.pieces()?.iter().filter(|piece| matches!(piece, Piece::Free(_))).count();
        if there == self.values.len() { Ok(()) } else { Err(NoticeError::Values { there, given: self.values.len() }) }
    }
}

impl NoticeSettings {
    /// Whether they can be followed.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), NoticeError> {
        if self.owner.mobiles.len() > MOST_MOBILES {
            return Err(NoticeError::TooManyMobiles);
        }
        if let Some(at) = self.owner.mobiles.iter().position(|number| !number.is_indian_mobile()) {
            return Err(NoticeError::NotAMobile(at + 1));
        }
        self.caller.as_ref().map_or(Ok(()), |caller| caller.template.check())
    }
}

impl SmsCategory {
    /// Whether it may be sent in the daytime only.
    pub const fn keeps_quiet_hours(self) -> bool {
        matches!(self, Self::Promotional | Self::ServiceExplicit)
    }
}

/// Text of a checked form.
macro_rules! checked_text {
    ($type:ident, $fault:ident, $lengths:expr, $fits:expr, $pattern:literal) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {}

        impl $type {
            /// Takes the text as the operator's portal shows it.
            ///
            /// # Errors
            /// When it has another form.
            pub fn parse(text: &str) -> Result<Self, NoticeError> {
                let fits = $lengths.contains(&text.len()) && text.bytes().all($fits);
                if fits { Ok(Self(text.to_owned())) } else { Err(NoticeError::$fault) }
            }

            /// As it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NoticeError;

            fn try_from(text: String) -> Result<Self, NoticeError> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NoticeError;

            fn from_str(text: &str) -> Result<Self, NoticeError> {
                Self::parse(text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
checked_text!(DltId, DltId, (10..=30), |byte: u8| byte.is_ascii_digit(), "^[0-9]{10,30}$");
checked_text!(SmsHeader, Header, (3..=11), |byte: u8| byte.is_ascii_alphanumeric(), "^[0-9A-Za-z]{3,11}$");

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str, values: &[SmsValue]) -> SmsTemplate {
        SmsTemplate {
            id: DltId::parse("1107160000000000001").unwrap(),
            text: text.to_owned(),
            values: values.to_vec(),
            category: SmsCategory::default(),
            provider_id: None,
        }
    }

    #[test]
    fn a_template_is_its_fixed_and_its_free_parts() {
        let text = template("{#var#} from {#cbn#}.", &[SmsValue::Kind, SmsValue::Number]);
        let free = Piece::Free;
        let expected = [free(Placeholder::Any), Piece::Fixed(" from "), free(Placeholder::CallBack), Piece::Fixed(".")];
        assert_eq!(text.pieces().unwrap(), expected);
        assert_eq!(text.check(), Ok(()));
        let one = template("{#var#}{#var#}", &[SmsValue::Kind]);
        assert_eq!(one.check(), Err(NoticeError::Values { there: 2, given: 1 }));
        let unknown = template("{#vat#} now", &[SmsValue::Kind]).check().unwrap_err();
        assert!(unknown.to_string().contains("{#vat#} now"), "{unknown}");
        assert_eq!(template("", &[]).check(), Err(NoticeError::Length));
    }

    #[test]
    fn settings_are_read_strictly() {
        let read = |text: &str| serde_json::from_str::<NoticeSettings>(text);
        assert_eq!(read("{}").unwrap(), NoticeSettings::default());
        let mobiles = |list: &str| read(&format!("{{\"owner\":{{\"mobiles\":[{list}]}}}}")).unwrap().check();
        assert_eq!(mobiles("\"+919876543210\""), Ok(()));
        assert_eq!(mobiles("\"+918041180000\",\"+14155550100\""), Err(NoticeError::NotAMobile(2)));
        assert_eq!(mobiles(&["\"+919876543210\""; 6].join(",")), Err(NoticeError::TooManyMobiles));
        assert!(read("{\"owners\":{}}").is_err());
        for (id, header) in [("12345", "VCASMS"), ("11071600000000000x1", "VCASMS"), ("1107160000000000001", "V-CA")] {
            let sender = format!("{{\"entity_id\":{id:?},\"header\":{header:?}}}");
            assert!(serde_json::from_str::<SmsSender>(&sender).is_err(), "{sender}");
        }
    }
}
