//! Carriers of India, as public documents and reports describe them; docs/carriers.md says how sure each fact is.

use super::description::{CALLER, Carrier, Incoming, Outgoing, Register, Registrar, Wrong};
use super::digest::{Algorithm, Auth};
use super::wire::Transport;

const PEER: Carrier = Carrier::PEER;

/// An IMS registrar behind an edge: user and domain of the home network, 407, Service-Route; calls come to the registered
/// Contact and name the DID in P-Called-Party-ID; the caller stands in P-Asserted-Identity.
const AIRTEL_AUTH: Auth =
    Auth { status: 407, realm: "ims.airtel.in", user: "+918041234500@ka.ims.airtel.in", qop: true, ..Auth::MD5 };

pub const AIRTEL_IMS: Carrier = Carrier {
    name: "airtel-ims",
    profile: "airtel-ims",
    trunk: "registrar = \"ka.ims.airtel.in\"\noutbound_proxy = \"{sbc}\"\nfrom_user = \"+918041234500\"\n\
            auth_user = \"+918041234500@ka.ims.airtel.in\"\nmedia_nets = [\"{media_ip}\"]\noptions_interval = 1",
    password: true,
    register: Register::Taken(Registrar {
        uri: "sip:ka.ims.airtel.in",
        aor: "sip:+918041234500@ka.ims.airtel.in",
        auth: Some(AIRTEL_AUTH),
        ims: true,
        ..Carrier::REGISTRAR
    }),
    options: 403,
    incoming: Incoming {
        request_uri: "{contact}",
        from: "\"Customer\" <sip:unavailable@mh.ims.airtel.in>",
        to: "<sip:+918041234500@ka.ims.airtel.in>",
        headers: &[
            "P-Called-Party-ID: <sip:{did}@ka.ims.airtel.in>",
            "P-Asserted-Identity: <sip:{caller}@mh.ims.airtel.in>, <tel:{caller}>",
            "Supported: timer, 100rel, path",
            "Require: 100rel",
            "Session-Expires: 1800;refresher=uac",
        ],
        answer: &["Session-Expires: 1800;refresher=uac"],
        codecs: &[8],
        ..PEER.incoming
    },
    outgoing: Outgoing {
        to: "sip:{person}@ka.ims.airtel.in",
        from: "sip:+918041234500@ka.ims.airtel.in",
        identity: Some(("P-Preferred-Identity", "sip:{did}@ka.ims.airtel.in", 403)),
        auth: Some(AIRTEL_AUTH),
        early_media: true,
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "from_user = \"8041234500\"", refused: ("REGISTER", 403) },
        Wrong { keys: "auth_user = \"+918041234500\"", refused: ("REGISTER", 407) },
        Wrong { keys: "password = \"wrong\"", refused: ("REGISTER", 407) },
        Wrong { keys: "identity = \"none\"", refused: ("INVITE", 403) },
    ],
    ..PEER
};

/// Numbers are telephone numbers by name, or the call is over.
pub const AIRTEL_PUBLIC: Carrier = Carrier {
    name: "airtel-public",
    profile: "airtel-public",
    incoming: Incoming {
        request_uri: "sip:{did}@{vca};user=phone",
        from: "<sip:{caller}@{sbc_ip};user=phone>",
        to: "<sip:{did}@{vca};user=phone>",
        ..PEER.incoming
    },
    outgoing: Outgoing { user_phone: true, ..PEER.outgoing },
    wrong: &[Wrong { keys: "user_phone = false", refused: ("INVITE", 487) }],
    ..PEER
};

/// A pilot number with a user of its own for the digest, which is the old one without qop; bare digits; G.729 first.
const TATA_AUTH: Auth =
    Auth { realm: "tata", user: "tata-line-7", algorithm: Algorithm::Unnamed, qop: false, ..Auth::MD5 };

pub const TATA_PRIVATE: Carrier = Carrier {
    name: "tata-private",
    profile: "tata-private",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"1147181200\"\nauth_user = \"tata-line-7\"\nppi_host = \"127.0.0.1\"\n\
            media_nets = [\"{media_ip}\"]",
    password: true,
    register: Register::Taken(Registrar {
        aor: "sip:1147181200@{sbc_ip}",
        auth: Some(TATA_AUTH),
        expires: 300,
        ..Carrier::REGISTRAR
    }),
    incoming: Incoming {
        request_uri: "sip:{did:digits}@{vca}",
        from: "<sip:{caller:0}@{sbc_ip}>",
        to: "<sip:{did:digits}@{vca}>",
        codecs: &[18, 8, 0],
        ..PEER.incoming
    },
    outgoing: Outgoing {
        from: "sip:1147181200@{sbc_ip}",
        identity: Some(("P-Preferred-Identity", "sip:{did}@127.0.0.1", 480)),
        auth: Some(Auth { status: 407, ..TATA_AUTH }),
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "auth_user = \"1147181200\"", refused: ("REGISTER", 401) },
        Wrong { keys: "expiry = 1800", refused: ("REGISTER", 400) },
        Wrong { keys: "ppi_host = \"10.0.0.1\"", refused: ("INVITE", 480) },
    ],
    ..PEER
};

