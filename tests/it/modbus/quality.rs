//! What is bad, why, since when and what it was before: of a real device that is refused, faulty, silent, gone and back.

use serde_json::{Value, json};

use crate::support::{Agent, Broker, Device, Receiver, text, to, view::tag, wait};

/// Two units behind one link, and a broker. Of unit 1 one address is not there and one sensor is broken.
fn plant(device: &Device, broker: &Broker) -> String {
    format!(
        r#"
[[machine]]
id = "mill-1"
[[machine]]
id = "mill-2"
[[machine]]
id = "oven"

[[source.modbus]]
name = "hall-2"
address = "tcp://127.0.0.1:{}"
poll = "200ms"
timeout = "500ms"
stale_after = "1m"
units = [
  {{ id = 1, machine = "mill-1", tags = [
    {{ tag = "temp", read = "holding:100", type = "i16", scale = 0.1, unit = "°C", decimals = 1 }},
    {{ tag = "nowhere", read = "holding:10000" }},
    {{ tag = "last", read = "holding:9999" }},
    {{ tag = "probe", read = "holding:101", type = "i16", scale = 0.1, unit = "°C", invalid = [3276.7] }},
  ] }},
  {{ id = 2, machine = "mill-2", tags = [
    {{ tag = "temp", read = "holding:100", type = "i16", scale = 0.1, unit = "°C", decimals = 1 }},
    {{ tag = "door", read = "coil:3" }},
  ] }},
]

[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
subscribe = [{{ topic = "oven/temp", machine = "oven", payload = "number", stale_after = "2s", tag = "temp", unit = "°C" }}]
"#,
        device.port(),
        broker.port()
    )
}

fn rule(id: &str, machine: &str, tag: &str) -> String {
    format!(
        "\n[[rule]]\nid = \"{id}\"\nmachine = \"{machine}\"\ntag = \"{tag}\"\nabove = 95.0\nseverity = \"error\"\n"
    )
}

fn rules() -> String {
    rule("hot", "mill-1", "temp")
        + &rule("probe-hot", "mill-1", "probe")
        + &rule("hot", "mill-2", "temp").replace("\"hot\"", "\"too-hot\"")
        + &rule("oven-hot", "oven", "temp")
}

fn reason<'v>(view: &'v Value, name: &str) -> &'v str {
    text(tag(view, name), "/reason")
}

fn is_good(view: &Value, name: &str) -> bool {
    let tag = tag(view, name);
    tag["value"].is_string() && tag["bad"].is_null()
}

/// Texts of the calls about what is blind so far.
fn blind(receiver: &Receiver) -> Vec<String> {
    let all = receiver.accepted().into_iter().map(|one| one.json());
    let calls = all.filter(|body| {
        text(body, "/alert/rule_id") == "andon.blind" && text(body, "/event") == "alert.triggered"
    });
    calls.map(|body| text(&body, "/text").to_owned()).collect()
}

fn call(receiver: &Receiver, about: &str) -> String {
    wait::until(&format!("a call about {about}"), || {
        blind(receiver)
            .into_iter()
            .find(|text| text.contains(about))
    })
}

