//! SIP trunks: what a carrier expects of us (its profile), and one operator's line to it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{E164, IpNet, Secret};

/// One line to a carrier: its profile with the operator's own values over it, and the credentials.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trunk {
    /// The operator's name for it, unique on the installation: lower-case letters, digits, `-`.
    pub name: String,
    /// File name of the profile that `settings` started from, without `.toml`.
    pub profile: String,
    pub settings: TrunkSettings,
    /// Absent on trunks that trust our address.
    pub password: Option<Secret>,
    /// Numbers that arrive over it, and over no trunk that does not name them too. A call over this trunk to a number
    /// that no trunk names is answered when a tenant owns that number.
    pub dids: Vec<E164>,
}

/// Everything a carrier profile may say. Each key is documented in docs/carriers.md.
///
/// Defaults are what suits an unknown carrier: G.711, RFC 4733, answer what is asked and ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkSettings {
    /// The carrier, as people call it.
    pub title: String,
    pub mode: TrunkMode,
    /// Domain we register at: host, `host:port` or a SIP URI with parameters. Request-URI of REGISTER.
    pub registrar: Option<String>,
    /// Where requests go instead of the host in their URI, `host[:port]` or a SIP URI (`;transport=`, `;lr`).
    pub outbound_proxy: Option<String>,
    /// User of the digest; `from_user` when absent.
    pub auth_user: Option<String>,
    /// User part of From and of the registered address.
    pub from_user: Option<String>,
    /// Host part of From; the registrar's, or else the peer's, when absent.
    pub from_domain: Option<String>,
    /// Registration expiry asked for, in seconds.
    pub expiry: u32,
    pub transport: TrunkTransport,
    /// Our listener to send from, where there are several (private line beside the internet).
    pub local_bind: Option<SocketAddr>,
    /// Our address as this carrier sees it; absent: found out by `received` and `rport`.
    pub public_ip: Option<IpAddr>,
    /// Who may send us this trunk's calls, besides the addresses that the registrar and proxy resolve to.
    pub sbc_ips: Vec<IpNet>,
    /// Where RTP may come from, besides the address in the SDP; empty allows any.
    pub media_nets: Vec<IpNet>,
    /// In order of preference.
    pub codecs: Vec<TrunkCodec>,
    pub dtmf: DtmfMode,
    /// Payload type for telephone-event in our offers.
    pub dtmf_payload_type: u8,
    /// Packet time in our offers, in milliseconds.
    pub ptime_ms: u8,
    /// Where the dialled number stands, in the order tried.
    pub did_sources: Vec<DidSource>,
    /// How numbers are written in Request-URI, To and identity headers.
    pub number_format_out: NumberFormat,
    /// Whether `;user=phone` is added to the Request-URI, From and To.
    pub user_phone: bool,
    /// Header that carries the caller's number on outgoing calls.
    pub identity: Identity,
    /// Host in the identity header; `from_domain` when absent.
    pub ppi_host: Option<String>,
    /// Number shown on outgoing calls; absent: the DID that was called.
    pub caller_id: Option<String>,
    /// Seconds between OPTIONS to the trunk; 0 sends none.
    pub options_interval: u32,
    /// Whether an OPTIONS that fails marks the trunk as down. A registered trunk may well refuse OPTIONS.
    pub options_is_health: bool,
    pub session_timer: SessionTimerUse,
    /// Session interval asked for, in seconds (RFC 4028).
    pub session_expires: u32,
    /// Shortest session interval accepted, in seconds.
    pub min_se: u32,
    pub prack: Prack,
    pub srtp: SrtpUse,
    /// How a caller is handed to a human.
    pub transfer: TransferMode,
    /// Whether a re-INVITE of ours may go out (hold, direct media); some SBCs drop the call.
    pub reinvite: bool,
    /// Concurrent calls over the trunk; 0 is no limit of its own.
    pub channels: u32,
    /// Calls per second we may start or take; 0 is no limit.
    pub cps: u32,
    /// How sure the facts are.
    pub confidence: Confidence,
    /// Where the facts come from.
    pub source: String,
}

impl Default for TrunkSettings {
    fn default() -> Self {
        Self {
            title: String::new(),
            mode: TrunkMode::Peer,
            registrar: None,
            outbound_proxy: None,
            auth_user: None,
            from_user: None,
            from_domain: None,
            expiry: 1_800,
            transport: TrunkTransport::Udp,
            local_bind: None,
            public_ip: None,
            sbc_ips: Vec::new(),
            media_nets: Vec::new(),
            codecs: vec![TrunkCodec::Pcma, TrunkCodec::Pcmu],
            dtmf: DtmfMode::Rfc4733,
            dtmf_payload_type: 101,
            ptime_ms: 20,
            did_sources: vec![DidSource::RequestUri, DidSource::To],
            number_format_out: NumberFormat::Plus,
            user_phone: false,
            identity: Identity::None,
            ppi_host: None,
            caller_id: None,
            options_interval: 0,
            options_is_health: false,
            session_timer: SessionTimerUse::Accept,
            session_expires: 1_800,
            min_se: 90,
            prack: Prack::Accept,
            srtp: SrtpUse::Off,
            transfer: TransferMode::Bridge,
            reinvite: true,
            channels: 0,
            cps: 0,
            confidence: Confidence::Low,
            source: String::new(),
        }
    }
}

