//! The INVITE of a call through a trunk: numbers, identity, routes and credentials as the carrier wants them.

use super::addresses::{Addresses, TrunkError, credentials, from_uri, host_uri};
use crate::domain::{E164, Identity, Trunk};
use crate::sip::message::{HeaderName, HeaderValue, NameAddr, Uri};
use crate::sip::registration::Target;
use crate::sip::ua::{LegPolicy, OutgoingInvite};
use std::net::SocketAddr;

/// What registration and look-ups have found out about the way through a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    pub target: Option<Target>,
    /// Of the registrar (RFC 3608): the preset route, in place of the outbound proxy.
    pub service_route: Vec<NameAddr>,
}

/// A call through `trunk` to `to`, without a body: the offer is the caller's to add.
///
/// `caller` is shown to the person called where the settings name no `caller_id`; without either, the trunk's first DID.
///
/// # Errors
/// [`TrunkError`] when the settings name no addresses, or none is known at the moment.
pub fn invite(trunk: &Trunk, way: &Way, to: &E164, caller: Option<&E164>) -> Result<OutgoingInvite, TrunkError> {
    let settings = &trunk.settings;
    let addresses = Addresses::of(trunk)?;
    let target = way.target.ok_or_else(|| TrunkError::NoTarget(trunk.name.clone()))?;
    let number = settings.number_format_out.write(to);
    let shown = shown(trunk, caller);
    let from_user = settings.from_user.clone().or_else(|| shown.clone());
    let from = match from_user {
        Some(user) => from_uri(trunk, &addresses.domain, &user)?,
        None => from_uri(trunk, &addresses.domain, "anonymous")?,
    };
    let headers = routes(way, &addresses).chain(identity(trunk, &from, shown.as_deref())?).collect();
    Ok(OutgoingInvite {
        to: phone(trunk, addresses.domain.clone().with_user(Some(&number))),
        from: NameAddr::new(phone(trunk, from)),
        destination: Some(destination(way, &addresses, target)),
        transport: target.transport,
        credentials: credentials(trunk),
        headers,
        body: None,
        policy: LegPolicy::from(settings),
    })
}

/// The caller's number as the carrier wants it written; a configured one that is no number stays as it is.
fn shown(trunk: &Trunk, caller: Option<&E164>) -> Option<String> {
    let format = trunk.settings.number_format_out;
    match &trunk.settings.caller_id {
        Some(text) => Some(E164::from_indian(text).map_or_else(|_| text.clone(), |number| format.write(&number))),
        None => caller.or(trunk.dids.first()).map(|number| format.write(number)),
    }
}

fn phone(trunk: &Trunk, uri: Uri) -> Uri {
    if trunk.settings.user_phone { uri.with_param("user", Some("phone")) } else { uri }
}

/// RFC 3608 §5: the service route, or else the outbound proxy.
fn routes(way: &Way, addresses: &Addresses) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let proxy = addresses.proxy.iter().filter(|_| way.service_route.is_empty());
    let list: Vec<_> = proxy.chain(&way.service_route).map(|route| (HeaderName::Route, route.into())).collect();
    list.into_iter()
}

/// The first hop: the outbound proxy whatever the routes say, or else the first of the service route when it is an
/// address, or else the registrar.
fn destination(way: &Way, addresses: &Addresses, target: Target) -> SocketAddr {
    let first = way.service_route.first().filter(|_| addresses.proxy.is_none());
    let ip = first.and_then(|route| Some((route.uri.host_ip()?, route.uri.port().unwrap_or(5060))));
    ip.map_or(target.addr, SocketAddr::from)
}

