//! The part of the guide to errors that is made from the provider's own table, and the message that it shows.

use terraform_provider_dli::dli::error_catalog::{
    CallMatcher, CodeMatcher, Example, KNOWN_ERRORS, KnownError, Matcher,
};

/// The headings, in the order of a reader's search.
const GROUPS: [&str; 6] = [
    "Networks and Bindings",
    "Codes of DLI",
    "Codes of the API Gateway",
    "Identity and Access Management (IAM)",
    "No Answer of the Service",
    "Any Other Answer",
];

/// All that is known, under headings; within one in the order in which it is looked for.
pub(crate) fn section() -> String {
    let within = |group| KNOWN_ERRORS.iter().filter(move |trouble| group_of(trouble) == group).map(entry);
    let groups = GROUPS.iter().flat_map(|group| std::iter::once(format!("## {group}")).chain(within(*group)));
    groups.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn group_of(KnownError { name, matchers, .. }: &KnownError) -> &'static str {
    let has = |wanted: fn(&Matcher) -> bool| matchers.iter().any(wanted);
    match name.split(['.', '-']).next() {
        _ if has(|sign| matches!(sign, Matcher::Binding(_))) => GROUPS[0],
        _ if has(|sign| matches!(sign, Matcher::Transport(_))) => GROUPS[4],
        Some("DLI") => GROUPS[1],
        Some("APIGW") => GROUPS[2],
        Some("IAM") => GROUPS[3],
        _ if *name == "HTTP-401" => GROUPS[3],
        _ => GROUPS[5],
    }
}

fn entry(trouble: &KnownError) -> String {
    let KnownError { title, matchers, meaning, action, example, .. } = trouble;
    let codes = codes(trouble);
    let heading = if codes.is_empty() { format!("### {title}") } else { format!("### {codes}: {title}") };
    let matchers: Vec<String> = matchers.iter().filter_map(sign).collect();
    let matchers = (!matchers.is_empty()).then(|| format!("Recognised by {}.", matchers.join("; or by ")));
    let example = example.map(|Example { message, .. }| format!("For example: \"{message}\""));
    let known: Vec<String> = matchers.into_iter().chain(example).collect();
    let known = (!known.is_empty()).then(|| known.join("\n"));
    let advice = [format!("**Means:** {meaning}"), format!("**What to do:** {action}")];
    std::iter::once(heading).chain(known).chain(advice).collect::<Vec<_>>().join("\n\n")
}

/// The codes that stand for it, where it is one of codes.
fn codes(KnownError { name, matchers, example, .. }: &KnownError) -> String {
    let listed = matchers.iter().find_map(|sign| match sign {
        Matcher::Answer { code: CodeMatcher::OneOf(codes), calls: CallMatcher::Any, .. } => Some(codes.join(", ")),
        _ => None,
    });
    let example = example.map(|example| example.code).filter(|code| !code.is_empty() && name.starts_with(code));
    listed.or_else(|| example.map(str::to_owned)).unwrap_or_default()
}

/// How it is recognised; what is recognised by its kind alone has no words for it.
fn sign(sign: &Matcher) -> Option<String> {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    match sign {
        Matcher::Answer { statuses: (first, last), code, words, calls } => {
            let code = match code {
                CodeMatcher::OneOf(codes) => {
                    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
                }
                CodeMatcher::Missing => "an answer without a code".to_owned(),
                CodeMatcher::Present => "any code".to_owned(),
                CodeMatcher::Any => String::new(),
            };
            let status = match (first, last) {
                (0, 999) => String::new(),
                (first, last) if first == last => format!("HTTP {first}"),
                (first, last) => format!("HTTP {first} to {last}"),
            };
            let words = if words.is_empty() { String::new() } else { format!("the words {}", quoted(words)) };
            let parts: Vec<_> = [code, status, words].into_iter().filter(|part| !part.is_empty()).collect();
            let calls = match calls {
                CallMatcher::Any => "",
                CallMatcher::OfIdentity => " from IAM",
                CallMatcher::NotOfRoutes => ", but not in a call about a route",
            };
            (!parts.is_empty()).then(|| parts.join(" with ") + calls)
        }
        Matcher::Binding([]) => Some("a binding that is FAILED".to_owned()),
        Matcher::Binding(words) => Some(format!("a binding that is FAILED with the words {}", quoted(words))),
        Matcher::Transport(_) => None,
    }
}
