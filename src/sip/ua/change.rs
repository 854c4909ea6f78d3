//! Changes of a session: re-INVITE, UPDATE (RFC 3311) and session refreshes (RFC 4028) of ours, UPDATEs of the peer, and
//! what is done when both sides want a change at once (RFC 3261 §14, RFC 3311 §5).

use super::leg::{Leg, Phase};
use super::receive::{ALLOW, Extra};
use super::rows::Purpose;
use super::{Endpoint, LegEvent, LegId};
use crate::sip::auth::ClientAuth;
use crate::sip::message::{HeaderName, HeaderValue, Method, Request, Response, reason_phrase};
use crate::sip::session_timer::Due;
use std::time::{Duration, Instant};

/// How long the application may take to answer the offer of an UPDATE, which must be answered at once (RFC 3311 §5.2).
const UPDATE_ANSWER: Duration = Duration::from_secs(10);

/// Requests for one change that a peer may put off.
const MAX_TRIES: u8 = 5;

/// A Retry-After above this is a refusal: the application decides.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How a session that nobody refreshed is ended.
const EXPIRED: &str = "SIP;cause=408;text=\"Session Timer Expired\"";

/// A change of the session that we want; at most one at a time.
#[derive(Debug)]
pub(super) struct Change {
    pub by_update: bool,
    pub sdp: Option<Vec<u8>>,
    /// The session timer wants it, not the application.
    pub refresh: bool,
    pub tries: u8,
    /// When it is tried again, after the peer put it off.
    pub again_at: Option<Instant>,
}

impl Change {
    pub fn asked(by_update: bool, sdp: Option<Vec<u8>>) -> Self {
        Self { by_update, sdp, refresh: false, tries: 0, again_at: None }
    }
}

impl Leg {
    /// Whether this change may be asked for now (RFC 3261 §14.1, RFC 3311 §5.1).
    fn is_free_for(&self, change: &Change) -> bool {
        let updates = self.to_update.is_some() || self.updating.is_some();
        let offers = self.asked.is_some() || self.to_answer.is_some() || self.unacked.is_some();
        match (change.by_update, &change.sdp) {
            (true, None) => self.updating.is_none(),
            (true, Some(_)) => !updates && (!offers || self.is_settled_early()),
            (false, _) => !updates && !offers,
        }
    }

    /// Notes what the peer can: UPDATE or not.
    pub fn note_allow(&mut self, headers: &crate::sip::message::Headers) {
        if headers.contains(HeaderName::Allow) {
            self.peer_updates = headers.allow().contains(&Method::Update);
        }
    }
}

impl Endpoint {
    /// Asks the peer for a change; one that cannot be asked for now is refused as the peer would.
    pub(super) fn change(&mut self, id: LegId, change: Change, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let in_time = match change.by_update {
            true => leg.phase == Phase::Established || leg.is_settled_early() || change.sdp.is_none(),
            false => leg.phase == Phase::Established,
        };
        if leg.phase == Phase::Closing || !change.by_update && !in_time {
            return;
        }
        let refused = if leg.change.is_some() || !in_time || !leg.is_free_for(&change) {
            Some(491)
        } else if change.by_update && !leg.peer_updates || !change.by_update && !change.refresh && !leg.policy.reinvite
        {
            Some(405)
        } else {
            None
        };
        match refused {
            Some(_) if change.refresh => leg.timer.refresh_failed(now),
            Some(status) => {
                let result = Err((status, reason_phrase(status).to_owned()));
                self.emit(id, LegEvent::ReinviteAnswered { result });
            }
            None => {
                leg.change = Some(change);
                self.send_change(id, now);
            }
        }
        self.reschedule_leg(id);
    }

    /// Sends the change that the leg holds.
    fn send_change(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let established = leg.phase == Phase::Established;
        let Some(change) = leg.change.as_mut() else { return };
        change.again_at = None;
        change.tries += 1;
        let (method, purpose) = match change.by_update {
            true => (Method::Update, Purpose::Update),
            false => (Method::Invite, Purpose::Reinvite),
        };
        let body = change.sdp.clone().map(|sdp| ("application/sdp".to_owned(), sdp));
        let mut headers = vec![
            (HeaderName::Contact, leg.contact.clone()),
            (HeaderName::Allow, ALLOW.into()),
            (HeaderName::Supported, leg.policy.supported().into()),
        ];
        if established {
            headers.extend(leg.timer.ask());
        }
        let tx = self.ask(id, method, headers, body, purpose, now);
        match (tx, self.legs.get_mut(&id)) {
            (Some(_), Some(leg)) if purpose == Purpose::Update => leg.updating = tx,
            (Some(_), Some(leg)) => leg.asked = tx,
            _ => self.change_over(id, Err((503, "Too Many Transactions".to_owned())), now),
        }
    }

