//! Trunks that were set up by the API. They are the platform's: every verb is the operator's own.
//!
//! The password goes in, and comes out only to whoever registers at the carrier ([`Store::trunks_with_secrets`]).

use jiff::Timestamp;

use super::audit::Change;
use super::driver::{Access, Document, Row, Sql, Time, sql};
use super::{Listed, Result, Store, StoreError};
use crate::domain::{By, E164, Secret, Trunk, TrunkSettings};

/// A trunk without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrunk {
    pub name: String,
    /// The carrier profile that the settings started from.
    pub profile: String,
    pub settings: TrunkSettings,
    pub has_password: bool,
    pub dids: Vec<E164>,
    /// Changes with every write.
    pub revision: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What becomes of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChange {
    Keep,
    Remove,
    Set(Secret),
}

/// Far more than an operator has.
const MOST_TRUNKS: u32 = 1_000;

const COLUMNS: &str = "name, profile, settings, password IS NOT NULL AS has_password, dids, revision, created_at,
    updated_at";

impl Store {
    /// Writes a new trunk.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one has this name, or when the database fails.
    pub async fn create_trunk(&self, trunk: &Trunk, by: &By) -> Result<()> {
        let query = sql("INSERT INTO trunks (name, profile, settings, password, dids, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)")
        .bind(&trunk.name)
        .bind(&trunk.profile)
        .bind(Document(&trunk.settings))
        .bind(trunk.password.as_ref().map(Secret::reveal))
        .bind(Document(&trunk.dids))
        .bind(Time(by.at));
        let mut transaction = self.driver.begin(Access::Platform).await?;
        transaction.execute(query).await?;
        // A trunk is written with its password hidden.
        transaction.audit(None, by, Change::of("trunk.create", &trunk.name).after(trunk)).await?;
        transaction.commit().await
    }

    /// Lists trunks by name, `limit` (at least 1) of those after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_trunks(&self, after: Option<&str>, limit: u32) -> Result<Listed<StoredTrunk>> {
        let mut query = sql("SELECT ");
        query.push(COLUMNS).push(" FROM trunks");
        if let Some(after) = after {
            query.push(" WHERE name > ").push_bind(after);
        }
        query.push(" ORDER BY name LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Platform, query).await?;
        Ok(Listed::cut(rows.iter().map(stored).collect::<Result<_>>()?, limit))
    }

    /// The trunks that are not among those that run; all of them, because an operator has few.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trunks_not_among(&self, running: impl Iterator<Item = &str>) -> Result<Vec<StoredTrunk>> {
        let running: Vec<&str> = running.collect();
        let mut trunks = self.list_trunks(None, MOST_TRUNKS).await?.items;
        trunks.retain(|trunk| !running.contains(&trunk.name.as_str()));
        Ok(trunks)
    }

    /// Reads one trunk; `None` when there is no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stored_trunk(&self, name: &str) -> Result<Option<StoredTrunk>> {
        self.driver.fetch_optional(Access::Platform, by_name(name)).await?.as_ref().map(stored).transpose()
    }

    /// Replaces what is known of a trunk that was read as `revision`.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody has written since, [`StoreError::NotFound`] when there is no such trunk, or
    /// when the database fails.
    pub async fn change_trunk(&self, trunk: &StoredTrunk, password: &PasswordChange, by: &By) -> Result<()> {
        let mut query = sql("UPDATE trunks SET profile = $3, settings = $4, dids = $5, updated_at = $6,
             revision = revision + 1")
        .bind(&trunk.name)
        .bind(trunk.revision)
        .bind(&trunk.profile)
        .bind(Document(&trunk.settings))
        .bind(Document(&trunk.dids))
        .bind(Time(by.at));
        match password {
            PasswordChange::Keep => {}
            PasswordChange::Remove => {
                query.push(", password = NULL");
            }
            PasswordChange::Set(secret) => {
                query.push(", password = ").push_bind(secret.reveal());
            }
        }
        query.push(" WHERE name = $1 AND revision = $2");
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let before = transaction.fetch_optional(by_name(&trunk.name)).await?.ok_or(StoreError::NotFound)?;
        let before = stored(&before)?;
        if transaction.execute(query).await? == 0 {
            return Err(StoreError::Stale);
        }
        let shown = |trunk: &StoredTrunk| serde_json::json!({"settings": trunk.settings, "dids": trunk.dids});
        let change = Change::of("trunk.update", &trunk.name).before(&shown(&before)).after(&shown(trunk));
        transaction.audit(None, by, change).await?;
        transaction.commit().await
    }

    /// Removes a trunk and its password.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such trunk, or when the database fails.
    pub async fn delete_trunk(&self, name: &str, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        if transaction.execute(sql("DELETE FROM trunks WHERE name = $1").bind(name)).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(None, by, Change::of("trunk.delete", name)).await?;
        transaction.commit().await
    }

    /// All trunks with their passwords, by name: for the task that registers them, and for nobody else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trunks_with_secrets(&self) -> Result<Vec<Trunk>> {
        let query = sql("SELECT name, profile, settings, password, dids FROM trunks ORDER BY name");
        let trunk = |row: &Row| -> Result<Trunk> {
            Ok(Trunk {
                name: row.get("name")?,
                profile: row.get("profile")?,
                settings: row.get::<Document<_>>("settings")?.0,
                password: row.get::<Option<String>>("password")?.map(Secret::new),
                dids: row.get::<Document<_>>("dids")?.0,
            })
        };
        self.driver.fetch_all(Access::Platform, query).await?.iter().map(trunk).collect()
    }
}

fn by_name(name: &str) -> Sql {
    let mut query = sql("SELECT ");
    query.push(COLUMNS).push(" FROM trunks WHERE name = ").push_bind(name);
    query
}

fn stored(row: &Row) -> Result<StoredTrunk> {
    Ok(StoredTrunk {
        name: row.get("name")?,
        profile: row.get("profile")?,
        settings: row.get::<Document<_>>("settings")?.0,
        has_password: row.get("has_password")?,
        dids: row.get::<Document<_>>("dids")?.0,
        revision: row.get("revision")?,
        created_at: row.get::<Time>("created_at")?.0,
        updated_at: row.get::<Time>("updated_at")?.0,
    })
}
