//! `/v1/profiles`: receptionists as drafts, their publication, and what was published before.
//!
//! A draft is changed as often as one likes and answers nobody. Publishing checks it, has what it says made ready to be
//! spoken, and gives it a version; from the next call on that version answers. Every change names the revision that its
//! editor has read (`If-Match`), so that none undoes another's unseen.

mod dto;
mod parts;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::etag::{IfMatch, etag};
use super::extract::{Body, IdPath, invalid, no_such};
use super::guard::{Authenticated, Caller};
use super::merge::Merge;
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem, query};
use crate::domain::{AgentProfile, Permission, ProfileId, TenantScope};
use crate::store::{Listed, ProfileVersion, StoredProfile};

pub(super) use dto::Profile;

/// The list's name in its cursors.
const LIST: &str = "profiles";

/// Receptionists.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::ProfilesRead), routes!(list))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(create))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(one))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(change))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(remove))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(publish))
        .on(Rule::tenant(Permission::ProfilesWrite), routes!(roll_back))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(versions))
        .on(Rule::tenant(Permission::ProfilesRead), routes!(version))
        .and(parts::routes())
}

/// A receptionist as its editor sees it.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ProfileDraft {
    id: ProfileId,
    /// Also the entity tag, in quotes: what `If-Match` wants.
    revision: i64,
    /// The version that answers calls; `null` before the first publication.
    published_version: Option<i64>,
    /// The last change; `null` when it was the configuration file's.
    updated_at: Option<Timestamp>,
    draft: Profile,
}

/// A page of receptionists, oldest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ProfilePage {
    profiles: Vec<ProfileDraft>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// What was published.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct PublishedVersion {
    version: i64,
    /// `null` when the configuration file published it.
    published_at: Option<Timestamp>,
    profile: Profile,
}

/// A page of versions, the latest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct VersionPage {
    versions: Vec<PublishedVersion>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// What publishing did.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Publication {
    /// The version that answers from the next call on.
    version: i64,
    published_at: Timestamp,
    /// Phrases that are ready to be spoken at once.
    phrases_ready: usize,
    /// Phrases that are still being made; until then they are made when they are needed.
    phrases_waiting: usize,
}

/// Which version is to answer again.
#[derive(Debug, serde::Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBack {
    #[garde(range(min = 1))]
    #[schema(minimum = 1)]
    version: i64,
}

/// Some fields of a receptionist; those that are absent stay, `null` brings the default back.
pub(super) struct ProfileChange;

impl utoipa::PartialSchema for ProfileChange {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::RefOr;
        use utoipa::openapi::schema::Schema;
        match Profile::schema() {
            RefOr::T(Schema::Object(mut object)) => {
                object.required.clear();
                object.into()
            }
            other => other,
        }
    }
}

impl ToSchema for ProfileChange {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        Profile::schemas(schemas);
    }
}

impl From<&StoredProfile> for ProfileDraft {
    fn from(stored: &StoredProfile) -> Self {
        Self {
            id: stored.draft.id,
            revision: stored.revision,
            published_version: stored.published,
            updated_at: stored.updated_at,
            draft: Profile::from(&stored.draft),
        }
    }
}

impl From<&ProfileVersion> for PublishedVersion {
    fn from(published: &ProfileVersion) -> Self {
        let ProfileVersion { version, profile, published_at } = published;
        Self { version: *version, published_at: *published_at, profile: Profile::from(profile) }
    }
}

/// The tenant's receptionists, oldest first.
#[utoipa::path(get, path = "/v1/profiles", operation_id = "listProfiles", tag = "profiles",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ProfilePage)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<ProfilePage>, Problem> {
    let (after, limit) = query::page(LIST, &uri)?;
    let Listed { items, more } = state.store.list_profiles(scope, after, limit).await?;
    Ok(Json(ProfilePage {
        profiles: items.iter().map(ProfileDraft::from).collect(),
        next_cursor: query::after(LIST, more, items.last().map(|stored| stored.draft.id)),
    }))
}

/// A new receptionist, as a draft.
#[utoipa::path(post, path = "/v1/profiles", operation_id = "createProfile", tag = "profiles",
    request_body = Profile,
    responses((status = 201, body = ProfileDraft, headers(
        ("ETag" = String, description = "the revision, for `If-Match`"),
        ("Location" = String, description = "where it is"),
    ))))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(profile): Body<Profile>,
) -> Result<Response, Problem> {
    let id = ProfileId::new(caller.now, rand::random());
    let profile = profile.profile(id, state.studio.voice());
    state.studio.check(&profile).map_err(Problem::invalid)?;
    state.store.create_profile(scope, &profile, &caller.by()).await?;
    let stored = stored(&state, scope, id).await?;
    let location = [(header::LOCATION, format!("/v1/profiles/{id}"))];
    Ok((StatusCode::CREATED, etag(stored.revision), location, Json(ProfileDraft::from(&stored))).into_response())
}

/// One receptionist's draft.
#[utoipa::path(get, path = "/v1/profiles/{id}", operation_id = "getProfile", tag = "profiles",
    params(("id" = ProfileId, Path)),
    responses((status = 200, body = ProfileDraft, headers(("ETag" = String, description = "the revision, for `If-Match`")))))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    Ok((etag(stored.revision), Json(ProfileDraft::from(&stored))).into_response())
}

