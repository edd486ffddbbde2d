//! Where a link leads: `tcp://192.168.10.21:502`, `rtu:///dev/ttyUSB0?baud=19200&parity=even`, `rtu+tcp://10.0.0.7:4001`.
//!
//! It reads and shows addresses and opens nothing.

use std::{fmt, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use url::Url;

/// The least and the greatest baud rate: what serial ports and adapters do.
const BAUD: std::ops::RangeInclusive<u32> = 300..=4_000_000;
/// From this rate on the pauses on the line are fixed (MODBUS over Serial Line V1.02, section 2.5.1.1).
const FAST: u32 = 19_200;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// Modbus TCP.
    Tcp {
        /// A name or an address, without the brackets of IPv6.
        host: String,
        /// 502 unless it was given.
        port: u16,
    },
    /// The frames of a serial line through a TCP connection: a serial device server.
    RtuOverTcp {
        /// A name or an address, without the brackets of IPv6.
        host: String,
        /// There is no usual one.
        port: u16,
    },
    /// A serial port of this host.
    Rtu(Serial),
}

/// A serial port and how it is set. A byte has always 8 bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial {
    /// `/dev/ttyUSB0`, or better a name that stays: `/dev/serial/by-id/..`.
    pub path: PathBuf,
    /// Bits per second, 300 to 4,000,000.
    pub baud: u32,
    /// Even unless it was given.
    pub parity: Parity,
    /// 1 or 2; what was not given is 1, and 2 without parity.
    pub stop_bits: u8,
    /// Whether the kernel's driver switches the direction of the line, for ports that have no circuit that does.
    pub rs485: bool,
}

/// The parity bit of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parity {
    /// The standard's default.
    Even,
    /// Rare.
    Odd,
    /// None, and a second stop bit in its place.
    None,
}

impl Parity {
    const WORDS: [(&'static str, Self); 3] = [
        ("even", Self::Even),
        ("odd", Self::Odd),
        ("none", Self::None),
    ];
}

impl Serial {
    /// How long so many bytes take on the line: start bit, 8 data bits, parity, stop bits.
    pub fn time_of(&self, bytes: u32) -> Duration {
        let bits = 9 + u32::from(self.parity != Parity::None) + u32::from(self.stop_bits);
        Duration::from_secs(1) * (bits * bytes) / self.baud
    }

    /// The silence between two frames: three and a half bytes.
    pub fn frame_gap(&self) -> Duration {
        if self.baud > FAST {
            return Duration::from_micros(1750);
        }
        self.time_of(7) / 2
    }
}

impl Address {
    /// Reads one as a user writes it.
    ///
    /// # Errors
    /// What is wrong with it and how it must be, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        const RIGHT: &str = "must be like \"tcp://192.168.10.21:502\", \"rtu:///dev/ttyUSB0?baud=19200&parity=even\" or \"rtu+tcp://10.0.0.7:4001\"";
        let wrong = || format!("{RIGHT}, not \"{text}\"");
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        if !["tcp", "rtu", "rtu+tcp"].contains(&scheme) {
            return Err(wrong());
        }
        let url = Url::parse(text).map_err(|error| format!("{}: {error}", wrong()))?;
        let nobody = url.username().is_empty() && url.password().is_none();
        if !rest.starts_with("//") || !nobody || url.fragment().is_some() {
            return Err(wrong());
        }
        let host = url.host_str().unwrap_or_default();
        if scheme == "rtu" {
            if !host.is_empty() {
                return Err(format!("{}; a serial port has three slashes", wrong()));
            }
            return Serial::parse(&url).map(Self::Rtu);
        }
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if host.is_empty() || !bare || url.port() == Some(0) {
            return Err(format!("{}: a host and a port and nothing else", wrong()));
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        match (scheme, url.port()) {
            ("tcp", port) => Ok(Self::Tcp {
                host,
                port: port.unwrap_or(502),
            }),
            (_, Some(port)) => Ok(Self::RtuOverTcp { host, port }),
            (_, None) => Err(format!(
                "\"{text}\" has no port, and serial device servers have no usual one; add it: \"{text}:4001\""
            )),
        }
    }

    /// Host and port of one that leads over the network.
    pub fn peer(&self) -> Option<(&str, u16)> {
        match self {
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port } => Some((host, *port)),
            Self::Rtu(_) => None,
        }
    }

    /// The serial port, if it is one of this host.
    pub fn serial(&self) -> Option<&Serial> {
        match self {
            Self::Rtu(serial) => Some(serial),
            _ => None,
        }
    }

    /// Whether answers bear no number, so that one can be taken for another.
    pub fn is_rtu(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }
}

