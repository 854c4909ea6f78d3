//! Reading and writing the `Digest name=value, …` headers (RFC 7616 §3.3, §3.4).

use super::hash::{Algorithm, Qop};
use crate::sip::message::scan::{quoted_end, split_commas, trim};
use crate::sip::message::{HeaderName, Headers};

/// One `Digest` parameter list: names with values, quotes taken off but escapes kept, as the digest wants them.
#[derive(Debug)]
pub(super) struct DigestParams<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> DigestParams<'a> {
    /// The Digest lists in a header value; other schemes and broken parameters are passed over.
    pub fn parse_all(value: &'a [u8]) -> Vec<Self> {
        let mut lists: Vec<Self> = Vec::new();
        let mut in_digest = false;
        for element in split_commas(value) {
            let Some(equals) = element.iter().position(|b| *b == b'=') else { continue };
            let mut name = trim(&element[..equals]);
            if let Some(space) = name.iter().position(|b| matches!(b, b' ' | b'\t')) {
                in_digest = name[..space].eq_ignore_ascii_case(b"Digest");
                name = trim(&name[space..]);
                if in_digest {
                    lists.push(Self(Vec::with_capacity(12)));
                }
            }
            let text = trim(&element[equals + 1..]);
            let plain = match text {
                [b'"', ..] if quoted_end(text) == Some(text.len()) => &text[1..text.len() - 1],
                [b'"', ..] => continue,
                _ => text,
            };
            if let (true, Some(list)) = (in_digest, lists.last_mut()) {
                list.0.push((name, plain));
            }
        }
        lists
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| *v)
    }

    /// The algorithm: MD5 when none is named, `None` when it is not known.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::from_token)
    }
}

/// A challenge that can be answered (RFC 7616 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The realm, as between its quotes.
    pub realm: Vec<u8>,
    /// The nonce, as between its quotes.
    pub nonce: Vec<u8>,
    /// To be sent back unchanged.
    pub opaque: Option<Vec<u8>>,
    /// MD5 when the challenge names none.
    pub algorithm: Algorithm,
    /// Whether the challenge names an algorithm; the credentials do the same.
    pub names_algorithm: bool,
    /// The protection to use: `auth` before `auth-int`; `None` when the challenge offers none (RFC 2069).
    pub qop: Option<Qop>,
    /// The nonce was too old, the credentials were not wrong.
    pub stale: bool,
}

impl Challenge {
    /// All challenges of the header fields of this name that can be answered: known algorithm, known `qop`, a realm
    /// and a nonce. Several may stand in one field.
    pub fn all(headers: &Headers, name: HeaderName) -> Vec<Self> {
        let values = headers.get_all(&name);
        values.flat_map(|v| DigestParams::parse_all(v.as_bytes())).filter_map(|p| Self::from_params(&p)).collect()
    }

    fn from_params(params: &DigestParams<'_>) -> Option<Self> {
        let offered: Option<Vec<&[u8]>> = params.get("qop").map(|list| split_commas(list).collect());
        let offers = |qop: Qop| offered.iter().flatten().any(|t| Qop::from_token(t) == Some(qop));
        let qop = match &offered {
            Some(list) if !list.is_empty() => Some([Qop::Auth, Qop::AuthInt].into_iter().find(|q| offers(*q))?),
            _ => None,
        };
        Some(Self {
            realm: params.get("realm")?.to_vec(),
            nonce: params.get("nonce")?.to_vec(),
            opaque: params.get("opaque").map(<[u8]>::to_vec),
            algorithm: params.algorithm()?,
            names_algorithm: params.get("algorithm").is_some(),
            qop,
            stale: params.get("stale").is_some_and(|s| s.eq_ignore_ascii_case(b"true")),
        })
    }
}
