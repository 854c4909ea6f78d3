//! Errors as problem documents (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::store::StoreError;

/// Seconds after which a client may try again when something is only busy.
const RETRY_AFTER_S: u32 = 5;

/// Begins the `type` of every problem.
const KIND: &str = "urn:vca:problem:";

/// What kind of problem it is. A client may rely on these words; the text in `detail` may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A parameter in the path, the query or a header cannot be used.
    Parameters,
    /// The body is not JSON.
    Malformed,
    /// No credential, or none that is known and still valid.
    Unauthorized,
    /// The role or the key does not allow this.
    Forbidden,
    /// There is no such thing, or it is another tenant's.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// It is there already, or was changed meanwhile.
    Conflict,
    /// Somebody has changed it since it was read.
    PreconditionFailed,
    /// It is changed only with the entity tag that was read.
    PreconditionRequired,
    /// The body is too large.
    TooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// None of the wanted bytes exist.
    RangeNotSatisfiable,
    /// Fields of the body cannot be used.
    Validation,
    /// Too many requests.
    RateLimited,
    /// The server failed.
    Internal,
    /// Not now.
    Unavailable,
}

impl ProblemKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Parameters,
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::PreconditionRequired,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::Validation,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    const fn facts(self) -> (&'static str, StatusCode) {
        match self {
            Self::Parameters => ("parameters", StatusCode::BAD_REQUEST),
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::PreconditionFailed => ("precondition-failed", StatusCode::PRECONDITION_FAILED),
            Self::PreconditionRequired => ("precondition-required", StatusCode::PRECONDITION_REQUIRED),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::RangeNotSatisfiable => ("range-not-satisfiable", StatusCode::RANGE_NOT_SATISFIABLE),
            Self::Validation => ("validation", StatusCode::UNPROCESSABLE_ENTITY),
            Self::RateLimited => ("rate-limited", StatusCode::TOO_MANY_REQUESTS),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// The URI that stands as `type` in the problem.
    pub fn uri(self) -> String {
        format!("{KIND}{}", self.facts().0)
    }
}

impl serde::Serialize for ProblemKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.uri())
    }
}

/// A failed request, as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem and stays the same: `urn:vca:problem:not-found`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: ProblemKind,
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and how to mend it, in a sentence.
    detail: String,
    /// What is wrong with single parameters or fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// The request's name in the server's log, also in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    request_id: Option<String>,
    /// How each thing is that the node leans on; of `/readyz` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    dependencies: Option<Box<serde_json::Value>>,
    /// Seconds after which it is worth trying again, for the header `Retry-After`.
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// What is wrong with one parameter or field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The name of the parameter or header, or the path of the field: `knowledge.faqs[0].answer`.
    pub field: String,
    pub message: String,
}

impl Problem {
    fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (_, status) = kind.facts();
        Self {
            kind,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            request_id: None,
            dependencies: None,
            retry_after_s: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S),
        }
    }

    /// 400: parameters are wrong, each for a reason.
    pub fn bad_request(errors: Vec<FieldError>) -> Self {
        let detail = "some parameters cannot be used; `errors` says which and why";
        Self { errors, ..Self::new(ProblemKind::Parameters, detail) }
    }

    /// 400: the body cannot be read at all.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Malformed, detail)
    }

    /// 422: fields of the body are wrong, each for a reason.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "some fields cannot be used; `errors` says which and why";
        Self { errors, ..Self::new(ProblemKind::Validation, detail) }
    }

    /// 401: no credential, or none that is known.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unauthorized, detail)
    }

    /// 403: whoever asks may see that this is here, and may not do it.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Forbidden, detail)
    }

    /// 404: there is no such thing, or it is another tenant's.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, detail)
    }

    /// 409: it is there already, or was changed meanwhile.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Conflict, detail)
    }

    /// 412: somebody has changed it since it was read.
    pub fn precondition_failed() -> Self {
        let detail = "it was changed since you have read it; read it again, and send its new ETag as If-Match";
        Self::new(ProblemKind::PreconditionFailed, detail)
    }

    /// 428: it is changed only with the entity tag that was read.
    pub fn precondition_required() -> Self {
        let detail = "send the ETag that you have read as If-Match, so that nobody's change is lost";
        Self::new(ProblemKind::PreconditionRequired, detail)
    }

    /// The same with its fields below another one, as the client has written them.
    #[must_use]
    pub(super) fn within(mut self, field: &str) -> Self {
        for error in &mut self.errors {
            error.field = format!("{field}.{}", error.field);
        }
        self
    }

    /// 413: the body is too large.
    pub fn too_large() -> Self {
        Self::new(ProblemKind::TooLarge, "the body is larger than 1 MB")
    }

    /// 415: the body is not JSON by its own account.
    pub fn unsupported_media_type() -> Self {
        Self::new(ProblemKind::UnsupportedMediaType, "send JSON, with `Content-Type: application/json`")
    }

    /// 416: none of the wanted bytes exist.
    pub fn range_not_satisfiable(length: u64) -> Self {
        Self::new(ProblemKind::RangeNotSatisfiable, format!("the recording has {length} bytes"))
    }

    /// 429: too many requests.
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        let detail = "too many requests; the header Retry-After says in how many seconds to go on";
        Self { retry_after_s: Some(retry_after_s), ..Self::new(ProblemKind::RateLimited, detail) }
    }

    /// 503: not now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unavailable, detail)
    }

    /// 500: the fault is ours; the log says more.
    pub fn internal() -> Self {
        Self::new(ProblemKind::Internal, "the server failed to answer; its log says why")
    }

    /// The same with how each dependency is.
    pub(super) fn with_dependencies(self, dependencies: serde_json::Value) -> Self {
        Self { dependencies: Some(Box::new(dependencies)), ..self }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Writes the request's name into a response that is a problem.
    pub(super) fn sign(response: &mut Response, request_id: &str) {
        if let Some(Extension(mut problem)) = response.extensions_mut().remove::<Extension<Self>>() {
            problem.request_id = Some(request_id.to_owned());
            // Serialising strings and numbers cannot fail; if it did, the body would be the nameless problem.
            if let Ok(text) = serde_json::to_vec(&problem) {
                response.headers_mut().remove(header::CONTENT_LENGTH);
                *response.body_mut() = text.into();
            }
        }
    }
}

impl FieldError {
    /// Says of a field what is wrong with it.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(&self)).into_response();
        let retry_after_s = self.retry_after_s;
        response.extensions_mut().insert(Extension(self));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"vca\""));
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Transfers(refused) => {
                Self::bad_request(vec![FieldError::new("transfers", refused.to_string())])
            }
            StoreError::Conflict => Self::conflict("it is there already, or belongs to something else"),
            StoreError::Stale => Self::precondition_failed(),
            StoreError::StillUsed => Self::conflict("it is still in use"),
            StoreError::TooMany { .. } => Self::conflict(error.to_string()),
            StoreError::NotFound => Self::not_found("there is no such resource"),
            StoreError::Locked | StoreError::Full | StoreError::Timeout => {
                tracing::error!(error = %error, "the database is not available to a request");
                Self::unavailable("the database is busy; try again")
            }
            error => {
                tracing::error!(error = %error, "the database failed a request");
                Self::internal()
            }
        }
    }
}

pub(super) fn unknown_route() -> Problem {
    Problem::not_found("there is nothing at this path; the calls are at /v1/calls")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        ProblemKind::MethodNotAllowed,
        "this path does not take this method; the Allow header lists what it takes",
    )
}
