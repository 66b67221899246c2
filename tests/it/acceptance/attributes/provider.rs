//! The provider block: what changing it does to an existing connection. Only tag settings change a connection; location
//! and endpoints are fixed at creation.

use super::connection::{EXTERNAL_PREFIX, kind};
use super::table::{NONE, OTHER_PROJECT, Row, UPDATE, check_table, row};
use terraform_provider_dli::dli::wire::Tag;
use terraform_provider_dli::emulator::{ApiError, IamAccount, ProjectService};

#[test]
fn provider_attributes() {
    check_table(&kind(), &setting_rows(), &identity_rows());
}

#[test]
fn provider_identity_attributes() {
    check_table(&kind(), &identity_rows(), &setting_rows());
}

/// Tags, checks, location and keys.
fn setting_rows() -> Vec<Row> {
    let project = format!("project_id = \"{OTHER_PROJECT}\"");
    let defaults = |tags: &str| format!("default_tags = {{ {tags} }}");
    let team: &[&str] = &["tags_all[\"team\"]"];
    let ours = "tags = { team = \"data\" }";
    vec![
        row("provider.default_tags", "", "", UPDATE, team).of_provider("", defaults("team = \"a\"")),
        row("provider.default_tags", "", "", UPDATE, team)
            .of_provider(defaults("team = \"a\""), defaults("team = \"b\"")),
        row("provider.default_tags", "", "", UPDATE, team)
            .of_provider(defaults("team = \"a\", x = \"1\""), defaults("x = \"1\"")),
        row("provider.default_tags", "", "", UPDATE, team).of_provider(defaults("team = \"a\""), ""),
        row("provider.default_tags", ours, ours, NONE, &[]).of_provider("", defaults("team = \"a\"")),
        row("provider.default_tags", ours, ours, NONE, &[]).of_provider(defaults("team = \"data\""), ""),
        row("provider.ignore_tags.keys", ours, ours, NONE, &[])
            .of_provider("", format!("ignore_tags = {{ keys = [\"{EXTERNAL_PREFIX}:a\"] }}"))
            .external_change(add_external_tag),
        row("provider.ignore_tags.key_prefixes", ours, ours, NONE, &[])
            .of_provider("", format!("ignore_tags = {{ key_prefixes = [\"{EXTERNAL_PREFIX}:\"] }}"))
            .external_change(add_external_tag),
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
    ]
}

/// Users, agencies and configuration files.
fn identity_rows() -> Vec<Row> {
    let identity = "endpoints = { dli = \"http://localhost:{port}/\", iam = \"http://localhost:{port}/\" }";
    let own = |arguments: &str| format!("-access_key\n-secret_key\n{identity}\n{arguments}");
    let IamAccount { user_name, user_id, password, domain_name, domain_id, .. } = IamAccount::default();
    let user = format!("user_name = {user_name:?}\npassword = {password:?}");
    let by_name = own(&format!("{user}\ndomain_name = {domain_name:?}"));
    let by_domain_id = own(&format!("{user}\ndomain_id = {domain_id:?}"));
    let by_id = own(&format!("user_id = {user_id:?}\npassword = {password:?}"));
    // Each line starts with an argument name; the closing line of a block starts with none.
    let assuming =
        |arguments: &str| format!("{identity}\nassume_role {{\nagency_name = \"dli-agency\"\n{arguments}\n/**/ }}");
    let of_account = "domain_name = \"emulator\"";
    let of_provider = |attribute, arguments: &str| row(attribute, "", "", NONE, &[]).of_provider("", arguments);
    vec![
        of_provider("provider.project_name", "project_name = \"a-team\""),
        of_provider("provider.token", "token = \"\""),
        of_provider("provider.user_name", &by_name),
        of_provider("provider.domain_name", &by_name),
        of_provider("provider.domain_id", &by_domain_id),
        of_provider("provider.user_id", &by_id),
        of_provider("provider.password", &by_id),
        of_provider("provider.shared_config_file", "-access_key\n-secret_key\nshared_config_file = \"koocli.json\""),
        of_provider(
            "provider.profile",
            "-access_key\n-secret_key\nshared_config_file = \"koocli.json\"\nprofile = \"other\"",
        ),
        of_provider("provider.cloud", "cloud = \"cloud.example\""),
        of_provider("provider.auth_url", "auth_url = \"http://localhost:{port}/v3\""),
        of_provider("provider.assume_role.agency_name", &assuming(of_account)),
        of_provider("provider.assume_role.domain_name", &assuming(of_account)),
        of_provider("provider.assume_role.domain_id", &assuming(&format!("domain_id = {domain_id:?}"))),
        of_provider("provider.assume_role.duration", &assuming(&format!("{of_account}\nduration = 3600"))),
    ]
}

/// Adds a tag that Terraform would remove if it were not ignored.
fn add_external_tag(account: &mut ProjectService<'_>, id: &str) -> Result<(), ApiError> {
    account.put_tags(id, vec![Tag { key: format!("{EXTERNAL_PREFIX}:a"), value: "1".to_owned() }])
}
