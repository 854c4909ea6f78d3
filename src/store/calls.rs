//! Call records: opened at answer, kept up to date as the call goes, closed at hang-up.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::driver::{Db, Document, Id, Time, Word};
use super::{Result, Store, StoreError, own};
use crate::domain::{
    CallFilter, CallId, CallOutcome, CallRecord, CallSlots, CallStatus, E164, EndCause, ProfileId, RecordingState,
    TenantId, TenantScope, TransferAttempt, Turn,
};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseCall {
    pub ended_at: Timestamp,
    pub end_cause: EndCause,
    pub outcome: CallOutcome,
    pub slots: CallSlots,
    pub summary: String,
    pub recording: RecordingState,
    pub transfers: Vec<TransferAttempt>,
    pub bridged_ms: u64,
}

/// Where a page of calls ended; the text form is opaque to whoever passes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    answered_at: Timestamp,
    id: CallId,
}

/// The text is not one that a page gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that a page of calls gave out")]
pub struct CursorError;

/// One page of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
}

#[derive(sqlx::FromRow)]
pub(super) struct CallRow {
    tenant_id: Id<TenantId>,
    id: Id<CallId>,
    profile_id: Id<ProfileId>,
    did: Word<E164>,
    caller: Option<Word<E164>>,
    sip_call_id: String,
    status: Word<CallStatus>,
    answered_at: Time,
    ended_at: Option<Time>,
    end_cause: Option<Word<EndCause>>,
    outcome: Option<Word<CallOutcome>>,
    slots: Document<CallSlots>,
    summary: Option<String>,
    recording: Word<RecordingState>,
    transfers: Document<Vec<TransferAttempt>>,
    bridged_ms: i64,
}

