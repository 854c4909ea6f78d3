//! `/v1/tenants`: businesses, from the first request to the suspension of their calls.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::dids::Number;
use super::extract::{Body, in_path, no_such};
use super::guard::{Authenticated, Caller};
use super::profiles::{Profile, rehearse};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Patch, Problem, idempotency, query};
use crate::domain::{ApiKeyId, E164, Permission, ProfileId, Tenant, TenantId, TenantScope, TenantStatus};
use crate::privacy;
use crate::store::{Account, ApiKey, Listed, NewKey, Onboarding, StoreError};

/// The list's name in its cursors.
const LIST: &str = "tenants";
/// Calls at once of a tenant whose number of them is not said.
const FEW_CALLS: u32 = 3;
/// Numbers of one onboarding.
const MOST_NUMBERS: usize = 50;

/// Businesses.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::platform(Permission::TenantsRead), routes!(list))
        .on(Rule::platform(Permission::TenantsWrite), routes!(create))
        .on(Rule::tenant(Permission::TenantsRead), routes!(one))
        .on(Rule::platform(Permission::TenantsWrite), routes!(change))
        .on(Rule::platform(Permission::TenantsWrite), routes!(erase))
        .on(Rule::platform(Permission::TenantsWrite), routes!(suspend))
        .on(Rule::platform(Permission::TenantsWrite), routes!(resume))
}

/// A business whose calls are answered.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub(super) struct TenantView {
    id: TenantId,
    name: String,
    status: TenantStatus,
    /// Calls at once before a caller is told that the line is busy.
    max_calls: u32,
    /// `null` when the configuration file named it.
    created_at: Option<Timestamp>,
}

/// A page of tenants, oldest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct TenantPage {
    tenants: Vec<TenantView>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A new business, complete: its numbers are answered once this is done.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {
    /// The name on the dashboard and invoice.
    #[garde(custom(check_name))]
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Calls at once.
    #[serde(default = "few_calls")]
    #[garde(range(max = 10_000))]
    #[schema(maximum = 10000)]
    max_calls: u32,
    /// Numbers that nobody has yet.
    #[serde(default)]
    #[garde(custom(check_numbers))]
    #[schema(max_items = 50)]
    numbers: Vec<Number>,
    /// Its receptionist; absent: one that knows the name only, and takes messages.
    #[serde(default)]
    #[garde(dive)]
    profile: Option<Profile>,
}

/// A business that is answered from now on.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub(super) struct Onboarded {
    tenant: TenantView,
    profile_id: ProfileId,
    numbers: Vec<E164>,
    /// A key of the tenant's own. It is told this once: `null` when the answer is repeated for the same Idempotency-Key.
    api_key: Option<String>,
    /// Phrases that are ready to be spoken at once.
    phrases_ready: usize,
    /// Phrases that are still being made.
    phrases_waiting: usize,
}

/// What is to be different about a business.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantChange {
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Patch<String>,
    /// Calls at once.
    #[serde(default)]
    #[garde(inner(range(max = 10_000)))]
    #[schema(value_type = u32, required = false, maximum = 10000)]
    max_calls: Patch<u32>,
}

fn few_calls() -> u32 {
    FEW_CALLS
}

fn check_name(name: &str, _: &()) -> garde::Result {
    let fits = (1..=120).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(garde::Error::new("is one line of 1 to 120 characters")) }
}

fn check_numbers(numbers: &[Number], _: &()) -> garde::Result {
    let twice = numbers.iter().enumerate().any(|(n, number)| numbers[..n].contains(number));
    match twice {
        _ if numbers.len() > MOST_NUMBERS => Err(garde::Error::new(format!("has more than {MOST_NUMBERS} numbers"))),
        true => Err(garde::Error::new("has a number twice")),
        false => Ok(()),
    }
}

/// The tenant that the path of an operator's request names.
pub(super) struct TenantPath(TenantScope);

impl FromRequestParts<ApiState> for TenantPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let tenant = in_path(parts, state, "tenant").await.ok_or_else(no_such::<TenantId>)?;
        let scope = state.store.scope_for(&caller.principal, tenant).await?;
        scope.map(Self).ok_or_else(no_such::<TenantId>)
    }
}

impl From<Account> for TenantView {
    fn from(Account { tenant, status, created_at }: Account) -> Self {
        Self { id: tenant.id, name: tenant.name, status, max_calls: tenant.max_calls, created_at }
    }
}

/// All tenants, oldest first.
#[utoipa::path(get, path = "/v1/tenants", operation_id = "listTenants", tag = "tenants",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("status" = Option<TenantStatus>, Query),
    ),
    responses((status = 200, body = TenantPage)))]
pub(super) async fn list(State(state): State<ApiState>, uri: Uri) -> Result<Json<TenantPage>, Problem> {
    let (mut after, mut limit, mut status) = (None, query::DEFAULT_LIMIT, None);
    query::read(&uri, |name, value| {
        match name {
            "limit" => limit = query::limit(value)?,
            "cursor" => after = Some(query::open(LIST, value)?),
            "status" => status = Some(query::word(value, "active, suspended")?),
            _ => query::unknown(&["limit", "cursor", "status"])?,
        }
        Ok(())
    })?;
    let Listed { items, more } = state.store.list_tenants(status, after, limit).await?;
    let next_cursor = query::after(LIST, more, items.last().map(|account| account.tenant.id));
    Ok(Json(TenantPage { tenants: items.into_iter().map(TenantView::from).collect(), next_cursor }))
}

