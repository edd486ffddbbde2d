//! Where events go: one file per kind.

pub mod notice;
