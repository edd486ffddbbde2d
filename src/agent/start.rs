//! Building the parts, in the order in which they depend on each other.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    AgentError, GRACE, Loop, Start, Tasks,
    audience::Audiences,
    concerns::Concerns,
    core::Core,
    credentials::Credentials,
    history::StoreHistory,
    journal::Journal,
    record::{self, Recorder},
    recording,
    sources::Sources,
    view,
};
use crate::{
    alert::{engine::Engine, event::Event},
    api::{self, DoorError, order::Agent},
    clock::{self, Clock},
    config::{self, Loaded, last_good, section::Problem},
    delivery::dispatch::{self, Receivers},
    destination::{Destination, notice::Site},
    health::{Watchdog, credentials::HEARTBEAT_PEER},
    link::certificate::Seen,
    store::{Options, Store},
};

/// How many orders, jobs and signals may wait.
const QUEUE: usize = 256;
/// How long a heartbeat that failed waits before it starts again.
const HEARTBEAT_AGAIN: Duration = Duration::from_secs(60);

/// Builds everything and starts the tasks beside the loop.
pub(super) async fn build(start: Start) -> Result<(Loop, Tasks), AgentError> {
    let (mut loaded, refused) = configuration(&start)?;
    let settings = &loaded.settings;
    let clock = Clock::system(settings.clock.clone());
    let boot = clock::boot_id();
    let now = clock.now();

    let opened = Store::open(Options {
        machine_id: std::fs::read_to_string("/etc/machine-id")
            .ok()
            .map(|id| id.trim().to_owned()),
        ballast: settings.store.ballast.0,
        memory_events: settings.store.memory_events as u64,
        ..Options::new(&settings.agent.data_dir, now)
    })?;
    // Only now is it sure that no other agent runs on this data_dir, whose last good one this would replace.
    if refused.is_empty() {
        keep_as_last_good(&loaded);
    }
    loaded.let_texts_go();
    let store = opened.store;
    let durable = record::durable(&opened.restored, &store).await?;
    let seed = seed();
    // The core alone has the plant, or it would have to copy it to put a discovered machine there.
    let plant = std::mem::take(&mut loaded.plant);
    let (engine, ends) = Engine::restore(plant, &durable, now, &boot, seed);
    let mut engine = Core::new(engine);
    let recording = start.record.as_ref().and_then(|(path, most)| {
        let began = recording::Began {
            durable,
            seed,
            ends: &ends,
            at: now,
        };
        recording::of_run(&mut engine, began, &loaded, &boot, path, *most)
    });

    let settings = &loaded.settings;
    let (jobs, jobs_in) = mpsc::channel(QUEUE);
    let (signals_out, signals) = mpsc::channel(QUEUE);
    let (fallbacks_out, fallbacks) = mpsc::channel(QUEUE);
    let (agent, orders) = Agent::new(QUEUE);
    let tasks_stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    if let Some(listener) = listen(&settings.agent.socket)? {
        let history = Arc::new(StoreHistory::new(store.clone()));
        let served = api::serve(
            listener,
            agent.clone(),
            history,
            clock.clone(),
            tasks_stop.clone(),
        );
        tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!("the API has failed: {error}");
            }
            ("API", Ok(()))
        });
    }
    let seen = Seen::default();
    let parts = dispatch::Parts {
        store: store.clone(),
        clock: clock.clone(),
        boot: boot.clone(),
        seen: seen.clone(),
        receivers: receivers(&loaded),
        jobs: jobs_in,
        signals: signals_out,
        fallbacks: fallbacks_out,
        stop: tasks_stop.clone(),
        grace: GRACE,
    };
    tasks.spawn(async move {
        (
            "delivery task",
            dispatch::run(parts).await.map_err(AgentError::from),
        )
    });
    if let Some(heartbeat) = settings.heartbeat.clone() {
        let (clock, stop) = (clock.clone(), tasks_stop.clone());
        let witness = seen.witness(HEARTBEAT_PEER);
        tasks.spawn(async move {
            // A heartbeat that fails is a heartbeat that is missed outside; it is no reason to stop watching.
            while !stop.is_cancelled() {
                let beat = heartbeat.clone().run(
                    agent.clone(),
                    clock.clone(),
                    witness.clone(),
                    stop.clone(),
                );
                if let Err(error) = tokio::spawn(beat).await {
                    tracing::error!("the heartbeat failed and starts again: {error}");
                    tokio::time::sleep(HEARTBEAT_AGAIN).await;
                }
            }
            ("heartbeat", Ok(()))
        });
    }

    let wake = Arc::new(Notify::new());
    let mut concerns = Concerns::default();
    concerns.configured(&refused, now.mono);
    concerns.found(&opened.found, &opened.restored);
    let recorder = Recorder {
        store: store.clone(),
        boot,
        routes: settings.parts.routes.clone(),
        fallbacks: fallbacks_of(&loaded),
        site: site(&loaded, &opened.restored.agent_id),
        jobs,
        audiences: Audiences::default(),
        withdrew: false,
    };
    let mut agent = Loop {
        sources: Sources::start(settings, engine.plant(), &clock, &wake, &seen, None),
        engine,
        recorder,
        store,
        wake,
        orders,
        signals,
        fallbacks,
        concerns,
        credentials: Credentials::new(&loaded.settings, seen),
        journal: Journal::default(),
        watchdog: Watchdog::of_process(),
        held: Vec::new(),
        waiting: 0,
        committed: now.mono,
        seen: view::Seen::new(now),
        tasks_stop,
        housekeeping: JoinSet::new(),
        taken_up: mpsc::channel(1),
        put_back: opened.restored.put_back.is_some(),
        recording,
        clock,
        loaded,
        start,
    };
    agent.end_absent_concerns();
    agent.greet(ends).await?;
    Ok((agent, tasks))
}

