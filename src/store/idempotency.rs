//! Answers to POST requests that carried an Idempotency-Key, so that one that is sent again changes nothing.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::driver::{Access, Time, sql};
use super::{Result, Store, StoreError};
use crate::domain::{Actor, TenantId};

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// After that long, a request that has not been answered is taken for one whose server died.
const LOST: SignedDuration = SignedDuration::from_mins(2);

/// A request that may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub actor: Actor,
    pub tenant: Option<TenantId>,
    pub key: &'a str,
    /// SHA-256 of the operation and the body.
    pub hash: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// What is known of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is under way from now on, and is to be finished or given up.
    New,
    /// Another one like it is under way.
    UnderWay,
    /// The key was used for another request.
    Other,
    Answered(StoredAnswer),
}

impl Store {
    /// Notes that a request is under way, unless one with its key is or was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Known> {
        let ago = |time| now.saturating_sub(time).unwrap_or(Timestamp::MIN);
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let old = sql("DELETE FROM idempotency WHERE created_at < $1 OR (created_at < $2 AND status IS NULL)");
        transaction.execute(old.bind(Time(ago(KEPT))).bind(Time(ago(LOST)))).await?;
        let principal = principal(attempt.actor)?;
        let insert = sql("INSERT INTO idempotency (principal, key, tenant_id, request_hash, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (principal, key) DO NOTHING");
        let insert = insert.bind(&principal).bind(digest(attempt.key)).bind(attempt.tenant.map(super::driver::Id));
        let done = transaction.execute(insert.bind(attempt.hash.as_slice()).bind(Time(now))).await?;
        if done == 1 {
            transaction.commit().await?;
            return Ok(Known::New);
        }
        let query = sql("SELECT * FROM idempotency WHERE principal = $1 AND key = $2").bind(&principal);
        // Gone between the two statements: whoever had it has given up this moment.
        let Some(row) = transaction.fetch_optional(query.bind(digest(attempt.key))).await? else {
            return Ok(Known::UnderWay);
        };
        if row.get::<Vec<u8>>("request_hash")? != attempt.hash {
            return Ok(Known::Other);
        }
        let Some(status) = row.get::<Option<i64>>("status")? else { return Ok(Known::UnderWay) };
        Ok(Known::Answered(StoredAnswer {
            status: u16::try_from(status).unwrap_or(500),
            content_type: row.get::<Option<String>>("content_type")?.unwrap_or_default(),
            body: row.get::<Option<Vec<u8>>>("body")?.unwrap_or_default(),
        }))
    }

    /// Keeps the answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_attempt(&self, attempt: Attempt<'_>, answer: &StoredAnswer) -> Result<()> {
        let update = sql("UPDATE idempotency SET status = $3, content_type = $4, body = $5
             WHERE principal = $1 AND key = $2");
        let update = update.bind(principal(attempt.actor)?).bind(digest(attempt.key)).bind(i64::from(answer.status));
        let update = update.bind(&answer.content_type).bind(answer.body.as_slice());
        self.driver.execute(Access::Platform, update).await?;
        Ok(())
    }

    /// Forgets a request that was not carried out, so that it may be sent again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_up_attempt(&self, attempt: Attempt<'_>) -> Result<()> {
        let delete = sql("DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND status IS NULL");
        self.driver.execute(Access::Platform, delete.bind(principal(attempt.actor)?).bind(digest(attempt.key))).await?;
        Ok(())
    }
}

/// The key as it is kept: a request's hash is made with the key itself, so that whoever reads the table cannot try bodies
/// against the hash.
fn digest(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The actor as text.
fn principal(actor: Actor) -> Result<String> {
    match actor {
        Actor::User(id) => Ok(id.to_string()),
        Actor::ApiKey(id) => Ok(id.to_string()),
        // Nobody sends requests as the system.
        Actor::System => Err(StoreError::NotFound),
    }
}
