//! The script: what happens on the shop floor, in which order, and what must have arrived before it goes on.
//!
//! It waits for what must happen rather than for a time, so that a slow computer tells a longer story and not a wrong one.

use std::time::Duration;

use super::{
    DemoError, Verdict,
    mill::{Mill, State},
    stage::{Halt, Stage},
};
use crate::api::history::DeliveryView;

const OPS: &str = "ops";
const MANAGER: &str = "manager";
const HOT: &str = "spindle-overtemp";
const COOLANT: &str = "coolant-low";
const DOOR: &str = "door-open";
const FAULT: &str = "machine-fault";
const BLIND: &str = "andon.blind";

/// How fast it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// How much faster than the clock the mill's time runs.
    pub(super) speed: f64,
    /// The pauses in which people read.
    pub(super) pause: Duration,
}

impl Pace {
    /// For people.
    pub(super) const SHOWN: Self = Self {
        speed: 1.0,
        pause: Duration::from_millis(1200),
    };
}

/// Tells the story until the limit, or until somebody stops it.
pub(super) async fn tell(
    stage: &mut Stage<'_>,
    pace: Pace,
    limit: Option<Duration>,
) -> Result<(), Halt> {
    introduce(stage, limit)?;
    let mut longest = Duration::ZERO;
    loop {
        let begun = stage.elapsed();
        round(stage, pace).await?;
        stage.rounds += 1;
        longest = longest.max(stage.elapsed() - begun);
        let time = limit.is_none_or(|limit| stage.elapsed() + longest <= limit);
        if !time || !stage.ledger.faults().is_empty() {
            return Ok(());
        }
        stage.line("")?;
        stage.tell("story", "once more, a little differently")?;
    }
}

/// One round. Every second one differs: the coolant fails wholly, and somebody takes the fault at once.
async fn round(stage: &mut Stage<'_>, pace: Pace) -> Result<(), Halt> {
    let varied = stage.rounds % 2 == 1;
    normal(stage, pace).await?;
    overheat(stage, if varied { 2.0 } else { 3.0 }).await?;
    stage.pause(pace.pause / 2).await?;
    outage(stage, pace).await?;
    stage.pause(pace.pause / 2).await?;
    unplugged(stage).await?;
    stage.pause(pace.pause / 2).await?;
    fault(stage, varied).await?;
    audit(stage, varied).await
}

fn introduce(stage: &mut Stage<'_>, limit: Option<Duration>) -> Result<(), Halt> {
    let (mill, post) = (stage.props.device.address(), stage.props.receiver.address());
    let end = match limit {
        Some(_) => "It ends by itself.",
        None => "It goes on until you press Ctrl-C.",
    };
    for line in [
        &format!(
            "This is andon with a simulated CNC mill (Modbus TCP at {mill}) and two receivers of its alerts, ops and"
        ),
        &format!(
            "manager (http://{post}); everything runs in this one process and leaves nothing behind. {end}"
        ),
        "",
        "You will see the coolant fail and the spindle overheat; the receivers go down and come back; the mill lose its network;",
        "and a fault that nobody takes until it reaches the manager.",
        "",
        "Each line begins with the second of the story: `machine` is what happens in the plant, `decided` is what andon makes of it",
        "and writes to disk first, `delivered` is what a receiver got and verified.",
        "",
    ] {
        stage.line(line)?;
    }
    Ok(())
}

async fn normal(stage: &mut Stage<'_>, pace: Pace) -> Result<(), Halt> {
    let mill = stage.awake().await?;
    let values: Vec<String> = mill
        .tags
        .iter()
        .map(|tag| format!("{} {}", tag.tag, tag.value.as_deref().unwrap_or("unknown")))
        .collect();
    stage.tell("machine", &format!("all is well: {}", values.join(", ")))?;
    stage.pause(pace.pause).await
}

