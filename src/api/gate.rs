//! How much a principal, and how much a stranger, may ask in a while.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Problem;
use super::streams::{OpenStream, Streams};
use crate::domain::Actor;

/// Buckets of one kind. A bucket that is full again is forgotten; with that many others not yet full, whoever comes new
/// shares one.
const MOST_BUCKETS: usize = 10_000;

/// What the gate lets through, from `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateConfig {
    /// Requests a minute of one key or one user.
    pub requests_per_minute: NonZeroU32,
    /// As many at once, before the rate holds.
    pub burst: NonZeroU32,
    /// Requests a minute of one address without authentication, and as many at once.
    pub strangers_per_minute: NonZeroU32,
    /// Wrong credentials a minute of one address, and as many at once.
    pub failures_per_minute: NonZeroU32,
    /// Attempts to sign in a minute at one account, and from one address; as many at once.
    pub sign_ins_per_minute: NonZeroU32,
    /// Whether browsers send the session's cookie over TLS only (and to their own machine).
    pub secure_cookies: bool,
    /// Web pages of other origins that may read answers: `https://dashboard.example`. None by default.
    pub cors_origins: Vec<String>,
}

impl Default for GateConfig {
    fn default() -> Self {
        let of = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            requests_per_minute: of(600),
            burst: of(200),
            strangers_per_minute: of(300),
            failures_per_minute: of(60),
            sign_ins_per_minute: of(10),
            secure_cookies: true,
            cors_origins: Vec::new(),
        }
    }
}

/// The limits of this node.
pub struct Gate {
    principals: Buckets<Actor>,
    strangers: Buckets<Source>,
    failures: Buckets<Source>,
    sign_ins: Buckets<Source>,
    accounts: Buckets<String>,
    streams: Streams,
    cors_origins: Vec<String>,
    secure_cookies: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(&GateConfig::default())
    }
}

impl Gate {
    pub fn new(config: &GateConfig) -> Self {
        Self {
            principals: Buckets::new(Quota::per_minute(config.requests_per_minute).allow_burst(config.burst)),
            strangers: Buckets::new(Quota::per_minute(config.strangers_per_minute)),
            failures: Buckets::new(Quota::per_minute(config.failures_per_minute)),
            sign_ins: Buckets::new(Quota::per_minute(config.sign_ins_per_minute)),
            accounts: Buckets::new(Quota::per_minute(config.sign_ins_per_minute)),
            streams: Streams::default(),
            cors_origins: config.cors_origins.clone(),
            secure_cookies: config.secure_cookies,
        }
    }

    /// Origins whose pages may read answers.
    pub(super) fn cors_origins(&self) -> &[String] {
        &self.cors_origins
    }

    /// A request of this principal.
    pub(super) fn principal(&self, actor: Actor) -> Result<Standing, Standing> {
        self.principals.check(actor)
    }

    /// A stream of events of this principal's, for as long as what is given back lives.
    pub(super) fn stream(&self, actor: Actor) -> Result<OpenStream, Problem> {
        self.streams.open(actor)
    }

    /// A request without authentication.
    pub(super) fn stranger(&self, ip: Option<IpAddr>) -> Result<Standing, Standing> {
        self.strangers.check(Source::of(ip))
    }

    /// A request with a credential that is none.
    pub(super) fn failed(&self, ip: Option<IpAddr>) -> Result<Standing, Standing> {
        self.failures.check(Source::of(ip))
    }
}

impl Gate {
    /// An attempt to sign in at this account, from this address where it is known. A rate and not a lock: nobody can keep
    /// somebody else out for long.
    pub(super) fn sign_in(&self, ip: Option<IpAddr>, account: &str) -> Result<(), Problem> {
        self.stranger_tries(ip)?;
        self.accounts.check(account.to_owned()).map_err(Standing::problem)?;
        Ok(())
    }

