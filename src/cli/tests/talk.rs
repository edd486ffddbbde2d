//! Verbs that talk to an agent.

use super::{ask, talk, *};
use crate::api::{
    tests::{Fake, Script, view},
    view::{SourceView, TroubleView},
};

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn status_shows_everything_the_worst_first() {
    let said = ask(&["status"]).await.ended(Exit::Fine);
    let expected = text(&[
        "Plant 7 (plant-7): 1 open alert, 2 watches, 1 of them cannot see",
        "andon 0.1.0, up 2 h 5 min, configuration /etc/andon/andon.toml (3f2a9c01d2e4)",
        "store /var/lib/andon (3.0 MiB of at most 256.0 MiB, 5.0 MiB written a day), 3 deliveries waiting (the oldest 3 min 10 s), clock synchronised",
        "",
        "Open alerts",
        "ALERT   SEVERITY  STATE   SINCE   MACHINE  RULE  TEXT",
        "A-1042  critical  active  14 min  mill-1   hot   spindle 97.3 °C, limit 95.0 °C",
        "",
        "Silenced",
        "WHAT         STILL       BY     WHY",
        "lathe-2/hot  1 h 30 min  maria  new spindle",
        "",
        "Machines",
        "MACHINE  NAME     CLASS  STATE  NOT WATCHED",
        "mill-1   MILL-1   -      alert",
        "lathe-2  LATHE-2  -      blind  hot",
        "",
        "Destinations",
        "DESTINATION  TYPE     STATE        WAITING  OLDEST  WHY",
        "broken       webhook  unreachable  3        3 min   connection refused",
        "ops          webhook  ok           0        -",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn status_names_whom_to_call_if_somebody_was_named() {
    let mut view = view();
    view.contact = "shift leader, 4711".to_owned();
    let fake = Fake::with(Script {
        view: Some(view),
        ..Script::default()
    });
    let said = talk(&fake.socket, &["status"]).await.ended(Exit::Fine);
    assert!(said.contains("\ncontact: shift leader, 4711\n\n"), "{said}");
}

#[tokio::test]
async fn status_shows_sources_the_worst_first() {
    let source = |name: &str, state: &str, heard, why: Option<&str>| SourceView {
        name: name.to_owned(),
        kind: "modbus".to_owned(),
        address: "10.0.0.1:502".to_owned(),
        state: state.to_owned(),
        heard_seconds: heard,
        why: why.map(str::to_owned),
        connection: Some(format!("connected, {state}")),
        connection_fine: state == "ok",
        ..SourceView::default()
    };
    let mut view = view();
    let trouble = TroubleView {
        what: "malformed".to_owned(),
        text: "payloads not understood".to_owned(),
        count: 3,
        last: Some("a/\u{1b}b: it is not JSON".to_owned()),
        last_seconds: Some(61),
    };
    view.sources = vec![
        SourceView {
            troubles: vec![trouble],
            ..source("hall-1", "ok", Some(1), None)
        },
        source("hall-2", "silent", Some(125), Some("no answer")),
        source("hall-3", "waiting", None, None),
    ];
    let fake = Fake::with(Script {
        view: Some(view),
        ..Script::default()
    });
    let said = talk(&fake.socket, &["status"]).await.ended(Exit::Fine);
    let sources = text(&[
        "",
        "Sources",
        "SOURCE  TYPE    ADDRESS       STATE    HEARD          WHY",
        "hall-2  modbus  10.0.0.1:502  silent   2 min 5 s ago  no answer",
        "hall-3  modbus  10.0.0.1:502  waiting  never",
        "hall-1  modbus  10.0.0.1:502  ok       1 s ago",
        "hall-1: 3 payloads not understood, the last 1 min 1 s ago: a/ b: it is not JSON",
        "hall-2: connected, silent",
        "hall-3: connected, waiting",
        "",
    ]);
    assert!(said.contains(&sources), "{said}");
}

#[tokio::test]
async fn times_are_in_the_zone_of_the_site_and_in_utc_for_programs() {
    let mut view = view();
    view.timezone = "Europe/Berlin".to_owned();
    let fake = Fake::with(Script {
        view: Some(view),
        ..Script::default()
    });
    for verb in [
        &["alerts", "show", "A-1042"][..],
        &["outbox"],
        &["outbox", "show", "7"],
    ] {
        let said = talk(&fake.socket, verb).await.ended(Exit::Fine);
        let (people, _) = said.split_once("Body").unwrap_or((&said, ""));
        assert!(people.contains(" CEST"), "{verb:?}: {said}");
        assert!(!people.contains(" UTC"), "{verb:?}: {said}");
        let json = talk(&fake.socket, &[verb, &["--json"]].concat())
            .await
            .ended(Exit::Fine);
        assert!(
            json.contains("2026-04-04T") && json.contains("Z\""),
            "{json}"
        );
    }
}

#[tokio::test]
async fn status_with_tags_shows_values_and_why_some_are_missing() {
    let said = ask(&["status", "--tags"]).await.ended(Exit::Fine);
    let tags = text(&[
        "",
        "Tags",
        "TAG           VALUE    AGE        SOURCE         BAD",
        "lathe-2/temp  71.2 °C  2 min 5 s  hall-2         no answer, for 2 min",
        "mill-1/temp   97.3 °C  1 s        hall-2 unit 1",
        "",
        "Destinations",
    ]);
    assert!(said.contains(&tags), "{said}");
}

#[tokio::test]
async fn status_is_not_fine_when_the_agent_has_a_problem_or_is_not_there() {
    for problem in [true, false] {
        let mut view = view();
        let text = "config-refused: andon.toml:4\u{1b}[2J".to_owned();
        match problem {
            true => view.problems.push(text),
            false => view.config.refused.push(text),
        }
        let fake = Fake::with(Script {
            view: Some(view),
            ..Script::default()
        });
        let said = talk(&fake.socket, &["status"]).await.ended(Exit::NotFine);
        assert!(said.contains("problem: config-refused: andon.toml:4 [2J\n"));
        let json = talk(&fake.socket, &["status", "--json"]).await;
        assert_eq!(json.exit, Exit::NotFine);
    }
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("andon.sock");
    let said = talk(&socket, &["status"]).await;
    assert_eq!(said.exit, Exit::NotFine);
    assert!(
        said.error
            .contains(&format!("there is no {}", socket.display()))
    );
    drop(crate::api::bind(&socket).unwrap());
    let said = talk(&socket, &["status"]).await;
    assert!(said.error.contains("nobody listens on"), "{}", said.error);
    assert!(said.error.contains("andon run"));
}

#[tokio::test]
async fn every_table_has_its_json() {
    for args in [
        &["status"][..],
        &["alerts"],
        &["alerts", "list", "--all"],
        &["alerts", "show", "A-1042"],
        &["destinations"],
        &["destinations", "test", "ops"],
        &["outbox"],
        &["outbox", "show", "7"],
    ] {
        let said = ask(&[args, &["--json"]].concat()).await.ended(Exit::Fine);
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(json.is_object() || json.is_array(), "{args:?}");
        assert!(said.contains("ops") || said.contains("A-1042"), "{args:?}");
    }
}

#[tokio::test]
async fn alerts_are_listed() {
    let said = ask(&["alerts", "--all"]).await.ended(Exit::Fine);
    let expected = text(&[
        "ALERT   SEVERITY  STATE     SINCE   MACHINE  RULE  TEXT",
        "A-1042  critical  active    14 min  mill-1   hot   spindle 97.3 °C, limit 95.0 °C",
        "A-7     critical  resolved  14 min  mill-1   hot   spindle 97.3 °C, limit 95.0 °C",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn an_alert_is_shown_with_its_story() {
    let said = ask(&["alerts", "show", "mill-1/hot"])
        .await
        .ended(Exit::Fine);
    let expected = text(&[
        "A-1042 critical active",
        "spindle 97.3 °C, limit 95.0 °C",
        "  machine      CNC Mill #1 (mill-1)",
        "  rule         hot",
        "  level        hihi",
        "  value        97.3 °C",
        "  limit        95.0 °C",
        "  triggered    2026-04-04 10:16:05 UTC",
        "  ended        -",
        "  occurrences  1",
        "  dedup_key    5b1e",
        "",
        "What happened",
        "TIME                     EVENT         BY               TEXT",
        "2026-04-04 10:16:05 UTC  triggered     -                spindle 97.3 °C",
        "2026-04-04 10:20:05 UTC  acknowledged  Otto (as typed)  taken / on my way",
        "",
        "Who was told",
        "ID  DESTINATION  EVENT      DECIDED                  OUTCOME                           WHEN                     ATTEMPTS  THEIR ID",
        "7   ops          triggered  2026-04-04 10:16:05 UTC  pending: 503 Service Unavailable  -                        2         -",
        "8   ops          triggered  2026-04-04 10:16:05 UTC  accepted by ops (HTTP 202)        2026-04-04 10:16:07 UTC  2         evt-8",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn machines_are_listed_with_where_they_come_from() {
    let said = ask(&["machines"]).await.ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("MACHINE"), "{said}");
    let row = |id: &str| *lines.iter().find(|line| line.starts_with(id)).expect(id);
    assert!(row("mill-1").contains("configuration"), "{said}");
    let found = row("lathe-2");
    for part in ["source cell", "2026-04-04 09:00:00 UTC", "line=l1"] {
        assert!(found.contains(part), "{said}");
    }
    let json = ask(&["machines", "--json"]).await.ended(Exit::Fine);
    assert!(
        json.contains("\"since\": \"2026-04-04T09:00:00Z\""),
        "{json}"
    );
}

#[tokio::test]
async fn commands_say_what_they_did() {
    for (args, expected) in [
        (&["ack", "A-1042"][..], "A-1042 acknowledged"),
        (
            &["ack", "mill-1/hot", "--note", "on my way"],
            "A-1042 acknowledged",
        ),
        (&["close", "A-1042", "--why", "gone"], "A-1042 closed"),
        (
            &["shelve", "site", "--for", "2h", "--why", "x"],
            "Site shelved",
        ),
        (
            &["shelve", "mill-1", "--for", "2h", "--why", "x"],
            "mill-1 is silenced for 2h",
        ),
        (&["unshelve", "A-7"], "Alert(7) unshelved"),
        (
            &["machines", "forget", "mill-9"],
            "A-1043 mill-9/hot closed, critical",
        ),
        (&["outbox", "retry", "7"], "delivery 7 is tried again now"),
        (
            &["outbox", "drop", "7", "--why", "x"],
            "delivery 7 is dropped",
        ),
    ] {
        assert_eq!(ask(args).await.ended(Exit::Fine), text(&[expected]));
    }
}

#[tokio::test]
async fn a_typed_name_reaches_the_agent_as_claimed() {
    let fake = Fake::start();
    let args = ["ack", "A-1042", "--by", "Otto"];
    talk(&fake.socket, &args).await.ended(Exit::Fine);
    let by = fake.command().by;
    assert_eq!((&*by.name, by.claimed), ("Otto", true));
}

#[tokio::test]
async fn refusals_are_not_fine_and_what_makes_no_sense_is_usage() {
    for (args, exit, word) in [
        (&["ack", "A-7"][..], Exit::NotFine, "over already"),
        (&["ack", "A-9"], Exit::NotFine, "no alert"),
        (&["ack", "A"], Exit::Usage, "names no alert"),
        (&["unshelve", "lathe-2"], Exit::NotFine, "not shelved"),
        (
            &["machines", "forget", "mill-1"],
            Exit::NotFine,
            "is configured",
        ),
        (
            &["machines", "forget", "mill-8"],
            Exit::NotFine,
            "`andon machines` lists them",
        ),
        (
            &["machines", "forget", "Mill 1"],
            Exit::Usage,
            "names no machine",
        ),
        (
            &["shelve", "site", "--for", "2", "--why", "x"],
            Exit::Usage,
            "2h",
        ),
        (&["close", "A-1042", "--why", ""], Exit::Usage, "reason"),
        (&["alerts", "show", "A-9"], Exit::NotFine, "no alert"),
        (&["outbox", "retry", "8"], Exit::NotFine, "is accepted"),
        (&["outbox", "--state", "lost"], Exit::Usage, "pending"),
        (
            &["destinations", "test", "x"],
            Exit::NotFine,
            "no destination",
        ),
    ] {
        let said = ask(args).await;
        assert_eq!(said.exit, exit, "{args:?}");
        assert!(said.error.contains(word), "{}", said.error);
        assert_eq!(said.out, "");
    }
}

#[tokio::test]
async fn a_reload_of_a_bad_configuration_says_each_mistake() {
    let said = ask(&["reload"]).await.ended(Exit::Fine);
    let expected = text(&[
        "warning: andon.toml:3: a warning",
        "configuration 3f2a9c01d2e4 runs now",
    ]);
    assert_eq!(said, expected);
    let fake = Fake::with(Script {
        mistakes: vec!["andon.toml:4: bad".to_owned(), "b.toml:1: worse".to_owned()],
        ..Script::default()
    });
    let said = talk(&fake.socket, &["reload"]).await;
    assert_eq!(said.exit, Exit::Configuration);
    let lines: Vec<&str> = said.error.lines().collect();
    assert_eq!(lines[1..], ["andon.toml:4: bad", "b.toml:1: worse"]);
}

#[tokio::test]
async fn destinations_are_listed_the_worst_first() {
    let said = ask(&["destinations"]).await.ended(Exit::Fine);
    let expected = text(&[
        "DESTINATION  TYPE     STATE        WAITING  OLDEST  WHY",
        "broken       webhook  unreachable  3        3 min   connection refused",
        "ops          webhook  ok           0        -",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_test_that_is_not_accepted_is_not_fine() {
    let said = ask(&["destinations", "test", "ops"]).await;
    let expected = [
        "> POST https://ops.example.com/andon",
        "< 204 No Content",
        "ops accepted the test (12 ms)",
    ];
    assert_eq!(said.ended(Exit::Fine), text(&expected));
    let said = ask(&["destinations", "test", "broken"]).await;
    let said = said.ended(Exit::NotFine);
    assert!(said.contains("broken did not accept the test"), "{said}");
}

#[tokio::test]
async fn the_outbox_shows_what_waits_unless_it_is_asked_for_more() {
    let said = ask(&["outbox"]).await.ended(Exit::Fine);
    let expected = text(&[
        "ID  DESTINATION  STATE    ALERT   EVENT      DECIDED                  ATTEMPTS  RESULT",
        "7   ops          pending  A-1042  triggered  2026-04-04 10:16:05 UTC  2         503 Service Unavailable",
    ]);
    assert_eq!(said, expected);
    let all = ask(&["outbox", "--state", "all"]).await.ended(Exit::Fine);
    assert_eq!(all.lines().count(), 3, "{all}");
    let none = ask(&["outbox", "--destination", "pager"]).await;
    assert_eq!(none.ended(Exit::Fine), "nothing waits\n");
}

#[tokio::test]
async fn the_outbox_is_read_to_its_oldest_however_many_are_asked_for() {
    let fake = Fake::with(Script {
        older: 450,
        ..Script::default()
    });
    for (limit, lines) in [("0", 1), ("200", 201), ("201", 202), ("1000", 453)] {
        let verb = ["outbox", "--state", "all", "--limit", limit];
        let said = talk(&fake.socket, &verb).await.ended(Exit::Fine);
        assert_eq!(said.lines().count(), lines, "{limit}: {said}");
    }
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts_and_body() {
    let said = ask(&["outbox", "show", "7"]).await.ended(Exit::Fine);
    let expected = text(&[
        "delivery 7 to ops: pending, triggered of A-1042, number 42 there",
        "  event        2026-04-04 10:16:05 UTC: spindle 97.3 °C",
        "  told because the routes choose it",
        "  waits for    delivery 5, an older one of the same watch",
        "  decided      2026-04-04 10:16:05 UTC",
        "  next try     due; waits for its turn, or for the destination to answer again",
        "  settled      -",
        "  outcome      pending: 503 Service Unavailable, used 2 attempts",
        "",
        "Attempts",
        "TIME                     TOOK   ATTEMPTS  RESULT                   THEIR ID",
        "2026-04-04 10:16:06 UTC  31 ms  1         503 Service Unavailable  req-9",
        "",
        "Body",
        "{",
        "  \"id\": \"01JQ\",",
        "  \"kind\": \"triggered\"",
        "}",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn colours_are_for_terminals_only() {
    let fake = Fake::start();
    let cli = Cli::try_parse_from(["andon", "alerts"]).unwrap();
    let Verb::Talk(verb) = cli.verb else {
        panic!("alerts talk");
    };
    let (mut out, mut input) = (Vec::new(), &b""[..]);
    let mut terminal = terminal(&mut out, &mut input);
    terminal.colour = true;
    crate::cli::talk(verb, &fake.socket, &mut terminal)
        .await
        .unwrap();
    let coloured = String::from_utf8(out).unwrap();
    assert!(
        coloured.contains("\x1b[31mcritical\x1b[0m  "),
        "{coloured:?}"
    );
    let plain = talk(&fake.socket, &["alerts"]).await.ended(Exit::Fine);
    assert!(!plain.contains('\x1b'));
}

#[tokio::test]
async fn an_import_says_what_came_of_it_and_is_not_fine_where_something_was_unreadable() {
    let said = ask(&["outbox", "import", "/data/old.db"]).await;
    let said = said.ended(Exit::NotFine);
    let expected = text(&[
        "3 were pending there, 2 are owed now, 1 were known; open alerts taken up: 1",
        "cannot be read: a page of /data/old.db",
    ]);
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_backup_that_the_agent_refuses_leaves_no_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup.db");
    let said = ask(&["backup", file.to_str().unwrap()]).await;
    assert!(said.error.contains("another backup"), "{}", said.error);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
