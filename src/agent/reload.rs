//! Reading the configuration again while the agent runs: everything that still has its place goes on.

use std::time::Duration;

use super::{AgentError, Loop, complaints::SOURCE_RULE, credentials, sources::Sources, start};
use crate::{
    alert::{engine::Input, signal::Signal},
    api::view::{Attempted, Reloaded},
    config::{self, Settings},
    delivery::{
        concern::{DEACTIVATED_RULE, DESTINATION_RULE},
        dispatch::Job,
    },
    destination::notice::{Notice, NoticeAlert},
};

/// How often old history goes.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often the state of a running escalation is marked.
const MARK_EVERY: Duration = Duration::from_secs(60);

impl Loop {
    /// Reads the configuration; a refused one changes nothing but an alert that says so.
    pub(super) async fn reload(&mut self) -> Result<Result<Reloaded, Vec<String>>, AgentError> {
        let now = self.clock.now();
        let mut loaded = match config::load(&self.start.paths, &self.start.env) {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in problems.iter().filter(|problem| !problem.warning) {
                    tracing::error!("{problem}");
                }
                tracing::error!("the configuration is refused, the one that runs goes on");
                self.concerns.configured(&problems, now.mono);
                return Ok(Err(problems.iter().map(ToString::to_string).collect()));
            }
        };
        // Samples that were made for the old plant are judged by the old plant.
        self.sources.stop().await;
        self.last_commit().await?;
        let now = self.clock.now();
        let plant = std::mem::take(&mut loaded.plant);
        let decided = self.engine.step(now, Input::Plant(plant));
        self.recorder.routes = loaded.settings.parts.routes.clone();
        self.recorder.fallbacks = start::fallbacks_of(&loaded);
        self.recorder.site = start::site(&loaded, &self.recorder.site.agent);
        let _ = self
            .recorder
            .jobs
            .send(Job::Reload(start::receivers(&loaded)))
            .await;
        self.commit(&decided.events, now).await?;
        self.sources = Sources::start(
            &loaded.settings,
            self.engine.plant(),
            &self.clock,
            &self.wake,
            self.credentials.seen(),
            Some(&self.sources),
        );
        self.credentials.reload(&loaded.settings);
        let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(needs_restart(&self.loaded.settings, &loaded.settings));
        self.loaded = loaded;
        self.end_absent_concerns();
        self.concerns.configured(&[], now.mono);
        start::keep_as_last_good(&self.loaded);
        self.loaded.let_texts_go();
        tracing::info!("the configuration was read again");
        Ok(Ok(Reloaded {
            hash: self.loaded.hash.clone(),
            warnings,
        }))
    }

    /// Ends the alerts about sources and destinations that are not configured any more: nobody else would.
    pub(super) fn end_absent_concerns(&mut self) {
        let destinations = &self.loaded.settings.parts.destinations;
        let sources = self.engine.raised_subjects(SOURCE_RULE);
        let absent = sources.into_iter().filter(|name| !self.sources.has(name));
        for source in absent {
            self.concerns.say(Signal::gone(SOURCE_RULE, &source));
        }
        for rule in credentials::RULES {
            for subject in self.engine.raised_subjects(rule) {
                if !self.credentials.may_concern(rule, &subject) {
                    self.concerns.say(Signal::gone(rule, &subject));
                }
            }
        }
        for rule in [DESTINATION_RULE, DEACTIVATED_RULE] {
            for name in self.engine.raised_subjects(rule) {
                if !destinations.iter().any(|of| *of.name == *name) {
                    self.concerns.say(Signal::gone(rule, &name));
                }
            }
        }
    }

    /// What is to be done now and then.
    pub(super) fn keep_house(&mut self) {
        let now = self.clock.now();
        while self.housekeeping.try_join_next().is_some() {}
        self.concerns.remind(now.mono);
        // The store may leave memory mode, or enter it, without a commit.
        self.concerns.stored(self.store.is_durable());
        for signal in self.credentials.keep(now) {
            self.concerns.say(signal);
        }
        for signal in self.sources.say(now.mono, &self.engine) {
            self.concerns.say(signal);
        }
        if now.mono.since(self.seen.marked) >= MARK_EVERY {
            self.seen.marked = now.mono;
            if self.engine.time_matters() {
                let (store, mark) = (
                    self.store.clone(),
                    crate::store::rows::Mark::new(&self.recorder.boot, now),
                );
                self.housekeeping.spawn(async move {
                    if let Err(error) = store.mark(mark).await {
                        tracing::warn!("the time of a running escalation is not marked: {error}");
                    }
                });
            }
        }
        if now.mono.since(self.seen.pruned) >= PRUNE_EVERY {
            self.seen.pruned = now.mono;
            let (store, limits) = (self.store.clone(), self.loaded.settings.store);
            let jobs = self.recorder.jobs.clone();
            self.housekeeping.spawn(async move {
                match store.prune(limits.keep_for, limits.keep_size.0, now).await {
                    // What a limit gave up is not to be tried any more.
                    Ok(pruned) if pruned.gave_up() => {
                        let _ = jobs.send(Job::Compare).await;
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!("old history is not pruned: {error}"),
                }
            });
        }
    }

    /// Sends a test to a destination: it has its own `dedup_key`, and ends itself.
    pub(super) async fn test_destination(
        &mut self,
        name: String,
        reply: tokio::sync::oneshot::Sender<Option<Attempted>>,
    ) {
        let now = self.clock.now();
        let jobs = self.recorder.jobs.clone();
        let destinations = &self.loaded.settings.parts.destinations;
        let named = destinations.iter().find(|of| *of.name == *name);
        let ends = named.is_none_or(|named| named.abilities().ends_tests);
        let begin = test_notice(&self.recorder.site, &name, now);
        self.housekeeping.spawn(async move {
            let attempt = async |notice: Notice| {
                let (sender, answer) = tokio::sync::oneshot::channel();
                let job = Job::Test(name.clone(), Box::new(notice), sender);
                let _ = jobs.send(job).await;
                answer.await.ok().flatten()
            };
            let end = ends.then(|| end_of_test(&begin));
            let tested = attempt(begin).await;
            // Sent for the receiver's sake: what the person wants to see is the alert. What nobody took needs no end.
            if let Some(end) = end.filter(|_| tested.as_ref().is_some_and(|it| it.accepted)) {
                attempt(end).await;
            }
            let _ = reply.send(tested.map(|tested| Attempted {
                accepted: tested.accepted,
                request: tested.request,
                answer: tested.answer.join("\n"),
                took_ms: u64::try_from(tested.took.as_millis()).unwrap_or(u64::MAX),
            }));
        });
    }
}

