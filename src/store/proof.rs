//! What a proof asks of the store, as short jobs: see [`super::chain`].

use super::{Store, StoreError, chain, keeper::Keeper};
use crate::verify::rows::{Account, Page};

impl Store {
    /// What the record says of itself, for a proof.
    pub async fn account(&self) -> Result<Account, StoreError> {
        let job = |keeper: &mut Keeper| {
            let in_memory = !keeper.is_durable();
            let account = keeper.read(chain::account)?;
            Ok(Account {
                in_memory,
                ..account
            })
        };
        let failed = |source| StoreError::Record { source };
        let asked = self.ask(job).await;
        asked.map_err(|fault| fault.of(&self.dir, failed))
    }

    /// The entries of the record after this event, oldest first; at most 50 events.
    pub async fn record(&self, after: i64) -> Result<Page, StoreError> {
        let failed = |source| StoreError::Record { source };
        self.read(move |db| chain::page(db, after), failed).await
    }
}
