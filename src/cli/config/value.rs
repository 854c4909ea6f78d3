//! Values with a text form of their own.

/// An optional value whose absence is a word in the file, because TOML has no null.
macro_rules! word_for_none {
    ($name:ident, $word:literal) => {
        pub(super) mod $name {
            use serde::{Deserialize as _, Serialize, de};
            use std::fmt::Display;
            use std::str::FromStr;

            pub fn serialize<S, T>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
            where
                S: serde::Serializer,
                T: Serialize,
            {
                match value {
                    Some(value) => value.serialize(serializer),
                    None => serializer.serialize_str($word),
                }
            }

            pub fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
            where
                D: serde::Deserializer<'de>,
                T: FromStr<Err: Display>,
            {
                let text = String::deserialize(deserializer)?;
                if text == $word {
                    return Ok(None);
                }
                text.parse().map(Some).map_err(|error| de::Error::custom(format_args!("{error}, nor \"{}\"", $word)))
            }
        }
    };
}
word_for_none!(auto, "auto");
word_for_none!(off, "off");
