//! Agent profiles: the draft that is edited, the versions that were published, and the one of them that answers.

use jiff::Timestamp;
use serde_json::Value;

use super::audit::Change;
use super::driver::{Access, Document, Id, Row, Sql, Time, Transaction, sql};
use super::{Listed, Result, Store, StoreError};
use crate::domain::{AgentProfile, By, ProfileId, TenantScope};

/// A profile as its editor sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProfile {
    pub draft: AgentProfile,
    /// Changes with every write; an editor passes back the one that was read.
    pub revision: i64,
    /// The version that answers calls; none before the first publication.
    pub published: Option<i64>,
    /// The last write; `None` when it was the configuration file's.
    pub updated_at: Option<Timestamp>,
}

/// A version as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileVersion {
    /// From 1, in order, within the profile.
    pub version: i64,
    pub profile: AgentProfile,
    /// `None` when the configuration file published it.
    pub published_at: Option<Timestamp>,
}

impl Store {
    /// Writes a profile and has it answer calls; nothing happens when it does already. For profiles whose source is
    /// elsewhere, in the configuration file.
    ///
    /// # Errors
    /// [`StoreError::Transfers`] when a target may not be called, [`StoreError::NotFound`] when the tenant does not
    /// exist, or when the database fails.
    pub async fn put_profile(&self, scope: TenantScope, profile: &AgentProfile) -> Result<()> {
        profile.transfers.check()?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let answering = transaction.fetch_optional(answering(scope).bind(Id(profile.id))).await?;
        let answering = answering.map(|row| row.get::<Document<AgentProfile>>("document")).transpose()?;
        if answering.is_some_and(|Document(known)| known == *profile) {
            return Ok(());
        }
        let written = sql("INSERT INTO agent_profiles (tenant_id, id, document) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, id) DO UPDATE SET
                document = excluded.document, revision = agent_profiles.revision + 1, updated_at = NULL")
        .bind(Id(scope.tenant()))
        .bind(Id(profile.id))
        .bind(Document(profile));
        transaction.execute(written).await?;
        publish(&mut transaction, scope, profile, None).await?;
        transaction.commit().await
    }

    /// Writes a new profile as a draft.
    ///
    /// # Errors
    /// [`StoreError::Transfers`], [`StoreError::Conflict`] when there is one of this identifier,
    /// [`StoreError::NotFound`] when the tenant does not exist, or when the database fails.
    pub async fn create_profile(&self, scope: TenantScope, profile: &AgentProfile, by: &By) -> Result<()> {
        profile.transfers.check()?;
        let query = sql("INSERT INTO agent_profiles (tenant_id, id, document, updated_at) VALUES ($1, $2, $3, $4)")
            .bind(Id(scope.tenant()))
            .bind(Id(profile.id))
            .bind(Document(profile))
            .bind(Time(by.at));
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        transaction.execute(query).await?;
        let change = Change::of("profile.create", profile.id).after(profile);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Reads one profile; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile(&self, scope: TenantScope, id: ProfileId) -> Result<Option<StoredProfile>> {
        let query = sql("SELECT * FROM agent_profiles WHERE tenant_id = $1 AND id = $2");
        let query = query.bind(Id(scope.tenant())).bind(Id(id));
        self.driver.fetch_optional(Access::Tenant(scope), query).await?.as_ref().map(stored).transpose()
    }

    /// Lists the tenant's profiles, oldest first, `limit` (at least 1) of those after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_profiles(
        &self,
        scope: TenantScope,
        after: Option<ProfileId>,
        limit: u32,
    ) -> Result<Listed<StoredProfile>> {
        let mut query = sql("SELECT * FROM agent_profiles WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        Ok(Listed::cut(rows.iter().map(stored).collect::<Result<_>>()?, limit))
    }

    /// The profiles that answer calls, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profiles(&self, scope: TenantScope) -> Result<Vec<AgentProfile>> {
        let query = sql("SELECT v.document FROM agent_profiles p JOIN profile_versions v
                ON v.tenant_id = p.tenant_id AND v.profile_id = p.id AND v.version = p.published
             WHERE p.tenant_id = $1 ORDER BY p.id");
        let rows = self.driver.fetch_all(Access::Tenant(scope), query.bind(Id(scope.tenant()))).await?;
        rows.iter().map(|row| row.get("document").map(|Document(profile)| profile)).collect()
    }

    /// The version of a profile that answers calls; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answering_profile(&self, scope: TenantScope, id: ProfileId) -> Result<Option<AgentProfile>> {
        let row = self.driver.fetch_optional(Access::Tenant(scope), answering(scope).bind(Id(id))).await?;
        row.map(|row| row.get("document").map(|Document(profile)| profile)).transpose()
    }

    /// Replaces the draft that the editor read as `revision`; the new revision.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody has written since, [`StoreError::NotFound`] when the tenant has no such
    /// profile, [`StoreError::Transfers`], or when the database fails.
    pub async fn change_profile(
        &self,
        scope: TenantScope,
        profile: &AgentProfile,
        revision: i64,
        by: &By,
    ) -> Result<i64> {
        profile.transfers.check()?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let before = draft_to_change(&mut transaction, scope, profile.id, revision).await?;
        let query = sql("UPDATE agent_profiles SET document = $4, updated_at = $5, revision = revision + 1
             WHERE tenant_id = $1 AND id = $2 AND revision = $3")
        .bind(Id(scope.tenant()))
        .bind(Id(profile.id))
        .bind(revision)
        .bind(Document(profile))
        .bind(Time(by.at));
        changed(transaction.execute(query).await?)?;
        let (before, after) = differences(&before, profile);
        let change = Change::of("profile.update", profile.id).before(&before).after(&after);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await?;
        Ok(revision + 1)
    }

    /// Makes the draft that was read as `revision` a version, and has it answer from the next call on; the version.
    ///
    /// # Errors
    /// [`StoreError::Stale`], [`StoreError::NotFound`], or when the database fails.
    pub async fn publish_profile(
        &self,
        scope: TenantScope,
        id: ProfileId,
        revision: i64,
        by: &By,
    ) -> Result<ProfileVersion> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let profile = draft_to_change(&mut transaction, scope, id, revision).await?;
        changed(transaction.execute(touch(scope, id, revision, by)).await?)?;
        let version = publish(&mut transaction, scope, &profile, Some(by.at)).await?;
        let change = Change::of("profile.publish", id).after(&version);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await?;
        Ok(ProfileVersion { version, profile, published_at: Some(by.at) })
    }

    /// Has an earlier version answer from the next call on. The draft stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Stale`], [`StoreError::NotFound`] when there is no such profile or version, or when the database
    /// fails.
    pub async fn roll_back_profile(
        &self,
        scope: TenantScope,
        id: ProfileId,
        version: i64,
        revision: i64,
        by: &By,
    ) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        draft_to_change(&mut transaction, scope, id, revision).await?;
        let known =
            sql("SELECT version FROM profile_versions WHERE tenant_id = $1 AND profile_id = $2 AND version = $3");
        let known = known.bind(Id(scope.tenant())).bind(Id(id)).bind(version);
        transaction.fetch_optional(known).await?.ok_or(StoreError::NotFound)?;
        changed(transaction.execute(touch(scope, id, revision, by)).await?)?;
        let query = sql("UPDATE agent_profiles SET published = $3 WHERE tenant_id = $1 AND id = $2");
        transaction.execute(query.bind(Id(scope.tenant())).bind(Id(id)).bind(version)).await?;
        let change = Change::of("profile.roll_back", id).after(&version);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Lists what was published, the latest first, `limit` (at least 1) of those before version `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile_versions(
        &self,
        scope: TenantScope,
        id: ProfileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Listed<ProfileVersion>> {
        let mut query = sql("SELECT * FROM profile_versions WHERE tenant_id = $1 AND profile_id = $2");
        query = query.bind(Id(scope.tenant())).bind(Id(id));
        if let Some(before) = before {
            query.push(" AND version < ").push_bind(before);
        }
        query.push(" ORDER BY version DESC LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        Ok(Listed::cut(rows.iter().map(version_of).collect::<Result<_>>()?, limit))
    }

    /// Reads one version; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile_version(
        &self,
        scope: TenantScope,
        id: ProfileId,
        version: i64,
    ) -> Result<Option<ProfileVersion>> {
        let query = sql("SELECT * FROM profile_versions WHERE tenant_id = $1 AND profile_id = $2 AND version = $3");
        let query = query.bind(Id(scope.tenant())).bind(Id(id)).bind(version);
        self.driver.fetch_optional(Access::Tenant(scope), query).await?.as_ref().map(version_of).transpose()
    }

    /// Removes a profile with all its versions.
    ///
    /// # Errors
    /// [`StoreError::StillUsed`] while a number leads to it, [`StoreError::Stale`], [`StoreError::NotFound`], or when
    /// the database fails.
    pub async fn delete_profile(&self, scope: TenantScope, id: ProfileId, revision: i64, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let before = draft_to_change(&mut transaction, scope, id, revision).await?;
        let leading = sql("SELECT number FROM dids WHERE tenant_id = $1 AND profile_id = $2 LIMIT 1");
        let leading = transaction.fetch_optional(leading.bind(Id(scope.tenant())).bind(Id(id))).await?;
        if leading.is_some() {
            return Err(StoreError::StillUsed);
        }
        let query = sql("DELETE FROM agent_profiles WHERE tenant_id = $1 AND id = $2 AND revision = $3");
        changed(transaction.execute(query.bind(Id(scope.tenant())).bind(Id(id)).bind(revision)).await?)?;
        let change = Change::of("profile.delete", id).before(&before);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }
}

/// The draft that an editor has read as `revision`: `NotFound` when it is not there, `Stale` when it is another by now.
async fn draft_to_change(
    transaction: &mut Transaction,
    scope: TenantScope,
    id: ProfileId,
    revision: i64,
) -> Result<AgentProfile> {
    let query = sql("SELECT * FROM agent_profiles WHERE tenant_id = $1 AND id = $2");
    let row = transaction.fetch_optional(query.bind(Id(scope.tenant())).bind(Id(id))).await?;
    let stored = stored(&row.ok_or(StoreError::NotFound)?)?;
    if stored.revision == revision { Ok(stored.draft) } else { Err(StoreError::Stale) }
}

/// Raises the revision, and so locks the row against another editor until the end of the transaction.
fn touch(scope: TenantScope, id: ProfileId, revision: i64, by: &By) -> Sql {
    sql("UPDATE agent_profiles SET updated_at = $4, revision = revision + 1
         WHERE tenant_id = $1 AND id = $2 AND revision = $3")
    .bind(Id(scope.tenant()))
    .bind(Id(id))
    .bind(revision)
    .bind(Time(by.at))
}

/// Whether a write that named the revision has found it: somebody may have come between the look and the write.
fn changed(rows: u64) -> Result<()> {
    if rows == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// The fields that differ, before and after.
fn differences(before: &AgentProfile, after: &AgentProfile) -> (Value, Value) {
    let (Ok(Value::Object(mut before)), Ok(Value::Object(mut after))) =
        (serde_json::to_value(before), serde_json::to_value(after))
    else {
        return (Value::Null, Value::Null);
    };
    let same: Vec<String> = before
        .iter()
        .filter(|(field, value)| after.get(*field) == Some(value))
        .map(|(field, _)| field.clone())
        .collect();
    for field in same {
        before.remove(&field);
        after.remove(&field);
    }
    (before.into(), after.into())
}

/// The version that answers; the profile is the next value.
fn answering(scope: TenantScope) -> Sql {
    sql("SELECT v.document FROM agent_profiles p JOIN profile_versions v
            ON v.tenant_id = p.tenant_id AND v.profile_id = p.id AND v.version = p.published
         WHERE p.tenant_id = $1 AND p.id = $2")
    .bind(Id(scope.tenant()))
}

/// Adds a version and has it answer. The row of the profile is locked by the update that came before.
pub(super) async fn publish(
    transaction: &mut Transaction,
    scope: TenantScope,
    profile: &AgentProfile,
    now: Option<Timestamp>,
) -> Result<i64> {
    let last = sql("SELECT COALESCE(MAX(version), 0) AS last FROM profile_versions
         WHERE tenant_id = $1 AND profile_id = $2");
    let last = transaction.fetch_optional(last.bind(Id(scope.tenant())).bind(Id(profile.id))).await?;
    let version = last.map_or(Ok(0), |row| row.get::<i64>("last"))? + 1;
    let kept = sql("INSERT INTO profile_versions (tenant_id, profile_id, version, document, published_at)
         VALUES ($1, $2, $3, $4, $5)")
    .bind(Id(scope.tenant()))
    .bind(Id(profile.id))
    .bind(version)
    .bind(Document(profile))
    .bind(now.map(Time));
    transaction.execute(kept).await?;
    let answering = sql("UPDATE agent_profiles SET published = $3 WHERE tenant_id = $1 AND id = $2");
    transaction.execute(answering.bind(Id(scope.tenant())).bind(Id(profile.id)).bind(version)).await?;
    Ok(version)
}

fn stored(row: &Row) -> Result<StoredProfile> {
    Ok(StoredProfile {
        draft: row.get::<Document<_>>("document")?.0,
        revision: row.get("revision")?,
        published: row.get("published")?,
        updated_at: row.get::<Option<Time>>("updated_at")?.map(|Time(at)| at),
    })
}

fn version_of(row: &Row) -> Result<ProfileVersion> {
    Ok(ProfileVersion {
        version: row.get("version")?,
        profile: row.get::<Document<_>>("document")?.0,
        published_at: row.get::<Option<Time>>("published_at")?.map(|Time(at)| at),
    })
}
