//! All kinds at once in the real program: one configuration, one alert from its first sample to its end, and a test of each.
//!
//! The table is that of all kinds; mail and MQTT go to programs of others beside it, as people have them.

use andon::destination::Abilities;
use serde_json::Value;

use super::{
    Case, Step, Verdict,
    case::{Expected, Facts, matches},
    cases, read,
    stand_in::{Mood, StandIn},
};
use crate::{
    mail::Relay,
    pipeline::sha256,
    support::{Agent, Broker, cold_device, mill, text, too_hot, wait},
};

/// Every secret in the configurations of the table holds this.
const CANARY: &str = "canary";
const POLICY: &str = "
[[policy]]
id = \"critical-15\"
name = \"Critical, 15min escalation\"
when = { severity = [\"critical\"] }
";

/// A destination and who stands in for its service.
struct Place {
    case: &'static Case,
    stand_in: Box<dyn StandIn>,
    lines: String,
    abilities: Abilities,
    /// How many requests were looked at.
    done: usize,
}

impl Place {
    fn new(case: &'static Case) -> Self {
        let stand_in = (case.stand_in)();
        let lines = stand_in.fill(case.config);
        let abilities = read(case, &lines).abilities();
        Self {
            case,
            stand_in,
            lines,
            abilities,
            done: 0,
        }
    }

    fn destination(&self) -> String {
        let Case { name, kind, .. } = self.case;
        let lines = &self.lines;
        format!(
            "\n[[destination]]\nname = \"{name}\"\ntype = \"{kind}\"\ncall_every = \"0s\"\n{lines}\n"
        )
    }

    /// The port of its stand-in, if it has one.
    fn port(&self) -> Option<u64> {
        let (_, rest) = self
            .lines
            .split_once("allow_addresses = [\"127.0.0.1/32:")?;
        rest.split('"').next()?.parse().ok()
    }

    /// Whether an escalation opens another incident there.
    fn rings(&self) -> bool {
        !self.abilities.notifies_again && self.abilities.new_incident
    }

    fn due(&self, step: Step) -> &'static [Expected] {
        self.case.told(match step {
            Step::Escalate if !self.abilities.calls_again(true) => return &[],
            Step::Escalate if self.rings() => Step::Ring,
            Step::Acknowledge if self.rings() => Step::TakeRung,
            Step::Resolve if self.rings() => Step::EndRung,
            step => step,
        })
    }

    /// Waits for what this step sends, and looks at it.
    fn hears(&mut self, step: Step, facts: &Facts) {
        let (due, what) = (self.due(step), format!("{}, {step:?}", self.case.name));
        let until = self.done + due.len();
        let seen = wait::until(&what, || {
            let seen = self.stand_in.so_far();
            (seen.len() >= until).then_some(seen)
        });
        matches(&what, &seen[self.done..until], due, facts);
        self.done = until;
    }

    /// How many requests have come that nobody has looked at.
    fn more(&self) -> usize {
        self.stand_in.so_far().len() - self.done
    }
}

fn all_hear(places: &mut [Place], step: Step, facts: &Facts) {
    for place in places {
        place.hears(step, facts);
    }
}

/// What the native webhook has just been told.
fn told(places: &[Place], count: usize) -> Value {
    let webhook = places.iter().find(|place| place.case.name == "webhook");
    let webhook = webhook.expect("there is one");
    let last = wait::until("the webhook is told", || {
        let seen = webhook.stand_in.so_far();
        seen.get(count - 1).cloned()
    });
    serde_json::from_str(&last.body).expect("JSON")
}

#[test]
fn one_agent_takes_an_alert_through_all_kinds_tests_each_and_lists_their_connections() {
    let mut device = cold_device();
    let (relay, broker) = (Relay::start("starttls"), Broker::start());
    let messages = broker.subscribe("andon/plant-7");
    let mut places: Vec<Place> = cases().map(Place::new).collect();
    let calls = |place: &&Place| place.abilities.calls_again(true);
    let called: Vec<&str> = places.iter().filter(calls).map(|of| of.case.name).collect();
    let mut config = mill(&device);
    config.extend(places.iter().map(Place::destination));
    config += &relay.destination("relay", "\"ops@example.com\"", "");
    let port = broker.port();
    config += &format!(
        "\n[[destination]]\nname = \"broker\"\ntype = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{port}\"\n\
         allow_addresses = [\"127.0.0.1/32:{port}\"]\ncall_every = \"0s\"\n"
    );
    config +=
        &format!("{POLICY}steps = [{{ after = \"6s\", to = {called:?}, new_incident = true }}]\n");
    let mut agent = Agent::new(&config, &too_hot(""));
    // Only the main file may say so.
    let main = agent.path("andon.toml");
    let written = std::fs::read_to_string(&main).expect("the configuration");
    let written = written.replace("[agent]\n", "[agent]\nallow_commands = true\n");
    std::fs::write(main, written).expect("the configuration");
    agent.run();

    device.holding(100, 973);
    let first = told(&places, 1);
    let mut facts = Facts {
        key: sha256("plant-7:spindle-overtemp:mill-1"),
        number: text(&first, "/alert/number").to_owned(),
        began: text(&first, "/alert/created_at").to_owned(),
        ended: String::new(),
        minutes: 1,
    };
    all_hear(&mut places, Step::Trigger, &facts);
    all_hear(&mut places, Step::Escalate, &facts);
    let taken = agent.verb("ack", &[&facts.number, "--by", "Jo"]);
    assert!(taken.status.success(), "{taken:?}");
    all_hear(&mut places, Step::Acknowledge, &facts);
    device.holding(100, 200);
    facts.ended = text(&told(&places, 4), "/alert/ended_at").to_owned();
    all_hear(&mut places, Step::Resolve, &facts);
    agent.shows("that nothing waits", |view| view["store"]["pending"] == 0);
    for place in &places {
        assert_eq!(place.more(), 0, "{} was told more", place.case.name);
    }
    by_mail(&relay.mails(3));
    over_mqtt(&messages.heard());
    let kept = broker.retained("andon/plant-7/alerts/mill-1/spindle-overtemp");
    assert!(kept.contains("\"state\":\"resolved\""), "{kept}");

    for place in &mut places {
        is_tested(place, &agent);
        is_tested_in_vain(place, &agent);
    }
    let needed = agent.json("check", &["--network", "--json"]);
    for place in &places {
        is_listed(place, &needed["network"]);
    }
    assert!(!needed.to_string().contains(CANARY), "{needed}");
    assert!(!agent.log().contains(CANARY), "a secret is in the log");
}

/// One thread of mails; nobody escalates to it.
fn by_mail(mails: &[Value]) {
    let header = |mail: &Value, name: &str| {
        let mut headers = mail["headers"].as_array().into_iter().flatten();
        let found = headers.find(|header| header[0] == name);
        found.map(|header| header[1].as_str().expect("text").to_owned())
    };
    let first = header(&mails[0], "Message-ID").expect("an id");
    for (mail, mark) in mails.iter().zip(["[CRITICAL]", "[ACK]", "[OK]"]) {
        let subject = header(mail, "Subject").expect("a subject");
        assert!(subject.starts_with(mark), "{subject}");
        let after = header(mail, "References").unwrap_or_default();
        assert_eq!(after.contains(&first), mark != "[CRITICAL]", "{after}");
    }
}

fn over_mqtt(heard: &[String]) {
    let events = heard.iter().filter_map(|line| {
        let payload = line.strip_prefix("andon/plant-7/events ")?;
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        Some(text(&payload, "/event").to_owned())
    });
    let events: Vec<String> = events.collect();
    assert_eq!(
        events,
        ["alert.triggered", "alert.acknowledged", "alert.resolved"]
    );
}

/// Runs the verb, and gives what it says.
fn tested(place: &Place, agent: &Agent, accepted: bool) -> String {
    let name = place.case.name;
    let output = agent.verb("destinations", &["test", name]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), accepted, "{said}");
    let verdict = match accepted {
        true => format!("{name} accepted the test ("),
        false => format!("{name} did not accept the test ("),
    };
    assert!(said.contains(&verdict), "{said}");
    for mark in ["> ", "< "] {
        let shown = said.lines().any(|line| line.starts_with(mark));
        assert!(shown, "{name}: nothing behind {mark}in {said}");
    }
    assert!(!said.contains(CANARY), "{said}");
    said.into_owned()
}

