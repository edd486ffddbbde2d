//! Conversations with relays that say what they are told to say, in whatever order a bad one may.

use std::{sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::link::{certificate::Seen, guard::Guard, http::testbed::Authority};

/// What a relay answers to each line that it is told, the greeting first. After `354` it reads up to the dot; an empty answer closes the
/// connection.
type Script = &'static [&'static str];

const FINE: Script = &[
    "220 relay",
    "250-relay\r\n250 AUTH PLAIN LOGIN",
    "250 from",
    "250 to",
    "354 go on",
    "250 2.0.0 Ok: queued as 4ZBgPq1x",
    "221 bye",
];

/// Speaks by the script; gives all that it was told.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, script: Script) -> Vec<String> {
    let (mut stream, mut heard) = (BufReader::new(stream), Vec::new());
    for say in script {
        if say.is_empty() {
            break;
        }
        let _ = stream.write_all(format!("{say}\r\n").as_bytes()).await;
        let _ = stream.flush().await;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return heard;
            }
            let line = line.trim_end().to_owned();
            let more = say.starts_with("354") && line != ".";
            heard.push(line);
            if !more {
                break;
            }
        }
    }
    heard
}

/// A relay in the open that speaks once.
async fn relay(script: Script) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        speak(stream, script).await
    });
    (port, heard)
}

fn settings(port: u16) -> Settings {
    let guard = Guard {
        allow_http: false,
        allow: vec![("127.0.0.0/8".parse().unwrap(), port)],
        own: Vec::new(),
    };
    Settings::new(guard, Duration::from_secs(20))
}

fn letter() -> Letter {
    let mailbox = |name: &str, email: &str| Mailbox {
        name: name.to_owned(),
        email: email.to_owned(),
    };
    Letter {
        from: mailbox("andon", "andon@plant.example.com"),
        to: vec![mailbox("", "ops@example.com")],
        reply_to: None,
        subject: "[CRITICAL] Ölpumpe".to_owned(),
        message_id: "<01JQ@plant.example.com>".to_owned(),
        follows: None,
        headers: Vec::new(),
        text: "hot\n.\nand a line\n".to_owned(),
        html: "<p>hot</p>".to_owned(),
    }
}

async fn send(port: u16, security: Security, letter: &Letter) -> Result<Reply, CallError> {
    let client = SmtpClient::new(("127.0.0.1", port), security, settings(port)).unwrap();
    client
        .send(letter, None, Wall::from_millis(1_775_291_405_120))
        .await
}

#[tokio::test]
async fn a_mail_is_handed_over_with_the_date_of_its_attempt_and_its_dots_escaped() {
    let (port, heard) = relay(FINE).await;
    let reply = send(port, Security::Plain, &letter()).await.unwrap();
    assert_eq!((reply.code, reply.to), (250, "the message"));
    assert_eq!(reply.text, "2.0.0 Ok: queued as 4ZBgPq1x");
    let heard = heard.await.unwrap();
    assert_eq!(heard[0], "EHLO [127.0.0.1]");
    assert_eq!(heard[1], "MAIL FROM:<andon@plant.example.com>");
    assert_eq!(heard[2], "RCPT TO:<ops@example.com>");
    for line in [
        "Date: Sat, 04 Apr 2026 08:30:05 +0000",
        "Message-ID: <01JQ@plant.example.com>",
        "..",
        "QUIT",
    ] {
        assert!(
            heard.iter().any(|heard| heard == line),
            "{line} in {heard:#?}"
        );
    }
    let bytes = letter().to_bytes(Wall::from_millis(0)).unwrap();
    assert_eq!(bytes, letter().to_bytes(Wall::from_millis(0)).unwrap());
    assert!(bytes.is_ascii());
}

#[tokio::test]
async fn what_a_relay_refuses_is_told_with_what_it_refuses() {
    for (script, expected) in [
        (&["421 too busy"][..], (421, "EHLO", "too busy")),
        (&["554 no"][..], (554, "EHLO", "no")),
        (
            &["220 r", "250 r", "550-not\r\n550 from there"],
            (550, "MAIL FROM", "not from there"),
        ),
        (
            &["220 r", "250 r", "250 f", "450 4.2.0 greylisted"],
            (450, "RCPT TO", "ops@example.com: 4.2.0 greylisted"),
        ),
        (
            &["220 r", "250 r", "250 f", "250 t", "452 full"],
            (452, "DATA", "full"),
        ),
        (
            &["220 r", "250 r", "250 f", "250 t", "354 go", "554 spam"],
            (554, "the message", "spam"),
        ),
    ] {
        let (port, _relay) = relay(script).await;
        let reply = send(port, Security::Plain, &letter()).await.unwrap();
        assert_eq!((reply.code, reply.to, reply.text.as_str()), expected);
    }
}

#[tokio::test]
async fn only_what_breaks_after_the_dot_may_have_arrived() {
    for (script, expected) in [
        (&[][..], "does not greet"),
        (&["hello"], "does not greet"),
        (&["220 r", "250 r", ""], "broke off at MAIL FROM"),
        (
            &["220 r", "250 r", "250 f", "250 t", ""],
            "broke off at DATA",
        ),
        (
            &["220 r", "250 r", "250 f", "250 t", "354 go", ""],
            "may have arrived",
        ),
    ] {
        let (port, _relay) = relay(script).await;
        match send(port, Security::Plain, &letter()).await.unwrap_err() {
            CallError::Unreachable(why) => assert!(why.contains(expected), "{why}"),
            CallError::Failed(why) => {
                assert!(why.contains(expected), "{why}");
                assert!(expected != "does not greet", "{why}");
            }
        }
    }
}

