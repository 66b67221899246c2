//! Turns `proto/` into Rust, without `protoc`: protox is the compiler, so a checkout and `cargo build` are enough.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");

    let mut descriptors = protox::compile(["tfplugin6.proto", "plugin.proto"], ["proto"])?;

    tonic_prost_build::configure()
        // Only the tests call the services; the client brings its own transport.
        .build_transport(false)
        // The same answer is the same bytes in every process.
        .btree_map(".")
        .compile_fds(descriptors.clone())?;

    // For the reflection service, which needs no comments.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("services.bin"), descriptors.encode_to_vec())?;
    Ok(())
}
