//! Lines to carriers that the operator sets up by the API, beside those of the configuration file.
//!
//! A password goes in and never comes out. A line is begun at once; calls that go on over one that changes are not cut.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::dids::Number;
use super::etag::{IfMatch, etag};
use super::extract::{Body, NamePath, unread};
use super::guard::Caller;
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Patch, Problem};
use crate::domain::{E164, Permission, Secret, Trunk, TrunkMode, TrunkSettings};
use crate::store::{PasswordChange, StoreError, StoredTrunk};

/// What a carrier's profile says, by its name; `None` for a name that none has.
pub type TrunkProfiles = Arc<dyn Fn(&str) -> Option<TrunkSettings> + Send + Sync>;

/// Has the lines that the database has now begun, changed and ended; false when that is left to the next start.
pub type TrunkRefresh = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// Lines of the operator.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::platform(Permission::TrunksWrite), routes!(create))
        .on(Rule::platform(Permission::TrunksWrite), routes!(remove))
        .on(Rule::platform(Permission::TrunksRead), routes!(settings))
        .on(Rule::platform(Permission::TrunksWrite), routes!(change))
}

/// A line as it was set up.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct TrunkSetup {
    name: String,
    /// The carrier profile that the settings started from.
    profile: String,
    /// All keys of docs/carriers.md.
    #[schema(value_type = Object)]
    settings: TrunkSettings,
    has_password: bool,
    /// Numbers that arrive over it, and over no line that does not name them too.
    dids: Vec<E164>,
    /// Also the entity tag, in quotes: what `If-Match` wants.
    revision: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A new line.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTrunk {
    /// Lower-case letters, digits and `-`.
    #[garde(custom(trunk_name))]
    #[schema(pattern = "^[a-z0-9-]{1,60}$")]
    name: String,
    /// The carrier, by the name of its profile.
    #[serde(default = "generic_peer")]
    #[garde(skip)]
    profile: String,
    /// What is different from the profile: keys of docs/carriers.md.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Absent on lines that trust our address. It is never told again.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, write_only)]
    password: Option<Secret>,
    #[serde(default)]
    #[garde(length(max = 1_000))]
    #[schema(max_items = 1000)]
    dids: Vec<Number>,
}

/// What is to be different about a line.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct TrunkChange {
    /// Keys of docs/carriers.md; `null` brings the default of an unknown carrier back.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Absent keeps it, `null` takes it away.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, write_only)]
    password: Patch<Secret>,
    /// Absent: they stay.
    #[serde(default)]
    #[garde(skip)]
    #[schema(max_items = 1000)]
    dids: Option<Vec<Number>>,
}

fn generic_peer() -> String {
    "generic-peer".to_owned()
}

fn trunk_name(name: &str, _: &()) -> garde::Result {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=60).contains(&name.len()) && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(garde::Error::new("has 1 to 60 lower-case letters, digits and `-`"))
    }
}

impl From<StoredTrunk> for TrunkSetup {
    fn from(stored: StoredTrunk) -> Self {
        let StoredTrunk { name, profile, settings, has_password, dids, revision, created_at, updated_at } = stored;
        Self { name, profile, settings, has_password, dids, revision, created_at, updated_at }
    }
}

/// Settings with some of them changed; a mistake is named by its key.
fn merged(base: &TrunkSettings, changes: Map<String, Value>) -> Result<TrunkSettings, Problem> {
    let mut document = serde_json::to_value(base).map_err(|_| Problem::internal())?;
    json_patch::merge(&mut document, &Value::Object(changes));
    let text = serde_json::to_vec(&document).map_err(|_| Problem::internal())?;
    let Json(settings) = Json::<TrunkSettings>::from_bytes(&text).map_err(unread).map_err(|p| p.within("settings"))?;
    let needed = [("settings.registrar", &settings.registrar), ("settings.from_user", &settings.from_user)];
    let missing = needed.into_iter().filter(|(_, value)| settings.mode == TrunkMode::Register && value.is_none());
    let errors: Vec<FieldError> =
        missing.map(|(key, _)| FieldError::new(key, "is needed to register at the carrier")).collect();
    if errors.is_empty() { Ok(settings) } else { Err(Problem::invalid(errors)) }
}

