//! What the user typed, turned into what the program needs.

pub mod section;
pub mod tree;
