//! `GET /v1/calls/{id}/transcript`: what was said, as JSON or as text; and `DELETE /v1/calls/{id}`.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::extract::{IdPath, no_such};
use super::guard::{Authenticated, Caller};
use super::{ApiState, Problem, query};
use crate::domain::{CallId, Speaker, Turn};
use crate::privacy::{self, PrivacyError};
use crate::store::StoreError;

/// What was said in a call.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Transcript {
    call: CallId,
    lines: Vec<Line>,
}

/// One thing that was said.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Line {
    speaker: Speaker,
    /// As it was recognised; of an agent who was interrupted, what was heard until then.
    text: String,
    /// Milliseconds after the answer.
    started_ms: u64,
    ended_ms: u64,
    /// Whether the caller broke in.
    interrupted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Text,
}

impl From<Turn> for Line {
    fn from(turn: Turn) -> Self {
        Self {
            speaker: turn.speaker,
            interrupted: turn.heard.is_some(),
            text: turn.heard.unwrap_or(turn.text),
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
        }
    }
}

/// What was said in a call: JSON, or text (`format=text`, or `Accept: text/plain`) with one line a turn.
#[utoipa::path(get, path = "/v1/calls/{id}/transcript", operation_id = "getTranscript", tag = "calls",
    params(("id" = CallId, Path), ("format" = Option<String>, Query, description = "`json`, as by default, or `text`")),
    responses((status = 200, content((Transcript = "application/json"), (String = "text/plain")))))]
pub(super) async fn transcript(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<CallId>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut format = if accepts.starts_with("text/plain") { Format::Text } else { Format::Json };
    query::read(&uri, |name, value| {
        match name {
            "format" => format = query::word(value, "json, text")?,
            _ => query::unknown(&["format"])?,
        }
        Ok(())
    })?;
    let (_, turns) = state.store.call(scope, id).await?.ok_or_else(no_such::<CallId>)?;
    let lines = turns.into_iter().map(Line::from).collect();
    let transcript = Transcript { call: id, lines };
    Ok(match format {
        Format::Json => Json(transcript).into_response(),
        Format::Text => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], transcript.text()).into_response(),
    })
}

impl Transcript {
    /// `[0:04] Caller: I broke a tooth`.
    fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let seconds = line.started_ms / 1_000;
            let speaker = match line.speaker {
                Speaker::Caller => "Caller",
                Speaker::Agent => "Agent",
            };
            let broken = if line.interrupted { " —" } else { "" };
            let words = line.text.replace(['\n', '\r'], " ");
            let _ = writeln!(text, "[{}:{:02}] {speaker}: {words}{broken}", seconds / 60, seconds % 60);
        }
        text
    }
}

/// Erases a call: what was said, who called, what was taken down and the recording. That there was a call stays, and who
/// called is held apart for a year, as the law has it for logs. A call that goes on is a conflict.
#[utoipa::path(delete, path = "/v1/calls/{id}", operation_id = "deleteCall", tag = "calls",
    params(("id" = CallId, Path)),
    responses((status = 204), (status = 409, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> Result<StatusCode, Problem> {
    let done = privacy::erase_call(&state.store, &state.recordings, scope, id, &caller.by()).await;
    done.map_err(|error| match error {
        PrivacyError::Store(StoreError::NotFound) => no_such::<CallId>(),
        PrivacyError::Store(StoreError::StillUsed) => {
            Problem::conflict("the call goes on; it can be deleted once it has ended")
        }
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
