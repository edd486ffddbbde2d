//! One connection from its first packet to its end. Nothing of it is used for the next one.

use std::{collections::VecDeque, io, ops::ControlFlow, time::Duration};

use tokio::{
    select,
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Event, Live, Message, Options, Shared, Status, Token, notices,
    opening::{Opened, open},
    pulse::{Due, Pulse},
    socket::{Socket, Step, is_hangup},
    subscribing::Subscribing,
    wire::{self, Ack, Found, Goodbye, Incoming, Packet, Reader},
};
use crate::{
    clock::{Clock, Mono, Now, Wall},
    link::http::reason,
};

/// At most so many messages are handed on together.
const GROUP: usize = 100;
/// And at most so many bytes of payload, but for one message.
const GROUP_BYTES: usize = 64 * 1024;

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was told to.
    Stopped,
    /// It broke, or never came to be.
    Broken(String),
    /// The broker ended it without a word after it had accepted it.
    Closed,
    /// The broker says that another client has our id.
    TakenOver,
}

/// How a connection went.
#[derive(Debug)]
pub(super) struct Ended {
    /// How long it was accepted.
    pub(super) lasted: Duration,
    pub(super) end: End,
    /// What was not handed on any more.
    pub(super) rest: VecDeque<Event>,
}

/// What one connection works with.
pub(super) struct Connection<'a> {
    pub(super) number: u64,
    pub(super) options: &'a Options,
    /// When it was begun, as far as [`super::Status`] says it.
    pub(super) begun: Wall,
    /// Its status, not dated yet.
    pub(super) status: Option<&'a Status>,
    pub(super) clock: &'a Clock,
    pub(super) shared: &'a Shared,
    pub(super) events: &'a mpsc::Sender<Event>,
    pub(super) stop: &'a CancellationToken,
}

/// What changes while a connection runs.
struct State {
    socket: Socket,
    reader: Reader,
    subscribing: Subscribing,
    /// What is to be handed on before more is read.
    outbox: VecDeque<Event>,
    /// A message waits in the input for which there is no room.
    full: bool,
    /// The input may hold more.
    more: bool,
    pulse: Pulse,
    /// When the broker accepted the connection.
    since: Mono,
    /// Since when it says goodbye.
    leaving: Option<Mono>,
}

type Flow = ControlFlow<End>;

