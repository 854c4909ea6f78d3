//! A circuit breaker: who fails again and again is left out for a while, then tried with one request.
//!
//! ```text
//!         failures within the window,
//!         or a refusal, or "not before"          pause over
//! Closed ─────────────────────────────► Open ─────────────────► Trial (one request)
//!   ▲                                    ▲                        │        │
//!   │                                    └── failed: twice as long┘        │
//!   └──────────────────────────── succeeded ─────────────────────────────────┘
//! ```
//!
//! A function of what happened and when: no clock, no lock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest pause, whatever a server asks for: it may be well again earlier.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures that open it; at least 1.
    pub failures: u32,
    /// Within this time.
    pub window: Duration,
    /// The first pause; each trial that fails doubles it, up to five minutes.
    pub pause: Duration,
}

/// What a failure says of the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// No answer in time.
    Slow,
    /// An error, or an answer that cannot be used.
    Broken,
    /// Too many requests; not before this time.
    RateLimited(Option<Duration>),
    /// A wrong key, address or model: nothing will go well until somebody mends it.
    Refused,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests go through.
    Closed,
    /// None does.
    Open,
    /// One request shows whether it is well again.
    Trial,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Opened { pause: Duration },
    Closed,
}

/// The breaker of one engine.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    /// Of the window, oldest first; never more than open it.
    failures: VecDeque<Instant>,
    until: Option<Instant>,
    pause: Duration,
}

