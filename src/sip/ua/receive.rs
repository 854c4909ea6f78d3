//! From a message to the transaction, dialog or new call it belongs to (RFC 3261 §8.2, §17.2.3, §18.2).

use super::leg::dialog_key;
use super::rows::{ServerMachine, ServerRow, server_key};
use super::table::Inserted;
use super::{Endpoint, Flow, LegId, LegPolicy, Transport};
use crate::sip::message::{
    HeaderName, HeaderValue, Headers, Message, Method, ParseError, Request, Response, Scheme, Verdict, Via, judge,
};
use crate::sip::transaction::{InviteServer, NonInviteServer, ServerAction, ServerSend};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The methods this user agent takes part in.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, NOTIFY";

/// What to answer besides the status.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub reason: Option<String>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<(String, Vec<u8>)>,
    /// Copy Record-Route, as responses that make a dialog do (RFC 3261 §12.1.1).
    pub record_route: bool,
}

impl Extra {
    pub fn header(name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        Self { headers: vec![(name, value.into())], ..Self::default() }
    }

    pub fn reason(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }
}

impl Endpoint {
    /// Takes a message; whether it is one that we serve, or the answer to one of ours.
    pub(super) fn handle_message(&mut self, parsed: Result<Message, ParseError>, flow: Flow, now: Instant) -> bool {
        match judge(parsed) {
            Verdict::Request(request) => {
                self.stats.messages_received += 1;
                self.handle_request(request, flow, now)
            }
            Verdict::Response(response) => {
                self.stats.messages_received += 1;
                let ours = self.handle_response(&response, now);
                if ours {
                    self.note_known(flow.remote.ip(), now);
                }
                ours
            }
            Verdict::Reject(response) => {
                self.stats.malformed += 1;
                if self.is_peer(flow.remote.ip()) {
                    self.reply_stateless(response, flow);
                } else {
                    self.stats.rejected_source += 1;
                }
                false
            }
            Verdict::Drop(_) => {
                self.stats.malformed += 1;
                false
            }
        }
    }

    fn handle_request(&mut self, mut request: Request, source: Flow, now: Instant) -> bool {
        let Ok(via) = request.headers.top_via() else { return false };
        let reply_flow = note_source(&mut request.headers, via.clone(), source);
        let key = server_key(&via, request.method.as_str());
        let ack = request.method == Method::Ack;
        let peer = self.is_peer(source.remote.ip());
        if let Some(id) = self.servers.find(&key) {
            let accepted = self.servers.get(id).is_some_and(|row| row.machine.is_accepted());
            // Some peers send the ACK to a 2xx with the branch of the INVITE.
            if !(ack && accepted) {
                self.handle_again(id, ack, now);
                return true;
            }
        }
        let leg = self.find_leg(&request.headers);
        if leg.is_none() {
            let agent = request.headers.get(HeaderName::UserAgent);
            if agent.is_some_and(|agent| self.is_scanner(agent.as_bytes())) {
                self.stats.scanners += 1;
                return false;
            }
            if !peer && !self.is_admitted(&request, &via, reply_flow, now) {
                return false;
            }
        }
        self.note_known(source.remote.ip(), now);
        match request.method {
            Method::Ack => self.handle_ack(leg, &request, now),
            Method::Cancel => self.handle_cancel(key, &via, request, reply_flow, now),
            _ => self.handle_new(key, leg, request, (source, reply_flow), now),
        }
        true
    }

    /// The message belongs to a transaction that we have: a retransmission, or the ACK of a failure.
    fn handle_again(&mut self, id: u64, ack: bool, now: Instant) {
        let Some(row) = self.servers.get_mut(id) else { return };
        if ack {
            if let ServerMachine::Invite(machine) = &mut row.machine {
                machine.handle_ack(now);
            }
            return self.reschedule_server(id);
        }
        self.stats.retransmissions_received += 1;
        if row.machine.handle_retransmission() == ServerAction::Resend
            && let Some((flow, data)) = row.last.clone().map(|data| (row.flow, data))
        {
            self.stats.retransmissions_sent += 1;
            self.transmit(flow, data);
        }
    }

    /// The leg whose dialog these headers name: To is us, From the peer (RFC 3261 §12.2.2).
    fn find_leg(&self, headers: &Headers) -> Option<LegId> {
        let (to, from) = (headers.to().ok()?, headers.from().ok()?);
        let id = *self.dialogs.get(&dialog_key(headers.call_id().ok()?, to.tag()?))?;
        let (leg, tag) = (self.legs.get(&id)?, from.tag().unwrap_or_default());
        let hit = match &leg.dialog {
            Some(dialog) => dialog.remote_tag() == tag,
            None => leg.early.iter().any(|early| early.dialog.remote_tag() == tag),
        };
        hit.then_some(id)
    }

