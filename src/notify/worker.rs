//! Takes messages out of the outbox and sends them.
//!
//! At least once: a message is finished in the database only after it was taken over, and what a process that dies
//! leaves behind is taken again when its lease has run out, under the same identifier. One lane for each channel, so that
//! slow webhooks hold up no text message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, error, warn};

use super::backoff;
use super::sms::provider::{SendError, Sms, SmsProvider};
use super::sms::{quiet, template};
use super::summary::Facts;
use super::webhook::sender::{GONE, WebhookSender};
use crate::domain::billing::Prices;
use crate::domain::{Channel, MessageState, SmsSender, SmsTemplate, Topic};
use crate::store::{Claimed, Store, StoreError, Tried};

/// Messages of one channel that are under way at once.
const AT_ONCE: usize = 8;

/// How long a message is this node's. Longer than one try with all its limits.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// One try, whatever hangs.
const TRY: Duration = Duration::from_secs(30);

/// How often other nodes' messages are looked for, and how long a database that fails is left alone.
const LOOK: Duration = Duration::from_secs(5);

/// How text messages are made and handed over.
pub struct SmsWay {
    pub provider: Arc<dyn SmsProvider>,
    /// In whose name owners are written to, and under which template.
    pub sender: SmsSender,
    pub template: SmsTemplate,
    /// Where calls are shown, without a slash at its end.
    pub dashboard: Option<String>,
    /// What text messages cost.
    pub prices: Prices,
}

/// Both ways out.
pub struct Ways {
    pub sms: SmsWay,
    pub webhooks: WebhookSender,
}

/// The running worker. Dropped without [`Worker::stop`] it ends at once; what was under way is sent again later.
pub struct Worker {
    stop: watch::Sender<bool>,
    lanes: Vec<JoinHandle<()>>,
}

struct Lane {
    store: Store,
    ways: Arc<Ways>,
    channel: Channel,
}

/// How a try went.
enum Went {
    Sent(Tried),
    /// Not allowed now.
    Later(Timestamp),
    Failed(Tried, SendError),
}

impl Worker {
    /// Starts both lanes on the current runtime.
    pub fn start(store: Store, ways: Ways) -> Self {
        let (stop, stopped) = watch::channel(false);
        let ways = Arc::new(ways);
        let lane = |channel| {
            let lane = Arc::new(Lane { store: store.clone(), ways: Arc::clone(&ways), channel });
            tokio::spawn(lane.run(stopped.clone()))
        };
        Self { stop, lanes: [Channel::Sms, Channel::Webhook].map(lane).into() }
    }

    /// Takes no further message and lets those under way finish; each has its time limit.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for lane in &mut self.lanes {
            if let Err(failure) = lane.await {
                error!(error = %failure, "a lane of the outbox failed");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.abort();
        }
    }
}

