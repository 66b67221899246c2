//! The rows of an attribute table, and the test that runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Connection;
use terraform_provider_dli::emulator::{ACCESS_KEY, ApiError, ProjectService, SECRET_KEY};

use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

/// Another project of the same emulator.
pub(super) const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";

/// The action that a plan shows for a row.
pub(super) const UPDATE: &str = "update";
pub(super) const REPLACE: &str = "replace";
/// No action: the new value means the same as the old one.
pub(super) const NONE: &str = "none";

/// One change of one attribute of one resource.
pub(super) struct Row {
    /// The path, with its block or object, such as `timeouts.create`. Provider attributes start with `provider.`.
    attribute: &'static str,
    /// The relevant resource arguments before and after, one per line.
    before: String,
    after: String,
    /// The planned action.
    action: &'static str,
    /// The changed paths, without those that every replacement changes.
    changed: Vec<&'static str>,
    /// The provider arguments before and after, if the row has a provider block of its own.
    provider: Option<[String; 2]>,
    /// An external change to the object between the two applies.
    external_change: Option<ExternalChange>,
}

/// Changes the connection with this ID from outside Terraform.
type ExternalChange = fn(&mut ProjectService<'_>, &str) -> Result<(), ApiError>;

/// A row that changes this attribute.
pub(super) fn row(
    attribute: &'static str,
    before: &str,
    after: &str,
    action: &'static str,
    changed: &[&'static str],
) -> Row {
    let (before, after) = (before.to_owned(), after.to_owned());
    Row { attribute, before, after, action, changed: changed.to_vec(), provider: None, external_change: None }
}

impl Row {
    /// Gives the row a provider block of its own. The arguments are added to the default ones or override them.
    pub(super) fn of_provider(mut self, before: impl Into<String>, after: impl Into<String>) -> Self {
        self.provider = Some([before.into(), after.into()]);
        self
    }

    /// Adds an external change between the two applies.
    pub(super) fn external_change(mut self, change: ExternalChange) -> Self {
        self.external_change = Some(change);
        self
    }

    /// Adds arguments that are the same before and after.
    pub(super) fn with(mut self, arguments: &str) -> Self {
        for side in [&mut self.before, &mut self.after] {
            *side = format!("{arguments}\n{side}");
        }
        self
    }

    /// The change as the coverage table shows it.
    fn shown(&self) -> String {
        let [before, after] = self.provider.as_ref().map_or([&self.before, &self.after], |[a, b]| [a, b]);
        let text_or_not_set =
            |text: &str| if text.is_empty() { "(not set)".to_owned() } else { text.replace('\n', "; ") };
        format!("{} -> {}", text_or_not_set(before), text_or_not_set(after))
    }
}

/// A resource type and the configuration that its rows share.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The rest of the configuration.
    pub(super) prelude: String,
    /// Default arguments of every row. `{label}` is replaced by a text that is unique to the row.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// Attributes that every replacement changes.
    pub(super) computed: &'static [&'static str],
    /// Returns the expected state of one resource, read from the emulator: all attributes except [`Kind::config_only`].
    pub(super) expected: fn(&Cloud, &Value) -> BTreeMap<&'static str, Value>,
    /// Attributes that only the configuration sets. Terraform checks that they are kept.
    pub(super) config_only: &'static [&'static str],
}

/// The provider's schemas, as Terraform reads them.
pub(super) fn schemas(workspace: &Workspace) -> Value {
    let schemas = workspace.run(&["providers", "schema", "-json"]).expect_code(0).json();
    let providers = schemas["provider_schemas"].as_object().expect("an object");
    providers.values().next().expect("one provider").clone()
}

