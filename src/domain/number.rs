//! Telephone numbers in E.164 and the normaliser for the ways Indian carriers write them.

use std::fmt;

/// A telephone number as ITU-T E.164 writes it: `+`, then 4 to 15 digits, the first not 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct E164(String);

impl utoipa::PartialSchema for E164 {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("a telephone number in E.164: `+` and 4 to 15 digits"))
            .pattern(Some("^\\+[1-9][0-9]{3,14}$"))
            .examples(["+919876543210"])
            .into()
    }
}

impl utoipa::ToSchema for E164 {}

/// Why a text is not a telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Something other than digits, `+` in front, and the separators ` -.()`.
    #[error("a telephone number has digits, and a `+` in front only")]
    NotANumber,
    /// Too few or too many digits for a number of its kind.
    #[error("the number of digits fits no Indian or international number")]
    Length,
}

impl E164 {
    /// Takes a number already in E.164 form.
    ///
    /// # Errors
    /// [`NumberError`] when the text is not `+` and 4 to 15 digits, the first not 0.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError::NotANumber)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
            return Err(NumberError::NotANumber);
        }
        if !(4..=15).contains(&digits.len()) {
            return Err(NumberError::Length);
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads a number as an Indian carrier may write it: `+91…`, `0091…`, `91…`, `0…`, or national digits.
    ///
    /// `+`, `00` and a trunk `0` are stripped; `91` is dropped only when 12 digits remain, so that a national
    /// number that begins with 91 stays whole. Toll-free (1800, 1860), 140 and 1600 series numbers keep
    /// their own lengths. A number with an international prefix that is not India's is kept as it is.
    ///
    /// # Errors
    /// [`NumberError`] for text that is not a number; short codes (3 to 6 digits) are not E.164 and give
    /// [`NumberError::Length`].
    pub fn from_indian(text: &str) -> Result<Self, NumberError> {
        let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let (international, digits) = match compact.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => match compact.strip_prefix("00") {
                Some(rest) => (true, rest),
                None => (false, compact.strip_prefix('0').unwrap_or(&compact)),
            },
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::NotANumber);
        }
        let indian = |national: &str| Ok(Self(format!("+91{national}")));
        // Some write +91 (0) 80…: the trunk 0 has no place there.
        if let Some(national) = digits.strip_prefix("91").map(|rest| rest.strip_prefix('0').unwrap_or(rest))
            && is_national(national)
        {
            return indian(national);
        }
        if international {
            return Self::parse(&format!("+{digits}"));
        }
        if is_national(digits) { indian(digits) } else { Err(NumberError::Length) }
    }

    /// The number with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The national part when the number is Indian.
    pub fn indian_national(&self) -> Option<&str> {
        self.0.strip_prefix("+91")
    }

    /// Area code (STD) and subscriber number when this is an Indian landline: ten national digits that are no mobile
    /// number, or whose area code is one of those that mobile series leave free.
    pub fn indian_landline(&self) -> Option<(&str, &str)> {
        let national = self.indian_national().filter(|national| national.len() == 10)?;
        // Two digits for the eight metros, three for larger cities, four elsewhere; subscriber numbers begin with 2 to 7.
        const METROS: [&str; 8] = ["11", "20", "22", "33", "40", "44", "79", "80"];
        let metro = METROS.contains(&&national[..2]);
        // 79… and 80… are mobile series too, except where a landline's exchange follows.
        let mobile = matches!(national.as_bytes()[0], b'6'..=b'9');
        let exchange = |at: usize| matches!(national.as_bytes()[at], b'2'..=b'7');
        match (metro, mobile) {
            (true, false) if exchange(2) => Some(national.split_at(2)),
            (true, true) if matches!(national.as_bytes()[2], b'2' | b'4') => Some(national.split_at(2)),
            (false, false) if exchange(3) => Some(national.split_at(3)),
            (false, false) if exchange(4) => Some(national.split_at(4)),
            _ => None,
        }
    }

    /// Whether this is an Indian mobile number: ten digits, the first 6 to 9.
    pub fn is_indian_mobile(&self) -> bool {
        self.indian_national().is_some_and(|n| n.len() == 10 && matches!(n.as_bytes()[0], b'6'..=b'9'))
    }
}

/// Ten digits (mobile, landline with area code, 140 and 1600 series), or a toll-free number of 10 to 11.
fn is_national(digits: &str) -> bool {
    match digits.len() {
        10 => !digits.starts_with('0'),
        11 => digits.starts_with("1800") || digits.starts_with("1860"),
        _ => false,
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked, so that a number cannot reach a log by way of `{:?}`.
impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164(…{})", &self.0[self.0.len() - 2..])
    }
}

impl<'de> serde::Deserialize<'de> for E164 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_ways_of_writing_one_did_agree() {
        for text in [
            "+918047180000",
            "00918047180000",
            "918047180000",
            "08047180000",
            "8047180000",
            "+91 80-4718 0000",
            "+91 (0)80.4718.0000",
        ] {
            assert_eq!(E164::from_indian(text).map(|n| n.to_string()), Ok("+918047180000".into()), "{text}");
        }
    }

    #[test]
    fn a_national_number_that_begins_with_91_stays_whole() {
        assert_eq!(E164::from_indian("9198765432").unwrap().as_str(), "+919198765432");
        assert_eq!(E164::from_indian("09198765432").unwrap().as_str(), "+919198765432");
        assert_eq!(E164::from_indian("919198765432").unwrap().as_str(), "+919198765432");
    }

    #[test]
    fn special_series_and_foreign_numbers() {
        assert_eq!(E164::from_indian("18001234567").unwrap().as_str(), "+9118001234567");
        assert_eq!(E164::from_indian("1800123456").unwrap().as_str(), "+911800123456");
        assert_eq!(E164::from_indian("1409876543").unwrap().as_str(), "+911409876543");
        assert_eq!(E164::from_indian("1600123456").unwrap().as_str(), "+911600123456");
        assert_eq!(E164::from_indian("+14155550100").unwrap().as_str(), "+14155550100");
        assert_eq!(E164::from_indian("0014155550100").unwrap().as_str(), "+14155550100");
        assert_eq!(E164::from_indian("198"), Err(NumberError::Length));
        assert_eq!(E164::from_indian("anonymous"), Err(NumberError::NotANumber));
        assert_eq!(E164::from_indian(""), Err(NumberError::NotANumber));
    }

    #[test]
    fn debug_hides_the_number() {
        assert_eq!(format!("{:?}", E164::parse("+919876543210").unwrap()), "E164(…10)");
    }
}
