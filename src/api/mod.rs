//! The HTTP interface: health probes, the operator's metrics, the document of the interface, and the resources under `/v1`.
//!
//! Every request but those of `Rule::Open` carries an API key or a session. They lead to a
//! [`TenantScope`](crate::domain::TenantScope), without which no row can be read; another tenant's call is 404 like one
//! that never was. Errors are problem documents (RFC 9457). Telephone numbers are in answers and never in logs.
//!
//! # How a resource is added
//!
//! 1. **Permission**: a line for `noun:read` and `noun:write` in `domain::access`, where the roles say who has them.
//! 2. **Dto**: what goes out derives `Serialize` and `ToSchema`. What comes in derives `Deserialize`, `ToSchema` and
//!    `garde::Validate` and has `#[serde(deny_unknown_fields)]`; the fields of a change are `#[serde(default)] Patch<T>`.
//! 3. **Handler**, one file a resource: an `async fn` under `#[utoipa::path(…, operation_id = "verbNoun", tag = "nouns")]`.
//!    It takes [`Authenticated`](guard::Authenticated) (the tenant), [`Caller`](guard::Caller) (who it is, for the audit
//!    log), [`IdPath`](extract::IdPath), [`Body`](extract::Body); lists read their parameters with [`query`] and give
//!    out cursors by `query::seal`. It checks, calls one store verb, and answers; a `StoreError` becomes a [`Problem`].
//! 4. **Rule**: `pub(super) fn routes() -> Routes` adds each handler with its [`Rule`](routes::Rule), and [`resources`]
//!    names the file. Authentication, rate limits, permissions and the tenant are settled before the handler runs, and the
//!    document says so by itself.
//! 5. **Audit**: a store verb that changes something takes a [`By`](crate::domain::By) (`caller.by()`) and writes the log
//!    in its own transaction: `transaction.audit(tenant, by, Change::of("noun.verb", id).before(&a).after(&b))`.
//! 6. **Document**: `make openapi` rewrites docs/openapi.json; a test compares the two.

mod audit;
mod calls;
mod dids;
mod docs;
mod etag;
mod extract;
mod gate;
mod guard;
mod health;
mod idempotency;
mod invitations;
mod keys;
mod live;
mod merge;
mod messages;
mod metrics;
mod notifications;
mod passwords;
mod patch;
mod plan;
mod privacy;
mod problem;
mod profiles;
mod query;
mod recording;
mod request_id;
mod routes;
mod serve;
mod sessions;
mod streams;
mod studio;
mod tenants;
#[cfg(test)]
mod tests;
mod transcript;
mod trunk_settings;
mod trunks;
mod usage;
mod usage_export;
mod users;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

pub use gate::{Gate, GateConfig};
pub use guard::TENANT_HEADER;
pub use health::{Condition, Dependencies, Need, Readiness, Standing};
pub use passwords::Passwords;
pub use patch::Patch;
pub use problem::{FieldError, Problem, ProblemKind};
pub use serve::{Limits, serve};
pub use sessions::SetupToken;
pub use studio::{Phrases, Studio};
pub use trunk_settings::{TrunkProfiles, TrunkRefresh};
pub use trunks::{TrunkList, TrunkStanding, TrunkSurroundings, TrunkView};

use request_id::RequestId;
use routes::Routes;

use crate::domain::Retention;
use crate::domain::billing::GstTerms;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::notify::webhook::endpoints::Endpoints;
use crate::store::Store;
use crate::vault::Recordings;

/// The largest request body, in bytes.
const MAX_BODY_BYTES: usize = 1_000_000;

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
    /// Takes up trunks that have changed in the database.
    pub trunk_refresh: TrunkRefresh,
    /// What carrier profiles say.
    pub trunk_profiles: TrunkProfiles,
    /// The engines that speak.
    pub studio: Arc<dyn Studio>,
    pub metrics: Arc<Metrics>,
    /// How much may be asked.
    pub gate: Arc<Gate>,
    pub passwords: Arc<Passwords>,
    /// Where tenants are told of calls, as the configuration lets them be.
    pub endpoints: Endpoints,
    /// How long data of callers are kept where a tenant says nothing.
    pub retention: Retention,
    /// What invoices say of tax.
    pub billing: GstTerms,
    /// What makes the first user.
    pub setup: Arc<SetupToken>,
}

/// The files of the resources.
fn resources() -> Routes {
    Routes::default()
        .and(health::routes())
        .and(metrics::routes())
        .and(calls::routes())
        .and(trunks::routes())
        .and(trunk_settings::routes())
        .and(tenants::routes())
        .and(dids::routes())
        .and(profiles::routes())
        .and(live::routes())
        .and(messages::routes())
        .and(webhooks::routes())
        .and(notifications::routes())
        .and(usage::routes())
        .and(plan::routes())
        .and(privacy::routes())
        .and(sessions::routes())
        .and(users::routes())
        .and(invitations::routes())
        .and(keys::routes())
        .and(audit::routes())
}

/// The OpenAPI document (3.1).
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = docs::skeleton();
    document.merge(resources().into_parts().0.into_openapi());
    document
}

/// All routes.
pub fn router(state: ApiState) -> Router {
    let (routes, rules) = resources().into_parts();
    let guard = middleware::from_fn_with_state((state.clone(), Arc::new(rules)), guard::guard);
    let cors = cors(&state.gate);
    Router::from(routes)
        .route_layer(guard)
        .merge(docs::routes(&document()))
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(cors)
        .layer(middleware::from_fn(frame))
        .with_state(state)
}

/// Lets web pages of the configured origins read answers; without any, browsers keep to our own.
fn cors(gate: &Gate) -> CorsLayer {
    let origins: Vec<HeaderValue> = gate.cors_origins().iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(routes::METHODS)
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static(TENANT_HEADER),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static(sessions::CSRF_HEADER),
            HeaderName::from_static(request_id::HEADER),
        ])
        .expose_headers([
            HeaderName::from_static(request_id::HEADER),
            header::RETRY_AFTER,
            header::ETAG,
            header::LOCATION,
            HeaderName::from_static("ratelimit-limit"),
            HeaderName::from_static("ratelimit-remaining"),
            HeaderName::from_static("ratelimit-reset"),
        ])
        .max_age(Duration::from_secs(600))
}

/// What every request gets: a name, a time limit, a log line, and headers that keep personal data out of caches.
async fn frame(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The route, not the path: a path may hold whatever a client typed, the query a caller's number.
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let RequestId(id) = id;
    // Lines that handlers log carry the request's name.
    let span = tracing::info_span!("request", request.id = id);
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request).instrument(span)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the request took too long").into_response(),
    };
    Problem::sign(&mut response, &id);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static(request_id::HEADER), id);
    }
    tracing::debug!(
        request.id = id,
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        elapsed_ms = began.elapsed().as_millis(),
        "request answered"
    );
    response
}
