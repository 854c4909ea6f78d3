//! The probes of process managers and load balancers; the only routes without authentication.

use axum::Json;
use axum::extract::State;
use utoipa_axum::routes;

use super::routes::{Routes, Rule};
use super::{ApiState, Problem};

/// Whether calls can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: `waiting_for` names what is missing, such as "models".
    Starting {
        waiting_for: String,
    },
    Ready,
    /// Not any more: VCA is stopping and lets the calls that go on end.
    Draining,
}

/// The answer of a probe.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

pub(super) fn routes() -> Routes {
    Routes::default().on(Rule::Open, routes!(live)).on(Rule::Open, routes!(ready))
}

/// The process runs and answers.
#[utoipa::path(get, path = "/healthz", operation_id = "live", tag = "operation", responses((status = 200, body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Calls can be taken, or 503 with the reason.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "operation",
    responses((status = 200, body = Health), (status = 503, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn ready(State(state): State<ApiState>) -> Result<Json<Health>, Problem> {
    let readiness = state.readiness.borrow().clone();
    match readiness {
        Readiness::Starting { waiting_for } => {
            return Err(Problem::unavailable(format!("starting: waiting for {waiting_for}")));
        }
        Readiness::Draining => return Err(Problem::unavailable("stopping: no new calls are taken")),
        Readiness::Ready => {}
    }
    // The reason is in the log: this route is open to everybody.
    state.store.ping().await.map_err(|error| {
        tracing::error!(error = %error, "not ready: the database does not answer");
        Problem::unavailable("the database does not answer")
    })?;
    Ok(Json(Health { status: "ready" }))
}
