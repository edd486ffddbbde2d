//! What `check` says about routes: who would hear of nothing, and how alerts are taken.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    alert::plant::Machine,
    clock::Wall,
    config::{Loaded, machine::AGENT, section::Problem},
    delivery::silence::{Silence, silences},
};

/// So many silences are told one by one, and so many times and machines of each.
const MOST: usize = 10;
const FEW: usize = 3;

/// What would not be heard, as warnings.
pub(super) fn warnings(loaded: &Loaded, now: Wall) -> Vec<Problem> {
    let routes = &loaded.settings.parts.routes;
    let mut warnings = Vec::new();
    for route in routes.routes.iter().filter(|route| !route.hours.is_empty()) {
        let calendar = &routes.calendar;
        let closed = !calendar.is_open(&route.hours, now);
        if closed && calendar.next_change(&route.hours, now).is_none() {
            let message = format!(
                "names {}, which do not open any more",
                route.hours.join(", ")
            );
            warnings.push(Problem {
                place: route.place.clone(),
                path: format!("route.{:04}.when.hours", route.number),
                message,
                warning: true,
            });
        }
    }
    // That there is nobody at all is said once, by the verdict.
    if routes.all.is_empty() {
        return warnings;
    }
    let agent = Machine {
        id: AGENT.into(),
        ..Machine::default()
    };
    let silences = silences(
        &loaded.plant,
        routes,
        &loaded.settings.policies,
        &agent,
        now,
    );
    let told = silences
        .iter()
        .take(MOST)
        .map(|silence| of_silence(silence, loaded));
    warnings.extend(told.map(plain));
    if let Some(more) = silences.len().checked_sub(MOST).filter(|more| *more > 0) {
        warnings.push(plain(format!(
            "nobody is told of {more} more kinds of alerts; `andon routes test` says of which"
        )));
    }
    warnings
}

fn plain(message: String) -> Problem {
    Problem {
        place: None,
        path: String::new(),
        message,
        warning: true,
    }
}

fn of_silence(silence: &Silence, loaded: &Loaded) -> String {
    let severity = silence.severity.word();
    let what = match &silence.rule {
        Some(rule) => format!("{severity} alerts of {rule} at {}", some(&silence.machines)),
        None => format!("{severity} alerts of andon about itself"),
    };
    let zone = &loaded.settings.agent.timezone;
    let time = |at: Wall| match Timestamp::from_millisecond(at.as_millis()) {
        Ok(stamp) => {
            let zoned = stamp.to_zoned(zone.clone());
            zoned.strftime("%a %Y-%m-%d %H:%M %Z").to_string()
        }
        Err(_) => at.to_string(),
    };
    let spans: Vec<Arc<str>> = silence
        .at
        .iter()
        .map(|(from, until)| format!("{} to {}", time(*from), time(*until)).into())
        .collect();
    match spans.is_empty() {
        true => format!("nobody is told of {what}"),
        false => format!("nobody is told of {what} from {}", some(&spans)),
    }
}

fn some(list: &[Arc<str>]) -> String {
    let few = list.iter().take(FEW).map(AsRef::as_ref);
    let few = few.collect::<Vec<&str>>().join(", ");
    match list.len().checked_sub(FEW).filter(|more| *more > 0) {
        Some(more) => format!("{few} and {more} more"),
        None => few,
    }
}

/// What is good to know and nothing to mend.
pub(super) fn remarks(loaded: &Loaded) -> Vec<String> {
    left_open(loaded)
        .into_iter()
        .chain(unanswered(loaded))
        .collect()
}

/// Where alerts stay open that are over.
fn left_open(loaded: &Loaded) -> Option<String> {
    let destinations = loaded.settings.parts.destinations.iter();
    // Who has left the end out was warned of it where that is written.
    let endless = destinations.filter(|destination| {
        destination.abilities().stays_open && !destination.can_end() && destination.wants.ends
    });
    let names: Vec<Arc<str>> = endless
        .map(|destination| destination.name.clone())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} never hears the end of an alert: somebody has to close there what is over",
            some(&names)
        )
    })
}

/// Where nobody can acknowledge.
fn unanswered(loaded: &Loaded) -> Option<String> {
    let settings = &loaded.settings;
    let steps = settings.policies.iter().flat_map(|policy| &policy.steps);
    let called: Vec<&Arc<str>> = steps.flat_map(|step| &step.to).collect();
    let watches = loaded.plant.watches.iter();
    if called.is_empty() && !watches.clone().any(|watch| watch.rule.latched) {
        return None;
    }
    let destinations = settings.parts.destinations.iter();
    let one_way =
        destinations.filter(|destination| !destination.abilities().takes_acknowledgements);
    let names: Vec<Arc<str>> = one_way
        .map(|destination| destination.name.clone())
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "nobody can acknowledge an alert where it arrives at {}: `andon ack A-1042` on this gateway does",
        some(&names)
    ))
}
