//! The node that is called: one of this process's own with the demo clinic, or one that runs elsewhere; and what it
//! writes down, read through its API.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::cli::config::{Config, environment};
use crate::cli::demo::{DEMO_DID, onboard, same_port};
use crate::cli::server::{self, Server};
use crate::cli::{Failure, log};
use crate::speech::http::{HttpLimits, client};
use crate::store::{ApiKey, Store};

/// How often a call's record is read while the call goes on.
const POLL: Duration = Duration::from_millis(120);

/// A node of this process, on free ports of loopback; its data go with it.
pub struct OwnNode {
    server: Server,
    /// For what the API does not show.
    pub store: Store,
    pub sip: SocketAddr,
    pub api: Api,
    folder: Folder,
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl OwnNode {
    /// Starts it; takes seconds, and a minute where its phrases were never synthesised on this machine.
    ///
    /// # Errors
    /// Set-up failures, as `vca demo` has them.
    pub async fn start(cache: &Path) -> Result<Self, Failure> {
        let mut config = Config::load(None, environment()).map_err(|error| Failure::setup(&error))?;
        if !environment().into_iter().any(|(name, _)| name == "VCA__LOG__LEVEL") {
            "warn".clone_into(&mut config.log.level);
        }
        log::start(&config.log)?;
        let folder = Folder(std::env::temp_dir().join(format!("vca-simulate-{}", std::process::id())));
        config.data_dir.clone_from(&folder.0);
        // It is no node of anybody's platform.
        config.redis.url = None;
        config.database.url = None;
        config.prompts_dir.get_or_insert_with(|| cache.join("prompts"));
        // What is measured are calls.
        config.speech.presynthesis = false;
        let sip = same_port(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        config.sip.udp = vec![sip];
        config.sip.tcp = vec![sip];
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // Every caller reads its record several times a second, all of them with one key.
        config.http.requests_per_minute = NonZeroU32::MAX;
        config.http.burst = NonZeroU32::MAX;
        let store = server::open_store(&config).await?;
        let key = ApiKey::generate(rand::random());
        let shown = key.reveal().to_owned();
        onboard(&store, 100, None, true, Some(key)).await.map_err(|error| Failure::setup(&error))?;
        let server = Server::start(&config, store.clone()).await?;
        let api = Api::new(format!("http://{}", server.http), shown)?;
        Ok(Self { server, store, sip, api, folder })
    }

    /// Whom to call.
    pub fn uri(&self) -> String {
        format!("sip:{DEMO_DID}@{}", self.sip)
    }

    pub async fn stop(self) {
        self.server.stop().await;
        drop(self.folder);
    }
}

/// A node's API.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: String, key: String) -> Result<Self, Failure> {
        let client = client(HttpLimits::default()).map_err(|error| Failure::setup(&error))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), key })
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        let failed = |error: reqwest::Error| Failure::Run(format!("the node's API: {}", error.without_url()));
        let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        answer.json().await.map_err(failed)
    }

    /// The call of this caller that was answered last since `since`.
    async fn find(&self, caller: &str, since: jiff::Timestamp) -> Result<Option<String>, Failure> {
        let caller = caller.trim_start_matches('+');
        let found = self.get(&format!("/v1/calls?limit=1&caller=%2B{caller}&from={since}")).await?;
        Ok(found["calls"][0]["id"].as_str().map(str::to_owned))
    }

    /// Gives the record of this caller's call, again and again, until it is closed.
    ///
    /// # Errors
    /// When the API fails; a call that is not there yet is waited for.
    pub async fn follow(
        &self,
        caller: &str,
        since: jiff::Timestamp,
        news: tokio::sync::watch::Sender<Value>,
    ) -> Result<(), Failure> {
        let mut id = None;
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if id.is_none() {
                id = self.find(caller, since).await?;
            }
            if let Some(id) = &id {
                let record = self.get(&format!("/v1/calls/{id}")).await?;
                let closed = record["status"] != "active";
                news.send_replace(record);
                if closed {
                    return Ok(());
                }
            }
        }
    }
}
