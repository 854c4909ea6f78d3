//! Hears what the other nodes tell, and what they ask of this one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deadpool_redis::redis::Msg;
use futures_util::StreamExt as _;

use super::sender::Sender;
use super::{Common, Order, RETRY};
use crate::domain::CallWish;
use crate::live::{Event, Shared};

pub(super) struct Listener {
    common: Arc<Common>,
    shared: Arc<Shared>,
    sender: Sender,
}

impl Listener {
    pub fn new(common: Arc<Common>, shared: Arc<Shared>) -> Self {
        Self { common, shared, sender: Sender::default() }
    }

    pub async fn run(mut self) {
        let mut up = self.common.up.subscribe();
        loop {
            if up.wait_for(|up| *up).await.is_err() {
                return;
            }
            match self.common.link.listen().await {
                Ok(mut ears) => {
                    // Nobody knows what was said while nobody listened.
                    self.shared.bus.missed();
                    let mut heard = ears.on_message();
                    loop {
                        tokio::select! {
                            message = heard.next() => match message {
                                Some(message) => self.hear(&message),
                                None => break,
                            },
                            // A connection that is not broken may be dead all the same.
                            _ = up.wait_for(|up| !*up) => break,
                        }
                    }
                }
                Err(away) => tracing::debug!(error = away.0, "other nodes cannot be heard yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// What cannot be read is another version's.
    fn hear(&mut self, message: &Msg) {
        let text = message.get_payload_bytes();
        if message.get_channel_name() == self.common.link.events_channel() {
            match serde_json::from_slice::<Event>(text) {
                // What happened here was told here.
                Ok(event) if event.node == self.shared.node => {}
                Ok(event) => self.shared.bus.publish(Arc::new(event)),
                Err(error) => tracing::debug!(%error, "another node's event cannot be read"),
            }
        } else {
            match serde_json::from_slice(text) {
                Ok(Order::HangUp { tenant, call }) => {
                    let _ = self.shared.own.wish(tenant, call, CallWish::HangUp);
                }
                Ok(Order::HandOver { tenant, call, target }) => {
                    let _ = self.shared.own.wish(tenant, call, CallWish::HandOver(target));
                }
                Ok(Order::Listen { tenant, call, node }) => {
                    self.sender.listen(&self.common, &self.shared, tenant, call, node);
                }
                Ok(Order::Audio { call, sound: None }) => self.shared.far_ears.end(call),
                Ok(Order::Audio { call, sound: Some(sound) }) => match STANDARD.decode(sound) {
                    Ok(sound) => self.shared.far_ears.hear(call, sound.into()),
                    Err(error) => tracing::debug!(%error, "another node's sound cannot be read"),
                },
                Err(error) => tracing::debug!(%error, "another node's order cannot be read"),
            }
        }
    }
}