/// The socket of the verbs. Without it the plant is watched all the same, say on a disk that cannot be written; only a socket
/// that another agent serves is a reason not to run.
fn listen(path: &Path) -> Result<Option<tokio::net::UnixListener>, AgentError> {
    match api::bind(path) {
        Ok(listener) => Ok(Some(listener)),
        Err(error @ DoorError::InUse(_)) => Err(error.into()),
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::error!(
                "{error:#}; the plant is watched, but no verb reaches this agent until it is started again"
            );
            Ok(None)
        }
    }
}

/// The configuration to run: the one that is there, or the last good one with the reasons why.
fn configuration(start: &Start) -> Result<(Loaded, Vec<Problem>), AgentError> {
    let problems = match config::load(&start.paths, &start.env) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            return Ok((loaded, Vec::new()));
        }
        Err(problems) => problems,
    };
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if start.strict {
        return Err(AgentError::Config(problems));
    }
    let dirs = config::data_dirs(&start.paths, &start.env);
    let kept = dirs.iter().find_map(|data_dir| {
        last_good::take_back(data_dir).unwrap_or_else(|error| {
            let error = anyhow::Error::from(error);
            tracing::error!("the last good configuration cannot be read: {error:#}");
            None
        })
    });
    match kept.map(|files| config::load_set(files, &start.env)) {
        Some(Ok(loaded)) => {
            tracing::error!("the configuration is refused; the last good one runs");
            Ok((loaded, problems))
        }
        _ if !start.paths.main.exists() => Err(AgentError::NoConfig(start.paths.main.clone())),
        _ => Err(AgentError::Config(problems)),
    }
}

/// Keeps what runs now; without it the next start needs a configuration without mistakes.
pub(super) fn keep_as_last_good(loaded: &Loaded) {
    let Some(texts) = &loaded.texts else { return };
    if let Err(error) = last_good::keep(&loaded.settings.agent.data_dir, &texts.files) {
        let error = anyhow::Error::from(error);
        tracing::warn!("the configuration cannot be kept as the last good one: {error:#}");
    }
}

/// To whom is delivered, and of whom one at least must stay active.
pub(super) fn receivers(loaded: &Loaded) -> Receivers {
    let parts = &loaded.settings.parts;
    let steps = loaded.settings.policies.iter();
    let steps = steps.flat_map(|policy| policy.steps.iter().map(|step| step.to.clone()));
    Receivers {
        site: loaded.settings.agent.site.to_string().into(),
        destinations: parts.destinations.clone(),
        groups: parts.routes.groups().into_iter().chain(steps).collect(),
    }
}

/// Who is told in place of whom.
pub(super) fn fallbacks_of(loaded: &Loaded) -> HashMap<Arc<str>, Vec<Arc<str>>> {
    let destinations = loaded.settings.parts.destinations.iter();
    let fallback = |of: &Destination| (Arc::clone(&of.name), of.terms.fallback.clone());
    destinations.map(fallback).collect()
}

/// What every notice says about where it comes from.
pub(super) fn site(loaded: &Loaded, agent: &str) -> Site {
    let settings = &loaded.settings.agent;
    let page_url = settings
        .page_url
        .as_ref()
        .map(|url| url.0.as_str().trim_end_matches('/').to_owned());
    Site {
        id: settings.site.to_string(),
        name: settings.site_name.to_string(),
        agent: agent.to_owned(),
        timezone: settings.timezone.clone(),
        page_url,
    }
}

fn seed() -> [u8; 16] {
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        // Ids must differ between databases, not be secret.
        fastrand::fill(&mut seed);
    }
    seed
}

impl Loop {
    /// Says that the agent is there, and commits what the restart itself decided.
    async fn greet(&mut self, ends: Vec<Event>) -> Result<(), AgentError> {
        let (watches, blind) = self.engine.watch_counts();
        let plant = self.engine.plant();
        tracing::info!(
            site = &*plant.site,
            machines = plant.machines.len(),
            tags = plant.tags.len(),
            watches,
            not_watching = blind,
            destinations = self.loaded.settings.parts.destinations.len(),
            "andon {} runs",
            env!("CARGO_PKG_VERSION")
        );
        if ends.is_empty() && !self.engine.has_changes() {
            return Ok(());
        }
        let now = self.clock.now();
        self.recorder.commit(&mut self.engine, &ends, now).await?;
        Ok(())
    }
}
