//! `POST {url}/chat/completions` as OpenAI has it: OpenAI, xAI, Gemini's compatible endpoint, vLLM, llama.cpp, Ollama, Groq.
//!
//! async-openai builds the request and reads the answer. Its own retries are replaced by one plain exchange: they wait half
//! a second and more after a 429, and a caller waits with them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema,
};
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;
use tower::service_fn;

use super::{Answer, LONGEST_ANSWER, LanguageModel, LlmError, LlmRequest, LlmResponse, Message, Role, Usage, schema};
use crate::domain::Pii;
use crate::speech::engines::EngineSpec;
use crate::speech::http::{self, HttpFailure};

/// Whose server it is, which decides the address and the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    OpenAi,
    /// Grok.
    Xai,
    Gemini,
    /// Any other server that speaks the protocol.
    Compatible,
}

/// A model behind the chat completions protocol.
pub struct ChatModel {
    name: String,
    preset: Preset,
    model: String,
    client: Client<OpenAIConfig>,
    /// The server refused `json_schema` once and took `json_object`.
    plain: AtomicBool,
}

/// What is read of an answer; servers differ in the rest.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize, Default)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl ChatModel {
    /// The model of `spec`, asked through `http`.
    pub fn new(name: &str, preset: Preset, spec: &EngineSpec, http: reqwest::Client) -> Self {
        let key = spec.api_key.as_ref().map_or("", |key| key.reveal());
        // Everything is said here: async-openai would take what is missing from the environment.
        let config =
            OpenAIConfig::new().with_api_base(spec.base_url()).with_api_key(key).with_org_id("").with_project_id("");
        let client = http.clone();
        let exchange = service_fn(move |request: HttpRequestFactory| exchange(client.clone(), request));
        Self {
            name: name.to_owned(),
            preset,
            model: spec.model.clone().unwrap_or_default(),
            client: Client::build(http, config).with_http_service(exchange),
            plain: AtomicBool::new(false),
        }
    }

    async fn ask(&self, request: &LlmRequest) -> Result<LlmResponse, LlmError> {
        if self.plain.load(Ordering::Relaxed) {
            return self.ask_once(request, true).await;
        }
        match self.ask_once(request, false).await {
            // Not every server knows `json_schema`, and not every model takes a temperature.
            Err(LlmError::Http(HttpFailure::Status { status: 400 | 422, .. })) => {
                let answer = self.ask_once(request, true).await;
                self.plain.fetch_or(answer.is_ok(), Ordering::Relaxed);
                answer
            }
            answer => answer,
        }
    }

    async fn ask_once(&self, request: &LlmRequest, plain: bool) -> Result<LlmResponse, LlmError> {
        let asked = self.client.chat().create_byot::<_, Completion>(self.body(request, plain)).await;
        let Completion { choices, usage } = asked.map_err(failure)?;
        let bad = |why: &str| LlmError::BadAnswer(why.to_owned());
        let choice = choices.into_iter().next().ok_or_else(|| bad("it is empty"))?;
        if choice.finish_reason.as_deref() == Some("length") {
            return Err(bad("it is cut off"));
        }
        let text = choice.message.content.ok_or_else(|| bad("the model declined"))?;
        let json: Value = serde_json::from_str(text.trim()).map_err(|_| bad("it is no JSON"))?;
        schema::check(&json, &request.schema).map_err(LlmError::BadAnswer)?;
        let Tokens { prompt_tokens, completion_tokens } = usage.unwrap_or_default();
        Ok(LlmResponse { json: Pii(json), usage: Usage { prompt_tokens, completion_tokens } })
    }

    fn body(&self, request: &LlmRequest, plain: bool) -> CreateChatCompletionRequest {
        let mut messages: Vec<ChatCompletionRequestMessage> = request.messages.iter().map(message).collect();
        if plain {
            let text = format!("Answer with one JSON object that conforms to this JSON schema: {}", request.schema);
            messages.insert(0, ChatCompletionRequestSystemMessage::from(text).into());
        }
        let response_format = if plain {
            ResponseFormat::JsonObject
        } else {
            ResponseFormat::JsonSchema {
                json_schema: ResponseFormatJsonSchema {
                    description: None,
                    name: request.task.to_owned(),
                    schema: request.schema.clone(),
                    strict: Some(true),
                },
            }
        };
        let mut body = CreateChatCompletionRequest {
            model: self.model.clone(),
            messages,
            response_format: Some(response_format),
            temperature: (!plain).then_some(0.0),
            ..CreateChatCompletionRequest::default()
        };
        let limit = Some(request.max_tokens);
        match self.preset {
            Preset::OpenAi | Preset::Xai => body.max_completion_tokens = limit,
            Preset::Gemini | Preset::Compatible => set_max_tokens(&mut body, limit),
        }
        body
    }
}

#[expect(deprecated, reason = "servers other than OpenAI's know only the older name")]
fn set_max_tokens(body: &mut CreateChatCompletionRequest, limit: Option<u32>) {
    body.max_tokens = limit;
}

fn message(message: &Message) -> ChatCompletionRequestMessage {
    let text = message.text.0.as_str();
    match message.role {
        Role::System => ChatCompletionRequestSystemMessage::from(text).into(),
        Role::User => ChatCompletionRequestUserMessage::from(text).into(),
    }
}

impl LanguageModel for ChatModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn complete<'a>(&'a self, request: &'a LlmRequest) -> Answer<'a> {
        Box::pin(async move {
            let left = request.deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(60));
            tokio::time::timeout(left, self.ask(request)).await.unwrap_or(Err(LlmError::TimedOut))
        })
    }
}

/// Why an exchange failed, on its way through async-openai.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(HttpFailure);

impl From<Failed> for OpenAIError {
    fn from(failed: Failed) -> Self {
        Self::Boxed(Box::new(failed))
    }
}

/// One request and one answer of bounded length, in memory.
async fn exchange(http: reqwest::Client, request: HttpRequestFactory) -> Result<Response, Failed> {
    let request = request.build().await;
    let request = request.map_err(|_| Failed(HttpFailure::Connection("the request cannot be made".to_owned())))?;
    let response = http.execute(request).await.map_err(|error| Failed(http::failure(error)))?;
    let response = http::success(response).await.map_err(Failed)?;
    let body = http::body(response, LONGEST_ANSWER).await.map_err(Failed)?;
    Ok(axum::http::Response::new(body).into())
}

fn failure(error: OpenAIError) -> LlmError {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<Failed>() {
            Ok(failed) => LlmError::Http(failed.0),
            Err(_) => LlmError::BadAnswer("it cannot be read".to_owned()),
        },
        // The other texts hold what the server sent.
        _ => LlmError::BadAnswer("it is no chat completion".to_owned()),
    }
}
