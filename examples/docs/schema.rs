//! Renders the "Schema" section of a page: the arguments and attributes with their types.
//!
//! Groups, type names and anchors are those of tfplugindocs. Within a group, members keep the order of the schema.

use std::fmt::{self, Write};

use terraform_provider_dli::framework::{
    schema::{Attribute, AttributeKind, Block, BlockBody, BlockNesting, Nesting, Presence},
    types::Type,
};

/// The titles of the lists of members.
const GROUPS: [&str; 3] = ["Required", "Optional", "Read-Only"];

/// An attribute or a block in a list.
struct Member<'a> {
    name: &'a str,
    group: &'static str,
    /// The text in parentheses after the name.
    kind: String,
    description: String,
    nested: Option<Nested<'a>>,
}

/// The members of a nested attribute or block.
struct Nested<'a> {
    /// The prefix of the anchor.
    anchor: &'static str,
    attributes: &'a [Attribute],
    blocks: &'a [Block],
}

/// Renders the section with all nested schemas.
pub(crate) fn section(body: &BlockBody) -> String {
    let mut text = "## Schema\n".to_owned();
    list(&mut text, "", &Nested { anchor: "", attributes: &body.attributes, blocks: &body.blocks })
        .expect("writing to a String cannot fail");
    text
}

/// Renders the members at `path`, such as `a.b`. The root has an empty path.
fn list(text: &mut String, path: &str, nested: &Nested<'_>) -> fmt::Result {
    let attributes = nested.attributes.iter().map(attribute_member);
    let members: Vec<Member<'_>> = attributes.chain(nested.blocks.iter().map(block_member)).collect();
    let path_of = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let anchor = |path: &str, nested: &Nested<'_>| format!("{}--{}", nested.anchor, path.replace('.', "--"));
    for group in GROUPS {
        let mut listed = members.iter().filter(|member| member.group == group).peekable();
        if listed.peek().is_some() {
            let (before, after) = if path.is_empty() { ("### ", "") } else { ("", ":") };
            writeln!(text, "\n{before}{group}{after}\n")?;
        }
        for member in listed {
            let Member { name, kind, description, .. } = member;
            let description = description.trim().replace('\n', "\n  ");
            write!(text, "- `{name}` ({kind}) {description}")?;
            if let Some(nested) = &member.nested {
                write!(text, " (see [below for nested schema](#{}))", anchor(&path_of(name), nested))?;
            }
            text.push('\n');
        }
    }
    for (member, nested) in members.iter().filter_map(|member| Some((member, member.nested.as_ref()?))) {
        let path = path_of(member.name);
        writeln!(text, "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`", anchor(&path, nested))?;
        list(text, &path, nested)?;
    }
    Ok(())
}

fn attribute_member(attribute: &Attribute) -> Member<'_> {
    let (mut kind, nested) = match &attribute.kind {
        AttributeKind::Plain(ty) => (type_name(ty), None),
        AttributeKind::Nested(nesting, attributes) => {
            let kind = match nesting {
                Nesting::Single => "Attributes",
                Nesting::List => "Attributes List",
                Nesting::Set => "Attributes Set",
                Nesting::Map => "Attributes Map",
            };
            (kind.to_owned(), Some(Nested { anchor: "nestedatt", attributes, blocks: &[] }))
        }
    };
    if attribute.sensitive {
        kind += ", Sensitive";
    }
    let group = match attribute.presence {
        Presence::Required => GROUPS[0],
        Presence::Optional | Presence::OptionalComputed => GROUPS[1],
        Presence::Computed => GROUPS[2],
    };
    let description = with_deprecation(&mut kind, &attribute.description, attribute.deprecation.as_deref());
    Member { name: attribute.name, group, kind, description, nested }
}

fn block_member(block: &Block) -> Member<'_> {
    let (mut kind, min_items) = match block.nesting {
        BlockNesting::Single | BlockNesting::Group => ("Block".to_owned(), 0),
        BlockNesting::List { min_items, max_items } => (limits("Block List", min_items, max_items), min_items),
        BlockNesting::Set { min_items, max_items } => (limits("Block Set", min_items, max_items), min_items),
        BlockNesting::Map => ("Block Map".to_owned(), 0),
    };
    let BlockBody { attributes, blocks, description, deprecation } = &block.body;
    let description = with_deprecation(&mut kind, description, deprecation.as_deref());
    let group = if min_items > 0 { GROUPS[0] } else { GROUPS[1] };
    Member {
        name: block.name,
        group,
        kind,
        description,
        nested: Some(Nested { anchor: "nestedblock", attributes, blocks }),
    }
}

fn limits(kind: &str, min_items: i64, max_items: i64) -> String {
    let limit = |word: &str, number: i64| if number > 0 { format!(", {word}: {number}") } else { String::new() };
    format!("{kind}{}{}", limit("Min", min_items), limit("Max", max_items))
}

fn with_deprecation(kind: &mut String, description: &str, deprecation: Option<&str>) -> String {
    let Some(instead) = deprecation else { return description.to_owned() };
    *kind += ", Deprecated";
    format!("{description} **Deprecated:** {instead}")
}

/// The name of a type in the Registry.
pub(crate) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Tuple(elements) => format!("Tuple of {}", elements.iter().map(type_name).collect::<Vec<_>>().join(", ")),
        Type::Object(attributes) => {
            let attributes = attributes.iter().map(|(name, ty)| format!("{name}: {}", type_name(ty)));
            format!("Object of {}", attributes.collect::<Vec<_>>().join(", "))
        }
    }
}
