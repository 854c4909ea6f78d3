//! What a trunk's settings are in Asterisk's terms.

use std::net::SocketAddr;

use super::Sides;
use super::template::{Values, escape, escape_dialplan};
use crate::domain::{
    DidSource, DtmfMode, E164, Identity, IpNet, NumberFormat, Prack, SessionTimerUse, SrtpUse, Trunk, TrunkCodec,
    TrunkMode, TrunkTransport,
};
use crate::sip::message::Uri;
use crate::sip::trunk::Addresses;

/// Networks that are never reached through the carrier's NAT.
const PRIVATE: [&str; 4] = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// In every file what stands where a password does, when it may not be shown.
pub(super) const MASK: &str = "********";

/// The values of all templates.
///
/// # Errors
/// One line: the key of the trunk that cannot be written for Asterisk, and why.
pub(super) fn values(trunk: &Trunk, sides: &Sides, show_secrets: bool) -> Result<Values, String> {
    if ["vca", "global", "system", "general", "globals"].contains(&trunk.name.as_str()) {
        return Err(format!("trunk `{}` has a name that Asterisk's files use themselves: rename it", trunk.name));
    }
    let addresses = Addresses::of(trunk).map_err(|error| error.to_string())?;
    let mut values = Values::new();
    let mut put = |key: &'static str, list: Vec<String>| drop(values.insert(key, list));
    put("name", vec![trunk.name.clone()]);
    put("title", vec![trunk.settings.title.replace(char::is_control, " ")]);
    put("vca", vec![sides.vca.to_string()]);
    put("vca_ip", vec![sides.vca.ip().to_string()]);
    put("vca_bind", vec![sides.asterisk.to_string()]);
    let fault = |key: &str, error: String| format!("trunk `{}`: `{key}` {error}", trunk.name);
    addressing(trunk, &addresses, sides, &mut put).map_err(|error| fault("registrar", error))?;
    credentials(trunk, show_secrets, &mut put).map_err(|(key, error)| fault(key, error))?;
    behaviour(trunk, sides, &mut put);
    numbers(trunk, &addresses, &mut put).map_err(|(key, error)| fault(key, error))?;
    Ok(values)
}

