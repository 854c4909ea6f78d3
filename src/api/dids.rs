//! `/v1/dids`: the numbers of a tenant, and which receptionist answers each.

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::Body;
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Patch, Problem, query};
use crate::domain::{Did, E164, Permission, ProfileId, TenantScope};
use crate::store::{Listed, StoreError};

/// The list's name in its cursors.
const LIST: &str = "dids";

/// Numbers.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::NumbersRead), routes!(list))
        .on(Rule::tenant(Permission::NumbersWrite), routes!(create))
        .on(Rule::tenant(Permission::NumbersRead), routes!(one))
        .on(Rule::tenant(Permission::NumbersWrite), routes!(change))
        .on(Rule::tenant(Permission::NumbersWrite), routes!(remove))
}

/// A number, read as people write it: `+918047180000`, `080 4718 0000`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(super) struct Number(pub E164);

impl<'de> serde::Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        E164::from_indian(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Number {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("a telephone number, in E.164 or as it is written in India"))
            .examples(["+918047180000"])
            .into()
    }
}

impl ToSchema for Number {}

/// A number and who answers it.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct DidView {
    number: E164,
    /// The receptionist that answers, once it is published.
    profile_id: ProfileId,
}

/// A page of numbers, in their order.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct DidPage {
    dids: Vec<DidView>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A number that the tenant is to have.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDid {
    #[garde(skip)]
    number: Number,
    /// One of the tenant's receptionists.
    #[garde(skip)]
    profile_id: ProfileId,
}

/// What is to be different about a number.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct DidChange {
    /// Another of the tenant's receptionists, from the next call on.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = ProfileId, required = false)]
    profile_id: Patch<ProfileId>,
}

/// The `{number}` of the path; a text that is no number names nothing that exists.
pub(super) struct NumberPath(E164);

impl<S: Send + Sync> FromRequestParts<S> for NumberPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| no_such_number())?;
        let text = params.iter().find_map(|(name, value)| (name == "number").then_some(value));
        let number = text.and_then(|text| E164::from_indian(&query::unspaced(text)).ok());
        number.map(Self).ok_or_else(no_such_number)
    }
}

fn no_such_number() -> Problem {
    Problem::not_found("there is no such number")
}

impl From<&Did> for DidView {
    fn from(did: &Did) -> Self {
        Self { number: did.number.clone(), profile_id: did.profile }
    }
}

/// The tenant's numbers, in their order.
#[utoipa::path(get, path = "/v1/dids", operation_id = "listDids", tag = "dids",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = DidPage)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<DidPage>, Problem> {
    let (after, limit) = query::page::<CursorNumber>(LIST, &uri)?;
    let after = after.map(|CursorNumber(number)| number);
    let Listed { items, more } = state.store.list_dids(scope, after.as_ref(), limit).await?;
    Ok(Json(DidPage {
        dids: items.iter().map(DidView::from).collect(),
        next_cursor: query::after(LIST, more, items.last().map(|did| &did.number)),
    }))
}

/// A number in a cursor.
struct CursorNumber(E164);

impl std::str::FromStr for CursorNumber {
    type Err = crate::domain::NumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        E164::parse(text).map(Self)
    }
}

/// Gives the tenant a number. One that anybody has already is a conflict.
#[utoipa::path(post, path = "/v1/dids", operation_id = "createDid", tag = "dids",
    request_body = NewDid,
    responses((status = 201, body = DidView, headers(("Location" = String, description = "where it is")))))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(NewDid { number: Number(number), profile_id }): Body<NewDid>,
) -> Result<Response, Problem> {
    own_profile(&state, scope, profile_id).await?;
    let did = Did { number, tenant: scope.tenant(), profile: profile_id };
    state.store.create_did(scope, &did, &caller.by()).await.map_err(|error| match error {
        // Whose it is, is nobody's business.
        StoreError::Conflict => Problem::conflict("the number is taken"),
        other => other.into(),
    })?;
    let location = [(header::LOCATION, format!("/v1/dids/{}", did.number))];
    Ok((StatusCode::CREATED, location, Json(DidView::from(&did))).into_response())
}

/// One number.
#[utoipa::path(get, path = "/v1/dids/{number}", operation_id = "getDid", tag = "dids",
    params(("number" = String, Path)), responses((status = 200, body = DidView)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    NumberPath(number): NumberPath,
) -> Result<Json<DidView>, Problem> {
    let did = state.store.did(scope, &number).await?.ok_or_else(no_such_number)?;
    Ok(Json(DidView::from(&did)))
}

/// Has another receptionist answer a number, from the next call on.
#[utoipa::path(patch, path = "/v1/dids/{number}", operation_id = "updateDid", tag = "dids",
    params(("number" = String, Path)), request_body = DidChange, responses((status = 200, body = DidView)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    NumberPath(number): NumberPath,
    Body(DidChange { profile_id }): Body<DidChange>,
) -> Result<Json<DidView>, Problem> {
    let mut did = state.store.did(scope, &number).await?.ok_or_else(no_such_number)?;
    match profile_id {
        Patch::Absent => {}
        Patch::Null => {
            let message = "cannot be null: a number that nobody is to answer is deleted";
            return Err(Problem::invalid(vec![FieldError::new("profile_id", message)]));
        }
        Patch::Value(profile) => {
            own_profile(&state, scope, profile).await?;
            state.store.attach_did(scope, &number, profile, &caller.by()).await?;
            did.profile = profile;
        }
    }
    Ok(Json(DidView::from(&did)))
}

/// Takes a number away from the tenant. It is answered no more, and anybody may have it.
#[utoipa::path(delete, path = "/v1/dids/{number}", operation_id = "deleteDid", tag = "dids",
    params(("number" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    NumberPath(number): NumberPath,
) -> Result<StatusCode, Problem> {
    state.store.delete_did(scope, &number, &caller.by()).await.map_err(|error| match error {
        StoreError::NotFound => no_such_number(),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own_profile(state: &ApiState, scope: TenantScope, profile: ProfileId) -> Result<(), Problem> {
    let known = state.store.profile(scope, profile).await?.is_some();
    let unknown = || Problem::invalid(vec![FieldError::new("profile_id", "there is no such profile")]);
    if known { Ok(()) } else { Err(unknown()) }
}
