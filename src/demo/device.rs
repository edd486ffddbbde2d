//! The mill's network card: a Modbus TCP server on 127.0.0.1 whose cable can be pulled.
//!
//! It speaks the protocol with the server side of the same crate that the agent reads with, over a real socket. It decides
//! nothing: what the registers hold is the [`Mill`]'s.

use std::{
    future::{Ready, ready},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{
        Service,
        tcp::{Server, accept_tcp_connection},
    },
};
use tokio_util::sync::CancellationToken;

use super::{mill::Mill, ports};
use crate::clock::{Clock, Mono};

/// The first holding register: spindle temperature in two, load, flow, state.
const HOLDING: u16 = 100;
/// The discrete input of the door.
const DOOR: u16 = 3;

/// The device.
pub(super) struct Device {
    address: SocketAddr,
    shared: Arc<Shared>,
    plugged: Option<(CancellationToken, JoinHandle<()>)>,
}

struct Shared {
    mill: Mutex<(Mill, Mono)>,
    clock: Clock,
    /// How much faster than the clock the mill's time runs.
    speed: f64,
}

impl Device {
    /// Starts it on a free port.
    pub(super) async fn start(clock: Clock, speed: f64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mill = Mutex::new((Mill::new(), clock.now().mono));
        let mut device = Self {
            address,
            shared: Arc::new(Shared { mill, clock, speed }),
            plugged: None,
        };
        device.serve(listener);
        Ok(device)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes something about the mill, now.
    pub(super) fn set(&self, change: impl FnOnce(&mut Mill)) {
        change(&mut self.shared.now().0);
    }

    /// Pulls the cable: connections end, and none is accepted.
    pub(super) async fn unplug(&mut self) {
        if let Some((cancel, task)) = self.plugged.take() {
            cancel.cancel();
            let _ = task.await;
        }
    }

    /// Plugs it in again, on the same port.
    pub(super) async fn plug(&mut self) -> io::Result<()> {
        let listener = ports::bind_again(self.address).await?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let (cancel, shared) = (CancellationToken::new(), Arc::clone(&self.shared));
        let pulled = cancel.clone();
        let task = tokio::spawn(async move {
            let service = |_: SocketAddr| Ok(Some(Registers(Arc::clone(&shared))));
            let connected = |stream, from| {
                let service = &service;
                async move { accept_tcp_connection(stream, from, service) }
            };
            let server = Server::new(listener);
            let pulled = async move { pulled.cancelled().await };
            // A connection that breaks is the agent's to report: it shows what a device looks like from there.
            let _ = server.serve_until(&connected, |_| {}, pulled).await;
        });
        self.plugged = Some((cancel, task));
    }
}

impl Shared {
    /// The mill as it is now.
    fn now(&self) -> MutexGuard<'_, (Mill, Mono)> {
        let mut guard = self.mill.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().mono;
        let (mill, seen) = &mut *guard;
        mill.advance(now.since(*seen).mul_f64(self.speed));
        *seen = now;
        guard
    }
}

struct Registers(Arc<Shared>);

impl Service for Registers {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        let (mill, _) = &*self.0.now();
        ready(match asked.request {
            Request::ReadHoldingRegisters(at, count) => {
                part(&holding(mill), HOLDING, at, count).map(Response::ReadHoldingRegisters)
            }
            Request::ReadDiscreteInputs(at, count) => {
                part(&[mill.door_open], DOOR, at, count).map(Response::ReadDiscreteInputs)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

/// The holding registers from [`HOLDING`] on.
fn holding(mill: &Mill) -> [u16; 5] {
    // The second register of a float comes first, as in many a real device.
    let [a, b, c, d] = (mill.spindle_temp as f32).to_be_bytes();
    // A cast of a float stops at the ends of the type.
    let tenths = |value: f64| (value * 10.0).round() as u16;
    [
        u16::from_be_bytes([c, d]),
        u16::from_be_bytes([a, b]),
        tenths(mill.spindle_load),
        tenths(mill.coolant_flow),
        mill.state as u16,
    ]
}

/// `count` values from address `at`, where the first of `all` has the address `first`.
fn part<T: Clone>(all: &[T], first: u16, at: u16, count: u16) -> Result<Vec<T>, ExceptionCode> {
    let begin = at.checked_sub(first).map(usize::from);
    let part = begin.and_then(|begin| all.get(begin..begin + usize::from(count)));
    part.map(<[T]>::to_vec)
        .ok_or(ExceptionCode::IllegalDataAddress)
}

#[cfg(test)]
mod tests {
    use tokio_modbus::client::{Reader as _, tcp::connect};

    use super::*;
    use crate::clock::Synchronised;

    #[tokio::test]
    async fn it_answers_as_the_configuration_of_the_demo_reads_it_until_its_cable_is_pulled() {
        let clock = Clock::system(Synchronised::Assume);
        let mut device = Device::start(clock, 0.0).await.unwrap();
        device.set(|mill| {
            mill.spindle_temp = 97.25;
            mill.door_open = true;
        });
        let mut client = connect(device.address()).await.unwrap();
        let words = client
            .read_holding_registers(100, 5)
            .await
            .unwrap()
            .unwrap();
        let bits = u32::from(words[1]) << 16 | u32::from(words[0]);
        assert_eq!(f32::from_bits(bits), 97.25);
        assert_eq!(words[2..], [550, 120, 2]);
        let door = client.read_discrete_inputs(3, 1).await.unwrap().unwrap();
        assert_eq!(door, [true]);
        let nothing = client.read_holding_registers(99, 2).await.unwrap();
        assert_eq!(nothing, Err(ExceptionCode::IllegalDataAddress));

        device.unplug().await;
        assert!(client.read_holding_registers(100, 5).await.is_err());
        assert!(connect(device.address()).await.is_err());
        device.plug().await.unwrap();
        let mut client = connect(device.address()).await.unwrap();
        assert!(client.read_holding_registers(104, 1).await.is_ok());
    }
}
