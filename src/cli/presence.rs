//! Live calls behind the calls' port, and what the trunks tell the live views.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Failure;
use super::config::Config;
use super::wiring::trunk_standing;
use crate::call::ports::{BoxFuture, Presence, Present};
use crate::domain::{
    CallId, CallOutcome, CallRecord, CallWish, EndCause, LivePhase, TenantId, TenantScope, Trunk, Turn,
};
use crate::live::{self, Live, Notice, Overhear, TrunkNews};
use crate::metrics::Metrics;
use crate::sip::trunk::{TrunkStatus, Trunks};
use crate::store::Store;

/// The live calls as calls see them.
pub struct LivePresence(pub Live);

impl Presence for LivePresence {
    fn enter<'a>(&'a self, scope: TenantScope, call: CallId, most: u32) -> BoxFuture<'a, Option<Box<dyn Present>>> {
        Box::pin(async move {
            let entry = self.0.enter(scope, call, most).await?;
            Some(Box::new(entry) as Box<dyn Present>)
        })
    }
}

impl Present for live::Entry {
    fn answered(&self, record: &CallRecord, trunk: Option<&str>) {
        self.answered(record, trunk);
    }

    fn audible(&self, overhear: Overhear) {
        self.audible(overhear);
    }

    fn phase(&self, phase: LivePhase) {
        self.phase(phase);
    }

    fn turn(&self, turn: &Turn) {
        self.turn(turn);
    }

    fn ended(&self, cause: EndCause, outcome: CallOutcome) {
        self.ended(cause, outcome);
    }

    fn wishes(&self) -> watch::Receiver<CallWish> {
        self.wishes()
    }
}

/// Live calls as the configuration says: of this process, or of all nodes that use the same Redis.
pub fn open(config: &Config, metrics: &Arc<Metrics>) -> Result<Live, Failure> {
    let Some(options) = config.redis() else { return Ok(Live::in_process(node_name())) };
    let metrics = Arc::clone(metrics);
    let observer = move |notice| match notice {
        Notice::Up(up) => metrics.redis_up(up),
        Notice::FellBack(what) => metrics.fell_back(what),
    };
    Live::shared(node_name(), &options, Arc::new(observer)).map_err(|error| Failure::setup(&error))
}

/// A name for this process that no other one has: the machine's, and eight random digits.
fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "node" } else { host.trim() };
    format!("{host}-{:08x}", rand::random::<u32>())
}

/// Tells the live views what becomes of the trunks whose names `which` picks, from now on until the tasks are aborted.
pub fn tell_of_trunks(
    tasks: &mut JoinSet<()>,
    trunks: &Trunks,
    live: &Live,
    store: &Store,
    which: impl Fn(&str) -> bool,
) {
    for status in trunks.status().into_iter().filter(|status| which(&status.name)) {
        let (Some(trunk), Some(states)) = (trunks.get(&status.name), trunks.subscribe(&status.name)) else { continue };
        tasks.spawn(tell_of_trunk(trunk, states, live.clone(), store.clone()));
    }
}

async fn tell_of_trunk(trunk: Arc<Trunk>, mut states: watch::Receiver<TrunkStatus>, live: Live, store: Store) {
    let mut told = None;
    loop {
        let news = news_of(&states.borrow_and_update());
        // A refreshed registration is no news.
        if told.as_ref() != Some(&news) {
            live.trunk_changed(tenants_of(&trunk, &store).await, news.clone());
            told = Some(news);
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn news_of(status: &TrunkStatus) -> TrunkNews {
    let (standing, _) = trunk_standing(status);
    let word = serde_json::to_value(standing).ok().and_then(|word| word.as_str().map(str::to_owned));
    TrunkNews { trunk: status.name.clone(), state: word.unwrap_or_default(), up: status.is_up() }
}

/// Whose numbers the trunk carries.
async fn tenants_of(trunk: &Trunk, store: &Store) -> Vec<TenantId> {
    let mut tenants = Vec::new();
    for did in &trunk.dids {
        match store.find_did(did).await {
            Ok(Some(route)) if !tenants.contains(&route.scope.tenant()) => tenants.push(route.scope.tenant()),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, trunk = trunk.name, "whose the trunk's numbers are is not known now"),
        }
    }
    tenants
}
