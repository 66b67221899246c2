//! The provider block: what a change of it means for a connection that exists. Only its tags are anything to a connection;
//! where one is, and how the service is reached, is settled when it is made.

use super::connection::{THEIRS, kind};
use super::table::{NONE, OTHER_PROJECT, UPDATE, cover, row};
use terraform_provider_dli::dli::wire::Tag;
use terraform_provider_dli::emulator::{Account, Refusal};

#[test]
fn every_attribute_of_the_provider() {
    let project = format!("project_id = \"{OTHER_PROJECT}\"");
    let defaults = |tags: &str| format!("default_tags = {{ {tags} }}");
    let team: &[&str] = &["tags_all[\"team\"]"];
    let ours = "tags = { team = \"data\" }";
    let rows = [
        row("provider.default_tags", "", "", UPDATE, team).of_provider("", defaults("team = \"a\"")),
        row("provider.default_tags", "", "", UPDATE, team)
            .of_provider(defaults("team = \"a\""), defaults("team = \"b\"")),
        row("provider.default_tags", "", "", UPDATE, team)
            .of_provider(defaults("team = \"a\", x = \"1\""), defaults("x = \"1\"")),
        row("provider.default_tags", "", "", UPDATE, team).of_provider(defaults("team = \"a\""), ""),
        row("provider.default_tags", ours, ours, NONE, &[]).of_provider("", defaults("team = \"a\"")),
        row("provider.default_tags", ours, ours, NONE, &[]).of_provider(defaults("team = \"data\""), ""),
        row("provider.ignore_tags.keys", ours, ours, NONE, &[])
            .of_provider("", format!("ignore_tags = {{ keys = [\"{THEIRS}:a\"] }}"))
            .meanwhile(add_theirs),
        row("provider.ignore_tags.key_prefixes", ours, ours, NONE, &[])
            .of_provider("", format!("ignore_tags = {{ key_prefixes = [\"{THEIRS}:\"] }}"))
            .meanwhile(add_theirs),
        row("provider.plan_checks", "", "", NONE, &[]).of_provider("plan_checks = true", "plan_checks = false"),
        row("provider.insecure", "", "", NONE, &[]).of_provider("", "insecure = true"),
        row("provider.cacert_file", "", "", NONE, &[]).of_provider("", "cacert_file = \"ca.pem\""),
        row("provider.region", "", "", NONE, &[]).of_provider("", "-region"),
        row("provider.project_id", "", "", NONE, &[]).of_provider("", project),
        row("provider.endpoints", "", "", NONE, &[])
            .of_provider("", "endpoints = { dli = \"http://localhost:{port}/\" }"),
        row("provider.access_key", "", "", NONE, &[]).of_provider("", "-access_key"),
        row("provider.secret_key", "", "", NONE, &[]).of_provider("", "-secret_key"),
        row("provider.security_token", "", "", NONE, &[]).of_provider("", "security_token = \"\""),
    ];
    cover(&kind(), &rows);
}

/// A tag that Terraform would take away where it is not to be ignored.
fn add_theirs(account: &mut Account<'_>, id: &str) -> Result<(), Refusal> {
    account.put_tags(id, vec![Tag { key: format!("{THEIRS}:a"), value: "1".to_owned() }])
}
