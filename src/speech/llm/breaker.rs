//! Leaves a model alone that has failed again and again: a caller must not wait for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Closed (asked), open (left out until a time), then one try that decides.
#[derive(Debug)]
pub(super) struct Breaker {
    most: usize,
    window: Duration,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures of late, at most `most`.
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Opens for `pause` after `most` failures within `window`.
    pub(super) fn new(most: u32, window: Duration, pause: Duration) -> Self {
        Self { most: (most.max(1)) as usize, window, pause, state: Mutex::default() }
    }

    /// Whether the model may be asked at `now`. After the pause the first one who asks tries it, and the others wait for
    /// what comes of it, another pause at most.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + self.pause);
                true
            }
        }
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It failed at `now`; `wait` is how long it asked to be left alone, or what shows that trying is of no use.
    pub(super) fn failed(&self, now: Instant, wait: Option<Duration>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let half_open = state.open_until.is_some();
        state.failures.push_back(now);
        while state.failures.len() > self.most
            || state.failures.front().is_some_and(|at| now.duration_since(*at) > self.window)
        {
            state.failures.pop_front();
        }
        if half_open || wait.is_some() || state.failures.len() == self.most {
            state.open_until = Some(now + wait.unwrap_or_default().max(self.pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(15);

    #[test]
    fn it_opens_after_failures_within_the_window_and_tries_once_after_the_pause() {
        let breaker = Breaker::new(2, Duration::from_secs(60), PAUSE);
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        breaker.failed(at(0), None);
        breaker.failed(at(61), None);
        assert!(breaker.allows(at(61)), "two failures, but not within a minute");
        breaker.failed(at(62), None);
        assert!(!breaker.allows(at(63)) && !breaker.allows(at(76)));
        assert!(breaker.allows(at(77)), "one tries");
        assert!(!breaker.allows(at(77)), "the others wait");
        breaker.failed(at(78), None);
        assert!(!breaker.allows(at(92)) && breaker.allows(at(93)));
        breaker.succeeded();
        assert!(breaker.allows(at(93)) && breaker.allows(at(93)));
    }

    #[test]
    fn a_server_that_asks_for_a_wait_gets_it() {
        let breaker = Breaker::new(3, Duration::from_secs(60), PAUSE);
        let start = Instant::now();
        breaker.failed(start, Some(Duration::from_secs(40)));
        assert!(!breaker.allows(start + Duration::from_secs(39)) && breaker.allows(start + Duration::from_secs(40)));
    }
}
