//! A link to a device that others made, and that is killed again and again.

use serde_json::json;

use crate::support::{Agent, Device, Receiver, text, to};

#[test]
fn a_device_that_is_killed_twenty_times_is_heard_again_each_time_and_memory_stays_flat() {
    let mut device = Device::start(&json!({ "1": { "holding": { "100": [7] } } }));
    let receiver = Receiver::start();
    let config = format!(
        r#"
[[machine]]
id = "m"
[[source.modbus]]
name = "s"
address = "tcp://127.0.0.1:{}"
poll = "100ms"
units = [{{ id = 1, machine = "m", tags = [{{ tag = "t", read = "holding:100" }}] }}]
"#,
        device.port()
    );
    let agent = Agent::start(&(config + &to(&receiver)), "");
    let resident = || -> usize {
        let pid = agent.pid().expect("it runs").as_raw_nonzero();
        let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("its memory");
        let resident = pages.split_whitespace().nth(1).expect("a second number");
        resident.parse::<usize>().expect("a number") * 4
    };
    let mut early = 0;
    for cycle in 0..20 {
        agent.shows("a reading", |view| {
            text(view, "/machines/0/tags/0/value") == "7"
                && view["machines"][0]["tags"][0]["bad"].is_null()
        });
        device.switch_off();
        agent.shows("no reading", |view| {
            text(view, "/machines/0/tags/0/bad").contains("no connection")
        });
        device.switch_on();
        if cycle == 4 {
            early = resident();
        }
    }
    let more = resident().saturating_sub(early);
    assert!(more < 4096, "{more} KiB more after 15 cycles");
}
