//! One connection to a device or gateway: what it gives belongs to the request that was made, or it gives an error.
//!
//! An answer leaves this room only if unit and function are those of the request, it is as long as was asked, and nothing late can be
//! taken for it. After a timeout, a cancelled call or an error a late answer may still come. Over TCP every failure but an
//! exception drops the connection, and on the next one an answer to the old can never arrive. A serial line has no
//! transaction numbers: there `max_response` is waited out, what comes is thrown away until the line is silent, and it is
//! opened anew. What the same unit answers next is then asked twice, which also unmasks gateways that mix up answers.
//!
//! Nothing here waits between attempts or decides whose turn it is; that is the poller's.

mod error;
mod line;
#[cfg(test)]
mod memory;
pub(super) mod rtu;
mod serial;
mod settings;
pub(super) mod tcp;
mod wire;

use std::{collections::BTreeSet, io, pin::Pin, time::Duration};

use tokio::time::{Sleep, sleep, timeout};

use self::{
    error::Trouble,
    line::{Heard, Line},
    wire::Wire,
};
pub(super) use error::LinkError;
#[cfg(test)]
pub(super) use memory::Memory;
pub use settings::LinkSettings;
#[cfg(test)]
pub(super) use wire::Stream;

use super::{address::Address, decode::Answer, plan::Span};

/// How long a link stays at its backup before it looks whether the first address is there again.
const AT_BACKUP: Duration = Duration::from_secs(60);
/// Exceptions by which a gateway says that a unit behind it is silent: it may still answer, later.
const SILENT: [u8; 2] = [10, 11];

/// A connection that is made when it is needed. It stands between reads only while all it carried was in order.
#[derive(Debug)]
pub(super) struct Link {
    settings: LinkSettings,
    /// Taken out for the time of a call, so that a call which fails or is cancelled leaves none behind.
    open: Option<Wire>,
    /// The unit of the call that is under way; one that is found here by the next call was cancelled.
    asking: Option<u8>,
    /// Over TCP, when the device has rested from the last request; a [`Line`] has its own pauses.
    rested: Option<Pin<Box<Sleep>>>,
    /// Units whose last request failed: an answer of theirs may be that to an earlier request.
    doubtful: BTreeSet<u8>,
    quarantine: Option<Quarantine>,
    /// At the backup, until the first address is tried again.
    at_backup: Option<Pin<Box<Sleep>>>,
    /// Others of its kind stand at the first address, so the backup is no way now: two gateways would speak at once on one line.
    only_first: bool,
    /// Whether anything was answered over the connection that was made last.
    carried: bool,
    /// How a connection that stood was found to have ended, if one was replaced by another.
    replaced: Option<LinkError>,
}

/// The time after a failure in which an answer may still come over a serial line.
#[derive(Debug)]
struct Quarantine {
    over: Pin<Box<Sleep>>,
    /// The line on which it would come, if there is one left.
    line: Option<Line>,
}

/// What a unit answered: the values, or the code of its exception.
pub(super) type Reply = Result<Answer, u8>;

impl Link {
    /// A link that is not connected yet.
    pub(super) fn new(settings: LinkSettings) -> Self {
        Self {
            settings,
            open: None,
            asking: None,
            rested: None,
            doubtful: BTreeSet::new(),
            quarantine: None,
            at_backup: None,
            only_first: false,
            carried: false,
            replaced: None,
        }
    }

    /// The address in use: the first, or its backup.
    pub(super) fn address(&self) -> &Address {
        let backup = self.settings.backup.as_ref();
        let backup = backup.filter(|_| self.at_backup.is_some());
        backup.unwrap_or(&self.settings.address)
    }

    /// Whether it is at its backup.
    pub(super) fn is_at_backup(&self) -> bool {
        self.at_backup.is_some()
    }

    /// Whether the connection that was made last has carried an answer: one that was accepted may still not be served.
    pub(super) fn has_carried(&self) -> bool {
        self.carried
    }

    /// Why a connection that stood was replaced by another since this was asked last, if one was.
    pub(super) fn replaced(&mut self) -> Option<LinkError> {
        self.replaced.take()
    }

