//! The asking side: issues nonces and checks credentials.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq as _;

use super::Authority;
use super::challenge::DigestParams;
use super::hash::{Algorithm, Inputs, Qop, hex, hmac_sha256};
use crate::domain::Secret;
use crate::sip::message::{HeaderValue, Request, Uri};

/// Nonces in use that are remembered, about 48 bytes each.
const MAX_NONCES: usize = 4096;

/// Nonce counts may arrive out of order by this many.
const WINDOW: u32 = 64;

/// Hexadecimal digits of a nonce: time, salt, and half an HMAC.
const NONCE_DIGITS: usize = 64;

/// Why a request is not authenticated; answer 401 or 407 with a new challenge unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerAuthError {
    /// No Digest credentials for this realm.
    #[error("no credentials")]
    Missing,
    /// The credentials lack a part, or were made for another request; answer 400.
    #[error("malformed credentials")]
    Malformed,
    /// The credentials are right but the nonce is too old, or its count was used before: challenge with `stale`.
    #[error("the nonce is used up")]
    Stale,
    /// An unknown user, a wrong password or a nonce that is not ours.
    #[error("wrong credentials")]
    Wrong,
}

/// Issues nonces that carry their own proof, and remembers the counts of those in use.
#[derive(Debug)]
pub struct ServerAuth {
    authority: Authority,
    realm: String,
    key: Secret32,
    lifetime_s: u64,
    algorithms: Vec<Algorithm>,
    seen: BTreeMap<NonceKey, Counts>,
    /// Nonces up to this one were forgotten to make room, so their counts are unknown.
    forgotten: Option<NonceKey>,
}

/// Issue time in seconds and salt: unique for each nonce, ordered by age.
type NonceKey = (u64, u64);

/// The nonce counts seen: the highest, and a bit for each of the `WINDOW` below it.
#[derive(Debug, Default)]
struct Counts {
    highest: u32,
    below: u64,
}

struct Secret32([u8; 32]);

impl std::fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl ServerAuth {
    /// Asks for the `algorithms` in this order (RFC 8760 §2.3: the most wanted first) and lets a nonce live
    /// `lifetime_s` seconds. `key` is random and secret.
    pub fn new(authority: Authority, realm: &str, key: [u8; 32], lifetime_s: u64, algorithms: &[Algorithm]) -> Self {
        Self {
            authority,
            realm: realm.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect(),
            key: Secret32(key),
            lifetime_s,
            algorithms: algorithms.to_vec(),
            seen: BTreeMap::new(),
            forgotten: None,
        }
    }

    /// Whose headers and status this server uses.
    pub fn authority(&self) -> Authority {
        self.authority
    }

