//! Tenants, agent profiles, and the numbers that lead to them.

use super::driver::{Access, Document, Id, Row, Word, sql};
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
        let query = sql("SELECT t.id, t.name, t.max_calls, p.document
             FROM dids d
             JOIN tenants t ON t.id = d.tenant_id
             JOIN agent_profiles p ON p.tenant_id = d.tenant_id AND p.id = d.profile_id
             WHERE d.number = $1");
        let row = self.driver.fetch_optional(Access::Platform, query.bind(Word(number))).await?;
        row.map(|row| {
            let Id(id) = row.get::<Id<TenantId>>("id")?;
            let Document(profile) = row.get("document")?;
            Ok(Route { scope: TenantScope::proven(id), tenant: tenant(&row)?, profile })
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

    /// Reads the tenant of the scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when the database fails.
    pub async fn tenant(&self, scope: TenantScope) -> Result<Tenant> {
        let query = sql("SELECT * FROM tenants WHERE id = $1").bind(Id(scope.tenant()));
        tenant(&self.driver.fetch_one(Access::Tenant(scope), query).await?)
    }

    /// Writes an agent profile of the tenant, new or changed.
    ///
    /// # Errors
    /// [`StoreError::Transfers`] when a target may not be called, [`StoreError::NotFound`] when the tenant does not
    /// exist, or when the database fails.
    pub async fn put_profile(&self, scope: TenantScope, profile: &AgentProfile) -> Result<()> {
        profile.transfers.check()?;
        self.driver
            .execute(
                Access::Tenant(scope),
                sql("INSERT INTO agent_profiles (tenant_id, id, document) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, id) DO UPDATE SET document = excluded.document")
                .bind(Id(scope.tenant()))
                .bind(Id(profile.id))
                .bind(Document(profile)),
            )
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

    /// Lists the tenant's numbers in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dids(&self, scope: TenantScope) -> Result<Vec<Did>> {
        let query = sql("SELECT number, profile_id FROM dids WHERE tenant_id = $1 ORDER BY number");
        let rows = self.driver.fetch_all(Access::Tenant(scope), query.bind(Id(scope.tenant()))).await?;
        let did = |row: &Row| -> Result<Did> {
            let (Word(number), Id(profile)) = (row.get("number")?, row.get("profile_id")?);
            Ok(Did { number, tenant: scope.tenant(), profile })
        };
        rows.iter().map(did).collect()
    }

    /// Lists the tenant's profiles, oldest first; what the prompts are synthesised from at start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profiles(&self, scope: TenantScope) -> Result<Vec<AgentProfile>> {
        let query = sql("SELECT document FROM agent_profiles WHERE tenant_id = $1 ORDER BY id");
        let rows = self.driver.fetch_all(Access::Tenant(scope), query.bind(Id(scope.tenant()))).await?;
        rows.iter().map(|row| row.get("document").map(|Document(profile)| profile)).collect()
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
