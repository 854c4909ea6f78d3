//! `/v1/webhooks`: where a tenant's own systems are told of calls.
//!
//! A secret is told once, when it is made; nothing reads it back.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{Body, IdPath, no_such};
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem, idempotency};
use crate::domain::{EventKind, Permission, TenantScope, Webhook, WebhookChange, WebhookId};
use crate::notify::webhook::endpoints::EndpointError;

/// Endpoints.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::WebhooksRead), routes!(list))
        .on(Rule::tenant(Permission::WebhooksWrite), routes!(create))
        .on(Rule::tenant(Permission::WebhooksRead), routes!(one))
        .on(Rule::tenant(Permission::WebhooksWrite), routes!(change))
        .on(Rule::tenant(Permission::WebhooksWrite), routes!(remove))
        .on(Rule::tenant(Permission::WebhooksWrite), routes!(rotate))
        .on(Rule::tenant(Permission::WebhooksWrite), routes!(replay))
}

/// An endpoint, without its secret.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub(super) struct WebhookView {
    id: WebhookId,
    url: String,
    /// What it is told of; empty: everything.
    events: Vec<&'static str>,
    enabled: bool,
    created_at: Timestamp,
    /// Why the platform turned it off, when it did.
    disabled_reason: Option<String>,
}

/// The tenant's endpoints, oldest first: at most twenty.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct WebhookList {
    webhooks: Vec<WebhookView>,
}

/// An endpoint and the secret that signs what it gets; told this once.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub(super) struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: WebhookView,
    /// `whsec_…`, as Standard Webhooks has it. `null` when the answer is repeated for the same Idempotency-Key.
    secret: Option<String>,
}

/// A new endpoint.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// An https address that the internet can reach.
    #[garde(length(max = 2_000))]
    #[schema(max_length = 2000)]
    url: String,
    /// What it is told of; empty: everything.
    #[serde(default)]
    #[garde(length(max = 10))]
    #[schema(value_type = Vec<String>, max_items = 10)]
    events: Vec<EventKind>,
}

/// What is to be different about an endpoint; what is absent stays.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedWebhook {
    #[serde(default)]
    #[garde(length(max = 2_000))]
    #[schema(max_length = 2000)]
    url: Option<String>,
    #[serde(default)]
    #[garde(length(max = 10))]
    #[schema(value_type = Option<Vec<String>>, max_items = 10)]
    events: Option<Vec<EventKind>>,
    /// Turning it on forgets why it was turned off.
    #[serde(default)]
    #[garde(skip)]
    enabled: Option<bool>,
}

/// How many messages are sent again.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Replayed {
    messages: u64,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            events: webhook.events.iter().map(|event| event.name()).collect(),
            enabled: webhook.enabled,
            created_at: webhook.created_at,
            disabled_reason: webhook.disabled_reason,
        }
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Url(refused) => Self::invalid(vec![FieldError::new("url", refused.to_string())]),
            EndpointError::Secret(refused) => Self::invalid(vec![FieldError::new("secret", refused.to_string())]),
            EndpointError::Store(error) => error.into(),
        }
    }
}

/// The answer that tells a secret, which no repetition of the request tells again.
fn told_once(answer: impl IntoResponse, told: &WebhookWithSecret) -> Result<Response, Problem> {
    idempotency::shown_once(answer, &WebhookWithSecret { secret: None, ..told.clone() })
}

async fn stored(state: &ApiState, scope: TenantScope, id: WebhookId) -> Result<Webhook, Problem> {
    state.store.webhook(scope, id).await?.ok_or_else(no_such::<WebhookId>)
}

/// The tenant's endpoints, oldest first.
#[utoipa::path(get, path = "/v1/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, body = WebhookList)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
) -> Result<Json<WebhookList>, Problem> {
    let webhooks = state.store.webhooks(scope).await?;
    Ok(Json(WebhookList { webhooks: webhooks.into_iter().map(WebhookView::from).collect() }))
}

/// Adds an endpoint; the answer tells its secret, once.
#[utoipa::path(post, path = "/v1/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = NewWebhook,
    responses((status = 201, body = WebhookWithSecret, headers(("Location" = String, description = "where it is")))))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(NewWebhook { url, events }): Body<NewWebhook>,
) -> Result<Response, Problem> {
    let (webhook, secret) = state.endpoints.create(scope, &url, &events, None, &caller.by()).await?;
    let location = [(header::LOCATION, format!("/v1/webhooks/{}", webhook.id))];
    let told = WebhookWithSecret { webhook: webhook.into(), secret: Some(secret.reveal().to_owned()) };
    told_once((StatusCode::CREATED, location, Json(told.clone())), &told)
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    params(("id" = WebhookId, Path)), responses((status = 200, body = WebhookView)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(stored(&state, scope, id).await?.into()))
}

/// Changes an endpoint.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", operation_id = "updateWebhook", tag = "webhooks",
    params(("id" = WebhookId, Path)), request_body = ChangedWebhook,
    responses((status = 200, body = WebhookView)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<WebhookId>,
    Body(ChangedWebhook { url, events, enabled }): Body<ChangedWebhook>,
) -> Result<Json<WebhookView>, Problem> {
    stored(&state, scope, id).await?;
    let webhook = state.endpoints.change(scope, id, WebhookChange { url, events, enabled }, &caller.by()).await?;
    Ok(Json(webhook.into()))
}

/// Removes an endpoint and all messages to it.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", operation_id = "deleteWebhook", tag = "webhooks",
    params(("id" = WebhookId, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<WebhookId>,
) -> Result<StatusCode, Problem> {
    stored(&state, scope, id).await?;
    state.store.delete_webhook(scope, id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an endpoint a new secret, told once; the one before signs beside it for a day.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    params(("id" = WebhookId, Path)), responses((status = 200, body = WebhookWithSecret)))]
pub(super) async fn rotate(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<WebhookId>,
) -> Result<Response, Problem> {
    let webhook = stored(&state, scope, id).await?;
    let secret = state.endpoints.rotate(scope, id, &caller.by()).await?;
    let told = WebhookWithSecret { webhook: webhook.into(), secret: Some(secret.reveal().to_owned()) };
    told_once(Json(told.clone()), &told)
}

/// Sends again what was given up for an endpoint, once it is mended.
#[utoipa::path(post, path = "/v1/webhooks/{id}/replay", operation_id = "replayWebhook", tag = "webhooks",
    params(("id" = WebhookId, Path)), responses((status = 202, body = Replayed)))]
pub(super) async fn replay(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<WebhookId>,
) -> Result<Response, Problem> {
    stored(&state, scope, id).await?;
    let messages = state.store.replay_webhook(scope, id, &caller.by()).await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { messages })).into_response())
}
