//! Finds errors in a schema: definitions that Terraform rejects or that this framework ignores.
//!
//! Such errors are bugs in the provider. Only tests look for them.

use std::collections::BTreeSet;

use super::{Attribute, AttributeKind, BlockBody, Nesting, Presence, Schema};
use crate::framework::path::Path;

impl Schema {
    /// Returns all errors, each with its path.
    pub(crate) fn implementation_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        check_body(&self.body, &Path::root(), &mut errors);
        errors
    }
}

/// Where an attribute is, which determines how it can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// At the root, where defaults, plan modifiers and semantic equality work.
    Root,
    /// Nested, where the plan makes computed attributes unknown.
    Nested,
    /// Nested in a computed attribute, which is unknown as a whole.
    Computed,
    /// In a configured set, whose elements cannot be matched with prior elements.
    Set,
    /// In a block, which is planned as configured.
    Block,
}

fn check_body(body: &BlockBody, path: &Path, errors: &mut Vec<String>) {
    let position = if path.steps().is_empty() { Position::Root } else { Position::Block };
    let names = body.attributes.iter().map(|a| a.name).chain(body.blocks.iter().map(|b| b.name));
    check_names(names, path, errors);
    check_attributes(&body.attributes, path, position, errors);
    for block in &body.blocks {
        check_body(&block.body, &path.field(block.name), errors);
    }
}

fn check_names(names: impl Iterator<Item = &'static str>, path: &Path, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        let path = path.field(name);
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.bytes().all(allowed) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            errors.push(format!(
                "{path}: names consist of lower-case letters, digits and underscores, and start with a letter"
            ));
        }
        if !seen.insert(name) {
            errors.push(format!("{path}: duplicate name"));
        }
    }
}

fn check_attributes(attributes: &[Attribute], path: &Path, position: Position, errors: &mut Vec<String>) {
    for attribute in attributes {
        let path = path.field(attribute.name);
        if attribute.default.is_some() && attribute.presence != Presence::OptionalComputed {
            errors.push(format!("{path}: only optional and computed attributes can have a default"));
        }
        let only_at_the_root = [
            (attribute.default.is_some(), "a default"),
            (!attribute.plan_modifiers.is_empty(), "a plan modifier"),
            (attribute.semantic_equality.is_some(), "semantic equality"),
        ];
        for (_, what) in only_at_the_root.iter().filter(|(is_set, _)| *is_set && position != Position::Root) {
            errors.push(format!("{path}: {what} works only at the root"));
        }
        if attribute.is_computed() && matches!(position, Position::Set | Position::Block) {
            let container = if position == Position::Set { "set" } else { "block" };
            errors.push(format!("{path}: an attribute in a {container} cannot be computed"));
        }
        let AttributeKind::Nested(nesting, nested) = &attribute.kind else { continue };
        check_names(nested.iter().map(|a| a.name), &path, errors);
        let inside = match (position, attribute.presence, nesting) {
            (Position::Computed | Position::Set | Position::Block, ..) => position,
            (_, Presence::Computed, _) => Position::Computed,
            (_, _, Nesting::Set) => Position::Set,
            _ => Position::Nested,
        };
        check_attributes(nested, &path, inside, errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        plan_modifier::UseStateForUnknown,
        schema::{Block, BlockNesting},
        value::Value,
    };

    fn errors(attributes: Vec<Attribute>) -> Vec<String> {
        let body = BlockBody { attributes, ..BlockBody::default() };
        Schema { body, ..Schema::default() }.implementation_errors()
    }

    fn computed() -> Attribute {
        Attribute::string("computed").computed()
    }

    fn rows(nesting: Nesting, attribute: Attribute) -> Attribute {
        Attribute::nested("rows", nesting, vec![attribute])
    }

    #[test]
    fn names_must_be_valid_and_distinct() {
        let names = ["", "Name", "1st", "_a", "a-b", "ä", "a_1"];
        let invalid = errors(names.map(Attribute::string).into());
        assert_eq!(invalid.len(), 6, "{invalid:?}");
        let twice = || vec![Attribute::string("a"), Attribute::string("a")];
        assert_eq!(errors(twice()), ["a: duplicate name"]);
        assert_eq!(errors(vec![Attribute::nested("rows", Nesting::Map, twice())]), ["rows.a: duplicate name"]);
        let body = |attributes| BlockBody { attributes, ..BlockBody::default() };
        let block = Block { name: "a", nesting: BlockNesting::Single, body: body(twice()) };
        let schema = Schema {
            body: BlockBody { blocks: vec![block], ..body(vec![Attribute::string("a")]) },
            ..Schema::default()
        };
        assert_eq!(schema.implementation_errors(), ["a: duplicate name", "a.a: duplicate name"]);
    }

    #[test]
    fn default_requires_optional_and_computed() {
        assert_eq!(errors(vec![Attribute::string("a").default("b")]), Vec::<String>::new());
        let expected = ["a: only optional and computed attributes can have a default"];
        assert_eq!(errors(vec![Attribute::string("a").default("b").required()]), expected);
        assert_eq!(errors(vec![Attribute::string("a").default("b").computed()]), expected);
        let optional = Attribute { default: Some(Value::Null), ..Attribute::string("a") };
        assert_eq!(errors(vec![optional]), expected);
    }

    #[test]
    fn nested_attributes_support_no_defaults() {
        let every = |name| {
            Attribute::string(name)
                .default("b")
                .plan_modifier(UseStateForUnknown { unless_changed: &[] })
                .semantic_equality(|_, _| true)
        };
        assert_eq!(errors(vec![every("a")]), Vec::<String>::new());
        assert_eq!(
            errors(vec![rows(Nesting::Single, every("a"))]),
            ["a default", "a plan modifier", "semantic equality"]
                .map(|what| format!("rows.a: {what} works only at the root"))
        );
    }

    #[test]
    fn sets_and_blocks_cannot_be_computed() {
        for nesting in [Nesting::Single, Nesting::List, Nesting::Map] {
            assert_eq!(errors(vec![rows(nesting, computed())]), Vec::<String>::new(), "{nesting:?}");
        }
        let expected = ["rows.computed: an attribute in a set cannot be computed"];
        assert_eq!(errors(vec![rows(Nesting::Set, computed())]), expected);
        let optional_computed = Attribute { presence: Presence::OptionalComputed, ..rows(Nesting::Set, computed()) };
        assert_eq!(errors(vec![optional_computed]), expected);
        assert_eq!(errors(vec![rows(Nesting::Set, computed()).computed()]), Vec::<String>::new());
        assert_eq!(
            errors(vec![rows(Nesting::Set, Attribute::nested("deep", Nesting::Map, vec![computed()]))]),
            ["rows.deep.computed: an attribute in a set cannot be computed"]
        );
        assert_eq!(
            errors(vec![rows(Nesting::Map, Attribute::nested("deep", Nesting::Set, vec![computed()])).computed()]),
            Vec::<String>::new()
        );
        let block = |attribute| BlockBody {
            blocks: vec![Block {
                name: "limits",
                nesting: BlockNesting::Single,
                body: BlockBody { attributes: vec![attribute], ..BlockBody::default() },
            }],
            ..BlockBody::default()
        };
        let errors = |attribute| Schema { body: block(attribute), ..Schema::default() }.implementation_errors();
        assert_eq!(errors(Attribute::string("create")), Vec::<String>::new());
        assert_eq!(errors(computed()), ["limits.computed: an attribute in a block cannot be computed"]);
    }
}
