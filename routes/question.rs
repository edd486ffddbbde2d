//! What `andon routes test` is asked: from words on the command line to an occasion, with the nearest name for a wrong one.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil, tz::TimeZone};

use super::super::exit::Failure;
use crate::{
    alert::{
        BLIND_RULE,
        event::EventKind,
        plant::{Category, Machine, Severity, Traits},
    },
    clock::Wall,
    config::{Loaded, machine::AGENT, section::nearest},
    delivery::route::Occasion,
};

/// What an alert is like that nobody has heard of yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How bad it is: critical, error, warning, info; without it the worst of the rule
    #[arg(long, value_name = "WORD")]
    severity: Option<String>,
    /// What it is about: a machine, or andon for its own alerts
    #[arg(long, value_name = "ID")]
    machine: Option<String>,
    /// The rule: one of yours, or andon.blind, andon.disk, ..
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// What happened to it: triggered, acknowledged, ..
    #[arg(long, value_name = "WORD", default_value = "triggered")]
    event: String,
    /// Without a rule: process, blind or agent
    #[arg(long, value_name = "WORD", conflicts_with = "rule")]
    category: Option<String>,
    /// A label, beside or in place of those of the machine
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// When, in the site's time zone: 23:00, "2026-12-24 23:00", or a whole time with its offset; without it now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// As while the clock is not synchronised, when hours restrict nothing
    #[arg(long, conflicts_with = "at")]
    unsynchronised: bool,
    /// Only what this destination would hear
    #[arg(long, value_name = "NAME")]
    pub(super) destination: Option<String>,
}

/// What was asked, with everything that follows from the configuration.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) severity: Severity,
    pub(super) machine: Arc<str>,
    class: Option<Arc<str>>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    /// None where any rule of that category is meant.
    pub(super) rule: Option<Arc<str>>,
    pub(super) category: Category,
    pub(super) kind: EventKind,
    /// None while the clock is not synchronised.
    pub(super) at: Option<Wall>,
}

impl Question {
    /// Reads it.
    pub(super) fn read(args: &Args, loaded: &Loaded, now: Wall) -> Result<Self, Failure> {
        if let Some(name) = &args.destination {
            let all = &loaded.settings.parts.routes.all;
            known("destination", name, all.iter().map(AsRef::as_ref))?;
        }
        let kind = word("event", &args.event, &EventKind::ALL, EventKind::word)?;
        let named = args.category.as_deref();
        let named = named.map(|text| word("category", text, &Category::ALL, Category::word));
        let category = match (&args.rule, named.transpose()?) {
            (Some(rule), _) => Category::of(rule),
            (None, Some(category)) => category,
            (None, None) if args.machine.as_deref() == Some(AGENT) => Category::Agent,
            (None, None) => Category::Process,
        };
        let machine = machine(args, category, loaded)?;
        let rule = args.rule.as_deref();
        let worst = match rule.filter(|_| category == Category::Process) {
            Some(rule) => Some(worst(rule, &machine.id, loaded)?),
            None => None,
        };
        let severity = match (&args.severity, worst) {
            (Some(text), _) => word("severity", text, &Severity::ALL, Severity::word)?,
            (None, Some(worst)) => worst,
            (None, None) => {
                let text = "say how bad it is, with --severity, or which rule it is of, with --rule";
                return Err(Failure::usage(text));
            }
        };
        let mut labels = machine.labels;
        for label in &args.label {
            let Some((name, value)) = label.split_once('=') else {
                let text = format!("--label {label:?} must be like hall=2");
                return Err(Failure::usage(text));
            };
            labels.insert(name.into(), value.into());
        }
        let zone = &loaded.settings.agent.timezone;
        let at = match &args.at {
            Some(text) => time(text, now, zone)?,
            None => now,
        };
        Ok(Self {
            severity,
            machine: machine.id,
            class: machine.class,
            labels,
            rule: rule.map(Arc::from),
            category,
            kind,
            at: (!args.unsynchronised).then_some(at),
        })
    }

