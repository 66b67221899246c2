//! The configuration of the provider, and the state that its resources share.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::configuration::settings::{ConfigOrEnv, Environment, Origin};
use super::configuration::shared_file::Resolved;
use super::configuration::{checks, credential_chain};
use super::enhanced_connection::creation_journal::CreationJournal;
use super::shared::client_kind::ClientKind;
use super::shared::operation::OperationContext;
use super::shared::run_state::RunState;
use super::shared::tags::{self, TagPolicy};
use super::shared::write_locks::WriteLocks;
use super::shared::{error_detail, operation};
use crate::client::{self, Client, Config, ConfigError};
use crate::dli::rules;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::value::Value;

/// How long the provider reads an object again that the service reports as missing, in seconds.
const CONSISTENCY_TIMEOUT: &str = "DLI_CONSISTENCY_TIMEOUT";

/// Shared by all resources. Exists before the provider is configured.
#[derive(derive_more::Debug)]
#[debug("ProviderData {{ configured: {configured:?}, .. }}")]
pub(super) struct ProviderData {
    environment: Environment,
    configured: Mutex<Option<Configured>>,
    pub(super) write_locks: WriteLocks,
    pub(super) creation_journal: CreationJournal,
    client: Mutex<ClientKind>,
}

#[derive(Debug, Clone)]
struct Configured {
    client: Client,
    /// Arguments that contain unknown values.
    unknown: Vec<&'static str>,
    region: Option<String>,
    project_id: Option<String>,
    tag_policy: TagPolicy,
    plan_checks: bool,
    run_state: Arc<RunState>,
}

impl ProviderData {
    pub(super) fn new(environment: Environment, journal: CreationJournal) -> Self {
        Self {
            environment,
            configured: Mutex::new(None),
            write_locks: WriteLocks::default(),
            creation_journal: journal,
            client: Mutex::default(),
        }
    }

    /// Records the version that the client reports.
    pub(super) fn set_client_version(&self, version: &str) {
        *self.client.lock() = ClientKind::from_version(version);
    }

