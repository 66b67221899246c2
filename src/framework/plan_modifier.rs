//! The plan modifier trait, and the modifiers that every provider needs.

use super::{path::Path, value::Value};

/// Adjusts the planned value of one attribute. A function with this argument is a plan modifier.
pub trait PlanModifier: Send + Sync {
    /// May change a computed planned value, and may require replacement.
    fn modify(&self, change: &mut Change<'_>);
}

impl<F: Fn(&mut Change<'_>) + Send + Sync> PlanModifier for F {
    fn modify(&self, change: &mut Change<'_>) {
        self(change);
    }
}

/// One root attribute during planning.
#[derive(Debug)]
pub struct Change<'a> {
    /// Path of the attribute.
    pub path: Path,
    /// Prior value; null on create.
    pub prior: &'a Value,
    /// Planned value so far.
    pub planned: &'a mut Value,
    /// Configured value.
    pub config: &'a Value,
    /// Whole prior state; null on create.
    pub prior_state: &'a Value,
    /// Whole planned state so far.
    pub planned_state: &'a Value,
    /// Whether the change requires replacement of the resource.
    pub replace: bool,
}

/// Replaces the resource when the attribute changes.
#[derive(Debug)]
pub struct RequiresReplace;

impl PlanModifier for RequiresReplace {
    fn modify(&self, change: &mut Change<'_>) {
        change.replace |= !change.prior_state.is_null() && change.prior != change.planned;
    }
}

/// Keeps the prior value of a computed attribute in an update.
#[derive(Debug)]
pub struct UseStateForUnknown {
    /// Attributes whose change makes the value unknown again.
    pub unless_changed: &'static [&'static str],
}

/// Keeps the prior value of a computed attribute in every update.
pub const USE_STATE_FOR_UNKNOWN: UseStateForUnknown = UseStateForUnknown { unless_changed: &[] };

impl PlanModifier for UseStateForUnknown {
    fn modify(&self, change: &mut Change<'_>) {
        let same = |name: &&str| change.prior_state.get(name) == change.planned_state.get(name);
        let open = change.planned.is_unknown() && change.config.is_null();
        if !change.prior_state.is_null() && open && self.unless_changed.iter().all(same) {
            *change.planned = change.prior.clone();
        }
    }
}
