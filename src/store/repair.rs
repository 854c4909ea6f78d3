//! Closes what a killed process left open.

use jiff::{SignedDuration, Timestamp};

use super::calls::call_record;
use super::driver::{Access, Dialect, Id, Time, Word, sql};
use super::{Result, Store, fault, outbox};
use crate::domain::billing::{Charge, DIRECT, LegUse, Prices, Usage};
use crate::domain::{
    CallId, CallOutcome, CallRecord, CallSlots, CallStatus, EndCause, Speaker, TenantId, TenantScope, Turn,
};

/// How long a process may be silent before it is taken for dead.
const NODE_EXPIRY: SignedDuration = SignedDuration::from_secs(60);

/// After that its row is removed.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);

/// How often a process says that it lives: several times before it is taken for dead.
pub const NODE_HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(15);

impl Store {
    /// Says that this process lives. To be called at start, before [`Store::repair_abandoned`], and every
    /// [`NODE_HEARTBEAT`] from then on: otherwise others take its calls for abandoned ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn beat(&self, now: Timestamp) -> Result<()> {
        // SQLite has one process at a time, so that any other is gone.
        let others = match self.driver.dialect() {
            Dialect::Sqlite => sql("DELETE FROM nodes WHERE id <> $1").bind(Id(self.node)),
            Dialect::Postgres => sql("DELETE FROM nodes WHERE seen_at < $1").bind(Time(before(now, FORGOTTEN))),
        };
        let mut transaction = self.driver.begin(Access::Platform).await?;
        transaction.execute(others).await?;
        let query = sql("INSERT INTO nodes (id, seen_at) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at");
        transaction.execute(query.bind(Id(self.node)).bind(Time(now))).await?;
        transaction.commit().await
    }

    /// Says that this process answers no more calls: what it left open may be closed at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave(&self) -> Result<()> {
        let query = sql("DELETE FROM nodes WHERE id = $1").bind(Id(self.node));
        self.driver.execute(Access::Platform, query).await?;
        Ok(())
    }

    /// Closes every call that is open on a process that is gone (see [`Store::beat`]) as abandoned, with a summary of
    /// what had been taken down, and says which. To be called at start, and by those that share a database every now and
    /// then; of two that do so at once, one says each call.
    ///
    /// The end is put at the end of the last stored turn: nobody knows the true one, and `now` may be days later. The
    /// recording's state stays: what exists of it is whole up to the last second.
    ///
    /// Each is charged at `prices` by what is known of it: its trunk and its length.
    ///
    /// # Errors
    /// When the database fails; what was closed until then stays closed.
    pub async fn repair_abandoned(&self, now: Timestamp, prices: &Prices) -> Result<Vec<(CallId, TenantId)>> {
        let open = sql("SELECT * FROM calls WHERE status = 'active' AND NOT EXISTS (
                 SELECT 1 FROM nodes WHERE nodes.id = calls.node_id AND nodes.seen_at > $1)
             ORDER BY id")
        .bind(Time(before(now, NODE_EXPIRY)));
        let open = self.driver.fetch_all(Access::Platform, open).await?;
        let mut repaired = Vec::with_capacity(open.len());
        for row in &open {
            let record = match call_record(row) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(%error, "a call that was cut off cannot be read, and stays open");
                    continue;
                }
            };
            if self.close_abandoned(&record, now, prices).await? {
                repaired.push((record.id, record.tenant));
            }
        }
        if !repaired.is_empty() {
            self.outbox.send_replace(());
            fault::at("outbox.written");
        }
        Ok(repaired)
    }

    /// Closes one of them, and says whether it was still open. A transaction for each: one that held the sums of several
    /// tenants could wait for a call that ends, and that one for it.
    async fn close_abandoned(&self, record: &CallRecord, now: Timestamp, prices: &Prices) -> Result<bool> {
        let scope = TenantScope::proven(record.tenant);
        let turns = self.turns(scope, record.id).await?;
        let ended_at = last_sign_of_life(record, &turns).min(now);
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql("UPDATE calls SET status = $3, ended_at = $4, end_cause = $5, outcome = $6, summary = $7
             WHERE tenant_id = $1 AND id = $2 AND status = 'active'")
        .bind(Id(record.tenant))
        .bind(Id(record.id))
        .bind(Word(CallStatus::Abandoned))
        .bind(Time(ended_at))
        .bind(Word(EndCause::Crash))
        .bind(Word(record.outcome.unwrap_or_else(|| outcome(&record.slots))))
        .bind(summary(record, &turns));
        if transaction.execute(query).await? == 0 {
            return Ok(false);
        }
        let charge = known_charge(prices, record, ended_at);
        super::ledger::charge(&mut transaction, scope, record.id, &charge).await?;
        outbox::call_ended(&mut transaction, scope, record.id, now).await?;
        fault::at("outbox.writing");
        transaction.commit().await?;
        Ok(true)
    }
}

