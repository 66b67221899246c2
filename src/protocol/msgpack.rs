//! The cty MessagePack codec, driven by the type: unknown values as extension values, exact numbers.
//!
//! | value | MessagePack |
//! |---|---|
//! | null | nil |
//! | unknown | any extension; type 12 carries refinements; written as `d4 00 00` without them |
//! | number | int, float, or a decimal string |
//! | list, set, tuple | array |
//! | map, object | map with string keys |
//! | dynamic | array of the type's JSON (bin) and the value |
//!
//! Lengths are checked against the remaining bytes before much is allocated.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmp::decode::{self, RmpReadErr, ValueReadError};
use rmp::{Marker, encode};

use super::codec::{CodecError, MAX_DEPTH, element_type, whole_tuple};
use super::type_json;
use crate::framework::number::Number;
use crate::framework::path::Step;
use crate::framework::types::Type;
use crate::framework::value::{Refinement, Value};

/// Extension type of an unknown value with refinements.
const REFINED: i8 = 12;
/// An unknown value without refinements: fixext1, type 0, payload 0.
const PLAIN_UNKNOWN: [u8; 3] = [0xd4, 0, 0];

/// Maximum number of elements reserved in advance. An element can be one byte in the message and forty in memory, on
/// each level.
const MAX_RESERVED: usize = 1024;

/// Decodes a value of a type; no bytes may be left.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let value = reader.value(ty)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(CodecError::new("more bytes follow the value")) }
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

fn unexpected_end(_: impl Sized) -> CodecError {
    CodecError::new("unexpected end of data")
}

fn unexpected(wanted: &str, marker: Marker) -> CodecError {
    CodecError::new(format!("expected {wanted}, found MessagePack {marker:?}"))
}

