//! Parts of a draft that have pages of their own: hours and holidays, knowledge, people to hand callers to.
//!
//! A part is read with the revision of its draft, and replaced whole under it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::dto::{Facts, HolidayDay, Hours, Profile, TransferList};
use super::{stored, write};
use crate::api::etag::{IfMatch, etag};
use crate::api::extract::{Body, IdPath, invalid};
use crate::api::guard::{Authenticated, Caller};
use crate::api::routes::{Routes, Rule};
use crate::api::{ApiState, Problem};
use crate::domain::{Permission, ProfileId};

pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::ProfilesRead), routes!(hours))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(set_hours))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(holidays))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(add_holiday))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(remove_holiday))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(knowledge))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(set_knowledge))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(transfers))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(set_transfers))
}

/// The holidays of a draft, in their order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct HolidayList {
    holidays: Vec<HolidayDay>,
}

/// The weekly opening hours of a draft.
#[utoipa::path(get, path = "/v1/profiles/{id}/hours", operation_id = "getHours", tag = "profiles",
    params(("id" = ProfileId, Path)),
    responses((status = 200, body = Hours, headers(("ETag" = String, description = "the draft's revision")))))]
pub(super) async fn hours(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    Ok((etag(stored.revision), Json(Profile::from(&stored.draft).hours)).into_response())
}

/// Replaces the weekly opening hours of a draft; days that are absent are closed.
#[utoipa::path(put, path = "/v1/profiles/{id}/hours", operation_id = "setHours", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = Hours,
    responses((status = 200, body = super::ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn set_hours(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    Body(hours): Body<Hours>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let changed = Profile { hours, ..Profile::from(&stored.draft) };
    write(&state, scope, &caller, &stored.draft, changed, revision).await
}

/// The days of a draft on which other hours hold.
#[utoipa::path(get, path = "/v1/profiles/{id}/holidays", operation_id = "listHolidays", tag = "profiles",
    params(("id" = ProfileId, Path)),
    responses((status = 200, body = HolidayList, headers(("ETag" = String, description = "the draft's revision")))))]
pub(super) async fn holidays(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let holidays = Profile::from(&stored.draft).holidays;
    Ok((etag(stored.revision), Json(HolidayList { holidays })).into_response())
}

/// Adds a holiday to a draft; a day that is there already is a conflict.
#[utoipa::path(post, path = "/v1/profiles/{id}/holidays", operation_id = "addHoliday", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = HolidayDay,
    responses((status = 200, body = super::ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn add_holiday(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    Body(day): Body<HolidayDay>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let mut changed = Profile::from(&stored.draft);
    if changed.holidays.iter().any(|known| known.date == day.date) {
        return Err(Problem::conflict(format!("{} is a holiday already; remove it first", day.date)));
    }
    changed.holidays.push(day);
    changed.holidays.sort_by_key(|day| day.date);
    changed.validate().map_err(invalid)?;
    write(&state, scope, &caller, &stored.draft, changed, revision).await
}

/// Removes a holiday from a draft.
#[utoipa::path(delete, path = "/v1/profiles/{id}/holidays/{date}", operation_id = "removeHoliday", tag = "profiles",
    params(
        ("id" = ProfileId, Path),
        ("date" = Date, Path),
        ("If-Match" = String, Header, description = "the entity tag that was read"),
    ),
    responses((status = 204, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn remove_holiday(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    DatePath(date): DatePath,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let mut changed = Profile::from(&stored.draft);
    let before = changed.holidays.len();
    changed.holidays.retain(|day| day.date != date);
    if changed.holidays.len() == before {
        return Err(no_such_day());
    }
    let changed = changed.profile(id, stored.draft.voice.clone());
    let revision = state.store.change_profile(scope, &changed, revision, &caller.by()).await?;
    Ok((StatusCode::NO_CONTENT, etag(revision)).into_response())
}

/// The `{date}` of the path.
pub(super) struct DatePath(Date);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for DatePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let params = axum::extract::RawPathParams::from_request_parts(parts, state).await;
        let date = params
            .ok()
            .and_then(|params| params.iter().find_map(|(name, value)| (name == "date").then(|| value.parse().ok())?));
        date.map(Self).ok_or_else(no_such_day)
    }
}

fn no_such_day() -> Problem {
    Problem::not_found("there is no such holiday")
}

/// The services and answers of a draft.
#[utoipa::path(get, path = "/v1/profiles/{id}/knowledge", operation_id = "getKnowledge", tag = "profiles",
    params(("id" = ProfileId, Path)),
    responses((status = 200, body = Facts, headers(("ETag" = String, description = "the draft's revision")))))]
pub(super) async fn knowledge(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    Ok((etag(stored.revision), Json(Profile::from(&stored.draft).knowledge)).into_response())
}

/// Replaces the services and answers of a draft.
#[utoipa::path(put, path = "/v1/profiles/{id}/knowledge", operation_id = "setKnowledge", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = Facts,
    responses((status = 200, body = super::ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn set_knowledge(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    Body(knowledge): Body<Facts>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let changed = Profile { knowledge, ..Profile::from(&stored.draft) };
    write(&state, scope, &caller, &stored.draft, changed, revision).await
}

/// The people of a draft that a caller may be handed to.
#[utoipa::path(get, path = "/v1/profiles/{id}/transfers", operation_id = "getTransferTargets", tag = "profiles",
    params(("id" = ProfileId, Path)),
    responses((status = 200, body = TransferList, headers(("ETag" = String, description = "the draft's revision")))))]
pub(super) async fn transfers(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    Ok((etag(stored.revision), Json(Profile::from(&stored.draft).transfers)).into_response())
}

/// Replaces the people of a draft that a caller may be handed to.
#[utoipa::path(put, path = "/v1/profiles/{id}/transfers", operation_id = "setTransferTargets", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = TransferList,
    responses((status = 200, body = super::ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn set_transfers(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    Body(transfers): Body<TransferList>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let changed = Profile { transfers, ..Profile::from(&stored.draft) };
    // What spans several targets is checked with the whole.
    changed.validate().map_err(invalid)?;
    write(&state, scope, &caller, &stored.draft, changed, revision).await
}
