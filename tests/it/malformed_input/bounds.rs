//! Limits of length and nesting: a length prefix of gigabytes, and nesting that would overflow the stack. A failure
//! aborts the test process.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use terraform_provider_dli::{
    emulator::{Emulator, Settings},
    framework::{server::Server, types::Type, value::Value},
    protocol::{self, Service, json, msgpack, type_json},
    provider::{CreationJournal, DliProvider},
};
use tower::ServiceExt as _;

/// A nesting depth that overflows any stack.
const DEEP: usize = 1_000_000;

/// The prefix claims 4 GiB of bytes, elements or entries, of which three bytes follow.
#[test]
fn length_prefix_of_4_gib_is_an_error() {
    let dynamic = |length: &[u8]| [&[0x92], length, b"abc"].concat();
    for (prefix, ty) in [
        (vec![0xdb], Type::String),
        (vec![0xdb], Type::Number),
        (vec![0xdd], Type::list(Type::Bool)),
        (vec![0xdd], Type::set(Type::Bool)),
        (vec![0xdd], Type::Tuple(vec![Type::Bool])),
        (vec![0xdf], Type::map(Type::Bool)),
        (vec![0xdf], Type::Object([("a".to_owned(), Type::Bool)].into())),
        (vec![0xc9], Type::String),
    ] {
        let bytes = [prefix.as_slice(), &[0xff; 4], b"\x0cabc"].concat();
        assert!(msgpack::decode(&bytes, &ty).is_err(), "{bytes:02x?} as {ty:?}");
    }
    for length in [&[0xc6, 0xff, 0xff, 0xff, 0xff][..], &[0xc5, 0xff, 0xff], &[0xc4, 0xff]] {
        assert!(msgpack::decode(&dynamic(length), &Type::Dynamic).is_err(), "{length:02x?}");
    }
}

/// 100 nested lists with a length of 4 GiB each. Allocating these lengths would need 4 GiB per level.
#[test]
fn nested_length_prefixes_allocate_little() {
    let ty = (0..100).fold(Type::Bool, |ty, _| Type::list(ty));
    let prefixes = [0xdd, 0xff, 0xff, 0xff, 0xff].repeat(100);
    let bytes = [prefixes, vec![0xc1; 100 << 20]].concat();
    assert!(msgpack::decode(&bytes, &ty).is_err());
    #[cfg(target_os = "linux")]
    {
        // Address space counts even if the system assigns memory only on write.
        let status = std::fs::read_to_string("/proc/self/status").expect("a file of Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("a VmPeak line");
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        assert!(kilobytes < 64 << 20, "{peak}");
    }
}

/// The prefix refinement of an unknown string is again an unknown string with a refinement, and so on.
#[test]
fn nested_refinements_are_decoded() {
    // From the outermost level: 8 bytes each, and null as the innermost value.
    let levels = (0..DEEP).rev().flat_map(|level| {
        let payload = u32::try_from(3 + 8 * level).expect("8 MB").to_be_bytes();
        [&[0xc9], payload.as_slice(), &[12, 0x81, 2]].concat()
    });
    let bytes: Vec<u8> = levels.chain([0xc0]).collect();
    assert!(matches!(msgpack::decode(&bytes, &Type::String), Ok(Value::Unknown(_))));
}

#[test]
fn million_nesting_levels_are_an_error() {
    let lists = (0..100).fold(Type::Bool, |ty, _| Type::list(ty));
    for ty in [&lists, &Type::Dynamic, &Type::String, &Type::Bool] {
        assert!(msgpack::decode(&[0x91].repeat(DEEP), ty).is_err(), "{ty:?}");
        for open in ["[", r#"{"value":"#, r#"{"type":["list","#] {
            assert!(json::decode(open.repeat(DEEP).as_bytes(), ty).is_err(), "{open} as {ty:?}");
        }
        let whole = "[".repeat(DEEP) + &"]".repeat(DEEP);
        let error = json::decode(whole.as_bytes(), ty).expect_err("too deep").to_string();
        assert!(error.contains(", found list"), "{ty:?}: {error:.200}");
    }
    let dynamic = [&[0x92, 0xc4, 9], b"\"dynamic\"".as_slice()].concat().repeat(DEEP);
    assert!(msgpack::decode(&dynamic, &Type::Dynamic).is_err());
    let nested = r#"{"type":"dynamic","value":"#.repeat(DEEP) + "null" + &"}".repeat(DEEP);
    assert!(json::decode(nested.as_bytes(), &Type::Dynamic).is_err());
    let ty = r#"["list","#.repeat(DEEP) + r#""bool""# + &"]".repeat(DEEP);
    assert!(type_json::from_json(ty.as_bytes()).is_err());
}

/// A list of 50,000 elements whose type has 4,000 attributes.
#[test]
fn large_type_is_not_copied_per_element() {
    let attributes: Vec<_> = (0..4_000).map(|number| format!(r#""a{number}":"bool""#)).collect();
    let elements = vec!["null"; 50_000].join(",");
    let text = format!(r#"{{"type":["list",["object",{{{}}}]],"value":[{elements}]}}"#, attributes.join(","));
    let started = std::time::Instant::now();
    assert!(json::decode(text.as_bytes(), &Type::Dynamic).is_ok());
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

/// The error stays short for a type of any length.
#[test]
fn invalid_type_is_quoted_briefly() {
    let error = type_json::from_json(format!("[\"{}\"]", "x".repeat(1 << 20)).as_bytes()).expect_err("no type");
    assert!(error.to_string().len() < 200, "{error:.300}");
}

/// The length of a gRPC frame exceeds the message limit or the body.
#[tokio::test]
async fn invalid_grpc_frame_length_is_an_error() {
    for (length, code) in [(u32::MAX, "11"), ((256 << 20) + 1, "11"), (1 << 20, "13")] {
        let service =
            protocol::grpc(Service::new(Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))));
        let frame = [&[0], length.to_be_bytes().as_slice(), b"abc"].concat();
        let request = Request::post("/tfplugin6.Provider/ValidateProviderConfig")
            .header("content-type", "application/grpc")
            .body(Body::from(frame))
            .expect("a request");
        let response = service.oneshot(request).await.expect("the service never fails");
        let status = response.headers().get("grpc-status").map(|status| status.to_str().expect("ASCII"));
        assert_eq!(status, Some(code), "{length}: {:?}", response.headers());
    }
}

/// A body over the gateway's limit, and a deeply nested body, for the API and the control API.
#[tokio::test]
async fn emulator_limits_body_size_and_nesting() {
    let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a started emulator");
    let ask = async |method: &str, path: &str, body: Vec<u8>| {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
        let response = emulator.answer(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice::<Json>(&body).expect("JSON"))
    };
    let create = "/v2.0/48cc/datasource/enhanced-connections";
    for (body, status) in
        [(vec![b' '; 13 << 20], StatusCode::PAYLOAD_TOO_LARGE), (vec![b'['; 8 << 20], StatusCode::UNAUTHORIZED)]
    {
        let (status_code, text) = ask("POST", create, body).await;
        assert_eq!(status_code, status, "{text}");
    }
    for path in ["state", "edit", "faults", "quirks", "clock", "fates", "delays"] {
        let method = if matches!(path, "state" | "quirks" | "delays") { "PUT" } else { "POST" };
        let (status_code, text) = ask(method, &format!("/_emulator/{path}"), vec![b'['; 8 << 20]).await;
        assert_eq!(status_code, StatusCode::BAD_REQUEST, "{path}: {text}");
    }
    emulator.stop().await;
}
