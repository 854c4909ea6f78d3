//! `/v1/keys`: API keys of a tenant, or, where the operator names no tenant, of the platform.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use garde::Validate;
use jiff::Timestamp;
use utoipa_axum::routes;

use super::extract::{Body, IdPath};
use super::guard::Caller;
use super::idempotency;
use super::routes::{Routes, Rule};
use super::users::covers;
use super::{ApiState, FieldError, Patch, Problem, query};
use crate::domain::{ApiKeyId, Grant, Permission};
use crate::store::{ApiKey, KeyEntry, NewKey};

/// The list's name in its cursors.
const LIST: &str = "keys";

pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::KeysRead), routes!(list))
        .on(Rule::either(Permission::KeysWrite), routes!(create))
        .on(Rule::either(Permission::KeysRead), routes!(one))
        .on(Rule::either(Permission::KeysWrite), routes!(update))
        .on(Rule::either(Permission::KeysWrite), routes!(delete))
        .on(Rule::either(Permission::KeysWrite), routes!(rotate))
}

/// A page of keys, the oldest first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct KeyPage {
    keys: Vec<KeyEntry>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A new key.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiKey {
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do; without any, all that the caller may.
    #[garde(inner(length(min = 1, max = 100)))]
    #[schema(min_items = 1, max_items = 100)]
    scopes: Option<Vec<Permission>>,
    /// When it stops to be valid; without, never.
    #[garde(skip)]
    expires_at: Option<Timestamp>,
}

/// What is to be changed; what is not there stays.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyPatch {
    #[garde(inner(length(chars, min = 1, max = 100)))]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `null` for no end.
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Patch<Timestamp>,
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub(super) struct NewApiKeySecret {
    #[serde(flatten)]
    entry: KeyEntry,
    /// To be sent as `Authorization: Bearer …`. `null` when the answer is repeated for the same Idempotency-Key.
    secret: Option<String>,
}

/// The keys, the oldest first.
#[utoipa::path(get, path = "/v1/keys", operation_id = "listKeys", tag = "keys",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = KeyPage)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Json<KeyPage>, Problem> {
    let (after, limit) = query::page::<ApiKeyId>(LIST, &uri)?;
    let mut keys = state.store.api_keys(caller.owner(), after, limit + 1).await?;
    let next_cursor = query::next(LIST, &mut keys, limit, |key| key.id);
    Ok(Json(KeyPage { keys, next_cursor }))
}

/// Makes a key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/keys", operation_id = "createKey", tag = "keys", request_body = NewApiKey,
    responses((status = 201, body = NewApiKeySecret)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewApiKey>,
) -> Result<Response, Problem> {
    in_future(new.expires_at, caller.now)?;
    let scopes = match (new.scopes, &caller.principal.grant) {
        (Some(scopes), grant) => {
            covers(grant, &scopes)?;
            Some(scopes)
        }
        (None, Grant::Everything) => None,
        (None, grant) => Some(grant.permissions()),
    };
    let (id, key) = (ApiKeyId::new(caller.now, rand::random()), ApiKey::generate(rand::random()));
    let entry = NewKey { id, name: &new.name, scopes: scopes.as_deref(), expires_at: new.expires_at };
    state.store.add_api_key(caller.owner(), entry, &key, &caller.by()).await?;
    let entry = state.store.api_key(caller.owner(), id).await?;
    shown(StatusCode::CREATED, entry, &key)
}

/// One key, without its secret.
#[utoipa::path(get, path = "/v1/keys/{id}", operation_id = "getKey", tag = "keys",
    params(("id" = ApiKeyId, Path)), responses((status = 200, body = KeyEntry)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<ApiKeyId>,
) -> Result<Json<KeyEntry>, Problem> {
    Ok(Json(state.store.api_key(caller.owner(), id).await?))
}

/// Gives a key another name or another end.
#[utoipa::path(patch, path = "/v1/keys/{id}", operation_id = "updateKey", tag = "keys",
    params(("id" = ApiKeyId, Path)), request_body = KeyPatch, responses((status = 200, body = KeyEntry)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<ApiKeyId>,
    Body(patch): Body<KeyPatch>,
) -> Result<Json<KeyEntry>, Problem> {
    may_touch(&state, &caller, id).await?;
    if let Patch::Value(end) = patch.expires_at {
        in_future(Some(end), caller.now)?;
    }
    let change = |entry: &mut KeyEntry| {
        entry.name = patch.name.unwrap_or_else(|| entry.name.clone());
        entry.expires_at = patch.expires_at.apply(entry.expires_at);
    };
    Ok(Json(state.store.update_api_key(caller.owner(), id, change, &caller.by()).await?))
}

/// Removes a key.
#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "deleteKey", tag = "keys",
    params(("id" = ApiKeyId, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    may_touch(&state, &caller, id).await?;
    state.store.delete_api_key(caller.owner(), id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts another secret in the place of a key's; the old one is worth nothing from then on.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("id" = ApiKeyId, Path)), responses((status = 200, body = NewApiKeySecret)))]
pub(super) async fn rotate(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<ApiKeyId>,
) -> Result<Response, Problem> {
    may_touch(&state, &caller, id).await?;
    let key = ApiKey::generate(rand::random());
    let entry = state.store.rotate_api_key(caller.owner(), id, &key, &caller.by()).await?;
    shown(StatusCode::OK, entry, &key)
}

/// A key that may do more than the caller is not the caller's to use: a rotated one is in his hands.
async fn may_touch(state: &ApiState, caller: &Caller, id: ApiKeyId) -> Result<(), Problem> {
    let entry = state.store.api_key(caller.owner(), id).await?;
    covers(&caller.principal.grant, &entry.scopes.unwrap_or_else(|| Permission::ALL.to_vec()))
}

fn in_future(end: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    match end {
        Some(end) if end <= now => Err(Problem::invalid(vec![FieldError::new("expires_at", "is over already")])),
        _ => Ok(()),
    }
}

fn shown(status: StatusCode, entry: KeyEntry, key: &ApiKey) -> Result<Response, Problem> {
    let shown = NewApiKeySecret { entry, secret: Some(key.reveal().to_owned()) };
    let again = NewApiKeySecret { secret: None, ..shown.clone() };
    idempotency::shown_once((status, Json(shown)), &again)
}
