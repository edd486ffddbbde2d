//! Any bytes as the payload of a message: of each format, with tags in each place.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::mqtt::fuzz::payload(data));