impl Lane {
    async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut changes = self.store.outbox_changes();
        let mut sending = JoinSet::new();
        while !*stop.borrow_and_update() {
            changes.mark_unchanged();
            let room = AT_ONCE.saturating_sub(sending.len());
            let wait = match self.take(room, &mut sending).await {
                Ok(wait) => wait,
                Err(error) => {
                    warn!(channel = %self.channel, %error, "the outbox cannot be read");
                    LOOK
                }
            };
            tokio::select! {
                Some(done) = sending.join_next(), if !sending.is_empty() => {
                    if let Err(failure) = done {
                        error!(channel = %self.channel, error = %failure, "sending a message failed; it is sent again later");
                    }
                }
                _ = changes.changed() => {}
                () = tokio::time::sleep(wait) => {}
                // A dropped sender stops it too.
                _ = stop.changed() => {}
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// Begins to send what is due, as far as there is room; how long there is nothing else to do.
    async fn take(self: &Arc<Self>, room: usize, sending: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        if room == 0 {
            return Ok(LOOK);
        }
        // A read first: most looks find nothing, and a claim takes SQLite's write lock.
        let Some(due) = self.store.next_message_due(self.channel).await? else { return Ok(LOOK) };
        let now = Timestamp::now();
        if due > now {
            let wait = Duration::try_from(due.duration_since(now)).unwrap_or(LOOK);
            return Ok(wait.min(LOOK));
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claimed = self.store.claim_messages(self.channel, now, LEASE, limit).await?;
        crate::store::fault::at("outbox.claimed");
        // None, where another node was faster.
        let wait = if claimed.len() == room { Duration::ZERO } else { Duration::from_millis(200) };
        for message in claimed {
            let lane = Arc::clone(self);
            sending.spawn(async move { lane.send(message).await });
        }
        Ok(wait)
    }

    async fn send(&self, claimed: Claimed) {
        let began = Instant::now();
        let went = tokio::time::timeout(TRY, self.attempt(&claimed)).await;
        crate::store::fault::at("outbox.sent");
        let took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let id = claimed.message.id;
        let went = match went {
            Ok(Ok(went)) => went,
            // The lease brings it back.
            Ok(Err(error)) => return warn!(message = %id, %error, "a message cannot be made ready; it is sent later"),
            Err(_elapsed) => Went::Failed(Tried::default(), SendError::for_now("it took too long", None)),
        };
        let now = Timestamp::now();
        let written = match went {
            Went::Sent(tried) => {
                debug!(message = %id, channel = %self.channel, took_ms, "a message was sent");
                self.store.message_sent(&claimed, &Tried { took_ms, ..tried }, now).await
            }
            Went::Later(until) => self.store.message_postponed(&claimed, until).await,
            Went::Failed(tried, error) => self.failed(&claimed, Tried { took_ms, ..tried }, &error, now).await,
        };
        if let Err(error) = written {
            warn!(message = %id, %error, "what became of a message cannot be written; it may be sent twice");
        }
        crate::store::fault::at("outbox.finished");
    }

    async fn failed(
        &self,
        claimed: &Claimed,
        tried: Tried,
        error: &SendError,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let failures = claimed.failures + 1;
        let wait = backoff::wait(failures, rand::random()).max(error.retry_after.unwrap_or(SignedDuration::ZERO));
        let next = (error.again && failures < backoff::MOST_TRIES).then(|| now.checked_add(wait).unwrap_or(now));
        let state = if next.is_some() { MessageState::Pending } else { MessageState::Dead };
        warn!(message = %claimed.message.id, channel = %self.channel, ?state, error = %error.why, "a message was not sent");
        let tried = Tried { status: error.status, ..tried };
        self.store.message_failed(claimed, &tried, &error.why, next, now).await?;
        let Some(webhook) = claimed.message.webhook else { return Ok(()) };
        match next {
            // One endpoint that does not answer must not fill the lane with tries that hang.
            Some(next) if error.status.is_none() => self.store.defer_webhook(claimed.scope, webhook, next).await,
            None if error.status == Some(GONE) => {
                self.store.disable_webhook(claimed.scope, webhook, "the endpoint answered 410: it is gone").await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn attempt(&self, claimed: &Claimed) -> Result<Went, StoreError> {
        match self.channel {
            Channel::Sms => self.attempt_sms(claimed).await,
            Channel::Webhook => self.attempt_webhook(claimed).await,
        }
    }

    async fn attempt_webhook(&self, claimed: &Claimed) -> Result<Went, StoreError> {
        let now = Timestamp::now();
        let endpoint = match claimed.message.webhook {
            Some(id) => self.store.endpoint(claimed.scope, id, now).await?,
            None => None,
        };
        let refused = |why: &str| Ok(Went::Failed(Tried::default(), SendError::final_refusal(why, None)));
        let Some(endpoint) = endpoint else { return refused("the endpoint is gone") };
        if !endpoint.webhook.enabled {
            return refused("the endpoint is turned off");
        }
        let sent = self.ways.webhooks.send(&endpoint, claimed.message.id, &claimed.payload, now).await;
        Ok(match sent {
            Ok(status) => Went::Sent(Tried { status: Some(status), ..Tried::default() }),
            Err(error) => Went::Failed(Tried::default(), error),
        })
    }

    async fn attempt_sms(&self, claimed: &Claimed) -> Result<Went, StoreError> {
        let way = &self.ways.sms;
        let refused = |why: String| Ok(Went::Failed(Tried::default(), SendError::final_refusal(why, None)));
        let call = match claimed.message.call {
            Some(call) => self.store.call_record(claimed.scope, call).await?,
            None => None,
        };
        let (Some(call), Some(to)) = (call, claimed.message.to.clone()) else {
            return refused("the call that it is about is gone".to_owned());
        };
        let own;
        let (sender, template) = if claimed.message.topic == Topic::SmsCaller {
            own = self.store.notice_settings(claimed.scope).await?.caller;
            match &own {
                Some(notice) => (&notice.sender, &notice.template),
                None => return refused("the tenant sends no text messages to callers any more".to_owned()),
            }
        } else {
            (&way.sender, &way.template)
        };
        if let Some(until) = quiet::wait_until(template.category, Timestamp::now()) {
            return Ok(Went::Later(until));
        }
        let tenant = self.store.tenant(claimed.scope).await?;
        let facts = Facts { call: &call, business: &tenant.name, dashboard: way.dashboard.as_deref() };
        let rendered = match template::render(template, |value| facts.value(value)) {
            Ok(rendered) => rendered,
            Err(error) => return refused(error.to_string()),
        };
        let mut tried = Tried {
            text: Some(rendered.text.clone()),
            segments: Some(rendered.size.segments),
            provider: Some(way.provider.name().to_owned()),
            cost: Some(way.prices.sms(way.provider.name(), rendered.size.segments.into())),
            ..Tried::default()
        };
        let sms = Sms { key: claimed.message.id, to, sender: sender.clone(), rendered };
        Ok(match way.provider.send(&sms).await {
            Ok(accepted) => {
                (tried.status, tried.provider_id) = (accepted.status, accepted.provider_id);
                Went::Sent(tried)
            }
            Err(error) => Went::Failed(tried, error),
        })
    }
}
