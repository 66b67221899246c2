//! MessagePack values of random types. A decoded value has the type and survives encoding; an encoded value decodes to
//! itself.

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

/// Decodes arbitrary bytes.
pub fn read(bytes: &[u8], ty: &Type) {
    if let Ok(value) = msgpack::decode(bytes, ty) {
        assert!(fits(&value, ty), "{value:?} is no {ty:?}");
        written(&value, ty);
    }
}

/// Encodes a value and decodes it again.
pub fn written(value: &Value, ty: &Type) {
    let bytes = msgpack::encode(value);
    let again = msgpack::decode(&bytes, ty);
    assert_eq!(again.as_ref(), Ok(value), "read back from {bytes:02x?}");
    assert_eq!(again.as_ref().map(msgpack::encode), Ok(bytes), "one form for each value");
}
