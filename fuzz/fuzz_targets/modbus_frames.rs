//! Anything that may come back over a serial line.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::modbus::fuzz::frames(data));
