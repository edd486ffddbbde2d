//! What is kept of an MQTT broker: a connection that is kept up for as long as attempts reach it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    super::{chain, reach::settings_of_server},
    SendError,
};
use crate::{
    clock::{Clock, Synchronised},
    destination::{Broker, Publish},
    link::{
        certificate::Witness,
        http::{self, BuildError, Settings},
        mqtt::{
            Credentials, Event, MqttLink, Options, PublishError, Publisher, Qos, Timing, Version,
        },
    },
};

/// Bytes of one packet; a payload has at most a quarter of that.
const MOST: usize = 256 * 1024;

/// A broker as it is reached now.
#[derive(Debug)]
pub struct MqttContact {
    broker: Broker,
    settings: Settings,
    material: [u8; 32],
    live: Mutex<Option<Live>>,
}

/// A connection, and how it is.
#[derive(Debug)]
struct Live {
    publisher: Publisher,
    state: watch::Receiver<State>,
    /// Holds the connection and reads what it has to say.
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum State {
    Connecting,
    Up,
    Down(String),
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MqttContact {
    /// Opens nothing yet.
    pub(super) fn new(broker: &Broker, witness: Option<Witness>) -> Result<Self, BuildError> {
        let settings = Settings {
            witness,
            ..settings_of_server(&broker.server)
        };
        if broker.server.tls {
            http::check_files(&settings)?;
        }
        Ok(Self {
            material: settings.material(),
            broker: broker.clone(),
            settings,
            live: Mutex::default(),
        })
    }

    /// Whether the files and secrets that it was made from are still the same. A password is read at each connect.
    pub(super) fn is_current(&self, broker: &Broker) -> bool {
        self.material == settings_of_server(&broker.server).material()
    }

    /// Publishes, and waits until the broker has acknowledged it.
    pub(super) async fn send(&self, publish: &Publish) -> Result<String, SendError> {
        let mut under_way = false;
        let sent = timeout(self.settings.timeout, self.publish(publish, &mut under_way));
        if let Ok(sent) = sent.await {
            return sent;
        }
        // Only a new connection frees what a broker does not answer.
        *self.live.lock().await = None;
        Err(match under_way {
            true => SendError::Failed(
                "the broker did not acknowledge in time; it may have it all the same".to_owned(),
            ),
            false => SendError::Unreachable(
                "the broker does not answer; is it switched on, and is the way to it open?"
                    .to_owned(),
            ),
        })
    }

    async fn publish(&self, publish: &Publish, under_way: &mut bool) -> Result<String, SendError> {
        let (publisher, mut state) = {
            let mut live = self.live.lock().await;
            let open = live.get_or_insert_with(|| self.open());
            (open.publisher.clone(), open.state.clone())
        };
        let known = state.wait_for(|state| !matches!(state, State::Connecting));
        let known = known.await.map(|state| state.clone());
        match known {
            Ok(State::Down(why)) => return Err(SendError::Unreachable(why)),
            Ok(_) => {}
            Err(_) => return Err(SendError::Unreachable("the connection ended".to_owned())),
        }
        *under_way = true;
        let (topic, payload) = (&publish.topic, publish.payload.clone().into_bytes());
        let within = self.settings.timeout;
        let sent = publisher.publish(topic, payload, Qos::AtLeastOnce, publish.retain, within);
        match sent.await {
            Ok(()) => Ok("acknowledged by the broker".to_owned()),
            Err(error @ PublishError::NotConnected) => {
                Err(SendError::Unreachable(error.to_string()))
            }
            Err(error) => Err(SendError::Failed(error.to_string())),
        }
    }

    fn open(&self) -> Live {
        let server = &self.broker.server;
        let login = self.broker.login.clone();
        let options = Options {
            host: server.host.clone(),
            port: server.port,
            version: match self.broker.version_5 {
                true => Version::V5,
                false => Version::V3,
            },
            tls: server.tls.then(|| self.settings.clone()),
            websocket: None,
            guard: Some(self.settings.guard.clone()),
            bind: self.settings.bind.clone(),
            clean: true,
            session_expiry: Duration::ZERO,
            credentials: login.map(|(user, password)| Credentials {
                user,
                password: Arc::new(move || {
                    let revealed = password.reveal().map_err(|error| chain(&error))?;
                    Ok(revealed.to_string())
                }),
            }),
            client_id: self
                .broker
                .client_id
                .clone()
                .unwrap_or_else(|| format!("andon-{:016x}", fastrand::u64(..))),
            keep_alive: Duration::from_secs(30),
            max_payload: MOST,
            max_packet: MOST,
            max_unacked: 1,
            filters: Vec::new(),
            status: None,
            timing: Timing::default(),
        };
        // Nothing here depends on whether the wall clock is right.
        let mut link = MqttLink::connect(options, Clock::system(Synchronised::Never));
        let publisher = link.publisher();
        let (sender, state) = watch::channel(State::Connecting);
        let task = tokio::spawn(async move {
            while let Some(event) = link.next().await {
                match event {
                    Event::Connected { .. } => drop(sender.send(State::Up)),
                    Event::Disconnected { why } => drop(sender.send(State::Down(why))),
                    _ => {}
                }
            }
        });
        Live {
            publisher,
            state,
            task,
        }
    }
}
