//! What is in the plant: a file, a program, a syslog server and an MQTT broker, each in miniature.

use std::{
    fs,
    io::{BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
};

use tempfile::TempDir;

use super::{
    Case, Step, Verdict,
    case::Expected,
    server::{Server, seen},
    stand_in::{Mood, Seen, StandIn},
};

/// What it is told where the native payload goes as one message.
const NATIVE: &[(Step, &[Expected])] = &[
    (
        Step::Trigger,
        &[&["-", "/event = alert.triggered", "/dedup_key = {key}"]],
    ),
    (
        Step::Escalate,
        &[&["-", "/event = alert.escalated", "/escalation/step = 1"]],
    ),
    (Step::Acknowledge, &[&["-", "/event = alert.acknowledged"]]),
    (
        Step::Resolve,
        &[&["-", "/event = alert.resolved", "/alert/state = resolved"]],
    ),
    (Step::JoinLate, &[&["-", "/event = alert.triggered"]]),
    (Step::Test, &[&["-", "/test = true"]]),
];
/// The same with the end of a test.
const NATIVE_TO_THE_END: &[(Step, &[Expected])] = &[
    NATIVE[0],
    NATIVE[1],
    NATIVE[2],
    NATIVE[3],
    NATIVE[4],
    NATIVE[5],
    (
        Step::EndTest,
        &[&["-", "/event = alert.resolved", "/test = true"]],
    ),
];
const STATE: &str = "PUBLISH andon/plant-7/alerts/mill-1/spindle-overtemp retain";
const STATE_OF_A_TEST: &str = "PUBLISH andon/plant-7/alerts/andon/andon.test retain";
const EVENT: &str = "PUBLISH andon/plant-7/events";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "file",
        kind: "file",
        config: "path = \"{folder}/seen\"",
        stand_in: || Folder::new("-"),
        tells: NATIVE,
        troubles: &[
            (Mood::Busy, Verdict::Never, ""),
            (Mood::BusyUnsaid, Verdict::Never, ""),
            (Mood::Wrong, Verdict::Never, ""),
            (Mood::Denied, Verdict::Never, ""),
            (Mood::Broken, Verdict::Never, ""),
            (Mood::Gone, Verdict::Unreachable, "there is no folder"),
        ],
    },
    Case {
        name: "command",
        kind: "command",
        config: "command = [\"{folder}/siren\", \"{folder}\"]\ntimeout = \"60s\"",
        stand_in: || Folder::new("-"),
        tells: NATIVE_TO_THE_END,
        troubles: &[
            (Mood::Busy, Verdict::Never, ""),
            (Mood::BusyUnsaid, Verdict::Never, ""),
            (Mood::Wrong, Verdict::Waits, "exit code 64: triggered"),
            (Mood::Denied, Verdict::Waits, "exit code 77: triggered"),
            (Mood::Broken, Verdict::Fails, "exit code 75: triggered"),
            (Mood::Gone, Verdict::Unreachable, "there is no program"),
        ],
    },
    Case {
        name: "syslog",
        kind: "syslog",
        config: "url = \"tcp://{server}\"",
        stand_in: || Server::new(syslog),
        tells: &[
            (
                Step::Trigger,
                &[&["<130>1", "has dedupKey=\"{key}\"", "has  triggered ["]],
            ),
            (Step::Escalate, &[&["<130>1", "has  escalated ["]]),
            (Step::Acknowledge, &[&["<130>1", "has  acknowledged ["]]),
            (Step::Resolve, &[&["<133>1", "has  resolved ["]]),
            (Step::JoinLate, &[&["<130>1", "has  triggered ["]]),
            (Step::Test, &[&["<134>1", "has test=\"1\""]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Never, ""),
            (Mood::BusyUnsaid, Verdict::Never, ""),
            (Mood::Wrong, Verdict::Never, ""),
            (Mood::Denied, Verdict::Never, ""),
            (Mood::Broken, Verdict::Never, ""),
            (Mood::Gone, Verdict::Unreachable, "connection refused"),
        ],
    },
    Case {
        name: "mqtt",
        kind: "mqtt",
        config: "url = \"mqtt://{server}\"",
        stand_in: || Server::new(mqtt),
        tells: &[
            (
                Step::Trigger,
                &[
                    &[STATE, "/event = alert.triggered"],
                    &[EVENT, "/dedup_key = {key}"],
                ],
            ),
            (
                Step::Escalate,
                &[&[STATE], &[EVENT, "/event = alert.escalated"]],
            ),
            (
                Step::Acknowledge,
                &[&[STATE, "/alert/state = acknowledged"], &[EVENT]],
            ),
            (
                Step::Resolve,
                &[&[STATE, "/alert/state = resolved"], &[EVENT]],
            ),
            (
                Step::JoinLate,
                &[&[STATE], &[EVENT, "/event = alert.triggered"]],
            ),
            (Step::Test, &[&[STATE_OF_A_TEST, "/test = true"], &[EVENT]]),
            (
                Step::EndTest,
                &[&[STATE_OF_A_TEST, "/alert/state = resolved"], &[EVENT]],
            ),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Never, ""),
            (Mood::BusyUnsaid, Verdict::Never, ""),
            (Mood::Wrong, Verdict::Never, ""),
            (
                Mood::Denied,
                Verdict::Unreachable,
                "check user and password",
            ),
            (Mood::Broken, Verdict::Fails, "before it acknowledged"),
            (Mood::Gone, Verdict::Unreachable, "connection refused"),
        ],
    },
];

