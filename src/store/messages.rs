//! The way of a message through the outbox: taken by a node, tried, finished, reported, sent again.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::audit::Change;
use super::driver::{Access, Dialect, Document, Id, Row, Sql, Time, Word, sql};
use super::outbox::{Occurrence, delivered, tell};
use super::{CursorError, Result, Store, StoreError};
use crate::domain::billing::LedgerLine;
use crate::domain::{
    Attempt, By, Channel, E164, EventKind, Message, MessageFilter, MessageId, MessageState, ReceiptState, TenantId,
    TenantScope, WebhookId,
};

/// A message that this node has taken to send it.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub scope: TenantScope,
    pub message: Message,
    /// What a webhook is told.
    pub payload: serde_json::Value,
    /// Tries of this sending that failed before.
    pub failures: u32,
    /// Tells this holder from a later one.
    claim: i64,
}

/// One try, as it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    pub took_ms: u32,
    /// Of HTTP.
    pub status: Option<u16>,
    /// The text of an SMS, and its parts.
    pub text: Option<String>,
    pub segments: Option<u32>,
    pub provider: Option<String>,
    pub provider_id: Option<String>,
    /// What it costs once it was taken over: added to the call that it is about.
    pub cost: Option<LedgerLine>,
}

/// Where a page of messages ended; the text form is opaque to whoever passes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCursor {
    at: Timestamp,
    id: MessageId,
}

/// One page of the list, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    pub items: Vec<Message>,
    /// `None` on the last page.
    pub next: Option<MessageCursor>,
}

impl Store {
    /// When the next pending message of a channel can be taken; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_message_due(&self, channel: Channel) -> Result<Option<Timestamp>> {
        let query = sql("SELECT CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END AS due
                         FROM outbox WHERE state = 'pending' AND channel = $1 ORDER BY 1 LIMIT 1");
        let row = self.driver.fetch_optional(Access::Platform, query.bind(Word(channel))).await?;
        row.map(|row| row.get("due").map(|Time(due)| due)).transpose()
    }

