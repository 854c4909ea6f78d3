//! What has been kept for long enough goes, a bounded part at a time.

use jiff::Timestamp;
use tracing::{error, warn};

use super::business::{LATE, erase_tenant};
use super::{PrivacyError, has_recording};
use crate::domain::{CallStatus, RecordingState, Retention, TenantScope};
use crate::store::Store;
use crate::vault::Recordings;

/// Calls of one kind and one tenant in one run, so that no run takes hours; the next one goes on.
const MOST: u32 = 2_000;
/// Of these, read at a time.
const BATCH: u32 = 100;
/// Files that one sweep looks at.
const MOST_FILES: usize = 10_000;

/// What one run removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    pub recordings: u32,
    /// Calls whose words went.
    pub transcripts: u32,
    /// Calls that nobody is named in any more.
    pub records: u32,
    /// Held numbers whose year is over.
    pub released: u64,
    /// Tenants whose data could not be looked through; they are again in the next run.
    pub failed: u32,
}

/// Removes what is older than each tenant, or else `general`, wants it kept, and goes on with erasures of businesses.
///
/// # Errors
/// When the tenants cannot be listed. What fails for one tenant is logged, and the others go on.
pub async fn retain(
    store: &Store,
    recordings: &Recordings,
    general: Retention,
    now: Timestamp,
) -> Result<Retained, PrivacyError> {
    let mut sum = Retained { released: store.release_held_numbers(now).await?, ..Retained::default() };
    for (scope, own) in store.retentions().await? {
        if let Err(why) = of_tenant(store, recordings, scope, own.or(general), now, &mut sum).await {
            error!(tenant = %scope.tenant(), error = %why, "what is to be removed of this tenant's is not, until the next run");
            sum.failed += 1;
        }
    }
    // Erasures of businesses that a process which was killed had begun, and what came late to those that are over.
    for scope in store.tenants_in_erasure(now.checked_sub(LATE).unwrap_or(Timestamp::MIN)).await? {
        if let Err(why) = erase_tenant(store, recordings, scope, now).await {
            error!(tenant = %scope.tenant(), error = %why, "a business is not erased, until the next run");
            sum.failed += 1;
        }
    }
    Ok(sum)
}

async fn of_tenant(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    days: Retention,
    now: Timestamp,
    sum: &mut Retained,
) -> Result<(), PrivacyError> {
    // A bucket that does not answer keeps nothing else: its error is told last.
    let recordings = match Retention::before(days.recordings_days, now) {
        Some(before) => remove_recordings(store, recordings, scope, before, MOST / BATCH, &mut sum.recordings).await,
        None => Ok(()),
    };
    if let Some(before) = Retention::before(days.transcripts_days, now) {
        for _ in 0..MOST / BATCH {
            let calls = store.erase_words(scope, before, now, BATCH).await?;
            sum.transcripts += calls;
            if calls < BATCH {
                break;
            }
        }
    }
    if let Some(before) = Retention::before(days.records_days, now) {
        for _ in 0..MOST / BATCH {
            let calls = store.erase_records(scope, before, now, BATCH).await?;
            sum.records += calls;
            if calls < BATCH {
                break;
            }
        }
    }
    recordings
}

/// Removes the recordings of calls before this time, of at most so many batches, and adds up how many they were.
pub(super) async fn remove_recordings(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    before: Timestamp,
    batches: u32,
    removed: &mut u32,
) -> Result<(), PrivacyError> {
    for _ in 0..batches {
        let calls = store.recorded_before(scope, before, BATCH).await?;
        for call in &calls {
            recordings.delete(scope.tenant(), *call).await?;
            store.set_recording(scope, *call, RecordingState::Erased).await?;
            *removed += 1;
        }
        if calls.len() < BATCH as usize {
            break;
        }
    }
    Ok(())
}

/// Removes files of this machine whose recordings the database says are erased or refused: another node may have carried
/// that out, or this one may have been killed in between. How many they were.
///
/// # Errors
/// When the folder or the database cannot be read.
pub async fn sweep(store: &Store, recordings: &Recordings) -> Result<u32, PrivacyError> {
    let mut removed = 0;
    for (tenant, call) in recordings.local(MOST_FILES).await? {
        // A file without a call stays: its record may be still on the way.
        let Some(scope) = store.scope_of_call(call).await?.filter(|scope| scope.tenant() == tenant) else { continue };
        let Some(record) = store.call_record(scope, call).await? else { continue };
        let unwanted = !has_recording(record.recording)
            && (record.status != CallStatus::Active || record.recording == RecordingState::Refused);
        if unwanted {
            match recordings.delete(tenant, call).await {
                Ok(_) => removed += 1,
                Err(error) => warn!(%call, %error, "a recording that is to be removed is not, until the next run"),
            }
        }
    }
    Ok(removed)
}
