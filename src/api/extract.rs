//! What handlers take a request apart with: identifiers of the path, and JSON bodies.

use std::error::Error as _;
use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use garde::Validate;
use serde::de::DeserializeOwned;

use super::{FieldError, Problem};
use crate::domain::billing::Month;
use crate::domain::{ApiKeyId, CallId, InvitationId, MessageId, ProfileId, SessionId, TenantId, UserId, WebhookId};

/// What an identifier is one of, for a 404: "there is no such call".
pub(super) trait Noun {
    const NOUN: &'static str;
}

macro_rules! nouns {
    ($($id:ty = $noun:literal,)*) => {$(
        impl Noun for $id {
            const NOUN: &'static str = $noun;
        }
    )*};
}
nouns! {
    TenantId = "tenant",
    CallId = "call",
    ProfileId = "profile",
    ApiKeyId = "API key",
    UserId = "user",
    SessionId = "session",
    InvitationId = "invitation",
    MessageId = "message",
    WebhookId = "webhook",
}

/// Extracts the `{id}` of the path. A text that cannot be an identifier names nothing that exists: 404.
pub(super) struct IdPath<T>(pub T);

impl<T: FromStr + Noun, S: Send + Sync> FromRequestParts<S> for IdPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        in_path(parts, state, "id").await.map(Self).ok_or_else(no_such::<T>)
    }
}

/// Extracts the `{month}` of the path; what is no month is 404.
pub(super) struct MonthPath(pub Month);

impl<S: Send + Sync> FromRequestParts<S> for MonthPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let no_month = || Problem::not_found("there is no such month; one is written like 2026-11");
        in_path(parts, state, "month").await.map(Self).ok_or_else(no_month)
    }
}

/// Extracts the `{name}` of the path, of a trunk; what can be no name is 404.
pub(super) struct NamePath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = in_path::<String, _>(parts, state, "name").await;
        // No text of the database has a NUL.
        let name = name.filter(|name| !name.contains('\0'));
        name.map(Self).ok_or_else(|| Problem::not_found("there is no such trunk"))
    }
}

/// A parameter of the path; `None` when it is not text, or not what is wanted.
pub(super) async fn in_path<T: FromStr, S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<T> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    params.iter().find_map(|(known, value)| (known == name).then_some(value))?.parse().ok()
}

/// 404 for a thing of this kind; another tenant's is answered with the same words.
pub(super) fn no_such<T: Noun>() -> Problem {
    Problem::not_found(format!("there is no such {}", T::NOUN))
}

/// Extracts and checks a JSON body. Every wrong field is named; a type that is a body has
/// `#[serde(deny_unknown_fields)]`, which a test of the document watches over.
pub(super) struct Body<T>(pub T);

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned + Validate<Context: Default>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let body = body.map_err(|rejection| unread(JsonRejection::BytesRejection(rejection)))?;
        if has_nul(&body) {
            return Err(Problem::invalid(vec![FieldError::new(
                "body",
                "holds a NUL character, which no text may have",
            )]));
        }
        let request = Request::from_parts(parts, body.into());
        let Json(body) = Json::<T>::from_request(request, state).await.map_err(unread)?;
        body.validate().map_err(invalid)?;
        Ok(Self(body))
    }
}

/// Whether a JSON text holds `\u0000`, which PostgreSQL cannot keep in a text.
fn has_nul(json: &[u8]) -> bool {
    let mut escaped = false;
    json.iter().enumerate().any(|(at, byte)| {
        let begins = escaped && json[at..].starts_with(b"u0000");
        escaped = *byte == b'\\' && !escaped;
        begins
    })
}

/// 422 with every field that a check has found wrong.
pub(super) fn invalid(report: garde::Report) -> Problem {
    let errors = report.iter().map(|(path, error)| FieldError::new(path.to_string(), error.message()));
    Problem::invalid(errors.collect())
}

/// What was wrong with a body.
pub(super) fn unread(rejection: JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => {
            // The text of the innermost error that still has the path: `knowledge.faqs[0]: missing field `answer``.
            let text = error.source().map_or_else(|| error.body_text(), ToString::to_string);
            Problem::invalid(vec![field_of(&text)])
        }
        JsonRejection::JsonSyntaxError(_) => Problem::malformed("the body is not JSON"),
        JsonRejection::MissingJsonContentType(_) => Problem::unsupported_media_type(),
        JsonRejection::BytesRejection(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large()
        }
        _ => Problem::malformed("the body could not be read"),
    }
}

/// Takes the name of the field out of serde's message.
fn field_of(text: &str) -> FieldError {
    let (place, message) = match text.split_once(": ") {
        Some((place, message)) if !place.contains(' ') => (place, message),
        _ => ("", text),
    };
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let quoted = |prefix: &str| Some(message.strip_prefix(prefix)?.split_once('`')?.0.to_owned());
    let join = |name: String| match place {
        "" | "." => name,
        _ if place == name || place.ends_with(&format!(".{name}")) => place.to_owned(),
        _ => format!("{place}.{name}"),
    };
    if let Some(name) = quoted("missing field `") {
        FieldError::new(join(name), "is missing")
    } else if let Some(name) = quoted("unknown field `") {
        let known = message.split_once(", expected ").map_or("none", |(_, known)| known);
        FieldError::new(join(name), format!("is not known here; known: {}", known.trim_start_matches("one of ")))
    } else {
        FieldError::new(if place.is_empty() { "body" } else { place }, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_however_many_backslashes_stand_before() {
        for (text, expected) in [
            (r#""a\u0000""#, true),
            (r#""a\\u0000""#, false),
            (r#""a\\\u0000""#, true),
            (r#""u0000 \u00001""#, true),
            (r#""\u0001""#, false),
        ] {
            assert_eq!(has_nul(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_field_is_taken_out_of_the_message() {
        let cases = [
            ("name: invalid type: integer `3`, expected a string at line 1 column 9", "name"),
            ("a.b[2]: missing field `c` at line 1 column 2", "a.b[2].c"),
            ("missing field `c` at line 1 column 2", "c"),
            ("c: unknown field `c`, expected `a` at line 1 column 2", "c"),
            ("a.c: unknown field `c`, expected one of `a`, `b` at line 1 column 2", "a.c"),
            ("invalid type: sequence, expected struct X at line 1 column 0", "body"),
        ];
        for (text, field) in cases {
            let error = field_of(text);
            assert_eq!(error.field, field, "{text}");
            assert!(!error.message.contains("line"), "{text}");
        }
    }
}