    /// Takes up to `limit` messages that are due, the oldest first, for this node alone until `lease` has passed. A node
    /// that dies with them leaves them to the others then.
    ///
    /// # Errors
    /// When the database fails; then none is taken.
    pub async fn claim_messages(
        &self,
        channel: Channel,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Claimed>> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        // SQLite has one writer, which sees what is there. In PostgreSQL several nodes choose at once: each passes over
        // the rows that another has locked, and the array keeps the choice from being made twice.
        let text = match self.driver.dialect() {
            Dialect::Sqlite => {
                "UPDATE outbox SET claims = claims + 1, lease_until = $3 WHERE id IN (
                     SELECT id FROM outbox WHERE state = 'pending' AND channel = $1 AND due_at <= $2
                     AND (lease_until IS NULL OR lease_until <= $2) ORDER BY due_at, id LIMIT $4) RETURNING *"
            }
            Dialect::Postgres => {
                "UPDATE outbox SET claims = claims + 1, lease_until = $3 WHERE id = ANY(ARRAY(
                     SELECT id FROM outbox WHERE state = 'pending' AND channel = $1 AND due_at <= $2
                     AND (lease_until IS NULL OR lease_until <= $2) ORDER BY due_at, id LIMIT $4
                     FOR UPDATE SKIP LOCKED)) RETURNING *"
            }
        };
        let query = sql(text)
            .bind(Word(channel))
            .bind(Time(now))
            .bind(Time(now.checked_add(lease).unwrap_or(now)))
            .bind(i64::from(limit));
        let rows = transaction.fetch_all(query).await?;
        let readable = |row| {
            // It stays taken until its lease is over, and keeps nobody else waiting.
            let unreadable = |error: &StoreError| tracing::warn!(%error, "a message of the outbox cannot be read");
            claimed(row).inspect_err(unreadable).ok()
        };
        let mut taken: Vec<Claimed> = rows.iter().filter_map(readable).collect();
        transaction.commit().await?;
        taken.sort_by_key(|claimed| (claimed.message.due_at, claimed.message.id));
        Ok(taken)
    }

    /// Frees what an earlier process had taken and never finished; for a database that one process has to itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_messages(&self) -> Result<u64> {
        if self.driver.dialect() == Dialect::Postgres {
            return Ok(0);
        }
        let query = sql("UPDATE outbox SET lease_until = NULL WHERE state = 'pending' AND lease_until IS NOT NULL");
        self.driver.execute(Access::Platform, query).await
    }

    /// Writes down that a message was taken over. Also when the lease ran out meanwhile: what is sent is sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_sent(&self, claimed: &Claimed, tried: &Tried, now: Timestamp) -> Result<()> {
        let query =
            sql("UPDATE outbox SET state = 'sent', attempts = attempts + 1, finished_at = $3, lease_until = NULL,
                         last_error = NULL, text = $4, segments = $5, provider = $6, provider_id = $7
                         WHERE tenant_id = $1 AND id = $2 AND state = 'pending' RETURNING attempts")
            .bind(Id(claimed.scope.tenant()))
            .bind(Id(claimed.message.id))
            .bind(Time(now))
            .bind(&tried.text)
            .bind(tried.segments.map(i64::from))
            .bind(&tried.provider)
            .bind(&tried.provider_id);
        self.finish(claimed, query, tried, None, now).await
    }

    /// Writes down a try that failed: the message is tried again at `next`, or given up. Nothing when the lease ran out
    /// and another node has the message.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_failed(
        &self,
        claimed: &Claimed,
        tried: &Tried,
        error: &str,
        next: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let state = if next.is_some() { MessageState::Pending } else { MessageState::Dead };
        let query = sql("UPDATE outbox SET state = $3, attempts = attempts + 1, due_at = $4, finished_at = $5,
                         lease_until = NULL, last_error = $6, text = COALESCE($7, text),
                         segments = COALESCE($8, segments), provider = COALESCE($9, provider)
                         WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND claims = $10 RETURNING attempts")
        .bind(Id(claimed.scope.tenant()))
        .bind(Id(claimed.message.id))
        .bind(Word(state))
        .bind(Time(next.unwrap_or(now)))
        .bind(next.is_none().then_some(Time(now)))
        .bind(error)
        .bind(&tried.text)
        .bind(tried.segments.map(i64::from))
        .bind(&tried.provider)
        .bind(claimed.claim);
        self.finish(claimed, query, tried, Some(error), now).await
    }

    /// Puts a message off without a try.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_postponed(&self, claimed: &Claimed, until: Timestamp) -> Result<()> {
        let query = sql("UPDATE outbox SET due_at = $3, lease_until = NULL
                         WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND claims = $4")
        .bind(Id(claimed.scope.tenant()))
        .bind(Id(claimed.message.id))
        .bind(Time(until))
        .bind(claimed.claim);
        self.driver.execute(Access::Tenant(claimed.scope), query).await.map(drop)
    }

    /// Puts off all that is pending for an endpoint which does not answer, so that it keeps nobody else waiting.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn defer_webhook(&self, scope: TenantScope, webhook: WebhookId, until: Timestamp) -> Result<()> {
        let query = sql("UPDATE outbox SET due_at = $3
                         WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending' AND due_at < $3")
        .bind(Id(scope.tenant()))
        .bind(Id(webhook))
        .bind(Time(until));
        self.driver.execute(Access::Tenant(scope), query).await.map(drop)
    }

    async fn finish(
        &self,
        claimed: &Claimed,
        update: Sql,
        tried: &Tried,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(claimed.scope)).await?;
        let Some(row) = transaction.fetch_optional(update).await? else { return Ok(()) };
        let number: i64 = row.get("attempts")?;
        let query = sql("INSERT INTO message_attempts (tenant_id, message_id, number, at, took_ms, status, error)
                         VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(Id(claimed.scope.tenant()))
        .bind(Id(claimed.message.id))
        .bind(number)
        .bind(Time(now))
        .bind(i64::from(tried.took_ms))
        .bind(tried.status.map(i64::from))
        .bind(error.map(ToOwned::to_owned));
        transaction.execute(query).await?;
        if error.is_none()
            && let (Some(call), Some(line)) = (claimed.message.call, &tried.cost)
        {
            match super::ledger::add_line(&mut transaction, claimed.scope, call, line).await {
                // A call of a version that charged none.
                Ok(()) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await
    }

    /// Takes a provider's report on an SMS. Whether a message was found by it; a report that comes twice, or after a
    /// better one, changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_receipt(
        &self,
        provider: &str,
        provider_id: &str,
        report: ReceiptState,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let query = sql("SELECT * FROM outbox WHERE provider = $1 AND provider_id = $2 AND channel = 'sms'");
        let found = transaction.fetch_all(query.bind(provider).bind(provider_id)).await?;
        for row in &found {
            let message = message(row)?;
            let state = match (report, message.state) {
                (ReceiptState::Delivered, MessageState::Sent | MessageState::Undelivered) => MessageState::Delivered,
                (ReceiptState::Undelivered, MessageState::Sent) => MessageState::Undelivered,
                _ => continue,
            };
            let query = sql("UPDATE outbox SET state = $3, finished_at = $4, last_error = $5
                             WHERE tenant_id = $1 AND id = $2 AND state = $6")
            .bind(Id(message.tenant))
            .bind(Id(message.id))
            .bind(Word(state))
            .bind(Time(now))
            .bind(why.filter(|_| state == MessageState::Undelivered).map(ToOwned::to_owned))
            .bind(Word(message.state));
            // Zero when the same report came twice at once: the other one has told of it.
            if transaction.execute(query).await? > 0 && state == MessageState::Delivered {
                let (subject, scope) = (message.id.to_string(), TenantScope::proven(message.tenant));
                let event = EventKind::MessageDelivered;
                let occurrence =
                    Occurrence { scope, event, call: message.call, subject: &subject, at: message.created_at };
                tell(&mut transaction, &occurrence, &delivered(&message), now).await?;
            }
        }
        transaction.commit().await?;
        self.outbox.send_replace(());
        Ok(!found.is_empty())
    }

    /// Lists the tenant's messages, the latest first, `limit` (at least 1) at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn messages(
        &self,
        scope: TenantScope,
        filter: &MessageFilter,
        cursor: Option<MessageCursor>,
        limit: u32,
    ) -> Result<MessagePage> {
        let limit = limit.max(1);
        let mut query = sql("SELECT * FROM outbox WHERE tenant_id = $1").bind(Id(scope.tenant()));
        narrow(&mut query, filter);
        if let Some(cursor) = cursor {
            query.push(" AND (created_at, id) < (").push_bind(Time(cursor.at));
            query.push(", ").push_bind(Id(cursor.id)).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        let mut items = rows.iter().map(message).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|last| MessageCursor { at: last.created_at, id: last.id });
        Ok(MessagePage { items, next })
    }

    /// One message with its tries; `None` when the tenant has no such message.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message(&self, scope: TenantScope, id: MessageId) -> Result<Option<(Message, Vec<Attempt>)>> {
        let query = sql("SELECT * FROM outbox WHERE tenant_id = $1 AND id = $2");
        let query = query.bind(Id(scope.tenant())).bind(Id(id));
        let Some(row) = self.driver.fetch_optional(Access::Tenant(scope), query).await? else { return Ok(None) };
        let query = sql("SELECT * FROM message_attempts WHERE tenant_id = $1 AND message_id = $2 ORDER BY number");
        let query = query.bind(Id(scope.tenant())).bind(Id(id));
        let attempts = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        Ok(Some((message(&row)?, attempts.iter().map(attempt).collect::<Result<_>>()?)))
    }

    /// Sends a message again under the same identifier, whatever became of it; one that is pending is tried now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such message, or when the database fails.
    pub async fn resend_message(&self, scope: TenantScope, id: MessageId, by: &By) -> Result<()> {
        let mut query = again(scope, by.at);
        query.push(" AND id = ").push_bind(Id(id));
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        if transaction.execute(query).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(Some(scope.tenant()), by, Change::of("message.resend", id)).await?;
        transaction.commit().await?;
        self.outbox.send_replace(());
        Ok(())
    }

    /// Sends again what was given up for an endpoint that is mended; how many messages that are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such endpoint, or when the database fails.
    pub async fn replay_webhook(&self, scope: TenantScope, id: WebhookId, by: &By) -> Result<u64> {
        let filter = MessageFilter { webhook: Some(id), state: Some(MessageState::Dead), ..MessageFilter::default() };
        let mut query = again(scope, by.at);
        narrow(&mut query, &filter);
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let known = sql("SELECT id FROM webhooks WHERE tenant_id = $1 AND id = $2");
        if transaction.fetch_optional(known.bind(Id(scope.tenant())).bind(Id(id))).await?.is_none() {
            return Err(StoreError::NotFound);
        }
        let messages = transaction.execute(query).await?;
        let change = Change::of("webhook.replay", id).after(&serde_json::json!({ "messages": messages }));
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await?;
        self.outbox.send_replace(());
        Ok(messages)
    }
}

