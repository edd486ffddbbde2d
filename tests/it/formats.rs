//! Every format and every scheme from the real program, read by receivers with nothing of andon in them.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, time::Duration};

use crate::support::{
    Agent, Answer, KEY, Received, Receiver, cold_device, mill, python, signatures, to, too_hot,
    wait,
};

/// A name that breaks what does not escape it, on one line as all names are.
const NAME: &str = "CNC \"Mill\" #1 & <b> {text} 100 % ö\\";

/// Path of the receiver, and what its destination has beside it. `$KEY` is the secret.
const DESTINATIONS: [(&str, &str); 8] = [
    (
        "structured",
        "format = 'cloudevents'\nsign = { scheme = 'bearer', secret = $KEY }",
    ),
    (
        "binary",
        "format = 'cloudevents'\nmode = 'binary'\nsign = { scheme = 'basic', user = 'plant-7', secret = $KEY }",
    ),
    ("hasp", "format = 'hasp'"),
    (
        "alertmanager",
        "format = 'alertmanager'\nreceiver = 'plant'\nsign = { scheme = 'x-signature', secret = $KEY }",
    ),
    (
        "haltless",
        "format = 'haltless'\nsign = { scheme = 'header', secret = $KEY }",
    ),
    (
        "json",
        r#"format = 'template'
method = 'PUT'
sign = { scheme = 'opshift', secret = $KEY }
body = '''{"event": "{event}", "machine": "{alert.machine_id}", "name": {alert.machine_name}, "value": {alert.metric_value},
  "priority": {alert.severity|map=critical:5,*:1}, "text": "{text|max=100}"}'''"#,
    ),
    (
        "form",
        r#"format = 'template'
content_type = 'application/x-www-form-urlencoded'
body = 'to=%2B491701234567&event={event}&machine={alert.machine_id}&name={alert.machine_name}'
sign = { scheme = 'x-signature', header = 'X-Hub-Signature-256', secret = $KEY }"#,
    ),
    ("get", "format = 'template'\nmethod = 'GET'"),
];

#[test]
fn what_is_sent_in_each_format_is_understood_by_its_receivers() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let plant = mill(&device).replace("\"CNC Mill #1\"", &format!("'{NAME}'"));
    let mut config = plant;
    for (name, more) in DESTINATIONS {
        let port = receiver.port();
        let rest = match name {
            "get" => "/{alert.machine_id}?event={event}&name={alert.machine_name}",
            _ => "",
        };
        let more = more.replace("$KEY", "{ file = 'ops.key' }");
        config += &format!(
            "\n[[destination]]\nname = '{name}'\ntype = 'webhook'\nurl = 'http://127.0.0.1:{port}/{name}{rest}'\n\
             allow_http = true\nallow_addresses = ['127.0.0.1/32:{port}']\ncall_every = '0s'\n{more}\n"
        );
    }
    let agent = Agent::start(&config, &too_hot(""));
    let told = |count: usize| {
        let limit = Duration::from_secs(60);
        wait::within(limit, "all receivers hear of it", || {
            (receiver.accepted().len() >= count).then_some(())
        })
    };
    device.holding(100, 973);
    told(DESTINATIONS.len());
    device.holding(100, 200);
    // All but Haltless hear the end.
    told(2 * DESTINATIONS.len() - 1);

    let requests = receiver.accepted();
    let mut heard = BTreeSet::new();
    for (request, read) in requests.iter().zip(python::read(&requests)) {
        assert_eq!(read["verdict"], "ok", "{read} of {request:?}");
        assert_eq!(read["machine"], "mill-1");
        assert_eq!(read["name"], NAME);
        let event = read["event"].as_str().expect("a word");
        heard.insert(format!("{} {event}", path(request)));
    }
    let expected = DESTINATIONS.iter().flat_map(|(name, _)| {
        let all = ["alert.triggered", "alert.resolved"].into_iter();
        let kinds = all.filter(|kind| *name != "haltless" || *kind == "alert.triggered");
        kinds
            .map(|kind| format!("{name} {kind}"))
            .collect::<Vec<_>>()
    });
    assert_eq!(heard, expected.collect());

    for (name, _) in DESTINATIONS {
        let tested = agent.verb("destinations", &["test", name]);
        let said =
            String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success(), "{said}");
        assert!(said.contains("accepted the test"), "{said}");
        assert!(!said.contains(KEY), "{said}");
    }
    assert!(!agent.log().contains(KEY));
}

#[test]
fn while_keys_are_exchanged_each_of_them_verifies_and_no_other() {
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const STRANGER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (device, receiver) = (cold_device(), Receiver::start());
    let both = "secrets = [{ file = \"new.key\" }, { file = \"ops.key\" }]";
    let one = "secret = { file = \"ops.key\" }";
    let config = (mill(&device) + &to(&receiver)).replace(one, both);
    let mut agent = Agent::new(&config, &too_hot(""));
    let new = agent.path("new.key");
    fs::write(&new, NEW).expect("the new key");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("its mode");
    agent.run();
    let tested = agent.verb("destinations", &["test", "ops"]);
    assert!(tested.status.success(), "{tested:?}");
    let requests = receiver.accepted();
    for key in [NEW, KEY] {
        signatures::verify_with(key, &requests);
    }
    signatures::refuse_with(STRANGER, &requests);
}

/// Ten attempts in a row, as HASP counts, and the others hear of it in its words.
#[test]
fn a_destination_that_fails_ten_times_is_deactivated_and_the_others_are_told() {
    let (mut device, broken, soc) = (cold_device(), Receiver::start(), Receiver::start());
    broken.answer(Answer::Status(500));
    let hasp = |name: &str, receiver: &Receiver, more: &str| {
        let port = receiver.port();
        format!(
            "\n[[destination]]\nname = '{name}'\ntype = 'webhook'\nformat = 'hasp'\nurl = 'http://127.0.0.1:{port}/'\n\
             allow_http = true\nallow_addresses = ['127.0.0.1/32:{port}']\n{more}\n"
        )
    };
    let retry = format!("retry = {:?}", ["1s"; 15]);
    let config = mill(&device) + &hasp("flaky", &broken, &retry) + &hasp("soc", &soc, "");
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let heard = wait::until("the other is told", || {
        let heard = soc.accepted().into_iter();
        let mut told = heard.map(|request| (request.headers.clone(), request.json()));
        told.find(|(_, body)| body["event_type"] == "alerting.destination_deactivated")
    });
    let (headers, body) = heard;
    assert_eq!(
        headers["x-hasp-alert-event-type"],
        "alerting.destination_deactivated"
    );
    assert_eq!(body["resource"]["type"], "destination");
    assert_eq!(body["resource"]["id"], "flaky");
    assert_eq!(broken.all().len(), 10);
    agent.shows("what waits for it", |view| view["store"]["pending"] != 0);
}

fn path(request: &Received) -> &str {
    let path = request.path.trim_start_matches('/');
    path.split(['/', '?']).next().unwrap_or_default()
}
