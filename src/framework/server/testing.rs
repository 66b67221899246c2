//! Tests of the operations with a small resource that can fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{ResourceChange, ResourceResponse, Server};
use crate::framework::{
    diagnostic::{Diagnostic, Diagnostics},
    model::{Computed, FromValue},
    path::Path,
    plan_modifier::UseStateForUnknown,
    provider::Provider,
    resource::{CreateRequest, DeleteRequest, ImportRequest, ReadRequest, Resource, ResponseState, UpdateRequest},
    schema::{Attribute, BlockBody, Schema},
    timeouts::Timeouts,
    types::Type,
    value::{UNKNOWN, Value},
};
use crate::model;

model! {
    #[derive(Debug, Clone)]
    struct Thing {
        name: String,
        size: Option<String>,
        id: Computed<String>,
        tick: Computed<String>,
        timeouts: Timeouts,
    }
}

/// What the resource does after half of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    Succeed,
    Fail,
    Panic,
    FailAtOnce,
    SaveNothing,
    SaveSomethingElse,
    WaitForStop,
}

#[derive(Debug)]
struct Things {
    behavior: Mutex<Behavior>,
    calls: AtomicUsize,
}

impl Things {
    fn work(&self, planned: &Value, response: &mut ResponseState) -> Result<(), Diagnostics> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut thing = Thing::from_value(planned, &Path::root())?;
        let behavior = *self.behavior.lock();
        let failed = || Diagnostics::from(Diagnostic::error("Failed", "as requested"));
        if behavior == Behavior::FailAtOnce {
            return Err(failed());
        }
        thing.id = Computed(Some("1".to_owned()));
        if behavior != Behavior::SaveNothing {
            response.set_state(thing.clone());
        }
        thing.tick = Computed(Some("now".to_owned()));
        match behavior {
            Behavior::Fail => return Err(failed()),
            Behavior::Panic => panic!("as requested"),
            Behavior::SaveSomethingElse => {
                thing.size = Some("another".to_owned());
                thing.timeouts = Timeouts::default();
            }
            Behavior::SaveNothing => return Ok(()),
            Behavior::Succeed | Behavior::FailAtOnce | Behavior::WaitForStop => {}
        }
        response.set_state(thing);
        Ok(())
    }
}

fn short(path: &Path, value: &Value, report: &mut Diagnostics) {
    if value.as_str().is_some_and(|text| text.len() > 3) {
        report.push(Diagnostic::error("Too Long", "").at(path.clone()));
    }
}

#[async_trait]
impl Resource for Things {
    fn type_name(&self) -> &'static str {
        "test_thing"
    }

    fn schema(&self) -> Schema {
        let attributes = vec![
            Attribute::string("name").required().validator(short),
            Attribute::string("size")
                .semantic_equality(|a, b| a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))),
            Attribute::string("id").computed().plan_modifier(UseStateForUnknown { unless_changed: &[] }),
            Attribute::string("tick").computed().plan_modifier(UseStateForUnknown { unless_changed: &["name"] }),
        ];
        let blocks = vec![Timeouts::block(&[("create", Duration::from_secs(1))])];
        Schema { version: 2, body: BlockBody { attributes, blocks, ..BlockBody::default() }, ..Schema::default() }
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        if *self.behavior.lock() == Behavior::WaitForStop {
            request.stop.cancelled().await;
        }
        self.work(request.planned, response)
    }

    async fn read(&self, _: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        match *self.behavior.lock() {
            Behavior::SaveNothing => response.remove_resource(),
            Behavior::Panic => panic!("as requested"),
            _ => response.set_state(Thing {
                name: "new".into(),
                size: Some("large".into()),
                id: Computed(Some("1".into())),
                tick: Computed(None),
                timeouts: Timeouts::default(),
            }),
        }
        Ok(())
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        self.work(request.planned, response)
    }

    async fn delete(&self, _: DeleteRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        match *self.behavior.lock() {
            Behavior::Fail => Err(Diagnostic::error("Failed", "as requested").into()),
            _ => Ok(()),
        }
    }

    async fn import(&self, _: ImportRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn prior_schema_type(&self, version: i64) -> Option<Type> {
        (version == 1).then(|| Type::Object([("title".to_owned(), Type::String)].into()))
    }

    fn upgrade_state(&self, _: i64, state: Value) -> Result<Value, Diagnostics> {
        Ok(object(&[("name", state.get("title").clone())]))
    }
}

