//! Counting what engines are given: at the start of a job, since a job that nobody waits for any more is paid too; taken
//! back where the engine's server refused it, since then it is not.

use super::engine::{SttError, TtsError};
use super::http::HttpFailure;
use super::llm::{LlmError, LlmRequest, Usage};
use crate::domain::billing::{EngineUse, Meter};

/// Letters to a token where the server does not say what a request cost.
const LETTERS_PER_TOKEN: usize = 4;

/// Whose work is counted, and where.
#[derive(Debug, Clone)]
pub(super) struct Metered {
    meter: Meter,
    engine: String,
}

impl Metered {
    pub fn new(meter: &Meter, engine: &str) -> Self {
        Self { meter: meter.clone(), engine: engine.to_owned() }
    }

    /// Counts `samples` at `rate_hz` that a recogniser listens to, while it works.
    pub fn hearing<T>(
        &self,
        samples: usize,
        rate_hz: u32,
        work: impl FnOnce() -> Result<T, SttError>,
    ) -> Result<T, SttError> {
        let ms = (samples as u64 * 1_000).div_ceil(u64::from(rate_hz.max(1)));
        self.counted(EngineUse::AudioMs, ms, work, |error| match error {
            SttError::Remote { failure, .. } => is_free(failure),
            _ => false,
        })
    }

    /// Counts the characters of `text` that a voice speaks, while it does.
    pub fn speaking<T>(&self, text: &str, work: impl FnOnce() -> Result<T, TtsError>) -> Result<T, TtsError> {
        self.counted(EngineUse::Characters, text.chars().count() as u64, work, |error| match error {
            TtsError::Remote { failure, .. } => is_free(failure),
            _ => false,
        })
    }

    fn counted<T, E>(
        &self,
        what: EngineUse,
        quantity: u64,
        work: impl FnOnce() -> Result<T, E>,
        free: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        self.meter.used(&self.engine, what, quantity);
        let done = work();
        if done.as_ref().err().is_some_and(free) {
            self.meter.take_back(&self.engine, what, quantity);
        }
        done
    }

    /// Begins to count a request to a language model.
    pub fn asking(self, request: &LlmRequest) -> Asking {
        let letters: usize = request.messages.iter().map(|message| message.text.0.chars().count()).sum();
        Asking { metered: self, tokens_in: (letters.div_ceil(LETTERS_PER_TOKEN)) as u64, told: false }
    }
}

/// A request to a language model under way. One that is given up, or whose answer does not say what it cost, is counted
/// with a token for every four letters of the question.
pub(super) struct Asking {
    metered: Metered,
    tokens_in: u64,
    told: bool,
}

impl Asking {
    /// The model answered, and the server may have said what that cost.
    pub fn answered(mut self, usage: Usage) {
        if usage != Usage::default() {
            self.told = true;
            let Metered { meter, engine } = &self.metered;
            meter.used(engine, EngineUse::TokensIn, usage.prompt_tokens.into());
            meter.used(engine, EngineUse::TokensOut, usage.completion_tokens.into());
        }
    }

    /// There is no answer.
    pub fn failed(mut self, error: &LlmError) {
        self.told = match error {
            LlmError::Unavailable => true,
            LlmError::Http(failure) => is_free(failure),
            LlmError::TimedOut | LlmError::BadAnswer(_) => false,
        };
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.told {
            self.metered.meter.used(&self.metered.engine, EngineUse::TokensIn, self.tokens_in);
        }
    }
}

/// Whether the server did no work that it could ask money for.
fn is_free(failure: &HttpFailure) -> bool {
    !matches!(failure, HttpFailure::TimedOut | HttpFailure::BadAnswer(_) | HttpFailure::TooLong(_))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::domain::Pii;
    use crate::speech::llm::{Message, Role};

    #[test]
    fn refused_work_is_free_and_work_that_nobody_waits_for_is_not() {
        let meter = Meter::default();
        let cloud = Metered::new(&meter, "cloud");
        let remote = |failure| Err::<(), _>(SttError::Remote { engine: "cloud".to_owned(), failure });
        let refused = HttpFailure::Connection("refused".to_owned());
        for (outcome, paid) in [
            (Ok(()), 1),
            (Err(SttError::Cancelled), 1),
            (Err(SttError::DeadlinePassed), 1),
            (remote(HttpFailure::TimedOut), 1),
            (remote(refused), 0),
        ] {
            let before = meter.read().of("cloud", EngineUse::AudioMs);
            let shown = format!("{outcome:?}");
            let _ = cloud.hearing(8_001, 8_000, || outcome);
            assert_eq!(meter.read().of("cloud", EngineUse::AudioMs) - before, paid * 1_001, "{shown}");
        }
        let meter = Meter::default();
        let _ = Metered::new(&meter, "voice").speaking("Rs. 5 है", || Err::<(), _>(TtsError::Cancelled));
        assert_eq!(meter.read().of("voice", EngineUse::Characters), "Rs. 5 है".chars().count() as u64);
    }

    #[test]
    fn tokens_are_those_that_the_server_names_or_a_quarter_of_the_letters() {
        let message = Message { role: Role::User, text: Pii("seventeen letters".to_owned()) };
        let request = LlmRequest {
            task: "classify",
            schema: serde_json::Value::Null,
            messages: vec![message],
            max_tokens: 10,
            deadline: Instant::now(),
        };
        let usage = Usage { prompt_tokens: 300, completion_tokens: 20 };
        let counted = |settle: &dyn Fn(Asking)| {
            let meter = Meter::default();
            settle(Metered::new(&meter, "model").asking(&request));
            (meter.read().of("model", EngineUse::TokensIn), meter.read().of("model", EngineUse::TokensOut))
        };
        assert_eq!(counted(&|asking| asking.answered(usage)), (300, 20));
        assert_eq!(counted(&|asking| asking.answered(Usage::default())), (5, 0));
        assert_eq!(counted(&drop), (5, 0), "given up");
        assert_eq!(counted(&|asking| asking.failed(&LlmError::TimedOut)), (5, 0));
        assert_eq!(counted(&|asking| asking.failed(&LlmError::BadAnswer("it is no JSON".to_owned()))), (5, 0));
        assert_eq!(counted(&|asking| asking.failed(&LlmError::Unavailable)), (0, 0));
        let refused = HttpFailure::Connection("refused".to_owned());
        assert_eq!(counted(&|asking| asking.failed(&LlmError::Http(refused.clone()))), (0, 0));
    }
}
