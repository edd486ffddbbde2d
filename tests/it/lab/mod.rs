//! The crash laboratory: the real program is killed, cut off from power, disk and network, and every input is accounted for.
//!
//! A generator publishes numbered crossings through a broker of our own; receivers write down what they hear; an oracle over what the
//! agent has *acknowledged* says what must have arrived ([`account`]). In the agent itself nothing is prepared for this. [`broker_load`] does
//! the same with a publisher and a broker that are not ours, under a thousand messages a second.
//! `ANDON_LONG=1` runs the long campaign, `ANDON_KILLS` and `ANDON_CUTS` say how many of each.

mod account;
mod bench;
mod broker;
mod broker_load;
mod campaign;
mod decided;
mod disk;
mod fairness;
mod flow;
mod image;
mod kills;
mod ledger;
mod leftovers;
mod namespace;
mod needs;
mod network;
mod outage;
mod power;
mod trace;
mod wall;
