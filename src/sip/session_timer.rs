//! Session timers (RFC 4028): what is asked for, what is agreed, when to refresh and when to give the session up.
//!
//! One [`SessionTimer`] a session. The owner puts [`SessionTimer::ask`] into INVITE and UPDATE requests and
//! [`SessionTimer::answer`] into 2xx responses to them, reports what the peer answered, and does what
//! [`SessionTimer::handle_timeout`] says.
#![deny(clippy::disallowed_methods)]

use super::message::scan::{decimal, find_outside, trim};
use super::message::{HeaderName, HeaderValue, Headers, Params};
use crate::domain::SessionTimerUse;
use std::fmt;
use std::time::{Duration, Instant};

/// The option tag in Supported and Require.
pub const OPTION_TAG: &str = "timer";

/// The shortest interval that may be asked for (§4), and the Min-SE of a message that names none (§5), in seconds.
pub const SHORTEST: u32 = 90;

/// No agreed interval is taken as shorter than this, whatever the peer writes: a refresh each second is an attack.
const FLOOR: u32 = 30;

/// Requests refused with 422 in a row after which a peer is not asked again.
const MAX_RAISES: u8 = 3;

/// A refresh that failed is tried again after half of what is left, but not more often than this.
const RETRY: Duration = Duration::from_secs(10);

/// Who sends the refreshes, by its role in the transaction that agreed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

