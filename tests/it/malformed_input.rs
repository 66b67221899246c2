//! Hostile input: what the fuzz targets do, over random bytes for a few seconds and over every input that was once a
//! finding; and the bounds that no random input reaches.

mod bounds;
#[expect(unreachable_pub, clippy::pedantic, reason = "the fuzz targets' own library")]
#[path = "../../fuzz/src/lib.rs"]
mod shapes;

use std::{fs, panic, path::Path};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

/// Runs what was a finding first, then random bytes.
fn survives(target: &str, cases: u32, run: fn(&[u8])) {
    let findings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/malformed_input");
    assert!(findings.is_dir(), "{} does not exist", findings.display());
    for entry in fs::read_dir(findings.join(target)).into_iter().flatten() {
        let path = entry.expect("the folder can be read").path();
        let bytes = fs::read(&path).expect("it can be read");
        assert!(panic::catch_unwind(|| run(&bytes)).is_ok(), "a finding is back: {}", path.display());
    }
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    // Long enough for several requests in a row, short enough to be read.
    let ran = runner.run(&vec(any::<u8>(), 0..400), |bytes| {
        run(&bytes);
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{target}: {failure}"));
}

#[test]
fn answers() {
    survives("answers", 2_000, shapes::answers::run);
}

#[test]
fn emulator() {
    survives("emulator", 2_000, shapes::emulator::run);
}

#[test]
fn handshake() {
    survives("handshake", 10_000, shapes::handshake::run);
}

#[test]
fn json() {
    survives("json", 10_000, shapes::json::run);
}

#[test]
fn msgpack() {
    survives("msgpack", 10_000, shapes::msgpack::run);
}

#[test]
fn rpc() {
    survives("rpc", 2_000, shapes::rpc::run);
}

#[test]
fn rules() {
    survives("rules", 10_000, shapes::rules::run);
}
