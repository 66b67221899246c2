//! Selects the source of the credentials.
//!
//! The provider block takes precedence over the environment, the environment over files, and the metadata service comes
//! last. Optional values are not taken from another source.
//!
//! The environment may complete credentials that begin in the provider block: `access_key` may be an argument and its
//! secret `HW_SECRET_KEY`. A security token in the environment belongs to the half of the key that is there.
//!
//! The agency to assume is configured independently of the credentials that assume it.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{ConfigOrEnv, Origin, variables};
use super::shared_file::{self, Resolved};
use crate::client::{AccessKey, Agency, Credentials, CredentialsSource, NameOrId, PasswordCredentials};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;

/// What the provider searches in its configuration, and in the environment.
const SEARCHED: [&str; 2] = [
    "the provider's configuration: token; access_key with secret_key; user_name (or user_id) with password and \
     domain_name (or domain_id); profile or shared_config_file",
    "the environment: HW_AUTH_TOKEN; HW_ACCESS_KEY with HW_SECRET_KEY; HW_USER_NAME (or HW_USER_ID) with \
     HW_USER_PASSWORD and HW_DOMAIN_NAME (or HW_DOMAIN_ID); HW_PROFILE or HW_SHARED_CONFIG_FILE; and the names that \
     begin with OS_",
];

/// Allowed lifetime of an agency's keys, in seconds.
const DURATION: std::ops::RangeInclusive<u64> = 900..=86_400;

/// The arguments that select the credentials.
pub(crate) const CREDENTIALS_ARGUMENTS: [&str; 12] = [
    "token",
    "access_key",
    "secret_key",
    "security_token",
    "user_name",
    "user_id",
    "password",
    "domain_name",
    "domain_id",
    "shared_config_file",
    "profile",
    "assume_role",
];

