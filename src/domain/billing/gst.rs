//! Goods and Services Tax: numbers of registration, places of supply, and which tax a supply bears.

use std::fmt;
use std::str::FromStr;

use super::Paise;

/// A state's code for GST, 01 to 38 or 97 (other territory): the first two digits of a [`Gstin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateCode(u8);

/// A business's number of registration: state, PAN, count, `Z`, check digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gstin(String);

/// Why a text is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GstError {
    #[error("a state is written as its two digits for GST, such as 29 for Karnataka")]
    State,
    #[error("a GSTIN is 15 letters and digits, such as 27AAPFU0939F1ZV")]
    Form,
    #[error("the last letter of the GSTIN does not fit the others: one of them is mistyped")]
    Check,
}

impl FromStr for StateCode {
    type Err = GstError;

    fn from_str(text: &str) -> Result<Self, GstError> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let code = if digits { text.parse().ok() } else { None };
        code.filter(|code| matches!(code, 1..=38 | 97)).map(Self).ok_or(GstError::State)
    }
}

impl fmt::Display for StateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl Gstin {
    /// Where it is registered.
    pub fn state(&self) -> StateCode {
        self.0[..2].parse().expect("invariant: checked when it was made")
    }
}

impl FromStr for Gstin {
    type Err = GstError;

    fn from_str(text: &str) -> Result<Self, GstError> {
        const SHAPE: &[u8; 15] = b"99AAAAA9999A*Z*";
        let bytes = text.as_bytes();
        let fits = |(byte, shape): (&u8, &u8)| match shape {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            exact => byte == exact,
        };
        if bytes.len() != SHAPE.len() || !bytes.iter().zip(SHAPE).all(fits) {
            return Err(GstError::Form);
        }
        text[..2].parse::<StateCode>()?;
        // Each letter to the base 36, every second one doubled, the digits of the products added up.
        let value = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 });
        let products = (1..).zip(&bytes[..14]).map(|(at, byte)| value(*byte) * (2 - at % 2));
        let sum: u32 = products.map(|product| product / 36 + product % 36).sum();
        if (sum + value(bytes[14])).is_multiple_of(36) { Ok(Self(text.to_owned())) } else { Err(GstError::Check) }
    }
}

impl fmt::Display for Gstin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(StateCode, Gstin);

/// What the operator's invoices say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GstTerms {
    /// The operator's own; without one no tax is charged.
    pub supplier: Option<Gstin>,
    /// Service accounting code.
    pub sac: String,
    /// In percent of the taxable value; half of it each where it is two taxes.
    pub percent: u8,
}

/// The tax on a supply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tax {
    /// Within a state: the centre's half.
    pub cgst: Paise,
    /// Within a state: the state's half.
    pub sgst: Paise,
    /// Between states.
    pub igst: Paise,
}

impl Tax {
    /// All of it.
    pub fn total(self) -> Paise {
        Paise(self.cgst.0.saturating_add(self.sgst.0).saturating_add(self.igst.0))
    }

    pub(super) fn minus(self, earlier: Self) -> Self {
        let less = |now: Paise, before: Paise| Paise(now.0.saturating_sub(before.0));
        Self {
            cgst: less(self.cgst, earlier.cgst),
            sgst: less(self.sgst, earlier.sgst),
            igst: less(self.igst, earlier.igst),
        }
    }
}

impl GstTerms {
    /// The tax on `taxable` (0 or more), supplied in `place`, or in the operator's own state where nobody has said. Each
    /// tax is rounded to whole paise, half a paisa up.
    pub fn tax(&self, taxable: Paise, place: Option<StateCode>) -> Tax {
        let Some(home) = self.supplier.as_ref().map(Gstin::state) else { return Tax::default() };
        let share = |parts: i128| {
            let unit = 100 * parts;
            let paise = (i128::from(taxable.0) * i128::from(self.percent) + unit / 2) / unit;
            Paise(i64::try_from(paise).unwrap_or(i64::MAX))
        };
        if place.is_none_or(|place| place == home) {
            Tax { cgst: share(2), sgst: share(2), igst: Paise::ZERO }
        } else {
            Tax { igst: share(1), ..Tax::default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_gstin_is_noticed() {
        for right in ["27AAPFU0939F1ZV", "29AAGCB7383J1Z4"] {
            let gstin: Gstin = right.parse().unwrap();
            assert_eq!((gstin.to_string().as_str(), gstin.state().to_string().as_str()), (right, &right[..2]));
        }
        for (wrong, why) in [
            ("27AAPFU0939F1ZW", GstError::Check),
            ("27AAPFU0993F1ZV", GstError::Check),
            ("29AAPFU0939F1ZV", GstError::Check),
            ("27aapfu0939f1zv", GstError::Form),
            ("27AAPFU0939F1Z", GstError::Form),
            ("=7AAPFU0939F1ZV", GstError::Form),
            ("२७AAPFU0939F1", GstError::Form),
            ("99AAPFU0939F1ZV", GstError::State),
        ] {
            assert_eq!(wrong.parse::<Gstin>(), Err(why), "{wrong}");
        }
        for wrong in ["", "0", "00", "39", "+1", "029"] {
            assert_eq!(wrong.parse::<StateCode>(), Err(GstError::State), "{wrong}");
        }
    }

    #[test]
    fn within_the_state_the_tax_has_two_halves_and_between_states_it_is_one() {
        let terms =
            GstTerms { supplier: Some("29AAGCB7383J1Z4".parse().unwrap()), sac: "9983".to_owned(), percent: 18 };
        let place = |code: &str| Some(code.parse().unwrap());
        let halves = |paise| Tax { cgst: Paise(paise), sgst: Paise(paise), igst: Paise::ZERO };
        assert_eq!(terms.tax(Paise(500_000), place("29")), halves(45_000));
        assert_eq!(terms.tax(Paise(500_000), None), halves(45_000), "nobody has said: at home");
        assert_eq!(terms.tax(Paise(500_000), place("27")), Tax { igst: Paise(90_000), ..Tax::default() });
        // 9 % of 50 paise are 4.5, of 49 they are 4.41; 18 % of 3 are 0.54.
        assert_eq!((terms.tax(Paise(50), place("29")), terms.tax(Paise(49), place("29"))), (halves(5), halves(4)));
        assert_eq!(terms.tax(Paise(3), place("27")).total(), Paise(1));
        assert_eq!(GstTerms { supplier: None, ..terms }.tax(Paise(500_000), place("29")), Tax::default());
    }
}
