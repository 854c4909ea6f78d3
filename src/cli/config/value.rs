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

/// Addresses to listen at: one text with commas between them, or a list of texts; read with or without a word for none.
macro_rules! addresses {
    ($name:ident, $word:expr) => {
        pub(super) mod $name {
            use serde::de::{self, SeqAccess, Visitor};
            use std::fmt;
            use std::net::SocketAddr;

            const NONE: Option<&str> = $word;

            struct Addresses;

            impl<'de> Visitor<'de> for Addresses {
                type Value = Vec<SocketAddr>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    // As serde calls one of them; see `load::plain_type`.
                    f.write_str("socket address")
                }

                fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                    if NONE == Some(text) {
                        return Ok(Vec::new());
                    }
                    text.split(',').map(|one| one.trim().parse().map_err(|error| wrong(&error))).collect()
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                    let mut found = Vec::new();
                    while let Some(text) = list.next_element::<String>()? {
                        found.push(text.trim().parse().map_err(|error| wrong(&error))?);
                    }
                    if found.is_empty() && NONE.is_none() {
                        return Err(de::Error::custom("an empty list"));
                    }
                    Ok(found)
                }
            }

            fn wrong<E: de::Error>(error: &std::net::AddrParseError) -> E {
                match NONE {
                    Some(word) => E::custom(format_args!("{error}, nor \"{word}\"")),
                    None => E::custom(error),
                }
            }

            pub fn serialize<S: serde::Serializer>(value: &[SocketAddr], serializer: S) -> Result<S::Ok, S::Error> {
                let texts: Vec<String> = value.iter().map(ToString::to_string).collect();
                serializer.serialize_str(NONE.filter(|_| value.is_empty()).unwrap_or(&texts.join(", ")))
            }

            pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
                deserializer.deserialize_any(Addresses)
            }
        }
    };
}
addresses!(addrs, None);
addresses!(addrs_or_off, Some("off"));
