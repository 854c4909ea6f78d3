//! The digest computation of RFC 7616 §3.4.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A digest algorithm; weaker ones are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
    /// `SHA-512-256`
    Sha512_256,
    /// `SHA-512-256-sess`
    Sha512_256Sess,
}

const ALL: [Algorithm; 6] = [
    Algorithm::Md5,
    Algorithm::Md5Sess,
    Algorithm::Sha256,
    Algorithm::Sha256Sess,
    Algorithm::Sha512_256,
    Algorithm::Sha512_256Sess,
];

impl Algorithm {
    /// Takes the name in any case; `None` when it is not known.
    pub fn from_token(text: &[u8]) -> Option<Self> {
        ALL.into_iter().find(|a| a.as_str().as_bytes().eq_ignore_ascii_case(text))
    }

    /// The name as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Whether the secret is bound to the first nonces of a session.
    pub fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess)
    }

    /// The lower-case hexadecimal hash of the parts joined by colons.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => joined::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Sess => joined::<Sha512_256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

/// HMAC-SHA-256 (RFC 2104) with a 32-byte key.
pub(super) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |fill: u8| {
        let mut block = [fill; 64];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Quality of protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// `auth`: method and URI are covered.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Qop {
    pub(super) fn from_token(text: &[u8]) -> Option<Self> {
        match text {
            t if t.eq_ignore_ascii_case(b"auth") => Some(Self::Auth),
            t if t.eq_ignore_ascii_case(b"auth-int") => Some(Self::AuthInt),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// Everything a response digest covers; texts as they stand between the quotes.
pub(super) struct Inputs<'a> {
    pub algorithm: Algorithm,
    pub username: &'a [u8],
    pub realm: &'a [u8],
    pub password: &'a [u8],
    pub nonce: &'a [u8],
    /// The nonce count as 8 hexadecimal digits; unused without `qop`.
    pub nc: &'a [u8],
    pub cnonce: &'a [u8],
    pub qop: Option<Qop>,
    pub method: &'a [u8],
    pub uri: &'a [u8],
    pub body: &'a [u8],
}

impl Inputs<'_> {
    /// The `response` value (RFC 7616 §3.4.1).
    pub fn response(&self) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let mut ha1 = hash(&[self.username, self.realm, self.password]);
        if self.algorithm.is_session() {
            ha1 = hash(&[ha1.as_bytes(), self.nonce, self.cnonce]);
        }
        let ha2 = match self.qop {
            Some(Qop::AuthInt) => hash(&[self.method, self.uri, hash(&[self.body]).as_bytes()]),
            _ => hash(&[self.method, self.uri]),
        };
        match self.qop {
            Some(qop) => {
                hash(&[ha1.as_bytes(), self.nonce, self.nc, self.cnonce, qop.as_str().as_bytes(), ha2.as_bytes()])
            }
            None => hash(&[ha1.as_bytes(), self.nonce, ha2.as_bytes()]),
        }
    }
}
