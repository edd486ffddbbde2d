//! Any registers, read by any tag.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::source::modbus::fuzz::values(data));
