//! The models of a node, and the order in which a tenant's calls ask them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use super::breaker::Breaker;
use super::{ChatModel, LanguageModel, LlmError, LlmRequest, LlmResponse};
use crate::speech::engines::EngineSpec;
use crate::speech::http::{self, HttpFailure, HttpLimits, HttpSetupError};

/// Every model that the node declares, by its name.
#[derive(Clone, Default)]
pub struct Models(BTreeMap<String, Arc<Entry>>);

struct Entry {
    model: Arc<dyn LanguageModel>,
    timeout: Duration,
    breaker: Breaker,
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
        let breaker = Breaker::new(spec.failures, seconds(spec.window_s), seconds(spec.pause_s));
        self.0.insert(name.to_owned(), Arc::new(Entry { model, timeout: spec.timeout(), breaker }));
    }

    /// The named ones in this order; a name that is not known is left out.
    pub fn order(&self, names: &[String]) -> ModelOrder {
        ModelOrder(names.iter().filter_map(|name| self.0.get(name).cloned()).collect())
    }
}

/// Models that are asked one after the other until one answers. Without any it fails at once, as
/// [`NoModel`](super::NoModel) does.
#[derive(Clone, Default)]
pub struct ModelOrder(Vec<Arc<Entry>>);

impl ModelOrder {
    /// Asks by the request's deadline. A model that hangs leaves a third of the time to the next one.
    ///
    /// # Errors
    /// The last model's failure.
    pub async fn complete(&self, request: &LlmRequest) -> Result<LlmResponse, LlmError> {
        let mut failure = LlmError::Unavailable;
        for (at, entry) in self.0.iter().enumerate() {
            let now = Instant::now();
            let left = request.deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Err(LlmError::TimedOut);
            }
            if !entry.breaker.allows(now) {
                continue;
            }
            let share = if at + 1 == self.0.len() { left } else { left * 2 / 3 };
            let limit = share.min(entry.timeout);
            let request = LlmRequest { deadline: now + limit, ..request.clone() };
            let answer = tokio::time::timeout(limit, entry.model.complete(&request)).await;
            match answer.unwrap_or(Err(LlmError::TimedOut)) {
                Ok(response) => {
                    entry.breaker.succeeded();
                    return Ok(response);
                }
                Err(error) => {
                    warn!(model = entry.model.name(), task = request.task, %error, "a language model did not help");
                    entry.breaker.failed(Instant::now(), wait(&error));
                    failure = error;
                }
            }
        }
        Err(failure)
    }
}

/// How long a model is to be left alone after one such failure; `None` where only several count.
fn wait(error: &LlmError) -> Option<Duration> {
    match error {
        LlmError::Http(HttpFailure::RateLimited { retry_after, .. }) => Some(retry_after.unwrap_or_default()),
        // Until the operator mends it: the breaker's own pause, again and again.
        LlmError::Http(HttpFailure::Refused { .. }) => Some(Duration::ZERO),
        _ => None,
    }
}
