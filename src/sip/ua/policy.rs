//! How a leg behaves where carriers differ.

use super::reliable;
use crate::domain::{Prack, SessionTimerUse, TrunkSettings};
use crate::sip::session_timer::{self, SessionTimer};

/// What a leg offers and accepts of the extensions that some carriers cannot live with, or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegPolicy {
    /// RFC 4028.
    pub session_timer: SessionTimerUse,
    /// Session interval asked for, in seconds.
    pub session_expires: u32,
    /// Shortest session interval accepted, in seconds; at least 90.
    pub min_se: u32,
    /// RFC 3262.
    pub prack: Prack,
    /// Whether re-INVITEs of ours go out. Without them [`super::Command::Reinvite`] fails with 405, and we refresh the
    /// session only where the peer asks it of us.
    pub reinvite: bool,
}

impl Default for LegPolicy {
    fn default() -> Self {
        Self::from(&TrunkSettings::default())
    }
}

impl From<&TrunkSettings> for LegPolicy {
    fn from(trunk: &TrunkSettings) -> Self {
        Self {
            session_timer: trunk.session_timer,
            session_expires: trunk.session_expires,
            min_se: trunk.min_se,
            prack: trunk.prack,
            reinvite: trunk.reinvite,
        }
    }
}

impl LegPolicy {
    pub(super) fn timer(&self) -> SessionTimer {
        let timer = SessionTimer::new(self.session_timer, self.session_expires, self.min_se);
        if self.reinvite { timer } else { timer.passive() }
    }

    /// The option tags understood in Require and named in Supported.
    pub(super) fn extensions(&self) -> Vec<&'static str> {
        let timer = (self.session_timer != SessionTimerUse::Off).then_some(session_timer::OPTION_TAG);
        let reliable = (self.prack != Prack::Off).then_some(reliable::OPTION_TAG);
        reliable.into_iter().chain(timer).collect()
    }

    /// The value of Supported.
    pub(super) fn supported(&self) -> String {
        self.extensions().join(", ")
    }
}
