//! Live calls of several nodes, in Redis: each node keeps its own there alive, and sees the others'.
//!
//! ```text
//!  {vca}:places:<tenant>   sorted set: call → when its place is free again   the caps
//!  {vca}:calls             the same of all answered calls                    the operator's list
//!  {vca}:call:<call>       hash: node, tenant, document; expires             what is shown
//!  {vca}:lease:<trunk>     the node that registers; expires                  leases
//!  {vca}:events, {vca}:node:<node>                                           channels
//! ```
//!
//! Whatever a node holds there expires unless the node renews it, so that nothing of a dead node stays. While Redis is away a
//! node does with what is in its memory; when Redis is back, each node writes its calls there anew, whatever was lost.

mod keeper;
mod lease;
mod link;
mod listener;
mod sender;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

pub(super) use link::{Away, Order};

use super::{Event, Shared};
use crate::domain::{CallId, LiveCall, Secret, TenantId};
use keeper::Keeper;
use lease::Leaser;
use link::Link;
use listener::Listener;

/// How long a call stays known without word from its node.
pub(super) const CALL_LIFETIME: Duration = Duration::from_secs(10);
/// Between two words of a node for its calls.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);
/// Between two tries while Redis is away.
const RETRY: Duration = Duration::from_millis(500);
/// How often whoever listens to another node's call says so.
pub(super) const LISTEN_AGAIN: Duration = Duration::from_secs(3);
/// What may wait to be told to the other nodes.
const QUEUE: usize = 1_024;

/// How to reach Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// `redis://[USER[:PASSWORD]@]HOST[:6379][/DATABASE]`, or `rediss://` for TLS, verified by the authorities that this
    /// machine trusts.
    pub url: Secret,
    /// What every key begins with: platforms of different prefixes may share a Redis.
    pub prefix: String,
}

impl RedisOptions {
    /// Whether what is kept in Redis goes unencrypted over a network.
    ///
    /// # Errors
    /// [`RedisError::BadUrl`].
    pub fn is_exposed(&self) -> Result<bool, RedisError> {
        use deadpool_redis::redis::{ConnectionAddr, IntoConnectionInfo as _};
        let info = self.url.reveal().into_connection_info().map_err(|_| RedisError::BadUrl)?;
        let ConnectionAddr::Tcp(host, _) = info.addr() else { return Ok(false) };
        let local = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        Ok(!local && host != "localhost")
    }
}

/// Why live calls cannot be kept in Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The URL is none of Redis's.
    #[error(
        "the URL of Redis cannot be read: write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS"
    )]
    BadUrl,
}

/// What is told of the connection, for the operator's monitoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Redis answers, or does not any more.
    Up(bool),
    /// This was decided, or told, without Redis: `cap`, `list`, `event`, `hang_up`.
    FellBack(&'static str),
}

/// Who is told.
pub type Observer = Arc<dyn Fn(Notice) + Send + Sync>;

/// What is to be told to the others.
enum Note {
    Event(Arc<Event>),
    Left(TenantId, CallId),
}

/// What the tasks and the users of the connection share.
struct Common {
    link: Link,
    up: watch::Sender<bool>,
    /// A call of this node has something new to show.
    changed: Notify,
    observer: Observer,
    /// The log has said once whether Redis answers.
    said: AtomicBool,
    /// No more leases are taken.
    leaving: AtomicBool,
}

impl Common {
    fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    fn fell_back(&self, what: &'static str) {
        (self.observer)(Notice::FellBack(what));
    }

    /// Redis has answered.
    fn found(&self) {
        self.said.store(true, Ordering::Release);
        if self.up.send_if_modified(|up| !std::mem::replace(up, true)) {
            tracing::info!("Redis answers: live calls are shared with the other nodes");
            (self.observer)(Notice::Up(true));
        }
    }

