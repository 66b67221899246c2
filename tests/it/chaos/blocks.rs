//! A configuration as data: what is declared, what the emulator holds once it is applied, and how it is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use terraform_provider_dli::framework::schema::Schema;
use terraform_provider_dli::framework::value::Value;

/// Blocks by address.
pub(super) type Configuration = BTreeMap<String, Block>;

type Names = BTreeSet<String>;
type Texts = BTreeMap<String, String>;

/// The queue of the stock that lives in a pool, and the pool.
pub(super) const POOLED: (&str, &str) = ("pooled3", "pool3");

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A connection.
    Connection(Declared),
    /// A queue or a pool that uses the connection at this address.
    Binding { connection: String, queue: Option<String>, pool: Option<String> },
    /// A route of the connection at this address.
    Route { connection: String, name: String, cidr: String },
    /// Another project that may use the connection at this address.
    Privilege { connection: String, project: String },
}

/// What is declared of a connection; of a collection that is `None`, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) vpc: String,
    pub(super) network: String,
    pub(super) queues: Option<Names>,
    pub(super) pools: Option<Names>,
    pub(super) hosts: Option<Texts>,
    pub(super) routes: Option<Texts>,
    pub(super) tags: Option<Texts>,
}

/// What a connection is and has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) vpc: String,
    pub(super) network: String,
    pub(super) queues: Names,
    pub(super) pools: Names,
    pub(super) hosts: Texts,
    pub(super) routes: Texts,
    pub(super) tags: Texts,
    pub(super) shared_with: Names,
}

impl Block {
    /// The type of the resource.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Connection(_) => "dli_enhanced_connection",
            Self::Binding { .. } => "dli_enhanced_connection_binding",
            Self::Route { .. } => "dli_enhanced_connection_route",
            Self::Privilege { .. } => "dli_enhanced_connection_privilege",
        }
    }

    /// The address of the connection that it is a part of.
    pub(super) fn connection(&self) -> Option<&String> {
        match self {
            Self::Connection(_) => None,
            Self::Binding { connection, .. } | Self::Route { connection, .. } | Self::Privilege { connection, .. } => {
                Some(connection)
            }
        }
    }

    /// Its arguments, but for the connection.
    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &String| Value::from(text.as_str());
        match self {
            Self::Connection(declared) => {
                let names = |names: &Names| Value::set(names.iter().map(text));
                let texts = |texts: &Texts| Value::map(texts.iter().map(|(key, value)| (key.as_str(), text(value))));
                let collections = [
                    ("queues", declared.queues.as_ref().map(names)),
                    ("elastic_resource_pools", declared.pools.as_ref().map(names)),
                    ("hosts", declared.hosts.as_ref().map(texts)),
                    ("routes", declared.routes.as_ref().map(texts)),
                    ("tags", declared.tags.as_ref().map(texts)),
                ];
                let Declared { name, vpc, network, .. } = declared;
                let required = [("name", name), ("dest_vpc_id", vpc), ("dest_network_id", network)];
                let declared = collections.into_iter().filter_map(|(name, value)| Some((name, value?)));
                required.map(|(name, value)| (name, text(value))).into_iter().chain(declared).collect()
            }
            Self::Binding { queue, pool, .. } => {
                let named = [("queue", queue), ("elastic_resource_pool", pool)];
                named.into_iter().filter_map(|(name, value)| Some((name, text(value.as_ref()?)))).collect()
            }
            Self::Route { name, cidr, .. } => vec![("name", text(name)), ("cidr", text(cidr))],
            Self::Privilege { project, .. } => vec![("applicant_project_id", text(project))],
        }
    }

    /// The block as the provider gets it, where the connection has this id.
    pub(super) fn value(&self, schema: &Schema, connection_id: &Value) -> Value {
        let mut value = schema.empty();
        if self.connection().is_some() {
            value.set_attribute("connection_id", connection_id.clone());
        }
        self.arguments().into_iter().for_each(|(name, argument)| value.set_attribute(name, argument));
        value
    }

    /// The block as it is written.
    pub(super) fn hcl(&self, address: &str) -> String {
        let label = address.rsplit('.').next().unwrap_or_default();
        let mut text = format!("resource {:?} {label:?} {{\n", self.kind());
        if let Some(connection) = self.connection() {
            writeln!(text, "  connection_id = {connection}.id").expect("a text takes all");
        }
        for (name, argument) in self.arguments() {
            writeln!(text, "  {name} = {}", written(&argument)).expect("a text takes all");
        }
        text + "}\n"
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Set(elements) => format!("[{}]", elements.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{key:?} = {}", written(value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => format!("{text:?}"),
        other => panic!("no block has {other:?}"),
    }
}

/// What there is once the configuration is applied, by the name of the connection.
pub(super) fn facts(configuration: &Configuration) -> BTreeMap<String, Facts> {
    let mut all = BTreeMap::new();
    for (address, block) in configuration {
        let Block::Connection(declared) = block else { continue };
        let mut facts = Facts {
            name: declared.name.clone(),
            vpc: declared.vpc.clone(),
            network: declared.network.clone(),
            pools: declared.pools.clone().unwrap_or_default(),
            hosts: declared.hosts.clone().unwrap_or_default(),
            routes: declared.routes.clone().unwrap_or_default(),
            tags: declared.tags.clone().unwrap_or_default(),
            ..Facts::default()
        };
        for queue in declared.queues.iter().flatten() {
            bind(&mut facts, queue);
        }
        for part in configuration.values().filter(|part| part.connection() == Some(address)) {
            match part {
                Block::Connection(_) => {}
                Block::Binding { queue, pool, .. } => {
                    if let Some(queue) = queue {
                        bind(&mut facts, queue);
                    }
                    facts.pools.extend(pool.clone());
                }
                Block::Route { name, cidr, .. } => drop(facts.routes.insert(name.clone(), cidr.clone())),
                Block::Privilege { project, .. } => drop(facts.shared_with.insert(project.clone())),
            }
        }
        all.insert(facts.name.clone(), facts);
    }
    all
}

/// A queue that lives in a pool binds the pool.
fn bind(facts: &mut Facts, queue: &str) {
    let (queue_of_pool, pool) = POOLED;
    let names = if queue == queue_of_pool { &mut facts.pools } else { &mut facts.queues };
    names.insert(if queue == queue_of_pool { pool.to_owned() } else { queue.to_owned() });
}

/// Names of these texts.
pub(super) fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(str::to_owned).into()
}

/// A map of these pairs.
pub(super) fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Texts {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
