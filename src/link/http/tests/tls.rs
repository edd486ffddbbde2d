//! Whom we trust, and who trusts us, against peers that have certificates of their own.

use std::{fs, path::Path};

use super::*;
use crate::{
    config::{
        secret::Secret,
        section::Read as _,
        tree::{Node, Place, Value},
    },
    link::certificate::Seen,
};

/// Posts to a peer and trusts this authority if it is named.
async fn post_to(peer: &Peer, authority: Option<&Authority>) -> Result<Reply, CallError> {
    let url = format!("https://{}/", peer.address);
    let settings = Settings {
        ca: authority.map(|authority| authority.path("ca.pem")),
        ..settings(&[peer.address], SECONDS)
    };
    post(&url, settings).await
}

#[tokio::test]
async fn the_plants_own_authority_is_trusted_only_where_it_is_named() {
    let authority = Authority::new();
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    let peer = Peer::start(authority.folder(), &["tls"]);
    let why = unreachable(post_to(&peer, None).await);
    assert!(
        why.starts_with("certificate not trusted: nobody known has signed it; set `ca`"),
        "{why}"
    );
    let reply = post_to(&peer, Some(&authority)).await;
    assert_eq!(reply.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_certificate_out_of_its_time_or_for_another_name_is_told_as_such() {
    let authority = Authority::new();
    authority.issue("leaf", "DNS:other.example", "-days 2");
    let peer = Peer::start(authority.folder(), &["tls"]);
    let why = unreachable(post_to(&peer, Some(&authority)).await);
    assert!(
        why.starts_with("certificate is for another host name"),
        "{why}"
    );
    for (dates, expected) in [
        (
            "-startdate 20980101000000Z -enddate 20990101000000Z",
            "certificate not yet valid",
        ),
        (
            "-startdate 20000101000000Z -enddate 20010101000000Z",
            "certificate expired",
        ),
    ] {
        authority.issue("leaf", "IP:127.0.0.1", dates);
        let why = unreachable(post_to(&peer, Some(&authority)).await);
        assert!(why.starts_with(expected), "{why}");
    }
}

#[tokio::test]
async fn the_end_of_what_a_peer_shows_is_noted_also_when_it_is_over_but_not_of_a_stranger() {
    let (authority, seen) = (Authority::new(), Seen::default());
    let (strangers, none) = (Authority::new(), "2001-01-01");
    authority.issue(
        "leaf",
        "IP:127.0.0.1",
        "-startdate 20200101000000Z -enddate 20990101000000Z",
    );
    let peer = Peer::start(authority.folder(), &["tls"]);
    let url = format!("https://{}/", peer.address);
    let visit = async |trusted: &Authority, name: &str| {
        let settings = Settings {
            ca: Some(trusted.path("ca.pem")),
            witness: Some(seen.witness(name)),
            ..settings(&[peer.address], SECONDS)
        };
        let _ = post(&url, settings).await;
        seen.of(name).map(|end| (end.subject, end.at.to_string()))
    };
    assert_eq!(visit(&strangers, "ops").await, None);
    let (subject, at) = visit(&authority, "ops").await.expect("an end");
    assert_eq!((subject.as_str(), &at[..10]), ("CN=leaf", "2099-01-01"));
    let changes = seen.changes();
    visit(&authority, "ops").await;
    assert_eq!(seen.changes(), changes, "nothing new was shown");
    authority.issue(
        "leaf",
        "IP:127.0.0.1",
        "-startdate 20000101000000Z -enddate 20010101000000Z",
    );
    let (_, at) = visit(&authority, "ops").await.expect("an end");
    assert_eq!(&at[..10], none);
    assert_eq!(seen.changes(), changes + 1);
}

fn secret(text: &str) -> Secret {
    secret_of(Value::Text(text.to_owned()))
}

fn secret_file(path: &Path) -> Secret {
    let text = node(Value::Text(path.display().to_string()));
    secret_of(Value::Table(vec![("file".to_owned(), text)]))
}

fn secret_of(value: Value) -> Secret {
    Secret::read(&node(value)).expect("a secret")
}

fn node(value: Value) -> Node {
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    Node { value, place }
}

/// The way to a peer of `authority`, with a certificate and key of `ours`.
fn identified(peer: &Peer, authority: &Authority, ours: &Authority, key: Secret) -> Settings {
    Settings {
        ca: Some(authority.path("ca.pem")),
        identity: Some(Identity {
            cert: ours.path("andon.pem"),
            key,
        }),
        ..settings(&[peer.address], SECONDS)
    }
}

#[tokio::test]
async fn a_peer_that_wants_to_know_us_is_shown_our_certificate() {
    let authority = Authority::new();
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    authority.issue("andon", "DNS:andon", "-days 2");
    fs::copy(authority.path("ca.pem"), authority.path("clients.pem")).expect("a copy");
    let peer = Peer::start(authority.folder(), &["tls", "client"]);
    let url = format!("https://{}/", peer.address);
    let key = secret_file(&authority.path("andon.key"));
    let reply = post(&url, identified(&peer, &authority, &authority, key)).await;
    assert_eq!(reply.expect("an answer").status, 200);
    assert_eq!(peer.hears()["client"], "andon");

    let why = unreachable(post_to(&peer, Some(&authority)).await);
    assert!(why.contains("set `client_cert` and `client_key`"), "{why}");
    let stranger = Authority::new();
    stranger.issue("andon", "DNS:andon", "-days 2");
    let key = secret_file(&stranger.path("andon.key"));
    let why = unreachable(post(&url, identified(&peer, &authority, &stranger, key)).await);
    assert!(
        why.starts_with("the other side does not accept our client certificate"),
        "{why}"
    );
}

#[test]
fn a_key_that_cannot_be_used_makes_no_client_and_is_not_repeated() {
    let authority = Authority::new();
    authority.issue("andon", "DNS:andon", "-days 2");
    authority.issue("other", "DNS:other", "-days 2");
    let make = |key: Secret| {
        let settings = Settings {
            identity: Some(Identity {
                cert: authority.path("andon.pem"),
                key,
            }),
            ..settings(&[], SECONDS)
        };
        let checked = check("https://ops.example.com/", &settings);
        let made = HttpClient::new("https://ops.example.com/", settings).map(drop);
        assert_eq!(format!("{checked:?}"), format!("{made:?}"));
        made
    };
    make(secret_file(&authority.path("andon.key"))).expect("a client");
    for (key, expected) in [
        (
            secret_file(&authority.path("other.key")),
            "it belongs to another certificate",
        ),
        (
            secret("canary"),
            "it is no unencrypted private key in PEM form",
        ),
        (
            secret_file(&authority.path("andon.pem")),
            "can be read or written by others",
        ),
        (secret_file(&authority.path("missing.key")), "cannot read"),
    ] {
        let error = make(key).unwrap_err();
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(error) = next {
            text += &error.to_string();
            next = error.source();
        }
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_peer_without_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 16]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // Closing with unread bytes would reset the connection under the answer.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let why = unreachable(
        post(
            &format!("https://{address}/"),
            settings(&[address], SECONDS),
        )
        .await,
    );
    assert_eq!(why, "the other side does not speak TLS on that port");
}

#[test]
fn a_file_without_certificates_is_no_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    for make in [false, true] {
        if make {
            std::fs::write(&path, "nothing").expect("a file");
        }
        let settings = Settings {
            ca: Some(path.clone()),
            ..settings(&[], SECONDS)
        };
        let error = HttpClient::new("https://ops.example.com/", settings).unwrap_err();
        assert!(matches!(error, BuildError::Ca { .. }), "{error}");
    }
}
