//! What every Modbus unit will be asked: the requests of one poll, as the poller makes them. Nothing is connected.

use std::io;

use serde::Serialize;

use crate::{
    cli::{status::count, table::Table, terminal::Terminal},
    config::{Settings, section::show_duration},
    source::modbus::{ModbusConfig, share::Share},
};

/// So many tags are named in one row.
const NAMED: usize = 4;

/// What one unit is asked in one poll.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    source: String,
    address: String,
    unit: u8,
    poll_ms: u64,
    requests: Vec<Request>,
}

#[derive(Debug, Serialize)]
struct Request {
    /// `holding:100..103`, both ends included.
    read: String,
    kind: &'static str,
    start: u16,
    count: u16,
    /// How many of them no tag wants: read to save a request.
    unused: u32,
    tags: Vec<String>,
}

/// The plans of all units, by source.
pub(super) fn of(settings: &Settings) -> Vec<Plan> {
    let sources = settings.parts.modbus.iter();
    let plan = |source: &ModbusConfig| {
        let shares = source.shares().into_iter();
        let plans = shares.map(|share| Plan::of(source, &share));
        plans.collect::<Vec<_>>()
    };
    sources.flat_map(plan).collect()
}

impl Plan {
    fn of(source: &ModbusConfig, share: &Share<'_>) -> Self {
        let requests = share.requests().into_iter();
        let request =
            |(block, unused, tags): (crate::source::modbus::plan::Block, u32, _)| Request {
                read: block.span.to_string(),
                kind: block.span.kind.word(),
                start: block.span.start,
                count: block.span.count,
                unused,
                tags,
            };
        Self {
            source: source.name.to_string(),
            address: source.link.address.to_string(),
            unit: share.unit,
            poll_ms: u64::try_from(share.poll.as_millis()).unwrap_or(u64::MAX),
            requests: requests.map(request).collect(),
        }
    }
}

/// A row for each request, and a line for each source.
pub(super) fn print(plans: &[Plan], terminal: &mut Terminal<'_>) -> io::Result<()> {
    if plans.is_empty() {
        return terminal.line("no Modbus source, so no requests");
    }
    let mut table = Table::new(&["SOURCE", "UNIT", "POLL", "READ", "COUNT", "UNUSED", "TAGS"]);
    for plan in plans {
        let poll = show_duration(std::time::Duration::from_millis(plan.poll_ms));
        for request in &plan.requests {
            table.row([
                &plan.source,
                &plan.unit.to_string(),
                &poll,
                &request.read,
                &request.count.to_string(),
                &request.unused.to_string(),
                &named(&request.tags),
            ]);
        }
    }
    table.print(terminal)?;
    for source in plans.chunk_by(|one, other| one.source == other.source) {
        let requests: usize = source.iter().map(|plan| plan.requests.len()).sum();
        let tags = source.iter().flat_map(|plan| &plan.requests);
        let tags: usize = tags.map(|request| request.tags.len()).sum();
        let rate: f64 = source
            .iter()
            .map(|plan| plan.requests.len() as f64 * 1000.0 / plan.poll_ms.max(1) as f64)
            .sum();
        terminal.foreign(&format!(
            "{} at {}: {} for {}, {} requests a second",
            source[0].source,
            source[0].address,
            count(requests, "request"),
            count(tags, "tag"),
            // Two digits are enough of a rate, and a slow poll is not none.
            if rate < 10.0 {
                format!("{rate:.2}")
            } else {
                format!("{rate:.0}")
            },
        ))?;
    }
    Ok(())
}

fn named(tags: &[String]) -> String {
    let first = tags.iter().take(NAMED).map(String::as_str);
    let first = first.collect::<Vec<_>>().join(", ");
    match tags.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
