//! What is subscribed, taken and acknowledged, over connections that come and go.

use super::super::super::{
    testbed::{
        Listener,
        fake::{CONNECT, DISCONNECT, Fake, PUBACK, PUBLISH, Packet, packet},
        options,
    },
    *,
};

pub(super) async fn a_lost_session_is_subscribed_to_again(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a/+", "b"]));
    for session_present in [false, true, false] {
        let mut peer = fake.welcome(session_present).await;
        let packet = peer.subscribed(&[1, 1]).await;
        assert!(packet.contains("a/+") && packet.contains("b"));
        assert_eq!(link.connected().await, session_present);
    }
}

pub(super) async fn many_filters_are_asked_for_in_packets_of_eight(version: Version) {
    let fake = Fake::start(version).await;
    let filters: Vec<String> = (0..20).map(|number| format!("filter/{number}/+")).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let _link = Listener::connect(options(version, fake.port, &filters));
    let mut peer = fake.welcome(false).await;
    for (count, last) in [(8, "filter/7/+"), (8, "filter/15/+"), (4, "filter/19/+")] {
        assert!(peer.subscribed(&vec![1; count]).await.contains(last));
    }
}

pub(super) async fn acknowledgements_go_out_in_order_of_arrival(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    let mut tokens = Vec::new();
    for pkid in [11, 12, 13] {
        peer.publish(pkid, "a", b"1", false).await;
        tokens.extend(link.message().await.token);
    }
    for token in [tokens[1], tokens[2], tokens[0]] {
        link.ack(token);
    }
    for pkid in [11, 12, 13] {
        assert_eq!(peer.expect(PUBACK).await.pkid(), pkid);
    }
}

pub(super) async fn an_acknowledgement_never_crosses_to_another_connection(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    peer.publish(7, "a", b"old", false).await;
    let old = link.message().await;
    drop(peer);
    let mut peer = fake.listening(1).await;
    // The broker uses the id of the lost message for another one, and sends the lost one again under a new id.
    peer.publish(7, "a", b"other", false).await;
    peer.publish(8, "a", b"old", true).await;
    let other = link.message().await;
    let again = link.message().await;
    assert_eq!((other.dup, again.dup), (false, true));
    link.ack(old.token.unwrap());
    link.ack(again.token.unwrap());
    link.ack(other.token.unwrap());
    assert_eq!(peer.expect(PUBACK).await.pkid(), 7);
    assert_eq!(peer.expect(PUBACK).await.pkid(), 8);
    let (rest, ()) = tokio::join!(peer.rest(), link.close());
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0].kind, DISCONNECT);
}

pub(super) async fn what_acknowledges_for_a_link_that_is_gone_does_not_for_the_next(
    version: Version,
) {
    let fake = Fake::start(version).await;
    let mut old = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    peer.publish(7, "a", b"1", false).await;
    let (acker, heard) = (old.acker(), old.message().await);
    drop(old);
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    peer.publish(7, "a", b"1", true).await;
    let again = link.message().await;
    // Each was the first message of the first connection of its link.
    assert_eq!(heard.token, again.token);
    acker.ack(heard.token.unwrap());
    let (rest, ()) = tokio::join!(peer.rest(), link.close());
    let kinds: Vec<u8> = rest.iter().map(|packet| packet.kind).collect();
    assert_eq!(kinds, [DISCONNECT]);
}

pub(super) async fn a_message_of_an_old_session_at_qos_2_is_taken_once_and_ended(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    let message = peer.message(0x34, 5, "a", b"1");
    peer.send(&message).await;
    let token = link.message().await.token;
    link.ack(token.unwrap());
    let recorded = peer.packet().await.unwrap();
    assert_eq!((recorded.kind, recorded.pkid()), (5, 5));
    // Its end, of this connection or of an earlier one.
    for pkid in [5, 77] {
        peer.send(&packet(0x62, vec![0, pkid])).await;
        let completed = peer.packet().await.unwrap();
        assert_eq!((completed.kind, completed.pkid()), (7, u16::from(pkid)));
    }
}

pub(super) async fn messages_just_before_the_broker_hangs_up_are_heard(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    link.connected().await;
    let mut all = Vec::new();
    for number in 1..=50_u8 {
        all.extend(peer.message(0x30, 0, "a", &[number]));
    }
    peer.send(&all).await;
    drop(peer);
    for number in 1..=50 {
        let Event::Messages(heard) = link.event().await else {
            panic!("an end before message {number}");
        };
        assert_eq!(heard[0].payload, Ok(vec![number]));
    }
    link.disconnected().await;
}

