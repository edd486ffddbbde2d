//! What the broker had kept, in each of its meanings, at the start of the agent and over a restart of it.

use serde_json::{Value, json};

use crate::support::{Agent, Broker, Publisher, Receiver, text, to, view};

fn config(broker: &Broker, receiver: &Receiver) -> String {
    let mut config = format!(
        "[[source.mqtt]]\nname = \"cell\"\nurl = \"mqtt://127.0.0.1:{}\"\n",
        broker.port()
    );
    for retained in ["use", "state", "ignore"] {
        config += &format!(
            r#"
[[source.mqtt.subscribe]]
topic = "door/{retained}"
machine = "{retained}"
# Nothing waits at the broker while the agent is away.
qos = 0
retained = "{retained}"
payload = "text"
stale_after = "1h"
tag = "door"
values = {{ "SHUT" = 0, "OPEN" = 1 }}
[[machine]]
id = "{retained}"
class = "door"
"#
        );
    }
    config + &to(receiver)
}

const RULE: &str = r#"
[[rule]]
id = "open"
machine_class = "door"
tag = "door"
equals = "OPEN"
off_delay = "0s"
severity = "error"
"#;

fn door(view: &Value, machine: &str) -> (String, bool) {
    let tag = &view::machine(view, machine)["tags"][0];
    (text(tag, "/value").to_owned(), tag["retained"] == true)
}

fn open(view: &Value) -> Vec<&str> {
    let alerts = view["alerts"].as_array().expect("alerts");
    alerts.iter().map(|alert| text(alert, "/machine")).collect()
}

#[test]
fn what_was_kept_is_used_or_tells_how_things_stand_or_is_ignored() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let mut say = |machine: &str, payload: &str, retain: bool| {
        let topic = format!("door/{machine}");
        publisher.order(&json!({ "topic": topic, "payload": payload, "retain": retain }));
    };
    for machine in ["use", "state", "ignore"] {
        say(machine, "OPEN", true);
    }
    let mut agent = Agent::start(&config(&broker, &receiver), RULE);
    let view = agent.shows("what was kept", |view| {
        door(view, "use").1 && door(view, "state").1
    });
    assert_eq!(door(&view, "state"), ("OPEN (1)".to_owned(), true));
    assert_eq!(door(&view, "ignore"), (String::new(), false));
    receiver.hears("alert.triggered use/open");
    assert_eq!(open(&agent.status()), ["use"]);
    let status = agent.verb("status", &["--tags"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("OPEN (1) (retained)"), "{said}");

    // The same said anew raises, and is over a restart what it was.
    say("state", "OPEN", true);
    receiver.hears("alert.triggered state/open");
    agent.stop();
    agent.run();
    let view = agent.shows("what was kept again", |view| door(view, "state").1);
    assert!(open(&view).contains(&"state"), "{view}");

    // While the agent is away the door is shut, and all that is heard of that is what was kept.
    agent.stop();
    say("state", "SHUT", true);
    agent.run();
    receiver.hears("alert.resolved state/open");
    let stories = receiver.stories();
    let told = |story: &str| stories.iter().filter(|of| **of == story).count();
    assert_eq!(told("alert.triggered state/open"), 1, "{stories:?}");
    assert_eq!(told("alert.reopened state/open"), 0, "{stories:?}");
    assert_eq!(told("alert.triggered ignore/open"), 0, "{stories:?}");
}
