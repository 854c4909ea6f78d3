//! What is to leave the platform, written in the transaction that it follows from.
//!
//! A message's identifier is made of what it is about and whom it goes to: written twice it is there once, and every
//! attempt carries the same idempotency key.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::calls::call_record;
use super::driver::{Access, Document, Id, Time, Transaction, Word, sql};
use super::webhooks::webhook;
use super::{Result, Store, StoreError};
use crate::domain::{
    CallId, CallOutcome, CallRecord, Channel, E164, EventKind, Message, MessageId, MessageState, NoticeAbout,
    NoticeSettings, TenantScope, Topic, Webhook, WebhookId,
};

/// A row to be written.
struct New<'a> {
    scope: TenantScope,
    id: MessageId,
    call: Option<CallId>,
    topic: Topic,
    recipient: Option<&'a E164>,
    webhook: Option<WebhookId>,
    payload: &'a Value,
    now: Timestamp,
}

impl Store {
    /// Tells the tenant's webhooks of something that is about no call. `subject` names the occurrence: the same one told
    /// again is told once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn emit(
        &self,
        scope: TenantScope,
        event: EventKind,
        subject: &str,
        data: &Value,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let occurrence = Occurrence { scope, event, call: None, subject, at: now };
        let told = tell(&mut transaction, &occurrence, data, now).await?;
        transaction.commit().await?;
        if told > 0 {
            self.outbox.send_replace(());
        }
        Ok(())
    }

    /// Changes whenever this process has written to the outbox.
    pub fn outbox_changes(&self) -> watch::Receiver<()> {
        self.outbox.subscribe()
    }
}

/// Something that webhooks are told of.
pub(super) struct Occurrence<'a> {
    pub scope: TenantScope,
    pub event: EventKind,
    pub call: Option<CallId>,
    /// Tells one occurrence of the event from another.
    pub subject: &'a str,
    /// When it happened; part of the message's identifier.
    pub at: Timestamp,
}

/// Writes that a call was answered.
pub(super) async fn call_started(transaction: &mut Transaction, scope: TenantScope, call: &CallRecord) -> Result<()> {
    if call.is_test() {
        return Ok(());
    }
    let subject = call.id.to_string();
    let occurrence = Occurrence {
        scope,
        event: EventKind::CallStarted,
        call: Some(call.id),
        subject: &subject,
        at: call.answered_at,
    };
    tell(transaction, &occurrence, &started(call), call.answered_at).await.map(drop)
}

/// Writes what follows from the end of a call that was just closed, in order or as abandoned: the events for webhooks,
/// and the text messages that the tenant asked for.
pub(super) async fn call_ended(
    transaction: &mut Transaction,
    scope: TenantScope,
    call: CallId,
    now: Timestamp,
) -> Result<()> {
    let query = sql("SELECT * FROM calls WHERE tenant_id = $1 AND id = $2").bind(Id(scope.tenant())).bind(Id(call));
    let call = transaction.fetch_optional(query).await?.ok_or(StoreError::NotFound)?;
    let call = call_record(&call)?;
    if call.is_test() {
        return Ok(());
    }
    // A call that was taken for abandoned and then got its true end is told of twice: once for each end.
    let subject = format!("{}.{}", call.id, word(call.status));
    for (event, data) in [(EventKind::CallEnded, ended(&call)), (EventKind::CallSummary, summarised(&call))] {
        let occurrence = Occurrence { scope, event, call: Some(call.id), subject: &subject, at: call.answered_at };
        tell(transaction, &occurrence, &data, now).await?;
    }
    let query = sql("SELECT document FROM notice_settings WHERE tenant_id = $1").bind(Id(scope.tenant()));
    let Some(row) = transaction.fetch_optional(query).await? else { return Ok(()) };
    let Document(settings): Document<NoticeSettings> = row.get("document")?;
    for (topic, recipient) in text_messages(&settings, &call) {
        let id = identifier(topic, &subject, recipient.as_str(), call.answered_at);
        let (call, payload) = (Some(call.id), &json!({}));
        let new = New { scope, id, call, topic, recipient: Some(recipient), webhook: None, payload, now };
        insert(transaction, &new).await?;
    }
    Ok(())
}

