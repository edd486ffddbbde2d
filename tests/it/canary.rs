//! Canaries in every kind of secret: whatever happens, they are on the wire where they belong, and nowhere else.
//!
//! What a panic says is not here: nothing in the program can be made to panic from outside, and nothing is prepared for that. It is
//! tested beside the hook that says it, `src/cli/panics.rs`, and where tasks end, `src/agent/sources.rs`.
//!
//! One file holds secrets, on purpose: `last-good/files.json` is the configuration as the user has written it, with what is written
//! inline in it. It is for its owner only, and what is only referred to is not in it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use crate::support::{Agent, Broker, cold_device, mill, too_hot, wait};

/// A receiver that hates us: it repeats everything that it was sent, with the status that it was told. It also issues tokens, and
/// takes whole URLs as a proxy does.
struct Echo {
    port: u16,
    status: Arc<AtomicU16>,
    heard: Arc<Mutex<String>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let echo = Self {
            port: listener.local_addr().expect("an address").port(),
            status: Arc::new(AtomicU16::new(200)),
            heard: Arc::default(),
        };
        let (status, heard) = (Arc::clone(&echo.status), Arc::clone(&echo.heard));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (status, heard) = (Arc::clone(&status), Arc::clone(&heard));
                thread::spawn(move || answer(stream, status.load(Ordering::SeqCst), &heard));
            }
        });
        echo
    }

    fn hears(&self, what: &str) {
        wait::until(what, || {
            self.heard
                .lock()
                .expect("no panic")
                .contains(what)
                .then_some(())
        });
    }

    fn forgets(&self) {
        self.heard.lock().expect("no panic").clear();
    }
}

fn answer(mut stream: TcpStream, status: u16, heard: &Mutex<String>) {
    let mut request = String::new();
    let mut chunk = [0; 65536];
    loop {
        let Ok(count @ 1..) = stream.read(&mut chunk) else {
            return;
        };
        request += &String::from_utf8_lossy(&chunk[..count]);
        if chunk[0] == 0x16 {
            // The beginning of TLS, which is not spoken here.
            return;
        }
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            break;
        }
    }
    *heard.lock().expect("no panic") += &request;
    let (status, body) = match request.starts_with("POST /token ") {
        true => (
            200,
            r#"{"access_token":"canary-access-token","token_type":"Bearer","expires_in":3600}"#
                .to_owned(),
        ),
        false => (status, request),
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all((head + &body).as_bytes());
}

/// Everything that must be on the wire.
const ON_THE_WIRE: [&str; 9] = [
    "token=canary-query",
    "/canary-path-0001",
    "Bearer canary-inline",
    "canary-header-file",
    "canary-credential",
    "canary-free-header",
    // andon:canary-env
    "Basic YW5kb246Y2FuYXJ5LWVudg==",
    "Bearer canary-access-token",
    // andon:canary-proxy
    "Basic YW5kb246Y2FuYXJ5LXByb3h5",
];

fn destination(echo: &Echo, name: &str, more: &str) -> String {
    let port = echo.port;
    format!(
        "\n[[destination]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{port}/{name}/canary-path-0001?token=canary-query\"\nallow_http = true\nallow_addresses = [\"127.0.0.1/32:{port}\"]\ncall_every = \"0s\"\n{more}\n"
    )
}

