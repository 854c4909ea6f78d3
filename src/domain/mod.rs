//! The nouns of the product: identifiers, numbers, tenants, trunks, profiles and call records.
//!
//! Nothing here does I/O, reads a clock or draws randomness: times and random bytes are parameters.
#![deny(clippy::disallowed_methods)]

mod access;
mod address;
mod answer;
mod audit;
pub mod billing;
mod call;
mod id;
mod ip_net;
mod knowledge;
mod live;
mod message;
mod notice;
mod number;
mod privacy;
mod profile;
mod retention;
mod search;
mod tenant;
mod transfer;
mod trunk;
mod user;
mod words;

pub use access::{Actor, Grant, Permission, PermissionError, Role};
pub use address::{AddressError, EmailAddress, PinCode};
pub use answer::Fit;
pub use audit::{AuditEntry, By};
pub use billing::Paise;
pub use call::{
    CallFilter, CallOutcome, CallRecord, CallSlots, CallStatus, EndCause, RecordingState, Rung, Speaker, TEST_TRUNK,
    Turn, Waterfall,
};
pub use id::{
    ApiKeyId, AuditId, CallId, ErasureId, IdError, InvitationId, MessageId, NodeId, ProfileId, RandomBytes, SessionId,
    TenantId, UserId, WebhookId,
};
pub use ip_net::{IpNet, IpNetError};
pub use knowledge::{Faq, Holiday, Knowledge, KnowledgeError, MOST_FAQS, MOST_SERVICES, Price, PriceRange, Service};
pub use live::{CallWish, LiveCall, LivePhase, LiveTurn, STEREO_FRAME_SAMPLES, StereoFrame};
pub use message::{
    Attempt, Channel, EventKind, Message, MessageFilter, MessageState, ReceiptState, Topic, Webhook, WebhookChange,
};
pub use notice::{
    CallerNotice, DltId, MOST_MOBILES, NoticeAbout, NoticeError, NoticeSettings, OwnerNotice, Piece, Placeholder,
    SmsCategory, SmsHeader, SmsSender, SmsTemplate, SmsValue,
};
pub use number::{E164, NumberError};
pub use privacy::{Pii, Secret};
pub use profile::{AgentProfile, Ask, DayHours, SpeechChoice, TurnSettings, WeeklyHours};
pub use retention::Retention;
pub use search::{SearchError, SearchWords};
pub use tenant::{Did, Tenant, TenantScope, TenantStatus};
pub use transfer::{
    DialError, DialString, MOST_TARGETS, TransferAttempt, TransferKind, TransferResult, TransferTarget, Transfers,
    TransfersError,
};
pub use trunk::{
    Confidence, DidSource, DidSourceError, DtmfMode, Identity, NumberFormat, Prack, SessionTimerUse, SrtpUse,
    TransferMode, Trunk, TrunkCodec, TrunkMode, TrunkSettings, TrunkTransport,
};
pub use user::{Invitation, Session, User};
pub use words::{SMALL, TENS, digit_words, in_words};
