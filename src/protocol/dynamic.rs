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

/// Decodes a value and frees its bytes.
#[expect(clippy::needless_pass_by_value, reason = "the bytes can be megabytes")]
pub(super) fn take(value: Option<DynamicValue>, ty: &Type) -> Result<Value, CodecError> {
    decode(value.as_ref(), ty)
}

/// Decodes two values of the same type. The second shares the first one's memory if core sent the same bytes.
#[expect(clippy::needless_pass_by_value, reason = "frees the bytes, which can be megabytes")]
pub(super) fn decode_both(
    first: Option<&DynamicValue>,
    second: Option<DynamicValue>,
    ty: &Type,
) -> Result<[Value; 2], CodecError> {
    let value = decode(first, ty)?;
    let other = if first == second.as_ref() { value.clone() } else { decode(second.as_ref(), ty)? };
    Ok([value, other])
}

/// Encodes the new value of an object; without a change, the bytes are those of the request.
pub(super) fn encode_change(new: &Value, old: &Value, bytes: Option<DynamicValue>) -> Option<DynamicValue> {
    if new == old { bytes.or_else(|| encode(new)) } else { encode(new) }
}

/// Encodes a value as MessagePack, which every version of core accepts.
#[expect(clippy::unnecessary_wraps, reason = "every field of the wire's messages is optional")]
pub(super) fn encode(value: &Value) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: msgpack::encode(value), json: Vec::new() })
}
