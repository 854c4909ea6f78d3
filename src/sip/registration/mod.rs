//! Registration of one address at one registrar (RFC 3261 §10), as a state machine without sockets, clock or randomness.
//!
//! ```text
//!            start                 401, 407, 423, new address: again at once
//!  Unregistered ──► Trying ◄──────────────────────┐
//!                     │ ─────────────────────────┘
//!        200 with our │ Contact         at 75 % of what was granted
//!                     ▼                    ┌──────────┐
//!                 Registered ──────────────┤          ▼
//!                     ▲                    │       Trying, still Registered until it expires
//!                     └────────────────────┘          │
//!                 Failed ◄────────────────────────────┘ no answer from any target, or a refusal: back-off
//! ```
//!
//! The waiting times are made so that a registrar that comes back is registered at within five seconds: an unanswered
//! REGISTER is repeated at least every [`Timing::t2`](crate::sip::transaction::Timing) (4 s) over UDP, and the pause
//! between two attempts that nobody answered is at most [`SILENCE_CAP`]. A registrar that refuses is asked less and
//! less often, up to [`REFUSAL_CAP`]; one that names a Retry-After is taken at its word.
#![deny(clippy::disallowed_methods)]

mod report;

pub use report::{RegistrationReport, RegistrationState};

use crate::sip::auth::{ClientAuth, ClientAuthError};
use crate::sip::message::{CSeq, HeaderName, Method, NameAddr, Request, Response, Uri, reason_phrase};
use crate::sip::ua::{Credentials, Transport};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Longest pause after attempts that got no answer.
pub const SILENCE_CAP: Duration = Duration::from_secs(4);

/// Longest pause after a refusal: a wrong password must not get our address banned.
pub const REFUSAL_CAP: Duration = Duration::from_secs(300);

/// Longest Retry-After that is believed.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(3_600);

/// Shortest time to the next refresh, however little was granted.
const REFRESH_FLOOR: Duration = Duration::from_secs(4);

/// How long the first attempt at a target waits for an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long a de-registration waits for its answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// Requests in one attempt: challenges of proxy and registrar, one stale nonce each, 423, a new address.
const MAX_EXCHANGES: u32 = 8;

/// How often in a row a changed address may cause a REGISTER at once; a NAT that maps every packet anew would loop.
const MAX_REWRITES: u32 = 2;

/// Longest expiry that a 423 may make us ask for.
const MAX_EXPIRY_S: u32 = 7 * 86_400;

/// Where requests can be sent, one of the results of RFC 3263.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    pub transport: Transport,
    pub addr: SocketAddr,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.addr, self.transport.as_str())
    }
}

/// What to register, and where.
#[derive(Debug, Clone)]
pub struct RegistrationConfig {
    /// Request-URI of the REGISTER, used byte for byte in the digest.
    pub registrar: Uri,
    /// Address of record: From and To. Its user part is that of the Contact.
    pub address: Uri,
    pub credentials: Option<Credentials>,
    /// Seconds asked for.
    pub expiry: u32,
    /// Outbound proxy, with its `lr`.
    pub route: Option<NameAddr>,
    /// Our address in the Contact; absent: found out by `received` and `rport` (RFC 3581).
    pub public_ip: Option<IpAddr>,
    /// In the order of preference; when empty every attempt fails.
    pub targets: Vec<Target>,
}

/// What is to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A REGISTER is to be sent at this time.
    Due(Instant),
    /// A REGISTER is under way; given up at this time.
    Pending(Instant),
    /// De-registered, or never begun.
    Over,
}

#[derive(Debug, Clone)]
struct Binding {
    expires_at: Instant,
    contact: Uri,
    target: Target,
}

