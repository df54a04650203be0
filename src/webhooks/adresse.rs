//! Which addresses are spoken to: a member names them, so none may lead into the operator's own network (server-side request forgery).
//!
//! - `https://host[:port]/…`, no user, no fragment, at most [`URL_BYTES_MAX`] bytes; port 443 or one from 1024 on, so that no mail server or the like is
//!   spoken to;
//! - the address that the name leads to is public, judged on the very addresses that are connected to: a name that answers otherwise the
//!   second time gains nothing. No proxy is taken from the environment, because it would resolve the name itself.
//!
//! With `greffe serve --webhooks-prives` neither holds, nor does https: for intranets, and tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::URL_BYTES_MAX;

/// The first port that no system service has.
const PORT_FREE_MIN: u16 = 1_024;

/// Why an address is not one, or not spoken to; what is wrong if something is.
pub fn faute(url: &str, prives: bool) -> Option<&'static str> {
    if url.len() > URL_BYTES_MAX {
        return Some("the address has at most 2000 bytes");
    }
    let wrong = Some("an address is https://host/path, with its query where there is one");
    let Ok(uri) = url.parse::<Uri>() else { return wrong };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return wrong };
    if authority.as_str().contains('@') {
        return Some("the address holds no user and no password: the signature says who sends");
    }
    if url.contains('#')
        || authority.host().is_empty()
        || (authority.as_str().len() > authority.host().len() && authority.port_u16().is_none())
    {
        return wrong;
    }
    if prives {
        return if matches!(scheme, "https" | "http") { None } else { wrong };
    }
    if scheme != "https" {
        return Some("the address begins with https://");
    }
    if authority.port_u16().is_some_and(|port| port != 443 && port < PORT_FREE_MIN) {
        return Some("the port is 443, or 1024 and above");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.parse::<IpAddr>().is_ok_and(|address| !est_publique(address)) {
        return Some("the address is not a public one");
    }
    None
}

/// Whether an address is of the public Internet, and of nobody's own network (IANA special-purpose registries, RFC 6890 and since).
pub fn est_publique(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // This network, private, CGNAT, loopback, link-local and cloud metadata, protocol assignments, documentation, 6to4 relays, benchmarks.
    const SPECIAL: [([u8; 4], u32); 14] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        // Multicast, reserved, broadcast.
        ([224, 0, 0, 0], 3),
    ];
    let bits = address.to_bits();
    !SPECIAL.iter().any(|(prefix, length)| (bits ^ u32::from_be_bytes(*prefix)) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Global unicast only: neither ::1, IPv4-mapped, NAT64, ULA, link-local nor multicast.
    let is_global = segments[0] & 0xe000 == 0x2000;
    let is_special = match segments {
        // Protocol assignments (Teredo among them), documentation, 6to4, documentation.
        [0x2001, second, ..] => second < 0x0200 || second == 0x0db8,
        [0x2002, ..] => true,
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    is_global && !is_special
}

/// Finds the addresses of a name, the public ones alone unless told otherwise.
#[derive(Debug)]
pub struct Annuaire {
    dns: DefaultResolver,
    prives: bool,
}

impl Annuaire {
    /// One that keeps to public addresses, or does not.
    pub fn new(prives: bool) -> Self {
        Self { dns: DefaultResolver::default(), prives }
    }
}

impl Resolver for Annuaire {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.dns.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Timeout(_) => error,
            _ => ureq::Error::HostNotFound,
        })?;
        let mut kept = self.empty();
        for address in found.iter().filter(|address| self.prives || est_publique(address.ip())) {
            kept.push(*address);
        }
        if kept.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(kept) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_public_internet_is_spoken_to() {
        let public = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255"];
        let public =
            public.into_iter().chain(["2606:4700::1111", "2a01:cb00::1", "2001:4860:4860::8888", "2001:0200::1"]);
        for address in public {
            assert!(est_publique(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!est_publique(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_https_without_a_user_and_leads_outside() {
        for good in [
            "https://mairie.exemple.fr/greffe",
            "https://mairie.exemple.fr",
            "https://mairie.exemple.fr:8443/a?b=c%20d",
            "https://[2606:4700::1111]/",
            "https://1.1.1.1:443/",
        ] {
            assert_eq!(faute(good, false), None, "{good}");
            assert_eq!(faute(good, true), None, "{good}");
        }
        for private in [
            "http://mairie.exemple.fr/",
            "https://127.0.0.1/",
            "https://[::1]:8443/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://mairie.exemple.fr:25/",
        ] {
            assert!(faute(private, false).is_some(), "{private}");
            assert_eq!(faute(private, true), None, "{private}");
        }
        let long = format!("https://mairie.exemple.fr/{}", "a".repeat(URL_BYTES_MAX));
        for bad in [
            "",
            "mairie.exemple.fr",
            "/greffe",
            "https://",
            "https:///a",
            "ftp://mairie.exemple.fr/",
            "file:///etc/passwd",
            "https://moi@mairie.exemple.fr/",
            "https://moi:secret@mairie.exemple.fr/",
            "https://mairie.exemple.fr/#a",
            "https://mairie.exemple.fr:99999/",
            "https://mairie.exemple.fr:/",
            "https://mairie exemple.fr/",
            "https://a/\r\nX: y",
            &long,
        ] {
            assert!(faute(bad, false).is_some() && faute(bad, true).is_some(), "{bad:?}");
        }
    }
}
