//! The JSON encoding of types: `"string"`, `["map","number"]`, `["object",{"a":"bool"}]`.

use serde_json::{Value as Json, json};

use super::codec::CodecError;
use crate::framework::types::Type;

/// Encodes a type.
pub fn to_json(ty: &Type) -> Json {
    match ty {
        Type::Bool => json!("bool"),
        Type::Number => json!("number"),
        Type::String => json!("string"),
        Type::Dynamic => json!("dynamic"),
        Type::List(element) => json!(["list", to_json(element)]),
        Type::Set(element) => json!(["set", to_json(element)]),
        Type::Map(element) => json!(["map", to_json(element)]),
        Type::Tuple(elements) => json!(["tuple", elements.iter().map(to_json).collect::<Vec<_>>()]),
        Type::Object(attributes) => {
            let attributes: serde_json::Map<_, _> = attributes.iter().map(|(k, v)| (k.clone(), to_json(v))).collect();
            json!(["object", attributes])
        }
    }
}

/// Decodes a type. The list of optional attributes of a type constraint is ignored.
pub fn from_json(json: &[u8]) -> Result<Type, CodecError> {
    let json: Json = serde_json::from_slice(json).map_err(|error| CodecError::new(format!("type: {error}")))?;
    read(&json)
}

fn read(json: &Json) -> Result<Type, CodecError> {
    // Truncated, because it can be as long as the message.
    let unknown =
        || CodecError::new(format!("{} is not a type", json.to_string().chars().take(64).collect::<String>()));
    if let Some(name) = json.as_str() {
        return match name {
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::String),
            "dynamic" => Ok(Type::Dynamic),
            _ => Err(unknown()),
        };
    }
    let parts = json.as_array().ok_or_else(unknown)?;
    let (kind, of) = (parts.first().and_then(Json::as_str), parts.get(1).ok_or_else(unknown)?);
    match kind {
        Some("list") => Ok(Type::list(read(of)?)),
        Some("set") => Ok(Type::set(read(of)?)),
        Some("map") => Ok(Type::map(read(of)?)),
        Some("tuple") => of.as_array().ok_or_else(unknown)?.iter().map(read).collect::<Result<_, _>>().map(Type::Tuple),
        Some("object") => {
            let attributes = of.as_object().ok_or_else(unknown)?;
            let read = |(name, ty): (&String, &Json)| Ok((name.clone(), read(ty)?));
            attributes.iter().map(read).collect::<Result<_, _>>().map(Type::Object)
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_protocol_page_round_trip() {
        for text in [
            r#""dynamic""#,
            r#"["list","string"]"#,
            r#"["map",["set","number"]]"#,
            r#"["tuple",["string","bool"]]"#,
            r#"["object",{"a":"string","b":["list","number"]}]"#,
        ] {
            let ty = from_json(text.as_bytes()).expect(text);
            assert_eq!(to_json(&ty).to_string(), text);
        }
        let constraint = br#"["object",{"a":"string"},["a"]]"#;
        assert_eq!(from_json(constraint), Ok(Type::Object([("a".to_owned(), Type::String)].into())));
    }

    #[test]
    fn invalid_types_are_rejected() {
        for text in ["", "\"int\"", "[]", r#"["list"]"#, r#"["object",["a"]]"#, "7", &"[".repeat(100_000)] {
            assert!(from_json(text.as_bytes()).is_err(), "{text:.20}");
        }
    }
}
