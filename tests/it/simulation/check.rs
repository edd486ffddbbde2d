//! The promises, as they must hold of what is on disk and of what receivers heard when everything is quiet.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use andon::{
    alert::event::{Event, EventKind},
    delivery::{attempt::idempotency_key, route::Occasion},
    store::rows::{DeliveryRow, DeliveryState},
};

use super::shell::World;

/// Everything that must hold.
pub(super) fn promises(world: &World<'_>) -> Result<(), String> {
    let open = world.open();
    decided_once(world, &open)?;
    told_of_every_trigger(world)?;
    falls_back_once(world)?;
    for destination in world.heard.keys() {
        Receiver::new(world, destination, &open)
            .check()
            .map_err(|why| format!("{destination}: {why}"))?;
    }
    Ok(())
}

/// Ids and numbers name one thing each, and the core agrees with the disk about what is open.
fn decided_once(world: &World<'_>, open: &BTreeSet<String>) -> Result<(), String> {
    let events = &world.disk.events;
    let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    ensure(ids.len() == events.len(), || {
        "an event id came twice".into()
    })?;
    let mut numbers = BTreeMap::new();
    let mut last = BTreeMap::new();
    for event in events {
        let id = event.alert.id;
        let same = *numbers.entry(event.alert.number).or_insert(id) == id;
        ensure(same, || {
            format!("A-{} names two alerts", event.alert.number)
        })?;
        let described = !event.alert.message.is_empty() || event.kind == EventKind::Closed;
        ensure(described, || format!("nothing is said by {event:?}"))?;
        let before: Option<&Event> = last.insert(id, event);
        let order = match before.map(|event| event.kind) {
            None => event.kind == EventKind::Triggered,
            Some(before) if before.is_end() => event.kind == EventKind::Reopened,
            Some(_) => !matches!(event.kind, EventKind::Triggered | EventKind::Reopened),
        };
        ensure(order, || format!("{event:?} after {before:?}"))?;
    }
    let told: BTreeSet<String> = last
        .values()
        .filter(|event| !event.kind.is_end())
        .map(|event| event.alert.id.to_string())
        .collect();
    ensure(*open == told, || {
        format!("open are {open:?}, told were {told:?}")
    })
}

/// Every trigger that nobody silenced is owed to whom the routes name.
fn told_of_every_trigger(world: &World<'_>) -> Result<(), String> {
    let rows = world.disk.rows.iter();
    let owed: BTreeSet<_> = rows
        .map(|row| (row.event_seq, row.destination.as_str()))
        .collect();
    for (seq, event) in world.disk.events.iter().enumerate() {
        if event.kind != EventKind::Triggered || event.alert.shelved {
            continue;
        }
        for name in world.scene.routes.targets(&Occasion::of(event)) {
            ensure(owed.contains(&(seq as i64, &**name)), || {
                format!("{name} is not owed {event:?}")
            })?;
        }
    }
    Ok(())
}

/// Nobody is told twice in place of one delivery, and both say so.
fn falls_back_once(world: &World<'_>) -> Result<(), String> {
    let mut told = BTreeSet::new();
    for row in &world.disk.rows {
        if let Some(of) = row.fallback_of {
            let first = told.insert((of, row.destination.as_str()));
            ensure(first, || format!("told twice in place of {of}: {row:?}"))?;
            let linked = world.disk.row(of).fallback_to.is_some();
            ensure(linked && row.as_trigger, || {
                format!("not recorded: {row:?}")
            })?;
        }
    }
    Ok(())
}

struct Receiver<'a> {
    world: &'a World<'a>,
    open: &'a BTreeSet<String>,
    rows: Vec<&'a DeliveryRow>,
    /// Rows with the number of events that were committed when each was heard first.
    first: BTreeMap<i64, usize>,
    /// The same in the order of hearing.
    order: Vec<i64>,
}

impl<'a> Receiver<'a> {
    fn new(world: &'a World<'a>, destination: &str, open: &'a BTreeSet<String>) -> Self {
        let mut first = BTreeMap::new();
        let mut order = Vec::new();
        for heard in &world.heard[destination] {
            if let Entry::Vacant(vacant) = first.entry(heard.row) {
                vacant.insert(heard.events);
                order.push(heard.row);
            }
        }
        let mine = |row: &&DeliveryRow| row.destination == destination;
        Self {
            world,
            open,
            rows: world.disk.rows.iter().filter(mine).collect(),
            first,
            order,
        }
    }

    fn check(&self) -> Result<(), String> {
        self.nothing_is_lost()?;
        self.lanes_are_in_order()?;
        let mut alerts: BTreeMap<&str, (Vec<&DeliveryRow>, Vec<usize>)> = BTreeMap::new();
        for row in &self.rows {
            alerts.entry(&row.alert).or_default().0.push(row);
        }
        for (seq, event) in self.world.disk.events.iter().enumerate() {
            if let Some((_, events)) = alerts.get_mut(event.alert.id.to_string().as_str()) {
                events.push(seq);
            }
        }
        for (rows, events) in alerts.into_values() {
            let said = |why: String| format!("{why}\n{}", self.story(&rows));
            self.begins_with_a_call(&rows).map_err(said)?;
            self.ends_with_the_truth(&rows).map_err(said)?;
            self.hears_the_rest(&events, &rows).map_err(said)?;
        }
        Ok(())
    }

