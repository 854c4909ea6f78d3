//! State of one leg.

use super::change::Change;
use super::refer::Referral;
use super::reliable::{Early, Ringing};
use super::{Flow, LegId, LegPolicy};
use crate::sip::auth::ClientAuth;
use crate::sip::dialog::Dialog;
use crate::sip::message::HeaderValue;
use crate::sip::session_timer::SessionTimer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a leg is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// An INVITE came and has no final response.
    Incoming,
    /// Our INVITE has no final response.
    Outgoing,
    /// A 2xx was sent or received.
    Established,
    /// The application knows that it is over; our BYE waits for the ACK, or for its response.
    Closing,
}

/// How far a cancellation of ours has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// Asked for before any provisional response, which it must wait for (RFC 3261 §9.1).
    Wanted,
    Sent,
}

/// A 2xx of ours that waits for its ACK; the core repeats it (RFC 3261 §13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacked {
    pub invite_seq: u32,
    pub data: Arc<[u8]>,
    pub flow: Flow,
    /// The 2xx carried the offer, so the ACK carries the answer.
    pub offered: bool,
    pub interval: Duration,
    pub next: Instant,
    pub give_up: Instant,
}

/// A 2xx to our INVITE that is to be acknowledged (RFC 3261 §13.2.2.4).
#[derive(Debug)]
pub(super) struct Accepted {
    pub tx: u64,
    pub tag: String,
    pub invite_seq: u32,
    pub way: Flow,
}

#[derive(Debug)]
pub(super) struct Leg {
    pub id: LegId,
    pub phase: Phase,
    /// Counts against the bound of incoming calls.
    pub incoming: bool,
    pub policy: LegPolicy,
    pub timer: SessionTimer,
    /// How the peer was reached last.
    pub flow: Flow,
    /// Our Contact towards this peer.
    pub contact: HeaderValue,
    /// Absent only while our INVITE is unanswered.
    pub dialog: Option<Dialog>,
    /// The early dialogs of our INVITE, in the order of their first responses; those of other forks stay after the answer.
    pub early: Vec<Early>,
    /// Under which it is found in the table of dialogs.
    pub key: Option<String>,
    /// Reliable provisional responses of ours.
    pub ringing: Ringing,
    /// A 2xx with an offer, whose ACK waits for the application's answer.
    pub late: Option<Accepted>,
    pub referral: Option<Referral>,
    /// The INVITE or re-INVITE of the peer that the application must answer, and whether it carried an offer.
    pub to_answer: Option<(u64, bool)>,
    /// Our INVITE or re-INVITE without a final response.
    pub asked: Option<u64>,
    /// The peer's UPDATE, or PRACK with an offer, that the application must answer, and until when.
    pub to_update: Option<(u64, Instant)>,
    /// The change that we want; its request is `asked` or `updating` unless it waits for another try.
    pub change: Option<Change>,
    /// Our UPDATE without a final response.
    pub updating: Option<u64>,
    /// Whether the peer's Allow names UPDATE.
    pub peer_updates: bool,
    /// Our last SDP, which a refresh by re-INVITE repeats, and the peer's.
    pub local_sdp: Option<Vec<u8>>,
    pub remote_sdp: Option<Vec<u8>>,
    pub unacked: Option<Unacked>,
    pub cancel: Cancel,
    /// A BYE that waits for the ACK of our 2xx (RFC 3261 §15), with its Reason.
    pub bye_after_ack: Option<Option<String>>,
    /// When ringing, an unanswered re-INVITE, or a cancellation has taken too long.
    pub deadline: Option<Instant>,
    /// Absent when there are no credentials.
    pub auth: Option<ClientAuth>,
    /// Entry in the schedule.
    pub entry: Option<Instant>,
}

impl Leg {
    pub fn new(id: LegId, phase: Phase, flow: Flow, contact: HeaderValue, policy: LegPolicy) -> Self {
        Self {
            id,
            phase,
            incoming: phase == Phase::Incoming,
            policy,
            timer: policy.timer(),
            flow,
            contact,
            dialog: None,
            early: Vec::new(),
            key: None,
            ringing: Ringing::default(),
            late: None,
            referral: None,
            to_answer: None,
            asked: None,
            to_update: None,
            change: None,
            updating: None,
            peer_updates: false,
            local_sdp: None,
            remote_sdp: None,
            unacked: None,
            cancel: Cancel::No,
            bye_after_ack: None,
            deadline: None,
            auth: None,
            entry: None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let repeat = self.unacked.as_ref().map(|unacked| unacked.next.min(unacked.give_up));
        let update = self.to_update.map(|(_, at)| at);
        let again = self.change.as_ref().and_then(|change| change.again_at);
        let session = (self.phase == Phase::Established).then(|| self.timer.poll_timeout()).flatten();
        let (ringing, refer) = (self.ringing.poll_timeout(), self.referral.as_ref().map(|referral| referral.until));
        [self.deadline, repeat, update, again, session, ringing, refer].into_iter().flatten().min()
    }

    /// The dialog with the peer of this tag; an early one only until our INVITE is answered.
    pub fn dialog_with(&mut self, tag: &str) -> Option<&mut Dialog> {
        match &mut self.dialog {
            Some(dialog) => Some(dialog).filter(|dialog| dialog.remote_tag() == tag),
            None => self.early.iter_mut().map(|early| &mut early.dialog).find(|dialog| dialog.remote_tag() == tag),
        }
    }

    /// The dialog that our next request goes into: before the answer that of the last fork that settled the media.
    pub fn current_dialog(&mut self) -> Option<&mut Dialog> {
        let early = self.early.iter_mut().rev().find(|early| early.answer.is_some()).map(|early| &mut early.dialog);
        self.dialog.as_mut().or(early)
    }

    /// Whether offer and answer of an INVITE without a final response are done, by reliable provisional responses.
    pub fn is_settled_early(&self) -> bool {
        match self.phase {
            Phase::Incoming => self.ringing.settled,
            Phase::Outgoing => self.early.iter().any(|early| early.answer.is_some()),
            Phase::Established | Phase::Closing => false,
        }
    }
}

/// The key a dialog is found by. The local tag is ours and random; the remote tag is compared after the look-up.
pub(super) fn dialog_key(call_id: &str, local_tag: &str) -> String {
    format!("{local_tag}\n{call_id}")
}
