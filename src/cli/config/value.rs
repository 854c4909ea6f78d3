//! Values with a text form of their own.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network in CIDR notation; a single address is a network of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    pub addr: IpAddr,
    /// Leading bits that count: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address (203.0.113.7) nor a network (203.0.113.0/24)")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| error())?;
        let longest = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| error())?,
            None => longest,
        };
        if prefix > longest { Err(error()) } else { Ok(Self { addr, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = if self.addr.is_ipv4() { 32 } else { 128 };
        if self.prefix == longest { self.addr.fmt(f) } else { write!(f, "{}/{}", self.addr, self.prefix) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

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
