//! What a call needs from the rest of the system, so that `call` depends on no database.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::billing::{Allowance, Usage};
use crate::domain::{
    AgentProfile, CallId, CallOutcome, CallRecord, CallSlots, CallWish, DialString, E164, EndCause, LivePhase,
    RecordingState, Tenant, TenantScope, TenantStatus, TransferAttempt, TransferMode, Turn,
};
use crate::live::Overhear;
use crate::media::Capabilities;
use crate::sip::net::{OutgoingInvite, Transport};

/// A boxed future, for trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who answers a dialled number.
#[derive(Debug, Clone)]
pub struct Route {
    pub scope: TenantScope,
    pub tenant: Tenant,
    pub status: TenantStatus,
    pub profile: AgentProfile,
    /// What the call may spend: the profile is not shortened to it yet.
    pub allowance: Allowance,
}

/// How a call ended, for its record.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Closing {
    pub ended_at: Timestamp,
    pub end_cause: EndCause,
    pub outcome: CallOutcome,
    pub slots: CallSlots,
    pub summary: String,
    pub recording: RecordingState,
    pub transfers: Vec<TransferAttempt>,
    pub bridged_ms: u64,
    /// What is to be paid for the call.
    #[serde(default)]
    pub usage: Usage,
}

/// One step of a call, kept so that the call can be replayed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LogEvent {
    /// From 0, in order, within the call.
    pub seq: u32,
    /// Milliseconds after the answer.
    pub at_ms: u64,
    pub kind: Cow<'static, str>,
    pub data: serde_json::Value,
}

/// A failure on the other side of a port.
#[derive(Debug, Clone)]
pub struct PortError {
    /// Already in words.
    pub message: String,
    /// Whether trying again is of no use: the other side is there and says no.
    pub refused: bool,
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PortError {}

/// Where numbers are looked up and calls are written down.
pub trait CallBook: Send + Sync + 'static {
    /// Finds the receptionist of a dialled number; `None` for a number that nobody owns. A book that is away answers from
    /// memory, so that callers are answered.
    fn route<'a>(&'a self, did: &'a E164) -> BoxFuture<'a, Result<Option<Route>, PortError>>;
    /// Writes the record at the answer.
    fn open<'a>(&'a self, scope: TenantScope, record: &'a CallRecord) -> BoxFuture<'a, Result<(), PortError>>;
    /// Appends one turn.
    fn turn<'a>(&'a self, scope: TenantScope, call: CallId, turn: &'a Turn) -> BoxFuture<'a, Result<(), PortError>>;
    /// Keeps the slots as they are filled, and what they amount to, so that a crash loses none.
    fn slots<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        slots: &'a CallSlots,
        outcome: CallOutcome,
    ) -> BoxFuture<'a, Result<(), PortError>>;
    /// Appends events.
    fn events<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        events: &'a [LogEvent],
    ) -> BoxFuture<'a, Result<(), PortError>>;
    /// Closes the record at hang-up.
    fn close<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        closing: &'a Closing,
    ) -> BoxFuture<'a, Result<(), PortError>>;
}

/// Who is on the phone, on every node of the platform: what the tenants' caps count, and what live views show.
pub trait Presence: Send + Sync + 'static {
    /// Takes one of the tenant's `most` places for a call that is going to be answered; `None` when all are taken. It
    /// answers within half a second, whatever fails.
    fn enter<'a>(&'a self, scope: TenantScope, call: CallId, most: u32) -> BoxFuture<'a, Option<Box<dyn Present>>>;
}

/// A call's place under the cap and its line in the live views; dropping it frees both. No method waits.
pub trait Present: Send + Sync {
    /// The call was answered; `trunk` is what it came over.
    fn answered(&self, record: &CallRecord, trunk: Option<&str>);
    /// Where the call is heard, for those who listen in; `None` when it is over.
    fn audible(&self, overhear: Overhear);
    /// The conversation has come to another phase.
    fn phase(&self, phase: LivePhase);
    /// Somebody has finished speaking.
    fn turn(&self, turn: &Turn);
    /// The call is over; its place is free.
    fn ended(&self, cause: EndCause, outcome: CallOutcome);
    /// What others want done with the call.
    fn wishes(&self) -> watch::Receiver<CallWish>;
}

/// A call to a person.
#[derive(Debug, Clone)]
pub struct OutboundCall {
    pub to: DialString,
    /// The number that is called from: the one that the caller dialled.
    pub shown: E164,
    /// Whom it is placed for.
    pub caller: Option<E164>,
    /// The trunk that the caller's own call came over.
    pub trunk: Option<String>,
    /// Where the caller's own call came from.
    pub source: SocketAddr,
    pub transport: Transport,
    /// Whether the caller's carrier may be asked to place it, where its trunk is for that.
    pub may_refer: bool,
}

/// A way out for one call.
pub struct OutboundLine {
    /// Without its body: the offer is made of `capabilities` at `local_ip`.
    pub invite: OutgoingInvite,
    /// Our address as the far end of this line reaches it.
    pub local_ip: IpAddr,
    pub capabilities: Capabilities,
    /// Who calls: we (`Bridge`), or the carrier at our REFER, which takes no place on the trunk.
    pub transfer: TransferMode,
    /// The place that the call takes on its trunk; dropping it frees the place.
    pub permit: Option<Box<dyn Send + Sync>>,
}

/// Why a call cannot be placed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLine(pub String);

impl fmt::Display for NoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The lines that calls go out by.
pub trait OutboundLines: Send + Sync + 'static {
    /// Finds a line and takes a place on it.
    fn line<'a>(&'a self, call: &'a OutboundCall) -> BoxFuture<'a, Result<OutboundLine, NoLine>>;
}