    /// The values of the challenge header, one for each algorithm. `salt` is random; `now_s` is any steady clock in
    /// seconds, the same as for [`ServerAuth::verify`].
    pub fn challenges(&self, now_s: u64, salt: u64, stale: bool) -> Vec<HeaderValue> {
        let nonce = self.nonce((now_s, salt));
        let stale = if stale { ", stale=true" } else { "" };
        let one = |algorithm: &Algorithm| {
            let (realm, name) = (&self.realm, algorithm.as_str());
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth,auth-int\"{stale}")
                .into()
        };
        self.algorithms.iter().map(one).collect()
    }

    fn nonce(&self, (time, salt): NonceKey) -> String {
        let mac = hmac_sha256(&self.key.0, &[&time.to_be_bytes(), &salt.to_be_bytes(), self.realm.as_bytes()]);
        format!("{time:016x}{salt:016x}{}", hex(&mac[..16]))
    }

    /// Checks the credentials of a request and gives the user's name. `password_of` knows the users.
    ///
    /// # Errors
    /// [`ServerAuthError`] says how to answer.
    pub fn verify(
        &mut self,
        request: &Request,
        now_s: u64,
        password_of: impl FnOnce(&str) -> Option<Secret>,
    ) -> Result<String, ServerAuthError> {
        let values = request.headers.get_all(self.authority.credentials_header());
        let lists: Vec<DigestParams<'_>> = values.flat_map(|v| DigestParams::parse_all(v.as_bytes())).collect();
        let ours = lists.iter().find(|p| p.get("realm") == Some(self.realm.as_bytes()));
        let params = ours.ok_or(ServerAuthError::Missing)?;
        let field = |name| params.get(name).ok_or(ServerAuthError::Malformed);
        let algorithm = params.algorithm().filter(|a| self.algorithms.contains(a)).ok_or(ServerAuthError::Malformed)?;
        let qop = match params.get("qop") {
            Some(token) => Some(Qop::from_token(token).ok_or(ServerAuthError::Malformed)?),
            None => None,
        };
        let count = match qop {
            Some(_) => nonce_count(field("nc")?).ok_or(ServerAuthError::Malformed)?,
            // Without a count a nonce is good for one request.
            None => 1,
        };
        let uri = field("uri")?;
        if !Uri::parse(uri).is_ok_and(|u| u.equivalent(&request.uri)) {
            return Err(ServerAuthError::Malformed);
        }
        let nonce = field("nonce")?;
        let key = self.own_nonce(nonce).ok_or(ServerAuthError::Wrong)?;
        let username = std::str::from_utf8(field("username")?).map_err(|_| ServerAuthError::Wrong)?;
        let password = password_of(username);
        let expected = Inputs {
            algorithm,
            username: username.as_bytes(),
            realm: self.realm.as_bytes(),
            password: password.as_ref().map_or(b"", |p| p.reveal().as_bytes()),
            nonce,
            nc: params.get("nc").unwrap_or_default(),
            cnonce: params.get("cnonce").unwrap_or_default(),
            qop,
            method: request.method.as_str().as_bytes(),
            uri,
            body: &request.body,
        }
        .response();
        // The digest is computed and compared for unknown users too, so that time does not tell them apart.
        let given = field("response")?.to_ascii_lowercase();
        let equal: bool = expected.as_bytes().ct_eq(&given).into();
        if !equal || password.is_none() {
            return Err(ServerAuthError::Wrong);
        }
        self.use_nonce(key, count, now_s)?;
        Ok(username.to_owned())
    }

    /// Nonces whose counts are remembered; bounded.
    pub fn remembered(&self) -> usize {
        self.seen.len()
    }

    /// The key of a nonce that this server made.
    fn own_nonce(&self, nonce: &[u8]) -> Option<NonceKey> {
        let text = std::str::from_utf8(nonce).ok().filter(|t| t.len() == NONCE_DIGITS && t.is_ascii())?;
        let key = (u64::from_str_radix(&text[..16], 16).ok()?, u64::from_str_radix(&text[16..32], 16).ok()?);
        let equal: bool = self.nonce(key).as_bytes().ct_eq(nonce).into();
        equal.then_some(key)
    }

    /// Only verified credentials come here, so a stranger cannot fill the table.
    fn use_nonce(&mut self, key: NonceKey, count: u32, now_s: u64) -> Result<(), ServerAuthError> {
        let lifetime = self.lifetime_s;
        let expired = |issued: u64| now_s.saturating_sub(issued) > lifetime;
        while self.seen.first_key_value().is_some_and(|(k, _)| expired(k.0)) {
            self.seen.pop_first();
        }
        let unknown = !self.seen.contains_key(&key);
        if expired(key.0) || unknown && self.forgotten.is_some_and(|f| key <= f) {
            return Err(ServerAuthError::Stale);
        }
        if !self.seen.entry(key).or_default().take(count) {
            return Err(ServerAuthError::Stale);
        }
        if self.seen.len() > MAX_NONCES {
            self.forgotten = self.seen.pop_first().map(|(k, _)| k).max(self.forgotten);
        }
        Ok(())
    }
}

/// `nc-value = 8LHEX`, from 1.
fn nonce_count(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok().filter(|t| t.len() == 8 && t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok().filter(|n| *n > 0)
}

impl Counts {
    /// False when the count was used before, or is too old to know.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            self.below = if step > WINDOW { 0 } else { self.below.checked_shl(step).unwrap_or(0) };
            if self.highest > 0 && step <= WINDOW {
                self.below |= 1 << (step - 1);
            }
            self.highest = count;
            return true;
        }
        let back = self.highest - count;
        if back == 0 || back > WINDOW || self.below & (1 << (back - 1)) != 0 {
            return false;
        }
        self.below |= 1 << (back - 1);
        true
    }
}