    /// Whether other connections to the same device stand at its first address, so that this one may not be at the backup.
    pub(super) fn only_first(&mut self, only_first: bool) {
        self.only_first = only_first;
        if only_first && self.is_at_backup() {
            self.close();
        }
    }

    /// Lets go of the device.
    pub(super) fn close(&mut self) {
        (self.open, self.at_backup) = (None, None);
    }

    /// A poll is over: devices that serve few clients are let go until the next one.
    pub(super) fn rest(&mut self) {
        if self.settings.close_after_poll {
            self.open = None;
        }
    }

    /// Connects unless the link is connected; on a serial line first waits until no late answer can come any more.
    pub(super) async fn connect(&mut self) -> Result<(), LinkError> {
        if let Some(unit) = self.asking.take() {
            self.distrust(unit, None);
        }
        while let Some(quarantine) = &mut self.quarantine {
            quarantine.wait().await;
            // A serial port is locked as long as anybody here holds it.
            quarantine.line = None;
            let mut wire = self.dial().await?;
            if let Wire::Rtu(line) = &mut wire {
                hush(line, self.address()).await?;
            }
            self.open = Some(wire);
            self.quarantine = None;
        }
        self.look_for_the_first().await;
        if self.open.is_none() {
            self.open = Some(self.dial().await?);
        }
        Ok(())
    }

    /// Reads one block of a unit, connecting first where needed.
    ///
    /// A connection that an earlier read left open may have been closed by the device since, or hold a stray answer: in that case
    /// it is replaced once and the question asked again. A silent unit is never asked twice.
    pub(super) async fn read(&mut self, unit: u8, span: Span) -> Result<Answer, LinkError> {
        let stood = self.open.is_some();
        self.settle(unit).await?;
        let reply = match self.doubtful.contains(&unit) {
            false => self.reply(unit, span, stood).await?,
            true => self.confirmed(unit, span, stood).await?,
        };
        if matches!(reply, Err(code) if SILENT.contains(&code)) {
            self.doubtful.insert(unit);
        }
        reply.map_err(|code| LinkError::Exception {
            address: self.address().clone(),
            unit,
            code,
        })
    }

    /// The reply of a unit whose last request failed: what it says twice, or else what it says after that.
    async fn confirmed(&mut self, unit: u8, span: Span, stood: bool) -> Result<Reply, LinkError> {
        let mut reply = self.reply(unit, span, stood).await?;
        if matches!(reply, Err(code) if SILENT.contains(&code)) {
            return Ok(reply);
        }
        for _ in 0..2 {
            self.settle(unit).await?;
            let next = self.reply(unit, span, true).await?;
            let agrees = next == reply;
            reply = next;
            if agrees {
                break;
            }
        }
        self.doubtful.remove(&unit);
        Ok(reply)
    }

    /// Asks once, or twice over TCP where the connection stood before.
    async fn reply(&mut self, unit: u8, span: Span, stood: bool) -> Result<Reply, LinkError> {
        let result = match self.ask(unit, span).await {
            Err(error @ (LinkError::Broken { .. } | LinkError::Mismatch { .. }))
                if stood && !self.is_rtu() =>
            {
                self.replaced = Some(error);
                self.connect().await?;
                self.ask(unit, span).await
            }
            result => result,
        };
        if result.is_err() {
            self.doubtful.insert(unit);
        }
        result
    }

    /// Makes sure that there is a connection, and on a serial line that nothing comes over it unasked.
    async fn settle(&mut self, unit: u8) -> Result<(), LinkError> {
        let mut is_new = false;
        loop {
            self.connect().await?;
            let Some(Wire::Rtu(line)) = &mut self.open else {
                return Ok(());
            };
            match line.settle().await {
                Ok(Heard::Nothing) => return Ok(()),
                Ok(Heard::Strays) => {
                    self.doubtful.insert(unit);
                    return Ok(());
                }
                Ok(Heard::NoEnd) => {
                    self.open = None;
                    return Err(never_silent(self.address()));
                }
                // It was closed since the last read, and nothing was asked yet.
                Err(_) if !is_new => (self.open, is_new) = (None, true),
                Err(error) => {
                    self.open = None;
                    return Err(Trouble::Stream(error).of(self.address().clone(), unit));
                }
            }
        }
    }

