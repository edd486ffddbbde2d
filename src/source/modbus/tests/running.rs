//! A poller that runs against some device, and what it has told so far.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::hostile::{Hostile, register};
use crate::{
    clock::{Clock, Now, Synchronised},
    sample::{Reading, TagId, Value},
    source::{
        Batch, Drain, Feed,
        modbus::{
            LinkSettings, ModbusConfig,
            address::Address,
            config::UnitConfig,
            decode::{Decoder, Form, Order},
            plan::{Kind, Limits, Span},
            run,
            tag::TagConfig,
        },
    },
};

/// A unit of machine `m<id>` with `u16` holding registers as tags, each named by its address.
pub(super) fn unit(id: u8, poll_millis: u64, registers: &[u16]) -> UnitConfig {
    let poll = Duration::from_millis(poll_millis);
    let tag = |start: &u16| TagConfig {
        name: start.to_string().into(),
        span: Span {
            kind: Kind::Holding,
            start: *start,
            count: 1,
        },
        decoder: Decoder::plain(Form::U16, Order::Abcd),
        unit: "".into(),
        decimals: 0,
    };
    UnitConfig {
        id,
        machine: format!("m{id}").into(),
        poll,
        stale_after: poll * 5,
        limits: Limits::default(),
        tags: registers.iter().map(tag).collect(),
    }
}

/// A running poller and what it said.
pub(super) struct Running {
    pub(super) drain: Drain,
    names: HashMap<TagId, String>,
    pub(super) last: HashMap<String, Reading>,
    /// How often each tag was sampled.
    times: HashMap<String, usize>,
    pub(super) task: JoinHandle<()>,
    pub(super) clock: Clock,
    pub(super) started: Now,
    pub(super) _stop: DropGuard,
}

impl Running {
    /// One that reads a device on a socket.
    pub(super) fn start(port: u16, timeout_millis: u64, units: Vec<UnitConfig>) -> Self {
        let address = Address::Tcp {
            host: "127.0.0.1".into(),
            port,
        };
        let settings = LinkSettings::new(address, Duration::from_millis(timeout_millis));
        let clock = Clock::system(Synchronised::Assume);
        Self::with(settings, clock, units)
    }

    /// One that reads a device in memory, with a clock that follows the stopped one of tokio.
    pub(super) fn stopped(hostile: &Hostile, address: &str, units: Vec<UnitConfig>) -> Self {
        let timeout = Duration::from_millis(300);
        let mut settings = LinkSettings::new(Address::parse(address).unwrap(), timeout);
        settings.memory = Some(hostile.memory());
        Self::with(settings, Clock::of_tokio(), units)
    }

    pub(super) fn with(link: LinkSettings, clock: Clock, units: Vec<UnitConfig>) -> Self {
        let config = ModbusConfig {
            name: "hall-2".into(),
            link,
            units,
        };
        let specs = config.tags();
        let ids: HashMap<_, _> = specs
            .iter()
            .zip(0..)
            .map(|(spec, at)| ((spec.machine.clone(), spec.tag.clone()), TagId(at)))
            .collect();
        let names = ids
            .iter()
            .map(|((machine, tag), id)| (*id, format!("{machine}/{tag}")))
            .collect();
        let (feed, drain) = Feed::new(1000, Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(
            config,
            Arc::new(ids),
            clock.clone(),
            feed,
            stop.clone(),
        ));
        let (last, times, started) = (HashMap::new(), HashMap::new(), clock.now());
        Self {
            drain,
            names,
            last,
            times,
            task,
            clock,
            started,
            _stop: stop.drop_guard(),
        }
    }

    pub(super) async fn next(&mut self) -> Batch {
        let batch = timeout(Duration::from_secs(61), self.drain.recv())
            .await
            .expect("the poller fell silent");
        let batch = batch.expect("the poller ended");
        for sample in &batch.samples {
            let name = &self.names[&sample.tag];
            self.last.insert(name.clone(), sample.reading);
            *self.times.entry(name.clone()).or_default() += 1;
        }
        batch
    }

    /// Listens until all these readings are the last ones.
    pub(super) async fn until(&mut self, readings: &[(&str, Reading)]) {
        self.within(Duration::from_secs(6), readings).await;
    }

    pub(super) async fn within(&mut self, limit: Duration, readings: &[(&str, Reading)]) {
        let heard = async {
            while readings
                .iter()
                .any(|(tag, reading)| self.last.get(*tag) != Some(reading))
            {
                self.next().await;
            }
        };
        let in_time = timeout(limit, heard).await.is_ok();
        assert!(in_time, "wanted {readings:?}, last {:?}", self.last);
    }

    pub(super) fn sampled(&self, tag: &str) -> usize {
        self.times.get(tag).copied().unwrap_or_default()
    }
}

pub(super) fn number(value: u16) -> Reading {
    Reading::Good(Value::Number(f64::from(value)))
}

pub(super) fn right(unit: u8, address: u16) -> Reading {
    number(register(unit, 3, address))
}
