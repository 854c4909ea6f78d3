//! Handing a caller to a person: who may be reached when, and what became of every attempt.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use jiff::Timestamp;

use super::{E164, NumberError, WeeklyHours};

/// The people a receptionist may hand a caller to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfers {
    /// In the order in which they are tried; one the caller asks for by name comes first.
    pub targets: Vec<TransferTarget>,
    /// Whether numbers outside of India are called. Off unless the tenant asked for it: such calls cost more, and carry
    /// an Indian call abroad.
    pub allow_foreign: bool,
}

/// A person or desk that can be called.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferTarget {
    /// As spoken after "connect you to": "Dr Sharma", "the front desk".
    pub name: String,
    pub number: DialString,
    /// When it may be called, in the business's time zone; absent: always.
    #[serde(default)]
    pub hours: Option<WeeklyHours>,
    #[serde(default)]
    pub kind: TransferKind,
}

/// What the person who is called hears first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Who calls and why; the person presses 1 to take the call. The caller hears music meanwhile.
    #[default]
    Warm,
    /// The caller, at once. The caller hears it ring.
    Blind,
}

/// What is dialled for a target: a telephone number, or a SIP URI on this machine (a softphone, a test).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum DialString {
    Number(E164),
    /// `sip:user@127.0.0.1:port`; nothing but a loopback address may stand in it.
    Sip(String),
}

/// Why a text cannot be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    #[error(transparent)]
    Number(#[from] NumberError),
    #[error("a SIP URI to transfer to must name a loopback address: sip:user@127.0.0.1:port")]
    NotLoopback,
}

/// Why a list of targets is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransfersError {
    #[error("transfer target {0} has no name that can be spoken")]
    NoName(usize),
    #[error("transfer target `{0}` is outside of India; set allow_foreign to call it")]
    Foreign(String),
    #[error("{0} transfer targets are too many; at most {MOST_TARGETS} are kept")]
    TooMany(usize),
}

/// Each has lines of its own that are synthesised ahead.
pub const MOST_TARGETS: usize = 20;

impl Transfers {
    /// Checks what a tenant wrote.
    ///
    /// # Errors
    /// The first target that may not be called, or cannot be named.
    pub fn check(&self) -> Result<(), TransfersError> {
        if self.targets.len() > MOST_TARGETS {
            return Err(TransfersError::TooMany(self.targets.len()));
        }
        for (index, target) in self.targets.iter().enumerate() {
            if !target.name.chars().any(char::is_alphanumeric) {
                return Err(TransfersError::NoName(index + 1));
            }
            if !self.allows(target) {
                return Err(TransfersError::Foreign(target.name.clone()));
            }
        }
        Ok(())
    }

    /// Whether the target may be called at all; asked again before every call, whatever was stored.
    pub fn allows(&self, target: &TransferTarget) -> bool {
        match &target.number {
            DialString::Number(number) => self.allow_foreign || number.indian_national().is_some(),
            DialString::Sip(_) => true,
        }
    }
}

impl FromStr for DialString {
    type Err = DialError;

    fn from_str(text: &str) -> Result<Self, DialError> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix("sip:") else { return Ok(Self::Number(E164::from_indian(text)?)) };
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let host = host.split([';', '?']).next().unwrap_or_default();
        let is_loopback = match host.strip_prefix('[') {
            Some(v6) => {
                v6.split(']').next().and_then(|ip| ip.parse().ok()).is_some_and(|ip: Ipv6Addr| ip.is_loopback())
            }
            None => host.split(':').next().and_then(|ip| ip.parse().ok()).is_some_and(|ip: Ipv4Addr| ip.is_loopback()),
        };
        if is_loopback && text.chars().all(|c| c.is_ascii_graphic()) {
            Ok(Self::Sip(text.to_owned()))
        } else {
            Err(DialError::NotLoopback)
        }
    }
}

impl fmt::Display for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Sip(uri) => f.write_str(uri),
        }
    }
}

/// Masked like the number in it.
impl fmt::Debug for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Sip(_) => f.write_str("Sip(…)"),
        }
    }
}

impl serde::Serialize for DialString {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl utoipa::PartialSchema for DialString {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("a telephone number, or `sip:user@127.0.0.1:port`"))
            .examples(["+919845012345"])
            .into()
    }
}

impl utoipa::ToSchema for DialString {}

impl<'de> serde::Deserialize<'de> for DialString {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What became of one attempt to hand the caller over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferResult {
    /// Caller and person talked.
    Bridged,
    /// The carrier took the call over (REFER).
    Referred,
    NoAnswer,
    Busy,
    /// The person declined, hung up or did not press 1.
    Refused,
    /// The call could not be placed.
    Failed,
    /// The caller hung up meanwhile.
    CallerLeft,
}

/// One attempt to hand the caller over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct TransferAttempt {
    /// The target's name at the time.
    pub target: String,
    pub number: DialString,
    pub kind: TransferKind,
    pub started_at: Timestamp,
    /// When the person's side was answered, if it was.
    pub answered_at: Option<Timestamp>,
    pub result: TransferResult,
    /// How long both talked, in milliseconds.
    pub bridged_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, number: &str) -> TransferTarget {
        let number = number.parse().unwrap();
        TransferTarget { name: name.to_owned(), number, hours: None, kind: TransferKind::Warm }
    }

    #[test]
    fn only_numbers_and_loopback_uris_can_be_dialled() {
        let indian = DialString::Number(E164::parse("+919876543210").unwrap());
        assert_eq!("98765 43210".parse(), Ok(indian));
        for uri in ["sip:human@127.0.0.1:5070", "sip:127.0.0.9", "sip:a@[::1]:5070;transport=tcp"] {
            assert_eq!(uri.parse::<DialString>().map(|d| d.to_string()), Ok(uri.to_owned()));
        }
        for uri in [
            "sip:human@198.51.100.7",
            "sip:human@127.0.0.1.example.com",
            "sip:127.0.0.1@example.com",
            "sip:a@[2001:db8::1]",
            "sip:",
            "sip:a@127.0.0.1\r\nX: y",
        ] {
            assert_eq!(uri.parse::<DialString>(), Err(DialError::NotLoopback), "{uri}");
        }
        assert!("front desk".parse::<DialString>().is_err());
    }

    #[test]
    fn foreign_numbers_need_the_tenants_word() {
        let mut transfers = Transfers { targets: vec![target("Dr Rao", "+14155550100")], allow_foreign: false };
        assert_eq!(transfers.check(), Err(TransfersError::Foreign("Dr Rao".into())));
        transfers.allow_foreign = true;
        assert_eq!(transfers.check(), Ok(()));
        transfers = Transfers { targets: vec![target("Dr Rao", "9876543210"), target(" ", "9876543210")], ..transfers };
        assert_eq!(transfers.check(), Err(TransfersError::NoName(2)));
    }

    #[test]
    fn a_document_may_leave_out_what_has_a_default() {
        let text = r#"{"targets":[{"name":"Dr Rao","number":"98450 12345"}]}"#;
        let transfers: Transfers = serde_json::from_str(text).unwrap();
        assert_eq!(transfers.targets, [target("Dr Rao", "9845012345")]);
        let written = serde_json::to_string(&transfers).unwrap();
        assert!(written.contains("\"+919845012345\""), "{written}");
        assert_eq!(serde_json::from_str::<Transfers>(&written).unwrap(), transfers);
    }
}
