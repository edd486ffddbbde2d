//! The same devices, read by andon: by its poller alone, as fast as it goes, or by the whole agent at the pace of its configuration.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use andon::{
    agent::{self, Start},
    clock::{Clock, Synchronised},
    config::{self, Env, Loaded, Paths},
    rules,
    sample::Reading,
    source::{Feed, modbus},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{STRIDE, Shape, TAGS};

/// As many batches of a source may wait as for the agent.
const QUEUE: usize = 256;

/// Pollers without an agent, until this value goes. What they say is taken from their queues, as the loop does, and counted.
pub struct Pollers {
    _runtime: tokio::runtime::Runtime,
    pub polls: Arc<AtomicU64>,
}

impl Pollers {
    pub fn start(dir: &Path, ports: &[u16], shape: Shape) -> Self {
        configure(dir, ports, shape);
        let Loaded {
            settings, plant, ..
        } = config::load(&paths(dir), &Env(BTreeMap::new())).expect("a configuration");
        let tags = Arc::new(rules::tag_ids(&plant));
        let runtime = crate::runtime();
        let (polls, wake) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let clock = Clock::system(Synchronised::Assume);
        let mut queues = Vec::new();
        for mut source in settings.parts.modbus {
            // The configuration allows 50 ms at least; without a period the next poll is due when one is done.
            for unit in &mut source.units {
                unit.poll = Duration::from_nanos(1);
            }
            let (feed, queue) = Feed::new(QUEUE, Arc::clone(&wake));
            queues.push(queue);
            let stop = CancellationToken::new();
            let (tags, clock) = (tags.clone(), clock.clone());
            runtime.spawn(modbus::run(source, tags, clock, feed, stop));
        }
        let counted = Arc::clone(&polls);
        runtime.spawn(async move {
            loop {
                wake.notified().await;
                for queue in &mut queues {
                    queue.take(QUEUE, |batch| {
                        let good = |sample: &andon::sample::Sample| {
                            matches!(sample.reading, Reading::Good(_))
                        };
                        assert!(batch.samples.iter().all(good), "a bad value");
                        assert_eq!(batch.samples.len(), TAGS);
                        counted.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
        });
        Self {
            _runtime: runtime,
            polls,
        }
    }
}

/// The whole agent, in this process.
pub struct Agent {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    pub fn start(dir: &Path, ports: &[u16], shape: Shape) -> Self {
        configure(dir, ports, shape);
        let start = Start {
            paths: paths(dir),
            env: Env(BTreeMap::new()),
            strict: true,
            record: None,
            reload: Arc::new(Notify::new()),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let ended = crate::runtime().block_on(agent::run(start, stopped));
            ended.expect("the agent runs");
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the agent stops");
        }
    }
}

fn paths(dir: &Path) -> Paths {
    Paths {
        main: dir.join("andon.toml"),
    }
}

/// Machines of 200 tags each, at every second register, and a rule for each machine.
fn configure(dir: &Path, ports: &[u16], shape: Shape) {
    let mut text = format!(
        "[agent]\nsite = \"plant-7\"\ndata_dir = \"{}/data\"\n\n[[profile]]\nid = \"device\"\ntags = [\n",
        dir.display()
    );
    for tag in 0..TAGS {
        text += &format!(
            "  {{ tag = \"t{tag}\", read = \"holding:{}\" }},\n",
            tag * STRIDE
        );
    }
    text += "]\n";
    for (at, (port, units)) in shape.links(ports).into_iter().enumerate() {
        let mut entries = String::new();
        for unit in units {
            let machine = format!("m-{at}-{unit}");
            text += &format!("[[machine]]\nid = \"{machine}\"\nclass = \"device\"\n");
            entries +=
                &format!("{{ id = {unit}, machine = \"{machine}\", profile = \"device\" }}, ");
        }
        text += &format!(
            "[[source.modbus]]\nname = \"link-{at}\"\naddress = \"tcp://127.0.0.1:{port}\"\nunits = [{entries}]\n"
        );
    }
    fs::create_dir_all(dir.join("rules")).expect("a folder");
    fs::write(dir.join("andon.toml"), text).expect("a file");
    fs::write(dir.join("rules/bench.toml"), RULE).expect("a file");
}

const RULE: &str = r#"
[[rule]]
id = "hot"
machine_class = "device"
tag = "t42"
above = 60000
severity = "error"
deadband = 2
"#;
