//! Personal data in the store: how long it is kept, its erasure, and the numbers that are held for a year after that.
//!
//! What goes is what says who called and what was said: the turns, the messages, the event log but for [`KEPT_EVENTS`], the slots, the
//! summary, the messages about it, the caller's number and the SIP Call-ID. What stays is the call as a fact: when, how long, to which number, how
//! it ended. The number itself is moved to a table that nothing reads but [`Store::held_number`], until a year after the call.

use jiff::{SignedDuration, Timestamp};

use super::audit::Change;
use super::driver::{Access, Dialect, Document, Id, Row, Sql, Time, Transaction, Word, sql};
use super::{Listed, Result, Store, StoreError};
use crate::domain::{
    Actor, By, CallId, CallRecord, CallSlots, CallStatus, E164, ErasureId, Retention, TenantId, TenantScope,
};

/// How long traffic data are kept after a call, whatever is erased (DPDP Rules 2025, rule 8 (3)).
pub const LOG_HOLD: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Kinds of events that outlive the words of a call: what the caller was told and wished, without a word of the caller's.
pub const KEPT_EVENTS: [&str; 3] = ["notice", "recording_refused", "recording_read"];

/// How long what one reader reads of a recording is one reading.
pub const ONE_READING: SignedDuration = SignedDuration::from_mins(10);

/// How often an event is put behind the others while more of them come in.
const MOST_TRIES: u32 = 8;

/// An erasure that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Erasure {
    pub id: ErasureId,
    pub done_at: Timestamp,
    /// The last two digits.
    pub number_masked: String,
    /// Who asked for it: an API key, a user, the operator's command line.
    pub actor: String,
    pub calls: u32,
}

impl Store {
    /// How long the tenant wants its callers' data kept; what it does not say is the configuration's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retention(&self, scope: TenantScope) -> Result<Retention> {
        let query = sql("SELECT * FROM retention WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let row = self.driver.fetch_optional(Access::Tenant(scope), query).await?;
        row.as_ref().map_or_else(|| Ok(Retention::default()), retention)
    }

    /// Says how long the tenant's callers' data are kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant does not exist, or when the database fails.
    pub async fn set_retention(&self, scope: TenantScope, days: &Retention) -> Result<()> {
        self.driver.execute(Access::Tenant(scope), retention_query(scope, days)).await?;
        Ok(())
    }

    /// Changes how long the tenant's callers' data are kept, and gives what holds then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant does not exist, or when the database fails.
    pub async fn change_retention(
        &self,
        scope: TenantScope,
        change: impl FnOnce(Retention) -> Retention + Send,
        by: &By,
    ) -> Result<Retention> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql("SELECT * FROM retention WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let before = transaction.fetch_optional(query).await?.as_ref().map(retention).transpose()?.unwrap_or_default();
        let after = change(before);
        if after == before {
            return Ok(before);
        }
        transaction.execute(retention_query(scope, &after)).await?;
        let change = Change::of("retention.update", scope.tenant()).before(&before).after(&after);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Every tenant with what it says about retention; a verb of the platform's own work.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retentions(&self) -> Result<Vec<(TenantScope, Retention)>> {
        let query = sql("SELECT t.id, r.recordings_days, r.transcripts_days, r.records_days
             FROM tenants t LEFT JOIN retention r ON r.tenant_id = t.id
             WHERE t.erasing_at IS NULL ORDER BY t.id");
        let rows = self.driver.fetch_all(Access::Platform, query).await?;
        let of_tenant = |row: &Row| -> Result<(TenantScope, Retention)> {
            let Id(tenant) = row.get::<Id<TenantId>>("id")?;
            Ok((TenantScope::proven(tenant), retention(row)?))
        };
        rows.iter().map(of_tenant).collect()
    }

    /// Calls that were answered before this time, are over, and have a recording: at most `limit`, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recorded_before(&self, scope: TenantScope, before: Timestamp, limit: u32) -> Result<Vec<CallId>> {
        let query = sql("SELECT id FROM calls WHERE tenant_id = $1 AND answered_at < $2 AND status <> 'active'
                AND recording IN ('partial', 'complete', 'failed') ORDER BY answered_at LIMIT $3");
        self.ids(scope, query.bind(Id(scope.tenant())).bind(Time(before)).bind(i64::from(limit))).await
    }

    /// Erases what was said in calls that were answered before this time, of at most `limit` calls; how many they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_words(&self, scope: TenantScope, before: Timestamp, now: Timestamp, limit: u32) -> Result<u32> {
        let query = sql("SELECT id FROM calls WHERE tenant_id = $1 AND answered_at < $2 AND status <> 'active'
                AND words_erased_at IS NULL ORDER BY answered_at LIMIT $3");
        let calls = self.ids(scope, query.bind(Id(scope.tenant())).bind(Time(before)).bind(i64::from(limit))).await?;
        for call in &calls {
            let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
            erase_words(&mut transaction, self.driver.dialect(), scope, *call, now).await?;
            transaction.commit().await?;
        }
        Ok(u32::try_from(calls.len()).unwrap_or(u32::MAX))
    }

    /// Erases who called and what was taken down, of at most `limit` calls that were answered before this time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_records(
        &self,
        scope: TenantScope,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<u32> {
        let query = sql("SELECT id FROM calls WHERE tenant_id = $1 AND answered_at < $2 AND status <> 'active'
                AND erased_at IS NULL ORDER BY answered_at LIMIT $3");
        let calls = self.ids(scope, query.bind(Id(scope.tenant())).bind(Time(before)).bind(i64::from(limit))).await?;
        for call in &calls {
            self.erase_call(scope, *call, now).await?;
        }
        Ok(u32::try_from(calls.len()).unwrap_or(u32::MAX))
    }

    /// The calls of a number, by the number that called or the one that was left to call back, in the order of their ids
    /// behind `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn calls_of(
        &self,
        scope: TenantScope,
        number: &E164,
        after: Option<CallId>,
        limit: u32,
    ) -> Result<Vec<CallRecord>> {
        let mut query = sql("SELECT * FROM calls WHERE tenant_id = $1 AND (caller = $2 OR slots ->> 'number' = $2)")
            .bind(Id(scope.tenant()))
            .bind(Word(number));
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        rows.iter().map(super::calls::call_record).collect()
    }

    /// Erases what says who called and what was said in a call that is over; the number is held for a year after the
    /// call. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, [`StoreError::StillUsed`] while it goes on, or when the
    /// database fails.
    pub async fn erase_call(&self, scope: TenantScope, call: CallId, now: Timestamp) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        erase(&mut transaction, self.driver.dialect(), scope, call, now).await?;
        transaction.commit().await
    }

