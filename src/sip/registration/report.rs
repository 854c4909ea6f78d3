//! What a registration tells about itself.

use super::{Phase, Registration, Target};
use crate::sip::message::{NameAddr, Uri};
use std::time::Instant;

/// Where a registration stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not begun, or taken back.
    Unregistered,
    /// A REGISTER is under way, and no binding is known to hold.
    Trying,
    /// The registrar keeps our Contact until then.
    Registered { expires_at: Instant, contact: Uri },
    /// The last attempt failed, in plain words; when the next one comes.
    Failed { error: String, next_try: Instant },
}

/// A registration's state, with what its users need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationReport {
    pub state: RegistrationState,
    /// The target that keeps our Contact, or else the one that is tried.
    pub target: Option<Target>,
    /// Why the last attempt failed; kept while another is under way, and while an older binding still holds.
    pub last_error: Option<String>,
    /// When the next REGISTER goes out; absent while one is under way.
    pub next_try: Option<Instant>,
    /// Preset route of calls through this registrar (RFC 3608).
    pub service_route: Vec<NameAddr>,
    /// Rounds in which no target served us, since one did: with each new one it is time for new look-ups.
    pub failed_rounds: u32,
}

impl Registration {
    /// The state now.
    pub fn report(&self) -> RegistrationReport {
        let next_try = match self.phase {
            Phase::Due(at) => Some(at),
            Phase::Pending(_) | Phase::Over => None,
        };
        let state = match (&self.binding, self.phase, &self.last_error) {
            (_, Phase::Over, _) => RegistrationState::Unregistered,
            (Some(binding), ..) => {
                RegistrationState::Registered { expires_at: binding.expires_at, contact: binding.contact.clone() }
            }
            (None, Phase::Due(next_try), Some(error)) => RegistrationState::Failed { error: error.clone(), next_try },
            (None, ..) => RegistrationState::Trying,
        };
        RegistrationReport {
            state,
            target: self.binding.as_ref().map(|binding| binding.target).or(self.target()),
            last_error: self.last_error.clone(),
            next_try,
            service_route: self.service_route.clone(),
            failed_rounds: self.rounds,
        }
    }
}
