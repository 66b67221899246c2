//! What queues and pools have besides the fields that connections need: identifiers, properties and scaling policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::api_error::ApiError;
use crate::dli::wire::{Pool, Queue};

/// The default enterprise project.
pub(super) const DEFAULT_PROJECT: &str = "0";
/// Creation time of objects that no request created, in milliseconds: 2024-01-01T00:00:00Z.
pub(super) const SEEDED_AT: i64 = 1_704_067_200_000;
/// A day in hours.
const DAY: u32 = 24;

/// The details of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QueueDetails {
    pub(super) resource_id: String,
    pub(super) enterprise_project_id: String,
    pub(super) platform: String,
    /// `basic` or `ai`; empty if the request that created the queue had none. The documents make `basic` the default,
    /// but tests of other clients show that the service does not return it then.
    pub(super) feature: String,
    pub(super) engine: String,
    pub(super) properties: BTreeMap<String, String>,
    /// Of a queue in a pool.
    pub(super) scaling_policies: Vec<ScalingPolicy>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

impl QueueDetails {
    /// The details of a queue for which nothing was given.
    pub(super) fn of(queue: &Queue) -> Self {
        let policy = ScalingPolicy::whole_day(queue.cu_count);
        let is_pooled = !queue.elastic_resource_pool_name.is_empty();
        Self {
            resource_id: resource_id("queue", &queue.queue_name),
            enterprise_project_id: DEFAULT_PROJECT.to_owned(),
            platform: "x86_64".to_owned(),
            feature: String::new(),
            engine: "spark".to_owned(),
            properties: BTreeMap::new(),
            scaling_policies: is_pooled.then_some(policy).into_iter().collect(),
            tags: BTreeMap::new(),
        }
    }
}

/// The details of an elastic resource pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PoolDetails {
    pub(super) resource_id: String,
    pub(super) enterprise_project_id: String,
    /// Such as `spec` with the value `basic`.
    pub(super) label: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

impl PoolDetails {
    /// The details of a pool for which nothing was given.
    pub(super) fn of(pool: &Pool) -> Self {
        Self {
            resource_id: resource_id("pool", &pool.name),
            enterprise_project_id: DEFAULT_PROJECT.to_owned(),
            label: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// Whether tags contain all pairs of a filter.
pub(super) fn has_tags(tags: &BTreeMap<String, String>, filter: &[(&str, &str)]) -> bool {
    filter.iter().all(|(key, value)| tags.get(*key).is_some_and(|found| found == value))
}

/// A UUID that depends on the name only.
fn resource_id(kind: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{kind} {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// How many compute units a queue of a pool may have in a period of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScalingPolicy {
    priority: i64,
    /// A whole hour, such as `08:00`; the period includes it.
    impact_start_time: String,
    /// A whole hour, at most `24:00`; the period ends before it.
    impact_stop_time: String,
    pub(super) min_cu: i64,
    pub(super) max_cu: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inherit_elastic_resource_pool_max_cu: Option<bool>,
}

impl ScalingPolicy {
    /// The policy of a queue for which none was given.
    pub(super) fn whole_day(cu_count: i64) -> Self {
        Self {
            priority: 1,
            impact_start_time: "00:00".to_owned(),
            impact_stop_time: "24:00".to_owned(),
            min_cu: cu_count,
            max_cu: cu_count,
            inherit_elastic_resource_pool_max_cu: None,
        }
    }

    /// The period in hours; the document's samples also write `0:0`.
    fn period(&self) -> Result<(u32, u32), ApiError> {
        let hour = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
            (minute == 0 && hour <= DAY).then_some(hour)
        };
        let (start, stop) = (hour(&self.impact_start_time), hour(&self.impact_stop_time));
        start.zip(stop).filter(|(start, stop)| start < stop).ok_or_else(|| {
            let (start, stop) = (&self.impact_start_time, &self.impact_stop_time);
            ApiError::invalid_parameter(format!("The period {start:?} to {stop:?} is not one of whole hours of a day"))
        })
    }

    fn check(&self) -> Result<(), ApiError> {
        let (min, max) = (self.min_cu, self.max_cu);
        if !(1..=100).contains(&self.priority) {
            return Err(ApiError::invalid_parameter(format!("The parameter priority is invalid: {}", self.priority)));
        }
        if min < 0 || min > max || min % 4 != 0 || max % 4 != 0 {
            let text = format!("The parameters min_cu {min} and max_cu {max} are not ordered multiples of 4");
            return Err(ApiError::invalid_parameter(text));
        }
        Ok(())
    }
}

/// Checks the policies of a queue: one for the whole day, and others that do not overlap.
pub(super) fn check_policies(policies: &[ScalingPolicy]) -> Result<(), ApiError> {
    let mut hours = BTreeSet::new();
    let mut is_default_there = false;
    for policy in policies {
        policy.check()?;
        match policy.period()? {
            (0, DAY) if !is_default_there => is_default_there = true,
            (start, stop) => {
                if let Some(hour) = (start..stop).find(|hour| !hours.insert(*hour)) {
                    return Err(ApiError::invalid_parameter(format!("Two scaling policies have the hour {hour}:00")));
                }
            }
        }
    }
    if is_default_there {
        return Ok(());
    }
    Err(ApiError::invalid_parameter("The scaling policies lack the default one, from 00:00 to 24:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(start: &str, stop: &str) -> ScalingPolicy {
        let (impact_start_time, impact_stop_time) = (start.to_owned(), stop.to_owned());
        ScalingPolicy { impact_start_time, impact_stop_time, ..ScalingPolicy::whole_day(16) }
    }

    #[test]
    fn policies_need_a_default_and_must_not_overlap() {
        let day = || policy("00:00", "24:00");
        let check = |policies: Vec<ScalingPolicy>| check_policies(&policies).map_err(|error| error.text);
        assert_eq!(check(vec![policy("0:0", "24:0"), policy("08:00", "12:00"), policy("12:00", "13:00")]), Ok(()));
        for (policies, said) in [
            (vec![], "lack the default one"),
            (vec![policy("08:00", "12:00")], "lack the default one"),
            (vec![day(), policy("08:00", "12:00"), policy("11:00", "13:00")], "the hour 11:00"),
            (vec![day(), policy("08:30", "12:00")], "whole hours"),
            (vec![day(), policy("12:00", "08:00")], "whole hours"),
            (vec![day(), policy("12:00", "25:00")], "whole hours"),
            (vec![ScalingPolicy { min_cu: 20, ..day() }], "min_cu 20 and max_cu 16"),
            (vec![ScalingPolicy { max_cu: 18, ..day() }], "multiples of 4"),
            (vec![ScalingPolicy { priority: 0, ..day() }], "priority is invalid: 0"),
        ] {
            let error = check(policies).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }
}
