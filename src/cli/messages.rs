//! Puts the outbox together: provider, webhooks, the route for reports, and the trunks' states as events.

use std::collections::BTreeSet;

use axum::Router;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tracing::warn;

use super::Failure;
use super::config::Config;
use crate::domain::{EventKind, TenantScope, Trunk};
use crate::notify::http::Http;
use crate::notify::receipts;
use crate::notify::webhook::sender::WebhookSender;
use crate::notify::worker::{SmsWay, Ways, Worker};
use crate::sip::trunk::{TrunkState, TrunkStatus, Trunks};
use crate::store::{Store, StoreError};

/// Everything about messages of a running node.
pub(super) struct Messages {
    worker: Worker,
    /// The route for delivery reports; empty when none are taken.
    pub receipts: Option<Router>,
}

impl Messages {
    /// Starts to send what is in the outbox.
    ///
    /// # Errors
    /// One line that says what is missing.
    pub async fn start(config: &Config, store: &Store) -> Result<Self, Failure> {
        // What an earlier process had in hand when it was killed.
        store.release_messages().await.map_err(|error| Failure::setup(&error))?;
        let allow_private = config.webhooks.allow_private;
        let webhooks = Http::new(allow_private).map_err(|error| Failure::setup(&error))?;
        // The provider is the operator's choice and may be a gateway beside this node.
        let provider = Http::new(true).map_err(|error| Failure::setup(&error))?;
        let provider = config.sms.provider().provider(&provider).map_err(|error| Failure::setup(&error))?;
        let token = config.sms.receipts_token.as_ref();
        let receipts = token.map(|token| receipts::router(store.clone(), provider.clone(), token));
        let dashboard = config.sms.dashboard_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let (sender, template, prices) = (config.sms.sender(), config.sms.template(), config.prices.clone());
        let sms = SmsWay { provider, sender, template, dashboard, prices };
        let webhooks = WebhookSender { http: webhooks, allow_private };
        Ok(Self { worker: Worker::start(store.clone(), Ways { sms, webhooks }), receipts })
    }

    /// Lets what is under way finish, and sends nothing more.
    pub async fn stop(self) {
        self.worker.stop().await;
    }
}

/// Tells the webhooks of the tenants on a trunk whenever its state changes. Runs until it is dropped.
pub(super) async fn tell_trunk_states(store: Store, trunks: Trunks, configured: Vec<Trunk>) {
    let mut watchers = JoinSet::new();
    for trunk in configured {
        if let Some(status) = trunks.subscribe(&trunk.name) {
            watchers.spawn(tell_trunk_state(store.clone(), trunk, status));
        }
    }
    while watchers.join_next().await.is_some() {}
}

async fn tell_trunk_state(store: Store, trunk: Trunk, mut status: tokio::sync::watch::Receiver<TrunkStatus>) {
    let mut told = None;
    loop {
        let (up, since, word) = {
            let status = status.borrow_and_update();
            (status.is_up(), status.since, word(&status.state))
        };
        // A registration that is renewed is no change.
        if told != Some(word) {
            told = Some(word);
            let data = json!({ "trunk": trunk.name, "state": word, "up": up, "since": since.to_string() });
            // Each process has its own trunk: the time of the change tells occurrences apart.
            let subject = format!("{}.{word}.{}", trunk.name, since.as_microsecond());
            if let Err(error) = tell(&store, &trunk, &subject, &data).await {
                warn!(trunk = trunk.name, %error, "webhooks were not told of the trunk's state");
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(store: &Store, trunk: &Trunk, subject: &str, data: &serde_json::Value) -> Result<(), StoreError> {
    let mut tenants = BTreeSet::new();
    for did in &trunk.dids {
        if let Some(route) = store.find_did(did).await? {
            tenants.insert(route.scope.tenant());
        }
    }
    for tenant in tenants {
        let scope = TenantScope::proven(tenant);
        store.emit(scope, EventKind::TrunkState, subject, data, Timestamp::now()).await?;
    }
    Ok(())
}

fn word(state: &TrunkState) -> &'static str {
    match state {
        TrunkState::Registered { .. } => "registered",
        TrunkState::Peer => "up",
        TrunkState::Unregistered => "unregistered",
        TrunkState::Standby => "standby",
        TrunkState::Trying => "registering",
        TrunkState::Failed { .. } => "failed",
    }
}
