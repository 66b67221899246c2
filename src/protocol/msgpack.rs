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

use rmp::decode::RmpRead;
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

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Value, CodecError> {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::new(format!("the value is nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let value = self.value_after_marker(ty);
        self.depth -= 1;
        value
    }

    fn value_after_marker(&mut self, ty: &Type) -> Result<Value, CodecError> {
        let marker = rmp::decode::read_marker(&mut self.rest).map_err(unexpected_end)?;
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        if let Some(unknown) = self.unknown(marker)? {
            return Ok(unknown);
        }
        match ty {
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                other => Err(unexpected("bool", other)),
            },
            Type::Number => self.number(marker).map(Value::Number),
            Type::String => self.text(marker, "string").map(Value::String),
            Type::List(element) => self.sequence(marker, |_| Ok(element.as_ref())).map(Value::List),
            Type::Set(element) => self.sequence(marker, |_| Ok(element.as_ref())).map(Value::set),
            Type::Tuple(types) => whole_tuple(types, self.sequence(marker, |index| element_type(types, index))?),
            Type::Map(element) => {
                self.entries(marker, Step::Key, |_| Ok(element)).map(|read| Value::Map(Arc::new(read)))
            }
            Type::Object(attributes) => {
                let read = self.entries(marker, Step::Attribute, |name| {
                    attributes.get(name).ok_or_else(|| CodecError::new("unsupported attribute"))
                })?;
                match attributes.keys().find(|name| !read.contains_key(*name)) {
                    Some(missing) => Err(CodecError::new("missing attribute").within(Step::Attribute(missing.clone()))),
                    None => Ok(Value::Map(Arc::new(read))),
                }
            }
            Type::Dynamic => self.dynamic(marker),
        }
    }

    /// Reads an unknown value: any extension. Only type 12 carries refinements.
    fn unknown(&mut self, marker: Marker) -> Result<Option<Value>, CodecError> {
        let length = match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => usize::from(self.rest.read_data_u8().map_err(unexpected_end)?),
            Marker::Ext16 => usize::from(self.rest.read_data_u16().map_err(unexpected_end)?),
            Marker::Ext32 => self.rest.read_data_u32().map_err(unexpected_end)? as usize,
            _ => return Ok(None),
        };
        let kind = self.rest.read_data_i8().map_err(unexpected_end)?;
        let payload = self.bytes(length)?;
        // The values of a refinement can be unknown values with refinements.
        let depth = self.depth;
        let refinement = (kind == REFINED).then(|| Reader { rest: payload, depth }.refinement().ok()).flatten();
        Ok(Some(Value::Unknown(refinement.map(Box::new))))
    }

    /// Reads refinements, a map with integer keys. The caller ignores unreadable ones.
    fn refinement(&mut self) -> Result<Refinement, CodecError> {
        let mut refinement = Refinement::default();
        for _ in 0..rmp::decode::read_map_len(&mut self.rest).map_err(unexpected_end)? {
            let key: u8 = rmp::decode::read_int(&mut self.rest).map_err(unexpected_end)?;
            match key {
                1 => refinement.null = Some(rmp::decode::read_bool(&mut self.rest).map_err(unexpected_end)?),
                2 => refinement.prefix = self.value(&Type::String)?.as_str().map(str::to_owned),
                3 => refinement.lower = self.bound()?,
                4 => refinement.upper = self.bound()?,
                5 => refinement.min_length = Some(rmp::decode::read_int(&mut self.rest).map_err(unexpected_end)?),
                6 => refinement.max_length = Some(rmp::decode::read_int(&mut self.rest).map_err(unexpected_end)?),
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
            Marker::FixPos(value) => Ok(value.into()),
            Marker::FixNeg(value) => Ok(value.into()),
            Marker::U8 => self.rest.read_data_u8().map(Number::from).map_err(unexpected_end),
            Marker::U16 => self.rest.read_data_u16().map(Number::from).map_err(unexpected_end),
            Marker::U32 => self.rest.read_data_u32().map(Number::from).map_err(unexpected_end),
            Marker::U64 => self.rest.read_data_u64().map(Number::from).map_err(unexpected_end),
            Marker::I8 => self.rest.read_data_i8().map(Number::from).map_err(unexpected_end),
            Marker::I16 => self.rest.read_data_i16().map(Number::from).map_err(unexpected_end),
            Marker::I32 => self.rest.read_data_i32().map(Number::from).map_err(unexpected_end),
            Marker::I64 => self.rest.read_data_i64().map(Number::from).map_err(unexpected_end),
            Marker::F32 => finite(f64::from(self.rest.read_data_f32().map_err(unexpected_end)?)),
            Marker::F64 => finite(self.rest.read_data_f64().map_err(unexpected_end)?),
            other => self.text(other, "number")?.parse().map_err(|error| CodecError::new(format!("{error}"))),
        }
    }

    fn text(&mut self, marker: Marker, wanted: &str) -> Result<String, CodecError> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 => usize::from(self.rest.read_data_u8().map_err(unexpected_end)?),
            Marker::Str16 => usize::from(self.rest.read_data_u16().map_err(unexpected_end)?),
            Marker::Str32 => self.rest.read_data_u32().map_err(unexpected_end)? as usize,
            other => return Err(unexpected(wanted, other)),
        };
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| CodecError::new("the text is not UTF-8"))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(()).map_err(unexpected_end)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn sequence<'t>(
        &mut self,
        marker: Marker,
        ty: impl Fn(usize) -> Result<&'t Type, CodecError>,
    ) -> Result<Vec<Value>, CodecError> {
        let length = match marker {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => usize::from(self.rest.read_data_u16().map_err(unexpected_end)?),
            Marker::Array32 => self.rest.read_data_u32().map_err(unexpected_end)? as usize,
            other => return Err(unexpected("list", other)),
        };
        let mut elements = Vec::with_capacity(length.min(MAX_RESERVED));
        for index in 0..length {
            let element = ty(index).and_then(|ty| self.value(ty));
            elements.push(element.map_err(|error| error.within(Step::Index(index)))?);
        }
        Ok(elements)
    }

    fn entries<'t>(
        &mut self,
        marker: Marker,
        step: fn(String) -> Step,
        ty: impl Fn(&str) -> Result<&'t Type, CodecError>,
    ) -> Result<BTreeMap<String, Value>, CodecError> {
        let length = match marker {
            Marker::FixMap(length) => usize::from(length),
            Marker::Map16 => usize::from(self.rest.read_data_u16().map_err(unexpected_end)?),
            Marker::Map32 => self.rest.read_data_u32().map_err(unexpected_end)? as usize,
            other => return Err(unexpected("map or object", other)),
        };
        let mut entries = Vec::with_capacity(length.min(MAX_RESERVED));
        for _ in 0..length {
            let marker = rmp::decode::read_marker(&mut self.rest).map_err(unexpected_end)?;
            let key = self.text(marker, "string key")?;
            match ty(&key).and_then(|ty| self.value(ty)) {
                Ok(value) => entries.push((key, value)),
                Err(error) => return Err(error.within(step(key))),
            }
        }
        // Core writes keys in order, and building a map from ordered entries is linear.
        Ok(entries.into_iter().collect())
    }

    fn dynamic(&mut self, marker: Marker) -> Result<Value, CodecError> {
        if marker != Marker::FixArray(2) {
            return Err(unexpected("type and value", marker));
        }
        let length = rmp::decode::read_bin_len(&mut self.rest).map_err(unexpected_end)? as usize;
        let ty = type_json::from_json(self.bytes(length)?)?;
        let value = self.value(&ty)?;
        Ok(Value::Dynamic(Box::new((ty, value))))
    }
}

fn unexpected(wanted: &str, marker: Marker) -> CodecError {
    CodecError::new(format!("expected {wanted}, found MessagePack {marker:?}"))
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
