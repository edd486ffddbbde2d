//! Serial ports, as far as a pseudo terminal is one: bytes, unplugging, and that a port is used by one program only.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    hostile::{Asked, Framing, Hostile, Manner},
    link::{address, class, right, span},
};
use crate::source::modbus::{
    address::Address,
    link::{Link, LinkSettings, Memory},
    plan::Kind,
};

/// The far end of a serial cable, with a device at it.
struct Plugged {
    path: PathBuf,
    _hostile: Hostile,
    bridge: tokio::task::JoinHandle<()>,
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.bridge.abort();
    }
}

impl Plugged {
    fn new() -> Self {
        Self::with(|_| Manner::Proper)
    }

    fn with(manner: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let hostile = Hostile::new(Framing::Rtu, false, manner);
        let bridge = tokio::spawn(bridge(master, hostile.memory()));
        Self {
            path: path.into_string().unwrap().into(),
            _hostile: hostile,
            bridge,
        }
    }

    fn settings(&self) -> LinkSettings {
        // Even parity is asked for, which a pseudo terminal does not have.
        let text = format!("rtu://{}?baud=115200", self.path.display());
        LinkSettings::new(Address::parse(&text).unwrap(), Duration::from_secs(5))
    }
}

/// Carries bytes between a terminal's other side and a device. It looks now and then, because tokio waits for files of its own kinds only.
async fn bridge(master: OwnedFd, device: Memory) {
    rustix::io::ioctl_fionbio(&master, true).unwrap();
    let mut terminal = File::from(master);
    let mut device = device.connect(&address(0)).unwrap();
    let mut bytes = [0; 256];
    loop {
        // While nobody has it open, it cannot be read.
        if let Ok(read) = terminal.read(&mut bytes) {
            device.write_all(&bytes[..read]).await.unwrap();
        }
        let answered = timeout(Duration::from_millis(1), device.read(&mut bytes)).await;
        if let Ok(read) = answered {
            terminal.write_all(&bytes[..read.unwrap()]).unwrap();
        }
    }
}

#[tokio::test]
async fn a_device_is_read_over_a_terminal_and_again_after_it_was_unplugged() {
    let plugged = Plugged::new();
    // The name that stays, as `/dev/serial/by-id` gives one.
    let folder = tempfile::tempdir().unwrap();
    let by_id = folder.path().join("usb-adapter");
    std::os::unix::fs::symlink(&plugged.path, &by_id).unwrap();
    let mut settings = plugged.settings();
    let text = format!("rtu://{}", by_id.display());
    settings.address = Address::parse(&text).unwrap();
    let mut link = Link::new(settings);
    let asked = span(Kind::Holding, 10, 100);
    for _ in 0..3 {
        assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
    }

    drop(plugged);
    std::fs::remove_file(&by_id).unwrap();
    let error = loop {
        match link.read(1, asked).await {
            Err(error) => break error,
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert!(["connect", "broken"].contains(&class(&error)), "{error}");
    let error = link.connect().await.unwrap_err();
    assert!(error.is_outage());
    let told = format!("cannot connect to {}", by_id.display());
    assert_eq!(error.to_string(), told);

    // It comes back under another name of the kernel's.
    let plugged = Plugged::new();
    std::os::unix::fs::symlink(&plugged.path, &by_id).unwrap();
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
}

#[tokio::test]
async fn a_port_is_opened_anew_after_a_unit_was_silent() {
    let plugged = Plugged::with(|asked| match asked.nth {
        0 => Manner::Never,
        1 => Manner::BadChecksum,
        _ => Manner::Proper,
    });
    let mut settings = plugged.settings();
    settings.timeout = Duration::from_secs(2);
    settings.max_response = Duration::from_millis(100);
    let mut link = Link::new(settings);
    let asked = span(Kind::Holding, 10, 100);
    for expected in ["no answer", "garbled"] {
        let error = link.read(1, asked).await.unwrap_err();
        assert_eq!(class(&error), expected, "{error}");
    }
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
}

#[tokio::test]
async fn a_port_is_used_by_one_program_only() {
    let plugged = Plugged::new();
    let mut first = Link::new(plugged.settings());
    first.connect().await.unwrap();
    let error = Link::new(plugged.settings()).connect().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "another program uses it");
    drop(first);
    Link::new(plugged.settings()).connect().await.unwrap();
}

#[tokio::test]
async fn a_port_that_cannot_be_had_says_why() {
    for (address, why) in [
        ("rtu:///dev/no-such-port", "No such file"),
        ("rtu:///dev/null", "Inappropriate ioctl"),
        ("rtu:///etc", "Is a directory"),
    ] {
        let settings = LinkSettings::new(Address::parse(address).unwrap(), Duration::from_secs(1));
        let error = Link::new(settings).connect().await.unwrap_err();
        assert_eq!(class(&error), "connect", "{address}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(why), "{address}: {source}");
    }
    let plugged = Plugged::new();
    let text = format!("rtu://{}?rs485=true", plugged.path.display());
    let mut settings = plugged.settings();
    settings.address = Address::parse(&text).unwrap();
    let error = Link::new(settings).connect().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("leave `rs485` out"), "{source}");
}
