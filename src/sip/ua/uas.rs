//! The answering side: incoming INVITE, CANCEL, ACK, requests within a dialog, and what the application answers.

use super::leg::{Leg, Phase, Unacked, dialog_key};
use super::receive::{ALLOW, Extra, capabilities, refuse_requirements};
use super::rows::server_key;
use super::{Endpoint, Event, Flow, InviteInfo, LegEvent, LegId, LegPolicy};
use crate::sip::cause;
use crate::sip::dialog::Dialog;
use crate::sip::message::{HeaderName, HeaderValue, Headers, Method, Request, Via};
use std::time::{Duration, Instant};

/// How long the application may take to answer a re-INVITE before it gets 500: less than the peer's timer B.
const REINVITE_ANSWER: Duration = Duration::from_secs(20);

impl Endpoint {
    /// A new call: 100 at once, and the application is told.
    pub(super) fn handle_invite(&mut self, tx: u64, source: Flow, now: Instant) {
        let limits = self.config.limits;
        if self.incoming >= limits.incoming || self.legs.len() >= limits.legs {
            self.stats.refused_full += 1;
            self.reply(tx, 503, Extra::header(HeaderName::RetryAfter, 5), now);
            return;
        }
        let cseq = self.tokens.cseq();
        let Some(row) = self.servers.get(tx) else { return };
        let Some(request) = row.request.as_deref() else { return };
        let flow = Flow { remote: row.flow.remote, ..source };
        let Ok(dialog) = Dialog::answering(request, &row.tag, cseq) else {
            self.reply(tx, 400, Extra::reason("Missing Contact"), now);
            return;
        };
        let Some(invite) = invite_info(request, &source, now) else {
            self.reply(tx, 400, Extra::default(), now);
            return;
        };
        let policy = self.policy_for(source.remote.ip());
        if let Some(min_se) = policy.timer().refuses(&request.headers) {
            self.reply(tx, 422, Extra::header(HeaderName::MinSe, min_se), now);
            return;
        }
        let offered = !request.body.is_empty();
        let (headers, offer) = (request.headers.clone(), offered.then(|| request.body.clone()));
        let contact = self.contact(&flow, request.uri.user_unescaped().as_deref());
        self.reply(tx, 100, Extra::default(), now);

        let id = self.new_leg_id();
        let mut leg = Leg::new(id, Phase::Incoming, flow, contact, policy);
        leg.note_allow(&headers);
        leg.remote_sdp = offer;
        leg.to_answer = Some((tx, offered));
        leg.deadline = Some(now + self.config.limits.ringing);
        let key = dialog_key(dialog.call_id(), dialog.local_tag());
        self.dialogs.insert(key.clone(), id);
        leg.key = Some(key);
        leg.dialog = Some(dialog);
        self.legs.insert(id, leg);
        self.incoming += 1;
        self.stats.calls_in += 1;
        if let Some(row) = self.servers.get_mut(tx) {
            row.leg = Some(id);
        }
        self.reschedule_leg(id);
        let local_ip = self.advertised_ip(&flow);
        self.emit_event(Event::Incoming { leg: id, local_ip, invite: Box::new(invite) });
    }

    /// RFC 3261 §9.2: 200 to the CANCEL, 487 to the INVITE if it has no final response yet.
    pub(super) fn handle_cancel(&mut self, key: String, via: &Via, request: Request, flow: Flow, now: Instant) {
        let invite = self.servers.find(&server_key(via, Method::Invite.as_str()));
        let Some(tx) = self.open_server(key, request, flow, None) else { return };
        let Some(row) = invite.and_then(|id| self.servers.get(id)) else {
            self.reply(tx, 481, Extra::default(), now);
            return;
        };
        let (tag, leg, pending) = (row.tag.clone(), row.leg, row.request.is_some());
        if let Some(row) = self.servers.get_mut(tx).filter(|_| !tag.is_empty()) {
            row.tag = tag;
        }
        self.reply(tx, 200, Extra::default(), now);
        let Some(invite) = invite.filter(|_| pending) else { return };
        self.reply(invite, 487, Extra::default(), now);
        let Some(leg) = leg.and_then(|leg| self.legs.get_mut(&leg)) else { return };
        let id = leg.id;
        leg.to_answer = None;
        leg.deadline = None;
        if leg.phase == Phase::Incoming {
            self.emit(id, LegEvent::Cancelled);
            self.free_leg(id, now);
        } else {
            self.reschedule_leg(id);
        }
    }

