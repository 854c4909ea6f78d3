//! The dashboard: static pages that are part of the program, and ask the interface under `/v1` for all that they show.
//!
//! `npm run build` in frontend/ makes them, before the program is built. A debug build reads them from that folder when it
//! is asked, a release build has them inside; without them the rest works, and `/` says how they are made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::{Embed, EmbeddedFile};
use tower_http::compression::CompressionLayer;

use super::problem;

#[derive(Embed)]
#[folder = "frontend/out"]
#[allow_missing = true]
struct Files;

/// What a page may do, but for its scripts. Sound comes from recordings that were fetched (blob:).
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// Names under this folder change with their content.
const UNCHANGING: &str = "_next/static/";
const MISSING: &str = "The dashboard is not part of this build: run `npm ci && npm run build` in frontend/, then build \
                       vca again. The interface is at /v1, its document at /docs.\n";

/// Each page's inline scripts by their hashes, as the build wrote them.
fn scripts() -> HashMap<String, Vec<String>> {
    let file = Files::get("csp.json");
    file.and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default()
}

/// The hashes of a program that has the pages inside.
static SCRIPTS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(scripts);

/// Answers what no route of the interface does.
pub(super) fn service() -> Router {
    Router::new().fallback(serve).layer(CompressionLayer::new())
}

async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let is_interface = ["/v1", "/docs"]
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_interface || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return problem::unknown_route().into_response();
    }
    let name = path.trim_start_matches('/');
    if name.is_empty() || name.ends_with('/') {
        return page(&format!("{name}index.html"), StatusCode::OK, &request);
    }
    // Browsers are to see one address of a page, because its links are relative to it.
    if Files::get(&format!("{name}/index.html")).is_some() {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        return Redirect::permanent(&format!("/{name}/{query}")).into_response();
    }
    page(name, StatusCode::OK, &request)
}

/// The file of this name, or the page that says that there is none.
fn page(name: &str, status: StatusCode, request: &Request) -> Response {
    match Files::get(name).filter(|_| name != "csp.json") {
        Some(file) => answer(name, file, status, request),
        None if status == StatusCode::NOT_FOUND => missing(request),
        None if is_browser(request) => page("404.html", StatusCode::NOT_FOUND, request),
        None => missing(request),
    }
}

/// Whether a person is to read the answer.
fn is_browser(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok());
    accepted.is_some_and(|kinds| kinds.contains("text/html"))
}

fn missing(request: &Request) -> Response {
    if request.uri().path() != "/" && !is_browser(request) {
        return problem::unknown_route().into_response();
    }
    let status = if request.uri().path() == "/" { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], MISSING).into_response()
}

fn answer(name: &str, file: EmbeddedFile, status: StatusCode, request: &Request) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let cache = if name.starts_with(UNCHANGING) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, cache.to_owned())];
    // Compressed or not, it is the same page: a proxy may have made the tag a weak one (RFC 9110 §8.8.3).
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = |tags: &str| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    if status == StatusCode::OK && known.is_some_and(is_known) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = mime_guess::from_path(name).first_or_octet_stream().to_string();
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind };
    let body = match file.data {
        Cow::Borrowed(data) => Body::from(data),
        Cow::Owned(data) => Body::from(data),
    };
    let mut response = (status, common, [(header::CONTENT_TYPE, kind)], body).into_response();
    if let Some(policy) = name.ends_with(".html").then(|| policy(name)).flatten() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response.headers_mut().insert(
            header::HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=(self)"),
        );
    }
    response
}

/// The policy of a page; `None` would be one that cannot be written.
fn policy(name: &str) -> Option<HeaderValue> {
    let of_page = |scripts: &HashMap<String, Vec<String>>| -> String {
        let hashes = scripts.get(name).map_or(&[][..], Vec::as_slice);
        hashes.iter().map(|hash| format!(" '{hash}'")).collect()
    };
    // What a debug build reads may have been built anew.
    let hashes = if cfg!(debug_assertions) { of_page(&scripts()) } else { of_page(&SCRIPTS) };
    HeaderValue::from_str(&format!("{POLICY}; script-src 'self'{hashes}")).ok()
}
