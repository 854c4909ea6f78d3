//! `/openapi.json`, and the same to browse at `/docs`.
//!
//! Both are open: the document says what the published source says, the same on every installation, and holds no data; a
//! client generator needs no key for it. The page asks no other host for anything, and its content security policy lets it
//! load and send nothing elsewhere.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use utoipa::ToSchema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{ApiState, Problem};

/// The page's styles are set by its scripts; its pictures are in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const ABOUT: &str = "Calls, receptionists, numbers and people of a VCA installation.\n\n\
    Authenticate with an API key (`Authorization: Bearer vca_…`) or with a session (`POST /v1/session`). Whoever belongs to a \
    tenant acts for it; the operator names the tenant in `VCA-Tenant`. Another tenant's thing is 404, like one that never \
    was.\n\nErrors are problem documents (RFC 9457); docs/api.md lists their types.";

/// The frame of the document, which the routes fill.
pub(super) fn skeleton() -> OpenApi {
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("vca_…")
        .description(Some("a machine's key, made for certain permissions"))
        .build();
    let session = ApiKeyValue::with_description("vca_session", "a person who has signed in");
    let mut schemas = vec![(Problem::name().into_owned(), <Problem as utoipa::PartialSchema>::schema())];
    Problem::schemas(&mut schemas);
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("apiKey", SecurityScheme::Http(key))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .build();
    let info = InfoBuilder::new()
        .title("VCA")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(License::new("Apache-2.0")))
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// The document and the page.
pub(super) fn routes(document: &OpenApi) -> Router<ApiState> {
    let text: Bytes = document.to_json().expect("invariant: the document is made of plain values").into();
    let json = get(async move || ([(header::CONTENT_TYPE, "application/json")], text).into_response());
    // "none" keeps the page from asking a validator on the internet.
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none"));
    Router::from(page).layer(middleware::from_fn(policy)).route("/openapi.json", json)
}

async fn policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