/// The same on a line that must not register.
pub const TATA_PRIVATE_PEER: Carrier = Carrier {
    name: "tata-private, a line without registration",
    trunk: "mode = \"peer\"\noutbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nfrom_user = \"1147181200\"\n\
            ppi_host = \"127.0.0.1\"\nmedia_nets = [\"{media_ip}\"]",
    password: false,
    register: Register::Refused(403),
    outgoing: Outgoing { auth: None, ..TATA_PRIVATE.outgoing },
    wrong: &[Wrong { keys: "mode = \"register\"\nregistrar = \"{sbc}\"", refused: ("REGISTER", 403) }],
    ..TATA_PRIVATE
};

/// `0091` in front of every number, A-law and nothing else.
pub const TATA_CLOUD: Carrier = Carrier {
    name: "tata-cloud",
    profile: "tata-cloud",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nfrom_user = \"00918047181234\"",
    incoming: Incoming {
        request_uri: "sip:{did:00}@{vca}",
        from: "<sip:{caller:00}@{sbc_ip}>",
        to: "<sip:{did:00}@{vca}>",
        codecs: &[8],
        ..PEER.incoming
    },
    outgoing: Outgoing { to: "sip:{person:00}@{sbc}", from: "sip:{did:00}@{sbc_ip}", ..PEER.outgoing },
    wrong: &[
        Wrong { keys: "number_format_out = \"plus\"", refused: ("INVITE", 404) },
        Wrong { keys: "from_user = \"8047181234\"", refused: ("INVITE", 403) },
    ],
    ..PEER
};

/// Ten digits, and no password: the line itself is trusted.
pub const JIO: Carrier = Carrier {
    name: "jio",
    profile: "jio",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"8047181200\"\nmedia_nets = [\"{media_ip}\"]",
    register: Register::Taken(Registrar { aor: "sip:8047181200@{sbc_ip}", ..Carrier::REGISTRAR }),
    incoming: Incoming {
        request_uri: "sip:{did:national}@{vca}",
        from: "<sip:{caller}@{sbc_ip}>",
        to: "<sip:{did:national}@{sbc_ip}>",
        codecs: &[18, 0, 8],
        ..PEER.incoming
    },
    outgoing: Outgoing { from: "sip:8047181200@{sbc_ip}", ..PEER.outgoing },
    wrong: &[Wrong { keys: "from_domain = \"jio.example\"", refused: ("REGISTER", 403) }],
    ..PEER
};

/// It calls the line unregistered, and has calls all the same.
pub const JIO_UNREGISTERED: Carrier = Carrier {
    name: "jio, which shows unregistered",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"8047181200\"\nsbc_ips = [\"{sbc_ip}\"]",
    register: Register::Useless(403),
    wrong: &[],
    ..JIO
};

/// A caller who withholds the number.
pub const VI: Carrier = Carrier {
    name: "vi",
    profile: "vi",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nfrom_user = \"+918047181234\"\n\
            media_nets = [\"{media_ip}\"]",
    incoming: Incoming {
        from: "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        headers: &["Privacy: id"],
        caller: "",
        ..PEER.incoming
    },
    wrong: &[
        Wrong { keys: "from_user = \"8047181234\"", refused: ("INVITE", 403) },
        Wrong { keys: "mode = \"register\"\nregistrar = \"{sbc}\"", refused: ("REGISTER", 405) },
    ],
    ..PEER
};

const BSNL_AUTH: Auth = Auth { realm: "bsnl.co.in", user: "08047181200", ..Auth::MD5 };

/// A registrar that takes no expiry under an hour, and codecs that we have not.
pub const BSNL_NGN: Carrier = Carrier {
    name: "bsnl-ngn",
    profile: "bsnl-ngn",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"08047181200\"",
    password: true,
    register: Register::Taken(Registrar {
        aor: "sip:08047181200@{sbc_ip}",
        auth: Some(BSNL_AUTH),
        min_expires: 3_600,
        ..Carrier::REGISTRAR
    }),
    incoming: Incoming {
        request_uri: "sip:08047181200@{vca}",
        from: "<sip:{caller:0}@{sbc_ip}>",
        to: "<sip:{did:0}@{sbc_ip}>",
        codecs: &[18, 8, 0],
        ptime_ms: 40,
        ..PEER.incoming
    },
    outgoing: Outgoing {
        from: "sip:08047181200@{sbc_ip}",
        auth: Some(Auth { status: 407, ..BSNL_AUTH }),
        ..PEER.outgoing
    },
    wrong: &[Wrong { keys: "password = \"wrong\"", refused: ("REGISTER", 401) }],
    ..PEER
};

