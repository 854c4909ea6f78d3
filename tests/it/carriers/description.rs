//! What a carrier is like, in words of the wire.
//!
//! In every text `{sbc}` is the carrier's address with its port, `{sbc_ip}` and `{media_ip}` are its addresses for
//! signalling and media, `{vca}` is ours with the port; `{did}` and `{caller}` are numbers as `+91…`, `{did:digits}` as
//! `91…`, `{did:00}` as `0091…`, `{did:0}` as `0…`, `{did:national}` as ten digits, and likewise for the caller.

use std::net::{IpAddr, SocketAddr};

use super::digest::Auth;
use super::wire::Transport;

/// One carrier's behaviour, and the trunk that an operator writes down for it.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    /// Of the test; the profile's name, unless a profile has several kinds of lines.
    pub name: &'static str,
    pub profile: &'static str,
    /// The operator's keys of `[[trunks]]`, besides name, profile, password and numbers.
    pub trunk: &'static str,
    pub password: bool,
    pub transport: Transport,
    /// As `+91…`.
    pub did: &'static str,
    pub register: Register,
    /// What OPTIONS are answered.
    pub options: u16,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
    /// What an operator may get wrong, and what the carrier answers then.
    pub wrong: &'static [Wrong],
}

#[derive(Debug, Clone, Copy)]
pub enum Register {
    /// REGISTER gets this status, and none is expected.
    Refused(u16),
    Taken(Registrar),
    /// REGISTER is never accepted, and calls come and go all the same.
    Useless(u16),
}

/// What REGISTER must look like, and what it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Registrar {
    /// Request-URI.
    pub uri: &'static str,
    /// Address of record: From and To.
    pub aor: &'static str,
    pub auth: Option<Auth>,
    /// Asked for.
    pub expires: u32,
    /// A shorter expiry gets 423.
    pub min_expires: u32,
    /// Of our Contact, in place of what was asked for.
    pub granted: Option<u32>,
    /// An IMS edge: `Supported: path` is needed, Path and Service-Route come back.
    pub ims: bool,
}

/// A call from the carrier's subscriber to one of our numbers.
#[derive(Debug, Clone, Copy)]
pub struct Incoming {
    pub request_uri: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub headers: &'static [&'static str],
    /// Headers that the answer must have.
    pub answer: &'static [&'static str],
    /// What the record must say, as `+91…`; empty for an unknown caller.
    pub caller: &'static str,
    /// Payload types as they are offered.
    pub codecs: &'static [u8],
    /// The payload type that the answer must choose.
    pub chosen: u8,
    pub telephone_event: u8,
    pub ptime_ms: u32,
    /// Requests must follow a Record-Route; the Contact leads nowhere.
    pub record_route: bool,
    /// Calls with these headers more that must be refused, and how.
    pub refused: &'static [(&'static str, u16)],
}

/// A call that we place through the carrier.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Request-URI, and To.
    pub to: &'static str,
    /// URI of From.
    pub from: &'static str,
    /// 487 without `;user=phone` in Request-URI, From and To.
    pub user_phone: bool,
    /// The identity header with its URI; a call without it gets the status.
    pub identity: Option<(&'static str, &'static str, u16)>,
    /// 403 to an INVITE with one of these.
    pub forbidden: &'static [&'static str],
    pub auth: Option<Auth>,
    /// Payload types that are taken, in order; 488 for others.
    pub codecs: &'static [u8],
    /// Payload type of telephone-event in our offer.
    pub telephone_event: u8,
    /// 420 to `Require: 100rel`, 405 to PRACK, and no 100rel in our Supported.
    pub no_prack: bool,
    /// 183 with SDP comes reliably (RFC 3262), and its sound is to reach the caller.
    pub early_media: bool,
    /// Headers of the answer.
    pub answer: &'static [&'static str],
    /// The carrier calls the person itself, at a REFER.
    pub refer: bool,
}

/// A mistake in the trunk's keys.
#[derive(Debug, Clone, Copy)]
pub struct Wrong {
    pub keys: &'static str,
    /// The method that is refused, and how.
    pub refused: (&'static str, u16),
}

impl Carrier {
    /// A carrier that knows our address: the plainest there is.
    pub const PEER: Self = Self {
        name: "",
        profile: "",
        trunk: "outbound_proxy = \"{sbc}\"\nsbc_ips = [\"{sbc_ip}\"]",
        password: false,
        transport: Transport::Udp,
        did: "+918047181234",
        register: Register::Refused(405),
        options: 200,
        incoming: Incoming {
            request_uri: "sip:{did}@{vca}",
            from: "<sip:{caller}@{sbc_ip}>",
            to: "<sip:{did}@{vca}>",
            headers: &[],
            answer: &[],
            caller: CALLER,
            codecs: &[8, 0],
            chosen: 8,
            telephone_event: 101,
            ptime_ms: 20,
            record_route: false,
            refused: &[],
        },
        outgoing: Outgoing {
            to: "sip:{person}@{sbc}",
            from: "sip:{did}@{sbc_ip}",
            user_phone: false,
            identity: None,
            forbidden: &[],
            auth: None,
            codecs: &[8],
            telephone_event: 101,
            no_prack: false,
            early_media: false,
            answer: &[],
            refer: false,
        },
        wrong: &[Wrong {
            keys: "mode = \"register\"\nregistrar = \"{sbc}\"\nfrom_user = \"vca\"",
            refused: ("REGISTER", 405),
        }],
    };

    /// A plain registrar.
    pub const REGISTRAR: Registrar =
        Registrar { uri: "sip:{sbc}", aor: "", auth: None, expires: 1_800, min_expires: 60, granted: None, ims: false };
}

/// A number that nobody owns.
pub const UNKNOWN: &str = "+918047189999";
pub const CALLER: &str = "+919812345678";
/// Whom callers are handed to.
pub const PERSON: &str = "+919845098450";

/// The addresses of one simulation.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub sbc: SocketAddr,
    pub media_ip: IpAddr,
    pub vca: SocketAddr,
}

impl Places {
    /// The text with its places and numbers filled in.
    pub fn fill(&self, text: &str, did: &str, caller: &str) -> String {
        let mut text = text
            .replace("{sbc}", &self.sbc.to_string())
            .replace("{sbc_ip}", &self.sbc.ip().to_string())
            .replace("{media_ip}", &self.media_ip.to_string())
            .replace("{vca}", &self.vca.to_string());
        for (name, number) in [("did", did), ("caller", caller), ("person", PERSON)] {
            let digits = number.trim_start_matches('+');
            let national = digits.strip_prefix("91").unwrap_or(digits);
            text = text
                .replace(&format!("{{{name}}}"), number)
                .replace(&format!("{{{name}:digits}}"), digits)
                .replace(&format!("{{{name}:00}}"), &format!("00{digits}"))
                .replace(&format!("{{{name}:0}}"), &format!("0{national}"))
                .replace(&format!("{{{name}:national}}"), national);
        }
        assert!(!text.contains('{'), "a place without a name in {text:?}");
        text
    }
}