    /// An ACK outside the transactions of failures: it answers a 2xx of ours, or nothing.
    pub(super) fn handle_ack(&mut self, leg: Option<LegId>, request: &Request, now: Instant) {
        let Some(leg) = leg.and_then(|leg| self.legs.get_mut(&leg)) else { return };
        let seq = request.headers.cseq().map(|cseq| cseq.number).ok();
        if leg.unacked.take_if(|unacked| Some(unacked.invite_seq) == seq).is_none() {
            return;
        }
        let id = leg.id;
        if leg.phase == Phase::Established {
            let body = (!request.body.is_empty()).then(|| request.body.clone());
            self.emit(id, LegEvent::Acked { body });
        } else if let Some(reason) = leg.bye_after_ack.take() {
            self.send_bye(id, reason, now);
        }
        self.reschedule_leg(id);
    }

    /// A request within a dialog, other than ACK and CANCEL.
    pub(super) fn handle_in_dialog(&mut self, id: LegId, tx: u64, method: &Method, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let (Ok(from), Ok(cseq)) = (request.headers.from(), request.headers.cseq()) else { return };
        let Some(dialog) = leg.dialog_with(from.tag().unwrap_or_default()) else { return };
        if dialog.accept_cseq(cseq.number).is_err() {
            self.reply(tx, 500, Extra::reason("Stale CSeq"), now);
            return;
        }
        let policy = leg.policy;
        match method {
            // RFC 3261 §15.1.2: the called side does not end an early dialog with BYE.
            Method::Bye | Method::Invite if leg.phase == Phase::Outgoing => {
                self.reply(tx, 481, Extra::default(), now);
            }
            Method::Bye => self.handle_bye(id, tx, now),
            // RFC 5407: after our BYE the session is over for everything but the peer's own BYE.
            _ if leg.phase == Phase::Closing => {
                self.reply(tx, 481, Extra::default(), now);
            }
            Method::Invite => self.handle_reinvite(id, tx, now),
            Method::Update => self.handle_update(id, tx, now),
            Method::Prack => self.handle_prack(id, tx, now),
            Method::Notify => self.handle_notify(id, tx, now),
            // Whom we talk to is not for the peer to say.
            Method::Refer => {
                self.reply(tx, 603, Extra::default(), now);
            }
            Method::Info => {
                let content_type = request.headers.get(HeaderName::ContentType);
                let content_type = content_type.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
                let event = LegEvent::Info { content_type, body: request.body.clone() };
                self.reply(tx, 200, Extra::default(), now);
                self.emit(id, event);
            }
            _ => {
                self.reply(tx, 200, capabilities(&policy), now);
            }
        }
    }

