//! `cargo run --example docs`: writes `docs/`, the provider's documentation as the Terraform Registry shows it.
//!
//! Nothing in `docs/` is written by hand. What a page says comes from the schemas and from `examples/`; a test compares the
//! two and names this command.

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
    // The page of what is no longer there goes too.
    if docs.exists() {
        fs::remove_dir_all(&docs)?;
    }
    for (path, text) in &pages {
        let file = docs.join(path);
        fs::create_dir_all(file.parent().expect("it was joined"))?;
        fs::write(file, text)?;
    }
    Ok(())
}
