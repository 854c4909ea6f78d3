//! The configuration taken up anew while calls go on: trunks, peers, tenants with their profiles and numbers.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::Failure;
use super::config::{Config, Loaded, environment};
use super::serve::refuse_faults;
use super::test_phone;
use crate::dialogue::Receptionist;
use crate::domain::IpNet;
use crate::live::Live;
use crate::sip::net::Stack;
use crate::sip::trunk::{TrunkChanges, Trunks};
use crate::speech::Speech;
use crate::store::Store;

/// Takes up the configuration of a running server; see [`super::server::Server::reloader`].
pub struct Reloader {
    file: Option<PathBuf>,
    /// What the server was started with.
    started: Loaded,
    store: Store,
    speech: Arc<Speech>,
    stack: Stack,
    trunks: Trunks,
    live: Live,
    /// What is in force; held while it changes, so that one change follows the other.
    running: Mutex<Running>,
}

struct Running {
    config: Config,
    /// Phrases that are being made for what was reloaded last; ends with this.
    lines: JoinSet<()>,
    /// What tells the live views of trunks that came later.
    news: JoinSet<()>,
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reloaded {
    pub trunks: TrunkChanges,
    /// Tenants of the file, which the database now has as they stand there.
    pub tenants: usize,
    /// Keys that differ from what the server was started with, and take effect at its next start only.
    pub at_next_start: Vec<String>,
}

impl Reloader {
    pub(super) fn new(
        file: Option<PathBuf>,
        started: Loaded,
        store: Store,
        speech: Arc<Speech>,
        stack: Stack,
        (trunks, live): (Trunks, Live),
    ) -> Self {
        let running =
            Mutex::new(Running { config: started.config.clone(), lines: JoinSet::new(), news: JoinSet::new() });
        Self { file, started, store, speech, stack, trunks, live, running }
    }

    /// Reads the file and the environment again, and takes up what can be changed while calls go on. What came of it is
    /// logged as well.
    ///
    /// # Errors
    /// A line for each fault, as at the start; nothing has changed then, but for a database that fails half-way through
    /// the tenants: these may be repeated.
    pub async fn reload(&self) -> Result<Reloaded, Failure> {
        let mut running = self.running.lock().await;
        let result = self.take_up(&mut running).await;
        match &result {
            Ok(Reloaded { trunks, tenants, at_next_start }) => {
                info!(
                    added = ?trunks.added, removed = ?trunks.removed, adjusted = ?trunks.adjusted,
                    restarted = ?trunks.restarted, unchanged = trunks.unchanged.len(), tenants,
                    "the configuration is reloaded"
                );
                if !at_next_start.is_empty() {
                    warn!(keys = ?at_next_start, "these keys take effect at the next start only");
                }
            }
            Err(Failure::Setup(why) | Failure::Run(why)) => {
                for why in why.lines() {
                    error!(why, "the configuration is not reloaded; VCA goes on as it was");
                }
            }
        }
        result
    }

    /// Takes up the trunks that the database has now, beside those of the file as it was last read.
    ///
    /// # Errors
    /// When the database fails; nothing has changed then.
    pub async fn refresh_trunks(&self) -> Result<TrunkChanges, Failure> {
        let mut running = self.running.lock().await;
        let config = running.config.clone();
        self.replace_trunks(config, &mut running.news).await
    }

    async fn replace_trunks(&self, mut config: Config, news: &mut JoinSet<()>) -> Result<TrunkChanges, Failure> {
        for stored in self.store.trunks_with_secrets().await.map_err(|error| Failure::setup(&error))? {
            // The file's goes before one of the same name.
            if config.trunks.iter().all(|trunk| trunk.name != stored.name) {
                config.trunks.push(stored);
            }
        }
        self.stack.set_networks(networks(&config)).await;
        let changes = self.trunks.replace(config.trunks);
        let is_new = |name: &str| changes.added.iter().chain(&changes.restarted).any(|new| new == name);
        // Those of trunks that went have ended.
        while news.try_join_next().is_some() {}
        super::presence::tell_of_trunks(news, &self.trunks, &self.live, &self.store, is_new);
        Ok(changes)
    }

