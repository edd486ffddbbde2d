//! The real agent at real brokers, in both versions: how they are reached, that they restart, and what others see of the agent.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    Agent, Broker, Receiver, broker::publish, javascript, long, port::Port, text, to, too_hot,
    view::value, wait,
};

const VERSIONS: [(&str, &str); 2] = [("v3", "3.1.1"), ("v5", "5")];

/// A machine whose temperature comes from a broker of its own; source, machine and topic have its name.
fn source(name: &str, version: &str, url: &str, more: &str) -> String {
    format!(
        r#"
[[machine]]
id = "{name}"
class = "cnc-mill"

[[source.mqtt]]
name = "{name}"
url = "{url}"
version = "{version}"
{more}
subscribe = [{{ topic = "plant/{name}/temp", machine = "{name}", payload = "number", stale_after = "1h", tag = "spindle_temp", unit = "°C" }}]
"#
    )
}

fn topic(name: &str) -> String {
    format!("plant/{name}/temp")
}

/// Publishes a value of each machine until all of them are shown: what comes before a subscription is nobody's.
fn all_hear(agent: &Agent, machines: &[(&str, u16)], number: usize, limit: Duration) {
    let wanted = format!("{number}.0");
    wait::within(limit, &format!("{wanted} at {machines:?}"), || {
        let view = agent.status();
        let deaf = machines.iter();
        let deaf: Vec<_> = deaf
            .filter(|(name, _)| !value(&view, &format!("{name}/spindle_temp")).starts_with(&wanted))
            .collect();
        for (name, port) in &deaf {
            publish(*port, &topic(name), &number.to_string());
        }
        deaf.is_empty().then_some(())
    });
}

/// Makes an authority, `ca.pem`, and what it has signed: `broker` for localhost, and `agent`.
fn papers(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl must be installed for this test: apt-get install openssl");
        assert!(done.status.success(), "{done:?}");
    };
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("a file");
    openssl(&format!(
        "req -x509 {KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=plant"
    ));
    for name in ["broker", "agent"] {
        openssl(&format!(
            "req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
        ));
    }
}