/// The error for another kind of value, or for the end of the data.
fn not_a<E: RmpReadErr>(wanted: &str) -> impl FnOnce(ValueReadError<E>) -> CodecError {
    move |error| match error {
        ValueReadError::TypeMismatch(marker) => unexpected(wanted, marker),
        _ => unexpected_end(()),
    }
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Value, CodecError> {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::new(format!("the value is nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let value = self.value_at_depth(ty);
        self.depth -= 1;
        value
    }

    fn value_at_depth(&mut self, ty: &Type) -> Result<Value, CodecError> {
        // Still to be read.
        let marker = Marker::from_u8(*self.rest.first().ok_or(()).map_err(unexpected_end)?);
        match (ty, marker) {
            (_, Marker::Null) => decode::read_nil(&mut self.rest).map(|()| Value::Null).map_err(unexpected_end),
            (
                _,
                Marker::FixExt1
                | Marker::FixExt2
                | Marker::FixExt4
                | Marker::FixExt8
                | Marker::FixExt16
                | Marker::Ext8
                | Marker::Ext16
                | Marker::Ext32,
            ) => self.unknown(),
            (Type::Bool, _) => decode::read_bool(&mut self.rest).map(Value::Bool).map_err(not_a("bool")),
            (Type::Number, _) => self.number(marker).map(Value::Number),
            (Type::String, _) => self.text("string").map(Value::String),
            (Type::List(element), _) => self.sequence(|_| Ok(element.as_ref())).map(Value::List),
            (Type::Set(element), _) => self.sequence(|_| Ok(element.as_ref())).map(Value::set),
            (Type::Tuple(types), _) => whole_tuple(types, self.sequence(|index| element_type(types, index))?),
            (Type::Map(element), _) => self.entries(Step::Key, |_| Ok(element)).map(|read| Value::Map(Arc::new(read))),
            (Type::Object(attributes), _) => {
                let read = self.entries(Step::Attribute, |name| {
                    attributes.get(name).ok_or_else(|| CodecError::new("unsupported attribute"))
                })?;
                match attributes.keys().find(|name| !read.contains_key(*name)) {
                    Some(missing) => Err(CodecError::new("missing attribute").within(Step::Attribute(missing.clone()))),
                    None => Ok(Value::Map(Arc::new(read))),
                }
            }
            (Type::Dynamic, Marker::FixArray(2)) => self.dynamic(),
            (Type::Dynamic, _) => Err(unexpected("type and value", marker)),
        }
    }

    /// Reads an unknown value: any extension. Only type 12 carries refinements.
    fn unknown(&mut self) -> Result<Value, CodecError> {
        let meta = decode::read_ext_meta(&mut self.rest).map_err(unexpected_end)?;
        let payload = self.bytes(meta.size)?;
        // The values of a refinement can be unknown values with refinements.
        let depth = self.depth;
        let is_refined = meta.typeid == REFINED;
        let refinement = is_refined.then(|| Reader { rest: payload, depth }.refinement().ok()).flatten();
        Ok(Value::Unknown(refinement.map(Box::new)))
    }

    /// Reads refinements, a map with integer keys. The caller ignores unreadable ones.
    fn refinement(&mut self) -> Result<Refinement, CodecError> {
        let mut refinement = Refinement::default();
        for _ in 0..decode::read_map_len(&mut self.rest).map_err(unexpected_end)? {
            let key: u8 = decode::read_int(&mut self.rest).map_err(unexpected_end)?;
            match key {
                1 => refinement.null = Some(decode::read_bool(&mut self.rest).map_err(unexpected_end)?),
                2 => refinement.prefix = self.value(&Type::String)?.as_str().map(str::to_owned),
                3 => refinement.lower = self.bound()?,
                4 => refinement.upper = self.bound()?,
                5 => refinement.min_length = Some(decode::read_int(&mut self.rest).map_err(unexpected_end)?),
                6 => refinement.max_length = Some(decode::read_int(&mut self.rest).map_err(unexpected_end)?),
                other => return Err(CodecError::new(format!("refinement {other} is not known"))),
            }
        }
        Ok(refinement)
    }

    fn bound(&mut self) -> Result<Option<(Number, bool)>, CodecError> {
        match self.value(&Type::Tuple(vec![Type::Number, Type::Bool]))? {
            Value::List(parts) => match <[Value; 2]>::try_from(parts) {
                Ok([Value::Number(number), Value::Bool(inclusive)]) => Ok(Some((number, inclusive))),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn number(&mut self, marker: Marker) -> Result<Number, CodecError> {
        let finite = |value: f64| {
            Number::from_f64(value).ok_or_else(|| CodecError::new(format!("{value} is not a decimal number")))
        };
        match marker {
            Marker::F32 => finite(f64::from(decode::read_f32(&mut self.rest).map_err(unexpected_end)?)),
            Marker::F64 => finite(decode::read_f64(&mut self.rest).map_err(unexpected_end)?),
            Marker::FixPos(_)
            | Marker::FixNeg(_)
            | Marker::U8
            | Marker::U16
            | Marker::U32
            | Marker::U64
            | Marker::I8
            | Marker::I16
            | Marker::I32
            | Marker::I64 => decode::read_int::<i128, _>(&mut self.rest).map(Number::from).map_err(unexpected_end),
            _ => self.text("number")?.parse().map_err(|error| CodecError::new(format!("{error}"))),
        }
    }

    fn text(&mut self, wanted: &str) -> Result<String, CodecError> {
        let length = decode::read_str_len(&mut self.rest).map_err(not_a(wanted))?;
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| CodecError::new("the text is not UTF-8"))
    }

    fn bytes(&mut self, length: u32) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.rest.split_at_checked(length as usize).ok_or(()).map_err(unexpected_end)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn sequence<'t>(&mut self, ty: impl Fn(usize) -> Result<&'t Type, CodecError>) -> Result<Vec<Value>, CodecError> {
        let length = decode::read_array_len(&mut self.rest).map_err(not_a("list"))? as usize;
        let mut elements = Vec::with_capacity(length.min(MAX_RESERVED));
        for index in 0..length {
            let element = ty(index).and_then(|ty| self.value(ty));
            elements.push(element.map_err(|error| error.within(Step::Index(index)))?);
        }
        Ok(elements)
    }

    fn entries<'t>(
        &mut self,
        step: fn(String) -> Step,
        ty: impl Fn(&str) -> Result<&'t Type, CodecError>,
    ) -> Result<BTreeMap<String, Value>, CodecError> {
        let length = decode::read_map_len(&mut self.rest).map_err(not_a("map or object"))? as usize;
        let mut entries = Vec::with_capacity(length.min(MAX_RESERVED));
        for _ in 0..length {
            let key = self.text("string key")?;
            match ty(&key).and_then(|ty| self.value(ty)) {
                Ok(value) => entries.push((key, value)),
                Err(error) => return Err(error.within(step(key))),
            }
        }
        // Core writes keys in order, and building a map from ordered entries is linear.
        Ok(entries.into_iter().collect())
    }

    fn dynamic(&mut self) -> Result<Value, CodecError> {
        decode::read_array_len(&mut self.rest).map_err(unexpected_end)?;
        let length = decode::read_bin_len(&mut self.rest).map_err(unexpected_end)?;
        let ty = type_json::from_json(self.bytes(length)?)?;
        let value = self.value(&ty)?;
        Ok(Value::Dynamic(Box::new((ty, value))))
    }
}

/// Encodes a value.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value);
    bytes
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => infallible(encode::write_nil(out)),
        Value::Unknown(None) => out.extend(PLAIN_UNKNOWN),
        Value::Unknown(Some(refinement)) => write_refined(out, refinement),
        Value::Bool(value) => infallible(encode::write_bool(out, *value)),
        Value::Number(number) => match number.to_i64() {
            Some(integer) => {
                infallible(encode::write_sint(out, integer));
            }
            None => infallible(encode::write_str(out, &number.to_string())),
        },
        Value::String(text) => infallible(encode::write_str(out, text)),
        Value::List(elements) | Value::Set(elements) => {
            infallible(encode::write_array_len(out, length(elements.len())));
            for element in elements {
                write(out, element);
            }
        }
        Value::Map(entries) => {
            infallible(encode::write_map_len(out, length(entries.len())));
            for (key, value) in entries.iter() {
                infallible(encode::write_str(out, key));
                write(out, value);
            }
        }
        Value::Dynamic(typed) => {
            let (ty, value) = typed.as_ref();
            infallible(encode::write_array_len(out, 2));
            infallible(encode::write_bin(out, type_json::to_json(ty).to_string().as_bytes()));
            write(out, value);
        }
    }
}

