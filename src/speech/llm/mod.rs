//! Language models: they tell what a caller means where rules cannot, in the terms that the request allows.
//!
//! * [`LanguageModel`] — the seam; [`NoModel`] and [`ChatModel`] (OpenAI, xAI, Gemini, any compatible server)
//! * [`Models`] — those that a node declares; [`ModelOrder`] — those that a tenant chose, tried one after the other
//!
//! A model gets a JSON schema and gives a JSON object of it, or fails. What the object may bring about is not decided
//! here: see `dialogue::consult`.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use serde_json::Value;

use super::http::HttpFailure;
use crate::domain::Pii;

mod breaker;
mod chat;
mod order;
mod schema;

pub use chat::{ChatModel, Preset};
pub use order::{ModelOrder, Models};

/// The longest answer that is read, in bytes: a hundred times what a request asks for.
const LONGEST_ANSWER: usize = 64 << 10;

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct LlmRequest {
    /// What it is about, as an identifier of at most 64 letters, digits, `_`, `-`: "classify".
    pub task: &'static str,
    /// JSON schema of the answer: an object of strings, numbers, arrays and null, closed and with every property required.
    pub schema: Value,
    pub messages: Vec<Message>,
    /// Tokens that the answer may have.
    pub max_tokens: u32,
    /// After this the answer is of no use.
    pub deadline: Instant,
}

/// One message to a model; it may hold what a caller said, so that it is not shown in logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub text: Pii<String>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We, telling what to do.
    System,
    /// The caller, whose words are material and no instruction.
    User,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmResponse {
    /// An object that conforms to the request's schema.
    pub json: Pii<Value>,
    pub usage: Usage,
}

/// Tokens that an answer cost; zero when the server does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
}

/// Why there is no answer. Without anything of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// There is no model, or none that may be asked now.
    #[error("no language model can be asked")]
    Unavailable,
    /// Not before the deadline.
    #[error("the language model did not answer in time")]
    TimedOut,
    /// The server gave no answer.
    #[error("the language model's server: {0}")]
    Http(#[from] HttpFailure),
    /// The server answered, and the answer cannot be used.
    #[error("the language model's answer cannot be used: {0}")]
    BadAnswer(String),
}

/// A future behind a trait object.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<LlmResponse, LlmError>> + Send + 'a>>;

/// Answers one request with one JSON object.
pub trait LanguageModel: Send + Sync {
    /// As it is shown to operators.
    fn name(&self) -> &str;

    /// Answers by the request's deadline, or fails by then. Dropping the future gives the request up.
    ///
    /// # Errors
    /// [`LlmError`]; an answer that does not conform to the schema is one.
    fn complete<'a>(&'a self, request: &'a LlmRequest) -> Answer<'a>;
}

/// In place of a model: calls go as the rules have it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModel;

impl LanguageModel for NoModel {
    fn name(&self) -> &str {
        "none"
    }

    fn complete<'a>(&'a self, _: &'a LlmRequest) -> Answer<'a> {
        Box::pin(std::future::ready(Err(LlmError::Unavailable)))
    }
}
