//! Compiles `proto/` to Rust with protox, so that `protoc` is not needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");

    let mut descriptors = protox::compile(["tfplugin6.proto", "plugin.proto"], ["proto"])?;

    tonic_prost_build::configure()
        // Only the tests use the generated clients, with their own transport.
        .build_transport(false)
        // Ordered maps make the encoding deterministic.
        .btree_map(".")
        .compile_fds(descriptors.clone())?;

    // Descriptors for the reflection service, without comments.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("services.bin"), descriptors.encode_to_vec())?;
    Ok(())
}
