//! What can go wrong with the database.

use std::path::PathBuf;

/// A failed store call. `Display` is one line that says what happened, where, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row does not exist, or belongs to another tenant; the two are not told apart.
    #[error("no such row in the database")]
    NotFound,
    /// The row exists already, or the number or key belongs to somebody.
    #[error("the row exists already in the database")]
    Conflict,
    /// Somebody else has changed the row meanwhile.
    #[error("the row has been changed meanwhile")]
    Stale,
    /// The row is still needed: a number leads to the profile, the call goes on.
    #[error("the row is still in use")]
    StillUsed,
    /// The profile names a person who may not be called.
    #[error(transparent)]
    Transfers(#[from] crate::domain::TransfersError),
    /// The tenant's notice settings cannot be followed.
    #[error(transparent)]
    Notice(#[from] crate::domain::NoticeError),
    /// The tenant has as many of these as it may.
    #[error("a tenant has at most {most} {what}; remove one first")]
    TooMany { what: &'static str, most: usize },
    /// The plan's values do not fit together.
    #[error("the plan cannot be kept: {0}")]
    Plan(#[from] crate::domain::billing::PlanError),
    /// The database, its folder or its lock file cannot be made or written.
    #[error("cannot write {}: {source}; make the folder writable for this user, or set `data_dir` to another", .path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    /// The database file cannot be opened or written, as SQLite sees it.
    #[error("cannot open the database {}: {source}; make the file writable for this user, or set `data_dir` to another folder", .path.display())]
    CannotOpen { path: PathBuf, source: sqlx::Error },
    /// Another VCA process works with this database.
    #[error("the database {} is in use by another vca process; stop that one, or set `data_dir` to another folder", .path.display())]
    InUse { path: PathBuf },
    /// Another program holds a lock on the database.
    #[error(
        "the database is locked by another program; close what has it open (an `sqlite3` shell, a backup) and try again"
    )]
    Locked,
    /// The file is something else, or damaged.
    #[error("{} is not a database that SQLite can read; restore it from a backup, or move it away to start empty", .path.display())]
    NotADatabase { path: PathBuf },
    /// The schema is newer than this program, was changed by hand, or belongs to another program.
    #[error("the database {} has another schema ({source}); use the vca version that wrote it or a newer one, or move the file away to start empty", .path.display())]
    WrongSchema { path: PathBuf, source: sqlx::migrate::MigrateError },
    /// No space is left for the database.
    #[error("the disk that holds the database is full; free some space, nothing that was stored is lost")]
    Full,
    /// The database did not answer in time.
    #[error("the database did not answer in time; the disk is too slow or too many requests wait")]
    Timeout,
    /// A stored value cannot be read back.
    #[error("the database holds a value that this version cannot read: {0}")]
    Corrupt(#[source] sqlx::Error),
    /// `database.url` cannot be read. The URL itself is a secret and not shown.
    #[error("database.url is not a PostgreSQL URL: {source}; write postgres://USER:PASSWORD@HOST:5432/DATABASE")]
    BadUrl { source: sqlx::Error },
    /// The database server does not answer, refuses, or is stopping.
    #[error(
        "cannot reach the database: {source}; see that the server runs and that host, user and password in `database.url` are right"
    )]
    Unreachable { source: sqlx::Error },
    /// The schema in PostgreSQL is newer than this program, was changed by hand, or may not be changed by this user.
    #[error(
        "the schema `vca` in PostgreSQL cannot be brought up to date: {source}; use the vca version that wrote it or a newer one, as a user who may create schemas and roles"
    )]
    WrongPostgresSchema { source: sqlx::migrate::MigrateError },
    /// The schema in PostgreSQL is older than this program, which was told not to change it.
    #[error("the database lacks migration {version}: run `vca migrate`, or set `database.migrate` to true")]
    NotMigrated { version: i64 },
    /// Statements would run as a role that row-level security does not bind.
    #[error(
        "the role vca_app may bypass row-level security; run ALTER ROLE vca_app NOSUPERUSER NOBYPASSRLS and make it own no table of the schema vca"
    )]
    RoleBypasses,
    /// PostgreSQL has its own tools for this.
    #[error(
        "`vca backup` copies SQLite databases; back PostgreSQL up with pg_dump --schema=vca, or with your host's backups"
    )]
    BackupElsewhere,
    /// Anything else that the database reports.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same call would fail again, however often it is tried: the database is there and says no.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NotFound
            | Self::Conflict
            | Self::Transfers(_)
            | Self::Notice(_)
            | Self::TooMany { .. }
            | Self::Corrupt(_) => true,
            Self::Database(sqlx::Error::Database(error)) => {
                // Class 22 of PostgreSQL's codes: a value that its type cannot hold.
                !matches!(error.kind(), sqlx::error::ErrorKind::Other)
                    || error.code().is_some_and(|code| code.len() == 5 && code.starts_with("22"))
            }
            Self::Database(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }
}