async fn overheat(stage: &mut Stage<'_>, flow: f64) -> Result<(), Halt> {
    let text =
        format!("a filter clogs: coolant flow falls from 12 to {flow} l/min, the spindle gets hot");
    stage.tell("machine", &text)?;
    stage.props.device.set(|mill| mill.pump = flow);
    stage.delivered(OPS, COOLANT, &["triggered"]).await?;
    // A computer that stood still for a moment sees both limits passed at once.
    stage
        .until("a critical spindle-overtemp at ops", |book| {
            book.heard(OPS, HOT, "critical")
        })
        .await
}

async fn outage(stage: &mut Stage<'_>, pace: Pace) -> Result<(), Halt> {
    stage.tell(
        "receiver",
        "ops and manager go down: connections are refused",
    )?;
    stage.props.receiver.close().await;
    let text = "the filter is changed: coolant flows again; somebody leaves the door open";
    stage.tell("machine", text)?;
    stage.props.device.set(|mill| {
        mill.pump = Mill::FLOW;
        mill.door_open = true;
    });
    for (rule, kind) in [
        (COOLANT, "resolved"),
        (DOOR, "triggered"),
        (HOT, "resolved"),
    ] {
        stage.decided(rule, kind).await?;
    }
    let view = stage.status().await?;
    let waiting = view.destinations.iter().find(|of| of.name == OPS);
    if let Some(ops) = waiting {
        let text = format!(
            "{} events for ops are on disk, not lost; ops is {}, the oldest waits for {} s",
            ops.pending, ops.state, ops.oldest_seconds
        );
        stage.tell("waiting", &text)?;
    }
    stage.pause(pace.pause / 4).await?;
    stage.tell(
        "receiver",
        "ops and manager are back; andon finds out by itself",
    )?;
    reopen(stage).await?;
    stage.tell("machine", "the door is closed")?;
    stage.props.device.set(|mill| mill.door_open = false);
    stage
        .delivered(OPS, COOLANT, &["triggered", "resolved"])
        .await?;
    stage
        .delivered(OPS, DOOR, &["triggered", "resolved"])
        .await?;
    stage
        .until("resolved of spindle-overtemp at ops", |book| {
            book.got(OPS, HOT).contains(&"resolved")
        })
        .await
}

async fn reopen(stage: &mut Stage<'_>) -> Result<(), Halt> {
    let opened = stage.props.receiver.open().await;
    Ok(opened.map_err(|error| DemoError::Listen("receiver", error))?)
}

async fn unplugged(stage: &mut Stage<'_>) -> Result<(), Halt> {
    stage.tell("machine", "the network cable of the mill is pulled")?;
    stage.props.device.unplug().await;
    stage.delivered(OPS, BLIND, &["triggered"]).await?;
    let view = stage.status().await?;
    let not_watched: Vec<String> = view
        .machines
        .iter()
        .flat_map(|mill| mill.not_watched.clone())
        .collect();
    let text = format!(
        "silence is never taken for normal; not watched now: {}",
        not_watched.join(", ")
    );
    stage.tell("waiting", &text)?;
    if not_watched.is_empty() {
        stage.fault(
            "with the cable pulled, `status` still said that everything is watched".to_owned(),
        );
    }
    stage.tell("machine", "the cable is plugged in again")?;
    let plugged = stage.props.device.plug().await;
    plugged.map_err(|error| DemoError::Listen("mill", error))?;
    stage
        .delivered(OPS, BLIND, &["triggered", "resolved"])
        .await
}

async fn fault(stage: &mut Stage<'_>, at_once: bool) -> Result<(), Halt> {
    stage.tell("machine", "the mill stops with a fault")?;
    stage.props.device.set(|mill| mill.state = State::Fault);
    stage.delivered(OPS, FAULT, &["triggered"]).await?;
    if !at_once {
        let text =
            "nobody acknowledges; after 3 s (15 min in a real plant) it is the manager's business";
        stage.tell("waiting", text)?;
        stage
            .delivered(MANAGER, FAULT, &["triggered", "escalated"])
            .await?;
    }
    let number = stage.ledger.number(FAULT).unwrap_or_default();
    let text = format!("andon ack {number} --by Kim --note \"on my way\"");
    stage.tell("operator", &text)?;
    let acknowledged = stage.props.desk.acknowledge(&number, "Kim", "on my way");
    acknowledged.await?;
    stage
        .delivered(OPS, FAULT, &["triggered", "acknowledged"])
        .await?;
    if !at_once {
        let all = ["triggered", "escalated", "acknowledged"];
        stage.delivered(MANAGER, FAULT, &all).await?;
    }
    stage.tell("machine", "the fault is cleared, the mill runs again")?;
    stage.props.device.set(|mill| mill.state = State::Running);
    stage
        .delivered(OPS, FAULT, &["triggered", "acknowledged", "resolved"])
        .await?;
    if !at_once {
        let all = ["triggered", "escalated", "acknowledged", "resolved"];
        stage.delivered(MANAGER, FAULT, &all).await?;
    }
    Ok(())
}