    /// A 2xx to our re-INVITE (acknowledged already) or UPDATE.
    pub(super) fn change_answered(&mut self, id: LegId, response: &Response, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.auth.iter_mut().for_each(ClientAuth::accepted);
        leg.note_allow(&response.headers);
        if leg.phase == Phase::Established {
            leg.timer.answered(&response.headers, now);
        }
        if let Some(sdp) = leg.change.as_ref().and_then(|change| change.sdp.clone()) {
            leg.local_sdp = Some(sdp);
        }
        self.change_over(id, Ok(response.body.clone()), now);
    }

    /// A 2xx to our UPDATE: its Contact is the new target (RFC 3311 §5.1).
    pub(super) fn update_accepted(&mut self, tx: u64, response: &Response, now: Instant) {
        let Some(id) = self.clients.get(tx).and_then(|row| row.leg) else { return };
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.updating == Some(tx)) else { return };
        leg.updating = None;
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        let contact = response.headers.contacts().ok().and_then(|contacts| contacts.into_iter().next());
        if let (Some(dialog), Some(contact)) = (leg.dialog_with(&tag), contact) {
            dialog.refresh_target(&contact);
        }
        self.change_answered(id, response, now);
        self.reschedule_leg(id);
    }

    /// Our re-INVITE or UPDATE failed: it is tried again when the peer only put it off, and told otherwise.
    pub(super) fn change_refused(
        &mut self,
        id: LegId,
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        // RFC 3261 §14.1: who owns the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
        let (early, late) = (self.tokens.below(201), 210 + self.tokens.below(191));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (incoming, phase, local_sdp) = (leg.incoming, leg.phase, leg.local_sdp.clone());
        let Some(change) = leg.change.as_mut() else { return };
        if phase == Phase::Closing {
            leg.change = None;
            return;
        }
        if change.refresh && change.by_update && matches!(status, 405 | 501) && local_sdp.is_some() {
            // It said that it can, and cannot.
            leg.peer_updates = false;
            (change.by_update, change.sdp) = (false, local_sdp);
            change.again_at = Some(now);
            return self.reschedule_leg(id);
        }
        let wait = match status {
            491 => Some(Duration::from_millis(10 * u64::from(if incoming { early } else { late }))),
            500 => retry_after.filter(|wait| *wait <= LONGEST_WAIT),
            _ => None,
        };
        match wait.filter(|_| change.tries < MAX_TRIES) {
            Some(wait) => change.again_at = Some(now + wait),
            None => self.change_over(id, Err((status, reason.clone())), now),
        }
        self.lost_dialog(id, status, &reason, now);
        self.reschedule_leg(id);
    }

    /// The change has its outcome; a refresh is told only when the peer changed its SDP with it.
    fn change_over(&mut self, id: LegId, result: Result<Vec<u8>, (u16, String)>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(change) = leg.change.take() else { return };
        let mut told = !change.refresh;
        match &result {
            Ok(sdp) if !sdp.is_empty() => {
                told |= leg.remote_sdp.as_ref() != Some(sdp);
                leg.remote_sdp = Some(sdp.clone());
            }
            Ok(_) => {}
            Err(_) if change.refresh => leg.timer.refresh_failed(now),
            Err(_) => {}
        }
        if told && leg.phase != Phase::Closing {
            self.emit(id, LegEvent::ReinviteAnswered { result });
        }
    }

    /// A hop found our session interval too short (RFC 4028 §7.3): the same request again with a longer one.
    pub(super) fn raise_interval(&mut self, tx: u64, response: &Response, now: Instant) -> bool {
        let Some(row) = self.clients.get(tx) else { return false };
        let in_time = matches!(row.purpose, Purpose::Invite | Purpose::Reinvite | Purpose::Update);
        let Some(leg) = row.leg.filter(|_| in_time).and_then(|leg| self.legs.get_mut(&leg)) else { return false };
        if leg.cancel != super::leg::Cancel::No || leg.phase == Phase::Closing || !leg.timer.raise(&response.headers) {
            return false;
        }
        let mut request: Request = (*row.request).clone();
        request.headers.remove(HeaderName::SessionExpires);
        request.headers.remove(HeaderName::MinSe);
        leg.timer.ask().into_iter().for_each(|(name, value)| request.headers.push(name, value));
        self.send_again(tx, request, now)
    }

    /// What is due of changes, UPDATEs of the peer that wait for the application, and the session timer.
    pub(super) fn change_timeout(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some((tx, _)) = leg.to_update.take_if(|(_, at)| *at <= now) {
            self.reply(tx, 504, Extra::default(), now);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(change) = leg.change.as_mut()
            && change.again_at.take_if(|at| *at <= now).is_some()
        {
            let free = leg.change.as_ref().is_some_and(|change| leg.is_free_for(change));
            if free {
                self.send_change(id, now);
            } else {
                // The peer's own change is under way: as if it had put ours off again.
                if let Some(change) = leg.change.as_mut() {
                    change.tries += 1;
                }
                self.change_refused(id, 491, reason_phrase(491).to_owned(), None, now);
            }
        }
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Established) else { return };
        match leg.timer.handle_timeout(now) {
            Some(Due::Expired) => self.bye(id, Some(EXPIRED.to_owned()), now),
            Some(Due::Refresh) => {
                let by_update = leg.peer_updates;
                let sdp = leg.local_sdp.clone().filter(|_| !by_update);
                if !by_update && sdp.is_none() {
                    return leg.timer.refresh_failed(now);
                }
                self.change(id, Change { refresh: true, ..Change::asked(by_update, sdp) }, now);
            }
            None => {}
        }
    }

    /// RFC 3311 §5.2.
    pub(super) fn handle_update(&mut self, id: LegId, tx: u64, now: Instant) {
        let retry_after = self.tokens.below(11);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let offer = (!request.body.is_empty()).then(|| request.body.clone());
        if let Some(min_se) = leg.timer.refuses(&request.headers) {
            self.reply(tx, 422, Extra::header(HeaderName::MinSe, min_se), now);
            return;
        }
        let unanswered = leg.to_update.is_some() || leg.to_answer.is_some() && !leg.is_settled_early();
        let unheard = leg.updating.is_some() || leg.unacked.as_ref().is_some_and(|unacked| unacked.offered);
        let unheard = unheard || leg.asked.is_some() && !leg.is_settled_early();
        if offer.is_some() && unanswered {
            self.reply(tx, 500, Extra::header(HeaderName::RetryAfter, retry_after), now);
            return;
        }
        if offer.is_some() && unheard {
            self.reply(tx, 491, Extra::default(), now);
            return;
        }
        leg.note_allow(&request.headers);
        let from = request.headers.from().ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let contact = request.headers.contacts().ok().and_then(|contacts| contacts.into_iter().next());
        if let (Some(dialog), Some(contact)) = (leg.dialog_with(&from), contact) {
            dialog.refresh_target(&contact);
        }
        match offer {
            Some(offer) => self.ask_application(id, tx, offer, now),
            None => self.answer_update(id, tx, None, now),
        }
        self.reschedule_leg(id);
    }

    /// An offer in an UPDATE or PRACK, which the application answers.
    pub(super) fn ask_application(&mut self, id: LegId, tx: u64, offer: Vec<u8>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.to_update = Some((tx, now + UPDATE_ANSWER));
        leg.remote_sdp = Some(offer.clone());
        self.emit(id, LegEvent::Reinvite { body: Some(offer) });
    }

    /// 200 to an UPDATE, or to a PRACK that carried an offer.
    pub(super) fn answer_update(&mut self, id: LegId, tx: u64, sdp: Option<Vec<u8>>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![
            (HeaderName::Contact, leg.contact.clone()),
            (HeaderName::Allow, ALLOW.into()),
            (HeaderName::Supported, leg.policy.supported().into()),
        ];
        if leg.phase == Phase::Established && request.method == Method::Update {
            headers.extend(leg.timer.answer(&request.headers, now));
        }
        if sdp.is_some() {
            leg.local_sdp.clone_from(&sdp);
        }
        let body = sdp.map(|sdp| ("application/sdp".to_owned(), sdp));
        self.reply(tx, 200, Extra { headers, body, ..Extra::default() }, now);
        self.reschedule_leg(id);
    }
}
