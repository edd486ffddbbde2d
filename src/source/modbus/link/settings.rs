//! How a link is made and used: where it leads, how long things may take, and what its devices need that others do not.

use std::{path::Path, time::Duration};

use crate::config::{section::Section, values::Bind};

use super::super::address::Address;

/// Three and a half bytes at 9600 baud: what a serial device server is connected to is not known here.
const GAP_BEHIND_A_SERVER: Duration = Duration::from_millis(4);

/// Everything that a link needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// Where it leads.
    pub address: Address,
    /// Where it leads while the first cannot be connected.
    pub backup: Option<Address>,
    /// How many connections may be open at once, 1 to 8.
    pub max_connections: usize,
    /// The interface or address of this host that connections go out from.
    pub bind: Option<Bind>,
    /// How long a connection or an answer may take, 50 ms to 60 s. On a serial port of this host the time that the bytes need is added.
    pub timeout: Duration,
    /// How long after a failure an answer may still come over a serial line, 50 ms to 60 s.
    pub max_response: Duration,
    /// A pause after each connect, at most 30 s.
    pub connect_pause: Duration,
    /// Whether the connection is ended after each poll of a unit, so that other clients can have it.
    pub close_after_poll: bool,
    /// The least pause between an answer and the next request, at most 10 s.
    pub request_gap: Duration,
    /// The silence between two frames of a serial line, at most 1 s; `None` follows the baud rate.
    pub frame_gap: Option<Duration>,
    /// What devices of a serial line need after their answer to let go of it, at most 1 s.
    pub turnaround: Duration,
    /// Whether an adapter sends back what is sent.
    pub echo: bool,
    /// A way past sockets and ports.
    #[cfg(test)]
    pub(in crate::source::modbus) memory: Option<super::Memory>,
}

/// Keys that mean nothing to Modbus TCP.
const OF_SERIAL_LINES: [&str; 4] = ["max_response", "frame_gap", "turnaround", "echo"];

impl LinkSettings {
    /// Reads those of a source; the caller finishes its section. Mistakes are reported to the section's problems.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let address = |key, text: String| {
            let told = |message| section.error(key, message);
            Address::parse(&text).map_err(told).ok()
        };
        let second = Duration::from_secs(1);
        let answer = Duration::from_millis(50)..=second * 60;
        let first = section.required("address");
        let first = first.and_then(|text| address("address", text));
        let backup = section.optional("backup");
        let backup = backup.and_then(|text| address("backup", text));
        let frame_gap = section
            .optional::<Duration>("frame_gap")
            .map(|given| section.ranged("frame_gap", given, Duration::ZERO..=second));
        let upto = |key, most| section.ranged(key, Duration::ZERO, Duration::ZERO..=most);
        let timeout = section.ranged("timeout", second, answer.clone());
        let connections = section.ranged("max_connections", 1_i64, 1..=8);
        let settings = Self {
            max_connections: usize::try_from(connections).unwrap_or(1),
            bind: section.optional("bind"),
            max_response: section.ranged("max_response", second, answer),
            connect_pause: upto("connect_pause", second * 30),
            close_after_poll: section.get("close_after_poll", false),
            request_gap: upto("request_gap", second * 10),
            frame_gap,
            turnaround: upto("turnaround", second),
            echo: section.get("echo", false),
            backup,
            ..Self::new(first?, timeout)
        };
        let all = || {
            [Some(&settings.address), settings.backup.as_ref()]
                .into_iter()
                .flatten()
        };
        if settings.backup.as_ref() == Some(&settings.address) {
            section.error("backup", "is the address itself");
        }
        if settings.bind.is_some() && !all().any(|address| address.peer().is_some()) {
            section.error(
                "bind",
                "is for connections over the network, and this one is a serial port",
            );
        }
        if settings.max_connections > 1 && all().any(Address::is_rtu) {
            section.error(
                "max_connections",
                "is for Modbus TCP: a serial line, `rtu:` or `rtu+tcp:`, has one master and carries one question at a time",
            );
        }
        if settings.max_connections > 1 && !settings.request_gap.is_zero() {
            let message = "gives each connection pauses of its own, so the device may be asked again within request_gap; leave one of the two out";
            section.warn("max_connections", message);
        }
        if !all().any(Address::is_rtu) {
            for key in OF_SERIAL_LINES
                .iter()
                .filter(|key| section.raw(key).is_some())
            {
                section.error(key, "is for serial lines, `rtu:` and `rtu+tcp:`; Modbus TCP numbers its answers and needs none");
            }
        }
        Some(settings)
    }

    /// Those that nobody has changed.
    pub fn new(address: Address, timeout: Duration) -> Self {
        Self {
            address,
            backup: None,
            max_connections: 1,
            bind: None,
            timeout,
            max_response: Duration::from_secs(1),
            connect_pause: Duration::ZERO,
            close_after_poll: false,
            request_gap: Duration::ZERO,
            frame_gap: None,
            turnaround: Duration::ZERO,
            echo: false,
            #[cfg(test)]
            memory: None,
        }
    }

    /// The serial ports of this host that it may open.
    pub fn serial_ports(&self) -> impl Iterator<Item = &Path> {
        let all = [Some(&self.address), self.backup.as_ref()].into_iter();
        let serial = all.flatten().filter_map(Address::serial);
        serial.map(|serial| serial.path.as_path())
    }

    /// The pause before a request over a line to this address.
    pub(super) fn gap(&self, address: &Address) -> Duration {
        let usual = || {
            let serial = address.serial();
            serial.map_or(GAP_BEHIND_A_SERVER, |serial| serial.frame_gap())
        };
        let silence = self.frame_gap.unwrap_or_else(usual) + self.turnaround;
        silence.max(self.request_gap)
    }

    /// How long the answer of so many bytes to a request may take.
    pub(super) fn patience(&self, address: &Address, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let serial = address.serial();
        self.timeout + serial.map_or(Duration::ZERO, |serial| serial.time_of(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_before_a_request_is_what_the_slowest_needs() {
        let of = |address: &str, request, frame: Option<u64>, turnaround| {
            let millis = Duration::from_millis;
            let address = Address::parse(address).unwrap();
            let mut settings = LinkSettings::new(address.clone(), millis(100));
            settings.request_gap = millis(request);
            settings.frame_gap = frame.map(millis);
            settings.turnaround = millis(turnaround);
            settings.gap(&address).as_micros()
        };
        for (address, request, frame, turnaround, expected) in [
            ("rtu+tcp://a:1", 0, None, 0, 4_000),
            ("rtu+tcp://a:1", 0, Some(0), 0, 0),
            ("rtu:///dev/t?baud=115200", 0, None, 0, 1_750),
            ("rtu:///dev/t?baud=115200", 1, None, 3, 4_750),
            ("rtu:///dev/t?baud=115200", 10, None, 3, 10_000),
        ] {
            assert_eq!(
                of(address, request, frame, turnaround),
                expected,
                "{address}"
            );
        }
    }
}
