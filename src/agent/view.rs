//! The state as it is shown: made between two turns, when somebody asks, so that it costs nothing when nobody does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::Loop;
use crate::{
    alert::{
        command::Target,
        event::Alert,
        plant::{Machine, MachineIx},
    },
    api::view::{
        AlertView, ConfigView, DestinationView, DiscoveredView, MachineView, ShelfView, StoreView,
        TagView, View,
    },
    clock::{Mono, Now, Wall},
    delivery::{
        dispatch::{Job, Standing},
        schedule::Deactivated,
    },
    sample::{Labels, TagId, Value},
};

/// The first look for old history comes this much sooner than an hour after the start.
const FIRST_PRUNE_SOONER: Duration = Duration::from_secs(55 * 60);

/// Instants that the loop remembers for views and for what is done now and then.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) started: Wall,
    pub(super) started_mono: Mono,
    /// When it was last looked whether the wall clock is synchronised.
    pub(super) refreshed: Mono,
    pub(super) marked: Mono,
    pub(super) pruned: Mono,
}

impl Seen {
    pub(super) fn new(now: Now) -> Self {
        Self {
            started: now.wall,
            started_mono: now.mono,
            refreshed: now.mono,
            marked: now.mono,
            // The first time soon: an agent that never runs for long must make room too.
            pruned: now.mono - FIRST_PRUNE_SOONER,
        }
    }
}

