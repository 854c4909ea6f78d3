//! `/v1/messages`: what left the platform about calls, by SMS and webhook, and what became of it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{IdPath, no_such};
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, Problem, query};
use crate::domain::{
    Attempt, CallId, Channel, E164, Message, MessageFilter, MessageId, MessageState, Permission, WebhookId,
};

/// The list's name in its cursors.
const LIST: &str = "messages";

/// Messages.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::MessagesRead), routes!(list))
        .on(Rule::tenant(Permission::MessagesRead), routes!(one))
        .on(Rule::tenant(Permission::MessagesWrite), routes!(resend))
}

/// A message that left, or is to leave.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct MessageView {
    id: MessageId,
    /// `null` when it is about no call.
    call: Option<CallId>,
    #[schema(value_type = String)]
    channel: Channel,
    /// What it is about: `call.ended`, `sms.owner`.
    topic: &'static str,
    /// The number that an SMS goes to.
    to: Option<E164>,
    /// The endpoint that a webhook goes to.
    webhook: Option<WebhookId>,
    #[schema(value_type = String)]
    state: MessageState,
    /// Tries that were made, failed ones too.
    attempts: u32,
    created_at: Timestamp,
    /// When a pending message is tried next, at the earliest.
    due_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// The text of an SMS as it was last sent.
    text: Option<String>,
    /// Parts that the SMS is billed as.
    segments: Option<u32>,
    /// What kept the last try from succeeding.
    last_error: Option<String>,
}

/// A page of messages, the latest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct MessageList {
    messages: Vec<MessageView>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A message and its tries.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct MessageDetail {
    #[serde(flatten)]
    message: MessageView,
    tries: Vec<Try>,
}

/// One try to send a message.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Try {
    /// From 1.
    number: u32,
    at: Timestamp,
    took_ms: u32,
    /// Of HTTP, when there was an answer.
    status: Option<u16>,
    /// `null` when it succeeded.
    error: Option<String>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            call: message.call,
            channel: message.channel,
            topic: message.topic.name(),
            to: message.to,
            webhook: message.webhook,
            state: message.state,
            attempts: message.attempts,
            created_at: message.created_at,
            due_at: message.due_at,
            finished_at: message.finished_at,
            text: message.text,
            segments: message.segments,
            last_error: message.last_error,
        }
    }
}

impl From<Attempt> for Try {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, took_ms, status, error } = attempt;
        Self { number, at, took_ms, status, error }
    }
}

/// The tenant's messages, the latest first.
#[utoipa::path(get, path = "/v1/messages", operation_id = "listMessages", tag = "messages",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("channel" = Option<String>, Query, description = "sms or webhook"),
        ("state" = Option<String>, Query, description = "pending, sent, delivered, undelivered or dead"),
        ("call" = Option<CallId>, Query),
        ("webhook" = Option<WebhookId>, Query),
    ),
    responses((status = 200, body = MessageList)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<MessageList>, Problem> {
    let (mut filter, mut cursor, mut limit) = (MessageFilter::default(), None, query::DEFAULT_LIMIT);
    query::read(&uri, |name, value| {
        match name {
            "limit" => limit = query::limit(value)?,
            "cursor" => cursor = Some(query::open(LIST, value)?),
            "channel" => filter.channel = Some(query::word(value, "sms, webhook")?),
            "state" => filter.state = Some(query::word(value, "pending, sent, delivered, undelivered, dead")?),
            "call" => filter.call = Some(value.parse().map_err(|_| "is no call's identifier".to_owned())?),
            "webhook" => filter.webhook = Some(value.parse().map_err(|_| "is no webhook's identifier".to_owned())?),
            _ => query::unknown(&["limit", "cursor", "channel", "state", "call", "webhook"])?,
        }
        Ok(())
    })?;
    let page = state.store.messages(scope, &filter, cursor, limit).await?;
    Ok(Json(MessageList {
        messages: page.items.into_iter().map(MessageView::from).collect(),
        next_cursor: page.next.map(|cursor| query::seal(LIST, cursor)),
    }))
}

/// One message with its tries.
#[utoipa::path(get, path = "/v1/messages/{id}", operation_id = "getMessage", tag = "messages",
    params(("id" = MessageId, Path)), responses((status = 200, body = MessageDetail)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<MessageId>,
) -> Result<Json<MessageDetail>, Problem> {
    let (message, tries) = state.store.message(scope, id).await?.ok_or_else(no_such::<MessageId>)?;
    Ok(Json(MessageDetail { message: message.into(), tries: tries.into_iter().map(Try::from).collect() }))
}

/// Sends a message again under the same identifier, whatever became of it; one that is pending is tried now.
#[utoipa::path(post, path = "/v1/messages/{id}/resend", operation_id = "resendMessage", tag = "messages",
    params(("id" = MessageId, Path)), responses((status = 202)))]
pub(super) async fn resend(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<MessageId>,
) -> Result<StatusCode, Problem> {
    state.store.resend_message(scope, id, &caller.by()).await?;
    Ok(StatusCode::ACCEPTED)
}