    async fn ask(&mut self, unit: u8, span: Span) -> Result<Reply, LinkError> {
        if let Some(rested) = &mut self.rested {
            rested.await;
        }
        let Some(mut wire) = self.open.take() else {
            let none = Trouble::Stream(io::ErrorKind::NotConnected.into());
            return Err(none.of(self.address().clone(), unit));
        };
        let bytes = rtu::REQUEST + rtu::answer_length(span);
        let within = self.settings.patience(self.address(), bytes);
        self.asking = Some(unit);
        let asked = timeout(within, wire.ask(unit, span)).await;
        self.asking = None;
        let gap = Some(self.settings.request_gap).filter(|gap| !gap.is_zero() && !self.is_rtu());
        self.rested = gap.map(|gap| Box::pin(sleep(gap)));
        match asked.unwrap_or(Err(Trouble::Silent(self.settings.timeout))) {
            Ok(reply) => {
                (self.open, self.carried) = (Some(wire), true);
                Ok(reply)
            }
            Err(trouble) => {
                if let Wire::Rtu(line) = wire {
                    self.distrust(unit, Some(line));
                }
                Err(trouble.of(self.address().clone(), unit))
            }
        }
    }

    /// A request got no proper answer: it may still come.
    fn distrust(&mut self, unit: u8, line: Option<Line>) {
        self.doubtful.insert(unit);
        if self.is_rtu() {
            let over = Box::pin(sleep(self.settings.max_response));
            self.quarantine = Some(Quarantine { over, line });
        }
    }

    fn is_rtu(&self) -> bool {
        self.address().is_rtu()
    }

    /// At the backup, now and then: goes back to the first address if that can be connected.
    async fn look_for_the_first(&mut self) {
        let Some(at_backup) = &mut self.at_backup else {
            return;
        };
        let is_time = tokio::select! {
            biased;
            () = at_backup => true,
            () = std::future::ready(()) => false,
        };
        if is_time {
            match Wire::open(&self.settings.address, &self.settings).await {
                Ok(wire) => {
                    (self.open, self.at_backup, self.carried) = (Some(wire), None, false);
                }
                Err(_) => self.at_backup = Some(Box::pin(sleep(AT_BACKUP))),
            }
        }
    }

    /// Opens the first address, or where that fails its backup.
    async fn dial(&mut self) -> Result<Wire, LinkError> {
        (self.at_backup, self.carried) = (None, false);
        let error = match Wire::open(&self.settings.address, &self.settings).await {
            Ok(wire) => return Ok(wire),
            Err(error) => error,
        };
        let backup = self.settings.backup.as_ref().filter(|_| !self.only_first);
        let Some(backup) = backup else {
            return Err(error);
        };
        let Ok(wire) = Wire::open(backup, &self.settings).await else {
            return Err(error);
        };
        self.at_backup = Some(Box::pin(sleep(AT_BACKUP)));
        Ok(wire)
    }
}

impl Quarantine {
    /// Waits until it is over, and throws away what comes meanwhile. It may be cancelled and begun again.
    async fn wait(&mut self) {
        if let Some(line) = &mut self.line {
            tokio::select! {
                biased;
                () = &mut self.over => return,
                () = line.throw_away() => {}
            }
            // It ended: a USB adapter was unplugged, a server hung up. Its end is let go of at once.
            self.line = None;
        }
        (&mut self.over).await;
    }
}

async fn hush(line: &mut Line, address: &Address) -> Result<(), LinkError> {
    match line.hush().await {
        Ok(Heard::Nothing | Heard::Strays) => Ok(()),
        Ok(Heard::NoEnd) => Err(never_silent(address)),
        Err(source) => Err(LinkError::Connect {
            address: address.clone(),
            source,
        }),
    }
}

fn never_silent(address: &Address) -> LinkError {
    LinkError::NeverSilent {
        address: address.clone(),
    }
}
