//! Registers and changes endpoints: what the store keeps has been checked here.

use super::guard::{UrlRefused, check_url};
use super::signature::{SecretError, SigningSecret};
use crate::domain::{By, EventKind, Secret, TenantScope, Webhook, WebhookChange, WebhookId};
use crate::store::{Store, StoreError};

/// Why an endpoint is not taken.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error(transparent)]
    Url(#[from] UrlRefused),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tenants' endpoints.
#[derive(Clone)]
pub struct Endpoints {
    pub store: Store,
    /// `webhooks.allow_private`.
    pub allow_private: bool,
}

impl Endpoints {
    /// Adds an endpoint, with the tenant's own secret or a new one, which is shown this once.
    ///
    /// # Errors
    /// [`EndpointError`] when the address or the secret is refused, or the store refuses.
    pub async fn create(
        &self,
        scope: TenantScope,
        url: &str,
        events: &[EventKind],
        secret: Option<&Secret>,
        by: &By,
    ) -> Result<(Webhook, Secret), EndpointError> {
        let url = check_url(url, self.allow_private)?;
        let secret = match secret {
            Some(given) => SigningSecret::parse(given.reveal())?,
            None => SigningSecret::generate(rand::random()),
        };
        let id = WebhookId::new(by.at, rand::random());
        let webhook = self.store.create_webhook(scope, id, url.as_str(), events, &secret.text(), by).await?;
        Ok((webhook, secret.text()))
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// [`EndpointError`] when the new address is refused, or the tenant has no such endpoint.
    pub async fn change(
        &self,
        scope: TenantScope,
        id: WebhookId,
        change: WebhookChange,
        by: &By,
    ) -> Result<Webhook, EndpointError> {
        let url = change.url.as_deref().map(|url| check_url(url, self.allow_private)).transpose()?;
        let change = WebhookChange { url: url.map(String::from), ..change };
        Ok(self.store.change_webhook(scope, id, &change, by).await?)
    }

    /// Gives an endpoint a new secret, shown this once; the old one signs beside it for a day.
    ///
    /// # Errors
    /// [`EndpointError`] when the tenant has no such endpoint.
    pub async fn rotate(&self, scope: TenantScope, id: WebhookId, by: &By) -> Result<Secret, EndpointError> {
        let secret = SigningSecret::generate(rand::random()).text();
        self.store.rotate_webhook_secret(scope, id, &secret, by).await?;
        Ok(secret)
    }
}
