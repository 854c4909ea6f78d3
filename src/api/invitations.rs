//! `/v1/invitations`: how somebody becomes a user and chooses the password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use utoipa_axum::routes;

use super::extract::{Body, IdPath};
use super::guard::{Caller, Stranger};
use super::routes::{Routes, Rule};
use super::users::{covers, may_give};
use super::{ApiState, Problem, idempotency, passwords};
use crate::domain::{Actor, By, EmailAddress, Grant, Invitation, InvitationId, Permission, Role, Secret, User, UserId};
use crate::store::Token;

/// How long an invitation can be taken up.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::UsersRead), routes!(list))
        .on(Rule::either(Permission::UsersWrite), routes!(create))
        .on(Rule::either(Permission::UsersWrite), routes!(revoke))
        .on(Rule::Open, routes!(accept))
}

/// Who is invited.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvitation {
    #[garde(skip)]
    email: EmailAddress,
    /// `platform_admin` where no tenant is named, one of the others within a tenant.
    #[garde(skip)]
    role: Role,
}

/// An invitation with its token, which is shown this once and is to be handed to the invited person.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub(super) struct NewInvitationToken {
    #[serde(flatten)]
    invitation: Invitation,
    /// `null` when the answer is repeated for the same Idempotency-Key.
    token: Option<String>,
}

/// Invitations that nobody has taken up yet.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct InvitationList {
    invitations: Vec<Invitation>,
}

/// The invited person.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct Acceptance {
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    token: Secret,
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[garde(custom(passwords::fits))]
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 200, write_only)]
    password: Secret,
}

/// The open invitations, the oldest first, at most 200.
#[utoipa::path(get, path = "/v1/invitations", operation_id = "listInvitations", tag = "users",
    responses((status = 200, body = InvitationList)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<InvitationList>, Problem> {
    Ok(Json(InvitationList { invitations: state.store.invitations(caller.owner(), caller.now).await? }))
}

/// Invites somebody. The token is in this answer and nowhere else; it holds for a week.
#[utoipa::path(post, path = "/v1/invitations", operation_id = "createInvitation", tag = "users",
    request_body = NewInvitation, responses((status = 201, body = NewInvitationToken)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewInvitation>,
) -> Result<Response, Problem> {
    may_give(&caller, new.role)?;
    let invitation = Invitation {
        id: InvitationId::new(caller.now, rand::random()),
        tenant: caller.scope.map(|scope| scope.tenant()),
        email: new.email,
        role: new.role,
        created_at: caller.now,
        expires_at: caller.now.saturating_add(LIFE).unwrap_or(Timestamp::MAX),
    };
    let token = Token::generate(rand::random());
    state.store.invite(&invitation, &token, &caller.by()).await?;
    let shown = NewInvitationToken { invitation, token: Some(token.reveal().to_owned()) };
    let again = NewInvitationToken { token: None, ..shown.clone() };
    idempotency::shown_once((StatusCode::CREATED, Json(shown)), &again)
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/v1/invitations/{id}", operation_id = "revokeInvitation", tag = "users",
    params(("id" = InvitationId, Path)), responses((status = 204)))]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    caller: Caller,
    IdPath(id): IdPath<InvitationId>,
) -> Result<StatusCode, Problem> {
    let role = state.store.invitation_role(caller.owner(), id).await?;
    covers(&caller.principal.grant, &Grant::Role(role).permissions())?;
    state.store.revoke_invitation(caller.owner(), id, &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an invitation up: makes the user, who then signs in.
#[utoipa::path(post, path = "/v1/invitations/accept", operation_id = "acceptInvitation", tag = "users",
    request_body = Acceptance,
    responses((status = 201, body = User), (status = 403, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn accept(
    State(state): State<ApiState>,
    about: Stranger,
    Body(acceptance): Body<Acceptance>,
) -> Result<(StatusCode, Json<User>), Problem> {
    state.gate.stranger_tries(about.peer)?;
    let now = Timestamp::now();
    let unknown = || Problem::forbidden("the invitation is not known, was taken up or back, or its week is over");
    let invitation = state.store.invitation(acceptance.token.reveal(), now).await?.ok_or_else(unknown)?;
    let password = state.passwords.hash(&acceptance.password).await?;
    let user = User {
        id: UserId::new(now, rand::random()),
        tenant: invitation.tenant,
        email: invitation.email,
        name: acceptance.name,
        role: invitation.role,
        disabled: false,
        created_at: now,
    };
    let by = By { actor: Actor::User(user.id), at: now, request_id: about.request_id };
    state.store.accept_invitation(invitation.id, &user, &password, &by).await?;
    Ok((StatusCode::CREATED, Json(user)))
}
