//! Dialog state (RFC 3261 §12): tags, route set, remote target, CSeq in both directions.
#![deny(clippy::disallowed_methods)]

#[cfg(test)]
mod tests;

use crate::sip::message::{CSeq, HeaderError, HeaderName, HeaderValue, Method, NameAddr, Request, Response, Uri};

/// A dialog as one of its two ends sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: String,
    /// Our address with our tag: From of our requests.
    local: NameAddr,
    /// The peer's address with its tag: To of our requests.
    remote: NameAddr,
    local_tag: String,
    /// Empty when the peer is from before RFC 3261 (§12.1.1).
    remote_tag: String,
    local_seq: u32,
    remote_seq: Option<u32>,
    /// The peer's Contact.
    target: Uri,
    /// In the order of our Route headers.
    route_set: Vec<NameAddr>,
}

/// A request's CSeq is not above the last one (§12.2.2): answer 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("CSeq {got} after {last}")]
pub struct StaleCSeq {
    pub got: u32,
    pub last: u32,
}

impl Dialog {
    /// The dialog that an INVITE makes at the side that answers it (§12.1.1); `local_seq` begins our own numbering.
    ///
    /// # Errors
    /// [`HeaderError`] when From, To, Call-ID, CSeq, Contact or a Record-Route is missing or malformed.
    pub fn answering(invite: &Request, local_tag: &str, local_seq: u32) -> Result<Self, HeaderError> {
        let headers = &invite.headers;
        let remote = headers.from()?;
        Ok(Self {
            call_id: headers.call_id()?.to_owned(),
            local: headers.to()?.with_tag(local_tag),
            local_tag: local_tag.to_owned(),
            remote_tag: remote.tag().unwrap_or_default().to_owned(),
            remote,
            local_seq,
            remote_seq: Some(headers.cseq()?.number),
            target: first_contact(headers)?,
            // §12.1.1: in the order of the request.
            route_set: headers.record_routes()?,
        })
    }

    /// The dialog that a response to our INVITE makes (§12.1.2).
    ///
    /// # Errors
    /// [`HeaderError`] when To, Contact or a Record-Route of the response is missing or malformed.
    pub fn calling(invite: &Request, response: &Response) -> Result<Self, HeaderError> {
        let headers = &response.headers;
        let local = invite.headers.from()?;
        let remote = headers.to()?;
        let mut route_set = headers.record_routes()?;
        route_set.reverse();
        Ok(Self {
            call_id: invite.headers.call_id()?.to_owned(),
            local_tag: local.tag().unwrap_or_default().to_owned(),
            local,
            remote_tag: remote.tag().unwrap_or_default().to_owned(),
            remote,
            local_seq: invite.headers.cseq()?.number,
            remote_seq: None,
            target: first_contact(headers)?,
            route_set,
        })
    }

    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The last CSeq number we used.
    pub fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Where the peer is reached, beyond any proxies.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// Takes the numbering of the early dialog that a 2xx confirms: the route set and target are the 2xx's (§13.2.2.4).
    pub fn continue_from(&mut self, early: &Self) {
        self.local_seq = self.local_seq.max(early.local_seq);
        self.remote_seq = self.remote_seq.max(early.remote_seq);
    }

    /// Checks and notes the CSeq of a request in the dialog (§12.2.2). ACK and CANCEL repeat a number: not for them.
    ///
    /// # Errors
    /// [`StaleCSeq`] when it is not higher than the last one.
    pub fn accept_cseq(&mut self, number: u32) -> Result<(), StaleCSeq> {
        match self.remote_seq {
            Some(last) if number <= last => Err(StaleCSeq { got: number, last }),
            _ => {
                self.remote_seq = Some(number);
                Ok(())
            }
        }
    }

    /// The last CSeq number of the peer.
    pub fn remote_seq(&self) -> Option<u32> {
        self.remote_seq
    }

    /// Takes the Contact of a re-INVITE, or of a 2xx to ours, as the new remote target (§12.2.1.2, §12.2.2); the route
    /// set never changes.
    pub fn refresh_target(&mut self, contact: &NameAddr) {
        self.target = contact.uri.clone();
    }

    /// A request in the dialog with the next CSeq; the owner adds Via, Contact and the rest (§12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.local_seq += 1;
        self.build(method.clone(), CSeq::new(self.local_seq, method))
    }

    /// The same request again with the next CSeq, as after a digest challenge (§22.2).
    pub fn renumber(&mut self, request: &mut Request) {
        self.local_seq += 1;
        request.headers.set(HeaderName::CSeq, CSeq::new(self.local_seq, request.method.clone()));
    }

    /// The ACK to a 2xx to our INVITE with this CSeq number: along the route set, like any request (§13.2.2.4).
    pub fn ack(&self, invite_seq: u32) -> Request {
        self.build(Method::Ack, CSeq::new(invite_seq, Method::Ack))
    }

    /// The URI whose host the next request goes to: the first route, or the target (§12.2.1.1).
    pub fn next_hop(&self) -> &Uri {
        self.route_set.first().map_or(&self.target, |route| &route.uri)
    }

    fn build(&self, method: Method, cseq: CSeq) -> Request {
        let strict = self.route_set.first().filter(|first| first.uri.param("lr").is_none());
        let uri = match strict {
            // A strict router finds its own URI as Request-URI and the target as the last route.
            Some(first) => first.uri.clone().without_headers(),
            None => self.target.clone().without_headers(),
        };
        let mut request = Request::new(method, uri);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        for route in self.route_set.iter().skip(usize::from(strict.is_some())) {
            headers.push(HeaderName::Route, route);
        }
        if strict.is_some() {
            headers.push(HeaderName::Route, NameAddr::new(self.target.clone()));
        }
        headers.push(HeaderName::From, &self.local);
        headers.push(HeaderName::To, &self.remote);
        headers.push(HeaderName::CallId, HeaderValue::from(self.call_id.as_str()));
        headers.push(HeaderName::CSeq, cseq);
        request
    }
}

fn first_contact(headers: &crate::sip::message::Headers) -> Result<Uri, HeaderError> {
    use crate::sip::message::HeaderFault;
    let contact = headers.contacts()?.into_iter().next();
    let contact = contact.ok_or(HeaderError { name: HeaderName::Contact, fault: HeaderFault::Missing })?;
    Ok(contact.uri)
}