pub(super) async fn what_comes_before_the_answer_to_a_subscription_is_heard(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.welcome(true).await;
    peer.publish(1, "a", b"1", true).await;
    assert_eq!(link.message().await.topic, "a");
    peer.subscribed(&[1]).await;
    peer.publish(2, "a", b"2", false).await;
    assert_eq!(link.message().await.payload, Ok(b"2".to_vec()));
}

pub(super) async fn the_status_is_left_as_last_will_and_told_at_start_and_end(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(with_status(version, fake.port));
    let mut peer = fake.accept().await;
    let connect = peer.expect(CONNECT).await;
    let begun = time(&connect, "gone");
    assert!(connect.contains("andon/status"));
    // A last will, at QoS 1 and retained.
    assert_eq!(connect.body[7], 0b10_1100);
    peer.accepted(false, &[]).await;
    // Whoever answers to the status is heard.
    peer.subscribed(&[1]).await;
    assert_eq!(time(&peer.expect(PUBLISH).await, "here"), begun);
    link.connected().await;
    link.tell_status();
    assert_eq!(time(&peer.expect(PUBLISH).await, "here"), begun);
    while testbed::clock().now().wall.as_millis() <= begun {
        tokio::task::yield_now().await;
    }
    let (rest, ()) = tokio::join!(peer.rest(), link.close());
    assert!(time(&rest[0], "gone") > begun, "the time of the end");
    assert_eq!(rest[1].kind, DISCONNECT);
    assert_eq!(rest.len(), 2);
}

pub(super) async fn a_status_that_is_known_from_later_is_outdone(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(with_status(version, fake.port));
    let mut peer = fake.listening(1).await;
    let begun = time(&peer.expect(PUBLISH).await, "here");
    link.connected().await;
    link.status_is_known(Wall::from_millis(begun - 1));
    // 2096, by the clock of a gateway that was wrong before.
    let later = Wall::from_millis(4_000_000_000_000);
    link.status_is_known(later);
    let why = link.disconnected().await;
    assert!(why.contains("from a later time than our clock"), "{why}");
    for _ in 0..2 {
        let mut peer = fake.accept().await;
        let connect = peer.expect(CONNECT).await;
        assert_eq!(time(&connect, "gone"), later.as_millis());
        peer.accepted(false, &[]).await;
        peer.subscribed(&[1]).await;
        let here = peer.expect(PUBLISH).await;
        assert_eq!(time(&here, "here"), later.as_millis());
        link.connected().await;
        // It stays so on the next one.
        link.status_is_known(later);
        drop(peer);
        link.disconnected().await;
    }
    link.close().await;
}

fn with_status(version: Version, port: u16) -> Options {
    Options {
        status: Some(Status {
            topic: "andon/status".to_owned(),
            online: "here {timestamp}.".to_owned(),
            offline: "gone {timestamp}.".to_owned(),
        }),
        ..options(version, port, &["a"])
    }
}

/// The time behind this word.
fn time(packet: &Packet, word: &str) -> i64 {
    let text = String::from_utf8_lossy(&packet.body);
    let (_, after) = text.split_once(&format!("{word} ")).expect("the word");
    let (number, _) = after.split_once('.').expect("an end");
    number.parse().expect("a number")
}

pub(super) async fn messages_that_come_together_are_handed_on_together(version: Version) {
    let fake = Fake::start(version).await;
    let options = Options {
        max_unacked: 1000,
        ..options(version, fake.port, &["a"])
    };
    let mut link = MqttLink::connect(options, testbed::clock());
    let mut peer = fake.listening(1).await;
    while testbed::connected(link.next().await.unwrap()).is_none() {}
    let mut all = Vec::new();
    for pkid in 1..=500 {
        // Every third needs no acknowledgement.
        let first = if pkid % 3 == 0 { 0x30 } else { 0x32 };
        all.extend(peer.message(first, pkid, "a", &pkid.to_be_bytes()));
    }
    peer.send(&all).await;
    let (mut heard, mut groups) = (0_u16, 0);
    while heard < 500 {
        let Some(Event::Messages(messages)) = link.next().await else {
            panic!("no messages");
        };
        assert!(messages.len() <= 100, "{}", messages.len());
        for message in &messages {
            heard += 1;
            assert_eq!(message.payload, Ok(heard.to_be_bytes().to_vec()));
            assert_eq!(message.at, messages[0].at);
        }
        groups += 1;
        let tokens = messages.iter().filter_map(|message| message.token);
        link.ack(tokens.reduce(Token::to).unwrap());
    }
    assert!(groups < 50, "{groups} events for 500 messages");
    for pkid in (1..=500).filter(|pkid| pkid % 3 != 0) {
        assert_eq!(peer.expect(PUBACK).await.pkid(), pkid);
    }
}
