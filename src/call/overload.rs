//! Refusing new calls before the calls that go on come to harm.
//!
//! ```text
//!            any signal high, 1 s long
//! Accepting ───────────────────────────► Refusing: 503 + Retry-After
//!     ▲                                     │
//!     └───── all signals low, 3 s long ─────┘
//! ```
//!
//! Between high and low nothing changes, so that a load at the limit does not make it flap. [`Overload`] is a function of
//! what was measured and when; [`watch`] measures.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::media::MediaEngine;
use crate::speech::Speech;

/// Between measurements.
const EVERY: Duration = Duration::from_millis(250);
/// How long a signal has to be high: one slow moment is no overload.
const HOT: Duration = Duration::from_secs(1);
/// How long all signals have to be low.
const CALM: Duration = Duration::from_secs(3);

/// What one measurement found: each the worst since the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// How late the media threads were to send.
    pub media_late: Duration,
    /// How long a caller's sentence waits for a speech worker.
    pub speech_wait: Duration,
    /// How late the calls' threads were to begin with what was due.
    pub task_late: Duration,
    /// Calls whose number is looked up and whose offer is answered.
    pub setting_up: usize,
}

/// What is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strain {
    Media(Duration),
    Speech(Duration),
    Tasks(Duration),
    SettingUp(usize),
}

impl fmt::Display for Strain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(late) => write!(f, "audio is sent {} ms late", late.as_millis()),
            Self::Speech(wait) => write!(f, "speech waits {} ms for a worker", wait.as_millis()),
            Self::Tasks(late) => write!(f, "calls are dealt with {} ms late", late.as_millis()),
            Self::SettingUp(calls) => write!(f, "{calls} calls are being set up"),
        }
    }
}

impl Signals {
    /// Too much: a whole frame late is at the edge of what jitter buffers hide; a second is most of the time in which
    /// the caller must hear something; 180 is due within 100 ms.
    const HIGH: Self = Self {
        media_late: Duration::from_millis(20),
        speech_wait: Duration::from_millis(1_000),
        task_late: Duration::from_millis(200),
        setting_up: 200,
    };
    /// Little enough to take calls again.
    const LOW: Self = Self {
        media_late: Duration::from_millis(5),
        speech_wait: Duration::from_millis(300),
        task_late: Duration::from_millis(50),
        setting_up: 50,
    };

    fn strain(&self) -> Option<Strain> {
        let high = Self::HIGH;
        let media = (self.media_late >= high.media_late).then_some(Strain::Media(self.media_late));
        let speech = (self.speech_wait >= high.speech_wait).then_some(Strain::Speech(self.speech_wait));
        let tasks = (self.task_late >= high.task_late).then_some(Strain::Tasks(self.task_late));
        let setting_up = (self.setting_up >= high.setting_up).then_some(Strain::SettingUp(self.setting_up));
        media.or(speech).or(tasks).or(setting_up)
    }

    fn is_low(&self) -> bool {
        let low = Self::LOW;
        self.media_late <= low.media_late
            && self.speech_wait <= low.speech_wait
            && self.task_late <= low.task_late
            && self.setting_up <= low.setting_up
    }
}

/// A change of mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Refusing(Strain),
    Accepting { after: Duration },
}

/// Whether new calls are taken.
#[derive(Debug, Default)]
pub struct Overload {
    /// Refusing since then.
    refusing: Option<Instant>,
    /// Since when it has been too much while accepting, or little enough while refusing.
    since: Option<Instant>,
}

impl Overload {
    /// Takes a measurement.
    pub fn measured(&mut self, signals: &Signals, now: Instant) -> Option<Change> {
        let strain = signals.strain();
        let (turns, span) = match self.refusing {
            None => (strain.is_some(), HOT),
            Some(_) => (signals.is_low(), CALM),
        };
        if !turns {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) < span {
            return None;
        }
        self.since = None;
        match (self.refusing.take(), strain) {
            (Some(began), _) => Some(Change::Accepting { after: now.saturating_duration_since(began) }),
            (None, Some(strain)) => {
                self.refusing = Some(now);
                Some(Change::Refusing(strain))
            }
            (None, None) => None,
        }
    }
}

/// Seconds of a Retry-After: `base` to twice that by a random number, so that refused callers do not come back at once
/// together.
pub fn retry_after(base: u32, random: u32) -> u32 {
    base.saturating_add(random % base.saturating_add(1).max(1))
}

/// What calls report and ask; shared by all calls of the node.
#[derive(Debug, Default)]
pub struct Gauge {
    refusing: AtomicBool,
    refused: AtomicU64,
    setting_up: AtomicUsize,
    task_late_us: AtomicU64,
}

/// A call that is being set up, until dropped.
#[derive(Debug)]
pub struct SettingUp(Arc<Gauge>);

impl Drop for SettingUp {
    fn drop(&mut self) {
        self.0.setting_up.fetch_sub(1, Relaxed);
    }
}

