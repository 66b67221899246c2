//! What a practitioner sees.

use std::collections::BTreeMap;

use super::path::{Path, Step};

/// Whether Terraform goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not.
    Error,
    /// It does, and shows it.
    Warning,
}

const REPORT: &str = "This is always a fault of the provider, not of the configuration. Please report it.";

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of thing it is, in title case, without full stop.
    pub summary: String,
    /// What happened, what Terraform now holds, what to do.
    pub detail: String,
    /// What it is about; the root where it is about the whole.
    pub path: Path,
}

impl Diagnostic {
    /// An error about the whole.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), detail: detail.into(), path: Path::root() }
    }

    /// A warning about the whole.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// The same, as something that need not stop anyone.
    #[must_use]
    pub fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same about one place.
    pub fn at(self, path: Path) -> Self {
        Self { path, ..self }
    }

    /// A broken promise of the provider itself.
    pub fn bug(detail: impl std::fmt::Display) -> Self {
        Self::error("Bug in the Provider", format!("{detail}\n\n{REPORT}"))
    }

    /// What is wrong, without the request to report it: for where it is not the provider's fault after all.
    pub fn detail_without_report_request(&self) -> &str {
        self.detail.trim_end_matches(REPORT).trim_end()
    }
}

/// Messages of one call, in the order in which they came up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds many.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(others);
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Each in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Shows the first `most` of each kind (same summary, same attribute of the root) and sums up the rest in one more
    /// message, so that 20,000 bad records stay readable.
    pub fn limit_repeated(self, most: usize) -> Self {
        type Kind = (Severity, String, Option<Step>);
        let kind = |d: &Diagnostic| -> Kind { (d.severity, d.summary.clone(), d.path.head().cloned()) };
        let mut seen: BTreeMap<Kind, (usize, Vec<String>)> = BTreeMap::new();
        let mut shown = Vec::new();
        for diagnostic in self.0 {
            let (count, examples) = seen.entry(kind(&diagnostic)).or_default();
            *count += 1;
            if *count <= most {
                shown.push(diagnostic);
            } else if examples.len() < 3 {
                examples.push(diagnostic.path.to_string());
            }
        }
        for ((severity, summary, head), (count, examples)) in seen {
            if count > most {
                let more = count - most;
                let ellipsis = if more > examples.len() { ", …" } else { "" };
                shown.push(Diagnostic {
                    severity,
                    detail: format!(
                        "{more} more of this kind, {count} in all: {}{ellipsis}\n\nThe first {most} are shown one by one.",
                        examples.join(", ")
                    ),
                    summary,
                    path: Path::root().step_if(head),
                });
            }
        }
        Self(shown)
    }
}

impl Path {
    fn step_if(&self, step: Option<Step>) -> Self {
        step.map_or_else(|| self.clone(), |step| self.step(step))
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(diagnostics: T) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_are_shown_and_the_rest_summed_up() {
        let mut all = Diagnostics::new();
        for n in 0..25 {
            all.push(Diagnostic::error("Invalid Host Name", "…").at(Path::attribute("hosts").key(format!("{n}bad"))));
        }
        all.push(Diagnostic::error("Invalid Tag Key", "…").at(Path::attribute("tags").key("x/y")));
        let shown = all.limit_repeated(20);
        assert_eq!(shown.iter().count(), 22);
        let last = shown.iter().last().expect("there are 22");
        assert_eq!(last.path, Path::attribute("hosts"));
        assert!(last.detail.starts_with(r#"5 more of this kind, 25 in all: hosts["20bad"], "#), "{}", last.detail);
    }

    #[test]
    fn twenty_of_a_kind_are_all_shown() {
        let mut all = Diagnostics::new();
        for n in 0..20 {
            all.push(Diagnostic::error("Invalid Host Name", "…").at(Path::attribute("hosts").key(format!("{n}bad"))));
        }
        assert_eq!(all.clone().limit_repeated(20), all);
    }
}
