//! `DynamicValue`, the envelope of every value on the wire.

use super::{codec::CodecError, json, msgpack, tfplugin6::DynamicValue};
use crate::framework::{types::Type, value::Value};

/// Opens an envelope. One that is missing or empty holds null.
pub(super) fn decode(envelope: Option<&DynamicValue>, ty: &Type) -> Result<Value, CodecError> {
    match envelope {
        Some(DynamicValue { msgpack, .. }) if !msgpack.is_empty() => msgpack::decode(msgpack, ty),
        Some(DynamicValue { json, .. }) if !json.is_empty() => json::decode(json, ty),
        _ => Ok(Value::Null),
    }
}

/// Closes an envelope; always MessagePack, which every version of core reads everywhere.
#[expect(clippy::unnecessary_wraps, reason = "every field of the wire's messages is optional")]
pub(super) fn encode(value: &Value) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: msgpack::encode(value), json: Vec::new() })
}