/// Finds the credentials. Reads files, but sends no requests.
pub(crate) fn resolve(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    type Read = fn(ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics>;
    let configured = |names: &[&str]| names.iter().any(|name| settings.argument(name).is_some());
    let variable = |name: &str| settings.variable(name).is_some();
    let sources: [(bool, Read); 9] = [
        (configured(&["token"]), token),
        (configured(&["access_key", "secret_key"]), key),
        (configured(&["user_name", "user_id", "password"]), password),
        (configured(&["profile", "shared_config_file"]), file),
        (variable("token"), token),
        (variable("access_key") && variable("secret_key"), key),
        ((variable("user_name") || variable("user_id")) && variable("password"), password),
        (variable("profile") || variable("shared_config_file"), file),
        // Half a key is an error: another source could belong to another user.
        (variable("access_key") || variable("secret_key"), key),
    ];
    let source = sources.into_iter().find(|(is_set, _)| *is_set);
    let mut resolved = source.map_or_else(|| Ok(default_sources(settings)), |(_, read)| read(settings))?;
    if let Some(agency) = agency(settings, &resolved)? {
        resolved.credentials.agency = Some(agency);
    } else if let Some(name) = &resolved.agency_without_domain {
        // Without the agency, the key would act in another account.
        let text = format!(
            "The key from {} is to act as the agency {name:?}, but the account that created the agency is not \
             named.\n\nName it in the profile, as agencyDomainName or agencyDomainId, or configure assume_role.",
            resolved.credentials.origin
        );
        return Err(Diagnostic::error("Incomplete Agency", text).at(Path::attribute("profile")).into());
    }
    Ok(resolved)
}

/// Reads the default configuration file of `KooCLI`, else selects the metadata service.
fn default_sources(settings: ConfigOrEnv<'_>) -> Resolved {
    let mut searched: Vec<String> = SEARCHED.map(str::to_owned).to_vec();
    let mut broken = None;
    match home(settings).map(|home| home.join(shared_file::DEFAULT)) {
        None => searched.push("the configuration file of KooCLI: there is no home directory (HOME)".to_owned()),
        Some(path) => match shared_file::read(&path, None) {
            Ok(resolved) => return resolved,
            Err(error) => {
                searched.push(format!("the configuration file of KooCLI: {} {error}", path.display()));
                broken = error.is_broken().then(|| broken_file(&path, &error));
            }
        },
    }
    let resolved = Resolved::new(CredentialsSource::Metadata { searched }, "this machine".to_owned());
    Resolved { warning: broken, ..resolved }
}

/// The warning about a default file that exists, but cannot be used.
fn broken_file(path: &std::path::Path, error: &shared_file::Unusable) -> Diagnostic {
    let text = format!(
        "The configuration file of KooCLI, {}, {error}. The provider ignores the file.\n\nRepair or \
         remove the file, or set credentials in the provider's configuration or in the environment.",
        path.display()
    );
    Diagnostic::warning("Configuration File of KooCLI Not Used", text)
}

fn token(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let (token, origin) = required(settings, "token", "token")?;
    Ok(Resolved::new(CredentialsSource::Token(token.into()), describe(origin)))
}

fn key(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let (id, origin) = required(settings, "access_key", "secret_key")?;
    let (secret, secret_origin) = required(settings, "secret_key", "access_key")?;
    // The parts of a temporary key are issued together: a token in the environment belongs to a half that is there.
    let security_token = match (origin, secret_origin) {
        (Origin::Argument, Origin::Argument) => settings.argument("security_token"),
        _ => settings.text("security_token"),
    };
    let key = AccessKey { id, secret: secret.into(), security_token: security_token.map(Into::into) };
    Ok(Resolved::new(CredentialsSource::Key(key), describe(origin)))
}

fn password(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let id = settings.either("user_id").map(|(id, origin)| (NameOrId::Id(id), origin));
    let name = settings.either("user_name").map(|(name, origin)| (NameOrId::Name(name), origin));
    // A name in the configuration takes precedence over an ID in the environment.
    let user = match (id, name) {
        (Some((_, Origin::Variable(_))), Some(name @ (_, Origin::Argument))) => Some(name),
        (id, name) => id.or(name),
    };
    let (user, origin) = user.ok_or_else(|| incomplete("user_name", "password"))?;
    let (password, _) = required(settings, "password", "user_name")?;
    let domain = domain(settings, ["domain_id", "domain_name"]);
    if domain.is_none() && matches!(user, NameOrId::Name(_)) {
        return Err(incomplete("domain_name", "user_name"));
    }
    let credentials = PasswordCredentials { user, password: password.into(), domain };
    Ok(Resolved::new(CredentialsSource::Password(credentials), describe(origin)))
}

/// Returns an account. An argument takes precedence over a variable, and the ID over the name.
fn domain(settings: ConfigOrEnv<'_>, [id, name]: [&str; 2]) -> Option<NameOrId> {
    let argument = settings.argument(id).map(NameOrId::Id).or_else(|| settings.argument(name).map(NameOrId::Name));
    argument.or_else(|| settings.text(id).map(NameOrId::Id)).or_else(|| settings.text(name).map(NameOrId::Name))
}

/// Reads a profile of the configured file, else of the default file.
fn file(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let path = match settings.text("shared_config_file") {
        Some(text) => Some(expand_home(settings, &text)),
        None => home(settings).map(|home| home.join(shared_file::DEFAULT)),
    };
    let attribute = if settings.argument("shared_config_file").is_some() { "shared_config_file" } else { "profile" };
    let unusable = |text: String| Diagnostic::error("Unusable Profile", text).at(Path::attribute(attribute));
    let path = path.ok_or_else(|| {
        let text = "There is no home directory (HOME) to look for the configuration file of KooCLI in.\n\nName the \
                    file: shared_config_file in the provider's configuration, or HW_SHARED_CONFIG_FILE in the \
                    environment.";
        unusable(text.to_owned())
    })?;
    shared_file::read(&path, settings.text("profile").as_deref()).map_err(|error| {
        let text = format!(
            "The configuration file of KooCLI, {}, {error}.\n\nIt is named by shared_config_file \
             (HW_SHARED_CONFIG_FILE) and profile (HW_PROFILE).",
            path.display()
        );
        unusable(text).into()
    })
}

/// Returns the agency to assume; `None` if no agency is named. As in the huaweicloud provider, the variables count if
/// `assume_role` does not name one, unless a named profile has an agency of its own.
fn agency(settings: ConfigOrEnv<'_>, resolved: &Resolved) -> Result<Option<Agency>, Diagnostics> {
    const NAME: &str = "assume_role.agency_name";
    const DURATION_NAME: &str = "assume_role.duration";
    let has_block = settings.argument(NAME).is_some();
    let names_profile = ["profile", "shared_config_file"].into_iter().any(|name| settings.text(name).is_some());
    let has_own = resolved.is_file && names_profile && resolved.credentials.agency.is_some();
    if !has_block && has_own {
        return Ok(None);
    }
    let error = |attribute: &'static str, text: String| {
        let path = Path::attribute("assume_role").field(attribute.to_owned());
        Diagnostics::from(Diagnostic::error("Incomplete Agency", text).at(path))
    };
    let Some((name, origin)) = settings.either(NAME) else { return Ok(None) };
    let domain = domain(settings, ["assume_role.domain_id", "assume_role.domain_name"]).ok_or_else(|| {
        let text = format!(
            "The agency {name:?} is to be assumed, but the account that created it is not named.\n\nSet domain_name \
             (or domain_id) in assume_role, or HW_ASSUME_ROLE_DOMAIN_NAME (or HW_ASSUME_ROLE_DOMAIN_ID) in the \
             environment."
        );
        error("domain_name", text)
    })?;
    let duration = match origin {
        Origin::Argument => settings.argument(DURATION_NAME),
        Origin::Variable(_) => settings.text(DURATION_NAME),
    };
    let seconds = |text: String| {
        let seconds = text.parse().ok().filter(|seconds| DURATION.contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| {
            error("duration", format!("The duration {text:?} is not a number of seconds from 900 to 86400."))
        })
    };
    let duration = duration.map(seconds).transpose()?;
    Ok(Some(Agency { name, domain, duration, origin: describe(origin) }))
}

