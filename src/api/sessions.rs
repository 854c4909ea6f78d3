//! Signing in and out: `/v1/session`, `/v1/sessions`, `/v1/me`, and the first user of all, `/v1/setup`.
//!
//! A session is a random token in a cookie that scripts cannot read. The token to be sent along with every change
//! (`X-CSRF-Token`) is made of it, so that there is nothing more to keep: a page of another origin has neither.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use garde::Validate;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa_axum::routes;

use super::extract::{Body, IdPath};
use super::guard::{Caller, Stranger};
use super::passwords;
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem};
use crate::domain::{
    Actor, By, EmailAddress, Grant, Permission, Role, Secret, Session, SessionId, TenantId, User, UserId,
};
use crate::store::{KeyOwner, SESSION_LIFE, StoreError, Token, owner_of};

/// The cookie that holds a session's token.
pub(super) const SESSION_COOKIE: &str = "vca_session";

/// The cookie from which a page of ours reads what it sends as `X-CSRF-Token`.
const CSRF_COOKIE: &str = "vca_csrf";

/// The header of the double submit.
pub(super) const CSRF_HEADER: &str = "x-csrf-token";

/// What makes the first user: printed once by `vca serve`, and worth nothing when it has been used.
#[derive(Default)]
pub struct SetupToken(Mutex<Option<Token>>);

impl SetupToken {
    pub fn new(token: Option<Token>) -> Self {
        Self(Mutex::new(token))
    }

    fn is(&self, presented: &str) -> bool {
        let token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().is_some_and(|token| bool::from(token.reveal().as_bytes().ct_eq(presented.as_bytes())))
    }

    fn spend(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::Open, routes!(set_up))
        .on(Rule::Open, routes!(sign_in))
        .on(Rule::Anyone, routes!(rotate))
        .on(Rule::Anyone, routes!(sign_out))
        .on(Rule::Anyone, routes!(list))
        .on(Rule::Anyone, routes!(sign_out_everywhere))
        .on(Rule::Anyone, routes!(end))
        .on(Rule::Anyone, routes!(me))
        .on(Rule::Anyone, routes!(change_password))
}

/// Who signs in.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[garde(skip)]
    email: EmailAddress,
    #[garde(skip)]
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret,
}

/// The first user, with the token that `vca serve` printed.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    token: Secret,
    #[garde(skip)]
    email: EmailAddress,
    #[garde(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[garde(custom(passwords::fits))]
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 200, write_only)]
    password: Secret,
}

/// Another password.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[garde(skip)]
    #[schema(value_type = String, format = Password, write_only)]
    current: Secret,
    #[garde(custom(passwords::fits))]
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 200, write_only)]
    new: Secret,
}

/// A session that has begun. The session's own token is in the cookie.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct SignedIn {
    user: User,
    session: Session,
    /// To be sent as `X-CSRF-Token` with every request that changes something.
    csrf_token: String,
}

/// The caller's sessions.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct SessionList {
    sessions: Vec<Session>,
}

/// Who the caller is.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    actor: Actor,
    /// The tenant that the caller belongs to; `null` for the operator.
    tenant: Option<TenantId>,
    /// `null` for a key.
    role: Option<Role>,
    permissions: Vec<Permission>,
    /// `null` for a key.
    user: Option<User>,
}

