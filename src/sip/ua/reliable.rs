//! Reliable provisional responses (RFC 3262) on both sides, and the early dialogs of our calls.

use super::leg::{Leg, Phase};
use super::receive::Extra;
use super::rows::Purpose;
use super::{Endpoint, Flow, LegEvent, LegId};
use crate::domain::Prack;
use crate::sip::dialog::Dialog;
use crate::sip::message::scan::decimal;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The option tag.
pub(super) const OPTION_TAG: &str = "100rel";

/// Early dialogs of one INVITE that are followed; more forks than these are not heard.
pub(super) const MAX_FORKS: usize = 16;

/// Provisional responses that may wait for the PRACK of the one before them; the oldest gives way.
const MAX_WAITING: usize = 4;

/// An early dialog of an INVITE of ours: one for each fork that answers.
#[derive(Debug)]
pub(super) struct Early {
    pub dialog: Dialog,
    /// RSeq of the last reliable response that was taken.
    rseq: Option<u32>,
    /// The answer came in a reliable response.
    pub answer: Option<Vec<u8>>,
}

/// The reliable provisional responses of an INVITE that we answer.
#[derive(Debug, Default)]
pub(super) struct Ringing {
    /// The last RSeq; 0 before the first.
    rseq: u32,
    sent: Option<Sent>,
    /// They wait for the PRACK of `sent`.
    waiting: VecDeque<(u16, Option<Vec<u8>>)>,
    /// The 2xx waits for the PRACK of `sent`, which carried SDP (§3).
    pub answer: Option<Vec<u8>>,
    /// Our answer was sent reliably and acknowledged.
    pub settled: bool,
}

/// A reliable response that has no PRACK yet.
#[derive(Debug)]
struct Sent {
    rseq: u32,
    invite_seq: u32,
    data: Arc<[u8]>,
    flow: Flow,
    carries_sdp: bool,
    interval: Duration,
    next: Instant,
    give_up: Instant,
    /// The INVITE has a final response: a late PRACK is still welcome, nothing is repeated.
    over: bool,
}

impl Ringing {
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sent.as_ref().filter(|sent| !sent.over).map(|sent| sent.next.min(sent.give_up))
    }

    /// Whether the 2xx has to wait.
    pub fn holds_answer(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.carries_sdp && !sent.over)
    }

    /// The INVITE gets its final response.
    pub fn finish(&mut self) {
        self.waiting.clear();
        self.sent.iter_mut().for_each(|sent| sent.over = true);
    }
}

/// Whether this list of option tags has 100rel.
fn has_tag(tags: &[&str]) -> bool {
    tags.iter().any(|tag| tag.eq_ignore_ascii_case(OPTION_TAG))
}

/// The RSeq of a response that wants a PRACK.
fn reliable_seq(headers: &Headers) -> Option<u32> {
    let value = headers.get(HeaderName::RSeq).filter(|_| has_tag(&headers.require()))?;
    decimal(value.as_bytes()).filter(|rseq| *rseq > 0)
}

/// RSeq, CSeq number and method of a RAck header.
fn rack(headers: &Headers) -> Option<(u32, u32, String)> {
    let value = headers.get(HeaderName::RAck)?.as_str()?;
    let mut words = value.split_ascii_whitespace();
    let numbers =
        (words.next().map(str::as_bytes).and_then(decimal)?, words.next().map(str::as_bytes).and_then(decimal)?);
    let method = words.next()?.to_owned();
    words.next().is_none().then_some((numbers.0, numbers.1, method))
}