/// A statement that makes messages pending again; the caller says which.
fn again(scope: TenantScope, now: Timestamp) -> Sql {
    sql("UPDATE outbox SET state = 'pending', due_at = $2, finished_at = NULL, tries_from = attempts WHERE tenant_id = $1")
        .bind(Id(scope.tenant()))
        .bind(Time(now))
}

fn narrow(query: &mut Sql, filter: &MessageFilter) {
    if let Some(channel) = filter.channel {
        query.push(" AND channel = ").push_bind(Word(channel));
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(Word(state));
    }
    if let Some(call) = filter.call {
        query.push(" AND call_id = ").push_bind(Id(call));
    }
    if let Some(webhook) = filter.webhook {
        query.push(" AND webhook_id = ").push_bind(Id(webhook));
    }
}

fn claimed(row: &Row) -> Result<Claimed> {
    let Id(tenant) = row.get::<Id<TenantId>>("tenant_id")?;
    let tries = row.get::<i64>("attempts")? - row.get::<i64>("tries_from")?;
    Ok(Claimed {
        scope: TenantScope::proven(tenant),
        message: message(row)?,
        payload: row.get::<Document<_>>("payload")?.0,
        failures: u32::try_from(tries).unwrap_or(0),
        claim: row.get("claims")?,
    })
}

