//! Spellings of addresses by the thousand: whatever a URL says, what is judged is what would be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn strict() -> Guard {
    Guard {
        allow_http: true,
        allow: Vec::new(),
        own: Vec::new(),
    }
}

/// A network that nobody may dial without a line in the configuration, with any host in it.
fn private() -> impl Strategy<Value = Ipv4Addr> {
    let nets = [
        v4(0, 0, 0, 0, 8),
        v4(10, 0, 0, 0, 8),
        v4(100, 64, 0, 0, 10),
        v4(127, 0, 0, 0, 8),
        v4(168, 63, 129, 16, 32),
        v4(169, 254, 0, 0, 16),
        v4(172, 16, 0, 0, 12),
        v4(192, 0, 0, 0, 24),
        v4(192, 0, 2, 0, 24),
        v4(192, 168, 0, 0, 16),
        v4(198, 18, 0, 0, 15),
        v4(198, 51, 100, 0, 24),
        v4(203, 0, 113, 0, 24),
        v4(224, 0, 0, 0, 4),
        v4(240, 0, 0, 0, 4),
    ];
    (proptest::sample::select(nets.to_vec()), any::<u32>()).prop_map(|(net, host)| {
        let host = u32::from(net.hostmask()) & host;
        Ipv4Addr::from(u32::from(net.network()) | host)
    })
}

/// One number as browsers and `inet_aton` read it: decimal, octal or hexadecimal, with zeros before it.
fn number(value: u32, base: u8, zeros: usize) -> String {
    let zeros = "0".repeat(zeros);
    match base {
        0 => value.to_string(),
        1 => format!("0{zeros}{value:o}"),
        2 => format!("0x{zeros}{value:x}"),
        _ => format!("0X{zeros}{value:X}"),
    }
}

/// The digits and dots of other scripts that become ordinary ones, and percent signs.
fn disguised(text: &str, how: u8) -> String {
    let percent = |c: char| {
        c.to_string()
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    text.chars()
        .map(|c| match (how, c) {
            (1, '.') => "\u{3002}".to_owned(),
            (2, '.') => "\u{ff0e}".to_owned(),
            (3, '0'..='9') => {
                char::from_u32(c as u32 + 0xfee0).map_or_else(String::new, String::from)
            }
            (4, '0'..='9') => {
                char::from_u32(c as u32 - 0x30 + 0x1d7d8).map_or_else(String::new, String::from)
            }
            (5, _) => percent(c),
            (6, '1') => "\u{2460}".to_owned(),
            (7, 'x' | 'X') => "\u{ff58}".to_owned(),
            _ => c.to_string(),
        })
        .collect()
}

prop_compose! {
    /// An IPv4 address in any of the ways that a URL can say it.
    fn spelled(address: Ipv4Addr)(
        parts in 1_usize..=4,
        bases in proptest::array::uniform4(0_u8..4),
        zeros in 0_usize..4,
        dot in any::<bool>(),
        how in 0_u8..8,
    ) -> String {
        let octets = address.octets();
        let mut texts: Vec<String> = (0..parts - 1)
            .map(|at| number(u32::from(octets[at]), bases[at], zeros))
            .collect();
        let rest = octets[parts - 1..].iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet));
        texts.push(number(rest, bases[parts - 1], zeros));
        let end = if dot { "." } else { "" };
        disguised(&format!("{}{end}", texts.join(".")), how)
    }
}

/// The IPv6 addresses by which an IPv4 address is also reached, and how they are written.
fn embedded(address: Ipv4Addr, how: u8, rest: u16) -> String {
    let [a, b, c, d] = address.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match how {
        0 => format!("[::ffff:{address}]"),
        1 => format!("[0:0:0:0:0:FFFF:{high:x}:{low:x}]"),
        2 => format!("[::{address}]"),
        3 => format!("[::ffff:0:{address}]"),
        4 => format!("[64:ff9b::{address}]"),
        5 => format!("[2002:{high:x}:{low:x}::{rest:x}]"),
        6 => format!("[64:ff9b:1::{high:x}:{low:x}]"),
        _ => format!("[2001:0:{high:x}:{low:x}:{rest:x}::]"),
    }
}

proptest! {
    #[test]
    fn no_spelling_of_a_private_address_passes((address, host) in private().prop_flat_map(|address| (Just(address), spelled(address)))) {
        for before in ["", "user@", "user:secret@", "ops.example.com@", "ops.example.com%2f@"] {
            for scheme in ["http", "https"] {
                let Ok(url) = Url::parse(&format!("{scheme}://{before}{host}/hook")) else { continue };
                let judged = strict().check_url(&url);
                prop_assert!(judged.is_err(), "{address} as {url}: {judged:?}");
            }
        }
    }

    #[test]
    fn no_ipv6_address_that_leads_to_a_private_one_passes(address in private(), how in 0_u8..8, rest in any::<u16>()) {
        let host = embedded(address, how, rest);
        let url = Url::parse(&format!("https://{host}/")).expect("a url");
        prop_assert!(strict().check_url(&url).is_err(), "{url}");
        // The same as a resolver would say it.
        let ip: IpAddr = host.trim_matches(['[', ']']).parse().expect("an address");
        prop_assert!(strict().check_resolved("ops.example.com", 443, &[ip]).is_err(), "{ip}");
    }

    #[test]
    fn what_passes_as_a_name_is_no_address_for_any_resolver(text in r"[0-9a-fxA-FX.%:\[\]@\\/。．①１-９-]{1,24}") {
        let Ok(url) = Url::parse(&format!("https://{text}/")) else { return Ok(()) };
        if strict().check_url(&url).is_err() {
            return Ok(());
        }
        match url.host() {
            Some(Host::Ipv4(ip)) => prop_assert!(matches!(class(IpAddr::V4(ip)), Class::Public), "{url}"),
            Some(Host::Ipv6(ip)) => prop_assert!(matches!(class(unmapped(IpAddr::V6(ip))), Class::Public), "{url}"),
            Some(Host::Domain(name)) => {
                // `inet_aton`, which the system's resolver tries first, wants a number at the end, and no empty part.
                let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next().unwrap_or_default();
                let number = last.strip_prefix("0x").map_or_else(
                    || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
                    |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
                );
                prop_assert!(!number, "{url}");
            }
            None => prop_assert!(false, "{url} has no host"),
        }
    }

    #[test]
    fn what_the_client_would_dial_is_what_was_judged(bits in any::<u128>(), port in 1_u16..) {
        // What hyper makes of the same text must be the same address.
        let ip = Ipv6Addr::from(bits);
        let url = Url::parse(&format!("https://[{ip}]:{port}/")).expect("a url");
        let uri: axum::http::Uri = url.as_str().parse().expect("a uri");
        let host = uri.host().expect("a host").trim_matches(['[', ']']);
        prop_assert_eq!(host.parse::<Ipv6Addr>(), Ok(ip));
    }

    #[test]
    fn a_public_address_passes_and_a_listed_one_by_its_line(bits in any::<u32>(), port in 1_u16..) {
        let ip = IpAddr::V4(Ipv4Addr::from(bits));
        let url = Url::parse(&format!("https://{ip}:{port}/")).expect("a url");
        let judged = strict().check_url(&url);
        match class(ip) {
            Class::Public => prop_assert_eq!(judged, Ok(port)),
            Class::Never(_) => prop_assert!(matches!(judged, Err(Refusal::Never { .. })), "{:?}", judged),
            Class::Listed(_) => {
                let guard = Guard { allow: vec![(ip.into(), port)], ..strict() };
                prop_assert_eq!(guard.check_url(&url), Ok(port));
            }
        }
    }
}
