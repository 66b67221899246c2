//! Encodes schemas, diagnostics and paths.

use super::tfplugin6::{attribute_path, diagnostic, schema};
use super::{dynamic, tfplugin6, type_json};
use crate::framework::diagnostic::{Diagnostics, Severity};
use crate::framework::path::{Path, Step};
use crate::framework::schema::{Attribute, AttributeKind, Block, BlockBody, BlockNesting, Nesting, Presence, Schema};
use crate::framework::value::Value;

pub(super) fn schema(schema: &Schema) -> tfplugin6::Schema {
    tfplugin6::Schema { version: schema.version, block: Some(body(&schema.body)) }
}

pub(super) fn identity_schema(schema: &Schema) -> tfplugin6::ResourceIdentitySchema {
    use tfplugin6::resource_identity_schema::IdentityAttribute;
    let attribute = |attribute: &Attribute| IdentityAttribute {
        name: attribute.name.to_owned(),
        r#type: type_json::to_json(&attribute.ty()).to_string().into_bytes(),
        required_for_import: attribute.presence == Presence::Required,
        optional_for_import: attribute.presence != Presence::Required,
        description: attribute.description.clone(),
    };
    let identity_attributes = schema.body.attributes.iter().map(attribute).collect();
    tfplugin6::ResourceIdentitySchema { version: schema.version, identity_attributes }
}

/// Encodes an identity; a null one is absent.
pub(super) fn identity(identity: &Value) -> Option<tfplugin6::ResourceIdentityData> {
    (!identity.is_null()).then(|| tfplugin6::ResourceIdentityData { identity_data: dynamic::encode(identity) })
}

fn body(body: &BlockBody) -> schema::Block {
    schema::Block {
        attributes: body.attributes.iter().map(attribute).collect(),
        block_types: body.blocks.iter().map(block).collect(),
        description: body.description.clone(),
        description_kind: tfplugin6::StringKind::Markdown.into(),
        deprecated: body.deprecation.is_some(),
        deprecation_message: body.deprecation.clone().unwrap_or_default(),
        ..schema::Block::default()
    }
}

fn attribute(attribute: &Attribute) -> schema::Attribute {
    let (ty, nested_type) = match &attribute.kind {
        AttributeKind::Plain(ty) => (type_json::to_json(ty).to_string().into_bytes(), None),
        AttributeKind::Nested(nesting, attributes) => {
            let nesting = match nesting {
                Nesting::Single => schema::object::NestingMode::Single,
                Nesting::List => schema::object::NestingMode::List,
                Nesting::Set => schema::object::NestingMode::Set,
                Nesting::Map => schema::object::NestingMode::Map,
            };
            let attributes = attributes.iter().map(self::attribute).collect();
            (Vec::new(), Some(schema::Object { attributes, nesting: nesting.into(), ..schema::Object::default() }))
        }
    };
    schema::Attribute {
        name: attribute.name.to_owned(),
        r#type: ty,
        nested_type,
        description: attribute.description.clone(),
        description_kind: tfplugin6::StringKind::Markdown.into(),
        required: attribute.presence == Presence::Required,
        optional: matches!(attribute.presence, Presence::Optional | Presence::OptionalComputed),
        computed: attribute.is_computed(),
        sensitive: attribute.sensitive,
        deprecated: attribute.deprecation.is_some(),
        deprecation_message: attribute.deprecation.clone().unwrap_or_default(),
        write_only: false,
    }
}

fn block(block: &Block) -> schema::NestedBlock {
    use schema::nested_block::NestingMode;
    let (nesting, min_items, max_items) = match block.nesting {
        BlockNesting::Single => (NestingMode::Single, 0, 0),
        BlockNesting::Group => (NestingMode::Group, 0, 0),
        BlockNesting::List { min_items, max_items } => (NestingMode::List, min_items, max_items),
        BlockNesting::Set { min_items, max_items } => (NestingMode::Set, min_items, max_items),
        BlockNesting::Map => (NestingMode::Map, 0, 0),
    };
    schema::NestedBlock {
        type_name: block.name.to_owned(),
        block: Some(body(&block.body)),
        nesting: nesting.into(),
        min_items,
        max_items,
    }
}

pub(super) fn diagnostics(diagnostics: Diagnostics) -> Vec<tfplugin6::Diagnostic> {
    let encode = |d: crate::framework::diagnostic::Diagnostic| tfplugin6::Diagnostic {
        severity: match d.severity {
            Severity::Error => diagnostic::Severity::Error.into(),
            Severity::Warning => diagnostic::Severity::Warning.into(),
        },
        attribute: (!d.path.steps().is_empty()).then(|| path(&d.path)),
        summary: d.summary,
        detail: d.detail,
    };
    diagnostics.into_iter().map(encode).collect()
}

/// Encodes a path up to the first set, whose elements the protocol cannot name.
pub(super) fn path(path: &Path) -> tfplugin6::AttributePath {
    use attribute_path::step::Selector;
    let selector = |step: &Step| match step {
        Step::Attribute(name) => Some(Selector::AttributeName(name.clone())),
        Step::Key(key) => Some(Selector::ElementKeyString(key.clone())),
        Step::Index(index) => i64::try_from(*index).ok().map(Selector::ElementKeyInt),
        Step::Element(_) => None,
    };
    let steps = path.steps().iter().map_while(selector);
    tfplugin6::AttributePath { steps: steps.map(|s| attribute_path::Step { selector: Some(s) }).collect() }
}
