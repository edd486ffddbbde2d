//! Where the story happens: everything that plays a part, one line for each thing that happens, and waiting for it.
//!
//! What is decided is read from the agent's socket and what is delivered from the receivers; the stage looks nowhere else.

use std::{io::Write, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    DemoError, Verdict,
    desk::Desk,
    device::Device,
    ledger::Ledger,
    receiver::{Letter, Receiver},
};
use crate::{
    agent::AgentError,
    api::view::{MachineView, View},
    clock::{Clock, Mono, Wall},
};

/// How often the agent is asked what it has decided.
const LOOK: Duration = Duration::from_millis(100);
/// How long something that must come may take before it is called missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why the story does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The visitor has seen enough.
    Stopped,
    /// Something that had to come did not; it is noted as a fault.
    Missing,
    /// The demo itself cannot go on.
    Failed(DemoError),
}

impl<E: Into<DemoError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Everything that plays a part.
pub(super) struct Props {
    pub(super) desk: Desk,
    pub(super) device: Device,
    pub(super) receiver: Receiver,
    pub(super) letters: mpsc::Receiver<Letter>,
    pub(super) agent: JoinHandle<Result<(), AgentError>>,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
}

/// The stage.
pub(super) struct Stage<'o> {
    out: &'o mut dyn Write,
    pub(super) props: Props,
    pub(super) ledger: Ledger,
    pub(super) rounds: u32,
    begun: Mono,
    agent_done: bool,
    /// Alerts that are over and fully told.
    over: Vec<String>,
    /// The newest delivery that was audited.
    pub(super) audited: i64,
}

impl<'o> Stage<'o> {
    pub(super) fn new(out: &'o mut dyn Write, props: Props) -> Self {
        Self {
            out,
            begun: props.clock.now().mono,
            props,
            ledger: Ledger::default(),
            rounds: 0,
            agent_done: false,
            over: Vec::new(),
            audited: 0,
        }
    }

    /// How long the demo has been running.
    pub(super) fn elapsed(&self) -> Duration {
        self.props.clock.now().mono.since(self.begun)
    }

