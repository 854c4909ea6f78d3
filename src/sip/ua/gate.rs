//! Requests from outside the configured networks: callers with credentials are let in, the rest is refused or ignored,
//! all of it rationed.

use super::floods::source_of;
use super::{Endpoint, Flow, Strangers};
use crate::sip::auth::{Algorithm, Authority, ServerAuth, ServerAuthError};
use crate::sip::message::{Method, Request, Via};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const REALM: &str = "vca";

/// How long a nonce may be used, in seconds.
const NONCE_LIFETIME_S: u64 = 300;

/// The strongest first (RFC 8760 §2.3); MD5 for phones that know nothing else.
const ALGORITHMS: &[Algorithm] = &[Algorithm::Sha256, Algorithm::Md5];

/// Wrong credentials that a source may send within [`GUESSING`]; after that it is not heard until that time is over.
const MAX_WRONG: u32 = 5;
const GUESSING: Duration = Duration::from_secs(60);

/// Sources that are remembered for wrong credentials; the one that began first gives way.
const MAX_GUESSERS: usize = 1_024;

/// Whom the endpoint answers beyond its networks.
#[derive(Debug)]
pub(super) struct Gate {
    auth: ServerAuth,
    /// The clock of nonces begins with the first request.
    began: Option<Instant>,
    /// When a source first sent wrong credentials, and how often since.
    guessers: HashMap<IpAddr, (Instant, u32)>,
    /// When the current second of answers to strangers began, and how many it had.
    second: Option<(Instant, u32)>,
}

impl Gate {
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            auth: ServerAuth::new(Authority::Server, REALM, key, NONCE_LIFETIME_S, ALGORITHMS),
            began: None,
            guessers: HashMap::new(),
            second: None,
        }
    }

    fn seconds(&mut self, now: Instant) -> u64 {
        now.saturating_duration_since(*self.began.get_or_insert(now)).as_secs()
    }

    fn is_guessing(&mut self, source: IpAddr, now: Instant) -> bool {
        let old = |(began, _): &(Instant, u32)| now.saturating_duration_since(*began) >= GUESSING;
        if self.guessers.get(&source).is_some_and(old) {
            self.guessers.remove(&source);
        }
        self.guessers.get(&source).is_some_and(|(_, count)| *count >= MAX_WRONG)
    }

    fn note_wrong(&mut self, source: IpAddr, now: Instant) {
        if self.guessers.len() >= MAX_GUESSERS
            && !self.guessers.contains_key(&source)
            && let Some(first) = self.guessers.iter().min_by_key(|(_, (began, _))| *began).map(|(ip, _)| *ip)
        {
            self.guessers.remove(&first);
        }
        let (_, count) = self.guessers.entry(source).or_insert((now, 0));
        *count = count.saturating_add(1);
    }

    /// Whether one more answer may go out in this second.
    fn may_answer(&mut self, limit: u32, now: Instant) -> bool {
        let (began, count) = match self.second {
            Some((began, count)) if now.saturating_duration_since(began) < Duration::from_secs(1) => (began, count),
            _ => (now, 0),
        };
        self.second = Some((began, count.saturating_add(1)));
        count < limit
    }

    #[cfg(test)]
    pub fn guessers(&self) -> usize {
        self.guessers.len()
    }
}

impl Endpoint {
    /// Whether a request from outside the networks is served; when not, it is dealt with.
    pub(super) fn is_admitted(&mut self, request: &Request, via: &Via, flow: Flow, now: Instant) -> bool {
        // Whoever cancels a call that was let in knows its branch.
        if request.method == Method::Cancel
            && self.servers.find(&super::rows::server_key(via, Method::Invite.as_str())).is_some()
        {
            return true;
        }
        let (users, invite) = (self.config.peers.has_users(), request.method == Method::Invite);
        if users && invite && self.is_authenticated(request, flow, now) {
            return true;
        }
        self.stats.rejected_source += 1;
        let refused = self.config.strangers == Strangers::Forbidden && !(users && invite);
        if refused && request.method != Method::Ack {
            self.answer_stranger(request.reply(403), flow, now);
        }
        false
    }

    /// Checks the credentials of an INVITE; asks for them, or for better ones.
    fn is_authenticated(&mut self, request: &Request, flow: Flow, now: Instant) -> bool {
        let source = source_of(flow.remote.ip());
        if self.gate.is_guessing(source, now) {
            return false;
        }
        let (seconds, salt) = (self.gate.seconds(now), self.tokens.key());
        let peers = &self.config.peers;
        let stale = match self.gate.auth.verify(request, seconds, |user| peers.password_of(user)) {
            Ok(_) => {
                self.gate.guessers.remove(&source);
                return true;
            }
            Err(ServerAuthError::Malformed) => {
                self.gate.note_wrong(source, now);
                let mut response = request.reply(400);
                response.reason = "Malformed Credentials".to_owned();
                self.answer_stranger(response, flow, now);
                return false;
            }
            Err(ServerAuthError::Wrong) => {
                self.gate.note_wrong(source, now);
                false
            }
            Err(ServerAuthError::Missing) => false,
            Err(ServerAuthError::Stale) => true,
        };
        let mut response = request.reply(Authority::Server.status());
        for challenge in self.gate.auth.challenges(seconds, salt, stale) {
            response.headers.push(Authority::Server.challenge_header(), challenge);
        }
        self.answer_stranger(response, flow, now);
        false
    }

    fn answer_stranger(&mut self, response: crate::sip::message::Response, flow: Flow, now: Instant) {
        let may = self.may_answer(flow.remote.ip(), now);
        if may && self.gate.may_answer(self.config.limits.forbidden_per_second, now) {
            self.send_stateless(response, flow);
        }
    }
}
