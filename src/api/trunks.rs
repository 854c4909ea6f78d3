//! `GET /v1/trunks` and `GET /v1/trunks/{name}`.
//!
//! Trunks are the operator's. A platform key sees all of them; whoever acts for a tenant sees those that bring the tenant's
//! numbers, and of these only how they are: neither whom else they serve, nor where they lead.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use utoipa_axum::routes;

use super::extract::NamePath;
use super::guard::Caller;
use super::routes::{Routes, Rule};
use super::{ApiState, Problem};
use crate::domain::{E164, IpNet, Permission, TrunkMode};
use crate::store::StoredTrunk;

/// How the trunks are now; `None` while VCA is starting.
pub type TrunkList = Arc<dyn Fn() -> Option<Vec<TrunkView>> + Send + Sync>;

/// One trunk as the API shows it. It holds no user name and no password.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TrunkSurroundings {
    /// Where requests go, as `address (transport)`.
    pub target: Option<String>,
    /// Our address as the registrar sees it.
    #[schema(value_type = Option<String>)]
    pub public_addr: Option<SocketAddr>,
    /// Whether the last OPTIONS was answered; `null` when none is sent.
    pub options_answered: Option<bool>,
    /// Who may send us its calls.
    #[schema(value_type = Vec<String>)]
    pub sources: Vec<IpNet>,
    /// Calls over it now, in both directions.
    pub active_calls: u32,
    /// The most of them; `null` is no limit of its own.
    pub channels: Option<u32>,
}

/// Where a trunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
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
    /// Set up by the API, and not begun yet.
    NotStarted,
}

/// All trunks that the key may see, in the order of the configuration.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct TrunkPage {
    trunks: Vec<TrunkView>,
}

/// How the lines are.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::TrunksRead), routes!(list))
        .on(Rule::either(Permission::TrunksRead), routes!(one))
}

/// How every trunk is that the caller may see.
#[utoipa::path(get, path = "/v1/trunks", operation_id = "listTrunks", tag = "trunks",
    responses((status = 200, body = TrunkPage)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<TrunkPage>, Problem> {
    Ok(Json(TrunkPage { trunks: visible(&state, &caller).await? }))
}

/// How one trunk is.
#[utoipa::path(get, path = "/v1/trunks/{name}", operation_id = "getTrunk", tag = "trunks",
    params(("name" = String, Path)), responses((status = 200, body = TrunkView)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<TrunkView>, Problem> {
    let found = visible(&state, &caller).await?.into_iter().find(|trunk| trunk.name == name);
    found.map(Json).ok_or_else(|| Problem::not_found("there is no such trunk"))
}

async fn visible(state: &ApiState, caller: &Caller) -> Result<Vec<TrunkView>, Problem> {
    let starting = || Problem::unavailable("starting: the trunks are begun when calls can be answered");
    let mut trunks = (state.trunks)().ok_or_else(starting)?;
    if let Some(scope) = caller.scope {
        let own = state.store.dids(scope).await?;
        for trunk in &mut trunks {
            trunk.dids.retain(|number| own.iter().any(|did| did.number == *number));
            trunk.surroundings = None;
            // Errors name hosts and addresses of the operator's line.
            trunk.last_error = trunk.last_error.take().map(|_| "the operator's log says why".to_owned());
        }
        trunks.retain(|trunk| !trunk.dids.is_empty());
    } else {
        let set_up = state.store.trunks_not_among(trunks.iter().map(|trunk| trunk.name.as_str())).await?;
        trunks.extend(set_up.into_iter().map(not_started));
    }
    Ok(trunks)
}

/// A line that the API has set up since the start.
fn not_started(stored: StoredTrunk) -> TrunkView {
    TrunkView {
        name: stored.name,
        profile: stored.profile,
        mode: stored.settings.mode,
        state: TrunkStanding::NotStarted,
        up: false,
        since: stored.updated_at,
        last_error: None,
        next_try: None,
        expires_at: None,
        dids: stored.dids,
        surroundings: None,
    }
}
