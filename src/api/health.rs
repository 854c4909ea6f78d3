//! The probes of process managers and load balancers; the only routes without authentication.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

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

/// `GET /healthz`: the process runs and answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: calls can be taken, or 503 with the reason.
pub(super) async fn ready(State(state): State<ApiState>) -> Result<Json<Value>, Problem> {
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
    Ok(Json(json!({ "status": "ready" })))
}