    /// Redis has not answered. It is not asked again until it answers the keeper.
    fn lost(&self, away: &Away) {
        let first = !self.said.swap(true, Ordering::AcqRel);
        if self.up.send_if_modified(|up| std::mem::replace(up, false)) || first {
            tracing::warn!(
                error = away.0,
                "Redis does not answer: calls go on, caps are this node's own until it is back"
            );
            (self.observer)(Notice::Up(false));
        }
    }
}

/// The connection of one node; its tasks end with it.
pub(super) struct Redis {
    common: Arc<Common>,
    notes: mpsc::Sender<Note>,
    tasks: Mutex<JoinSet<()>>,
}

impl Redis {
    /// Starts on the current tokio runtime. Redis may be away: it is tried until it is there.
    pub fn start(options: &RedisOptions, shared: &Arc<Shared>, observer: Observer) -> Result<Self, RedisError> {
        let link = Link::new(options, &shared.node, CALL_LIFETIME)?;
        let (up, changed) = (watch::Sender::new(false), Notify::new());
        observer(Notice::Up(false));
        let (said, leaving) = (AtomicBool::new(false), AtomicBool::new(false));
        let common = Arc::new(Common { link, up, changed, observer, said, leaving });
        let (notes, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(Keeper::new(Arc::clone(&common), Arc::clone(shared), queue).run());
        tasks.spawn(Listener::new(Arc::clone(&common), Arc::clone(shared)).run());
        tasks.spawn(Leaser::new(Arc::clone(&common), Arc::clone(shared)).run());
        Ok(Self { common, notes, tasks: Mutex::new(tasks) })
    }

    /// Does this with Redis, unless it is away; without, `what` was decided by this node alone.
    async fn ask<T>(&self, what: &'static str, asked: impl Future<Output = Result<T, Away>>) -> Option<T> {
        if self.common.is_up() {
            match asked.await {
                Ok(answer) => return Some(answer),
                Err(away) => self.common.lost(&away),
            }
        }
        self.common.fell_back(what);
        None
    }

    /// Whether the tenant has a place for the call on all nodes together; `None` when only this node can tell.
    pub async fn enter(&self, tenant: TenantId, call: CallId, most: u32) -> Option<bool> {
        self.ask("cap", self.common.link.enter(tenant, call, most)).await
    }

    pub async fn list(&self, tenant: Option<TenantId>) -> Option<Vec<LiveCall>> {
        self.ask("list", self.common.link.list(tenant)).await
    }

    pub async fn taken(&self, tenant: TenantId) -> Option<u32> {
        self.ask("list", self.common.link.taken(tenant)).await
    }

    pub async fn get(&self, call: CallId) -> Option<Option<LiveCall>> {
        self.ask("list", self.common.link.get(call)).await
    }

    /// Whether the node was told.
    pub async fn order(&self, node: &str, order: &Order) -> Option<bool> {
        self.ask("hang_up", self.common.link.order(node, order)).await
    }

    /// A call of this node has something new to show.
    pub fn changed(&self) {
        self.common.changed.notify_one();
    }

    /// A call of this node is over. What cannot be told expires.
    pub fn left(&self, tenant: TenantId, call: CallId) {
        let _ = self.notes.try_send(Note::Left(tenant, call));
    }

    /// An event for the other nodes.
    pub fn tell(&self, event: Arc<Event>) {
        if !self.common.is_up() || self.notes.try_send(Note::Event(event)).is_err() {
            self.common.fell_back("event");
        }
    }

    /// Takes no more leases.
    pub fn leave(&self) {
        self.common.leaving.store(true, Ordering::Release);
    }

    /// Gives leases back, so that others need not wait for their end.
    pub async fn release(&self, names: &[String]) {
        for name in names {
            // What cannot be given back expires.
            if self.common.is_up()
                && let Err(away) = self.common.link.release(name).await
            {
                self.common.lost(&away);
            }
        }
    }

    /// Ends the tasks.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}
