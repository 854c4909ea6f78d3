//! Money, and prices of things that cost less than a paisa.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Money in Indian paise (1/100 rupee); negative values are credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Paise(pub i64);

/// The most that one line may come to: ten thousand million rupees. A sum of millions of such lines still fits.
pub const MOST_PAISE: Paise = Paise(1_000_000_000_000);

impl Paise {
    pub const ZERO: Self = Self(0);

    /// `None` when the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `None` when the difference does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `None` when the product does not fit.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(i64::try_from(times).ok()?).map(Self)
    }

    /// The sum of all; `None` when it does not fit.
    #[must_use]
    pub fn total(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// In rupees: `1234.05`.
impl fmt::Display for Paise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, paise) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", paise / 100, paise % 100)
    }
}

/// A price in millionths of a paisa, 0 to a million paise; written in paise with at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct UnitPrice(u64);

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a price is paise with at most six decimals, from 0 to 1000000, such as 0.83")]
pub struct UnitPriceError;

const MICROS: u64 = 1_000_000;
/// In paise.
const DEAREST: u64 = 1_000_000;

impl UnitPrice {
    /// So many millionths of a paisa.
    ///
    /// # Errors
    /// [`UnitPriceError`] above a million paise.
    pub fn from_micro_paise(micros: u64) -> Result<Self, UnitPriceError> {
        if micros <= DEAREST * MICROS { Ok(Self(micros)) } else { Err(UnitPriceError) }
    }

    /// What `quantity` costs where the price is for `per` of them (at least 1): rounded to whole paise, half a paisa up,
    /// and at most [`MOST_PAISE`].
    #[must_use]
    pub fn of(self, quantity: u64, per: u64) -> Paise {
        let unit = u128::from(per.max(1)) * u128::from(MICROS);
        // Two factors of 64 bits: the product fits, and so does half a unit more.
        let paise = (u128::from(self.0) * u128::from(quantity) + unit / 2) / unit;
        i64::try_from(paise).map_or(MOST_PAISE, |paise| Paise(paise).min(MOST_PAISE))
    }
}

impl FromStr for UnitPrice {
    type Err = UnitPriceError;

    fn from_str(text: &str) -> Result<Self, UnitPriceError> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 7 || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return Err(UnitPriceError);
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| UnitPriceError);
        Self::from_micro_paise(number(whole)? * MICROS + number(&format!("{fraction:0<6}"))?)
    }
}

/// In paise, without needless zeros: `0.83`.
impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / MICROS, self.0 % MICROS);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for UnitPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnitPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = UnitPrice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("paise, such as 0.83")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UnitPrice, E> {
                text.parse().map_err(E::custom)
            }

            // The shortest text of a float is what was written, as long as that had no more than 15 digits.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<UnitPrice, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<UnitPrice, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<UnitPrice, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(text: &str) -> UnitPrice {
        text.parse().unwrap()
    }

    #[test]
    fn money_is_shown_in_rupees_and_does_not_wrap_around() {
        for (paise, shown) in [(0, "0.00"), (5, "0.05"), (123_405, "1234.05"), (-5, "-0.05"), (-12_300, "-123.00")] {
            assert_eq!(Paise(paise).to_string(), shown);
        }
        let most = Paise(i64::MAX);
        assert_eq!((most.checked_add(Paise(1)), most.checked_mul(2)), (None, None));
        assert_eq!((Paise(i64::MIN).checked_sub(Paise(1)), Paise::total([most, Paise(1)])), (None, None));
        assert_eq!(Paise::total([Paise(1), Paise(2), Paise(-1)]), Some(Paise(2)));
    }

    #[test]
    fn half_a_paisa_is_rounded_up_and_less_is_not() {
        assert_eq!(price("0.5").of(1, 1), Paise(1));
        assert_eq!(price("0.499999").of(1, 1), Paise(0));
        assert_eq!(price("1.5").of(1, 1), Paise(2));
        // 0.83 paise a second for 12.345 s are 10.24635 paise.
        assert_eq!(price("0.83").of(12_345, 1_000), Paise(10));
        assert_eq!(price("0.83").of(0, 1_000), Paise(0));
        assert_eq!(price("1000000").of(u64::MAX, 1), MOST_PAISE, "a line has a most");
        assert_eq!(price("3").of(2, 0), Paise(6), "no price is for nothing");
    }

    #[test]
    fn prices_are_written_in_paise() {
        for (text, shown) in
            [("0", "0"), ("0.83", "0.83"), ("12", "12"), ("1000000", "1000000"), ("0.000001", "0.000001")]
        {
            assert_eq!(price(text).to_string(), shown);
        }
        for text in ["", "-1", "1.0000001", "1000000.000001", "1e3", "NaN", ".", "1.2.3", "+1", "٣"] {
            assert_eq!(text.parse::<UnitPrice>(), Err(UnitPriceError), "{text}");
        }
        let read: Vec<UnitPrice> = serde_json::from_str(r#"[0.83, 50, "0.000001", 0.29]"#).unwrap();
        assert_eq!(read, ["0.83", "50", "0.000001", "0.29"].map(price));
        assert!(serde_json::from_str::<UnitPrice>("-0.5").is_err());
    }

    proptest! {
        #[test]
        fn a_price_is_read_back(micros in 0..=DEAREST * MICROS) {
            let price = UnitPrice::from_micro_paise(micros).unwrap();
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }

        #[test]
        fn the_error_of_a_line_is_at_most_half_a_paisa(micros in 0..=DEAREST * MICROS, quantity in 0..100_000u64, per in 1..1_000_000u64) {
            let paise = i128::from(UnitPrice(micros).of(quantity, per).0);
            let unit = i128::from(per) * i128::from(MICROS);
            let exact = i128::from(micros) * i128::from(quantity);
            prop_assert!(paise == i128::from(MOST_PAISE.0) || ((paise * unit - exact).abs() * 2 <= unit));
        }
    }
}
