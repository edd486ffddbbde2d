//! The `andon` binary.
use andon::{agent, config};
fn main() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let start = agent::Start {
        paths: config::Paths {
            main: std::env::args().nth(1).unwrap().into(),
        },
        env: config::Env::of_process(),
        strict: false,
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let s2 = stop.clone();
    runtime.block_on(async move {
        tokio::spawn(async move {
            tokio::signal::ctrl_c().await.unwrap();
            s2.cancel()
        });
        if let Err(e) = agent::run(start, stop).await {
            match e {
                agent::AgentError::Config(p) => {
                    for p in p {
                        println!("{p}")
                    }
                }
                e => println!("{e:?}"),
            }
        }
    });
}
