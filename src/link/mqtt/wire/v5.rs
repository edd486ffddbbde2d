//! What only MQTT 5 does so.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, ConnAckProperties, Connect, ConnectProperties, ConnectReturnCode, Disconnect,
        DisconnectReasonCode, Filter as Wanted, LastWill, Login, Packet as Wire, PubAckReason,
        Publish, Subscribe, SubscribeReasonCode,
    },
};

use super::{Accepted, Filter, Goodbye, Granted, Options, Outgoing, Packet, Qos, words};

pub(super) fn connect(
    options: &Options,
    login: Option<(String, String)>,
    to: &mut BytesMut,
) -> Result<(), String> {
    let expiry = match options.clean {
        true => 0,
        false => u32::try_from(options.session_expiry.as_secs()).unwrap_or(u32::MAX),
    };
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(expiry);
    properties.receive_maximum = Some(u16::try_from(options.max_unacked).unwrap_or(u16::MAX));
    properties.max_packet_size = Some(u32::try_from(options.max_packet).unwrap_or(u32::MAX));
    let connect = Connect {
        keep_alive: u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX),
        client_id: options.client_id.clone(),
        clean_start: options.clean,
        properties: Some(properties),
    };
    let will = options.status.as_ref().map(|status| {
        let gone = status.offline.as_str();
        LastWill::new(&status.topic, gone, QoS::AtLeastOnce, true, None)
    });
    let login = login.map(|(username, password)| Login { username, password });
    write(&Wire::Connect(connect, will, login), to)
}

pub(super) fn subscribe(pkid: u16, filters: &[&Filter], to: &mut BytesMut) -> Result<(), String> {
    let filters = filters.iter().map(|filter| {
        let qos = match filter.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        };
        Wanted::new(filter.topic.to_string(), qos)
    });
    let mut subscribe = Subscribe::new_many(filters, None);
    subscribe.pkid = pkid;
    write(&Wire::Subscribe(subscribe), to)
}

pub(super) fn publish(message: Outgoing<'_>, to: &mut BytesMut) -> Result<(), String> {
    let qos = match message.pkid {
        None => QoS::AtMostOnce,
        Some(_) => QoS::AtLeastOnce,
    };
    let payload = Bytes::copy_from_slice(message.payload);
    let mut publish = Publish::new(message.topic, qos, payload, None);
    publish.retain = message.retain;
    publish.pkid = message.pkid.unwrap_or_default();
    write(&Wire::Publish(publish), to)
}

fn write(packet: &Wire, to: &mut BytesMut) -> Result<(), String> {
    let written = packet.write(to, None).map(drop);
    written.map_err(|error| error.to_string())
}

/// Reads one whole packet that is no message.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(frame: &[u8]) -> Result<Packet, String> {
    let mut bytes = BytesMut::from(frame);
    match frame {
        // What a broker answers that only knows older versions.
        [0x20, 2, _, 1] => {
            return Ok(Packet::Refused(words::other_version("5", "3.1.1")));
        }
        // A reason, and then properties, may be left out; rumqttc wants both.
        [0xE0, 0] => bytes = BytesMut::from(&[0xE0, 2, 0, 0][..]),
        [0xE0, 1, reason] => bytes = BytesMut::from(&[0xE0, 2, *reason, 0][..]),
        _ => {}
    }
    let packet = Wire::read(&mut bytes, None).map_err(|error| error.to_string())?;
    Ok(match packet {
        Wire::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {
            Packet::Accepted(accepted(ack))
        }
        Wire::ConnAck(ack) => Packet::Refused(refused(&ack)),
        Wire::PubAck(ack) => {
            let said = ack.properties.and_then(|of| of.reason_string);
            let how = match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
                reason => Err(words::spoken(reason, said.as_deref())),
            };
            Packet::Answered(ack.pkid, how)
        }
        Wire::SubAck(ack) => {
            let said = ack.properties.and_then(|of| of.reason_string);
            let codes = ack.return_codes.into_iter();
            let granted = codes.map(|code| granted(code, said.as_deref()));
            Packet::Subscribed(ack.pkid, granted.collect())
        }
        Wire::PubRel(release) => Packet::Released(release.pkid),
        Wire::PingResp(_) => Packet::Pong,
        Wire::Disconnect(disconnect) => Packet::Goodbye(goodbye(&disconnect)),
        other => return Err(words::unexpected(&other)),
    })
}