#[derive(Debug)]
struct TestProvider(Arc<Things>);

#[async_trait]
impl Provider for TestProvider {
    fn schema(&self) -> Schema {
        Schema::default()
    }

    async fn configure(&self, _: &Value) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        vec![Arc::<Things>::clone(&self.0)]
    }
}

fn server(behavior: Behavior) -> (Arc<Things>, Server) {
    let things = Arc::new(Things { behavior: Mutex::new(behavior), calls: AtomicUsize::new(0) });
    (Arc::clone(&things), Server::new(TestProvider(things)))
}

fn object(changes: &[(&str, Value)]) -> Value {
    let mut object = Value::map(["name", "size", "id", "tick", "timeouts"].map(|name| (name, Value::Null)));
    for (name, value) in changes {
        object.set_attribute(name, value.clone());
    }
    object
}

fn change(prior: Value, planned: Value, config: Value) -> ResourceChange {
    ResourceChange {
        type_name: "test_thing".into(),
        prior,
        planned,
        config,
        private: Vec::new(),
        identity: Value::Null,
    }
}

fn create() -> ResourceChange {
    let config = object(&[("name", "a".into()), ("size", "big".into())]);
    let mut planned = config.clone();
    planned.set_attribute("id", UNKNOWN);
    planned.set_attribute("tick", UNKNOWN);
    change(Value::Null, planned, config)
}

fn update() -> ResourceChange {
    let prior = object(&[("name", "a".into()), ("size", "old".into()), ("id", "1".into()), ("tick", "then".into())]);
    let config = object(&[("name", "a".into()), ("size", "big".into())]);
    let planned = object(&[("name", "a".into()), ("size", "big".into()), ("id", "1".into()), ("tick", "then".into())]);
    change(prior, planned, config)
}

async fn applied(behavior: Behavior, request: ResourceChange) -> ResourceResponse {
    server(behavior).1.apply(request).await
}

fn summaries(diagnostics: &Diagnostics) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

#[tokio::test]
async fn created_object_is_in_the_state_after_errors() {
    let created = object(&[("name", "a".into()), ("size", "big".into()), ("id", "1".into())]);
    for (behavior, summary) in [(Behavior::Fail, "Failed"), (Behavior::Panic, "Bug in the Provider")] {
        let outcome = applied(behavior, create()).await;
        assert_eq!(outcome.state, created, "{behavior:?}");
        assert_eq!(summaries(&outcome.diagnostics), [summary]);
    }
    let outcome = applied(Behavior::FailAtOnce, create()).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (Value::Null, vec!["Failed"]));
}

#[tokio::test]
async fn successful_create_has_all_values() {
    let outcome = applied(Behavior::Succeed, create()).await;
    let all = object(&[("name", "a".into()), ("size", "big".into()), ("id", "1".into()), ("tick", "now".into())]);
    assert_eq!((outcome.state, outcome.diagnostics), (all, Diagnostics::new()));
}

#[tokio::test]
async fn planned_computed_value_is_kept_by_apply() {
    let outcome = applied(Behavior::Succeed, update()).await;
    assert_eq!((outcome.state, outcome.diagnostics), (update().planned, Diagnostics::new()));
}

#[tokio::test]
async fn failed_update_keeps_its_partial_state() {
    let outcome = applied(Behavior::Fail, update()).await;
    assert_eq!(outcome.state.get("size"), &"big".into());
    let outcome = applied(Behavior::FailAtOnce, update()).await;
    assert_eq!(outcome.state, update().prior);
}

#[tokio::test]
async fn results_that_differ_from_the_plan_are_bugs() {
    let outcome = applied(Behavior::SaveSomethingElse, create()).await;
    assert_eq!(summaries(&outcome.diagnostics), ["Bug in the Provider"]);
    assert_eq!(outcome.diagnostics.iter().next().map(|d| d.path.clone()), Some(Path::attribute("size")));
    let mut request = create();
    request.planned.set_attribute("timeouts", Value::map([("create", "1m".into())]));
    let outcome = applied(Behavior::SaveSomethingElse, request).await;
    assert_eq!(outcome.diagnostics.iter().last().map(|d| d.path.clone()), Some(Path::attribute("timeouts")));
    let outcome = applied(Behavior::SaveNothing, create()).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (Value::Null, vec!["Bug in the Provider"]));
}

