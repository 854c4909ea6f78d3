//! All that names a database: one set of queries, two drivers.
//!
//! A query is text that SQLite and PostgreSQL both understand and a list of [`Value`]s; each driver binds them as its
//! own native types and gives [`Row`]s back. Where the two cannot share a text (full-text search), [`Driver::dialect`]
//! tells which one it is.
//!
//! Every statement runs for somebody: an [`Access`] names one tenant or the platform. In PostgreSQL it decides, by
//! row-level security, which rows exist at all; SQLite has no such lock, so that queries name the tenant all the same.

mod postgres;
mod row;
mod sqlite;
mod value;

use std::path::Path;
use std::time::Duration;

pub(super) use row::Row;
pub(super) use value::{Document, Id, Sql, Time, Word, sql};

use super::{PostgresOptions, StoreError};
use crate::domain::TenantScope;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// For whom a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// One tenant: rows of others do not exist.
    Tenant(TenantScope),
    /// Look-ups before a tenant is known (a dialled number, a key) and the operator's own work.
    Platform,
}

/// Which database is under the queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// The database. Clones share one set of connections.
#[derive(Clone)]
pub(super) enum Driver {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// Several statements that happen together or not at all; undone when dropped without [`Transaction::commit`].
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Driver {
    /// Opens the SQLite database at `path`, made when missing, and brings its schema up to date.
    pub(super) async fn sqlite(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        sqlite::Sqlite::open(path, busy).await.map(Self::Sqlite)
    }

    /// Opens the SQLite database at `path` to read it only, beside the process that writes it.
    pub(super) async fn sqlite_to_read(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        sqlite::Sqlite::open_to_read(path, busy).await.map(Self::Sqlite)
    }

    /// Connects to PostgreSQL and brings its schema up to date where the options say so.
    pub(super) async fn postgres(options: &PostgresOptions) -> Result<Self, StoreError> {
        postgres::Postgres::connect(options).await.map(Self::Postgres)
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&self, access: Access) -> Result<Transaction, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Transaction::Sqlite),
            Self::Postgres(postgres) => postgres.begin(access).await.map(Transaction::Postgres),
        }
    }

    /// Runs one statement and commits it; the number of rows that it changed.
    pub(super) async fn execute(&self, access: Access, query: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite::execute(sqlite.writer(), query).await,
            Self::Postgres(postgres) => {
                let mut transaction = postgres.begin(access).await?;
                let rows = postgres::execute(&mut transaction, query).await?;
                transaction.commit().await?;
                Ok(rows)
            }
        }
    }

    /// Reads all rows.
    pub(super) async fn fetch_all(&self, access: Access, query: Sql) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite::fetch_all(sqlite.reader(), query).await,
            Self::Postgres(postgres) => {
                let mut transaction = postgres.begin(access).await?;
                let rows = postgres::fetch_all(&mut transaction, query).await?;
                transaction.commit().await?;
                Ok(rows)
            }
        }
    }

    /// Reads the first row, if there is one.
    pub(super) async fn fetch_optional(&self, access: Access, query: Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch_all(access, query).await?.into_iter().next())
    }

    /// Reads the first row; [`StoreError::NotFound`] when there is none.
    pub(super) async fn fetch_one(&self, access: Access, query: Sql) -> Result<Row, StoreError> {
        self.fetch_optional(access, query).await?.ok_or(StoreError::NotFound)
    }

    /// Copies the whole database into a new SQLite file at `to` while it is in use.
    pub(super) async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.backup(to).await,
            Self::Postgres(_) => Err(StoreError::BackupElsewhere),
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }

    /// The SQLite connections, for tests of what only SQLite has.
    #[cfg(test)]
    pub(super) fn as_sqlite(&self) -> &sqlite::Sqlite {
        match self {
            Self::Sqlite(sqlite) => sqlite,
            Self::Postgres(_) => panic!("the store is on PostgreSQL"),
        }
    }
}

impl Transaction {
    /// Runs one statement; the number of rows that it changed.
    pub(super) async fn execute(&mut self, query: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(transaction) => sqlite::execute(&mut **transaction, query).await,
            Self::Postgres(transaction) => postgres::execute(transaction, query).await,
        }
    }

    /// Reads all rows, those written in this transaction too.
    pub(super) async fn fetch_all(&mut self, query: Sql) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(transaction) => sqlite::fetch_all(&mut **transaction, query).await,
            Self::Postgres(transaction) => postgres::fetch_all(transaction, query).await,
        }
    }

    /// Reads the first row, if there is one.
    pub(super) async fn fetch_optional(&mut self, query: Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch_all(query).await?.into_iter().next())
    }

    /// Makes all of it durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}

/// The migrations of SQLite, for tests that stop half-way.
#[cfg(test)]
pub(super) use sqlite::MIGRATIONS as SQLITE_MIGRATIONS;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => Self::Timeout,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error),
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            // The row that this one must hang on is not there, or is another tenant's.
            sqlx::Error::Database(database) if database.is_foreign_key_violation() => Self::NotFound,
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some(postgres::code::INSUFFICIENT_PRIVILEGE) => Self::NotFound,
                Some(postgres::code::DISK_FULL) => Self::Full,
                Some(code) if postgres::code::is_shutdown(code) => Self::Unreachable { source: error },
                _ => sqlite::failed(error),
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed => {
                Self::Unreachable { source: error }
            }
            _ => Self::Database(error),
        }
    }
}
