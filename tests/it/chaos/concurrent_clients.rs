//! Another team in the same project: it makes and deletes connections of its own, some of them under our names, and adds
//! parts to connections of ours that leave these parts open. Nothing of it may ever be taken for ours.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use terraform_provider_dli::dli::wire::CreateConnection;

use super::blocks::Facts;
use super::cloud::Cloud;
use super::terraform::State;

/// A network that none of our connections is in.
const THEIR_NETWORK: &str = "99999999-36e4-4b39-95b9-f5aab22e1281";
/// A project that we never share with.
const THEIR_PROJECT: &str = "99999999999999999999999999999999";

/// What the other team has.
#[derive(Debug, Default)]
pub(super) struct OtherTeam {
    /// Its connections, with what each is and has.
    pub(super) connections: BTreeMap<String, Facts>,
    /// All that it ever had.
    pub(super) ever: BTreeSet<String>,
    /// Routes that it added to our connections, by connection.
    routes: BTreeMap<String, BTreeMap<String, String>>,
    /// Our connections that it shared with a project of its own.
    shared: BTreeSet<String>,
    count: u8,
    /// How many were made exactly like one of ours.
    pub(super) twins: usize,
}

impl OtherTeam {
    /// Makes a connection.
    pub(super) fn make(&mut self, cloud: &Cloud, name: &str, vpc: &str, network: &str) {
        let facts =
            Facts { name: name.to_owned(), vpc: vpc.to_owned(), network: network.to_owned(), ..Facts::default() };
        let request = CreateConnection {
            name: name.to_owned(),
            dest_vpc_id: vpc.to_owned(),
            dest_network_id: network.to_owned(),
            ..CreateConnection::default()
        };
        if let Some(id) = cloud.edit(|account| account.create(request)) {
            self.ever.insert(id.clone());
            self.connections.insert(id, facts);
        }
    }

    /// Makes a connection that cannot be told from one of ours, but for its id and when it was made.
    pub(super) fn make_twin(&mut self, cloud: &Cloud, name: &str, vpc: &str, network: &str) {
        let before = self.ever.len();
        self.make(cloud, name, vpc, network);
        self.twins += self.ever.len() - before;
    }

    /// Does something. `ours` is what we have told: the addresses without collections of their own, and the state.
    pub(super) fn act(&mut self, cloud: &Cloud, rng: &mut Rng, names: &[String], open: &[&str], ours: &State) {
        self.count = self.count.wrapping_add(1);
        let count = self.count;
        let (route, cidr) = (format!("theirs_{count}"), format!("172.16.{count}.0/24"));
        let theirs = rng.choice(self.connections.keys().cloned().collect::<Vec<_>>());
        let open = rng.choice(open.iter().filter_map(|address| ours.get(*address)).collect::<Vec<_>>());
        let open = open.and_then(|object| object.value.get("id").as_str().map(str::to_owned));
        match (rng.u8(..6), theirs, open) {
            (0, _, _) => {
                let name = rng.choice(names).cloned().unwrap_or_else(|| format!("foreign_{count}"));
                self.make(cloud, &name, "22094d8f-c310-4621-913d-4c4d655d8495", THEIR_NETWORK);
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

    /// What one of our connections has beside what is ours.
    pub(super) fn add_to(&self, id: &str, facts: &mut Facts) {
        facts.routes.extend(self.routes.get(id).cloned().unwrap_or_default());
        if self.shared.contains(id) {
            facts.shared_with.insert(THEIR_PROJECT.to_owned());
        }
    }

    /// Whatever of theirs is not as they left it.
    pub(super) fn touched(&self, cloud: &Cloud) -> Vec<String> {
        let held: BTreeMap<_, _> = cloud.connections().into_iter().map(|shown| (shown.id.clone(), shown)).collect();
        let differs = |(id, wanted): (&String, &Facts)| match held.get(id).map(|shown| cloud.facts(shown)) {
            None => Some(format!("theirs is gone: {id}")),
            Some(facts) if facts != *wanted => Some(format!("theirs was changed: {facts:?}, not {wanted:?}")),
            Some(_) => None,
        };
        self.connections.iter().filter_map(differs).collect()
    }
}
