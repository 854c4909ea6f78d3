//! The tenant's language models: one question at a time, with a time limit, and an answer in any case.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::debug;

use crate::dialogue::{Consultation, Input, Understanding};
use crate::domain::Pii;
use crate::speech::llm::{LlmRequest, Message, ModelOrder, Role};

/// Asks for one call.
pub struct Advisor {
    models: ModelOrder,
    limit: Duration,
    job: JoinSet<Input>,
}

impl Advisor {
    pub fn new(models: ModelOrder, limit_ms: u32) -> Self {
        Self { models, limit: Duration::from_millis(limit_ms.into()), job: JoinSet::new() }
    }

    /// Begins to ask, in place of what was asked before.
    pub fn ask(&mut self, asked: Option<Consultation>) {
        self.give_up();
        let (models, deadline) = (self.models.clone(), Instant::now() + self.limit);
        self.job.spawn(async move {
            let Some(asked) = asked else { return Input::Unadvised };
            let message = |role, text| Message { role, text: Pii(text) };
            let request = LlmRequest {
                task: asked.task,
                schema: asked.schema,
                messages: vec![message(Role::System, asked.instructions), message(Role::User, asked.material)],
                max_tokens: asked.max_tokens,
                deadline,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(Ok(answer)) = tokio::time::timeout(left, models.complete(&request)).await else {
                return Input::Unadvised;
            };
            debug!(task = asked.task, tokens = ?answer.usage, "the language model answered");
            let Pii(json) = answer.json;
            serde_json::from_value::<Understanding>(json).map_or(Input::Unadvised, Input::Understood)
        });
    }

    /// Gives up what is being asked.
    pub fn give_up(&mut self) {
        // Dropped rather than aborted, so that an answer which is there already is not taken for the next one.
        self.job = JoinSet::new();
    }

    /// Waits for the answer; pends for ever while nothing is asked.
    pub async fn answered(&mut self) -> Input {
        loop {
            match self.job.join_next().await {
                Some(Ok(answer)) => return answer,
                Some(Err(stopped)) if stopped.is_cancelled() => {}
                // A panic in the glue: the call goes on without an answer.
                Some(Err(_)) => return Input::Unadvised,
                None => std::future::pending::<()>().await,
            }
        }
    }
}
