//! Which receptionist a call is for: the dialled number out of the INVITE, then its owner.

use crate::domain::E164;
use crate::sip::net::InviteInfo;

/// The dialled number: the user of the Request-URI, else of To, as Indian carriers write them.
pub fn dialled(invite: &InviteInfo) -> Option<E164> {
    [&invite.request_uri, &invite.to.uri].into_iter().find_map(|uri| E164::from_indian(uri.user()?).ok())
}

/// The caller's number, if the trunk gave one that is a number.
pub fn caller(invite: &InviteInfo) -> Option<E164> {
    E164::from_indian(invite.from.uri.user()?).ok()
}