    /// Each number was received or given up, and each id names one delivery.
    fn nothing_is_lost(&self) -> Result<(), String> {
        let mut keys = BTreeSet::new();
        for (row, expected) in self.rows.iter().zip(1..) {
            ensure(row.sequence == expected, || {
                format!("number {expected} is missing")
            })?;
            let id = self.world.disk.event_of(row).id.to_string();
            // What stands for a trigger that was superseded is that trigger.
            let key = idempotency_key(&row.kind, row.as_trigger, row.fallback_of.is_some(), &id);
            ensure(is_collapsed(row) || keys.insert(key), || {
                format!("the id of {row:?} is not its own")
            })?;
            let heard = self.first.contains_key(&row.id);
            let fine = match row.state {
                DeliveryState::Pending => false,
                DeliveryState::Accepted => heard,
                DeliveryState::Superseded if is_collapsed(row) => true,
                DeliveryState::Superseded | DeliveryState::Deduplicated => !heard,
                _ => true,
            };
            ensure(fine, || format!("heard: {heard}, but {row:?}"))?;
        }
        Ok(())
    }

    fn lanes_are_in_order(&self) -> Result<(), String> {
        // A later delivery always stands for what was collapsed, and was or will be settled by itself.
        let mut stands = BTreeSet::new();
        for row in self.rows.iter().rev() {
            if !is_collapsed(row) {
                stands.insert(row.alert.as_str());
            }
            ensure(stands.contains(row.alert.as_str()), || {
                format!("nothing stands for {row:?}")
            })?;
        }
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for &row in &self.order {
            let lane = self.world.disk.row(row).lane.as_str();
            let before = last.insert(lane, row).unwrap_or(0);
            ensure(before < row, || format!("row {row} came after {before}"))?;
        }
        Ok(())
    }

    /// Whoever hears of an alert hears first that it called.
    fn begins_with_a_call(&self, rows: &[&DeliveryRow]) -> Result<(), String> {
        let first = rows.iter().find(|row| self.first.contains_key(&row.id));
        let Some(first) = first else {
            return Ok(());
        };
        let is_call = first.as_trigger || first.kind == "triggered";
        let mut before = rows.iter().take_while(|row| row.id < first.id);
        let given_up =
            before.any(|row| is_given_up(row) || row.state == DeliveryState::Deduplicated);
        // Of what began and ended while it was away it is told the end.
        let mut before = rows.iter().take_while(|row| row.id < first.id);
        let only_the_end = is_end(&first.kind) && before.any(|row| is_collapsed(row));
        ensure(is_call || given_up || only_the_end, || {
            "it begins with no trigger".into()
        })
    }

    /// The last thing heard agrees with how the alert stands.
    fn ends_with_the_truth(&self, rows: &[&DeliveryRow]) -> Result<(), String> {
        let heard = rows.iter().rfind(|row| self.first.contains_key(&row.id));
        let Some(last) = heard else {
            return Ok(());
        };
        if rows.iter().any(|row| row.id > last.id && is_given_up(row)) {
            return Ok(());
        }
        let over = !self.open.contains(&last.alert);
        ensure(is_end(&last.kind) == over, || {
            format!("over: {over}, but last was heard {}", last.kind)
        })
    }

    /// Whoever has heard of an alert is owed everything that was decided about it since.
    fn hears_the_rest(&self, events: &[usize], rows: &[&DeliveryRow]) -> Result<(), String> {
        let first = rows.iter().filter_map(|row| self.first.get(&row.id)).min();
        let Some(&first) = first else {
            return Ok(());
        };
        for &seq in events.iter().filter(|seq| **seq >= first) {
            let event = &self.world.disk.events[seq];
            if event.kind == EventKind::Escalated {
                continue;
            }
            let of_event = |row: &&&DeliveryRow| row.event_seq == seq as i64;
            let mut of_event = rows.iter().filter(of_event);
            let owed =
                of_event.any(|row| row.state != DeliveryState::Superseded || is_collapsed(row));
            ensure(owed, || format!("it is not owed {:?}", event.kind))?;
        }
        Ok(())
    }

    fn story(&self, rows: &[&DeliveryRow]) -> String {
        let line = |row: &&DeliveryRow| {
            let heard = self.first.get(&row.id);
            format!(
                "row {} event {} {} as_trigger {} withdrawable {}: {:?} after {} attempts, heard at {heard:?}\n",
                row.id,
                row.event_seq,
                row.kind,
                row.as_trigger,
                row.withdrawable,
                row.state,
                row.attempts,
            )
        };
        rows.iter().map(line).collect()
    }
}

fn is_end(kind: &str) -> bool {
    EventKind::from_word(kind).is_some_and(EventKind::is_end)
}

/// Superseded because a later delivery tells the latest state.
fn is_collapsed(row: &DeliveryRow) -> bool {
    row.state == DeliveryState::Superseded && row.result.is_some()
}

fn is_given_up(row: &DeliveryRow) -> bool {
    matches!(
        row.state,
        DeliveryState::Failed
            | DeliveryState::Refused
            | DeliveryState::Expired
            | DeliveryState::Dropped
    )
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
