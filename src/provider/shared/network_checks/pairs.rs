//! Targets that are bound to the same VPC: those of this plan, of other planned objects, and of the project.

use super::cache::Declaration;
use super::finding::{Bound, Finding};
use super::rules;
use super::target::Inventory;
use crate::framework::diagnostic::Diagnostics;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::plan_checks::PlanChecker;
use crate::provider::shared::run_state::{ConnectionSurvey, RunState};

/// The warning about a list of connections that cannot be read.
const NOT_CHECKED_SUMMARY: &str = "Networks of Other Connections Were Not Checked";

/// Declares what an object binds, and compares it with what others bind. Sends requests only if the object binds
/// something new.
pub(super) async fn check(
    checker: Option<&PlanChecker>,
    (run_state, project): (&RunState, &str),
    (vpc, object): (&str, &str),
    own: Declaration,
    report: &mut Diagnostics,
) -> Vec<Finding> {
    let others = run_state.networks.declared.declare(project, vpc, object, own.clone());
    let is_new = |declaration: &Declaration| declaration.targets.values().any(|is_new| *is_new);
    let (survey, inventory) = match checker.filter(|_| is_new(&own)) {
        Some(checker) => {
            let survey = checker.survey(NOT_CHECKED_SUMMARY, report).await;
            let bound = survey.iter().flat_map(|survey| survey.bound_to(vpc)).flat_map(|bound| &bound.targets);
            let declared = others.iter().chain([&own]).flat_map(|declaration| declaration.targets.keys());
            let names: Vec<_> = bound.chain(declared).cloned().collect();
            let inventory = checker.inventory(&names, report).await;
            (survey, inventory)
        }
        None if others.iter().any(is_new) => (None, run_state.known_inventory(project).await),
        None => return Vec::new(),
    };
    compare(run_state, project, (vpc, &own), &others, survey.as_deref(), &inventory)
}

fn compare(
    run_state: &RunState,
    project: &str,
    (vpc, own): (&str, &Declaration),
    others: &[Declaration],
    survey: Option<&ConnectionSurvey>,
    inventory: &Inventory,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bound = |name: &BindingTarget, connection: &str, is_declared| Bound {
        target: inventory.target(name),
        connection: connection.to_owned(),
        is_declared,
    };
    for (name, is_new) in &own.targets {
        let target = inventory.target(name);
        let mut check = |other: &Bound| findings.extend(rules::check_pair(&target, other, vpc));
        // Of two new ones, the second is reported.
        let siblings = own.targets.iter().filter(|(other, is_other_new)| *is_new && (!**is_other_new || *other < name));
        siblings.for_each(|(other, _)| check(&bound(other, &own.connection, true)));
        for declaration in others {
            let pairs = declaration.targets.iter().filter(|(_, is_other_new)| *is_new || **is_other_new);
            pairs.for_each(|(other, _)| check(&bound(other, &declaration.connection, true)));
        }
        let others_bound = survey.filter(|_| *is_new).into_iter().flat_map(|survey| survey.bound_to(vpc));
        for connection in others_bound.filter(|connection| !run_state.is_replaced(&connection.id)) {
            let declarations = others.iter().chain([own]);
            let of_connection: Vec<_> =
                declarations.filter(|other| other.id.as_ref() == Some(&connection.id)).collect();
            // What the configuration declares was compared above; what it takes away leaves.
            let is_declared = |name: &BindingTarget| {
                of_connection.iter().any(|declaration| {
                    let owns = if name.is_pool() { declaration.owns.1 } else { declaration.owns.0 };
                    owns || declaration.targets.keys().any(|declared| inventory.target(declared).bound == *name)
                })
            };
            let text = format!("the connection {:?} ({})", connection.name, connection.id);
            let unchanged = run_state.networks.declared.unchanged(project, &connection.id);
            for other in connection.targets.iter().filter(|name| !is_declared(name)) {
                let is_in_configuration = unchanged.iter().any(|declared| inventory.target(declared).bound == *other);
                check(&bound(other, &text, is_in_configuration));
            }
        }
    }
    findings
}
