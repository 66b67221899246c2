//! Decodes the values of requests. An unreadable value is an error diagnostic.

use super::codec::CodecError;
use super::dynamic;
use super::tfplugin6::DynamicValue;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::types::Type;
use crate::framework::value::Value;

pub(super) fn decode(value: Option<&DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    dynamic::decode(value, ty).map_err(unreadable)
}

/// Decodes a value and frees its bytes.
#[expect(clippy::needless_pass_by_value, reason = "the bytes can be megabytes")]
pub(super) fn take(value: Option<DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    decode(value.as_ref(), ty)
}

pub(super) fn unreadable(error: CodecError) -> Diagnostics {
    Diagnostic::from(error).into()
}
