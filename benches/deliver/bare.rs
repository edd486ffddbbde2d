//! What the parts cost without an agent around them: one exchange over a client that is kept, and one commit of as many pages.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::receiver::Receiver;

/// A client and a database of their own, on the same disk.
pub struct Bare {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    db: Connection,
    bytes: i64,
}

impl Bare {
    /// `pages` is how many pages of 512 bytes a decision writes.
    pub fn new(dir: &Path, pages: i64) -> Self {
        let db = Connection::open(dir.join("bare.db")).expect("a database");
        for pragma in [
            "locking_mode = EXCLUSIVE",
            "page_size = 512",
            "journal_mode = WAL",
            "synchronous = FULL",
        ] {
            db.query_row(&format!("PRAGMA {pragma}"), [], |_| Ok(()))
                .or_else(|_| db.execute_batch(&format!("PRAGMA {pragma}")))
                .expect("a setting");
        }
        // As in the agent, the log is there already and is written again from its beginning.
        db.execute_batch("PRAGMA wal_autocheckpoint = 2048; CREATE TABLE t(fill BLOB); INSERT INTO t VALUES(zeroblob(2097152)); DELETE FROM t;")
            .expect("a table");
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            db,
            // The root and the freed pages' list are written too.
            bytes: (pages - 3) * 508,
        }
    }

    /// One commit of as many bytes as a decision.
    pub fn commit(&mut self) -> Duration {
        let began = Instant::now();
        let tx = self.db.transaction().expect("a transaction");
        tx.execute("INSERT INTO t VALUES(randomblob(?1))", [self.bytes])
            .expect("a row");
        tx.commit().expect("a commit");
        began.elapsed()
    }

    /// One exchange, until the request is there.
    pub fn exchange(&self, receiver: &Receiver, body: usize) -> Duration {
        let url = format!("http://127.0.0.1:{}/bare", receiver.port());
        let body = "b".repeat(body);
        let began = Instant::now();
        let answer = self
            .runtime
            .block_on(self.runtime.spawn(self.client.post(url).body(body).send()));
        assert_eq!(
            answer
                .expect("no panic")
                .expect("an answer")
                .status()
                .as_u16(),
            204
        );
        let (arrived, _) = receiver.next();
        arrived.duration_since(began)
    }
}