fn addressing(
    trunk: &Trunk,
    addresses: &Addresses,
    sides: &Sides,
    put: &mut impl FnMut(&'static str, Vec<String>),
) -> Result<(), String> {
    let settings = &trunk.settings;
    let (protocol, port) = match transport(addresses) {
        TrunkTransport::Udp => ("udp", 5060),
        TrunkTransport::Tcp => ("tcp", 5060),
        TrunkTransport::Tls => ("tls", 5061),
    };
    put("protocol", vec![protocol.to_owned()]);
    put("tls", when(protocol == "tls"));
    let bind = settings.local_bind.unwrap_or(SocketAddr::from(([0, 0, 0, 0], port)));
    put("trunk_bind", vec![bind.to_string()]);
    put("public_ip", settings.public_ip.map(|ip| ip.to_string()).into_iter().collect());
    let holds_sbc = |net: &IpNet| settings.sbc_ips.iter().any(|sbc| net.contains(sbc.addr()));
    let near = PRIVATE.iter().filter(|net| net.parse().is_ok_and(|net| !holds_sbc(&net)));
    put("local_net", near.map(|net| (*net).to_owned()).collect());
    put("rtp_symmetric", yes_no(settings.public_ip.is_some()));

    let over = |uri: &Uri| match protocol {
        "udp" => uri.clone(),
        other => uri.clone().with_param("transport", Some(other)),
    };
    let domain = over(&addresses.domain);
    put("register", when(settings.mode == TrunkMode::Register));
    put("server_uri", vec![escape(domain.as_str())?]);
    put("contact", vec![escape(domain.as_str())?]);
    put("client_uri", vec![escape(addresses.own.as_str())?]);
    put("from_user", settings.from_user.iter().map(|user| escape(user)).collect::<Result<_, _>>()?);
    put("from_domain", vec![escape(settings.from_domain.as_deref().unwrap_or(addresses.domain.host()))?]);
    let proxy = addresses.proxy.as_ref().map(|proxy| escape(over(&proxy.uri).as_str()));
    put("outbound_proxy", proxy.into_iter().collect::<Result<_, _>>()?);

    let mut sources: Vec<String> = settings.sbc_ips.iter().map(ToString::to_string).collect();
    for host in [addresses.next_hop.host(), addresses.domain.host()] {
        let host = host.trim_matches(['[', ']']);
        if !sources.iter().any(|known| known.split('/').next() == Some(host)) {
            sources.push(escape(host)?);
        }
    }
    let vca = sides.vca.ip();
    if sources.iter().any(|source| source.parse().is_ok_and(|net: IpNet| net.contains(vca))) {
        return Err(format!(
            "or `sbc_ips` covers VCA's own address {vca}: Asterisk tells the two apart by their address"
        ));
    }
    put("match", sources);
    Ok(())
}

fn credentials(
    trunk: &Trunk,
    show_secrets: bool,
    put: &mut impl FnMut(&'static str, Vec<String>),
) -> Result<(), (&'static str, String)> {
    let settings = &trunk.settings;
    let user = settings.auth_user.as_ref().or(settings.from_user.as_ref());
    let pair = user.zip(trunk.password.as_ref());
    put("auth", pair.iter().map(|_| format!("{}-auth", trunk.name)).collect());
    let user = pair.map(|(user, _)| escape(user).map_err(|error| ("auth_user", error)));
    put("auth_user", user.into_iter().collect::<Result<_, _>>()?);
    let password = pair.map(|(_, password)| escape(password.reveal()).map_err(|error| ("password", error)));
    let password = password.into_iter().map(|text| if show_secrets { text } else { text.map(|_| MASK.to_owned()) });
    put("password", password.collect::<Result<_, _>>()?);
    Ok(())
}

fn behaviour(trunk: &Trunk, sides: &Sides, put: &mut impl FnMut(&'static str, Vec<String>)) {
    let settings = &trunk.settings;
    put("expiry", vec![settings.expiry.to_string()]);
    put("options_interval", vec![settings.options_interval.to_string()]);
    put("user_phone", yes_no(settings.user_phone));
    let codec = |codec: &TrunkCodec| match codec {
        TrunkCodec::Pcma => "alaw",
        TrunkCodec::Pcmu => "ulaw",
        TrunkCodec::G722 => "g722",
        TrunkCodec::Opus => "opus",
    };
    let framed =
        |name: &str| if settings.ptime_ms == 20 { name.to_owned() } else { format!("{name}:{}", settings.ptime_ms) };
    let codecs: Vec<String> = settings.codecs.iter().map(|each| framed(codec(each))).collect();
    put("codecs", vec![codecs.join(",")]);
    let word = |text: &str| vec![text.to_owned()];
    put(
        "dtmf",
        match settings.dtmf {
            DtmfMode::Rfc4733 => word("rfc4733"),
            DtmfMode::Info => word("info"),
            DtmfMode::Inband => word("inband"),
        },
    );
    put(
        "prack",
        match settings.prack {
            Prack::Off => word("no"),
            Prack::Accept => word("yes"),
            Prack::Require => word("required"),
        },
    );
    put(
        "timers",
        match settings.session_timer {
            SessionTimerUse::Off => word("no"),
            SessionTimerUse::Accept => word("yes"),
            SessionTimerUse::Ask => word("always"),
        },
    );
    // Asterisk refuses to start a session timer below the RFC's 90 s, or below its own minimum.
    let min_se = settings.min_se.max(90);
    put("min_se", vec![min_se.to_string()]);
    put("session_expires", vec![settings.session_expires.max(min_se).to_string()]);
    put("encryption", word(if settings.srtp == SrtpUse::Off { "no" } else { "sdes" }));
    put("encryption_optimistic", yes_no(settings.srtp == SrtpUse::Offer));
    put("direct_media", yes_no(is_direct(trunk, sides)));
}

/// Whether RTP can run between carrier and VCA: the carrier takes re-INVITEs, there are no keys that end at Asterisk, keys
/// pressed travel in RTP, and the carrier can reach the address that VCA names.
fn is_direct(trunk: &Trunk, sides: &Sides) -> bool {
    let settings = &trunk.settings;
    let carrier_here = settings.sbc_ips.iter().any(|sbc| sbc.addr().is_loopback());
    settings.reinvite
        && settings.srtp == SrtpUse::Off
        && settings.dtmf == DtmfMode::Rfc4733
        && (carrier_here || !sides.vca.ip().is_loopback())
}

fn numbers(
    trunk: &Trunk,
    addresses: &Addresses,
    put: &mut impl FnMut(&'static str, Vec<String>),
) -> Result<(), (&'static str, String)> {
    let settings = &trunk.settings;
    let (indian, foreign) = match settings.number_format_out {
        NumberFormat::Plus => ("+91", "+"),
        NumberFormat::Digits => ("91", ""),
        NumberFormat::DoubleZero => ("0091", "00"),
        NumberFormat::Zero => ("0", "00"),
        NumberFormat::National => ("", "00"),
    };
    put("indian", vec![indian.to_owned()]);
    put("foreign", vec![foreign.to_owned()]);
    put("did", trunk.dids.iter().flat_map(written_forms).collect());
    let source = |source: &DidSource| match source {
        DidSource::RequestUri => "sip:${DIALLED}".to_owned(),
        DidSource::To => "${PJSIP_HEADER(read,To)}".to_owned(),
        DidSource::Header(name) => format!("${{PJSIP_HEADER(read,{name})}}"),
    };
    put("did_source", settings.did_sources.iter().map(source).collect());
    let known = match trunk.dids.is_empty() {
        // Without a list, the first place that holds anything.
        true => "$[${LEN(${DID})} > 0]".to_owned(),
        false => format!("${{DIALPLAN_EXISTS({}-dids,${{FILTER(0-9,${{DID}})}},1)}}", trunk.name),
    };
    put("did_known", vec![known]);
    let caller_id = settings.caller_id.as_deref().map(|text| {
        let written =
            E164::from_indian(text).map_or_else(|_| text.to_owned(), |n| settings.number_format_out.write(&n));
        escape_dialplan(&written).map_err(|error| ("caller_id", error))
    });
    put("caller_id", caller_id.into_iter().collect::<Result<_, _>>()?);
    let to = match transport(addresses) {
        TrunkTransport::Udp => addresses.domain.clone(),
        TrunkTransport::Tcp => addresses.domain.clone().with_param("transport", Some("tcp")),
        TrunkTransport::Tls => addresses.domain.clone().with_param("transport", Some("tls")),
    };
    let rest = to.as_str().strip_prefix("sip:").unwrap_or(to.as_str());
    let rest = escape_dialplan(rest).map_err(|error| ("registrar", error))?;
    put("dial_uri", vec![format!("sip:${{TO}}@{rest}")]);
    let host = settings.ppi_host.as_deref().or(settings.from_domain.as_deref()).unwrap_or(addresses.domain.host());
    let host = escape_dialplan(host).map_err(|error| ("ppi_host", error))?;
    let phone = if settings.user_phone { "\\;user=phone" } else { "" };
    let address = format!("<sip:${{SHOWN}}@{host}{phone}>");
    let (header, value) = match settings.identity {
        Identity::None => (None, None),
        Identity::Pai => (Some("P-Asserted-Identity"), Some(address)),
        Identity::Ppi => (Some("P-Preferred-Identity"), Some(address)),
        Identity::Rpid => {
            (Some("Remote-Party-ID"), Some(format!("{address}\\;party=calling\\;screen=yes\\;privacy=off")))
        }
    };
    let predial = if value.is_some() { format!(",b(identity-{}^s^1)", trunk.name) } else { String::new() };
    put("predial", vec![predial]);
    put("identity_header", header.into_iter().map(str::to_owned).collect());
    put("identity", value.into_iter().collect());
    Ok(())
}

/// The digits of a number in every form that a carrier may write it in.
fn written_forms(number: &E164) -> Vec<String> {
    use NumberFormat::{Digits, DoubleZero, National, Zero};
    let mut forms: Vec<String> =
        [Digits, DoubleZero, Zero, National].iter().map(|format| format.write(number)).collect();
    forms.dedup();
    forms
}

fn transport(addresses: &Addresses) -> TrunkTransport {
    match addresses.transports.first() {
        Some(crate::sip::ua::Transport::Tcp) => TrunkTransport::Tcp,
        Some(crate::sip::ua::Transport::Tls) => TrunkTransport::Tls,
        _ => TrunkTransport::Udp,
    }
}

fn yes_no(yes: bool) -> Vec<String> {
    vec![if yes { "yes" } else { "no" }.to_owned()]
}

/// A block that is written, or not.
fn when(on: bool) -> Vec<String> {
    if on { vec![String::new()] } else { Vec::new() }
}
