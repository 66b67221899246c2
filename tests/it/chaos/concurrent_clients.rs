//! Another team that works in the same project.
//!
//! It creates and deletes its own connections, some with our names, and adds parts to our connections that do not
//! manage these parts. The provider must never adopt or change any of them.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use terraform_provider_dli::dli::wire::CreateConnection;

use super::blocks::ConnectionDetails;
use super::cloud::Cloud;
use super::terraform::State;

/// A network that none of our connections uses.
const THEIR_NETWORK: &str = "99999999-36e4-4b39-95b9-f5aab22e1281";
/// A project that we never share a connection with.
const THEIR_PROJECT: &str = "99999999999999999999999999999999";

/// The other team's objects.
#[derive(Debug, Default)]
pub(super) struct OtherTeam {
    /// Its connections by ID.
    pub(super) connections: BTreeMap<String, ConnectionDetails>,
    /// The IDs of all connections that it has created, including deleted ones.
    pub(super) ever_created: BTreeSet<String>,
    /// Routes that it added to our connections, by connection ID.
    routes: BTreeMap<String, BTreeMap<String, String>>,
    /// IDs of our connections that it shared with its project.
    shared: BTreeSet<String>,
    count: u8,
    /// The number of duplicates of our connections that it created.
    pub(super) duplicates: usize,
}

impl OtherTeam {
    /// Creates a connection.
    pub(super) fn create(&mut self, cloud: &Cloud, name: &str, vpc: &str, network: &str) {
        let details = ConnectionDetails {
            name: name.to_owned(),
            vpc: vpc.to_owned(),
            network: network.to_owned(),
            ..ConnectionDetails::default()
        };
        let request = CreateConnection {
            name: name.to_owned(),
            dest_vpc_id: vpc.to_owned(),
            dest_network_id: network.to_owned(),
            ..CreateConnection::default()
        };
        if let Some(id) = cloud.edit(|account| account.create(request)) {
            self.ever_created.insert(id.clone());
            self.connections.insert(id, details);
        }
    }

    /// Creates a connection that differs from one of ours only in its ID and creation time.
    pub(super) fn create_duplicate(&mut self, cloud: &Cloud, name: &str, vpc: &str, network: &str) {
        let before = self.ever_created.len();
        self.create(cloud, name, vpc, network);
        self.duplicates += self.ever_created.len() - before;
    }

    /// Performs one random change. `open` are the addresses of our connections without inline parts, and `own_state` is
    /// our state.
    pub(super) fn act(&mut self, cloud: &Cloud, rng: &mut Rng, names: &[String], open: &[&str], own_state: &State) {
        self.count = self.count.wrapping_add(1);
        let count = self.count;
        let (route, cidr) = (format!("theirs_{count}"), format!("172.16.{count}.0/24"));
        let own = rng.choice(self.connections.keys().cloned().collect::<Vec<_>>());
        let open = rng.choice(open.iter().filter_map(|address| own_state.get(*address)).collect::<Vec<_>>());
        let open = open.and_then(|object| object.value.get("id").as_str().map(str::to_owned));
        match (rng.u8(..6), own, open) {
            (0, _, _) => {
                let name = rng.choice(names).cloned().unwrap_or_else(|| format!("foreign_{count}"));
                self.create(cloud, &name, "22094d8f-c310-4621-913d-4c4d655d8495", THEIR_NETWORK);
            }
            (1, Some(id), _) => {
                let Some(()) = cloud.edit(|account| account.delete(&id)) else { return };
                self.connections.remove(&id);
            }
            (2, Some(id), _) => {
                let Some(()) = cloud.edit(|account| account.add_route(&id, &route, &cidr)) else { return };
                self.connections.entry(id).or_default().routes.insert(route, cidr);
            }
            (3 | 4, _, Some(id)) => {
                let Some(()) = cloud.edit(|account| account.add_route(&id, &route, &cidr)) else { return };
                self.routes.entry(id).or_default().insert(route, cidr);
            }
            (5, _, Some(id)) => {
                let Some(()) = cloud.edit(|account| account.grant(&id, THEIR_PROJECT)) else { return };
                self.shared.insert(id);
            }
            _ => {}
        }
    }

    /// Adds the parts that the other team added to one of our connections.
    pub(super) fn add_to(&self, id: &str, details: &mut ConnectionDetails) {
        details.routes.extend(self.routes.get(id).cloned().unwrap_or_default());
        if self.shared.contains(id) {
            details.shared_with.insert(THEIR_PROJECT.to_owned());
        }
    }

    /// Describes each of its connections that is missing or differs from what it left.
    pub(super) fn violations(&self, cloud: &Cloud) -> Vec<String> {
        let current: BTreeMap<_, _> = cloud.connections().into_iter().map(|shown| (shown.id.clone(), shown)).collect();
        let differs =
            |(id, wanted): (&String, &ConnectionDetails)| match current.get(id).map(|shown| cloud.details(shown)) {
                None => Some(format!("connection {id} of the other team was deleted")),
                Some(details) if details != *wanted => {
                    Some(format!("connection of the other team is {details:?}, expected {wanted:?}"))
                }
                Some(_) => None,
            };
        self.connections.iter().filter_map(differs).collect()
    }
}
