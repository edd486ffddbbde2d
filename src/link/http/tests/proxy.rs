//! The way through a proxy: a real one (tinyproxy), and ones that do not do what they should.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::config::{
    secret::Secret,
    section::Read as _,
    tree::{Node, Place, Value},
};

/// A running tinyproxy that wants user and password.
struct Tinyproxy {
    address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
    _held: Port,
}

impl Tinyproxy {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // It takes no port 0.
        let held = Port::reserve();
        let address = held.address();
        let config = folder.path().join("tinyproxy.conf");
        let text = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth andon canary\n",
            address.port()
        );
        fs::write(&config, text).expect("a file");
        let child = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy; apt-get install tinyproxy");
        let listens = async {
            while TcpStream::connect(address).is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let listens = tokio::time::timeout(Duration::from_secs(30), listens).await;
        listens.expect("tinyproxy listens");
        Self {
            address,
            child,
            _folder: folder,
            _held: held,
        }
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn proxy(address: SocketAddr, password: Option<&str>) -> Proxy {
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    let secret = |text: &str| {
        let value = Value::Text(text.to_owned());
        Secret::read(&Node { value, place }).expect("a secret")
    };
    Proxy {
        url: format!("http://{address}").parse().expect("a url"),
        user: password.map(|password| ("andon".to_owned(), secret(password))),
        allow: vec![(address.ip().into(), address.port())],
    }
}

fn through(proxy: Proxy, allow: &[SocketAddr]) -> Settings {
    Settings {
        proxy: Some(proxy),
        ..settings(allow, SECONDS)
    }
}

/// One who answers whatever it is asked in this way.
fn answering(status: &str) -> (SocketAddr, Receiver<String>) {
    serve(vec![format!(
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"
    )])
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_http_as_a_whole_url() {
    let authority = Authority::new();
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    let tinyproxy = Tinyproxy::start().await;
    let (tls, plain) = (
        Peer::start(authority.folder(), &["tls"]),
        Peer::start(authority.folder(), &[]),
    );
    for (scheme, peer) in [("https", &tls), ("http", &plain)] {
        let settings = Settings {
            ca: Some(authority.path("ca.pem")),
            ..through(proxy(tinyproxy.address, Some("canary")), &[peer.address])
        };
        let reply = post(&format!("{scheme}://{}/hook?a=b", peer.address), settings).await;
        assert_eq!(reply.expect("an answer").status, 200);
        let asked = peer.hears();
        assert_eq!(asked["line"], "POST /hook?a=b HTTP/1.1");
        assert_eq!(asked["body"], "{\"a\":1}");
        // Who we are at the proxy is nobody else's business.
        assert!(
            !asked.to_string().to_lowercase().contains("proxy-auth"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_know_us_is_told_as_such_and_the_password_is_not_repeated() {
    let tinyproxy = Tinyproxy::start().await;
    let (peer, received) = serve(vec![OK.to_owned()]);
    // To a wrong password tinyproxy answers 401 as if it were the target; in a tunnel that is a refusal all the same.
    for (scheme, password, expected) in [
        ("https", None, "wants another user or password"),
        ("http", None, "wants another user or password"),
        ("https", Some("canary-wrong"), "refuses to connect to it"),
    ] {
        let settings = through(proxy(tinyproxy.address, password), &[peer]);
        let why = unreachable(post(&format!("{scheme}://{peer}/"), settings).await);
        assert!(why.contains(expected) && !why.contains("canary"), "{why}");
    }
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_that_refuses_hangs_up_or_is_not_there_is_named() {
    for (status, expected) in [
        ("403 Forbidden", "refuses to connect to it"),
        ("502 Bad Gateway", "refuses to connect to it"),
        (
            "407 Proxy Authentication Required",
            "wants another user or password",
        ),
        ("nonsense", "refuses to connect to it"),
    ] {
        let (address, _received) = answering(status);
        let settings = through(proxy(address, None), &[]);
        let why = unreachable(post("https://ops.example.com/?token=canary", settings).await);
        assert!(why.contains(expected), "{status}: {why}");
        assert!(
            why.contains(&address.to_string()) && !why.contains("canary"),
            "{why}"
        );
    }
    let (gone, _) = answering("");
    let held = Port::reserve();
    let closed = held.address();
    assert_ne!(gone, closed);
    let why = unreachable(
        post(
            "https://ops.example.com/",
            through(proxy(closed, None), &[]),
        )
        .await,
    );
    assert_eq!(
        why,
        format!("the proxy {closed}: connection refused: nothing listens on that port")
    );
}

#[tokio::test]
async fn with_a_proxy_only_its_own_name_is_resolved_and_its_address_is_judged() {
    let (address, received) = serve(vec![OK.to_owned()]);
    let settings = |allow: &[SocketAddr]| {
        let mut by_name = proxy(address, None);
        by_name.url = format!("http://proxy.plant.local:{}", address.port())
            .parse()
            .expect("a url");
        by_name.allow = allow.iter().map(|of| (of.ip().into(), of.port())).collect();
        through(by_name, &[])
    };
    let lookup: Lookup = Arc::new(move |name, _| {
        assert_eq!(name, "proxy.plant.local");
        Box::pin(async move { Ok(vec![address]) })
    });
    let url = "http://ops.example.com/hook";
    let client =
        HttpClient::with_lookup(url, settings(&[]), Arc::clone(&lookup)).expect("a client");
    let why = unreachable(client.send(&call(url), NOW).await);
    assert!(
        why.starts_with("proxy.plant.local (127.0.0.1) is a loopback address"),
        "{why}"
    );
    assert!(received.try_recv().is_err());
    let client = HttpClient::with_lookup(url, settings(&[address]), lookup).expect("a client");
    assert_eq!(
        client
            .send(&call(url), NOW)
            .await
            .expect("an answer")
            .status,
        200
    );
    let asked = received.recv().expect("a request");
    assert!(
        asked.starts_with("POST http://ops.example.com/hook HTTP/1.1\r\n"),
        "{asked}"
    );
}

#[test]
fn literals_are_judged_although_a_proxy_would_dial_them() {
    let address: SocketAddr = "127.0.0.1:3128".parse().expect("an address");
    for (url, allow, at_proxy) in [
        ("https://10.1.2.3/", true, false),
        ("https://[::ffff:169.254.169.254]/", true, false),
        ("https://ops.example.com/", false, true),
    ] {
        let mut proxy = proxy(address, None);
        if !allow {
            proxy.allow.clear();
        }
        let error = HttpClient::new(url, through(proxy, &[])).unwrap_err();
        let expected = match at_proxy {
            true => matches!(error, BuildError::Proxy(Refusal::NotAllowed { .. })),
            false => matches!(error, BuildError::Refused(_)),
        };
        assert!(expected, "{url}: {error:?}");
    }
}
