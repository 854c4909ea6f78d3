//! `GET /v1/trunks` and `GET /v1/trunks/{name}`.
//!
//! Trunks are the operator's. A platform key sees all of them; whoever acts for a tenant sees those that bring the tenant's
//! numbers, and of these only how they are: neither whom else they serve, nor where they lead.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use jiff::Timestamp;

use super::auth::{Authenticated, TENANT_HEADER, principal};
use super::{ApiState, Problem};
use crate::domain::{E164, IpNet, TenantScope, TrunkMode};
use crate::store::KeyOwner;

/// How the trunks are now; `None` while VCA is starting.
pub type TrunkList = Arc<dyn Fn() -> Option<Vec<TrunkView>> + Send + Sync>;

/// One trunk as the API shows it. It holds no user name and no password.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrunkView {
    pub name: String,
    pub profile: String,
    pub mode: TrunkMode,
    pub state: TrunkStanding,
    /// Whether calls can be expected to come and go.
    pub up: bool,
    /// When it came to be in this state.
    pub since: Timestamp,
    /// Why the last attempt failed, in plain words; kept while an older registration holds.
    pub last_error: Option<String>,
    pub next_try: Option<Timestamp>,
    /// When the registration ends unless it is refreshed.
    pub expires_at: Option<Timestamp>,
    /// Numbers that arrive over it.
    pub dids: Vec<E164>,
    #[serde(flatten)]
    pub surroundings: Option<TrunkSurroundings>,
}

/// What only the operator is told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrunkSurroundings {
    /// Where requests go, as `address (transport)`.
    pub target: Option<String>,
    /// Our address as the registrar sees it.
    pub public_addr: Option<SocketAddr>,
    /// Whether the last OPTIONS was answered; `null` when none is sent.
    pub options_answered: Option<bool>,
    /// Who may send us its calls.
    pub sources: Vec<IpNet>,
    /// Calls over it now, in both directions.
    pub active_calls: u32,
    /// The most of them; `null` is no limit of its own.
    pub channels: Option<u32>,
}

/// Where a trunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkStanding {
    Registered,
    Registering,
    Unregistered,
    Failed,
    /// Another node registers.
    Standby,
    /// A peer that can be used.
    Up,
    /// A peer that cannot.
    Down,
}

/// All trunks that the key may see, in the order of the configuration.
#[derive(Debug, serde::Serialize)]
pub(super) struct TrunkPage {
    trunks: Vec<TrunkView>,
}

/// Who looks at trunks.
pub(super) enum Viewer {
    Operator,
    Tenant(TenantScope),
}

impl FromRequestParts<ApiState> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let platform = matches!(principal(parts, state).await?.owner, KeyOwner::Platform);
        if platform && !parts.headers.contains_key(TENANT_HEADER) {
            return Ok(Self::Operator);
        }
        let Authenticated(scope) = Authenticated::from_request_parts(parts, state).await?;
        Ok(Self::Tenant(scope))
    }
}

/// `GET /v1/trunks`: how every trunk is that the key may see.
pub(super) async fn list(State(state): State<ApiState>, viewer: Viewer) -> Result<Json<TrunkPage>, Problem> {
    Ok(Json(TrunkPage { trunks: visible(&state, viewer).await? }))
}

/// `GET /v1/trunks/{name}`: how one trunk is.
pub(super) async fn one(
    State(state): State<ApiState>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Json<TrunkView>, Problem> {
    let found = visible(&state, viewer).await?.into_iter().find(|trunk| trunk.name == name);
    found.map(Json).ok_or_else(|| Problem::not_found("there is no such trunk"))
}

async fn visible(state: &ApiState, viewer: Viewer) -> Result<Vec<TrunkView>, Problem> {
    let starting = || Problem::unavailable("starting: the trunks are begun when calls can be answered");
    let mut trunks = (state.trunks)().ok_or_else(starting)?;
    if let Viewer::Tenant(scope) = viewer {
        let own = state.store.dids(scope).await?;
        for trunk in &mut trunks {
            trunk.dids.retain(|number| own.iter().any(|did| did.number == *number));
            trunk.surroundings = None;
            // Errors name hosts and addresses of the operator's line.
            trunk.last_error = trunk.last_error.take().map(|_| "the operator's log says why".to_owned());
        }
        trunks.retain(|trunk| !trunk.dids.is_empty());
    }
    Ok(trunks)
}
