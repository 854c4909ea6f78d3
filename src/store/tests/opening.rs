//! Opening a database file: what survives, what is brought up to date, what is refused.

use super::*;

#[tokio::test]
async fn what_was_acknowledged_survives_a_process_that_never_closed() {
    let f = sqlite().await;
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    // The files as a kill would leave them: the write-ahead log not folded in.
    let copy = tempfile::tempdir().unwrap();
    for file in ["vca.sqlite", "vca.sqlite-wal"] {
        std::fs::copy(f.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let reopened = Store::open(&copy.path().join("vca.sqlite")).await.unwrap();
    assert_eq!(reopened.repair_abandoned(at(9), &Prices::default()).await.unwrap(), [(call.id, f.ours.tenant())]);
}

#[tokio::test]
async fn commits_are_synced_and_logged_ahead() {
    let f = sqlite().await;
    let pragma = async |name: &'static str| -> String {
        sqlx::query_scalar(name).fetch_one(f.store.driver.as_sqlite().writer()).await.unwrap()
    };
    assert_eq!(pragma("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
    assert_eq!(pragma("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await, "2", "FULL");
    assert_eq!(pragma("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await, "1");
    let refused = sqlx::query("DELETE FROM tenants").execute(f.store.driver.as_sqlite().reader()).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn one_process_at_a_time() {
    let f = sqlite().await;
    let path = f.folder.path().join("vca.sqlite");
    let second = Store::open(&path).await.err().unwrap();
    assert!(matches!(&second, StoreError::InUse { .. }), "{second}");
    f.store.close().await;
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("vca.sqlite")).await.err().unwrap();
    assert!(matches!(&error, StoreError::Unwritable { .. }));
    one_line_with(&error, &[file.to_str().unwrap(), "set `data_dir`"]);
    // The database is a folder.
    let error = Store::open(folder.path()).await.err().unwrap();
    assert!(matches!(&error, StoreError::CannotOpen { .. }), "{error:?}");
    one_line_with(&error, &[folder.path().to_str().unwrap()]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vca.sqlite");
    std::fs::write(&path, "minutes of the meeting ".repeat(100)).unwrap();
    let error = Store::open(&path).await.err().unwrap();
    assert!(matches!(&error, StoreError::NotADatabase { .. }), "{error:?}");
    one_line_with(&error, &[path.to_str().unwrap(), "backup"]);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("minutes"));
}

#[tokio::test]
async fn a_foreign_or_newer_schema_is_refused() {
    for spoil in [
        "UPDATE _sqlx_migrations SET checksum = x'00'",
        "UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
        "DELETE FROM _sqlx_migrations",
    ] {
        let f = sqlite().await;
        let path = f.folder.path().join("vca.sqlite");
        sqlx::query(spoil).execute(f.store.driver.as_sqlite().writer()).await.unwrap();
        f.store.close().await;
        let error = Store::open(&path).await.err().unwrap();
        assert!(matches!(&error, StoreError::WrongSchema { .. }), "{spoil}: {error:?}");
        one_line_with(&error, &[path.to_str().unwrap(), "newer"]);
    }
}

#[tokio::test]
async fn a_lock_held_by_another_program_is_reported_after_the_timeout() {
    let f = sqlite().await;
    let path = f.folder.path().join("vca.sqlite");
    f.store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let shell = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let _held = shell.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let store = Store::open_waiting(&path, Duration::from_millis(50)).await;
    let error = match store {
        Err(error) => error,
        Ok(store) => store.beat(at(0)).await.unwrap_err(),
    };
    assert!(matches!(error, StoreError::Locked), "{error:?}");
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_with_its_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vca.sqlite");
    let first = sqlx::migrate::Migrator {
        migrations: super::super::driver::SQLITE_MIGRATIONS.migrations[..1].to_vec().into(),
        ..sqlx::migrate::Migrator::DEFAULT
    };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
    first.run(&old).await.unwrap();
    let (ours, call) = (TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(1))), CallId::new(at(0), [1; 10]));
    let profile = serde_json::to_value(profile(ours)).unwrap();
    let mut document = profile.as_object().unwrap().clone();
    document.remove("transfers");
    for (sql, values) in [
        ("INSERT INTO tenants VALUES ($1, 'Sharma Dental Clinic', 3)", vec![ours.tenant().to_string()]),
        (
            "INSERT INTO agent_profiles VALUES ($1, $2, $3)",
            vec![
                ours.tenant().to_string(),
                ProfileId::from_uuid(Uuid::from_u128(10)).to_string(),
                serde_json::Value::Object(document).to_string(),
            ],
        ),
        (
            "INSERT INTO calls VALUES ($1, $2, $3, '+918047180000', NULL, 'a@b', 'completed', 1760000000000000,
                                       1760000060000000, 'agent_hung_up', 'nothing', '{}', NULL, 'off')",
            vec![ours.tenant().to_string(), call.to_string(), ProfileId::from_uuid(Uuid::from_u128(10)).to_string()],
        ),
    ] {
        let query = values.into_iter().fold(sqlx::query(sql), |query, value| query.bind(value));
        query.execute(&old).await.unwrap();
    }
    old.close().await;
    let store = Store::open(&path).await.unwrap();
    let stored = store.call_record(ours, call).await.unwrap().unwrap();
    assert_eq!((stored.transfers, stored.bridged_ms), (vec![], 0));
    assert_eq!(store.profiles(ours).await.unwrap()[0].transfers, Transfers::default());
}

fn one_line_with(error: &StoreError, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    for part in parts {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}

#[tokio::test]
async fn a_backup_is_whole_and_leaves_the_database_as_it_is() {
    let f = sqlite().await;
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    let copy = f.folder.path().join("copy.sqlite");
    let beside = Store::open_to_read(&f.folder.path().join("vca.sqlite")).await.unwrap();
    beside.backup(&copy).await.unwrap();
    assert!(matches!(beside.backup(&copy).await, Err(StoreError::Unwritable { .. })), "an older copy stays");
    assert!(beside.set_slots(f.ours, call.id, &slots(), None).await.is_err(), "it still reads only");
    f.store.backup(&f.folder.path().join("another.sqlite")).await.unwrap();
    let restored = Store::open(&copy).await.unwrap();
    assert_eq!(restored.call_record(f.ours, call.id).await.unwrap(), Some(call));
}
