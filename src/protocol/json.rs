//! Decodes cty JSON, the format of values in a state file.
//!
//! Attributes that are missing in the schema are ignored; attributes that are missing in the value are null.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    codec::{CodecError, MAX_DEPTH, element_type, whole_tuple},
    type_json,
};
use crate::framework::{path::Step, types::Type, value::Value};

/// Decodes a value of a type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    read(bytes, ty, 0)
}

fn read(json: &[u8], ty: &Type, depth: usize) -> Result<Value, CodecError> {
    let failure = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Reader { ty, depth, failure: &failure }.deserialize(&mut deserializer);
    let whole = value.and_then(|value| deserializer.end().map(|()| value));
    whole.map_err(|error| failure.take().unwrap_or_else(|| CodecError::new(format!("JSON: {error}"))))
}

/// Reads one value of a type.
#[derive(Clone, Copy)]
struct Reader<'a> {
    ty: &'a Type,
    depth: usize,
    /// Why a value has another form. An error of serde has no path, and its text contains the value, which can be a
    /// secret.
    failure: &'a Cell<Option<CodecError>>,
}

impl<'a> Reader<'a> {
    fn inner(self, ty: &'a Type) -> Self {
        Self { ty, depth: self.depth + 1, ..self }
    }

    fn fail<E: Error>(self, error: CodecError) -> E {
        self.failure.set(Some(error));
        E::custom("the value has another form")
    }

    /// The error for another kind of value.
    fn unexpected<E: Error>(self, found: &str) -> E {
        let expected = match self.ty {
            Type::Bool => "bool",
            Type::Number => "number",
            Type::String => "string",
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => "list",
            Type::Map(_) | Type::Object(_) => "object",
            Type::Dynamic => "object with value and type",
        };
        self.fail(CodecError::new(format!("expected {expected}, found {found}")))
    }

    /// Adds a step to the path of a failure.
    fn within<T, E>(self, result: Result<T, E>, step: impl FnOnce() -> Step) -> Result<T, E> {
        if result.is_err() {
            self.failure.set(self.failure.take().map(|failure| failure.within(step())));
        }
        result
    }