    /// Writes a line as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Halt> {
        writeln!(self.out, "{text}").map_err(DemoError::Output)?;
        Ok(self.out.flush().map_err(DemoError::Output)?)
    }

    /// Tells what somebody does, with the second of the story.
    pub(super) fn tell(&mut self, who: &str, what: &str) -> Result<(), Halt> {
        let seconds = self.elapsed().as_secs_f64();
        self.line(&format!("{seconds:5.1} s  {who:<9}  {what}"))
    }

    /// Something is not as it was promised.
    pub(super) fn fault(&mut self, what: String) {
        self.ledger.fault(what);
    }

    /// Lets things happen for a while.
    pub(super) async fn pause(&mut self, time: Duration) -> Result<(), Halt> {
        let end = self.props.clock.now().mono + time;
        loop {
            let left = end.since(self.props.clock.now().mono);
            if left.is_zero() {
                return Ok(());
            }
            self.happen(left).await?;
        }
    }

    /// Waits until the book says so; what does not come in time is a fault, named with `what`.
    pub(super) async fn until(
        &mut self,
        what: &str,
        is: impl Fn(&Ledger) -> bool,
    ) -> Result<(), Halt> {
        let end = self.props.clock.now().mono + PATIENCE;
        while !is(&self.ledger) {
            if end.since(self.props.clock.now().mono).is_zero() {
                let seconds = PATIENCE.as_secs();
                self.fault(format!("{what} did not come within {seconds} s"));
                return Err(Halt::Missing);
            }
            self.happen(LOOK).await?;
        }
        Ok(())
    }

    /// Waits until a destination got these events of a rule, in this order and nothing else.
    pub(super) async fn delivered(
        &mut self,
        to: &str,
        rule: &str,
        kinds: &[&str],
    ) -> Result<(), Halt> {
        let what = format!("{} of {rule} at {to}", kinds.last().unwrap_or(&""));
        self.until(&what, |book| book.got(to, rule).len() >= kinds.len())
            .await
    }

    /// Waits until an event was decided, whether anybody got it or not.
    pub(super) async fn decided(&mut self, rule: &str, kind: &str) -> Result<(), Halt> {
        let what = format!("the decision {kind} of {rule}");
        self.until(&what, |book| book.has_decided(rule, kind)).await
    }

    /// Waits until the agent answers and has read the whole mill.
    pub(super) async fn awake(&mut self) -> Result<MachineView, Halt> {
        let end = self.props.clock.now().mono + PATIENCE;
        loop {
            let why = match self.props.desk.status().await {
                Ok(view) => match view.machines.into_iter().next() {
                    Some(mill) if mill.state == "ok" => return Ok(mill),
                    _ => DemoError::Desk("the mill was never read".to_owned()),
                },
                // It is there a moment after the agent.
                Err(error) => error,
            };
            if end.since(self.props.clock.now().mono).is_zero() {
                return Err(Halt::Failed(why));
            }
            tokio::select! {
                () = self.props.stop.cancelled() => return Err(Halt::Stopped),
                ended = &mut self.props.agent, if !self.agent_done => {
                    self.agent_done = true;
                    return Err(Halt::Failed(untimely(ended)));
                }
                () = sleep(LOOK) => {}
            }
        }
    }

    /// The state of everything, as `andon status` has it.
    pub(super) async fn status(&mut self) -> Result<View, Halt> {
        Ok(self.props.desk.status().await?)
    }

    /// Waits for the agent's end, which somebody asked for.
    pub(super) async fn agent_ended(&mut self) -> Result<(), DemoError> {
        if self.agent_done {
            return Ok(());
        }
        match (&mut self.props.agent).await {
            Ok(ended) => Ok(ended?),
            Err(_) => Err(DemoError::AgentEnded),
        }
    }

    /// What came of it, told and returned.
    pub(super) fn finish(mut self) -> Result<Verdict, DemoError> {
        let verdict = Verdict {
            rounds: self.rounds,
            counts: self.ledger.counts,
            faults: self.ledger.faults().to_vec(),
        };
        for line in super::story::ending(&verdict, self.elapsed()) {
            if let Err(Halt::Failed(error)) = self.line(&line) {
                return Err(error);
            }
        }
        Ok(verdict)
    }

    /// Takes in the next thing that happens, or looks at what was decided.
    async fn happen(&mut self, wait: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.props.stop.cancelled() => Err(Halt::Stopped),
            ended = &mut self.props.agent, if !self.agent_done => {
                self.agent_done = true;
                Err(Halt::Failed(untimely(ended)))
            }
            Some(letter) = self.props.letters.recv() => self.receive(letter).await,
            () = sleep(wait.min(LOOK)) => self.look().await,
        }
    }

    async fn receive(&mut self, letter: Letter) -> Result<(), Halt> {
        // People read first that it was decided, then that it arrived.
        if !self.ledger.knows(&letter.payload.id) {
            self.look().await?;
        }
        let first = self.ledger.received(&letter);
        let payload = &letter.payload;
        let signature = if letter.genuine { "good" } else { "WRONG" };
        let again = if first { "" } else { " again" };
        let mut text = format!(
            "{} got {}{again} of {}, signature {signature}",
            letter.to, payload.event, payload.alert.number
        );
        if let Some(decided) = parse(&payload.timestamp) {
            let took = letter.at.since(decided);
            text += &match took.as_millis() {
                millis @ 0..1000 => format!(", {millis} ms after it was decided"),
                _ => format!(", {:.1} s after it was decided", took.as_secs_f64()),
            };
        }
        self.tell("delivered", &text)
    }

    /// Reads from the agent's socket what it has decided since.
    pub(super) async fn look(&mut self) -> Result<(), Halt> {
        let alerts = self.props.desk.alerts().await?;
        // Oldest first, as they were decided.
        for alert in alerts.into_iter().rev() {
            if self.over.contains(&alert.number) {
                continue;
            }
            let story = self.props.desk.alert(&alert.number).await?;
            for event in &story.events {
                if self.ledger.decided(&story.alert.rule, event) {
                    self.tell("decided", &event.text)?;
                }
            }
            if story.alert.ended.is_some() {
                self.over.push(alert.number);
                // Twenty are listed, so none that is forgotten comes again.
                if self.over.len() > 100 {
                    self.over.remove(0);
                }
            }
        }
        Ok(())
    }
}

fn untimely(ended: Result<Result<(), AgentError>, JoinError>) -> DemoError {
    match ended {
        Ok(Err(error)) => DemoError::Agent(error),
        Ok(Ok(())) | Err(_) => DemoError::AgentEnded,
    }
}

fn parse(stamp: &str) -> Option<Wall> {
    let stamp: jiff::Timestamp = stamp.parse().ok()?;
    Some(Wall::from_millis(stamp.as_millisecond()))
}