fn numbers(numbers: Vec<Number>) -> Vec<E164> {
    numbers.into_iter().map(|Number(number)| number).collect()
}

/// Sets up a line, and begins it.
#[utoipa::path(post, path = "/v1/trunks", operation_id = "createTrunk", tag = "trunks",
    request_body = NewTrunk,
    responses((status = 201, body = TrunkSetup, headers(
        ("ETag" = String, description = "the revision, for `If-Match`"),
        ("Location" = String, description = "where it is"),
    ))))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewTrunk>,
) -> Result<Response, Problem> {
    let profile = (state.trunk_profiles)(&new.profile);
    let unknown = || Problem::invalid(vec![FieldError::new("profile", "no carrier profile is called that")]);
    let settings = merged(&profile.ok_or_else(unknown)?, new.settings)?;
    let taken = || Problem::conflict("a trunk has this name already");
    if (state.trunks)().is_some_and(|running| running.iter().any(|trunk| trunk.name == new.name)) {
        return Err(taken());
    }
    let trunk =
        Trunk { name: new.name, profile: new.profile, settings, password: new.password, dids: numbers(new.dids) };
    state.store.create_trunk(&trunk, &caller.by()).await.map_err(|error| match error {
        StoreError::Conflict => taken(),
        other => other.into(),
    })?;
    (state.trunk_refresh)().await;
    let stored = stored(&state, &trunk.name).await?;
    let location = [(header::LOCATION, format!("/v1/trunks/{}/settings", trunk.name))];
    Ok((StatusCode::CREATED, etag(stored.revision), location, Json(TrunkSetup::from(stored))).into_response())
}

/// How a line was set up, without its password.
#[utoipa::path(get, path = "/v1/trunks/{name}/settings", operation_id = "getTrunkSettings", tag = "trunks",
    params(("name" = String, Path)),
    responses((status = 200, body = TrunkSetup, headers(("ETag" = String, description = "the revision, for `If-Match`")))))]
pub(super) async fn settings(State(state): State<ApiState>, NamePath(name): NamePath) -> Result<Response, Problem> {
    let stored = stored(&state, &name).await?;
    Ok((etag(stored.revision), Json(TrunkSetup::from(stored))).into_response())
}

/// Changes a line. Where its registration changes with it, it is begun anew.
#[utoipa::path(patch, path = "/v1/trunks/{name}/settings", operation_id = "updateTrunk", tag = "trunks",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = TrunkChange,
    responses((status = 200, body = TrunkSetup, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    NamePath(name): NamePath,
    if_match: IfMatch,
    Body(TrunkChange { settings, password, dids }): Body<TrunkChange>,
) -> Result<Response, Problem> {
    let mut trunk = stored(&state, &name).await?;
    trunk.revision = if_match.check(trunk.revision)?;
    trunk.settings = merged(&trunk.settings, settings)?;
    if let Some(dids) = dids {
        trunk.dids = numbers(dids);
    }
    let password = match password {
        Patch::Absent => PasswordChange::Keep,
        Patch::Null => PasswordChange::Remove,
        Patch::Value(secret) => PasswordChange::Set(secret),
    };
    state.store.change_trunk(&trunk, &password, &caller.by()).await?;
    (state.trunk_refresh)().await;
    let stored = stored(&state, &name).await?;
    Ok((etag(stored.revision), Json(TrunkSetup::from(stored))).into_response())
}

/// Ends a line and removes it with its password.
#[utoipa::path(delete, path = "/v1/trunks/{name}", operation_id = "deleteTrunk", tag = "trunks",
    params(("name" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<StatusCode, Problem> {
    state.store.delete_trunk(&name, &caller.by()).await.map_err(|error| match error {
        StoreError::NotFound => no_such_trunk(),
        other => other.into(),
    })?;
    (state.trunk_refresh)().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn stored(state: &ApiState, name: &str) -> Result<StoredTrunk, Problem> {
    state.store.stored_trunk(name).await?.ok_or_else(no_such_trunk)
}

fn no_such_trunk() -> Problem {
    Problem::not_found("the API has set up no trunk of this name; those of the configuration file are changed there")
}
