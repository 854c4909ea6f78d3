//! Who changed what, as it is written down.

use jiff::Timestamp;

use super::{Actor, AuditId, TenantId};

/// Who changes something, when, and in which request. Every store verb that changes what a person or a key asked to have
/// changed takes one, and writes it down in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    pub actor: Actor,
    pub at: Timestamp,
    /// The `X-Request-Id` of the request, where there is one.
    pub request_id: Option<String>,
}

impl By {
    /// VCA itself, or the operator on the machine.
    pub fn system(at: Timestamp) -> Self {
        Self { actor: Actor::System, at, request_id: None }
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    pub id: AuditId,
    /// `null` for what is the platform's own.
    pub tenant: Option<TenantId>,
    pub at: Timestamp,
    pub actor: Actor,
    /// What was done: `api_key.create`.
    pub action: String,
    /// The identifier or number of what was changed.
    pub object: String,
    /// What it was before; `null` when it was made.
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// What it became; `null` when it was removed.
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// The request that did it, as in the log and in its answer's `X-Request-Id`.
    pub request_id: Option<String>,
}
