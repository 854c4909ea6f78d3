//! Keys in session descriptions (RFC 4568): reading and writing `a=crypto`, and which keys count.
//!
//! A line that is malformed, or asks for what we do not have (another suite, an MKI, several keys, unencrypted or
//! unauthenticated packets, a key that lasts less than a call may), is passed over as RFC 4568 §5.1.2 says.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sdp_types::{Attribute, Media};
use sha2::Sha256;

use super::SdpError;
use crate::domain::{Secret, SrtpUse};
use crate::media::srtp::{MasterKey, SrtpKeys, Suite};

/// With or without padding: 30 bytes need none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// A key that may protect fewer packets (2^20, 3 hours of 10 ms packets) could end before the call does.
const LEAST_LIFETIME_LOG2: u32 = 20;
/// RFC 4568 §6.1 allows no more.
const MOST_LIFETIME_LOG2: u32 = 48;
/// The smallest replay window that RFC 4568 §6.3.7 lets a peer hint at.
const LEAST_WINDOW: u32 = 64;

/// A line that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CryptoLine {
    pub tag: u32,
    pub suite: Suite,
    pub key: MasterKey,
}

impl CryptoLine {
    /// Reads the value of `a=crypto`: `1 AES_CM_128_HMAC_SHA1_80 inline:<base64>|2^31 WSH=64`.
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9).and_then(digits)?;
        let suite = Suite::from_name(words.next()?)?;
        let (method, key) = words.next()?.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || !words.all(is_harmless) {
            return None;
        }
        let (key, lifetime) = key.split_once('|').map_or((key, None), |(key, lifetime)| (key, Some(lifetime)));
        if !lifetime.is_none_or(lasts) {
            return None;
        }
        let bytes = BASE64.decode(key).ok()?.try_into().ok()?;
        Some(Self { tag, suite, key: MasterKey::from_bytes(bytes) })
    }

    pub fn attribute(&self) -> Attribute {
        let (tag, suite, key) = (self.tag, self.suite.name(), BASE64.encode(self.key.bytes()));
        Attribute::with_value("crypto", format!("{tag} {suite} inline:{key}"))
    }
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether a session parameter changes nothing that matters here (RFC 4568 §6.3): keys derived once, a hint at a
/// window, and extensions that may be passed over.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, rate)) if name.eq_ignore_ascii_case("KDR") => rate == "0",
        Some((name, size)) if name.eq_ignore_ascii_case("WSH") => digits(size).is_some_and(|size| size >= LEAST_WINDOW),
        _ => parameter.len() > 1 && parameter.starts_with('-'),
    }
}

/// Whether the key's lifetime, such as `2^31` or `1048576` packets, outlasts a call; an MKI never does.
fn lasts(lifetime: &str) -> bool {
    match lifetime.split_once('^') {
        Some(("2", power)) => {
            digits(power).is_some_and(|log2| (LEAST_LIFETIME_LOG2..=MOST_LIFETIME_LOG2).contains(&log2))
        }
        Some(_) => false,
        None => {
            lifetime.bytes().all(|byte| byte.is_ascii_digit())
                && lifetime
                    .parse()
                    .is_ok_and(|n: u64| (1 << LEAST_LIFETIME_LOG2..=1 << MOST_LIFETIME_LOG2).contains(&n))
        }
    }
}

fn lines(media: &Media) -> impl Iterator<Item = CryptoLine> + '_ {
    media.get_attribute_values("crypto").flatten().filter_map(CryptoLine::parse)
}

/// Whether the media line's protocol is one of RTP's, and a secure one.
pub(super) fn is_secure(proto: &str) -> Option<bool> {
    match proto {
        "RTP/AVP" | "RTP/AVPF" => Some(false),
        "RTP/SAVP" | "RTP/SAVPF" => Some(true),
        _ => None,
    }
}

/// The first key of an offer that can be used; none for plain RTP.
///
/// # Errors
/// When plain RTP is not allowed, or nothing else is.
pub(super) fn offered(media: &Media, allowed: SrtpUse, has_keys: bool) -> Result<Option<CryptoLine>, SdpError> {
    let secure = is_secure(&media.proto).unwrap_or(false);
    match lines(media).next().filter(|_| has_keys) {
        _ if !secure && allowed == SrtpUse::Require => Err(SdpError::SrtpRequired),
        None if secure => Err(SdpError::NoUsableKey),
        line => Ok(line),
    }
}

/// The key of an answer to an offer with our keys, `secure` or not; none when it has chosen plain RTP.
///
/// # Errors
/// When it has chosen what was not offered.
pub(super) fn answered(media: &Media, secure: bool) -> Result<Option<CryptoLine>, SdpError> {
    let takes_keys = secure || is_secure(&media.proto) == Some(true) || media.has_attribute("crypto");
    let fits = |line: &CryptoLine| Suite::ALL.get((line.tag as usize).wrapping_sub(1)) == Some(&line.suite);
    match lines(media).find(fits) {
        None if takes_keys => Err(SdpError::NoUsableKey),
        line => Ok(line),
    }
}

/// Our keys in one dialog, all made of one random seed, and the far end's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRing {
    seed: Secret<[u8; 32]>,
    generation: u32,
    /// The far end may have seen keys of this generation.
    is_used: bool,
    agreed: Option<(Suite, MasterKey)>,
}

impl KeyRing {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed: Secret::from_bytes(seed), generation: 0, is_used: false, agreed: None }
    }

    /// Our key of this generation for the suite. Each suite has its own: RFC 4568 §6.1 wants no key twice.
    fn local(&self, suite: Suite) -> MasterKey {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.seed.bytes());
        let mac = mac.expect("invariant: HMAC takes keys of any length");
        let mac = mac.chain_update(self.generation.to_be_bytes()).chain_update(suite.name());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        MasterKey::from_bytes(*bytes.first_chunk().expect("invariant: 32 bytes begin with 30"))
    }

    /// Whether the last exchange came to SRTP.
    pub fn is_agreed(&self) -> bool {
        self.agreed.is_some()
    }

    /// The lines of an offer, tagged from 1 in the order of [`Suite::ALL`].
    pub fn offer(&mut self) -> Vec<CryptoLine> {
        if self.agreed.is_none() {
            self.renew();
        }
        self.is_used = true;
        let line = |(tag, suite)| CryptoLine { tag, suite, key: self.local(suite) };
        (1..).zip(Suite::ALL).map(line).collect()
    }

    /// Answers with a key of ours. It stays while the far end's does; a far end with another key may be another
    /// device, which knows no packet index of the old stream, so it gets a new one.
    pub fn answer(&mut self, line: CryptoLine) -> (CryptoLine, SrtpKeys) {
        if self.agreed.as_ref() != Some(&(line.suite, line.key.clone())) {
            self.renew();
        }
        let keys = self.agree(line.clone());
        (CryptoLine { key: keys.local.clone(), ..line }, keys)
    }

    /// What an exchange comes to, with our key of this generation. An offer may get several answers, from several
    /// devices that ring.
    pub fn agree(&mut self, line: CryptoLine) -> SrtpKeys {
        self.is_used = true;
        self.agreed = Some((line.suite, line.key.clone()));
        SrtpKeys { suite: line.suite, local: self.local(line.suite), remote: line.key }
    }

    /// An exchange that came to plain RTP: keys that are agreed on later are new ones.
    pub fn agree_none(&mut self) {
        self.agreed = None;
    }

    /// The next offer or answer has a new key of ours. A key that was used must never begin again at index 0.
    pub fn renew(&mut self) {
        self.generation += u32::from(std::mem::take(&mut self.is_used));
    }
}
