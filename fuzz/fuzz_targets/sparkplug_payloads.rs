//! Any bytes as a Sparkplug B payload.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::mqtt::sparkplug::fuzz::payloads(data));
