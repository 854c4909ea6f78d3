//! What a carrier's INVITE says: which of our trunks it came over, whom it is for, and who calls.

use super::line::Line;
use super::status::TrunkState;
use crate::domain::{DidSource, E164, Trunk};
use crate::sip::message::{HeaderName, NameAddr, Scheme, Uri};
use crate::sip::ua::InviteInfo;
use std::sync::Arc;

/// Numbers that one INVITE may name: each costs a look-up.
const MOST_NUMBERS: usize = 8;

/// Who calls, as far as we may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Number(E164),
    /// The caller asked that the number be kept from us (RFC 3323, RFC 3325 §7), whatever else the INVITE says.
    Withheld,
    /// The INVITE gives no telephone number.
    Unknown,
}

impl Caller {
    /// The number, if it may be known.
    pub fn number(self) -> Option<E164> {
        match self {
            Self::Number(number) => Some(number),
            Self::Withheld | Self::Unknown => None,
        }
    }
}

/// The numbers that the INVITE may be for, in the order of `sources`: a pilot number may well stand before the DID.
pub fn dialled(invite: &InviteInfo, sources: &[DidSource]) -> Vec<E164> {
    let mut numbers = Vec::new();
    for source in sources {
        let found = match source {
            DidSource::RequestUri => number_in(&invite.request_uri).into_iter().collect(),
            DidSource::To => number_in(&invite.to.uri).into_iter().collect(),
            DidSource::Header(name) => in_header(invite, HeaderName::from_text(name)),
        };
        for number in found {
            if numbers.len() < MOST_NUMBERS && !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    numbers
}

/// Addresses, or bare numbers as some carriers' own headers hold them.
fn in_header(invite: &InviteInfo, name: HeaderName) -> Vec<E164> {
    let addressed: Vec<_> = readable(invite, &name).iter().filter_map(|address| number_in(&address.uri)).collect();
    if !addressed.is_empty() {
        return addressed;
    }
    let bare = invite.headers.get_all(name).filter_map(|value| number_of(value.as_str()?.trim_matches('"'), None));
    bare.collect()
}

/// The calling number: of a trusted carrier P-Asserted-Identity (RFC 3325), else Remote-Party-ID, else From.
pub fn caller(invite: &InviteInfo, is_trusted: bool) -> Caller {
    let remote_party = readable(invite, &HeaderName::RemotePartyId);
    if is_withheld(invite, &remote_party) {
        return Caller::Withheld;
    }
    let asserted = readable(invite, &HeaderName::PAssertedIdentity);
    let asserted = asserted.iter().chain(&remote_party).filter(|_| is_trusted);
    let number = asserted.chain([&invite.from]).find_map(|address| number_in(&address.uri));
    number.map_or(Caller::Unknown, Caller::Number)
}

fn is_withheld(invite: &InviteInfo, remote_party: &[NameAddr]) -> bool {
    let mut wishes = invite.headers.get_all(HeaderName::Privacy);
    // `header` and `session` are about other things than who calls (RFC 3323 §4.2).
    let asked = wishes.any(|value| {
        let value = value.to_string_lossy();
        value.split([';', ',']).any(|wish| matches!(wish.trim().to_ascii_lowercase().as_str(), "id" | "user" | "full"))
    });
    let hides = |address: &NameAddr| {
        let privacy = address.params.get("privacy").unwrap_or_default();
        privacy.split('-').any(|wish| matches!(wish.to_ascii_lowercase().as_str(), "full" | "uri"))
    };
    let from = &invite.from.uri;
    let is_anonymous = from.user().is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
        || from.host().eq_ignore_ascii_case("anonymous.invalid");
    asked || is_anonymous || remote_party.iter().any(hides)
}

fn readable(invite: &InviteInfo, name: &HeaderName) -> Vec<NameAddr> {
    invite.headers.readable_addresses(name)
}

/// The telephone number in a SIP or tel URI.
fn number_in(uri: &Uri) -> Option<E164> {
    if uri.scheme() == Scheme::Other {
        return None;
    }
    // RFC 3261 §19.1.6: the parameters of a telephone number stand within the user part of a SIP URI.
    let user = uri.user_unescaped()?;
    let mut parts = user.split(';');
    let number = parts.next()?;
    let context = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("phone-context").then_some(value)
    });
    number_of(number, context.or_else(|| uri.param("phone-context")))
}

/// A number as written, with its `phone-context` (RFC 3966 §5.1.5) where it is a prefix and not a domain.
fn number_of(text: &str, context: Option<&str>) -> Option<E164> {
    let is_global = text.starts_with('+') || text.starts_with("00");
    match context.filter(|context| context.starts_with('+') && !is_global) {
        // A whole Indian number within +91 is one in any of its spellings.
        Some("+91") => E164::from_indian(text).ok(),
        Some(prefix) => E164::from_indian(&format!("{prefix}{}", text.trim_start_matches('0'))).ok(),
        None => E164::from_indian(text).ok(),
    }
}

/// A trunk that a request may have come over, and what tells it from others at the same address.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    trunk: Arc<Trunk>,
    /// Registered there.
    contact: Option<Uri>,
    /// Where its requests go now.
    target: Option<std::net::SocketAddr>,
}

impl Candidate {
    pub fn of(line: &Line) -> Self {
        let contact = match &line.status.borrow().state {
            TrunkState::Registered { contact, .. } => contact.parse().ok(),
            _ => None,
        };
        Self { trunk: line.trunk(), contact, target: line.way().target.map(|target| target.addr) }
    }

    fn is_at_contact(&self, invite: &InviteInfo) -> bool {
        let user = |uri: &Uri| uri.user_unescaped();
        self.contact
            .as_ref()
            .is_some_and(|contact| user(contact).is_some() && user(contact) == user(&invite.request_uri))
    }

    fn holds_did(&self, invite: &InviteInfo) -> bool {
        dialled(invite, &self.trunk.settings.did_sources).iter().any(|number| self.trunk.dids.contains(number))
    }
}

/// The trunk of a call, out of those that hold its source address: one whose registered Contact it was sent to, else any;
/// of these the one whose number it is for, else the one whose own port it came from, else the first.
pub(super) fn attribute(candidates: &[Candidate], invite: &InviteInfo) -> Option<Arc<Trunk>> {
    let bound: Vec<_> = candidates.iter().filter(|candidate| candidate.is_at_contact(invite)).collect();
    let among = if bound.is_empty() { candidates.iter().collect() } else { bound };
    let of_number = among.iter().find(|candidate| candidate.holds_did(invite));
    let of_port = || among.iter().find(|candidate| candidate.target == Some(invite.source));
    of_number.or_else(of_port).or(among.first()).map(|candidate| Arc::clone(&candidate.trunk))
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
