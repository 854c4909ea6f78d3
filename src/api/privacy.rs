//! `/v1/erasures`, `/v1/exports` and `/v1/retention`: what the people who call may ask for, and how long their data are kept.
//!
//! Numbers come in bodies, never in paths or queries, which end up in the logs of proxies.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::dids::Number;
use super::extract::Body;
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, Patch, Problem, idempotency, query};
use crate::domain::{ErasureId, Permission, Retention};
use crate::privacy::{self, Erased, Export, PrivacyError};
use crate::store::{Erasure, Listed};

/// The list's name in its cursors.
const LIST: &str = "erasures";
/// A century: more says "for good", which is 0.
const MOST_DAYS: u32 = 36_500;

/// Rights of the people who call.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::PrivacyRead), routes!(list))
        .on(Rule::tenant(Permission::PrivacyWrite), routes!(erase))
        // It changes nothing, and hands out all that is known of a person: no viewer's business.
        .on(Rule::tenant(Permission::PrivacyWrite), routes!(export))
        .on(Rule::tenant(Permission::PrivacyRead), routes!(retention))
        .on(Rule::tenant(Permission::PrivacyWrite), routes!(change_retention))
}

/// Whose data it is about.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct DataPrincipal {
    /// The number that called, or was left to call back; as people write it.
    #[garde(skip)]
    number: Number,
}

/// An erasure that was carried out.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ErasureView {
    id: ErasureId,
    done_at: Timestamp,
    /// The last two digits.
    number_masked: String,
    /// Who asked for it.
    actor: String,
    /// Calls of which nothing personal is left.
    calls: u32,
}

/// A page of erasures, the latest first.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ErasurePage {
    erasures: Vec<ErasureView>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// How many days after a call its parts are kept; 0 is for good.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct RetentionView {
    /// `null` leaves it to the platform, here and below.
    recordings_days: Option<u32>,
    /// What was said, and the event log.
    transcripts_days: Option<u32>,
    /// Who called, what was taken down and the summary.
    records_days: Option<u32>,
    /// What holds where the platform has its say too.
    in_force: Days,
}

/// Days; `null` is for good.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Days {
    recordings_days: Option<u32>,
    transcripts_days: Option<u32>,
    records_days: Option<u32>,
}

/// What is to be different; `null` leaves it to the platform, 0 keeps for good.
#[derive(Debug, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionChange {
    #[serde(default)]
    #[garde(inner(range(max = MOST_DAYS)))]
    #[schema(value_type = Option<u32>, required = false, maximum = 36500)]
    recordings_days: Patch<u32>,
    #[serde(default)]
    #[garde(inner(range(max = MOST_DAYS)))]
    #[schema(value_type = Option<u32>, required = false, maximum = 36500)]
    transcripts_days: Patch<u32>,
    #[serde(default)]
    #[garde(inner(range(max = MOST_DAYS)))]
    #[schema(value_type = Option<u32>, required = false, maximum = 36500)]
    records_days: Patch<u32>,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        let Erasure { id, done_at, number_masked, actor, calls } = erasure;
        Self { id, done_at, number_masked, actor, calls }
    }
}

impl RetentionView {
    fn new(own: Retention, general: Retention) -> Self {
        let Retention { recordings_days, transcripts_days, records_days } = own;
        let all = own.or(general);
        // 0 days are for good.
        let some = |days: Option<u32>| days.filter(|days| *days > 0);
        let in_force = Days {
            recordings_days: some(all.recordings_days),
            transcripts_days: some(all.transcripts_days),
            records_days: some(all.records_days),
        };
        Self { recordings_days, transcripts_days, records_days, in_force }
    }
}

impl From<PrivacyError> for Problem {
    fn from(error: PrivacyError) -> Self {
        match error {
            PrivacyError::Store(error) => error.into(),
            PrivacyError::Recording(error) => {
                tracing::error!(%error, "a recording could not be removed for a request");
                Self::unavailable("a recording could not be removed; what was erased stays erased, ask again")
            }
        }
    }
}

/// Erases what one caller's number leads to: recordings, transcripts, what was taken down, messages about it, and the number.
/// Calls that go on are counted as `active`: ask again after their end.
#[utoipa::path(post, path = "/v1/erasures", operation_id = "createErasure", tag = "privacy",
    request_body = DataPrincipal, responses((status = 201, body = Erased)))]
pub(super) async fn erase(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(DataPrincipal { number: Number(number) }): Body<DataPrincipal>,
) -> Result<(StatusCode, Json<Erased>), Problem> {
    // What was begun is finished and written down, also when the client is gone.
    let run = tokio::spawn(async move {
        let (by, actor) = (caller.by(), caller.principal.actor.to_string());
        privacy::erase(&state.store, &state.recordings, scope, &number, &actor, &by, rand::random()).await
    });
    Ok((StatusCode::CREATED, Json(run.await.map_err(|_| Problem::internal())??)))
}

/// The erasures that were carried out, the latest first.
#[utoipa::path(get, path = "/v1/erasures", operation_id = "listErasures", tag = "privacy",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ErasurePage)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    uri: Uri,
) -> Result<Json<ErasurePage>, Problem> {
    let (before, limit) = query::page::<ErasureId>(LIST, &uri)?;
    let Listed { items, more } = state.store.erasures(scope, before, limit).await?;
    let next_cursor = query::after(LIST, more, items.last().map(|erasure| erasure.id));
    Ok(Json(ErasurePage { erasures: items.into_iter().map(ErasureView::from).collect(), next_cursor }))
}

/// All that is kept of one caller's number, to be handed over; `recording_file` names recordings, which are at
/// `/v1/calls/{id}/recording`. With an Idempotency-Key it is made anew each time: no copy is kept.
#[utoipa::path(post, path = "/v1/exports", operation_id = "createExport", tag = "privacy",
    request_body = DataPrincipal, responses((status = 200, body = Export)))]
pub(super) async fn export(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(DataPrincipal { number: Number(number) }): Body<DataPrincipal>,
) -> Result<Response, Problem> {
    let export = privacy::export(&state.store, scope, &number, caller.now).await?;
    // Before it is out, that it was.
    state.store.note(scope, &caller.by(), "export.create", &privacy::masked(&number)).await?;
    Ok(idempotency::not_kept(Json(export).into_response()))
}

/// How long the tenant's callers' data are kept.
#[utoipa::path(get, path = "/v1/retention", operation_id = "getRetention", tag = "privacy",
    responses((status = 200, body = RetentionView)))]
pub(super) async fn retention(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
) -> Result<Json<RetentionView>, Problem> {
    Ok(Json(RetentionView::new(state.store.retention(scope).await?, state.retention)))
}

/// Says how long the tenant's callers' data are kept; what is older goes within the hour, for good.
#[utoipa::path(patch, path = "/v1/retention", operation_id = "updateRetention", tag = "privacy",
    request_body = RetentionChange, responses((status = 200, body = RetentionView)))]
pub(super) async fn change_retention(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(change): Body<RetentionChange>,
) -> Result<Json<RetentionView>, Problem> {
    let RetentionChange { recordings_days, transcripts_days, records_days } = change;
    let changed = |own: Retention| Retention {
        recordings_days: recordings_days.apply(own.recordings_days),
        transcripts_days: transcripts_days.apply(own.transcripts_days),
        records_days: records_days.apply(own.records_days),
    };
    let own = state.store.change_retention(scope, changed, &caller.by()).await?;
    Ok(Json(RetentionView::new(own, state.retention)))
}
