//! Queues and elastic resource pools with their networks.
//!
//! If a queue belongs to a pool, the service binds the pool, so the network of the pool counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use crate::dli::rules;
use crate::dli::wire::{Pool, Queue};
use crate::provider::shared::binding_target::BindingTarget;

/// A queue or pool, and its network as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{name}{}", if bound == name { String::new() } else { format!(" of the {bound}") })]
pub(crate) struct Target {
    /// The name in the configuration.
    pub(crate) name: BindingTarget,
    /// What the service binds for it.
    pub(crate) bound: BindingTarget,
    pub(crate) network: Option<IpNet>,
    pub(crate) has_ipv6: Option<bool>,
}

/// The queues and pools of a project by name in lower case, as far as they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) queues: Option<Arc<BTreeMap<String, Queue>>>,
    pub(crate) pools: Option<Arc<BTreeMap<String, Pool>>>,
}

impl Inventory {
    /// Whether a queue is in a pool.
    pub(crate) fn is_pooled(&self, name: &BindingTarget) -> bool {
        let BindingTarget::Queue(name) = name else { return false };
        let queue = self.queues.as_ref().and_then(|queues| queues.get(name));
        queue.is_some_and(|queue| !queue.elastic_resource_pool_name.is_empty())
    }

    /// Whether the project has a queue or pool of this name.
    pub(crate) fn has(&self, name: &BindingTarget) -> bool {
        match name {
            BindingTarget::Queue(name) => self.queues.as_ref().is_some_and(|queues| queues.contains_key(name)),
            BindingTarget::Pool(name) => self.pools.as_ref().is_some_and(|pools| pools.contains_key(name)),
        }
    }

    pub(crate) fn target(&self, name: &BindingTarget) -> Target {
        let pool = |name: &str| self.pools.as_ref().and_then(|pools| pools.get(name));
        let queue = |name: &str| self.queues.as_ref().and_then(|queues| queues.get(name));
        let of_pool = |bound: &str| Target {
            name: name.clone(),
            bound: BindingTarget::pool(bound),
            network: pool(bound).and_then(|pool| rules::network(&pool.cidr_in_vpc)),
            has_ipv6: pool(bound).and_then(|pool| pool.ipv6_enable),
        };
        match name {
            BindingTarget::Pool(pool) => of_pool(pool),
            BindingTarget::Queue(own) => match queue(own) {
                Some(queue) if !queue.elastic_resource_pool_name.is_empty() => {
                    of_pool(&queue.elastic_resource_pool_name.to_ascii_lowercase())
                }
                queue => Target {
                    name: name.clone(),
                    bound: name.clone(),
                    network: queue.and_then(|queue| rules::network(&queue.cidr_in_vpc)),
                    has_ipv6: None,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_in_a_pool_has_the_network_of_the_pool() {
        let queue = |pool: &str, cidr: &str| Queue {
            elastic_resource_pool_name: pool.to_owned(),
            cidr_in_vpc: cidr.to_owned(),
            ..Queue::default()
        };
        let pool = Pool { cidr_in_vpc: "10.30.0.0/18".into(), ipv6_enable: Some(true), ..Pool::default() };
        let inventory = Inventory {
            queues: Some(Arc::new(
                [("q1", queue("", "10.1.0.0/24")), ("inside", queue("Pool1", "10.30.1.0/24"))]
                    .map(|(name, queue)| (name.to_owned(), queue))
                    .into(),
            )),
            pools: Some(Arc::new([("pool1".to_owned(), pool)].into())),
        };
        let shown = |name: BindingTarget| {
            let target = inventory.target(&name);
            (target.to_string(), target.network.map(|network| network.to_string()), target.has_ipv6)
        };
        assert_eq!(shown(BindingTarget::queue("Q1")), ("queue \"q1\"".into(), Some("10.1.0.0/24".into()), None));
        let text = "queue \"inside\" of the elastic resource pool \"pool1\"".to_owned();
        assert_eq!(shown(BindingTarget::queue("inside")), (text, Some("10.30.0.0/18".into()), Some(true)));
        assert_eq!(shown(BindingTarget::queue("unknown")), ("queue \"unknown\"".into(), None, None));
    }
}
