//! The connection to Redis, and every command that is sent over it.

use std::time::Duration;

use deadpool_redis::redis::{self, Client, FromRedisValue, Script, ScriptInvocation};
use deadpool_redis::{Manager, Pool};
use tokio_rustls::rustls::crypto::ring;

use super::{RedisError, RedisOptions};
use crate::domain::{CallId, LiveCall, TenantId};
use crate::live::Event;
use crate::live::own::Kept;

/// The longest wait for Redis: whoever waits may be about to answer a caller.
pub(super) const WAIT: Duration = Duration::from_millis(250);
/// Connections at once.
const CONNECTIONS: usize = 8;
/// Calls that are kept alive by one command, so that none takes Redis long.
const CALLS_A_COMMAND: usize = 100;
/// Calls that a list shows at most.
const MOST_SHOWN: usize = 1_000;

/// Redis did not answer in time, or with an error: in words, without what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away(pub String);

/// What one node asks of another.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    HangUp {
        tenant: TenantId,
        call: CallId,
    },
    /// Hand the caller to this target of the profile.
    HandOver {
        tenant: TenantId,
        call: CallId,
        target: String,
    },
    /// Send what is heard of the call to this node, for a while.
    Listen {
        tenant: TenantId,
        call: CallId,
        node: String,
    },
    /// A tenth of a second of a call that the node listens to, in Base64; without sound, the call is over.
    Audio {
        call: CallId,
        sound: Option<String>,
    },
}

struct Scripts {
    enter: Script,
    keep: Script,
    leave: Script,
    list: Script,
    taken: Script,
    lease: Script,
    release: Script,
}

pub struct Link {
    pool: Pool,
    client: Client,
    scripts: Scripts,
    /// What every key begins with. The braces put all keys of a platform into one slot of a cluster.
    begin: String,
    node: String,
    lifetime_ms: usize,
}

impl Link {
    /// Connects when the first command is sent.
    pub fn new(options: &RedisOptions, node: &str, lifetime: Duration) -> Result<Self, RedisError> {
        // For rediss://. Whoever was first is as good: every library here is built for ring.
        let _ = ring::default_provider().install_default();
        let url = options.url.reveal();
        let client = Client::open(url).map_err(|_| RedisError::BadUrl)?;
        let manager = Manager::new(url).map_err(|_| RedisError::BadUrl)?;
        let pool = Pool::builder(manager).max_size(CONNECTIONS).build().map_err(|_| RedisError::BadUrl)?;
        let scripts = Scripts {
            enter: Script::new(include_str!("enter.lua")),
            keep: Script::new(include_str!("keep.lua")),
            leave: Script::new(include_str!("leave.lua")),
            list: Script::new(include_str!("list.lua")),
            taken: Script::new(include_str!("taken.lua")),
            lease: Script::new(include_str!("lease.lua")),
            release: Script::new(include_str!("release.lua")),
        };
        let lifetime_ms = usize::try_from(lifetime.as_millis()).unwrap_or(usize::MAX);
        let begin = format!("{{{}}}:", options.prefix);
        Ok(Self { pool, client, scripts, begin, node: node.to_owned(), lifetime_ms })
    }

