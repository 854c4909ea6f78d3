//! Handing a call over: our REFER and the NOTIFYs that tell how it goes (RFC 3515, RFC 4488).

use super::leg::Phase;
use super::receive::Extra;
use super::rows::Purpose;
use super::{Endpoint, LegEvent, LegId};
use crate::sip::message::scan::{decimal, find_outside, trim};
use crate::sip::message::{HeaderName, HeaderValue, Headers, Method, NameAddr, Response, Uri};
use std::time::{Duration, Instant};

/// How long the peer may take to say how a REFER ended: longer than a phone rings.
const PATIENCE: Duration = Duration::from_secs(180);

/// A REFER of ours, and the subscription that it made.
#[derive(Debug)]
pub(super) struct Referral {
    tx: u64,
    pub until: Instant,
    /// A final status was told.
    told: bool,
}

impl Endpoint {
    /// Asks the peer to call `to`; without `subscribe` it is asked not to report.
    pub(super) fn refer(&mut self, id: LegId, to: Uri, by: Option<NameAddr>, subscribe: bool, now: Instant) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.phase == Phase::Established) else { return };
        if leg.referral.is_some() {
            return self.emit(id, LegEvent::ReferFailed { status: 491, reason: "Request Pending".to_owned() });
        }
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![
            (HeaderName::Contact, leg.contact.clone()),
            (HeaderName::Allow, super::receive::ALLOW.into()),
            (HeaderName::Supported, "norefersub".into()),
            (HeaderName::ReferTo, NameAddr::new(to).into()),
        ];
        headers.extend(by.map(|by| (HeaderName::ReferredBy, by.into())));
        if !subscribe {
            headers.push((HeaderName::ReferSub, "false".into()));
        }
        let tx = self.ask(id, Method::Refer, headers, None, Purpose::Refer, now);
        match (tx, self.legs.get_mut(&id)) {
            (Some(tx), Some(leg)) => leg.referral = Some(Referral { tx, until: now + PATIENCE, told: false }),
            _ => {
                let reason = "Too Many Transactions".to_owned();
                self.emit(id, LegEvent::ReferFailed { status: 503, reason });
            }
        }
        self.reschedule_leg(id);
    }

    /// The REFER was sent again with credentials.
    pub(super) fn refer_renewed(&mut self, id: LegId, old: u64, new: u64) {
        let referral = self.legs.get_mut(&id).and_then(|leg| leg.referral.as_mut());
        referral.into_iter().filter(|referral| referral.tx == old).for_each(|referral| referral.tx = new);
    }

    /// A 2xx to our REFER: the peer tries.
    pub(super) fn refer_accepted(&mut self, tx: u64, response: &Response) {
        let Some(id) = self.clients.get(tx).and_then(|row| row.leg) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(referral) = leg.referral.as_ref().filter(|referral| referral.tx == tx) else { return };
        let told = referral.told;
        // RFC 4488 §4: no subscription was made.
        let refused = response.headers.get(HeaderName::ReferSub).is_some_and(|value| {
            let value = value.as_bytes();
            trim(&value[..find_outside(value, b";").unwrap_or(value.len())]).eq_ignore_ascii_case(b"false")
        });
        if refused {
            leg.referral = None;
        }
        if !told {
            self.emit(id, LegEvent::ReferProgress { status: 202 });
        }
        self.reschedule_leg(id);
    }

    /// Our REFER was refused, or not answered.
    pub(super) fn refer_refused(&mut self, id: LegId, tx: u64, status: u16, reason: &str, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.referral.take_if(|referral| referral.tx == tx).is_some() && leg.phase == Phase::Established {
            self.emit(id, LegEvent::ReferFailed { status, reason: reason.to_owned() });
        }
        self.lost_dialog(id, status, reason, now);
        self.reschedule_leg(id);
    }

    /// A NOTIFY: of our REFER, or of nothing that we asked for.
    pub(super) fn handle_notify(&mut self, id: LegId, tx: u64, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(request) = self.servers.get(tx).and_then(|row| row.request.as_deref()) else { return };
        let word = |name| first_word(&request.headers, name);
        if word(HeaderName::Event).is_none_or(|event| !event.eq_ignore_ascii_case("refer")) {
            self.reply(tx, 489, Extra::header(HeaderName::AllowEvents, "refer"), now);
            return;
        }
        let Some(referral) = leg.referral.as_mut() else {
            self.reply(tx, 481, Extra::default(), now);
            return;
        };
        let over = word(HeaderName::SubscriptionState).is_some_and(|state| state.eq_ignore_ascii_case("terminated"));
        let status = sipfrag_status(&request.body);
        if status.is_none() && !over {
            self.reply(tx, 400, Extra::reason("Malformed Sipfrag"), now);
            return;
        }
        let news = status.filter(|_| !referral.told);
        referral.told |= status.is_some_and(|status| status >= 200);
        let told = referral.told;
        if over {
            leg.referral = None;
        }
        self.reply(tx, 200, Extra::default(), now);
        if let Some(status) = news {
            self.emit(id, LegEvent::ReferProgress { status });
        }
        if over && !told {
            self.emit(id, LegEvent::ReferFailed { status: 480, reason: "Subscription Terminated".to_owned() });
        }
        self.reschedule_leg(id);
    }

    /// Nobody said how the REFER ended.
    pub(super) fn refer_timeout(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let late = leg.referral.take_if(|referral| referral.until <= now);
        if late.is_some_and(|referral| !referral.told) && leg.phase == Phase::Established {
            self.emit(id, LegEvent::ReferFailed { status: 408, reason: "No Notification".to_owned() });
        }
    }
}

/// The value of a header up to its parameters.
fn first_word(headers: &Headers, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?.as_str()?;
    value.split(';').next().map(str::trim)
}

/// The status in the first line of a message/sipfrag body (RFC 3420).
fn sipfrag_status(body: &[u8]) -> Option<u16> {
    let line = body.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let rest = line.strip_prefix(b"SIP/2.0 ")?;
    let status = decimal(rest.get(..3)?).filter(|_| rest.get(3).is_none_or(|byte| *byte == b' '))?;
    u16::try_from(status).ok().filter(|status| (100..700).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_fragment_is_its_first_line() {
        for (body, status) in [
            ("SIP/2.0 200 OK\r\nContact: <sip:x@y>\r\n", Some(200)),
            ("SIP/2.0 100 Trying", Some(100)),
            ("SIP/2.0 603", Some(603)),
            ("SIP/2.0 6030 X", None),
            ("SIP/2.0 99", None),
            ("INVITE sip:x SIP/2.0", None),
            ("", None),
        ] {
            assert_eq!(sipfrag_status(body.as_bytes()), status, "{body}");
        }
    }
}