/// What the record of a call tells of its costs: its leg, up to `ended_at`. What engines were given is not known.
fn known_charge(prices: &Prices, record: &CallRecord, ended_at: Timestamp) -> Charge {
    let ms = ended_at.as_millisecond().saturating_sub(record.answered_at.as_millisecond());
    let trunk = record.trunk.clone().unwrap_or_else(|| DIRECT.to_owned());
    let leg = LegUse { trunk, outbound: false, ms: u64::try_from(ms).unwrap_or(0) };
    prices.charge(&Usage { legs: vec![leg], ..Usage::default() })
}

impl Store {
    /// The calls that were cut off since then, the latest first: at most 1,000. Another node may have closed their
    /// records; their recordings are still on the machine that made them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cut_off_since(&self, since: Timestamp) -> Result<Vec<(CallId, TenantId)>> {
        let query = sql("SELECT id, tenant_id FROM calls WHERE status = 'abandoned' AND answered_at >= $1
             ORDER BY answered_at DESC LIMIT 1000")
        .bind(Time(since));
        let rows = self.driver.fetch_all(Access::Platform, query).await?;
        rows.iter().map(|row| Ok((row.get::<Id<_>>("id")?.0, row.get::<Id<_>>("tenant_id")?.0))).collect()
    }
}

fn before(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

fn last_sign_of_life(record: &CallRecord, turns: &[Turn]) -> Timestamp {
    let last_ms = turns.iter().map(|turn| turn.ended_ms).max().unwrap_or(0);
    let last = SignedDuration::from_millis(i64::try_from(last_ms).unwrap_or(0));
    record.answered_at.checked_add(last).unwrap_or(record.answered_at)
}

/// Anything that was taken down is a message that the owner must see.
fn outcome(slots: &CallSlots) -> CallOutcome {
    if *slots == CallSlots::default() { CallOutcome::Nothing } else { CallOutcome::Message }
}

/// Says what is known without guessing: the slots, or else the caller's last words.
fn summary(record: &CallRecord, turns: &[Turn]) -> String {
    let slots = &record.slots;
    let mut text = String::from("The call was cut off by a restart of the system.");
    let known = [
        ("Name", slots.name.clone()),
        ("Number", slots.number.as_ref().or(record.caller.as_ref()).map(ToString::to_string)),
        ("Reason", slots.reason.clone()),
        ("Wanted time", slots.preferred_time.clone()),
        ("Email", slots.email.as_ref().map(ToString::to_string)),
        ("PIN code", slots.pin_code.as_ref().map(ToString::to_string)),
    ];
    for (label, value) in known {
        if let Some(value) = value {
            text.push_str(&format!(" {label}: {value}."));
        }
    }
    if slots.reason.is_none() {
        let last_words = turns.iter().rev().find(|turn| turn.speaker == Speaker::Caller);
        if let Some(turn) = last_words {
            text.push_str(&format!(" The caller's last words: \"{}\".", turn.text));
        }
    }
    text
}
