//! The turns of a call, and its event log.

use super::driver::{Access, Document, Id, Row, Word, sql};
use super::{Result, Store};
use crate::domain::{CallId, TenantScope, Turn};

/// Kind of the event that says which AI and recording notice the caller heard.
pub const EVENT_NOTICE: &str = "notice";

/// One thing that happened in a call, kept so that the call can be replayed step by step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct CallEvent {
    /// From 0, in order, within the call.
    pub seq: u32,
    /// Milliseconds after the answer.
    pub at_ms: u64,
    /// What happened, in one word: `notice`, `utterance`, `dtmf`, …
    pub kind: String,
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

impl Store {
    /// Writes a turn. Writing the same `seq` again replaces it: an agent's turn is written when it is spoken, and
    /// again when the caller has interrupted it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](super::StoreError::NotFound) when the tenant has no such call, or when the database
    /// fails.
    pub async fn append_turn(&self, scope: TenantScope, call: CallId, turn: &Turn) -> Result<()> {
        self.driver
            .execute(
                Access::Tenant(scope),
                sql(
                    "INSERT INTO turns (tenant_id, call_id, seq, speaker, text, heard, started_ms, ended_ms, waterfall)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
             WHERE NOT EXISTS (SELECT 1 FROM calls WHERE tenant_id = $1 AND id = $2 AND words_erased_at IS NOT NULL)
             ON CONFLICT (tenant_id, call_id, seq) DO UPDATE SET
                speaker = excluded.speaker, text = excluded.text, heard = excluded.heard,
                started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, waterfall = excluded.waterfall",
                )
                .bind(Id(scope.tenant()))
                .bind(Id(call))
                .bind(i64::from(turn.seq))
                .bind(Word(turn.speaker))
                .bind(&turn.text)
                .bind(&turn.heard)
                .bind(millis(turn.started_ms))
                .bind(millis(turn.ended_ms))
                .bind(turn.waterfall.map(Document)),
            )
            .await?;
        Ok(())
    }

    /// The turns of a call in order; empty when the tenant has no such call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turns(&self, scope: TenantScope, call: CallId) -> Result<Vec<Turn>> {
        let query = sql("SELECT seq, speaker, text, heard, started_ms, ended_ms, waterfall FROM turns
             WHERE tenant_id = $1 AND call_id = $2 ORDER BY seq");
        let query = query.bind(Id(scope.tenant())).bind(Id(call));
        self.driver.fetch_all(Access::Tenant(scope), query).await?.iter().map(turn).collect()
    }

    /// Adds events to the log of a call, all or none; one commit for the lot. An event whose `seq` is there already is
    /// left out: it was written by an attempt whose answer got lost.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](super::StoreError::NotFound) when the tenant has no such call, or when the database
    /// fails.
    pub async fn append_events(&self, scope: TenantScope, call: CallId, events: &[CallEvent]) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        for event in events {
            let query = sql("INSERT INTO call_events (tenant_id, call_id, seq, at_ms, kind, data)
                 SELECT $1, $2, $3, $4, $5, $6
                 WHERE NOT EXISTS (SELECT 1 FROM calls WHERE tenant_id = $1 AND id = $2 AND words_erased_at IS NOT NULL)
                 ON CONFLICT (tenant_id, call_id, seq) DO NOTHING")
            .bind(Id(scope.tenant()))
            .bind(Id(call))
            .bind(i64::from(event.seq))
            .bind(millis(event.at_ms))
            .bind(&event.kind)
            .bind(Document(&event.data));
            transaction.execute(query).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The event log of a call in order; empty when the tenant has no such call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&self, scope: TenantScope, call: CallId) -> Result<Vec<CallEvent>> {
        let query =
            sql("SELECT seq, at_ms, kind, data FROM call_events WHERE tenant_id = $1 AND call_id = $2 ORDER BY seq");
        let query = query.bind(Id(scope.tenant())).bind(Id(call));
        self.driver.fetch_all(Access::Tenant(scope), query).await?.iter().map(event).collect()
    }
}

fn turn(row: &Row) -> Result<Turn> {
    Ok(Turn {
        seq: count(row.get("seq")?),
        speaker: row.get::<Word<_>>("speaker")?.0,
        text: row.get("text")?,
        heard: row.get("heard")?,
        started_ms: offset(row.get("started_ms")?),
        ended_ms: offset(row.get("ended_ms")?),
        waterfall: row.get::<Option<Document<_>>>("waterfall")?.map(|Document(waterfall)| waterfall),
    })
}

fn event(row: &Row) -> Result<CallEvent> {
    Ok(CallEvent {
        seq: count(row.get("seq")?),
        at_ms: offset(row.get("at_ms")?),
        kind: row.get("kind")?,
        data: row.get::<Document<_>>("data")?.0,
    })
}

/// A call lasts less than 292 million years.
fn millis(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn offset(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
