//! The objects that every project has at first, read from a file in place of the built-in ones.

use std::{fs, io, path::Path, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::networks::Networks;
use super::project::{Project, seeded_pool, seeded_queue};
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::dli::wire::{Pool, Queue};

/// The initial objects of every project.
#[derive(Debug, Clone)]
pub struct Seed(Arc<Project>);

/// Why a seed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file is not JSON of the expected form. The message contains the line.
    #[error("it is not JSON of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// An object is invalid.
    #[error("{list}[{index}]: {problem}")]
    Object {
        /// Name of the list, such as `queues`.
        list: &'static str,
        /// Position in the list.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// The file. A missing list is empty. Without any network, the project has the built-in ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    queues: Vec<Value>,
    #[serde(default)]
    elastic_resource_pools: Vec<Value>,
    #[serde(default)]
    vpcs: Vec<Vpc>,
    #[serde(default)]
    subnets: Vec<Subnet>,
    #[serde(default)]
    route_tables: Vec<RouteTable>,
}

impl Seed {
    /// Reads a JSON file with the lists `queues`, `elastic_resource_pools`, `vpcs`, `subnets` and `route_tables`. An
    /// entry is an object with the fields of the API's lists, which have defaults. A queue or pool can be a name only.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, SeedError> {
        Self::parse(&fs::read(path)?)
    }

    /// Reads the content of such a file.
    pub fn parse(text: &[u8]) -> Result<Self, SeedError> {
        let Document { queues, elastic_resource_pools, vpcs, subnets, route_tables } = serde_json::from_slice(text)?;
        let mut project = Project { queues: Vec::new(), pools: Vec::new(), ..Project::seeded() };
        add_all("elastic_resource_pools", elastic_resource_pools, |entry| {
            let pool: Pool = with_defaults(entry, "elastic_resource_pool_name", &seeded_pool())?;
            if project.pool(&pool.name).is_some() {
                return Err(format!("the pool {} occurs twice", pool.name));
            }
            project.put_pool(pool).map_err(|error| error.text)
        })?;
        add_all("queues", queues, |entry| {
            let queue: Queue = with_defaults(entry, "queue_name", &seeded_queue())?;
            if project.queue(&queue.queue_name).is_some() {
                return Err(format!("the queue {} occurs twice", queue.queue_name));
            }
            project.put_queue(queue).map_err(|error| error.text)
        })?;
        if !(vpcs.is_empty() && subnets.is_empty() && route_tables.is_empty()) {
            let networks = &mut project.networks;
            *networks = Networks::default();
            add_all("vpcs", vpcs, |vpc| networks.put_vpc(vpc).map_err(|error| error.text))?;
            add_all("subnets", subnets, |subnet| networks.put_subnet(subnet).map_err(|error| error.text))?;
            add_all("route_tables", route_tables, |table| networks.put_route_table(table).map_err(|error| error.text))?;
        }
        Ok(Self(Arc::new(project)))
    }

    pub(super) fn project(&self) -> Project {
        (*self.0).clone()
    }
}

/// Adds the entries of a list in order. An error of `add` says what is wrong with the entry.
fn add_all<T>(
    list: &'static str,
    entries: Vec<T>,
    mut add: impl FnMut(T) -> Result<(), String>,
) -> Result<(), SeedError> {
    entries
        .into_iter()
        .enumerate()
        .try_for_each(|(index, entry)| add(entry).map_err(|problem| SeedError::Object { list, index, problem }))
}

/// Reads an object, or one that is its name only. `defaults` has every field.
fn with_defaults<T: Serialize + DeserializeOwned>(entry: Value, name: &str, defaults: &T) -> Result<T, String> {
    let entry = if entry.is_string() { json!({ name: entry }) } else { entry };
    let entry: Map<String, Value> = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let mut object = json!(defaults);
    for (key, value) in entry {
        let known = object.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
        let known: Vec<_> = known.collect();
        if !known.contains(&key.as_str()) {
            return Err(format!("unknown field {key}; expected one of {}", known.join(", ")));
        }
        object[key] = value;
    }
    serde_json::from_value(object).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_defaults() {
        let seed = Seed::parse(
            br#"{"elastic_resource_pools": ["p1"], "queues": ["Q1",
                {"queue_name": "q2", "queue_type": "general", "elastic_resource_pool_name": "p1"}]}"#,
        );
        let project = seed.expect("it reads").project();
        let queue = |name| project.queue(name).expect("it is there");
        assert!(queue("q1").may_be_bound() && queue("q1").queue_type == "sql" && queue("q1").create_time > 0);
        assert_eq!((&*queue("q2").queue_type, project.queues.len()), ("general", 2));
        let pool = project.pool("p1").expect("it is there");
        assert_eq!((&*pool.status, pool.queues), ("AVAILABLE", vec!["q2".to_owned()]));
        assert!(Seed::parse(b"{}").expect("it reads").project().queues.is_empty());
    }

    #[test]
    fn networks_replace_the_built_in_ones() {
        let networks = |text: &str| Seed::parse(text.as_bytes()).expect("it reads").project().networks;
        assert_eq!(networks("{}").subnets[0].cidr, "192.168.0.0/24");
        let own = networks(
            r#"{"vpcs": [{"id": "3ec3b33f-ac1c-4630-ad1c-7dba1ed79d85", "cidr": "10.0.0.0/8"}],
                "subnets": [{"id": "4779ab1c-7c1a-44b1-a02e-93dfc361b32d", "cidr": "10.1.0.0/16",
                    "vpc_id": "3ec3b33f-ac1c-4630-ad1c-7dba1ed79d85"}]}"#,
        );
        assert_eq!((own.vpcs.len(), own.subnets.len()), (1, 1));
        assert_eq!(own.subnets[0].gateway_ip, "10.1.0.1");
    }

    #[test]
    fn invalid_seed_is_located() {
        for (text, expected) in [
            ("", "it is not JSON of the expected form: EOF while parsing a value at line 1 column 0"),
            (
                r#"{"pools": []}"#,
                "it is not JSON of the expected form: unknown field `pools`, expected one of `queues`, `elastic_",
            ),
            (r#"{"vpcs": [{"cidr": "10.0.0.0/8"}]}"#, "it is not JSON of the expected form: missing field `id`"),
            (
                r#"{"subnets": [{"id": "78f2562a-36e4-4b39-95b9-f5aab22e1281", "cidr": "10.0.0.0/8"}]}"#,
                "subnets[0]: VPC ",
            ),
            (r#"{"queues": ["q1", "q1"]}"#, "queues[1]: the queue q1 occurs twice"),
            (r#"{"queues": [{"name": "q1"}]}"#, "queues[0]: unknown field name; expected one of charging_mode, "),
            (r#"{"queues": [{"queue_name": "a b"}]}"#, "queues[0]: The parameter queue_name is invalid"),
            (r#"{"queues": [{"queue_name": "q", "elastic_resource_pool_name": "p"}]}"#, "queues[0]: "),
            (r#"{"queues": [7]}"#, "queues[0]: invalid type: integer `7`, expected a map"),
        ] {
            let error = Seed::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