    fn handle_bye(&mut self, id: LegId, tx: u64, now: Instant) {
        let request = self.servers.get(tx).and_then(|row| row.request.as_deref());
        let reason = request.and_then(|request| reason_of(&request.headers));
        let cause = request.and_then(|request| cause::q850(&request.headers));
        self.reply(tx, 200, Extra::default(), now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let phase = leg.phase;
        let (invite, update) = (leg.to_answer.take(), leg.to_update.take());
        for tx in invite.map(|(tx, _)| tx).into_iter().chain(update.map(|(tx, _)| tx)) {
            self.reply(tx, 487, Extra::default(), now);
        }
        match phase {
            Phase::Incoming => self.emit(id, LegEvent::Cancelled),
            Phase::Closing => {}
            Phase::Outgoing | Phase::Established => {
                self.emit(id, LegEvent::Ended { by_remote: true, reason, cause });
            }
        }
        self.free_leg(id, now);
    }

    /// RFC 3261 §14.2.
    fn handle_reinvite(&mut self, id: LegId, tx: u64, now: Instant) {
        let retry_after = self.tokens.below(11);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        if let Some(min_se) = leg.timer.refuses(&request.headers) {
            self.reply(tx, 422, Extra::header(HeaderName::MinSe, min_se), now);
            return;
        }
        if leg.to_answer.is_some() || leg.to_update.is_some() {
            self.reply(tx, 500, Extra::header(HeaderName::RetryAfter, retry_after), now);
            return;
        }
        let awaits_answer = leg.unacked.as_ref().is_some_and(|unacked| unacked.offered);
        if leg.asked.is_some() || leg.updating.is_some() || awaits_answer {
            self.reply(tx, 491, Extra::default(), now);
            return;
        }
        // A peer that goes on in the dialog has our 2xx: its ACK was lost or comes late.
        let acked = leg.unacked.take().is_some();
        let body = (!request.body.is_empty()).then(|| request.body.clone());
        if let (Some(dialog), Ok(contacts)) = (leg.dialog.as_mut(), request.headers.contacts())
            && let Some(contact) = contacts.first()
        {
            dialog.refresh_target(contact);
        }
        leg.note_allow(&request.headers);
        leg.remote_sdp = body.clone().or(leg.remote_sdp.take());
        leg.to_answer = Some((tx, body.is_some()));
        leg.deadline = Some(now + REINVITE_ANSWER);
        if let Some(row) = self.servers.get_mut(tx) {
            row.leg = Some(id);
        }
        self.reply(tx, 100, Extra::default(), now);
        self.reschedule_leg(id);
        if acked {
            self.emit(id, LegEvent::Acked { body: None });
        }
        self.emit(id, LegEvent::Reinvite { body });
    }

    /// 200 to the INVITE or re-INVITE that waits, repeated until its ACK comes.
    pub(super) fn answer(&mut self, id: LegId, sdp: Vec<u8>, now: Instant) {
        let timing = self.config.timing;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.phase == Phase::Incoming && leg.ringing.holds_answer() {
            leg.ringing.answer = Some(sdp);
            return;
        }
        let (Some((tx, offered)), Some(dialog)) = (leg.to_answer.take(), leg.dialog.as_ref()) else { return };
        let invite_seq = dialog.remote_seq().unwrap_or_default();
        let Some((flow, request)) = self.servers.get(tx).and_then(|row| Some((row.flow, row.request.as_deref()?)))
        else {
            return;
        };
        // The INVITE's own number: a BYE or INFO may have raised the dialog's since.
        let invite_seq = request.headers.cseq().map_or(invite_seq, |cseq| cseq.number);
        let mut headers = vec![
            (HeaderName::Contact, leg.contact.clone()),
            (HeaderName::Allow, ALLOW.into()),
            (HeaderName::Supported, leg.policy.supported().into()),
        ];
        headers.extend(leg.timer.answer(&request.headers, now));
        // An answer that was given reliably is not given again (RFC 3262 §5).
        let given = leg.phase == Phase::Incoming && leg.ringing.settled;
        leg.ringing.finish();
        if !given {
            leg.local_sdp = Some(sdp.clone());
        }
        let body = Some(("application/sdp".to_owned(), sdp)).filter(|_| !given);
        let extra = Extra { headers, body, record_route: true, ..Extra::default() };
        let Some(data) = self.reply(tx, 200, extra, now) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.phase = Phase::Established;
        leg.deadline = None;
        leg.unacked = Some(Unacked {
            invite_seq,
            data,
            flow,
            offered: !offered,
            interval: timing.t1,
            next: now + timing.t1,
            give_up: now + timing.transaction_timeout(),
        });
        self.reschedule_leg(id);
    }

    /// What the application says to a re-INVITE or UPDATE of the peer.
    pub(super) fn answer_change(&mut self, id: LegId, result: Result<Vec<u8>, (u16, String)>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let established = leg.phase == Phase::Established;
        match (leg.to_update.take(), result) {
            (Some((tx, _)), Ok(sdp)) => self.answer_update(id, tx, Some(sdp), now),
            (Some((tx, _)), Err((status, reason))) => {
                let status = if (300..700).contains(&status) { status } else { 488 };
                self.reply(tx, status, Extra::reason(&reason), now);
                self.reschedule_leg(id);
            }
            (None, Ok(sdp)) if established => self.answer(id, sdp, now),
            (None, Err((status, reason))) if established => self.reject(id, status, Extra::reason(&reason), now),
            (None, _) => {}
        }
    }

    /// What the trunk of an incoming call offers and accepts, which may be less than the caller requires.
    pub(super) fn set_policy(&mut self, id: LegId, policy: LegPolicy, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Incoming) else { return };
        leg.policy = policy;
        leg.timer = policy.timer();
        let invite = leg.to_answer.and_then(|(tx, _)| self.servers.get(tx)?.request.as_deref());
        let refusal = invite.and_then(|invite| {
            let too_short = leg.timer.refuses(&invite.headers);
            let too_short = too_short.map(|min_se| (422, Extra::header(HeaderName::MinSe, min_se)));
            refuse_requirements(&invite.headers, &policy).or(too_short)
        });
        if let Some((status, extra)) = refusal {
            self.reject(id, status, extra, now);
        }
    }

