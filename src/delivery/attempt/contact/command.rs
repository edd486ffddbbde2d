//! A command needs nothing to be kept: it is started for each request.

use super::SendError;
use crate::{
    destination::{Answer, Program, Run},
    link::program::{End, run},
};

/// Runs it once; its exit code is the status of the answer.
pub(super) async fn send(program: &Program, told: &Run) -> Result<Answer, SendError> {
    match run(
        &program.words,
        &told.environment,
        &told.input,
        program.timeout,
    )
    .await
    {
        End::Exit { code, said } => Ok(Answer {
            status: code.into(),
            body: said,
            ..Answer::default()
        }),
        End::Broken(why) => Err(SendError::Failed(why)),
        // A person can mend that, so it waits like a dead line does.
        End::NotStarted(why) => Err(SendError::Unreachable(why)),
    }
}