    /// Reads the provider block and starts a run. Reads files, but sends no requests.
    pub(super) fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics> {
        let settings = ConfigOrEnv { config, environment: &self.environment };
        let unknown = |names: &[&'static str]| -> Vec<_> {
            names.iter().filter(|name| !config.get(name).is_wholly_known()).copied().collect()
        };
        let mut unknown_arguments = unknown(&credential_chain::CREDENTIALS_ARGUMENTS);
        // An unknown argument may complete or replace the known ones.
        let resolved = if unknown_arguments.is_empty() { Some(credential_chain::resolve(settings)?) } else { None };
        unknown_arguments.extend(unknown(&CONNECTION_ARGUMENTS));
        let invalid = checks::check(settings);
        if invalid.has_errors() {
            return Err(invalid);
        }
        let (region, project_id) = location(settings, resolved.as_ref());
        let (insecure, mut warnings) = insecure(settings)?;
        warnings.extend(resolved.as_ref().and_then(|found| credential_chain::ignored_identity(settings, found)));
        warnings.extend(resolved.as_ref().and_then(|found| found.warning.clone()));
        let tag_policy = tag_policy(config)?;
        let endpoint = |service: &str| {
            let endpoints = Some(config.get("endpoints")).filter(|endpoints| endpoints.is_wholly_known())?;
            endpoints.get(service).as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let identity_endpoint = match endpoint("iam") {
            Some(address) => Some(address),
            None => checked_address(settings.either("auth_url"), "auth_url", IDENTITY_ADDRESS)?,
        };
        let dli_endpoint = checked_address(settings.dli_endpoint(), "endpoints", DLI_ADDRESS)?;
        let file = resolved.as_ref().filter(|found| found.is_file).map(|found| found.credentials.origin.clone());
        let client = Client::new(Config {
            credentials: resolved.map(|found| found.credentials),
            region: region.clone(),
            project_id: project_id.clone(),
            project_name: settings.text("project_name"),
            cloud: settings.text("cloud"),
            endpoint_serves_all_regions: settings.dli_endpoint().is_some_and(is_emulator),
            endpoint: dli_endpoint,
            vpc_endpoint: endpoint("vpc"),
            identity_endpoint,
            metadata_endpoint: endpoint("metadata"),
            insecure,
            cacert_file: settings.text("cacert_file").map(|path| credential_chain::expand_home(settings, &path)),
            proxy: proxy(&self.environment)?,
            consistency_timeout: consistency_timeout(&self.environment)?,
            ..Config::default()
        });
        let client = client.map_err(|error| {
            let setting = if let ConfigError::Text { setting, .. } = &error { setting } else { "" };
            let origin = file.or_else(|| match settings.either(setting)? {
                (_, Origin::Variable(name)) => Some(format!("{name} in the environment")),
                (_, Origin::Argument) => None,
            });
            error_detail::configuration(&error, origin.as_deref())
        })?;
        self.creation_journal.start_run();
        *self.configured.lock() = Some(Configured {
            client,
            unknown: unknown_arguments,
            region,
            project_id,
            tag_policy,
            plan_checks: config.get("plan_checks") != &Value::Bool(false),
            run_state: Arc::new(RunState::new(
                *self.client.lock(),
                self.creation_journal.directory().map(ToOwned::to_owned),
            )),
        });
        warnings.extend(self.creation_journal.stale_warnings());
        Ok(warnings)
    }

    /// Begins an operation in a region and project that may take as long as `timeout`.
    pub(super) async fn begin(
        &self,
        location: (Option<&str>, Option<&str>),
        timeout: Duration,
        stop: &CancellationToken,
    ) -> operation::Result<OperationContext> {
        let configured = self.configured();
        let Configured { client, unknown, run_state, .. } =
            configured.ok_or_else(|| Diagnostic::bug("A resource was used before the provider was configured."))?;
        // A fallback for an unknown argument could mean another cloud or account.
        if !unknown.is_empty() {
            let (arguments, come) = match &unknown[..] {
                [one] => ((*one).to_owned(), "comes"),
                [init @ .., last] => (format!("{} and {last}", init.join(", ")), "come"),
                [] => unreachable!("checked above"),
            };
            let text = format!(
                "The provider's {arguments} {come} from a resource that has not been applied yet, but the service must \
                 be read now. No request was sent.\n\nApply the other resource first (terraform apply \
                 -target=ADDRESS), or configure the provider with values that do not depend on resources."
            );
            return Err(Diagnostic::error("Provider Configuration Not Known Yet", text).into());
        }
        let region = location.0.map(rules::normal_region);
        OperationContext::open(client, run_state, (region.as_deref(), location.1), timeout, stop).await
    }

    fn configured(&self) -> Option<Configured> {
        self.configured.lock().clone()
    }

    fn configured_with_checks(&self) -> Option<Configured> {
        self.configured().filter(|configured| configured.plan_checks && configured.unknown.is_empty())
    }

    /// The provider's region; `None` if it is unknown or not set.
    pub(super) fn region(&self) -> Option<String> {
        self.configured().filter(|configured| !configured.unknown.contains(&"region"))?.region
    }

    /// The provider's project; `None` if it is unknown, not set, or not in this region.
    pub(super) fn project_id(&self, region: &Value) -> Option<String> {
        let configured = self.configured().filter(|configured| !configured.unknown.contains(&"project_id"))?;
        let is_in_region = region.is_null()
            || !configured.unknown.contains(&"region")
                && configured
                    .region
                    .as_deref()
                    .is_none_or(|name| region.as_str().is_some_and(|region| rules::normal_region(region) == name));
        configured.project_id.filter(|_| is_in_region)
    }

    pub(super) fn tag_policy(&self) -> TagPolicy {
        self.configured().map(|configured| configured.tag_policy).unwrap_or_default()
    }

    /// The error if the configured endpoint does not serve this region.
    pub(super) fn check_region(&self, region: &str) -> Option<Diagnostic> {
        let configured = self.configured().filter(|configured| configured.unknown.is_empty())?;
        configured.client.check_region(Some(&rules::normal_region(region))).err().map(|error| {
            let text = format!(
                "{}. Nothing was sent.\n\nCorrect the region, or use a separate provider block (alias) for each region \
                 with its own endpoint.",
                error_detail::capitalized(&error.to_string())
            );
            Diagnostic::error("Region Contradicts the Endpoint", text).at(Path::attribute("region"))
        })
    }

    /// The warning, once a run, that a plan was not checked because there are no credentials.
    pub(super) async fn warn_without_credentials(&self) -> Option<Diagnostic> {
        let configured = self.configured_with_checks()?;
        if configured.client.has_credentials().await || configured.run_state.warn_once() {
            return None;
        }
        let text = "The provider has no credentials. The plan was not checked against the service, and an apply will \
                    fail.\n\nConfigure credentials before the apply. To plan without these checks and without this \
                    warning, set plan_checks = false in the provider block.";
        Some(Diagnostic::warning("No Credentials", text))
    }

    /// Whether a plan may send requests: checks are enabled and credentials are available.
    pub(super) async fn can_check_plans(&self) -> bool {
        match self.configured_with_checks() {
            Some(configured) => configured.client.has_credentials().await,
            None => false,
        }
    }

    /// The state of the current run. Each call of Configure starts a new one.
    pub(super) fn run_state(&self) -> Arc<RunState> {
        self.configured().map(|configured| configured.run_state).unwrap_or_default()
    }
}

/// Arguments that every request depends on, besides the credentials.
const CONNECTION_ARGUMENTS: [&str; 8] =
    ["region", "project_id", "project_name", "cloud", "auth_url", "endpoints", "insecure", "cacert_file"];

type CheckAddress = fn(&str) -> Result<(), ConfigError>;

/// How to check the addresses of services, and what is allowed.
const IDENTITY_ADDRESS: (CheckAddress, &str) = (client::check_identity_endpoint, "https://HOST[:PORT][/v3]");
const DLI_ADDRESS: (CheckAddress, &str) =
    (client::check_endpoint, "https://HOST[:PORT], or http:// with a loopback address such as http://127.0.0.1:7080");

/// Returns region and project ID. The environment takes precedence over a file, whose project belongs to its region.
fn location(settings: ConfigOrEnv<'_>, resolved: Option<&Resolved>) -> (Option<String>, Option<String>) {
    let is_unknown = |name: &str| settings.config.get(name).is_unknown();
    let text = |name: &str| if is_unknown(name) { None } else { settings.text(name) };
    let file_region = resolved.and_then(|found| found.region.clone());
    let region = text("region").or_else(|| file_region.clone().filter(|_| !is_unknown("region")));
    // A project name in the configuration takes precedence over an ID in the environment.
    let is_named = settings.argument("project_name").is_some() && settings.argument("project_id").is_none();
    if is_named || is_unknown("project_id") {
        return (region, None);
    }
    let file_project = resolved.and_then(|found| found.project_id.clone());
    let is_in_region = file_region.is_none() || file_region == region;
    let file_project = file_project.filter(|_| settings.text("project_name").is_none() && is_in_region);
    let project_id = text("project_id").or(file_project);
    (region, project_id)
}

/// Checks an address. A validator has checked the argument, but not the variable.
fn checked_address(
    setting: Option<(String, Origin)>,
    attribute: &'static str,
    (check, allowed): (CheckAddress, &str),
) -> Result<Option<String>, Diagnostics> {
    let Some((address, origin)) = setting else { return Ok(None) };
    match check(&address) {
        Err(error) if origin != Origin::Argument => {
            Err(checks::invalid(attribute, origin, &error.to_string(), allowed).into())
        }
        _ => Ok(Some(address)),
    }
}

/// Whether the address comes from the environment and is a loopback address, that is, an emulator. An emulator serves
/// all regions.
fn is_emulator((address, origin): (String, Origin)) -> bool {
    origin != Origin::Argument && client::is_loopback_endpoint(&address)
}

/// Returns the proxy that the environment names. The HTTP library ignores one that it cannot parse.
fn proxy(environment: &Environment) -> Result<Option<client::Proxy>, Diagnostics> {
    let text = |name| environment(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let first = |names: &'static [&'static str]| names.iter().find_map(|name| Some((*name, text(name)?)));
    let Some((name, address)) = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else {
        return Ok(None);
    };
    let bypass = first(&["NO_PROXY", "no_proxy"]).map(|(_, hosts)| hosts).unwrap_or_default();
    client::Proxy::parse(name, &address, &bypass).map(Some).map_err(|error| {
        let text = format!(
            "In the environment, {error}. Without it, requests would bypass the proxy.\n\nAllowed: \
             http://[USER:PASSWORD@]HOST[:PORT], with special characters percent-encoded."
        );
        Diagnostic::error("Invalid Proxy", text).into()
    })
}

/// Returns whether any certificate is accepted, with a warning if so.
fn insecure(settings: ConfigOrEnv<'_>) -> Result<(bool, Diagnostics), Diagnostics> {
    let origin = match (settings.config.get("insecure"), settings.variable("insecure")) {
        (Value::Bool(true), _) => "insecure = true".to_owned(),
        (Value::Null, Some((text, name))) => match text.as_str() {
            // The values that the huaweicloud provider accepts.
            "1" | "t" | "T" | "true" | "TRUE" | "True" => format!("{name} in the environment"),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => return Ok((false, Diagnostics::new())),
            _ => {
                let text = format!("{name} in the environment is {text:?}.\n\nAllowed: true or false.");
                let error = Diagnostic::error("Invalid Provider Configuration", text);
                return Err(error.at(Path::attribute("insecure")).into());
            }
        },
        _ => return Ok((false, Diagnostics::new())),
    };
    let text = format!(
        "{origin}: the provider accepts any TLS certificate, so anyone between this machine and the service can read \
         and change all traffic. To trust a private CA or a self-signed certificate, use cacert_file instead."
    );
    let warning = Diagnostic::warning("TLS Certificates Are Not Checked", text).at(Path::attribute("insecure"));
    Ok((true, warning.into()))
}

/// Reads `DLI_CONSISTENCY_TIMEOUT`; at most an hour.
fn consistency_timeout(environment: &Environment) -> Result<Duration, Diagnostics> {
    let Some(text) = environment(CONSISTENCY_TIMEOUT).filter(|text| !text.trim().is_empty()) else {
        return Ok(Config::default().consistency_timeout);
    };
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        let text = format!(
            "{CONSISTENCY_TIMEOUT} in the environment is {text:?}. It must be a number of seconds from 0 to 3600, such \
             as 5 or 0.5."
        );
        Diagnostic::error("Invalid Consistency Timeout", text).into()
    })
}

