//! Who may do what: permissions, the roles of people, and who did something.

use std::fmt;
use std::str::FromStr;

use super::{ApiKeyId, UserId};

/// The text names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no permission that is known here")]
pub struct PermissionError(String);

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// One thing that a role allows or a key is made for, written `calls:read`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[$doc])* $name,)*
        }

        impl Permission {
            /// All of them, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in keys and in the API's document.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

permissions! {
    /// Calls, their turns and recordings.
    CallsRead = "calls:read",
    CallsWrite = "calls:write",
    /// How the lines to carriers are.
    TrunksRead = "trunks:read",
    TrunksWrite = "trunks:write",
    /// The node's figures; the operator's alone.
    MetricsRead = "metrics:read",
    /// Businesses.
    TenantsRead = "tenants:read",
    TenantsWrite = "tenants:write",
    /// Receptionists.
    ProfilesRead = "profiles:read",
    ProfilesWrite = "profiles:write",
    /// Numbers that are answered.
    NumbersRead = "numbers:read",
    NumbersWrite = "numbers:write",
    /// Callers and customers that are known by name.
    ContactsRead = "contacts:read",
    ContactsWrite = "contacts:write",
    /// Messages and appointments that were taken.
    MessagesRead = "messages:read",
    MessagesWrite = "messages:write",
    WebhooksRead = "webhooks:read",
    WebhooksWrite = "webhooks:write",
    /// Rights of the people who call: erasure, export, and how long their data are kept.
    PrivacyRead = "privacy:read",
    PrivacyWrite = "privacy:write",
    /// What was used, and what it costs.
    UsageRead = "usage:read",
    UsageWrite = "usage:write",
    /// People who sign in.
    UsersRead = "users:read",
    UsersWrite = "users:write",
    KeysRead = "keys:read",
    KeysWrite = "keys:write",
    /// Who changed what.
    AuditRead = "audit:read",
}

impl Permission {
    /// Whether it changes nothing.
    pub fn is_read(self) -> bool {
        self.word().ends_with(":read")
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        let known = Self::ALL.iter().find(|permission| permission.word() == text);
        known.copied().ok_or_else(|| PermissionError(text.to_owned()))
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Permission {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|permission| permission.word())))
            .into()
    }
}

impl utoipa::ToSchema for Permission {}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, for every tenant; belongs to no tenant.
    PlatformAdmin,
    /// Everything within one tenant.
    TenantAdmin,
    /// Looks at one tenant's calls and settings, and changes nothing.
    Viewer,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::PlatformAdmin, Self::TenantAdmin, Self::Viewer];

    /// Whether the role allows it; on whose data is another question.
    pub fn allows(self, permission: Permission) -> bool {
        use Permission::{AuditRead, KeysRead, UsersRead};
        match self {
            Self::PlatformAdmin | Self::TenantAdmin => true,
            // Who else has access is the business of whoever gives it.
            Self::Viewer => permission.is_read() && !matches!(permission, UsersRead | KeysRead | AuditRead),
        }
    }
}

/// What an authenticated principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// What the role allows.
    Role(Role),
    /// A machine's key: these and nothing else.
    Only(Vec<Permission>),
    /// A key that was made for everything that its owner may.
    Everything,
}

impl Grant {
    pub fn allows(&self, permission: Permission) -> bool {
        match self {
            Self::Role(role) => role.allows(permission),
            Self::Only(granted) => granted.contains(&permission),
            Self::Everything => true,
        }
    }

    /// All that it allows, in the order of [`Permission::ALL`].
    pub fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.iter().copied().filter(|permission| self.allows(*permission)).collect()
    }
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Actor {
    /// A person who had signed in.
    User(UserId),
    /// A machine, by its key.
    ApiKey(ApiKeyId),
    /// VCA itself: a command of the operator on the machine, or work by the clock.
    System,
}

/// `user usr_…`, `api_key key_…` or `system`, for people to read.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user {id}"),
            Self::ApiKey(id) => write!(f, "api_key {id}"),
            Self::System => f.write_str("system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_allow_what_they_say() {
        assert!(Permission::ALL.iter().all(|permission| Role::TenantAdmin.allows(*permission)));
        let seen: Vec<_> = Grant::Role(Role::Viewer).permissions();
        assert!(
            seen.contains(&Permission::CallsRead) && seen.iter().all(|permission| permission.is_read()),
            "{seen:?}"
        );
        assert!(!seen.contains(&Permission::KeysRead) && !seen.contains(&Permission::AuditRead), "{seen:?}");
        let key = Grant::Only(vec![Permission::CallsRead]);
        assert!(key.allows(Permission::CallsRead) && !key.allows(Permission::CallsWrite));
    }

    #[test]
    fn permissions_are_words() {
        for permission in Permission::ALL {
            assert_eq!(permission.word().parse(), Ok(*permission));
        }
        assert!("calls:delete".parse::<Permission>().is_err());
    }
}
