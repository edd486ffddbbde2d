//! A serial port of this host, for this program alone.
//!
//! A port that is unplugged ends its reads; the link then lets go of it at once, because a USB adapter comes back under another name
//! while somebody holds the old one.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{fs::OFlags, termios::ioctl_tiocexcl};
use serial2_tokio::{CharSize, FlowControl, Parity as Bit, SerialPort, Settings, StopBits, rs4xx};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::super::address::{Parity, Serial};

/// An open port.
#[derive(Debug)]
pub(super) struct Port {
    port: SerialPort,
    /// Locked as long as it is open.
    _lock: File,
}

/// Opens a port and sets it.
///
/// # Errors
/// When it is not there, may not be opened, is in use, or cannot be set so.
pub(super) fn open(serial: &Serial) -> io::Result<Port> {
    let lock = lock(&serial.path)?;
    let is_pseudo = is_pseudo(&serial.path);
    let set = |mut settings: Settings| {
        settings.set_raw();
        settings.set_baud_rate(serial.baud)?;
        settings.set_char_size(CharSize::Bits8);
        settings.set_flow_control(FlowControl::None);
        settings.set_stop_bits(match serial.stop_bits {
            2 => StopBits::Two,
            _ => StopBits::One,
        });
        settings.set_parity(match serial.parity {
            // A pseudo terminal has no parity, and would be refused.
            _ if is_pseudo => Bit::None,
            Parity::Even => Bit::Even,
            Parity::Odd => Bit::Odd,
            Parity::None => Bit::None,
        });
        Ok(settings)
    };
    let port = SerialPort::open(&serial.path, set)?;
    if serial.rs485 {
        let mode = rs4xx::TransceiverMode::Rs485(rs4xx::Rs485Config::new());
        port.set_rs4xx_mode(mode).map_err(|error| {
            let why = format!("its driver does not do rs485 ({error}); leave `rs485` out, adapters with a circuit of their own switch by themselves");
            io::Error::new(error.kind(), why)
        })?;
    }
    // The lock keeps away those who ask for it; this keeps away all others but root. The kernel forgets it with the last close,
    // except of a pseudo terminal, which would stay closed to the next run.
    if !is_pseudo {
        ioctl_tiocexcl(&lock)?;
    }
    Ok(Port { port, _lock: lock })
}

fn lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    let lock = options.read(true).write(true).custom_flags(flags);
    let lock = lock.open(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program uses it",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_pseudo(path: &Path) -> bool {
    path.canonicalize()
        .is_ok_and(|path| path.starts_with("/dev/pts"))
}

impl AsyncRead for Port {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().port).poll_read(context, into)
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().port).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Waiting for the last byte to leave would block the thread; the answer cannot come before.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
