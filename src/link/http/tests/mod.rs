//! Against real sockets: peers that hang, redirect, never stop talking, or have a certificate of their own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use super::{
    testbed::{Authority, Peer},
    *,
};
use crate::port::Port;

mod attacks;
mod bind;
mod proxy;
mod tls;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const NOW: Wall = Wall::from_millis(1_775_291_405_000);

/// A peer that gives each connection in turn one of these answers and keeps what it was asked.
fn serve(answers: Vec<String>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (heard, received) = sync_channel(8);
    thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            let _ = heard.send(read_request(&mut stream));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, received)
}

fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                break;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn settings(allow: &[SocketAddr], timeout: Duration) -> Settings {
    let allow = allow
        .iter()
        .map(|address| (address.ip().into(), address.port()))
        .collect();
    let guard = Guard {
        allow_http: true,
        allow,
        own: Vec::new(),
    };
    Settings::new(guard, timeout)
}

fn call(url: &str) -> Call {
    let headers = vec![("x-webhook-secret".to_owned(), "canary".to_owned())];
    Call {
        method: "POST",
        url: url.to_owned(),
        headers,
        body: "{\"a\":1}".to_owned(),
    }
}

async fn post(url: &str, settings: Settings) -> Result<Reply, CallError> {
    HttpClient::new(url, settings)
        .expect("a client")
        .send(&call(url), NOW)
        .await
}

