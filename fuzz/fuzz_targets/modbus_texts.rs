//! Any text where an address is expected: of a tag, of a probe, of a link.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| andon::source::modbus::fuzz::texts(text));