impl Serial {
    fn parse(url: &Url) -> Result<Self, String> {
        let path = percent_decode_str(url.path()).decode_utf8();
        let path = path.map_err(|_| "the path of the serial port is no UTF-8".to_owned())?;
        if path.len() < 2 || path.ends_with('/') {
            return Err("names no serial port; it must be like \"rtu:///dev/ttyUSB0\"".to_owned());
        }
        let (mut baud, mut parity, mut stop_bits, mut rs485) = (FAST, Parity::Even, None, false);
        for (key, value) in url.query_pairs() {
            let must = |be: &str| format!("`{key}` must be {be}, not \"{value}\"");
            match &*key {
                "baud" => {
                    let given = value.parse().ok().filter(|baud| BAUD.contains(baud));
                    baud = given.ok_or_else(|| must("300 to 4000000"))?;
                }
                "parity" => {
                    let mut words = Parity::WORDS.iter();
                    let found = words.find(|(word, _)| *word == value);
                    parity = found.ok_or_else(|| must("even, odd or none"))?.1;
                }
                "stop_bits" => {
                    let given = value.parse().ok().filter(|bits| matches!(bits, 1 | 2));
                    stop_bits = Some(given.ok_or_else(|| must("1 or 2"))?);
                }
                "rs485" => rs485 = value.parse().map_err(|_| must("true or false"))?,
                _ => {
                    return Err(format!(
                        "`{key}` is nothing that a serial port has; it has baud, parity, stop_bits and rs485"
                    ));
                }
            }
        }
        Ok(Self {
            path: PathBuf::from(path.into_owned()),
            baud,
            parity,
            stop_bits: stop_bits.unwrap_or(1 + u8::from(parity == Parity::None)),
            rs485,
        })
    }
}

/// What people look for when a source is silent: `192.168.10.21:502`, `/dev/ttyUSB0`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port } if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port } => {
                write!(f, "{host}:{port}")
            }
            Self::Rtu(serial) => serial.path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_hosts_or_ports() {
        for (text, shown, is_rtu) in [
            (
                "tcp://plc.hall-2.local:1502",
                "plc.hall-2.local:1502",
                false,
            ),
            ("tcp://[fe80::1]", "[fe80::1]:502", false),
            ("rtu+tcp://10.0.0.7:4001", "10.0.0.7:4001", true),
            ("rtu:///dev/ttyUSB0", "/dev/ttyUSB0", true),
            (
                "rtu:///dev/serial/by-id/usb-1a86_USB%20Serial-if00-port0?baud=9600",
                "/dev/serial/by-id/usb-1a86_USB Serial-if00-port0",
                true,
            ),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.is_rtu()),
                (shown, is_rtu)
            );
        }
    }

    #[test]
    fn a_serial_port_is_set_as_the_standard_has_it_unless_told_otherwise() {
        for (query, baud, parity, stop_bits, rs485) in [
            ("", 19_200, Parity::Even, 1, false),
            ("?parity=none", 19_200, Parity::None, 2, false),
            (
                "?parity=none&stop_bits=1&baud=9600",
                9_600,
                Parity::None,
                1,
                false,
            ),
            (
                "?parity=odd&baud=115200&rs485=true",
                115_200,
                Parity::Odd,
                1,
                true,
            ),
        ] {
            let address = Address::parse(&format!("rtu:///dev/ttyS1{query}")).unwrap();
            let path = PathBuf::from("/dev/ttyS1");
            let expected = Serial {
                path,
                baud,
                parity,
                stop_bits,
                rs485,
            };
            assert_eq!(address, Address::Rtu(expected));
        }
    }

    #[test]
    fn mistakes_in_an_address_are_named() {
        const LIKE: &str = "must be like \"tcp://192.168.10.21:502\"";
        for (text, message) in [
            ("10.0.0.7", LIKE),
            ("10.0.0.7:502", LIKE),
            ("http://a", LIKE),
            ("tcp://", LIKE),
            ("tcp:a", LIKE),
            ("tcp://a:0", "a host and a port and nothing else"),
            ("tcp://a:70000", LIKE),
            ("tcp://u@a", LIKE),
            ("tcp://a/x", "nothing else"),
            ("tcp://a?x=1", "nothing else"),
            ("rtu+tcp://10.0.0.7", "has no port"),
            ("rtu:/dev/ttyUSB0", LIKE),
            ("rtu://dev/ttyUSB0", "three slashes"),
            ("rtu:///", "names no serial port"),
            (
                "rtu:///dev/ttyUSB0?baud=19",
                "`baud` must be 300 to 4000000, not \"19\"",
            ),
            (
                "rtu:///dev/ttyUSB0?parity=N",
                "`parity` must be even, odd or none",
            ),
            (
                "rtu:///dev/ttyUSB0?stop_bits=3",
                "`stop_bits` must be 1 or 2",
            ),
            (
                "rtu:///dev/ttyUSB0?bits=8",
                "`bits` is nothing that a serial port has",
            ),
        ] {
            let told = Address::parse(text).unwrap_err();
            assert!(told.contains(message), "{text}: {told}");
        }
    }

    #[test]
    fn the_silence_between_frames_follows_the_baud_rate() {
        let serial = |baud, parity, stop_bits| {
            let text = format!("rtu:///dev/t?baud={baud}&parity={parity}&stop_bits={stop_bits}");
            Address::parse(&text).unwrap().serial().unwrap().clone()
        };
        let slow = serial(9_600, "even", 1);
        assert_eq!(slow.time_of(96), Duration::from_millis(110), "11 bits each");
        assert_eq!(slow.frame_gap().as_micros(), 4_010);
        assert_eq!(
            serial(9_600, "none", 1).time_of(96),
            Duration::from_millis(100)
        );
        assert_eq!(serial(115_200, "even", 1).frame_gap().as_micros(), 1_750);
    }
}
