//! Finds errors in a schema: what core rejects, and what this framework would ignore.
//!
//! They are bugs in the provider, so tests look for them and the server does not.

use std::collections::BTreeSet;

use super::{Attribute, AttributeKind, BlockBody, Nesting, Presence, Schema};
use crate::framework::path::Path;

impl Schema {
    /// Returns all errors, each with its path.
    pub fn implementation_errors(&self) -> Vec<String> {
        let mut faults = Vec::new();
        check_body(&self.body, &Path::root(), &mut faults);
        faults
    }
}

/// Position of an attribute, as far as planning is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the schema itself: defaults, modifiers and equivalence work.
    Root,
    /// Nested where the plan opens what the provider decides.
    Nested,
    /// Nested in what the provider decides as a whole: it is open with it.
    Decided,
    /// In a set whose elements the configuration writes: they cannot be matched with what was planned before.
    Set,
    /// In a block, whose planned value is the configured one.
    Block,
}

fn check_body(body: &BlockBody, path: &Path, faults: &mut Vec<String>) {
    let place = if path.steps().is_empty() { Place::Root } else { Place::Block };
    let names = body.attributes.iter().map(|a| a.name).chain(body.blocks.iter().map(|b| b.name));
    check_names(names, path, faults);
    check_attributes(&body.attributes, path, place, faults);
    for block in &body.blocks {
        check_body(&block.body, &path.field(block.name), faults);
    }
}

fn check_names(names: impl Iterator<Item = &'static str>, path: &Path, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        let path = path.field(name);
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.bytes().all(allowed) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            faults.push(format!("{path}: a name has lower-case letters, digits and underscores, a letter first"));
        }
        if !seen.insert(name) {
            faults.push(format!("{path}: the name is there twice"));
        }
    }
}

fn check_attributes(attributes: &[Attribute], path: &Path, place: Place, faults: &mut Vec<String>) {
    for attribute in attributes {
        let path = path.field(attribute.name);
        if attribute.default.is_some() && attribute.presence != Presence::OptionalComputed {
            faults.push(format!("{path}: a default is only for what is optional and computed"));
        }
        let only_at_the_root = [
            (attribute.default.is_some(), "a default"),
            (!attribute.plan_modifiers.is_empty(), "a plan modifier"),
            (attribute.semantic_equality.is_some(), "an equivalence"),
        ];
        for (_, what) in only_at_the_root.iter().filter(|(there, _)| *there && place != Place::Root) {
            faults.push(format!("{path}: {what} works only at the root"));
        }
        if attribute.is_computed() && matches!(place, Place::Set | Place::Block) {
            let container = if place == Place::Set { "set" } else { "block" };
            faults.push(format!("{path}: no plan opens what is computed in a {container}"));
        }
        let AttributeKind::Nested(nesting, nested) = &attribute.kind else { continue };
        check_names(nested.iter().map(|a| a.name), &path, faults);
        let inside = match (place, attribute.presence, nesting) {
            (Place::Decided | Place::Set | Place::Block, ..) => place,
            (_, Presence::Computed, _) => Place::Decided,
            (_, _, Nesting::Set) => Place::Set,
            _ => Place::Nested,
        };
        check_attributes(nested, &path, inside, faults);
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

    fn faults(attributes: Vec<Attribute>) -> Vec<String> {
        let body = BlockBody { attributes, ..BlockBody::default() };
        Schema { body, ..Schema::default() }.implementation_errors()
    }

    fn made() -> Attribute {
        Attribute::string("made").computed()
    }

    fn rows(nesting: Nesting, attribute: Attribute) -> Attribute {
        Attribute::nested("rows", nesting, vec![attribute])
    }

    #[test]
    fn names_are_of_one_form_and_distinct() {
        let names = ["", "Name", "1st", "_a", "a-b", "ä", "a_1"];
        let faulty = faults(names.map(Attribute::string).into());
        assert_eq!(faulty.len(), 6, "{faulty:?}");
        let twice = || vec![Attribute::string("a"), Attribute::string("a")];
        assert_eq!(faults(twice()), ["a: the name is there twice"]);
        assert_eq!(faults(vec![Attribute::nested("rows", Nesting::Map, twice())]), ["rows.a: the name is there twice"]);
        let body = |attributes| BlockBody { attributes, ..BlockBody::default() };
        let block = Block { name: "a", nesting: BlockNesting::Single, body: body(twice()) };
        let schema = Schema {
            body: BlockBody { blocks: vec![block], ..body(vec![Attribute::string("a")]) },
            ..Schema::default()
        };
        assert_eq!(schema.implementation_errors(), ["a: the name is there twice", "a.a: the name is there twice"]);
    }

    #[test]
    fn a_default_is_for_what_the_provider_may_decide() {
        assert_eq!(faults(vec![Attribute::string("a").default("b")]), Vec::<String>::new());
        let told = ["a: a default is only for what is optional and computed"];
        assert_eq!(faults(vec![Attribute::string("a").default("b").required()]), told);
        assert_eq!(faults(vec![Attribute::string("a").default("b").computed()]), told);
        let optional = Attribute { default: Some(Value::Null), ..Attribute::string("a") };
        assert_eq!(faults(vec![optional]), told);
    }

    #[test]
    fn what_only_the_root_has_is_nowhere_else() {
        let every = |name| {
            Attribute::string(name)
                .default("b")
                .plan_modifier(UseStateForUnknown { unless_changed: &[] })
                .semantic_equality(|_, _| true)
        };
        assert_eq!(faults(vec![every("a")]), Vec::<String>::new());
        assert_eq!(
            faults(vec![rows(Nesting::Single, every("a"))]),
            ["a default", "a plan modifier", "an equivalence"]
                .map(|what| format!("rows.a: {what} works only at the root"))
        );
    }

    #[test]
    fn what_is_computed_stands_where_a_plan_opens_it() {
        for nesting in [Nesting::Single, Nesting::List, Nesting::Map] {
            assert_eq!(faults(vec![rows(nesting, made())]), Vec::<String>::new(), "{nesting:?}");
        }
        let told = ["rows.made: no plan opens what is computed in a set"];
        assert_eq!(faults(vec![rows(Nesting::Set, made())]), told);
        let half = Attribute { presence: Presence::OptionalComputed, ..rows(Nesting::Set, made()) };
        assert_eq!(faults(vec![half]), told);
        assert_eq!(faults(vec![rows(Nesting::Set, made()).computed()]), Vec::<String>::new());
        assert_eq!(
            faults(vec![rows(Nesting::Set, Attribute::nested("deep", Nesting::Map, vec![made()]))]),
            ["rows.deep.made: no plan opens what is computed in a set"]
        );
        assert_eq!(
            faults(vec![rows(Nesting::Map, Attribute::nested("deep", Nesting::Set, vec![made()])).computed()]),
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
        let faults = |attribute| Schema { body: block(attribute), ..Schema::default() }.implementation_errors();
        assert_eq!(faults(Attribute::string("create")), Vec::<String>::new());
        assert_eq!(faults(made()), ["limits.made: no plan opens what is computed in a block"]);
    }
}
