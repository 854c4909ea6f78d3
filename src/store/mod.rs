//! SQL, one file per aggregate.
//!
//! Every row belongs to a tenant, and every verb that touches one takes a [`TenantScope`]: a row of another tenant is
//! neither seen nor changed, and looks exactly like a row that does not exist. What a verb has returned `Ok` for is on
//! disk. Times keep microseconds.
//!
//! One set of queries for SQLite and PostgreSQL; everything that names a database is in `driver`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

mod audit;
mod calls;
mod driver;
mod error;
#[doc(hidden)]
pub mod fault;
mod idempotency;
mod invitations;
mod keys;
mod ledger;
mod messages;
mod outbox;
mod privacy;
mod profiles;
mod repair;
mod sessions;
mod tenant_erasure;
mod tenants;
#[cfg(test)]
pub(crate) mod tests;
mod trunks;
mod turns;
mod users;
mod webhooks;

pub use calls::{CloseCall, Cursor, CursorError, Page};
pub use error::StoreError;
pub use idempotency::{Attempt, KEPT, Known, StoredAnswer};
pub use keys::{ApiKey, ApiKeyError, KeyEntry, KeyOwner, NewKey, Principal};
pub use messages::{Claimed, MessageCursor, MessagePage, Tried};
pub use privacy::{Erasure, KEPT_EVENTS, LOG_HOLD};
pub use profiles::{ProfileVersion, StoredProfile};
pub use repair::NODE_HEARTBEAT;
pub use sessions::{SESSION_IDLE, SESSION_LIFE, Token, owner_of};
pub use tenants::{Account, Onboarding, Route};
pub use trunks::{PasswordChange, StoredTrunk};
pub use turns::{CallEvent, EVENT_NOTICE};
pub use users::UserChange;
pub use webhooks::{Endpoint, MOST_WEBHOOKS, OLD_SECRET_LIVES};

use crate::domain::{NodeId, Secret, TenantScope};

/// What store verbs return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long a write waits for another process that holds the database, before [`StoreError::Locked`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:5432/DATABASE`, with the parameters of libpq after a `?`.
    pub url: Secret,
    /// Connections at once, at least 1.
    pub max_connections: u32,
    /// Whether to bring the schema up to date, or only to check that it is.
    pub migrate: bool,
}

/// The database. Clones share one set of connections.
#[derive(Clone)]
pub struct Store {
    driver: driver::Driver,
    /// Changes whenever this process has written to the outbox.
    outbox: Arc<watch::Sender<()>>,
    /// This process, as the owner of the calls that it answers.
    node: NodeId,
}

impl Store {
    /// Opens the SQLite database at `path`, makes it (and its folder) when missing, and brings its schema up to date.
    ///
    /// One process at a time: a second one would take the first one's live calls for abandoned ones.
    ///
    /// # Errors
    /// One line each that says what, where and how to mend it: [`StoreError::Unwritable`], [`StoreError::InUse`],
    /// [`StoreError::Locked`], [`StoreError::NotADatabase`], [`StoreError::WrongSchema`], [`StoreError::Full`].
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, BUSY_TIMEOUT).await
    }

    /// Opens the database at `path` to read it only, while another process may have it open. Nothing is made, changed or
    /// migrated, and every verb that writes fails.
    ///
    /// # Errors
    /// As [`Store::open`], also when there is no database at `path`.
    pub async fn open_to_read(path: &Path) -> Result<Self> {
        Ok(Self::over(driver::Driver::sqlite_to_read(path, BUSY_TIMEOUT).await?))
    }

    async fn open_waiting(path: &Path, busy: Duration) -> Result<Self> {
        Ok(Self::over(driver::Driver::sqlite(path, busy).await?))
    }

    fn over(driver: driver::Driver) -> Self {
        let node = NodeId::new(Timestamp::now(), rand::random());
        Self { driver, outbox: Arc::new(watch::Sender::new(())), node }
    }

    /// Connects to PostgreSQL and brings the schema `vca` up to date, or checks it where `options.migrate` is false.
    ///
    /// Several processes may share the database.
    ///
    /// # Errors
    /// One line each that says what, where and how to mend it: [`StoreError::BadUrl`], [`StoreError::Unreachable`],
    /// [`StoreError::Timeout`], [`StoreError::NotMigrated`], [`StoreError::WrongPostgresSchema`],
    /// [`StoreError::RoleBypasses`].
    pub async fn connect(options: &PostgresOptions) -> Result<Self> {
        Ok(Self::over(driver::Driver::postgres(options).await?))
    }

    /// Copies a SQLite database, whole and consistent, into the new file `to`; calls go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] when the file exists or cannot be made, [`StoreError::BackupElsewhere`] on PostgreSQL.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        self.driver.backup(to).await
    }

    /// The database, in one word.
    pub fn kind(&self) -> &'static str {
        match self.driver.dialect() {
            driver::Dialect::Sqlite => "sqlite",
            driver::Dialect::Postgres => "postgresql",
        }
    }

    /// Answers when the database does; for the readiness probe.
    ///
    /// # Errors
    /// Whatever keeps the database from answering.
    pub async fn ping(&self) -> Result<()> {
        self.driver.fetch_one(driver::Access::Platform, driver::sql("SELECT 1 AS one")).await?;
        Ok(())
    }

    /// Finishes what is being written, folds the write-ahead log into the database, and lets other processes open it.
    pub async fn close(self) {
        self.driver.close().await;
    }
}

/// One page of a list whose items name themselves: the next page begins after the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Whether there is a next page.
    pub more: bool,
}

impl<T> Listed<T> {
    /// How many rows to ask for: one more than wanted tells whether there is a next page.
    fn ask(limit: u32) -> i64 {
        i64::from(limit.max(1)) + 1
    }

    fn cut(mut items: Vec<T>, limit: u32) -> Self {
        let limit = limit.max(1) as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

/// Refuses a document that names another tenant than the one the bearer may act for.
fn own(scope: TenantScope, tenant: crate::domain::TenantId) -> Result<()> {
    if scope.tenant() == tenant { Ok(()) } else { Err(StoreError::NotFound) }
}
