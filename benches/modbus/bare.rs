//! The least that has to be done: tokio-modbus in a loop with the same plan, each register made a number. No timeout, no quality, no grid.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_modbus::{
    client::{Reader as _, tcp::attach},
    prelude::{Slave, SlaveContext as _},
};

use crate::{PLAN, STRIDE, Shape};

/// Loops that run until this value goes.
pub struct Bare {
    _runtime: tokio::runtime::Runtime,
    pub polls: Arc<AtomicU64>,
}

impl Bare {
    pub fn start(ports: &[u16], shape: Shape, every: Option<Duration>) -> Self {
        let runtime = crate::runtime();
        let polls = Arc::new(AtomicU64::new(0));
        for (port, units) in shape.links(ports) {
            runtime.spawn(poll(port, units, every, Arc::clone(&polls)));
        }
        Self {
            _runtime: runtime,
            polls,
        }
    }
}

async fn poll(port: u16, units: Vec<u8>, every: Option<Duration>, polls: Arc<AtomicU64>) {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    let stream = stream.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut context = attach(stream);
    let mut ticks = every.map(tokio::time::interval);
    loop {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        for &unit in &units {
            context.set_slave(Slave(unit));
            let mut values = Vec::with_capacity(200);
            for (start, count) in PLAN {
                let words = context.read_holding_registers(start, count).await;
                let words = words.expect("a connection").expect("an answer");
                values.extend(words.iter().step_by(STRIDE).map(|word| f64::from(*word)));
            }
            std::hint::black_box(values);
            polls.fetch_add(1, Ordering::Relaxed);
        }
    }
}
