//! Any messages of Sparkplug B nodes, in any order, with time that passes and connections that break.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::mqtt::sparkplug::fuzz::sessions(data));
