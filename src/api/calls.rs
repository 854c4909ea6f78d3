//! `GET /v1/calls` and `GET /v1/calls/{id}`.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use jiff::Timestamp;
use utoipa_axum::routes;

use super::extract::{IdPath, no_such};
use super::guard::Authenticated;
use super::routes::{Routes, Rule};
use super::{ApiState, Problem, query, recording, transcript};
use crate::domain::{CallFilter, CallId, CallOutcome, CallRecord, CallStatus, E164, Permission, SearchWords, Turn};
use crate::store::Cursor;

/// The list's name in its cursors.
const LIST: &str = "calls";

/// A tenant's calls.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::CallsRead), routes!(list))
        .on(Rule::tenant(Permission::CallsRead), routes!(one))
        .on(Rule::tenant(Permission::CallsRead), routes!(recording::download))
        .on(Rule::tenant(Permission::CallsRead), routes!(transcript::transcript))
        .on(Rule::tenant(Permission::CallsWrite), routes!(transcript::remove))
}

/// A call as the API shows it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct CallDto {
    #[serde(flatten)]
    record: CallRecord,
    /// From answer to end, in milliseconds; `null` while the call goes on.
    duration_ms: Option<i64>,
}

/// A page of calls, the latest first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct CallPage {
    calls: Vec<CallDto>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A call with all that was said.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
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

/// The tenant's calls, the latest first, filtered and paged.
#[utoipa::path(get, path = "/v1/calls", operation_id = "listCalls", tag = "calls",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("status" = Option<CallStatus>, Query),
        ("outcome" = Option<CallOutcome>, Query),
        ("caller" = Option<String>, Query, description = "The caller's number, as people write it"),
        ("did" = Option<String>, Query, description = "The number that was dialled, as people write it"),
        ("text" = Option<String>, Query, description = "Words that were said: up to eight, each the beginning of one"),
        ("from" = Option<Timestamp>, Query, description = "Answered at or after"),
        ("until" = Option<Timestamp>, Query, description = "Answered before"),
    ),
    responses((status = 200, body = CallPage)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<CallPage>, Problem> {
    let query = ListQuery::parse(&uri)?;
    let page = state.store.list_calls(scope, &query.filter, query.cursor, query.limit).await?;
    Ok(Json(CallPage {
        calls: page.items.into_iter().map(CallDto::from).collect(),
        next_cursor: page.next.map(|cursor| query::seal(LIST, cursor)),
    }))
}

/// One call with its turns and their waterfalls.
#[utoipa::path(get, path = "/v1/calls/{id}", operation_id = "getCall", tag = "calls",
    params(("id" = CallId, Path)), responses((status = 200, body = CallDetail)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<CallId>,
) -> Result<Json<CallDetail>, Problem> {
    let (record, turns) = state.store.call(scope, id).await?.ok_or_else(no_such::<CallId>)?;
    Ok(Json(CallDetail { call: record.into(), turns }))
}

/// The parameters of the list, all optional.
#[derive(Debug, Default)]
struct ListQuery {
    filter: CallFilter,
    cursor: Option<Cursor>,
    limit: u32,
}

impl ListQuery {
    const KNOWN: [&str; 9] = ["limit", "cursor", "status", "outcome", "caller", "did", "text", "from", "until"];

    fn parse(uri: &Uri) -> Result<Self, Problem> {
        let mut list = Self { limit: query::DEFAULT_LIMIT, ..Self::default() };
        query::read(uri, |name, value| list.read(name, value))?;
        Ok(list)
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "limit" => self.limit = query::limit(value)?,
            "cursor" => self.cursor = Some(query::open(LIST, value)?),
            "status" => self.filter.status = Some(query::word(value, "active, completed, abandoned")?),
            "outcome" => {
                let words = "message, appointment, urgent, transferred, answered, wrong_number, nothing";
                self.filter.outcome = Some(query::word(value, words)?);
            }
            "caller" => self.filter.caller = Some(number(value)?),
            "did" => self.filter.did = Some(number(value)?),
            "text" => self.filter.text = Some(SearchWords::parse(value).map_err(|error| error.to_string())?),
            "from" => self.filter.from = Some(query::time(value)?),
            "until" => self.filter.until = Some(query::time(value)?),
            _ => query::unknown(&Self::KNOWN)?,
        }
        Ok(())
    }
}

fn number(value: &str) -> Result<E164, String> {
    E164::from_indian(&query::unspaced(value)).map_err(|error| error.to_string())
}
