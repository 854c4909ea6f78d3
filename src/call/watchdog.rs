//! The last rung: a thread that belongs to no runtime sees to it that a call whose conversation hangs is not silent.
//!
//! A conversation that is stuck (a folder that does not answer, a lock, a fault of ours) hears no frames and starts no
//! filler. Its pulse stops; this thread plays fillers in its place, and after a while an apology, and hangs up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::error;

use crate::media::{Clip, ClipId, EncodedAudio, MediaSession};
use crate::metrics::Metrics;
use crate::sip::net::Leg;

/// How often every call is looked at.
const ROUND: Duration = Duration::from_millis(100);
/// A conversation beats with every frame, each 20 ms. With a round and a frame this leaves a caller 1.2 s of silence.
const STUCK_MS: u64 = 1_000;
/// What is silent for so long has nothing more in the queue.
const QUIET_MS: u64 = 200;
/// Between fillers.
const FILL_AGAIN_MS: u64 = 4_000;
/// A conversation that is stuck for so long is given up.
const GIVE_UP_MS: u64 = 12_000;
/// Of the watchdog's own clips, in a session's numbers; no line of the agent has these.
const FIRST_CLIP: u64 = u64::MAX - 1_000;

/// What to do for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Nothing,
    Fill,
    Apologise,
    HangUp,
}

/// The watch over one call, by times that are given.
#[derive(Debug, Default)]
struct Watch {
    fills: u32,
    filled_at: u64,
    apologised: bool,
}

impl Watch {
    /// What to do at `now`, of a call whose conversation last gave a sign of life at `beat` and that has been `quiet_ms`
    /// without a sound from us.
    fn look(&mut self, now: u64, beat: u64, quiet_ms: u64) -> Act {
        let stuck_ms = now.saturating_sub(beat);
        if stuck_ms < STUCK_MS {
            *self = Self::default();
            return Act::Nothing;
        }
        if quiet_ms < QUIET_MS {
            return Act::Nothing;
        }
        if self.apologised {
            return Act::HangUp;
        }
        if stuck_ms >= GIVE_UP_MS {
            self.apologised = true;
            return Act::Apologise;
        }
        if self.fills > 0 && now.saturating_sub(self.filled_at) < FILL_AGAIN_MS {
            return Act::Nothing;
        }
        self.fills += 1;
        self.filled_at = now;
        Act::Fill
    }
}

/// A conversation's sign of life.
#[derive(Debug, Clone)]
pub struct Pulse {
    epoch: Instant,
    at_ms: Arc<AtomicU64>,
}

impl Pulse {
    fn new(epoch: Instant) -> Self {
        let pulse = Self { epoch, at_ms: Arc::default() };
        pulse.beat();
        pulse
    }

    /// It lives.
    pub fn beat(&self) {
        self.at_ms.store(since(self.epoch), Ordering::Relaxed);
    }

    /// It is over; nothing is to be done for it any more.
    pub fn rest(&self) {
        self.at_ms.store(u64::MAX, Ordering::Relaxed);
    }
}

/// What the watchdog has of a call.
pub struct Lifeline {
    pub leg: Leg,
    pub media: Arc<MediaSession>,
    /// Played in turn.
    pub fillers: Vec<EncodedAudio>,
    pub apology: EncodedAudio,
}

struct Watched {
    watch: Watch,
    pulse: Pulse,
    line: Lifeline,
    given_up: Option<oneshot::Sender<()>>,
    clips: u64,
}

impl Watched {
    fn play(&mut self, audio: EncodedAudio) {
        self.clips += 1;
        self.line.media.play(vec![Clip { id: ClipId(FIRST_CLIP + self.clips), audio }]);
    }
}

#[derive(Default)]
struct Calls {
    next: u64,
    watched: HashMap<u64, Watched>,
}

struct Shared {
    epoch: Instant,
    stop: AtomicBool,
    calls: Mutex<Calls>,
}

