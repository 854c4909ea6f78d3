//! `Idempotency-Key`: a POST that is sent again gets the answer that the first one got, and changes nothing.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::guard::Caller;
use super::routes::IDEMPOTENCY_HEADER;
use super::{ApiState, FieldError, MAX_BODY_BYTES, Problem};
use crate::store::{Attempt, Known, StoredAnswer};

/// The longest key, in characters.
const LONGEST: usize = 255;

/// Marks an answer that holds something that is shown once; this is what a repeated request gets instead.
#[derive(Debug, Clone)]
struct ShownOnce(serde_json::Value);

/// Marks an answer that is made anew when the request is sent again.
#[derive(Debug, Clone, Copy)]
struct NotKept;

/// An answer of which no copy may be kept, because it is full of personal data; the request must change nothing.
pub(super) fn not_kept(mut response: Response) -> Response {
    response.extensions_mut().insert(NotKept);
    response
}

/// An answer that holds a secret; `again` is the same without it, and the only one that is kept.
///
/// # Errors
/// A problem when `again` cannot be written as JSON.
pub(super) fn shown_once(answer: impl IntoResponse, again: &impl serde::Serialize) -> Result<Response, Problem> {
    let again = serde_json::to_value(again).map_err(|_| Problem::internal())?;
    let mut response = answer.into_response();
    response.extensions_mut().insert(ShownOnce(again));
    Ok(response)
}

/// The key of a POST, if it has one; what is wrong with it is said by [`once`].
pub(super) fn key(request: &Request) -> Option<String> {
    let key = request.headers().get(IDEMPOTENCY_HEADER).filter(|_| request.method() == Method::POST)?;
    Some(key.to_str().unwrap_or_default().to_owned())
}

/// Carries the request out, unless one with its key was already.
pub(super) async fn once(state: &ApiState, caller: &Caller, key: String, request: Request, next: Next) -> Response {
    match carried_out(state, caller, key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn carried_out(
    state: &ApiState,
    caller: &Caller,
    key: String,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("must be 1 to {LONGEST} visible ASCII characters");
        return Err(Problem::bad_request(vec![FieldError::new(IDEMPOTENCY_HEADER, message)]));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::too_large())?;
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| Problem::internal())?;
    let mut mac = mac.chain_update(parts.uri.to_string()).chain_update([0]);
    if let Some(scope) = caller.scope {
        mac.update(scope.tenant().to_string().as_bytes());
    }
    let hash = mac.chain_update([0]).chain_update(&body).finalize().into_bytes().into();
    let tenant = caller.scope.map(|scope| scope.tenant());
    let attempt = Attempt { actor: caller.principal.actor, tenant, key: &key, hash };
    match state.store.begin_attempt(attempt, caller.now).await? {
        Known::New => {}
        Known::UnderWay => return Err(Problem::conflict("a request with this Idempotency-Key is under way")),
        Known::Other => return Err(Problem::conflict("this Idempotency-Key was used for another request")),
        Known::Answered(answer) => return Ok(again(answer)),
    }
    // From here on the task is not cut short with the client's connection: what was begun is finished or given up.
    let (state, key) = (state.clone(), key.clone());
    let actor = caller.principal.actor;
    let run = tokio::spawn(async move {
        let attempt = Attempt { actor, tenant, key: &key, hash };
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&state, attempt, response).await
    });
    run.await.map_err(|_| Problem::internal())
}

/// Keeps the answer; one that says "not now" is not kept, so that it can be tried again.
async fn keep(state: &ApiState, attempt: Attempt<'_>, mut response: Response) -> Response {
    if response.extensions_mut().remove::<NotKept>().is_some() {
        give_up(state, attempt).await;
        return response;
    }
    let status = response.status();
    let (mut parts, body) = response.into_parts();
    let body = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => body,
        read => {
            give_up(state, attempt).await;
            return Response::from_parts(parts, read.map_or_else(|_| Body::empty(), Body::from));
        }
    };
    let shown_once = parts.extensions.remove::<ShownOnce>();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let answer = StoredAnswer {
        status: status.as_u16(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: shown_once.map_or_else(|| body.to_vec(), |ShownOnce(value)| value.to_string().into_bytes()),
    };
    if let Err(error) = state.store.finish_attempt(attempt, &answer).await {
        // The change is made and told; sent again within two minutes it is refused.
        tracing::error!(%error, "an answer could not be kept for its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(body))
}

async fn give_up(state: &ApiState, attempt: Attempt<'_>) {
    if let Err(error) = state.store.give_up_attempt(attempt).await {
        tracing::error!(%error, "an Idempotency-Key could not be given back");
    }
}

fn again(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Ok(kind) = HeaderValue::from_str(&answer.content_type)
        && !kind.is_empty()
    {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
