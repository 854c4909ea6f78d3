//! Sessions of people who have signed in: a random token in their browser, of which only the SHA-256 is kept.

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

use super::audit::Change;
use super::driver::{Access, Id, Row, Time, sql};
use super::keys::{base64url, hash, lookup};
use super::users::{sign_out, user};
use super::{KeyOwner, Result, Store, StoreError};
use crate::domain::{By, Secret, Session, SessionId, TenantScope, User, UserId};

/// How long a session lives at most.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a session lives without a request.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(24);

/// How exact `last_used_at` is: not every request is a write.
const TOUCH: SignedDuration = SignedDuration::from_mins(5);

/// A random token that is shown once: a session's, an invitation's. `Debug` does not reveal it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(Secret);

impl Token {
    /// Makes a token of 32 random bytes, in base64url.
    pub fn generate(random: [u8; 32]) -> Self {
        Self(Secret::new(base64url(&random)))
    }

    /// The token itself, to be shown once or sent.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// Whom a user acts for.
pub fn owner_of(user: &User) -> KeyOwner {
    user.tenant.map_or(KeyOwner::Platform, |tenant| KeyOwner::Tenant(TenantScope::proven(tenant)))
}

impl Store {
    /// Begins a session; the ended ones of the same user are forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_session(&self, user: &User, id: SessionId, token: &Token, by: &By) -> Result<Session> {
        let expires_at = by.at.saturating_add(SESSION_LIFE).unwrap_or(Timestamp::MAX);
        let hash = hash(token.reveal());
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let ended = sql("DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2").bind(Id(user.id));
        transaction.execute(ended.bind(Time(by.at))).await?;
        transaction
            .execute(
                sql("INSERT INTO sessions (id, user_id, tenant_id, lookup, hash, created_at, last_used_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7)")
                .bind(Id(id))
                .bind(Id(user.id))
                .bind(user.tenant.map(Id))
                .bind(lookup(&hash))
                .bind(hash.as_slice())
                .bind(Time(by.at))
                .bind(Time(expires_at)),
            )
            .await?;
        transaction.audit(user.tenant, by, Change::of("session.open", id)).await?;
        transaction.commit().await?;
        Ok(Session { id, user: user.id, created_at: by.at, last_used_at: by.at, expires_at })
    }

    /// Whose session a token is, while it lives. A platform verb: nobody is known yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, presented: &str, now: Timestamp) -> Result<Option<(Session, User)>> {
        let presented = hash(presented);
        let query = sql("SELECT s.id AS session_id, s.user_id, s.hash, s.created_at AS session_created_at,
                    s.last_used_at, s.expires_at, u.*
             FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.lookup = $1");
        for row in self.driver.fetch_all(Access::Platform, query.bind(lookup(&presented))).await? {
            if !bool::from(row.get::<Vec<u8>>("hash")?.ct_eq(presented.as_slice())) {
                continue;
            }
            let (Id(id), Time(created_at)) = (row.get("session_id")?, row.get("session_created_at")?);
            let session = session(&row, id, created_at)?;
            let user = user(&row)?;
            let idle = now.duration_since(session.last_used_at);
            if user.disabled || session.expires_at <= now || idle > SESSION_IDLE {
                return Ok(None);
            }
            if idle > TOUCH {
                let touch = sql("UPDATE sessions SET last_used_at = $2 WHERE id = $1").bind(Id(id)).bind(Time(now));
                self.driver.execute(Access::Platform, touch).await?;
            }
            return Ok(Some((session, user)));
        }
        Ok(None)
    }

    /// Gives a session of one of the owner's users another token; the old one is worth nothing from here on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the session has ended, or when the database fails.
    pub async fn rotate_session(&self, owner: KeyOwner, id: SessionId, token: &Token, by: &By) -> Result<()> {
        let hash = hash(token.reveal());
        let rotate = sql("UPDATE sessions SET lookup = $2, hash = $3 WHERE id = $1");
        let rotate = rotate.bind(Id(id)).bind(lookup(&hash)).bind(hash.as_slice());
        let mut transaction = self.driver.begin(Access::Platform).await?;
        if transaction.execute(rotate).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(owner.tenant(), by, Change::of("session.rotate", id)).await?;
        transaction.commit().await
    }

    /// The sessions of a user that live, the latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
        let query = sql("SELECT * FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT 200");
        let rows = self.driver.fetch_all(Access::Platform, query.bind(Id(user)).bind(Time(now))).await?;
        let read = |row: &Row| {
            let (Id(id), Time(created_at)) = (row.get("id")?, row.get("created_at")?);
            session(row, id, created_at)
        };
        rows.iter().map(read).collect()
    }

    /// Ends one session of a user.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the user has no such session, or when the database fails.
    pub async fn close_session(&self, owner: KeyOwner, user: UserId, id: SessionId, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let close = sql("DELETE FROM sessions WHERE id = $1 AND user_id = $2").bind(Id(id)).bind(Id(user));
        if transaction.execute(close).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(owner.tenant(), by, Change::of("session.close", id)).await?;
        transaction.commit().await
    }

    /// Signs one of the owner's users out everywhere; how many sessions that were.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the owner has no such user, or when the database fails.
    pub async fn close_sessions(&self, owner: KeyOwner, user: UserId, by: &By) -> Result<u64> {
        self.user(owner, user).await?;
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let closed = sign_out(&mut transaction, user).await?;
        transaction.audit(owner.tenant(), by, Change::of("user.sign_out", user)).await?;
        transaction.commit().await?;
        Ok(closed)
    }
}

fn session(row: &Row, id: SessionId, created_at: Timestamp) -> Result<Session> {
    let (Id(user), Time(last_used_at), Time(expires_at)) =
        (row.get("user_id")?, row.get("last_used_at")?, row.get("expires_at")?);
    Ok(Session { id, user, created_at, last_used_at, expires_at })
}
