//! Tenants, and the numbers that lead to their profiles.

use jiff::Timestamp;

use super::audit::Change;
use super::driver::{Access, Document, Id, Row, Sql, Time, Word, sql};
use super::{ApiKey, KeyOwner, Listed, NewKey, Result, Store, StoreError, keys, own, profiles};
use crate::domain::{AgentProfile, By, Did, E164, ProfileId, Tenant, TenantId, TenantScope, TenantStatus};

/// Where a dialled number leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Proof that the call is this tenant's, for everything that is stored about it.
    pub scope: TenantScope,
    pub tenant: Tenant,
    pub status: TenantStatus,
    /// As it was published; drafts answer nobody.
    pub profile: AgentProfile,
}

/// A tenant, and what the platform knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub tenant: Tenant,
    pub status: TenantStatus,
    /// `None` when the configuration file named it.
    pub created_at: Option<Timestamp>,
}

/// A new tenant, complete: once it is written its numbers are answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Onboarding {
    pub tenant: Tenant,
    /// Published at once.
    pub profile: AgentProfile,
    /// All lead to the profile.
    pub numbers: Vec<E164>,
}

impl Store {
    /// Finds who answers a dialled number; `None` when nobody does, or the profile that it leads to was never published.
    /// A suspended tenant is found, and says so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_did(&self, number: &E164) -> Result<Option<Route>> {
        let query = sql("SELECT t.id, t.name, t.max_calls, t.status, v.document
             FROM dids d
             JOIN tenants t ON t.id = d.tenant_id
             JOIN agent_profiles p ON p.tenant_id = d.tenant_id AND p.id = d.profile_id
             JOIN profile_versions v ON v.tenant_id = p.tenant_id AND v.profile_id = p.id AND v.version = p.published
             WHERE d.number = $1 AND t.erasing_at IS NULL");
        let row = self.driver.fetch_optional(Access::Platform, query.bind(Word(number))).await?;
        row.map(|row| {
            let Id(id) = row.get::<Id<TenantId>>("id")?;
            let Document(profile) = row.get("document")?;
            let Word(status) = row.get("status")?;
            Ok(Route { scope: TenantScope::proven(id), tenant: tenant(&row)?, status, profile })
        })
        .transpose()
    }

    /// Writes a tenant, new or changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope is another tenant's, or when the database fails.
    pub async fn put_tenant(&self, scope: TenantScope, tenant: &Tenant) -> Result<()> {
        own(scope, tenant.id)?;
        self.driver
            .execute(
                Access::Tenant(scope),
                sql("INSERT INTO tenants (id, name, max_calls) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, max_calls = excluded.max_calls")
                .bind(Id(tenant.id))
                .bind(&tenant.name)
                .bind(i64::from(tenant.max_calls)),
            )
            .await?;
        Ok(())
    }

    /// Writes a new tenant with its profile, numbers and first key, all or nothing. The operator's own verb.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a number is somebody's already (the tenant's own, said twice, too),
    /// [`StoreError::Transfers`], or when the database fails.
    pub async fn onboard(&self, new: &Onboarding, key: Option<(NewKey<'_>, &ApiKey)>, by: &By) -> Result<TenantScope> {
        new.profile.transfers.check()?;
        let scope = TenantScope::proven(new.tenant.id);
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let tenant = sql("INSERT INTO tenants (id, name, max_calls, created_at) VALUES ($1, $2, $3, $4)")
            .bind(Id(new.tenant.id))
            .bind(&new.tenant.name)
            .bind(i64::from(new.tenant.max_calls))
            .bind(Time(by.at));
        transaction.execute(tenant).await?;
        let profile = sql("INSERT INTO agent_profiles (tenant_id, id, document, updated_at) VALUES ($1, $2, $3, $4)")
            .bind(Id(new.tenant.id))
            .bind(Id(new.profile.id))
            .bind(Document(&new.profile))
            .bind(Time(by.at));
        transaction.execute(profile).await?;
        profiles::publish(&mut transaction, scope, &new.profile, Some(by.at)).await?;
        for number in &new.numbers {
            let did = Did { number: number.clone(), tenant: new.tenant.id, profile: new.profile.id };
            transaction.execute(new_did(&did)).await?;
        }
        let made = serde_json::json!({
            "tenant": new.tenant, "profile": new.profile.id, "numbers": new.numbers,
        });
        transaction.audit(Some(new.tenant.id), by, Change::of("tenant.create", new.tenant.id).after(&made)).await?;
        if let Some((entry, key)) = key {
            keys::insert(&mut transaction, KeyOwner::Tenant(scope), entry, key, by).await?;
        }
        transaction.commit().await?;
        Ok(scope)
    }

    /// Lists tenants, oldest first, `limit` (at least 1) of those after `after`. The operator's own verb.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tenants(
        &self,
        status: Option<TenantStatus>,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Listed<Account>> {
        let mut query = sql("SELECT * FROM tenants WHERE erasing_at IS NULL");
        if let Some(status) = status {
            query.push(" AND status = ").push_bind(Word(status));
        }
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Platform, query).await?;
        Ok(Listed::cut(rows.iter().map(account).collect::<Result<_>>()?, limit))
    }

