//! `/v1/users`: the people of a tenant who may sign in, or, where the operator names no tenant, the platform's admins.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use garde::Validate;
use utoipa_axum::routes;

use super::extract::{Body, IdPath};
use super::guard::Caller;
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem, passwords, query};
use crate::domain::{Actor, EmailAddress, Grant, Permission, Role, Secret, User, UserId};
use crate::store::UserChange;

/// The list's name in its cursors.
const LIST: &str = "users";

pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::UsersRead), routes!(list))
        .on(Rule::either(Permission::UsersWrite), routes!(create))
        .on(Rule::either(Permission::UsersRead), routes!(one))
        .on(Rule::either(Permission::UsersWrite), routes!(update))
        .on(Rule::either(Permission::UsersWrite), routes!(delete))
        .on(Rule::either(Permission::UsersWrite), routes!(sign_out))
}

/// A page of users, the oldest first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct UserPage {
    users: Vec<User>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A new user, with a first password.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    #[garde(skip)]
    email: EmailAddress,
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `platform_admin` where no tenant is named, one of the others within a tenant.
    #[garde(skip)]
    role: Role,
    #[garde(custom(passwords::fits))]
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 200, write_only)]
    password: Secret,
}

/// What is to be changed; what is not there stays.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
    #[garde(inner(length(chars, min = 1, max = 100)))]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[garde(skip)]
    role: Option<Role>,
    /// Keeps the person from signing in, and ends all sessions.
    #[garde(skip)]
    disabled: Option<bool>,
}

/// The users, the oldest first.
#[utoipa::path(get, path = "/v1/users", operation_id = "listUsers", tag = "users",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = UserPage)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Json<UserPage>, Problem> {
    let (after, limit) = query::page::<UserId>(LIST, &uri)?;
    let mut users = state.store.users(caller.owner(), after, limit + 1).await?;
    let next_cursor = query::next(LIST, &mut users, limit, |user| user.id);
    Ok(Json(UserPage { users, next_cursor }))
}

/// Makes a user.
#[utoipa::path(post, path = "/v1/users", operation_id = "createUser", tag = "users", request_body = NewUser,
    responses((status = 201, body = User)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    may_give(&caller, new.role)?;
    let password = state.passwords.hash(&new.password).await?;
    let user = User {
        id: UserId::new(caller.now, rand::random()),
        tenant: caller.scope.map(|scope| scope.tenant()),
        email: new.email,
        name: new.name,
        role: new.role,
        disabled: false,
        created_at: caller.now,
    };
    state.store.create_user(&user, &password, &caller.by()).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// One user.
#[utoipa::path(get, path = "/v1/users/{id}", operation_id = "getUser", tag = "users",
    params(("id" = UserId, Path)), responses((status = 200, body = User)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
) -> Result<Json<User>, Problem> {
    Ok(Json(state.store.user(caller.owner(), id).await?))
}

/// Changes a user. Another role, or being disabled, ends all sessions of the user.
#[utoipa::path(patch, path = "/v1/users/{id}", operation_id = "updateUser", tag = "users",
    params(("id" = UserId, Path)), request_body = UserPatch, responses((status = 200, body = User)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
    Body(patch): Body<UserPatch>,
) -> Result<Json<User>, Problem> {
    // Before a body is judged, whether there is anything to change.
    let current = state.store.user(caller.owner(), id).await?;
    if let Some(role) = patch.role {
        may_give(&caller, role)?;
    }
    may_touch(&caller, &current)?;
    if is_self(&caller, id) && (patch.role.is_some_and(|role| role != current.role) || patch.disabled == Some(true)) {
        return Err(Problem::conflict("nobody takes his own access away; another admin does"));
    }
    let change = UserChange { name: patch.name, role: patch.role, disabled: patch.disabled };
    Ok(Json(state.store.update_user(caller.owner(), id, change, &caller.by()).await?))
}

/// Removes a user with all sessions.
#[utoipa::path(delete, path = "/v1/users/{id}", operation_id = "deleteUser", tag = "users",
    params(("id" = UserId, Path)),
    responses((status = 204), (status = 409, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn delete(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, Problem> {
    may_touch(&caller, &state.store.user(caller.owner(), id).await?)?;
    if is_self(&caller, id) {
        return Err(Problem::conflict("nobody takes his own access away; another admin does"));
    }
    state.store.delete_user(caller.owner(), id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs a user out on every browser.
#[utoipa::path(post, path = "/v1/users/{id}/sign-out", operation_id = "signUserOut", tag = "users",
    params(("id" = UserId, Path)), responses((status = 204)))]
pub(super) async fn sign_out(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, Problem> {
    may_touch(&caller, &state.store.user(caller.owner(), id).await?)?;
    state.store.close_sessions(caller.owner(), id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_self(caller: &Caller, id: UserId) -> bool {
    caller.principal.actor == Actor::User(id)
}

/// A role fits where it is given, and nobody gives what he has not.
pub(super) fn may_give(caller: &Caller, role: Role) -> Result<(), Problem> {
    let fits = (role == Role::PlatformAdmin) == caller.scope.is_none();
    if !fits {
        let message = "is `platform_admin` where no tenant is named, and one of the others within a tenant";
        return Err(Problem::invalid(vec![FieldError::new("role", message)]));
    }
    covers(&caller.principal.grant, &Grant::Role(role).permissions())
}

/// Whoever may do less than a user does not change that user.
fn may_touch(caller: &Caller, user: &User) -> Result<(), Problem> {
    covers(&caller.principal.grant, &Grant::Role(user.role).permissions())
}

/// Nobody gives, or takes away, what he has not.
pub(super) fn covers(grant: &Grant, permissions: &[Permission]) -> Result<(), Problem> {
    match permissions.iter().find(|permission| !grant.allows(**permission)) {
        None => Ok(()),
        Some(missing) => Err(Problem::forbidden(format!("this gives `{missing}`, which the caller has not"))),
    }
}