impl Gauge {
    /// Counts a call that came `waited` ago; `None`, and counted as such, while calls are refused.
    pub fn enter(self: &Arc<Self>, waited: Duration) -> Option<SettingUp> {
        self.task_late_us.fetch_max(micros(waited), Relaxed);
        if self.refusing.load(Relaxed) {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        self.setting_up.fetch_add(1, Relaxed);
        Some(SettingUp(Arc::clone(self)))
    }

    /// Calls refused for overload since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    fn measure(&self, media: &MediaEngine, speech: &Speech, tick_late: Duration, now: Instant) -> Signals {
        let picked_up = Duration::from_micros(self.task_late_us.swap(0, Relaxed));
        Signals {
            media_late: media.take_recent_late(),
            speech_wait: speech.pool.longest_wait(now),
            task_late: picked_up.max(tick_late),
            setting_up: self.setting_up.load(Relaxed),
        }
    }
}

/// Measures and decides, for as long as it is polled.
pub async fn watch(gauge: Arc<Gauge>, media: Arc<MediaEngine>, speech: Arc<Speech>) {
    let mut overload = Overload::default();
    let mut refused_before = 0;
    let mut due = tokio::time::Instant::now();
    loop {
        due += EVERY;
        tokio::time::sleep_until(due).await;
        let now = tokio::time::Instant::now();
        let late = now.saturating_duration_since(due);
        due = now;
        let signals = gauge.measure(&media, &speech, late, now.into_std());
        match overload.measured(&signals, now.into_std()) {
            Some(Change::Refusing(strain)) => {
                gauge.refusing.store(true, Relaxed);
                refused_before = gauge.refused();
                warn!(%strain, ?signals, "overloaded: new calls get 503 until this is over");
            }
            Some(Change::Accepting { after }) => {
                gauge.refusing.store(false, Relaxed);
                let refused = gauge.refused() - refused_before;
                info!(seconds = after.as_secs(), refused, "the overload is over: calls are taken again");
            }
            None => {}
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Signals =
        Signals { media_late: Duration::from_millis(25), speech_wait: ZERO, task_late: ZERO, setting_up: 0 };
    const BETWEEN: Signals = Signals { media_late: Duration::from_millis(10), ..LATE };
    const CALM_NOW: Signals = Signals { media_late: Duration::from_millis(5), ..LATE };
    const ZERO: Duration = Duration::ZERO;

    /// Measures this every 250 ms; the changes, in milliseconds after the start.
    fn run(load: impl Fn(u64) -> Signals, until_ms: u64) -> Vec<(u64, Change)> {
        let start = Instant::now();
        let mut overload = Overload::default();
        let at = |ms| start + Duration::from_millis(ms);
        (0..=until_ms).step_by(250).filter_map(|ms| Some((ms, overload.measured(&load(ms), at(ms))?))).collect()
    }

    #[test]
    fn a_second_of_strain_refuses_and_three_of_calm_accept() {
        let changes = run(|ms| if ms < 5_000 { LATE } else { CALM_NOW }, 60_000);
        let strain = Strain::Media(Duration::from_millis(25));
        let over = Change::Accepting { after: Duration::from_secs(7) };
        assert_eq!(changes, [(1_000, Change::Refusing(strain)), (8_000, over)]);
    }

    #[test]
    fn one_slow_moment_is_no_overload() {
        assert!(run(|ms| if ms % 1_000 == 0 { BETWEEN } else { LATE }, 60_000).is_empty());
    }

    #[test]
    fn a_load_at_the_limit_does_not_flap() {
        let changes = run(|ms| if ms < 2_000 || ms % 2_000 == 0 { LATE } else { BETWEEN }, 60_000);
        assert_eq!(changes.len(), 1, "{changes:?}");
        let relapses = run(|ms| if ms < 2_000 || ms % 2_750 == 0 { LATE } else { CALM_NOW }, 60_000);
        assert_eq!(relapses.len(), 1, "{relapses:?}");
    }

    #[test]
    fn each_signal_counts() {
        for (signals, words) in [
            (Signals { speech_wait: Duration::from_secs(2), ..CALM_NOW }, "speech waits 2000 ms for a worker"),
            (Signals { task_late: Duration::from_millis(300), ..CALM_NOW }, "calls are dealt with 300 ms late"),
            (Signals { setting_up: 200, ..CALM_NOW }, "200 calls are being set up"),
        ] {
            let changes = run(|_| signals, 10_000);
            assert!(matches!(&changes[..], [(1_000, Change::Refusing(strain))] if strain.to_string() == words));
        }
    }

    #[test]
    fn callers_are_told_different_times() {
        let told: std::collections::BTreeSet<u32> = (0..100).map(|random| retry_after(5, random)).collect();
        assert_eq!(told, (5..=10).collect());
        assert_eq!((retry_after(0, 7), retry_after(u32::MAX, 7)), (0, u32::MAX));
    }

    #[test]
    fn a_call_that_is_set_up_counts_until_it_is_dropped_and_the_refused_count_for_good() {
        let gauge = Arc::new(Gauge::default());
        let call = gauge.enter(Duration::from_millis(7));
        assert_eq!((gauge.setting_up.load(Relaxed), gauge.task_late_us.load(Relaxed)), (1, 7_000));
        drop(call);
        gauge.refusing.store(true, Relaxed);
        assert!(gauge.enter(ZERO).is_none());
        assert_eq!((gauge.setting_up.load(Relaxed), gauge.refused()), (0, 1));
    }
}