const SECONDS: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_comes_back() {
    let (address, received) = serve(vec![
        "HTTP/1.1 429 Too Many\r\nretry-after: 7\r\nx-request-id: r-7\r\ncontent-length: 4\r\n\r\nlate".to_owned(),
    ]);
    let reply = post(
        &format!("http://{address}/hook?token=t"),
        settings(&[address], SECONDS),
    )
    .await;
    let expected = Reply {
        status: 429,
        retry_after: Some(Duration::from_secs(7)),
        request_id: Some("r-7".to_owned()),
        body: "late".to_owned(),
        cut: false,
    };
    assert_eq!(reply, Ok(expected));
    let request = received.recv().expect("a request");
    assert!(
        request.starts_with("POST /hook?token=t HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nuser-agent: andon/"), "{request}");
    assert!(
        request.contains("\r\nx-webhook-secret: canary\r\n"),
        "{request}"
    );
    assert!(!request.to_lowercase().contains("referer"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, visited) = serve(vec![OK.to_owned()]);
    let redirect =
        format!("HTTP/1.1 307 Go\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let (address, received) = serve(vec![redirect]);
    let reply = post(
        &format!("http://{address}/"),
        settings(&[address, elsewhere], SECONDS),
    )
    .await;
    assert_eq!(reply.expect("an answer").status, 307);
    received.recv().expect("a request");
    assert!(visited.try_recv().is_err());
}

#[tokio::test]
async fn a_peer_that_never_answers_is_a_failure_at_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let error = post(
        &format!("http://{address}/?token=canary"),
        settings(&[address], Duration::from_millis(300)),
    )
    .await;
    let expected = "no answer within 300ms; it may have arrived all the same";
    assert_eq!(error, Err(CallError::Failed(expected.to_owned())));
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_is_a_failure() {
    let (address, _received) = serve(vec![String::new()]);
    let error = post(
        &format!("http://{address}/?token=canary"),
        settings(&[address], SECONDS),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, CallError::Failed(_)), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a_closed_port_is_unreachable_in_plain_words() {
    let closed = Port::reserve();
    let address = closed.address();
    let error = post(
        &format!("http://{address}/?token=canary"),
        settings(&[address], SECONDS),
    )
    .await;
    let expected = "connection refused: nothing listens on that port";
    assert_eq!(error, Err(CallError::Unreachable(expected.to_owned())));
}

#[tokio::test]
async fn a_name_without_address_is_unreachable() {
    let error = post("https://andon-test.invalid/", settings(&[], SECONDS))
        .await
        .unwrap_err();
    let CallError::Unreachable(why) = error else {
        panic!("{error}")
    };
    assert!(
        why.starts_with("no such host: andon-test.invalid ("),
        "{why}"
    );
}

#[tokio::test]
async fn a_name_that_leads_to_an_address_that_is_not_allowed_is_never_dialled() {
    let (address, received) = serve(vec![OK.to_owned()]);
    let url = format!("http://localhost:{}/", address.port());
    let error = post(&url, settings(&[], SECONDS)).await.unwrap_err();
    let CallError::Unreachable(why) = error else {
        panic!("{error}")
    };
    assert!(why.starts_with("localhost ("), "{why}");
    assert!(why.contains("allow_addresses = ["), "{why}");
    assert!(
        why.contains(&format!("/32:{}\"", address.port()))
            || why.contains(&format!("/128]:{}\"", address.port())),
        "{why}"
    );
    assert!(received.try_recv().is_err());

    let v6 = SocketAddr::new("::1".parse().expect("an address"), address.port());
    let reply = post(&url, settings(&[address, v6], SECONDS)).await;
    assert_eq!(reply.expect("an answer").status, 200);
}

#[test]
fn an_address_literal_that_is_not_allowed_makes_no_client() {
    for url in [
        "http://127.0.0.1:1/",
        "http://2130706433:1/",
        "https://[::ffff:10.0.0.1]/",
    ] {
        let error = HttpClient::new(url, settings(&[], SECONDS)).unwrap_err();
        assert!(
            matches!(error, BuildError::Refused(Refusal::NotAllowed { .. })),
            "{url}: {error}"
        );
    }
}

#[tokio::test]
async fn a_client_sends_to_its_own_origin_only() {
    let (address, received) = serve(vec![OK.to_owned()]);
    let (other, _) = serve(vec![]);
    let client = HttpClient::new(
        &format!("http://{other}/"),
        settings(&[address, other], SECONDS),
    )
    .expect("a client");
    let error = client.send(&call(&format!("http://{address}/")), NOW).await;
    assert!(matches!(error, Err(CallError::Unreachable(_))), "{error:?}");
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_header_that_would_break_the_request_is_not_sent() {
    let (address, received) = serve(vec![OK.to_owned()]);
    let url = format!("http://{address}/");
    let client = HttpClient::new(&url, settings(&[address], SECONDS)).expect("a client");
    let mut call = call(&url);
    call.headers
        .push(("x-a".to_owned(), "canary\r\nx-b: c".to_owned()));
    let error = client.send(&call, NOW).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable(_)), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    assert!(received.try_recv().is_err());
    assert!(!format!("{call:?}").contains("canary"));
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_its_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    let reply = post(&format!("http://{address}/"), settings(&[address], SECONDS))
        .await
        .expect("an answer");
    assert_eq!(
        (reply.status, reply.body.len(), reply.cut),
        (200, ANSWER_LIMIT, true)
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_undo_the_status() {
    let (address, _received) = serve(vec![
        "HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\npart".to_owned(),
    ]);
    let reply = post(&format!("http://{address}/"), settings(&[address], SECONDS))
        .await
        .expect("an answer");
    assert_eq!(
        (reply.status, reply.body.as_str(), reply.cut),
        (202, "part", true)
    );
}

#[tokio::test]
async fn our_own_socket_is_reached_without_any_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("andon.sock");
    let client = HttpClient::over_unix_socket(&path, SECONDS, 1 << 20).expect("a client");
    let get = Call {
        method: "GET",
        url: "http://andon/v1/status".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    };
    let missing = client.send(&get, NOW).await;
    let expected = "the socket does not exist; is the agent running?";
    assert_eq!(missing, Err(CallError::Unreachable(expected.to_owned())));

    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let request = read_request(&mut stream);
        let body = format!(
            "{}{}",
            request.lines().next().unwrap_or_default(),
            "x".repeat(100_000)
        );
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    });
    let reply = client.send(&get, NOW).await.expect("an answer");
    assert!(
        reply.body.starts_with("GET /v1/status HTTP/1.1x"),
        "{}",
        &reply.body[..40]
    );
    assert!(reply.body.len() > 100_000 && !reply.cut);
}

/// The beginning of what is said when nobody is reached.
fn unreachable(result: Result<Reply, CallError>) -> String {
    match result {
        Err(CallError::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    }
}