/// Warns about variables that make the huaweicloud provider use an identity that this provider does not support.
pub(crate) fn ignored_identity(settings: ConfigOrEnv<'_>, resolved: &Resolved) -> Option<Diagnostic> {
    let has = |name: &str| (settings.environment)(name).is_some_and(|text| !text.is_empty());
    let Credentials { source, agency, origin } = &resolved.credentials;
    let (variables, action) = if has("HW_ASSUME_ROLE_IDP_ID") && !matches!(source, CredentialsSource::Token(_)) {
        let names = ["HW_ASSUME_ROLE_IDP_ID", "HW_ASSUME_ROLE_ID_TOKEN", "HW_ASSUME_ROLE_ID_TOKEN_FILE"];
        (names.into_iter().filter(|name| has(name)).collect::<Vec<_>>(), "log in with OpenID Connect")
    } else if has("OS_AGENCY_NAME") && has("OS_AGENCY_DOMAIN_NAME") && agency.is_none() {
        (vec!["OS_AGENCY_NAME", "OS_AGENCY_DOMAIN_NAME"], "act as an agency")
    } else {
        return None;
    };
    let identity = match (agency, source) {
        (Some(Agency { name, origin, .. }), _) => format!("acts as the agency {name:?} of {origin}"),
        (None, CredentialsSource::Metadata { .. }) => "uses the key of this machine".to_owned(),
        (None, _) => format!("uses the credentials of {origin}"),
    };
    let text = format!(
        "{} in the environment make the huaweicloud provider {action}. This provider ignores them; it \
         {identity}.\n\nTo act as an agency, set assume_role, or HW_ASSUME_ROLE_AGENCY_NAME and \
         HW_ASSUME_ROLE_DOMAIN_NAME in the environment. To keep the current identity, unset the variables.",
        variables.join(", ")
    );
    Some(Diagnostic::warning("Identity in the Environment Not Used", text))
}

fn home(settings: ConfigOrEnv<'_>) -> Option<PathBuf> {
    let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    (settings.environment)(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Returns the path with `~/` replaced by the home directory.
pub(crate) fn expand_home(settings: ConfigOrEnv<'_>, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home(settings)) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn describe(origin: Origin) -> String {
    match origin {
        Origin::Argument => "the provider's configuration".to_owned(),
        Origin::Variable(name) => format!("the environment ({name})"),
    }
}

/// Returns an argument or its variable, which `beside` needs.
fn required(
    settings: ConfigOrEnv<'_>,
    name: &'static str,
    beside: &'static str,
) -> Result<(String, Origin), Diagnostics> {
    settings.either(name).ok_or_else(|| incomplete(name, beside))
}

fn incomplete(missing: &'static str, beside: &'static str) -> Diagnostics {
    let variable = variables(missing).first().copied().unwrap_or_default();
    let text = format!(
        "{beside} needs {missing}, but {missing} is set neither in the provider's configuration nor as {variable} in \
         the environment."
    );
    Diagnostic::error("Incomplete Credentials", text).at(Path::attribute(missing)).into()
}
