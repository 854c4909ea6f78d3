//! The answering side: keeps what was asked and signs requests.

use super::Authority;
use super::challenge::{Challenge, DigestParams};
use super::hash::Inputs;
use crate::domain::Secret;
use crate::sip::message::scan::quote;
use crate::sip::message::{HeaderValue, Request, Response};

/// A dialog or registration passes few realms; more than this would be a server that plays with us.
const MAX_REALMS: usize = 4;

/// How often in a row credentials may be answered by another challenge, whatever its excuse.
const MAX_REFUSALS: u32 = 3;

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthError {
    /// Neither 401 nor 407, or no challenge with a known scheme, algorithm and qop.
    #[error("no challenge that can be answered")]
    NoUsableChallenge,
    /// The server refused credentials it had just asked for.
    #[error("the credentials were refused")]
    Refused,
}

/// Credentials and the challenges met so far; one for each trunk or dialog.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    username: String,
    password: Secret,
    sessions: Vec<Session>,
}

/// A challenge in use.
#[derive(Debug, Clone)]
struct Session {
    authority: Authority,
    challenge: Challenge,
    /// Requests signed with this nonce so far: the nonce count (RFC 7616 §3.4).
    uses: u32,
    /// The client nonce of the first request; `-sess` algorithms stay with it.
    first_cnonce: Option<String>,
    /// Challenges in answer to credentials since the last [`ClientAuth::accepted`].
    refusals: u32,
}

impl ClientAuth {
    /// Credentials that have met no challenge yet.
    pub fn new(username: &str, password: Secret) -> Self {
        Self { username: username.to_owned(), password, sessions: Vec::new() }
    }

    /// Takes the challenges of a 401 or 407 that answered `request`; then [`ClientAuth::authorize`] a new request.
    ///
    /// Of several challenges for one realm the strongest known one is taken. Challenges of the other kind stay, so
    /// that a 401 behind a 407 is answered with both.
    ///
    /// # Errors
    /// [`ClientAuthError`]: the request is to be given up.
    pub fn challenged(&mut self, request: &Request, response: &Response) -> Result<(), ClientAuthError> {
        let authority = match response.status {
            401 => Authority::Server,
            407 => Authority::Proxy,
            _ => return Err(ClientAuthError::NoUsableChallenge),
        };
        let mut chosen: Vec<Challenge> = Vec::new();
        for challenge in Challenge::all(&response.headers, authority.challenge_header()) {
            match chosen.iter_mut().find(|c| c.realm == challenge.realm) {
                Some(other) if other.algorithm < challenge.algorithm => *other = challenge,
                Some(_) => {}
                None => chosen.push(challenge),
            }
        }
        if chosen.is_empty() {
            return Err(ClientAuthError::NoUsableChallenge);
        }
        for challenge in chosen {
            self.take(authority, challenge, request)?;
        }
        Ok(())
    }

    fn take(&mut self, authority: Authority, challenge: Challenge, request: &Request) -> Result<(), ClientAuthError> {
        let tried = nonce_in(request, authority, &challenge.realm);
        let known = self.sessions.iter().position(|s| s.authority == authority && s.challenge.realm == challenge.realm);
        let mut refusals = known.map_or(0, |at| self.sessions[at].refusals);
        if let (Some(at), Some(tried)) = (known, &tried) {
            let session = &self.sessions[at];
            // A nonce that had worked before may have expired without the server saying `stale`.
            let first_use = session.uses <= 1 && session.challenge.nonce == *tried;
            let same_again = challenge.nonce == *tried;
            refusals += 1;
            if !challenge.stale && (first_use || same_again) || refusals > MAX_REFUSALS {
                self.sessions.remove(at);
                return Err(ClientAuthError::Refused);
            }
        }
        if let Some(at) = known {
            if self.sessions[at].challenge.nonce == challenge.nonce {
                // The same nonce for a second request: its count goes on.
                self.sessions[at].refusals = refusals;
                return Ok(());
            }
            self.sessions.remove(at);
        } else if self.sessions.len() >= MAX_REALMS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session { authority, challenge, uses: 0, first_cnonce: None, refusals });
        Ok(())
    }

    /// Signs a request with every challenge met so far, replacing old credentials; does nothing before the first.
    ///
    /// The digest covers the Request-URI byte for byte, so sign last. `cnonce` is a fresh random token.
    pub fn authorize(&mut self, request: &mut Request, cnonce: &str) {
        for authority in [Authority::Server, Authority::Proxy] {
            if self.sessions.iter().any(|s| s.authority == authority) {
                request.headers.remove(authority.credentials_header());
            }
        }
        for session in &mut self.sessions {
            let value = session.sign(&self.username, &self.password, request, cnonce);
            request.headers.push(session.authority.credentials_header(), value);
        }
    }

    /// To be called when signed credentials were taken: any answer but 401 and 407.
    pub fn accepted(&mut self) {
        self.sessions.iter_mut().for_each(|s| s.refusals = 0);
    }

    /// Whether a challenge has been met, so that the next request will carry credentials.
    pub fn is_challenged(&self) -> bool {
        !self.sessions.is_empty()
    }
}

impl Session {
    fn sign(&mut self, username: &str, password: &Secret, request: &Request, cnonce: &str) -> HeaderValue {
        let challenge = &self.challenge;
        self.uses += 1;
        let first = self.first_cnonce.get_or_insert_with(|| cnonce.to_owned());
        let cnonce = if challenge.algorithm.is_session() { first.as_str() } else { cnonce };
        let nc = format!("{:08x}", self.uses);
        let response = Inputs {
            algorithm: challenge.algorithm,
            username: username.as_bytes(),
            realm: &challenge.realm,
            password: password.reveal().as_bytes(),
            nonce: &challenge.nonce,
            nc: nc.as_bytes(),
            cnonce: cnonce.as_bytes(),
            qop: challenge.qop,
            method: request.method.as_str().as_bytes(),
            uri: request.uri.as_str().as_bytes(),
            body: &request.body,
        }
        .response();
        let mut out = Vec::with_capacity(320);
        out.extend_from_slice(b"Digest username=");
        quote(username.as_bytes(), &mut out);
        push_quoted(&mut out, "realm", &challenge.realm);
        push_quoted(&mut out, "nonce", &challenge.nonce);
        push_quoted(&mut out, "uri", request.uri.as_str().as_bytes());
        push_quoted(&mut out, "response", response.as_bytes());
        if challenge.names_algorithm {
            out.extend_from_slice(format!(", algorithm={}", challenge.algorithm.as_str()).as_bytes());
        }
        if challenge.qop.is_some() || challenge.algorithm.is_session() {
            push_quoted(&mut out, "cnonce", cnonce.as_bytes());
        }
        if let Some(qop) = challenge.qop {
            out.extend_from_slice(format!(", qop={}, nc={nc}", qop.as_str()).as_bytes());
        }
        if let Some(opaque) = &challenge.opaque {
            push_quoted(&mut out, "opaque", opaque);
        }
        HeaderValue::new(out)
    }
}

/// Text from a challenge is put back as it was, its escapes included.
fn push_quoted(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    out.extend_from_slice(b", ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    out.extend_from_slice(text);
    out.push(b'"');
}

/// The nonce of the credentials a request carried for this realm.
fn nonce_in(request: &Request, authority: Authority, realm: &[u8]) -> Option<Vec<u8>> {
    request
        .headers
        .get_all(authority.credentials_header())
        .flat_map(|v| DigestParams::parse_all(v.as_bytes()))
        .find(|p| p.get("realm") == Some(realm))
        .and_then(|p| p.get("nonce").map(<[u8]>::to_vec))
}
