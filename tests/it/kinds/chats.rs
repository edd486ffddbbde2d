//! What the chats are sent, judged by programs with nothing of andon in them.

use std::path::Path;

use crate::support::python;

/// `tests/formats` holds what is sent, byte for byte, as another test makes sure; also for names and messages that want to be obeyed.
#[test]
fn what_chats_are_sent_is_what_others_take_and_send() {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let read = python::script("chats.py").arg(formats).output();
    let read = read.expect("python runs");
    let said = String::from_utf8_lossy(&read.stdout) + String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    assert!(said.contains("requests read"), "{said}");
}