impl Loop {
    /// Answers with a view. What is asked of the delivery task and the store is awaited beside the loop.
    pub(super) fn show(&mut self, reply: oneshot::Sender<Arc<View>>) {
        let now = self.clock.now();
        let mut view = self.view(now);
        let (jobs, store) = (self.recorder.jobs.clone(), self.store.clone());
        let kinds: Vec<(Arc<str>, &'static str)> = self
            .loaded
            .settings
            .parts
            .destinations
            .iter()
            .map(|destination| (destination.name.clone(), destination.kind_word()))
            .collect();
        self.housekeeping.spawn(async move {
            let (sender, answer) = oneshot::channel();
            let _ = jobs.send(Job::Look(sender)).await;
            let standings = answer.await.unwrap_or_default();
            view.destinations = kinds
                .iter()
                .map(|(name, kind)| destination(name, kind, &standings, now))
                .collect();
            let orphaned = standings
                .iter()
                .filter(|of| of.status.orphaned && of.status.queued > 0);
            for orphan in orphaned {
                view.problems.push(format!(
                    "{} deliveries wait for destination {}, which is not configured",
                    orphan.status.queued, orphan.status.destination
                ));
            }
            view.store.pending = standings.iter().map(|of| of.status.queued as u64).sum();
            let oldest = view.destinations.iter().map(|of| of.oldest_seconds);
            view.store.oldest_seconds = oldest.max().unwrap_or(0);
            if let Ok(health) = store.health().await {
                view.store.bytes = health.used_bytes;
                if let Some(why) = health.memory_only {
                    view.store.durable = false;
                    view.problems
                        .push(format!("nothing is written to disk: {why}"));
                }
            }
            if view.store.durable
                && let Ok(account) = store.account().await
            {
                view.store.stream = account.stream;
                view.store.head = Some(account.head);
            }
            let _ = reply.send(Arc::new(view));
        });
    }

    fn view(&self, now: Now) -> View {
        let agent = &self.loaded.settings.agent;
        let (watches, not_watching) = self.engine.watch_counts();
        let mut alerts = self.engine.open_alerts(now);
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.created));
        let refused = self.concerns.refused().to_vec();
        let mut problems = Vec::new();
        if !refused.is_empty() {
            problems.push("the new configuration is refused; the last good one runs".to_owned());
        }
        View {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            site: agent.site.to_string(),
            site_name: agent.site_name.to_string(),
            timezone: agent.timezone.iana_name().unwrap_or("UTC").to_owned(),
            contact: agent.contact.to_string(),
            agent: self.recorder.site.agent.clone(),
            started: self.seen.started.to_string(),
            now: now.wall.to_string(),
            synchronised: now.synchronised,
            problems,
            config: ConfigView {
                path: self.start.paths.main.display().to_string(),
                hash: self.loaded.hash.clone(),
                refused,
            },
            recordings: self.engine.recordings(),
            watches,
            not_watching,
            shelves: self.shelves(now),
            sources: self.source_views(now),
            machines: self.machines(&alerts, now),
            alerts: alerts.iter().map(|alert| self.alert(alert)).collect(),
            destinations: Vec::new(),
            store: StoreView {
                durable: !self.concerns.in_memory(),
                path: agent.data_dir.display().to_string(),
                most_bytes: self.loaded.settings.store.keep_size.0,
                written_a_day: written().map_or(0, |bytes| {
                    let up = now.mono.since(self.seen.started_mono).as_secs().max(1);
                    bytes.saturating_mul(24 * 60 * 60) / up
                }),
                ..StoreView::default()
            },
        }
    }

    fn alert(&self, alert: &Alert) -> AlertView {
        let measured = alert.measured.as_ref();
        let unit = measured.map_or("", |measured| &measured.unit);
        let decimals = measured.map_or(0, |measured| measured.decimals);
        let labels = measured.map_or_else(Labels::default, |measured| measured.labels.clone());
        AlertView {
            number: format!("A-{}", alert.number),
            id: alert.id.to_string(),
            dedup_key: alert.dedup_key.to_string(),
            machine: alert.machine.to_string(),
            machine_name: alert.machine_name.to_string(),
            rule: alert.rule.to_string(),
            severity: alert.severity.word().to_owned(),
            state: alert.state.word().to_owned(),
            shelved: alert.shelved,
            level: alert.level.as_deref().map(str::to_owned),
            text: crate::destination::text::of_alert(alert, &self.recorder.site),
            value: measured
                .and_then(|measured| measured.value)
                .map(|value| quantity(value, decimals, unit, &labels)),
            limit: measured
                .and_then(|measured| measured.limit)
                .map(|limit| quantity(Value::Number(limit), decimals, unit, &labels)),
            occurrences: alert.occurrences,
            created: alert.created.to_string(),
            ended: alert.ended.map(|ended| ended.to_string()),
        }
    }

    fn shelves(&self, now: Now) -> Vec<ShelfView> {
        let name = |target: &Target| match target {
            Target::Site => "the site".to_owned(),
            Target::Machine(machine) => machine.to_string(),
            Target::Watch { machine, rule } => format!("{machine}/{rule}"),
            Target::Alert(number) => format!("A-{number}"),
        };
        let view = |(target, shelf, left): (
            Target,
            crate::alert::shelving::Shelf,
            std::time::Duration,
        )| ShelfView {
            target: name(&target),
            left_seconds: left.as_secs(),
            by: shelf.by.name.to_string(),
            reason: shelf.reason.to_string(),
        };
        self.engine.shelves(now).into_iter().map(view).collect()
    }

    fn machines(&self, alerts: &[Alert], now: Now) -> Vec<MachineView> {
        let plant = self.engine.plant();
        let mut machines: Vec<MachineView> = plant
            .machines
            .iter()
            .map(|machine| MachineView {
                id: machine.id.to_string(),
                name: machine.name.to_string(),
                class: machine.class.as_deref().map(str::to_owned),
                labels: machine
                    .all_labels()
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect(),
                discovered: discovered(machine),
                ..MachineView::default()
            })
            .collect();
        let mut silent = vec![0_usize; machines.len()];
        for (index, tag) in plant.tags.iter().enumerate() {
            let (MachineIx(machine), kind) = (tag.machine, &tag.kind);
            let Some(state) = self.engine.tag(TagId(index as u32), now) else {
                continue;
            };
            silent[machine as usize] +=
                usize::from(state.bad.is_some_and(|(why, _)| why.is_silence()));
            machines[machine as usize].tags.push(TagView {
                tag: kind.name.to_string(),
                value: state
                    .value
                    .map(|value| quantity(value, kind.decimals, &kind.unit, &kind.labels)),
                retained: state.retained,
                good_seconds: state.good.map(tenths),
                age_seconds: tenths(state.age),
                bad: state.bad.map(|(why, _)| why.to_string()),
                reason: state.bad.map(|(why, _)| why.word().into_owned()),
                bad_since: state.bad.map(|(_, since)| since.to_string()),
                source: plant.sources[tag.source.0 as usize].name.to_string(),
                modbus_unit: tag.modbus_unit.map(|unit| plant.units[unit.0 as usize].id),
            });
        }
        let alerting: BTreeSet<&str> = alerts.iter().map(|alert| &*alert.machine).collect();
        let not_watched = self.engine.not_watched();
        let definitions = plant.machines.iter().zip(silent).zip(not_watched);
        for (machine, ((definition, silent), blind)) in machines.iter_mut().zip(definitions) {
            machine.not_watched = blind.iter().map(ToString::to_string).collect();
            let tags = &machine.tags;
            let bad = tags.iter().any(|tag| tag.bad.is_some());
            machine.state = if definition.may_be_off && !tags.is_empty() && silent == tags.len() {
                "off"
            } else if alerting.contains(machine.id.as_str()) {
                "alert"
            } else if bad {
                "blind"
            } else if !tags.is_empty() && tags.iter().all(|tag| tag.value.is_none()) {
                "waiting"
            } else {
                "ok"
            }
            .to_owned();
        }
        let gone = plant.machines.iter().map(Machine::is_gone);
        let there = machines.into_iter().zip(gone).filter(|(_, gone)| !gone);
        there.map(|(machine, _)| machine).collect()
    }
}

