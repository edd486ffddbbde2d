//! One connection from its first packet to its end. Nothing of it is used for the next one.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use rumqttc::{
    AsyncClient, ConnectionError, Event as Rumqttc, EventLoop, LastWill, MqttOptions,
    NetworkOptions, Outgoing, Packet, Publish, QoS, SubscribeFilter, TlsConfiguration, Transport,
};
use tokio::{
    pin, select,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Event, Live, Message, Options, Qos, Shared, Token, TooLarge, acks::Acks, poison::Poison,
    publishing::Publishing, reason, subscribing::Subscribing, tls,
};
use crate::{
    clock::{Clock, Mono},
    link::http,
};

/// Room for requests beside acknowledgements: publishes, subscriptions, the goodbye.
const REQUESTS: usize = 64;

/// How long connecting, or sending what is waiting, may take.
const CONNECT_SECONDS: u64 = 10;

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was told to.
    Stopped,
    /// It broke, or never came to be.
    Broken(String),
    /// It was made only to discard the session, and has done so.
    Flushed,
    /// A packet came that cannot be read.
    Unreadable {
        /// What is wrong with it.
        error: String,
        /// The filter that it came from, if that is known.
        suspect: Option<usize>,
    },
}

/// What one connection works with.
pub(super) struct Connection<'a> {
    pub(super) number: u64,
    pub(super) options: &'a Options,
    pub(super) clock: &'a Clock,
    pub(super) shared: &'a Shared,
    pub(super) events: &'a mpsc::Sender<Event>,
    pub(super) stop: &'a CancellationToken,
    pub(super) poison: &'a mut Poison,
}

/// What changes while a connection runs.
struct State {
    client: AsyncClient,
    subscribing: Subscribing,
    /// When the broker accepted the connection.
    since: Option<Mono>,
    /// When rumqttc last did anything; it pings, so it always does.
    progress: Mono,
    /// When the broker last sent anything.
    heard: Mono,
    /// Since when it says goodbye.
    leaving: Option<Mono>,
}

type Flow = ControlFlow<End>;

