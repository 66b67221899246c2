//! The "Schema" section of a page: what may be written, in which type, and who decides it.
//!
//! Groups, words and anchors are those that readers of the Registry know from the pages of other providers; the order within
//! a group is the schema's own, which puts what matters first.

use std::fmt::{self, Write};

use terraform_provider_dli::framework::{
    schema::{Attribute, AttributeKind, Block, BlockBody, BlockNesting, Nesting, Presence},
    types::Type,
};

/// Who decides a value; the title of the list in which it stands.
const GROUPS: [&str; 3] = ["Required", "Optional", "Read-Only"];

/// An attribute or a block, as a list shows it.
struct Member<'a> {
    name: &'a str,
    group: &'static str,
    /// What stands in parentheses after the name.
    kind: String,
    description: String,
    within: Option<Within<'a>>,
}

/// What stands in an attribute or a block.
struct Within<'a> {
    /// How its anchor begins.
    anchor: &'static str,
    attributes: &'a [Attribute],
    blocks: &'a [Block],
}

/// The section, with what is nested below it.
pub(crate) fn section(body: &BlockBody) -> String {
    let mut text = "## Schema\n".to_owned();
    list(&mut text, "", &Within { anchor: "", attributes: &body.attributes, blocks: &body.blocks })
        .expect("a String takes all that is written to it");
    text
}

/// Lists what stands at `path`, such as `a.b`; an empty one is the root.
fn list(text: &mut String, path: &str, within: &Within<'_>) -> fmt::Result {
    let attributes = within.attributes.iter().map(of_attribute);
    let members: Vec<Member<'_>> = attributes.chain(within.blocks.iter().map(of_block)).collect();
    let path_of = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let anchor = |path: &str, within: &Within<'_>| format!("{}--{}", within.anchor, path.replace('.', "--"));
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
            if let Some(within) = &member.within {
                write!(text, " (see [below for nested schema](#{}))", anchor(&path_of(name), within))?;
            }
            text.push('\n');
        }
    }
    for (member, within) in members.iter().filter_map(|member| Some((member, member.within.as_ref()?))) {
        let path = path_of(member.name);
        writeln!(text, "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`", anchor(&path, within))?;
        list(text, &path, within)?;
    }
    Ok(())
}

fn of_attribute(attribute: &Attribute) -> Member<'_> {
    let (mut kind, within) = match &attribute.kind {
        AttributeKind::Plain(ty) => (words(ty), None),
        AttributeKind::Nested(nesting, attributes) => {
            let kind = match nesting {
                Nesting::Single => "Attributes",
                Nesting::List => "Attributes List",
                Nesting::Set => "Attributes Set",
                Nesting::Map => "Attributes Map",
            };
            (kind.to_owned(), Some(Within { anchor: "nestedatt", attributes, blocks: &[] }))
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
    let description = described(&mut kind, &attribute.description, attribute.deprecation.as_deref());
    Member { name: attribute.name, group, kind, description, within }
}

fn of_block(block: &Block) -> Member<'_> {
    let (mut kind, min_items) = match block.nesting {
        BlockNesting::Single | BlockNesting::Group => ("Block".to_owned(), 0),
        BlockNesting::List { min_items, max_items } => (limits("Block List", min_items, max_items), min_items),
        BlockNesting::Set { min_items, max_items } => (limits("Block Set", min_items, max_items), min_items),
        BlockNesting::Map => ("Block Map".to_owned(), 0),
    };
    let BlockBody { attributes, blocks, description, deprecation } = &block.body;
    let description = described(&mut kind, description, deprecation.as_deref());
    let group = if min_items > 0 { GROUPS[0] } else { GROUPS[1] };
    Member {
        name: block.name,
        group,
        kind,
        description,
        within: Some(Within { anchor: "nestedblock", attributes, blocks }),
    }
}

fn limits(kind: &str, min_items: i64, max_items: i64) -> String {
    let limit = |word: &str, number: i64| if number > 0 { format!(", {word}: {number}") } else { String::new() };
    format!("{kind}{}{}", limit("Min", min_items), limit("Max", max_items))
}

fn described(kind: &mut String, description: &str, deprecation: Option<&str>) -> String {
    let Some(instead) = deprecation else { return description.to_owned() };
    *kind += ", Deprecated";
    format!("{description} **Deprecated:** {instead}")
}

/// A type in the words of the Registry.
fn words(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", words(element)),
        Type::Set(element) => format!("Set of {}", words(element)),
        Type::Map(element) => format!("Map of {}", words(element)),
        Type::Tuple(elements) => format!("Tuple of {}", elements.iter().map(words).collect::<Vec<_>>().join(", ")),
        Type::Object(attributes) => {
            let attributes = attributes.iter().map(|(name, ty)| format!("{name}: {}", words(ty)));
            format!("Object of {}", attributes.collect::<Vec<_>>().join(", "))
        }
    }
}
