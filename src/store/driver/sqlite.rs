//! SQLite: connections, pragmas, the lock file, error codes.
//!
//! SQLite runs in WAL mode with `synchronous = FULL`: each commit is synced before it is acknowledged, so that neither
//! a killed process nor a power cut loses it. `NORMAL` would keep the first promise only. The price, one sync per turn
//! and call, is paid off the media path.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, Transaction};

use super::value::Value;
use super::{ACQUIRE_TIMEOUT, Row, Sql, StoreError};

pub(in crate::store) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers beside the one writer; each is a thread in sqlx's SQLite driver.
const READERS: u32 = 4;

#[derive(Clone)]
pub(in crate::store) struct Sqlite {
    /// One connection: SQLite has one writer at a time, and waiting in our queue is fair where its lock is not.
    writer: SqlitePool,
    /// Connections that refuse to write.
    readers: SqlitePool,
    /// Held for as long as the database is open. The kernel releases it when the process dies.
    _lock: Option<Arc<File>>,
}

impl Sqlite {
    pub(super) async fn open(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(busy)
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let write = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let writer =
            pool().max_connections(1).connect_with(write).await.map_err(|error| opening_failed(path, error))?;
        MIGRATIONS.run(&writer).await.map_err(|error| migrating_failed(path, error))?;
        let readers = pool().max_connections(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { writer, readers, _lock: Some(Arc::new(lock)) })
    }

    /// Opens a database to read it only, beside the process that writes it.
    pub(super) async fn open_to_read(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(busy)
            .disable_statement_logging()
            .pragma("query_only", "ON");
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).max_connections(1);
        let readers = pool.connect_with(options).await.map_err(|error| opening_failed(path, error))?;
        Ok(Self { writer: readers.clone(), readers, _lock: None })
    }

    pub(in crate::store) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(in crate::store) fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a transaction that will write. It takes SQLite's write lock at once, because a transaction that reads
    /// first and then cannot get the lock fails without waiting.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Copies the database as it stands now into a new file (`VACUUM INTO`); writers go on meanwhile.
    pub(super) async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let unwritable = |source| StoreError::Unwritable { path: to.to_owned(), source };
        if to.exists() {
            return Err(unwritable(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "the file exists")));
        }
        let name = to.to_str().ok_or_else(|| {
            unwritable(std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the name is not UTF-8"))
        })?;
        // The copy is a write to a connection that may only read, so this one does not go back to the others.
        let mut connection = self.readers.acquire().await?.detach();
        let done = async {
            sqlx::query("PRAGMA query_only = OFF").execute(&mut connection).await?;
            sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await
        };
        let done = done.await;
        connection.close().await?;
        done.map_err(|error| opening_failed(to, error))?;
        // The copy is a backup only once it is on the disk.
        let file = File::open(to).map_err(unwritable)?;
        tokio::task::spawn_blocking(move || file.sync_all())
            .await
            .map_err(std::io::Error::other)
            .and_then(|synced| synced)
            .map_err(unwritable)
    }

    pub(super) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Takes the lock file beside the database. The database file itself must not be opened here: closing it would drop
/// the locks that SQLite holds on it.
fn lock(database: &Path) -> Result<File, StoreError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        |source| StoreError::Unwritable { path, source }
    };
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(unwritable(folder))?;
    }
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(unwritable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: database.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Unwritable { path, source }),
    }
}

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>).
mod code {
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const READONLY: i32 = 8;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const NOTADB: i32 = 26;
}

/// The primary code; the extended one has it in its low byte.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

fn opening_failed(path: &Path, error: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match primary_code(&error) {
        Some(code::CANTOPEN | code::READONLY | code::IOERR) => StoreError::CannotOpen { path, source: error },
        Some(code::NOTADB | code::CORRUPT) => StoreError::NotADatabase { path },
        _ => error.into(),
    }
}

fn migrating_failed(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(source) => opening_failed(path, source),
        MigrateError::ExecuteMigration(source, _) if primary_code(&source) != Some(1) => opening_failed(path, source),
        other => StoreError::WrongSchema { path: path.to_owned(), source: other },
    }
}

/// What an error of the database itself means, by its primary code.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => StoreError::Locked,
        Some(code::FULL) => StoreError::Full,
        _ => StoreError::Database(error),
    }
}

pub(super) async fn execute<'c>(
    executor: impl Executor<'c, Database = sqlx::Sqlite>,
    query: Sql,
) -> Result<u64, StoreError> {
    let (text, values) = query.into_parts();
    Ok(bound(sqlx::query(AssertSqlSafe(text)), values)?.execute(executor).await?.rows_affected())
}

pub(super) async fn fetch_all<'c>(
    executor: impl Executor<'c, Database = sqlx::Sqlite>,
    query: Sql,
) -> Result<Vec<Row>, StoreError> {
    let (text, values) = query.into_parts();
    let rows = bound(sqlx::query(AssertSqlSafe(text)), values)?.fetch_all(executor).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

type SqliteQuery<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;

fn bound(query: SqliteQuery<'_>, values: Vec<Value>) -> Result<SqliteQuery<'_>, StoreError> {
    values.into_iter().try_fold(query, |query, value| {
        Ok(match value {
            Value::Text(text) | Value::Id(_, text) | Value::Json(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
            Value::Bool(truth) => query.bind(truth),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Time(time) => query.bind(time.as_microsecond()),
            Value::Null(_) => query.bind(None::<i64>),
            Value::Unfit(why) => return Err(StoreError::Database(sqlx::Error::Encode(why.into()))),
        })
    })
}
