//! JSON values of random types, as in a state file. A decoded value has the type and survives MessagePack; JSON from
//! another writer decodes to the same value.

use std::fmt::Write as _;

use terraform_provider_dli::{
    framework::{types::Type, value::Value},
    protocol::{json, type_json},
};

use super::{
    msgpack,
    source::{Source, fits},
};

pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let ty = source.ty(3);
    match source.below(4) {
        0 => read(source.rest(), &ty),
        1 => read(&source.body(), &ty),
        2 => {
            // A state has no unknown values.
            let mut value = source.value(&ty);
            value.nullify_unknowns();
            let value = in_order(value);
            let mut text = String::new();
            write(&mut text, &value);
            assert_eq!(json::decode(text.as_bytes(), &ty), Ok(value), "{text}");
        }
        _ => {
            let text = source.rest();
            if let Ok(ty) = type_json::from_json(text) {
                let spelt = type_json::to_json(&ty).to_string();
                assert_eq!(type_json::from_json(spelt.as_bytes()), Ok(ty), "{spelt}");
            }
        }
    }
}

fn read(text: &[u8], ty: &Type) {
    if let Ok(value) = json::decode(text, ty) {
        assert!(fits(&value, ty), "{value:?} is no {ty:?}");
        assert!(value.is_wholly_known(), "{value:?}");
        msgpack::written(&value, ty);
    }
}

/// Sorts sets, because their order can depend on unknown values.
fn in_order(value: Value) -> Value {
    match value {
        Value::List(elements) => Value::List(elements.into_iter().map(in_order).collect()),
        Value::Set(elements) => Value::set(elements.into_iter().map(in_order)),
        Value::Map(entries) => Value::map(entries.iter().map(|(key, value)| (key.clone(), in_order(value.clone())))),
        Value::Dynamic(typed) => Value::Dynamic(Box::new((typed.0, in_order(typed.1)))),
        other => other,
    }
}

/// Writes a wholly known value as another writer would.
pub fn write(out: &mut String, value: &Value) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::Null | Value::Unknown(_) => *out += "null",
        Value::Bool(value) => *out += if *value { "true" } else { "false" },
        Value::Number(number) => *out += &number.to_string(),
        Value::String(text) => *out += &quoted(text),
        Value::List(elements) | Value::Set(elements) => {
            *out += "[";
            for (position, element) in elements.iter().enumerate() {
                *out += if position == 0 { "" } else { ", " };
                write(out, element);
            }
            *out += "]";
        }
        Value::Map(entries) => {
            *out += "{";
            for (position, (key, value)) in entries.iter().enumerate() {
                let comma = if position == 0 { "" } else { ",\n" };
                let _ = write!(out, "{comma}{}: ", quoted(key));
                write(out, value);
            }
            *out += "}";
        }
        Value::Dynamic(typed) => {
            *out += "{\"value\": ";
            write(out, &typed.1);
            let _ = write!(out, ", \"type\": {}}}", type_json::to_json(&typed.0));
        }
    }
}