/// Whether we register, or the carrier knows our address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrunkMode {
    Register,
    Peer,
}

/// Transport of our requests to the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkTransport {
    Udp,
    Tcp,
    Tls,
}

/// A codec, by its name in SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrunkCodec {
    Pcma,
    Pcmu,
    G722,
    Opus,
}

/// How keys pressed are sent; they are understood in every form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtmfMode {
    #[default]
    Rfc4733,
    Info,
    Inband,
}

/// Where a dialled number stands in an INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DidSource {
    RequestUri,
    To,
    /// The URI or number in this header, such as P-Called-Party-ID or Diversion.
    Header(String),
}

/// The text names no place for a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place of a number: write \"ruri\", \"to\" or \"header:P-Called-Party-ID\"")]
pub struct DidSourceError(String);

impl FromStr for DidSource {
    type Err = DidSourceError;

    fn from_str(text: &str) -> Result<Self, DidSourceError> {
        let is_token = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match text {
            "ruri" => Ok(Self::RequestUri),
            "to" => Ok(Self::To),
            _ => match text.strip_prefix("header:") {
                Some(name) if is_token(name) => Ok(Self::Header(name.to_owned())),
                _ => Err(DidSourceError(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for DidSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestUri => f.write_str("ruri"),
            Self::To => f.write_str("to"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl serde::Serialize for DidSource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DidSource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How a carrier wants numbers written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// `+919876543210`
    Plus,
    /// `919876543210`
    Digits,
    /// `00919876543210`
    DoubleZero,
    /// `09876543210` for Indian numbers, `00…` for others.
    Zero,
    /// `9876543210` for Indian numbers, `00…` for others.
    National,
}

impl NumberFormat {
    /// Writes the number this way.
    pub fn write(self, number: &E164) -> String {
        match (self, number.indian_national()) {
            (Self::Plus, _) => number.as_str().to_owned(),
            (Self::Digits, _) => number.digits().to_owned(),
            (Self::Zero, Some(national)) => format!("0{national}"),
            (Self::National, Some(national)) => national.to_owned(),
            (Self::DoubleZero | Self::Zero | Self::National, _) => format!("00{}", number.digits()),
        }
    }
}

/// Header that asserts who calls: P-Asserted-Identity or P-Preferred-Identity (RFC 3325), Remote-Party-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    Pai,
    Ppi,
    Rpid,
    None,
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionTimerUse {
    /// Neither offered nor accepted: `timer` is not in Supported.
    Off,
    /// Done when the peer asks for it.
    Accept,
    /// Asked for in our INVITEs and answers.
    Ask,
}

/// Reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prack {
    /// `100rel` is not in Supported, and a peer that requires it gets 420.
    Off,
    /// Done when the peer asks for it.
    Accept,
    /// Required in our INVITEs.
    Require,
}

/// SDES-SRTP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpUse {
    /// RTP/AVP in our offers; a peer's offer of SRTP is answered in kind.
    Off,
    /// RTP/AVP with keys in our offers, which a peer may take up.
    Offer,
    /// RTP/SAVP only: other offers get 488.
    Require,
}

/// How a caller is handed to a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferMode {
    /// A second leg through the trunk, media relayed here.
    Bridge,
    /// REFER to the caller's carrier (RFC 3515) for blind targets, a second leg when that fails and for warm ones.
    Refer,
}

/// How sure the facts of a profile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    High,
    Medium,
    Low,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_carriers_want_them() {
        let indian = E164::parse("+919876543210").unwrap();
        let foreign = E164::parse("+14155550100").unwrap();
        for (format, home, abroad) in [
            (NumberFormat::Plus, "+919876543210", "+14155550100"),
            (NumberFormat::Digits, "919876543210", "14155550100"),
            (NumberFormat::DoubleZero, "00919876543210", "0014155550100"),
            (NumberFormat::Zero, "09876543210", "0014155550100"),
            (NumberFormat::National, "9876543210", "0014155550100"),
        ] {
            assert_eq!((format.write(&indian).as_str(), format.write(&foreign).as_str()), (home, abroad));
            assert_eq!(E164::from_indian(home).as_ref(), Ok(&indian));
        }
    }

    #[test]
    fn places_of_numbers_round_trip() {
        for text in ["ruri", "to", "header:P-Called-Party-ID"] {
            assert_eq!(text.parse::<DidSource>().unwrap().to_string(), text);
        }
        for text in ["", "RURI", "header:", "header:a b", "contact"] {
            assert_eq!(text.parse::<DidSource>(), Err(DidSourceError(text.to_owned())));
        }
    }

    #[test]
    fn a_profile_with_an_unknown_key_is_refused() {
        assert!(toml::from_str::<TrunkSettings>("mode = \"register\"\nexpiry = 300").is_ok());
        let error = toml::from_str::<TrunkSettings>("expires = 300").unwrap_err().to_string();
        assert!(error.contains("expires"), "{error}");
    }
}
