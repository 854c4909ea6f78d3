//! PostgreSQL: connections, the role that statements run as, error codes.
//!
//! Every statement runs in a transaction whose first batch takes the role `vca_app` and names the tenant, both for that
//! transaction only: a pooled connection carries nothing over, and a pooler in transaction mode does no harm. The role
//! owns nothing, may not log in and may not bypass row-level security, so that a query that forgets its tenant finds
//! nothing, whoever the login user is.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::value::{Kind, Time, Value};
use super::{ACQUIRE_TIMEOUT, Access, Row, Sql, StoreError};
use crate::store::PostgresOptions;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long connecting may take at start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A statement that takes longer than this is given up by the server; no request or call waits for one.
const STATEMENT_TIMEOUT: &str = "10s";

#[derive(Clone)]
pub(in crate::store) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(super) async fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(options.url.reveal())
            .map_err(|source| StoreError::BadUrl { source })?
            .application_name("vca")
            .disable_statement_logging();
        migrate_or_check(&connect, options.migrate).await?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect);
        let postgres = Self { pool };
        postgres.refuse_a_role_that_bypasses().await?;
        Ok(postgres)
    }

    /// Begins a transaction as the application's role, for one tenant or the platform.
    pub(super) async fn begin(&self, access: Access) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
        let whose = match access {
            // The text of a UUID has nothing to quote.
            Access::Tenant(scope) => format!("SET LOCAL vca.tenant = '{}'", scope.tenant().uuid()),
            Access::Platform => "SET LOCAL vca.platform = 'on'".to_owned(),
        };
        Ok(self.begin_as(&whose).await?)
    }

    async fn begin_as(&self, whose: &str) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        let batch = format!(
            "BEGIN; SET LOCAL search_path = vca; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'; SET LOCAL ROLE vca_app; {whose}"
        );
        self.pool.begin_with(AssertSqlSafe(batch)).await
    }

    /// A role that bypasses row-level security would silently undo the second lock.
    async fn refuse_a_role_that_bypasses(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin(Access::Platform).await?;
        let bypasses: bool = sqlx::query_scalar(
            "SELECT rolsuper OR rolbypassrls OR EXISTS (
                 SELECT 1 FROM pg_class WHERE relnamespace = 'vca'::regnamespace AND relowner = pg_roles.oid)
             FROM pg_roles WHERE rolname = current_user",
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if bypasses { Err(StoreError::RoleBypasses) } else { Ok(()) }
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }

    /// A transaction that names nobody; for the test that a forgotten scope finds nothing.
    #[cfg(test)]
    pub(in crate::store) async fn begin_for_nobody(&self) -> sqlx::Transaction<'static, sqlx::Postgres> {
        self.begin_as("SELECT 1").await.unwrap()
    }
}

/// Brings the schema up to date, or says that it is not.
async fn migrate_or_check(connect: &PgConnectOptions, migrate: bool) -> Result<(), StoreError> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(connect));
    let mut connection = match connecting.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(source)) => return Err(StoreError::Unreachable { source }),
        Err(_elapsed) => return Err(StoreError::Timeout),
    };
    let wrong = |source| StoreError::WrongPostgresSchema { source };
    if migrate {
        // All of ours is in a schema of its own: what a hosted database shows of `public` to the world stays empty.
        connection.execute("CREATE SCHEMA IF NOT EXISTS vca").await?;
        connection.execute("SET search_path = vca").await?;
        MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(wrong)?;
    } else {
        let applied: Vec<i64> = sqlx::query_scalar("SELECT version FROM vca._sqlx_migrations WHERE success ORDER BY 1")
            .fetch_all(&mut connection)
            .await
            .unwrap_or_default();
        let missing = MIGRATIONS.iter().find(|known| !applied.contains(&known.version));
        if let Some(missing) = missing {
            return Err(StoreError::NotMigrated { version: missing.version });
        }
    }
    // A closed socket says the same as a polite goodbye.
    let _ = connection.close().await;
    Ok(())
}

/// Error codes (PostgreSQL documentation, appendix A).
pub(super) mod code {
    pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
    pub const DISK_FULL: &str = "53100";

    /// Class 57P: the server stops, was killed, or is starting.
    pub fn is_shutdown(code: &str) -> bool {
        code.starts_with("57P") || code == "53300"
    }
}

pub(super) async fn execute(connection: &mut PgConnection, query: Sql) -> Result<u64, StoreError> {
    let (text, values) = query.into_parts();
    Ok(bound(sqlx::query(AssertSqlSafe(text)), values)?.execute(connection).await?.rows_affected())
}

pub(super) async fn fetch_all(connection: &mut PgConnection, query: Sql) -> Result<Vec<Row>, StoreError> {
    let (text, values) = query.into_parts();
    let rows = bound(sqlx::query(AssertSqlSafe(text)), values)?.fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

type PgQuery<'q> = Query<'q, sqlx::Postgres, PgArguments>;

fn bound(query: PgQuery<'_>, values: Vec<Value>) -> Result<PgQuery<'_>, StoreError> {
    values.into_iter().try_fold(query, |query, value| {
        Ok(match value {
            Value::Text(text) => query.bind(without_nul(text)),
            Value::Int(number) => query.bind(number),
            Value::Bool(truth) => query.bind(truth),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Id(id, _) => query.bind(id),
            Value::Time(time) => query.bind(Time(time)),
            Value::Json(json) => {
                let json = if json.contains("\\u0000") { json.replace("\\u0000", "\\ufffd") } else { json };
                let raw = serde_json::value::RawValue::from_string(json)
                    .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))?;
                query.bind(sqlx::types::Json(raw))
            }
            Value::Null(Kind::Text) => query.bind(None::<String>),
            Value::Null(Kind::Int) => query.bind(None::<i64>),
            Value::Null(Kind::Bool) => query.bind(None::<bool>),
            Value::Null(Kind::Bytes) => query.bind(None::<Vec<u8>>),
            Value::Null(Kind::Id) => query.bind(None::<uuid::Uuid>),
            Value::Null(Kind::Time) => query.bind(None::<Time>),
            Value::Null(Kind::Json) => query.bind(None::<sqlx::types::Json<serde_json::Value>>),
            Value::Unfit(why) => return Err(StoreError::Database(sqlx::Error::Encode(why.into()))),
        })
    })
}

/// PostgreSQL's text cannot hold a zero byte; whoever sends one loses that, not the call's record.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
