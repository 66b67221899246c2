//! Decodes cty JSON, the format of values in a state file.
//!
//! Attributes that are missing in the schema are ignored; attributes that are missing in the value are null.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    codec::{CodecError, MAX_DEPTH, element_type, whole_tuple},
    type_json,
};
use crate::framework::{path::Step, types::Type, value::Value};

/// Maximum nesting of brackets, for a value and a type inside it.
const MAX_NESTING: usize = 2 * MAX_DEPTH;

/// Decodes a value of a type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    // Each level is parsed again for every level around it, so deep nesting is rejected first.
    if nesting(bytes) > MAX_NESTING {
        return Err(CodecError::new(format!("JSON: brackets are nested more than {MAX_NESTING} deep")));
    }
    // Numbers are parsed from the text, so that no digit is lost.
    let raw: &RawValue = serde_json::from_slice(bytes).map_err(|error| CodecError::new(format!("JSON: {error}")))?;
    read(raw, ty, 0)
}

fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            // Skips a string; an escaped quotation mark does not end it.
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

fn read<'t>(raw: &RawValue, ty: &'t Type, depth: usize) -> Result<Value, CodecError> {
    if depth == MAX_DEPTH {
        return Err(CodecError::new(format!("the value is nested more than {MAX_DEPTH} deep")));
    }
    if raw.get() == "null" {
        return Ok(Value::Null);
    }
    let sequence = |ty: &dyn Fn(usize) -> Result<&'t Type, CodecError>| -> Result<Vec<Value>, CodecError> {
        let element = |(index, element)| {
            let value = ty(index).and_then(|ty| read(element, ty, depth + 1));
            value.map_err(|error| error.within(Step::Index(index)))
        };
        parse::<Vec<&RawValue>>(raw, "list")?.into_iter().enumerate().map(element).collect()
    };
    match ty {
        Type::Bool => parse(raw, "bool").map(Value::Bool),
        Type::String => parse(raw, "string").map(Value::String),
        // Older states contain large numbers as strings.
        Type::Number => {
            let number = raw.get().trim_matches('"').parse();
            number.map(Value::Number).map_err(|_| CodecError::new("expected number"))
        }
        Type::List(element) => sequence(&|_| Ok(element.as_ref())).map(Value::List),
        Type::Set(element) => sequence(&|_| Ok(element.as_ref())).map(Value::set),
        Type::Tuple(types) => whole_tuple(types, sequence(&|index| element_type(types, index))?),
        Type::Map(element) => {
            // Maps of strings can be large, and one pass suffices if there are no nulls.
            if **element == Type::String
                && let Ok(entries) = serde_json::from_str::<BTreeMap<String, String>>(raw.get())
            {
                return Ok(Value::map(entries.into_iter().map(|(key, text)| (key, Value::String(text)))));
            }
            let entries: BTreeMap<String, &RawValue> = parse(raw, "object")?;
            let read = |(key, value): (String, &RawValue)| match read(value, element, depth + 1) {
                Ok(value) => Ok((key, value)),
                Err(error) => Err(error.within(Step::Key(key))),
            };
            entries.into_iter().map(read).collect::<Result<_, _>>().map(|entries| Value::Map(Arc::new(entries)))
        }
        Type::Object(attributes) => {
            let entries: BTreeMap<String, &RawValue> = parse(raw, "object")?;
            let read = |(name, ty): (&String, &Type)| match entries.get(name) {
                Some(value) => read(value, ty, depth + 1)
                    .map(|value| (name.clone(), value))
                    .map_err(|error| error.within(Step::Attribute(name.clone()))),
                None => Ok((name.clone(), Value::Null)),
            };
            attributes.iter().map(read).collect::<Result<_, _>>().map(|entries| Value::Map(Arc::new(entries)))
        }
        Type::Dynamic => {
            #[derive(Deserialize)]
            struct Typed<'a> {
                #[serde(borrow)]
                value: &'a RawValue,
                #[serde(borrow, rename = "type")]
                ty: &'a RawValue,
            }
            let typed: Typed<'_> = parse(raw, "object with value and type")?;
            let ty = type_json::from_json(typed.ty.get().as_bytes())?;
            let value = read(typed.value, &ty, depth + 1)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue, wanted: &str) -> Result<T, CodecError> {
    serde_json::from_str(raw.get()).map_err(|_| {
        // Only the kind, because the value can be a secret.
        let found = match raw.get().as_bytes().first() {
            Some(b'"') => "string",
            Some(b'{') => "object",
            Some(b'[') => "list",
            Some(b't' | b'f') => "bool",
            _ => "number",
        };
        CodecError::new(format!("expected {wanted}, found {found}"))
    })
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
        ] {
            assert_eq!(decode(text.as_bytes(), &object()).expect_err(text).to_string(), message);
        }
        assert!(decode(b"{", &object()).is_err());
    }

    #[test]
    fn brackets_in_strings_are_no_nesting() {
        for (text, deep) in
            [("", 0), ("{}", 1), ("[[1],[{}]]", 3), (r#"["[[", "\"[[", "\\"]"#, 1), ("]]][", 1), ("[\"[", 1)]
        {
            assert_eq!(nesting(text.as_bytes()), deep, "{text}");
        }
    }
}
