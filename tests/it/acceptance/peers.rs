//! What other providers for the same connections get wrong, each as a test that fails where this one does it, too.

mod collections;
mod life;
mod lists;
mod parts;

use super::harness::{Cloud, Workspace, for_one_terraform};

/// Runs a test with a cloud and a workspace, whose provider has these arguments. One Terraform: what is asked is what the
/// provider does, and the other one asks the same of it.
fn with(arguments: &str, test: impl FnOnce(&Cloud, &Workspace)) {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        test(&cloud, &cloud.workspace_with(terraform, arguments));
    });
}

/// The changes after these many: the method, and what of the path follows the id.
fn changes_after(cloud: &Cloud, before: usize) -> Vec<String> {
    let requests = cloud.requests().into_iter().filter(|request| request.method != "GET").skip(before);
    let shown = requests.map(|request| {
        let after = request.path.split("/enhanced-connections/").nth(1).and_then(|rest| rest.split_once('/'));
        format!("{} /{}", request.method, after.map_or("", |(_, after)| after))
    });
    shown.collect()
}
