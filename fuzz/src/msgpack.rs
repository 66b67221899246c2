//! MessagePack values under random types: what is read is a value of the type and survives being written; what is written
//! is read back the same.

use terraform_provider_dli::{
    framework::{types::Type, value::Value},
    protocol::msgpack,
};

use super::source::{Source, fits};

pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let ty = source.ty(3);
    match source.below(3) {
        0 => read(source.rest(), &ty),
        1 => written(&source.value(&ty), &ty),
        _ => {
            let mut damaged = msgpack::encode(&source.value(&ty));
            for _ in 0..=source.below(3) {
                let at = (source.below(256) << 8 | source.below(256)) % damaged.len();
                damaged[at] = source.byte();
            }
            read(&damaged, &ty);
        }
    }
}

/// Bytes from anywhere.
pub fn read(bytes: &[u8], ty: &Type) {
    if let Ok(value) = msgpack::decode(bytes, ty) {
        assert!(fits(&value, ty), "{value:?} is no {ty:?}");
        written(&value, ty);
    }
}

/// A value's own bytes.
pub fn written(value: &Value, ty: &Type) {
    let bytes = msgpack::encode(value);
    let again = msgpack::decode(&bytes, ty);
    assert_eq!(again.as_ref(), Ok(value), "read back from {bytes:02x?}");
    assert_eq!(again.as_ref().map(msgpack::encode), Ok(bytes), "one form for each value");
}
