//! What only MQTT 3.1.1 does so.

use bytes::BytesMut;
use rumqttc::mqttbytes::{
    Error, QoS,
    v4::{
        ConnAck, Connect, ConnectReturnCode, LastWill, Login, Packet as Wire, Publish, Subscribe,
        SubscribeFilter, SubscribeReasonCode,
    },
};

use super::{Accepted, Filter, Granted, Options, Outgoing, Packet, Qos, words};

/// What a broker of version 5 answers to an older client.
const UNSUPPORTED: u8 = 0x84;

pub(super) fn connect(
    options: &Options,
    login: Option<(String, String)>,
    to: &mut BytesMut,
) -> Result<(), String> {
    let mut connect = Connect::new(&options.client_id);
    connect.keep_alive = u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX);
    connect.clean_session = options.clean;
    connect.login = login.map(|(username, password)| Login { username, password });
    let will = options.status.as_ref();
    connect.last_will = will.map(|status| {
        let gone = status.offline.as_str();
        LastWill::new(&status.topic, gone, QoS::AtLeastOnce, true)
    });
    write(&Wire::Connect(connect), to)
}

pub(super) fn subscribe(pkid: u16, filters: &[&Filter], to: &mut BytesMut) -> Result<(), String> {
    let filters = filters.iter().map(|filter| {
        let qos = match filter.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        };
        SubscribeFilter::new(filter.topic.to_string(), qos)
    });
    let mut subscribe = Subscribe::new_many(filters);
    subscribe.pkid = pkid;
    write(&Wire::Subscribe(subscribe), to)
}

pub(super) fn publish(message: Outgoing<'_>, to: &mut BytesMut) -> Result<(), String> {
    let qos = match message.pkid {
        None => QoS::AtMostOnce,
        Some(_) => QoS::AtLeastOnce,
    };
    let mut publish = Publish::new(message.topic, qos, message.payload);
    publish.retain = message.retain;
    publish.pkid = message.pkid.unwrap_or_default();
    write(&Wire::Publish(publish), to)
}

fn write(packet: &Wire, to: &mut BytesMut) -> Result<(), String> {
    let written = packet.write(to, usize::MAX).map(drop);
    written.map_err(|error| error.to_string())
}

/// Reads one whole packet that is no message.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(frame: &[u8]) -> Result<Packet, String> {
    let packet = match Wire::read(&mut BytesMut::from(frame), usize::MAX) {
        Ok(packet) => packet,
        Err(Error::InvalidConnectReturnCode(UNSUPPORTED)) => {
            return Ok(Packet::Refused(words::other_version("3.1.1", "5")));
        }
        Err(error) => return Err(error.to_string()),
    };
    Ok(match packet {
        Wire::ConnAck(ConnAck {
            session_present,
            code: ConnectReturnCode::Success,
        }) => Packet::Accepted(Accepted::new(session_present)),
        Wire::ConnAck(ack) => Packet::Refused(refused(ack.code)),
        Wire::PubAck(ack) => Packet::Answered(ack.pkid, Ok(())),
        Wire::SubAck(ack) => {
            let granted = ack.return_codes.into_iter().map(granted);
            Packet::Subscribed(ack.pkid, granted.collect())
        }
        Wire::PubRel(release) => Packet::Released(release.pkid),
        Wire::PingResp => Packet::Pong,
        other => return Err(words::unexpected(&other)),
    })
}

fn granted(code: SubscribeReasonCode) -> Granted {
    match code {
        SubscribeReasonCode::Success(QoS::AtMostOnce) => Ok(Qos::AtMostOnce),
        SubscribeReasonCode::Success(_) => Ok(Qos::AtLeastOnce),
        SubscribeReasonCode::Failure => Err(words::no_access(None)),
    }
}

fn refused(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            words::login(None)
        }
        ConnectReturnCode::BadClientId => words::client_id(None),
        ConnectReturnCode::ServiceUnavailable => words::unavailable(None),
        ConnectReturnCode::RefusedProtocolVersion => words::other_version("3.1.1", "5"),
        ConnectReturnCode::Success => "refused the connection".to_owned(),
    }
}

/// For tests that want to know what the crate itself makes of a message.
#[cfg(test)]
pub(super) fn message(bytes: &[u8]) -> Option<(String, bytes::Bytes, u16)> {
    match Wire::read(&mut BytesMut::from(bytes), usize::MAX) {
        Ok(Wire::Publish(of)) => Some((of.topic, of.payload, of.pkid)),
        _ => None,
    }
}