fn message(row: &Row) -> Result<Message> {
    let count = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Message {
        id: row.get::<Id<_>>("id")?.0,
        tenant: row.get::<Id<_>>("tenant_id")?.0,
        call: row.get::<Option<Id<_>>>("call_id")?.map(|Id(call)| call),
        channel: row.get::<Word<_>>("channel")?.0,
        topic: row.get::<Word<_>>("topic")?.0,
        to: row.get::<Option<Word<E164>>>("recipient")?.map(|Word(number)| number),
        webhook: row.get::<Option<Id<_>>>("webhook_id")?.map(|Id(webhook)| webhook),
        state: row.get::<Word<_>>("state")?.0,
        attempts: count(row.get("attempts")?),
        created_at: row.get::<Time>("created_at")?.0,
        due_at: row.get::<Time>("due_at")?.0,
        finished_at: row.get::<Option<Time>>("finished_at")?.map(|Time(at)| at),
        text: row.get("text")?,
        segments: row.get::<Option<i64>>("segments")?.map(count),
        provider: row.get("provider")?,
        provider_id: row.get("provider_id")?,
        last_error: row.get("last_error")?,
    })
}

fn attempt(row: &Row) -> Result<Attempt> {
    Ok(Attempt {
        number: u32::try_from(row.get::<i64>("number")?).unwrap_or(0),
        at: row.get::<Time>("at")?.0,
        took_ms: u32::try_from(row.get::<i64>("took_ms")?).unwrap_or(u32::MAX),
        status: row.get::<Option<i64>>("status")?.and_then(|status| u16::try_from(status).ok()),
        error: row.get("error")?,
    })
}

/// `<microseconds>-<32 hex digits>`, both in hexadecimal.
impl fmt::Display for MessageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.at.as_microsecond(), self.id.uuid().simple())
    }
}

impl FromStr for MessageCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (micros, id) = text.split_once('-').ok_or(CursorError)?;
        let micros = i64::from_str_radix(micros, 16).map_err(|_| CursorError)?;
        let id = format!("{}_{id}", MessageId::PREFIX).parse().map_err(|_| CursorError)?;
        Ok(Self { at: Timestamp::from_microsecond(micros).map_err(|_| CursorError)?, id })
    }
}