    /// Reads a value of the dynamic type: an object with the value and its type, in any order.
    fn dynamic<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut ty, mut value, mut unread) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), &ty) {
                ("type", _) => {
                    let read = type_json::from_json(map.next_value::<&RawValue>()?.get().as_bytes());
                    ty = Some(read.map_err(|error| self.fail(error))?);
                }
                ("value", Some(ty)) => value = Some(map.next_value_seed(self.inner(ty))?),
                ("value", None) => unread = Some(map.next_value::<&RawValue>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if let (Some(ty), Some(unread)) = (&ty, unread) {
            value = Some(read(unread.get().as_bytes(), ty, self.depth + 1).map_err(|error| self.fail(error))?);
        }
        match (ty, value) {
            (Some(ty), Some(value)) => Ok(Value::Dynamic(Box::new((ty, value)))),
            _ => Err(self.unexpected("another object")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(CodecError::new(format!("the value is nested more than {MAX_DEPTH} deep"))));
        }
        if !matches!(self.ty, Type::Number) {
            return deserializer.deserialize_any(self);
        }
        // Numbers are parsed from the text, so that no digit is lost. Older states contain large numbers as strings.
        match <&RawValue>::deserialize(deserializer)?.get() {
            "null" => Ok(Value::Null),
            text => match text.trim_matches('"').parse() {
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => Err(self.fail(CodecError::new("expected number"))),
            },
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        if matches!(self.ty, Type::Bool) { Ok(Value::Bool(value)) } else { Err(self.unexpected("bool")) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        if matches!(self.ty, Type::String) { Ok(text.into()) } else { Err(self.unexpected("string")) }
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        Err(self.unexpected("number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        Err(self.unexpected("number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(self.unexpected("number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            let index = elements.len();
            let ty = match self.ty {
                Type::List(element) | Type::Set(element) => Ok(element.as_ref()),
                Type::Tuple(types) => element_type(types, index),
                _ => return Err(self.unexpected("list")),
            };
            let element = match ty {
                Ok(ty) => sequence.next_element_seed(self.inner(ty)),
                Err(error) => match sequence.next_element::<IgnoredAny>() {
                    Ok(Some(_)) => Err(self.fail(error)),
                    end => end.map(|_| None),
                },
            };
            match self.within(element, || Step::Index(index))? {
                Some(element) => elements.push(element),
                None => break,
            }
        }
        match self.ty {
            Type::Tuple(types) => whole_tuple(types, elements).map_err(|error| self.fail(error)),
            Type::Set(_) => Ok(Value::set(elements)),
            _ => Ok(Value::List(elements)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        match self.ty {
            Type::Dynamic => self.dynamic(map),
            Type::Map(element) => {
                // Terraform writes keys in order, and building a map from ordered entries is linear.
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = self.within(map.next_value_seed(self.inner(element)), || Step::Key(key.clone()))?;
                    entries.push((key, value));
                }
                Ok(Value::map(entries))
            }
            Type::Object(attributes) => {
                let mut entries: BTreeMap<_, _> = attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
                while let Some(name) = map.next_key::<String>()? {
                    let Some(ty) = attributes.get(&name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let value = map.next_value_seed(self.inner(ty));
                    let value = self.within(value, || Step::Attribute(name.clone()))?;
                    entries.insert(name, value);
                }
                Ok(Value::Map(Arc::new(entries)))
            }
            _ => Err(self.unexpected("object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::framework::{
        schema::{BlockBody, Schema},
        timeouts::Timeouts,
    };

    fn object() -> Type {
        let attributes = [
            ("n", Type::Number),
            ("s", Type::set(Type::String)),
            ("m", Type::map(Type::Bool)),
            ("d", Type::Dynamic),
            ("t", Type::Tuple(vec![Type::String, Type::Number])),
        ];
        Type::Object(attributes.map(|(name, ty)| (name.to_owned(), ty)).into())
    }

    /// With line breaks and all digits, as in a state file.
    #[test]
    fn state_file_values_decode() {
        let text = r#"{
            "n": 9223372036854775808.10, "s": ["b", "a", "b"], "m": {"x": true, "y": null},
            "d": {"value": ["a"], "type": ["list", "string"]}, "old": 7, "t": ["\u00e4", "12"]
        }"#;
        let expected = Value::map([
            ("n", Value::Number("9223372036854775808.1".parse().expect("a decimal"))),
            ("s", Value::set(["a".into(), "b".into()])),
            ("m", Value::map([("x", true.into()), ("y", Value::Null)])),
            ("d", Value::Dynamic(Box::new((Type::list(Type::String), Value::List(vec!["a".into()]))))),
            ("t", Value::List(vec!["ä".into(), 12.into()])),
        ]);
        assert_eq!(decode(text.as_bytes(), &object()), Ok(expected));
    }

    /// State of a version whose schema did not have the block.
    #[test]
    fn missing_block_is_an_absent_block() {
        let blocks = vec![Timeouts::block(&[("create", Duration::from_mins(1))])];
        let schema = Schema { body: BlockBody { blocks, ..BlockBody::default() }, ..Schema::default() };
        assert_eq!(decode(b"{}", &schema.ty()), Ok(schema.empty()));
        assert_eq!(schema.empty(), Value::map([("timeouts", Value::Null)]));
    }

    #[test]
    fn missing_attribute_is_null() {
        assert_eq!(
            decode(b"{}", &Type::Object([("a".to_owned(), Type::String)].into())),
            Ok(Value::map([("a", Value::Null)]))
        );
        for (text, message) in [
            (r#"{"m":{"x":"no"}}"#, r#"m["x"]: expected bool, found string"#),
            (r#"{"n":[1]}"#, "n: expected number"),
            (r#"{"t":["a",1,2]}"#, "t[2]: the tuple has fewer elements"),
            (r#"{"t":["a"]}"#, "t: a tuple of 2 has 1 elements"),
            (r#"{"m":{"x":7}}"#, r#"m["x"]: expected bool, found number"#),
            (r#"{"s":"secret"}"#, "s: expected list, found string"),
            (r#"{"m":[]}"#, "m: expected object, found list"),
            (r#"{"d":{"value":"secret"}}"#, "d: expected object with value and type, found another object"),
            (r#"{"d":{"value":["a"],"type":["list","bool"]}}"#, "d[0]: expected bool, found string"),
        ] {
            assert_eq!(decode(text.as_bytes(), &object()).expect_err(text).to_string(), message);
        }
        assert!(decode(b"{", &object()).is_err());
        assert!(decode(b"{} {}", &object()).is_err());
    }

    #[test]
    fn value_and_type_have_any_order() {
        let expected = Value::Dynamic(Box::new((Type::Number, Value::Number("1.50".parse().expect("a decimal")))));
        for text in [r#"{"value":1.50,"type":"number"}"#, r#"{"type":"number","old":[{}],"value":1.50}"#] {
            assert_eq!(decode(text.as_bytes(), &Type::Dynamic), Ok(expected.clone()), "{text}");
        }
    }
}
