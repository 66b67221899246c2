//! Generates the documentation pages in memory, in the layout of the Terraform Registry.
//!
//! Every resource, data source, list resource, function and action of the provider gets a page. A missing source file is
//! an error. The source files follow the layout of tfplugindocs:
//!
//! | page | sources |
//! |---|---|
//! | `index.md` | the provider's schema, `provider/provider.tf`, `provider/notes.md` |
//! | `resources/NAME.md` | its schema, `resources/TYPE/resource.tf`, optionally `notes.md`, `import.sh` and |
//! | | `import-by-identity.tf` |
//! | `data-sources/NAME.md` | its schema, `data-sources/TYPE/data-source.tf`, optionally `notes.md` |
//! | `list-resources/NAME.md` | its schema, `list-resources/TYPE/list-resource.tfquery.hcl`, optionally `notes.md` |
//! | `functions/NAME.md` | its signature, `functions/NAME/function.tf` |
//! | `actions/NAME.md` | its schema, `actions/TYPE/action.tf`, optionally `notes.md` |
//! | `guides/NAME.md` | `guides/NAME/guide.md` with its front matter |
//!
//! These lines in Markdown files are placeholders:
//!
//! | line | replaced by |
//! |---|---|
//! | `{{tffile "FILE"}}` | the configuration in `FILE` in the same directory |
//! | `{{codefile "LANGUAGE" "FILE"}}` | the program in `FILE` in the same directory |
//! | `{{errors}}` | the provider's error catalog |
//! | `{{example "NAME"}}` | the error message in `tests/data/errors/NAME.txt` |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use terraform_provider_dli::framework::function::{Function, Parameter};
use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::schema::BlockBody;
use terraform_provider_dli::framework::types::Type;
use terraform_provider_dli::provider::{CreationJournal, DliProvider};

use super::{errors, schema};

/// Prefix of every type name; page names omit it.
const PREFIX: &str = "dli_";

/// An error while generating a page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// A source file cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// An `import.sh` contains no import command.
    #[error("{} has no line \"terraform import ADDRESS ID\"", path.display())]
    NoImport { path: PathBuf },
}

/// Generates all pages from the directory `examples`, by their path under `docs/`.
pub(crate) fn pages(examples: &Path) -> Result<BTreeMap<String, String>, PageError> {
    let provider = DliProvider::new(Box::new(|_| None), CreationJournal::default());
    let mut pages = BTreeMap::new();
    let index = Page {
        title: "dli Provider".to_owned(),
        subcategory: "",
        heading: "dli Provider".to_owned(),
        body: provider.schema().body,
        identity: None,
        folder: examples.join("provider"),
        example: "provider.tf",
    };
    pages.insert("index.md".to_owned(), index.text()?);
    for resource in provider.resources() {
        let folder = examples.join("resources");
        let (path, mut page) =
            Page::for_type("Resource", resource.type_name(), resource.schema().body, &folder, "resource.tf");
        page.identity = resource.identity_schema().map(|schema| schema.body);
        pages.insert(format!("resources/{path}"), page.text()?);
    }
    for source in provider.data_sources() {
        let folder = examples.join("data-sources");
        let (path, page) =
            Page::for_type("Data Source", source.type_name(), source.schema().body, &folder, "data-source.tf");
        pages.insert(format!("data-sources/{path}"), page.text()?);
    }
    for list in provider.list_resources() {
        let folder = examples.join("list-resources");
        let (path, page) =
            Page::for_type("List Resource", list.type_name(), list.schema().body, &folder, "list-resource.tfquery.hcl");
        pages.insert(format!("list-resources/{path}"), page.text()?);
    }
    for function in provider.functions() {
        let example = read(&examples.join("functions").join(function.name).join("function.tf"))?;
        pages.insert(format!("functions/{}.md", function.name), function_page(&function, &example));
    }
    for action in provider.actions() {
        let folder = examples.join("actions");
        let (path, page) = Page::for_type("Action", action.type_name(), action.schema().body, &folder, "action.tf");
        pages.insert(format!("actions/{path}"), page.text()?);
    }
    let guides = examples.join("guides");
    for entry in fs::read_dir(&guides).map_err(|source| PageError::Read { path: guides.clone(), source })? {
        let folder = entry.map_err(|source| PageError::Read { path: guides.clone(), source })?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        pages.insert(format!("guides/{name}.md"), markdown(&folder, &read(&folder.join("guide.md"))?)?);
    }
    Ok(pages)
}

/// The sources of a page with a schema.
struct Page {
    title: String,
    /// The front matter line `subcategory`; empty for the index.
    subcategory: &'static str,
    heading: String,
    body: BlockBody,
    /// The identity of a resource.
    identity: Option<BlockBody>,
    /// The directory of the example and the notes.
    folder: PathBuf,
    example: &'static str,
}

impl Page {
    /// Returns the file name and the page of a resource, data source or action.
    fn for_type(what: &str, name: &str, body: BlockBody, folder: &Path, example: &'static str) -> (String, Self) {
        let page = Self {
            title: format!("{name} {what} - dli"),
            subcategory: "subcategory: \"\"\n",
            heading: format!("{name} ({what})"),
            body,
            identity: None,
            folder: folder.join(name),
            example,
        };
        (format!("{}.md", name.strip_prefix(PREFIX).unwrap_or(name)), page)
    }