/// What has changed that only a start takes over; whoever changed it is told.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<String> {
    let changed = [
        ("agent.data_dir", old.agent.data_dir != new.agent.data_dir),
        ("agent.socket", old.agent.socket != new.agent.socket),
        ("clock", old.clock != new.clock),
        ("heartbeat", old.heartbeat != new.heartbeat),
        ("log.level", old.log != new.log),
        (
            "store.memory_events",
            old.store.memory_events != new.store.memory_events,
        ),
        ("store.ballast", old.store.ballast != new.store.ballast),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed
        .map(|(key, _)| format!("{key} has changed; restart the agent to apply it"))
        .collect()
}

fn test_notice(
    site: &crate::destination::notice::Site,
    destination: &str,
    now: crate::clock::Now,
) -> Notice {
    use crate::alert::event::DedupKey;
    Notice {
        id: random_id(now.wall.as_millis()),
        kind: "triggered".to_owned(),
        at: now.wall.as_millis(),
        synchronised: now.synchronised,
        site: site.id.clone(),
        site_name: site.name.clone(),
        agent: site.agent.clone(),
        dedup_key: DedupKey::new(&site.id, "andon.test", destination).to_string(),
        text: format!(
            "{}: test of the destination {destination}, nothing is wrong.",
            site.name
        ),
        test: true,
        durable: false,
        alert: NoticeAlert {
            id: random_id(now.wall.as_millis()),
            machine: "andon".to_owned(),
            machine_name: "andon".to_owned(),
            severity: "info".to_owned(),
            state: "active".to_owned(),
            message: "test, nothing is wrong".to_owned(),
            rule: "andon.test".to_owned(),
            occurrences: 1,
            created: now.wall.as_millis(),
            ..NoticeAlert::default()
        },
        ..Notice::default()
    }
}

/// The end of the same alert.
fn end_of_test(begin: &Notice) -> Notice {
    let mut end = begin.clone();
    (end.id, end.kind) = (random_id(begin.at), "resolved".to_owned());
    (end.alert.state, end.alert.ended) = ("resolved".to_owned(), Some(begin.at));
    end
}

/// A ULID of this time.
fn random_id(millis: i64) -> String {
    let random = u128::from(fastrand::u64(..)) << 16 | u128::from(fastrand::u16(..));
    ulid::Ulid::from_parts(u64::try_from(millis).unwrap_or(0), random).to_string()
}
