//! `GET /v1/calls` and `GET /v1/calls/{id}`.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::Uri;
use jiff::Timestamp;

use super::auth::{Authenticated, CallPath, no_call};
use super::{ApiState, FieldError, Problem};
use crate::domain::{CallFilter, CallRecord, E164, Turn};
use crate::store::Cursor;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// A call as the API shows it.
#[derive(Debug, serde::Serialize)]
pub(super) struct CallDto {
    #[serde(flatten)]
    record: CallRecord,
    /// From answer to end, in milliseconds; `null` while the call goes on.
    duration_ms: Option<i64>,
}

/// A page of calls, the latest first.
#[derive(Debug, serde::Serialize)]
pub(super) struct CallPage {
    calls: Vec<CallDto>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A call with all that was said.
#[derive(Debug, serde::Serialize)]
pub(super) struct CallDetail {
    #[serde(flatten)]
    call: CallDto,
    turns: Vec<Turn>,
}

impl From<CallRecord> for CallDto {
    fn from(record: CallRecord) -> Self {
        let duration = |ended_at: Timestamp| ended_at.as_millisecond() - record.answered_at.as_millisecond();
        Self { duration_ms: record.ended_at.map(duration), record }
    }
}

/// `GET /v1/calls`: the tenant's calls, the latest first, filtered and paged.
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<CallPage>, Problem> {
    let query = ListQuery::parse(&uri)?;
    let page = state.store.list_calls(scope, &query.filter, query.cursor, query.limit).await?;
    Ok(Json(CallPage {
        calls: page.items.into_iter().map(CallDto::from).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// `GET /v1/calls/{id}`: one call with its turns and their waterfalls.
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    CallPath(id): CallPath,
) -> Result<Json<CallDetail>, Problem> {
    let (record, turns) = state.store.call(scope, id).await?.ok_or_else(no_call)?;
    Ok(Json(CallDetail { call: record.into(), turns }))
}

/// The parameters of a list, all optional.
#[derive(Debug, Default)]
struct ListQuery {
    filter: CallFilter,
    cursor: Option<Cursor>,
    limit: u32,
}

impl ListQuery {
    const KNOWN: [&str; 7] = ["limit", "cursor", "status", "outcome", "caller", "from", "until"];

    /// Reads them by hand rather than by `serde`, so that a client hears of every mistake at once, by name.
    fn parse(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::bad_request(vec![FieldError::new("query", "is not a URL-encoded query")]))?;
        let mut query = Self { limit: DEFAULT_LIMIT, ..Self::default() };
        let mut errors = Vec::new();
        for (n, (name, value)) in pairs.iter().enumerate() {
            let read = if pairs[..n].iter().any(|(earlier, _)| earlier == name) {
                Err("is given twice".to_owned())
            } else {
                query.read(name, value)
            };
            errors.extend(read.err().map(|message| FieldError::new(name, message)));
        }
        if errors.is_empty() { Ok(query) } else { Err(Problem::bad_request(errors)) }
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                self.limit = limit.ok_or_else(|| format!("must be a number from 1 to {MAX_LIMIT}"))?;
            }
            "cursor" => self.cursor = Some(parse(value)?),
            "status" => self.filter.status = Some(word(value, "active, completed, abandoned")?),
            "outcome" => {
                let words = "message, appointment, urgent, transferred, answered, wrong_number, nothing";
                self.filter.outcome = Some(word(value, words)?);
            }
            "caller" => {
                let number = E164::from_indian(&unspaced(value)).map_err(|error| error.to_string())?;
                self.filter.caller = Some(number);
            }
            "from" => self.filter.from = Some(time(value)?),
            "until" => self.filter.until = Some(time(value)?),
            _ => return Err(format!("is not known here; known: {}", Self::KNOWN.join(", "))),
        }
        Ok(())
    }
}

/// A `+` that a client forgot to encode arrives as a space.
fn unspaced(value: &str) -> String {
    value.replace(' ', "+")
}

fn parse<T: FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn word<T: serde::de::DeserializeOwned>(value: &str, known: &str) -> Result<T, String> {
    serde_json::from_value(value.into()).map_err(|_| format!("must be one of {known}"))
}

fn time(value: &str) -> Result<Timestamp, String> {
    unspaced(value).parse().map_err(|_| "must be a time such as 2026-01-31T18:30:00+05:30 or …Z".to_owned())
}