fn discovered(machine: &Machine) -> Option<DiscoveredView> {
    let found = machine
        .found
        .as_ref()
        .filter(|_| !machine.is_configured())?;
    Some(DiscoveredView {
        source: found.source.to_string(),
        since: found.since.to_string(),
    })
}

/// Seconds with one decimal.
fn tenths(age: Duration) -> f64 {
    (age.as_secs_f64() * 10.0).round() / 10.0
}

/// Bytes that this process has written to disks.
fn written() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line?.parse().ok()
}

fn destination(name: &str, kind: &str, standings: &[Standing], now: Now) -> DestinationView {
    let standing = standings.iter().find(|of| &*of.status.destination == name);
    let open = standing.and_then(|of| of.status.breaker.as_ref());
    let off = standing.and_then(|of| of.status.deactivated);
    let trouble = standing.and_then(|of| of.trouble.clone());
    let state = match (off, open.map(|open| open.trouble), &trouble) {
        (Some(_), ..) => "deactivated",
        (None, Some(trouble), _) => trouble.word(),
        (None, None, Some(_)) => "failing",
        (None, None, None) => "ok",
    };
    let why = match (off, standing) {
        (Some(off), Some(of)) => Some(since(&off, of, now)),
        _ => trouble,
    };
    DestinationView {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state: state.to_owned(),
        why,
        pending: standing.map_or(0, |of| of.status.queued as u64),
        oldest_seconds: standing
            .and_then(|of| of.status.oldest)
            .map_or(0, |oldest| now.mono.since(oldest).as_secs()),
    }
}

/// Since when and why a destination is deactivated, and when it is tried again.
fn since(off: &Deactivated, standing: &Standing, now: Now) -> String {
    let last = standing.trouble.as_deref();
    format!(
        "{} failures in a row, {} min ago; next probe in {} min{}",
        standing.status.failures,
        now.mono.since(off.since).as_secs() / 60,
        off.until.since(now.mono).as_secs().div_ceil(60),
        last.map_or_else(String::new, |why| format!(": {why}")),
    )
}

/// A value with its decimals and unit; one that has a label by it, with the number beside it.
fn quantity(value: Value, decimals: u8, unit: &str, labels: &Labels) -> String {
    let text = match value {
        Value::Number(number) => format!("{number:.*}", usize::from(decimals)),
        Value::Bool(bit) => bit.to_string(),
    };
    if let Some(label) = labels.of(value.as_number()) {
        return format!("{label} ({text})");
    }
    if unit.is_empty() {
        text
    } else {
        format!("{text} {unit}")
    }
}