/// The Session-Expires header (§4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub interval: u32,
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// The header of a message; `None` when it is missing or malformed.
    pub fn of(headers: &Headers) -> Option<Self> {
        let value = headers.get(HeaderName::SessionExpires)?.as_bytes();
        let end = find_outside(value, b";").unwrap_or(value.len());
        let interval = decimal(trim(&value[..end]))?;
        let refresher = match Params::parse(&value[end..]).ok()?.get("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { interval, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// The Min-SE header in seconds (§5); `None` when it is missing or malformed.
pub fn min_se(headers: &Headers) -> Option<u32> {
    let value = headers.get(HeaderName::MinSe)?.as_bytes();
    let end = find_outside(value, b";").unwrap_or(value.len());
    decimal(trim(&value[..end]))
}

/// What the owner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a re-INVITE or an UPDATE.
    Refresh,
    /// Send a BYE: nobody refreshed the session (§10).
    Expired,
}

/// The session timer of one session.
#[derive(Debug, Clone)]
pub struct SessionTimer {
    policy: SessionTimerUse,
    /// Refreshes are the peer's unless it asks us.
    passive: bool,
    /// The interval we ask for, in seconds; a 422 raises it.
    wanted: u32,
    /// The shortest interval we accept, in seconds.
    min_se: u32,
    /// The shortest interval that a hop accepts, as a 422 said; written into our requests (§7.4).
    others_min_se: u32,
    raises: u8,
    agreed: Option<Agreed>,
}

#[derive(Debug, Clone, Copy)]
struct Agreed {
    interval: u32,
    we_refresh: bool,
    refresh_at: Option<Instant>,
    end_at: Instant,
}

impl SessionTimer {
    /// Intervals in seconds; anything below 90 counts as 90.
    pub fn new(policy: SessionTimerUse, wanted: u32, min_se: u32) -> Self {
        let min_se = min_se.max(SHORTEST);
        let wanted = wanted.max(min_se);
        Self { policy, passive: false, wanted, min_se, others_min_se: 0, raises: 0, agreed: None }
    }

    /// Leaves the refreshes to the peer where that may be chosen: they may have to be re-INVITEs.
    pub fn passive(self) -> Self {
        Self { passive: true, ..self }
    }

    /// Whether `timer` belongs into Supported.
    pub fn is_supported(&self) -> bool {
        self.policy != SessionTimerUse::Off
    }

    /// The agreed interval and whether we refresh.
    pub fn agreed(&self) -> Option<(Duration, bool)> {
        self.agreed.map(|agreed| (seconds(agreed.interval), agreed.we_refresh))
    }

    /// The headers of an INVITE or UPDATE of ours (§7.1, §7.4).
    pub fn ask(&self) -> Vec<(HeaderName, HeaderValue)> {
        let expires = match self.agreed {
            // §7.4: the roles stay as they are.
            Some(agreed) => {
                let refresher = if agreed.we_refresh { Refresher::Uac } else { Refresher::Uas };
                SessionExpires { interval: agreed.interval.max(self.others_min_se), refresher: Some(refresher) }
            }
            None if self.policy == SessionTimerUse::Ask || self.others_min_se > 0 => {
                let refresher = self.passive.then_some(Refresher::Uas);
                SessionExpires { interval: self.wanted.max(self.others_min_se), refresher }
            }
            None => return Vec::new(),
        };
        let mut headers = vec![(HeaderName::SessionExpires, expires.to_string().into())];
        let min_se = self.min_se.max(self.others_min_se);
        if min_se > SHORTEST {
            headers.push((HeaderName::MinSe, min_se.to_string().into()));
        }
        headers
    }

    /// A request of ours got 422: whether it is worth sending again with what [`Self::ask`] now gives (§7.3).
    pub fn raise(&mut self, response: &Headers) -> bool {
        let Some(min) = min_se(response).filter(|min| *min > self.others_min_se) else { return false };
        self.raises += 1;
        if !self.is_supported() || self.raises > MAX_RAISES {
            return false;
        }
        self.others_min_se = min;
        true
    }

    /// A request of ours that carried [`Self::ask`] got this 2xx (§7.2).
    pub fn answered(&mut self, response: &Headers, now: Instant) {
        self.raises = 0;
        if !self.is_supported() {
            return;
        }
        match SessionExpires::of(response) {
            Some(expires) => self.agree(expires.interval, expires.refresher != Some(Refresher::Uas), now),
            // §7.2: the peer knows no session timer, which does not keep us from refreshing.
            None if self.policy == SessionTimerUse::Ask && !self.passive => {
                self.agree(self.wanted.max(self.others_min_se), true, now);
            }
            None => self.agreed = None,
        }
    }

    /// The Min-SE of the 422 that this INVITE or UPDATE of the peer gets, when it gets one (§9).
    pub fn refuses(&self, request: &Headers) -> Option<u32> {
        let too_short = self.is_supported() && SessionExpires::of(request).is_some_and(|s| s.interval < self.min_se);
        // A peer that does not know 422 could do nothing with it.
        (too_short && knows_timer(request)).then_some(self.min_se)
    }

    /// The headers of our 2xx to this INVITE or UPDATE of the peer, which start the timer (§9, table 2).
    pub fn answer(&mut self, request: &Headers, now: Instant) -> Vec<(HeaderName, HeaderValue)> {
        let asked = SessionExpires::of(request);
        let theirs = knows_timer(request);
        let interval = match (self.policy, asked) {
            (SessionTimerUse::Ask, None) if self.passive && !theirs => {
                self.agreed = None;
                return Vec::new();
            }
            (SessionTimerUse::Off, _) | (SessionTimerUse::Accept, None) => {
                self.agreed = None;
                return Vec::new();
            }
            (_, Some(asked)) => asked.interval,
            (SessionTimerUse::Ask, None) => self.wanted.max(min_se(request).unwrap_or(0)),
        };
        let refresher = match asked.and_then(|asked| asked.refresher) {
            _ if !theirs => Refresher::Uas,
            Some(refresher) => refresher,
            None => Refresher::Uac,
        };
        self.agree(interval, refresher == Refresher::Uas, now);
        let expires = SessionExpires { interval, refresher: Some(refresher) };
        let mut headers = vec![(HeaderName::SessionExpires, expires.to_string().into())];
        if theirs {
            headers.push((HeaderName::Require, OPTION_TAG.into()));
        }
        headers
    }

    /// A refresh of ours could not be sent, or failed: try again while there is time.
    pub fn refresh_failed(&mut self, now: Instant) {
        let Some(agreed) = &mut self.agreed else { return };
        let wait = agreed.end_at.saturating_duration_since(now) / 2;
        agreed.refresh_at = (agreed.we_refresh && wait >= RETRY).then(|| now + wait);
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let agreed = self.agreed?;
        Some(agreed.refresh_at.map_or(agreed.end_at, |at| at.min(agreed.end_at)))
    }

    /// What is due at `now`; each thing once.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let agreed = self.agreed.as_mut()?;
        if agreed.end_at <= now {
            self.agreed = None;
            return Some(Due::Expired);
        }
        agreed.refresh_at.take_if(|at| *at <= now).map(|_| Due::Refresh)
    }

    fn agree(&mut self, interval: u32, we_refresh: bool, now: Instant) {
        let interval = interval.max(FLOOR);
        let whole = seconds(interval);
        // §10: the refresher at half the interval; a BYE the lesser of 32 s and a third before the end.
        let end_at = now + (whole - (whole / 3).min(Duration::from_secs(32)));
        let refresh_at = we_refresh.then(|| now + whole / 2);
        self.agreed = Some(Agreed { interval, we_refresh, refresh_at, end_at });
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn knows_timer(request: &Headers) -> bool {
    request.supported().iter().chain(&request.require()).any(|tag| tag.eq_ignore_ascii_case(OPTION_TAG))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "virtual clocks have to begin somewhere")]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        lines.iter().for_each(|(name, value)| headers.push(name.clone(), *value));
        headers
    }

    fn text(headers: &[(HeaderName, HeaderValue)]) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_string_lossy())).collect()
    }

    const TIMER: (HeaderName, &str) = (HeaderName::Supported, "100rel, timer");

    #[test]
    fn headers_are_read_as_peers_write_them() {
        for (value, expected) in [
            ("1800", Some((1_800, None))),
            ("1800 ; refresher = uac", Some((1_800, Some(Refresher::Uac)))),
            ("90;x=y;Refresher=UAS", Some((90, Some(Refresher::Uas)))),
            ("90;refresher=proxy", Some((90, None))),
            ("-1", None),
            ("", None),
            ("99999999999", None),
        ] {
            let got = SessionExpires::of(&headers(&[(HeaderName::SessionExpires, value)]));
            assert_eq!(got.map(|s| (s.interval, s.refresher)), expected, "{value}");
        }
    }

    #[test]
    fn the_refresher_of_an_answer_follows_table_2() {
        let now = Instant::now();
        for (policy, request, answer) in [
            (SessionTimerUse::Accept, &[TIMER][..], &[][..]),
            (SessionTimerUse::Ask, &[TIMER], &["Session-Expires: 600;refresher=uac", "Require: timer"]),
            (SessionTimerUse::Ask, &[], &["Session-Expires: 600;refresher=uas"]),
            (SessionTimerUse::Ask, &[(HeaderName::MinSe, "900")], &["Session-Expires: 900;refresher=uas"]),
            (
                SessionTimerUse::Accept,
                &[TIMER, (HeaderName::SessionExpires, "1800;refresher=uas")],
                &["Session-Expires: 1800;refresher=uas", "Require: timer"],
            ),
            (
                SessionTimerUse::Accept,
                &[(HeaderName::SessionExpires, "1800")],
                &["Session-Expires: 1800;refresher=uas"],
            ),
            (SessionTimerUse::Off, &[TIMER, (HeaderName::SessionExpires, "1800")], &[]),
        ] {
            let mut timer = SessionTimer::new(policy, 600, 90);
            assert_eq!(text(&timer.answer(&headers(request), now)), answer, "{policy:?} {request:?}");
        }
    }

    #[test]
    fn a_passive_side_refreshes_only_when_the_peer_asks_it() {
        let now = Instant::now();
        let passive = || SessionTimer::new(SessionTimerUse::Ask, 600, 90).passive();
        assert_eq!(text(&passive().ask()), ["Session-Expires: 600;refresher=uas"]);
        let refreshes = |response: &[_]| {
            let mut timer = passive();
            timer.answered(&headers(response), now);
            timer.agreed().map(|(_, we)| we)
        };
        assert_eq!(refreshes(&[]), None, "the peer knows no session timer");
        assert_eq!(refreshes(&[(HeaderName::SessionExpires, "600;refresher=uas")]), Some(false));
        assert_eq!(refreshes(&[(HeaderName::SessionExpires, "600;refresher=uac")]), Some(true));
        assert!(passive().answer(&headers(&[]), now).is_empty());
        let asked = [TIMER, (HeaderName::SessionExpires, "600;refresher=uas")];
        assert_eq!(text(&passive().answer(&headers(&asked), now))[0], "Session-Expires: 600;refresher=uas");
    }

    #[test]
    fn only_a_peer_that_knows_422_gets_it() {
        let timer = SessionTimer::new(SessionTimerUse::Accept, 1_800, 300);
        let short = (HeaderName::SessionExpires, "299");
        assert_eq!(timer.refuses(&headers(&[TIMER, short.clone()])), Some(300));
        assert_eq!(timer.refuses(&headers(std::slice::from_ref(&short))), None);
        assert_eq!(timer.refuses(&headers(&[TIMER, (HeaderName::SessionExpires, "300")])), None);
        let off = SessionTimer::new(SessionTimerUse::Off, 1_800, 300);
        assert_eq!(off.refuses(&headers(&[TIMER, short])), None);
    }

    #[test]
    fn a_422_raises_what_is_asked_but_not_for_ever() {
        let mut timer = SessionTimer::new(SessionTimerUse::Ask, 600, 90);
        assert_eq!(text(&timer.ask()), ["Session-Expires: 600"]);
        assert!(timer.raise(&headers(&[(HeaderName::MinSe, "900")])));
        assert_eq!(text(&timer.ask()), ["Session-Expires: 900", "Min-SE: 900"]);
        assert!(!timer.raise(&headers(&[(HeaderName::MinSe, "900")])), "not higher: it would be refused again");
        assert!(!timer.raise(&headers(&[])));
        assert!(timer.raise(&headers(&[(HeaderName::MinSe, "901")])));
        assert!(timer.raise(&headers(&[(HeaderName::MinSe, "902")])));
        assert!(!timer.raise(&headers(&[(HeaderName::MinSe, "903")])));
    }

    #[test]
    fn an_interval_of_nothing_makes_no_storm() {
        let now = Instant::now();
        let mut timer = SessionTimer::new(SessionTimerUse::Accept, 1_800, 90);
        timer.answered(&headers(&[(HeaderName::SessionExpires, "0;refresher=uac")]), now);
        assert_eq!(timer.poll_timeout(), Some(now + Duration::from_secs(15)));
        timer.answered(&headers(&[(HeaderName::SessionExpires, "4294967295;refresher=uac")]), now);
        assert!(timer.poll_timeout().is_some());
    }

    #[test]
    fn failed_refreshes_are_tried_again_until_the_end() {
        let start = Instant::now();
        let mut timer = SessionTimer::new(SessionTimerUse::Accept, 1_800, 90);
        timer.answered(&headers(&[(HeaderName::SessionExpires, "300;refresher=uac")]), start);
        let mut refreshes = Vec::new();
        let end = loop {
            let now = timer.poll_timeout().unwrap();
            match timer.handle_timeout(now) {
                Some(Due::Refresh) => {
                    refreshes.push((now - start).as_secs());
                    timer.refresh_failed(now);
                }
                Some(Due::Expired) => break (now - start).as_secs(),
                None => panic!("woken for nothing"),
            }
        };
        assert_eq!((refreshes, end), (vec![150, 209, 238, 253], 268));
        assert_eq!(timer.poll_timeout(), None);
    }
}
