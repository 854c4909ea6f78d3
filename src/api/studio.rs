//! What publishing asks of the engines that speak.

use std::future::Future;
use std::pin::Pin;

use super::{FieldError, Problem};
use crate::domain::AgentProfile;

/// What has become of a profile's phrases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrases {
    /// Ready to be spoken at once.
    pub ready: usize,
    /// Still being made, behind the calls.
    pub waiting: usize,
}

/// The engines of this node, as the API sees them.
pub trait Studio: Send + Sync + 'static {
    /// The voice that the node speaks with where a profile chooses none.
    fn voice(&self) -> String;

    /// What of the profile this node cannot do: engines that it does not have.
    ///
    /// # Errors
    /// Each field that is wrong.
    fn check(&self, profile: &AgentProfile) -> Result<(), Vec<FieldError>>;

    /// Has all that the profile says by itself made ready; what takes long goes on behind the calls.
    ///
    /// # Errors
    /// 422 with the phrases that cannot be spoken, 503 while the engines are starting.
    fn rehearse<'a>(
        &'a self,
        profile: &'a AgentProfile,
    ) -> Pin<Box<dyn Future<Output = Result<Phrases, Problem>> + Send + 'a>>;
}