/// Makes the changes of these rows, checks them, prints the coverage, and requires that it is complete.
///
/// `rows_elsewhere` are the rows of the same table that another test makes; they count for the coverage.
pub(super) fn check_table(kind: &Kind, rows: &[Row], rows_elsewhere: &[Row]) {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        // For a provider block without keys.
        let workspace = workspace.with_variable("HW_ACCESS_KEY", ACCESS_KEY).with_variable("HW_SECRET_KEY", SECRET_KEY);
        write_certificate(&workspace);
        workspace.write("koocli.json", &koocli());
        workspace.configure(&configuration(&cloud, kind, rows, false));
        workspace.save_plan();
        workspace.apply();
        let before = states(&workspace, kind, rows);
        check(&cloud, kind, rows, &before);
        for (row, state) in rows.iter().zip(&before) {
            if let Some(change) = row.external_change {
                let id = state["id"].as_str().expect("every resource has an ID");
                let edited = cloud.emulator().edit(PROJECT, |account| change(account, id)).expect("an in-memory store");
                edited.unwrap_or_else(|refusal| panic!("{refusal:?}"));
            }
        }

        workspace.configure(&configuration(&cloud, kind, rows, true));
        let plan = workspace.plan();
        let addresses: Vec<_> = (0..rows.len()).map(|at| address(kind, at)).collect();
        let acting = addresses.iter().zip(rows).filter(|(_, row)| row.action != NONE);
        plan.expect(&acting.map(|(address, row)| (address.as_str(), row.action)).collect::<Vec<_>>());
        for (address, row) in addresses.iter().zip(rows) {
            let mut changed = row.changed.clone();
            if row.action == REPLACE {
                let by: Vec<_> = row.changed.iter().map(|path| path.split('[').next().unwrap_or(path)).collect();
                plan.expect_replaced_by(address, &by);
                changed.extend(kind.computed);
            }
            changed.sort_unstable();
            plan.expect_changed(address, &changed);
        }
        workspace.apply();

        let after = states(&workspace, kind, rows);
        check(&cloud, kind, rows, &after);
        for ((row, before), after) in rows.iter().zip(&before).zip(&after) {
            let moved = before["id"] != after["id"];
            assert!(row.action == REPLACE || !moved, "{}: {before:#} became {after:#}", row.shown());
        }
        let computed: BTreeSet<_> = (kind.expected)(&cloud, &after[0]).into_keys().collect();
        let all: Vec<_> = rows.iter().chain(rows_elsewhere).collect();
        report(&schemas(&workspace), kind, &all, &computed);
        workspace.destroy();
        cloud.expect_empty();
        assert!(cloud.emulator().connections(OTHER_PROJECT).iter().all(Connection::is_deleted));
    });
}

/// Writes a self-signed certificate for arguments that take a file.
fn write_certificate(workspace: &Workspace) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a generated certificate");
    workspace.write("ca.pem", &certificate.cert.pem());
}

/// A KooCLI configuration with two profiles for the emulator's key.
fn koocli() -> String {
    let profile =
        |name: &str| json!({"name": name, "mode": "AKSK", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY});
    json!({"current": "default", "profiles": [profile("default"), profile("other")]}).to_string()
}

fn label(kind: &Kind, at: usize) -> String {
    format!("{}_{at:02}", kind.name.rsplit('_').next().unwrap_or_default())
}

fn address(kind: &Kind, at: usize) -> String {
    format!("{}.{}", kind.name, label(kind, at))
}

/// The whole configuration, before or after the changes.
fn configuration(cloud: &Cloud, kind: &Kind, rows: &[Row], after: bool) -> String {
    let mut text = kind.prelude.clone();
    for (at, row) in rows.iter().enumerate() {
        let label = label(kind, at);
        let arguments = if after { &row.after } else { &row.before };
        let given = |name: &str| arguments.lines().any(|line| line.split_whitespace().next() == Some(name));
        let mut body = String::new();
        for (name, value) in kind.defaults.iter().filter(|(name, _)| !given(name)) {
            let _ = writeln!(body, "  {name} = {}", value.replace("{label}", &label));
        }
        for line in arguments.lines() {
            let _ = writeln!(body, "  {}", line.replace("{label}", &label));
        }
        if let Some(provider) = &row.provider {
            let _ = writeln!(body, "  provider = dli.{label}");
            text += &provider_block(cloud, &label, &provider[usize::from(after)]);
        }
        let _ = writeln!(text, "resource \"{}\" \"{label}\" {{\n{body}}}\n", kind.name);
    }
    text
}