/// The answering side.
impl Endpoint {
    pub(super) fn progress(&mut self, id: LegId, status: u16, sdp: Option<Vec<u8>>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Incoming) else { return };
        let Some((tx, offered)) = leg.to_answer.filter(|_| (101..200).contains(&status)) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let required = has_tag(&request.headers.require());
        let wanted = required || leg.policy.prack == Prack::Require && has_tag(&request.headers.supported());
        if wanted && offered && leg.policy.prack != Prack::Off {
            if leg.ringing.sent.is_none() {
                return self.send_reliable(id, status, sdp, now);
            }
            if leg.ringing.waiting.len() >= MAX_WAITING {
                leg.ringing.waiting.pop_front();
            }
            leg.ringing.waiting.push_back((status, sdp));
            return;
        }
        if required {
            // A reliable response to an INVITE without offer would have to carry ours (§5): the caller waits for the 200.
            return;
        }
        let headers = vec![(HeaderName::Contact, leg.contact.clone())];
        let body = sdp.map(|sdp| ("application/sdp".to_owned(), sdp));
        self.reply(tx, status, Extra { headers, body, record_route: true, ..Extra::default() }, now);
    }

    fn send_reliable(&mut self, id: LegId, status: u16, sdp: Option<Vec<u8>>, now: Instant) {
        let timing = self.config.timing;
        let first = 1 + self.tokens.below(1 << 30);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some((tx, _)) = leg.to_answer else { return };
        let Some(row) = self.servers.get(tx) else { return };
        let Some(cseq) = row.request.as_deref().and_then(|request| request.headers.cseq().ok()) else { return };
        let (flow, ringing) = (row.flow, &mut leg.ringing);
        ringing.rseq = if ringing.rseq == 0 { first } else { ringing.rseq + 1 };
        let rseq = ringing.rseq;
        // The answer is given once.
        let sdp = sdp.filter(|_| !ringing.settled);
        let carries_sdp = sdp.is_some();
        if carries_sdp {
            leg.local_sdp.clone_from(&sdp);
        }
        let headers = vec![
            (HeaderName::Contact, leg.contact.clone()),
            (HeaderName::Allow, super::receive::ALLOW.into()),
            (HeaderName::Require, OPTION_TAG.into()),
            (HeaderName::RSeq, rseq.into()),
        ];
        let body = sdp.map(|sdp| ("application/sdp".to_owned(), sdp));
        let extra = Extra { headers, body, record_route: true, ..Extra::default() };
        let Some(data) = self.reply(tx, status, extra, now) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.ringing.sent = Some(Sent {
            rseq,
            invite_seq: cseq.number,
            data,
            flow,
            carries_sdp,
            interval: timing.t1,
            next: now + timing.t1,
            give_up: now + timing.transaction_timeout(),
            over: false,
        });
        self.reschedule_leg(id);
    }

    /// §3: 200 when the PRACK matches, 481 when it does not.
    pub(super) fn handle_prack(&mut self, id: LegId, tx: u64, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let Some((rseq, cseq, method)) = rack(&request.headers) else {
            self.reply(tx, 400, Extra::reason("Malformed RAck"), now);
            return;
        };
        let hit = |sent: &mut Sent| (sent.rseq, sent.invite_seq, "INVITE") == (rseq, cseq, method.as_str());
        let Some(sent) = leg.ringing.sent.take_if(hit) else {
            self.reply(tx, 481, Extra::default(), now);
            return;
        };
        leg.ringing.settled |= sent.carries_sdp;
        let offer = (!request.body.is_empty()).then(|| request.body.clone());
        match offer {
            // §5: a new offer, after the answer in the response; answered in the 200 like that of an UPDATE.
            Some(offer) if leg.ringing.settled && leg.to_update.is_none() => self.ask_application(id, tx, offer, now),
            Some(_) => {
                self.reply(tx, 488, Extra::default(), now);
            }
            None => {
                self.reply(tx, 200, Extra::default(), now);
            }
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(sdp) = leg.ringing.answer.take() {
            self.answer(id, sdp, now);
        } else if let Some((status, sdp)) = leg.ringing.waiting.pop_front() {
            self.send_reliable(id, status, sdp, now);
        }
        self.reschedule_leg(id);
    }

    /// Repeats a reliable response, doubling without a bound, or gives up with 504 (§3).
    pub(super) fn repeat_ringing(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(sent) = leg.ringing.sent.as_mut().filter(|sent| !sent.over) else { return };
        if sent.give_up <= now {
            leg.ringing.finish();
            return self.reject(id, 504, Extra::reason("No PRACK"), now);
        }
        if sent.next <= now {
            sent.interval *= 2;
            sent.next = now + sent.interval;
            let (flow, data) = (sent.flow, sent.data.clone());
            self.stats.retransmissions_sent += 1;
            self.transmit(flow, data);
        }
    }
}

/// The asking side.
impl Endpoint {
    /// A response 101–199 to our INVITE: notes the early dialog, acknowledges a reliable one, and tells.
    pub(super) fn early_response(&mut self, id: LegId, tx: u64, response: &Response, now: Instant) {
        let Some(row) = self.clients.get(tx) else { return };
        let (flow, late_offer) = (row.way(), row.request.body.is_empty());
        let cseq = row.request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let fork = leg.early_with(&row.request, response);
        if leg.key.is_none()
            && let Some(early) = leg.early.first()
        {
            let key = super::leg::dialog_key(early.dialog.call_id(), early.dialog.local_tag());
            self.dialogs.insert(key.clone(), id);
            leg.key = Some(key);
        }
        let body = (!response.body.is_empty()).then(|| response.body.clone());
        leg.note_allow(&response.headers);
        if let Some(rseq) = reliable_seq(&response.headers).filter(|_| leg.policy.prack != Prack::Off) {
            // An offer in a reliable response would have to be answered in the PRACK: we did not ask for it.
            let Some(early) = fork.filter(|_| !late_offer).and_then(|at| leg.early.get_mut(at)) else { return };
            // §4: in order, each once; a gap is filled by the peer's repetition.
            if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
                return;
            }
            early.rseq = Some(rseq);
            if early.answer.is_none() {
                early.answer.clone_from(&body);
            }
            let mut prack = early.dialog.request(Method::Prack);
            let way = Self::dialog_flow(&early.dialog, flow);
            prack.headers.push(HeaderName::RAck, format!("{rseq} {cseq} INVITE"));
            prack.headers.push(HeaderName::UserAgent, self.config.user_agent.as_str());
            self.send_request(prack, way, Purpose::Prack, Some(id), now);
        }
        let fork = fork.unwrap_or(0) as u8;
        self.emit(id, LegEvent::Provisional { status: response.status, body, fork });
    }
}

impl Leg {
    /// The number of the early dialog of a response to our INVITE; made when it is new. `None` when it names none, or
    /// there are too many.
    fn early_with(&mut self, invite: &Request, response: &Response) -> Option<usize> {
        let tag = response.headers.to().ok()?.tag()?.to_owned();
        if let Some(at) = self.early.iter().position(|early| early.dialog.remote_tag() == tag) {
            return Some(at);
        }
        let dialog = Dialog::calling(invite, response).ok().filter(|_| self.early.len() < MAX_FORKS)?;
        self.early.push(Early { dialog, rseq: None, answer: None });
        Some(self.early.len() - 1)
    }
}