impl Connection<'_> {
    /// Connects and stays connected.
    pub(super) async fn run(self) -> Ended {
        let never = |end| Ended {
            lasted: Duration::ZERO,
            end,
            rest: VecDeque::new(),
        };
        let opened = select! {
            opened = open(self.options) => opened,
            () = self.stop.cancelled() => return never(End::Stopped),
        };
        let mut state = match opened {
            Ok(opened) => self.begin(opened),
            Err(why) => return never(End::Broken(why)),
        };
        let mut tick = interval(self.options.timing.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            if let ControlFlow::Break(end) = self.turn(&mut state, &mut tick).await {
                break end;
            }
        };
        if state.leaving.is_some() {
            let _ = timeout(self.options.timing.farewell, state.socket.shut()).await;
        }
        Ended {
            lasted: self.clock.now().mono.since(state.since),
            end,
            rest: state.outbox,
        }
    }

    /// The broker has accepted the connection: says so, and asks for everything anew.
    fn begin(&self, opened: Opened) -> State {
        let Opened {
            socket,
            reader,
            accepted,
        } = opened;
        let (now, options) = (self.clock.now().mono, self.options);
        let mut live = Live::new(self.number, options, self.begun, &accepted);
        let subscribing = Subscribing::new(options.filters.len(), now);
        for (pkid, filters) in subscribing.packets() {
            let filters: Vec<_> = filters.iter().map(|ix| &options.filters[*ix]).collect();
            // Filters were checked when they were read; one that is far too long ends the connection as unanswered.
            let _ = wire::subscribe(options.version, pkid, &filters, &mut live.out);
        }
        if let Some(status) = &options.status {
            // A connection on which nothing is under way has room. Whoever answers to it is heard, as what is subscribed to comes first.
            let _ = live.tell(status, &status.online);
        }
        *self.shared.lock() = Some(live);
        let connected = Event::Connected {
            connection: self.number,
            session_present: accepted.session_present,
        };
        let notices = notices::of_connection(&accepted, options);
        State {
            socket,
            reader,
            subscribing,
            outbox: [connected].into_iter().chain(notices).collect(),
            full: false,
            more: true,
            pulse: Pulse::new(
                accepted.keep_alive.unwrap_or(options.keep_alive),
                options.timing.patience,
                now,
            ),
            since: now,
            leaving: None,
        }
    }

    async fn turn(&self, state: &mut State, tick: &mut Interval) -> Flow {
        if state.leaving.is_some() {
            state.outbox.clear();
            state.socket.input.clear();
            (state.full, state.more) = (false, false);
        } else if state.outbox.is_empty() {
            self.take(state)?;
        }
        // Most often there is room.
        while let Some(event) = state.outbox.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    state.outbox.push_front(event);
                    break;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => self.leave(state),
            }
        }
        self.collect(state);
        if state.leaving.is_some() && state.socket.is_flushed() {
            return ControlFlow::Break(End::Stopped);
        }
        if state.more && state.outbox.is_empty() {
            return ControlFlow::Continue(());
        }
        let read = state.outbox.is_empty() && !state.full;
        state.pulse.reads(read, || self.clock.now().mono);
        select! {
            step = state.socket.step(read) => self.stepped(step, state),
            permit = self.events.reserve(), if !state.outbox.is_empty() => {
                if let (Ok(permit), Some(event)) = (permit, state.outbox.pop_front()) {
                    permit.send(event);
                }
                ControlFlow::Continue(())
            }
            () = self.shared.wake.notified() => ControlFlow::Continue(()),
            _ = tick.tick() => self.look(state),
            () = self.stop.cancelled(), if state.leaving.is_none() => {
                self.leave(state);
                ControlFlow::Continue(())
            }
        }
    }

    fn stepped(&self, step: io::Result<Step>, state: &mut State) -> Flow {
        match step {
            Ok(Step::Wrote) => {
                state.pulse.took(self.clock.now().mono);
                if state.socket.is_flushed()
                    && let Some(live) = self.shared.lock().as_mut()
                {
                    live.publishing.left();
                }
                ControlFlow::Continue(())
            }
            Ok(Step::Read) => {
                state.more = true;
                ControlFlow::Continue(())
            }
            _ if state.leaving.is_some() => ControlFlow::Break(End::Stopped),
            Ok(Step::Ended) => ControlFlow::Break(End::Closed),
            Err(error) if is_hangup(&error) => ControlFlow::Break(End::Closed),
            Err(error) => {
                let address = self.options.address();
                broken(format!("{address}: {}", reason::of_tls(&error, false)))
            }
        }
    }

    /// Takes what has arrived, as far as there is room for it: messages are gathered, and handed on as one.
    fn take(&self, state: &mut State) -> Flow {
        if !std::mem::take(&mut state.more) && !state.full {
            return ControlFlow::Continue(());
        }
        let at = self.clock.now();
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut shared = self.shared.lock();
        let Some(live) = shared.as_mut() else {
            return ControlFlow::Continue(());
        };
        let flow = loop {
            if group.len() >= GROUP || bytes >= GROUP_BYTES {
                state.more = true;
                break ControlFlow::Continue(());
            }
            let room = live.acks.len() < self.options.max_unacked;
            let found = match state.reader.next(&mut state.socket.input, room) {
                Ok(found) => found,
                Err(why) => break broken(format!("{} {why}", self.options.address())),
            };
            state.full = found == Found::NoRoom;
            let Found::Packet(packet) = found else {
                break ControlFlow::Continue(());
            };
            state.pulse.heard(at.mono);
            match packet {
                Packet::Message(incoming) => {
                    bytes += incoming.payload.as_ref().map_or(0, Vec::len);
                    group.push(self.message(incoming, at, live));
                }
                packet => {
                    if let ControlFlow::Break(end) = self.other(packet, live, state) {
                        break ControlFlow::Break(end);
                    }
                }
            }
        };
        drop(shared);
        if !group.is_empty() {
            state.outbox.push_front(Event::Messages(group));
        }
        flow
    }

    fn message(&self, incoming: Incoming, at: Now, live: &mut Live) -> Message {
        tracing::trace!(topic = incoming.topic, "message");
        let number = incoming.ack.map(|ack| live.acks.arrived(ack));
        Message {
            at,
            topic: incoming.topic,
            payload: incoming.payload,
            retain: incoming.retain,
            dup: incoming.dup,
            token: number.map(|number| Token::new(self.number, number)),
        }
    }

    fn other(&self, packet: Packet, live: &mut Live, state: &mut State) -> Flow {
        match packet {
            Packet::Answered(pkid, how) => live.publishing.answered(pkid, how),
            Packet::Subscribed(pkid, answers) => {
                for (filter, granted) in state.subscribing.answered(pkid, answers) {
                    let filter = &self.options.filters[filter];
                    state
                        .outbox
                        .extend(notices::of_subscription(filter, granted));
                }
            }
            Packet::Released(pkid) => Ack::Completed(pkid).write(&mut live.out),
            Packet::Pong | Packet::Message(_) => {}
            Packet::Goodbye(Goodbye::TakenOver) => return ControlFlow::Break(End::TakenOver),
            Packet::Goodbye(Goodbye::Because(why)) => {
                return broken(format!("{} {why}", self.options.address()));
            }
            Packet::Accepted(_) | Packet::Refused(_) => {
                return broken(format!(
                    "{} answered twice as the connection began",
                    self.options.address()
                ));
            }
        }
        ControlFlow::Continue(())
    }

    /// Gives the socket what others want to send.
    fn collect(&self, state: &mut State) {
        if let Some(live) = self.shared.lock().as_mut()
            && !live.out.is_empty()
        {
            let now = self.clock.now().mono;
            state.pulse.sends(state.socket.is_flushed(), now);
            state.socket.send(&live.out);
            live.out.clear();
        }
    }

    /// Looks at everything that has a deadline.
    fn look(&self, state: &mut State) -> Flow {
        let (now, timing) = (self.clock.now().mono, &self.options.timing);
        if let Some(since) = state.leaving {
            return match now.since(since) > timing.farewell {
                true => ControlFlow::Break(End::Stopped),
                false => ControlFlow::Continue(()),
            };
        }
        let address = self.options.address();
        if let Some(why) = self.shared.lock().as_ref().and_then(|live| live.broken) {
            return broken(format!("{address} {why}"));
        }
        if state.subscribing.is_overdue(now, timing.confirm) {
            return broken(format!("{address} does not confirm subscriptions"));
        }
        match state.pulse.look(state.socket.is_flushed(), now) {
            Due::Nothing => {}
            Due::Ping => state.socket.send(&wire::PING),
            Due::End(why) => return broken(format!("{address} {why}")),
        }
        ControlFlow::Continue(())
    }

    /// Says goodbye: the status first, then DISCONNECT, after which the broker does not publish the last will.
    fn leave(&self, state: &mut State) {
        if state.leaving.is_some() {
            return;
        }
        let now = self.clock.now();
        state.leaving = Some(now.mono);
        // From now on nobody else sends anything over it.
        if let Some(mut live) = self.shared.lock().take() {
            if let Some(status) = self.status {
                let status = status.at(now.wall.max(self.begun));
                // Where it does not leave any more, closing breaks off and the last will says it.
                let _ = live.tell(&status, &status.offline);
            }
            state.socket.send(&live.out);
        }
        state.socket.send(&wire::DISCONNECT);
    }
}

fn broken(why: String) -> Flow {
    ControlFlow::Break(End::Broken(why))
}