/// The first user of all, a platform admin. Works once, with the token that `vca serve` prints while there is no user.
#[utoipa::path(post, path = "/v1/setup", operation_id = "setUp", tag = "session", request_body = SetUp,
    responses((status = 201, body = User), (status = 403, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn set_up(
    State(state): State<ApiState>,
    about: Stranger,
    Body(set_up): Body<SetUp>,
) -> Result<Response, Problem> {
    state.gate.stranger_tries(about.peer)?;
    let refused = || Problem::forbidden("there is a user already, or this is not the token that `vca serve` printed");
    if !state.setup.is(set_up.token.reveal()) {
        return Err(refused());
    }
    let password = state.passwords.hash(&set_up.password).await?;
    let now = Timestamp::now();
    let user = User {
        id: UserId::new(now, rand::random()),
        tenant: None,
        email: set_up.email,
        name: set_up.name,
        role: Role::PlatformAdmin,
        disabled: false,
        created_at: now,
    };
    let by = By { actor: Actor::User(user.id), at: now, request_id: about.request_id };
    state.store.create_first_user(&user, &password, &by).await.map_err(|error| match error {
        StoreError::Conflict => refused(),
        error => error.into(),
    })?;
    state.setup.spend();
    Ok((StatusCode::CREATED, Json(user)).into_response())
}

/// Signs in; sets the cookies `vca_session` and `vca_csrf`.
#[utoipa::path(post, path = "/v1/session", operation_id = "signIn", tag = "session", request_body = SignIn,
    responses((status = 200, body = SignedIn), (status = 401, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    about: Stranger,
    Body(sign_in): Body<SignIn>,
) -> Result<Response, Problem> {
    state.gate.sign_in(about.peer, sign_in.email.as_str())?;
    let known = state.store.user_by_email(&sign_in.email).await?;
    let (user, hash) = known.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
    let right = state.passwords.verify(hash, &sign_in.password).await?;
    // The same words whatever is wrong, so that nobody learns who has an account.
    let user = user
        .filter(|user| right && !user.disabled)
        .ok_or_else(|| Problem::unauthorized("the e-mail address or the password is wrong"))?;
    let by = By { actor: Actor::User(user.id), at: Timestamp::now(), request_id: about.request_id };
    begin(&state, user, &by).await
}

/// Opens a session and puts it into the answer.
async fn begin(state: &ApiState, user: User, by: &By) -> Result<Response, Problem> {
    let token = Token::generate(rand::random());
    let session = state.store.open_session(&user, SessionId::new(by.at, rand::random()), &token, by).await?;
    let csrf_token = csrf(token.reveal());
    let cookies = cookies(state, token.reveal(), &csrf_token);
    Ok((cookies, Json(SignedIn { user, session, csrf_token })).into_response())
}

/// Gives the session another token, for example after something secret was done with it.
#[utoipa::path(put, path = "/v1/session", operation_id = "rotateSession", tag = "session",
    responses((status = 200, body = SignedIn)))]
pub(super) async fn rotate(State(state): State<ApiState>, caller: Caller) -> Result<Response, Problem> {
    let (session, user) = signed_in(&caller)?;
    let token = Token::generate(rand::random());
    state.store.rotate_session(caller.principal.owner, session.id, &token, &caller.by()).await?;
    let csrf_token = csrf(token.reveal());
    let cookies = cookies(&state, token.reveal(), &csrf_token);
    Ok((cookies, Json(SignedIn { user: user.clone(), session: session.clone(), csrf_token })).into_response())
}

/// Signs out on this browser.
#[utoipa::path(delete, path = "/v1/session", operation_id = "signOut", tag = "session", responses((status = 204)))]
pub(super) async fn sign_out(State(state): State<ApiState>, caller: Caller) -> Result<Response, Problem> {
    let (session, user) = signed_in(&caller)?;
    state.store.close_session(caller.principal.owner, user.id, session.id, &caller.by()).await?;
    Ok((no_cookies(&state), StatusCode::NO_CONTENT).into_response())
}

/// The caller's own sessions, the latest first.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "listSessions", tag = "session",
    responses((status = 200, body = SessionList)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<SessionList>, Problem> {
    let (_, user) = signed_in(&caller)?;
    Ok(Json(SessionList { sessions: state.store.sessions(user.id, caller.now).await? }))
}

/// Signs the caller out on every browser.
#[utoipa::path(delete, path = "/v1/sessions", operation_id = "signOutEverywhere", tag = "session",
    responses((status = 204)))]
pub(super) async fn sign_out_everywhere(State(state): State<ApiState>, caller: Caller) -> Result<Response, Problem> {
    let (_, user) = signed_in(&caller)?;
    state.store.close_sessions(caller.principal.owner, user.id, &caller.by()).await?;
    Ok((no_cookies(&state), StatusCode::NO_CONTENT).into_response())
}