#[tokio::test]
async fn a_recipient_who_is_refused_does_not_keep_the_others_from_their_mail() {
    let mut letter = letter();
    letter.to.push(Mailbox {
        name: String::new(),
        email: "gone@example.com".to_owned(),
    });
    let (port, heard) = relay(&[
        "220 r",
        "250 r",
        "250 f",
        "250 t",
        "550 no such user",
        "354 go",
        "250 ok",
        "221 bye",
    ])
    .await;
    let reply = send(port, Security::Plain, &letter).await.unwrap();
    assert_eq!(
        reply.text,
        "ok; not taken for gone@example.com (550 no such user)"
    );
    assert!(heard.await.unwrap().contains(&"DATA".to_owned()));
    let (port, _relay) =
        relay(&["220 r", "250 r", "250 f", "550 no", "450 later", "221 bye"]).await;
    let reply = send(port, Security::Plain, &letter).await.unwrap();
    assert_eq!((reply.code, reply.to), (450, "RCPT TO"));
}

#[tokio::test]
async fn a_relay_without_starttls_gets_no_mail_and_no_password() {
    let (port, heard) = relay(FINE).await;
    let why = match send(port, Security::StartTls, &letter()).await {
        Err(CallError::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(why.contains("offers no STARTTLS"), "{why}");
    assert_eq!(heard.await.unwrap(), ["EHLO [127.0.0.1]"]);
}

/// A relay that offers STARTTLS and says `more` in the same breath as it agrees to it.
async fn secure_relay(authority: &Authority, more: &'static str) -> (u16, JoinHandle<Vec<String>>) {
    authority.issue("leaf", "IP:127.0.0.1", "-days 2");
    let chain = CertificateDer::pem_file_iter(authority.path("leaf.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(authority.path("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let agree = Box::leak(format!("220 go\r\n{more}").into_boxed_str());
        let mut open = BufReader::new(&mut stream);
        for say in ["220 relay\r\n", "250-relay\r\n250 STARTTLS\r\n"] {
            open.write_all(say.as_bytes()).await.unwrap();
            open.read_line(&mut String::new()).await.unwrap();
        }
        stream.write_all(agree.as_bytes()).await.unwrap();
        match TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            // Nobody greets a second time.
            Ok(mut tls) => {
                let mut hello = String::new();
                BufReader::new(&mut tls)
                    .read_line(&mut hello)
                    .await
                    .unwrap();
                let mut heard = vec![hello.trim_end().to_owned()];
                heard.extend(speak(tls, &FINE[1..]).await);
                heard
            }
            Err(_) => Vec::new(),
        }
    });
    (port, heard)
}

#[tokio::test]
async fn what_is_said_in_the_open_is_never_taken_for_what_is_said_under_tls() {
    let authority = Authority::new();
    let seen = Seen::default();
    let lies = "250 relay\r\n250 from\r\n250 to\r\n354 go\r\n250 ok\r\n";
    for more in ["", lies] {
        let (port, heard) = secure_relay(&authority, more).await;
        let settings = Settings {
            ca: Some(authority.path("ca.pem")),
            witness: Some(seen.witness("destination.ops")),
            ..settings(port)
        };
        let client = SmtpClient::new(("127.0.0.1", port), Security::StartTls, settings).unwrap();
        let sent = client.send(&letter(), None, Wall::from_millis(0)).await;
        match (more, sent) {
            ("", Ok(reply)) => {
                assert_eq!(reply.text, "2.0.0 Ok: queued as 4ZBgPq1x");
                assert_eq!(
                    heard.await.unwrap()[1],
                    "MAIL FROM:<andon@plant.example.com>"
                );
                assert!(seen.of("destination.ops").is_some());
            }
            (_, Err(CallError::Unreachable(why))) if !more.is_empty() => {
                assert!(why.contains("TLS"), "{why}");
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_relay_is_guarded_believed_and_waited_for_as_any_other_peer() {
    let authority = Authority::new();
    let (port, _relay) = secure_relay(&authority, "").await;
    let unreachable = |sent: Result<Reply, CallError>| match sent {
        Err(CallError::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    };
    // Not signed by anybody whom this host trusts.
    let authority = Authority::new();
    let settings_of_another = Settings {
        ca: Some(authority.path("ca.pem")),
        ..settings(port)
    };
    let client =
        SmtpClient::new(("127.0.0.1", port), Security::StartTls, settings_of_another).unwrap();
    let why = unreachable(client.send(&letter(), None, Wall::from_millis(0)).await);
    assert!(why.starts_with("certificate not trusted"), "{why}");
    // Not allowed.
    let client = SmtpClient::new(("localhost", port), Security::Plain, settings(port + 1)).unwrap();
    let why = unreachable(client.send(&letter(), None, Wall::from_millis(0)).await);
    assert!(why.contains("allow_addresses"), "{why}");
    // Says nothing at all.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hasty = Settings {
        timeout: Duration::from_millis(300),
        ..settings(port)
    };
    let client = SmtpClient::new(("127.0.0.1", port), Security::Plain, hasty).unwrap();
    let why = unreachable(client.send(&letter(), None, Wall::from_millis(0)).await);
    assert!(why.contains("did not greet"), "{why}");
}
