//! The pages of the documentation in the Terraform Registry's layout: made in memory, so that a test can compare them.
//!
//! It knows no single resource: each one that the provider lists gets a page, or an error with the file that it lacks. Where
//! examples lie is the convention of other providers' generators; what no schema can say stands beside them:
//!
//! | page | made of |
//! |---|---|
//! | `index.md` | the provider's schema, `provider/provider.tf`, `provider/notes.md` |
//! | `resources/NAME.md` | its schema, `resources/TYPE/resource.tf`, and `notes.md` and `import.sh` where they are there |
//! | `data-sources/NAME.md` | its schema, `data-sources/TYPE/data-source.tf`, and `notes.md` where it is there |
//! | `guides/NAME.md` | `guides/NAME/guide.md` as it is, front matter too |
//!
//! A line in hand-written Markdown can stand for something else:
//!
//! | line | stands for |
//! |---|---|
//! | `{{tffile "FILE"}}` | the configuration in that file beside it |
//! | `{{errors}}` | the provider's table of errors |
//! | `{{example "NAME"}}` | the message of that row, as a test keeps it in `tests/data/errors/` |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::schema::BlockBody;
use terraform_provider_dli::provider::DliProvider;

use super::{errors, schema};

/// The provider's prefix of every type, which the names of pages do without.
const PREFIX: &str = "dli_";

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// A file that a page needs is not there.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An `import.sh` that imports nothing.
    #[error("{} has no line \"terraform import ADDRESS ID\"", path.display())]
    NoImport {
        /// Which file.
        path: PathBuf,
    },
}

/// All pages, by their path under `docs/`. `examples` is the directory of that name.
pub(crate) fn pages(examples: &Path) -> Result<BTreeMap<String, String>, PageError> {
    let provider = DliProvider::new(Box::new(|_| None));
    let mut pages = BTreeMap::new();
    let index = Page {
        title: "dli Provider".to_owned(),
        subcategory: "",
        heading: "dli Provider".to_owned(),
        body: provider.schema().body,
        folder: examples.join("provider"),
        example: "provider.tf",
    };
    pages.insert("index.md".to_owned(), index.text()?);
    for resource in provider.resources() {
        let folder = examples.join("resources");
        let (path, page) = Page::of("Resource", resource.type_name(), resource.schema().body, &folder, "resource.tf");
        pages.insert(format!("resources/{path}"), page.text()?);
    }
    for source in provider.data_sources() {
        let folder = examples.join("data-sources");
        let (path, page) = Page::of("Data Source", source.type_name(), source.schema().body, &folder, "data-source.tf");
        pages.insert(format!("data-sources/{path}"), page.text()?);
    }
    let guides = examples.join("guides");
    for entry in fs::read_dir(&guides).map_err(|source| PageError::Read { path: guides.clone(), source })? {
        let folder = entry.map_err(|source| PageError::Read { path: guides.clone(), source })?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        pages.insert(format!("guides/{name}.md"), markdown(&folder, &read(&folder.join("guide.md"))?)?);
    }
    Ok(pages)
}

/// What a page with a schema is made of.
struct Page {
    title: String,
    /// The line of that name, which only an index has not.
    subcategory: &'static str,
    heading: String,
    body: BlockBody,
    /// Where its example and notes lie.
    folder: PathBuf,
    example: &'static str,
}

impl Page {
    /// The page of a type, and the name of its file.
    fn of(what: &str, name: &str, body: BlockBody, folder: &Path, example: &'static str) -> (String, Self) {
        let page = Self {
            title: format!("{name} {what} - dli"),
            subcategory: "subcategory: \"\"\n",
            heading: format!("{name} ({what})"),
            body,
            folder: folder.join(name),
            example,
        };
        (format!("{}.md", name.strip_prefix(PREFIX).unwrap_or(name)), page)
    }

    fn text(&self) -> Result<String, PageError> {
        let Self { title, subcategory, heading, body, folder, example } = self;
        let description = body.description.trim();
        // Search results show it as it is, so it does without Markdown.
        let plain = description.replace('`', "").replace('\n', "\n  ");
        let mut text = format!(
            "---\n# Written by \"cargo run --example docs\" from the schema and from examples/; changes belong there.\n\
             page_title: \"{title}\"\n{subcategory}description: |-\n  {plain}\n---\n\n# {heading}\n\n{description}\n\n\
             ## Example Usage\n\n{}\n",
            fenced("terraform", &read(&folder.join(example))?)
        );
        if let Some(notes) = read_if_there(&folder.join("notes.md"))? {
            text = format!("{text}{}\n", markdown(folder, &notes)?);
        }
        text.push_str(&schema::section(body));
        if let Some(script) = read_if_there(&folder.join("import.sh"))? {
            text.push_str(&import(&folder.join("import.sh"), &script)?);
        }
        Ok(text)
    }
}

/// How an object that is there already comes under Terraform: as the script does it, and its first command as a block.
fn import(path: &Path, script: &str) -> Result<String, PageError> {
    let first = script.lines().find_map(|line| line.strip_prefix("terraform import ")?.split_once(' '));
    let (address, id) = first.ok_or_else(|| PageError::NoImport { path: path.to_owned() })?;
    let block = format!("import {{\n  to = {address}\n  id = \"{id}\"\n}}");
    Ok(format!(
        "\n## Import\n\nWith the command:\n\n{}\nOr with a block, which shows in the plan what is going to be imported:\n\n{}",
        fenced("shell", script),
        fenced("terraform", &block)
    ))
}

/// Hand-written Markdown with the configurations that it names.
fn markdown(folder: &Path, text: &str) -> Result<String, PageError> {
    let mut made = String::new();
    for line in text.lines() {
        let named = |what: &str| line.strip_prefix("{{")?.strip_prefix(what)?.strip_prefix(" \"")?.strip_suffix("\"}}");
        if let Some(file) = named("tffile") {
            made.push_str(&fenced("terraform", &read(&folder.join(file))?));
        } else if let Some(name) = named("example") {
            let kept = [env!("CARGO_MANIFEST_DIR"), "tests", "data", "errors", &format!("{name}.txt")];
            made.push_str(&fenced("text", &read(&kept.iter().collect::<PathBuf>())?));
        } else if line == "{{errors}}" {
            made.push_str(&errors::section());
        } else {
            made = made + line + "\n";
        }
    }
    Ok(made)
}

fn fenced(language: &str, code: &str) -> String {
    format!("```{language}\n{}\n```\n", code.trim_end())
}

fn read(path: &Path) -> Result<String, PageError> {
    fs::read_to_string(path).map_err(|source| PageError::Read { path: path.to_owned(), source })
}

fn read_if_there(path: &Path) -> Result<Option<String>, PageError> {
    if path.exists() { read(path).map(Some) } else { Ok(None) }
}