fn write_refined(out: &mut Vec<u8>, refinement: &Refinement) {
    let Refinement { null, prefix, lower, upper, min_length, max_length } = refinement;
    let bound = |(number, inclusive): &(Number, bool)| {
        Value::List(vec![Value::Number(number.clone()), Value::Bool(*inclusive)])
    };
    let parts: Vec<(u8, Value)> = [
        (1, null.map(Value::Bool)),
        (2, prefix.clone().map(Value::String)),
        (3, lower.as_ref().map(bound)),
        (4, upper.as_ref().map(bound)),
        (5, min_length.map(Value::from)),
        (6, max_length.map(Value::from)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect();
    let mut payload = Vec::new();
    infallible(encode::write_map_len(&mut payload, length(parts.len())));
    for (key, value) in &parts {
        infallible(encode::write_pfix(&mut payload, *key));
        write(&mut payload, value);
    }
    infallible(encode::write_ext_meta(out, length(payload.len()), REFINED));
    out.extend(payload);
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a message is smaller than 4 GiB")
}

fn infallible<T, E: std::fmt::Debug>(written: Result<T, E>) -> T {
    written.expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::framework::value::UNKNOWN;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).expect("hex")
    }

    fn number(text: &str) -> Value {
        Value::Number(text.parse().expect("a decimal"))
    }

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    }

    /// Bytes from Python's `msgpack` package.
    #[test]
    fn bytes_of_another_implementation_decode() {
        let strings = Type::map(Type::String);
        let hosts = Value::map([("a", "1.2.3.4".into()), ("b", Value::Null), ("c", UNKNOWN)]);
        assert_eq!(decode(&bytes("83a161a7312e322e332e34a162c0a163d40000"), &strings), Ok(hosts));

        let numbers = "9c007fcc80ffd0dfce00010000cf7fffffffffffffffd38000000000000000cf8000000000000000cb3ff80000\
            00000000a3302e31a431653330";
        let expected = [
            "0",
            "127",
            "128",
            "-1",
            "-33",
            "65536",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "1.5",
            "0.1",
            "1e30",
        ];
        let expected = Value::List(expected.map(number).into());
        assert_eq!(decode(&bytes(numbers), &Type::list(Type::Number)), Ok(expected));
        assert_eq!(decode(&bytes("91ca3fc00000"), &Type::list(Type::Number)), Ok(Value::List(vec![number("1.5")])));

        let dynamic = Value::Dynamic(Box::new((Type::list(Type::String), Value::List(vec!["x".into()]))));
        assert_eq!(decode(&bytes("92c4115b226c697374222c22737472696e67225d91a178"), &Type::Dynamic), Ok(dynamic));

        let ty = object(&[
            ("n", Type::Number),
            ("s", Type::set(Type::String)),
            ("t", Type::Tuple(vec![Type::String, Type::Bool])),
        ]);
        let expected = Value::map([
            ("n", 7.into()),
            ("s", Value::set(["a".into(), "b".into()])),
            ("t", Value::List(vec!["x".into(), true.into()])),
        ]);
        assert_eq!(decode(&bytes("83a16e07a17392a162a161a17492a178c3"), &ty), Ok(expected));
    }

    #[test]
    fn unknown_refinements_are_ignored() {
        let text = Refinement { null: Some(false), prefix: Some("http://".into()), ..Refinement::default() };
        let count = Refinement {
            lower: Some(("1".parse().expect("a decimal"), true)),
            upper: Some(("2.5".parse().expect("a decimal"), false)),
            min_length: Some(1),
            max_length: Some(20),
            ..Refinement::default()
        };
        for (written, refinement) in [
            ("c70c0c8201c202a7687474703a2f2f", Some(text)),
            ("d80c84039201c30492a3322e35c205010614", Some(count)),
            ("d60c8109a178", None),
            ("d40000", None),
            ("d5070000", None),
        ] {
            let value = decode(&bytes(written), &Type::String).expect(written);
            assert_eq!(value, Value::Unknown(refinement.map(Box::new)), "{written}");
            assert_eq!(decode(&encode(&value), &Type::String), Ok(value), "{written}");
        }
    }

    #[test]
    fn encoding_matches_core() {
        assert_eq!(encode(&UNKNOWN), bytes("d40000"));
        assert_eq!(encode(&number("7")), bytes("07"));
        assert_eq!(encode(&number("-33")), bytes("d0df"));
        assert_eq!(encode(&number("0.1")), bytes("a3302e31"));
        assert_eq!(encode(&number("9223372036854775808")), [&[0xb3], "9223372036854775808".as_bytes()].concat());
    }

    #[test]
    fn error_has_a_path() {
        let ty = object(&[("hosts", Type::map(Type::String))]);
        for (written, message) in [
            ("81a5686f73747381a16107", r#"hosts["a"]: expected string, found MessagePack FixPos(7)"#),
            ("80", "hosts: missing attribute"),
            ("81a178c0", "x: unsupported attribute"),
            ("81a5686f737473", "hosts: unexpected end of data"),
            ("81a5686f73747381a161a2fffe", r#"hosts["a"]: the text is not UTF-8"#),
            ("81a5686f737473c0c0", "more bytes follow the value"),
        ] {
            assert_eq!(decode(&bytes(written), &ty).expect_err(written).to_string(), message);
        }
    }

    /// A length prefix of 4 GiB allocates no more than the message contains.
    #[test]
    fn excessive_lengths_and_depths_are_rejected() {
        for written in ["ddffffffff", "dfffffffff", "dbffffffff", "c9ffffffff0c"] {
            for ty in [Type::list(Type::Bool), Type::map(Type::Bool), Type::String] {
                assert!(decode(&bytes(written), &ty).is_err(), "{written}");
            }
        }
        let dynamic = [0x92, 0xc4, 9].into_iter().chain(*b"\"dynamic\"").collect::<Vec<u8>>();
        let deep = [dynamic.repeat(100_000), vec![0xc0]].concat();
        assert!(decode(&deep, &Type::Dynamic).expect_err("too deep").to_string().contains("nested more than"));
    }

    fn any_type() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String), Just(Type::Dynamic)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(Type::list),
                inner.clone().prop_map(Type::set),
                inner.clone().prop_map(Type::map),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
                prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(Type::Object),
            ]
        })
    }

    fn value_of(ty: &Type) -> BoxedStrategy<Value> {
        let known = match ty {
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Type::Number => prop_oneof![
                any::<i64>().prop_map(Value::from),
                "-?[1-9][0-9]{0,30}\\.[0-9]{0,20}[1-9]".prop_map(|text| number(&text)),
            ]
            .boxed(),
            Type::String => ".{0,40}".prop_map(Value::from).boxed(),
            Type::Dynamic => (any_type(), ".{0,3}")
                .prop_flat_map(|(ty, _)| value_of(&ty).prop_map(move |value| (ty.clone(), value)))
                .prop_filter("an unknown or null dynamic value has no type of its own", |(_, value)| !value.is_null())
                .prop_map(|typed| Value::Dynamic(Box::new(typed)))
                .boxed(),
            Type::List(element) => prop::collection::vec(value_of(element), 0..4).prop_map(Value::List).boxed(),
            Type::Set(element) => prop::collection::vec(value_of(element), 0..4).prop_map(Value::set).boxed(),
            Type::Map(element) => {
                prop::collection::btree_map("[a-z]{0,3}", value_of(element), 0..4).prop_map(Value::map).boxed()
            }
            Type::Tuple(elements) => elements.iter().map(value_of).collect::<Vec<_>>().prop_map(Value::List).boxed(),
            Type::Object(attributes) => attributes
                .iter()
                .map(|(name, ty)| (Just(name.clone()), value_of(ty)))
                .collect::<Vec<_>>()
                .prop_map(Value::map)
                .boxed(),
        };
        prop_oneof![1 => Just(Value::Null), 1 => Just(UNKNOWN), 8 => known].boxed()
    }

    proptest! {
        #[test]
        fn any_value_survives(
            (ty, value) in any_type().prop_flat_map(|ty| value_of(&ty).prop_map(move |v| (ty.clone(), v))),
        ) {
            prop_assert_eq!(decode(&encode(&value), &ty), Ok(value));
        }

        /// No bytes cause a panic, for any type.
        #[test]
        fn any_bytes_are_answered(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, &ty);
        }

        /// No change of one byte of a valid value causes a panic.
        #[test]
        fn any_damage_is_answered(
            (ty, value) in any_type().prop_flat_map(|ty| value_of(&ty).prop_map(move |v| (ty.clone(), v))),
            at: prop::sample::Index, new: u8,
        ) {
            let mut bytes = encode(&value);
            let at = at.index(bytes.len());
            bytes[at] = new;
            let _ = decode(&bytes, &ty);
        }
    }
}
