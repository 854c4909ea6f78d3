//! The asking side: INVITE and its answers, CANCEL, requests within a dialog.

use super::ack::{ack_of_failure, repeat};
use super::change::Change;
use super::leg::{Accepted, Cancel, Leg, Phase, dialog_key};
use super::receive::ALLOW;
use super::reliable::{self, MAX_FORKS};
use super::rows::{Purpose, client_key};
use super::{Command, Endpoint, Flow, LegEvent, LegId, LegPolicy, OutgoingInvite, SipError, Transport};
use crate::domain::Prack;
use crate::sip::auth::ClientAuth;
use crate::sip::cause::q850;
use crate::sip::dialog::Dialog;
use crate::sip::message::{CSeq, HeaderName, HeaderValue, Method, NameAddr, Request, Response, reason_phrase};
use crate::sip::transaction::ClientAction;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a request of ours ended.
struct Outcome<'a> {
    status: u16,
    reason: &'a str,
    retry_after: Option<Duration>,
    /// Q.850.
    cause: Option<u8>,
}

/// How long the application may take to answer the offer in a 2xx: less than the peer repeats it.
const LATE_ANSWER: Duration = Duration::from_secs(10);

impl Endpoint {
    /// Places a call. `local_ip` is our address towards its destination, for listeners that are bound to all addresses.
    ///
    /// # Errors
    /// [`SipError`] when there is no address to send to, no listener to send from, or no room.
    pub fn invite(
        &mut self,
        invite: OutgoingInvite,
        local_ip: Option<IpAddr>,
        now: Instant,
    ) -> Result<(LegId, IpAddr), SipError> {
        let mut flow = self.outgoing_flow(invite.transport, Self::destination(&invite)?, local_ip)?;
        if self.legs.len() >= self.config.limits.legs {
            return Err(SipError::Full);
        }
        let contact = self.contact(&flow, invite.from.uri.user_unescaped().as_deref());
        let id = self.new_leg_id();
        let mut leg = Leg::new(id, Phase::Outgoing, flow, contact.clone(), invite.policy);
        leg.auth = invite.credentials.map(|c| ClientAuth::new(&c.username, c.password));
        leg.deadline = Some(now + self.config.limits.ringing);

        let mut request = Request::new(Method::Invite, invite.to.clone().without_headers());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        let (routes, others): (Vec<_>, Vec<_>) =
            invite.headers.into_iter().partition(|(name, _)| *name == HeaderName::Route);
        routes.into_iter().for_each(|(name, value)| headers.push(name, value));
        headers.push(HeaderName::From, invite.from.with_tag(&self.tokens.tag()));
        headers.push(HeaderName::To, NameAddr::new(invite.to));
        headers.push(HeaderName::CallId, self.tokens.call_id());
        headers.push(HeaderName::CSeq, CSeq::new(self.tokens.cseq() + 1, Method::Invite));
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Allow, ALLOW);
        let reliable = invite.body.is_some() && invite.policy.prack != Prack::Off;
        if reliable && invite.policy.prack == Prack::Require {
            headers.push(HeaderName::Require, reliable::OPTION_TAG);
        }
        let policy = if reliable { invite.policy } else { LegPolicy { prack: Prack::Off, ..invite.policy } };
        headers.push(HeaderName::Supported, policy.supported());
        leg.timer.ask().into_iter().for_each(|(name, value)| headers.push(name, value));
        headers.push(HeaderName::UserAgent, self.config.user_agent.as_str());
        others.into_iter().for_each(|(name, value)| headers.push(name, value));
        if let Some((content_type, body)) = invite.body {
            headers.push(HeaderName::ContentType, content_type);
            leg.local_sdp = Some(body.clone());
            request.body = body;
        }
        self.name_tls(&mut flow, &request);
        leg.flow = flow;
        self.legs.insert(id, leg);
        let local_ip = self.advertised_ip(&flow);
        match self.send_request(request, flow, Purpose::Invite, Some(id), now) {
            Some(tx) => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.asked = Some(tx);
                }
                self.stats.calls_out += 1;
                self.reschedule_leg(id);
                Ok((id, local_ip))
            }
            None => {
                self.free_leg(id, now);
                Err(SipError::Full)
            }
        }
    }

    /// Does what the application wants of a leg.
    pub fn command(&mut self, id: LegId, command: Command, now: Instant) {
        use super::receive::Extra;
        match command {
            Command::SetPolicy(policy) => self.set_policy(id, policy, now),
            Command::Progress { status, sdp } => self.progress(id, status, sdp, now),
            Command::Answer { sdp } => self.answer(id, sdp, now),
            Command::Reject { status, reason, headers } => {
                if self.legs.get(&id).is_some_and(|leg| leg.phase == Phase::Incoming) {
                    let reason = Some(reason).filter(|reason| !reason.is_empty());
                    self.reject(id, status, Extra { reason, headers, ..Extra::default() }, now);
                }
            }
            Command::AnswerReinvite(result) => self.answer_change(id, result, now),
            Command::Reinvite { sdp } => self.change(id, Change::asked(false, Some(sdp)), now),
            Command::Update { sdp } => self.change(id, Change::asked(true, sdp), now),
            Command::Acknowledge { sdp } => self.acknowledge(id, Some(sdp), now),
            Command::Refer { to, by, subscribe } => self.refer(id, *to, by.map(|by| *by), subscribe, now),
            Command::Info { content_type, body } => {
                self.ask(id, Method::Info, Vec::new(), Some((content_type, body)), Purpose::Info, now);
            }
            Command::Cancel => self.cancel(id, now),
            Command::Bye { reason } => self.bye(id, reason, now),
            Command::Drop => match self.legs.get(&id).map(|leg| leg.phase) {
                Some(Phase::Incoming) => self.reject(id, 500, Extra::default(), now),
                Some(Phase::Outgoing) => self.cancel(id, now),
                Some(Phase::Established) => self.bye(id, None, now),
                Some(Phase::Closing) | None => {}
            },
        }
    }

    /// Notes the name that the server at the other end of a new connection must prove (RFC 5922 §7.1).
    pub(super) fn name_tls(&mut self, flow: &mut Flow, request: &Request) {
        if flow.transport == Transport::Tls && flow.conn.is_none() && flow.tls_name.is_none() {
            flow.tls_name = super::address::next_host(request).and_then(|host| self.keep_tls_name(&host));
        }
    }

    /// Adds Via and credentials, and starts a client transaction.
    pub(super) fn send_request(
        &mut self,
        mut request: Request,
        flow: Flow,
        purpose: Purpose,
        leg: Option<LegId>,
        now: Instant,
    ) -> Option<u64> {
        let branch = self.tokens.branch();
        request.headers.push_front(HeaderName::Via, self.via(&flow, &branch));
        let cnonce = self.tokens.cnonce();
        if let Some(auth) = leg.and_then(|leg| self.legs.get_mut(&leg)).and_then(|leg| leg.auth.as_mut()) {
            auth.authorize(&mut request, &cnonce);
        }
        self.open_client(&branch, request, flow, purpose, leg, now)
    }

    /// Takes a response; whether it belongs to a request of ours.
    pub(super) fn handle_response(&mut self, response: &Response, now: Instant) -> bool {
        let (Ok(via), Ok(cseq)) = (response.headers.top_via(), response.headers.cseq()) else { return false };
        let key = client_key(via.branch().unwrap_or_default(), cseq.method.as_str());
        let Some(tx) = self.clients.find(&key) else {
            self.stats.stray_responses += 1;
            return false;
        };
        let Some(row) = self.clients.get_mut(tx) else { return false };
        let action = row.machine.handle_response(response.status, now);
        let first_final = response.status >= 200 && !row.done;
        row.done |= response.status >= 200;
        match action {
            ClientAction::Absorb => return true,
            ClientAction::Ack => {
                let again = row.ack.clone().map(|data| (row.flow, data));
                if let Some((flow, data)) = again {
                    self.transmit(flow, data);
                }
                return true;
            }
            ClientAction::AckAndDeliver => {
                let ack: Arc<[u8]> = ack_of_failure(&row.request, response).to_bytes().into();
                row.ack = Some(ack.clone());
                let flow = row.flow;
                self.transmit(flow, ack);
            }
            ClientAction::Deliver => {}
        }
        if first_final {
            self.clients.set_finished(tx);
        }
        self.reschedule_client(tx);
        self.deliver(tx, response, now);
        true
    }

    fn deliver(&mut self, tx: u64, response: &Response, now: Instant) {
        let Some(row) = self.clients.get(tx) else { return };
        let (purpose, leg) = (row.purpose, row.leg);
        match purpose {
            Purpose::Register(id) => return self.register_answered(id, tx, response, now),
            Purpose::Options(id) => return self.options_answered(id, Some(response.status)),
            _ => {}
        }
        let invite = matches!(purpose, Purpose::Invite | Purpose::Reinvite);
        match response.status {
            100..=199 if purpose == Purpose::Invite => self.provisional(tx, response, now),
            100..=199 => {}
            200..=299 if invite => self.accepted(tx, response, now),
            200..=299 if purpose == Purpose::Update => self.update_accepted(tx, response, now),
            200..=299 if purpose == Purpose::Refer => self.refer_accepted(tx, response),
            401 | 407 if leg.is_some() && self.authenticate(tx, response, now) => {}
            422 if leg.is_some() && self.raise_interval(tx, response, now) => {}
            status => {
                let retry_after = response.headers.retry_after().ok().flatten();
                let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
                let outcome = Outcome { status, reason: &response.reason, retry_after, cause: q850(&response.headers) };
                self.finished(tx, outcome, now);
            }
        }
    }

    /// No answer came, or the request could not be sent: treated as this response (RFC 3261 §8.1.3.1).
    pub(super) fn request_failed(&mut self, tx: u64, status: u16, reason: &str, now: Instant) {
        match self.clients.get(tx).map(|row| row.purpose) {
            Some(Purpose::Register(id)) => self.register_failed(id, tx, status, now),
            Some(Purpose::Options(id)) => self.options_answered(id, None),
            _ => self.finished(tx, Outcome { status, reason, retry_after: None, cause: None }, now),
        }
        self.remove_client(tx);
    }

    fn provisional(&mut self, tx: u64, response: &Response, now: Instant) {
        let Some(id) = self.clients.get(tx).and_then(|row| row.leg) else { return };
        match self.legs.get(&id).map(|leg| leg.cancel) {
            Some(Cancel::Wanted) => self.send_cancel(id, tx, now),
            Some(Cancel::No) if response.status > 100 => {
                self.early_response(id, tx, response, now);
            }
            _ => {}
        }
    }

    /// A 2xx to INVITE or re-INVITE: always acknowledged; the first makes the session, others are ended.
    fn accepted(&mut self, tx: u64, response: &Response, now: Instant) {
        let Some(row) = self.clients.get(tx) else { return };
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        if let Some(sent) = row.acks.iter().find(|ack| ack.tag == tag) {
            let (flow, ack) = (sent.flow, sent.data.clone());
            return self.transmit(flow, ack);
        }
        if row.acks.len() >= MAX_FORKS {
            return;
        }
        let (flow, leg, purpose) = (row.way(), row.leg, row.purpose);
        let late_offer = purpose == Purpose::Invite && row.request.body.is_empty() && !response.body.is_empty();
        let Some(mut dialog) = answered_dialog(&row.request, response) else { return };
        let invite_seq = dialog.local_seq();
        let leg = leg.and_then(|id| self.legs.get_mut(&id));
        if leg.as_ref().and_then(|leg| leg.late.as_ref()).is_some_and(|late| late.tag == tag) {
            // Repeated until it is acknowledged, which waits for the application.
            return;
        }
        if let Some(early) =
            leg.as_ref().and_then(|leg| leg.early.iter().find(|early| early.dialog.remote_tag() == tag))
        {
            dialog.continue_from(&early.dialog);
        }
        let leg = leg.filter(|leg| leg.asked == Some(tx));
        if let (Purpose::Reinvite, Some(leg)) = (purpose, &leg) {
            // The dialog's own route set and numbering, with the new target.
            let target = dialog.target().clone();
            dialog = leg.dialog.clone().unwrap_or(dialog);
            dialog.refresh_target(&NameAddr::new(target));
        }
        let way = Self::dialog_flow(&dialog, flow);
        let late = leg.as_ref().is_some_and(|leg| late_offer && leg.cancel == Cancel::No);
        let leg = leg.map(|leg| leg.id);
        let accepted = Accepted { tx, tag, invite_seq, way };
        if let Some(leg) = leg.filter(|_| late).and_then(|id| self.legs.get_mut(&id)) {
            leg.late = Some(accepted);
        } else {
            self.send_ack(accepted, &dialog, None, now);
        }
        match leg {
            Some(id) if purpose == Purpose::Reinvite => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.asked = None;
                    leg.dialog = Some(dialog);
                }
                self.change_answered(id, response, now);
                self.reschedule_leg(id);
            }
            Some(id) => self.establish(id, dialog, response, now),
            None if purpose == Purpose::Invite => {
                // A fork that answered later, or a call that was given up (RFC 3261 §13.2.2.4).
                let bye = dialog.request(Method::Bye);
                self.send_request(bye, way, Purpose::Aside, None, now);
            }
            None => {}
        }
    }

    fn establish(&mut self, id: LegId, dialog: Dialog, response: &Response, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.asked = None;
        leg.deadline = None;
        leg.auth.iter_mut().for_each(ClientAuth::accepted);
        let key = dialog_key(dialog.call_id(), dialog.local_tag());
        self.dialogs.insert(key.clone(), id);
        leg.key = Some(key);
        // The answer may have come in a reliable provisional response, which the 2xx need not repeat.
        let early = leg.early.iter().position(|early| early.dialog.remote_tag() == dialog.remote_tag());
        let answered = early.and_then(|at| leg.early.remove(at).answer).filter(|_| response.body.is_empty());
        let sdp = answered.unwrap_or_else(|| response.body.clone());
        leg.dialog = Some(dialog);
        leg.note_allow(&response.headers);
        if leg.cancel == Cancel::No {
            leg.phase = Phase::Established;
            leg.timer.answered(&response.headers, now);
            leg.remote_sdp = Some(sdp.clone()).filter(|sdp| !sdp.is_empty());
            let event = if leg.late.is_some() {
                leg.deadline = Some(now + LATE_ANSWER);
                LegEvent::AnsweredWithOffer { offer: sdp }
            } else {
                LegEvent::Answered { sdp }
            };
            self.emit(id, event);
        } else {
            // The 200 crossed our CANCEL, or came before it could be sent: acknowledged above, now ended.
            leg.phase = Phase::Closing;
            self.emit(id, LegEvent::Cancelled);
            self.send_bye(id, None, now);
        }
        self.reschedule_leg(id);
    }

    /// Repeats a challenged request with credentials; false when there are none, or none that help.
    fn authenticate(&mut self, tx: u64, response: &Response, now: Instant) -> bool {
        let Some(row) = self.clients.get(tx) else { return false };
        let request = (*row.request).clone();
        let Some(leg) = row.leg.and_then(|leg| self.legs.get_mut(&leg)) else { return false };
        if leg.cancel != Cancel::No {
            return false;
        }
        let Some(auth) = leg.auth.as_mut() else { return false };
        if auth.challenged(&request, response).is_err() {
            return false;
        }
        self.send_again(tx, request, now)
    }

    /// A request that was refused, changed so that it may pass: the same Call-ID, From and To, the next CSeq, a branch of
    /// its own (RFC 3261 §8.1.3.5, §22.2). False when it cannot be sent.
    pub(super) fn send_again(&mut self, tx: u64, mut request: Request, now: Instant) -> bool {
        let Some(row) = self.clients.get(tx) else { return false };
        let (flow, purpose) = (row.way(), row.purpose);
        let Some(leg) = row.leg.and_then(|leg| self.legs.get_mut(&leg)) else { return false };
        let id = leg.id;
        let tag = request.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        match leg.dialog_with(&tag) {
            Some(dialog) => dialog.renumber(&mut request),
            None => {
                let number = request.headers.cseq().map_or(1, |cseq| cseq.number) + 1;
                request.headers.set(HeaderName::CSeq, CSeq::new(number, request.method.clone()));
            }
        }
        request.headers.remove_first(HeaderName::Via);
        let again = self.send_request(request, flow, purpose, Some(id), now);
        match (self.legs.get_mut(&id), purpose) {
            (Some(leg), Purpose::Invite | Purpose::Reinvite) => leg.asked = again.or(leg.asked),
            (Some(leg), Purpose::Update) => leg.updating = again.or(leg.updating),
            (Some(_), Purpose::Refer) => self.refer_renewed(id, tx, again.unwrap_or(tx)),
            _ => {}
        }
        again.is_some()
    }

    /// A request of ours has its final outcome (for INVITE: other than 2xx).
    fn finished(&mut self, tx: u64, outcome: Outcome<'_>, now: Instant) {
        let Outcome { status, reason, retry_after, cause } = outcome;
        let Some(row) = self.clients.get_mut(tx) else { return };
        row.done = true;
        let purpose = row.purpose;
        let Some(leg) = row.leg.and_then(|leg| self.legs.get_mut(&leg)) else { return };
        let id = leg.id;
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason }.to_owned();
        if status < 300 {
            leg.auth.iter_mut().for_each(ClientAuth::accepted);
        }
        match purpose {
            Purpose::Invite if leg.asked == Some(tx) => {
                let event = match leg.cancel {
                    Cancel::No => LegEvent::Failed { status, reason, retry_after, cause },
                    Cancel::Wanted | Cancel::Sent => LegEvent::Cancelled,
                };
                self.emit(id, event);
                self.free_leg(id, now);
            }
            Purpose::Reinvite if leg.asked == Some(tx) => {
                leg.asked = None;
                self.change_refused(id, status, reason, retry_after, now);
            }
            Purpose::Update if leg.updating == Some(tx) => {
                leg.updating = None;
                self.change_refused(id, status, reason, retry_after, now);
            }
            Purpose::Refer => self.refer_refused(id, tx, status, &reason, now),
            Purpose::Info => self.lost_dialog(id, status, &reason, now),
            Purpose::Bye => self.free_leg(id, now),
            Purpose::Invite | Purpose::Reinvite | Purpose::Update | Purpose::Prack | Purpose::Aside => {}
            Purpose::Register(_) | Purpose::Options(_) => {}
        }
    }

    /// RFC 3261 §12.2.1.2: a request within the dialog that got 481 or no answer ends it.
    pub(super) fn lost_dialog(&mut self, id: LegId, status: u16, reason: &str, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Established) else { return };
        if matches!(status, 408 | 481) {
            leg.phase = Phase::Closing;
            leg.unacked = None;
            let reason = Some(format!("{status} {reason}"));
            self.emit(id, LegEvent::Ended { by_remote: true, reason, cause: None });
            self.send_bye(id, None, now);
            self.reschedule_leg(id);
        }
    }

    /// A request within an established dialog.
    pub(super) fn ask(
        &mut self,
        id: LegId,
        method: Method,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Option<(String, Vec<u8>)>,
        purpose: Purpose,
        now: Instant,
    ) -> Option<u64> {
        let early = method == Method::Update;
        let leg = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Established || early)?;
        let last = leg.flow;
        let dialog = leg.current_dialog()?;
        let mut request = dialog.request(method);
        let flow = Self::dialog_flow(dialog, last);
        headers.into_iter().for_each(|(name, value)| request.headers.push(name, value));
        request.headers.push(HeaderName::UserAgent, self.config.user_agent.as_str());
        if let Some((content_type, body)) = body {
            request.headers.push(HeaderName::ContentType, content_type);
            request.body = body;
        }
        self.send_request(request, flow, purpose, Some(id), now)
    }

    fn cancel(&mut self, id: LegId, now: Instant) {
        let wait = self.config.timing.transaction_timeout();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.phase != Phase::Outgoing || leg.cancel != Cancel::No {
            return;
        }
        leg.cancel = Cancel::Wanted;
        // §9.1: a cancelled INVITE that gets no final response in 64 × T1 is over.
        leg.deadline = Some(now + wait);
        let tx = leg.asked;
        self.reschedule_leg(id);
        if let Some(tx) = tx.filter(|tx| self.clients.get(*tx).is_some_and(|row| row.machine.is_proceeding())) {
            self.send_cancel(id, tx, now);
        }
    }

    fn send_cancel(&mut self, id: LegId, tx: u64, now: Instant) {
        let wait = self.config.timing.transaction_timeout();
        let Some(row) = self.clients.get(tx) else { return };
        let (Some(leg), Ok(via)) = (self.legs.get_mut(&id), row.request.headers.top_via()) else { return };
        leg.cancel = Cancel::Sent;
        leg.deadline = Some(now + wait);
        let (request, flow) = (repeat(&row.request, Method::Cancel), row.flow);
        let branch = via.branch().unwrap_or_default().to_owned();
        self.open_client(&branch, request, flow, Purpose::Aside, None, now);
        self.reschedule_leg(id);
    }

    /// An outgoing call rang too long, or its CANCEL had no effect.
    pub(super) fn ringing_too_long(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.cancel == Cancel::No {
            return self.cancel(id, now);
        }
        let tx = leg.asked;
        self.emit(id, LegEvent::Cancelled);
        self.free_leg(id, now);
        if let Some(tx) = tx {
            self.remove_client(tx);
        }
    }

    /// Ends an established session; anything earlier is ended as [`Command::Drop`] would.
    pub(super) fn bye(&mut self, id: LegId, reason: Option<String>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.phase != Phase::Established {
            return self.command(id, Command::Drop, now);
        }
        leg.phase = Phase::Closing;
        leg.deadline = None;
        leg.change = None;
        leg.referral = None;
        let late = leg.late.is_some();
        let (invite, update) = (leg.to_answer.take(), leg.to_update.take());
        let unacked = leg.unacked.is_some();
        if unacked {
            leg.bye_after_ack = Some(reason.clone());
        }
        for tx in invite.map(|(tx, _)| tx).into_iter().chain(update.map(|(tx, _)| tx)) {
            self.reply(tx, 487, super::receive::Extra::default(), now);
        }
        self.emit(id, LegEvent::Ended { by_remote: false, reason: reason.clone(), cause: None });
        if late {
            self.acknowledge(id, None, now);
        }
        if !unacked {
            self.send_bye(id, reason, now);
        }
        self.reschedule_leg(id);
    }

    /// Sends the BYE of a leg in Closing; the leg goes when it is answered.
    pub(super) fn send_bye(&mut self, id: LegId, reason: Option<String>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(dialog) = leg.dialog.as_mut() else { return self.free_leg(id, now) };
        let mut bye = dialog.request(Method::Bye);
        let flow = Self::dialog_flow(dialog, leg.flow);
        bye.headers.push(HeaderName::UserAgent, self.config.user_agent.as_str());
        if let Some(reason) = reason {
            bye.headers.push(HeaderName::Reason, reason);
        }
        if self.send_request(bye, flow, Purpose::Bye, Some(id), now).is_none() {
            self.free_leg(id, now);
        }
    }
}

/// The dialog of a 2xx; a 2xx without Contact, which is wrong, leaves the Request-URI as target so that it can be ended.
fn answered_dialog(invite: &Request, response: &Response) -> Option<Dialog> {
    Dialog::calling(invite, response).ok().or_else(|| {
        let mut patched = response.clone();
        patched.headers.set(HeaderName::Contact, NameAddr::new(invite.uri.clone()));
        Dialog::calling(invite, &patched).ok()
    })
}
