//! Call records: opened at answer, kept up to date as the call goes, closed at hang-up.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::driver::{Access, Dialect, Document, Id, Row, Sql, Time, Word, sql};
use super::{Result, Store, StoreError, fault, outbox, own};
use crate::domain::billing::Charge;
use crate::domain::{
    CallFilter, CallId, CallOutcome, CallRecord, CallSlots, EndCause, RecordingState, SearchWords, TenantScope,
    TransferAttempt, Turn,
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
    /// What the call is charged, in the same transaction.
    pub charge: Charge,
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

impl Store {
    /// Writes the record of a call that this process has just answered. A record that is there already stays as it is,
    /// so that a retry is harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the record is not the scope's tenant's or the tenant does not exist,
    /// [`StoreError::Conflict`] when another call has the identifier, or when the database fails.
    pub async fn open_call(&self, scope: TenantScope, call: &CallRecord) -> Result<()> {
        own(scope, call.tenant)?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql(
            "INSERT INTO calls (tenant_id, id, profile_id, did, caller, sip_call_id, status, answered_at, ended_at,
                                end_cause, outcome, slots, summary, recording, transfers, bridged_ms, trunk, node_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             ON CONFLICT (id) DO NOTHING",
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
        .bind(&call.trunk)
        .bind(Id(self.node));
        if transaction.execute(query).await? > 0 {
            outbox::call_started(&mut transaction, scope, call).await?;
            transaction.commit().await?;
            self.outbox.send_replace(());
            return Ok(());
        }
        drop(transaction);
        let same = |there: CallRecord| there.sip_call_id == call.sip_call_id && there.answered_at == call.answered_at;
        if self.call_record(scope, call.id).await?.is_some_and(same) { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Keeps what has been taken down so far, so that a crash loses nothing that the caller has said.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or it was closed in order or erased, or when the database fails.
    pub async fn set_slots(
        &self,
        scope: TenantScope,
        call: CallId,
        slots: &CallSlots,
        outcome: Option<CallOutcome>,
    ) -> Result<()> {
        let done = self
            .driver
            .execute(
                Access::Tenant(scope),
                sql("UPDATE calls SET slots = $3, outcome = $4
                     WHERE tenant_id = $1 AND id = $2 AND status <> 'completed' AND erased_at IS NULL")
                .bind(Id(scope.tenant()))
                .bind(Id(call))
                .bind(Document(slots))
                .bind(outcome.map(Word)),
            )
            .await?;
        if done == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Says how far the recording is, also after the call was closed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or when the database fails.
    pub async fn set_recording(&self, scope: TenantScope, call: CallId, recording: RecordingState) -> Result<()> {
        let done = self
            .driver
            .execute(
                Access::Tenant(scope),
                sql("UPDATE calls SET recording = $3 WHERE tenant_id = $1 AND id = $2")
                    .bind(Id(scope.tenant()))
                    .bind(Id(call))
                    .bind(Word(recording)),
            )
            .await?;
        if done == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Closes a call in order, with all that follows from its end, in one transaction. A call that was closed in order
    /// stays as it is, so that a retry is harmless; one that was taken for abandoned while its process had no
    /// connection gets its true end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or when the database fails.
    pub async fn close_call(&self, scope: TenantScope, call: CallId, close: &CloseCall) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query =
            sql("UPDATE calls SET status = 'completed', ended_at = $3, end_cause = $4, outcome = $5, slots = $6,
                              summary = $7, recording = $8, transfers = $9, bridged_ms = $10
             WHERE tenant_id = $1 AND id = $2 AND status <> 'completed' AND erased_at IS NULL")
            .bind(Id(scope.tenant()))
            .bind(Id(call))
            .bind(Time(close.ended_at))
            .bind(Word(close.end_cause))
            .bind(Word(close.outcome))
            .bind(Document(&close.slots))
            .bind(&close.summary)
            .bind(Word(close.recording))
            .bind(Document(&close.transfers))
            .bind(i64::try_from(close.bridged_ms).unwrap_or(i64::MAX));
        if transaction.execute(query).await? == 0 {
            let query =
                sql("SELECT id FROM calls WHERE tenant_id = $1 AND id = $2").bind(Id(scope.tenant())).bind(Id(call));
            return transaction.fetch_optional(query).await?.map(drop).ok_or(StoreError::NotFound);
        }
        // What else the end of a call writes belongs here, before the commit.
        super::ledger::charge(&mut transaction, scope, call, &close.charge).await?;
        outbox::call_ended(&mut transaction, scope, call, close.ended_at).await?;
        fault::at("outbox.writing");
        transaction.commit().await?;
        self.outbox.send_replace(());
        fault::at("outbox.written");
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
        let mut query = sql("SELECT * FROM calls WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(Word(status));
        }
        if let Some(outcome) = filter.outcome {
            query.push(" AND outcome = ").push_bind(Word(outcome));
        }
        if let Some(caller) = &filter.caller {
            query.push(" AND caller = ").push_bind(Word(caller.clone()));
        }
        if let Some(did) = &filter.did {
            query.push(" AND did = ").push_bind(Word(did.clone()));
        }
        if let Some(words) = &filter.text {
            self.push_search(&mut query, words);
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
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        let mut items = rows.iter().map(call_record).collect::<Result<Vec<_>>>()?;
        // One row more than asked for tells whether there is a next page.
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|last| Cursor { answered_at: last.answered_at, id: last.id });
        Ok(Page { items, next })
    }

    /// The condition that all of the words were said. They hold letters and digits only, so that nothing in them means
    /// anything to either query language.
    fn push_search(&self, query: &mut Sql, words: &SearchWords) {
        match self.driver.dialect() {
            Dialect::Sqlite => {
                let words: Vec<String> = words.words().map(|word| format!("\"{word}\"*")).collect();
                query.push(
                    " AND id IN (SELECT x.call_id FROM call_words JOIN call_texts x ON x.id = call_words.rowid
                                 WHERE x.tenant_id = $1 AND call_words MATCH ",
                );
                query.push_bind(words.join(" ")).push(")");
            }
            Dialect::Postgres => {
                let words: Vec<String> = words.words().map(|word| format!("'{word}':*")).collect();
                query.push(
                    " AND EXISTS (SELECT 1 FROM call_words w WHERE w.tenant_id = calls.tenant_id AND w.call_id = calls.id
                                  AND w.words @@ to_tsquery('simple', ",
                );
                query.push_bind(words.join(" & ")).push("))");
            }
        }
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
        let query = sql("SELECT tenant_id FROM calls WHERE id = $1").bind(Id(call));
        let row = self.driver.fetch_optional(Access::Platform, query).await?;
        row.map(|row| row.get("tenant_id").map(|Id(tenant)| TenantScope::proven(tenant))).transpose()
    }

    /// Reads one call without its turns; `None` when the tenant has no such call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call_record(&self, scope: TenantScope, call: CallId) -> Result<Option<CallRecord>> {
        let query = sql("SELECT * FROM calls WHERE tenant_id = $1 AND id = $2").bind(Id(scope.tenant())).bind(Id(call));
        self.driver.fetch_optional(Access::Tenant(scope), query).await?.as_ref().map(call_record).transpose()
    }
}

pub(super) fn call_record(row: &Row) -> Result<CallRecord> {
    Ok(CallRecord {
        id: row.get::<Id<_>>("id")?.0,
        tenant: row.get::<Id<_>>("tenant_id")?.0,
        profile: row.get::<Id<_>>("profile_id")?.0,
        did: row.get::<Word<_>>("did")?.0,
        caller: row.get::<Option<Word<_>>>("caller")?.map(|Word(caller)| caller),
        sip_call_id: row.get("sip_call_id")?,
        status: row.get::<Word<_>>("status")?.0,
        answered_at: row.get::<Time>("answered_at")?.0,
        ended_at: row.get::<Option<Time>>("ended_at")?.map(|Time(at)| at),
        end_cause: row.get::<Option<Word<_>>>("end_cause")?.map(|Word(cause)| cause),
        outcome: row.get::<Option<Word<_>>>("outcome")?.map(|Word(outcome)| outcome),
        slots: row.get::<Document<_>>("slots")?.0,
        summary: row.get("summary")?,
        recording: row.get::<Word<_>>("recording")?.0,
        transfers: row.get::<Document<_>>("transfers")?.0,
        bridged_ms: u64::try_from(row.get::<i64>("bridged_ms")?).unwrap_or(0),
        trunk: row.get("trunk")?,
    })
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
