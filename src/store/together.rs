//! What a digest needs: many deliveries read, and their tries recorded, at once.

use super::{
    Store, StoreError, outbox,
    rows::{AttemptRecord, Delivery},
};

/// How many deliveries are read in one job: each takes several look-ups, and commits must not wait for all of them.
const SHARE: usize = 25;

impl Store {
    /// These deliveries, with everything that an attempt needs, as far as there are such; in any order.
    pub async fn deliveries_of(&self, rows: Vec<i64>) -> Result<Vec<Delivery>, StoreError> {
        let mut all = Vec::with_capacity(rows.len());
        for share in rows.chunks(SHARE) {
            let (first, share) = (share.first().copied(), share.to_vec());
            let found = self.ask(move |keeper| {
                let durable = keeper.is_durable();
                let mut found = Vec::with_capacity(share.len());
                for id in share {
                    let delivery = keeper.read(|db| outbox::delivery(db, id))?;
                    found.extend(delivery.map(|delivery| Delivery {
                        durable,
                        ..delivery
                    }));
                }
                Ok(found)
            });
            let failed = |source| StoreError::Delivery {
                id: first.unwrap_or_default(),
                source,
            };
            let found = found.await.map_err(|fault| fault.of(&self.dir, failed))?;
            all.extend(found);
        }
        Ok(all)
    }

    /// Records a try of each of these that did not end it, at most 200 in one transaction; says how many there are.
    pub async fn attempted_many(
        &self,
        tries: Vec<(i64, AttemptRecord)>,
    ) -> Result<usize, StoreError> {
        let mut counted = 0;
        for some in tries.chunks(outbox::BATCH) {
            let some = some.to_vec();
            let first = some.first().map_or(0, |(id, _)| *id);
            let job = move |db: &rusqlite::Connection| {
                let mut counted = 0;
                for (id, record) in &some {
                    counted += usize::from(outbox::attempted(db, *id, record)?);
                }
                Ok(counted)
            };
            let failed = move |source| StoreError::Attempted { id: first, source };
            counted += self.write(job, failed).await?;
        }
        Ok(counted)
    }
}
