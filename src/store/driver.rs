//! All that names a database: connections, pragmas, error codes, and how our types become columns.
//!
//! SQLite runs in WAL mode with `synchronous = FULL`: each commit is synced before it is acknowledged, so that neither
//! a killed process nor a power cut loses it. `NORMAL` would keep the first promise only. The price, one sync per turn
//! and call, is paid off the media path.

use std::fmt::Display;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Database, Decode, Encode, Pool, Transaction, Type};

use super::StoreError;

pub(super) type Db = sqlx::Sqlite;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers beside the one writer; each is a thread in sqlx's SQLite driver.
const READERS: u32 = 4;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct Driver {
    /// One connection: SQLite has one writer at a time, and waiting in our queue is fair where its lock is not.
    writer: Pool<Db>,
    /// Connections that refuse to write.
    readers: Pool<Db>,
    /// Held for as long as the database is open. The kernel releases it when the process dies.
    _lock: Option<Arc<File>>,
}

impl Driver {
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

    pub(super) fn writer(&self) -> &Pool<Db> {
        &self.writer
    }

    pub(super) fn reader(&self) -> &Pool<Db> {
        &self.readers
    }

    /// Begins a transaction that will write. It takes SQLite's write lock at once, because a transaction that reads
    /// first and then cannot get the lock fails without waiting.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Db>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => Self::Timeout,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error),
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            // The row that this one must hang on is not there, or is another tenant's.
            sqlx::Error::Database(database) if database.is_foreign_key_violation() => Self::NotFound,
            sqlx::Error::Database(_) => match primary_code(&error) {
                Some(code::BUSY | code::LOCKED) => Self::Locked,
                Some(code::FULL) => Self::Full,
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

type Buffer = <Db as Database>::ArgumentBuffer;
type Info = <Db as Database>::TypeInfo;
type Value<'r> = <Db as Database>::ValueRef<'r>;

/// An identifier: its prefixed text here, `uuid` in PostgreSQL.
pub(super) struct Id<T>(pub T);

/// A value that serialises to one JSON string, without the quotes: an enum's word, a telephone number.
pub(super) struct Word<T>(pub T);

/// A JSON document: text here, `jsonb` in PostgreSQL.
pub(super) struct Document<T>(pub T);

/// A time: microseconds since 1970 here, `timestamptz` in PostgreSQL.
pub(super) struct Time(pub Timestamp);

macro_rules! stored_as {
    ($inner:ty: $($column:ty),*) => {$(
        impl<T> Type<Db> for $column {
            fn type_info() -> Info {
                <$inner as Type<Db>>::type_info()
            }

            fn compatible(info: &Info) -> bool {
                <$inner as Type<Db>>::compatible(info)
            }
        }
    )*};
}
stored_as!(String: Id<T>, Word<T>, Document<T>);

impl Type<Db> for Time {
    fn type_info() -> Info {
        <i64 as Type<Db>>::type_info()
    }

    fn compatible(info: &Info) -> bool {
        <i64 as Type<Db>>::compatible(info)
    }
}

impl<T: Display> Encode<'_, Db> for Id<T> {
    fn encode_by_ref(&self, buffer: &mut Buffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<Db>>::encode(self.0.to_string(), buffer)
    }
}

impl<T: FromStr<Err = crate::domain::IdError>> Decode<'_, Db> for Id<T> {
    fn decode(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(<String as Decode<Db>>::decode(value)?.parse()?))
    }
}

impl<T: Serialize> Encode<'_, Db> for Word<T> {
    fn encode_by_ref(&self, buffer: &mut Buffer) -> Result<IsNull, BoxDynError> {
        match serde_json::to_value(&self.0)? {
            serde_json::Value::String(word) => <String as Encode<Db>>::encode(word, buffer),
            other => Err(format!("{other} is not a word").into()),
        }
    }
}

impl<T: DeserializeOwned> Decode<'_, Db> for Word<T> {
    fn decode(value: Value<'_>) -> Result<Self, BoxDynError> {
        let word = serde_json::Value::String(<String as Decode<Db>>::decode(value)?);
        Ok(Self(serde_json::from_value(word)?))
    }
}

impl<T: Serialize> Encode<'_, Db> for Document<T> {
    fn encode_by_ref(&self, buffer: &mut Buffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<Db>>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<T: DeserializeOwned> Decode<'_, Db> for Document<T> {
    fn decode(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(serde_json::from_str(&<String as Decode<Db>>::decode(value)?)?))
    }
}

impl Encode<'_, Db> for Time {
    fn encode_by_ref(&self, buffer: &mut Buffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Db>>::encode(self.0.as_microsecond(), buffer)
    }
}

impl Decode<'_, Db> for Time {
    fn decode(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(Timestamp::from_microsecond(<i64 as Decode<Db>>::decode(value)?)?))
    }
}
