//! `/v1/live/calls` and `/v1/events`: who is on the phone, and what happens there.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{IdPath, no_such};
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, Problem};
use crate::domain::{CallId, E164, LiveCall, LivePhase, Permission, ProfileId, Speaker, TenantId};
use crate::live::{Delivery, Events, HangUpError, Happening, Listing};

/// How long one stream of events lasts. A client connects anew, and is authenticated anew: a key that was taken away sees
/// nothing for longer than this.
const STREAM: Duration = Duration::from_secs(15 * 60);
/// Comments that keep proxies from closing a stream in which nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Calls that go on.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::CallsRead), routes!(list))
        .on(Rule::tenant(Permission::CallsRead), routes!(one))
        .on(Rule::tenant(Permission::CallsWrite), routes!(hang_up))
        .on(Rule::either(Permission::CallsRead), routes!(events))
}

/// A call that goes on.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct LiveCallView {
    id: CallId,
    tenant: TenantId,
    profile: ProfileId,
    did: E164,
    /// `null` when withheld, or not known.
    caller: Option<E164>,
    answered_at: Timestamp,
    phase: String,
    /// Turns so far, of both.
    turns: u32,
    last_turn: Option<LiveTurnView>,
}

/// What was said last.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct LiveTurnView {
    speaker: Speaker,
    text: String,
    /// Milliseconds after the answer.
    started_ms: u64,
}

/// The calls that go on, the longest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct LiveCallList {
    calls: Vec<LiveCallView>,
    /// Whether calls of other nodes may be missing, because these could not be asked.
    partial: bool,
}

impl From<LiveCall> for LiveCallView {
    fn from(call: LiveCall) -> Self {
        Self {
            id: call.id,
            tenant: call.tenant,
            profile: call.profile,
            did: call.did,
            caller: call.caller,
            answered_at: call.answered_at,
            phase: word(call.phase),
            turns: call.turns,
            last_turn: call.last_turn.map(|turn| LiveTurnView {
                speaker: turn.speaker,
                text: turn.text.0,
                started_ms: turn.started_ms,
            }),
        }
    }
}

fn word(phase: LivePhase) -> String {
    serde_json::to_value(phase).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The tenant's calls that go on; of the operator without a tenant, everybody's.
#[utoipa::path(get, path = "/v1/live/calls", operation_id = "listLiveCalls", tag = "live",
    responses((status = 200, body = LiveCallList)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller) -> Json<LiveCallList> {
    let Listing { calls, partial } = match caller.scope {
        Some(scope) => state.live.list(scope).await,
        None => state.live.list_all().await,
    };
    Json(LiveCallList { calls: calls.into_iter().map(LiveCallView::from).collect(), partial })
}

/// One call, while it goes on.
#[utoipa::path(get, path = "/v1/live/calls/{id}", operation_id = "getLiveCall", tag = "live",
    params(("id" = CallId, Path)), responses((status = 200, body = LiveCallView)))]
pub(super) async fn one(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    IdPath(id): IdPath<CallId>,
) -> Result<Json<LiveCallView>, Problem> {
    let call = state.live.get(scope, id).await.ok_or_else(no_such::<CallId>)?;
    Ok(Json(call.into()))
}

/// Asks for the end of a call. That it is over is said by the event `call.ended`.
#[utoipa::path(post, path = "/v1/live/calls/{id}/hang-up", operation_id = "hangUp", tag = "live",
    params(("id" = CallId, Path)), responses((status = 202)))]
pub(super) async fn hang_up(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> Result<StatusCode, Problem> {
    state.live.hang_up(scope, id).await.map_err(|error| match error {
        HangUpError::NoSuchCall => no_such::<CallId>(),
        HangUpError::Unreachable => Problem::unavailable(error.to_string()),
    })?;
    state.store.note(scope, &caller.by(), "call.hang_up", &id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// An event as it is sent; its kind is also the name of the server-sent event.
#[derive(serde::Serialize)]
struct Sent<'a> {
    at: Timestamp,
    #[serde(flatten)]
    what: &'a Happening,
}

/// What happens from now on, as server-sent events: `call.started`, `call.turn`, `call.ended`, `trunk.state`, and `missed`
/// when something was lost and what is known is to be read anew. The stream ends after a quarter of an hour; connect again.
/// One key or user has at most eight at once, else 429.
#[utoipa::path(get, path = "/v1/events", operation_id = "streamEvents", tag = "live",
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn events(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let open = state.gate.stream(caller.principal.actor)?;
    let events = match caller.scope {
        Some(scope) => state.live.events(scope),
        None => state.live.events_all(),
    };
    let until = tokio::time::Instant::now() + STREAM;
    let stream = stream::unfold((events, until, open), |(mut events, until, open)| async move {
        let event = next(&mut events, until).await?;
        Some((Ok(event), (events, until, open)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

async fn next(events: &mut Events, until: tokio::time::Instant) -> Option<sse::Event> {
    let delivery = tokio::time::timeout_at(until, events.next()).await.ok().flatten()?;
    Some(match delivery {
        Delivery::Missed => sse::Event::default().event("missed").data("{}"),
        Delivery::Event(event) => {
            let sent = Sent { at: event.at, what: &event.what };
            // An event of numbers and words can be written; if not, the reader is told that one is missing.
            let named = sse::Event::default().event(event.what.name()).json_data(sent);
            named.unwrap_or_else(|_| sse::Event::default().event("missed").data("{}"))
        }
    })
}
