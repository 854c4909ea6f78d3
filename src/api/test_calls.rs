//! `/v1/test-calls`: talking to a receptionist from a browser, before or after its publication.
//!
//! A request makes a ticket, which opens one WebSocket: sound goes both ways as binary messages, and what happens in the
//! call comes as text. The call is a real one, with its record, its transcript and its times.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{Body, no_such};
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem, idempotency};
use crate::domain::{AgentProfile, CallId, Permission, ProfileId, TenantScope};
use crate::live::{Delivery, Event, Events, Happening};
use crate::store::Token;

/// How long a ticket opens a connection.
const LIFETIME: Duration = Duration::from_secs(60);
/// Tickets that wait at once.
const MOST_TICKETS: usize = 1_000;
/// The longest message of a client: two seconds of sound, or a long sentence.
const LONGEST_MESSAGE: usize = 32_000;
/// The longest typed sentence, in characters.
const LONGEST_SENTENCE: usize = 500;
/// How long the record of a call that is over may take to be told of.
const LAST_NEWS: Duration = Duration::from_secs(5);

/// Test calls.
pub(super) fn routes() -> Routes {
    Routes::default().on(Rule::tenant(Permission::ProfilesWrite), routes!(create)).on(Rule::Open, routes!(connect))
}

/// What a caller does.
#[derive(Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Speaks: 16-bit samples at 8 kHz.
    Sound(Vec<i16>),
    /// Has this sentence spoken.
    Sentence(String),
    /// Presses keys.
    Keys(String),
}

/// A call that was answered. Dropping `spoken` hangs up.
pub struct TestCall {
    pub spoken: mpsc::Sender<Spoken>,
    /// What the agent says, in 16-bit samples at 8 kHz; ends with the call.
    pub heard: mpsc::Receiver<Vec<i16>>,
}

/// The telephone that test calls are placed with.
pub trait TestPhone: Send + Sync + 'static {
    /// Calls the receptionist of this profile; returns when it has answered.
    ///
    /// # Errors
    /// 503 while the node takes no calls, 409 when the tenant has all the calls that it may have.
    fn call<'a>(
        &'a self,
        scope: TenantScope,
        id: CallId,
        profile: AgentProfile,
    ) -> Pin<Box<dyn Future<Output = Result<TestCall, Problem>> + Send + 'a>>;
}

/// A call that a ticket stands for.
struct Wanted {
    since: Instant,
    scope: TenantScope,
    call: CallId,
    profile: AgentProfile,
}

/// Tickets that nobody has used yet.
#[derive(Default)]
pub struct Tickets(Mutex<HashMap<String, Wanted>>);

impl Tickets {
    fn put(&self, ticket: String, wanted: Wanted) -> Result<(), Problem> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, wanted| wanted.since.elapsed() < LIFETIME);
        if tickets.len() >= MOST_TICKETS {
            return Err(Problem::unavailable("too many test calls are waiting: try again in a minute"));
        }
        tickets.insert(ticket, wanted);
        Ok(())
    }

    fn take(&self, ticket: &str) -> Option<Wanted> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.remove(ticket).filter(|wanted| wanted.since.elapsed() < LIFETIME)
    }
}

/// Which form of a receptionist is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// What its editor sees.
    #[default]
    Draft,
    /// What answers calls.
    Published,
}

/// Whom to call.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTestCall {
    #[garde(skip)]
    profile_id: ProfileId,
    #[serde(default)]
    #[garde(skip)]
    form: Form,
}

/// A call that can be placed for a minute.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub(super) struct TestCallTicket {
    call_id: CallId,
    /// Where the WebSocket is opened, once: `/v1/test-calls/…/audio`. `null` when the answer is repeated for the same
    /// Idempotency-Key.
    path: Option<String>,
}

/// Prepares a call to a receptionist. Nobody is told of it by SMS or webhook, and its minutes are not counted.
#[utoipa::path(post, path = "/v1/test-calls", operation_id = "createTestCall", tag = "test calls",
    request_body = NewTestCall, responses((status = 201, body = TestCallTicket)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(new): Body<NewTestCall>,
) -> Result<Response, Problem> {
    let profile = profile(&state, scope, &new).await?;
    let call = CallId::new(caller.now, rand::random());
    let ticket = Token::generate(rand::random());
    state.tickets.put(ticket.reveal().to_owned(), Wanted { since: Instant::now(), scope, call, profile })?;
    state.store.note(scope, &caller.by(), "test_call.create", &call).await?;
    let path = Some(format!("/v1/test-calls/{}/audio", ticket.reveal()));
    let told = TestCallTicket { call_id: call, path };
    let again = TestCallTicket { path: None, ..told.clone() };
    idempotency::shown_once((StatusCode::CREATED, Json(told)), &again)
}

async fn profile(state: &ApiState, scope: TenantScope, new: &NewTestCall) -> Result<AgentProfile, Problem> {
    let stored = state.store.profile(scope, new.profile_id).await?.ok_or_else(no_such::<ProfileId>)?;
    let profile = match (new.form, stored.published) {
        (Form::Draft, _) => stored.draft,
        (Form::Published, None) => return Err(Problem::conflict("the profile is not published yet")),
        (Form::Published, Some(version)) => {
            let version = state.store.profile_version(scope, new.profile_id, version).await?;
            version.ok_or_else(no_such::<ProfileId>)?.profile
        }
    };
    state.studio.check(&profile).map_err(Problem::invalid)?;
    Ok(profile)
}

