//! `GET /metrics`: the node's figures, for the operator's monitoring.

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::auth::principal;
use super::{ApiState, Problem};
use crate::metrics::CONTENT_TYPE;
use crate::store::KeyOwner;

/// Whoever holds a key of the platform's own: the figures are those of all tenants together.
pub(super) struct Operator;

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match principal(parts, state).await?.owner {
            KeyOwner::Platform => Ok(Self),
            // To a tenant the route is not there.
            KeyOwner::Tenant(_) => Err(Problem::not_found("there is no such page")),
        }
    }
}

/// `GET /metrics`: OpenMetrics text, with a key of the platform's.
pub(super) async fn scrape(State(state): State<ApiState>, _: Operator) -> Result<Response, Problem> {
    let text = state.metrics.encode().map_err(|_| Problem::unavailable("the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