    /// An attempt with a token that names no account: the address alone is held to the rate, so that nobody's attempts
    /// keep somebody else's token from being taken up.
    pub(super) fn stranger_tries(&self, ip: Option<IpAddr>) -> Result<(), Problem> {
        if ip.is_some() {
            self.sign_ins.check(Source::of(ip)).map_err(Standing::problem)?;
        }
        Ok(())
    }

    /// Whether cookies are for TLS only.
    pub(super) fn secure_cookies(&self) -> bool {
        self.secure_cookies
    }
}

/// Where requests come from: one IPv4 address, one IPv6 network of 64 bits (a customer's smallest), or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Known(IpAddr),
    Unknown,
}

impl Source {
    fn of(ip: Option<IpAddr>) -> Self {
        match ip.map(|ip| ip.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V6(ip)) => Self::Known(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
            Some(ip) => Self::Known(ip),
        }
    }
}

/// Buckets that fill at one rate; bounded in number.
pub(super) struct Buckets<K: Hash + Eq + Clone> {
    limiter: RateLimiter<Option<K>, DashMapStateStore<Option<K>>, DefaultClock, StateInformationMiddleware>,
    quota: Quota,
    most: usize,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(quota: Quota) -> Self {
        let limiter = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, quota, most: MOST_BUCKETS }
    }

    /// Takes one from the bucket of `key`; `Err` when it is empty.
    pub(super) fn check(&self, key: K) -> Result<Standing, Standing> {
        if self.limiter.len() >= self.most {
            self.limiter.retain_recent();
        }
        // The crowd's bucket is not one of the `most`.
        let key = (self.limiter.len() < self.most).then_some(key);
        let limit = self.quota.burst_size().get();
        let per_token = self.quota.replenish_interval();
        match self.limiter.check_key(&key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity().min(limit);
                Ok(Standing { limit, remaining, reset: per_token * (limit - remaining), wait: Duration::ZERO })
            }
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(Standing { limit, remaining: 0, reset: per_token * limit, wait })
            }
        }
    }
}

/// Where a principal stands with its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Requests at once.
    limit: u32,
    remaining: u32,
    /// Until all of them are there again.
    reset: Duration,
    /// Until the next one is let through; zero when this one was.
    wait: Duration,
}

impl Standing {
    /// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds), of the IETF's draft.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let fields = [
            ("ratelimit-limit", u64::from(self.limit)),
            ("ratelimit-remaining", u64::from(self.remaining)),
            ("ratelimit-reset", seconds(self.reset)),
        ];
        for (name, value) in fields {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }

    /// 429, with the time to wait.
    pub(super) fn refusal(self) -> Response {
        let mut response = self.problem().into_response();
        self.write(response.headers_mut());
        response
    }

    fn problem(self) -> Problem {
        Problem::too_many_requests(u32::try_from(seconds(self.wait)).unwrap_or(u32::MAX).max(1))
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(most: usize) -> Buckets<u32> {
        let slow = Quota::with_period(Duration::from_secs(3_600)).unwrap().allow_burst(NonZeroU32::new(2).unwrap());
        Buckets { most, ..Buckets::new(slow) }
    }

    #[test]
    fn each_has_a_bucket_that_empties() {
        let buckets = buckets(10);
        assert_eq!(buckets.check(1).unwrap().remaining, 1);
        let last = buckets.check(1).unwrap();
        assert_eq!((last.limit, last.remaining, last.reset), (2, 0, Duration::from_secs(7_200)));
        let refused = buckets.check(1).unwrap_err();
        assert!((3_500..=3_600).contains(&refused.wait.as_secs()), "{refused:?}");
        let response = refused.refusal();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["ratelimit-remaining"], "0");
        assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 3_500);
        assert!(buckets.check(2).is_ok());
    }

    #[test]
    fn a_crowd_shares_one_bucket_and_takes_no_memory() {
        let buckets = buckets(3);
        for key in 0..3 {
            assert!(buckets.check(key).is_ok());
        }
        let let_in = (100..200).filter(|key| buckets.check(*key).is_ok()).count();
        assert_eq!((let_in, buckets.limiter.len()), (2, 4));
    }

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let of = |text: &str| Source::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