    async fn take_up(&self, running: &mut Running) -> Result<Reloaded, Failure> {
        let file = self.file.clone();
        // Reads files and looks for models.
        let read = move || {
            let loaded = Loaded::load(file.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
            refuse_faults(&loaded, &super::locate_model)?;
            Ok(loaded)
        };
        let loaded = tokio::task::spawn_blocking(read).await.map_err(|error| Failure::run(&error))??;
        let at_next_start = fixed_keys(&self.started, &loaded);
        let mut config = loaded.config;
        // The engines that run are those of the start.
        config.speech.clone_from(&self.started.config.speech);
        super::onboard::sync(&self.store, &config).await?;
        let tenants = config.tenants.len();
        let trunks = self.replace_trunks(config.clone(), &mut running.news).await?;
        running.config = config;
        running.lines = JoinSet::new();
        running.lines.spawn(prepare_lines(Arc::clone(&self.speech), self.store.clone()));
        Ok(Reloaded { trunks, tenants, at_next_start })
    }
}

/// Whose requests are served: the peers, and the trunks' addresses even before their tasks run.
pub(super) fn networks(config: &Config) -> Vec<IpNet> {
    let of_trunks = config.trunks.iter().flat_map(|trunk| &trunk.settings.sbc_ips);
    // The telephone of test calls.
    let own = config.sip.udp.first().or(config.sip.tcp.first());
    let own = own.map(|own| IpNet::from(test_phone::reachable(*own).ip()));
    config.sip.peers.iter().chain(of_trunks).copied().chain(own).collect()
}

/// The keys that differ and are read at the start only.
fn fixed_keys(old: &Loaded, new: &Loaded) -> Vec<String> {
    let lines = |loaded: &Loaded| {
        let lines = loaded.lines().into_iter().map(|(key, value, _)| (key, value));
        lines.filter(|(key, _)| !is_taken_up(key)).collect::<std::collections::BTreeSet<_>>()
    };
    let mut keys: Vec<String> = lines(old).symmetric_difference(&lines(new)).map(|(key, _)| key.clone()).collect();
    keys.dedup();
    keys
}

fn is_taken_up(key: &str) -> bool {
    key == "sip.peers" || key == "sip.profiles_dir" || key.starts_with("trunks.") || key.starts_with("turns.")
}

/// Has the fixed lines of every receptionist spoken, while calls are taken already: somebody else's server must not delay
/// them. Those that are ready cost nothing.
pub(super) async fn prepare_lines(speech: Arc<Speech>, store: Store) {
    let routes = match store.routes().await {
        Ok(routes) => routes,
        Err(error) => return warn!(%error, "new phrases are made when they are needed"),
    };
    for (_, route) in routes {
        let chosen = speech.of(&route.profile.speech);
        let prepared = chosen.prepare(&Receptionist::fixed_lines(&route.profile), &mut |_, _| {}).await;
        if let Some(error) = prepared.failed.first() {
            warn!(%error, tenant = %route.tenant.id, failed = prepared.failed.len(), "phrases are made when they are needed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_need_a_start_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vca.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Loaded::load(Some(&file), []).unwrap()
        };
        let old = load("[sip]\nmax_calls = 3\n");
        let trunk = "[[trunks]]\nname = \"a\"\nsbc_ips = [\"192.0.2.1\"]\n";
        let new = load(&format!("[sip]\npeers = [\"192.0.2.7\"]\nmax_calls = 4\n[log]\nformat = \"json\"\n{trunk}"));
        assert_eq!(fixed_keys(&old, &new), ["log.format", "sip.max_calls"]);
        assert_eq!(networks(&new.config), ["192.0.2.7", "192.0.2.1", "127.0.0.1"].map(|net| net.parse().unwrap()));
        assert!(fixed_keys(&old, &old).is_empty());
    }
}