fn accepted(ack: ConnAck) -> Accepted {
    let said = Accepted::new(ack.session_present);
    let Some(ConnAckProperties {
        session_expiry_interval,
        receive_max,
        max_qos,
        retain_available,
        max_packet_size,
        server_keep_alive,
        ..
    }) = ack.properties
    else {
        return said;
    };
    let seconds = |of: u32| Duration::from_secs(of.into());
    Accepted {
        receive_maximum: receive_max.unwrap_or(said.receive_maximum),
        max_packet: max_packet_size.and_then(|bytes| usize::try_from(bytes).ok()),
        max_qos: match max_qos {
            Some(0) => Qos::AtMostOnce,
            _ => said.max_qos,
        },
        retains: retain_available != Some(0),
        // Zero: it does not want to hear anything.
        keep_alive: server_keep_alive
            .filter(|of| *of > 0)
            .map(|of| seconds(of.into())),
        session_expiry: session_expiry_interval.map(seconds),
        ..said
    }
}

fn refused(ack: &ConnAck) -> String {
    use ConnectReturnCode as Code;
    let properties = ack.properties.as_ref();
    let said = properties.and_then(|of| of.reason_string.as_deref());
    match ack.code {
        Code::BadUserNamePassword | Code::NotAuthorized => words::login(said),
        Code::ClientIdentifierNotValid | Code::BadClientId => words::client_id(said),
        Code::ServerUnavailable | Code::ServerBusy | Code::ServiceUnavailable => {
            words::unavailable(said)
        }
        Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion => {
            words::other_version("5", "3.1.1")
        }
        Code::RetainNotSupported | Code::QoSNotSupported => words::status(ack.code, said),
        Code::UseAnotherServer | Code::ServerMoved => {
            let other = properties.and_then(|of| of.server_reference.as_deref());
            words::elsewhere(other)
        }
        code => format!("refused the connection: {}", words::spoken(code, said)),
    }
}

fn granted(code: SubscribeReasonCode, said: Option<&str>) -> Granted {
    match code {
        SubscribeReasonCode::Success(QoS::AtMostOnce) => Ok(Qos::AtMostOnce),
        SubscribeReasonCode::Success(_) => Ok(Qos::AtLeastOnce),
        SubscribeReasonCode::NotAuthorized => Err(words::no_access(said)),
        code => Err(format!(
            "the broker refused the subscription: {}",
            words::spoken(code, said)
        )),
    }
}

fn goodbye(of: &Disconnect) -> Goodbye {
    use DisconnectReasonCode as Code;
    let properties = of.properties.as_ref();
    let said = properties.and_then(|of| of.reason_string.as_deref());
    Goodbye::Because(match of.reason_code {
        Code::SessionTakenOver => return Goodbye::TakenOver,
        Code::ServerShuttingDown => "is shutting down".to_owned(),
        Code::NormalDisconnection => "closed the connection".to_owned(),
        Code::UseAnotherServer | Code::ServerMoved => {
            words::elsewhere(properties.and_then(|of| of.server_reference.as_deref()))
        }
        Code::RetainNotSupported | Code::QoSNotSupported => words::status(of.reason_code, said),
        code => format!("closed the connection: {}", words::spoken(code, said)),
    })
}

/// For tests that want to know what the crate itself makes of a message.
#[cfg(test)]
pub(super) fn message(bytes: &[u8]) -> Option<(String, Bytes, u16)> {
    match Wire::read(&mut BytesMut::from(bytes), None) {
        Ok(Wire::Publish(of)) => {
            let topic = String::from_utf8(of.topic.to_vec()).ok()?;
            Some((topic, of.payload, of.pkid))
        }
        _ => None,
    }
}
