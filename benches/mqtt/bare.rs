//! The least that has to be done, in a process of its own: rumqttc in a loop that makes each payload a number, acknowledges by itself, and
//! posts what is a crossing. No rules, no quality, no order of acknowledgements, nothing on disk.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS, SubscribeFilter};

use crate::{CLIENT, Qos};

/// How it is started again by [`main`](crate::main).
pub const WORD: &str = "bare";

/// The process; `size` is the length of the bodies that it posts.
pub fn start(broker: u16, qos: Qos, receiver: u16, size: usize) -> Child {
    let program = std::env::current_exe().expect("this program");
    let arguments = [broker.into(), qos as usize, receiver.into(), size];
    Command::new(program)
        .arg(WORD)
        .args(arguments.map(|argument| argument.to_string()))
        .stdin(Stdio::null())
        .spawn()
        .expect("this program starts")
}

/// What that process does until it is killed.
pub fn run(arguments: &[String]) {
    let argument = |at: usize| -> u16 { arguments[at].parse().expect("a number") };
    let qos = match argument(1) {
        0 => QoS::AtMostOnce,
        _ => QoS::AtLeastOnce,
    };
    // The agent's, on a worker of a runtime like the agent's.
    crate::runtime().block_on(async {
        let running = listen(argument(0), qos, argument(2), argument(3).into());
        tokio::spawn(running).await.expect("no panic");
    });
}

async fn listen(broker: u16, qos: QoS, receiver: u16, size: usize) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build();
    let http = http.expect("a client");
    let url = format!("http://127.0.0.1:{receiver}/bare");
    let mut options = MqttOptions::new(format!("{CLIENT}-bare"), "127.0.0.1", broker);
    options.set_clean_session(false);
    options.set_keep_alive(Duration::from_secs(15));
    options.set_manual_acks(true);
    options.set_max_packet_size(16 << 20, 16 << 20);
    // Acknowledgements wait here while rumqttc reads; without a wait for what a message causes there is no other bound.
    let (client, mut eventloop) = AsyncClient::new(options, 1 << 16);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    eventloop.set_network_options(network);
    loop {
        match eventloop.poll().await.expect("the broker is there") {
            Event::Incoming(Packet::ConnAck(_)) => {
                let filters = [("bare/+/temp", qos), ("bare-mark/temp", QoS::AtLeastOnce)];
                let filters = filters.map(|(filter, qos)| SubscribeFilter::new(filter.into(), qos));
                client.try_subscribe_many(filters).expect("room");
            }
            Event::Incoming(Packet::Publish(message)) => {
                let text = std::str::from_utf8(&message.payload).expect("text");
                let value: f64 = text.parse().expect("a number");
                if crate::number_of(value).is_some() {
                    let post = http.post(&url).body(body(value, size));
                    tokio::spawn(async move { post.send().await.expect("an answer") });
                }
                client.try_ack(&message).expect("room");
            }
            _ => {}
        }
    }
}

fn body(value: f64, size: usize) -> String {
    let body = format!("{{\"metric_value\":{value},\"fill\":\"");
    let fill = size.saturating_sub(body.len() + 2);
    body + &"-".repeat(fill) + "\"}"
}
