//! Keeps webhooks off the inside of the network (server-side request forgery): an address is checked when an endpoint is
//! registered, and again when its name has been resolved, each time that it is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The longest address of an endpoint.
const LONGEST_URL: usize = 2_000;

/// Why an endpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    #[error("the address is no URL, or longer than {LONGEST_URL} characters")]
    NotAUrl,
    #[error("the address must begin with https://")]
    Scheme,
    #[error("the address must not hold a user or a password: the signature says who sends")]
    Credentials,
    #[error("the address leads to a private network; webhooks.allow_private permits that")]
    Private,
}

/// Checks the address of an endpoint, as far as that can be done without resolving its name.
///
/// # Errors
/// [`UrlRefused`] says why it may not be called.
pub fn check_url(text: &str, allow_private: bool) -> Result<Url, UrlRefused> {
    if text.len() > LONGEST_URL {
        return Err(UrlRefused::NotAUrl);
    }
    // This parser reads hosts as browsers do: 0x7f.1 and 2130706433 are 127.0.0.1.
    let url = Url::parse(text).map_err(|_| UrlRefused::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err(UrlRefused::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::Credentials);
    }
    let host = url.host_str().ok_or(UrlRefused::NotAUrl)?;
    let inside = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => !is_public(ip),
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            const INSIDE: [&str; 6] = ["localhost", "local", "internal", "lan", "home", "corp"];
            !name.contains('.') || name.rsplit('.').next().is_some_and(|top| INSIDE.contains(&top))
        }
    };
    if inside && !allow_private { Err(UrlRefused::Private) } else { Ok(url) }
}

/// Whether an address belongs to the public internet (IANA's special-purpose registries).
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        // This network, private use, loopback, link-local, multicast, reserved.
        (0 | 10 | 127 | 224.., ..)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            // Shared address space of carriers (RFC 6598).
            | (100, 64..=127, _)
            // Protocol assignments, documentation, the old 6to4 relays.
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            // Benchmarks and documentation.
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Global unicast is 2000::/3. Out of it go what tunnels IPv4 (Teredo in 2001::/23, 6to4 in 2002::/16) and
    // documentation. NAT64, unique local, link-local and multicast addresses lie outside.
    let global = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    global && !special
}

/// Resolves names, and hides addresses that may not be called: a name that leads to none other does not exist. The
/// connection is made to what was checked, so that no second look-up can give another answer.
#[derive(Debug, Clone)]
pub struct GuardedDns {
    pub allow_private: bool,
}

impl Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = found.filter(|addr| allow_private || is_public(addr.ip())).collect();
            if fit.is_empty() {
                return Err(Box::new(UrlRefused::Private) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_inside_is_refused_however_it_is_written() {
        for inside in [
            "https://127.0.0.1/hook",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://10.1.2.3:8443/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://db.internal/",
            "https://printer/",
            "https://①②⑦.0.0.1/",
        ] {
            assert_eq!(check_url(inside, false), Err(UrlRefused::Private), "{inside}");
            assert!(check_url(inside, true).is_ok(), "{inside}");
        }
        for (wrong, why) in [
            ("http://example.com/", UrlRefused::Scheme),
            ("ftp://example.com/", UrlRefused::Scheme),
            ("file:///etc/passwd", UrlRefused::Scheme),
            ("https://user:word@example.com/", UrlRefused::Credentials),
            ("example.com", UrlRefused::NotAUrl),
            ("https://", UrlRefused::NotAUrl),
        ] {
            assert_eq!(check_url(wrong, false), Err(why), "{wrong}");
        }
        assert_eq!(check_url(&format!("https://example.com/{}", "a".repeat(2_000)), false), Err(UrlRefused::NotAUrl));
        for fine in ["https://example.com/hook?x=1", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"] {
            assert!(check_url(fine, false).is_ok(), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_does_not_resolve() {
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = GuardedDns { allow_private: false }.resolve(name()).await.err().unwrap();
        assert!(refused.to_string().contains("private network"), "{refused}");
        assert!(GuardedDns { allow_private: true }.resolve(name()).await.unwrap().next().is_some());
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_check(text in "(https?://)?\\PC{0,60}") {
            if let Ok(url) = check_url(&text, false) {
                prop_assert_eq!(url.scheme(), "https");
            }
        }

        #[test]
        fn an_address_in_ipv6_clothes_is_judged_by_itself(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let mapped = IpAddr::V6(v4.to_ipv6_mapped());
            prop_assert_eq!(is_public(mapped), is_public(IpAddr::V4(v4)));
            prop_assert_eq!(is_public(IpAddr::V4(v4)) && (v4.is_private() || v4.is_loopback() || v4.is_link_local()), false);
        }
    }
}
