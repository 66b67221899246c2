//! Out of which source the credentials come. What the provider block says goes before the environment, the environment
//! before files, and this machine is asked last; whichever it is, nothing that is optional is mixed into it from another.
//!
//! A form that is begun in the provider block is completed from the environment where it must be: `access_key` may be
//! written down and its secret be `HW_SECRET_KEY`. A security token of the environment belongs to the half
//! of the key that is beside it.
//!
//! Whom to act for is said apart from that: whoever is to assume an agency, the environment may name it.

use std::{path::PathBuf, time::Duration};

use super::{
    settings::{ConfigOrEnv, Origin, variables},
    shared_file::{self, Profile},
};
use crate::{
    client::{AccessKey, Agency, Credentials, CredentialsSource, NameOrId, PasswordCredentials},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
    },
};

/// What is looked for in the provider block, and in the environment.
const SOUGHT: [&str; 2] = [
    "the provider's configuration: token; access_key with secret_key; user_name (or user_id) with password and domain_name \
     (or domain_id); profile or shared_config_file",
    "the environment: HW_AUTH_TOKEN; HW_ACCESS_KEY with HW_SECRET_KEY; HW_USER_NAME (or HW_USER_ID) with HW_USER_PASSWORD \
     and HW_DOMAIN_NAME (or HW_DOMAIN_ID); HW_PROFILE or HW_SHARED_CONFIG_FILE; and the names that begin with OS_",
];

/// How long the keys may be good for that an agency gives.
const DURATION: std::ops::RangeInclusive<u64> = 900..=86_400;

/// What was found.
#[derive(Debug)]
pub(in crate::provider) struct Resolved {
    pub(in crate::provider) credentials: Credentials,
    /// What the file says beside them: it goes after the environment.
    pub(in crate::provider) region: Option<String>,
    /// The project in that region.
    pub(in crate::provider) project_id: Option<String>,
    /// Whether they are out of a file, whatever the environment holds beside it.
    pub(in crate::provider) is_file: bool,
    /// An agency that the file names without its account.
    agency_without_domain: Option<String>,
}

/// Finds the credentials. Reads files, uses no network.
pub(in crate::provider) fn resolve(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let mut found = match in_configuration(settings)? {
        Some(found) => found,
        None => match in_environment(settings)? {
            Some(found) => found,
            None => default_sources(settings),
        },
    };
    if let Some(agency) = agency(settings, &found)? {
        found.credentials.agency = Some(agency);
    } else if let Some(name) = &found.agency_without_domain {
        // Without it the key would act for itself, in another account.
        let text = format!(
            "The key from {} is to act as the agency {name:?}, but the account that created the agency is not \
             named.\n\nName it in the profile, as agencyDomainName or agencyDomainId, or configure assume_role.",
            found.credentials.origin
        );
        return Err(Diagnostic::error("Incomplete Agency", text).at(Path::attribute("profile")).into());
    }
    Ok(found)
}

fn in_configuration(settings: ConfigOrEnv<'_>) -> Result<Option<Resolved>, Diagnostics> {
    let is_given = |names: &[&str]| names.iter().any(|name| settings.argument(name).is_some());
    if let Some(token) = settings.argument("token") {
        return Ok(Some(found(CredentialsSource::Token(token.into()), Origin::Argument)));
    }
    if is_given(&["access_key", "secret_key"]) {
        return key(settings).map(Some);
    }
    if is_given(&["user_name", "user_id", "password"]) {
        return login(settings).map(Some);
    }
    if is_given(&["profile", "shared_config_file"]) {
        return file(settings).map(Some);
    }
    Ok(None)
}

/// Nothing that begins a form is written down; what belongs to one may be, and goes before the environment here as well.
fn in_environment(settings: ConfigOrEnv<'_>) -> Result<Option<Resolved>, Diagnostics> {
    let has = |name: &str| settings.variable(name).is_some();
    if let Some((token, name)) = settings.variable("token") {
        return Ok(Some(found(CredentialsSource::Token(token.into()), Origin::Variable(name))));
    }
    if has("access_key") && has("secret_key") {
        return key(settings).map(Some);
    }
    if (has("user_name") || has("user_id")) && has("password") {
        return login(settings).map(Some);
    }
    if has("profile") || has("shared_config_file") {
        return file(settings).map(Some);
    }
    // A half is a mistake, and not a reason to go on as somebody else.
    if has("access_key") || has("secret_key") {
        return key(settings).map(Some);
    }
    Ok(None)
}

