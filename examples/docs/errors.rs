//! Renders the provider's error catalog as a section of the error guide.

use terraform_provider_dli::dli::error_catalog::{
    CallMatcher, CodeMatcher, Example, KNOWN_ERRORS, KnownError, Matcher,
};

/// The headings, in the order of the guide.
const GROUPS: [&str; 6] = [
    "Networks and Bindings",
    "Codes of DLI",
    "Codes of the API Gateway",
    "Identity and Access Management (IAM)",
    "No Response from the Service",
    "Other Responses",
];

/// All known errors by heading, in the order in which the provider searches them.
pub(crate) fn section() -> String {
    let entries = |group| KNOWN_ERRORS.iter().filter(move |error| group_of(error) == group).map(entry);
    let groups = GROUPS.iter().flat_map(|group| std::iter::once(format!("## {group}")).chain(entries(*group)));
    groups.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn group_of(KnownError { name, matchers, .. }: &KnownError) -> &'static str {
    let has = |wanted: fn(&Matcher) -> bool| matchers.iter().any(wanted);
    match name.split(['.', '-']).next() {
        _ if has(|matcher| matches!(matcher, Matcher::Binding(_))) => GROUPS[0],
        _ if has(|matcher| matches!(matcher, Matcher::Transport(_))) => GROUPS[4],
        Some("DLI" | "queue") => GROUPS[1],
        Some("APIGW") => GROUPS[2],
        Some("IAM") => GROUPS[3],
        _ if *name == "HTTP-401" => GROUPS[3],
        _ => GROUPS[5],
    }
}

fn entry(error: &KnownError) -> String {
    let KnownError { title, matchers, meaning, action, example, .. } = error;
    let codes = codes(error);
    let heading = if codes.is_empty() { format!("### {title}") } else { format!("### {codes}: {title}") };
    let matchers: Vec<String> = matchers.iter().filter_map(describe).collect();
    let matchers = (!matchers.is_empty()).then(|| format!("Matches: {}.", matchers.join("; or ")));
    let example = example.map(|Example { message, .. }| format!("Example message: \"{message}\""));
    let lines: Vec<String> = matchers.into_iter().chain(example).collect();
    let lines = (!lines.is_empty()).then(|| lines.join("\n"));
    let advice = [format!("**What it usually means:** {meaning}"), format!("**What to do:** {action}")];
    std::iter::once(heading).chain(lines).chain(advice).collect::<Vec<_>>().join("\n\n")
}

/// The error codes of an entry; empty if it has none.
fn codes(KnownError { name, matchers, example, .. }: &KnownError) -> String {
    let listed = matchers.iter().find_map(|matcher| match matcher {
        Matcher::Response { code: CodeMatcher::OneOf(codes), calls: CallMatcher::Any, .. } => Some(codes.join(", ")),
        _ => None,
    });
    let example = example.map(|example| example.code).filter(|code| !code.is_empty() && name.starts_with(code));
    listed.or_else(|| example.map(str::to_owned)).unwrap_or_default()
}

/// Describes one matcher; `None` if it matches by the kind of failure alone.
fn describe(matcher: &Matcher) -> Option<String> {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    match matcher {
        Matcher::Response { statuses: (first, last), code, words, calls } => {
            let code = match code {
                CodeMatcher::OneOf(codes) => {
                    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
                }
                CodeMatcher::Missing => "a response without a code".to_owned(),
                CodeMatcher::Present => "any code".to_owned(),
                CodeMatcher::Any => String::new(),
            };
            let status = match (first, last) {
                (0, 999) => String::new(),
                (first, last) if first == last => format!("HTTP {first}"),
                (first, last) => format!("HTTP {first} to {last}"),
            };
            let words =
                if words.is_empty() { String::new() } else { format!("a message containing {}", quoted(words)) };
            let parts: Vec<_> = [code, status, words].into_iter().filter(|part| !part.is_empty()).collect();
            let calls = match calls {
                CallMatcher::Any => "",
                CallMatcher::OfIdentity => " from IAM",
                CallMatcher::OfRoutes => " in requests about routes",
                CallMatcher::NotOfRoutes => ", except in requests about routes",
                CallMatcher::OfConnectivityTests => " in requests that start a connectivity test",
            };
            (!parts.is_empty()).then(|| parts.join(" with ") + calls)
        }
        Matcher::Binding([]) => Some("a binding with status `FAILED`".to_owned()),
        Matcher::Binding(words) => {
            Some(format!("a binding with status `FAILED` and a message containing {}", quoted(words)))
        }
        Matcher::Transport(_) => None,
    }
}
