//! From a credential to whoever may act, and for which tenant: asked once, before every handler, by the operation's rule.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::gate::Standing;
use super::request_id::RequestId;
use super::routes::{Reach, Rule, Rules};
use super::{ApiState, FieldError, Problem, idempotency, sessions};
use crate::domain::{Actor, By, Grant, Session, TenantId, TenantScope, User};
use crate::store::{KeyOwner, Principal, owner_of};

/// Header in which the operator names the tenant that it acts for; whoever belongs to a tenant needs none.
pub const TENANT_HEADER: &str = "vca-tenant";

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer(pub IpAddr);

/// Who calls, as the rule has found; extracted by handlers that any principal may call, or that write to the audit log.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub principal: Principal,
    /// The tenant that the request is for; `None` when it is the operator's own business.
    pub scope: Option<TenantScope>,
    pub now: Timestamp,
    /// The session and whose it is; `None` for a key.
    pub session: Option<(Session, User)>,
    request_id: Option<String>,
}

impl Caller {
    /// What the audit log is to say of this request.
    pub(super) fn by(&self) -> By {
        By { actor: self.principal.actor, at: self.now, request_id: self.request_id.clone() }
    }

    /// On whose behalf the request is, where the operator may act for himself or for a tenant.
    pub(super) fn owner(&self) -> KeyOwner {
        self.scope.map_or(KeyOwner::Platform, KeyOwner::Tenant)
    }
}

/// Who sends a request of [`Rule::Open`], as far as that is known.
#[derive(Debug, Clone)]
pub(super) struct Stranger {
    pub peer: Option<IpAddr>,
    pub request_id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Stranger {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request_id = parts.extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
        Ok(Self { peer: parts.extensions.get::<Peer>().map(|Peer(ip)| *ip), request_id })
    }
}

/// The tenant that a request is for. An operation whose rule reaches a tenant has always one.
pub(super) struct Authenticated(pub TenantScope);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only an operation whose rule is `Open` has none; it must not ask.
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, state).await?.scope.map(Self).ok_or_else(Problem::internal)
    }
}

/// What the layer works with.
pub(super) type Guard = (ApiState, Arc<Rules>);

/// Lets a request through to its handler when the operation's rule allows it, and notes who calls.
pub(super) async fn guard(
    State((state, rules)): State<Guard>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    // HEAD is GET without the body. What has no rule is not reachable.
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let Some(rule) = rules.get(&(method.clone(), path.clone())).copied() else {
        tracing::error!("a route has no rule; it is not reachable");
        return Problem::internal().into_response();
    };
    if rule == Rule::Open {
        return match state.gate.stranger(peer.map(|Peer(ip)| ip)) {
            Ok(_) => next.run(request).await,
            Err(standing) => standing.refusal(),
        };
    }
    let now = Timestamp::now();
    let (principal, session) = match credential(request.headers(), &method, &state, now).await {
        Ok(known) => known,
        Err(problem) => {
            // Whoever tries credentials out is slowed down, by the address.
            return match state.gate.failed(peer.map(|Peer(ip)| ip)) {
                Ok(_) => problem.into_response(),
                Err(standing) => standing.refusal(),
            };
        }
    };
    let standing = match state.gate.principal(principal.actor) {
        Ok(standing) => standing,
        Err(standing) => return standing.refusal(),
    };
    let named = match &params {
        Ok(params) => params.iter().find_map(|(name, value)| (name == "tenant").then_some(value)),
        // What is not even text names no tenant that exists.
        Err(_) => path.contains("{tenant}").then_some(""),
    };
    let scope = match allowed(&state, rule, &principal, named, request.headers()).await {
        Ok(scope) => scope,
        Err(problem) => return with(standing, problem.into_response()),
    };
    let request_id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.clone());
    let caller = Caller { principal, scope, now, session, request_id };
    request.extensions_mut().insert(caller.clone());
    let response = match idempotency::key(&request) {
        None => next.run(request).await,
        Some(key) => idempotency::once(&state, &caller, key, request, next).await,
    };
    with(standing, response)
}

fn with(standing: Standing, mut response: Response) -> Response {
    standing.write(response.headers_mut());
    response
}

/// Whether the rule lets the principal in, and for which tenant.
async fn allowed(
    state: &ApiState,
    rule: Rule,
    principal: &Principal,
    in_path: Option<&str>,
    headers: &HeaderMap,
) -> Result<Option<TenantScope>, Problem> {
    let Rule::For(reach, permission) = rule else {
        return Ok(match principal.owner {
            KeyOwner::Tenant(scope) => Some(scope),
            KeyOwner::Platform => None,
        });
    };
    let is_operator = matches!(principal.owner, KeyOwner::Platform);
    if matches!(reach, Reach::Platform | Reach::PlatformForTenant) && !is_operator {
        return Err(Problem::not_found("there is no such page"));
    }
    if !principal.grant.allows(permission) {
        return Err(Problem::forbidden(format!("this needs the permission `{permission}`")));
    }
    if reach == Reach::Platform {
        return Ok(None);
    }
    let in_header = headers.get(TENANT_HEADER).map(|text| text.to_str().unwrap_or_default());
    // What cannot be an identifier names no tenant that exists.
    let named = match in_path.or(in_header) {
        Some(text) => Some(text.parse::<TenantId>().map_err(|_| no_tenant())?),
        None => None,
    };
    let tenant = match (principal.owner, named) {
        (_, Some(tenant)) => tenant,
        (KeyOwner::Tenant(scope), None) => scope.tenant(),
        (KeyOwner::Platform, None) if reach == Reach::Either => return Ok(None),
        (KeyOwner::Platform, None) => {
            let message = "a platform key says in this header which tenant it acts for: `ten_…`";
            return Err(Problem::bad_request(vec![FieldError::new("VCA-Tenant", message)]));
        }
    };
    state.store.scope_for(principal, tenant).await?.map(Some).ok_or_else(no_tenant)
}

/// Whose credential the request carries: a key, or else a session's cookie.
async fn credential(
    headers: &HeaderMap,
    method: &Method,
    state: &ApiState,
    now: Timestamp,
) -> Result<(Principal, Option<(Session, User)>), Problem> {
    if !headers.contains_key(AUTHORIZATION)
        && let Some(token) = sessions::cookie(headers)
    {
        let known = state.store.session(&token, now).await?;
        let (session, user) = known.ok_or_else(|| Problem::unauthorized("the session has ended; sign in again"))?;
        let changes = *method != Method::GET;
        if changes && !sessions::has_csrf(headers, &token) {
            return Err(Problem::forbidden(
                "send the session's `csrf_token` as X-CSRF-Token with what changes something",
            ));
        }
        let (actor, grant) = (Actor::User(user.id), Grant::Role(user.role));
        return Ok((Principal { actor, owner: owner_of(&user), grant }, Some((session, user))));
    }
    let key = bearer(headers).ok_or_else(|| Problem::unauthorized("send an API key: `Authorization: Bearer vca_…`"))?;
    let principal = state.store.authenticate(key, now).await?;
    let unknown = || Problem::unauthorized("the API key is not known, or its time is over");
    Ok((principal.ok_or_else(unknown)?, None))
}

fn no_tenant() -> Problem {
    Problem::not_found("there is no such tenant")
}

/// The key of a single `Authorization: Bearer` header (RFC 6750 §2.1); the scheme is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().filter(|_| headers.next().is_none())?;
    let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}
