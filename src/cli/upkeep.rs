//! What a node does beside its calls: recordings to the bucket, and what has been kept for long enough away.

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::domain::{CallStatus, Retention};
use crate::privacy;
use crate::store::Store;
use crate::vault::Recordings;

/// Between two looks for recordings to be uploaded.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The longest pause after a bucket that took nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Files that one look takes up, one after the other.
const MOST_FILES: usize = 500;

/// Between two runs of the retention, and before the first: not while the node starts.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);
const RETAIN_FIRST: Duration = Duration::from_secs(60);

/// Starts both; they end with the set.
pub(super) fn start(chores: &mut JoinSet<()>, store: &Store, recordings: &Recordings, general: Retention) {
    chores.spawn(retain(store.clone(), recordings.clone(), general));
    if recordings.has_bucket() {
        chores.spawn(upload(store.clone(), recordings.clone()));
    }
}

async fn retain(store: Store, recordings: Recordings, general: Retention) {
    tokio::time::sleep(RETAIN_FIRST).await;
    loop {
        match privacy::retain(&store, &recordings, general, Timestamp::now()).await {
            Ok(sum) if sum == privacy::Retained::default() => {}
            Ok(sum) => info!(
                recordings = sum.recordings,
                transcripts = sum.transcripts,
                records = sum.records,
                released = sum.released,
                failed = sum.failed,
                "what was kept for long enough is removed"
            ),
            Err(error) => warn!(%error, "nothing is removed of what was kept for long enough, until the next run"),
        }
        if let Err(error) = privacy::sweep(&store, &recordings).await {
            warn!(%error, "recordings that are to be removed are looked for in the next run");
        }
        tokio::time::sleep(RETAIN_EVERY).await;
    }
}

/// One recording at a time: the network is the calls' first.
async fn upload(store: Store, recordings: Recordings) {
    let mut pause = LOOK_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        match upload_all(&store, &recordings).await {
            Ok(moved) => {
                if moved > 0 {
                    info!(moved, "recordings are in the object store");
                }
                pause = LOOK_EVERY;
            }
            Err(error) => {
                pause = (pause * 2).min(LONGEST_PAUSE);
                let retry_s = pause.as_secs();
                warn!(%error, retry_s, "recordings stay on this machine until the object store takes them");
            }
        }
    }
}

/// Moves the recordings of all calls that are over; how many. One that cannot be moved keeps none of the others.
///
/// # Errors
/// When the folder or the database cannot be read, and, after the others were moved, what failed last.
async fn upload_all(store: &Store, recordings: &Recordings) -> Result<u32, privacy::PrivacyError> {
    let (mut moved, mut failed) = (0, None);
    for (tenant, call) in recordings.local(MOST_FILES).await? {
        let Some(scope) = store.scope_of_call(call).await?.filter(|scope| scope.tenant() == tenant) else { continue };
        let record = store.call_record(scope, call).await?;
        let is_over = |record: &crate::domain::CallRecord| {
            record.status != CallStatus::Active && privacy::has_recording(record.recording)
        };
        if record.is_some_and(|record| is_over(&record)) {
            match recordings.upload(tenant, call).await {
                Ok(_) => moved += 1,
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(moved), |error| Err(error.into()))
}
