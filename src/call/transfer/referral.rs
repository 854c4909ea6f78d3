//! A REFER to the caller's carrier, as a function of what the carrier tells of it: no I/O, no clock.
//!
//! That the carrier has joined caller and person is no business of this machine: it ends our call at any time, even
//! after the wait for it was given up.

use super::attempt::failure;
use crate::dialogue::TransferFailure;
use crate::voice::Ms;

/// How long the carrier may take to take or refuse the request.
const TAKEN_MS: u64 = 8_000;
/// How long the person's phone may ring, and a little for the carrier to tell of it.
const OUTCOME_MS: u64 = 30_000;

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferralEvent {
    /// The carrier took the request (202), or its own call has come to this status.
    Progress(u16),
    /// It refused the request, or does not say what became of it.
    Failed,
    /// Time passes.
    Tick,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferralStep {
    /// The carrier cannot do it: the person is called by us.
    CallOurselves,
    /// The person was called and did not answer.
    GiveUp(TransferFailure),
}

/// A REFER that was sent.
#[derive(Debug)]
pub struct Referral {
    sent: Ms,
    deadline: Ms,
    ringing: bool,
}

impl Referral {
    /// One that is sent now.
    pub fn new(now: Ms) -> Self {
        Self { sent: now, deadline: now + TAKEN_MS, ringing: false }
    }

    /// Takes what happened.
    pub fn handle(&mut self, event: ReferralEvent, now: Ms) -> Option<ReferralStep> {
        match event {
            ReferralEvent::Progress(status @ 100..=299) => {
                self.ringing |= matches!(status, 180..=199);
                self.deadline = self.sent + OUTCOME_MS;
                None
            }
            // The person, or the person's phone, has said so: to call again would be a nuisance.
            ReferralEvent::Progress(status @ (408 | 480 | 486 | 487 | 600 | 603 | 607 | 608)) => {
                Some(ReferralStep::GiveUp(failure(status)))
            }
            ReferralEvent::Progress(_) | ReferralEvent::Failed => Some(ReferralStep::CallOurselves),
            ReferralEvent::Tick if now < self.deadline => None,
            ReferralEvent::Tick if self.ringing => Some(ReferralStep::GiveUp(TransferFailure::NoAnswer)),
            ReferralEvent::Tick => Some(ReferralStep::CallOurselves),
        }
    }

    /// When to come back at the latest.
    pub fn deadline(&self) -> Ms {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Referral {
        Referral::new(Ms(1_000))
    }

    #[test]
    fn a_carrier_that_refuses_or_says_nothing_leaves_the_call_to_us() {
        assert_eq!(sent().handle(ReferralEvent::Failed, Ms(1_100)), Some(ReferralStep::CallOurselves));
        assert_eq!(sent().handle(ReferralEvent::Progress(503), Ms(1_100)), Some(ReferralStep::CallOurselves));
        let mut silent = sent();
        assert_eq!(silent.handle(ReferralEvent::Tick, Ms(8_999)), None);
        assert_eq!(silent.handle(ReferralEvent::Tick, Ms(9_000)), Some(ReferralStep::CallOurselves));
        let mut taken = sent();
        assert_eq!(taken.handle(ReferralEvent::Progress(202), Ms(1_100)), None);
        assert_eq!(taken.handle(ReferralEvent::Progress(100), Ms(1_200)), None);
        assert_eq!(taken.deadline(), Ms(31_000), "news do not put the end off");
        assert_eq!(taken.handle(ReferralEvent::Tick, Ms(30_999)), None);
        assert_eq!(taken.handle(ReferralEvent::Tick, Ms(31_000)), Some(ReferralStep::CallOurselves));
    }

    #[test]
    fn a_person_who_was_called_is_not_called_again() {
        for (status, why) in [
            (486, TransferFailure::Busy),
            (600, TransferFailure::Busy),
            (480, TransferFailure::NoAnswer),
            (408, TransferFailure::NoAnswer),
            (603, TransferFailure::Refused),
        ] {
            assert_eq!(
                sent().handle(ReferralEvent::Progress(status), Ms(2_000)),
                Some(ReferralStep::GiveUp(why)),
                "{status}"
            );
        }
        let mut ringing = sent();
        assert_eq!(ringing.handle(ReferralEvent::Progress(180), Ms(2_000)), None);
        let given_up = ringing.handle(ReferralEvent::Tick, Ms(31_000));
        assert_eq!(given_up, Some(ReferralStep::GiveUp(TransferFailure::NoAnswer)));
    }
}
