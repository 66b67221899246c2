//! Import rules: which modules may import each other, and no import cycles between the files of a module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module, the modules that it may import, and crates that it must not name.
const MODULES: [(&str, &[&str], &[&str]); 8] = [
    ("plugin", &["protocol"], &["reqwest", "axum"]),
    ("protocol", &["framework"], &["reqwest", "axum", "http"]),
    ("framework", &[], &["tonic", "prost", "reqwest", "axum", "http", "serde_json", "rmp"]),
    ("provider", &["framework", "client", "dli"], &["tonic", "prost", "reqwest", "axum", "http", "rmp"]),
    ("client", &["dli"], &["tonic", "prost", "axum"]),
    ("dli", &[], &["tonic", "prost", "reqwest", "axum", "http", "tokio"]),
    ("emulator", &["dli"], &["tonic", "prost", "reqwest"]),
    ("install", &[], &["tonic", "prost", "reqwest", "axum", "http", "tokio", "serde_json", "rmp"]),
];

/// A `use` of one name.
struct Import {
    name: String,
    path: Vec<String>,
    public: bool,
}

/// The imports and paths of one file, without comments, texts and unit tests.
#[derive(Default)]
struct Source {
    imports: Vec<Import>,
    paths: Vec<Vec<String>>,
    test_modules: Vec<String>,
}

