//! Packets, against what rumqttc makes of the same bytes, and against bytes that are none.

use bytes::{BufMut as _, Bytes, BytesMut};
use proptest::prelude::*;

use super::{super::testbed, *};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

fn outgoing<'a>(topic: &'a str, payload: &'a [u8], pkid: Option<u16>) -> Outgoing<'a> {
    Outgoing {
        topic,
        payload,
        retain: false,
        pkid,
    }
}

/// Reads everything, arriving in pieces of this size.
fn read(version: Version, bytes: &[u8], piece: usize) -> Vec<Result<Packet, String>> {
    let mut reader = Reader::new(version, 100);
    let (mut there, mut found) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        there.put_slice(piece);
        loop {
            match reader.next(&mut there, true) {
                Ok(Found::Packet(packet)) => found.push(Ok(packet)),
                Ok(_) => break,
                Err(why) => {
                    found.push(Err(why));
                    return found;
                }
            }
        }
        assert!(there.len() < 70_000, "nothing is kept that is not needed");
    }
    found
}

/// What rumqttc itself reads: topic, payload and packet id.
fn as_rumqttc_reads(version: Version, bytes: &[u8]) -> Option<(String, Bytes, u16)> {
    match version {
        Version::V3 => v3::message(bytes),
        Version::V5 => v5::message(bytes),
    }
}

#[test]
fn a_connect_says_who_we_are_and_what_we_can_take() {
    for version in BOTH {
        let mut options = testbed::options(version, 1883, &[]);
        options.credentials = Some(super::super::Credentials {
            user: "andon".to_owned(),
            password: std::sync::Arc::new(|| Err("not read here".to_owned())),
        });
        let bytes = connect(&options, Some("geheim".to_owned())).unwrap();
        let properties: &[u8] = match version {
            Version::V3 => &[],
            // Session expiry 3600 s, receive maximum 100, maximum packet size 2000.
            Version::V5 => &[13, 17, 0, 0, 0x0E, 0x10, 33, 0, 100, 39, 0, 0, 0x07, 0xD0],
        };
        let level = [4, 5][usize::from(version == Version::V5)];
        let body = [
            b"\0\x04MQTT".as_slice(),
            &[level, 0b1100_0000, 0, 15],
            properties,
            b"\0\x0aandon-test\0\x05andon\0\x06geheim",
        ];
        assert_eq!(bytes[2..], body.concat());
        options.clean = true;
        let bytes = connect(&options, None).unwrap();
        assert_eq!(bytes[9] & 0b10, 0b10, "a clean session");
        if version == Version::V5 {
            assert_eq!(bytes[13..18], [17, 0, 0, 0, 0], "nothing is kept");
        }
    }
}

#[test]
fn a_message_waits_where_there_is_no_room_for_it() {
    for version in BOTH {
        let mut bytes = BytesMut::new();
        publish(version, outgoing("a", b"1", None), &mut bytes).unwrap();
        publish(version, outgoing("a", b"2", Some(7)), &mut bytes).unwrap();
        let mut reader = Reader::new(version, 100);
        let found = reader.next(&mut bytes, false);
        assert!(matches!(found, Ok(Found::Packet(_))), "QoS 0 needs no room");
        assert_eq!(reader.next(&mut bytes, false), Ok(Found::NoRoom));
        let Ok(Found::Packet(Packet::Message(message))) = reader.next(&mut bytes, true) else {
            panic!("no message");
        };
        assert_eq!(message.ack, Some(Ack::Received(7)));
        assert_eq!(reader.next(&mut bytes, true), Ok(Found::Nothing));
    }
}

#[test]
fn a_topic_that_is_no_text_does_not_end_the_connection() {
    let packet = [0x32, 6, 0, 2, 0xFF, b'a', 0, 1];
    let found = read(Version::V3, &packet, 3);
    let [Ok(Packet::Message(message))] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(message.topic, "\u{FFFD}a");
    assert_eq!(message.ack, Some(Ack::Received(1)));
}

#[test]
fn long_properties_are_not_kept() {
    // A message of one byte behind 70,000 bytes of properties.
    let mut packet = vec![0x32];
    let body = 2 + 1 + 2 + 3 + 70_000 + 1;
    for shift in [0, 7, 14] {
        let more = if shift < 14 { 0x80 } else { 0 };
        packet.push(u8::try_from(body >> shift & 0x7F).unwrap() | more);
    }
    packet.extend([0, 1, b'a', 0, 1, 0xF0, 0xA2, 0x04]);
    packet.extend(vec![0; 70_001]);
    packet.extend([0xD0, 0]);
    let found = read(Version::V5, &packet, 1000);
    let [Ok(Packet::Message(message)), Ok(Packet::Pong)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(message.payload, Err(TooLarge(1)));
}

proptest! {
    #[test]
    fn messages_are_read_as_rumqttc_reads_them_however_they_arrive(
        five in any::<bool>(),
        piece in 1..50_usize,
        messages in prop::collection::vec(
            ("[a-z/\u{e4}]{1,20}", prop::collection::vec(any::<u8>(), 0..300), prop::option::of(1..=u16::MAX)),
            1..5,
        ),
    ) {
        let version = if five { Version::V5 } else { Version::V3 };
        let mut all = BytesMut::new();
        let mut expected = Vec::new();
        for (topic, payload, pkid) in &messages {
            let begin = all.len();
            publish(version, outgoing(topic, payload, *pkid), &mut all).unwrap();
            let theirs = as_rumqttc_reads(version, &all[begin..]).unwrap();
            prop_assert_eq!(&theirs.0, topic);
            expected.push(theirs);
        }
        let found = read(version, &all, piece);
        prop_assert_eq!(found.len(), expected.len());
        for (found, (topic, payload, pkid)) in found.into_iter().zip(expected) {
            let Ok(Packet::Message(message)) = found else {
                return Err(TestCaseError::fail("no message"));
            };
            prop_assert_eq!(message.topic, topic);
            let ack = Some(Ack::Received(pkid)).filter(|_| pkid != 0);
            prop_assert_eq!(message.ack, ack);
            match payload.len() > 100 {
                true => prop_assert_eq!(message.payload, Err(TooLarge(payload.len()))),
                false => prop_assert_eq!(message.payload, Ok(payload.to_vec())),
            }
        }
    }

    #[test]
    fn nothing_makes_it_panic_or_keep_more_than_it_may(
        five in any::<bool>(),
        piece in 1..50_usize,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let version = if five { Version::V5 } else { Version::V3 };
        read(version, &bytes, piece);
    }

    /// Packets whose frame is right and whose content is not.
    #[test]
    fn no_content_makes_it_panic(
        five in any::<bool>(),
        first in any::<u8>(),
        body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let version = if five { Version::V5 } else { Version::V3 };
        let mut packet = vec![first, u8::try_from(body.len()).unwrap()];
        packet.extend(body);
        let found = read(version, &packet, 1000);
        prop_assert!(found.len() <= 1);
        // Arriving in pieces makes no difference.
        prop_assert_eq!(read(version, &packet, 1), found);
    }
}
