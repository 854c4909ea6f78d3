//! `GET /metrics`: the node's figures, for the operator's monitoring.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::routes::{Routes, Rule};
use super::{ApiState, Problem};
use crate::domain::Permission;
use crate::metrics::CONTENT_TYPE;

/// The figures are those of all tenants together: to a tenant the route is not there.
pub(super) fn routes() -> Routes {
    Routes::default().on(Rule::platform(Permission::MetricsRead), routes!(scrape))
}

/// OpenMetrics text, with a key of the platform's.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operation",
    responses((status = 200, content_type = "application/openmetrics-text", body = String)))]
pub(super) async fn scrape(State(state): State<ApiState>) -> Result<Response, Problem> {
    let text = state.metrics.encode().map_err(|_| Problem::unavailable("the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