/// Reads `default_tags` and `ignore_tags`, as far as they are known.
fn tag_policy(config: &Value) -> Result<TagPolicy, Diagnostics> {
    let (defaults, ignored) = (config.get("default_tags"), config.get("ignore_tags"));
    let texts = |name: &str| ignored.get(name).strings().map(str::to_owned).collect();
    let tag_policy = TagPolicy {
        defaults: tags::known(defaults),
        has_defaults: !defaults.is_null(),
        ignored_keys: texts("keys"),
        ignored_prefixes: texts("key_prefixes"),
        has_unknown: !(defaults.is_wholly_known() && ignored.is_wholly_known()),
    };
    if let Some(key) = tag_policy.defaults.keys().find(|key| tag_policy.ignores(key)) {
        let path = Path::attribute("default_tags").key(key);
        let text = format!(
            "{path} adds this tag to every connection, but ignore_tags excludes it from management.\n\nRemove it from \
             one of the two."
        );
        return Err(Diagnostic::error("Tag Both Declared and Ignored", text).at(path).into());
    }
    Ok(tag_policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Duration, Diagnostics> {
        let environment: Environment =
            Box::new(move |name| (name == "DLI_CONSISTENCY_TIMEOUT").then(|| text.to_owned()));
        consistency_timeout(&environment)
    }

    #[test]
    fn consistency_timeout_is_read_in_seconds() {
        for (text, milliseconds) in [("", 5000), (" ", 5000), ("0.5\n", 500), ("30", 30_000), ("0", 0)] {
            assert_eq!(read(text).expect("it is valid"), Duration::from_millis(milliseconds), "{text}");
        }
    }

    #[test]
    fn invalid_consistency_timeout_is_rejected() {
        for text in ["5s", "-1", "NaN", "inf", "3601"] {
            let rejected = read(text).expect_err(text);
            assert!(rejected.iter().any(|error| error.detail.contains("DLI_CONSISTENCY_TIMEOUT")), "{text}");
        }
    }
}