    fn key(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}{kind}:{name}", self.begin)
    }

    fn calls(&self) -> String {
        format!("{}calls", self.begin)
    }

    /// The channel of everybody's events.
    pub fn events_channel(&self) -> String {
        format!("{}events", self.begin)
    }

    /// The channel of orders to a node.
    pub fn orders_channel(&self, node: &str) -> String {
        self.key("node", node)
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Away> {
        let sent = async {
            let mut connection = self.pool.get().await.map_err(|error| Away(error.to_string()))?;
            script.invoke_async(&mut connection).await.map_err(|error| Away(error.to_string()))
        };
        in_time(sent).await
    }

    /// Answers when Redis does.
    pub async fn ping(&self) -> Result<(), Away> {
        let asked = async {
            let mut connection = self.pool.get().await.map_err(|error| Away(error.to_string()))?;
            redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(|error| Away(error.to_string()))
        };
        in_time(asked).await
    }

    /// Whether the tenant has a place for the call, which it has then.
    pub async fn enter(&self, tenant: TenantId, call: CallId, most: u32) -> Result<bool, Away> {
        let mut script = self.scripts.enter.key(self.key("places", tenant));
        self.run(script.arg(call.to_string()).arg(most).arg(self.lifetime_ms)).await
    }

    /// Keeps calls of this node alive until the lifetime is over again.
    pub async fn keep(&self, calls: &[Kept]) -> Result<(), Away> {
        for some in calls.chunks(CALLS_A_COMMAND) {
            let mut script = self.scripts.keep.key(self.calls());
            script.arg(&self.begin).arg(self.lifetime_ms).arg(&self.node);
            for kept in some {
                let document = kept.live.as_ref().map(json).unwrap_or_default();
                script.arg(kept.tenant.to_string()).arg(kept.call.to_string()).arg(document);
            }
            self.run::<()>(&script).await?;
        }
        Ok(())
    }

    /// Takes calls out that are over.
    pub async fn leave(&self, calls: &[(TenantId, CallId)]) -> Result<(), Away> {
        for some in calls.chunks(CALLS_A_COMMAND) {
            let mut script = self.scripts.leave.key(self.calls());
            script.arg(&self.begin);
            for (tenant, call) in some {
                script.arg(tenant.to_string()).arg(call.to_string());
            }
            self.run::<()>(&script).await?;
        }
        Ok(())
    }

    /// Answered calls of a tenant, or of all.
    pub async fn list(&self, tenant: Option<TenantId>) -> Result<Vec<LiveCall>, Away> {
        let key = tenant.map_or_else(|| self.calls(), |tenant| self.key("places", tenant));
        let mut script = self.scripts.list.key(key);
        let documents: Vec<String> = self.run(script.arg(&self.begin).arg(MOST_SHOWN)).await?;
        // What cannot be read is another version's.
        let calls = documents.iter().filter_map(|document| serde_json::from_str::<LiveCall>(document).ok());
        Ok(calls.filter(|call| tenant.is_none_or(|tenant| call.tenant == tenant)).collect())
    }

    /// Places that the tenant's calls take.
    pub async fn taken(&self, tenant: TenantId) -> Result<u32, Away> {
        self.run(&self.scripts.taken.key(self.key("places", tenant))).await
    }

    /// One answered call, of whatever tenant.
    pub async fn get(&self, call: CallId) -> Result<Option<LiveCall>, Away> {
        let document = async {
            let mut connection = self.pool.get().await.map_err(|error| Away(error.to_string()))?;
            let mut get = redis::cmd("HGET");
            let get = get.arg(self.key("call", call)).arg("document");
            get.query_async::<Option<String>>(&mut connection).await.map_err(|error| Away(error.to_string()))
        };
        let document = in_time(document).await?;
        Ok(document.and_then(|document| serde_json::from_str(&document).ok()))
    }

    /// Tells everybody.
    pub async fn publish(&self, events: &[std::sync::Arc<Event>]) -> Result<(), Away> {
        // Of a pipeline without commands no answer comes.
        if events.is_empty() {
            return Ok(());
        }
        let channel = self.events_channel();
        let mut all = redis::pipe();
        for event in events {
            all.cmd("PUBLISH").arg(&channel).arg(json(&**event)).ignore();
        }
        let published = async {
            let mut connection = self.pool.get().await.map_err(|error| Away(error.to_string()))?;
            all.query_async::<()>(&mut connection).await.map_err(|error| Away(error.to_string()))
        };
        in_time(published).await
    }

    /// Asks something of a node; whether it listens.
    pub async fn order(&self, node: &str, order: &Order) -> Result<bool, Away> {
        let told = async {
            let mut connection = self.pool.get().await.map_err(|error| Away(error.to_string()))?;
            let mut publish = redis::cmd("PUBLISH");
            let publish = publish.arg(self.orders_channel(node)).arg(json(order));
            publish.query_async::<u32>(&mut connection).await.map_err(|error| Away(error.to_string()))
        };
        Ok(in_time(told).await? > 0)
    }

    /// Takes or renews the lease of this name; whether it is this node's.
    pub async fn lease(&self, name: &str, lifetime: Duration) -> Result<bool, Away> {
        let lifetime_ms = usize::try_from(lifetime.as_millis()).unwrap_or(usize::MAX);
        let mut script = self.scripts.lease.key(self.key("lease", name));
        self.run(script.arg(&self.node).arg(lifetime_ms)).await
    }

    /// Gives a lease back.
    pub async fn release(&self, name: &str) -> Result<(), Away> {
        let mut script = self.scripts.release.key(self.key("lease", name));
        self.run(script.arg(&self.node)).await
    }

    /// A connection of its own that hears what is published for this node.
    pub async fn listen(&self) -> Result<redis::aio::PubSub, Away> {
        let channels = [self.events_channel(), self.orders_channel(&self.node)];
        let opened = async {
            let mut ears = self.client.get_async_pubsub().await.map_err(|error| Away(error.to_string()))?;
            ears.subscribe(&channels[..]).await.map_err(|error| Away(error.to_string()))?;
            Ok(ears)
        };
        in_time(opened).await
    }
}

async fn in_time<T>(sent: impl Future<Output = Result<T, Away>>) -> Result<T, Away> {
    let late = |_| Err(Away(format!("no answer within {} ms", WAIT.as_millis())));
    tokio::time::timeout(WAIT, sent).await.unwrap_or_else(late)
}

fn json(what: &impl serde::Serialize) -> String {
    serde_json::to_string(what).expect("invariant: what is kept is plain data")
}
