//! Duties towards the people who call: erasure and export by their number, retention, and what of it goes first.
//!
//! Recordings are removed before the rows that lead to them, so that whatever breaks off half-way is done again.

mod business;
mod export;
mod retain;

pub use business::erase_tenant;
pub use export::{Export, ExportedCall, export};
pub use retain::{Retained, retain, sweep};

use crate::domain::{By, CallId, CallRecord, CallStatus, E164, ErasureId, RandomBytes, RecordingState, TenantScope};
use crate::store::{Erasure, Store, StoreError};
use crate::vault::Recordings;

/// Calls that are read at a time.
const PAGE: u32 = 200;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a recording cannot be removed or read: {0}")]
    Recording(#[from] std::io::Error),
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Erased {
    pub id: ErasureId,
    /// Calls of which nothing personal is left.
    pub calls: u32,
    /// Recordings that were removed.
    pub recordings: u32,
    /// Calls that go on at this moment, and are to be erased after their end by asking again.
    pub active: u32,
}

/// Erases what one caller's number leads to, at one tenant's: recordings, words, what was taken down, and the number, which
/// is held apart for a year after each call. `actor` says who asked for it, and is no number; `by` is for the audit log.
///
/// # Errors
/// [`PrivacyError`]; what was erased until then stays erased, and asking again goes on from there.
pub async fn erase(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    number: &E164,
    actor: &str,
    by: &By,
    random: RandomBytes,
) -> Result<Erased, PrivacyError> {
    let now = by.at;
    let mut done = Erased { id: ErasureId::new(now, random), calls: 0, recordings: 0, active: 0 };
    let mut after = None;
    loop {
        let page = store.calls_of(scope, number, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for call in &page {
            if call.status == CallStatus::Active {
                done.active += 1;
                continue;
            }
            done.recordings += u32::from(erase_recording(store, recordings, scope, call).await?);
            store.erase_call(scope, call.id, now).await?;
            done.calls += 1;
        }
    }
    let erasure = Erasure {
        id: done.id,
        done_at: now,
        number_masked: masked(number),
        actor: actor.to_owned(),
        calls: done.calls,
    };
    store.note_erasure(scope, &erasure, by).await?;
    Ok(done)
}

/// Erases one call that is over, likewise. Doing it again changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such call, [`StoreError::StillUsed`] while it goes on, or
/// [`PrivacyError`]; asking again goes on from there.
pub async fn erase_call(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    call: CallId,
    by: &By,
) -> Result<(), PrivacyError> {
    let record = store.call_record(scope, call).await?.ok_or(StoreError::NotFound)?;
    if record.status == CallStatus::Active {
        return Err(StoreError::StillUsed.into());
    }
    erase_recording(store, recordings, scope, &record).await?;
    Ok(store.delete_call(scope, call, by).await?)
}

/// Removes the recording of a call, the file before the state that says so; whether there was one.
async fn erase_recording(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    call: &CallRecord,
) -> Result<bool, PrivacyError> {
    if !has_recording(call.recording) {
        return Ok(false);
    }
    recordings.delete(scope.tenant(), call.id).await?;
    store.set_recording(scope, call.id, RecordingState::Erased).await?;
    Ok(true)
}

/// Whether there is, or may be, a file.
pub(crate) fn has_recording(state: RecordingState) -> bool {
    matches!(state, RecordingState::Partial | RecordingState::Complete | RecordingState::Failed)
}

/// The last two digits: enough to tell two requests apart, too few to call.
pub(crate) fn masked(number: &E164) -> String {
    let text = number.as_str();
    format!("…{}", &text[text.len().saturating_sub(2)..])
}

#[cfg(test)]
mod tests;