    /// Reads the tenant of the scope, and what the platform knows about it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when the database fails.
    pub async fn account(&self, scope: TenantScope) -> Result<Account> {
        account(&self.driver.fetch_one(Access::Tenant(scope), account_of(scope)).await?)
    }

    /// Has a tenant's numbers answered, or not. Calls that go on are not cut.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant, or when the database fails.
    pub async fn set_tenant_status(&self, scope: TenantScope, status: TenantStatus, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let before = transaction.fetch_optional(account_of(scope)).await?.ok_or(StoreError::NotFound)?;
        let before = account(&before)?.status;
        if before == status {
            return Ok(());
        }
        let query = sql("UPDATE tenants SET status = $2 WHERE id = $1").bind(Id(scope.tenant())).bind(Word(status));
        transaction.execute(query).await?;
        let action = match status {
            TenantStatus::Active => "tenant.resume",
            TenantStatus::Suspended => "tenant.suspend",
        };
        let change = Change::of(action, scope.tenant()).before(&before).after(&status);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Changes a tenant's name and its number of calls at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant, or when the database fails.
    pub async fn change_tenant(&self, scope: TenantScope, tenant: &Tenant, by: &By) -> Result<()> {
        own(scope, tenant.id)?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let before = transaction.fetch_optional(account_of(scope)).await?.ok_or(StoreError::NotFound)?;
        let before = account(&before)?.tenant;
        if before == *tenant {
            return Ok(());
        }
        let query = sql("UPDATE tenants SET name = $2, max_calls = $3 WHERE id = $1")
            .bind(Id(tenant.id))
            .bind(&tenant.name)
            .bind(i64::from(tenant.max_calls));
        transaction.execute(query).await?;
        let change = Change::of("tenant.update", tenant.id).before(&before).after(tenant);
        transaction.audit(Some(tenant.id), by, change).await?;
        transaction.commit().await
    }

    /// Reads the tenant of the scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when the database fails.
    pub async fn tenant(&self, scope: TenantScope) -> Result<Tenant> {
        let query = sql("SELECT * FROM tenants WHERE id = $1").bind(Id(scope.tenant()));
        tenant(&self.driver.fetch_one(Access::Tenant(scope), query).await?)
    }

    /// Gives the tenant a number, or has another of the tenant's profiles answer it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another tenant has the number, [`StoreError::NotFound`] when the profile is not
    /// the tenant's, or when the database fails.
    pub async fn put_did(&self, scope: TenantScope, did: &Did) -> Result<()> {
        own(scope, did.tenant)?;
        // As the platform, because a number that is another tenant's has to be seen to be refused.
        let done = self
            .driver
            .execute(
                Access::Platform,
                sql("INSERT INTO dids (number, tenant_id, profile_id) VALUES ($1, $2, $3)
             ON CONFLICT (number) DO UPDATE SET profile_id = excluded.profile_id
             WHERE dids.tenant_id = excluded.tenant_id")
                .bind(Word(&did.number))
                .bind(Id(did.tenant))
                .bind(Id(did.profile)),
            )
            .await?;
        if done == 0 { Err(StoreError::Conflict) } else { Ok(()) }
    }

    /// Gives the tenant a number that nobody has yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody has it, [`StoreError::NotFound`] when the profile is not the tenant's, or
    /// when the database fails.
    pub async fn create_did(&self, scope: TenantScope, did: &Did, by: &By) -> Result<()> {
        own(scope, did.tenant)?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        transaction.execute(new_did(did)).await?;
        let change = Change::of("did.create", &did.number).after(&did.profile);
        transaction.audit(Some(did.tenant), by, change).await?;
        transaction.commit().await
    }

    /// Has another of the tenant's profiles answer a number, from the next call on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the number or the profile is not the tenant's, or when the database fails.
    pub async fn attach_did(&self, scope: TenantScope, number: &E164, profile: ProfileId, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let row = transaction.fetch_optional(did_of(scope, number)).await?.ok_or(StoreError::NotFound)?;
        let before = did(scope, &row)?.profile;
        if before == profile {
            return Ok(());
        }
        let query = sql("UPDATE dids SET profile_id = $3 WHERE tenant_id = $1 AND number = $2")
            .bind(Id(scope.tenant()))
            .bind(Word(number))
            .bind(Id(profile));
        transaction.execute(query).await?;
        let change = Change::of("did.update", number).before(&before).after(&profile);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Takes a number away; it is answered no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such number, or when the database fails.
    pub async fn delete_did(&self, scope: TenantScope, number: &E164, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let row = transaction.fetch_optional(did_of(scope, number)).await?.ok_or(StoreError::NotFound)?;
        let before = did(scope, &row)?.profile;
        let query = sql("DELETE FROM dids WHERE tenant_id = $1 AND number = $2");
        transaction.execute(query.bind(Id(scope.tenant())).bind(Word(number))).await?;
        let change = Change::of("did.delete", number).before(&before);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Reads one number; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn did(&self, scope: TenantScope, number: &E164) -> Result<Option<Did>> {
        let row = self.driver.fetch_optional(Access::Tenant(scope), did_of(scope, number)).await?;
        row.map(|row| did(scope, &row)).transpose()
    }

    /// Lists the tenant's numbers in order, `limit` (at least 1) of those after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_dids(&self, scope: TenantScope, after: Option<&E164>, limit: u32) -> Result<Listed<Did>> {
        let mut query = sql("SELECT number, profile_id FROM dids WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if let Some(after) = after {
            query.push(" AND number > ").push_bind(Word(after));
        }
        query.push(" ORDER BY number LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        Ok(Listed::cut(rows.iter().map(|row| did(scope, row)).collect::<Result<_>>()?, limit))
    }

    /// Lists the tenant's numbers in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dids(&self, scope: TenantScope) -> Result<Vec<Did>> {
        let query = sql("SELECT number, profile_id FROM dids WHERE tenant_id = $1 ORDER BY number");
        let rows = self.driver.fetch_all(Access::Tenant(scope), query.bind(Id(scope.tenant()))).await?;
        rows.iter().map(|row| did(scope, row)).collect()
    }

    /// Every number and where it leads, for start-up (pre-synthesis, the list of what is answered).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn routes(&self) -> Result<Vec<(E164, Route)>> {
        let numbers = self.driver.fetch_all(Access::Platform, sql("SELECT number FROM dids ORDER BY number")).await?;
        let mut routes = Vec::with_capacity(numbers.len());
        for row in numbers {
            let Word(number) = row.get("number")?;
            if let Some(route) = self.find_did(&number).await? {
                routes.push((number, route));
            }
        }
        Ok(routes)
    }
}

fn tenant(row: &Row) -> Result<Tenant> {
    let Id(id) = row.get("id")?;
    let max_calls = u32::try_from(row.get::<i64>("max_calls")?).unwrap_or(u32::MAX);
    Ok(Tenant { id, name: row.get("name")?, max_calls })
}

fn account(row: &Row) -> Result<Account> {
    let created_at = row.get::<Option<Time>>("created_at")?.map(|Time(at)| at);
    Ok(Account { tenant: tenant(row)?, status: row.get::<Word<_>>("status")?.0, created_at })
}

fn did(scope: TenantScope, row: &Row) -> Result<Did> {
    let (Word(number), Id(profile)) = (row.get("number")?, row.get("profile_id")?);
    Ok(Did { number, tenant: scope.tenant(), profile })
}

fn account_of(scope: TenantScope) -> Sql {
    sql("SELECT * FROM tenants WHERE id = $1").bind(Id(scope.tenant()))
}

fn did_of(scope: TenantScope, number: &E164) -> Sql {
    sql("SELECT number, profile_id FROM dids WHERE tenant_id = $1 AND number = $2")
        .bind(Id(scope.tenant()))
        .bind(Word(number))
}

fn new_did(did: &Did) -> Sql {
    sql("INSERT INTO dids (number, tenant_id, profile_id) VALUES ($1, $2, $3)")
        .bind(Word(&did.number))
        .bind(Id(did.tenant))
        .bind(Id(did.profile))
}
