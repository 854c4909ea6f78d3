//! One attempt to reach a person, as a function of what happens on the second leg: no I/O, no clock.
//!
//! ```text
//! Calling ──answered, warm──► Announcing ─► Deciding ──1──► Connected
//!    │  └────answered, blind──────────────────────────────────▲
//!    └─ failed, 25 s                  ▲  │ 4 s     │ other key, hung up, 8 s
//!         ▼                           └──┘ (once)  ▼
//!        Over ◄────────────────────────────────────┘
//! ```

use crate::dialogue::TransferFailure;
use crate::domain::TransferKind;
use crate::voice::Ms;

/// How long the person's phone rings.
const NO_ANSWER_MS: u64 = 25_000;
/// Silence after the summary before it is said again, and after that before the person has declined: 12 s in all.
const SAY_AGAIN_MS: u64 = 4_000;
const GIVE_UP_MS: u64 = 8_000;
/// The summary is a sentence: one that takes longer to be played is lost.
const ANNOUNCEMENT_MS: u64 = 20_000;

/// What happened on the second leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// 180, 183 and the like; `media` when an SDP came with it.
    Progress {
        media: bool,
    },
    Answered,
    /// A final response ≥ 300.
    Failed {
        status: u16,
    },
    /// The answered leg is over, or nothing is heard from it.
    Ended,
    /// The person pressed a key.
    Key(char),
    /// The summary was played to its end.
    Announced,
    /// The summary cannot be spoken: the person gets the caller at once.
    Speechless,
    /// Time passes.
    Tick,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The caller hears what the far end sends instead of our ringing.
    EarlyMedia,
    /// Say the summary to the person.
    Announce,
    /// Let both talk.
    Connect,
    /// End the second leg, if there is one, and go back to the caller.
    GiveUp(TransferFailure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Calling,
    Announcing { times: u8 },
    Deciding { times: u8 },
    Connected,
    Over,
}

/// One call to a person under way.
#[derive(Debug)]
pub struct Attempt {
    kind: TransferKind,
    phase: Phase,
    deadline: Ms,
    early: bool,
}

impl Attempt {
    /// A call that is placed now.
    pub fn new(kind: TransferKind, now: Ms) -> Self {
        Self { kind, phase: Phase::Calling, deadline: now + NO_ANSWER_MS, early: false }
    }

    /// Takes what happened; at most one thing is to be done about it.
    pub fn handle(&mut self, event: Event, now: Ms) -> Option<Step> {
        match (self.phase, event) {
            (Phase::Connected | Phase::Over, _) => None,
            (Phase::Calling, Event::Progress { media: true }) if self.kind == TransferKind::Blind && !self.early => {
                self.early = true;
                Some(Step::EarlyMedia)
            }
            (Phase::Calling, Event::Answered) => Some(match self.kind {
                TransferKind::Blind => self.connect(),
                TransferKind::Warm => self.announce(1, now),
            }),
            (Phase::Calling, Event::Failed { status }) => self.give_up(failure(status)),
            (Phase::Calling, Event::Ended) => self.give_up(TransferFailure::Failed),
            (Phase::Calling, Event::Tick) if now >= self.deadline => self.give_up(TransferFailure::NoAnswer),
            (Phase::Calling, _) => None,
            (_, Event::Key('1') | Event::Speechless) => Some(self.connect()),
            (_, Event::Key(_) | Event::Ended | Event::Failed { .. }) => self.give_up(TransferFailure::Refused),
            (Phase::Announcing { times }, event) if event == Event::Announced || self.is_due(event, now) => {
                self.phase = Phase::Deciding { times };
                self.deadline = now + if times == 1 { SAY_AGAIN_MS } else { GIVE_UP_MS };
                None
            }
            (Phase::Deciding { times: 1 }, event) if self.is_due(event, now) => Some(self.announce(2, now)),
            (Phase::Deciding { .. }, event) if self.is_due(event, now) => self.give_up(TransferFailure::Refused),
            (Phase::Announcing { .. } | Phase::Deciding { .. }, _) => None,
        }
    }

    /// When to come back at the latest.
    pub fn deadline(&self) -> Ms {
        self.deadline
    }

    fn is_due(&self, event: Event, now: Ms) -> bool {
        event == Event::Tick && now >= self.deadline
    }

    fn announce(&mut self, times: u8, now: Ms) -> Step {
        self.phase = Phase::Announcing { times };
        self.deadline = now + ANNOUNCEMENT_MS;
        Step::Announce
    }

    fn connect(&mut self) -> Step {
        self.phase = Phase::Connected;
        Step::Connect
    }

    fn give_up(&mut self, why: TransferFailure) -> Option<Step> {
        self.phase = Phase::Over;
        Some(Step::GiveUp(why))
    }
}