/// Who gets a text message about a call.
fn text_messages<'a>(settings: &'a NoticeSettings, call: &'a CallRecord) -> Vec<(Topic, &'a E164)> {
    let outcome = call.outcome.unwrap_or(CallOutcome::Nothing);
    let taken = matches!(outcome, CallOutcome::Message | CallOutcome::Appointment | CallOutcome::Urgent);
    let satisfied = matches!(outcome, CallOutcome::WrongNumber | CallOutcome::Answered | CallOutcome::Transferred);
    let mut messages = Vec::new();
    if settings.owner.about == NoticeAbout::All || !satisfied {
        messages.extend(settings.owner.mobiles.iter().map(|number| (Topic::SmsOwner, number)));
    }
    let caller = call.slots.number.as_ref().or(call.caller.as_ref()).filter(|number| number.is_indian_mobile());
    if let Some(number) = caller.filter(|_| taken && settings.caller.is_some()) {
        messages.push((Topic::SmsCaller, number));
    }
    messages
}

/// One row for each endpoint that wants to hear of it; their number.
pub(super) async fn tell(
    transaction: &mut Transaction,
    occurrence: &Occurrence<'_>,
    data: &Value,
    now: Timestamp,
) -> Result<usize> {
    let Occurrence { scope, event, call, subject, at } = *occurrence;
    let query = sql("SELECT * FROM webhooks WHERE tenant_id = $1 ORDER BY id").bind(Id(scope.tenant()));
    let endpoints = transaction.fetch_all(query).await?;
    let endpoints = endpoints.iter().map(webhook).collect::<Result<Vec<Webhook>>>()?;
    let payload = json!({ "type": event.name(), "timestamp": now.to_string(), "data": data });
    let mut told = 0;
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.hears(event)) {
        let id = identifier(event.topic(), subject, &endpoint.id.to_string(), at);
        let webhook = Some(endpoint.id);
        let new = New { scope, id, call, topic: event.topic(), recipient: None, webhook, payload: &payload, now };
        insert(transaction, &new).await?;
        told += 1;
    }
    Ok(told)
}

/// The identifier of the one message about `subject` to `target`.
fn identifier(topic: Topic, subject: &str, target: &str, at: Timestamp) -> MessageId {
    let hash = Sha256::digest(format!("{}\n{subject}\n{target}", topic.name()));
    MessageId::new(at, std::array::from_fn(|index| hash[index]))
}

async fn insert(transaction: &mut Transaction, new: &New<'_>) -> Result<()> {
    let channel = if new.webhook.is_some() { Channel::Webhook } else { Channel::Sms };
    let query = sql(
        "INSERT INTO outbox (tenant_id, id, call_id, channel, topic, recipient, webhook_id, payload, state, created_at, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
    )
    .bind(Id(new.scope.tenant()))
    .bind(Id(new.id))
    .bind(new.call.map(Id))
    .bind(Word(channel))
    .bind(Word(new.topic))
    .bind(new.recipient.map(Word))
    .bind(new.webhook.map(Id))
    .bind(Document(new.payload))
    .bind(Word(MessageState::Pending))
    .bind(Time(new.now))
    .bind(Time(new.now));
    transaction.execute(query).await.map(drop)
}

fn started(call: &CallRecord) -> Value {
    json!({
        "call_id": call.id,
        "tenant_id": call.tenant,
        "did": call.did,
        "caller": call.caller,
        "answered_at": call.answered_at.to_string(),
    })
}

fn ended(call: &CallRecord) -> Value {
    let seconds = call.ended_at.map(|ended| ended.duration_since(call.answered_at).as_secs().max(0));
    json!({
        "call_id": call.id,
        "tenant_id": call.tenant,
        "did": call.did,
        "caller": call.caller,
        "status": call.status,
        "answered_at": call.answered_at.to_string(),
        "ended_at": call.ended_at.map(|at| at.to_string()),
        "duration_s": seconds,
        "end_cause": call.end_cause,
        "outcome": call.outcome,
        "recording": call.recording,
        "bridged_ms": call.bridged_ms,
    })
}

fn summarised(call: &CallRecord) -> Value {
    json!({
        "call_id": call.id,
        "tenant_id": call.tenant,
        "outcome": call.outcome,
        "summary": call.summary,
        "slots": call.slots,
    })
}

/// What a delivery report is told as.
pub(super) fn delivered(message: &Message) -> Value {
    json!({
        "message_id": message.id,
        "tenant_id": message.tenant,
        "call_id": message.call,
        "topic": message.topic,
        "to": message.to,
        "segments": message.segments,
    })
}

/// The text that a value is stored as.
fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