    fn handle_new(&mut self, key: String, leg: Option<LegId>, request: Request, flows: (Flow, Flow), now: Instant) {
        let (source, reply_flow) = flows;
        let has_to_tag = request.headers.to().is_ok_and(|to| to.tag().is_some());
        let merge_key = if has_to_tag { None } else { merge_key(&request) };
        let merged = merge_key.as_ref().is_some_and(|key| self.merges.contains_key(key));
        let merge_key = merge_key.filter(|_| !merged);
        let policy = leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.policy);
        let policy = policy.unwrap_or_else(|| self.policy_for(source.remote.ip()));
        let refusal = refuse(&request, &policy).or_else(|| merged.then(|| (482, Extra::default())));
        let method = request.method.clone();
        if let Some(leg) = leg.and_then(|leg| self.legs.get_mut(&leg)) {
            // The peer may have come by a new connection or a new NAT binding.
            leg.flow = Flow { remote: reply_flow.remote, ..source };
        }
        let Some(tx) = self.open_server(key, request, reply_flow, merge_key) else { return };
        match (refusal, leg) {
            (Some((status, extra)), _) => {
                self.reply(tx, status, extra, now);
            }
            (None, Some(leg)) => self.handle_in_dialog(leg, tx, &method, now),
            (None, None) if has_to_tag => {
                self.reply(tx, 481, Extra::default(), now);
            }
            (None, None) => match method {
                Method::Invite => self.handle_invite(tx, source, now),
                Method::Options => {
                    self.reply(tx, 200, capabilities(&policy), now);
                }
                // BYE and INFO live in dialogs only.
                _ => {
                    self.reply(tx, 481, Extra::default(), now);
                }
            },
        }
    }

    /// Makes a server transaction; when no room can be made, answers 503 without one.
    pub(super) fn open_server(
        &mut self,
        key: String,
        request: Request,
        flow: Flow,
        merge_key: Option<String>,
    ) -> Option<u64> {
        let reliable = flow.transport.is_reliable();
        let machine = if request.method == Method::Invite {
            ServerMachine::Invite(InviteServer::new(self.config.timing, reliable))
        } else {
            ServerMachine::Other(NonInviteServer::new(self.config.timing, reliable))
        };
        let tag = match request.headers.to() {
            Ok(to) if to.tag().is_some() => String::new(),
            _ => self.tokens.tag(),
        };
        let busy = request.reply(503);
        let row = ServerRow {
            machine,
            flow,
            request: Some(Box::new(request)),
            tag,
            last: None,
            leg: None,
            merge_key: merge_key.clone(),
            entry: None,
        };
        match self.servers.insert(key, row) {
            Inserted::At(id, evicted) => {
                if let Some((old, row)) = evicted {
                    self.stats.evicted_transactions += 1;
                    self.release_server(old, row);
                }
                if let Some(merge_key) = merge_key {
                    self.merges.insert(merge_key, id);
                }
                Some(id)
            }
            Inserted::Full => {
                self.stats.refused_full += 1;
                let mut busy = busy;
                busy.headers.push(HeaderName::RetryAfter, 5);
                self.send_stateless(busy, flow);
                None
            }
        }
    }

    /// Sends a response of a server transaction; gives its bytes, or `None` when a final one was already sent.
    pub(super) fn reply(&mut self, tx: u64, status: u16, extra: Extra, now: Instant) -> Option<Arc<[u8]>> {
        let row = self.servers.get_mut(tx)?;
        let request = row.request.as_ref()?;
        let mut response = request.reply(status);
        if let Some(reason) = extra.reason {
            response.reason = reason;
        }
        if status > 100 && !row.tag.is_empty() {
            set_to_tag(&mut response, &row.tag);
        }
        if extra.record_route {
            response.headers.copy_all(HeaderName::RecordRoute, &request.headers);
        }
        for (name, value) in extra.headers {
            response.headers.push(name, value);
        }
        response.headers.push(HeaderName::Server, self.config.user_agent.as_str());
        if let Some((content_type, body)) = extra.body {
            response.headers.push(HeaderName::ContentType, content_type);
            response.body = body;
        }
        if row.machine.send(status, now) == ServerSend::Refused {
            return None;
        }
        let data: Arc<[u8]> = response.to_bytes().into();
        row.last = Some(data.clone());
        let flow = row.flow;
        if status >= 200 {
            row.request = None;
            self.servers.set_finished(tx);
        }
        self.transmit(flow, data.clone());
        self.reschedule_server(tx);
        Some(data)
    }

    /// Answers a message that has no transaction: malformed ones.
    fn reply_stateless(&mut self, mut response: Response, source: Flow) {
        let Ok(via) = response.headers.top_via() else { return };
        let flow = note_source(&mut response.headers, via, source);
        self.send_stateless(response, flow);
    }

    /// Sends a response outside any transaction.
    pub(super) fn send_stateless(&mut self, mut response: Response, flow: Flow) {
        if response.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let mut hasher = std::hash::DefaultHasher::new();
            self.stateless_key.hash(&mut hasher);
            response.headers.get(HeaderName::Via).map(HeaderValue::as_bytes).hash(&mut hasher);
            set_to_tag(&mut response, &format!("{:016x}", hasher.finish()));
        }
        response.headers.push(HeaderName::Server, self.config.user_agent.as_str());
        self.transmit(flow, response.to_bytes().into());
    }
}