#[tokio::test]
async fn apply_validates_values_that_were_unknown() {
    let (things, server) = server(Behavior::Succeed);
    let mut request = create();
    request.config.set_attribute("name", "long".into());
    request.planned.set_attribute("name", "long".into());
    let outcome = server.apply(request).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (Value::Null, vec!["Too Long"]));
    assert_eq!(things.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_a_successful_delete_removes_the_state() {
    let request = || ResourceChange { planned: Value::Null, config: Value::Null, ..update() };
    assert_eq!(applied(Behavior::Succeed, request()).await.state, Value::Null);
    let outcome = applied(Behavior::Fail, request()).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (update().prior, vec!["Failed"]));
}

#[tokio::test]
async fn read_keeps_spelling_and_detects_removal() {
    let state = object(&[("name", "a".into()), ("size", "LARGE".into()), ("id", "1".into())]);
    let (_, seen) = server(Behavior::Succeed);
    let outcome = seen.read("test_thing", state.clone(), Vec::new(), Value::Null).await;
    assert_eq!((outcome.state.get("name"), outcome.state.get("size")), (&"new".into(), &"LARGE".into()));
    let (_, gone) = server(Behavior::SaveNothing);
    assert_eq!(gone.read("test_thing", state.clone(), Vec::new(), Value::Null).await.state, Value::Null);
    let (_, panicking) = server(Behavior::Panic);
    let outcome = panicking.read("test_thing", state.clone(), Vec::new(), Value::Null).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (state, vec!["Bug in the Provider"]));
}

#[tokio::test]
async fn stop_cancels_only_the_running_operation() {
    let (things, server) = server(Behavior::WaitForStop);
    let (outcome, ()) = tokio::join!(server.apply(create()), async { server.stop() });
    assert!(!outcome.diagnostics.has_errors());
    *things.behavior.lock() = Behavior::Succeed;
    assert!(!server.stop_token().is_cancelled());
}

#[tokio::test]
async fn create_plan_and_failed_import() {
    let (_, server) = server(Behavior::Succeed);
    let config = object(&[("name", "a".into())]);
    let outcome = server.plan(change(Value::Null, config.clone(), config)).await;
    assert_eq!(outcome.planned, object(&[("name", "a".into()), ("id", UNKNOWN), ("tick", UNKNOWN)]));
    let outcome = server.import("test_thing", "1", &Value::Null).await;
    assert_eq!((outcome.state, summaries(&outcome.diagnostics)), (Value::Null, vec!["Bug in the Provider"]));
}

#[test]
fn only_known_state_versions_are_upgraded() {
    let (_, server) = server(Behavior::Succeed);
    let old = server.state_type("test_thing", 1).expect("known");
    assert_eq!(old, Type::Object([("title".to_owned(), Type::String)].into()));
    let upgraded = server.upgrade_state("test_thing", 1, Value::map([("title", "a".into())]));
    assert_eq!(upgraded, Ok(object(&[("name", "a".into())])));
    assert_eq!(server.upgrade_state("test_thing", 2, update().prior), Ok(update().prior));
    for version in [0, 3] {
        let error = server.state_type("test_thing", version).expect_err("unknown");
        assert_eq!(summaries(&error), ["State of an Unknown Version"]);
    }
    assert_eq!(summaries(&server.state_type("test_other", 1).expect_err("unknown")), ["Not in This Provider"]);
}

/// Core passes the private data of the replaced object to the create.
#[tokio::test]
async fn replacement_starts_without_private_data() {
    let (mut create, mut update) = (create(), update());
    (create.private, update.private) = (b"mine".to_vec(), b"mine".to_vec());
    assert_eq!(applied(Behavior::Succeed, create).await.private, b"");
    assert_eq!(applied(Behavior::Succeed, update).await.private, b"mine");
}
