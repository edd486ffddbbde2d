//! Peers and names that mean harm. Whatever they do costs a bounded time and memory, and nothing goes where it was not meant to.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use super::*;

/// A resolver that gives these answers, one for each connect, and counts how often it is asked.
fn names(answers: &[&[SocketAddr]]) -> (Lookup, Arc<AtomicUsize>) {
    let answers: VecDeque<Vec<SocketAddr>> = answers.iter().map(|of| of.to_vec()).collect();
    let (answers, asked) = (Mutex::new(answers), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().expect("no panic");
        let next = answers.pop_front().unwrap_or_default();
        Box::pin(async move { Ok(next) })
    });
    (lookup, asked)
}

/// An answer after which the connection is not used again.
const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_judged_the_second_time() {
    let (good, received) = serve(vec![LAST.to_owned(); 5]);
    let url = format!("http://ops.example.com:{}/", good.port());
    for bad in [
        "127.0.0.2",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
    ] {
        let bad = SocketAddr::new(bad.parse().expect("an address"), good.port());
        let (lookup, asked) = names(&[&[good], &[bad]]);
        let client = HttpClient::with_lookup(&url, settings(&[good], SECONDS), lookup);
        let client = client.expect("a client");
        let reply = client.send(&call(&url), NOW).await;
        assert_eq!(reply.expect("an answer").status, 200);
        received.recv().expect("a request");
        let why = unreachable(client.send(&call(&url), NOW).await);
        assert!(why.starts_with("ops.example.com ("), "{bad}: {why}");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "each connect asks");
    }
}

#[tokio::test]
async fn one_bad_address_among_good_ones_keeps_all_of_them_from_being_dialled() {
    let (good, received) = serve(vec![OK.to_owned()]);
    let bad: SocketAddr = "10.1.2.3:80".parse().expect("an address");
    let url = format!("http://ops.example.com:{}/", good.port());
    for answer in [[good, bad], [bad, good]] {
        let (lookup, _) = names(&[&answer]);
        let client = HttpClient::with_lookup(&url, settings(&[good], SECONDS), lookup);
        let why = unreachable(client.expect("a client").send(&call(&url), NOW).await);
        assert!(why.contains("(10.1.2.3)"), "{why}");
    }
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn what_was_judged_is_what_is_dialled_and_the_port_of_an_answer_does_not_count() {
    let (good, received) = serve(vec![OK.to_owned()]);
    let (elsewhere, visited) = serve(vec![OK.to_owned()]);
    let url = format!("http://ops.example.com:{}/", good.port());
    // A resolver that could name a port would lead around the list, which is for ports too.
    let (lookup, asked) = names(&[&[elsewhere]]);
    let client = HttpClient::with_lookup(&url, settings(&[good], SECONDS), lookup);
    let reply = client.expect("a client").send(&call(&url), NOW).await;
    assert_eq!(reply.expect("an answer").status, 200);
    let request = received.recv().expect("a request");
    assert!(request.contains(&format!("host: ops.example.com:{}\r\n", good.port())));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(visited.try_recv().is_err());
}

#[tokio::test]
async fn no_kind_of_redirect_is_followed() {
    let (elsewhere, visited) = serve(vec![OK.to_owned()]);
    let by_header = |status: u16| {
        format!(
            "HTTP/1.1 {status} Go\r\nlocation: http://{elsewhere}/\r\nrefresh: 0;url=http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n"
        )
    };
    for status in [300, 301, 302, 303, 305, 307, 308, 201] {
        let (address, received) = serve(vec![by_header(status)]);
        let url = format!("http://{address}/");
        let reply = post(&url, settings(&[address, elsewhere], SECONDS)).await;
        assert_eq!(reply.expect("an answer").status, status);
        received.recv().expect("a request");
    }
    assert!(visited.try_recv().is_err());
}

/// A peer that sends this beginning, and then the rest again and again until nobody listens; it says how much it could send.
fn endless(
    begin: &'static [u8],
    rest: &'static [u8],
    pause: Duration,
) -> (SocketAddr, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (said, sent) = sync_channel(1);
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_request(&mut stream);
        let mut count = begin.len();
        let mut open = stream.write_all(begin).is_ok();
        while open {
            open = stream.write_all(rest).is_ok();
            count += rest.len();
            // A peer is no runtime; what it waits for is only the time between its drops.
            #[expect(clippy::disallowed_methods)]
            thread::sleep(pause);
        }
        let _ = said.send(count);
    });
    (address, sent)
}

/// Everything that is kept in buffers on the way, and more.
const ON_THE_WAY: usize = 32 << 20;

// The peer is waited for by the thread of the test, while another closes the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_never_ends_is_left_in_the_middle() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let bomb: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000000000000\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03";
    for begin in [head, bomb] {
        let (address, sent) = endless(begin, &[0; 4096], Duration::ZERO);
        let reply = post(&format!("http://{address}/"), settings(&[address], SECONDS)).await;
        let reply = reply.expect("an answer");
        assert_eq!((reply.status, reply.cut), (200, true));
        // What is not text takes three bytes for each of its own; nothing was unpacked.
        assert!(reply.body.len() <= 3 * ANSWER_LIMIT);
        let sent = sent.recv_timeout(Duration::from_secs(60)).expect("it ends");
        assert!(sent < ON_THE_WAY, "{sent}");
    }
}