    fn text(&self) -> Result<String, PageError> {
        let Self { title, subcategory, heading, body, identity, folder, example } = self;
        let description = body.description.trim();
        // Search results show the description as plain text.
        let plain = description.replace('`', "").replace('\n', "\n  ");
        let mut text = format!(
            "---\n# Generated by \"cargo run --example docs\" from the schema and examples/. \
             Edit those files instead.\npage_title: \"{title}\"\n{subcategory}description: |-\n  {plain}\n---\n\n\
             # {heading}\n\n{description}\n\n\
             ## Example Usage\n\n{}\n",
            fenced("terraform", &read(&folder.join(example))?)
        );
        if let Some(notes) = read_optional(&folder.join("notes.md"))? {
            text = format!("{text}{}\n", markdown(folder, &notes)?);
        }
        text.push_str(&schema::section(body));
        if let Some(script) = read_optional(&folder.join("import.sh"))? {
            text.push_str(&import(&folder.join("import.sh"), &script)?);
        }
        let by_identity = read_optional(&folder.join("import-by-identity.tf"))?;
        if let (Some(block), Some(identity)) = (by_identity, identity) {
            text.push_str(&import_by_identity(&block, identity));
        }
        Ok(text)
    }
}

/// Generates the page of a function.
fn function_page(function: &Function, example: &str) -> String {
    let Function { name, summary, description, parameters, result, .. } = function;
    let lower = |ty: &Type| schema::type_name(ty).to_lowercase().replace("boolean", "bool");
    let signature: Vec<_> =
        parameters.iter().map(|parameter| format!("{} {}", parameter.name, lower(&parameter.ty))).collect();
    let arguments = (1..).zip(parameters).map(|(number, parameter)| {
        let Parameter { name, ty, description } = parameter;
        format!("{number}. `{name}` ({}) {description}\n", schema::type_name(ty))
    });
    format!(
        "---\n# Generated by \"cargo run --example docs\" from the function and examples/. Edit those files \
         instead.\npage_title: \"{name} function - dli\"\nsubcategory: \"\"\ndescription: |-\n  {summary}\n---\n\n# \
         function: {name}\n\n{description}\n\nFunctions need Terraform 1.8 or OpenTofu 1.7. They work without \
         credentials.\n\n## Example Usage\n\n{}\n## Signature\n\n{}\n## Arguments\n\n{}",
        fenced("terraform", example),
        fenced("text", &format!("{name}({}) {}", signature.join(", "), lower(result))),
        arguments.collect::<String>()
    )
}

/// Generates the import section: the script, and its first command as an `import` block.
fn import(path: &Path, script: &str) -> Result<String, PageError> {
    let first = script.lines().find_map(|line| line.strip_prefix("terraform import ")?.split_once(' '));
    let (address, id) = first.ok_or_else(|| PageError::NoImport { path: path.to_owned() })?;
    let block = format!("import {{\n  to = {address}\n  id = \"{id}\"\n}}");
    Ok(format!(
        "\n## Import\n\nUse the command `terraform import`:\n\n{}\n\
         Or use an `import` block, so that the plan shows the import:\n\n{}",
        fenced("shell", script),
        fenced("terraform", &block)
    ))
}

/// Generates the rest of the import section: an `import` block with an identity, and the attributes of the identity.
fn import_by_identity(block: &str, identity: &BlockBody) -> String {
    let attributes = schema::section(identity).replace("### ", "#### ").replace("## Schema", "### Identity Schema");
    format!(
        "\nIn Terraform 1.12 and later, an `import` block can also name the object by its identity:\n\n{}\n{attributes}",
        fenced("terraform", block)
    )
}

/// Replaces the placeholders in a Markdown file.
fn markdown(folder: &Path, text: &str) -> Result<String, PageError> {
    let mut output = String::new();
    for line in text.lines() {
        let placeholder =
            |what: &str| line.strip_prefix("{{")?.strip_prefix(what)?.strip_prefix(" \"")?.strip_suffix("\"}}");
        if let Some(file) = placeholder("tffile") {
            output.push_str(&fenced("terraform", &read(&folder.join(file))?));
        } else if let Some((language, file)) = placeholder("codefile").and_then(|rest| rest.split_once("\" \"")) {
            output.push_str(&fenced(language, &read(&folder.join(file))?));
        } else if let Some(name) = placeholder("example") {
            let golden = [env!("CARGO_MANIFEST_DIR"), "tests", "data", "errors", &format!("{name}.txt")];
            output.push_str(&fenced("text", &read(&golden.iter().collect::<PathBuf>())?));
        } else if line == "{{errors}}" {
            output.push_str(&errors::section());
        } else {
            output = output + line + "\n";
        }
    }
    Ok(output)
}

fn fenced(language: &str, code: &str) -> String {
    format!("```{language}\n{}\n```\n", code.trim_end())
}

fn read(path: &Path) -> Result<String, PageError> {
    fs::read_to_string(path).map_err(|source| PageError::Read { path: path.to_owned(), source })
}

fn read_optional(path: &Path) -> Result<Option<String>, PageError> {
    if path.exists() { read(path).map(Some) } else { Ok(None) }
}