#[test]
fn every_bad_tag_says_why_and_what_it_was_and_each_outage_is_one_alert() {
    let registers = json!({ "100": [712, 32767], "9999": [7] });
    let mut device = Device::start(&json!({
        "1": { "holding": registers }, "2": { "holding": { "100": [250] }, "coil": { "3": [1] } },
    }));
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let agent = Agent::start(&(plant(&device, &broker) + &to(&receiver)), &rules());

    // One address of the unit is not there, one sensor is broken: their neighbours are read all the same.
    let view = agent.shows(
        "a quarantined address, a sensor fault and good neighbours",
        |view| {
            reason(view, "mill-1/nowhere") == "exception_2"
                && reason(view, "mill-1/probe") == "sensor_fault"
                && is_good(view, "mill-1/temp")
                && is_good(view, "mill-1/last")
                && is_good(view, "mill-2/door")
        },
    );
    let nowhere = tag(&view, "mill-1/nowhere");
    assert_eq!(
        nowhere["bad"],
        "configuration fault: Modbus exception 2 (illegal data address)"
    );
    assert_eq!(
        (&nowhere["value"], &nowhere["good_seconds"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(tag(&view, "mill-1/temp")["value"], "71.2 °C");
    assert_eq!(tag(&view, "mill-2/temp")["modbus_unit"], 2);
    let about = call(&receiver, "sensor fault");
    assert!(about.contains("not watched: probe-hot"), "{about}");
    assert!(
        about.contains("Check the sensor and its wiring."),
        "{about}"
    );

    // A topic that falls silent keeps its last value, which grows old.
    agent.shows("a value of the topic", |view| {
        broker.publish("oven/temp", "180.5");
        is_good(view, "oven/temp")
    });
    let view = agent.shows("a stale tag", |view| reason(view, "oven/temp") == "stale");
    let oven = tag(&view, "oven/temp");
    assert_eq!(oven["bad"], "nothing heard for too long");
    assert!(text(oven, "/value").starts_with("180"), "{oven:#}");
    assert!(oven["good_seconds"].as_f64() >= Some(2.0), "{oven:#}");
    assert!(text(oven, "/bad_since").ends_with('Z'), "{oven:#}");
    let about = call(&receiver, "nothing heard for too long");
    assert!(about.contains("not watched: oven-hot"), "{about}");

    // One unit falls silent: one alert about it, and the other unit goes on.
    device.say("mute 2");
    let view = agent.shows("a silent unit", |view| {
        reason(view, "mill-2/temp") == "no_answer" && reason(view, "mill-2/door") == "no_answer"
    });
    let silent = tag(&view, "mill-2/temp");
    assert_eq!(
        (&silent["value"], &silent["bad"]),
        (&json!("25.0 °C"), &json!("no answer"))
    );
    let about = call(&receiver, "unit 2");
    assert!(
        about.contains(&format!(
            "no answer from 127.0.0.1:{} unit 2; not watched: too-hot",
            device.port()
        )),
        "{about}"
    );
    assert!(about.contains("Check power and cable."), "{about}");
    let view = agent.shows("what is not as it should be behind the link", |view| {
        view["sources"][0]["counts"]["polls_left_out"].as_u64() > Some(0)
    });
    let refused = "refused by the device: mill-1/nowhere (holding:10000)";
    assert_eq!(
        view["sources"][0]["notes"],
        json!([refused, "no answer from unit 2"])
    );
    let said = agent.verb("status", &[]).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    for note in [refused, "no answer from unit 2", "polls left out"] {
        let mut lines = said.lines().filter(|line| line.starts_with("hall-2: "));
        assert!(lines.any(|line| line.contains(note)), "{note}\n{said}");
    }
    assert!(is_good(&agent.status(), "mill-1/temp"));
    device.say("unmute");
    agent.shows("the unit again", |view| {
        is_good(view, "mill-2/temp") && view["sources"][0]["notes"] == json!([refused])
    });
    receiver.hears("alert.resolved andon/andon.blind");

    // The whole device goes: one alert for both units, with everything that is not watched.
    let before = blind(&receiver).len();
    device.switch_off();
    let view = agent.shows("a device that is gone", |view| {
        ["mill-1/temp", "mill-1/nowhere", "mill-2/temp"]
            .iter()
            .all(|name| reason(view, name) == "unreachable")
    });
    assert_eq!(tag(&view, "mill-1/temp")["value"], "71.2 °C");
    assert_eq!(tag(&view, "mill-1/temp")["bad"], "no connection");
    let about = call(&receiver, "no connection");
    assert!(
        about.contains(&format!(
            "no connection from 127.0.0.1:{}; not watched: mill-1/hot, mill-1/probe-hot, mill-2/too-hot",
            device.port()
        )),
        "{about}"
    );
    assert_eq!(
        blind(&receiver).len(),
        before + 1,
        "{:#?}",
        blind(&receiver)
    );

    // What a person sees of it.
    let said = agent.verb("status", &["--tags"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = said.lines().find(|line| line.starts_with("mill-1/temp "));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    for part in ["71.2 °C", "hall-2 unit 1", "no connection, for "] {
        assert!(line.contains(part), "{line}");
    }
    device.switch_on();
    agent.shows("everything as before", |view| {
        is_good(view, "mill-1/temp")
            && is_good(view, "mill-2/door")
            && reason(view, "mill-1/nowhere") == "exception_2"
    });
}
