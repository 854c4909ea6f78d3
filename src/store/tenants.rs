//! Tenants, agent profiles, and the numbers that lead to them.

use super::driver::{Document, Id, Word};
use super::{Result, Store, StoreError, own};
use crate::domain::{AgentProfile, Did, E164, Tenant, TenantId, TenantScope};

/// Where a dialled number leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Proof that the call is this tenant's, for everything that is stored about it.
    pub scope: TenantScope,
    pub tenant: Tenant,
    pub profile: AgentProfile,
}

impl Store {
    /// Finds who answers a dialled number; `None` when nobody does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_did(&self, number: &E164) -> Result<Option<Route>> {
        let row: Option<(Id<TenantId>, String, i64, Document<AgentProfile>)> = sqlx::query_as(
            "SELECT t.id, t.name, t.max_calls, p.document
             FROM dids d
             JOIN tenants t ON t.id = d.tenant_id
             JOIN agent_profiles p ON p.tenant_id = d.tenant_id AND p.id = d.profile_id
             WHERE d.number = $1",
        )
        .bind(Word(number))
        .fetch_optional(self.driver.reader())
        .await?;
        Ok(row.map(|(Id(id), name, max_calls, Document(profile))| Route {
            scope: TenantScope::proven(id),
            tenant: Tenant { id, name, max_calls: u32::try_from(max_calls).unwrap_or(u32::MAX) },
            profile,
        }))
    }

    /// Writes a tenant, new or changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope is another tenant's, or when the database fails.
    pub async fn put_tenant(&self, scope: TenantScope, tenant: &Tenant) -> Result<()> {
        own(scope, tenant.id)?;
        sqlx::query(
            "INSERT INTO tenants (id, name, max_calls) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, max_calls = excluded.max_calls",
        )
        .bind(Id(tenant.id))
        .bind(&tenant.name)
        .bind(i64::from(tenant.max_calls))
        .execute(self.driver.writer())
        .await?;
        Ok(())
    }

    /// Reads the tenant of the scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when the database fails.
    pub async fn tenant(&self, scope: TenantScope) -> Result<Tenant> {
        let (name, max_calls): (String, i64) = sqlx::query_as("SELECT name, max_calls FROM tenants WHERE id = $1")
            .bind(Id(scope.tenant()))
            .fetch_one(self.driver.reader())
            .await?;
        Ok(Tenant { id: scope.tenant(), name, max_calls: u32::try_from(max_calls).unwrap_or(u32::MAX) })
    }

    /// Writes an agent profile of the tenant, new or changed.
    ///
    /// # Errors
    /// [`StoreError::Transfers`] when a target may not be called, [`StoreError::NotFound`] when the tenant does not
    /// exist, or when the database fails.
    pub async fn put_profile(&self, scope: TenantScope, profile: &AgentProfile) -> Result<()> {
        profile.transfers.check()?;
        sqlx::query(
            "INSERT INTO agent_profiles (tenant_id, id, document) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, id) DO UPDATE SET document = excluded.document",
        )
        .bind(Id(scope.tenant()))
        .bind(Id(profile.id))
        .bind(Document(profile))
        .execute(self.driver.writer())
        .await?;
        Ok(())
    }

    /// Gives the tenant a number, or has another of the tenant's profiles answer it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another tenant has the number, [`StoreError::NotFound`] when the profile is not
    /// the tenant's, or when the database fails.
    pub async fn put_did(&self, scope: TenantScope, did: &Did) -> Result<()> {
        own(scope, did.tenant)?;
        let done = sqlx::query(
            "INSERT INTO dids (number, tenant_id, profile_id) VALUES ($1, $2, $3)
             ON CONFLICT (number) DO UPDATE SET profile_id = excluded.profile_id
             WHERE dids.tenant_id = excluded.tenant_id",
        )
        .bind(Word(&did.number))
        .bind(Id(did.tenant))
        .bind(Id(did.profile))
        .execute(self.driver.writer())
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::Conflict) } else { Ok(()) }
    }

    /// Lists the tenant's numbers in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dids(&self, scope: TenantScope) -> Result<Vec<Did>> {
        let rows: Vec<(Word<E164>, Id<crate::domain::ProfileId>)> =
            sqlx::query_as("SELECT number, profile_id FROM dids WHERE tenant_id = $1 ORDER BY number")
                .bind(Id(scope.tenant()))
                .fetch_all(self.driver.reader())
                .await?;
        let tenant = scope.tenant();
        Ok(rows.into_iter().map(|(Word(number), Id(profile))| Did { number, tenant, profile }).collect())
    }

    /// Lists the tenant's profiles, oldest first; what the prompts are synthesised from at start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profiles(&self, scope: TenantScope) -> Result<Vec<AgentProfile>> {
        let rows: Vec<(Document<AgentProfile>,)> =
            sqlx::query_as("SELECT document FROM agent_profiles WHERE tenant_id = $1 ORDER BY id")
                .bind(Id(scope.tenant()))
                .fetch_all(self.driver.reader())
                .await?;
        Ok(rows.into_iter().map(|(Document(profile),)| profile).collect())
    }

    /// Every number and where it leads, for start-up (pre-synthesis, the list of what is answered).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn routes(&self) -> Result<Vec<(E164, Route)>> {
        let numbers: Vec<(Word<E164>,)> =
            sqlx::query_as("SELECT number FROM dids ORDER BY number").fetch_all(self.driver.reader()).await?;
        let mut routes = Vec::with_capacity(numbers.len());
        for (Word(number),) in numbers {
            if let Some(route) = self.find_did(&number).await? {
                routes.push((number, route));
            }
        }
        Ok(routes)
    }
}
