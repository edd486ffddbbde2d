//! What the loop hears of a link: every tag, at once when it is lost, and never one unit's trouble in another's place.

use std::{
    future::Ready,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, time::timeout};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{
        Service,
        tcp::{Server, accept_tcp_connection},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    hostile::{Asked, Hostile, Manner},
    running::{Running, number, right, unit},
};
use crate::{
    port::Port,
    sample::{Bad, Reading},
    source::modbus::plan::Kind,
};

/// The crate's own server: holding registers that all hold one value, input registers that are refused.
struct Device(Arc<AtomicU16>);

impl Service for Device {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        std::future::ready(match asked.request {
            Request::ReadHoldingRegisters(_, count) => {
                let value = self.0.load(Ordering::SeqCst);
                Ok(Response::ReadHoldingRegisters(vec![value; count.into()]))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

async fn device(listener: TcpListener, value: Arc<AtomicU16>, stop: CancellationToken) {
    let server = Server::new(listener);
    let service = |_: SocketAddr| Ok(Some(Device(value.clone())));
    let connected = |stream, from| {
        let service = &service;
        async move { accept_tcp_connection(stream, from, service) }
    };
    let stopped = async move { stop.cancelled().await };
    let _ = server.serve_until(&connected, |_| {}, stopped).await;
}

#[tokio::test]
async fn values_arrive_at_once_and_go_on_after_the_device_restarts() {
    let port = Port::reserve();
    let at = port.address();
    let listener = TcpListener::bind(at).await.unwrap();
    let (value, off) = (Arc::new(AtomicU16::new(7)), CancellationToken::new());
    let first = tokio::spawn(device(listener, value.clone(), off.clone()));
    let mut inputs = unit(1, 50, &[5, 6]);
    inputs.tags[1].span.kind = Kind::Input;
    let mut poller = Running::start(at.port(), 1000, vec![inputs, unit(2, 50, &[9])]);

    let batch = poller.next().await;
    let after = batch.at.mono.since(poller.started.mono);
    assert!(
        after < Duration::from_millis(500),
        "the first poll is made at once, not after {after:?}"
    );
    assert_eq!(batch.samples.len(), 2, "one batch for the unit");
    assert!(batch.receipt.is_none());
    poller
        .until(&[
            ("m1/5", number(7)),
            ("m1/6", Reading::Bad(Bad::Exception(1))),
            ("m2/9", number(7)),
        ])
        .await;
    value.store(8, Ordering::SeqCst);
    poller
        .until(&[("m1/5", number(8)), ("m2/9", number(8))])
        .await;

    off.cancel();
    first.await.unwrap();
    let down = Reading::Bad(Bad::Unreachable);
    poller
        .until(&[("m1/5", down), ("m1/6", down), ("m2/9", down)])
        .await;
    value.store(9, Ordering::SeqCst);
    let again = TcpListener::bind(at).await.unwrap();
    let second = tokio::spawn(device(again, value, CancellationToken::new()));
    poller
        .until(&[("m1/5", number(9)), ("m2/9", number(9))])
        .await;
    second.abort();
}

#[tokio::test]
async fn an_outage_is_told_at_once_and_once() {
    let closed = Port::reserve();
    let port = closed.number;
    let mut poller = Running::start(port, 200, vec![unit(1, 50, &[1, 2]), unit(2, 50, &[3])]);
    let down = Reading::Bad(Bad::Unreachable);
    poller
        .until(&[("m1/1", down), ("m1/2", down), ("m2/3", down)])
        .await;
    let after = poller.clock.now().mono.since(poller.started.mono);
    assert!(after < Duration::from_millis(500), "{after:?}");
    let more = timeout(Duration::from_millis(1500), poller.drain.recv()).await;
    assert!(more.is_err(), "said again: {more:?}");
}

#[tokio::test]
async fn a_dead_unit_costs_its_neighbours_one_timeout_at_a_time() {
    let asked_dead = Arc::new(AtomicUsize::new(0));
    let (dead, counted) = (Arc::new(AtomicBool::new(true)), asked_dead.clone());
    let power = dead.clone();
    let hostile = Hostile::start(move |asked: Asked| {
        if asked.unit == 2 && power.load(Ordering::SeqCst) {
            counted.fetch_add(1, Ordering::SeqCst);
            return Manner::Never;
        }
        Manner::Proper
    })
    .await;
    let units = vec![
        unit(1, 50, &[1]),
        unit(2, 50, &[1, 60, 120]),
        unit(3, 50, &[1]),
    ];
    let mut poller = Running::start(hostile.port, 100, units);
    let silent = Reading::Bad(Bad::NoAnswer);
    poller
        .until(&[
            ("m1/1", right(1, 1)),
            ("m2/1", silent),
            ("m2/60", silent),
            ("m2/120", silent),
            ("m3/1", right(3, 1)),
        ])
        .await;
    while poller.sampled("m1/1") < 20 || poller.sampled("m3/1") < 20 {
        poller.next().await;
    }
    let lasted = poller.clock.now().mono.since(poller.started.mono);
    let (asked, told) = (asked_dead.load(Ordering::SeqCst), poller.sampled("m2/1"));
    assert!(
        asked <= 1 + lasted.as_secs() as usize,
        "asked {asked} times in {lasted:?}"
    );
    assert_eq!(told, 1, "its silence is told once");
    dead.store(false, Ordering::SeqCst);
    poller
        .until(&[
            ("m2/1", right(2, 1)),
            ("m2/60", right(2, 60)),
            ("m2/120", right(2, 120)),
        ])
        .await;
}

#[tokio::test]
async fn an_illegal_address_fails_alone() {
    let hostile = Hostile::start(|asked: Asked| {
        let illegal = [13, 30];
        let hit = illegal
            .iter()
            .any(|at| (asked.start..asked.start + asked.count).contains(at));
        if hit {
            Manner::Exception(2)
        } else {
            Manner::Proper
        }
    })
    .await;
    // 30 lies in a gap that nobody asked for.
    let registers: Vec<u16> = (0..24).chain(36..40).collect();
    let mut poller = Running::start(hostile.port, 500, vec![unit(1, 50, &registers)]);
    let refused = Reading::Bad(Bad::Exception(2));
    let batch = poller.next().await;
    assert_eq!(batch.samples.len(), registers.len());
    for round in 0..3 {
        for address in &registers {
            let expected = if *address == 13 {
                refused
            } else {
                right(1, *address)
            };
            assert_eq!(
                poller.last[&format!("m1/{address}")],
                expected,
                "round {round}, {address}"
            );
        }
        let before = hostile.requests.load(Ordering::SeqCst);
        poller.next().await;
        let asked = hostile.requests.load(Ordering::SeqCst) - before;
        assert!(
            asked <= 12,
            "what was refused is remembered: {asked} requests"
        );
    }
    assert_eq!(hostile.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_block_that_is_never_answered_silences_only_its_own_tags() {
    let hostile = Hostile::start(|asked: Asked| {
        if asked.start == 1 {
            Manner::Never
        } else {
            Manner::Proper
        }
    })
    .await;
    let mut poller = Running::start(hostile.port, 60, vec![unit(1, 50, &[1, 100])]);
    poller
        .until(&[
            ("m1/1", Reading::Bad(Bad::NoAnswer)),
            ("m1/100", right(1, 100)),
        ])
        .await;
    let before = poller.sampled("m1/100");
    while poller.sampled("m1/100") < before + 20 {
        poller.next().await;
        assert_eq!(poller.last["m1/100"], right(1, 100));
        assert_eq!(poller.last["m1/1"], Reading::Bad(Bad::NoAnswer));
    }
}

#[tokio::test]
async fn a_gateway_that_reports_a_silent_unit_is_believed_and_not_pressed() {
    let hostile = Hostile::start(|asked: Asked| match asked.unit {
        1 => Manner::Exception(11),
        2 => Manner::Exception(6),
        _ => Manner::Proper,
    })
    .await;
    let units = vec![unit(1, 50, &[1]), unit(2, 50, &[1]), unit(3, 50, &[1])];
    let mut poller = Running::start(hostile.port, 500, units);
    while poller.sampled("m3/1") < 10 {
        poller.next().await;
    }
    assert_eq!(poller.last["m1/1"], Reading::Bad(Bad::NoAnswer));
    assert_eq!(poller.sampled("m1/1"), 1);
    assert_eq!(poller.last["m2/1"], Reading::Bad(Bad::Exception(6)));
    assert!(
        poller.sampled("m2/1") >= 8,
        "busy now may be ready at the next poll"
    );
    assert_eq!(
        hostile.connections.load(Ordering::SeqCst),
        1,
        "an exception is an answer"
    );
}

#[tokio::test]
async fn garbled_answers_are_malformed_and_reach_no_neighbour() {
    let hostile = Hostile::start(|asked: Asked| match asked.unit {
        1 => Manner::WrongTransaction,
        2 => Manner::Short,
        3 => Manner::Reset,
        _ => Manner::Proper,
    })
    .await;
    let units = (1..=4).map(|id| unit(id, 50, &[1])).collect();
    let mut poller = Running::start(hostile.port, 500, units);
    let malformed = Reading::Bad(Bad::Malformed);
    poller
        .until(&[
            ("m1/1", malformed),
            ("m2/1", malformed),
            ("m3/1", Reading::Bad(Bad::NoAnswer)),
            ("m4/1", right(4, 1)),
        ])
        .await;
}

#[tokio::test]
async fn polls_that_were_missed_are_not_made_up_for() {
    let hostile = Hostile::start(|asked: Asked| {
        if asked.nth == 0 {
            Manner::Late(400)
        } else {
            Manner::Proper
        }
    })
    .await;
    let mut poller = Running::start(hostile.port, 2000, vec![unit(1, 100, &[1])]);
    let mut at = vec![poller.next().await.at.mono];
    for _ in 0..4 {
        at.push(poller.next().await.at.mono);
    }
    let pauses: Vec<_> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    let all = at[4].since(at[0]);
    assert!(
        all >= Duration::from_millis(300),
        "five polls are four periods of the grid, the first cut short: {pauses:?}"
    );
}

#[tokio::test]
async fn it_ends_when_it_is_stopped_or_the_loop_is_gone() {
    let hostile = Hostile::start(|_| Manner::Never).await;
    let mut poller = Running::start(hostile.port, 5000, vec![unit(1, 50, &[1])]);
    while hostile.requests.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let Running { task, _stop, .. } = poller;
    drop(_stop);
    timeout(Duration::from_secs(1), task)
        .await
        .expect("a stop does not wait for an answer")
        .unwrap();

    let hostile = Hostile::start(|_| Manner::Proper).await;
    poller = Running::start(hostile.port, 500, vec![unit(1, 50, &[1])]);
    poller.drain.close();
    timeout(Duration::from_secs(1), &mut poller.task)
        .await
        .expect("nobody listens")
        .unwrap();
}
