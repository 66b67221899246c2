//! Configurations as data, their HCL text, and the expected content of the emulator after an apply.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use terraform_provider_dli::framework::schema::Schema;
use terraform_provider_dli::framework::value::Value;

/// Blocks by address.
pub(super) type Configuration = BTreeMap<String, Block>;

type Names = BTreeSet<String>;
type Strings = BTreeMap<String, String>;

/// A seeded queue in a pool, and the pool.
pub(super) const POOLED: (&str, &str) = ("pooled3", "pool3");

/// A resource block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Connection(ConnectionConfig),
    /// Binds a queue or pool to the connection at this address.
    Binding {
        connection: String,
        queue: Option<String>,
        pool: Option<String>,
    },
    /// A route of the connection at this address.
    Route {
        connection: String,
        name: String,
        cidr: String,
    },
    /// Shares the connection at this address with another project.
    Privilege {
        connection: String,
        project: String,
    },
}

/// Arguments of a connection. A collection that is `None` is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConnectionConfig {
    pub(super) name: String,
    pub(super) vpc: String,
    pub(super) network: String,
    pub(super) queues: Option<Names>,
    pub(super) pools: Option<Names>,
    pub(super) hosts: Option<Strings>,
    pub(super) routes: Option<Strings>,
    pub(super) tags: Option<Strings>,
}

/// A connection and its parts, as the emulator holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConnectionDetails {
    pub(super) name: String,
    pub(super) vpc: String,
    pub(super) network: String,
    pub(super) queues: Names,
    pub(super) pools: Names,
    pub(super) hosts: Strings,
    pub(super) routes: Strings,
    pub(super) tags: Strings,
    pub(super) shared_with: Names,
}

impl Block {
    /// The resource type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Connection(_) => "dli_enhanced_connection",
            Self::Binding { .. } => "dli_enhanced_connection_binding",
            Self::Route { .. } => "dli_enhanced_connection_route",
            Self::Privilege { .. } => "dli_enhanced_connection_privilege",
        }
    }

    /// The address of the connection that this part belongs to.
    pub(super) fn connection(&self) -> Option<&String> {
        match self {
            Self::Connection(_) => None,
            Self::Binding { connection, .. } | Self::Route { connection, .. } | Self::Privilege { connection, .. } => {
                Some(connection)
            }
        }
    }

    /// The arguments except the connection.
    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &String| Value::from(text.as_str());
        match self {
            Self::Connection(config) => {
                let names = |names: &Names| Value::set(names.iter().map(text));
                let strings =
                    |strings: &Strings| Value::map(strings.iter().map(|(key, value)| (key.as_str(), text(value))));
                let collections = [
                    ("queues", config.queues.as_ref().map(names)),
                    ("elastic_resource_pools", config.pools.as_ref().map(names)),
                    ("hosts", config.hosts.as_ref().map(strings)),
                    ("routes", config.routes.as_ref().map(strings)),
                    ("tags", config.tags.as_ref().map(strings)),
                ];
                let ConnectionConfig { name, vpc, network, .. } = config;
                let required = [("name", name), ("dest_vpc_id", vpc), ("dest_network_id", network)];
                let config = collections.into_iter().filter_map(|(name, value)| Some((name, value?)));
                required.map(|(name, value)| (name, text(value))).into_iter().chain(config).collect()
            }
            Self::Binding { queue, pool, .. } => {
                let named = [("queue", queue), ("elastic_resource_pool", pool)];
                named.into_iter().filter_map(|(name, value)| Some((name, text(value.as_ref()?)))).collect()
            }
            Self::Route { name, cidr, .. } => vec![("name", text(name)), ("cidr", text(cidr))],
            Self::Privilege { project, .. } => vec![("applicant_project_id", text(project))],
        }
    }

    /// The block as a value for the provider, with this connection ID.
    pub(super) fn value(&self, schema: &Schema, connection_id: &Value) -> Value {
        let mut value = schema.empty();
        if self.connection().is_some() {
            value.set_attribute("connection_id", connection_id.clone());
        }
        self.arguments().into_iter().for_each(|(name, argument)| value.set_attribute(name, argument));
        value
    }

    /// The block as HCL.
    pub(super) fn hcl(&self, address: &str) -> String {
        let label = address.rsplit('.').next().unwrap_or_default();
        let mut text = format!("resource {:?} {label:?} {{\n", self.kind());
        if let Some(connection) = self.connection() {
            writeln!(text, "  connection_id = {connection}.id").expect("a string");
        }
        for (name, argument) in self.arguments() {
            writeln!(text, "  {name} = {}", hcl_value(&argument)).expect("a string");
        }
        text + "}\n"
    }
}

fn hcl_value(value: &Value) -> String {
    match value {
        Value::Set(elements) => format!("[{}]", elements.iter().map(hcl_value).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{key:?} = {}", hcl_value(value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => format!("{text:?}"),
        other => panic!("no block contains {other:?}"),
    }
}

/// The expected connections after the configuration is applied, by name.
pub(super) fn details(configuration: &Configuration) -> BTreeMap<String, ConnectionDetails> {
    let mut all = BTreeMap::new();
    for (address, block) in configuration {
        let Block::Connection(config) = block else { continue };
        let mut details = ConnectionDetails {
            name: config.name.clone(),
            vpc: config.vpc.clone(),
            network: config.network.clone(),
            pools: config.pools.clone().unwrap_or_default(),
            hosts: config.hosts.clone().unwrap_or_default(),
            routes: config.routes.clone().unwrap_or_default(),
            tags: config.tags.clone().unwrap_or_default(),
            ..ConnectionDetails::default()
        };
        for queue in config.queues.iter().flatten() {
            bind(&mut details, queue);
        }
        for part in configuration.values().filter(|part| part.connection() == Some(address)) {
            match part {
                Block::Connection(_) => {}
                Block::Binding { queue, pool, .. } => {
                    if let Some(queue) = queue {
                        bind(&mut details, queue);
                    }
                    details.pools.extend(pool.clone());
                }
                Block::Route { name, cidr, .. } => drop(details.routes.insert(name.clone(), cidr.clone())),
                Block::Privilege { project, .. } => drop(details.shared_with.insert(project.clone())),
            }
        }
        all.insert(details.name.clone(), details);
    }
    all
}

/// Binding a pooled queue binds its pool.
fn bind(details: &mut ConnectionDetails, queue: &str) {
    let (queue_of_pool, pool) = POOLED;
    let names = if queue == queue_of_pool { &mut details.pools } else { &mut details.queues };
    names.insert(if queue == queue_of_pool { pool.to_owned() } else { queue.to_owned() });
}

pub(super) fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(str::to_owned).into()
}

pub(super) fn strings<const N: usize>(pairs: [(&str, &str); N]) -> Strings {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