/// One address at one registrar. Made idle; [`Registration::refresh`] begins.
///
/// The owner calls [`Registration::handle_timeout`] when [`Registration::poll_timeout`] says so, and after every input
/// sends what [`Registration::wants_to_send`] asks for. `jitter` is a fresh random number below 1000 each time.
#[derive(Debug)]
pub struct Registration {
    config: RegistrationConfig,
    call_id: String,
    tag: String,
    cseq: u32,
    auth: Option<ClientAuth>,
    /// Seconds asked for; 423 raises it.
    expiry: u32,
    current: usize,
    /// Targets of this round that did not answer.
    tried: usize,
    /// Rounds in which no target served us, since one did.
    rounds: u32,
    /// Refusals since the last success.
    refusals: u32,
    exchanges: u32,
    rewrites: u32,
    /// The Contact of the last REGISTER.
    contact: Option<Uri>,
    /// Our address as the current target sees it.
    seen: Option<SocketAddr>,
    /// Contacts that are ours no more, to be taken off.
    outdated: Vec<Uri>,
    binding: Option<Binding>,
    service_route: Vec<NameAddr>,
    last_success: Option<Instant>,
    last_error: Option<String>,
    phase: Phase,
    leaving: bool,
}

impl Registration {
    /// `call_id`, `tag` and `cseq` (below 2^31) are fresh random values; they stay for the life of the registration
    /// (§10.2.4).
    pub fn new(config: RegistrationConfig, call_id: String, tag: String, cseq: u32) -> Self {
        let auth = config.credentials.as_ref().map(|c| ClientAuth::new(&c.username, c.password.clone()));
        Self {
            expiry: config.expiry.clamp(1, MAX_EXPIRY_S),
            auth,
            config,
            call_id,
            tag,
            cseq,
            current: 0,
            tried: 0,
            rounds: 0,
            refusals: 0,
            exchanges: 0,
            rewrites: 0,
            contact: None,
            seen: None,
            outdated: Vec::new(),
            binding: None,
            service_route: Vec::new(),
            last_success: None,
            last_error: None,
            phase: Phase::Over,
            leaving: false,
        }
    }

    /// Registers at once: at the start, or because the registrar may have lost us.
    pub fn refresh(&mut self, now: Instant) {
        if !self.leaving {
            self.begin(now);
        }
    }

    /// The connection to this address broke. Over it the registrar would have sent our calls: registers again, though
    /// not more than once in [`SILENCE_CAP`], for a registrar that closes every connection.
    pub fn flow_lost(&mut self, remote: SocketAddr, now: Instant) {
        let Some(target) = self.target().filter(|t| t.transport.is_reliable() && t.addr == remote) else { return };
        let registered = self.binding.as_ref().is_some_and(|binding| binding.target == target);
        if let (true, false, Phase::Due(at)) = (registered, self.leaving, self.phase) {
            let earliest = self.last_success.map_or(now, |success| (success + SILENCE_CAP).max(now));
            self.exchanges = 0;
            self.phase = Phase::Due(at.min(earliest));
        }
    }

    /// New results of the look-ups. When the target in use is not among them, the first is registered at, at once.
    pub fn set_targets(&mut self, targets: Vec<Target>, now: Instant) {
        let current = self.target();
        let kept = targets.iter().position(|target| Some(*target) == current);
        self.config.targets = targets;
        self.tried = 0;
        match kept {
            // Between two attempts that failed, the next one begins with the best.
            Some(1..) if self.binding.is_none() && matches!(self.phase, Phase::Due(_)) => {
                (self.current, self.seen) = (0, None);
            }
            Some(index) => self.current = index,
            None => {
                self.current = 0;
                self.seen = None;
                if !self.leaving && self.phase != Phase::Over {
                    self.begin(now);
                }
            }
        }
    }

    /// A better target than the one in use answers again: registers there, at once.
    pub fn prefer(&mut self, target: Target, now: Instant) {
        let index = self.config.targets.iter().position(|candidate| *candidate == target);
        if let Some(index) = index.filter(|index| *index < self.current && !self.leaving) {
            self.current = index;
            self.tried = 0;
            self.seen = None;
            self.begin(now);
        }
    }

    /// Takes the registration back (Expires: 0); afterwards [`Registration::is_over`].
    pub fn unregister(&mut self, now: Instant) {
        if self.contact.is_none() {
            self.phase = Phase::Over;
        } else if !self.leaving {
            self.begin(now);
        }
        self.leaving = true;
    }

    /// Whether nothing more will be sent.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The target in use.
    pub fn target(&self) -> Option<Target> {
        self.config.targets.get(self.current).copied()
    }

