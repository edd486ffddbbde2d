//! The messages on the wire, as far as they are read or written here (6.4.1, `org.eclipse.tahu.protobuf`).
//!
//! Fields that are not named here are skipped by their length: metadata, data sets, templates, files. So a payload
//! cannot nest deeper than a property of a metric.

use prost::{Message, Oneof};

/// A whole payload; only written, as [`super::report`] reads payloads metric by metric.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
}

/// The numbers of the fields of [`Payload`].
pub(super) const TIMESTAMP: u32 = 1;
pub(super) const METRICS: u32 = 2;
pub(super) const SEQ: u32 = 3;
pub(super) const UUID: u32 = 4;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) is_null: Option<bool>,
    /// A [`PropertySet`], read only of metrics that are watched: it takes much more memory than room on the wire.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(super) properties: Option<Vec<u8>>,
    #[prost(oneof = "Value", tags = "10, 11, 12, 13, 14, 15")]
    pub(super) value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Value {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    Text(String),
}

/// Keys and their values, each at the same place of its list.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<PropertyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertyValue {
    #[prost(uint32, optional, tag = "3")]
    pub(super) int: Option<u32>,
    #[prost(uint64, optional, tag = "4")]
    pub(super) long: Option<u64>,
}
