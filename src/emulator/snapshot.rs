//! The format of the state file and of the control API's state: one JSON document with a version.
//!
//! A document of an older version is upgraded step by step. Bump [`VERSION`] when an older emulator would lose data of
//! the new format, and add a step to [`upgrade`].

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{networks::Networks, project::Project};

/// Version 2 added networks. In version 1 a pool could be a name only.
pub(super) const VERSION: u32 = 2;

/// Identifies the file format.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "dli-emulator state")]
    State,
}

/// Read first, so that an unsupported version is reported as one.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "format")]
    _format: Format,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    format: Format,
    version: u32,
    projects: Cow<'a, BTreeMap<String, Project>>,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it is not a state file of dli-emulator")]
    Foreign(#[from] serde_json::Error),
    #[error("it has version {0}; this emulator reads versions 1 to {VERSION}")]
    Version(u32),
}

/// Returns the projects of a document and the version that it had.
pub(super) fn decode(document: &[u8]) -> Result<(BTreeMap<String, Project>, u32), DecodeError> {
    let Head { version, .. } = serde_json::from_slice(document)?;
    let document: Document<'_> = match version {
        VERSION => serde_json::from_slice(document)?,
        1..VERSION => {
            let mut value = serde_json::from_slice(document)?;
            (version..VERSION).for_each(|from| upgrade(&mut value, from));
            serde_json::from_value(value)?
        }
        _ => return Err(DecodeError::Version(version)),
    };
    Ok((document.projects.into_owned(), version))
}

pub(super) fn encode(projects: &BTreeMap<String, Project>) -> Vec<u8> {
    let document = Document { format: Format::State, version: VERSION, projects: Cow::Borrowed(projects) };
    serde_json::to_vec(&document).expect("the state is structures of texts and numbers")
}

/// Changes a document of version `from` to the next version.
fn upgrade(document: &mut Value, from: u32) {
    if from == 1 {
        for (_, project) in document["projects"].as_object_mut().into_iter().flatten() {
            let pools = project.get_mut("pools").and_then(Value::as_array_mut).into_iter().flatten();
            for pool in pools.filter(|pool| pool.is_string()) {
                *pool = json!({ "elastic_resource_pool_name": pool.take(), "status": "AVAILABLE" });
            }
            if let Some(project) = project.as_object_mut() {
                project.entry("networks").or_insert_with(|| json!(Networks::seeded()));
            }
        }
    }
    document["version"] = (from + 1).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project as written by the first version.
    #[test]
    fn first_version_project_is_upgraded() {
        let file = r#"{"format": "dli-emulator state", "version": 1, "projects": {"p": {
            "queues": [{"queue_name":"pooled1","queue_type":"general","charging_mode":1,"resource_mode":1,
                "elastic_resource_pool_name":"pool1","cidr_in_vpc":"10.30.0.0/18","create_time":1704067200000}],
            "pools": ["pool1", {"elastic_resource_pool_name": "pool2", "status": "SCALING"}],
            "connections": [{"id":"2a620c33-5609-40c9-affd-2b6453071b0f","name":"test","dest_vpc_id":"v",
                "dest_network_id":"n","routetable_id":null,"hosts":[],"tags":{},"create_time":1767225600000,
                "peerings":[{"target":"pool","name":"pool1","peer_id":"p","made_at_creation":true,
                    "bound_at":1767225600000,"settles_at":1767225600000,"failure":null}],"deleted":false}]
        }}}"#;
        let (projects, version) = decode(file.as_bytes()).expect("it reads");
        let project = &projects["p"];
        let pool = |name| project.pool(name).expect("the pool is kept");
        assert_eq!((version, pool("pool1").queues), (1, vec!["pooled1".to_owned()]));
        assert_eq!(project.networks.vpcs.len(), 1, "new projects have it too");
        assert_eq!((&*pool("pool1").status, &*pool("pool2").status), ("AVAILABLE", "SCALING"));
        let shown = project.connections[0].to_wire(1_767_225_600_000);
        assert_eq!((shown.elastic_resource_pools.len(), shown.routes.len(), shown.is_privis), (1, 0, Some(true)));
        let (again, version) = decode(&encode(&projects)).expect("it reads");
        assert_eq!((version, &again["p"].pools), (VERSION, &project.pools));
    }
}
