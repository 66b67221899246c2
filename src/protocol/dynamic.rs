//! Encodes and decodes `DynamicValue`.

use super::{codec::CodecError, json, msgpack, tfplugin6::DynamicValue};
use crate::framework::{types::Type, value::Value};

/// Decodes a value; a missing or empty one is null.
pub(super) fn decode(value: Option<&DynamicValue>, ty: &Type) -> Result<Value, CodecError> {
    match value {
        Some(DynamicValue { msgpack, .. }) if !msgpack.is_empty() => msgpack::decode(msgpack, ty),
        Some(DynamicValue { json, .. }) if !json.is_empty() => json::decode(json, ty),
        _ => Ok(Value::Null),
    }
}

/// Encodes a value as MessagePack, which every version of core accepts.
#[expect(clippy::unnecessary_wraps, reason = "every field of the wire's messages is optional")]
pub(super) fn encode(value: &Value) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: msgpack::encode(value), json: Vec::new() })
}