/// Compares the agent's own records of this round with what arrived, and that with the story.
async fn audit(stage: &mut Stage<'_>, varied: bool) -> Result<(), Halt> {
    // The agent writes that a receiver accepted a moment after the receiver has it.
    for _ in 0..50 {
        if stage.status().await?.store.pending == 0 {
            break;
        }
        stage.pause(Duration::from_millis(100)).await?;
    }
    stage.look().await?;
    let owed = owed(stage).await?;
    // On its way up and down the spindle is usually seen between its two limits, but need not be.
    let between = stage.ledger.got(OPS, HOT).len().saturating_sub(2).min(2);
    let mut hot = vec!["triggered"];
    hot.extend(["updated"; 2].iter().take(between));
    hot.push("resolved");
    let manager: &[&str] = match varied {
        true => &[],
        false => &["triggered", "escalated", "acknowledged", "resolved"],
    };
    let ends: &[&str] = &["triggered", "resolved"];
    stage.ledger.audit(
        &owed,
        &[
            (OPS, COOLANT, ends),
            (OPS, HOT, &hot),
            (OPS, DOOR, ends),
            (OPS, BLIND, ends),
            (OPS, FAULT, &["triggered", "acknowledged", "resolved"]),
            (MANAGER, FAULT, manager),
        ],
    );
    stage.ledger.next_round();
    Ok(())
}

/// All deliveries of this round.
async fn owed(stage: &mut Stage<'_>) -> Result<Vec<DeliveryView>, Halt> {
    let mut all = Vec::new();
    loop {
        let before = all.last().map(|of: &DeliveryView| of.id);
        let page = stage.props.desk.outbox(before).await?;
        let new = page.into_iter().filter(|of| of.id > stage.audited);
        let known = all.len();
        all.extend(new);
        if all.len() == known {
            break;
        }
    }
    if let Some(newest) = all.first() {
        stage.audited = newest.id;
    }
    Ok(all)
}

/// What the visitor reads last.
pub(super) fn ending(verdict: &Verdict, lasted: Duration) -> Vec<String> {
    let counts = verdict.counts;
    let mut lines = vec![
        String::new(),
        format!(
            "In {:.0} s andon decided {} events and delivered {} times: ops gets all, the manager what was escalated.",
            lasted.as_secs_f64(),
            counts.decided,
            counts.delivered
        ),
        format!(
            "{} of {} signatures were good; {} deliveries were repeats.",
            counts.genuine,
            counts.delivered + counts.repeats,
            counts.repeats
        ),
    ];
    match (verdict.is_success(), verdict.rounds) {
        (true, 0) => {
            lines.push("It was stopped before the end of the story. What waits on disk then, a real agent delivers after its next start.".to_owned());
        }
        (true, rounds) => {
            let told = if rounds == 1 {
                "The story".to_owned()
            } else {
                format!("Each of {rounds} rounds")
            };
            lines.push(format!("{told} ended with nothing missing: every event arrived, every alert in its order, no number left out."));
        }
        (false, _) => {
            lines.push("NOT AS PROMISED:".to_owned());
            lines.extend(verdict.faults.iter().map(|fault| format!("  {fault}")));
        }
    }
    lines.push(String::new());
    lines.push("Next: `andon init` writes a configuration for your own machines.".to_owned());
    lines
}
