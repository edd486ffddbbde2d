//! Files that change while the agent runs: the next attempt uses the new ones, and who is not let in starts afresh.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::*;
use crate::{
    clock::BootId,
    link::{
        certificate::Seen,
        http::testbed::{Authority, Peer},
    },
};

/// A way to a peer over TLS, with everything that it needs in the folder of this authority.
fn way(peer: &Peer, folder: &Path, more: &str) -> Way {
    let address = peer.address;
    let at = folder.display();
    let destination = read(&format!(
        "type = \"webhook\"\nurl = \"https://{address}/hook\"\nallow_addresses = [\"{}/32:{}\"]\nca = \"{at}/trusted.pem\"\n{more}",
        address.ip(),
        address.port()
    ));
    Way::new(
        destination.expect("a destination"),
        BootId("boot".to_owned()),
        Seen::default().witness("ops"),
    )
}

async fn send(way: &Way) -> Exchange {
    way.exchange(&notice(), &Attempt::default(), None, now())
        .await
}

fn why(exchange: &Exchange) -> &str {
    match &exchange.outcome {
        Outcome::Unreachable { why } | Outcome::Refused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

fn is_accepted(exchange: &Exchange) -> bool {
    matches!(exchange.outcome, Outcome::Accepted { .. })
}

fn copy(from: &Authority, name: &str, to: &Path) {
    fs::copy(from.path(name), to).expect("a copy");
}

#[tokio::test]
async fn an_authority_a_certificate_and_a_key_are_used_as_soon_as_they_are_replaced() {
    let (first, second) = (Authority::new(), Authority::new());
    for authority in [&first, &second] {
        authority.issue("leaf", "IP:127.0.0.1", "-days 2");
        authority.issue("andon", "DNS:andon", "-days 2");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let serve = |authority: &Authority| {
        copy(authority, "leaf.pem", &at("leaf.pem"));
        copy(authority, "leaf.key", &at("leaf.key"));
        copy(authority, "ca.pem", &at("clients.pem"));
    };
    let show = |authority: &Authority| {
        copy(authority, "andon.pem", &at("andon.pem"));
        copy(authority, "andon.key", &at("andon.key"));
    };
    serve(&first);
    show(&first);
    copy(&first, "ca.pem", &at("trusted.pem"));
    let peer = Peer::start(folder.path(), &["tls", "client"]);
    let identity = format!(
        "client_cert = \"{0}/andon.pem\"\nclient_key = {{ file = \"{0}/andon.key\" }}",
        folder.path().display()
    );
    let way = way(&peer, folder.path(), &identity);
    assert!(is_accepted(&send(&way).await));

    // The receiver changes its authority, and each of ours follows.
    serve(&second);
    let exchange = send(&way).await;
    assert!(
        why(&exchange).starts_with("certificate not trusted"),
        "{exchange:?}"
    );
    copy(&second, "ca.pem", &at("trusted.pem"));
    let exchange = send(&way).await;
    assert!(
        why(&exchange).contains("does not accept our client certificate"),
        "{exchange:?}"
    );
    // A key without its certificate is no mistake of the receiver's.
    copy(&second, "andon.key", &at("andon.key"));
    let exchange = send(&way).await;
    assert!(
        why(&exchange).contains("belongs to another certificate"),
        "{exchange:?}"
    );
    show(&second);
    assert!(is_accepted(&send(&way).await));
}

#[tokio::test]
async fn files_that_are_replaced_while_all_is_well_are_used_from_the_next_attempt_on() {
    let authority = Authority::new();
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    authority.issue("andon", "DNS:andon", "-days 2");
    authority.issue("renewed", "DNS:andon", "-days 2");
    for name in ["clients.pem", "trusted.pem"] {
        copy(&authority, "ca.pem", &authority.path(name));
    }
    let peer = Peer::start(authority.folder(), &["tls", "client"]);
    let at = authority.folder().display();
    let identity =
        format!("client_cert = \"{at}/andon.pem\"\nclient_key = {{ file = \"{at}/andon.key\" }}");
    let way = way(&peer, authority.folder(), &identity);
    for (name, renewed) in [("andon", false), ("renewed", true)] {
        if renewed {
            copy(&authority, "renewed.pem", &authority.path("andon.pem"));
            copy(&authority, "renewed.key", &authority.path("andon.key"));
        }
        assert!(is_accepted(&send(&way).await));
        assert_eq!(peer.hears()["client"], name);
    }
}

#[tokio::test]
async fn a_signing_key_is_read_at_each_attempt_and_a_denial_drops_the_contact() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    copy(&authority, "ca.pem", &authority.path("trusted.pem"));
    let peer = Peer::start(authority.folder(), &["tls"]);
    let key = folder.path().join("ops.key");
    let put = |text: &str| {
        fs::write(&key, text).expect("a file");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("its mode");
    };
    let sign = format!(
        "sign = {{ scheme = \"bearer\", secret = {{ file = \"{}\" }} }}",
        key.display()
    );
    let way = way(&peer, authority.folder(), &sign);
    for text in ["key-one", "key-two"] {
        put(text);
        assert!(is_accepted(&send(&way).await));
        assert_eq!(
            peer.hears()["headers"]["authorization"],
            format!("Bearer {text}")
        );
    }
    let answer = |status: &str, body: &str| {
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        fs::write(authority.path("answer"), text).expect("a file");
    };
    for status in ["401 Unauthorized", "403 Forbidden"] {
        answer(status, "who is key-two?");
        let exchange = send(&way).await;
        assert!(exchange.denied);
        // The receiver repeats the key; the record does not.
        assert!(why(&exchange).ends_with(": who is ***?"), "{exchange:?}");
        assert!(!way.has_contact());
    }
    answer("500 Oops", "");
    send(&way).await;
    assert!(way.has_contact());
    fs::remove_file(&key).expect("the key");
    let exchange = send(&way).await;
    assert!(why(&exchange).contains("ops.key"), "{exchange:?}");
}