impl Shared {
    /// The thread holds the lock for moments only, and leaves a whole table behind whatever happens.
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node's watchdog; its thread ends when it is dropped.
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { epoch: Instant::now(), stop: AtomicBool::new(false), calls: Mutex::default() });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            while !watched.stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(ROUND);
                go_round(&watched, &metrics);
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Watches over a call from now on until the guard is dropped. The receiver tells when it is given up: the caller was
    /// asked to call again, and our BYE is on its way.
    pub fn watch(&self, line: Lifeline) -> (Pulse, Guard, oneshot::Receiver<()>) {
        let pulse = Pulse::new(self.shared.epoch);
        let (given_up, told) = oneshot::channel();
        let watched =
            Watched { watch: Watch::default(), pulse: pulse.clone(), line, given_up: Some(given_up), clips: 0 };
        let mut calls = self.shared.lock();
        calls.next += 1;
        let key = calls.next;
        calls.watched.insert(key, watched);
        (pulse, Guard { shared: Arc::clone(&self.shared), key }, told)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics nowhere, and nothing is lost if it did.
            let _ = thread.join();
        }
    }
}

/// Ends the watch over a call when it is dropped.
pub struct Guard {
    shared: Arc<Shared>,
    key: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The call's handles are dropped after the lock is released.
        let watched = self.shared.lock().watched.remove(&self.key);
        drop(watched);
    }
}

fn go_round(shared: &Shared, metrics: &Metrics) {
    let now = since(shared.epoch);
    for watched in shared.lock().watched.values_mut() {
        let beat = watched.pulse.at_ms.load(Ordering::Relaxed);
        match watched.watch.look(now, beat, watched.line.media.quiet_ms()) {
            Act::Nothing => {}
            Act::Fill => {
                error!(stuck_ms = now.saturating_sub(beat), "a conversation hangs; the watchdog fills the silence");
                metrics.watched("fill");
                let turn = watched.watch.fills as usize - 1;
                let filler = watched.line.fillers.iter().cycle().nth(turn % watched.line.fillers.len().max(1)).cloned();
                watched.play(filler.unwrap_or_else(super::sounds::waiting_tone));
            }
            Act::Apologise => {
                metrics.watched("apologise");
                let apology = watched.line.apology.clone();
                watched.play(apology);
            }
            Act::HangUp => {
                if let Some(given_up) = watched.given_up.take() {
                    metrics.watched("hang_up");
                    watched.line.leg.abandon();
                    // Whoever waited for it may be stuck as well; the line is closed all the same.
                    let _ = given_up.send(());
                }
            }
        }
    }
}

fn since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every round at a conversation whose last sign of life was at 0, and that plays for 1 s what it is given.
    fn stuck_for(rounds: u64) -> Vec<(u64, Act)> {
        let (mut watch, mut sound_ends) = (Watch::default(), 0);
        let look = |round: u64| {
            let now = round * 100;
            let act = watch.look(now, 0, now.saturating_sub(sound_ends));
            if matches!(act, Act::Fill | Act::Apologise) {
                sound_ends = now + 1_000;
            }
            (now, act)
        };
        (0..rounds).map(look).filter(|(_, act)| *act != Act::Nothing).collect()
    }

    #[test]
    fn a_stuck_conversation_is_filled_apologised_for_and_ended() {
        let did = stuck_for(140);
        let expected = [(1_000, Act::Fill), (5_000, Act::Fill), (9_000, Act::Fill), (12_000, Act::Apologise)];
        assert_eq!(did[..4], expected);
        assert_eq!(did[4], (13_200, Act::HangUp));
    }

    #[test]
    fn one_that_lives_rests_or_sounds_is_left_alone() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(5_000, 4_500, 5_000), Act::Nothing, "it lives");
        assert_eq!(watch.look(5_000, u64::MAX, 5_000), Act::Nothing, "it is over");
        assert_eq!(watch.look(5_000, 0, 0), Act::Nothing, "it still speaks");
        assert_eq!(watch.look(5_100, 0, 300), Act::Fill);
        assert_eq!(watch.look(6_500, 6_400, 300), Act::Nothing, "it is back");
        assert_eq!(watch.look(8_000, 6_900, 300), Act::Fill, "and counts anew");
    }
}