/// The connection of a call, a WebSocket (RFC 6455). Binary messages are sound both ways: 16-bit samples at 8 kHz,
/// little-endian, one channel. Text messages are JSON: to the server `{"type": "sentence", "text": …}`, which is spoken for
/// the caller, `{"type": "keys", "keys": …}` and `{"type": "hang_up"}`; from the server `answered`, `failed` with a
/// problem, and the call's events as `/v1/events` has them. It ends with the call.
#[utoipa::path(get, path = "/v1/test-calls/{ticket}/audio", operation_id = "connectTestCall", tag = "test calls",
    params(("ticket" = String, Path)),
    responses((status = 101), (status = 400, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn connect(
    State(state): State<ApiState>,
    params: RawPathParams,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("the ticket is not known, was used, or its minute is over");
    let ticket = params.iter().find_map(|(name, value)| (name == "ticket").then_some(value)).ok_or_else(unknown)?;
    let no_socket = |_| Problem::bad_request(vec![FieldError::new("upgrade", "must be one to a WebSocket (RFC 6455)")]);
    let upgrade = upgrade.map_err(no_socket)?;
    let wanted = state.tickets.take(ticket).ok_or_else(unknown)?;
    Ok(upgrade.max_message_size(LONGEST_MESSAGE).on_upgrade(|socket| place(state, wanted, socket)))
}

/// What a client asks for.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Sentence { text: String },
    Keys { keys: String },
    HangUp,
}

/// What a client is told beside events.
#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum News<'a> {
    Answered { call: CallId },
    Failed { problem: &'a Problem },
}

async fn place(state: ApiState, wanted: Wanted, mut socket: WebSocket) {
    let Wanted { scope, call, profile, .. } = wanted;
    let mut events = state.live.events(scope);
    match state.test_phone.call(scope, call, profile).await {
        Ok(test) => {
            if tell(&mut socket, &News::Answered { call }).await {
                talk(&mut socket, call, &mut events, test).await;
            }
        }
        Err(problem) => _ = tell(&mut socket, &News::Failed { problem: &problem }).await,
    }
    // The client may be gone already.
    let _ = socket.send(Message::Close(None)).await;
}

/// Carries sound and news until either side ends the call.
async fn talk(socket: &mut WebSocket, call: CallId, events: &mut Events, test: TestCall) {
    let TestCall { spoken, mut heard } = test;
    loop {
        tokio::select! {
            sound = heard.recv() => {
                let Some(sound) = sound else { break };
                let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                if socket.send(Message::Binary(bytes.into())).await.is_err() {
                    return;
                }
            }
            event = events.next() => match event {
                Some(event) => {
                    if !pass_on(socket, call, &event).await {
                        return;
                    }
                }
                None => return,
            },
            message = socket.recv() => match message.and_then(Result::ok).and_then(asked) {
                Some(Asked::Nothing) => {}
                // A caller who speaks faster than time goes by is not heard.
                Some(Asked::Spoken(asked)) => _ = spoken.try_send(asked),
                None => break,
            },
        }
    }
    drop(spoken);
    // How it ended comes after the last sound.
    let last = async {
        while let Some(event) = events.next().await {
            let is_last = matches!(&event, Delivery::Event(event)
                if matches!(event.what, Happening::CallEnded { call: ended, .. } if ended == call));
            if !pass_on(socket, call, &event).await || is_last {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LAST_NEWS, last).await;
}

enum Asked {
    Spoken(Spoken),
    Nothing,
}

/// What a message asks for; `None` for the end of the call.
fn asked(message: Message) -> Option<Asked> {
    let spoken = match message {
        Message::Binary(bytes) => {
            let samples = bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]]));
            Spoken::Sound(samples.collect())
        }
        Message::Text(text) => match serde_json::from_str(&text) {
            Ok(Request::Sentence { text }) => Spoken::Sentence(text.chars().take(LONGEST_SENTENCE).collect()),
            Ok(Request::Keys { keys }) => Spoken::Keys(keys.chars().take(32).collect()),
            Ok(Request::HangUp) => return None,
            Err(_) => return Some(Asked::Nothing),
        },
        Message::Close(_) => return None,
        Message::Ping(_) | Message::Pong(_) => return Some(Asked::Nothing),
    };
    Some(Asked::Spoken(spoken))
}

/// Tells of an event of this call; false when the client is gone.
async fn pass_on(socket: &mut WebSocket, call: CallId, event: &Delivery) -> bool {
    let Delivery::Event(event) = event else { return true };
    let Event { at, what, .. } = &**event;
    let of = match what {
        Happening::CallStarted { call } => call.id,
        Happening::CallTurn { call, .. } | Happening::CallEnded { call, .. } => *call,
        Happening::TrunkState { .. } => return true,
    };
    of != call || tell(socket, &super::live::Sent { at: *at, what }).await
}

async fn tell(socket: &mut WebSocket, what: &impl serde::Serialize) -> bool {
    let Ok(text) = serde_json::to_string(what) else { return true };
    socket.send(Message::Text(text.into())).await.is_ok()
}
