//! The cable to the receivers, and to everything, is cut while alerts are on their way, and mended.

use std::time::Duration;

use super::{
    bench::{Bench, Plan},
    namespace::Namespace,
    needs::Need,
};
use crate::support::wait;

#[test]
fn a_cut_cable_delays_alerts_and_loses_none() {
    if !Need::Namespaces.is_met("a cut cable") {
        return;
    }
    let network = Namespace::make();
    let mut bench = Bench::new(Plan {
        destinations: vec![("steady", 1), ("wide", 4)],
        address: network.address().to_owned(),
        terms: "timeout = \"2s\"\n".to_owned(),
        lossy: true,
        ..Plan::default()
    });
    bench.agent.wrap(network.wrapper());
    bench.run();
    bench.cross_all();
    bench.drain(Duration::from_secs(60));

    // The uplink: machines are heard, receivers are not reached.
    let receivers: Vec<u16> = bench
        .destinations
        .iter()
        .map(|one| one.receiver.port())
        .collect();
    bench.cross(4);
    network.cut(&receivers);
    for _ in 0..4 {
        bench.cross(4);
        wait::pause(Duration::from_millis(700));
    }
    let begin = bench.heard();
    bench.cross_all();
    wait::within(Duration::from_secs(60), "all is acknowledged", || {
        (bench.broker.unacknowledged() == 0).then_some(())
    });
    assert_eq!(bench.heard(), begin, "the cable is cut");
    bench.kill("kill -9");
    bench.run();
    network.mend();
    bench.drain(Duration::from_secs(60));

    // Everything.
    bench.cross(4);
    network.cut(&[]);
    bench.cross_all();
    wait::pause(Duration::from_secs(3));
    network.mend();
    bench.cross_all();
    let account = bench.settle();
    super::campaign::table("network cuts", &account, bench.age());
}