/// The emulator's provider block with an alias. `arguments` override its own, `-NAME` removes one, and `{port}` is the
/// emulator's port.
fn provider_block(cloud: &Cloud, alias: &str, arguments: &str) -> String {
    let common = cloud.provider_block("");
    let arguments = arguments.replace("{port}", &cloud.emulator().address().port().to_string());
    let names: BTreeSet<_> = arguments.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let kept = common.lines().filter(|line| {
        let name = line.split_whitespace().next().unwrap_or_default();
        !names.contains(name) && !names.contains(format!("-{name}").as_str()) && !line.trim().is_empty()
    });
    let mut lines: Vec<_> = kept.map(str::to_owned).collect();
    let end = lines.pop().expect("a closing line");
    lines.push(format!("  alias = \"{alias}\""));
    lines.extend(arguments.lines().filter(|line| !line.starts_with('-')).map(|line| format!("  {line}")));
    lines.push(end);
    lines.join("\n") + "\n\n"
}

fn states(workspace: &Workspace, kind: &Kind, rows: &[Row]) -> Vec<Value> {
    let state = workspace.run(&["show", "-json"]).expect_code(0).json();
    let resources = state["values"]["root_module"]["resources"].as_array().expect("written by the apply");
    let find = |at| {
        let address = address(kind, at);
        let found = resources.iter().find(|resource| resource["address"] == address.as_str());
        found.unwrap_or_else(|| panic!("{address} is not in the state"))["values"].clone()
    };
    (0..rows.len()).map(find).collect()
}

/// Compares every attribute in the state with the emulator.
fn check(cloud: &Cloud, kind: &Kind, rows: &[Row], states: &[Value]) {
    for (row, state) in rows.iter().zip(states) {
        let expected = (kind.expected)(cloud, state);
        for (name, value) in state.as_object().expect("an object") {
            match expected.get(name.as_str()) {
                Some(expected) => assert_eq!(value, expected, "{name} of {}: {} in {state:#}", kind.name, row.shown()),
                None => assert!(kind.config_only.contains(&name.as_str()), "no expected value for {name}"),
            }
        }
    }
}

/// Prints how each attribute was covered, and requires that all of them were.
fn report(schemas: &Value, kind: &Kind, rows: &[&Row], expected: &BTreeSet<&str>) {
    let mut wanted = Vec::new();
    attributes("", &schemas["resource_schemas"][kind.name]["block"], &mut wanted);
    attributes("provider.", &schemas["provider"]["block"], &mut wanted);
    // The rows of a table are all for the provider block or all for the resource.
    let of_provider = rows.iter().any(|row| row.attribute.starts_with("provider."));
    wanted.retain(|(name, _)| name.starts_with("provider.") == of_provider);
    let subject = if of_provider { "provider" } else { kind.name };
    let mut text = format!("\n{subject}\n");
    let mut missing = Vec::new();
    for (name, computed) in &wanted {
        let changes: Vec<_> = rows.iter().filter(|row| row.attribute == name).collect();
        for row in &changes {
            let _ = writeln!(text, "  {name:<28} {:<8} {}", row.action, row.shown());
        }
        let is_held = expected.contains(name.split('.').next().unwrap_or_default());
        if *computed && is_held {
            let _ = writeln!(text, "  {name:<28} {:<8} equals what the service holds, after each apply", "shown");
        } else if changes.is_empty() {
            missing.push(name.clone());
        }
    }
    #[expect(clippy::print_stdout, reason = "the test prints its coverage")]
    {
        println!("{text}");
    }
    assert!(missing.is_empty(), "no row and no computed value covers {missing:?} of {subject}");
    let unknown: Vec<_> =
        rows.iter().map(|row| row.attribute).filter(|name| wanted.iter().all(|w| w.0 != *name)).collect();
    assert!(unknown.is_empty(), "{subject} has no {unknown:?}");
}

/// Lists the attributes of a schema block and its nested blocks, and whether each is computed only.
fn attributes(prefix: &str, block: &Value, found: &mut Vec<(String, bool)>) {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    for (name, attribute) in members(&block["attributes"]) {
        let path = format!("{prefix}{name}");
        if attribute["nested_type"].is_object() {
            attributes(&format!("{path}."), &attribute["nested_type"], found);
        } else {
            let is_set = attribute["required"] == true || attribute["optional"] == true;
            found.push((path, !is_set));
        }
    }
    for (name, inner) in members(&block["block_types"]) {
        attributes(&format!("{prefix}{name}."), &inner["block"], found);
    }
}