/// What a final response to the INVITE means to the caller.
pub fn failure(status: u16) -> TransferFailure {
    match status {
        486 | 600 => TransferFailure::Busy,
        408 | 480 | 487 | 504 => TransferFailure::NoAnswer,
        403 | 603 | 607 | 608 => TransferFailure::Refused,
        _ => TransferFailure::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warm() -> Attempt {
        Attempt::new(TransferKind::Warm, Ms(1_000))
    }

    #[test]
    fn a_person_who_presses_one_gets_the_caller() {
        let mut attempt = warm();
        // Early media would speak over the music.
        assert_eq!(attempt.handle(Event::Progress { media: true }, Ms(2_000)), None);
        assert_eq!(attempt.handle(Event::Answered, Ms(5_000)), Some(Step::Announce));
        assert_eq!(attempt.handle(Event::Announced, Ms(9_000)), None);
        assert_eq!(attempt.handle(Event::Key('1'), Ms(10_000)), Some(Step::Connect));
        assert_eq!(attempt.handle(Event::Key('2'), Ms(11_000)), None);
        // The summary may be cut short.
        let mut attempt = warm();
        attempt.handle(Event::Answered, Ms(5_000));
        assert_eq!(attempt.handle(Event::Key('1'), Ms(5_500)), Some(Step::Connect));
    }

    #[test]
    fn the_summary_is_said_twice_and_then_the_person_has_declined() {
        let mut attempt = warm();
        attempt.handle(Event::Answered, Ms(5_000));
        attempt.handle(Event::Announced, Ms(9_000));
        assert_eq!(attempt.deadline(), Ms(13_000));
        assert_eq!(attempt.handle(Event::Tick, Ms(12_999)), None);
        assert_eq!(attempt.handle(Event::Tick, Ms(13_000)), Some(Step::Announce));
        assert_eq!(attempt.handle(Event::Announced, Ms(17_000)), None);
        assert_eq!(attempt.handle(Event::Tick, Ms(24_999)), None);
        assert_eq!(attempt.handle(Event::Tick, Ms(25_000)), Some(Step::GiveUp(TransferFailure::Refused)));
        assert_eq!(attempt.handle(Event::Tick, Ms(99_000)), None);
    }

    #[test]
    fn a_summary_that_is_never_reported_played_does_not_hold_the_caller_for_ever() {
        let mut attempt = warm();
        attempt.handle(Event::Answered, Ms(0));
        let mut now = Ms(0);
        let mut last = None;
        while last.is_none_or(|step| step == Step::Announce) && now < Ms(100_000) {
            now = attempt.deadline();
            last = attempt.handle(Event::Tick, now).or(last);
        }
        assert_eq!(last, Some(Step::GiveUp(TransferFailure::Refused)));
        assert!(now <= Ms(60_000), "{now:?}");
    }

    #[test]
    fn another_key_or_hanging_up_is_a_refusal() {
        for event in [Event::Key('2'), Event::Key('#'), Event::Ended] {
            let mut attempt = warm();
            attempt.handle(Event::Answered, Ms(5_000));
            assert_eq!(attempt.handle(event, Ms(6_000)), Some(Step::GiveUp(TransferFailure::Refused)), "{event:?}");
        }
    }

    #[test]
    fn a_phone_that_is_not_answered_rings_for_25_seconds() {
        let mut attempt = warm();
        attempt.handle(Event::Progress { media: false }, Ms(2_000));
        assert_eq!(attempt.handle(Event::Tick, Ms(25_999)), None);
        assert_eq!(attempt.handle(Event::Tick, Ms(26_000)), Some(Step::GiveUp(TransferFailure::NoAnswer)));
        assert_eq!(attempt.handle(Event::Answered, Ms(26_001)), None, "an answer that crosses our CANCEL is too late");
    }

    #[test]
    fn statuses_say_why() {
        for (status, why) in [
            (486, TransferFailure::Busy),
            (600, TransferFailure::Busy),
            (480, TransferFailure::NoAnswer),
            (603, TransferFailure::Refused),
            (404, TransferFailure::Failed),
            (503, TransferFailure::Failed),
        ] {
            assert_eq!(warm().handle(Event::Failed { status }, Ms(2_000)), Some(Step::GiveUp(why)), "{status}");
        }
    }

    #[test]
    fn blind_is_connected_at_the_answer_and_early_media_is_heard_once() {
        let mut attempt = Attempt::new(TransferKind::Blind, Ms(0));
        assert_eq!(attempt.handle(Event::Progress { media: false }, Ms(1)), None);
        assert_eq!(attempt.handle(Event::Progress { media: true }, Ms(2)), Some(Step::EarlyMedia));
        assert_eq!(attempt.handle(Event::Progress { media: true }, Ms(3)), None);
        assert_eq!(attempt.handle(Event::Answered, Ms(4)), Some(Step::Connect));
    }
}
