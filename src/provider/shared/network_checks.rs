//! Checks of a plan against the network: the VPC and the subnet of a connection, its route table, and the networks of
//! queues, pools, routes and hosts.
//!
//! | call | when |
//! |---|---|
//! | `GET /v1/{project}/subnets?vpc_id=` | once for each VPC of a planned connection or binding |
//! | `GET /v1/{project}/subnets/{id}` | if that list lacks the subnet |
//! | `GET /v3/{project}/vpc/vpcs/{id}` | once for each VPC, if a queue, pool or host could be in its networks |
//! | `GET /v1/{project}/routetables/{id}` | once for each new `routetable_id` |
//!
//! Only what a plan creates or changes is checked, so a plan without changes sends no request. The lists of queues,
//! pools and connections are those of [`plan_checks`](super::plan_checks). A check never changes planned values. If the
//! VPC service rejects the request or does not respond, one warning of the run says so.

pub(super) mod cache;
mod connection;
mod finding;
mod pairs;
mod parts;
mod reader;
pub(crate) mod rules;
pub(super) mod target;

pub(crate) use self::connection::{check_connection, routes_of};
pub(crate) use self::finding::{Bound, Finding};
pub(crate) use self::parts::{check_binding, check_route, check_unchanged_binding};
pub(crate) use self::reader::NetworkReader;
pub(crate) use self::target::{Inventory, Target};
