//! How much room is taken by what a plant has ten thousands of.

use std::mem::size_of;

use super::*;
use crate::alert::{blind::TagState, watch::LiveWatch};

/// Ten thousand tags with a watch each are to fit into a gateway of 256 MB beside other software: 16 bytes more in one of these are
/// 160 KB there, whether they are used or not. What few of them need belongs in a box, what many share in an `Arc`, and what can be
/// worked out is not kept.
#[test]
fn what_there_are_ten_thousands_of_stays_small() {
    for (what, size, most) in [
        ("a tag of the plant", size_of::<Tag>(), 24),
        ("a watch of the plant", size_of::<Watch>(), 16),
        ("a machine of the plant", size_of::<Machine>(), 112),
        ("what is known of a tag", size_of::<TagState>(), 64),
        ("a watch, live", size_of::<LiveWatch>(), 40),
    ] {
        assert!(size <= most, "{what} takes {size} bytes, not {most}");
    }
}
