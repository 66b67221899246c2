#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| malformed_input::rpc::run(bytes));
