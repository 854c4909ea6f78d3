//! The models of a node, and the order in which a tenant's calls ask them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ChatModel, LanguageModel, LlmError, LlmRequest, LlmResponse};
use crate::domain::billing::Meter;
use crate::speech::engines::{Blame, BreakerSettings, EngineSpec, Health};
use crate::speech::http::{self, HttpFailure, HttpLimits, HttpSetupError};
use crate::speech::metered::Metered;

/// Every model that the node declares, by its name.
#[derive(Clone, Default)]
pub struct Models(BTreeMap<String, Arc<Entry>>);

struct Entry {
    model: Arc<dyn LanguageModel>,
    timeout: Duration,
    health: Arc<Health>,
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Models {
    /// The language models among the declared engines; others are passed over.
    ///
    /// # Errors
    /// [`HttpSetupError`] when no client can be made.
    pub fn new<'a>(specs: impl IntoIterator<Item = (&'a String, &'a EngineSpec)>) -> Result<Self, HttpSetupError> {
        let mut models = Self::default();
        let mut client = None;
        for (name, spec) in specs {
            let Some(preset) = spec.kind.preset() else { continue };
            let client = match &client {
                Some(client) => client,
                // Every request has a time limit of its own, below these.
                None => client.insert(http::client(HttpLimits::default())?),
            };
            models.add(name, spec, Arc::new(ChatModel::new(name, preset, spec, client.clone())));
        }
        Ok(models)
    }

    /// Adds a model under a name, with the time limit and the breaker of `spec`.
    pub fn add(&mut self, name: &str, spec: &EngineSpec, model: Arc<dyn LanguageModel>) {
        let seconds = |value: u32| Duration::from_secs(value.into());
        let settings =
            BreakerSettings { failures: spec.failures, window: seconds(spec.window_s), pause: seconds(spec.pause_s) };
        let health = Health::new(name, false, settings);
        self.0.insert(name.to_owned(), Arc::new(Entry { model, timeout: spec.timeout(), health }));
    }

    /// The named ones in this order; a name that is not known is left out.
    pub fn order(&self, names: &[String]) -> ModelOrder {
        let models = names.iter().filter_map(|name| self.0.get(name).cloned()).collect();
        ModelOrder { models, meter: Meter::default() }
    }
}

/// Models that are asked one after the other until one answers. Without any it fails at once, as
/// [`NoModel`](super::NoModel) does.
#[derive(Clone, Default)]
pub struct ModelOrder {
    models: Vec<Arc<Entry>>,
    meter: Meter,
}

impl ModelOrder {
    /// The same, whose tokens `meter` counts: those that were asked for in vain too.
    #[must_use]
    pub fn metered(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// Asks by the request's deadline. A model that hangs leaves a third of the time to the next one.
    ///
    /// # Errors
    /// The last model's failure.
    pub async fn complete(&self, request: &LlmRequest) -> Result<LlmResponse, LlmError> {
        let mut failure = LlmError::Unavailable;
        for (at, entry) in self.models.iter().enumerate() {
            let now = Instant::now();
            let left = request.deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Err(LlmError::TimedOut);
            }
            let Some(permit) = entry.health.admit(false, now) else { continue };
            let share = if at + 1 == self.models.len() { left } else { left * 2 / 3 };
            let limit = share.min(entry.timeout);
            let request = LlmRequest { deadline: now + limit, ..request.clone() };
            let asking = Metered::new(&self.meter, entry.health.name()).asking(&request);
            let answer = tokio::time::timeout(limit, entry.model.complete(&request)).await;
            match answer.unwrap_or(Err(LlmError::TimedOut)) {
                Ok(response) => {
                    asking.answered(response.usage);
                    permit.succeeded(Instant::now());
                    return Ok(response);
                }
                Err(error) => {
                    asking.failed(&error);
                    permit.failed(blame(&error), &error.to_string(), Instant::now());
                    failure = error;
                }
            }
        }
        Err(failure)
    }
}

/// What a failure says of the model.
fn blame(error: &LlmError) -> Blame {
    match error {
        LlmError::TimedOut | LlmError::Http(HttpFailure::TimedOut) => Blame::Slow,
        LlmError::Http(HttpFailure::RateLimited { retry_after, .. }) => Blame::RateLimited(*retry_after),
        LlmError::Http(HttpFailure::Refused { .. }) => Blame::Refused,
        LlmError::Unavailable | LlmError::Http(_) | LlmError::BadAnswer(_) => Blame::Broken,
    }
}
