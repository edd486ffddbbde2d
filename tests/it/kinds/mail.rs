//! A mail relay in miniature: as much of SMTP (RFC 5321) as a sender meets, without TLS, which is tested with a real one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use super::{
    Case, Step, Verdict,
    server::{Server, seen},
    stand_in::{Mood, Seen},
};

const TO: &str = "MAIL FROM:<andon@plant-7.example.com> RCPT TO:<a@example.com>";

pub(crate) const CASES: &[Case] = &[Case {
    name: "mail",
    kind: "mail",
    config: "server = \"smtp://{server}\"\ntls = \"none\"\nallow_plain = true\nfrom = \"andon@plant-7.example.com\"\nto = [\"a@example.com\"]",
    stand_in: || Server::new(smtp),
    tells: &[
        (
            Step::Trigger,
            &[&[TO, "has X-Alert-Dedup-Key: {key}", "lacks In-Reply-To:"]],
        ),
        (Step::Escalate, &[&[TO, "has In-Reply-To: <"]]),
        (Step::Acknowledge, &[&[TO, "has References: <"]]),
        (Step::Resolve, &[&[TO, "has Subject: [OK] "]]),
        (Step::JoinLate, &[&[TO, "lacks In-Reply-To:"]]),
        (Step::Test, &[&[TO, "has [TEST]"]]),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Fails, "421"),
        (Mood::BusyUnsaid, Verdict::Fails, "450"),
        (Mood::Wrong, Verdict::GivesUp, "552"),
        (Mood::Denied, Verdict::Waits, "530"),
        (Mood::Broken, Verdict::Fails, "451"),
        (Mood::Gone, Verdict::Unreachable, "connection refused"),
    ],
}];

/// One conversation after the other; a mail is seen when its last line has come.
fn smtp(stream: &TcpStream, mood: Mood, found: &mut dyn FnMut(Seen)) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let say = |answer: &str| {
        let mut stream = stream;
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()
    };
    say(match mood {
        Mood::Busy => "421 4.3.2 too busy",
        _ => "220 relay.example.com ESMTP",
    })?;
    let mut envelope = Vec::new();
    loop {
        let line = lines.next()?.ok()?;
        let word = line.split([' ', ':']).next().unwrap_or_default();
        match (word, mood) {
            ("EHLO", _) => say("250-relay.example.com\r\n250 8BITMIME")?,
            ("MAIL", Mood::Denied) => say("530 5.7.0 authentication required")?,
            ("RCPT", Mood::BusyUnsaid) => say("450 4.2.0 greylisted")?,
            ("MAIL" | "RCPT", _) => {
                let until = line.find('>').map_or(line.len(), |at| at + 1);
                envelope.push(line[..until].to_owned());
                say("250 2.1.0 ok")?;
            }
            ("DATA", _) => {
                say("354 go on")?;
                let mut text = String::new();
                loop {
                    let line = lines.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    text += &line;
                    text.push('\n');
                }
                match mood {
                    Mood::Wrong => say("552 5.3.4 too large")?,
                    Mood::Broken => say("451 4.3.0 out of order")?,
                    _ => {
                        found(seen(&std::mem::take(&mut envelope).join(" "), &text));
                        say("250 2.0.0 queued as 7")?;
                    }
                }
            }
            ("RSET" | "NOOP", _) => say("250 2.0.0 ok")?,
            ("QUIT", _) => return say("221 2.0.0 bye"),
            _ => say("502 5.5.1 not here")?,
        }
    }
}
