//! Who owes the next sound. Either the agent does (a debt, with the watchdog's deadline) or the caller does (the
//! no-input deadline); there is no third state, which is what makes the call never silent.

use super::types::{Action, Ms, UtteranceId};

/// A filler that did not help is repeated after so long.
pub(super) const FILL_AGAIN_MS: u64 = 4_000;

/// The agent owes a sound.
#[derive(Debug, Clone, Copy)]
struct Debt {
    since: Ms,
    next_fill: Ms,
    fills: u32,
    /// The utterance that is to be answered; `None` for any other reason.
    cause: Option<UtteranceId>,
}

/// The state of the floor while nobody sounds.
#[derive(Debug)]
pub(super) struct Floor {
    debt: Option<Debt>,
    /// Since when the caller has had the floor.
    quiet_since: Ms,
    no_inputs: u32,
    watchdog_ms: u64,
    no_input_ms: u64,
}

impl Floor {
    /// A conversation that begins now: the agent owes the first line.
    pub fn new(watchdog_ms: u32, no_input_ms: u32, now: Ms) -> Self {
        let mut floor = Self {
            debt: None,
            quiet_since: now,
            no_inputs: 0,
            watchdog_ms: u64::from(watchdog_ms),
            no_input_ms: u64::from(no_input_ms),
        };
        floor.owe(now, None, now);
        floor
    }

    /// The agent owes a sound to a caller who waits since `since`. An older debt keeps its cause: it is still unanswered.
    pub fn owe(&mut self, since: Ms, cause: Option<UtteranceId>, now: Ms) {
        let cause = self.debt.map_or(cause, |d| d.cause);
        self.debt = Some(Debt { since, next_fill: (since + self.watchdog_ms).max(now), fills: 0, cause });
    }

    /// As [`Self::owe`], but leaves an older debt and its deadline as they are.
    pub fn owe_still(&mut self, since: Ms, cause: Option<UtteranceId>, now: Ms) {
        if self.debt.is_none() {
            self.owe(since, cause, now);
        }
    }

    /// A line of substance began, which pays the debt, unless that is owed to an utterance that is still `awaited`.
    pub fn paid(&mut self, awaited: impl Fn(UtteranceId) -> bool) {
        self.debt = self.debt.filter(|d| d.cause.is_some_and(awaited));
    }

    /// The agent fell silent: the caller has the floor, or a debt that was not paid by what played runs on.
    pub fn agent_silent(&mut self, after_filler: bool, now: Ms) {
        self.quiet_since = now;
        if let Some(debt) = &mut self.debt {
            debt.next_fill = now + if after_filler { FILL_AGAIN_MS } else { self.watchdog_ms };
        }
    }

    /// The utterance turned out to be nothing. `false` when the caller has been given a filler for it already, so that
    /// an answer must follow.
    pub fn withdraw(&mut self, utterance: UtteranceId) -> bool {
        match self.debt {
            Some(Debt { cause: Some(cause), fills, .. }) if cause == utterance => {
                if fills == 0 {
                    self.debt = None;
                }
                fills == 0
            }
            _ => true,
        }
    }

    /// The caller is there: it spoke, or pressed a key.
    pub fn caller_heard(&mut self, now: Ms) {
        self.no_inputs = 0;
        self.quiet_since = now;
    }

    /// A hold is over: whoever owes a sound owes it from now on, and the caller is there.
    pub fn taken_back(&mut self, now: Ms) {
        self.caller_heard(now);
        let next_fill = now + self.watchdog_ms;
        self.debt = self.debt.map(|debt| Debt { since: now, next_fill, ..debt });
    }

    /// When the silence has lasted long enough, provided that it lasts.
    pub fn deadline(&self, caller_is_asked: bool) -> Ms {
        match self.debt {
            Some(debt) => debt.next_fill,
            None => self.quiet_since + if caller_is_asked { self.no_input_ms } else { FILL_AGAIN_MS },
        }
    }

    /// The deadline has come.
    pub fn expire(&mut self, caller_is_asked: bool, now: Ms) -> Action {
        if self.debt.is_none() && caller_is_asked {
            self.no_inputs += 1;
            self.owe(now, None, now);
            return Action::NoInput { count: self.no_inputs };
        }
        let mut debt = self.debt.unwrap_or(Debt { since: self.quiet_since, next_fill: now, fills: 0, cause: None });
        debt.fills += 1;
        debt.next_fill = now + FILL_AGAIN_MS;
        self.debt = Some(debt);
        Action::FillSilence { speech_end: debt.since, count: debt.fills }
    }
}
