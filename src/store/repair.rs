//! Closes what a killed process left open.

use jiff::{SignedDuration, Timestamp};

use super::calls::call_record;
use super::driver::{Access, Id, Time, Word, sql};
use super::{Result, Store, fault, outbox};
use crate::domain::{
    CallId, CallOutcome, CallRecord, CallSlots, CallStatus, EndCause, Speaker, TenantId, TenantScope, Turn,
};

impl Store {
    /// Closes every call that is still open as abandoned by a crash, with a summary of what had been taken down, and
    /// says which. To be called once at start, before the first call is answered.
    ///
    /// The end is put at the end of the last stored turn: nobody knows the true one, and `now` may be days later. The
    /// recording's state stays: what exists of it is whole up to the last second.
    ///
    /// # Errors
    /// When the database fails; then none is changed.
    pub async fn repair_abandoned(&self, now: Timestamp) -> Result<Vec<(CallId, TenantId)>> {
        let open = sql("SELECT * FROM calls WHERE status = 'active' ORDER BY id");
        let open = self.driver.fetch_all(Access::Platform, open).await?;
        let mut repaired = Vec::with_capacity(open.len());
        for row in &open {
            let record = call_record(row)?;
            let turns = self.turns(TenantScope::proven(record.tenant), record.id).await?;
            repaired.push((record, turns));
        }
        let mut transaction = self.driver.begin(Access::Platform).await?;
        for (record, turns) in &repaired {
            let query = sql("UPDATE calls SET status = $3, ended_at = $4, end_cause = $5, outcome = $6, summary = $7
                 WHERE tenant_id = $1 AND id = $2 AND status = 'active'")
            .bind(Id(record.tenant))
            .bind(Id(record.id))
            .bind(Word(CallStatus::Abandoned))
            .bind(Time(last_sign_of_life(record, turns).min(now)))
            .bind(Word(EndCause::Crash))
            .bind(Word(record.outcome.unwrap_or_else(|| outcome(&record.slots))))
            .bind(summary(record, turns));
            transaction.execute(query).await?;
            outbox::call_ended(&mut transaction, TenantScope::proven(record.tenant), record.id, now).await?;
        }
        fault::at("outbox.writing");
        transaction.commit().await?;
        if !repaired.is_empty() {
            self.outbox.send_replace(());
            fault::at("outbox.written");
        }
        Ok(repaired.into_iter().map(|(record, _)| (record.id, record.tenant)).collect())
    }
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
