//! What a plan finds about a part of a connection that it declares or removes twice, and the texts about it.

use std::io;

use super::error_detail::capitalized;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};

/// What a plan finds about a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// Another resource declares the part, too.
    Declared,
    /// A resource that holds the part is removed or replaced, and the configuration still needs the part.
    Removed,
    /// As before, but the apply will remove the part, because the plan could not record that it stays.
    NotRecorded,
    /// As `Removed`, in an apply, which says so when it deletes the resource.
    Kept,
    /// A resource for the binding of a queue is removed or replaced. The service has bound the queue's pool, which is
    /// unbound unless the configuration still needs it.
    PoolRemoved,
}

/// Parts, in words, and what was found about them.
pub(crate) type Overlaps = Vec<(String, Overlap)>;

/// The warnings and errors of a plan about what it has found.
pub(in crate::provider) fn report(overlaps: Overlaps) -> Diagnostics {
    overlaps.into_iter().filter_map(|(part, overlap)| overlap.describe(&part)).collect()
}

impl Overlap {
    fn describe(self, part: &str) -> Option<Diagnostic> {
        let noun = noun(part);
        Some(match self {
            Self::Kept => return None,
            Self::Declared => {
                let text = format!(
                    "Two resources declare the {part}. Both manage the same object. Remove one of them from the \
                     configuration; the object stays while the other declares it."
                );
                Diagnostic::warning("Declared by Two Resources", text)
            }
            Self::Removed => {
                let text = format!(
                    "A resource for the {part} is removed or replaced, and the configuration still needs the {noun}, so \
                     it stays. This requires that the plan is applied in the same working directory, and with \
                     create_before_destroy before another plan there. Otherwise the apply removes it, and it may be \
                     missing until the next apply, unless the resource is taken out of the state by a removed block \
                     with destroy = false."
                );
                Diagnostic::warning(stays(part), text)
            }
            Self::NotRecorded => {
                let text = format!(
                    "A resource for the {part} is removed or replaced, and the configuration still needs the {noun}. The \
                     plan must tell the apply that it stays, but cannot write to .terraform/dli in the working \
                     directory, so the apply would remove it. Nothing was changed.\n\nMake the directory writable. Or \
                     take the resource out of the state without destroying it: terraform state rm ADDRESS, or a removed \
                     block with destroy = false."
                );
                Diagnostic::error("Cannot Record What Stays", text)
            }
            Self::PoolRemoved => {
                let text = format!(
                    "A resource for the {part} is removed or replaced. The queue is in an elastic resource pool, and \
                     the service has bound the whole pool. Applying this plan unbinds it, and all queues in it lose \
                     the connection, unless a warning says that the binding stays."
                );
                Diagnostic::warning("Elastic Resource Pool May Be Unbound", text)
            }
        })
    }
}

/// The warning of an apply that keeps a part.
pub(super) fn kept(part: &str) -> Diagnostic {
    let text = format!("The {part} stays, because the plan has found that the configuration still needs it.");
    Diagnostic::warning(stays(part), text)
}

/// The error if an apply cannot find out whether a part stays.
pub(super) fn cannot_read_record(part: &str, error: &io::Error) -> Diagnostic {
    let text = format!(
        "The plan may have found that the {part} stays, but its record in .terraform/dli of the working directory cannot \
         be read: {error}. Nothing was changed.\n\nMake the directory readable and apply again."
    );
    Diagnostic::error("Cannot Read What Stays", text)
}

fn stays(part: &str) -> String {
    format!("{} Stays", capitalized(noun(part)))
}

/// The kind of a part: its first word.
fn noun(part: &str) -> &str {
    part.split(' ').next().unwrap_or(part)
}