    /// The same for whoever wants one call gone, with an entry in the audit log the first time.
    ///
    /// # Errors
    /// As [`Store::erase_call`].
    pub async fn delete_call(&self, scope: TenantScope, call: CallId, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        if erase(&mut transaction, self.driver.dialect(), scope, call, by.at).await? {
            transaction.audit(Some(scope.tenant()), by, Change::of("call.delete", call)).await?;
        }
        transaction.commit().await
    }

    /// The number that called, of a call that was erased less than a year ago: for a demand of the law, which the operator
    /// answers with the database in hand. No route leads here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_number(&self, scope: TenantScope, call: CallId) -> Result<Option<E164>> {
        let query = sql("SELECT number FROM held_numbers WHERE tenant_id = $1 AND call_id = $2");
        let query = query.bind(Id(scope.tenant())).bind(Id(call));
        let row = self.driver.fetch_optional(Access::Tenant(scope), query).await?;
        row.map(|row| row.get::<Word<_>>("number").map(|Word(number)| number)).transpose()
    }

    /// Removes the held numbers whose year is over, of all tenants; how many they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_held_numbers(&self, now: Timestamp) -> Result<u64> {
        let query = sql("DELETE FROM held_numbers WHERE until <= $1").bind(Time(now));
        self.driver.execute(Access::Platform, query).await
    }

    /// Writes down that an erasure was carried out, also in the audit log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_erasure(&self, scope: TenantScope, erasure: &Erasure, by: &By) -> Result<()> {
        let query = sql("INSERT INTO erasures (tenant_id, id, done_at, number_masked, actor, calls)
             VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(Id(scope.tenant()))
        .bind(Id(erasure.id))
        .bind(Time(erasure.done_at))
        .bind(&erasure.number_masked)
        .bind(&erasure.actor)
        .bind(i64::from(erasure.calls));
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        transaction.execute(query).await?;
        let change = Change::of("erasure.create", erasure.id).after(erasure);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// The erasures of the tenant, the latest first: `limit` (at least 1) of those before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erasures(&self, scope: TenantScope, before: Option<ErasureId>, limit: u32) -> Result<Listed<Erasure>> {
        // Their identifiers are in the order of their times.
        let mut query = sql("SELECT * FROM erasures WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(Id(before));
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        Ok(Listed::cut(rows.iter().map(erasure).collect::<Result<_>>()?, limit))
    }

    /// Writes into the log of a call, while it goes on or after its end, that somebody reads its recording. The parts
    /// that a player asks for one after the other are one reading: the same reader is written down once in [`ONE_READING`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call, or when the database fails.
    pub async fn note_reading(&self, scope: TenantScope, call: CallId, reader: Actor, at: Timestamp) -> Result<()> {
        let record = self.call_record(scope, call).await?.ok_or(StoreError::NotFound)?;
        let at_ms = at.duration_since(record.answered_at).as_millis();
        let millis = |ms: i128| i64::try_from(ms).unwrap_or(i64::MAX);
        let data = serde_json::json!({ "by": reader });
        let query = || {
            // Far behind what a call that goes on writes itself.
            sql("INSERT INTO call_events (tenant_id, call_id, seq, at_ms, kind, data)
             SELECT $1, $2, CASE WHEN MAX(seq) >= 1000000 THEN MAX(seq) + 1 ELSE 1000000 END, $3, $4, $5
             FROM call_events WHERE tenant_id = $1 AND call_id = $2
             HAVING NOT EXISTS (SELECT 1 FROM call_events
                                WHERE tenant_id = $1 AND call_id = $2 AND kind = $4 AND data = $5 AND at_ms > $6)")
            .bind(Id(scope.tenant()))
            .bind(Id(call))
            .bind(millis(at_ms.max(0)))
            .bind("recording_read")
            .bind(Document(&data))
            .bind(millis(at_ms - ONE_READING.as_millis()))
        };
        for _ in 0..MOST_TRIES {
            match self.driver.execute(Access::Tenant(scope), query()).await {
                // Another one took the place at this moment.
                Err(StoreError::Conflict) => {}
                done => return done.map(drop),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn ids(&self, scope: TenantScope, query: Sql) -> Result<Vec<CallId>> {
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        rows.iter().map(|row| row.get::<Id<CallId>>("id").map(|Id(call)| call)).collect()
    }
}

/// Erases a call that is over; whether it was not erased before.
async fn erase(
    transaction: &mut Transaction,
    dialect: Dialect,
    scope: TenantScope,
    call: CallId,
    now: Timestamp,
) -> Result<bool> {
    let query = sql("SELECT * FROM calls WHERE tenant_id = $1 AND id = $2").bind(Id(scope.tenant())).bind(Id(call));
    let row = transaction.fetch_optional(query).await?.ok_or(StoreError::NotFound)?;
    let record = super::calls::call_record(&row)?;
    if record.status == CallStatus::Active {
        return Err(StoreError::StillUsed);
    }
    let until = record.answered_at.checked_add(LOG_HOLD).unwrap_or(Timestamp::MAX);
    if let Some(caller) = record.caller.as_ref().filter(|_| until > now) {
        let query = sql("INSERT INTO held_numbers (tenant_id, call_id, number, until) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, call_id) DO NOTHING")
        .bind(Id(scope.tenant()))
        .bind(Id(call))
        .bind(Word(caller))
        .bind(Time(until));
        transaction.execute(query).await?;
    }
    erase_words(transaction, dialect, scope, call, now).await?;
    let query = sql("UPDATE calls SET caller = NULL, slots = $3, summary = NULL, sip_call_id = '', erased_at = $4
         WHERE tenant_id = $1 AND id = $2")
    .bind(Id(scope.tenant()))
    .bind(Id(call))
    .bind(Document(&CallSlots::default()))
    .bind(Time(now));
    transaction.execute(query).await?;
    Ok(row.get::<Option<Time>>("erased_at")?.is_none())
}

async fn erase_words(
    transaction: &mut Transaction,
    dialect: Dialect,
    scope: TenantScope,
    call: CallId,
    now: Timestamp,
) -> Result<()> {
    let own = |query: Sql| query.bind(Id(scope.tenant())).bind(Id(call));
    transaction.execute(own(sql("DELETE FROM turns WHERE tenant_id = $1 AND call_id = $2"))).await?;
    // What the search finds them by.
    let words = match dialect {
        Dialect::Sqlite => sql("DELETE FROM call_texts WHERE tenant_id = $1 AND call_id = $2"),
        Dialect::Postgres => sql("DELETE FROM call_words WHERE tenant_id = $1 AND call_id = $2"),
    };
    transaction.execute(own(words)).await?;
    // Messages say who called and what was said: what is on its way is not sent any more, its tries go with it.
    transaction.execute(own(sql("DELETE FROM outbox WHERE tenant_id = $1 AND call_id = $2"))).await?;
    let mut events = own(sql("DELETE FROM call_events WHERE tenant_id = $1 AND call_id = $2"));
    for kind in KEPT_EVENTS {
        events.push(" AND kind <> ").push_bind(kind);
    }
    transaction.execute(events).await?;
    let done =
        sql("UPDATE calls SET words_erased_at = $3 WHERE tenant_id = $1 AND id = $2 AND words_erased_at IS NULL");
    transaction.execute(own(done).bind(Time(now))).await?;
    Ok(())
}

fn retention_query(scope: TenantScope, days: &Retention) -> Sql {
    sql("INSERT INTO retention (tenant_id, recordings_days, transcripts_days, records_days)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) DO UPDATE SET recordings_days = excluded.recordings_days,
            transcripts_days = excluded.transcripts_days, records_days = excluded.records_days")
    .bind(Id(scope.tenant()))
    .bind(days.recordings_days.map(i64::from))
    .bind(days.transcripts_days.map(i64::from))
    .bind(days.records_days.map(i64::from))
}

fn erasure(row: &Row) -> Result<Erasure> {
    Ok(Erasure {
        id: row.get::<Id<_>>("id")?.0,
        done_at: row.get::<Time>("done_at")?.0,
        number_masked: row.get("number_masked")?,
        actor: row.get("actor")?,
        calls: u32::try_from(row.get::<i64>("calls")?).unwrap_or(u32::MAX),
    })
}

fn retention(row: &Row) -> Result<Retention> {
    let days = |column: &str| -> Result<Option<u32>> {
        Ok(row.get::<Option<i64>>(column)?.map(|days| u32::try_from(days).unwrap_or(u32::MAX)))
    };
    Ok(Retention {
        recordings_days: days("recordings_days")?,
        transcripts_days: days("transcripts_days")?,
        records_days: days("records_days")?,
    })
}
