//! Messages that leave the platform, and the endpoints that some of them go to.

use std::fmt;

use jiff::Timestamp;

use super::{CallId, E164, MessageId, TenantId, WebhookId};

/// By which way a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Sms,
    Webhook,
}

/// Where a message is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Not sent yet, or to be tried again.
    Pending,
    /// Taken over by the provider or the endpoint. A webhook ends here.
    Sent,
    /// An SMS that the operator reports to be on the phone.
    Delivered,
    /// Taken over, but never delivered, as the operator reports.
    Undelivered,
    /// Given up; it can be sent again.
    Dead,
}

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum EventKind {
    #[serde(rename = "call.started")]
    CallStarted,
    #[serde(rename = "call.ended")]
    CallEnded,
    #[serde(rename = "call.summary")]
    CallSummary,
    #[serde(rename = "message.delivered")]
    MessageDelivered,
    #[serde(rename = "trunk.state")]
    TrunkState,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Topic {
    #[serde(rename = "call.started")]
    CallStarted,
    #[serde(rename = "call.ended")]
    CallEnded,
    #[serde(rename = "call.summary")]
    CallSummary,
    #[serde(rename = "message.delivered")]
    MessageDelivered,
    #[serde(rename = "trunk.state")]
    TrunkState,
    /// The summary by SMS to the owner.
    #[serde(rename = "sms.owner")]
    SmsOwner,
    /// The confirmation by SMS to the caller.
    #[serde(rename = "sms.caller")]
    SmsCaller,
}

/// What a provider reports about an SMS that it took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptState {
    Delivered,
    Undelivered,
}

/// One message of a tenant.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Message {
    /// Also the idempotency key: every attempt carries it.
    pub id: MessageId,
    pub tenant: TenantId,
    /// The call that it is about, if any.
    pub call: Option<CallId>,
    pub channel: Channel,
    pub topic: Topic,
    /// The number that an SMS goes to.
    pub to: Option<E164>,
    /// The endpoint that a webhook goes to.
    pub webhook: Option<WebhookId>,
    pub state: MessageState,
    /// Tries that were made, failed ones too.
    pub attempts: u32,
    pub created_at: Timestamp,
    /// When a pending message is tried next, at the earliest.
    pub due_at: Timestamp,
    /// When it reached the state that it is in, unless that is pending.
    pub finished_at: Option<Timestamp>,
    /// The text of an SMS as it was last sent.
    pub text: Option<String>,
    /// Parts that the SMS is billed as.
    pub segments: Option<u32>,
    /// Who took the SMS over.
    pub provider: Option<String>,
    /// The provider's identifier of it.
    pub provider_id: Option<String>,
    /// What kept the last try from succeeding; without secrets or numbers.
    pub last_error: Option<String>,
}

/// One try to send a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub at: Timestamp,
    pub took_ms: u32,
    /// Of HTTP, when there was an answer.
    pub status: Option<u16>,
    /// `None` when it succeeded.
    pub error: Option<String>,
}

/// Which messages to list; `None` means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    pub channel: Option<Channel>,
    pub state: Option<MessageState>,
    pub call: Option<CallId>,
    pub webhook: Option<WebhookId>,
}

/// An endpoint of a tenant. Its secret is written only, never read back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    /// What it is told of; empty: everything.
    pub events: Vec<EventKind>,
    pub enabled: bool,
    pub created_at: Timestamp,
    /// Why the platform turned it off, when it did: the endpoint said that it is gone.
    pub disabled_reason: Option<String>,
}

/// What is to become of an endpoint; `None` leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub events: Option<Vec<EventKind>>,
    pub enabled: Option<bool>,
}

impl EventKind {
    pub const ALL: [Self; 5] =
        [Self::CallStarted, Self::CallEnded, Self::CallSummary, Self::MessageDelivered, Self::TrunkState];

    /// Its name in webhooks and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallStarted => "call.started",
            Self::CallEnded => "call.ended",
            Self::CallSummary => "call.summary",
            Self::MessageDelivered => "message.delivered",
            Self::TrunkState => "trunk.state",
        }
    }

    /// The topic of messages about it.
    pub const fn topic(self) -> Topic {
        match self {
            Self::CallStarted => Topic::CallStarted,
            Self::CallEnded => Topic::CallEnded,
            Self::CallSummary => Topic::CallSummary,
            Self::MessageDelivered => Topic::MessageDelivered,
            Self::TrunkState => Topic::TrunkState,
        }
    }
}

impl Topic {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallStarted => "call.started",
            Self::CallEnded => "call.ended",
            Self::CallSummary => "call.summary",
            Self::MessageDelivered => "message.delivered",
            Self::TrunkState => "trunk.state",
            Self::SmsOwner => "sms.owner",
            Self::SmsCaller => "sms.caller",
        }
    }
}

impl Webhook {
    /// Whether it is to be told of such an event.
    pub fn hears(&self, event: EventKind) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&event))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sms => "sms",
            Self::Webhook => "webhook",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_stored() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(serde_json::to_value(kind.topic()).unwrap(), kind.name());
        }
        assert_eq!(serde_json::to_value(Topic::SmsOwner).unwrap(), Topic::SmsOwner.name());
    }

    #[test]
    fn an_endpoint_hears_what_it_asked_for() {
        let hook = Webhook {
            id: WebhookId::from_uuid(uuid::Uuid::nil()),
            url: "https://example.com/".to_owned(),
            events: vec![EventKind::CallEnded],
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            disabled_reason: None,
        };
        assert!(hook.hears(EventKind::CallEnded) && !hook.hears(EventKind::CallStarted));
        assert!(Webhook { events: Vec::new(), ..hook.clone() }.hears(EventKind::TrunkState));
        assert!(!Webhook { enabled: false, ..hook }.hears(EventKind::CallEnded));
    }
}
