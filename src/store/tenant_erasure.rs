//! The erasure of a business: hidden and cut off in one transaction, then emptied a bounded part at a time.
//!
//! What stays is what the operator's accounts need and what names no person: the tenant's name, its charges and sums of
//! months, the bare calls with the numbers that the law has us hold, and who did what in the audit log.

use jiff::Timestamp;

use super::audit::Change;
use super::driver::{Access, Id, Row, Time, Transaction, sql};
use super::{Result, Store, StoreError};
use crate::domain::billing::Plan;
use crate::domain::{By, TenantId, TenantScope};

/// Rows that one transaction removes or changes.
const PART: i64 = 500;

/// What a tenant has few of: it goes with the transaction that begins the erasure, and with every later one, since a request
/// that had been let in before may have written more. Access ends with it, and the numbers are free.
const FEW: [&str; 8] = [
    "DELETE FROM dids WHERE tenant_id = $1",
    "DELETE FROM api_keys WHERE tenant_id = $1",
    // Sessions go with their users.
    "DELETE FROM users WHERE tenant_id = $1",
    "DELETE FROM invitations WHERE tenant_id = $1",
    "DELETE FROM notice_settings WHERE tenant_id = $1",
    "DELETE FROM retention WHERE tenant_id = $1",
    "DELETE FROM plans WHERE tenant_id = $1",
    "UPDATE tenants SET status = 'suspended' WHERE id = $1 AND status <> 'suspended'",
];

/// What there may be much of, in an order that no foreign key stands against. `audit` keeps who did what, and to which
/// thing; the values, which may name people, stay only where they are amounts and states.
const MUCH: [&str; 7] = [
    "DELETE FROM outbox WHERE tenant_id = $1 AND id IN (SELECT id FROM outbox WHERE tenant_id = $1 LIMIT $2)",
    "DELETE FROM webhooks WHERE tenant_id = $1 AND id IN (SELECT id FROM webhooks WHERE tenant_id = $1 LIMIT $2)",
    "DELETE FROM profile_versions WHERE tenant_id = $1 AND (profile_id, version) IN
        (SELECT profile_id, version FROM profile_versions WHERE tenant_id = $1 LIMIT $2)",
    "DELETE FROM agent_profiles WHERE tenant_id = $1 AND id IN
        (SELECT id FROM agent_profiles WHERE tenant_id = $1 LIMIT $2)",
    "DELETE FROM idempotency WHERE tenant_id = $1 AND (principal, key) IN
        (SELECT principal, key FROM idempotency WHERE tenant_id = $1 LIMIT $2)",
    // People that callers were handed to.
    "UPDATE calls SET transfers = '[]' WHERE tenant_id = $1 AND id IN
        (SELECT id FROM calls WHERE tenant_id = $1 AND status <> 'active' AND transfers <> '[]' LIMIT $2)",
    "UPDATE audit SET old_value = NULL, new_value = NULL WHERE tenant_id = $1 AND id IN
        (SELECT id FROM audit WHERE tenant_id = $1 AND (old_value IS NOT NULL OR new_value IS NOT NULL)
            AND action NOT IN ('plan.update', 'tenant.suspend', 'tenant.resume', 'tenant.erase') LIMIT $2)",
];

impl Store {
    /// Begins the erasure of a business: from here on nothing shows it, nobody gets in, and its numbers are free. The plan
    /// goes into the audit log, for the last invoice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant, [`StoreError::StillUsed`] while calls go on, or when the
    /// database fails.
    pub async fn begin_tenant_erasure(&self, scope: TenantScope, by: &By) -> Result<()> {
        let own = |text| sql(text).bind(Id(scope.tenant()));
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let hide = own("UPDATE tenants SET erasing_at = $2 WHERE id = $1 AND erasing_at IS NULL").bind(Time(by.at));
        if transaction.execute(hide).await? == 0 {
            return Err(StoreError::NotFound);
        }
        let active = own("SELECT id FROM calls WHERE tenant_id = $1 AND status = 'active' LIMIT 1");
        if transaction.fetch_optional(active).await?.is_some() {
            return Err(StoreError::StillUsed);
        }
        let plan = transaction.fetch_optional(own("SELECT document FROM plans WHERE tenant_id = $1")).await?;
        let plan = plan.as_ref().map(super::ledger::plan_of).transpose()?;
        erase_few(&mut transaction, scope).await?;
        let change = Change::of("tenant.erase", scope.tenant()).before(&Left { plan });
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// Removes a part of what a business has beside its calls; whether there may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_tenant_part(&self, scope: TenantScope) -> Result<bool> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        erase_few(&mut transaction, scope).await?;
        let mut removed = 0;
        for text in MUCH {
            removed = transaction.execute(sql(text).bind(Id(scope.tenant())).bind(PART)).await?;
            if removed > 0 {
                break;
            }
        }
        transaction.commit().await?;
        Ok(removed > 0)
    }

    /// Writes down that nothing is left, unless a call came in while the erasure began; whether nothing is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_tenant_erasure(&self, scope: TenantScope, now: Timestamp) -> Result<bool> {
        let query = sql("UPDATE tenants SET erased_at = COALESCE(erased_at, $2)
             WHERE id = $1 AND erasing_at IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM calls WHERE tenant_id = $1 AND (status = 'active' OR erased_at IS NULL))");
        let query = query.bind(Id(scope.tenant())).bind(Time(now));
        Ok(self.driver.execute(Access::Tenant(scope), query).await? > 0)
    }

    /// The businesses whose erasure was begun and not finished before `since`; a verb of the platform's own work.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants_in_erasure(&self, since: Timestamp) -> Result<Vec<TenantScope>> {
        let query = sql("SELECT id FROM tenants
             WHERE erasing_at IS NOT NULL AND (erased_at IS NULL OR erased_at >= $1) ORDER BY id");
        let rows = self.driver.fetch_all(Access::Platform, query.bind(Time(since))).await?;
        let scope = |row: &Row| Ok(TenantScope::proven(row.get::<Id<TenantId>>("id")?.0));
        rows.iter().map(scope).collect()
    }

    /// Whether the erasure of a business was begun, so that nothing may be written for it any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_erased_tenant(&self, tenant: TenantId) -> Result<bool> {
        let query = sql("SELECT id FROM tenants WHERE id = $1 AND erasing_at IS NOT NULL").bind(Id(tenant));
        Ok(self.driver.fetch_optional(Access::Platform, query).await?.is_some())
    }
}

/// What the audit log keeps of a business.
#[derive(serde::Serialize)]
struct Left {
    plan: Option<Plan>,
}

async fn erase_few(transaction: &mut Transaction, scope: TenantScope) -> Result<()> {
    for text in FEW {
        transaction.execute(sql(text).bind(Id(scope.tenant()))).await?;
    }
    Ok(())
}