impl Connection<'_> {
    /// Connects and stays connected; says how long that lasted and why it ended.
    pub(super) async fn run(mut self) -> (Duration, End) {
        let options = match self.rumqttc_options().await {
            Ok(options) => options,
            Err(why) => return (Duration::ZERO, End::Broken(why)),
        };
        let room = self.options.max_unacked + self.options.filters.len() + REQUESTS;
        let (client, mut eventloop) = AsyncClient::new(options, room);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_SECONDS);
        if let Some(device) = &self.options.bind_device {
            network.set_bind_device(device);
        }
        eventloop.set_network_options(network);
        let now = self.clock.now().mono;
        let mut state = State {
            client,
            subscribing: Subscribing::default(),
            since: None,
            progress: now,
            heard: now,
            leaving: None,
        };
        let end = loop {
            let flow = match self.poll(&mut eventloop, &mut state).await {
                ControlFlow::Continue(Ok(event)) => self.take(event, &mut state).await,
                ControlFlow::Continue(Err(error)) => ControlFlow::Break(self.end(&error, &state)),
                ControlFlow::Break(end) => ControlFlow::Break(end),
            };
            if let ControlFlow::Break(end) = flow {
                break end;
            }
        };
        let now = self.clock.now().mono;
        let lasted = state.since.map_or(Duration::ZERO, |since| now.since(since));
        (lasted, end)
    }

    /// Waits for rumqttc. Its future is never dropped and made anew, as that would start its work over; it is dropped
    /// only together with the connection.
    async fn poll(
        &mut self,
        eventloop: &mut EventLoop,
        state: &mut State,
    ) -> ControlFlow<End, Result<Rumqttc, ConnectionError>> {
        let event = eventloop.poll();
        pin!(event);
        loop {
            select! {
                event = &mut event => {
                    state.progress = self.clock.now().mono;
                    return ControlFlow::Continue(event);
                }
                () = sleep(self.options.timing.tick) => self.look(state)?,
                () = self.stop.cancelled(), if state.leaving.is_none() => {
                    if state.since.is_none() {
                        return ControlFlow::Break(End::Stopped);
                    }
                    self.leave(state);
                }
            }
        }
    }

    /// Looks at everything that has a deadline.
    fn look(&mut self, state: &mut State) -> Flow {
        let (now, timing) = (self.clock.now().mono, &self.options.timing);
        let keep_alive = self.options.keep_alive;
        let address = || format!("{}:{}", self.options.host, self.options.port);
        if let Some(since) = state.leaving
            && now.since(since) > timing.farewell
        {
            return ControlFlow::Break(End::Stopped);
        }
        let Some(since) = state.since else {
            return match now.since(state.progress) > Duration::from_secs(2 * CONNECT_SECONDS) {
                true => broken(format!("connecting to {} does not end", address())),
                false => ControlFlow::Continue(()),
            };
        };
        let broken_by_user = self.shared.lock().as_ref().and_then(|live| live.broken);
        if let Some(why) = broken_by_user {
            return broken(format!("{}: {why}", address()));
        }
        if now.since(state.heard.max(since)) > keep_alive * 3 / 2 {
            return broken(format!("{} does not answer any more", address()));
        }
        if now.since(state.progress) > keep_alive * 2 {
            return broken(format!("the connection to {} is stuck", address()));
        }
        if state.subscribing.is_overdue(now, timing.confirm) {
            return broken(format!("{} does not confirm subscriptions", address()));
        }
        if state.subscribing.is_settled() {
            self.poison.settled();
            if let Some(filter) = self.poison.take_due(now) {
                state.subscribing.add_suspect(filter);
            }
        }
        self.subscribe(state, now)
    }

    async fn take(&mut self, event: Rumqttc, state: &mut State) -> Flow {
        let now = self.clock.now().mono;
        if matches!(event, Rumqttc::Incoming(_)) {
            state.heard = now;
        }
        match event {
            Rumqttc::Incoming(Packet::ConnAck(ack)) => {
                self.connected(ack.session_present, state).await
            }
            Rumqttc::Incoming(Packet::Publish(packet)) => self.message(packet, state).await,
            Rumqttc::Incoming(Packet::SubAck(ack)) => {
                for filter in state.subscribing.confirmed(&ack) {
                    let filter = Arc::clone(&self.options.filters[filter].topic);
                    let why = "the broker refused the subscription; check its access rules".into();
                    self.send(Event::FilterLost { filter, why }, state).await?;
                }
                ControlFlow::Continue(())
            }
            Rumqttc::Incoming(Packet::PubAck(ack)) => {
                self.with_live(|live| live.publishing.acknowledged(ack.pkid))
            }
            Rumqttc::Outgoing(Outgoing::Publish(pkid)) => {
                self.with_live(|live| live.publishing.left(pkid))
            }
            Rumqttc::Outgoing(Outgoing::Subscribe(pkid)) => {
                state.subscribing.left(pkid, now);
                ControlFlow::Continue(())
            }
            Rumqttc::Outgoing(Outgoing::Disconnect) => {
                ControlFlow::Break(match self.poison.must_flush() {
                    true => End::Flushed,
                    false => End::Stopped,
                })
            }
            _ => ControlFlow::Continue(()),
        }
    }

    async fn connected(&mut self, session_present: bool, state: &mut State) -> Flow {
        let now = self.clock.now().mono;
        state.since = Some(now);
        if self.poison.must_flush() {
            // The broker has discarded the session by accepting this connection; the next one begins a new session.
            self.leave(state);
            return ControlFlow::Continue(());
        }
        let mut live = Live {
            connection: self.number,
            client: state.client.clone(),
            acks: Acks::default(),
            publishing: Publishing::default(),
            max_packet: self.options.max_packet,
            broken: None,
        };
        if let Some(status) = &self.options.status {
            let online = status.online.clone().into_bytes();
            // A queue that nothing was put into has room.
            let _ = live.publish(&status.topic, online, Qos::AtLeastOnce, true, None);
        }
        *self.shared.lock() = Some(live);
        let filters = (0..self.options.filters.len()).filter(|ix| !self.poison.is_aside(*ix));
        state.subscribing = Subscribing::new(filters, self.poison.is_searching());
        let event = Event::Connected {
            connection: self.number,
            session_present,
        };
        self.send(event, state).await?;
        self.subscribe(state, now)
    }

    fn subscribe(&mut self, state: &mut State, now: Mono) -> Flow {
        while let Some(filters) = state.subscribing.next(now, self.options.timing.settle) {
            let filters = filters.into_iter().map(|ix| &self.options.filters[ix]);
            let filters = filters
                .map(|filter| SubscribeFilter::new(filter.topic.to_string(), filter.qos.into()));
            if state.client.try_subscribe_many(filters).is_err() {
                return broken("subscriptions do not leave".to_owned());
            }
        }
        ControlFlow::Continue(())
    }

    async fn message(&mut self, packet: Publish, state: &mut State) -> Flow {
        let at = self.clock.now();
        tracing::trace!(topic = packet.topic, "message");
        let number = (packet.qos != QoS::AtMostOnce).then(|| {
            let mut live = self.shared.lock();
            live.as_mut().map(|live| live.acks.arrived(&packet))
        });
        let token = number.flatten().map(|number| Token {
            connection: self.number,
            number,
        });
        let payload = match packet.payload.len() {
            size if size > self.options.max_payload => Err(TooLarge(size)),
            _ => Ok(packet.payload.to_vec()),
        };
        let message = Message {
            at,
            payload,
            token,
            topic: packet.topic,
            retain: packet.retain,
            dup: packet.dup,
        };
        self.send(Event::Message(message), state).await
    }

    /// Hands an event on. Nothing is read from the broker meanwhile and no ping leaves, so it waits for half a
    /// keep-alive at most: the broker allows one and a half. Then the connection is given up, and the broker sends
    /// again what was not acknowledged.
    async fn send(&mut self, event: Event, state: &mut State) -> Flow {
        if state.leaving.is_some() {
            return ControlFlow::Continue(());
        }
        select! {
            sent = timeout(self.options.keep_alive / 2, self.events.send(event)) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => self.leave(state),
                Err(_) => return broken(format!(
                    "messages from {}:{} come faster than they are dealt with; what was not acknowledged comes again",
                    self.options.host, self.options.port
                )),
            },
            () = self.stop.cancelled() => self.leave(state),
        }
        let now = self.clock.now().mono;
        (state.progress, state.heard) = (now, now);
        ControlFlow::Continue(())
    }

    /// Says goodbye: the status first, then DISCONNECT, after which the broker does not publish the last will.
    fn leave(&mut self, state: &mut State) {
        state.leaving = Some(self.clock.now().mono);
        if let (Some(status), Some(live)) = (&self.options.status, self.shared.lock().as_mut()) {
            let offline = status.offline.clone().into_bytes();
            // Where it does not leave any more, closing breaks off and the last will says it.
            let _ = live.publish(&status.topic, offline, Qos::AtLeastOnce, true, None);
        }
        let _ = state.client.try_disconnect();
    }

    fn with_live(&self, act: impl FnOnce(&mut Live)) -> Flow {
        if let Some(live) = self.shared.lock().as_mut() {
            act(live);
        }
        ControlFlow::Continue(())
    }

    fn end(&self, error: &ConnectionError, state: &State) -> End {
        if state.leaving.is_some() {
            return match self.poison.must_flush() {
                true => End::Flushed,
                false => End::Stopped,
            };
        }
        match reason::unreadable(error) {
            Some(error) => End::Unreadable {
                error,
                suspect: state.subscribing.suspect(),
            },
            None => End::Broken(reason::describe(error, self.options)),
        }
    }

    async fn rumqttc_options(&self) -> Result<MqttOptions, String> {
        let ours = self.options;
        let mut options = MqttOptions::new(&ours.client_id, &ours.host, ours.port);
        options.set_clean_session(ours.clean || self.poison.must_flush());
        options.set_keep_alive(ours.keep_alive.max(Duration::from_secs(1)));
        options.set_manual_acks(true);
        options.set_max_packet_size(ours.max_packet, ours.max_packet);
        if let Some(settings) = &ours.secured {
            let config = http::tls::config(settings).map_err(|error| error.to_string())?;
            let config = TlsConfiguration::Rustls(Arc::new(config));
            options.set_transport(Transport::tls_with_config(config));
        } else if let Some(ca) = &ours.ca {
            let config = TlsConfiguration::Rustls(tls::config(ca, ours.witness.clone()).await?);
            options.set_transport(Transport::tls_with_config(config));
        }
        if let Some(credentials) = &ours.credentials {
            options.set_credentials(&credentials.user, (credentials.password)()?);
        }
        if let Some(status) = &ours.status {
            let offline = status.offline.as_str();
            options.set_last_will(LastWill::new(
                &status.topic,
                offline,
                QoS::AtLeastOnce,
                true,
            ));
        }
        Ok(options)
    }
}

fn broken(why: String) -> Flow {
    ControlFlow::Break(End::Broken(why))
}
