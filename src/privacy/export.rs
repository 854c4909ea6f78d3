//! All that is kept of one caller, in a form to be handed over.

use jiff::Timestamp;

use super::{PAGE, PrivacyError, has_recording};
use crate::domain::{CallRecord, E164, TenantScope, Turn};
use crate::store::{CallEvent, KEPT_EVENTS, Store};

/// One call, with what was said and what the caller was told of recording.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct ExportedCall {
    #[serde(flatten)]
    pub record: CallRecord,
    pub turns: Vec<Turn>,
    /// Notices and wishes about recording, and who listened to it.
    pub notices: Vec<CallEvent>,
    /// Name of the recording's file beside this document; `None` when there is none.
    pub recording_file: Option<String>,
}

/// All calls of one number at one tenant's.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Export {
    pub number: E164,
    pub made_at: Timestamp,
    /// In the order in which they came.
    pub calls: Vec<ExportedCall>,
}

/// Gathers what is kept of the caller with this number.
///
/// # Errors
/// When the database fails.
pub async fn export(store: &Store, scope: TenantScope, number: &E164, now: Timestamp) -> Result<Export, PrivacyError> {
    let mut calls = Vec::new();
    let mut after = None;
    loop {
        let page = store.calls_of(scope, number, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for record in page {
            let turns = store.turns(scope, record.id).await?;
            let mut notices = store.events(scope, record.id).await?;
            notices.retain(|event| KEPT_EVENTS.contains(&event.kind.as_str()));
            let recording_file = has_recording(record.recording).then(|| format!("{}.wav", record.id));
            calls.push(ExportedCall { record, turns, notices, recording_file });
        }
    }
    Ok(Export { number: number.clone(), made_at: now, calls })
}