    /// The occasion that is asked about.
    pub(super) fn occasion(&self) -> Occasion<'_> {
        // An alert of no rule in particular is matched by no route that names some.
        let any = match self.category {
            Category::Process => "",
            Category::Blind => BLIND_RULE,
            Category::Agent => "andon.",
        };
        Occasion {
            alert: Traits {
                severity: self.severity,
                rule: self.rule.as_deref().unwrap_or(any),
                machine: &self.machine,
                class: self.class.as_deref(),
                labels: &self.labels,
            },
            kind: self.kind,
            at: self.at,
        }
    }
}

fn machine(args: &Args, category: Category, loaded: &Loaded) -> Result<Machine, Failure> {
    let name = match (&args.machine, category) {
        (Some(name), _) => name,
        (None, Category::Agent) => AGENT,
        (None, _) => {
            let text = "say what it is about, with --machine mill-1, or --machine andon for andon's own alerts";
            return Err(Failure::usage(text));
        }
    };
    if name == AGENT {
        return Ok(Machine {
            id: AGENT.into(),
            ..Machine::default()
        });
    }
    let machines = || loaded.plant.machines.iter();
    known("machine", name, machines().map(|machine| &*machine.id))?;
    let found = machines().find(|machine| &*machine.id == name);
    Ok(found.cloned().unwrap_or_default())
}

/// The worst severity of a rule at a machine.
fn worst(rule: &str, machine: &str, loaded: &Loaded) -> Result<Severity, Failure> {
    let plant = &loaded.plant;
    let watches = || plant.watches.iter();
    known("rule", rule, watches().map(|watch| &*watch.rule.id))?;
    let here = watches().filter(|watch| {
        let index = watch.machine.0 as usize;
        *plant.machines[index].id == *machine
    });
    let found = here.clone().find(|watch| &*watch.rule.id == rule);
    found.map(|watch| watch.rule.worst_severity()).ok_or_else(|| {
        let rules: Vec<&str> = here.map(|watch| &*watch.rule.id).collect();
        let rules = match rules.is_empty() {
            true => "no rule is".to_owned(),
            false => format!("these are: {}", rules.join(", ")),
        };
        Failure::usage(format!("the rule {rule} is not for {machine}; {rules}"))
    })
}

fn known<'n>(what: &str, name: &str, mut all: impl Iterator<Item = &'n str> + Clone) -> Result<(), Failure> {
    let near = nearest(name, all.clone());
    if all.any(|known| known == name) {
        return Ok(());
    }
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(Failure::usage(format!("no {what} {name:?} is configured{hint}")))
}

fn word<T: Copy>(what: &str, text: &str, all: &[T], word: fn(T) -> &'static str) -> Result<T, Failure> {
    let words = || all.iter().map(|one| word(*one));
    let found = all.iter().copied().find(|one| word(*one) == text);
    found.ok_or_else(|| {
        let hint = nearest(text, words()).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let words: Vec<&str> = words().collect();
        Failure::usage(format!("--{what} is one of {}, not {text:?}{hint}", words.join(", ")))
    })
}

/// A time of day, a local time, or an instant.
fn time(text: &str, now: Wall, zone: &TimeZone) -> Result<Wall, Failure> {
    let today = Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let today = today.to_zoned(zone.clone()).date();
    let local = |text: &str| {
        let time = text.parse::<civil::Time>().ok().filter(|_| text.len() <= 8);
        let date = || text.parse::<civil::DateTime>().ok();
        time.map(|time| today.to_datetime(time)).or_else(date)
    };
    let stamp = text.parse::<Timestamp>().ok().or_else(|| {
        let zoned = zone.to_zoned(local(text)?).ok()?;
        Some(zoned.timestamp())
    });
    let stamp = stamp.ok_or_else(|| {
        Failure::usage(format!(
            "--at {text:?} is no time; write 23:00, \"2026-12-24 23:00\" or 2026-12-24T23:00:00+01:00"
        ))
    })?;
    Ok(Wall::from_millis(stamp.as_millisecond()))
}
