//! Every spelling of an address that could slip past, as tables.

use super::*;

fn guard(allow: &[(&str, u16)]) -> Guard {
    Guard {
        allow_http: true,
        allow: allow
            .iter()
            .map(|(net, port)| (net.parse().expect("a network"), *port))
            .collect(),
        own: vec!["0.0.0.0:8099".parse().expect("an address")],
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a url")
}

/// Judges an address that a resolver returned.
fn judge(address: &str) -> &'static str {
    let address = address.parse().expect("an address");
    match guard(&[]).check_resolved("host.example", 443, &[address]) {
        Ok(()) => "public",
        Err(Refusal::NotAllowed { .. }) => "listed",
        Err(Refusal::Never { .. }) => "never",
        Err(other) => panic!("{address}: {other}"),
    }
}

#[test]
fn every_spelling_of_a_loopback_literal_is_seen_for_what_it_is() {
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "0177.0x0.0.01",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ] {
        for scheme in ["http", "https"] {
            let result = guard(&[]).check_url(&url(&format!("{scheme}://{host}/hook")));
            assert!(
                matches!(result, Err(Refusal::NotAllowed { what, .. }) if what == "a loopback address"),
                "{host}: {result:?}"
            );
        }
    }
}

#[test]
fn some_addresses_are_never_dialled_even_if_a_network_over_them_is_allowed() {
    let open = guard(&[("0.0.0.0/0", 80), ("::/0", 80)]);
    for host in [
        "0",
        "0.0.0.0",
        "0x0",
        "0.1.2.3",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "169.254.1.1",
        "100.100.100.200",
        "192.0.0.192",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[fe80::1]",
        "[febf::1]",
        "[ff02::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "168.63.129.16",
    ] {
        let result = open.check_url(&url(&format!("http://{host}/")));
        assert!(
            matches!(result, Err(Refusal::Never { .. })),
            "{host}: {result:?}"
        );
    }
    assert!(open.check_url(&url("http://10.1.2.3/")).is_ok());
    assert!(open.check_url(&url("http://[fd12::1]/")).is_ok());
}

#[test]
fn each_network_of_the_deny_list_has_its_class() {
    for address in [
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "::1",
        "64:ff9b:1::1",
        "64:ff9b::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "4000::1",
    ] {
        assert_eq!(judge(address), "listed", "{address}");
    }
    for address in ["0.0.0.0", "169.254.0.1", "::", "fe80::1", "ff0e::1"] {
        assert_eq!(judge(address), "never", "{address}");
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(judge(address), "public", "{address}");
    }
}

#[test]
fn an_allowed_network_counts_for_its_port_only() {
    let guard = guard(&[
        ("10.0.0.0/8", 443),
        ("127.0.0.1/32", 8080),
        ("fd00::/8", 443),
    ]);
    assert_eq!(guard.check_url(&url("https://10.9.8.7/")), Ok(443));
    assert_eq!(guard.check_url(&url("http://127.0.0.1:8080/")), Ok(8080));
    assert_eq!(guard.check_url(&url("https://[fd12::1]/")), Ok(443));
    assert!(guard.check_url(&url("https://10.9.8.7:8443/")).is_err());
    assert!(guard.check_url(&url("http://127.0.0.1/")).is_err());
    assert!(guard.check_url(&url("http://127.0.0.2:8080/")).is_err());
}

#[test]
fn a_refusal_prints_the_line_to_paste_with_what_is_allowed_already() {
    let refusal = guard(&[("127.0.0.1/32", 8080)])
        .check_resolved(
            "alerts.plant.local",
            443,
            &["10.1.2.3".parse().unwrap(), "fd12::1".parse().unwrap()],
        )
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "alerts.plant.local (10.1.2.3, fd12::1) is a private address, not a public address; if it is meant, this line allows it \
         for this destination: allow_addresses = [\"127.0.0.1/32:8080\", \"10.1.2.3/32:443\", \"[fd12::1/128]:443\"]"
    );
}

#[test]
fn one_private_address_among_public_ones_refuses_the_name() {
    let mixed = ["1.1.1.1".parse().unwrap(), "10.1.2.3".parse().unwrap()];
    let refusal = guard(&[])
        .check_resolved("rebind.example", 443, &mixed)
        .unwrap_err();
    assert!(refusal.to_string().contains("(10.1.2.3)"), "{refusal}");
    assert_eq!(
        guard(&[]).check_resolved("nothing.example", 443, &[]),
        Err(Refusal::NoAddress("nothing.example".to_owned()))
    );
}

#[test]
fn the_agent_never_dials_its_own_listener() {
    let guard = guard(&[("127.0.0.0/8", 8099), ("10.0.0.0/8", 8099)]);
    let refusal = guard
        .check_url(&url("http://127.0.0.5:8099/"))
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("where andon itself listens"), "{refusal}");
    // Another host may well listen on the same port.
    assert!(guard.check_url(&url("http://10.255.1.2:8099/")).is_ok());
}

#[test]
fn only_https_is_dialled_unless_http_is_allowed_and_nothing_else_ever() {
    let strict = Guard {
        allow_http: false,
        ..guard(&[])
    };
    assert_eq!(strict.check_url(&url("https://ops.example.com/x")), Ok(443));
    let plain = strict.check_url(&url("http://ops.example.com/"));
    assert!(plain.unwrap_err().to_string().contains("allow_http = true"));
    assert_eq!(
        guard(&[]).check_url(&url("http://ops.example.com/")),
        Ok(80)
    );
    assert!(matches!(
        strict.check_url(&url("ftp://ops.example.com/")),
        Err(Refusal::Scheme(_))
    ));
    assert_eq!(
        strict.check_url(&url("file:///etc/passwd")),
        Err(Refusal::NoHost)
    );
    assert_eq!(
        strict.check_url(&url("https://user:secret@ops.example.com/")),
        Err(Refusal::Credentials)
    );
}
