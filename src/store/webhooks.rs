//! Endpoints of tenants, and the tenants' wishes about text messages.

use jiff::{SignedDuration, Timestamp};

use super::audit::Change;
use super::driver::{Access, Document, Id, Row, Time, sql};
use super::{Result, Store, StoreError};
use crate::domain::{By, EventKind, NoticeSettings, Secret, TenantScope, Webhook, WebhookChange, WebhookId};

/// Endpoints of one tenant.
pub const MOST_WEBHOOKS: usize = 20;

/// How long the secret before the last one signs beside it.
pub const OLD_SECRET_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// An endpoint as the sender needs it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub webhook: Webhook,
    /// The secrets that sign, the newest first.
    pub secrets: Vec<Secret>,
}

impl Store {
    /// Adds an endpoint. The address has been checked (`notify::webhook`).
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MOST_WEBHOOKS`], or when the database fails.
    pub async fn create_webhook(
        &self,
        scope: TenantScope,
        id: WebhookId,
        url: &str,
        events: &[EventKind],
        secret: &Secret,
        by: &By,
    ) -> Result<Webhook> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql("SELECT id FROM webhooks WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if transaction.fetch_all(query).await?.len() >= MOST_WEBHOOKS {
            return Err(StoreError::TooMany { what: "webhooks", most: MOST_WEBHOOKS });
        }
        let query = sql("INSERT INTO webhooks (tenant_id, id, url, events, secret, enabled, created_at)
                         VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(Id(scope.tenant()))
        .bind(Id(id))
        .bind(url)
        .bind(Document(events))
        .bind(secret.reveal())
        .bind(true)
        .bind(Time(by.at));
        transaction.execute(query).await?;
        let (url, events) = (url.to_owned(), events.to_vec());
        let made = Webhook { id, url, events, enabled: true, created_at: by.at, disabled_reason: None };
        transaction.audit(Some(scope.tenant()), by, Change::of("webhook.create", id).after(&Logged::of(&made))).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// The tenant's endpoints, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(&self, scope: TenantScope) -> Result<Vec<Webhook>> {
        let query = sql("SELECT * FROM webhooks WHERE tenant_id = $1 ORDER BY created_at, id");
        let rows = self.driver.fetch_all(Access::Tenant(scope), query.bind(Id(scope.tenant()))).await?;
        rows.iter().map(webhook).collect()
    }

    /// One endpoint; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook(&self, scope: TenantScope, id: WebhookId) -> Result<Option<Webhook>> {
        Ok(self.endpoint(scope, id, Timestamp::MIN).await?.map(|endpoint| endpoint.webhook))
    }

    /// One endpoint with the secrets that sign at `now`; for the sender only.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn endpoint(&self, scope: TenantScope, id: WebhookId, now: Timestamp) -> Result<Option<Endpoint>> {
        let Some(row) = self.driver.fetch_optional(Access::Tenant(scope), one(scope, id)).await? else {
            return Ok(None);
        };
        let mut secrets = vec![Secret::new(row.get::<String>("secret")?)];
        let until = row.get::<Option<Time>>("previous_until")?;
        if let Some(previous) = row.get::<Option<String>>("previous_secret")?
            && until.is_some_and(|Time(until)| now < until)
        {
            secrets.push(Secret::new(previous));
        }
        Ok(Some(Endpoint { webhook: webhook(&row)?, secrets }))
    }

    /// Changes an endpoint. Turning one on again forgets why it was turned off.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such endpoint, or when the database fails.
    pub async fn change_webhook(
        &self,
        scope: TenantScope,
        id: WebhookId,
        change: &WebhookChange,
        by: &By,
    ) -> Result<Webhook> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let before = webhook(&transaction.fetch_optional(one(scope, id)).await?.ok_or(StoreError::NotFound)?)?;
        let query = sql("UPDATE webhooks SET url = COALESCE($3, url), events = COALESCE($4, events),
                         disabled_reason = CASE WHEN COALESCE($5, enabled) THEN NULL ELSE disabled_reason END,
                         enabled = COALESCE($5, enabled) WHERE tenant_id = $1 AND id = $2")
        .bind(Id(scope.tenant()))
        .bind(Id(id))
        .bind(&change.url)
        .bind(change.events.as_ref().map(Document))
        .bind(change.enabled);
        transaction.execute(query).await?;
        let after = webhook(&transaction.fetch_optional(one(scope, id)).await?.ok_or(StoreError::NotFound)?)?;
        if before != after {
            let change = Change::of("webhook.update", id).before(&Logged::of(&before)).after(&Logged::of(&after));
            transaction.audit(Some(scope.tenant()), by, change).await?;
        }
        transaction.commit().await?;
        Ok(after)
    }

    /// Gives an endpoint a new secret; the one before signs beside it for [`OLD_SECRET_LIVES`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such endpoint, or when the database fails.
    pub async fn rotate_webhook_secret(
        &self,
        scope: TenantScope,
        id: WebhookId,
        secret: &Secret,
        by: &By,
    ) -> Result<()> {
        let until = by.at.checked_add(OLD_SECRET_LIVES).unwrap_or(by.at);
        let query = sql("UPDATE webhooks SET previous_secret = secret, previous_until = $4, secret = $3
                         WHERE tenant_id = $1 AND id = $2")
        .bind(Id(scope.tenant()))
        .bind(Id(id))
        .bind(secret.reveal())
        .bind(Time(until));
        self.changed(scope, query, by, Change::of("webhook.rotate_secret", id)).await
    }

    /// Turns an endpoint off on the platform's own account, and says why; what is pending for it is given up when its turn comes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such endpoint, or when the database fails.
    pub async fn disable_webhook(&self, scope: TenantScope, id: WebhookId, reason: &str) -> Result<()> {
        let query = sql("UPDATE webhooks SET enabled = $3, disabled_reason = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(Id(scope.tenant()))
            .bind(Id(id))
            .bind(false)
            .bind(reason);
        let done = self.driver.execute(Access::Tenant(scope), query).await?;
        if done == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Removes an endpoint and all messages to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such endpoint, or when the database fails.
    pub async fn delete_webhook(&self, scope: TenantScope, id: WebhookId, by: &By) -> Result<()> {
        let query = sql("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2");
        let query = query.bind(Id(scope.tenant())).bind(Id(id));
        self.changed(scope, query, by, Change::of("webhook.delete", id)).await
    }

    /// How the tenant is told of its calls; nothing by SMS where it has not said.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notice_settings(&self, scope: TenantScope) -> Result<NoticeSettings> {
        let query = sql("SELECT document FROM notice_settings WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let row = self.driver.fetch_optional(Access::Tenant(scope), query).await?;
        row.map_or(Ok(NoticeSettings::default()), |row| row.get("document").map(|Document(settings)| settings))
    }

    /// Replaces that.
    ///
    /// # Errors
    /// [`StoreError::Notice`] when the settings cannot be followed, [`StoreError::NotFound`] when the tenant does not
    /// exist, or when the database fails.
    pub async fn put_notice_settings(&self, scope: TenantScope, settings: &NoticeSettings) -> Result<()> {
        settings.check()?;
        self.driver.execute(Access::Tenant(scope), notices(scope, settings)).await.map(drop)
    }

    /// The same, with an entry in the audit log where something changes.
    ///
    /// # Errors
    /// As [`Store::put_notice_settings`].
    pub async fn change_notice_settings(&self, scope: TenantScope, settings: &NoticeSettings, by: &By) -> Result<()> {
        settings.check()?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql("SELECT document FROM notice_settings WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let row = transaction.fetch_optional(query).await?;
        let Document(before) = row.map_or(Ok(Document(NoticeSettings::default())), |row| row.get("document"))?;
        if before == *settings {
            return Ok(());
        }
        transaction.execute(notices(scope, settings)).await?;
        let change = Change::of("notifications.update", scope.tenant()).before(&before).after(settings);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    async fn changed(&self, scope: TenantScope, query: super::driver::Sql, by: &By, change: Change) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        if transaction.execute(query).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }
}

fn one(scope: TenantScope, id: WebhookId) -> super::driver::Sql {
    sql("SELECT * FROM webhooks WHERE tenant_id = $1 AND id = $2").bind(Id(scope.tenant())).bind(Id(id))
}

/// What the audit log says of an endpoint: of its address the host only, since the rest may be a secret of the receiver's.
#[derive(serde::Serialize)]
struct Logged<'a> {
    host: &'a str,
    events: &'a [EventKind],
    enabled: bool,
}

impl<'a> Logged<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        let host = webhook.url.split('/').nth(2).unwrap_or_default();
        Self { host, events: &webhook.events, enabled: webhook.enabled }
    }
}

fn notices(scope: TenantScope, settings: &NoticeSettings) -> super::driver::Sql {
    sql("INSERT INTO notice_settings (tenant_id, document) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET document = excluded.document")
    .bind(Id(scope.tenant()))
    .bind(Document(settings))
}

pub(super) fn webhook(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.get::<Id<_>>("id")?.0,
        url: row.get("url")?,
        events: row.get::<Document<_>>("events")?.0,
        enabled: row.get("enabled")?,
        created_at: row.get::<Time>("created_at")?.0,
        disabled_reason: row.get("disabled_reason")?,
    })
}
