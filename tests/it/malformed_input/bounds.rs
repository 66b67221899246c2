//! Depth and length: a prefix that promises gigabytes, and nesting that would use up the stack. What broke one of these
//! would end the process, and the tests with it.

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

/// Deeper than any stack could follow.
const DEEP: usize = 1_000_000;

/// Four thousand million bytes, elements, entries or bytes of an extension, of which three bytes are there.
#[test]
fn a_length_of_4_gib_is_not_believed() {
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

/// A promise on each of 100 levels, kept on none: taken by their word, these lists need 4 GiB of memory for each level.
#[test]
fn promises_on_every_level_do_not_add_up() {
    let ty = (0..100).fold(Type::Bool, |ty, _| Type::list(ty));
    let promises = [0xdd, 0xff, 0xff, 0xff, 0xff].repeat(100);
    let bytes = [promises, vec![0xc1; 100 << 20]].concat();
    assert!(msgpack::decode(&bytes, &ty).is_err());
    #[cfg(target_os = "linux")]
    {
        // Address space, which such a promise takes even where the system gives memory only to what is written.
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("it is told");
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        assert!(kilobytes < 64 << 20, "{peak}");
    }
}

/// The prefix of what an unknown text will be is an unknown text, of which a prefix is known …
#[test]
fn refinements_within_refinements_end() {
    // From the outermost: 8 bytes each, and a null in the middle of all.
    let levels = (0..DEEP).rev().flat_map(|level| {
        let payload = u32::try_from(3 + 8 * level).expect("8 MB").to_be_bytes();
        [&[0xc9], payload.as_slice(), &[12, 0x81, 2]].concat()
    });
    let bytes: Vec<u8> = levels.chain([0xc0]).collect();
    assert!(matches!(msgpack::decode(&bytes, &Type::String), Ok(Value::Unknown(_))));
}

#[test]
fn nesting_of_a_million_is_refused() {
    let lists = (0..100).fold(Type::Bool, |ty, _| Type::list(ty));
    for ty in [&lists, &Type::Dynamic, &Type::String, &Type::Bool] {
        assert!(msgpack::decode(&[0x91].repeat(DEEP), ty).is_err(), "{ty:?}");
        for open in ["[", r#"{"value":"#, r#"{"type":["list","#] {
            assert!(json::decode(open.repeat(DEEP).as_bytes(), ty).is_err(), "{open} as {ty:?}");
        }
        let whole = "[".repeat(DEEP) + &"]".repeat(DEEP);
        let refusal = json::decode(whole.as_bytes(), ty).expect_err("too deep").to_string();
        assert!(refusal.contains("brackets are nested"), "{ty:?}: {refusal:.200}");
    }
    let dynamic = [&[0x92, 0xc4, 9], b"\"dynamic\"".as_slice()].concat().repeat(DEEP);
    assert!(msgpack::decode(&dynamic, &Type::Dynamic).is_err());
    let nested = r#"{"type":"dynamic","value":"#.repeat(DEEP) + "null" + &"}".repeat(DEEP);
    assert!(json::decode(nested.as_bytes(), &Type::Dynamic).is_err());
    let ty = r#"["list","#.repeat(DEEP) + r#""bool""# + &"]".repeat(DEEP);
    assert!(type_json::from_json(ty.as_bytes()).is_err());
}

/// A type of a thousand attributes and as many elements of it: each is looked at once.
#[test]
fn a_large_type_is_not_copied_for_each_element() {
    let attributes: Vec<_> = (0..4_000).map(|number| format!(r#""a{number}":"bool""#)).collect();
    let elements = vec!["null"; 50_000].join(",");
    let text = format!(r#"{{"type":["list",["object",{{{}}}]],"value":[{elements}]}}"#, attributes.join(","));
    let started = std::time::Instant::now();
    assert!(json::decode(text.as_bytes(), &Type::Dynamic).is_ok());
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

/// An error is for people, however long what it is about.
#[test]
fn what_is_no_type_is_quoted_briefly() {
    let error = type_json::from_json(format!("[\"{}\"]", "x".repeat(1 << 20)).as_bytes()).expect_err("no type");
    assert!(error.to_string().len() < 200, "{error:.300}");
}

/// A gRPC frame that promises more than the largest message, or more than is there.
#[tokio::test]
async fn a_grpc_frame_is_not_believed() {
    for (length, code) in [(u32::MAX, "11"), ((256 << 20) + 1, "11"), (1 << 20, "13")] {
        let service =
            protocol::grpc(Service::new(Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))));
        let frame = [&[0], length.to_be_bytes().as_slice(), b"abc"].concat();
        let request = Request::post("/tfplugin6.Provider/ValidateProviderConfig")
            .header("content-type", "application/grpc")
            .body(Body::from(frame))
            .expect("a request");
        let answer = service.oneshot(request).await.expect("the service never fails");
        let status = answer.headers().get("grpc-status").map(|status| status.to_str().expect("ASCII"));
        assert_eq!(status, Some(code), "{length}: {:?}", answer.headers());
    }
}

/// A body beyond the gateway's limit, and one that is nested without end, to the API and to the control API.
#[tokio::test]
async fn the_emulator_takes_no_more_than_its_limit() {
    let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("it starts");
    let ask = async |method: &str, path: &str, body: Vec<u8>| {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
        let answer = emulator.answer(request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("an answer").to_bytes();
        (status, serde_json::from_slice::<Json>(&body).expect("JSON"))
    };
    let create = "/v2.0/48cc/datasource/enhanced-connections";
    for (body, status) in
        [(vec![b' '; 13 << 20], StatusCode::PAYLOAD_TOO_LARGE), (vec![b'['; 8 << 20], StatusCode::UNAUTHORIZED)]
    {
        let (answered, why) = ask("POST", create, body).await;
        assert_eq!(answered, status, "{why}");
    }
    for path in ["state", "edit", "faults", "quirks", "clock", "fates", "delays"] {
        let method = if matches!(path, "state" | "quirks" | "delays") { "PUT" } else { "POST" };
        let (answered, why) = ask(method, &format!("/_emulator/{path}"), vec![b'['; 8 << 20]).await;
        assert_eq!(answered, StatusCode::BAD_REQUEST, "{path}: {why}");
    }
    emulator.stop().await;
}
