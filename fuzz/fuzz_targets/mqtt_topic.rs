//! Any text as a topic template, and any other as a topic.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| andon::source::mqtt::fuzz::topic(text));
