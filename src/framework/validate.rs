//! Validates a configuration against its schema, offline.
//!
//! Every error is reported at its own path. Unknown values are skipped; Terraform validates again once they are known.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::Path;
use super::schema::{Attribute, AttributeKind, BlockBody, BlockNesting, Nesting, Presence, Schema};
use super::validator::elements;
use super::value::Value;

/// Maximum number of diagnostics of one kind.
const MAX_PER_KIND: usize = 20;

/// Validates `config` against `schema`; lists at most 20 errors of a kind.
pub fn validate(schema: &Schema, config: &Value) -> Diagnostics {
    let mut report = Diagnostics::new();
    if config.as_map().is_some() {
        check_body(&schema.body, &Path::root(), config, &mut report);
        for validator in &schema.validators {
            validator.check(&Path::root(), config, &mut report);
        }
    }
    report.limit_repeated(MAX_PER_KIND)
}

fn check_body(body: &BlockBody, path: &Path, config: &Value, report: &mut Diagnostics) {
    check_attributes(&body.attributes, path, config, report);
    for block in &body.blocks {
        let path = path.field(block.name);
        match (block.nesting, config.get(block.name)) {
            (BlockNesting::Single | BlockNesting::Group, single @ Value::Map(_)) => {
                check_body(&block.body, &path, single, report);
            }
            (_, many) => {
                for (step, element) in elements(many) {
                    check_body(&block.body, &path.step(step), element, report);
                }
            }
        }
    }
}

fn check_attributes(attributes: &[Attribute], path: &Path, config: &Value, report: &mut Diagnostics) {
    // A block or object that is null or unknown as a whole has no attributes to check.
    if config.as_map().is_none() {
        return;
    }
    for attribute in attributes {
        let path = path.field(attribute.name);
        match (config.get(attribute.name), attribute.presence) {
            (Value::Null, Presence::Required) => report.push(
                Diagnostic::error("Missing Required Attribute", format!("{path} is required, but it is not set."))
                    .at(path),
            ),
            (Value::Null | Value::Unknown(_), _) => {}
            (_, Presence::Computed) => report.push(
                Diagnostic::error(
                    "Attribute Cannot Be Set",
                    format!("{path} is computed by the provider and cannot be set. Remove it from the configuration."),
                )
                .at(path),
            ),
            (value, _) => {
                for validator in &attribute.validators {
                    validator.check(&path, value, report);
                }
                match &attribute.kind {
                    AttributeKind::Plain(_) => {}
                    AttributeKind::Nested(Nesting::Single, nested) => check_attributes(nested, &path, value, report),
                    AttributeKind::Nested(_, nested) => {
                        for (step, element) in elements(value) {
                            check_attributes(nested, &path.step(step), element, report);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        schema::Block,
        types::Type,
        validator::{KeysAre, Validator, ValuesAre},
        value::UNKNOWN,
    };

    #[derive(Debug)]
    struct Short;

    impl Validator for Short {
        fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
            if value.is_null() || value.is_unknown() || value.as_str().is_some_and(|text| text.len() > 3) {
                report.push(Diagnostic::error("Not Short", path.to_string()).at(path.clone()));
            }
        }
    }

    fn schema() -> Schema {
        Schema {
            body: BlockBody {
                attributes: vec![
                    Attribute::string("name").required().validator(Short),
                    Attribute::new("hosts", Type::map(Type::String))
                        .validator(KeysAre(Short))
                        .validator(ValuesAre(Short)),
                    Attribute::nested(
                        "rows",
                        Nesting::List,
                        vec![Attribute::string("text").required().validator(Short)],
                    ),
                    Attribute::string("id").computed(),
                ],
                blocks: vec![Block {
                    name: "limits",
                    nesting: BlockNesting::Single,
                    body: BlockBody {
                        attributes: vec![Attribute::string("create").validator(Short)],
                        ..BlockBody::default()
                    },
                }],
                ..BlockBody::default()
            },
            ..Schema::default()
        }
    }

    fn paths(config: &Value) -> Vec<String> {
        validate(&schema(), config).iter().map(|d| format!("{}: {}", d.path, d.summary)).collect()
    }

    fn config(changes: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let mut config = schema().empty();
        config.set_attribute("name", "abc".into());
        for (name, value) in changes {
            config.set_attribute(name, value);
        }
        config
    }

    #[test]
    fn every_error_is_reported_at_its_path() {
        let invalid = config([
            ("name", "long".into()),
            ("hosts", Value::map([("aaaa", "1".into()), ("b", "long".into()), ("c", Value::Null), ("d", UNKNOWN)])),
            ("rows", Value::List(vec![Value::map([("text", "ok".into())]), Value::map([("text", Value::Null)])])),
            ("limits", Value::map([("create", "long".into())])),
            ("id", "mine".into()),
        ]);
        assert_eq!(
            paths(&invalid),
            [
                "name: Not Short",
                r#"hosts["aaaa"]: Not Short"#,
                r#"hosts["b"]: Not Short"#,
                "rows[1].text: Missing Required Attribute",
                "id: Attribute Cannot Be Set",
                "limits.create: Not Short",
            ]
        );
    }

    #[test]
    fn unknown_values_are_skipped() {
        let unknown = config([("name", UNKNOWN), ("hosts", UNKNOWN), ("rows", UNKNOWN), ("limits", UNKNOWN)]);
        assert_eq!(paths(&unknown), Vec::<String>::new());
        assert_eq!(paths(&config([])), Vec::<String>::new());
        assert_eq!(paths(&config([("name", Value::Null)])), ["name: Missing Required Attribute"]);
    }
}
