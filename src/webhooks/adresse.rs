//! Which addresses are spoken to: a member names them, so none may lead into the operator's own network (server-side request forgery).
//!
//! - `https://host[:port]/…`, no user, no fragment, at most [`URL_BYTES_MAX`] bytes; port 443 or one from 1024 on, so that no mail server or the like is
//!   spoken to;
//! - the address that the name leads to is public, judged on the very addresses that are connected to: a name that answers otherwise the
//!   second time gains nothing. No proxy is taken from the environment, because it would resolve the name itself.
//!
//! With `greffe serve --webhooks-prives` neither holds, nor does https: for intranets, and tests. What `--webhooks-refuses` names is never spoken to:
//! an operator's own public addresses are as much its network as its private ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::URL_BYTES_MAX;

/// The first port that no system service has.
const PORT_FREE_MIN: u16 = 1_024;

/// A range of addresses, as `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reseau {
    base: IpAddr,
    /// How many of its first bits all of them share: 32 at most, or 128.
    bits: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Error)]
#[error("une adresse, ou une plage comme 203.0.113.0/24 ou 2001:db8::/32, dont les bits au-delà du préfixe sont nuls")]
pub struct ReseauError;

impl Reseau {
    /// Whether an address is in it.
    pub fn contient(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Reseau {
    type Err = ReseauError;

    fn from_str(text: &str) -> Result<Self, ReseauError> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| ReseauError)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| ReseauError)?;
        let host_bits = match base {
            IpAddr::V4(base) => base.to_bits().checked_shl(bits.into()).unwrap_or(0) != 0,
            IpAddr::V6(base) => base.to_bits().checked_shl(bits.into()).unwrap_or(0) != 0,
        };
        if bits > most || host_bits { Err(ReseauError) } else { Ok(Self { base, bits }) }
    }
}

/// Which addresses are spoken to.
#[derive(Debug, Clone, Default)]
pub struct Portee {
    /// Those that are not public too, and without TLS: intranets, and tests.
    pub prives: bool,
    /// None of these, whatever else holds.
    pub refuses: Vec<Reseau>,
}

impl Portee {
    /// Whether this address is.
    pub fn admet(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        (self.prives || est_publique(address))
            && !self.refuses.iter().any(|range| range.contient(address) || range.contient(plain))
    }
}

/// Why an address is not one, or not spoken to; what is wrong if something is.
pub fn faute(url: &str, portee: &Portee) -> Option<&'static str> {
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
    if !portee.prives {
        if scheme != "https" {
            return Some("the address begins with https://");
        }
        if authority.port_u16().is_some_and(|port| port != 443 && port < PORT_FREE_MIN) {
            return Some("the port is 443, or 1024 and above");
        }
    } else if !matches!(scheme, "https" | "http") {
        return wrong;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_refused = host.parse::<IpAddr>().is_ok_and(|address| !portee.admet(address));
    is_refused.then_some("the address is not a public one, or is one that the node does not speak to")
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

/// Finds the addresses of a name that are spoken to.
#[derive(Debug)]
pub struct Annuaire {
    dns: DefaultResolver,
    portee: Portee,
}

impl Annuaire {
    /// One that keeps to these addresses.
    pub fn new(portee: Portee) -> Self {
        Self { dns: DefaultResolver::default(), portee }
    }
}

impl Resolver for Annuaire {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.dns.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Timeout(_) => error,
            _ => ureq::Error::HostNotFound,
        })?;
        let mut kept = self.empty();
        for address in found.iter().filter(|address| self.portee.admet(address.ip())) {
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
        let (outside, anywhere) = (Portee::default(), Portee { prives: true, refuses: Vec::new() });
        for good in [
            "https://mairie.exemple.fr/greffe",
            "https://mairie.exemple.fr",
            "https://mairie.exemple.fr:8443/a?b=c%20d",
            "https://[2606:4700::1111]/",
            "https://1.1.1.1:443/",
        ] {
            assert_eq!(faute(good, &outside), None, "{good}");
            assert_eq!(faute(good, &anywhere), None, "{good}");
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
            assert!(faute(private, &outside).is_some(), "{private}");
            assert_eq!(faute(private, &anywhere), None, "{private}");
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
            assert!(faute(bad, &outside).is_some() && faute(bad, &anywhere).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn what_the_operator_refuses_is_never_spoken_to() {
        let refuses: Vec<Reseau> =
            ["93.184.0.0/16", "1.1.1.1", "2606:4700::/32", "10.0.0.0/8"].map(|text| text.parse().unwrap()).to_vec();
        for prives in [false, true] {
            let portee = Portee { prives, refuses: refuses.clone() };
            for refused in
                ["93.184.216.34", "93.184.255.255", "1.1.1.1", "2606:4700:1::1", "::ffff:93.184.1.1", "10.0.0.1"]
            {
                assert!(!portee.admet(refused.parse().unwrap()), "{refused}");
            }
            for spoken_to in ["93.185.0.1", "1.1.1.2", "2606:4701::1"] {
                assert!(portee.admet(spoken_to.parse().unwrap()), "{spoken_to}");
            }
            assert!(faute("https://1.1.1.1/", &portee).is_some() && faute("https://1.1.1.2/", &portee).is_none());
        }
        let all = |text: &str| Portee { prives: true, refuses: vec![text.parse().unwrap()] };
        assert!(
            !all("0.0.0.0/0").admet("9.9.9.9".parse().unwrap()) && all("0.0.0.0/0").admet("2606::1".parse().unwrap())
        );
        assert!(!all("::/0").admet("2606::1".parse().unwrap()));
        for bad in [
            "",
            "a",
            "1.2.3.4/33",
            "1.2.3.4/8",
            "::1/129",
            "2001:db8::1/32",
            "1.2.3.0/24/2",
            "1.2.3.0/-1",
            "/8",
            "1.2.3/24",
        ] {
            assert!(bad.parse::<Reseau>().is_err(), "{bad}");
        }
    }
}
