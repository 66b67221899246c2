//! The documentation in `docs/` is generated, complete, and meets the rules of the Terraform Registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::schema::{Attribute, AttributeKind, Block, BlockBody, BlockNesting, Nesting};
use terraform_provider_dli::framework::types::Type;
use terraform_provider_dli::install::VERSION_REQUIREMENT;
use terraform_provider_dli::provider::{CreationJournal, DliProvider};

#[path = "../../examples/docs/errors.rs"]
mod errors;
#[path = "../../examples/docs/pages.rs"]
mod pages;
#[path = "../../examples/docs/schema.rs"]
mod schema;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn generated() -> BTreeMap<String, String> {
    pages::pages(&Path::new(ROOT).join("examples")).unwrap_or_else(|error| panic!("{error}"))
}

/// All files in `docs/`, by relative path.
fn committed() -> BTreeMap<String, String> {
    let docs = Path::new(ROOT).join("docs");
    let mut folders = vec![docs.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&docs).expect("a path below it").to_string_lossy().replace('\\', "/");
                files.insert(name, String::from_utf8_lossy(&fs::read(&path).expect("a readable file")).into_owned());
            }
        }
    }
    files
}

/// The provider and its resources, data sources and actions, each with its schema.
fn schemas() -> Vec<(&'static str, BlockBody)> {
    let provider = DliProvider::new(Box::new(|_| None), CreationJournal::default());
    let resources = provider.resources().into_iter().map(|resource| (resource.type_name(), resource.schema().body));
    let sources = provider.data_sources().into_iter().map(|source| (source.type_name(), source.schema().body));
    let actions = provider.actions().into_iter().map(|action| (action.type_name(), action.schema().body));
    let lists = provider.list_resources().into_iter().map(|list| (list.type_name(), list.schema().body));
    let schemas = resources.chain(sources).chain(actions).chain(lists);
    [("provider", provider.schema().body)].into_iter().chain(schemas).collect()
}

/// The first difference of two texts: line number and both lines.
fn difference(generated: &str, committed: &str) -> String {
    let mut lines = (1..).zip(generated.lines().zip(committed.lines()));
    let parting = lines.find(|(_, (generated, committed))| generated != committed);
    match parting {
        Some((line, (generated, committed))) => {
            format!("line {line}\n    is:        {committed}\n    should be: {generated}")
        }
        None => "its end".to_owned(),
    }
}

#[test]
fn docs_are_up_to_date() {
    let (generated, committed) = (generated(), committed());
    let names: BTreeSet<&String> = generated.keys().chain(committed.keys()).collect();
    let faults = names.into_iter().filter_map(|name| match (generated.get(name), committed.get(name)) {
        (Some(generated), Some(committed)) if generated == committed => None,
        (Some(generated), Some(committed)) => {
            Some(format!("docs/{name} differs at {}", difference(generated, committed)))
        }
        (Some(_), None) => Some(format!("docs/{name} is missing")),
        (None, _) => Some(format!("docs/{name} is not generated")),
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "run cargo run --example docs, and commit docs/:\n{}", faults.join("\n"));
}

/// The guide explains the labels that error messages print.
#[test]
fn error_guide_explains_every_label() {
    let guide = fs::read_to_string(Path::new(ROOT).join("examples/guides/errors/guide.md")).expect("a readable file");
    let explained: BTreeSet<_> = guide.split("**").skip(1).step_by(2).map(str::to_owned).collect();
    let golden = fs::read_dir(Path::new(ROOT).join("tests/data/errors")).expect("a readable directory");
    let texts = golden.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a readable file"));
    let mut labels = BTreeSet::new();
    for text in texts {
        let facts = text.split("\n\n").find(|paragraph| paragraph.starts_with("Object: ")).unwrap_or_default();
        let labeled = facts.lines().filter_map(|line| line.split_once(": "));
        // The rest of a wrapped line does not begin with a capital.
        let labeled = labeled.filter(|(label, _)| label.starts_with(|first: char| first.is_ascii_uppercase()));
        labels.extend(labeled.map(|(label, _)| label.to_owned()));
    }
    assert_eq!(explained, labels);
}

/// README and the documentation require the version that `install` prints and the quickstart uses.
#[test]
fn documentation_requires_one_version() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("a readable file");
    let texts = committed().into_values().chain([readme]).collect::<String>();
    let blocks = texts.split("source  = \"opendli/dli\"\n").skip(1);
    let versions: Vec<_> = blocks.map(|block| block.lines().next().unwrap_or_default().trim()).collect();
    assert!(versions.len() >= 2, "{versions:?}");
    let expected = format!("version = \"{VERSION_REQUIREMENT}\"");
    assert!(versions.iter().all(|version| *version == expected), "{versions:?} instead of {expected}");
}

