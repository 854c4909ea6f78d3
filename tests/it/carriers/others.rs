//! Carriers for tests abroad, and the carriers that nobody has described.

use super::description::{Carrier, Incoming, Outgoing, Register, Registrar, Wrong};
use super::digest::{Algorithm, Auth};

const PEER: Carrier = Carrier::PEER;

/// Numbers of another country, and µ-law only.
const ABROAD: Carrier = Carrier {
    did: "+14155550123",
    password: true,
    incoming: Incoming { caller: "+14155550199", codecs: &[0], chosen: 0, ..PEER.incoming },
    outgoing: Outgoing { codecs: &[0], ..PEER.outgoing },
    ..PEER
};

pub const TWILIO: Carrier = Carrier {
    name: "twilio",
    profile: "twilio",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nauth_user = \"twilio-7\"",
    outgoing: Outgoing {
        auth: Some(Auth { status: 407, realm: "sip.twilio.com", user: "twilio-7", ..Auth::MD5 }),
        ..ABROAD.outgoing
    },
    wrong: &[Wrong { keys: "password = \"wrong\"", refused: ("INVITE", 407) }],
    ..ABROAD
};

pub const TELNYX: Carrier = Carrier {
    name: "telnyx",
    profile: "telnyx",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nauth_user = \"telnyx-7\"",
    incoming: Incoming { codecs: &[9, 0, 8], chosen: 8, ..ABROAD.incoming },
    outgoing: Outgoing {
        auth: Some(Auth { status: 401, realm: "sip.telnyx.com", user: "telnyx-7", ..Auth::MD5 }),
        ..ABROAD.outgoing
    },
    wrong: &[Wrong { keys: "auth_user = \"someone\"", refused: ("INVITE", 401) }],
    ..ABROAD
};

const AUTH: Auth = Auth { realm: "carrier.example", user: "line-7", algorithm: Algorithm::Sha256, ..Auth::MD5 };

/// SHA-256, a stale nonce, and a registration that is granted for seconds only.
pub const GENERIC_REGISTER: Carrier = Carrier {
    name: "generic-register",
    profile: "generic-register",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"+918047181234\"\nauth_user = \"line-7\"",
    password: true,
    register: Register::Taken(Registrar {
        aor: "sip:+918047181234@{sbc_ip}",
        auth: Some(Auth { stale: true, ..AUTH }),
        granted: Some(4),
        ..Carrier::REGISTRAR
    }),
    outgoing: Outgoing {
        auth: Some(Auth { status: 407, ..AUTH }),
        early_media: true,
        answer: &["Require: timer", "Session-Expires: 1800;refresher=uas"],
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "password = \"wrong\"", refused: ("REGISTER", 401) },
        Wrong { keys: "auth_user = \"+918047181234\"", refused: ("REGISTER", 401) },
    ],
    ..PEER
};

/// Asks for a session timer, and has the answering side refresh it.
pub const GENERIC_PEER: Carrier = Carrier {
    name: "generic-peer",
    profile: "generic-peer",
    incoming: Incoming {
        headers: &["Supported: timer", "Session-Expires: 600;refresher=uas", "Min-SE: 90"],
        answer: &["Session-Expires: 600;refresher=uas"],
        refused: &[("Session-Expires: 60", 422), ("Require: x-unheard-of", 420)],
        ..PEER.incoming
    },
    ..PEER
};

/// Asks whether we live, and is asked.
pub const ASTERISK: Carrier = Carrier {
    name: "asterisk",
    profile: "asterisk",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\noptions_interval = 1",
    incoming: Incoming {
        headers: &["P-Asserted-Identity: <sip:{caller}@{sbc_ip}>"],
        from: "\"Rahul Verma\" <sip:{caller:0}@{sbc_ip}>",
        ..PEER.incoming
    },
    outgoing: Outgoing { identity: Some(("P-Asserted-Identity", "sip:{did}@{sbc_ip}", 403)), ..PEER.outgoing },
    wrong: &[Wrong { keys: "identity = \"none\"", refused: ("INVITE", 403) }],
    ..PEER
};