/// A file that nobody has named, and this machine.
fn default_sources(settings: ConfigOrEnv<'_>) -> Resolved {
    let mut searched: Vec<String> = SOUGHT.map(str::to_owned).to_vec();
    match home(settings).map(|home| home.join(shared_file::DEFAULT)) {
        None => searched.push("the configuration file of KooCLI: there is no home directory (HOME)".to_owned()),
        Some(path) => match shared_file::read(&path, None) {
            Ok(profile) => return profile.into(),
            Err(problem) => searched.push(format!("the configuration file of KooCLI: {} {problem}", path.display())),
        },
    }
    let credentials = Credentials::new(CredentialsSource::Metadata { searched }, "this machine");
    Resolved { credentials, region: None, project_id: None, is_file: false, agency_without_domain: None }
}

/// An access key with its secret, of which there is at least a half.
fn key(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let (id, place) = settings.either("access_key").ok_or_else(|| incomplete("access_key", "secret_key"))?;
    let (secret, beside) = settings.either("secret_key").ok_or_else(|| incomplete("secret_key", "access_key"))?;
    // The three parts of a temporary key were issued together: one of the environment goes with either half from there.
    let security_token = match (&place, &beside) {
        (Origin::Argument, Origin::Argument) => settings.argument("security_token"),
        _ => settings.text("security_token"),
    };
    let security_token = security_token.map(Into::into);
    Ok(found(CredentialsSource::Key(AccessKey { id, secret: secret.into(), security_token }), place))
}

/// A user with a password, of which there is at least a part.
fn login(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let id = || settings.either("user_id").map(|(id, place)| (NameOrId::Id(id), place));
    let name = || settings.either("user_name").map(|(name, place)| (NameOrId::Name(name), place));
    // A name that is written down goes before an id of the environment.
    let (user, place) = match (id(), name()) {
        (Some(id), Some(name)) => Some(if id.1 == Origin::Argument || name.1 != Origin::Argument { id } else { name }),
        (id, name) => id.or(name),
    }
    .ok_or_else(|| incomplete("user_name", "password"))?;
    let (password, _) = settings.either("password").ok_or_else(|| incomplete("password", "user_name"))?;
    let domain = domain(settings, ["domain_id", "domain_name"]);
    if domain.is_none() && matches!(user, NameOrId::Name(_)) {
        return Err(incomplete("domain_name", "user_name"));
    }
    Ok(found(CredentialsSource::Password(PasswordCredentials { user, password: password.into(), domain }), place))
}

/// An account by its id or its name; one that is written down goes before one of the environment.
fn domain(settings: ConfigOrEnv<'_>, [id, name]: [&str; 2]) -> Option<NameOrId> {
    let written = settings.argument(id).map(NameOrId::Id).or_else(|| settings.argument(name).map(NameOrId::Name));
    written.or_else(|| settings.text(id).map(NameOrId::Id)).or_else(|| settings.text(name).map(NameOrId::Name))
}

/// The profile that is named, in the file that is named, or else in the one in the home directory.
fn file(settings: ConfigOrEnv<'_>) -> Result<Resolved, Diagnostics> {
    let profile = settings.text("profile");
    let path = match settings.text("shared_config_file") {
        Some(text) => Some(match text.strip_prefix("~/") {
            Some(rest) => home(settings).unwrap_or_default().join(rest),
            None => PathBuf::from(text),
        }),
        None => home(settings).map(|home| home.join(shared_file::DEFAULT)),
    };
    let at = if settings.argument("shared_config_file").is_some() { "shared_config_file" } else { "profile" };
    let path = path.ok_or_else(|| {
        let text = "There is no home directory (HOME) to look for the configuration file of KooCLI in.\n\nName the file: \
                    shared_config_file in the provider's configuration, or HW_SHARED_CONFIG_FILE in the environment.";
        Diagnostic::error("Unusable Profile", text).at(Path::attribute(at))
    })?;
    let profile = shared_file::read(&path, profile.as_deref()).map_err(|problem| {
        let text = format!(
            "The configuration file of KooCLI, {}, {problem}.\n\nIt is named by shared_config_file (HW_SHARED_CONFIG_FILE) and \
             profile (HW_PROFILE).",
            path.display()
        );
        Diagnostic::error("Unusable Profile", text).at(Path::attribute(at))
    })?;
    Ok(profile.into())
}