impl Store {
    /// Writes the record of a call that has just been answered.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the record is not the scope's tenant's or the tenant does not exist,
    /// [`StoreError::Conflict`] when the call is there already, or when the database fails.
    pub async fn open_call(&self, scope: TenantScope, call: &CallRecord) -> Result<()> {
        own(scope, call.tenant)?;
        sqlx::query(
            "INSERT INTO calls (tenant_id, id, profile_id, did, caller, sip_call_id, status, answered_at, ended_at,
                                end_cause, outcome, slots, summary, recording, transfers, bridged_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(Id(call.tenant))
        .bind(Id(call.id))
        .bind(Id(call.profile))
        .bind(Word(&call.did))
        .bind(call.caller.as_ref().map(Word))
        .bind(&call.sip_call_id)
        .bind(Word(call.status))
        .bind(Time(call.answered_at))
        .bind(call.ended_at.map(Time))
        .bind(call.end_cause.map(Word))
        .bind(call.outcome.map(Word))
        .bind(Document(&call.slots))
        .bind(&call.summary)
        .bind(Word(call.recording))
        .bind(Document(&call.transfers))
        .bind(i64::try_from(call.bridged_ms).unwrap_or(i64::MAX))
        .execute(self.driver.writer())
        .await?;
        Ok(())
    }

    /// Keeps what has been taken down so far, so that a crash loses nothing that the caller has said.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such open call, or when the database fails.
    pub async fn set_slots(
        &self,
        scope: TenantScope,
        call: CallId,
        slots: &CallSlots,
        outcome: Option<CallOutcome>,
    ) -> Result<()> {
        let done = sqlx::query(
            "UPDATE calls SET slots = $3, outcome = $4 WHERE tenant_id = $1 AND id = $2 AND status = 'active'",
        )
        .bind(Id(scope.tenant()))
        .bind(Id(call))
        .bind(Document(slots))
        .bind(outcome.map(Word))
        .execute(self.driver.writer())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Says how far the recording is, also after the call was closed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or when the database fails.
    pub async fn set_recording(&self, scope: TenantScope, call: CallId, recording: RecordingState) -> Result<()> {
        let done = sqlx::query("UPDATE calls SET recording = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(Id(scope.tenant()))
            .bind(Id(call))
            .bind(Word(recording))
            .execute(self.driver.writer())
            .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Closes a call in order. A call that is closed already stays as it is, so that a retry is harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or when the database fails.
    pub async fn close_call(&self, scope: TenantScope, call: CallId, close: &CloseCall) -> Result<()> {
        let done = sqlx::query(
            "UPDATE calls SET status = 'completed', ended_at = $3, end_cause = $4, outcome = $5, slots = $6,
                              summary = $7, recording = $8, transfers = $9, bridged_ms = $10
             WHERE tenant_id = $1 AND id = $2 AND status = 'active'",
        )
        .bind(Id(scope.tenant()))
        .bind(Id(call))
        .bind(Time(close.ended_at))
        .bind(Word(close.end_cause))
        .bind(Word(close.outcome))
        .bind(Document(&close.slots))
        .bind(&close.summary)
        .bind(Word(close.recording))
        .bind(Document(&close.transfers))
        .bind(i64::try_from(close.bridged_ms).unwrap_or(i64::MAX))
        .execute(self.driver.writer())
        .await?;
        if done.rows_affected() == 0 && self.call_record(scope, call).await?.is_none() {
            return Err(StoreError::NotFound);
        }
        Ok(())
    }

    /// Lists the tenant's calls, the latest first, `limit` (at least 1) at a time.
    ///
    /// A call that is answered while somebody pages neither repeats nor hides another one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_calls(
        &self,
        scope: TenantScope,
        filter: &CallFilter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CallRecord>> {
        let limit = limit.max(1);
        let mut query = sqlx::QueryBuilder::<Db>::new("SELECT * FROM calls WHERE tenant_id = ");
        query.push_bind(Id(scope.tenant()));
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(Word(status));
        }
        if let Some(outcome) = filter.outcome {
            query.push(" AND outcome = ").push_bind(Word(outcome));
        }
        if let Some(caller) = &filter.caller {
            query.push(" AND caller = ").push_bind(Word(caller.clone()));
        }
        if let Some(from) = filter.from {
            query.push(" AND answered_at >= ").push_bind(Time(from));
        }
        if let Some(until) = filter.until {
            query.push(" AND answered_at < ").push_bind(Time(until));
        }
        if let Some(cursor) = cursor {
            query.push(" AND (answered_at, id) < (").push_bind(Time(cursor.answered_at));
            query.push(", ").push_bind(Id(cursor.id)).push(")");
        }
        query.push(" ORDER BY answered_at DESC, id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows: Vec<CallRow> = query.build_query_as().fetch_all(self.driver.reader()).await?;
        let mut items: Vec<CallRecord> = rows.into_iter().map(CallRow::into_record).collect();
        // One row more than asked for tells whether there is a next page.
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|last| Cursor { answered_at: last.answered_at, id: last.id });
        Ok(Page { items, next })
    }

    /// Reads one call and its turns; `None` when the tenant has no such call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call(&self, scope: TenantScope, call: CallId) -> Result<Option<(CallRecord, Vec<Turn>)>> {
        let Some(record) = self.call_record(scope, call).await? else { return Ok(None) };
        Ok(Some((record, self.turns(scope, call).await?)))
    }

    /// The scope of the tenant whose call this is; `None` when there is no such call. For commands of the operator, who
    /// has the database itself in hand; a request from outside proves its tenant by authentication.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_of_call(&self, call: CallId) -> Result<Option<TenantScope>> {
        let tenant: Option<Id<TenantId>> = sqlx::query_scalar("SELECT tenant_id FROM calls WHERE id = $1")
            .bind(Id(call))
            .fetch_optional(self.driver.reader())
            .await?;
        Ok(tenant.map(|Id(tenant)| TenantScope::proven(tenant)))
    }

    /// Reads one call without its turns; `None` when the tenant has no such call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call_record(&self, scope: TenantScope, call: CallId) -> Result<Option<CallRecord>> {
        let row: Option<CallRow> = sqlx::query_as("SELECT * FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(Id(scope.tenant()))
            .bind(Id(call))
            .fetch_optional(self.driver.reader())
            .await?;
        Ok(row.map(CallRow::into_record))
    }
}

impl CallRow {
    pub(super) fn into_record(self) -> CallRecord {
        CallRecord {
            id: self.id.0,
            tenant: self.tenant_id.0,
            profile: self.profile_id.0,
            did: self.did.0,
            caller: self.caller.map(|Word(caller)| caller),
            sip_call_id: self.sip_call_id,
            status: self.status.0,
            answered_at: self.answered_at.0,
            ended_at: self.ended_at.map(|Time(ended_at)| ended_at),
            end_cause: self.end_cause.map(|Word(cause)| cause),
            outcome: self.outcome.map(|Word(outcome)| outcome),
            slots: self.slots.0,
            summary: self.summary,
            recording: self.recording.0,
            transfers: self.transfers.0,
            bridged_ms: u64::try_from(self.bridged_ms).unwrap_or(0),
        }
    }
}

/// `<microseconds>-<32 hex digits>`, both in hexadecimal.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.answered_at.as_microsecond(), self.id.uuid().simple())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (micros, id) = text.split_once('-').ok_or(CursorError)?;
        let micros = i64::from_str_radix(micros, 16).map_err(|_| CursorError)?;
        let id = format!("{}_{id}", CallId::PREFIX).parse().map_err(|_| CursorError)?;
        Ok(Self { answered_at: Timestamp::from_microsecond(micros).map_err(|_| CursorError)?, id })
    }
}