/// 403 for whoever shows what stands behind the line; nonces grow stale.
pub const BSNL_WINGS: Carrier = Carrier {
    name: "bsnl-wings",
    profile: "bsnl-wings",
    trunk: "registrar = \"{sbc}\"\nfrom_user = \"08047181200\"",
    password: true,
    register: Register::Taken(Registrar {
        aor: "sip:08047181200@{sbc_ip}",
        auth: Some(Auth { stale: true, ..BSNL_AUTH }),
        ..Carrier::REGISTRAR
    }),
    outgoing: Outgoing {
        from: "sip:08047181200@{sbc_ip}",
        forbidden: &["P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info"],
        auth: Some(Auth { stale: true, ..BSNL_AUTH }),
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "identity = \"pai\"", refused: ("INVITE", 403) },
        Wrong { keys: "identity = \"rpid\"", refused: ("INVITE", 403) },
    ],
    ..PEER
};

/// TCP; the route is recorded and the Contact leads nowhere; telephone-event is 96; no REGISTER.
pub const EXOTEL: Carrier = Carrier {
    name: "exotel",
    profile: "exotel",
    transport: Transport::Tcp,
    incoming: Incoming {
        headers: &[
            "P-Asserted-Identity: <sip:{caller}@{sbc_ip}>",
            "P-Early-Media: supported",
            "X-Exotel-CallSid: 6a1c7ab0e5a2",
            "X-Exotel-LegSid: 77b1",
            "X-Exotel-TrunkSid: trmum1",
        ],
        telephone_event: 96,
        record_route: true,
        ..PEER.incoming
    },
    outgoing: Outgoing { codecs: &[8, 0], telephone_event: 96, ..PEER.outgoing },
    ..PEER
};

/// A newer trunk, which asks for a digest of outgoing calls.
pub const EXOTEL_DIGEST: Carrier = Carrier {
    name: "exotel, with a digest",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nauth_user = \"trmum1\"",
    password: true,
    outgoing: Outgoing {
        auth: Some(Auth { status: 407, realm: "exotel.in", user: "trmum1", ..Auth::MD5 }),
        ..EXOTEL.outgoing
    },
    wrong: &[Wrong { keys: "password = \"wrong\"", refused: ("INVITE", 407) }],
    ..EXOTEL
};

/// The same over TLS, both ways.
pub const EXOTEL_TLS: Carrier = Carrier {
    name: "exotel, over TLS",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\ntransport = \"tls\"",
    transport: Transport::Tls,
    wrong: &[],
    ..EXOTEL
};

/// TCP; REGISTER, PRACK and INFO are not had; µ-law first.
pub const PLIVO: Carrier = Carrier {
    name: "plivo",
    profile: "plivo",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nauth_user = \"zentrunk7\"",
    password: true,
    transport: Transport::Tcp,
    register: Register::Refused(405),
    incoming: Incoming { codecs: &[0, 8], refused: &[("Require: 100rel", 420)], ..PEER.incoming },
    outgoing: Outgoing {
        auth: Some(Auth { status: 407, realm: "zt.plivo.com", user: "zentrunk7", ..Auth::MD5 }),
        codecs: &[0, 8],
        no_prack: true,
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "prack = \"require\"", refused: ("INVITE", 420) },
        Wrong { keys: "mode = \"register\"\nregistrar = \"{sbc}\"\nfrom_user = \"vca\"", refused: ("REGISTER", 405) },
    ],
    ..PEER
};

/// The same for a person who is called blind: the carrier does it, at a REFER.
pub const PLIVO_REFER: Carrier = Carrier {
    name: "plivo, which calls the person",
    outgoing: Outgoing { refer: true, ..PLIVO.outgoing },
    wrong: &[],
    ..PLIVO
};

/// Numbers with and without a plus; the caller in both identity headers.
pub const VOBIZ: Carrier = Carrier {
    name: "vobiz",
    profile: "vobiz",
    trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]\nauth_user = \"vobiz-7\"",
    password: true,
    incoming: Incoming {
        request_uri: "sip:{did:digits}@{vca}",
        from: "<sip:{caller:digits}@{sbc_ip}>",
        headers: &[
            "P-Asserted-Identity: <sip:{caller}@{sbc_ip}>",
            "Remote-Party-ID: <sip:{caller}@{sbc_ip}>;party=calling;screen=yes;privacy=off",
        ],
        caller: CALLER,
        ..PEER.incoming
    },
    outgoing: Outgoing {
        identity: Some(("P-Asserted-Identity", "sip:{did}@{sbc_ip}", 403)),
        auth: Some(Auth { status: 407, realm: "vobiz", user: "vobiz-7", ..Auth::MD5 }),
        ..PEER.outgoing
    },
    wrong: &[
        Wrong { keys: "identity = \"none\"", refused: ("INVITE", 403) },
        Wrong { keys: "password = \"wrong\"", refused: ("INVITE", 407) },
    ],
    ..PEER
};