/// It shows what was sent and answered, in one attempt, and ends itself where that can be.
fn is_tested(place: &mut Place, agent: &Agent) {
    tested(place, agent, true);
    let facts = Facts {
        key: sha256(&format!("plant-7:andon.test:{}", place.case.name)),
        ..Facts::default()
    };
    place.hears(Step::Test, &facts);
    place.hears(Step::EndTest, &facts);
    assert_eq!(place.more(), 0, "{}: one attempt", place.case.name);
}

/// Who refuses is asked once, and what it says is shown without what it must not repeat.
fn is_tested_in_vain(place: &mut Place, agent: &Agent) {
    // The others keep a connection, and with it the mood in which it was opened.
    let moods: &[Mood] = match place.lines.contains("allow_http") {
        true => &[Mood::Denied, Mood::Parrot],
        false if place.case.kind == "command" => &[Mood::Denied],
        false => return,
    };
    for mood in moods {
        place.stand_in.becomes(*mood);
        let said = tested(place, agent, false);
        let expected = place.due(Step::Test).len();
        assert!(place.more() <= expected, "{}: {said}", place.case.name);
        if *mood == Mood::Denied {
            let (verdict, why) = place.case.trouble(*mood);
            assert_eq!(verdict, Verdict::Waits, "{}", place.case.name);
            assert!(
                said.contains(why),
                "{}: no {why} in {said}",
                place.case.name
            );
        }
        place.done += place.more();
    }
    place.stand_in.becomes(Mood::Well);
}

/// A firewall has to let through one connection to its service, and none where nothing leaves this host.
fn is_listed(place: &Place, network: &Value) {
    let name = place.case.name;
    let openings = network.as_array().into_iter().flatten();
    let found: Vec<&Value> = openings
        .filter(|opening| {
            let mut purposes = opening["for"].as_array().into_iter().flatten();
            purposes.any(|purpose| purpose["what"] == "destination" && purpose["name"] == name)
        })
        .collect();
    let Some(port) = place.port() else {
        assert!(found.is_empty(), "{name}: {found:?}");
        return;
    };
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    let (host, tls) = (&found[0]["host"], &found[0]["tls"]);
    assert!(host == "127.0.0.1" && tls == false, "{name}: {found:?}");
    assert_eq!(found[0]["port"], port, "{name}");
}