impl Breaker {
    /// Closed.
    pub fn new(settings: BreakerSettings) -> Self {
        let pause = settings.pause;
        Self { settings, state: BreakerState::Closed, failures: VecDeque::new(), until: None, pause }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether a request may go through. One that may must end with [`Self::succeeded`], [`Self::failed`] or
    /// [`Self::abandoned`].
    pub fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open if self.until.is_some_and(|until| now >= until) => {
                self.state = BreakerState::Trial;
                true
            }
            BreakerState::Open | BreakerState::Trial => false,
        }
    }

    /// Whether a request would go through.
    pub fn would_admit(&self, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => self.until.is_some_and(|until| now >= until),
            BreakerState::Trial => false,
        }
    }

    /// A request went well.
    pub fn succeeded(&mut self) -> Option<Change> {
        match self.state {
            BreakerState::Closed => {
                // One success among failures does not make it well; the window forgets by itself.
                self.pause = self.settings.pause;
                None
            }
            BreakerState::Trial | BreakerState::Open => {
                self.failures.clear();
                self.pause = self.settings.pause;
                self.state = BreakerState::Closed;
                self.until = None;
                Some(Change::Closed)
            }
        }
    }

    /// A request failed.
    pub fn failed(&mut self, blame: Blame, now: Instant) -> Option<Change> {
        match self.state {
            // Began before it opened.
            BreakerState::Open => None,
            BreakerState::Trial => {
                let pause = self.pause.saturating_mul(2);
                Some(self.open(blame, pause, now))
            }
            BreakerState::Closed => {
                self.failures.push_back(now);
                let oldest = now.checked_sub(self.settings.window);
                while self.failures.front().is_some_and(|at| oldest.is_some_and(|oldest| *at < oldest)) {
                    self.failures.pop_front();
                }
                let enough = self.failures.len() >= self.settings.failures as usize;
                let at_once = matches!(blame, Blame::Refused | Blame::RateLimited(Some(_)));
                (enough || at_once).then(|| self.open(blame, self.settings.pause, now))
            }
        }
    }

    /// A request was given up before it could show anything.
    pub fn abandoned(&mut self, now: Instant) {
        if self.state == BreakerState::Trial {
            self.state = BreakerState::Open;
            self.until = Some(now);
        }
    }

    fn open(&mut self, blame: Blame, pause: Duration, now: Instant) -> Change {
        let pause = match blame {
            Blame::Refused => LONGEST_PAUSE,
            Blame::RateLimited(Some(wait)) => wait.max(pause),
            Blame::RateLimited(None) | Blame::Slow | Blame::Broken => pause,
        };
        self.pause = pause.min(LONGEST_PAUSE);
        self.failures.clear();
        self.state = BreakerState::Open;
        self.until = Some(now + self.pause);
        Change::Opened { pause: self.pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings =
        BreakerSettings { failures: 3, window: Duration::from_secs(60), pause: Duration::from_secs(15) };
    const OPENED: Option<Change> = Some(Change::Opened { pause: Duration::from_secs(15) });

    fn clock() -> impl Fn(u64) -> Instant {
        let start = Instant::now();
        move |seconds| start + Duration::from_secs(seconds)
    }

    #[test]
    fn failures_within_the_window_open_it_and_a_good_trial_closes_it() {
        let at = clock();
        let mut breaker = Breaker::new(SETTINGS);
        for (second, change) in [(0, None), (30, None), (59, OPENED)] {
            assert!(breaker.admits(at(second)));
            assert_eq!(breaker.failed(Blame::Broken, at(second)), change);
        }
        assert!(!breaker.admits(at(73)));
        assert!(breaker.admits(at(74)) && !breaker.admits(at(74)), "one trial, not two");
        assert_eq!(breaker.succeeded(), Some(Change::Closed));
        assert!(breaker.admits(at(74)));
        assert_eq!(breaker.failed(Blame::Slow, at(75)), None, "it begins anew");
    }

    #[test]
    fn failures_that_lie_far_apart_do_not_open_it() {
        let at = clock();
        let mut breaker = Breaker::new(SETTINGS);
        for second in (0..3_100).step_by(31) {
            assert_eq!(breaker.failed(Blame::Broken, at(second)), None, "{second}");
        }
    }

    #[test]
    fn each_bad_trial_doubles_the_pause_up_to_five_minutes() {
        let at = clock();
        let mut breaker = Breaker::new(BreakerSettings { failures: 1, ..SETTINGS });
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            assert!(breaker.admits(at(now)));
            let Some(Change::Opened { pause }) = breaker.failed(Blame::Slow, at(now)) else { panic!("it opens") };
            pauses.push(pause.as_secs());
            now += pause.as_secs();
        }
        assert_eq!(pauses, [15, 30, 60, 120, 240, 300, 300]);
        assert!(breaker.admits(at(now)));
        assert_eq!(breaker.succeeded(), Some(Change::Closed));
        assert_eq!(breaker.failed(Blame::Slow, at(now)), OPENED, "the first pause again");
    }

    #[test]
    fn a_refusal_and_a_named_wait_open_it_at_once() {
        let at = clock();
        let wait = |seconds| Blame::RateLimited(Some(Duration::from_secs(seconds)));
        for (blame, seconds) in [(Blame::Refused, 300), (wait(40), 40), (wait(2), 15), (wait(9_999), 300)] {
            let change = Breaker::new(SETTINGS).failed(blame, at(0));
            assert_eq!(change, Some(Change::Opened { pause: Duration::from_secs(seconds) }), "{blame:?}");
        }
        assert_eq!(Breaker::new(SETTINGS).failed(Blame::RateLimited(None), at(0)), None);
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_room_for_another() {
        let at = clock();
        let mut breaker = Breaker::new(SETTINGS);
        breaker.failed(Blame::Refused, at(0));
        assert!(breaker.admits(at(300)));
        breaker.abandoned(at(300));
        assert!(breaker.would_admit(at(300)) && breaker.admits(at(300)));
        assert_eq!(breaker.state(), BreakerState::Trial);
    }

    proptest::proptest! {
        #[test]
        fn it_never_stays_shut_and_never_admits_two_trials(steps in proptest::collection::vec((0u64..400, 0u8..6), 0..60)) {
            let at = clock();
            let mut breaker = Breaker::new(SETTINGS);
            let mut now = 0;
            for (wait, what) in steps {
                now += wait;
                let admitted = breaker.admits(at(now));
                match what {
                    _ if !admitted => {}
                    0 => drop(breaker.succeeded()),
                    1 => breaker.abandoned(at(now)),
                    2 => drop(breaker.failed(Blame::Refused, at(now))),
                    3 => drop(breaker.failed(Blame::RateLimited(Some(Duration::from_secs(wait))), at(now))),
                    _ => drop(breaker.failed(Blame::Slow, at(now))),
                }
                assert!(breaker.failures.len() < SETTINGS.failures as usize);
            }
            breaker.abandoned(at(now));
            assert!(breaker.admits(at(now + 300)));
        }
    }
}
