//! What a trunk's settings name: URIs, the way out, and the transports.

use crate::domain::{Trunk, TrunkMode, TrunkSettings, TrunkTransport};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::ua::{Credentials, Transport};

/// Why a trunk cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrunkError {
    #[error("trunk `{0}` is not known")]
    Unknown(String),
    #[error("trunk `{trunk}`: `{key}` is missing")]
    Missing { trunk: String, key: &'static str },
    #[error("trunk `{trunk}`: {key} = \"{value}\" is neither a host, host:port nor a SIP URI")]
    NoUri { trunk: String, key: &'static str, value: String },
    #[error("trunk `{0}` has no address to send to at the moment")]
    NoTarget(String),
}

/// The settings of one trunk as URIs.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Domain of the carrier: Request-URI of REGISTER and OPTIONS, host of the numbers we call.
    pub domain: Uri,
    /// Address of record: From of REGISTER and OPTIONS.
    pub own: Uri,
    /// Loose route to the outbound proxy.
    pub proxy: Option<NameAddr>,
    /// What is looked up: the proxy, or else the domain.
    pub next_hop: Uri,
    pub transports: Vec<Transport>,
}

impl Addresses {
    /// Reads them out of the settings.
    ///
    /// # Errors
    /// [`TrunkError`] names the setting that is missing or no URI.
    pub fn of(trunk: &Trunk) -> Result<Self, TrunkError> {
        let settings = &trunk.settings;
        let proxy = settings.outbound_proxy.as_deref().map(|text| uri(trunk, "outbound_proxy", text)).transpose()?;
        let domain = match (&settings.registrar, &proxy, settings.sbc_ips.first()) {
            (Some(text), ..) => uri(trunk, "registrar", text)?,
            (None, Some(proxy), _) if settings.mode == TrunkMode::Peer => proxy.clone().without_param("lr"),
            (None, None, Some(net)) if settings.mode == TrunkMode::Peer => {
                uri(trunk, "sbc_ips", &bracketed(&net.addr().to_string()))?
            }
            _ => return Err(TrunkError::Missing { trunk: trunk.name.clone(), key: "registrar" }),
        };
        let user = settings.from_user.as_deref();
        if settings.mode == TrunkMode::Register && user.is_none() {
            return Err(TrunkError::Missing { trunk: trunk.name.clone(), key: "from_user" });
        }
        let own = from_uri(trunk, &domain, user.unwrap_or("vca"))?;
        let proxy = proxy.map(|proxy| NameAddr::new(proxy.with_param("lr", None)));
        let next_hop = proxy.as_ref().map_or_else(|| domain.clone(), |proxy| proxy.uri.clone());
        Ok(Self { domain, own, proxy, next_hop, transports: transports(settings) })
    }
}

/// `sip:user@from_domain`, or the domain's host.
pub(super) fn from_uri(trunk: &Trunk, domain: &Uri, user: &str) -> Result<Uri, TrunkError> {
    match trunk.settings.from_domain.as_deref() {
        Some(text) => Ok(uri(trunk, "from_domain", text)?.with_user(Some(user))),
        None => host_uri(trunk, domain.host()).map(|uri| uri.with_user(Some(user))),
    }
}

pub(super) fn host_uri(trunk: &Trunk, host: &str) -> Result<Uri, TrunkError> {
    uri(trunk, "from_domain", host)
}

/// A host, `host:port` or SIP URI.
pub(super) fn uri(trunk: &Trunk, key: &'static str, text: &str) -> Result<Uri, TrunkError> {
    let whole =
        if text.starts_with("sip:") || text.starts_with("sips:") { text.to_owned() } else { format!("sip:{text}") };
    let fault = || TrunkError::NoUri { trunk: trunk.name.clone(), key, value: text.to_owned() };
    Uri::parse(whole.as_bytes()).ok().filter(|uri| !uri.host().is_empty()).ok_or_else(fault)
}

fn bracketed(ip: &str) -> String {
    if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() }
}

/// The transport of the settings; a `;transport=` in a URI overrides it.
fn transports(settings: &TrunkSettings) -> Vec<Transport> {
    let first = match settings.transport {
        TrunkTransport::Udp => "UDP",
        TrunkTransport::Tcp => "TCP",
        TrunkTransport::Tls => "TLS",
    };
    let named = [&settings.outbound_proxy, &settings.registrar].into_iter().flatten();
    let named = named.filter_map(|text| text.split(";transport=").nth(1)?.split([';', '?', '>']).next()).next();
    let wanted = named.unwrap_or(first);
    [Transport::Udp, Transport::Tcp, Transport::Tls]
        .into_iter()
        .filter(|transport| transport.as_str().eq_ignore_ascii_case(wanted))
        .collect()
}

/// What answers the carrier's challenges.
pub(super) fn credentials(trunk: &Trunk) -> Option<Credentials> {
    let settings = &trunk.settings;
    let username = settings.auth_user.clone().or_else(|| settings.from_user.clone())?;
    Some(Credentials { username, password: trunk.password.clone()? })
}
