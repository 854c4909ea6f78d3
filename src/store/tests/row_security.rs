//! The second lock: what PostgreSQL itself refuses when a query forgets its tenant.

use sqlx::Row as _;

use super::*;
use crate::store::driver::Driver;

async fn for_nobody(store: &Store) -> sqlx::Transaction<'static, sqlx::Postgres> {
    match &store.driver {
        Driver::Postgres(postgres) => postgres.begin_for_nobody().await,
        Driver::Sqlite(_) => panic!("the store is on SQLite"),
    }
}

async fn count(transaction: &mut sqlx::Transaction<'static, sqlx::Postgres>, table: &str) -> i64 {
    let query = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut **transaction).await.unwrap()
}

#[tokio::test]
async fn a_forgotten_scope_finds_nothing() {
    let f = postgres().await;
    f.store.open_call(f.ours, &record(f.ours, 0)).await.unwrap();
    f.store.append_turn(f.ours, record(f.ours, 0).id, &turn(0, Speaker::Caller, "hello")).await.unwrap();
    f.store.close_call(f.ours, record(f.ours, 0).id, &close(9)).await.unwrap();
    f.store.create_trunk(&resources::trunk("line"), &resources::by(0)).await.unwrap();
    let mut nobody = for_nobody(&f.store).await;
    for table in ["tenants", "agent_profiles", "profile_versions", "calls", "turns", "call_words", "trunks"] {
        assert_eq!(count(&mut nobody, table).await, 0, "{table}");
    }
    // A statement that names no tenant, run for one: only that one's rows.
    sqlx::query("SELECT set_config('vca.tenant', $1, true)")
        .bind(f.theirs.tenant().uuid().to_string())
        .execute(&mut *nobody)
        .await
        .unwrap();
    assert_eq!((count(&mut nobody, "tenants").await, count(&mut nobody, "calls").await), (1, 0));
    let stolen = sqlx::query("UPDATE calls SET summary = 'stolen'").execute(&mut *nobody).await.unwrap();
    assert_eq!(stolen.rows_affected(), 0);
    let planted = sqlx::query(
        "INSERT INTO api_keys (id, tenant_id, name, lookup, hash, created_at)
         VALUES (gen_random_uuid(), $1, 'planted', 'x', 'x', now())",
    )
    .bind(f.ours.tenant().uuid())
    .execute(&mut *nobody)
    .await;
    assert!(planted.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn every_table_of_tenants_is_locked_and_the_role_cannot_undo_it() {
    let f = postgres().await;
    let mut nobody = for_nobody(&f.store).await;
    let tables = sqlx::query(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS locked,
                EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid) AS policed
         FROM pg_class c WHERE c.relnamespace = 'vca'::regnamespace AND c.relkind IN ('r', 'p')
         AND c.relname <> '_sqlx_migrations' ORDER BY 1",
    )
    .fetch_all(&mut *nobody)
    .await
    .unwrap();
    let open: Vec<String> = tables
        .iter()
        .filter(|row| !(row.get::<bool, _>("locked") && row.get::<bool, _>("policed")))
        .map(|row| row.get("relname"))
        .collect();
    assert!(tables.len() >= 7, "{}", tables.len());
    assert_eq!(open, Vec::<String>::new(), "end each migration's table with SELECT vca_protect('table')");
    for attempt in [
        "ALTER TABLE calls DISABLE ROW LEVEL SECURITY",
        "DROP POLICY of_one_tenant ON calls",
        "ALTER ROLE vca_app BYPASSRLS",
        "SET LOCAL row_security = off; SELECT * FROM calls",
    ] {
        let mut nobody = for_nobody(&f.store).await;
        let refused = sqlx::raw_sql(attempt).execute(&mut *nobody).await;
        assert!(refused.is_err(), "{attempt}");
    }
}

#[tokio::test]
async fn a_role_that_bypasses_is_refused_at_start() {
    // A server of its own: the role is the server's, and other tests connect meanwhile.
    let server = tokio::task::spawn_blocking(servers::Postgres::start).await.unwrap();
    let options = PostgresOptions { url: Secret::new(server.url("postgres")), max_connections: 2, migrate: true };
    Store::connect(&options).await.unwrap().close().await;
    let admin = sqlx::PgPool::connect(options.url.reveal()).await.unwrap();
    sqlx::query("ALTER ROLE vca_app BYPASSRLS").execute(&admin).await.unwrap();
    let refused = Store::connect(&options).await.err().unwrap();
    assert!(matches!(refused, StoreError::RoleBypasses), "{refused:?}");
    sqlx::query("ALTER ROLE vca_app NOBYPASSRLS").execute(&admin).await.unwrap();
    Store::connect(&options).await.unwrap();
}

#[tokio::test]
async fn what_keeps_postgresql_from_being_opened_is_one_line_without_the_password() {
    let server = tokio::task::spawn_blocking(servers::Postgres::start).await.unwrap();
    let options = |url: String, migrate| PostgresOptions { url: Secret::new(url), max_connections: 2, migrate };
    let fails = async |options: PostgresOptions| Store::connect(&options).await.err().unwrap().to_string();
    let old = fails(options(server.url("postgres"), false)).await;
    assert!(old.contains("vca migrate"), "{old}");
    let missing = fails(options(server.url("nowhere"), true)).await;
    assert!(missing.contains("nowhere") && missing.contains("database.url"), "{missing}");
    let bad = fails(options("postgres://u:hunter2@h:port/db".to_owned(), true)).await;
    assert!(bad.contains("postgres://USER") && !bad.contains("hunter2"), "{bad}");
    let silent = fails(options("postgres://u:hunter2@127.0.0.1:1/db".to_owned(), true)).await;
    assert!(silent.contains("cannot reach") && !silent.contains("hunter2"), "{silent}");
}