#[tokio::test]
async fn a_drop_now_and_then_does_not_hold_an_attempt_beyond_its_time() {
    let pause = Duration::from_millis(10);
    for (begin, rest, answered) in [
        // A body, headers and preliminary answers that trickle.
        (
            &b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n"[..],
            &b"1\r\nx\r\n"[..],
            true,
        ),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", false),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", false),
        (b"", b"\r\n", false),
    ] {
        let (address, _sent) = endless(begin, rest, pause);
        let url = format!("http://{address}/");
        let sending = post(&url, settings(&[address], Duration::from_millis(600)));
        let ended = tokio::time::timeout(Duration::from_secs(30), sending).await;
        let reply = ended.expect("it ends at the limit of the attempt");
        match answered {
            // The status has decided.
            true => assert_eq!(
                reply.map(|reply| (reply.status, reply.cut)),
                Ok((202, true))
            ),
            false => assert!(matches!(reply, Err(CallError::Failed(_))), "{reply:?}"),
        }
    }
}

// The peer is waited for by the thread of the test, while another closes the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flood_of_headers_is_a_failure_of_bounded_size() {
    for rest in [
        &b"x-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"[..],
        &[b'x'; 4096][..],
    ] {
        let (address, sent) = endless(b"HTTP/1.1 200 OK\r\n", rest, Duration::ZERO);
        let reply = post(&format!("http://{address}/"), settings(&[address], SECONDS)).await;
        assert!(matches!(reply, Err(CallError::Failed(_))), "{reply:?}");
        let sent = sent.recv_timeout(Duration::from_secs(60)).expect("it ends");
        assert!(sent < ON_THE_WAY, "{sent}");
    }
}

#[tokio::test]
async fn nothing_is_asked_to_be_packed_and_nothing_is_unpacked() {
    let packed = "HTTP/1.1 400 Bad\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd";
    let (address, received) = serve(vec![packed.to_owned()]);
    let reply = post(&format!("http://{address}/"), settings(&[address], SECONDS)).await;
    assert_eq!(reply.expect("an answer").body, "abcd");
    let request = received.recv().expect("a request").to_lowercase();
    assert!(!request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn no_value_of_a_header_becomes_another_header() {
    let (address, received) = serve(vec![OK.to_owned()]);
    let url = format!("http://{address}/");
    let client = HttpClient::new(&url, settings(&[address], SECONDS)).expect("a client");
    for (name, value) in [
        ("x-a", "canary\r\nx-b: c"),
        ("x-a", "canary\nx-b: c"),
        ("x-a", "canary\rx-b: c"),
        ("x-a", "canary\0"),
        ("x-a", "canary\u{7f}"),
        ("x-a", "canary\r\n\r\nGET / HTTP/1.1"),
        ("x-a\r\nx-b", "canary"),
        ("x a", "canary"),
        ("x-a:", "canary"),
        ("", "canary"),
        ("x-\u{e4}", "canary"),
    ] {
        let mut call = call(&url);
        call.headers.push((name.to_owned(), value.to_owned()));
        let why = unreachable(client.send(&call, NOW).await);
        assert!(!why.contains("canary") && !why.contains('\n'), "{why}");
    }
    assert!(received.try_recv().is_err());
    // What is no control character goes out as it is, and stays one header.
    let mut call = call(&url);
    call.headers
        .push(("x-a".to_owned(), "M\u{fc}ller\u{2028}x-b: c".to_owned()));
    match client.send(&call, NOW).await {
        Ok(_) => {
            let request = received.recv().expect("a request");
            let lines = request
                .split("\r\n")
                .filter(|line| line.to_lowercase().starts_with("x-b"));
            assert_eq!(lines.count(), 0, "{request}");
        }
        Err(error) => assert!(matches!(error, CallError::Unreachable(_)), "{error}"),
    }
}

#[tokio::test]
async fn no_target_of_a_request_becomes_another_request() {
    for path in [
        "/a\r\nx-b: c",
        "/a\nb",
        "/a b HTTP/1.1\r\nx-b: c\r\n\r\n",
        "/a%0d%0ax-b:%20c",
        "/\\evil.example/",
        "/a#b\r\nx-b: c",
        "/?q=\r\nx-b: c",
        "/@evil.example/",
    ] {
        let (address, received) = serve(vec![OK.to_owned()]);
        let reply = post(
            &format!("http://{address}{path}"),
            settings(&[address], SECONDS),
        )
        .await;
        if reply.is_err() {
            continue;
        }
        let request = received.recv().expect("a request");
        let head = request.split("\r\n\r\n").next().unwrap_or_default();
        assert!(
            !head.lines().any(|line| line.starts_with("x-b")),
            "{path:?}: {request}"
        );
        let host = format!("host: {address}");
        assert!(head.lines().any(|line| line == host), "{path:?}: {request}");
    }
}
