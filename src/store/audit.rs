//! The audit log: who changed what, written in the transaction of the change.
//!
//! How a verb that changes something keeps the log:
//!
//! ```text
//! let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
//! let before = …read, or StoreError::NotFound…;
//! transaction.execute(sql("UPDATE …")).await?;
//! transaction.audit(Some(scope.tenant()), by, Change::of("profile.update", id).before(&before).after(&after)).await?;
//! transaction.commit().await
//! ```

use serde::Serialize;
use serde_json::Value;

use super::driver::{Access, Document, Id, Row, Time, Transaction, sql};
use super::{Result, Store, StoreError};
use crate::domain::{AuditEntry, AuditId, By, TenantId, TenantScope};

/// What was changed. Nothing secret goes in: no password, no key, no hash of one.
pub(super) struct Change {
    action: &'static str,
    object: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    /// `action` is `noun.verb`; `object` the identifier or number of what was changed.
    pub(super) fn of(action: &'static str, object: impl ToString) -> Self {
        Self { action, object: object.to_string(), before: None, after: None }
    }

    pub(super) fn before(self, value: &impl Serialize) -> Self {
        Self { before: serde_json::to_value(value).ok(), ..self }
    }

    pub(super) fn after(self, value: &impl Serialize) -> Self {
        Self { after: serde_json::to_value(value).ok(), ..self }
    }
}

impl Transaction {
    /// Writes an entry that is there when, and only when, the change is.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn audit(&mut self, tenant: Option<TenantId>, by: &By, change: Change) -> Result<(), StoreError> {
        let id = AuditId::new(by.at, rand::random());
        self.execute(
            sql("INSERT INTO audit (id, tenant_id, at, actor, action, object, old_value, new_value, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(Id(id))
            .bind(tenant.map(Id))
            .bind(Time(by.at))
            .bind(Document(by.actor))
            .bind(change.action)
            .bind(change.object)
            .bind(change.before.map(Document))
            .bind(change.after.map(Document))
            .bind(&by.request_id),
        )
        .await?;
        Ok(())
    }
}

impl Store {
    /// Writes down what was done elsewhere than in the database, or by a verb that keeps no log of its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, scope: TenantScope, by: &By, action: &'static str, object: &impl ToString) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        transaction.audit(Some(scope.tenant()), by, Change::of(action, object.to_string())).await?;
        transaction.commit().await
    }

    /// The entries of one tenant, the latest first, older than `before` where it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, scope: TenantScope, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditEntry>> {
        let mut query = sql("SELECT * FROM audit WHERE tenant_id = ");
        query.push_bind(Id(scope.tenant()));
        self.entries(Access::Tenant(scope), query, before, limit).await
    }

    /// The entries of the platform and of every tenant, likewise.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn platform_audit(&self, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditEntry>> {
        self.entries(Access::Platform, sql("SELECT * FROM audit WHERE 1 = 1"), before, limit).await
    }

    async fn entries(
        &self,
        access: Access,
        mut query: super::driver::Sql,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>> {
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(Id(before));
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
        self.driver.fetch_all(access, query).await?.iter().map(entry).collect()
    }
}

fn entry(row: &Row) -> Result<AuditEntry> {
    let (Id(id), Time(at), Document(actor)) = (row.get("id")?, row.get("at")?, row.get("actor")?);
    let document = |column| -> Result<Option<Value>> {
        Ok(row.get::<Option<Document<Value>>>(column)?.map(|Document(value)| value))
    };
    Ok(AuditEntry {
        id,
        tenant: row.get::<Option<Id<TenantId>>>("tenant_id")?.map(|Id(tenant)| tenant),
        at,
        actor,
        action: row.get("action")?,
        object: row.get("object")?,
        before: document("old_value")?,
        after: document("new_value")?,
        request_id: row.get("request_id")?,
    })
}