fn identity(trunk: &Trunk, from: &Uri, shown: Option<&str>) -> Result<Option<(HeaderName, HeaderValue)>, TrunkError> {
    let settings = &trunk.settings;
    let Some(user) = shown.or(settings.from_user.as_deref()) else { return Ok(None) };
    let host = match &settings.ppi_host {
        Some(host) => host_uri(trunk, host)?,
        None => host_uri(trunk, from.host())?,
    };
    let mut address = NameAddr::new(phone(trunk, host.with_user(Some(user))));
    let name = match settings.identity {
        Identity::None => return Ok(None),
        Identity::Pai => HeaderName::PAssertedIdentity,
        Identity::Ppi => HeaderName::PPreferredIdentity,
        Identity::Rpid => {
            for (name, value) in [("party", "calling"), ("screen", "yes"), ("privacy", "off")] {
                address.params.set(name, Some(value));
            }
            HeaderName::RemotePartyId
        }
    };
    Ok(Some((name, address.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NumberFormat, Secret, TrunkSettings};
    use crate::sip::ua::Transport;

    fn trunk(settings: TrunkSettings) -> Trunk {
        let dids = vec![E164::parse("+918047180000").unwrap()];
        let password = Some(Secret::new("secret"));
        Trunk { name: "line".to_owned(), profile: "generic".to_owned(), settings, password, dids }
    }

    fn place(settings: TrunkSettings, way: &Way) -> (OutgoingInvite, Vec<String>) {
        let to = E164::parse("+919876543210").unwrap();
        let invite = invite(&trunk(settings), way, &to, None).unwrap();
        let headers = invite.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_string_lossy()));
        let headers = headers.collect();
        (invite, headers)
    }

    fn way() -> Way {
        let target = Target { transport: Transport::Udp, addr: "192.0.2.9:5070".parse().unwrap() };
        Way { target: Some(target), service_route: Vec::new() }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_ims_trunk() {
        let settings = TrunkSettings {
            registrar: some("ka.ims.example"),
            outbound_proxy: some("10.0.0.1:5060"),
            from_user: some("+911204567890"),
            auth_user: some("+911204567890@ka.ims.example"),
            user_phone: true,
            identity: Identity::Ppi,
            ..TrunkSettings::default()
        };
        let (invite, headers) = place(settings, &way());
        assert_eq!(invite.to.as_str(), "sip:+919876543210@ka.ims.example;user=phone");
        assert_eq!(invite.from.uri.as_str(), "sip:+911204567890@ka.ims.example;user=phone");
        assert_eq!(
            headers,
            ["Route: <sip:10.0.0.1:5060;lr>", "P-Preferred-Identity: <sip:+918047180000@ka.ims.example;user=phone>",]
        );
        assert_eq!(invite.destination, Some("192.0.2.9:5070".parse().unwrap()));
        assert_eq!(invite.credentials.unwrap().username, "+911204567890@ka.ims.example");
    }

    #[test]
    fn numbers_and_identities_in_other_forms() {
        let settings = TrunkSettings {
            registrar: some("sip:sbc.example:5170;transport=tcp"),
            from_domain: some("customer.example"),
            number_format_out: NumberFormat::DoubleZero,
            identity: Identity::Rpid,
            ppi_host: some("203.0.113.5"),
            caller_id: some("08047180001"),
            ..TrunkSettings::default()
        };
        let (invite, headers) = place(settings.clone(), &way());
        assert_eq!(invite.to.as_str(), "sip:00919876543210@sbc.example:5170;transport=tcp");
        assert_eq!(invite.from.uri.as_str(), "sip:00918047180001@customer.example");
        let rpid = "Remote-Party-ID: <sip:00918047180001@203.0.113.5>;party=calling;screen=yes;privacy=off";
        assert_eq!(headers, [rpid]);
        assert!(invite.credentials.is_none(), "a password without a user is of no use");
        let (_, headers) = place(TrunkSettings { identity: Identity::Pai, ..settings.clone() }, &way());
        assert_eq!(headers, ["P-Asserted-Identity: <sip:00918047180001@203.0.113.5>"]);
        let (_, headers) = place(TrunkSettings { identity: Identity::None, ..settings }, &way());
        assert!(headers.is_empty());
    }

    #[test]
    fn the_service_route_takes_the_place_of_the_proxy() {
        let routes = ["sip:192.0.2.20:5080;lr", "sip:as.example;lr"];
        let route = |text: &&str| NameAddr::new(Uri::parse(text.as_bytes()).unwrap());
        let way = Way { service_route: routes.iter().map(route).collect(), ..way() };
        let settings = TrunkSettings { registrar: some("ims.example"), ..TrunkSettings::default() };
        let (invite, headers) = place(settings.clone(), &way);
        assert_eq!(headers, ["Route: <sip:192.0.2.20:5080;lr>", "Route: <sip:as.example;lr>"]);
        assert_eq!(invite.destination, Some("192.0.2.20:5080".parse().unwrap()));
        let (invite, headers) = place(TrunkSettings { outbound_proxy: some("edge.example"), ..settings }, &way);
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(invite.destination, Some("192.0.2.9:5070".parse().unwrap()), "the proxy's own address");
    }

    #[test]
    fn what_is_missing_is_named() {
        let to = E164::parse("+919876543210").unwrap();
        let error = |settings, way: &Way| invite(&trunk(settings), way, &to, None).unwrap_err().to_string();
        assert!(error(TrunkSettings::default(), &way()).contains("registrar"));
        let settings = TrunkSettings { registrar: some("a b"), ..TrunkSettings::default() };
        assert!(error(settings, &way()).contains("a b"));
        let settings = TrunkSettings { registrar: some("ims.example"), ..TrunkSettings::default() };
        assert!(error(settings, &Way::default()).contains("no address"));
    }
}
