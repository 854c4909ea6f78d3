//! Prefixed, time-ordered identifiers: `ten_…`, `call_…`, a UUID version 7 (RFC 9562 §5.7) in 32 hex digits.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// The random part of an identifier; the caller draws it so that this module stays deterministic.
pub type RandomBytes = [u8; 10];

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text does not begin with the prefix of this kind of identifier.
    #[error("an identifier of this kind begins with `{expected}_`")]
    Prefix { expected: &'static str },
    /// What follows the prefix is not 32 hexadecimal digits.
    #[error("an identifier ends in 32 hexadecimal digits")]
    Digits,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an identifier that sorts by `now` (millisecond precision).
            pub fn new(now: Timestamp, random: RandomBytes) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Wraps an existing UUID, for fixed identifiers such as the demo tenant's.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID without its prefix.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(IdError::Prefix { expected: $prefix })?;
                if digits.len() != 32 {
                    return Err(IdError::Digits);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| IdError::Digits)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-f]{32}$")))
                    .examples([concat!($prefix, "_0199c82cc00070008000000000000001")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Identifies a tenant: one business whose calls are answered.
    TenantId, "ten"
);
id!(
    /// Identifies a call.
    CallId, "call"
);
id!(
    /// Identifies an agent profile.
    ProfileId, "prof"
);
id!(
    /// Identifies a running process that answers calls; each start makes a new one.
    NodeId, "node"
);
id!(
    /// Identifies an API key (not the secret itself).
    ApiKeyId, "key"
);
id!(
    /// Identifies a person who signs in.
    UserId, "user"
);
id!(
    /// Identifies a person's signing-in on one browser.
    SessionId, "sess"
);
id!(
    /// Identifies an invitation to become a user.
    InvitationId, "inv"
);
id!(
    /// Identifies an entry of the audit log.
    AuditId, "aud"
);
id!(
    /// Identifies an erasure of a caller's data.
    ErasureId, "era"
);

id!(
    /// Identifies a message in the outbox, and is its idempotency key on every attempt.
    MessageId, "msg"
);
id!(
    /// Identifies a webhook endpoint of a tenant.
    WebhookId, "hook"
);

impl CallId {
    const CODE_DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// The identifier in 22 letters and digits, for links that have to fit a text message.
    pub fn code(self) -> String {
        let mut rest = self.uuid().as_u128();
        let mut digits = [b'0'; 22];
        for digit in digits.iter_mut().rev() {
            // Below 62, so that it fits.
            *digit = Self::CODE_DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        digits.iter().map(|digit| char::from(*digit)).collect()
    }

    /// Reads what [`CallId::code`] wrote; `None` for any other text.
    pub fn from_code(code: &str) -> Option<Self> {
        if code.len() != 22 {
            return None;
        }
        let digit = |byte: u8| Self::CODE_DIGITS.iter().position(|digit| *digit == byte);
        let value = code
            .bytes()
            .try_fold(0_u128, |value, byte| value.checked_mul(62)?.checked_add(u128::try_from(digit(byte)?).ok()?))?;
        Some(Self::from_uuid(Uuid::from_u128(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_round_trip() {
        let early = CallId::new(Timestamp::from_millisecond(1_000).unwrap(), [255; 10]);
        let late = CallId::new(Timestamp::from_millisecond(1_001).unwrap(), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(late.to_string().parse::<CallId>(), Ok(late));
        assert_eq!(late.to_string().parse::<TenantId>(), Err(IdError::Prefix { expected: "ten" }));
        assert_eq!("call_zz".parse::<CallId>(), Err(IdError::Digits));
    }
    #[test]
    fn a_code_is_short_and_leads_back() {
        for uuid in [0, 1, u128::MAX, 0x0190_3f5a_0000_7000_8000_0000_0000_0001] {
            let id = CallId::from_uuid(Uuid::from_u128(uuid));
            let code = id.code();
            assert!(code.len() == 22 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
            assert_eq!(CallId::from_code(&code), Some(id));
        }
        for wrong in ["", "0", "000000000000000000000-", "zzzzzzzzzzzzzzzzzzzzzz", "00000000000000000000000"] {
            assert_eq!(CallId::from_code(wrong), None, "{wrong}");
        }
    }
}
