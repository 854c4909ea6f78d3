//! The erasure of a business, after `Store::begin_tenant_erasure` has hidden it.

use jiff::{SignedDuration, Timestamp};

use super::{PrivacyError, retain};
use crate::domain::TenantScope;
use crate::store::Store;
use crate::vault::Recordings;

/// Calls that are taken up at a time.
const BATCH: u32 = 100;

/// How long after its end an erasure is looked at again: a node that was cut off may still bring what a call wrote.
pub(super) const LATE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Goes on with the erasure of a business until nothing is left that names anybody; whether that is so. Each step is a
/// transaction of its own, and whatever breaks off is done again.
///
/// # Errors
/// [`PrivacyError`]; what was erased until then stays erased.
pub async fn erase_tenant(
    store: &Store,
    recordings: &Recordings,
    scope: TenantScope,
    now: Timestamp,
) -> Result<bool, PrivacyError> {
    // A bucket that does not answer keeps nothing else: its error is told last.
    let files = retain::remove_recordings(store, recordings, scope, Timestamp::MAX, u32::MAX, &mut 0).await;
    while store.erase_records(scope, Timestamp::MAX, now, BATCH).await? > 0 {}
    while store.erase_tenant_part(scope).await? {}
    files?;
    Ok(store.finish_tenant_erasure(scope, now).await?)
}
