//! Malformed input: runs the fuzz targets on random bytes and on inputs that failed before, and tests limits that
//! random input does not reach.

mod bounds;
#[expect(unreachable_pub, clippy::pedantic, reason = "the library of the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, panic, path::Path};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

/// Runs the target on all inputs that failed before, then on random bytes.
fn run_target(target: &str, cases: u32, run: fn(&[u8])) {
    let findings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/malformed_input");
    assert!(findings.is_dir(), "{} does not exist", findings.display());
    for entry in fs::read_dir(findings.join(target)).into_iter().flatten() {
        let path = entry.expect("a readable directory").path();
        let bytes = fs::read(&path).expect("a readable file");
        assert!(panic::catch_unwind(|| run(&bytes)).is_ok(), "an earlier finding fails again: {}", path.display());
    }
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    // Enough bytes for several requests, and few enough for a readable report.
    let result = runner.run(&vec(any::<u8>(), 0..400), |bytes| {
        run(&bytes);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{target}: {failure}"));
}

#[test]
fn responses() {
    run_target("responses", 2_000, targets::responses::run);
}

#[test]
fn emulator() {
    run_target("emulator", 2_000, targets::emulator::run);
}

#[test]
fn handshake() {
    run_target("handshake", 10_000, targets::handshake::run);
}

#[test]
fn json() {
    run_target("json", 10_000, targets::json::run);
}

#[test]
fn moved() {
    run_target("moved", 10_000, targets::moved::run);
}

#[test]
fn msgpack() {
    run_target("msgpack", 10_000, targets::msgpack::run);
}

#[test]
fn rpc() {
    run_target("rpc", 2_000, targets::rpc::run);
}

#[test]
fn rules() {
    run_target("rules", 10_000, targets::rules::run);
}
