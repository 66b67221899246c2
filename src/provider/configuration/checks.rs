//! Validators for the string settings of the provider block. Configure also validates the environment variables.

use super::settings::{ConfigOrEnv, Environment, Origin};
use crate::client;
use crate::dli::rules::{self, Rule};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::value::Value;

const RULES: [(&str, Rule); 3] =
    [("region", rules::REGION), ("project_id", rules::PROJECT_ID), ("cloud", rules::CLOUD)];

/// The checks as a validator of the provider block.
pub(crate) fn valid_settings(_: &Path, config: &Value, report: &mut Diagnostics) {
    let environment: Environment = Box::new(|_| None);
    report.extend(check(ConfigOrEnv { config, environment: &environment }));
}

/// Checks the arguments and the variables that replace them.
pub(crate) fn check(settings: ConfigOrEnv<'_>) -> Diagnostics {
    // A variable does not count if the argument may still turn out to be set.
    let either = |name: &str| if settings.config.get(name).is_unknown() { None } else { settings.either(name) };
    let mut report = Diagnostics::new();
    for (name, rule) in RULES {
        if let Some((text, origin)) = either(name)
            && let Some(violation) = rule.violation(&text)
        {
            report.push(invalid(name, origin, &format!("{text:?} {violation}"), rule.expected));
        }
    }
    if let Some((password, origin)) = either("password")
        && password.ends_with(['\n', '\r'])
    {
        let allowed = "the password without a line break, such as trimspace(file(PATH))";
        report.push(invalid("password", origin, "the password ends with a line break", allowed));
    }
    if let (Some((region, origin)), Some((address, address_origin))) = (either("region"), settings.dli_endpoint())
        && let Some(served) = client::region_of_endpoint(&address)
        && region != served
    {
        let setting = address_origin.place("endpoints.dli");
        let problem = format!("the region is {region:?}, but {setting} is the address of {served:?}");
        report.push(invalid("region", origin, &problem, "the region of the endpoint, or no endpoint"));
    }
    report.extend(emulator_mixed_with_remote_service(settings));
    report
}

/// The error about an argument with an address on another machine, while `DLI_ENDPOINT` is an emulator on this machine.
/// Otherwise the provider would send the emulator's keys to a real service, or tests would change real objects.
fn emulator_mixed_with_remote_service(settings: ConfigOrEnv<'_>) -> Option<Diagnostic> {
    let (endpoint, Origin::Variable(variable)) = settings.dli_endpoint()? else { return None };
    if !client::is_loopback_endpoint(&endpoint) {
        return None;
    }
    let is_remote = |name: &&str| settings.argument(name).is_some_and(|text| !client::is_loopback_endpoint(&text));
    let name = ["auth_url", "endpoints.iam", "endpoints.vpc"].into_iter().find(is_remote)?;
    let text = format!(
        "{name} is an address on another machine, but {variable} in the environment points to an emulator on this \
         machine ({endpoint}). The provider would send credentials of one to the other. Nothing was sent.\n\nRemove \
         {name} from the provider block, pass it as a variable that tests leave null, or unset {variable}."
    );
    let path = name.split_once('.').map_or(name, |(block, _)| block);
    Some(Diagnostic::error("Invalid Provider Configuration", text).at(Path::attribute(path)))
}

/// The error about a setting. `problem` is the end of a sentence.
pub(crate) fn invalid(name: &'static str, origin: Origin, problem: &str, allowed: &str) -> Diagnostic {
    let text = format!("{}: {problem}.\n\nAllowed: {allowed}.", origin.place(name));
    Diagnostic::error("Invalid Provider Configuration", text).at(Path::attribute(name))
}
