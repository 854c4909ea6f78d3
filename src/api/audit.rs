//! `GET /v1/audit`: who changed what.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use utoipa_axum::routes;

use super::guard::Caller;
use super::routes::{Routes, Rule};
use super::{ApiState, Problem, query};
use crate::domain::{AuditEntry, AuditId, Permission};

/// The list's name in its cursors.
const LIST: &str = "audit";

pub(super) fn routes() -> Routes {
    Routes::default().on(Rule::either(Permission::AuditRead), routes!(list))
}

/// A page of the audit log, the latest first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct AuditPage {
    entries: Vec<AuditEntry>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// Who changed what, the latest first: of one tenant, or, where the operator names none, of all and the platform.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "audit",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = AuditPage)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Json<AuditPage>, Problem> {
    let (before, limit) = query::page::<AuditId>(LIST, &uri)?;
    let mut entries = match caller.scope {
        Some(scope) => state.store.audit(scope, before, limit + 1).await?,
        None => state.store.platform_audit(before, limit + 1).await?,
    };
    let next_cursor = query::next(LIST, &mut entries, limit, |entry| entry.id);
    Ok(Json(AuditPage { entries, next_cursor }))
}
