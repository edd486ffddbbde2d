//! What is kept of an MQTT broker: a connection that is kept up for as long as attempts reach it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::lookup_host,
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
        http::{self, Bind, BuildError, Settings},
        mqtt::{Credentials, Event, MqttLink, Options, PublishError, Publisher, Qos, Timing},
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
            let open = match live.take() {
                Some(open) => open,
                None => self.open().await.map_err(SendError::Unreachable)?,
            };
            let open = live.insert(open);
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

    async fn open(&self) -> Result<Live, String> {
        let server = &self.broker.server;
        let address = self.allowed().await?;
        // Without TLS the very address that was judged is dialled. With it the certificate says who answers.
        let host = if server.tls {
            server.host.clone()
        } else {
            address.to_string()
        };
        let login = self.broker.login.clone();
        let options = Options {
            host,
            port: server.port,
            ca: server.ca.clone(),
            secured: server.tls.then(|| self.settings.clone()),
            bind_device: match &self.settings.bind {
                Some(Bind::Interface(name)) => Some(name.clone()),
                _ => None,
            },
            clean: true,
            witness: None,
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
        Ok(Live {
            publisher,
            state,
            task,
        })
    }

    /// The first address of the broker, if the guard lets all of them pass.
    async fn allowed(&self) -> Result<IpAddr, String> {
        let (host, port) = (&self.broker.server.host, self.broker.server.port);
        let found = lookup_host((host.as_str(), port)).await;
        let found = found.map_err(|error| format!("no such host: {host} ({error})"))?;
        let found: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
        let checked = self.settings.guard.check_resolved(host, port, &found);
        checked.map_err(|refusal| refusal.to_string())?;
        found
            .first()
            .copied()
            .ok_or_else(|| format!("no address is known for {host}"))
    }
}