#[test]
fn a_broker_is_reached_in_every_way_that_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    papers(folder.path());
    let at = folder.path().display();
    let tls = format!("certfile {at}/broker.pem\nkeyfile {at}/broker.key\nallow_anonymous true\n");
    let listener = |number: usize, more: &str| format!("listener {{{number}}} 127.0.0.1\n{more}");
    let broker = Broker::with_listeners(&[
        listener(0, &tls),
        listener(
            1,
            &format!("{tls}cafile {at}/ca.pem\nrequire_certificate true\n"),
        ),
        listener(2, "protocol websockets\nallow_anonymous true\n"),
        listener(3, &format!("protocol websockets\n{tls}")),
    ]);
    let ca = format!("ca = \"{at}/ca.pem\"");
    let ours = format!(
        "{ca}\nclient_cert = \"{at}/agent.pem\"\nclient_key = {{ file = \"{at}/agent.key\" }}"
    );
    let ways = [
        ("plain", format!("mqtt://127.0.0.1:{}", broker.port()), ""),
        (
            "tls",
            format!("mqtts://localhost:{}", broker.listener(0)),
            ca.as_str(),
        ),
        (
            "mtls",
            format!("mqtts://localhost:{}", broker.listener(1)),
            &ours,
        ),
        (
            "ws",
            format!("ws://127.0.0.1:{}/mqtt", broker.listener(2)),
            "",
        ),
        (
            "wss",
            format!("wss://localhost:{}/mqtt", broker.listener(3)),
            &ca,
        ),
    ];
    let (mut config, mut names) = (String::new(), Vec::new());
    for (way, url, more) in &ways {
        for (short, version) in VERSIONS {
            let name = format!("{way}-{short}");
            config += &source(&name, version, url, more);
            names.push(name);
        }
    }
    // Without a certificate, the one that wants one says so.
    config += &source("stranger", "5", &ways[2].1, &ca);
    let receiver = Receiver::start();
    let agent = Agent::start(&(config + &to(&receiver)), &too_hot(""));
    let machines: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), broker.port()))
        .collect();
    all_hear(&agent, &machines, 20, wait::PATIENCE);
    for (name, port) in machines {
        publish(port, &topic(name), "97.3");
        receiver.hears(&format!("alert.triggered {name}/spindle-overtemp"));
    }
    let log = agent.log();
    assert!(log.contains("it may want a client certificate"), "{log}");
    // `check` is told the same, and disturbs nobody.
    let before = agent.status();
    let checked = agent.verb("check", &["--live", "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    for reached in checked["live"].as_array().expect("a list") {
        let (name, why) = (text(reached, "/name"), text(reached, "/error"));
        match name {
            "stranger" => assert!(why.contains("it may want a client certificate"), "{why}"),
            _ => assert_eq!(why, "", "{name}"),
        }
    }
    let lost = |view: &Value| {
        let sources = view["sources"].as_array().into_iter().flatten();
        let lost = sources.filter(|of| text(of, "/name") != "stranger");
        lost.map(|of| of["counts"]["disconnects"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(lost(&agent.status()), lost(&before));
}

#[test]
fn brokers_that_restart_again_and_again_are_always_found_again() {
    // In a row, waits grow up to a minute; in the long run each connection holds until they begin anew.
    let (rounds, hold) = match long() {
        true => (50, Duration::from_secs(11)),
        false => (4, Duration::ZERO),
    };
    let mut brokers = [
        ("keeps", Broker::start()),
        ("forgets", Broker::start_forgetful()),
        ("diskless", Broker::start_diskless()),
    ];
    let (mut config, mut names) = (String::new(), Vec::new());
    for (how, broker) in &brokers {
        for (short, version) in VERSIONS {
            let name = format!("{how}-{short}");
            let url = format!("mqtt://127.0.0.1:{}", broker.port());
            config += &source(&name, version, &url, "");
            names.push((name, broker.port()));
        }
    }
    let machines: Vec<(&str, u16)> = names
        .iter()
        .map(|(name, port)| (name.as_str(), *port))
        .collect();
    let receiver = Receiver::start();
    let agent = Agent::start(&(config + &to(&receiver)), &too_hot(""));
    all_hear(&agent, &machines, 10, wait::PATIENCE);
    let mut before = 0;
    for round in 1..=rounds {
        wait::pause(hold);
        for (_, broker) in &mut brokers {
            match round % 2 {
                0 => broker.stop(),
                _ => broker.kill(),
            }
        }
        for (_, broker) in &mut brokers {
            broker.resume();
        }
        all_hear(&agent, &machines, 10 + round, Duration::from_secs(150));
        if round == 3 {
            before = agent.memory("VmRSS");
        }
    }
    let after = agent.memory("VmRSS");
    assert!(after < before + 4096, "{before} KiB became {after} KiB");
    // Nothing was wrong with a value, and everybody is connected.
    let view = agent.status();
    for source in view["sources"].as_array().expect("a list") {
        assert_eq!(source["connection_fine"], true, "{source:#}");
        assert_eq!(source["counts"]["malformed"], 0, "{source:#}");
        assert!(
            source["counts"]["disconnects"].as_u64() >= Some(rounds as u64),
            "{source:#}"
        );
        // What such a broker had kept of us is said to be lost.
        if text(source, "/name").starts_with("forgets") {
            let forgotten = source["counts"]["sessions_forgotten"].as_u64();
            assert!(forgotten >= Some(rounds as u64), "{source:#}");
        }
    }
    for (name, port) in machines {
        publish(port, &topic(name), "97.3");
        receiver.hears(&format!("alert.triggered {name}/spindle-overtemp"));
    }
}

#[test]
fn two_agents_with_one_client_id_are_told_of_each_other() {
    let broker = Broker::start();
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    let config = VERSIONS.map(|(name, version)| {
        source(name, version, &url, &format!("client_id = \"same-{name}\""))
    });
    let config = config.concat();
    let agents = [(); 2].map(|()| Agent::start(&config, &too_hot("")));
    for (name, _) in VERSIONS {
        wait::within(Duration::from_secs(120), name, || {
            let told = format!("the client id `same-{name}`");
            agents
                .iter()
                .any(|agent| agent.log().contains(&told))
                .then_some(())
        });
    }
}

#[test]
fn others_see_whether_the_agent_is_there() {
    for (name, version) in VERSIONS {
        let broker = Broker::start();
        let url = format!("mqtt://127.0.0.1:{}", broker.port());
        let status = "status_topic = \"andon/status\"";
        let mut agent = Agent::start(&source(name, version, &url, status), &too_hot(""));
        let is = |state: &str| {
            let said = format!("andon/status {state}");
            wait::until(&said, || {
                (broker.retained("andon/status").trim() == said).then_some(())
            });
        };
        is("online");
        assert!(agent.stop().success());
        is("offline");
        agent.run();
        is("online");
        agent.kill();
        is("offline");
    }
}

#[test]
fn agents_of_a_group_share_what_is_published() {
    let broker = Broker::start();
    let machines =
        (1..=12).map(|n| format!("\n[[machine]]\nid = \"m-{n}\"\nclass = \"cnc-mill\"\n"));
    let machines = machines.collect::<String>();
    let members: Vec<_> = ["one", "two"]
        .iter()
        .map(|name| {
            let receiver = Receiver::start();
            let source = format!(
                r#"
[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
version = "5"
client_id = "{name}"
subscribe = [{{ topic = "$share/agents/plant/{{machine}}/temp", payload = "number", stale_after = "1h", tag = "spindle_temp", unit = "°C" }}]
"#,
                broker.port()
            );
            let agent = Agent::start(&(machines.clone() + &source + &to(&receiver)), &too_hot(""));
            (agent, receiver)
        })
        .collect();
    // Both have subscribed once both have heard something.
    let counted = |agent: &Agent| {
        let view = agent.status();
        view["sources"][0]["counts"]["messages"]
            .as_u64()
            .expect("a count")
    };
    wait::until("both hear their share", || {
        publish(broker.port(), "plant/m-1/temp", "20");
        members
            .iter()
            .all(|(agent, _)| counted(agent) > 0)
            .then_some(())
    });
    for machine in 1..=12 {
        publish(broker.port(), &format!("plant/m-{machine}/temp"), "97.3");
    }
    let told = wait::until("an alert of each machine", || {
        let mut told = members
            .iter()
            .flat_map(|(_, receiver)| receiver.stories())
            .collect::<Vec<_>>();
        told.retain(|story| story.starts_with("alert.triggered m-"));
        let machines: BTreeSet<_> = told.iter().collect();
        (machines.len() == 12).then_some(told)
    });
    assert_eq!(told.len(), 12, "nobody is told of twice: {told:?}");
    for (_, receiver) in &members {
        assert!(!receiver.stories().is_empty(), "one of them had no share");
    }
}

/// A real aedes; it ends with this value.
struct Aedes {
    child: Child,
    port: Port,
}

impl Aedes {
    fn start() -> Self {
        let port = Port::reserve();
        let mut child = javascript::script("aedes_broker.js")
            .arg(port.number.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node must be installed for this test: apt-get install nodejs npm");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("a line");
        assert_eq!(line, "listens\n");
        Self { child, port }
    }
}

impl Drop for Aedes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn another_broker_keeps_what_was_not_acknowledged_and_says_what_it_does_not_speak() {
    let (aedes, receiver) = (Aedes::start(), Receiver::start());
    let port = aedes.port.number;
    let url = format!("mqtt://127.0.0.1:{port}");
    let config = source("v3", "3.1.1", &url, "status_topic = \"andon/status\"")
        + &source("v5", "5", &url, "")
        + &to(&receiver);
    let mut agent = Agent::start(&config, &too_hot(""));
    all_hear(&agent, &[("v3", port)], 20, wait::PATIENCE);
    publish(port, "plant/v3/temp", "97.3");
    receiver.hears("alert.triggered v3/spindle-overtemp");
    // What comes while it is away waits.
    agent.kill();
    publish(port, "plant/v3/temp", "20");
    agent.run();
    receiver.hears("alert.resolved v3/spindle-overtemp");
    let told = "does not speak MQTT 5; set version = \\\"3.1.1\\\"";
    wait::until(told, || agent.log().contains(told).then_some(()));
}