/// Ends one of the caller's own sessions.
#[utoipa::path(delete, path = "/v1/sessions/{id}", operation_id = "endSession", tag = "session",
    params(("id" = SessionId, Path)), responses((status = 204)))]
pub(super) async fn end(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<SessionId>,
) -> Result<StatusCode, Problem> {
    // To a key, no session is there.
    let Some((_, user)) = &caller.session else { return Err(super::extract::no_such::<SessionId>()) };
    state.store.close_session(caller.principal.owner, user.id, id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who the caller is, and what the caller may do.
#[utoipa::path(get, path = "/v1/me", operation_id = "getMe", tag = "session", responses((status = 200, body = Me)))]
pub(super) async fn me(caller: Caller) -> Json<Me> {
    let tenant = match caller.principal.owner {
        KeyOwner::Tenant(scope) => Some(scope.tenant()),
        KeyOwner::Platform => None,
    };
    let role = match caller.principal.grant {
        Grant::Role(role) => Some(role),
        _ => None,
    };
    let permissions = caller.principal.grant.permissions();
    Json(Me { actor: caller.principal.actor, tenant, role, permissions, user: caller.session.map(|(_, user)| user) })
}

/// Gives the caller another password, and signs out all browsers but this one.
#[utoipa::path(put, path = "/v1/me/password", operation_id = "changePassword", tag = "session",
    request_body = PasswordChange, responses((status = 200, body = SignedIn)))]
pub(super) async fn change_password(
    State(state): State<ApiState>,
    caller: Caller,
    Body(change): Body<PasswordChange>,
) -> Result<Response, Problem> {
    let (_, user) = signed_in(&caller)?;
    state.gate.sign_in(None, user.email.as_str())?;
    let known = state.store.user_by_email(&user.email).await?.map(|(_, hash)| hash);
    if !state.passwords.verify(known, &change.current).await? {
        return Err(Problem::invalid(vec![FieldError::new("current", "is not the password")]));
    }
    let password = state.passwords.hash(&change.new).await?;
    let by = caller.by();
    state.store.set_password(owner_of(user), user.id, &password, &by).await?;
    begin(&state, user.clone(), &by).await
}

fn signed_in(caller: &Caller) -> Result<&(Session, User), Problem> {
    caller.session.as_ref().ok_or_else(|| Problem::forbidden("this is for people who have signed in, not for keys"))
}

/// The token of the double submit that belongs to a session's token.
pub(super) fn csrf(session: &str) -> String {
    use base64::Engine;
    let digest = Sha256::new().chain_update(b"vca csrf ").chain_update(session.as_bytes()).finalize();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// Whether the request repeats the session's token of the double submit.
pub(super) fn has_csrf(headers: &HeaderMap, session: &str) -> bool {
    headers.get(CSRF_HEADER).is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(csrf(session).as_bytes())))
}

/// The session's token of a request, if it has one.
pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(SESSION_COOKIE).map(|cookie| cookie.value().to_owned())
}

fn cookies(state: &ApiState, token: &str, csrf: &str) -> CookieJar {
    let life = Duration::from_secs(SESSION_LIFE.as_secs().unsigned_abs());
    let cookie = |name: &'static str, value: &str, hidden: bool| {
        let mut cookie = Cookie::new(name, value.to_owned());
        cookie.set_path("/");
        cookie.set_same_site(SameSite::Strict);
        cookie.set_secure(state.gate.secure_cookies());
        cookie.set_http_only(hidden);
        cookie.set_max_age(life.try_into().ok());
        cookie
    };
    CookieJar::new().add(cookie(SESSION_COOKIE, token, true)).add(cookie(CSRF_COOKIE, csrf, false))
}

/// Takes both cookies away.
fn no_cookies(state: &ApiState) -> CookieJar {
    let cookie = |name: &'static str| {
        let mut cookie = Cookie::new(name, "");
        cookie.set_path("/");
        cookie.set_secure(state.gate.secure_cookies());
        cookie.set_max_age(Duration::ZERO.try_into().ok());
        cookie
    };
    CookieJar::new().add(cookie(SESSION_COOKIE)).add(cookie(CSRF_COOKIE))
}
