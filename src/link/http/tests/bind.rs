//! Where connections go out from.

use super::*;

fn bound(peer: &Peer, bind: Bind) -> Settings {
    Settings {
        bind: Some(bind),
        ..settings(&[peer.address], SECONDS)
    }
}

#[tokio::test]
async fn connections_go_out_from_where_they_are_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let peer = Peer::start(folder.path(), &[]);
    let url = format!("http://{}/", peer.address);
    let from = Bind::Address([127, 0, 0, 2].into());
    let reply = post(&url, bound(&peer, from)).await;
    assert_eq!(reply.expect("an answer").status, 200);
    assert_eq!(peer.hears()["from"], "127.0.0.2");
    let reply = post(&url, bound(&peer, Bind::Interface("lo".to_owned()))).await;
    assert_eq!(reply.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_way_out_that_is_not_there_is_told_as_such_and_nothing_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let peer = Peer::start(folder.path(), &[]);
    let url = format!("http://{}/", peer.address);
    for (bind, expected) in [
        (
            Bind::Interface("andon-none".to_owned()),
            "there is no network interface andon-none now",
        ),
        (
            Bind::Address([198, 51, 100, 7].into()),
            "198.51.100.7 is not an address of this host now",
        ),
    ] {
        let why = unreachable(post(&url, bound(&peer, bind)).await);
        assert!(why.starts_with(expected), "{why}");
    }
    assert!(peer.is_quiet());
    // What kernels before 5.7 say to who is not root.
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let why = Bind::Interface("wwan0".to_owned()).why_not(&denied);
    assert!(why.contains("CAP_NET_RAW"), "{why}");
}
