//! Where a caller can be written to: e-mail addresses and Indian PIN codes.

use std::fmt;

/// An Indian postal index number: six digits, the first 1 to 8 (the postal zone).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinCode(String);

/// An e-mail address in the part of RFC 5321 that people dictate: `local@domain`, lower case, no quotes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl utoipa::PartialSchema for PinCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("an Indian postal index number"))
            .pattern(Some("^[1-8][0-9]{5}$"))
            .into()
    }
}

impl utoipa::ToSchema for PinCode {}

impl utoipa::PartialSchema for EmailAddress {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("an e-mail address, in lower case, of the plain kind"))
            .examples(["name@example.com"])
            .max_length(Some(254))
            .into()
    }
}

impl utoipa::ToSchema for EmailAddress {}

/// Why a text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("a PIN code has six digits, the first 1 to 8")]
    PinCode,
    #[error("an e-mail address is written like name@example.com")]
    Email,
}

impl PinCode {
    /// Takes six digits.
    ///
    /// # Errors
    /// When the text is anything else, or begins with 0 or 9.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && (b'1'..=b'8').contains(&text.as_bytes()[0]) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AddressError::PinCode)
        }
    }

    /// The six digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EmailAddress {
    /// Takes an address, in whatever case.
    ///
    /// # Errors
    /// When it has not one `@`, between a local part of `a-z 0-9 . _ + -` (64 characters at most) and a domain of at
    /// least two labels whose last has letters only.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.to_ascii_lowercase();
        let (local, domain) = text.split_once('@').ok_or(AddressError::Email)?;
        let of = |text: &str, more: &str| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || more.as_bytes().contains(&b))
        };
        let dots = |text: &str| !text.starts_with('.') && !text.ends_with('.') && !text.contains("..");
        let local_fits = (1..=64).contains(&local.len()) && of(local, "._+-") && dots(local);
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && of(label, "-") && !label.starts_with('-') && !label.ends_with('-')
        };
        let top = domain.rsplit('.').next().unwrap_or_default();
        let domain_fits = domain.len() <= 253
            && domain.contains('.')
            && domain.split('.').all(label)
            && top.len() >= 2
            && top.bytes().all(|b| b.is_ascii_lowercase());
        if local_fits && domain_fits { Ok(Self(text)) } else { Err(AddressError::Email) }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`, and after it.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once('@').expect("invariant: an address has an @")
    }
}

impl From<PinCode> for String {
    fn from(pin: PinCode) -> Self {
        pin.0
    }
}

impl From<EmailAddress> for String {
    fn from(email: EmailAddress) -> Self {
        email.0
    }
}

impl TryFrom<String> for PinCode {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for PinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked, as every personal datum in a log.
impl fmt::Debug for PinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinCode({}…)", &self.0[..1])
    }
}

/// Masked, as every personal datum in a log.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(…@{})", self.parts().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_addresses() {
        for pin in ["560038", "110001", "851204"] {
            assert_eq!(PinCode::parse(pin).unwrap().as_str(), pin);
        }
        for wrong in ["", "56003", "5600388", "060038", "960038", "56003a", "५६००३८"] {
            assert_eq!(PinCode::parse(wrong), Err(AddressError::PinCode), "{wrong}");
        }
        assert_eq!(EmailAddress::parse("Rahul.Verma_9@Gmail.com").unwrap().parts(), ("rahul.verma_9", "gmail.com"));
        for wrong in
            ["", "a", "a@b", "@b.com", "a@b@c.com", ".a@b.com", "a..b@c.com", "a b@c.com", "a@-b.com", "a@b.c1"]
        {
            assert_eq!(EmailAddress::parse(wrong), Err(AddressError::Email), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_masked_in_logs_and_whole_in_json() {
        let email = EmailAddress::parse("rahul@gmail.com").unwrap();
        assert_eq!(format!("{email:?}"), "EmailAddress(…@gmail.com)");
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"rahul@gmail.com\"");
        assert!(serde_json::from_str::<PinCode>("\"060038\"").is_err());
        assert_eq!(serde_json::from_str::<PinCode>("\"560038\"").unwrap().to_string(), "560038");
    }
}