/// Onboards a business: the tenant, its receptionist, published, its numbers, and a key of its own.
#[utoipa::path(post, path = "/v1/tenants", operation_id = "createTenant", tag = "tenants",
    request_body = NewTenant,
    responses((status = 201, body = Onboarded, headers(("Location" = String, description = "where it is")))))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewTenant>,
) -> Result<Response, Problem> {
    let profile = match new.profile {
        Some(profile) => profile,
        None => Profile::named(&new.name),
    };
    let profile = profile.profile(ProfileId::new(caller.now, rand::random()), state.studio.voice());
    let phrases = rehearse(&state, &profile).await.map_err(|problem| problem.within("profile"))?;
    let tenant = Tenant { id: TenantId::new(caller.now, rand::random()), name: new.name, max_calls: new.max_calls };
    let numbers: Vec<E164> = new.numbers.into_iter().map(|Number(number)| number).collect();
    let onboarding = Onboarding { tenant, profile, numbers };
    let key = ApiKey::generate(rand::random());
    let key_id = ApiKeyId::new(caller.now, rand::random());
    let new_key = NewKey { id: key_id, name: "onboarding", scopes: None, expires_at: None };
    let by = caller.by();
    let onboard = state.store.onboard(&onboarding, Some((new_key, &key)), &by);
    let scope = onboard.await.map_err(|error| match error {
        // Whose it is, is nobody's business.
        StoreError::Conflict => Problem::conflict("one of the numbers is taken"),
        other => other.into(),
    })?;
    let account = state.store.account(scope).await?;
    let location = [(header::LOCATION, format!("/v1/tenants/{}", scope.tenant()))];
    let onboarded = Onboarded {
        tenant: account.into(),
        profile_id: onboarding.profile.id,
        numbers: onboarding.numbers,
        api_key: Some(key.reveal().to_owned()),
        phrases_ready: phrases.ready,
        phrases_waiting: phrases.waiting,
    };
    let again = Onboarded { api_key: None, ..onboarded.clone() };
    idempotency::shown_once((StatusCode::CREATED, location, Json(onboarded)), &again)
}

/// One tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", operation_id = "getTenant", tag = "tenants",
    params(("tenant" = TenantId, Path)), responses((status = 200, body = TenantView)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
) -> Result<Json<TenantView>, Problem> {
    Ok(Json(state.store.account(scope).await?.into()))
}

/// Changes a tenant's name, or how many of its calls are answered at once.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", operation_id = "updateTenant", tag = "tenants",
    params(("tenant" = TenantId, Path)), request_body = TenantChange, responses((status = 200, body = TenantView)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    TenantPath(scope): TenantPath,
    Body(TenantChange { name, max_calls }): Body<TenantChange>,
) -> Result<Json<TenantView>, Problem> {
    let mut tenant = state.store.account(scope).await?.tenant;
    let mut errors = Vec::new();
    for (field, is_null) in [("name", name == Patch::Null), ("max_calls", max_calls == Patch::Null)] {
        if is_null {
            errors.push(FieldError::new(field, "cannot be null"));
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    if let Patch::Value(name) = name {
        tenant.name = name;
    }
    if let Patch::Value(max_calls) = max_calls {
        tenant.max_calls = max_calls;
    }
    state.store.change_tenant(scope, &tenant, &caller.by()).await?;
    Ok(Json(state.store.account(scope).await?.into()))
}

/// Erases a business for good, in the background: recordings, what callers said and left, people, keys, endpoints,
/// receptionists. From this answer on its numbers are free and nothing shows it. What was charged stays. 409 while calls go
/// on.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", operation_id = "deleteTenant", tag = "tenants",
    params(("tenant" = TenantId, Path)),
    responses((status = 202), (status = 409, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn erase(
    State(state): State<ApiState>,
    caller: Caller,
    TenantPath(scope): TenantPath,
) -> Result<StatusCode, Problem> {
    state.store.begin_tenant_erasure(scope, &caller.by()).await.map_err(|error| match error {
        StoreError::StillUsed => Problem::conflict("calls go on; suspend the tenant, and try again after their end"),
        StoreError::NotFound => no_such::<TenantId>(),
        other => other.into(),
    })?;
    tokio::spawn(async move {
        if let Err(error) = privacy::erase_tenant(&state.store, &state.recordings, scope, caller.now).await {
            let tenant = scope.tenant();
            tracing::error!(%tenant, %error, "the erasure of a business goes on with the next run of the retention");
        }
    });
    Ok(StatusCode::ACCEPTED)
}

/// Stops answering a tenant's numbers: callers hear that it is not available for the time being. Calls that go on are
/// not cut.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/suspend", operation_id = "suspendTenant", tag = "tenants",
    params(("tenant" = TenantId, Path)), responses((status = 200, body = TenantView)))]
pub(super) async fn suspend(
    State(state): State<ApiState>,
    caller: Caller,
    TenantPath(scope): TenantPath,
) -> Result<Json<TenantView>, Problem> {
    state.store.set_tenant_status(scope, TenantStatus::Suspended, &caller.by()).await?;
    Ok(Json(state.store.account(scope).await?.into()))
}

/// Answers a suspended tenant's numbers again.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/resume", operation_id = "resumeTenant", tag = "tenants",
    params(("tenant" = TenantId, Path)), responses((status = 200, body = TenantView)))]
pub(super) async fn resume(
    State(state): State<ApiState>,
    caller: Caller,
    TenantPath(scope): TenantPath,
) -> Result<Json<TenantView>, Problem> {
    state.store.set_tenant_status(scope, TenantStatus::Active, &caller.by()).await?;
    Ok(Json(state.store.account(scope).await?.into()))
}