/// Changes some fields of a draft, by a merge patch (RFC 7396).
#[utoipa::path(patch, path = "/v1/profiles/{id}", operation_id = "updateProfile", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = ProfileChange,
    responses((status = 200, body = ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    merge: Merge,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let changed = merge.apply(&Profile::from(&stored.draft))?;
    write(&state, scope, &caller, &stored.draft, changed, revision).await
}

/// Removes a receptionist with all its versions. No number may lead to it any more.
#[utoipa::path(delete, path = "/v1/profiles/{id}", operation_id = "deleteProfile", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let revision = if_match.check(stored(&state, scope, id).await?.revision)?;
    state.store.delete_profile(scope, id, revision, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks the draft, makes what it says ready to be spoken, and has it answer from the next call on.
#[utoipa::path(post, path = "/v1/profiles/{id}/publish", operation_id = "publishProfile", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    responses((status = 200, body = Publication, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn publish(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let stored = stored(&state, scope, id).await?;
    let revision = if_match.check(stored.revision)?;
    let phrases = rehearse(&state, &stored.draft).await?;
    let published = state.store.publish_profile(scope, id, revision, &caller.by()).await?;
    let publication = Publication {
        version: published.version,
        published_at: caller.now,
        phrases_ready: phrases.ready,
        phrases_waiting: phrases.waiting,
    };
    Ok((etag(revision + 1), Json(publication)).into_response())
}

/// Has an earlier version answer from the next call on. The draft stays as it is.
#[utoipa::path(post, path = "/v1/profiles/{id}/roll-back", operation_id = "rollBackProfile", tag = "profiles",
    params(("id" = ProfileId, Path), ("If-Match" = String, Header, description = "the entity tag that was read")),
    request_body = RollBack,
    responses((status = 200, body = ProfileDraft, headers(("ETag" = String, description = "the new revision")))))]
pub(super) async fn roll_back(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<ProfileId>,
    if_match: IfMatch,
    Body(RollBack { version }): Body<RollBack>,
) -> Result<Response, Problem> {
    let revision = if_match.check(stored(&state, scope, id).await?.revision)?;
    if state.store.profile_version(scope, id, version).await?.is_none() {
        return Err(Problem::invalid(vec![FieldError::new("version", "was never published")]));
    }
    state.store.roll_back_profile(scope, id, version, revision, &caller.by()).await?;
    let stored = stored(&state, scope, id).await?;
    Ok((etag(stored.revision), Json(ProfileDraft::from(&stored))).into_response())
}

/// What was published of a receptionist, the latest first.
#[utoipa::path(get, path = "/v1/profiles/{id}/versions", operation_id = "listProfileVersions", tag = "profiles",
    params(
        ("id" = ProfileId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = VersionPage)))]
pub(super) async fn versions(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
    uri: Uri,
) -> Result<Json<VersionPage>, Problem> {
    stored(&state, scope, id).await?;
    let list = format!("versions of {id}");
    let (before, limit) = query::page(&list, &uri)?;
    let Listed { items, more } = state.store.profile_versions(scope, id, before, limit).await?;
    Ok(Json(VersionPage {
        versions: items.iter().map(PublishedVersion::from).collect(),
        next_cursor: query::after(&list, more, items.last().map(|published| published.version)),
    }))
}

/// One version as it was published.
#[utoipa::path(get, path = "/v1/profiles/{id}/versions/{version}", operation_id = "getProfileVersion", tag = "profiles",
    params(("id" = ProfileId, Path), ("version" = i64, Path)),
    responses((status = 200, body = PublishedVersion)))]
pub(super) async fn version(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<ProfileId>,
    VersionPath(version): VersionPath,
) -> Result<Json<PublishedVersion>, Problem> {
    let published = state.store.profile_version(scope, id, version).await?;
    published.as_ref().map(|published| Json(published.into())).ok_or_else(no_such_version)
}

/// The `{version}` of the path.
pub(super) struct VersionPath(i64);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let params = axum::extract::RawPathParams::from_request_parts(parts, state).await;
        let version = params.ok().and_then(|params| {
            params.iter().find_map(|(name, value)| (name == "version").then(|| value.parse().ok())?)
        });
        version.map(Self).ok_or_else(no_such_version)
    }
}

fn no_such_version() -> Problem {
    Problem::not_found("there is no such version")
}

async fn stored(state: &ApiState, scope: TenantScope, id: ProfileId) -> Result<StoredProfile, Problem> {
    state.store.profile(scope, id).await?.ok_or_else(no_such::<ProfileId>)
}

/// Replaces a draft by one that was checked by itself, and answers with it.
async fn write(
    state: &ApiState,
    scope: TenantScope,
    caller: &Caller,
    current: &AgentProfile,
    changed: Profile,
    revision: i64,
) -> Result<Response, Problem> {
    let changed = changed.profile(current.id, current.voice.clone());
    state.studio.check(&changed).map_err(Problem::invalid)?;
    state.store.change_profile(scope, &changed, revision, &caller.by()).await?;
    let stored = stored(state, scope, current.id).await?;
    Ok((etag(stored.revision), Json(ProfileDraft::from(&stored))).into_response())
}

/// Checks a profile that is about to answer, and has what it says made ready.
pub(super) async fn rehearse(state: &ApiState, profile: &AgentProfile) -> Result<super::Phrases, Problem> {
    // A draft that an earlier version has let through is checked by today's rules.
    Profile::from(profile).validate().map_err(invalid)?;
    state.studio.check(profile).map_err(Problem::invalid)?;
    state.studio.rehearse(profile).await
}