    /// Where the registrar sees us, while it is to send our calls there by UDP.
    pub fn mapped_at(&self) -> Option<SocketAddr> {
        let target = self.binding.as_ref().map(|binding| binding.target)?;
        self.seen.filter(|_| !target.transport.is_reliable() && self.target() == Some(target))
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let lapse = self.binding.as_ref().map(|binding| binding.expires_at);
        let next = match self.phase {
            Phase::Due(at) | Phase::Pending(at) => Some(at),
            Phase::Over => None,
        };
        [lapse, next].into_iter().flatten().min()
    }

    /// Forgets a binding that has run out, and gives up an attempt that waited long enough.
    pub fn handle_timeout(&mut self, jitter: u32, now: Instant) {
        self.binding.take_if(|binding| binding.expires_at <= now);
        if matches!(self.phase, Phase::Pending(until) if until <= now) {
            self.unanswered(jitter, now);
        }
    }

    /// Whether a REGISTER is to be sent now: then [`Self::request`] makes it, for [`Self::target`].
    pub fn wants_to_send(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Due(at) if at <= now)
    }

    /// The REGISTER to send, without Via. `advertised` is our listener's address towards the target.
    pub fn request(&mut self, advertised: SocketAddr, transport: Transport, user_agent: &str, now: Instant) -> Request {
        self.cseq += 1;
        self.exchanges += 1;
        self.phase = Phase::Pending(now + self.patience());
        let contact = self.our_contact(advertised, transport);
        if let Some(old) = self.contact.replace(contact.clone()).filter(|old| *old != contact) {
            self.outdated.retain(|uri| *uri != contact);
            self.outdated.push(old);
        }
        let expiry = if self.leaving { 0 } else { self.expiry };
        let mut request = Request::new(Method::Register, self.config.registrar.clone().without_headers());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        if let Some(route) = &self.config.route {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::From, NameAddr::new(self.config.address.clone()).with_tag(&self.tag));
        headers.push(HeaderName::To, NameAddr::new(self.config.address.clone()));
        headers.push(HeaderName::CallId, self.call_id.as_str());
        headers.push(HeaderName::CSeq, CSeq::new(self.cseq, Method::Register));
        headers.push(HeaderName::Contact, with_expires(contact, expiry));
        for old in &self.outdated {
            headers.push(HeaderName::Contact, with_expires(old.clone(), 0));
        }
        headers.push(HeaderName::Expires, expiry);
        // RFC 3327: the registrar may note the proxies between.
        headers.push(HeaderName::Supported, "path");
        headers.push(HeaderName::UserAgent, user_agent);
        request
    }

    /// Signs a request of [`Self::request`] with what was asked for so far; last, for it covers the request.
    pub fn authorize(&mut self, request: &mut Request, cnonce: &str) {
        if let Some(auth) = &mut self.auth {
            auth.authorize(request, cnonce);
        }
    }

    /// A response to the REGISTER under way.
    pub fn handle_response(&mut self, request: &Request, response: &Response, jitter: u32, now: Instant) {
        if !matches!(self.phase, Phase::Pending(_)) {
            return;
        }
        if response.status < 200 {
            // It is being worked on: as long as timer F may wait.
            self.phase = Phase::Pending(now + 8 * PATIENCE);
            return;
        }
        let moved = self.note_address(response);
        match response.status {
            200..=299 => self.accepted(response, moved, jitter, now),
            401 | 407 => self.challenged(request, response, jitter, now),
            423 if !self.leaving => self.too_brief(response, jitter, now),
            // RFC 3263 §4.3: this server cannot, another may.
            408 | 500 | 502 | 503 | 504 => {
                let error = format!("{} says: {}", self.target_words(), status_words(response));
                self.unreachable(error, false, retry_after(response), jitter, now);
            }
            403 => {
                let error = format!("refused ({}): check user, password and our address", status_words(response));
                self.refused(error, retry_after(response), jitter, now);
            }
            _ => self.refused(format!("refused ({})", status_words(response)), retry_after(response), jitter, now),
        }
    }

    /// The REGISTER could not be sent, or no answer came in time.
    pub fn failed(&mut self, error: String, jitter: u32, now: Instant) {
        self.unreachable(error, false, None, jitter, now);
    }

    /// No answer came.
    pub fn unanswered(&mut self, jitter: u32, now: Instant) {
        self.unreachable(format!("no answer from {}", self.target_words()), true, None, jitter, now);
    }

    /// A fresh attempt, whatever was under way.
    fn begin(&mut self, now: Instant) {
        self.exchanges = 0;
        self.phase = Phase::Due(now);
    }

    /// A lone registrar may be slow, and its REGISTER is repeated all the time; among several, one that is known to be
    /// silent must not keep us long from the others, except in every fourth round, for slow ones.
    fn patience(&self) -> Duration {
        let reliable = self.target().is_some_and(|target| target.transport.is_reliable());
        match self.config.targets.len() {
            _ if self.leaving => FAREWELL,
            0 | 1 => (PATIENCE * (1 << self.rounds.min(3))).min(if reliable { 2 * PATIENCE } else { 8 * PATIENCE }),
            _ if self.rounds.is_multiple_of(4) => PATIENCE,
            _ => PATIENCE / 2,
        }
    }

    fn our_contact(&self, advertised: SocketAddr, transport: Transport) -> Uri {
        let seen = self.seen.filter(|_| self.config.public_ip.is_none());
        let ip = self.config.public_ip.or(seen.map(|seen| seen.ip())).unwrap_or(advertised.ip()).to_canonical();
        // A connection has a port of its own, at which nobody listens.
        let port = seen.filter(|_| !transport.is_reliable()).unwrap_or(advertised).port();
        let user = self.config.address.user_unescaped();
        let uri = Uri::sip(user.as_deref(), &ip.to_string()).expect("invariant: an IP address is a host");
        let uri = uri.with_port(Some(port));
        match transport {
            Transport::Udp => uri,
            other => uri.with_param("transport", Some(&other.as_str().to_ascii_lowercase())),
        }
    }

    /// Takes our address from the top Via of a response (RFC 3261 §18.2.1, RFC 3581 §4); true when it changes the Contact.
    fn note_address(&mut self, response: &Response) -> bool {
        let (Ok(via), Some(sent), None) = (response.headers.top_via(), &self.contact, self.config.public_ip) else {
            return false;
        };
        let Some(ip) = via.received_ip().or(via.host_ip()).map(|ip| ip.to_canonical()) else { return false };
        let reliable = self.target().is_some_and(|target| target.transport.is_reliable());
        let rport = via.rport().flatten().filter(|_| !reliable);
        let Some(port) = rport.or(sent.port()).filter(|port| *port != 0 && !ip.is_unspecified()) else { return false };
        self.seen = Some(SocketAddr::new(ip, port));
        sent.host_ip() != Some(ip) || sent.port() != Some(port)
    }

    fn accepted(&mut self, response: &Response, moved: bool, jitter: u32, now: Instant) {
        if let Some(auth) = &mut self.auth {
            auth.accepted();
        }
        if self.leaving {
            self.binding = None;
            self.phase = Phase::Over;
            return;
        }
        if moved && self.rewrites < MAX_REWRITES {
            self.rewrites += 1;
            return self.begin(now);
        }
        if !moved {
            self.rewrites = 0;
        }
        let (Some(contact), Some(target)) = (self.contact.clone(), self.target()) else { return };
        let contacts = response.headers.contacts().unwrap_or_default();
        let ours = contacts.iter().find(|c| c.uri.equivalent(&contact)).or_else(|| {
            let same = |c: &&NameAddr| {
                c.uri.user() == contact.user() && c.uri.host_ip() == contact.host_ip() && c.uri.port() == contact.port()
            };
            contacts.iter().find(same)
        });
        let header = response.headers.expires().ok().flatten();
        let granted = ours.map(|ours| ours.expires().or(header).unwrap_or(self.expiry)).unwrap_or(0);
        if granted == 0 {
            let error = "the registrar says OK, but our address is not among those it keeps: calls would not arrive";
            self.binding = None;
            return self.refused(error.to_owned(), None, jitter, now);
        }
        // §10.3: a registrar may only shorten; more than was asked is not to be relied on.
        let granted = Duration::from_secs(granted.min(self.expiry).into());
        self.binding = Some(Binding { expires_at: now + granted, contact, target });
        self.service_route = response.headers.addresses(HeaderName::ServiceRoute).unwrap_or_default();
        self.outdated.clear();
        self.last_success = Some(now);
        self.last_error = None;
        (self.tried, self.rounds, self.refusals, self.exchanges) = (0, 0, 0, 0);
        self.phase = Phase::Due(now + (granted * 3 / 4).max(REFRESH_FLOOR));
    }

    fn challenged(&mut self, request: &Request, response: &Response, jitter: u32, now: Instant) {
        let error = match self.auth.as_mut().map(|auth| auth.challenged(request, response)) {
            None => "the registrar asks for a password, and none is configured",
            Some(Err(ClientAuthError::NoUsableChallenge)) => {
                "the registrar asks for a kind of authentication that is not known here"
            }
            Some(Err(ClientAuthError::Refused)) => "the registrar refuses the user name or password",
            Some(Ok(())) if self.exchanges >= MAX_EXCHANGES => "the registrar asks for credentials again and again",
            Some(Ok(())) => {
                self.phase = Phase::Due(now);
                return;
            }
        };
        self.refused(error.to_owned(), retry_after(response), jitter, now);
    }

    /// §10.2.8.
    fn too_brief(&mut self, response: &Response, jitter: u32, now: Instant) {
        let least = response.headers.min_expires().ok().flatten().unwrap_or(0);
        if least <= self.expiry || least > MAX_EXPIRY_S || self.exchanges >= MAX_EXCHANGES {
            let error = format!("the registrar wants another expiry than {} s, and does not say which", self.expiry);
            return self.refused(error, retry_after(response), jitter, now);
        }
        self.expiry = least;
        self.phase = Phase::Due(now);
    }

    /// This target does not serve us: the next one, or a pause when none did.
    fn unreachable(&mut self, error: String, silent: bool, retry_after: Option<Duration>, jitter: u32, now: Instant) {
        self.last_error = Some(error);
        self.exchanges = 0;
        if self.leaving {
            self.binding = None;
            self.phase = Phase::Over;
            return;
        }
        self.tried += 1;
        let targets = self.config.targets.len();
        if self.tried < targets {
            self.current = (self.current + 1) % targets;
            self.seen = None;
            self.phase = Phase::Due(now);
            return;
        }
        self.tried = 0;
        if self.current != 0 {
            (self.current, self.seen) = (0, None);
        }
        self.rounds = self.rounds.saturating_add(1);
        // Several silent targets take several times the patience: that is the pause, and the sum stays at five seconds.
        let cap = if targets > 1 && silent { SILENCE_CAP / 8 } else { SILENCE_CAP };
        let pause = back_off(Duration::from_millis(500), self.rounds, cap, jitter);
        self.phase = Phase::Due(now + pause.max(retry_after.unwrap_or_default()));
    }

    /// The carrier answers, and does not want us.
    fn refused(&mut self, error: String, retry_after: Option<Duration>, jitter: u32, now: Instant) {
        self.last_error = Some(error);
        self.binding = None;
        (self.exchanges, self.rounds) = (0, 0);
        if self.leaving {
            self.phase = Phase::Over;
            return;
        }
        self.tried = 0;
        self.refusals = self.refusals.saturating_add(1);
        let pause = back_off(SILENCE_CAP, self.refusals, REFUSAL_CAP, jitter);
        self.phase = Phase::Due(now + pause.max(retry_after.unwrap_or_default()));
    }

    fn target_words(&self) -> String {
        self.target().map_or_else(|| "anywhere: no address is known".to_owned(), |target| target.to_string())
    }
}

fn with_expires(contact: Uri, seconds: u32) -> NameAddr {
    let mut contact = NameAddr::new(contact);
    contact.params.set("expires", Some(&seconds.to_string()));
    contact
}

/// Doubles with every failure up to `cap`, then takes between half and all of it, so that many do not come together.
fn back_off(first: Duration, failures: u32, cap: Duration, jitter: u32) -> Duration {
    let whole = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(cap);
    whole / 2 + whole / 2 * jitter.min(1_000) / 1_000
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers.retry_after().ok().flatten()?;
    Some(Duration::from_secs(seconds.into()).min(RETRY_AFTER_CAP))
}

/// Status and reason phrase for people: one line, short, and without anything that could be a telephone number.
fn status_words(response: &Response) -> String {
    let reason = response.reason.trim();
    let plain = reason.len() <= 60
        && reason.chars().all(|c| !c.is_control())
        && reason.chars().filter(char::is_ascii_digit).count() < 4;
    let phrase = if reason.is_empty() || !plain { reason_phrase(response.status) } else { reason };
    format!("{} {phrase}", response.status)
}
