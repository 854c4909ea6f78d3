//! The ACKs of our INVITEs: to a 2xx along the dialog's route set, to a failure along the INVITE's own way.

use super::leg::Accepted;
use super::rows::SentAck;
use super::sending::Fitted;
use super::{Endpoint, LegId};
use crate::sip::dialog::Dialog;
use crate::sip::message::{CSeq, HeaderName, Method, Request, Response};
use std::time::Instant;

impl Endpoint {
    /// Sends the ACK to a 2xx, and keeps it for repetitions of that.
    pub(super) fn send_ack(&mut self, accepted: Accepted, dialog: &Dialog, answer: Option<Vec<u8>>, now: Instant) {
        let Accepted { tx, tag, invite_seq, way } = accepted;
        let mut ack = dialog.ack(invite_seq);
        if let Some(answer) = answer {
            ack.headers.push(HeaderName::ContentType, "application/sdp");
            ack.body = answer;
        }
        let branch = self.tokens.branch();
        ack.headers.push_front(HeaderName::Via, self.via(&way, &branch));
        if let Some(row) = self.clients.get(tx) {
            // §13.2.2.4: the same credentials as the INVITE.
            ack.headers.copy_all(HeaderName::Authorization, &row.request.headers);
            ack.headers.copy_all(HeaderName::ProxyAuthorization, &row.request.headers);
        }
        let Fitted { flow, data, udp } = self.fit(&mut ack, way, &branch, now);
        let hurried = udp.is_some();
        if let Some(row) = self.clients.get_mut(tx) {
            row.acks.push(SentAck { tag, flow, data: data.clone(), udp });
        }
        self.transmit_over(flow, data, hurried);
    }

    /// The ACK to a 2xx that carried the offer, with our answer; without one when the session is ended at once.
    pub(super) fn acknowledge(&mut self, id: LegId, answer: Option<Vec<u8>>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (Some(late), Some(dialog)) = (leg.late.take(), leg.dialog.clone()) else { return };
        leg.deadline = None;
        leg.local_sdp.clone_from(&answer);
        self.send_ack(late, &dialog, answer, now);
        self.reschedule_leg(id);
    }
}

/// A request of another method with the Request-URI, top Via, Route, From, To, Call-ID and CSeq number of this one: how
/// CANCEL (RFC 3261 §9.1) and the ACK of a failure (§17.1.1.3) are made.
pub(super) fn repeat(of: &Request, method: Method) -> Request {
    let mut request = Request::new(method.clone(), of.uri.clone());
    let headers = &mut request.headers;
    if let Some(via) = of.headers.get(HeaderName::Via) {
        headers.push(HeaderName::Via, via.clone());
    }
    headers.push(HeaderName::MaxForwards, 70);
    for name in [HeaderName::Route, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        headers.copy_all(name, &of.headers);
    }
    let number = of.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(HeaderName::CSeq, CSeq::new(number, method));
    request
}

pub(super) fn ack_of_failure(invite: &Request, response: &Response) -> Request {
    let mut ack = repeat(invite, Method::Ack);
    // §17.1.1.3: To is the response's, with its tag.
    if let Some(to) = response.headers.get(HeaderName::To) {
        ack.headers.set(HeaderName::To, to.clone());
    }
    ack
}
