//! Anything that may come back over a TCP connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::modbus::fuzz::messages(data));
