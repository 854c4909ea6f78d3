//! `GET /v1/calls/{id}/recording`: the stereo WAV file, whole or in part.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::extract::{IdPath, no_such};
use super::guard::{Authenticated, Caller};
use super::{ApiState, Problem};
use crate::domain::{CallId, RecordingState};
use crate::vault::Recording;

/// Sends the recording. A player seeks with `Range` (RFC 9110 §14.2). While the call goes on, what has been written so
/// far is sent.
#[utoipa::path(get, path = "/v1/calls/{id}/recording", operation_id = "getRecording", tag = "calls",
    params(("id" = CallId, Path), ("range" = Option<String>, Header, description = "`bytes=0-65535`")),
    responses(
        (status = 200, content_type = "audio/wav", body = Vec<u8>),
        (status = 206, content_type = "audio/wav", body = Vec<u8>),
        (status = 416, content_type = "application/problem+json", body = Problem),
    ))]
pub(super) async fn download(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = state.store.call_record(scope, id).await?.ok_or_else(no_such::<CallId>)?;
    match record.recording {
        RecordingState::Off => return Err(Problem::not_found("this call was not recorded")),
        RecordingState::Refused => return Err(Problem::not_found("the caller did not want to be recorded")),
        RecordingState::Erased => return Err(Problem::not_found("the recording was erased")),
        RecordingState::Partial | RecordingState::Complete | RecordingState::Failed => {}
    }
    // Both names come out of the database, not out of the request.
    let name = format!("{}.wav", record.id);
    let recording = state.recordings.open(record.tenant, record.id).await.map_err(|error| failed(&error))?;
    let (length, recording) = (recording.length(), Arc::new(recording));
    let wanted = wanted(&headers, length);
    if wanted != Wanted::Nothing {
        state.store.note_reading(scope, id, caller.principal.actor, caller.now).await?;
    }
    let common = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")),
    ];
    Ok(match wanted {
        Wanted::Whole => {
            let size = [(header::CONTENT_LENGTH, length)];
            (common, size.map(text), body(recording, 0..length)).into_response()
        }
        Wanted::Part(range) => {
            let size = [(header::CONTENT_LENGTH, range.end - range.start)];
            let place = [(header::CONTENT_RANGE, format!("bytes {}-{}/{length}", range.start, range.end - 1))];
            (StatusCode::PARTIAL_CONTENT, common, size.map(text), place, body(recording, range)).into_response()
        }
        Wanted::Nothing => {
            let problem = Problem::range_not_satisfiable(length);
            ([(header::CONTENT_RANGE, format!("bytes */{length}"))], problem).into_response()
        }
    })
}

fn text((name, value): (header::HeaderName, u64)) -> (header::HeaderName, String) {
    (name, value.to_string())
}

fn failed(error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::NotFound {
        return Problem::not_found("the recording is not on this machine, or was removed");
    }
    tracing::error!(error = %error, "a recording cannot be read");
    Problem::internal()
}

fn body(recording: Arc<Recording>, range: Range<u64>) -> Body {
    let chunks = stream::try_unfold(range, move |left| {
        let recording = Arc::clone(&recording);
        async move {
            let chunk = recording.read(left.clone()).await?;
            let next = left.start + chunk.len() as u64..left.end;
            io::Result::Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), next)))
        }
    });
    Body::from_stream(chunks)
}

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// At least one byte.
    Part(Range<u64>),
    /// Only bytes that are not there.
    Nothing,
}

/// Reads `Range`. What is malformed, in another unit, or asks for several parts is ignored, as RFC 9110 §14.2 allows.
/// `If-Range` never matches, because no validator is sent (§13.1.5).
fn wanted(headers: &HeaderMap, length: u64) -> Wanted {
    let range = headers.get(header::RANGE).filter(|_| !headers.contains_key(header::IF_RANGE));
    let Some(range) = range.and_then(|range| range.to_str().ok()) else { return Wanted::Whole };
    let Some((unit, spec)) = range.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => return Wanted::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(range: &str, length: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        wanted(&headers, length)
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let cases = [
            ("bytes=0-499", Wanted::Part(0..500)),
            ("bytes=500-999", Wanted::Part(500..1000)),
            ("bytes=-500", Wanted::Part(500..1000)),
            ("bytes=999-", Wanted::Part(999..1000)),
            ("BYTES=0-0", Wanted::Part(0..1)),
            ("bytes=0-99999", Wanted::Part(0..1000)),
            ("bytes=-99999", Wanted::Part(0..1000)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=2000-3000", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=0-18446744073709551615", Wanted::Part(0..1000)),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=99999999999999999999-", Wanted::Whole),
            ("seconds=0-1", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(of(range, 1000), expected, "{range}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn no_range_leads_outside_the_file(range in "bytes=[0-9]{0,20}-[0-9]{0,20}|[ -~]{0,30}", length in 0u64..2000) {
            if let Wanted::Part(part) = of(&range, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