/// The rules of "Provider documentation" in Terraform's documentation: at most 2,000 files of 500 KB, with these front
/// matter keys. The index page has no subcategory.
#[test]
fn every_page_meets_the_registry_rules() {
    let pages = committed();
    assert!(pages.contains_key("index.md"));
    assert!(pages.len() <= 2000, "{} files", pages.len());
    for (name, text) in &pages {
        assert!(text.len() <= 500_000, "docs/{name} has {} bytes", text.len());
        let (front, body) = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
            .unwrap_or_else(|| panic!("docs/{name} has no front matter"));
        let keys = front.lines().filter(|line| !line.starts_with([' ', '#'])).filter_map(|line| line.split_once(':'));
        let keys: Vec<_> = keys.map(|(key, _)| key).collect();
        let wanted = &["page_title", "subcategory", "description"][..];
        let wanted: Vec<_> =
            wanted.iter().filter(|key| name != "index.md" || **key != "subcategory").copied().collect();
        assert_eq!(keys, wanted, "docs/{name}");
        let described = front.split_once("description: |-\n").is_some_and(|(_, text)| !text.trim().is_empty());
        assert!(described, "docs/{name} has an empty description");
        assert!(body.trim_start().starts_with("# "), "docs/{name} has no title");
        assert!(!body.contains("{{"), "docs/{name} names a file that is not included");
    }
}

/// The rendering follows tfplugindocs, including forms that this provider does not use.
#[test]
fn schema_is_rendered_like_tfplugindocs() {
    let key = Attribute::string("key").required().description("A key.");
    let entry = vec![
        key.clone(),
        Attribute::nested("inner", Nesting::Single, vec![Attribute::bool("on").computed().description("On.")])
            .computed()
            .description("Inside."),
    ];
    let body = BlockBody {
        attributes: vec![
            Attribute::new("sizes", Type::list(Type::Number)).deprecated("Use `rule`.").description("Sizes."),
            Attribute::string("secret").required().sensitive().description("A secret."),
            Attribute::nested("entries", Nesting::List, entry).description("Entries."),
        ],
        blocks: vec![Block {
            name: "rule",
            nesting: BlockNesting::List { min_items: 1, max_items: 3 },
            body: BlockBody { attributes: vec![key], description: "Rules.".to_owned(), ..BlockBody::default() },
        }],
        ..BlockBody::default()
    };
    let expected = r#"## Schema

### Required

- `secret` (String, Sensitive) A secret.
- `rule` (Block List, Min: 1, Max: 3) Rules. (see [below for nested schema](#nestedblock--rule))

### Optional

- `sizes` (List of Number, Deprecated) Sizes. **Deprecated:** Use `rule`.
- `entries` (Attributes List) Entries. (see [below for nested schema](#nestedatt--entries))

<a id="nestedatt--entries"></a>
### Nested Schema for `entries`

Required:

- `key` (String) A key.

Read-Only:

- `inner` (Attributes) Inside. (see [below for nested schema](#nestedatt--entries--inner))

<a id="nestedatt--entries--inner"></a>
### Nested Schema for `entries.inner`

Read-Only:

- `on` (Boolean) On.

<a id="nestedblock--rule"></a>
### Nested Schema for `rule`

Required:

- `key` (String) A key.
"#;
    assert_eq!(schema::section(&body), expected);
}

#[test]
fn every_link_has_a_target() {
    let pages = committed();
    let mut broken = Vec::new();
    for (name, text) in &pages {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let exists = match link.strip_prefix('#') {
                Some(anchor) => text.contains(&format!("<a id=\"{anchor}\"></a>")),
                None if link.starts_with("https://") => true,
                None => {
                    // A link to a page of another kind, or to a page of the same kind.
                    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let page = link.strip_prefix("../").map_or_else(|| format!("{folder}/{link}"), str::to_owned);
                    !folder.is_empty() && pages.contains_key(&page)
                }
            };
            if !exists {
                broken.push(format!("docs/{name}: {link}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_schema_element_has_a_description() {
    let mut undescribed = Vec::new();
    for (name, body) in schemas() {
        collect_undescribed(name, &body.description, &body.attributes, &body.blocks, &mut undescribed);
    }
    assert_eq!(undescribed, Vec::<String>::new());
}

/// Collects elements without a description.
fn collect_undescribed(
    path: &str,
    description: &str,
    attributes: &[Attribute],
    blocks: &[Block],
    undescribed: &mut Vec<String>,
) {
    if description.trim().is_empty() {
        undescribed.push(path.to_owned());
    }
    for attribute in attributes {
        let nested = match &attribute.kind {
            AttributeKind::Plain(_) => &[][..],
            AttributeKind::Nested(_, attributes) => attributes,
        };
        collect_undescribed(&format!("{path}.{}", attribute.name), &attribute.description, nested, &[], undescribed);
    }
    for block in blocks {
        let BlockBody { attributes, blocks, description, .. } = &block.body;
        collect_undescribed(&format!("{path}.{}", block.name), description, attributes, blocks, undescribed);
    }
}
