//! The HTTP interface: health probes, the operator's metrics, and under `/v1` the calls of a tenant and the state of the
//! trunks.
//!
//! Everything but the probes needs an API key (`Authorization: Bearer …`). The key leads to a
//! [`TenantScope`](crate::domain::TenantScope), without which no row can be read; another tenant's call is 404 like one
//! that never was. Errors are problem documents (RFC 9457). Telephone numbers are in answers and never in logs.

mod auth;
mod calls;
mod health;
mod metrics;
mod problem;
mod recording;
mod serve;
#[cfg(test)]
mod tests;
mod trunks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use tokio::sync::watch;

pub use auth::TENANT_HEADER;
pub use health::{Condition, Dependencies, Need, Readiness, Standing};
pub use problem::{FieldError, Problem};
pub use serve::{Limits, serve};
pub use trunks::{TrunkList, TrunkStanding, TrunkSurroundings, TrunkView};

use crate::live::Live;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::vault::Recordings;

/// The largest request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a handler may take until its response begins; a download may go on after that.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What the handlers work with.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    /// Calls that go on.
    pub live: Live,
    pub recordings: Recordings,
    /// Whether calls can be taken, as whoever starts and stops VCA says.
    pub readiness: watch::Receiver<Readiness>,
    /// What `/readyz` asks.
    pub dependencies: Dependencies,
    pub trunks: TrunkList,
    pub metrics: Arc<Metrics>,
}

/// All routes.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::one))
        .route("/v1/calls/{id}/recording", get(recording::download))
        .route("/v1/trunks", get(trunks::list))
        .route("/v1/trunks/{name}", get(trunks::one))
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(frame))
        .with_state(state)
}

/// What every request gets: a time limit, a log line, and headers that keep personal data out of caches.
async fn frame(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The route, not the path: a path may hold whatever a client typed, the query a caller's number.
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the request took too long").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    tracing::debug!(
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        elapsed_ms = began.elapsed().as_millis(),
        "request answered"
    );
    response
}
