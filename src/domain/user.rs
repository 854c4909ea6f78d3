//! People who sign in, their sessions, and invitations to become one of them.

use jiff::Timestamp;

use super::{EmailAddress, InvitationId, Role, SessionId, TenantId, UserId};

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct User {
    pub id: UserId,
    /// `null` for a platform admin.
    pub tenant: Option<TenantId>,
    pub email: EmailAddress,
    pub name: String,
    pub role: Role,
    /// Whether the person is kept from signing in.
    pub disabled: bool,
    pub created_at: Timestamp,
}

/// A person's signing-in on one browser.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub created_at: Timestamp,
    /// To about five minutes.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// An invitation to become a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Invitation {
    pub id: InvitationId,
    /// `null` for a platform admin's.
    pub tenant: Option<TenantId>,
    pub email: EmailAddress,
    pub role: Role,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}
