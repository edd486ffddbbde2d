//! Modbus against implementations that share nothing with ours.

mod device;
mod libmodbus;
mod links;
mod probe;
mod quality;
mod several;
mod values;
mod ways;

use crate::support::{Agent, Receiver, to};

/// An agent that reads tags of machine `m` from one unit, over the link that these lines of its source describe.
fn reading(link: &str, unit: u8, tags: &str) -> (Agent, Receiver) {
    let receiver = Receiver::start();
    let config = format!(
        r#"
[[machine]]
id = "m"
[[source.modbus]]
name = "link"
{link}
units = [{{ id = {unit}, machine = "m", tags = [
{tags}] }}]
"#
    );
    (Agent::start(&(config + &to(&receiver)), ""), receiver)
}
