//! The functions of the provider.

mod cidrs_overlap;
mod hosts_from_text;

use crate::framework::function::Function;

pub(super) fn functions() -> Vec<Function> {
    vec![cidrs_overlap::function(), hosts_from_text::function()]
}