    /// A failure to the INVITE or re-INVITE that waits; the former ends the leg.
    pub(super) fn reject(&mut self, id: LegId, status: u16, extra: Extra, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id).filter(|_| (300..700).contains(&status)) else { return };
        let Some((tx, _)) = leg.to_answer.take() else { return };
        leg.deadline = None;
        leg.ringing.finish();
        let initial = leg.phase == Phase::Incoming;
        let phrase = extra.reason.clone().unwrap_or_else(|| crate::sip::message::reason_phrase(status).to_owned());
        self.reply(tx, status, extra, now);
        if initial {
            let reason = Some(format!("{status} {phrase}"));
            self.emit(id, LegEvent::Ended { by_remote: false, reason, cause: None });
            self.free_leg(id, now);
        } else {
            self.reschedule_leg(id);
        }
    }

    /// Does what is due on a leg.
    pub(super) fn leg_timeout(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.deadline.is_some_and(|at| at <= now) {
            leg.deadline = None;
            self.deadline_passed(id, now);
        }
        self.repeat_answer(id, now);
        self.repeat_ringing(id, now);
        self.refer_timeout(id, now);
        self.change_timeout(id, now);
        self.reschedule_leg(id);
    }

    /// Repeats an unacknowledged 2xx.
    fn repeat_answer(&mut self, id: LegId, now: Instant) {
        let t2 = self.config.timing.t2;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &mut leg.unacked {
            Some(unacked) if unacked.give_up <= now => {
                // RFC 3261 §13.3.1.4: a session whose 2xx is never acknowledged is ended with a BYE.
                leg.unacked = None;
                let told = leg.phase == Phase::Closing;
                let reason = leg.bye_after_ack.take().flatten();
                leg.phase = Phase::Closing;
                self.stats.unacknowledged += 1;
                if !told {
                    let reason = Some("no ACK".to_owned());
                    self.emit(id, LegEvent::Ended { by_remote: false, reason, cause: None });
                }
                self.send_bye(id, reason, now);
            }
            Some(unacked) if unacked.next <= now => {
                unacked.interval = (unacked.interval * 2).min(t2);
                unacked.next = now + unacked.interval;
                let (flow, data) = (unacked.flow, unacked.data.clone());
                self.stats.retransmissions_sent += 1;
                self.transmit(flow, data);
            }
            _ => {}
        }
    }

    fn deadline_passed(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get(&id) else { return };
        match leg.phase {
            Phase::Incoming => self.reject(id, 480, Extra::default(), now),
            Phase::Outgoing => self.ringing_too_long(id, now),
            Phase::Established if leg.late.is_some() => self.bye(id, None, now),
            Phase::Established => self.reject(id, 500, Extra::default(), now),
            Phase::Closing => {}
        }
    }
}

fn invite_info(request: &Request, source: &Flow, now: Instant) -> Option<InviteInfo> {
    let headers = &request.headers;
    let content_type = headers.get(HeaderName::ContentType).map(|value| value.to_string_lossy().into_owned());
    Some(InviteInfo {
        request_uri: request.uri.clone(),
        from: headers.from().ok()?,
        to: headers.to().ok()?,
        contact: headers.contacts().ok()?.into_iter().next(),
        call_id: headers.call_id().ok()?.to_owned(),
        body: (!request.body.is_empty()).then(|| (content_type.unwrap_or_default(), request.body.clone())),
        headers: headers.clone(),
        source: source.remote,
        transport: source.transport,
        local: source.local,
        received_at: now,
    })
}

/// The Reason header (RFC 3326) as the events carry it.
pub(super) fn reason_of(headers: &Headers) -> Option<String> {
    headers.get(HeaderName::Reason).map(HeaderValue::to_string_lossy).map(|reason| reason.into_owned())
}