impl Source {
    fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let token = |at: usize| tokens.get(at).map_or("", String::as_str);
        let mut source = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            match token(at) {
                "mod" if token(at + 1) == "tests" && token(at + 2) == "{" => break,
                "mod" if token(at + 2) == ";" => {
                    let start = tokens[..at].iter().rposition(|token| token == ";" || token == "}").unwrap_or(0);
                    if tokens[start..at].windows(3).any(|attribute| attribute == ["cfg", "(", "test"]) {
                        source.test_modules.push(token(at + 1).to_owned());
                    }
                    at += 3;
                }
                "use" if token(at + 1) != "<" => {
                    let public = at > 0 && (token(at - 1) == "pub" || token(at - 1) == ")");
                    at = source.import(&tokens, at + 1, &[], public);
                }
                word if is_name(word) && token(at + 1) == "::" => {
                    let mut path = vec![word.to_owned()];
                    at += 1;
                    while token(at) == "::" && is_name(token(at + 1)) {
                        path.push(token(at + 1).to_owned());
                        at += 2;
                    }
                    source.paths.push(path);
                    at += 1;
                }
                _ => at += 1,
            }
        }
        source
    }

    /// Parses a tree of `use` that starts at `at`, and returns the position behind it.
    fn import(&mut self, tokens: &[String], mut at: usize, prefix: &[String], public: bool) -> usize {
        let mut path = prefix.to_vec();
        loop {
            match tokens[at].as_str() {
                "{" => {
                    at += 1;
                    while tokens[at] != "}" {
                        at = self.import(tokens, at, &path, public);
                        if tokens[at] == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "::" => at += 1,
                "as" => {
                    self.imports.push(Import { name: tokens[at + 1].clone(), path, public });
                    return at + 2;
                }
                "," | "}" | ";" => {
                    let name = path.last().cloned().unwrap_or_default();
                    self.imports.push(Import { name, path, public });
                    return at;
                }
                "self" if !path.is_empty() => at += 1,
                segment => {
                    path.push(segment.to_owned());
                    at += 1;
                }
            }
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits code into names, `::` and single signs; comments, texts and characters are left out.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if is_name(rest) {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let hashes = rest[length..].bytes().take_while(|byte| *byte == b'#').count();
            if matches!(&rest[..length], "r" | "br") && rest[length + hashes..].starts_with('"') {
                let end = format!("\"{}", "#".repeat(hashes));
                let start = length + hashes + 1;
                rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
            } else {
                tokens.push(rest[..length].to_owned());
                length
            }
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else if first == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        } else if first == '\'' {
            // A character, or else a lifetime.
            let character = rest[1..].chars().next().map_or(1, char::len_utf8);
            match rest[1..].strip_prefix('\\').and_then(|escape| escape[1..].find('\'')) {
                Some(at) => at + 4,
                None if rest[1 + character..].starts_with('\'') => character + 2,
                None => 1,
            }
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The parsed files of `src`, by module path such as `client::retry`.
struct Sources(BTreeMap<String, Source>);

impl Sources {
    fn read() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = BTreeMap::new();
        for file in files(&source) {
            let path = file.strip_prefix(&source).expect("the file is in src").with_extension("");
            let names: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            if !["main", "bin"].contains(&names[0].as_ref()) {
                let module = if names[0] == "lib" { String::new() } else { names.join("::") };
                sources.insert(module, Source::parse(&fs::read_to_string(&file).expect("the file can be read")));
            }
        }
        let test_only: Vec<_> = sources
            .iter()
            .flat_map(|(module, source)| source.test_modules.iter().map(|name| child(module, name)))
            .collect();
        sources.retain(|module, _| !test_only.contains(module));
        Self(sources)
    }

    /// Returns the module whose file defines what `path` names in the file of `from`, and whether it is that module.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<(String, bool)> {
        let (mut module, mut rest) = match path[0].as_str() {
            "crate" => (String::new(), &path[1..]),
            "self" => (from.to_owned(), &path[1..]),
            "super" => {
                let levels = path.iter().take_while(|segment| *segment == "super").count();
                (ancestor(from, levels), &path[levels..])
            }
            name if self.0.contains_key(&child(from, name)) => (from.to_owned(), path),
            name => return self.resolve_import(from, name, &path[1..], depth),
        };
        while let [first, others @ ..] = rest
            && self.0.contains_key(&child(&module, first))
        {
            (module, rest) = (child(&module, first), others);
        }
        match rest {
            // A name that the module only imports is defined elsewhere.
            [item, others @ ..] if module != from && self.import(&module, item).is_some() => {
                self.resolve_import(&module, item, others, depth)
            }
            _ => Some((module, rest.is_empty())),
        }
    }

    fn resolve_import(&self, from: &str, name: &str, rest: &[String], depth: usize) -> Option<(String, bool)> {
        let import = self.import(from, name).filter(|import| depth < 8 && import.path != [name])?;
        self.resolve(from, &[&import.path, rest].concat(), depth + 1)
    }

    fn import(&self, module: &str, name: &str) -> Option<&Import> {
        self.0.get(module)?.imports.iter().find(|import| import.name == name)
    }

    /// Returns the files of the same top-level module that the file of `from` depends on. Declaring or re-exporting a
    /// child, or importing a module as a whole, is no dependency; using a path through it is one.
    fn dependencies(&self, from: &str) -> BTreeSet<String> {
        let source = &self.0[from];
        let below = format!("{from}::");
        let imports = source.imports.iter().map(|import| (&import.path, import.public));
        let paths = imports.chain(source.paths.iter().map(|path| (path, false)));
        let resolved = paths.filter_map(|(path, public)| Some((self.resolve(from, path, 0)?, public)));
        resolved
            .filter(|((module, whole), public)| {
                module != from && top(module) == top(from) && !whole && !(*public && module.starts_with(&below))
            })
            .map(|((module, _), _)| module)
            .collect()
    }

    /// Returns the modules whose files depend on themselves through others.
    fn in_cycles(&self) -> BTreeMap<String, BTreeSet<String>> {
        let dependencies: BTreeMap<_, _> =
            self.0.keys().map(|module| (module.clone(), self.dependencies(module))).collect();
        let reachable = |start: &String| {
            let mut seen = BTreeSet::new();
            let mut open = vec![start];
            while let Some(module) = open.pop() {
                for next in &dependencies[module] {
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
            seen
        };
        let reachable: BTreeMap<_, _> = self.0.keys().map(|module| (module.clone(), reachable(module))).collect();
        let cycle = |module: &String| {
            let mutual = |other: &&String| reachable[*other].contains(module);
            reachable[module].iter().filter(mutual).cloned().collect::<BTreeSet<_>>()
        };
        let cycles = self.0.keys().map(|module| (module.clone(), cycle(module)));
        cycles.filter(|(_, cycle)| cycle.len() > 1).collect()
    }
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn child(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn ancestor(module: &str, levels: usize) -> String {
    let names: Vec<_> = module.split("::").collect();
    names[..names.len().saturating_sub(levels)].join("::")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn modules_import_only_what_they_may() {
    let sources = Sources::read();
    let mut violations = Vec::new();
    for (module, source) in &sources.0 {
        let Some((_, allowed, forbidden)) = MODULES.iter().find(|(name, ..)| *name == top(module)) else { continue };
        for path in source.imports.iter().map(|import| &import.path).chain(&source.paths) {
            match sources.resolve(module, path, 0) {
                Some((other, _)) if ![top(module), ""].contains(&top(&other)) && !allowed.contains(&top(&other)) => {
                    violations.push(format!("{module} imports {other}"));
                }
                None if forbidden.contains(&path[0].as_str()) => violations.push(format!("{module} uses {}", path[0])),
                _ => {}
            }
        }
    }
    assert!(sources.0.len() > 100, "only {} files were read", sources.0.len());
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let sources = Sources::read();
    let cycles = sources.in_cycles();
    let imports = |module: &String| format!("{module} -> {:?}", &sources.dependencies(module) & &cycles[module]);
    let found: Vec<_> = cycles.keys().map(imports).collect();
    assert!(found.is_empty(), "import cycles: {found:#?}");
}