/// A folder with a program in it; what is seen is in the file `seen`, a line each.
struct Folder(TempDir, &'static str);

impl Folder {
    #[allow(clippy::new_ret_no_self, reason = "it is only ever used as a stand-in")]
    fn new(line: &'static str) -> Box<dyn StandIn> {
        let folder = Self(tempfile::tempdir().expect("a folder"), line);
        let siren = folder.0.path().join("siren");
        let text = "#!/bin/sh\ncode=$(cat \"$1/code\")\n[ \"$code\" = 0 ] && cat >> \"$1/seen\"\necho \"$ANDON_EVENT\" >&2\nexit \"$code\"\n";
        fs::write(&siren, text).expect("a program");
        fs::set_permissions(&siren, fs::Permissions::from_mode(0o755)).expect("its mode");
        folder.becomes(Mood::Well);
        Box::new(folder)
    }
}

impl StandIn for Folder {
    fn fill(&self, config: &str) -> String {
        config.replace("{folder}", &self.0.path().display().to_string())
    }

    fn becomes(&self, mood: Mood) {
        let code = match mood {
            Mood::Wrong => "64",
            Mood::Denied => "77",
            Mood::Broken => "75",
            _ => "0",
        };
        fs::write(self.0.path().join("code"), code).expect("a code");
    }

    fn so_far(&self) -> Vec<Seen> {
        let text = fs::read_to_string(self.0.path().join("seen")).unwrap_or_default();
        text.lines().map(|body| seen(self.1, body)).collect()
    }

    fn take(&self) -> Vec<Seen> {
        let seen = self.so_far();
        let _ = fs::remove_file(self.0.path().join("seen"));
        seen
    }
}

/// Frames by octet counting; the line is what stands before the first space.
fn syslog(stream: &TcpStream, _: Mood, found: &mut dyn FnMut(Seen)) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let length = std::io::BufRead::split(&mut stream, b' ').next()?.ok()?;
        let length: usize = String::from_utf8(length).ok()?.parse().ok()?;
        let mut message = vec![0; length];
        stream.read_exact(&mut message).ok()?;
        let message = String::from_utf8(message).ok()?;
        let (line, _) = message.split_once(' ')?;
        found(seen(line, &message));
    }
}

/// As much of MQTT 3.1.1 as a publisher at QoS 1 meets.
fn mqtt(mut stream: &TcpStream, mood: Mood, found: &mut dyn FnMut(Seen)) -> Option<()> {
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        let first = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            stream.read_exact(&mut byte).ok()?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        match first >> 4 {
            1 => {
                let code = if mood == Mood::Denied { 5 } else { 0 };
                stream.write_all(&[0x20, 2, 0, code]).ok()?;
            }
            3 if mood == Mood::Broken => return None,
            3 => {
                let size = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let (topic, rest) = body[2..].split_at(size);
                let topic = String::from_utf8(topic.to_vec()).ok()?;
                let retain = if first & 1 == 1 { " retain" } else { "" };
                let payload = String::from_utf8(rest[2..].to_vec()).ok()?;
                found(seen(&format!("PUBLISH {topic}{retain}"), &payload));
                stream.write_all(&[0x40, 2, rest[0], rest[1]]).ok()?;
            }
            12 => stream.write_all(&[0xd0, 0]).ok()?,
            _ => return None,
        }
    }
}