/// Whom to act for. As the other provider does, whose environment it is: the variables count wherever there is no block,
/// unless a profile that is named has an agency of its own.
fn agency(settings: ConfigOrEnv<'_>, found: &Resolved) -> Result<Option<Agency>, Diagnostics> {
    let names = ["assume_role.agency_name", "assume_role.domain_id", "assume_role.domain_name", "assume_role.duration"];
    let is_block = !settings.config.get("assume_role").is_null();
    let is_named = ["profile", "shared_config_file"].into_iter().any(|name| settings.text(name).is_some());
    let has_own = found.is_file && is_named && found.credentials.agency.is_some();
    if !is_block && (has_own || settings.variable(names[0]).is_none()) {
        return Ok(None);
    }
    let at = |name: &str| Path::attribute("assume_role").field(name.to_owned());
    let refuse = |name: &'static str, text: String| {
        Err(Diagnostics::from(Diagnostic::error("Incomplete Agency", text).at(at(name))))
    };
    let Some((name, place)) = settings.either(names[0]) else {
        let text = "assume_role needs agency_name, or HW_ASSUME_ROLE_AGENCY_NAME in the environment.".to_owned();
        return refuse("agency_name", text);
    };
    let Some(domain) = domain(settings, [names[1], names[2]]) else {
        let text = format!(
            "The agency {name:?} is to be assumed, but the account that created it is not named.\n\nSet domain_name (or \
             domain_id) in assume_role, or HW_ASSUME_ROLE_DOMAIN_NAME (or HW_ASSUME_ROLE_DOMAIN_ID) in the environment."
        );
        return refuse("domain_name", text);
    };
    let duration = match place {
        Origin::Argument => settings.argument(names[3]),
        Origin::Variable(_) => settings.text(names[3]),
    };
    let duration =
        match duration.map(|text| text.parse::<u64>().ok().filter(|seconds| DURATION.contains(seconds)).ok_or(text)) {
            None => None,
            Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
            Some(Err(text)) => {
                let text = format!("The duration {text:?} is not a number of seconds from 900 to 86400.");
                return refuse("duration", text);
            }
        };
    Ok(Some(Agency { name, domain, duration, origin: origin(place) }))
}

/// A warning where the environment has the other provider act as somebody whom this one does not know how to become.
pub(in crate::provider) fn ignored_identity(settings: ConfigOrEnv<'_>, found: &Resolved) -> Option<Diagnostic> {
    let has = |name: &str| (settings.environment)(name).is_some_and(|text| !text.is_empty());
    let Credentials { source: form, agency, origin } = &found.credentials;
    let (variables, way) = if has("HW_ASSUME_ROLE_IDP_ID") && !matches!(form, CredentialsSource::Token(_)) {
        let set = ["HW_ASSUME_ROLE_IDP_ID", "HW_ASSUME_ROLE_ID_TOKEN", "HW_ASSUME_ROLE_ID_TOKEN_FILE"];
        (set.into_iter().filter(|name| has(name)).collect::<Vec<_>>(), "log in with OpenID Connect")
    } else if has("OS_AGENCY_NAME") && has("OS_AGENCY_DOMAIN_NAME") && agency.is_none() {
        (vec!["OS_AGENCY_NAME", "OS_AGENCY_DOMAIN_NAME"], "act as an agency")
    } else {
        return None;
    };
    let acts = match (agency, form) {
        (Some(Agency { name, origin, .. }), _) => format!("acts as the agency {name:?} of {origin}"),
        (None, CredentialsSource::Metadata { .. }) => "uses the key of this machine".to_owned(),
        (None, _) => format!("uses the credentials of {origin}"),
    };
    let text = format!(
        "{} in the environment: these have the huaweicloud provider {way}. This provider does not know them; it {acts}.\n\nTo \
         act as an agency, set assume_role, or HW_ASSUME_ROLE_AGENCY_NAME and HW_ASSUME_ROLE_DOMAIN_NAME in the environment. \
         If whoever acts now is meant, unset the variables.",
        variables.join(", ")
    );
    Some(Diagnostic::warning("Identity in the Environment Not Used", text))
}

/// The home directory.
fn home(settings: ConfigOrEnv<'_>) -> Option<PathBuf> {
    let read = |name: &str| (settings.environment)(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    read(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
}

fn found(form: CredentialsSource, place: Origin) -> Resolved {
    Resolved {
        credentials: Credentials::new(form, origin(place)),
        region: None,
        project_id: None,
        is_file: false,
        agency_without_domain: None,
    }
}

fn origin(place: Origin) -> String {
    match place {
        Origin::Argument => "the provider's configuration".to_owned(),
        Origin::Variable(name) => format!("the environment ({name})"),
    }
}

fn incomplete(missing: &'static str, beside: &'static str) -> Diagnostics {
    let variable = variables(missing).first().copied().unwrap_or_default();
    let text = format!(
        "{beside} needs {missing}, but {missing} is set neither in the provider's configuration nor as {variable} in the \
         environment."
    );
    Diagnostic::error("Incomplete Credentials", text).at(Path::attribute(missing)).into()
}

impl From<Profile> for Resolved {
    fn from(Profile { credentials, region, project_id, agency_without_domain }: Profile) -> Self {
        Self { credentials, region, project_id, is_file: true, agency_without_domain }
    }
}

/// The arguments that say who calls.
pub(in crate::provider) const CREDENTIALS_ARGUMENTS: [&str; 12] = [
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