/// Writes the source address into the top Via and says where the response goes (RFC 3261 §18.2, RFC 3581 §4).
fn note_source(headers: &mut Headers, mut via: Via, source: Flow) -> Flow {
    let wants_rport = via.rport().is_some();
    if wants_rport || via.host_ip() != Some(source.remote.ip()) {
        via.set_received(source.remote.ip());
    }
    if wants_rport {
        via.set_rport(source.remote.port());
    }
    let port = via.port.unwrap_or(5060);
    headers.set_first(HeaderName::Via, via);
    let remote = match source.transport {
        Transport::Udp if wants_rport => source.remote,
        // Over a connection this is only where to connect to when it is gone.
        _ => SocketAddr::new(source.remote.ip(), port),
    };
    Flow { remote, ..source }
}

/// Refusals that need no state, in the order of RFC 3261 §8.2.
fn refuse(request: &Request, policy: &LegPolicy) -> Option<(u16, Extra)> {
    match &request.method {
        Method::Invite | Method::Bye | Method::Options | Method::Info => {}
        Method::Update | Method::Prack | Method::Notify => {}
        // Declined within a dialog; outside one it is a method that we do not do.
        Method::Refer if request.headers.to().is_ok_and(|to| to.tag().is_some()) => {}
        Method::Other(_) => return Some((501, Extra::header(HeaderName::Allow, ALLOW))),
        _ => return Some((405, Extra::header(HeaderName::Allow, ALLOW))),
    }
    if request.uri.scheme() == Scheme::Other {
        return Some((416, Extra::default()));
    }
    refuse_requirements(&request.headers, policy).or_else(|| refuse_body(request)).or_else(|| refuse_accept(request))
}

/// 420 for an extension that the peer requires and this policy does not have (RFC 3261 §8.2.2.3).
pub(super) fn refuse_requirements(headers: &Headers, policy: &LegPolicy) -> Option<(u16, Extra)> {
    let unknown = headers.unknown_requirements(&policy.extensions());
    (!unknown.is_empty()).then(|| (420, Extra::header(HeaderName::Unsupported, unknown.join(", "))))
}

/// 415 for a body of an INVITE, UPDATE or PRACK that is no SDP, or that is encoded (RFC 3261 §8.2.3).
fn refuse_body(request: &Request) -> Option<(u16, Extra)> {
    if request.body.is_empty() {
        return None;
    }
    let encoding = request.headers.get(HeaderName::ContentEncoding).map(HeaderValue::to_string_lossy);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Some((415, Extra::header(HeaderName::AcceptEncoding, "identity")));
    }
    let content_type = request.headers.content_type().ok().flatten();
    let sdp = content_type.as_ref().is_some_and(|content_type| content_type.is("application/sdp"));
    match request.method {
        Method::Invite | Method::Update | Method::Prack if content_type.is_none() => {
            Some((400, Extra::reason("Missing Content-Type")))
        }
        Method::Invite | Method::Update | Method::Prack if !sdp => {
            Some((415, Extra::header(HeaderName::Accept, "application/sdp")))
        }
        _ => None,
    }
}

/// 406 for an INVITE whose Accept has no room for SDP (RFC 3261 §20.1); an empty one is taken for a missing one.
fn refuse_accept(request: &Request) -> Option<(u16, Extra)> {
    let types = request.headers.tokens(HeaderName::Accept);
    let takes_sdp = |text: &&str| {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        ["application/sdp", "application/*", "*/*"].contains(&essence.as_str())
    };
    let refused = request.method == Method::Invite && !types.is_empty() && !types.iter().any(takes_sdp);
    refused.then(|| (406, Extra::header(HeaderName::Accept, "application/sdp")))
}

/// The answer to OPTIONS (RFC 3261 §11.2).
pub(super) fn capabilities(policy: &LegPolicy) -> Extra {
    let supported = policy.supported();
    let headers = [
        (HeaderName::Allow, ALLOW),
        (HeaderName::Accept, "application/sdp"),
        (HeaderName::AcceptEncoding, "identity"),
        (HeaderName::AcceptLanguage, "en"),
        (HeaderName::Supported, supported.as_str()),
    ];
    Extra { headers: headers.map(|(name, value)| (name, value.into())).into(), ..Extra::default() }
}

/// RFC 3261 §8.2.2.2: the same request by two ways has equal Call-ID, From tag and CSeq, and different branches.
fn merge_key(request: &Request) -> Option<String> {
    let headers = &request.headers;
    let (from, cseq) = (headers.from().ok()?, headers.cseq().ok()?);
    let call_id = headers.call_id().ok()?;
    Some(format!("{call_id}\n{}\n{} {}", from.tag().unwrap_or_default(), cseq.number, cseq.method))
}

fn set_to_tag(response: &mut Response, tag: &str) {
    if let Ok(to) = response.headers.to()
        && to.tag().is_none()
    {
        response.headers.set(HeaderName::To, to.with_tag(tag));
    }
}