fn configuration(echo: &Echo) -> String {
    let port = echo.port;
    let signs = [
        ("inline", r#"sign = { scheme = "bearer", secret = "canary-inline" }"#.to_owned()),
        ("file", r#"sign = { scheme = "header", secret = { file = "header.key" } }"#.to_owned()),
        ("credential", r#"sign = { scheme = "header", header = "X-Cred", secret = { credential = "cred" } }"#.to_owned()),
        ("env", r#"sign = { scheme = "basic", user = "andon", secret = { env = "ANDON_TEST_CANARY" } }"#.to_owned()),
        ("hmac", r#"sign = { scheme = "x-signature", secret = "canary-hmac-key" }"#.to_owned()),
        ("free", r#"headers = { X-Key = "canary-free-header" }"#.to_owned()),
        ("oauth", format!(r#"sign = {{ scheme = "oauth2", token_url = "http://127.0.0.1:{port}/token", client_id = "andon", client_secret = "canary-client", auth = "body", allow_http = true, allow_addresses = ["127.0.0.1/32:{port}"] }}"#)),
        ("proxied", format!("proxy = \"http://127.0.0.1:{port}\"\nproxy_user = \"andon\"\nproxy_password = \"canary-proxy\"")),
    ];
    let mut all: String = signs
        .iter()
        .map(|(name, more)| destination(echo, name, more))
        .collect();
    // One that speaks no TLS.
    all += &destination(echo, "tls", "").replace("http://", "https://");
    all + &format!(
        "\n[heartbeat]\nurl = \"http://127.0.0.1:{port}/alive?token=canary-query\"\nallow_http = true\nallow_addresses = [\"127.0.0.1/32:{port}\"]\nevery = \"10s\"\nsign = {{ scheme = \"header\", secret = \"canary-heartbeat\" }}\n"
    )
}

/// Where a canary is, if it is in a text.
fn sings(place: &str, text: &str) -> Option<String> {
    let hidden = ["canary", "YW5kb246Y2FuYXJ5", "Y2FuYXJ5"];
    let at = hidden.iter().find_map(|canary| text.find(canary))?;
    let from = (0..=at.saturating_sub(100))
        .rev()
        .find(|from| text.is_char_boundary(*from));
    let near: String = text[from.unwrap_or(0)..].chars().take(300).collect();
    Some(format!("{place}: ..{near}.."))
}

#[test]
fn no_secret_is_anywhere_but_on_the_wire() {
    let (mut device, echo, broker) = (cold_device(), Echo::start(), Broker::start());
    let source = format!(
        "\n[[machine]]\nid = \"m-1\"\n[[source.mqtt]]\nname = \"cell-broker\"\nurl = \"mqtt://127.0.0.1:{}\"\nuser = \"andon\"\npassword = \"canary-mqtt\"\nsubscribe = [{{ topic = \"m-1/temp\", machine = \"m-1\", payload = \"number\", stale_after = \"1h\", tag = \"temp\" }}]\n",
        broker.port()
    );
    let config = mill(&device) + &source + &configuration(&echo);
    let mut agent = Agent::new(&config, &too_hot(""));
    for name in ["header.key", "cred"] {
        let text = if name == "cred" {
            "canary-credential"
        } else {
            "canary-header-file"
        };
        fs::write(agent.path(name), text).expect("a key");
        fs::set_permissions(agent.path(name), fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    agent.set(
        "CREDENTIALS_DIRECTORY",
        agent.path("").display().to_string(),
    );
    agent.set("ANDON_TEST_CANARY", "canary-env");
    agent.set("ANDON__LOG__LEVEL", "trace");
    agent.run();

    let mut said: Vec<(String, String)> = Vec::new();
    let mut hot = false;
    for status in [200, 401, 403, 400, 500] {
        echo.status.store(status, Ordering::SeqCst);
        echo.forgets();
        hot = !hot;
        device.holding(100, if hot { 973 } else { 200 });
        if status == 200 {
            for wire in ON_THE_WIRE {
                echo.hears(wire);
            }
        }
        for name in ["inline", "file", "env", "oauth", "proxied", "free", "tls"] {
            for flags in [&["test", name][..], &["test", name, "--json"]] {
                say(&agent, "destinations", flags, &mut said);
            }
        }
        echo.hears("canary-inline");
    }
    for (verb, flags) in [
        ("status", &["--json", "--tags"][..]),
        ("status", &[]),
        ("destinations", &["--json"]),
        ("destinations", &[]),
        ("outbox", &["--json"]),
        ("alerts", &["--json", "--all"]),
        ("check", &["--show"]),
        ("check", &["--show", "--json"]),
        ("check", &["--live"]),
        ("check", &["--network"]),
        ("check", &["--network", "--json"]),
        ("completions", &["bash"]),
    ] {
        say(&agent, verb, flags, &mut said);
    }
    for row in 1..=12 {
        say(&agent, "outbox", &["show", &row.to_string()], &mut said);
    }
    // Mistakes on the very lines of secrets.
    for (good, bad) in [
        (
            "secret = \"canary-inline\"",
            "secret = \"canary-inline\" \"canary",
        ),
        ("secret = \"canary-inline\"", "secret = [\"canary-inline\"]"),
        (
            "scheme = \"bearer\", secret = \"canary-inline\"",
            "scheme = \"standard-webhooks\", secret = \"canary!\"",
        ),
        (
            "canary-path-0001?token=canary-query",
            "canary path\u{0}?token=canary-query",
        ),
        (
            "http://127.0.0.1",
            "http://canary-user:canary-password@127.0.0.1",
        ),
        (
            "auth = \"body\"",
            "auth = \"body\", cient_secret = \"canary\"",
        ),
        (
            "proxy_password = \"canary-proxy\"",
            "proxy_password = 'canary-proxy'canary",
        ),
    ] {
        agent.configure(&config.replace(good, bad));
        say(&agent, "reload", &[], &mut said);
        say(&agent, "check", &[], &mut said);
        say(&agent, "status", &["--json"], &mut said);
    }
    agent.stop();

    let mut found: Vec<String> = said
        .iter()
        .filter_map(|(what, text)| sings(what, text))
        .collect();
    found.extend(sings("log", &agent.log()));
    last_good(&agent.data());
    let mut files = Vec::new();
    in_data(&agent.data(), &mut files);
    assert!(
        files.iter().any(|(name, _)| name.contains("andon.db")),
        "{:?}",
        files.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    found.extend(files.iter().filter_map(|(name, text)| sings(name, text)));
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

fn say(agent: &Agent, verb: &str, flags: &[&str], said: &mut Vec<(String, String)>) {
    let output = agent.verb(verb, flags);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    said.push((format!("{verb} {}", flags.join(" ")), text.into_owned()));
}

/// The last good configuration is for its owner only, and holds what is written inline in the user's own files and nothing else.
fn last_good(data: &Path) {
    let folder = data.join("last-good");
    let names: Vec<_> = fs::read_dir(&folder).expect("the last good one").collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let file = folder.join("files.json");
    for path in [&folder, &file] {
        let mode = fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others may read {}", path.display());
    }
    let text = fs::read_to_string(file).expect("the last good one");
    for written in ["canary-inline", "canary-free-header", "canary-proxy"] {
        assert!(text.contains(written), "{written} is what the user wrote");
    }
    for referred_to in ["canary-header-file", "canary-credential", "canary-env"] {
        assert!(!text.contains(referred_to), "{referred_to} is a reference");
    }
}

/// Every other file of the data directory.
fn in_data(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = fs::symlink_metadata(&path).expect("it is there");
        if path.ends_with("last-good") {
            // Looked at by itself.
        } else if kind.is_dir() {
            in_data(&path, files);
        } else if kind.is_file() {
            let bytes = fs::read(&path).expect("a file");
            files.push((
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
}
