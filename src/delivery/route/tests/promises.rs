//! What holds of any routes, hours, limits and histories: whoever hears of an alert hears the rest of it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{super::*, event, names};
use crate::{
    alert::plant::Category,
    clock::Wall,
    delivery::{audience::Audience, calendar::Hours, hearing::Hearing},
};

const NAMES: [&str; 4] = ["ops", "pager", "chat", "boss"];

fn some_names() -> impl Strategy<Value = Vec<Arc<str>>> {
    prop::sample::subsequence(NAMES.to_vec(), 0..=3).prop_map(|some| names(&some))
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop::sample::select(EventKind::ALL.to_vec())
}

fn when() -> impl Strategy<Value = When> {
    let severities = prop::sample::subsequence(Severity::ALL.to_vec(), 0..=3);
    let categories = prop::sample::subsequence(Category::ALL.to_vec(), 0..=2);
    (severities, categories).prop_map(|(severity, category)| When {
        severity,
        category,
        ..When::default()
    })
}

fn some_route() -> impl Strategy<Value = Route> {
    let event = prop::sample::subsequence(EventKind::ALL.to_vec(), 0..=4);
    let hours = prop::sample::subsequence(vec!["day", "night"], 0..=2);
    (when(), event, hours, some_names(), any::<bool>()).prop_map(
        |(when, event, hours, to, goes_on)| Route {
            when,
            event,
            hours: names(&hours),
            to,
            goes_on,
            number: 0,
            place: None,
        },
    )
}

fn hours(id: &'static str) -> impl Strategy<Value = Hours> {
    let dates = prop::collection::btree_set(1_i8..28, 0..4);
    (any::<[bool; 7]>(), 0_u16..1440, 0_u16..=1440, dates).prop_map(
        move |(days, from, to, holidays)| Hours {
            id: id.into(),
            days,
            from,
            to,
            dates: BTreeSet::new(),
            holidays: holidays
                .into_iter()
                .map(|day| jiff::civil::date(2026, 10, day))
                .collect(),
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let kinds = prop::sample::subsequence(EventKind::ALL.to_vec(), 1..=9);
    (severity(), kinds).prop_map(|(min_severity, kinds)| Limits {
        min_severity,
        kinds,
    })
}

fn routes() -> impl Strategy<Value = Routes> {
    let limits = prop::collection::btree_map(
        prop::sample::select(NAMES.to_vec()).prop_map(Arc::from),
        limits(),
        0..3,
    );
    let default = prop::option::of(some_names());
    let list = prop::collection::vec(some_route(), 0..5);
    (list, default, limits, hours("day"), hours("night")).prop_map(
        |(routes, default, limits, day, night)| Routes {
            routes,
            default,
            limits,
            all: names(&NAMES),
            calendar: Calendar {
                zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
                hours: vec![day, night],
            },
        },
    )
}

/// Any event of one alert, at any time of the month in which the clocks change.
fn some_event() -> impl Strategy<Value = Event> {
    let at = 0_i64..31 * 24 * 60;
    let rule = prop::sample::select(vec!["overtemp", "andon.blind", "andon.disk"]);
    (kind(), severity(), at, any::<[bool; 2]>(), rule).prop_map(
        |(kind, severity, minute, [synchronised, shelved], rule)| {
            let mut event = event(kind, severity);
            event.at = Wall::from_millis(1_790_805_600_000 + minute * 60_000);
            event.synchronised = synchronised;
            event.alert.shelved = shelved || kind == EventKind::Shelved;
            event.alert.rule = rule.into();
            event
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The configuration changes before every event; whoever was owed one before is owed this one, plainly, unless it takes no
    /// events of this kind at all. A step calls whom it names.
    #[test]
    fn whoever_heard_hears_the_rest_whatever_is_configured_since(
        history in prop::collection::vec((routes(), some_event()), 1..12),
    ) {
        let mut audience = Audience::default();
        let mut heard: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut row = 0;
        for (routes, event) in &history {
            let (owed, _) = audience.owe(event, &[], routes);
            for name in &heard {
                let plainly = Owed { destination: name.clone(), as_trigger: false, withdrawable: false };
                let takes = routes.tells(&plainly, event.kind);
                let told = owed.iter().any(|owed| owed.destination == *name && !owed.as_trigger);
                let step = event.kind == EventKind::Escalated;
                prop_assert!(told == takes || step, "{name}: {owed:?} of {event:?}");
                let again = owed.iter().any(|owed| owed.destination == *name && owed.as_trigger);
                prop_assert!(!again, "{name} joins twice: {owed:?}");
            }
            for owed in owed {
                row += 1;
                audience.made(&owed.destination, row, false);
                heard.insert(owed.destination);
            }
        }
    }

    /// Who joins is told the state before anything else, except by the trigger and the end.
    #[test]
    fn who_joins_late_hears_the_state_first(routes in routes(), event in some_event()) {
        let owed = routes.route(&event, &BTreeSet::new());
        let mut first: BTreeSet<&Arc<str>> = BTreeSet::new();
        for owed in &owed {
            if first.insert(&owed.destination) {
                let late = event.kind != EventKind::Triggered && !event.kind.is_end();
                prop_assert_eq!(owed.as_trigger, late, "{:?}", owed);
            }
            prop_assert!(routes.calls(&owed.destination, event.alert.severity));
        }
        let shelf = event.kind == EventKind::Shelved;
        prop_assert!(!event.alert.shelved || shelf || owed.is_empty());
    }

    /// A clock that cannot be believed hides nothing from anybody.
    #[test]
    fn without_a_clock_everybody_is_told_who_would_be_with_one(
        routes in routes(),
        event in some_event(),
    ) {
        let occasion = Occasion::of(&event);
        let known = routes.targets(&Occasion { at: Some(event.at), ..occasion });
        let unknown = routes.targets(&Occasion { at: None, ..occasion });
        prop_assert!(known.iter().all(|name| unknown.contains(name)));
    }

    /// What is called unreachable is never reached.
    #[test]
    fn what_nothing_is_left_to_takes_nothing(routes in routes(), event in some_event()) {
        let occasion = Occasion { at: Some(event.at), ..Occasion::of(&event) };
        let verdicts = routes.judge(&occasion);
        for (index, route) in routes.routes.iter().enumerate() {
            if super::super::cover::nothing_left(&routes.routes[..index], route, false) {
                prop_assert!(!verdicts.routes[index].takes(), "{route:?}");
            }
        }
    }

    /// What `andon routes test` says is what happens.
    #[test]
    fn the_explanation_is_the_decision(routes in routes(), mut event in some_event()) {
        event.escalation = None;
        event.alert.shelved = false;
        let owed = routes.route(&event, &BTreeSet::new());
        let owed = owed.iter().filter(|owed| routes.tells(owed, event.kind));
        let owed: BTreeSet<&Arc<str>> = owed.map(|owed| &owed.destination).collect();
        let hearing = Hearing::of(&Occasion::of(&event), &routes, &[]);
        let told: BTreeSet<&Arc<str>> = hearing.told.iter().map(|told| &told.destination).collect();
        prop_assert_eq!(&owed, &told);
        prop_assert_eq!(told.len() + hearing.untold.len(), routes.all.len());
    }
}
