//! Tenants, the numbers they own, and the proof of tenancy that every store call requires.

use super::{E164, ProfileId, TenantId};

/// One business whose calls are answered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    /// The name on the dashboard and invoice; what callers hear is in the profile.
    pub name: String,
    /// Calls at once before a caller is told the line is busy (486).
    pub max_calls: u32,
}

/// Whether a tenant's numbers are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    #[default]
    Active,
    /// Calls are refused as "temporarily unavailable"; nothing is lost, and the API goes on answering.
    Suspended,
}

/// A number that callers dial, and whose receptionist answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Did {
    pub number: E164,
    pub tenant: TenantId,
    pub profile: ProfileId,
}

/// Proof that the bearer may act for one tenant. Every store call requires one.
///
/// It is made by authentication of an API request and by the look-up of a dialled number; beside those, for the operator's
/// own commands on the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantScope(TenantId);

impl TenantScope {
    /// Asserts that the caller has just authenticated as, or looked up a dialled number of, this tenant.
    pub const fn proven(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The tenant.
    pub const fn tenant(self) -> TenantId {
        self.0
    }
}
