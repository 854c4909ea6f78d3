//! From an API key to the tenant it may act for.

use axum::extract::{FromRequestParts, Path};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{ApiState, FieldError, Problem};
use crate::domain::{CallId, TenantId, TenantScope};
use crate::store::{KeyOwner, Principal};

/// Header in which a platform key names the tenant it acts for; a tenant's own key needs none.
pub const TENANT_HEADER: &str = "vca-tenant";

/// Extracts the tenant that an authenticated request acts for.
pub(super) struct Authenticated(pub TenantScope);

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let principal = principal(parts, state).await?;
        let named = match parts.headers.get(TENANT_HEADER) {
            None => None,
            // What cannot be an identifier names no tenant that exists.
            Some(text) => {
                Some(text.to_str().ok().and_then(|text| text.parse::<TenantId>().ok()).ok_or_else(no_tenant)?)
            }
        };
        let tenant = match (principal.owner, named) {
            (_, Some(tenant)) => tenant,
            (KeyOwner::Tenant(scope), None) => scope.tenant(),
            (KeyOwner::Platform, None) => {
                let message = "a platform key says in this header which tenant it acts for: `ten_…`";
                return Err(Problem::bad_request(vec![FieldError::new("VCA-Tenant", message)]));
            }
        };
        state.store.scope_for(principal, tenant).await?.map(Self).ok_or_else(no_tenant)
    }
}

/// Whose key the request carries.
pub(super) async fn principal(parts: &Parts, state: &ApiState) -> Result<Principal, Problem> {
    let key = bearer(parts).ok_or_else(|| Problem::unauthorized("send an API key: `Authorization: Bearer vca_…`"))?;
    let principal = state.store.authenticate(key).await?;
    principal.ok_or_else(|| Problem::unauthorized("the API key is not known"))
}

fn no_tenant() -> Problem {
    Problem::not_found("there is no such tenant")
}

/// The key of a single `Authorization: Bearer` header (RFC 6750 §2.1); the scheme is case-insensitive.
fn bearer(parts: &Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().filter(|_| headers.next().is_none())?;
    let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Extracts the call that the path names; a text that cannot be an identifier names no call.
pub(super) struct CallPath(pub CallId);

impl<S: Send + Sync> FromRequestParts<S> for CallPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.ok().and_then(|Path(id)| id.parse().ok()).map(Self).ok_or_else(no_call)
    }
}

pub(super) fn no_call() -> Problem {
    Problem::not_found("there is no such call")
}
