//! `cargo run --example docs` generates `docs/`, the provider's documentation for the Terraform Registry.
//!
//! All pages come from the schemas and from `examples/`. A test fails if `docs/` is out of date.

mod errors;
mod pages;
mod schema;

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages::pages(&root.join("examples"))?;
    let docs = root.join("docs");
    // Pages of removed resources must not remain.
    if docs.exists() {
        fs::remove_dir_all(&docs)?;
    }
    for (path, text) in &pages {
        let file = docs.join(path);
        fs::create_dir_all(file.parent().expect("the path has a parent"))?;
        fs::write(file, text)?;
    }
    Ok(())
}
